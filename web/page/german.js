/** The page in German: the sentences of english.js, the fixed text of index.html and the messages of the engines. */

import { decimal, duration, intensities, intensity, kilobytes, megabytes, metric, percent, plural, scientific, volume, windowRange } from "./numbers.js";

export const DEVICE = { cpu: "CPU", webgpu: "WebGPU", none: "Keine Engine", offer: "Auf der CPU weiterrechnen" };

const LAST = " Das vorherige Ergebnis wird weiter angezeigt.";

export const LOADING = { cpu: "CPU-Engine", webgpu: "WebGPU-Engine", files: "Dateileser", model: "Modell" };

export const STATUS = {
  loading: (/** @type {string} */ parts) => `Wird geladen: ${parts}`,
  compiling: "Wird kompiliert",
  modelCheck: "Selbsttest des Modells läuft",
  sample: (/** @type {string} */ bytes) => `Beispiel wird geladen: ${bytes}`,
  opening: (/** @type {string} */ name) => `${name} wird geöffnet`,
  preparing: "Schicht wird vorbereitet",
  explaining: "Erklärung wird berechnet",
  firstGpuRun: "Erster Lauf auf dieser GPU: Shader werden kompiliert",
  background: (/** @type {string} */ bytes) => `WebGPU-Engine wird geladen: ${bytes}`,
  cancelled: (/** @type {boolean} */ hasResult) => `Abgebrochen.${hasResult ? LAST : ""}`,
  failed: (/** @type {boolean} */ hasResult) => `Fehlgeschlagen.${hasResult ? LAST : ""}`,
  done: (/** @type {string} */ time, /** @type {string} */ device) => `Erklärung in ${time} auf ${device} berechnet`,
};

export const VERDICT = {
  before: "Klassifikator:",
  calibrated: "Klassifikator, kalibriert:",
  after: "nach Inpainting:",
  abnormal: (/** @type {string} */ p) => `auffällig ${p}`,
  normal: (/** @type {string} */ p) => `normal (Wahrscheinlichkeit für auffällig ${p})`,
  flipped: "Der Klassifikator stuft das kontrafaktische Bild als normal ein. Die größten Differenzen zeigen, worauf er reagiert hat.",
  notFlipped: "Der Klassifikator stuft auch das kontrafaktische Bild als auffällig ein. Die Maske ist mit Vorsicht zu interpretieren.",
  unverified: "Keine einzelne Änderung erklärt, warum der Klassifikator diese Schicht als auffällig einstuft: Nimmt man eine davon zurück, steigt die Wahrscheinlichkeit kaum. Deshalb ist die Differenzkarte leer.",
  none: "Noch kein Ergebnis",
  retry: "Wählen Sie ein Beispiel oder öffnen Sie eine Datei, um es erneut zu versuchen.",
  otherModality: (/** @type {string} */ found, /** @type {string} */ known) =>
    `Dieses Bild hat die Modalität ${found}, das Modell wurde aber mit ${known} trainiert. Weder die Klassifikation noch die Maske ist verlässlich.`,
  ood: (/** @type {number} */ score) =>
    `Außerhalb der Trainingsverteilung (out of distribution): Diese Schicht weicht von den Trainingsdaten ab (OOD-Score ${decimal(score, score < 1.1 ? 2 : 1)}, Grenzwert 1). Weder die Klassifikation noch die Maske ist verlässlich. Ist dies das richtige Modell für das Bild?`,
  nothing: "Der Klassifikator stuft diese Schicht als normal ein; es gibt nichts zu entfernen. Kleine Differenzen und eine Maske darauf sind kein Befund.",
};

export const MASK = {
  empty: "Die Maske ist bei diesem Schwellenwert leer.",
  low: (/** @type {number} */ seedThreshold) => `Keine Komponente überschreitet die Keimschwelle des Modells von ${decimal(seedThreshold, 2)}.`,
  share: (/** @type {number} */ share) => `${share < 0.001 ? `<\u2009${percent(0.001, 1)}` : percent(share, share < 0.1 ? 1 : 0)} der Schicht`,
  area: (/** @type {number} */ cm2) => `${decimal(cm2, 1)} cm²`,
  iou: (/** @type {number} */ iou) => `IoU ${decimal(iou, 2)}`,
  dice: (/** @type {number} */ dice) => `Dice ${decimal(dice, 2)}`,
  mark: "Absolute Änderung der Intensität. Die Markierung zeigt den Schwellenwert.",
  noMark: "Absolute Änderung der Intensität. Die Maske stammt vom Segmentierer.",
  histogram: {
    difference: "Histogramm der Differenzkarte von 0 bis 1, logarithmische Häufigkeit",
    segmenter: "Histogramm der Wahrscheinlichkeiten des Segmentierers von 0 bis 1, logarithmische Häufigkeit",
  },
};

export const SAMPLE = {
  list: "Die Liste der Beispiele",
  abnormal: "Phantom mit synthetischer Läsion",
  normal: "Phantom ohne Läsion",
  phantom: (/** @type {number} */ seed) => `Phantom ${seed}`,
};

