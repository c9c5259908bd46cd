/** All sentences that the page composes, in English; index.html has the fixed text. */

import { decimal, duration, intensities, intensity, kilobytes, megabytes, metric, percent, plural, scientific, volume, windowRange } from "./numbers.js";

export const DEVICE = { cpu: "CPU", webgpu: "WebGPU", none: "No engine", offer: "Continue on the CPU" };

const LAST = " The previous result is still shown.";

export const LOADING = { cpu: "CPU engine", webgpu: "WebGPU engine", files: "file reader", model: "model" };

export const STATUS = {
  loading: (/** @type {string} */ parts) => `Loading ${parts}`,
  compiling: "Compiling",
  modelCheck: "Running the model’s self-test",
  sample: (/** @type {string} */ bytes) => `Loading the sample: ${bytes}`,
  opening: (/** @type {string} */ name) => `Opening ${name}`,
  preparing: "Preparing the slice",
  explaining: "Explaining the slice",
  firstGpuRun: "First run on this GPU: compiling shaders",
  background: (/** @type {string} */ bytes) => `Loading the WebGPU engine: ${bytes}`,
  cancelled: (/** @type {boolean} */ hasResult) => `Cancelled.${hasResult ? LAST : ""}`,
  failed: (/** @type {boolean} */ hasResult) => `Failed.${hasResult ? LAST : ""}`,
  done: (/** @type {string} */ time, /** @type {string} */ device) => `Explained in ${time} on ${device}`,
};

export const VERDICT = {
  before: "Classifier:",
  calibrated: "Classifier, calibrated:",
  after: "after inpainting:",
  abnormal: (/** @type {string} */ p) => `abnormal ${p}`,
  normal: (/** @type {string} */ p) => `normal (probability of abnormal ${p})`,
  flipped: "The classifier calls the counterfactual normal. The largest differences show what it reacted to.",
  notFlipped: "The classifier still calls the counterfactual abnormal. Interpret the mask with caution.",
  unverified: "No single change explains why the classifier calls this slice abnormal: putting any of them back hardly raises the probability. So the difference map is empty.",
  none: "No result yet",
  retry: "Choose a sample or open a file to try again.",
  otherModality: (/** @type {string} */ found, /** @type {string} */ known) =>
    `This image is ${found}, but the model was trained on ${known}. Neither the classification nor the mask is reliable.`,
  ood: (/** @type {number} */ score) =>
    `Out of distribution: this slice differs from the training data (OOD score ${decimal(score, score < 1.1 ? 2 : 1)}, limit 1). Neither the classification nor the mask is reliable. Is this the right model for the image?`,
  nothing: "The classifier calls this slice normal, so there is nothing to remove. Small differences and a mask on it are not findings.",
};

export const MASK = {
  empty: "The mask is empty at this threshold.",
  low: (/** @type {number} */ seedThreshold) => `No component exceeds the model’s seed threshold of ${decimal(seedThreshold, 2)}.`,
  share: (/** @type {number} */ share) => `${share < 0.001 ? `<\u2009${percent(0.001, 1)}` : percent(share, share < 0.1 ? 1 : 0)} of the slice`,
  area: (/** @type {number} */ cm2) => `${decimal(cm2, 1)} cm²`,
  iou: (/** @type {number} */ iou) => `IoU ${decimal(iou, 2)}`,
  dice: (/** @type {number} */ dice) => `Dice ${decimal(dice, 2)}`,
  mark: "Absolute change of intensity. The mark shows the threshold.",
  noMark: "Absolute change of intensity. The mask comes from the segmenter.",
  histogram: {
    difference: "Histogram of the difference map from 0 to 1, logarithmic counts",
    segmenter: "Histogram of the segmenter’s probabilities from 0 to 1, logarithmic counts",
  },
};

export const SAMPLE = {
  list: "The list of samples",
  abnormal: "Phantom with synthetic lesion",
  normal: "Phantom without lesion",
  phantom: (/** @type {number} */ seed) => `phantom ${seed}`,
};

