/** The page in German: what english.js composes, the fixed text of index.html, and what engines say of themselves. */

import { decimals, intensity, megabytes, range as englishRange, rounded } from "./numbers.js";

export const DEVICE = { cpu: "CPU", webgpu: "WebGPU", none: "Kein Rechenwerk", offer: "Mit der CPU weiterrechnen" };

const LAST = " Das letzte Ergebnis steht noch da.";

export const LOADING = { cpu: "CPU-Rechenwerk", webgpu: "WebGPU-Rechenwerk", files: "Dateileser", model: "Modell" };

export const STATUS = {
  loading: (/** @type {string} */ parts) => `Lädt: ${parts}`,
  compiling: "Wird kompiliert",
  modelCheck: "Das Modell wird geprüft",
  sample: (/** @type {string} */ bytes) => `Das Beispiel wird geladen: ${bytes}`,
  opening: (/** @type {string} */ name) => `${name} wird geöffnet`,
  preparing: "Das Schichtbild wird vorbereitet",
  explaining: "Das Schichtbild wird erklärt",
  firstGpuRun: "Erster Lauf auf dieser GPU: Ihre Programme werden kompiliert",
  behind: (/** @type {string} */ bytes) => `WebGPU wird erprobt: ${bytes}`,
  cancelled: (/** @type {boolean} */ stays) => `Abgebrochen.${stays ? LAST : ""}`,
  failed: (/** @type {boolean} */ stays) => `Das ist nicht gelungen.${stays ? LAST : ""}`,
  done: (/** @type {string} */ time, /** @type {string} */ device) => `Erklärt in ${time} auf ${device}`,
};

export const VERDICT = {
  before: "Klassifikator:",
  after: "nach dem Übermalen:",
  abnormal: (/** @type {string} */ p) => `auffällig ${p}`,
  normal: (/** @type {string} */ p) => `normal (Wahrscheinlichkeit für auffällig ${p})`,
  flipped: "Das übermalte Bild gilt als normal. Was sich am stärksten änderte, darauf sprach der Klassifikator an.",
  notFlipped: "Auch nach dem Übermalen gilt das Bild nicht als normal: Die Maske ist mit Vorsicht zu lesen.",
  none: "Noch kein Ergebnis",
  retry: "Wählen Sie ein Beispiel oder öffnen Sie eine Datei, um es noch einmal zu versuchen.",
  otherModality: (/** @type {string} */ found, /** @type {string} */ known) => `Dies ist ${found}, und das Modell hat mit ${known} gelernt: Weder Urteil noch Maske sind verlässlich.`,
  ood: (/** @type {string} */ times) => `Dieses Bild gleicht den Trainingsdaten des Modells nicht (${times}-mal so weit davon, wie es noch als vertraut gilt): Weder Urteil noch Maske sind verlässlich.`,
  nothing: "Der Klassifikator hält dieses Bild für normal, es gibt also nichts zu entfernen. Das Wenige, was sich ändert, ist kein Befund.",
};

export const MASK = {
  empty: "Nichts liegt über der Schwelle.",
  low: (/** @type {number} */ seedThreshold) => `Kein Stück über der Schwelle übersteigt ${seedThreshold.toFixed(2)}, wie dieses Modell es verlangt.`,
  share: (/** @type {number} */ share) => `${share < 0.001 ? "<\u20090.1" : (100 * share).toFixed(share < 0.1 ? 1 : 0)} % des Bildes`,
  area: (/** @type {number} */ cm2) => `${cm2.toFixed(1)} cm²`,
  iou: (/** @type {number} */ iou) => `IoU ${iou.toFixed(2)}`,
  dice: (/** @type {number} */ dice) => `Dice ${dice.toFixed(2)}`,
};

export const SAMPLE = {
  list: "Die Liste der Beispiele",
  abnormal: "Phantom mit eingesetzter Auffälligkeit",
  normal: "Phantom ohne Auffälligkeit",
  phantom: (/** @type {number} */ seed) => `Phantom ${seed}`,
};