export const FILE = {
  unreadable: (/** @type {Error} */ { message }) => `Die abgelegten Dateien konnten nicht gelesen werden: ${message}`,
  count: (/** @type {number} */ files) => plural(files, "Datei", "Dateien"),
  notes: (/** @type {string[]} */ notes) => {
    const [first, second, ...more] = notes;
    const text = [first, second, more.length > 0 ? plural(more.length, "weiterer Hinweis", "weitere Hinweise") : ""].filter(Boolean).join("; ");
    return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
  },
  ofSeries: (/** @type {number} */ number, /** @type {string} */ note) => `Serie ${number}: ${note}`,
  series: (/** @type {number} */ number, /** @type {import("../coin.js").ScanInfo} */ { slices, width, height, description }) =>
    `Serie ${number}: ${plural(slices, "Schicht", "Schichten")} mit ${width} × ${height}${description ? `, ${description}` : ""}`,
  sliceOf: (/** @type {number} */ index, /** @type {number} */ count) => `${index + 1} von ${count}`,
  windowOrder: "HU-Bereich: „Schwarz“ muss kleiner als „Weiß“ sein.",
};

export const WINDOW = {
  file: (/** @type {[number, number]} */ window, /** @type {string} */ unit) => `Aus der Datei: ${range(window, unit)}`,
  model: (/** @type {[number, number]} */ window, /** @type {string} */ unit) => `Modelleingabe: ${range(window, unit)}`,
  named: (/** @type {string} */ name, /** @type {[number, number]} */ window, /** @type {string} */ unit) => `${name}: ${range(window, unit)}`,
  softTissue: "Weichteilfenster",
  lung: "Lungenfenster",
  bone: "Knochenfenster",
  custom: "Benutzerdefiniert",
  dragged: (/** @type {[number, number]} */ window, /** @type {string} */ unit) => `Benutzerdefiniert: ${range(window, unit)}`,
};

/**
 * @param {[number, number]} window
 * @param {string} unit
 */
function range(window, unit) {
  return windowRange(window, unit, "bis");
}

export const MODEL = {
  list: "Die Liste der Modelle",
  missing: "Diese Website enthält keine Modelle. Bauen Sie sie mit Modellen neu.",
  unknown: (/** @type {string} */ name) => `Diese Website hat kein Modell namens ${name}. Stattdessen wird das erste Modell verwendet.`,
  unreachable: (/** @type {string} */ what) => `${what} konnte nicht geladen werden. Prüfen Sie die Verbindung und versuchen Sie es erneut.`,
  iou: "IoU",
  iouOf: (/** @type {number} */ iou, /** @type {number} */ threshold) => `${metric(iou)} bei Schwellenwert ${decimal(threshold, 2)}`,
  iouMean: "Mittlere IoU, auffällige Schichten",
  seedThreshold: "Keimschwelle",
  seedThresholdOf: (/** @type {number} */ seedThreshold) => `${decimal(seedThreshold, 2)}; Komponenten, die sie nicht überschreiten, werden entfernt`,
  verification: "Geprüfte Differenzen",
  verificationOf: (/** @type {{threshold: number, margin: number, most: number}} */ { threshold, margin }) =>
    `nur Komponenten über ${decimal(threshold, 2)}, die zurückgesetzt die Wahrscheinlichkeit um mehr als ${decimal(margin, 2)} erhöhen`,
  segmenter: "IoU des Segmentierers",
  temperature: "Wahrscheinlichkeiten",
  temperatureOf: (/** @type {number} */ temperature) => `an Validierungspatienten kalibriert: Logits durch ${decimal(temperature, 2)} geteilt`,
  interval: "95-%-KI",
  intervalOf: (/** @type {number} */ low, /** @type {number} */ high) => `${metric(low)} bis ${metric(high)}`,
  ceiling: "IoU bei perfektem Inpainting",
  dice: "Dice",
  cv: "Kontrafaktische Validität",
  auroc: "AUROC",
  slices: "Testschichten",
  slicesOf: (/** @type {number} */ total, /** @type {number} */ abnormal) => `${total}, davon ${abnormal} auffällig`,
  data: "Daten",
  finding: "Zielbefund",
  modality: "Modalität",
  window: "Fenster",
  windowOf: (/** @type {[number, number]} */ window, /** @type {string} */ unit) => range(window, unit),
  grid: "Eingabegröße",
  gridOf: (/** @type {number} */ size) => `${size} × ${size}`,
  licence: "Lizenz",
  limits: "Einschränkungen",
  own: (/** @type {string} */ file) => `Eigenes: ${file.replace(/\.safetensors$/i, "")}`,
};

export const HOW = {
  verdict: (/** @type {string} */ before, /** @type {string} */ after) => `P(auffällig): ${before} → ${after}`,
};

export const READOUT = {
  unverified: "(Änderung nicht bestätigt)",
  none: "\u00a0",
  values: (/** @type {number} */ value, /** @type {number} */ after, /** @type {number} */ difference, /** @type {string} */ unit, /** @type {number} */ span) =>
    `${intensity(value, unit, span)}, kontrafaktisch ${intensity(after, unit, span)}, Differenz ${decimal(difference, 2)}`,
};