export const FILE = {
  unreadable: (/** @type {Error} */ { message }) => `The dropped files could not be read: ${message}`,
  count: (/** @type {number} */ files) => plural(files, "file", "files"),
  notes: (/** @type {string[]} */ notes) => {
    const [first, second, ...more] = notes;
    const text = [first, second, more.length > 0 ? plural(more.length, "more note", "more notes") : ""].filter(Boolean).join("; ");
    return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
  },
  ofSeries: (/** @type {number} */ number, /** @type {string} */ note) => `series ${number}: ${note}`,
  series: (/** @type {number} */ number, /** @type {import("../coin.js").ScanInfo} */ { slices, width, height, description }) =>
    `Series ${number}: ${plural(slices, "slice", "slices")} of ${width} × ${height}${description ? `, ${description}` : ""}`,
  sliceOf: (/** @type {number} */ index, /** @type {number} */ count) => `${index + 1} of ${count}`,
  windowOrder: "HU range: “Black” must be lower than “White”.",
};

export const WINDOW = {
  file: (/** @type {[number, number]} */ window, /** @type {string} */ unit) => `From the file: ${range(window, unit)}`,
  model: (/** @type {[number, number]} */ window, /** @type {string} */ unit) => `Model input: ${range(window, unit)}`,
  named: (/** @type {string} */ name, /** @type {[number, number]} */ window, /** @type {string} */ unit) => `${name}: ${range(window, unit)}`,
  softTissue: "Soft tissue",
  lung: "Lung",
  bone: "Bone",
  custom: "Custom",
  dragged: (/** @type {[number, number]} */ window, /** @type {string} */ unit) => `Custom: ${range(window, unit)}`,
};

/**
 * @param {[number, number]} window
 * @param {string} unit
 */
function range(window, unit) {
  return windowRange(window, unit, "to");
}

export const MODEL = {
  list: "The list of models",
  missing: "This site has no models. Rebuild it with models.",
  unknown: (/** @type {string} */ name) => `This site has no model named ${name}. The first model is used instead.`,
  unreachable: (/** @type {string} */ what) => `${what} could not be loaded. Check the connection and try again.`,
  iou: "IoU",
  iouOf: (/** @type {number} */ iou, /** @type {number} */ threshold) => `${metric(iou)} at threshold ${decimal(threshold, 2)}`,
  iouMean: "Mean IoU, abnormal slices",
  seedThreshold: "Seed threshold",
  seedThresholdOf: (/** @type {number} */ seedThreshold) => `${decimal(seedThreshold, 2)}; components that do not exceed it are removed`,
  verification: "Verified differences",
  verificationOf: (/** @type {{threshold: number, margin: number, most: number}} */ { threshold, margin }) =>
    `only components above ${decimal(threshold, 2)} that raise the probability by more than ${decimal(margin, 2)} when they are put back`,
  segmenter: "IoU of the segmenter",
  temperature: "Probabilities",
  temperatureOf: (/** @type {number} */ temperature) => `calibrated on validation patients: logits divided by ${decimal(temperature, 2)}`,
  interval: "95% CI",
  intervalOf: (/** @type {number} */ low, /** @type {number} */ high) => `${metric(low)} to ${metric(high)}`,
  ceiling: "IoU of a perfect inpainting",
  dice: "Dice",
  cv: "Counterfactual validity",
  auroc: "AUROC",
  slices: "Test slices",
  slicesOf: (/** @type {number} */ total, /** @type {number} */ abnormal) => `${total}, ${abnormal} abnormal`,
  data: "Data",
  finding: "Finding",
  modality: "Modality",
  window: "Window",
  windowOf: (/** @type {[number, number]} */ window, /** @type {string} */ unit) => range(window, unit),
  grid: "Input size",
  gridOf: (/** @type {number} */ size) => `${size} × ${size}`,
  licence: "Licence",
  limits: "Limitations",
  own: (/** @type {string} */ file) => `Own: ${file.replace(/\.safetensors$/i, "")}`,
};

export const HOW = {
  verdict: (/** @type {string} */ before, /** @type {string} */ after) => `P(abnormal): ${before} → ${after}`,
};

export const READOUT = {
  unverified: "(change not verified)",
  none: "\u00a0",
  values: (/** @type {number} */ value, /** @type {number} */ after, /** @type {number} */ difference, /** @type {string} */ unit, /** @type {number} */ span) =>
    `${intensity(value, unit, span)}, counterfactual ${intensity(after, unit, span)}, difference ${decimal(difference, 2)}`,
};

export const VIEWPORT = {
  zoom: (/** @type {number} */ zoom) => percent(zoom),
};

export const REPORT = {
  title: "COIN: counterfactual inpainting",
  columns: ["No.", "Area", "Diameters", "Intensity before → after", "Mean difference"],
  image: "Image",
  model: "Model",
  window: "Display window",
  maskFrom: "Mask from",
  segmenter: "segmenter of the model",
  threshold: "Threshold",
  engine: "Computed on",
  made: "Made",
  postprocessed: "post-processed",
  lengths: "Measured by hand",
};

