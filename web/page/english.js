/** Every sentence that the page composes, in English; fixed text is in index.html. */

import { decimals, intensity, megabytes, range, rounded } from "./numbers.js";

export const DEVICE = { cpu: "CPU", webgpu: "WebGPU", none: "No engine", offer: "Go on with the CPU" };

const LAST = " The last result is still shown.";

export const LOADING = { cpu: "CPU engine", webgpu: "WebGPU engine", files: "file reader", model: "model" };

export const STATUS = {
  loading: (/** @type {string} */ parts) => `Loading: ${parts}`,
  compiling: "Compiling",
  modelCheck: "Checking the model",
  sample: (/** @type {string} */ bytes) => `Loading the sample: ${bytes}`,
  opening: (/** @type {string} */ name) => `Opening ${name}`,
  preparing: "Preparing the slice",
  explaining: "Explaining the slice",
  firstGpuRun: "First run on this GPU: its programs are being compiled",
  behind: (/** @type {string} */ bytes) => `WebGPU is being tried: ${bytes}`,
  cancelled: (/** @type {boolean} */ stays) => `Cancelled.${stays ? LAST : ""}`,
  failed: (/** @type {boolean} */ stays) => `That did not work.${stays ? LAST : ""}`,
  done: (/** @type {string} */ time, /** @type {string} */ device) => `Explained in ${time} on ${device}`,
};

export const VERDICT = {
  before: "Classifier:",
  after: "after inpainting:",
  abnormal: (/** @type {string} */ p) => `abnormal ${p}`,
  normal: (/** @type {string} */ p) => `normal (probability of abnormal ${p})`,
  flipped: "The repainted slice is called normal. What changed most is what the classifier reacted to.",
  notFlipped: "Inpainting did not bring the classifier to normal, so read the mask with caution.",
  none: "No result yet",
  retry: "Choose a sample or open a file to try again.",
  otherModality: (/** @type {string} */ found, /** @type {string} */ known) => `This is ${found}, and the model was trained on ${known}: neither verdict nor mask can be relied on.`,
  ood: (/** @type {string} */ times) => `This slice is unlike what the model was trained on (${times} times as far off as it takes for its own), so neither verdict nor mask can be relied on.`,
  nothing: "The classifier calls this slice normal, so there is nothing to remove. What little changes is not a finding.",
};

export const MASK = {
  empty: "Nothing above the threshold.",
  low: (/** @type {number} */ seedThreshold) => `No component above the threshold exceeds ${seedThreshold.toFixed(2)}, as this model asks.`,
  share: (/** @type {number} */ share) => `${share < 0.001 ? "<\u20090.1" : (100 * share).toFixed(share < 0.1 ? 1 : 0)} % of the slice`,
  area: (/** @type {number} */ cm2) => `${cm2.toFixed(1)} cm²`,
  iou: (/** @type {number} */ iou) => `IoU ${iou.toFixed(2)}`,
  dice: (/** @type {number} */ dice) => `Dice ${dice.toFixed(2)}`,
};

export const SAMPLE = {
  list: "The list of samples",
  abnormal: "Phantom, synthetic anomaly",
  normal: "Phantom, no anomaly",
  phantom: (/** @type {number} */ seed) => `phantom ${seed}`,
};

export const FILE = {
  unreadable: (/** @type {Error} */ { message }) => `What was dropped could not be read: ${message}`,
  count: (/** @type {number} */ files) => `${files} files`,
  notes: (/** @type {string[]} */ notes) => {
    const [first, second, ...more] = notes;
    const said = [first, second, more.length > 0 ? `and ${more.length} more like these` : ""].filter(Boolean).join("; ");
    return `${said.charAt(0).toUpperCase()}${said.slice(1)}.`;
  },
  ofSeries: (/** @type {number} */ number, /** @type {string} */ note) => `series ${number}: ${note}`,
  series: (/** @type {number} */ number, /** @type {{slices: number, width: number, height: number}} */ { slices, width, height }) =>
    `Series ${number}: ${slices === 1 ? "1 slice" : `${slices} slices`} of ${width} × ${height}`,
  sliceOf: (/** @type {number} */ index, /** @type {number} */ count) => `${index + 1} of ${count}`,
  windowOrder: "The window needs its black below its white.",
};