export const FILE = {
  unreadable: (/** @type {Error} */ { message }) => `Die Dateien ließen sich nicht lesen: ${message}`,
  count: (/** @type {number} */ files) => `${files} Dateien`,
  notes: (/** @type {string[]} */ notes) => {
    const [first, second, ...more] = notes;
    const said = [first, second, more.length > 0 ? `und ${more.length} weitere dieser Art` : ""].filter(Boolean).join("; ");
    return `${said.charAt(0).toUpperCase()}${said.slice(1)}.`;
  },
  ofSeries: (/** @type {number} */ number, /** @type {string} */ note) => `Serie ${number}: ${note}`,
  series: (/** @type {number} */ number, /** @type {{slices: number, width: number, height: number}} */ { slices, width, height }) =>
    `Serie ${number}: ${slices === 1 ? "1 Schicht" : `${slices} Schichten`} von ${width} × ${height}`,
  sliceOf: (/** @type {number} */ index, /** @type {number} */ count) => `${index + 1} von ${count}`,
  windowOrder: "Schwarz muss unter Weiß liegen.",
};

export const WINDOW = {
  file: (/** @type {[number, number]} */ window, /** @type {string} */ unit) => `Wie die Datei es will: ${range(window, unit)}`,
  model: (/** @type {[number, number]} */ window, /** @type {string} */ unit) => `Wie das Modell es sieht: ${range(window, unit)}`,
  named: (/** @type {string} */ name, /** @type {[number, number]} */ window, /** @type {string} */ unit) => `${name}: ${range(window, unit)}`,
  softTissue: "Weichteile",
  lung: "Lunge",
  bone: "Knochen",
  custom: "Andere",
  dragged: (/** @type {[number, number]} */ window, /** @type {string} */ unit) => `Wie gezogen: ${range(window, unit)}`,
};

/**
 * @param {[number, number]} window
 * @param {string} unit
 */
function range(window, unit) {
  return englishRange(window, unit).replace(" to ", " bis ");
}

export const MODEL = {
  list: "Die Liste der Modelle",
  missing: "Diese Seite hat kein Modell; bauen Sie sie mit ihren Modellen noch einmal.",
  unknown: (/** @type {string} */ name) => `Diese Seite hat kein Modell namens ${name}; das erste wird genommen.`,
  unreachable: (/** @type {string} */ what) => `${what}: nicht zu laden. Prüfen Sie die Verbindung und versuchen Sie es noch einmal.`,
  iou: "IoU",
  iouOf: (/** @type {number} */ iou, /** @type {number} */ threshold) => `${decimals(iou)} bei Schwelle ${threshold.toFixed(2)}`,
  iouMean: "Mittlere IoU, auffällige Bilder",
  seedThreshold: "Stücke der Maske",
  seedThresholdOf: (/** @type {number} */ seedThreshold) => `nur solche, in denen die Differenz irgendwo ${seedThreshold.toFixed(2)} übersteigt`,
  interval: "ihr 95-%-Intervall",
  intervalOf: (/** @type {number} */ low, /** @type {number} */ high) => `${decimals(low)} bis ${decimals(high)}`,
  ceiling: "IoU eines vollkommenen Übermalers",
  dice: "Dice",
  cv: "CV",
  auroc: "AUROC",
  slices: "Testbilder",
  slicesOf: (/** @type {number} */ total, /** @type {number} */ abnormal) => `${total}, davon ${abnormal} auffällig`,
  data: "Daten",
  finding: "Befund",
  modality: "Modalität",
  window: "Fenster",
  windowOf: (/** @type {[number, number]} */ window, /** @type {string} */ unit) => range(window, unit),
  grid: "Raster",
  gridOf: (/** @type {number} */ size) => `${size} × ${size}`,
  licence: "Lizenz",
  limits: "Grenzen",
  own: (/** @type {string} */ file) => `Eigenes: ${file.replace(/\.safetensors$/i, "")}`,
};

export const HOW = {
  verdict: (/** @type {string} */ before, /** @type {string} */ after) => `auffällig: ${before}, dann ${after}`,
};

export const READOUT = {
  none: "\u00a0",
  values: (/** @type {number} */ value, /** @type {number} */ after, /** @type {number} */ difference, /** @type {string} */ unit, /** @type {number} */ span) =>
    `${intensity(value, unit, span)}, übermalt ${intensity(after, unit, span)}, Differenz ${difference.toFixed(2)}`,
};