export const CALLOUTS = {
  title: "First steps",
  insert: "Drag here to insert a synthetic lesion; COIN removes it again.",
  threshold: "Move the threshold to grow or shrink the mask.",
  open: "Open your own images. They stay on this device.",
  close: "Got it",
};

export const LEAVING = {
  reload: "The page loads again in this language and closes your images and corrections. Continue?",
};

export const INSERT = {
  size: (/** @type {number} */ mm) => `${mm} mm`,
};

export const RULER = {
  shortMm: (/** @type {number} */ mm) => `${decimal(mm, 1)}\u00a0mm`,
  shortPixels: (/** @type {number} */ pixels) => `${decimal(pixels, 1)}\u00a0px`,
  mm: (/** @type {number} */ mm) => `Distance ${decimal(mm, 1)} mm`,
  pixels: (/** @type {number} */ pixels) => `Distance ${decimal(pixels, 1)} pixels (the file has no pixel spacing)`,
};

export const COMPONENTS = {
  component: (/** @type {number} */ number) => `Component ${number}`,
  area: (/** @type {number} */ mm2) => `${decimal(mm2, 0)} mm²`,
  pixels: (/** @type {number} */ pixels) => plural(pixels, "pixel", "pixels"),
  volume,
  voxels: (/** @type {number} */ voxels) => plural(voxels, "voxel", "voxels"),
  inSlice: (/** @type {number} */ number, /** @type {number} */ slice) => `Component ${number}: open slice ${slice + 1}`,
  diameters: (/** @type {number} */ long, /** @type {number} */ short) => `${decimal(long, 0)} × ${decimal(short, 0)} mm`,
  diametersInPixels: (/** @type {number} */ long, /** @type {number} */ short) => `${decimal(long, 1)} × ${decimal(short, 1)}`,
  intensities,
  none: "The mask is empty.",
  more: (/** @type {number} */ count) => `${plural(count, "smaller component is", "smaller components are")} not listed.`,
};

export const VOLUME = {
  unknown: (/** @type {number} */ count) => `${plural(count, "slice", "slices")}. The curve shows those opened so far.`,
  explaining: (/** @type {number} */ index, /** @type {string | null} */ left) => `Slice ${index + 1}${left === null ? "" : `, ${left} left`}`,
  done: (/** @type {number} */ explained, /** @type {number} */ abnormal, /** @type {number} */ count, /** @type {string} */ time) =>
    `${plural(explained, "slice", "slices")} in ${time}; ${abnormal} of ${count} classified as abnormal.`,
  cancelled: "Cancelled. Explained slices are kept.",
  curve: (/** @type {number} */ known, /** @type {number} */ count) => `Probability of abnormal, known for ${known} of ${count} slices`,
};

export const METHODS = {
  coin: "COIN, difference map",
  input: "Input",
  running: (/** @type {string} */ title, /** @type {{done: number, all: number} | null} */ step) =>
    `${title}${step ? `: ${step.done} of ${step.all}` : ""}`,
  failed: (/** @type {string} */ title, /** @type {string} */ cause) => `${title}: ${cause.replace(/\.$/, "")}.`,
  done: (/** @type {string} */ time) => `Computed in ${time} on the CPU.`,
  cancelled: "Cancelled.",
  overlay: (/** @type {string} */ name) => `${name}, overlaid on the slice`,
  withIou: (/** @type {string} */ name, /** @type {number} */ iou) => `${name} · IoU ${decimal(iou, 2)}`,
};

export const COMPARISON = {
  loading: (/** @type {string} */ title) => `Loading ${title}`,
  explaining: "Explaining the slice",
  done: (/** @type {string} */ time) => `Explained in ${time} on the CPU. Left: counterfactual; right: mask.`,
  cancelled: "Cancelled.",
  counterfactual: (/** @type {string} */ title) => `Counterfactual of ${title}`,
  mask: (/** @type {string} */ title) => `Mask of ${title}`,
  iou: (/** @type {number} */ iou) => `IoU ${decimal(iou, 2)}`,
};