export const VIEWPORT = {
  zoom: (/** @type {number} */ zoom) => percent(zoom),
};

export const REPORT = {
  title: "COIN: Counterfactual Inpainting",
  columns: ["Nr.", "Fläche", "Durchmesser", "Intensität vorher → nachher", "Mittlere Differenz"],
  image: "Bild",
  model: "Modell",
  window: "Anzeigefenster",
  maskFrom: "Maske von",
  segmenter: "Segmentierer des Modells",
  threshold: "Schwellenwert",
  engine: "Berechnet auf",
  made: "Erstellt",
  postprocessed: "nachverarbeitet",
  lengths: "Von Hand gemessen",
};

export const CALLOUTS = {
  title: "Erste Schritte",
  insert: "Hier ziehen, um eine synthetische Läsion einzufügen; COIN entfernt sie wieder.",
  threshold: "Der Schwellenwert vergrößert oder verkleinert die Maske.",
  open: "Öffnen Sie eigene Bilder. Sie bleiben auf diesem Gerät.",
  close: "Verstanden",
};

export const LEAVING = {
  reload: "Die Seite wird in dieser Sprache neu geladen und schließt Ihre Bilder und Korrekturen. Fortfahren?",
};

export const INSERT = {
  size: (/** @type {number} */ mm) => `${mm} mm`,
};

export const RULER = {
  shortMm: (/** @type {number} */ mm) => `${decimal(mm, 1)}\u00a0mm`,
  shortPixels: (/** @type {number} */ pixels) => `${decimal(pixels, 1)}\u00a0px`,
  mm: (/** @type {number} */ mm) => `Abstand ${decimal(mm, 1)} mm`,
  pixels: (/** @type {number} */ pixels) => `Abstand ${decimal(pixels, 1)} Pixel (die Datei enthält keinen Pixelabstand)`,
};

export const COMPONENTS = {
  component: (/** @type {number} */ number) => `Komponente ${number}`,
  area: (/** @type {number} */ mm2) => `${decimal(mm2, 0)} mm²`,
  pixels: (/** @type {number} */ pixels) => plural(pixels, "Pixel", "Pixel"),
  volume,
  voxels: (/** @type {number} */ voxels) => plural(voxels, "Voxel", "Voxel"),
  inSlice: (/** @type {number} */ number, /** @type {number} */ slice) => `Komponente ${number}: Schicht ${slice + 1} öffnen`,
  diameters: (/** @type {number} */ long, /** @type {number} */ short) => `${decimal(long, 0)} × ${decimal(short, 0)} mm`,
  diametersInPixels: (/** @type {number} */ long, /** @type {number} */ short) => `${decimal(long, 1)} × ${decimal(short, 1)}`,
  intensities,
  none: "Die Maske ist leer.",
  more: (/** @type {number} */ count) => `${plural(count, "kleinere Komponente ist", "kleinere Komponenten sind")} nicht aufgeführt.`,
};

export const VOLUME = {
  unknown: (/** @type {number} */ count) => `${plural(count, "Schicht", "Schichten")}. Die Kurve zeigt die geöffneten.`,
  explaining: (/** @type {number} */ index, /** @type {string | null} */ left) => `Schicht ${index + 1}${left === null ? "" : `, noch ${left}`}`,
  done: (/** @type {number} */ explained, /** @type {number} */ abnormal, /** @type {number} */ count, /** @type {string} */ time) =>
    `${plural(explained, "Schicht", "Schichten")} in ${time}; ${abnormal} von ${count} als auffällig eingestuft.`,
  cancelled: "Abgebrochen. Bereits berechnete Schichten bleiben erhalten.",
  curve: (/** @type {number} */ known, /** @type {number} */ count) => `Wahrscheinlichkeit für auffällig, bekannt für ${known} von ${count} Schichten`,
};

export const METHODS = {
  coin: "COIN, Differenzkarte",
  input: "Eingabe",
  running: (/** @type {string} */ title, /** @type {{done: number, all: number} | null} */ step) =>
    `${title}${step ? `: ${step.done} von ${step.all}` : ""}`,
  failed: (/** @type {string} */ title, /** @type {string} */ cause) => `${title}: ${cause.replace(/\.$/, "")}.`,
  done: (/** @type {string} */ time) => `In ${time} auf der CPU berechnet.`,
  cancelled: "Abgebrochen.",
  overlay: (/** @type {string} */ name) => `${name}, der Schicht überlagert`,
  withIou: (/** @type {string} */ name, /** @type {number} */ iou) => `${name} · IoU ${decimal(iou, 2)}`,
};

export const COMPARISON = {
  loading: (/** @type {string} */ title) => `${title} wird geladen`,
  explaining: "Erklärung wird berechnet",
  done: (/** @type {string} */ time) => `Erklärung in ${time} auf der CPU berechnet. Links: kontrafaktisches Bild; rechts: Maske.`,
  cancelled: "Abgebrochen.",
  counterfactual: (/** @type {string} */ title) => `Kontrafaktisches Bild von ${title}`,
  mask: (/** @type {string} */ title) => `Maske von ${title}`,
  iou: (/** @type {number} */ iou) => `IoU ${decimal(iou, 2)}`,
};