export const VIEWPORT = {
  zoom: (/** @type {number} */ zoom) => `${(100 * zoom).toFixed(0)} %`,
};

export const INSERT = {
  size: (/** @type {number} */ mm) => `${mm} mm`,
};

export const RULER = {
  mm: (/** @type {number} */ mm) => `Abstand ${mm.toFixed(1)} mm`,
  pixels: (/** @type {number} */ pixels) => `Abstand ${pixels.toFixed(1)} Pixel; wie groß sie sind, sagt die Datei nicht`,
};

export const COMPONENTS = {
  component: (/** @type {number} */ number) => `Stück ${number}`,
  area: (/** @type {number} */ mm2) => `${mm2.toFixed(0)} mm²`,
  pixels: (/** @type {number} */ pixels) => `${pixels} Pixel`,
  intensity: (/** @type {number} */ value, /** @type {string} */ unit, /** @type {number} */ span) => rounded(value, unit, span),
  none: "Die Maske ist leer.",
  more: (/** @type {number} */ count) => `${count} kleinere sind nicht aufgeführt.`,
};

export const VOLUME = {
  unknown: (/** @type {number} */ count) => `${count} Schichten; die schon angesehenen stehen in der Kurve.`,
  explaining: (/** @type {number} */ index, /** @type {string | null} */ left) => `Schicht ${index + 1}${left === null ? "" : `, noch ${left}`}`,
  done: (/** @type {number} */ count, /** @type {number} */ abnormal, /** @type {string} */ time) => `${count} Schichten in ${time}; der Klassifikator hält ${abnormal} davon für auffällig.`,
  cancelled: "Abgebrochen; was erklärt ist, bleibt.",
  curve: (/** @type {number} */ known, /** @type {number} */ count) => `Die Wahrscheinlichkeit für auffällig von ${known} der ${count} Schichten`,
};

export const METHODS = {
  coin: "COIN, Differenz",
  input: "Eingabe",
  names: { rise: "RISE", "score-cam": "ScoreCAM", "layer-cam": "LayerCAM", "grad-cam": "Grad-CAM" },
  running: (/** @type {"rise" | "score-cam" | "layer-cam" | "grad-cam"} */ method, /** @type {{done: number, all: number} | null} */ step) =>
    `${METHODS.names[method]}${step ? `: ${step.done} von ${step.all}` : ""}`,
  unable: (/** @type {"rise" | "score-cam" | "layer-cam" | "grad-cam"} */ method, /** @type {string} */ why) => `${METHODS.names[method]}: ${why.replace(/\.$/, "")}.`,
  done: (/** @type {string} */ time) => `Berechnet in ${time} auf der CPU.`,
  cancelled: "Abgebrochen.",
  picture: (/** @type {string} */ name) => `${name} über dem Bild`,
  withIou: (/** @type {string} */ name, /** @type {number} */ iou) => `${name} · IoU ${iou.toFixed(2)}`,
};

export const COMPARISON = {
  loading: (/** @type {string} */ title) => `${title} wird geladen`,
  explaining: "Das Schichtbild wird erklärt",
  done: (/** @type {string} */ time) => `Erklärt in ${time} auf der CPU. Links: übermalt; rechts: Maske.`,
  cancelled: "Abgebrochen.",
  counterfactual: (/** @type {string} */ title) => `Übermalt von ${title}`,
  mask: (/** @type {string} */ title) => `Maske von ${title}`,
  iou: (/** @type {number} */ iou) => `IoU ${iou.toFixed(2)}`,
};

export const DIAGNOSTICS = {
  engine: "Rechenwerk",
  selfTest: "Selbsttest",
  passed: (/** @type {number} */ error, /** @type {number} */ tolerance, /** @type {string} */ time) => `bestanden in ${time}, Abweichung ${error.toExponential(1)} von erlaubten ${tolerance.toExponential(0)}`,
  memory: (/** @type {string} */ engine) => `Speicher, ${engine}`,
  copied: "Kopiert; vom Bild stehen nur Größe und Zahl der Schichten darin.",
  byHand: "Bitte von hier kopieren:",
};