export const WINDOW = {
  file: (/** @type {[number, number]} */ window, /** @type {string} */ unit) => `As the file asks: ${range(window, unit)}`,
  model: (/** @type {[number, number]} */ window, /** @type {string} */ unit) => `As the model sees it: ${range(window, unit)}`,
  named: (/** @type {string} */ name, /** @type {[number, number]} */ window, /** @type {string} */ unit) => `${name}: ${range(window, unit)}`,
  softTissue: "Soft tissue",
  lung: "Lung",
  bone: "Bone",
  custom: "Other",
  dragged: (/** @type {[number, number]} */ window, /** @type {string} */ unit) => `As dragged: ${range(window, unit)}`,
};

export const MODEL = {
  list: "The list of models",
  missing: "This site holds no model; build it again with its models.",
  unknown: (/** @type {string} */ name) => `This site holds no model named ${name}; the first one is used.`,
  unreachable: (/** @type {string} */ what) => `${what} could not be loaded; check the connection and try again.`,
  iou: "IoU",
  iouOf: (/** @type {number} */ iou, /** @type {number} */ threshold) => `${decimals(iou)} at threshold ${threshold.toFixed(2)}`,
  iouMean: "Mean IoU, abnormal slices",
  seedThreshold: "Components of the mask",
  seedThresholdOf: (/** @type {number} */ seedThreshold) => `only those in which the difference exceeds ${seedThreshold.toFixed(2)} somewhere`,
  interval: "its 95 % interval",
  intervalOf: (/** @type {number} */ low, /** @type {number} */ high) => `${decimals(low)} to ${decimals(high)}`,
  ceiling: "A perfect inpainter's IoU there",
  dice: "Dice",
  cv: "CV",
  auroc: "AUROC",
  slices: "Test slices",
  slicesOf: (/** @type {number} */ total, /** @type {number} */ abnormal) => `${total}, ${abnormal} of them abnormal`,
  data: "Data",
  finding: "Finding",
  modality: "Modality",
  window: "Window",
  windowOf: (/** @type {[number, number]} */ window, /** @type {string} */ unit) => range(window, unit),
  grid: "Grid",
  gridOf: (/** @type {number} */ size) => `${size} × ${size}`,
  licence: "Licence",
  limits: "Limits",
  own: (/** @type {string} */ file) => `Own: ${file.replace(/\.safetensors$/i, "")}`,
};

export const HOW = {
  verdict: (/** @type {string} */ before, /** @type {string} */ after) => `abnormal: ${before}, then ${after}`,
};

export const READOUT = {
  none: "\u00a0",
  values: (/** @type {number} */ value, /** @type {number} */ after, /** @type {number} */ difference, /** @type {string} */ unit, /** @type {number} */ span) =>
    `${intensity(value, unit, span)}, counterfactual ${intensity(after, unit, span)}, difference ${difference.toFixed(2)}`,
};

export const VIEWPORT = {
  zoom: (/** @type {number} */ zoom) => `${(100 * zoom).toFixed(0)} %`,
};

export const INSERT = {
  size: (/** @type {number} */ mm) => `${mm} mm`,
};

export const RULER = {
  mm: (/** @type {number} */ mm) => `Distance ${mm.toFixed(1)} mm`,
  pixels: (/** @type {number} */ pixels) => `Distance ${pixels.toFixed(1)} pixels; the file does not say how large they are`,
};

export const COMPONENTS = {
  component: (/** @type {number} */ number) => `Component ${number}`,
  area: (/** @type {number} */ mm2) => `${mm2.toFixed(0)} mm²`,
  pixels: (/** @type {number} */ pixels) => `${pixels} pixels`,
  intensity: (/** @type {number} */ value, /** @type {string} */ unit, /** @type {number} */ span) => rounded(value, unit, span),
  none: "The mask is empty.",
  more: (/** @type {number} */ count) => `${count} smaller ones are not listed.`,
};

export const VOLUME = {
  unknown: (/** @type {number} */ count) => `${count} slices; those that you have looked at are in the curve.`,
  explaining: (/** @type {number} */ index, /** @type {string | null} */ left) => `Slice ${index + 1}${left === null ? "" : `, ${left} left`}`,
  done: (/** @type {number} */ count, /** @type {number} */ abnormal, /** @type {string} */ time) => `${count} slices in ${time}; the classifier calls ${abnormal} of them abnormal.`,
  cancelled: "Cancelled; what is explained stays.",
  curve: (/** @type {number} */ known, /** @type {number} */ count) => `The probability of abnormal of ${known} of ${count} slices`,
};