export const DIAGNOSTICS = {
  engine: "Engine",
  selfTest: "Self-test",
  passed: (/** @type {number} */ error, /** @type {number} */ tolerance, /** @type {number} */ milliseconds) =>
    `passed in ${duration(milliseconds)}; maximum error ${scientific(error)}, tolerance ${scientific(tolerance)}`,
  adapter: "GPU adapter",
  limits: (/** @type {string} */ buffer, /** @type {string} */ binding) => `buffers up to ${buffer}, bindings up to ${binding}`,
  memory: (/** @type {string} */ engine) => `Memory, ${engine}`,
  copied: "Copied. Of the image, the text contains only the size and the number of slices.",
  copyManually: "Copy the text from here:",
};

export const OFFLINE = {
  later: "not yet; available after the first result",
  saving: "saving the page on this device",
  saved: "yes, the page is saved on this device",
  failed: "no, the browser or the site does not allow it",
  unsupported: "no, this browser does not support service workers here",
  update: "A newer version of this page is available.",
  otherTabs: "Close the other tabs with this page first: they still use the older version.",
  reload: "Reload",
};

export const PRIVACY = {
  sent: "Bytes sent",
  sentOf: (/** @type {number} */ monitored, /** @type {number} */ blocked) =>
    `0 in ${plural(monitored, "monitored request", "monitored requests")}${blocked > 0 ? `; ${blocked} blocked` : ""}`,
  unsupported: "not monitored: the browser or the site does not allow a service worker",
  unmonitored: "not monitored yet; reload the page to monitor every request",
  requests: "Requests",
  requestsOf: (/** @type {number} */ own, /** @type {number} */ others, /** @type {string} */ host) =>
    `${own} to ${host}, ${others === 0 ? "none" : others} to other sites`,
  received: "Received",
  receivedOf: (/** @type {number} */ bytes) => `${megabytes(bytes)} from this site or its cache`,
  request: (/** @type {string} */ address, /** @type {number} */ bytes) => (bytes > 0 ? `${address} (${kilobytes(bytes)})` : address),
  offline: "Works offline",
};

export const TIMES = {
  engine: "Engine start",
  model: "Model download",
  check: "Model self-test",
  slice: "Slice loading",
  explanation: "Explanation",
  mask: "Mask",
};

export const EXPORT = {
  burnt: "RESEARCH USE ONLY \u2013 not a medical device",
  inserted: "synthetic lesion inserted",
  panes: ["Input", "Counterfactual", "Difference map", "Mask"],
  corrected: "mask corrected by hand",
  mask: "\u25a0 mask",
  truePositive: "\u25a0 true positive",
  falsePositive: "\u25a0 false positive",
  falseNegative: "\u25a0 false negative",
  settings: (/** @type {string} */ model, /** @type {[number, number]} */ window, /** @type {string} */ unit, /** @type {{threshold: number, seedThreshold: number, source?: string, postprocess: boolean}} */ { source, threshold, seedThreshold, postprocess }) =>
    `model ${model}, display window ${range(window, unit)}, ${source === "segmenter" ? "mask from the segmenter, " : ""}threshold ${decimal(threshold, 2)}${seedThreshold > threshold ? `, seed threshold ${decimal(seedThreshold, 2)}` : ""}${postprocess ? ", post-processed" : ""}`,
  nothing: "The mask is empty, so there is no segmentation to save. Lower the threshold.",
  use: "Research use only. Not a medical device.",
};

export const BATCH = {
  waiting: "waiting",
  running: "running",
  paused: "Paused. The interrupted case starts again.",
  opening: (/** @type {number} */ number, /** @type {number} */ count, /** @type {string} */ label) => `Case ${number} of ${count}: opening ${label}`,
  progress: (/** @type {number} */ number, /** @type {number} */ count, /** @type {string} */ label, /** @type {number} */ done, /** @type {number} */ all) =>
    `Case ${number} of ${count}: ${label}, slice ${done} of ${all}`,
  done: (/** @type {number} */ done, /** @type {number} */ failed, /** @type {string} */ time) =>
    `${plural(done, "case", "cases")} explained${failed > 0 ? `, ${failed} failed` : ""}; ${time}.`,
  ood: (/** @type {number} */ slices) => `${plural(slices, "slice is", "slices are")} out of distribution`,
  otherModality: (/** @type {string} */ modality) => `the model was not trained on ${modality}`,
  remove: (/** @type {string} */ label) => `Remove ${label}`,
  notKept: (/** @type {string} */ reason) => `The batch is too large to keep in this browser (${reason}). It lasts until the page is closed.`,
  writtenTo: (/** @type {string} */ path) => `Results are written into ${path}.`,
  notWritten: (/** @type {string} */ path, /** @type {string} */ reason) => `The results could not be written into the folder ${path} (${reason}). Choose a folder again.`,
};