export const DIAGNOSTICS = {
  engine: "Engine",
  selfTest: "Selbsttest",
  passed: (/** @type {number} */ error, /** @type {number} */ tolerance, /** @type {number} */ milliseconds) =>
    `in ${duration(milliseconds)} bestanden; maximaler Fehler ${scientific(error)}, Toleranz ${scientific(tolerance)}`,
  adapter: "GPU-Adapter",
  limits: (/** @type {string} */ buffer, /** @type {string} */ binding) => `Puffer bis ${buffer}, Bindungen bis ${binding}`,
  memory: (/** @type {string} */ engine) => `Speicher, ${engine}`,
  copied: "Kopiert. Vom Bild enthält der Text nur die Größe und die Anzahl der Schichten.",
  copyManually: "Kopieren Sie den Text von hier:",
};

export const OFFLINE = {
  later: "noch nicht; verfügbar nach dem ersten Ergebnis",
  saving: "die Seite wird auf diesem Gerät gespeichert",
  saved: "ja, die Seite ist auf diesem Gerät gespeichert",
  failed: "nein, der Browser oder die Website lässt es nicht zu",
  unsupported: "nein, dieser Browser unterstützt hier keine Service Worker",
  update: "Eine neuere Version dieser Seite ist verfügbar.",
  otherTabs: "Schließen Sie zuerst die anderen Tabs mit dieser Seite: Sie verwenden noch die ältere Version.",
  reload: "Neu laden",
};

export const PRIVACY = {
  sent: "Gesendete Bytes",
  sentOf: (/** @type {number} */ monitored, /** @type {number} */ blocked) =>
    `0 in ${plural(monitored, "überwachten Anfrage", "überwachten Anfragen")}${blocked > 0 ? `; ${blocked} blockiert` : ""}`,
  unsupported: "nicht überwacht: der Browser oder die Website lässt keinen Service Worker zu",
  unmonitored: "noch nicht überwacht; laden Sie die Seite neu, damit alle Anfragen überwacht werden",
  requests: "Anfragen",
  requestsOf: (/** @type {number} */ own, /** @type {number} */ others, /** @type {string} */ host) =>
    `${own} an ${host}, ${others === 0 ? "keine" : others} an andere Websites`,
  received: "Empfangen",
  receivedOf: (/** @type {number} */ bytes) => `${megabytes(bytes)} von dieser Website oder aus ihrem Cache`,
  request: (/** @type {string} */ address, /** @type {number} */ bytes) => (bytes > 0 ? `${address} (${kilobytes(bytes)})` : address),
  offline: "Funktioniert offline",
};

export const TIMES = {
  engine: "Start der Engine",
  model: "Modelldownload",
  check: "Selbsttest des Modells",
  slice: "Laden der Schicht",
  explanation: "Erklärung",
  mask: "Maske",
};

export const EXPORT = {
  burnt: "NUR FÜR DIE FORSCHUNG \u2013 kein Medizinprodukt",
  inserted: "synthetische Läsion eingefügt",
  panes: ["Eingabe", "Kontrafaktisches Bild", "Differenzkarte", "Maske"],
  corrected: "Maske von Hand korrigiert",
  mask: "\u25a0 Maske",
  truePositive: "\u25a0 richtig positiv",
  falsePositive: "\u25a0 falsch positiv",
  falseNegative: "\u25a0 falsch negativ",
  settings: (/** @type {string} */ model, /** @type {[number, number]} */ window, /** @type {string} */ unit, /** @type {{threshold: number, seedThreshold: number, source?: string, postprocess: boolean}} */ { source, threshold, seedThreshold, postprocess }) =>
    `Modell ${model}, Anzeigefenster ${range(window, unit)}, ${source === "segmenter" ? "Maske vom Segmentierer, " : ""}Schwellenwert ${decimal(threshold, 2)}${seedThreshold > threshold ? `, Keimschwelle ${decimal(seedThreshold, 2)}` : ""}${postprocess ? ", nachverarbeitet" : ""}`,
  nothing: "Die Maske ist leer, daher gibt es keine Segmentierung zu speichern. Senken Sie den Schwellenwert.",
  use: "Research use only. Not a medical device.",
};

export const BATCH = {
  waiting: "wartet",
  running: "läuft",
  paused: "Angehalten. Der unterbrochene Fall beginnt von vorn.",
  opening: (/** @type {number} */ number, /** @type {number} */ count, /** @type {string} */ label) => `Fall ${number} von ${count}: ${label} wird geöffnet`,
  progress: (/** @type {number} */ number, /** @type {number} */ count, /** @type {string} */ label, /** @type {number} */ done, /** @type {number} */ all) =>
    `Fall ${number} von ${count}: ${label}, Schicht ${done} von ${all}`,
  done: (/** @type {number} */ done, /** @type {number} */ failed, /** @type {string} */ time) =>
    `${plural(done, "Fall", "Fälle")} erklärt${failed > 0 ? `, ${failed} fehlgeschlagen` : ""}; ${time}.`,
  ood: (/** @type {number} */ slices) => `${plural(slices, "Schicht liegt", "Schichten liegen")} außerhalb der Trainingsverteilung`,
  otherModality: (/** @type {string} */ modality) => `das Modell wurde nicht mit ${modality} trainiert`,
  remove: (/** @type {string} */ label) => `${label} entfernen`,
  notKept: (/** @type {string} */ reason) => `Der Stapel ist zu groß, um in diesem Browser zu bleiben (${reason}). Er besteht, bis die Seite geschlossen wird.`,
  writtenTo: (/** @type {string} */ path) => `Die Ergebnisse werden in den Ordner „${path}“ geschrieben.`,
  notWritten: (/** @type {string} */ path, /** @type {string} */ reason) => `Die Ergebnisse konnten nicht in den Ordner „${path}“ geschrieben werden (${reason}). Wählen Sie erneut einen Ordner aus.`,
};