export const OFFLINE = {
  later: "wird aufbewahrt, sobald das erste Ergebnis da ist",
  keeping: "die Seite wird dafür aufbewahrt",
  kept: "ja, die Seite ist auf diesem Gerät aufbewahrt",
  failed: "nein, dieser Browser oder diese Adresse bewahrt die Seite nicht auf",
  impossible: "nein, dieser Browser bewahrt hier keine Seiten auf",
  update: "Es gibt eine neuere Fassung dieser Seite.",
  crowded: "Schließen Sie erst die anderen Tabs mit dieser Seite: Sie zeigen noch die ältere Fassung.",
  reload: "Neu laden",
};

export const PRIVACY = {
  sent: "Gesendete Bytes",
  sentOf: (/** @type {number} */ watched, /** @type {number} */ refused) =>
    `0 in ${watched === 1 ? "1 beobachteten Anfrage" : `${watched} beobachteten Anfragen`}${refused > 0 ? `; ${refused} weitere wurden angehalten` : ""}`,
  unwatchable: "nicht beobachtet, denn dieser Browser erlaubt hier keinen Service Worker",
  unwatched: "noch nicht beobachtet; laden Sie die Seite neu, damit jede Anfrage beobachtet wird",
  requests: "Anfragen",
  requestsOf: (/** @type {number} */ own, /** @type {number} */ others, /** @type {string} */ host) =>
    `${own} an ${host}, ${others === 0 ? "keine" : others} anderswohin`,
  read: "Gelesen",
  readOf: (/** @type {number} */ bytes) => `${megabytes(bytes)} MB, von dieser Adresse oder aus dem Aufbewahrten`,
  request: (/** @type {string} */ address, /** @type {number} */ bytes) => (bytes > 0 ? `${address} (${(bytes / 1000).toFixed(1)} kB)` : address),
  offline: "Geht ohne Netz",
};

export const TIMES = {
  engine: "Rechenwerk",
  model: "Modell laden",
  check: "Modell prüfen",
  slice: "Schichtbild",
  explanation: "Erklärung",
  mask: "Maske",
};

export const EXPORT = {
  burnt: "NUR FÜR DIE FORSCHUNG \u2013 kein Medizinprodukt",
  inserted: "künstliche Auffälligkeit eingesetzt",
  panes: ["Eingabe", "Übermalt", "Differenz", "Maske"],
  changed: "\u25a0 geändert",
  found: "\u25a0 gefunden",
  wrong: "\u25a0 falsch",
  missed: "\u25a0 übersehen",
  settings: (/** @type {string} */ model, /** @type {[number, number]} */ window, /** @type {string} */ unit, /** @type {{threshold: number, seedThreshold: number, postprocess: boolean}} */ { threshold, seedThreshold, postprocess }) =>
    `Modell ${model}, gezeigt ${range(window, unit)}, Schwelle ${threshold.toFixed(2)}${seedThreshold > threshold ? `, Keimschwelle ${seedThreshold.toFixed(2)}` : ""}${postprocess ? ", nachbearbeitet" : ""}`,
  nothing: "Nichts liegt über der Schwelle, also gibt es keine Segmentierung zu sichern.",
  use: "Research use only. Not a medical device.",
};