export const METHODS = {
  coin: "COIN, difference",
  input: "Input",
  names: { rise: "RISE", "score-cam": "ScoreCAM", "layer-cam": "LayerCAM", "grad-cam": "Grad-CAM" },
  running: (/** @type {"rise" | "score-cam" | "layer-cam" | "grad-cam"} */ method, /** @type {{done: number, all: number} | null} */ step) =>
    `${METHODS.names[method]}${step ? `: ${step.done} of ${step.all}` : ""}`,
  unable: (/** @type {"rise" | "score-cam" | "layer-cam" | "grad-cam"} */ method, /** @type {string} */ why) => `${METHODS.names[method]}: ${why.replace(/\.$/, "")}.`,
  done: (/** @type {string} */ time) => `Computed in ${time} on the CPU.`,
  cancelled: "Cancelled.",
  picture: (/** @type {string} */ name) => `${name} over the slice`,
  withIou: (/** @type {string} */ name, /** @type {number} */ iou) => `${name} · IoU ${iou.toFixed(2)}`,
};

export const COMPARISON = {
  loading: (/** @type {string} */ title) => `Loading ${title}`,
  explaining: "Explaining the slice",
  done: (/** @type {string} */ time) => `Explained in ${time} on the CPU. Left: counterfactual; right: mask.`,
  cancelled: "Cancelled.",
  counterfactual: (/** @type {string} */ title) => `Counterfactual of ${title}`,
  mask: (/** @type {string} */ title) => `Mask of ${title}`,
  iou: (/** @type {number} */ iou) => `IoU ${iou.toFixed(2)}`,
};

export const DIAGNOSTICS = {
  engine: "Engine",
  selfTest: "Self-test",
  passed: (/** @type {number} */ error, /** @type {number} */ tolerance, /** @type {string} */ time) => `passed in ${time}, off by ${error.toExponential(1)} of ${tolerance.toExponential(0)} allowed`,
  memory: (/** @type {string} */ engine) => `Memory, ${engine}`,
  copied: "Copied; of the image it says its size and the number of slices alone.",
  byHand: "Copy it from here:",
};

export const OFFLINE = {
  later: "kept once the first result is there",
  keeping: "the page is being kept for it",
  kept: "yes, the page is kept on this device",
  failed: "no, this browser or site does not keep the page",
  impossible: "no, this browser keeps no pages here",
  update: "There is a newer version of this page.",
  crowded: "Close the other tabs with this page first: they still show the older version.",
  reload: "Reload",
};

export const PRIVACY = {
  sent: "Bytes sent",
  sentOf: (/** @type {number} */ watched, /** @type {number} */ refused) =>
    `0 in ${watched === 1 ? "1 watched request" : `${watched} watched requests`}${refused > 0 ? `; ${refused} more were stopped` : ""}`,
  unwatchable: "not watched, for this browser allows no service worker here",
  unwatched: "not watched yet; reload the page to have every request watched",
  requests: "Requests",
  requestsOf: (/** @type {number} */ own, /** @type {number} */ others, /** @type {string} */ host) =>
    `${own} to ${host}, ${others === 0 ? "none" : others} elsewhere`,
  read: "Read",
  readOf: (/** @type {number} */ bytes) => `${megabytes(bytes)} MB, from that site or from what is kept of it`,
  request: (/** @type {string} */ address, /** @type {number} */ bytes) => (bytes > 0 ? `${address} (${(bytes / 1000).toFixed(1)} kB)` : address),
  offline: "Works offline",
};

export const TIMES = {
  engine: "Engine",
  model: "Model download",
  check: "Model check",
  slice: "Slice",
  explanation: "Explanation",
  mask: "Mask",
};

export const EXPORT = {
  burnt: "RESEARCH USE ONLY \u2013 not a medical device",
  inserted: "synthetic anomaly inserted",
  panes: ["Input", "Counterfactual", "Difference", "Mask"],
  changed: "\u25a0 changed",
  found: "\u25a0 found",
  wrong: "\u25a0 false",
  missed: "\u25a0 missed",
  settings: (/** @type {string} */ model, /** @type {[number, number]} */ window, /** @type {string} */ unit, /** @type {{threshold: number, seedThreshold: number, postprocess: boolean}} */ { threshold, seedThreshold, postprocess }) =>
    `model ${model}, shown ${range(window, unit)}, threshold ${threshold.toFixed(2)}${seedThreshold > threshold ? `, seed threshold ${seedThreshold.toFixed(2)}` : ""}${postprocess ? ", post-processed" : ""}`,
  nothing: "Nothing is above the threshold, so there is no segmentation to save.",
  use: "Research use only. Not a medical device.",
};