const ENGINES = /** @type {Record<string, string>} */ ({ "CPU engine": "Die CPU-Engine", "WebGPU engine": "Die WebGPU-Engine", "file reader": "Der Dateileser" });

/** Messages of the engines and their hosts. @type {{pattern: RegExp, translated: (match: string, ...groups: string[]) => string}[]} */
export const MESSAGES = [
  { pattern: /^WebGPU will be tested after the first result\.$/, translated: () => "WebGPU wird nach dem ersten Ergebnis getestet." },
  { pattern: /^Selected manually\.$/, translated: () => "Manuell ausgewählt." },
  { pattern: /^Testing WebGPU\.$/, translated: () => "WebGPU wird getestet." },
  { pattern: /^WebGPU is not available in this browser\.$/, translated: () => "WebGPU ist in diesem Browser nicht verfügbar." },
  { pattern: /^Only a software emulation of WebGPU is available\.$/, translated: () => "Nur eine Software-Emulation von WebGPU ist verfügbar." },
  { pattern: /^WebGPU works, but is slower than the CPU\.$/, translated: () => "WebGPU funktioniert, ist aber langsamer als die CPU." },
  { pattern: /^WebGPU took too long to start\.$/, translated: () => "Der Start von WebGPU hat zu lange gedauert." },
  { pattern: /^WebGPU is ([\d.]+) times as fast as the CPU\.$/, translated: (_, times) => `WebGPU ist ${times.replace(".", ",")}-mal so schnell wie die CPU.` },
  { pattern: /^WebGPU failed its check: its results differ from the CPU’s\.$/, translated: () => "WebGPU hat die Prüfung nicht bestanden: Die Ergebnisse weichen von denen der CPU ab." },
  { pattern: /^WebGPU failed \((.*)\)\.$/, translated: (_, cause) => `WebGPU ist ausgefallen (${cause}).` },
  { pattern: /^The (CPU engine|WebGPU engine|file reader) stopped \((.*)\)\. It restarts with the next request\.$/, translated: (_, engine, cause) => `${ENGINES[engine]} ist ausgefallen (${cause}). Der Neustart erfolgt mit der nächsten Anfrage.` },
  { pattern: /^The (CPU engine|WebGPU engine|file reader) was stopped\.$/, translated: (_, engine) => `${ENGINES[engine]} wurde angehalten.` },
  { pattern: /^(.*): the (file exceeds|files together exceed) the limit of (\d+) MiB; split or shrink it$/, translated: (_, name, what, limit) => `${name}: ${what === "file exceeds" ? "Die Datei überschreitet" : "Die Dateien überschreiten zusammen"} die Grenze von ${limit} MiB. Teilen oder verkleinern Sie die Daten.` },
];