/** What engines say of themselves. @type {[RegExp, string][]} */
export const SENTENCES = [
  [/^WebGPU is tried after the first result\.$/, "WebGPU wird nach dem ersten Ergebnis erprobt."],
  [/^Chosen by hand\.$/, "Von Hand gewählt."],
  [/^WebGPU is being tried\.$/, "WebGPU wird erprobt."],
  [/^This browser offers no WebGPU here\.$/, "Dieser Browser bietet hier kein WebGPU."],
  [/^WebGPU is only emulated in software here\.$/, "WebGPU wird hier nur in Software nachgeahmt."],
  [/^WebGPU works here, but is slower\.$/, "WebGPU geht hier, ist aber langsamer."],
  [/^WebGPU took too long to start\.$/, "WebGPU brauchte zu lange zum Start."],
  [/^WebGPU is ([\d.]+) times faster than the CPU here\.$/, "WebGPU ist hier $1-mal so schnell wie die CPU."],
  [/^WebGPU failed its check: its numbers differ from the CPU's\.$/, "WebGPU hat die Probe nicht bestanden: Die Zahlen weichen von denen der CPU ab."],
  [/^WebGPU failed \((.*)\)\.$/, "WebGPU ist ausgefallen ($1)."],
];

/** The fixed text of index.html. @type {Record<string, string>} */
export const PAGE = {
  "COIN: counterfactual inpainting on CT": "COIN: kontrafaktisches Übermalen von CT-Bildern",
  "What this page is for": "Wozu diese Seite dient",
  "Research use only.": "Nur für die Forschung.",
  "Not a medical device; not for decisions about a patient.": "Kein Medizinprodukt; nicht für Entscheidungen über Kranke.",
  COIN: "COIN",
  "counterfactual inpainting on CT": "kontrafaktisches Übermalen von CT-Bildern",
  "COIN repaints a CT slice until a classifier calls it normal; what had to change marks what looked abnormal to the classifier.":
    "COIN übermalt ein CT-Schichtbild, bis ein Klassifikator es für normal hält; was sich ändern musste, zeigt, was ihm auffällig schien.",
  "Nothing leaves this device.": "Nichts verlässt dieses Gerät.",
  "Files are read and computed inside this page; it talks to no one but the site it came from.":
    "Dateien werden in dieser Seite gelesen und gerechnet; sie spricht mit niemandem als der Adresse, von der sie kam.",
  Device: "Gerät",
  Starting: "Startet",
  Light: "Hell",
  Language: "Sprache",
  Keys: "Tasten",
  Result: "Ergebnis",
  "One moment": "Einen Augenblick",
  "The engine and a model are fetched first, then a first example is explained.": "Erst werden Rechenwerk und Modell geholt, dann wird ein erstes Beispiel erklärt.",
  Cancel: "Abbrechen",
  "Close this message": "Diese Meldung schließen",
  Close: "Schließen",
  Dragging: "Ziehen",
  inserts: "setzt ein",
  "moves and zooms": "verschiebt und vergrößert",
  "sets the window": "stellt das Fenster ein",
  measures: "misst",
  Zoom: "Vergrößerung",
  Smaller: "Kleiner",
  Larger: "Größer",
  Whole: "Ganz",
  Input: "Eingabe",
  "The slice: insert an anomaly, or measure": "Das Schichtbild: eine Auffälligkeit einsetzen oder messen",
  "Arrow keys move, Enter inserts or measures": "Pfeile bewegen, die Eingabetaste setzt ein oder misst",
  Series: "Serie",
  Slice: "Schicht",
  "Display window": "Fenster der Anzeige",
  "Click or tap to insert an anomaly; drag for its size.": "Klicken oder tippen setzt eine Auffälligkeit ein, Ziehen gibt die Größe.",
  "Its size": "Ihre Größe",
  "Remove the anomaly": "Auffälligkeit entfernen",
  Counterfactual: "Übermalt",
  "The slice, repainted": "Das Schichtbild, übermalt",
  "Repainted from the right": "Übermalt von rechts",
  "The slice, repainted to pass as normal. Draw the slider to the left and the input comes back.":
    "Das Schichtbild, so übermalt, dass es als normal gilt. Nach links gezogen kommt die Eingabe wieder.",
  Difference: "Differenz",
  "How much each pixel changed": "Wie sehr sich jedes Pixel änderte",
  "Colours from no change, 0, to black turned white, 1": "Farben von keiner Änderung, 0, bis Schwarz zu Weiß, 1",
  "Change of grey; the tick is the threshold.": "Änderung des Grauwerts; der Strich ist die Schwelle.",
  Colours: "Farben",
  "Black to yellow": "Schwarz bis Gelb",
  "Violet to yellow (viridis)": "Violett bis Gelb (viridis)",
  "Blue to red (turbo)": "Blau bis Rot (turbo)",
  Greys: "Grau",
  Mask: "Maske",
  "The changed pixels over the input": "Die geänderten Pixel über der Eingabe",
  Threshold: "Schwelle",
  "How many pixels changed how much, from 0 to 1, on a logarithmic scale": "Wie viele Pixel sich wie sehr änderten, von 0 bis 1, logarithmisch",
  "Opening, closing, largest component only": "Öffnen, Schließen, nur das größte Stück",
  "Only components that change much somewhere": "Nur Stücke, die sich irgendwo stark ändern",
  "As this model does: see its facts": "Wie dieses Modell: siehe seine Daten",
  "Post-processing: one clean component": "Nachbearbeitung: ein sauberes Stück",
  "Filling, from outline alone to opaque": "Füllung, vom bloßen Umriss bis deckend",
  changed: "geändert",
  found: "gefunden",
  false: "falsch",
  missed: "übersehen",
  "All slices of this volume": "Alle Schichten dieses Volumens",
  "The probability of abnormal of every slice": "Die Wahrscheinlichkeit für auffällig in jeder Schicht",
  "probability of “abnormal”": "Wahrscheinlichkeit für „auffällig“",
  "after inpainting": "nach dem Übermalen",
  "the line is one half; click to go to a slice": "die Linie liegt bei einhalb; ein Klick geht zur Schicht",
  "Explain all slices": "Alle Schichten erklären",
  "All explained slices from the front, the mask in colour": "Alle erklärten Schichten von vorn, die Maske farbig",
  "Save the counterfactual (NIfTI)": "Übermaltes sichern (NIfTI)",
  "Save the mask (NIfTI)": "Maske sichern (NIfTI)",
  "Save the mask (DICOM SEG)": "Maske sichern (DICOM SEG)",
  Image: "Bild",
  Samples: "Beispiele",
  "New phantom": "Neues Phantom",
  "Open files": "Dateien öffnen",
  "or drop them, or a folder, anywhere on this page": "oder sie, auch als Ordner, irgendwo auf diese Seite ziehen",
  "DICOM, alone or as a series, ZIP, NIfTI, NRRD, MetaImage, PNG, JPEG, TIFF, BMP": "DICOM, einzeln oder als Serie, ZIP, NIfTI, NRRD, MetaImage, PNG, JPEG, TIFF, BMP",
  "What do the greys of this picture mean?": "Was bedeuten die Grauwerte dieses Bildes?",
  "Black, HU": "Schwarz, HU",
  "White, HU": "Weiß, HU",
  Model: "Modell",
  "Model file": "Modelldatei",
  "A model file of your own: drop it anywhere on this page, or open it like an image.": "Eine eigene Modelldatei: irgendwo auf diese Seite ziehen oder wie ein Bild öffnen.",
  "About this model": "Über dieses Modell",
  Save: "Sichern",
  Figure: "Abbildung",
  Summary: "Zusammenfassung",
  "Counterfactual (NIfTI)": "Übermaltes (NIfTI)",
  "Mask (NIfTI)": "Maske (NIfTI)",
  "Mask (DICOM SEG)": "Maske (DICOM SEG)",
  "Made here; each says “research use only”. NIfTI and DICOM lie on the scan’s own grid, this slice alone changed, and name no patient.":
    "Hier gemacht; in jeder steht „research use only“. NIfTI und DICOM liegen auf dem Raster der Aufnahme, nur diese Schicht ist geändert, und nennen niemanden.",
  "This device": "Dieses Gerät",
  "Time of": "Dauer",
  first: "zuerst",
  last: "zuletzt",
  "Copy diagnostics": "Diagnosedaten kopieren",
  Diagnostics: "Diagnosedaten",
  "Components of the mask": "Stücke der Maske",
  Component: "Stück",
  Area: "Fläche",
  "Mean intensity": "Mittlere Intensität",
  "Mean difference": "Mittlere Differenz",
  "Another model on this slice": "Ein anderes Modell zu diesem Bild",
  "Compare with": "Vergleichen mit",
  Compare: "Vergleichen",
  "Saliency methods on this slice": "Salienzverfahren zu diesem Bild",
  "Other ways to ask the same classifier where it looks: RISE (1000 random masks here, 6000 in the paper), ScoreCAM, LayerCAM and Grad-CAM, outlined at the paper’s threshold of 0.975.":
    "Andere Wege, denselben Klassifikator zu fragen, wohin er sieht: RISE (hier 1000 zufällige Masken, im Artikel 6000), ScoreCAM, LayerCAM und Grad-CAM, umrissen bei der Schwelle des Artikels, 0.975.",
  "Compute them": "Berechnen",
  "Save this figure": "Diese Abbildung sichern",
  "How it works, on this slice": "Wie es geht, an diesem Bild",
  "The slice": "Das Schichtbild",
  "A slice.": "Ein Schichtbild.",
  "Nobody has marked anything in it.": "Niemand hat etwas darin markiert.",
  "A verdict.": "Ein Urteil.",
  "A classifier has learnt from whole slices, each called normal or abnormal, without a word of where.":
    "Ein Klassifikator hat aus ganzen Bildern gelernt, jedes normal oder auffällig genannt, ohne ein Wort, wo.",
  "A counterfactual.": "Ein Gegenbild.",
  "A generator repaints the slice so that the classifier calls it normal, and changes as little else as it can.":
    "Ein Generator übermalt das Bild so, dass der Klassifikator es für normal hält, und ändert sonst so wenig wie möglich.",
  "The difference.": "Die Differenz.",
  "What had to change is what looked abnormal: above a threshold, that is the segmentation.":
    "Was sich ändern musste, ist, was auffällig schien: Über einer Schwelle ist das die Segmentierung.",
  "The method and what it was measured on:": "Das Verfahren und woran es gemessen wurde:",
  "arXiv 2404.12832": "arXiv 2404.12832",
  Privacy: "Datenschutz",
  "Every request since this page was opened": "Jede Anfrage, seit diese Seite offen ist",
  "How to check it yourself": "Wie Sie es selbst prüfen",
  "Cut this device from the network once the page is kept: it goes on working, also after a reload.":
    "Trennen Sie dieses Gerät vom Netz, sobald die Seite aufbewahrt ist: Sie geht weiter, auch nach dem Neuladen.",
  "Open the developer tools of this browser at “Network” and open a file: no request appears.":
    "Öffnen Sie die Entwicklerwerkzeuge dieses Browsers bei „Netzwerk“ und dann eine Datei: Es erscheint keine Anfrage.",
  "Read the policy at the top of this page’s source,": "Lesen Sie die Richtlinie oben im Quelltext dieser Seite,",
  ": the browser itself refuses every other address.": ": Der Browser selbst verweigert jede andere Adresse.",
  "Build the page from its source and serve it on your own machine.": "Bauen Sie die Seite aus ihrem Quelltext und betreiben Sie sie auf Ihrer eigenen Maschine.",
  "A classifier’s reasons are not a patient’s findings: the mask shows what this model reacts to, right or wrong.":
    "Die Gründe eines Klassifikators sind keine Befunde: Die Maske zeigt, worauf dieses Modell anspricht, zu Recht oder zu Unrecht.",
  "Licences of the software in this page": "Lizenzen der Software in dieser Seite",
  "dragging inserts, moves, sets the window, measures a distance": "Ziehen setzt ein, verschiebt, stellt das Fenster ein, misst einen Abstand",
  "larger, smaller, the whole picture": "größer, kleiner, das ganze Bild",
  "between the counterfactual and the input": "zwischen Übermaltem und Eingabe",
  "lower or higher threshold": "niedrigere oder höhere Schwelle",
  "the slice before or after": "die Schicht davor oder danach",
  "to the slice; there arrows move the crosshair, the picture or the window, and Enter inserts or measures":
    "zum Schichtbild; dort bewegen Pfeile das Fadenkreuz, das Bild oder das Fenster, und die Eingabetaste setzt ein oder misst",
  "this sheet": "diese Übersicht",
  "The wheel zooms while dragging moves, and with Ctrl at any time; two fingers do on a touch screen.":
    "Das Rad vergrößert, solange Ziehen verschiebt, und mit Strg jederzeit; auf einem Berührungsbildschirm tun es zwei Finger.",
  "Letters, digits and signs are keys, too": "Auch Buchstaben, Ziffern und Zeichen sind Tasten",
  "Drop files, a folder or a model to open them": "Dateien, einen Ordner oder ein Modell hier loslassen",
};