/** The fixed text of index.html. @type {Record<string, string>} */
export const PAGE = {
  "counterfactual inpainting": "Counterfactual Inpainting",
  "COIN: counterfactual inpainting": "COIN: Counterfactual Inpainting",
  "DICOM (files, series or ZIP), NIfTI, NRRD, MetaImage, PNG, JPEG, TIFF, BMP, or a model; or drop files or a folder anywhere on this page": "DICOM (Dateien, Serien oder ZIP), NIfTI, NRRD, MetaImage, PNG, JPEG, TIFF, BMP oder ein Modell; Dateien oder Ordner lassen sich auch auf die Seite ziehen",
  Sample: "Beispiel",
  none: "keines",
  Views: "Ansichten",
  Viewer: "Bilder",
  Comparison: "Vergleich",
  Images: "Bilder",
  "Insert lesion": "Läsion einfügen",
  "Window/Level": "Fensterung",
  Length: "Länge",
  Difference: "Differenz",
  Layout: "Anordnung",
  "Four images side by side": "Vier Bilder nebeneinander",
  "Two rows of two images": "Zwei Reihen mit je zwei Bildern",
  "One large image": "Ein großes Bild",
  Single: "Einzeln",
  "Input slice": "Schicht der Eingabe",
  Components: "Komponenten",
  "Click or tap the input to insert a synthetic lesion; drag to set its diameter.": "In die Eingabe klicken oder tippen, um eine synthetische Läsion einzufügen; ziehen, um den Durchmesser festzulegen.",
  "Stability: threshold ± 0.05": "Stabilität: Schwellenwert ± 0,05",
  "Dashed outlines of the mask at thresholds that are 0.05 lower and higher": "Gestrichelte Umrisse der Maske bei um 0,05 niedrigerem und höherem Schwellenwert",
  "Report (print, PDF)": "Bericht (Drucken, PDF)",
  Brush: "Pinsel",
  Eraser: "Radierer",
  Component: "Komponente",
  "Drag to measure; drag an end to move it; click a line to remove it": "Ziehen, um zu messen; an einem Ende ziehen, um es zu verschieben; auf eine Linie klicken, um sie zu entfernen",
  "Click a component of the mask to remove it; click elsewhere to add the region around that point": "Auf eine Komponente der Maske klicken, um sie zu entfernen; woanders klicken, um den Bereich um diesen Punkt hinzuzufügen",
  "Brush size": "Pinselgröße",
  Corrections: "Korrekturen",
  Undo: "Rückgängig",
  Redo: "Wiederholen",
  "Discard corrections": "Korrekturen verwerfen",
  "Corrected by hand; saved files say so.": "Von Hand korrigiert; gespeicherte Dateien weisen darauf hin.",
  "Remove lesion": "Läsion entfernen",
  Display: "Anzeige",
  "Smooth interpolation": "Weiche Interpolation",
  "All slices": "Alle Schichten",
  "All slices: counterfactual (NIfTI)": "Alle Schichten: kontrafaktisch (NIfTI)",
  "All slices: mask (NIfTI)": "Alle Schichten: Maske (NIfTI)",
  "All slices: mask (DICOM SEG)": "Alle Schichten: Maske (DICOM SEG)",
  "Files are created on this device and, except for tables, marked “research use only”. Masks and counterfactuals use the grid of the scan. No file takes over a patient’s name from DICOM, but figures and file names repeat the name of the file that you opened.": "Dateien werden auf diesem Gerät erstellt und, außer Tabellen, mit „research use only“ gekennzeichnet. Masken und kontrafaktische Bilder verwenden das Raster der Aufnahme. Keine Datei übernimmt den Patientennamen aus DICOM, aber Abbildungen und Dateinamen nennen den Namen der geöffneten Datei.",
  "Image and model": "Bild und Modell",
  "COIN changes a slice so that a classifier calls it normal. The difference from the input shows what the classifier reacted to.": "COIN verändert eine Schicht so, dass ein Klassifikator sie als normal einstuft. Die Differenz zur Eingabe zeigt, worauf der Klassifikator reagiert hat.",
  "Tools: Insert lesion, Pan, Zoom, Window/Level, Length, Brush, Eraser, Component": "Werkzeuge: Läsion einfügen, Verschieben, Zoom, Fensterung, Länge, Pinsel, Radierer, Komponente",
  "Undo or redo a correction of the mask": "Eine Korrektur der Maske rückgängig machen oder wiederholen",
  "One large image: input, counterfactual, difference or mask; the same key again returns to the layout before": "Ein großes Bild: Eingabe, kontrafaktisches Bild, Differenz oder Maske; dieselbe Taste führt zur vorherigen Anordnung zurück",
  "The mouse wheel moves through the slices of a volume; in a single slice, or with Ctrl, it zooms. Dragging with the right button sets the window. A double click fits the image. On a touch screen with Pan, one finger moves through the slices; two fingers zoom and pan.": "Das Mausrad blättert durch die Schichten eines Volumens; bei einer einzelnen Schicht oder mit Strg zoomt es. Ziehen mit der rechten Taste stellt das Fenster ein. Ein Doppelklick passt das Bild ein. Auf Touchscreens blättert ein Finger mit „Verschieben“ durch die Schichten; zwei Finger zoomen und verschieben.",
  "Intended use": "Zweckbestimmung",
  "Research use only.": "Nur für die Forschung.",
  "Not a medical device; not for decisions about a patient.": "Kein Medizinprodukt; nicht für Entscheidungen über Patientinnen und Patienten.",
  COIN: "COIN",
  "Nothing leaves this device.": "Nichts verlässt dieses Gerät.",
  "Files are read and processed inside this page, which connects only to the site that served it.":
    "Dateien werden in dieser Seite gelesen und verarbeitet; sie verbindet sich nur mit der Website, von der sie stammt.",
  Device: "Gerät",
  Starting: "Startet",
  Light: "Hell",
  Language: "Sprache",
  Shortcuts: "Tastenkürzel",
  Result: "Ergebnis",
  Loading: "Wird geladen",
  "The engine and a model are loading; then the first sample is explained.": "Engine und Modell werden geladen; danach wird das erste Beispiel erklärt.",
  Cancel: "Abbrechen",
  "Close this message": "Meldung schließen",
  Close: "Schließen",
  Tool: "Werkzeug",
  Pan: "Verschieben",
  Zoom: "Zoom",
  "Zoom out": "Verkleinern",
  "Zoom in": "Vergrößern",
  Fit: "Einpassen",
  Input: "Eingabe",
  "Arrow keys and Enter use the tool": "Pfeiltasten und Eingabetaste bedienen das Werkzeug",
  Series: "Serie",
  Slice: "Schicht",
  "Display window": "Anzeigefenster",
  Diameter: "Durchmesser",
  Counterfactual: "Kontrafaktisches Bild",
  "Compare with the input": "Mit der Eingabe vergleichen",
  "Difference map": "Differenzkarte",
  "Colour scale from 0, no change, to 1, black to white": "Farbskala von 0, keine Änderung, bis 1, Schwarz zu Weiß",
  0.25: "0,25",
  0.5: "0,5",
  0.75: "0,75",
  "Colour map": "Farbskala",
  Fire: "Fire",
  Viridis: "Viridis",
  Turbo: "Turbo",
  Greyscale: "Graustufen",
  Mask: "Maske",
  "Mask over the input": "Maske über der Eingabe",
  Threshold: "Schwellenwert",
  "Mask from the model’s segmenter": "Maske vom Segmentierer des Modells",
  "The mask comes from a segmenter that was trained on COIN’s masks; otherwise from the difference map": "Die Maske stammt von einem Segmentierer, der mit den Masken von COIN trainiert wurde, sonst von der Differenzkarte",
  "Seed threshold of the model": "Keimschwelle des Modells",
  "Removes components that do not exceed the model’s seed threshold (hysteresis)": "Entfernt Komponenten, die die Keimschwelle des Modells nicht überschreiten (Hysterese)",
  "Post-processing: largest component": "Nachverarbeitung: größte Komponente",
  "Morphological opening and closing, then the largest component": "Morphologisches Öffnen und Schließen, dann die größte Komponente",
  "Mask opacity": "Deckkraft der Maske",
  mask: "Maske",
  "true positive": "richtig positiv",
  "false positive": "falsch positiv",
  "false negative": "falsch negativ",
  Volume: "Volumen",
  "Probability of abnormal for each slice": "Wahrscheinlichkeit für auffällig je Schicht",
  "probability of “abnormal”": "Wahrscheinlichkeit für „auffällig“",
  "after inpainting": "nach Inpainting",
  "Line: probability 0.5. Click the curve to open a slice.": "Linie: Wahrscheinlichkeit 0,5. Klicken Sie auf die Kurve, um eine Schicht zu öffnen.",
  "Explain all slices": "Alle Schichten erklären",
  "Maximum intensity projection of all explained slices, with the mask in colour": "Maximumintensitätsprojektion aller erklärten Schichten mit farbiger Maske",
  "Drag to turn": "Zum Drehen ziehen",
  Direction: "Blickrichtung",
  Large: "Groß",
  Image: "Bild",
  "New phantom": "Neues Phantom",
  "Open files": "Dateien öffnen",
  "HU range of the grey values": "HU-Bereich der Grauwerte",
  "Black, HU": "Schwarz, HU",
  "White, HU": "Weiß, HU",
  Model: "Modell",
  "To use your own model, drop its .safetensors file on this page or open it like an image.": "Um ein eigenes Modell zu verwenden, ziehen Sie die .safetensors-Datei auf diese Seite oder öffnen Sie sie wie ein Bild.",
  Save: "Speichern",
  "Figure (PNG)": "Abbildung (PNG)",
  "Figure (DICOM)": "Abbildung (DICOM)",
  "Summary (JSON)": "Zusammenfassung (JSON)",
  "Components (CSV)": "Komponenten (CSV)",
  "Counterfactual (NIfTI)": "Kontrafaktisches Bild (NIfTI)",
  "Mask (NIfTI)": "Maske (NIfTI)",
  "Mask (DICOM SEG)": "Maske (DICOM SEG)",
  Stage: "Schritt",
  "First run": "Erster Lauf",
  "Last run": "Letzter Lauf",
  "Copy diagnostics": "Systemdaten kopieren",
  Diagnostics: "Systemdaten",
  "No.": "Nr.",
  Area: "Fläche",
  Diameters: "Durchmesser",
  "Intensity before → after": "Intensität vorher → nachher",
  "Compare models": "Modelle vergleichen",
  "Compare with": "Vergleichen mit",
  Compare: "Vergleichen",
  "Saliency methods": "Salienzmethoden",
  "Saliency maps of the same classifier: RISE (1000 random masks here, 6000 in the paper), ScoreCAM, LayerCAM and Grad-CAM. The contour is at the paper’s threshold of 0.975.":
    "Salienzkarten desselben Klassifikators: RISE (hier 1000 Zufallsmasken, im Artikel 6000), ScoreCAM, LayerCAM und Grad-CAM. Die Kontur liegt beim Schwellenwert des Artikels von 0,975.",
  "Compute saliency maps": "Salienzkarten berechnen",
  "Save figure": "Abbildung speichern",
  "How it works": "So funktioniert es",
  "Input.": "Eingabe.",
  "A slice without annotations.": "Eine Schicht ohne Annotationen.",
  "Classification.": "Klassifikation.",
  "The classifier was trained on slices labelled normal or abnormal, without the location of the anomaly.":
    "Der Klassifikator wurde mit Schichten trainiert, die als normal oder auffällig gekennzeichnet sind, ohne Angabe des Ortes.",
  "Counterfactual.": "Kontrafaktisches Bild.",
  "A generator changes the slice so that the classifier calls it normal, and keeps all other changes small.":
    "Ein Generator verändert die Schicht so, dass der Klassifikator sie als normal einstuft, und hält alle anderen Änderungen klein.",
  "Difference map.": "Differenzkarte.",
  "The pixels above a threshold form the mask. Some models have a segmenter, trained on such masks, for it.":
    "Die Pixel über einem Schwellenwert bilden die Maske. Manche Modelle haben dafür einen Segmentierer, der mit solchen Masken trainiert wurde.",
  "Method and evaluation:": "Methode und Evaluation:",
  "arXiv 2404.12832": "arXiv 2404.12832",
  Privacy: "Datenschutz",
  "All requests since this page was opened": "Alle Anfragen seit dem Öffnen dieser Seite",
  "How to verify this": "So prüfen Sie das",
  "Disconnect this device from the network once the page works offline. Everything keeps working, even after a reload.":
    "Trennen Sie dieses Gerät vom Netz, sobald die Seite offline funktioniert. Alles funktioniert weiter, auch nach dem Neuladen.",
  "Open the “Network” tab of the browser’s developer tools, then open a file. No request appears.":
    "Öffnen Sie in den Entwicklerwerkzeugen des Browsers den Tab „Netzwerk“ und dann eine Datei. Es erscheint keine Anfrage.",
  "Read the Content Security Policy at the top of this page’s source,": "Lesen Sie die Content Security Policy am Anfang des Quelltextes dieser Seite,",
  ": the browser blocks requests to any other address.": ": Der Browser blockiert Anfragen an alle anderen Adressen.",
  "Build the page from source and serve it from your own machine.": "Bauen Sie die Seite aus dem Quelltext und betreiben Sie sie auf Ihrem eigenen Rechner.",
  "The mask is not a clinical finding; the model can be wrong.": "Die Maske ist kein klinischer Befund; das Modell kann sich irren.",
  "Software licences": "Softwarelizenzen",
  "Keyboard shortcuts": "Tastenkürzel",
  "Zoom in, zoom out, fit": "Vergrößern, verkleinern, einpassen",
  "Switch between counterfactual and input": "Zwischen kontrafaktischem Bild und Eingabe wechseln",
  "Lower or raise the threshold": "Schwellenwert senken oder erhöhen",
  "Previous or next slice": "Vorherige oder nächste Schicht",
  "Focus the input slice. Arrow keys then move the crosshair, pan or set the window; Enter inserts, measures or paints; Delete removes the last length.":
    "Eingabe fokussieren. Pfeiltasten bewegen dann das Fadenkreuz, verschieben das Bild oder stellen das Fenster ein; die Eingabetaste fügt ein, misst oder malt; Entf entfernt die letzte Länge.",
  "Show this list": "Diese Liste anzeigen",
  "Enable single-key shortcuts": "Kürzel mit einzelnen Tasten aktivieren",
  Open: "Öffnen",
  "Drop files": "Dateien ablegen",
  "A slice, a series, a volume, an archive or a model: it replaces what is shown": "Eine Schicht, eine Serie, ein Volumen, ein Archiv oder ein Modell: ersetzt die Anzeige",
  "Add to the batch": "Zum Stapel hinzufügen",
  "Every folder or file becomes a case in the table": "Jeder Ordner und jede Datei wird ein Fall in der Tabelle",
  "In the volume": "Im Volumen",
  Slices: "Schichten",
  "Measured in the voxels of the scan; the components of the slice, in pixels of the model.": "Gemessen in den Voxeln der Aufnahme; die Komponenten der Schicht in Pixeln des Modells.",
  "All slices: components (CSV)": "Alle Schichten: Komponenten (CSV)",
  Batch: "Stapel",
  "Explains all slices of many cases with the chosen model and mask options. Each folder, volume, picture or archive is a case.": "Erklärt alle Schichten vieler Fälle mit dem gewählten Modell und den gewählten Maskenoptionen. Jeder Ordner, jedes Volumen, Bild oder Archiv ist ein Fall.",
  "Add a folder": "Ordner hinzufügen",
  "Add files": "Dateien hinzufügen",
  "Keep files and results in this browser until they are removed, to continue after a reload": "Dateien und Ergebnisse in diesem Browser aufbewahren, bis sie entfernt werden, um nach dem Neuladen fortzufahren",
  Start: "Starten",
  Pause: "Anhalten",
  "Remove all": "Alle entfernen",
  Cases: "Fälle",
  Case: "Fall",
  "Abnormal slices": "Auffällige Schichten",
  "Highest probability": "Höchste Wahrscheinlichkeit",
  "After inpainting": "Nach Inpainting",
  "Largest component": "Größte Komponente",
  Notes: "Hinweise",
  "Table (CSV)": "Tabelle (CSV)",
  "Masks (ZIP)": "Masken (ZIP)",
  "Write results into a folder": "Ergebnisse in einen Ordner schreiben",
  "A row opens in the viewer at the largest component. Corrections in the viewer do not change the batch.": "Eine Zeile öffnet sich in der Bildansicht bei der größten Komponente. Korrekturen dort ändern den Stapel nicht.",
};
