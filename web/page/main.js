/**
 * The page: one result at a time, which stays until the next one is there.
 *
 * The address says what to begin with: see address.js.
 * What is shown is in `window.coin`, for the console and for tests; all of it is read-only:
 *   explanation  {size, before, after, input, counterfactual, difference, oodScore, milliseconds}
 *   mask, truth  Uint8Array of size x size; truth is null when unknown
 *   iou          of mask and truth, or null
 *   threshold, postprocess
 *   device       {engine, name, software, reason}
 *   model        what the bundle says about itself
 *   slice        {width, height, rowMm, columnMm} on its own grid
 *   source       {name, sample, slice}
 *   times        milliseconds by stage
 */

import { EngineStopped, Explainer, engineEvents } from "../coin.js";
import { maskOnGrid } from "../geometry.js";
import { noteInAddress, queryParameter, queryNumber } from "./address.js";
import { acceptAppearance } from "./appearance.js";
import { acceptComparison, followComparison } from "./comparison.js";
import { acceptKeys } from "./crosshair.js";
import { showDevice, showDeviceProgress, showNoDevice } from "./device.js";
import { acceptDiagnostics, showDiagnostics } from "./diagnostics.js";
import { acceptWindowing, display, displayOptions, offerDisplays, onDisplay, setDisplayOptions, showLegend } from "./display.js";
import { download } from "./download.js";
import { acceptSaving, allowSaving } from "./export.js";
import { acceptFiles, showName, showSource, volumeOf } from "./files.js";
import { showHow } from "./how.js";
import { acceptShortcuts } from "./keyboard.js";
import { translatePage } from "./language.js";
import { coalesce } from "./coalesce.js";
import { loading } from "./loading.js";
import { acceptMethods, followMethods, hasMethods, redrawMethods } from "./methods.js";
import { acceptModelChoice, bytesOfModel, markModel, offerModels, showModel } from "./models.js";
import { drawPreview, extent } from "./panes.js";
import { yieldToBrowser } from "./yield.js";
import { showComponents } from "./components.js";
import { acceptInsertion, showInsertion } from "./insertion.js";
import { keepForLater, showRequests } from "./privacy.js";
import { announce, begin, end, isBusy, progress } from "./progress.js";
import { acceptPointing, readAt } from "./readout.js";
import { acceptMeasuring, clearRuler } from "./ruler.js";
import { addressOf, firstSample, markSample, offerPhantoms, offerScans } from "./samples.js";
import { DEVICE, LOADING, MODEL, SAMPLE, STATUS, bytesOf, seconds, translated } from "./strings.js";
import { maskOptions, onMaskOptions, redrawMask, setMaskOptions, updateMask } from "./threshold.js";
import { note, timed, times } from "./times.js";
import { acceptTools, chosenTool } from "./tools.js";
import { showNoVerdict, showVerdict } from "./verdict.js";
import { acceptZooming, panBy } from "./viewport.js";
import { acceptVolumes, showVolume, updateVolume } from "./volume.js";

/** @typedef {import("../coin.js").Slice} Slice */
/** @typedef {import("../coin.js").ModelInfo} ModelInfo */
/** @typedef {import("../coin.js").Explanation} Explanation */
/** @typedef {import("../coin.js").Device} Device */
/** @typedef {import("./models.js").ModelEntry} ModelEntry */

/**
 * Where slices come from.
 *
 * @typedef {Object} Source
 * @property {string} name
 * @property {string | null} sample its name in the chooser of samples
 * @property {string | null} credit
 * @property {string | null} caveat what not to expect of it
 * @property {import("../coin.js").Scan | null} scan the file that it is, unless it is none
 * @property {(index: number, info: ModelInfo, signal: AbortSignal) => Promise<Subject>} at
 * @property {() => void} close
 */

/**
 * What is looked at.
 *
 * @typedef {Object} Subject
 * @property {Source} source
 * @property {number} index
 * @property {Slice} slice
 * @property {Slice} plain the slice without a synthetic anomaly
 * @property {Uint8Array | null} truth the synthetic anomaly on the slice's own grid
 * @property {boolean} edited by the reader, who inserted an anomaly or took it away
 */

/** @typedef {(info: ModelInfo, signal: AbortSignal) => Promise<Subject>} Make */

/**
 * @typedef {Object} Result
 * @property {Subject} subject
 * @property {Explanation} explanation
 * @property {ModelInfo} model
 * @property {Explainer} explainer that gave it
 * @property {Device} device
 * @property {import("./display.js").View | null} view what the panes show in another window than the model's
 * @property {Uint8Array | null} truth on the model's grid
 * @property {Float32Array | null} counterfactualHu once it was asked for
 * @property {Uint8Array | null} mask
 * @property {{threshold: number, seedThreshold: number, postprocess: boolean} | null} maskRule how the mask was made
 * @property {import("./overlap.js").Overlap | null} overlap of the mask and the truth
 */

/** What an arrow key is worth where dragging sets the window: so many pixels of a drag. */
const ARROW_PIXELS = 5;
/** Where dragging moves: this share of the picture. */
const ARROW_PAN = 0.03;

let device = chosenDevice(queryParameter("device"));

/** @type {Explainer | null} */
let explainer = null;
/** @type {ModelEntry[]} */
let models = [];
/** Name of the model to explain with; null leaves it to the page. @type {string | null} */
let wanted = null;
/** @type {ModelEntry | null} */
let loaded = null;
/** @type {Result | null} */
let result = null;
/** What was asked for and did not succeed. @type {Make | null} */
let failed = null;
/** What an engine could not do, in contrast to files and the network. @type {WeakSet<object>} */
const ofEngine = new WeakSet();

/** Explains what `make` makes; the newest request wins, and a failure leaves the last result. */
const show = coalesce(async (/** @type {Make} */ make) => {
  const signal = begin(result ? "running" : "loading");
  allowSaving(null);
  failed = make;
  /** @type {Subject | null} */
  let subject = null;
  try {
    const { explainer, first } = await ready(signal);
    const { info } = explainer;
    progress(STATUS.preparing);
    subject = await timed("slice", () => make(info, signal));
    showName(subject);
    progress(first && explainer.device.engine === "webgpu" ? STATUS.firstGpuRun : STATUS.explaining);
    const explaining = explainer.explain(subject.slice, { signal });
    drawPreview(subject.slice, info.unit ? info.window : extent(subject.slice));
    const explanation = await explaining;
    const truth = subject.truth && maskOnGrid(subject.truth, subject.slice, explanation);
    if (result && result.subject.source !== subject.source) result.subject.source.close();
    result = { subject, explanation, truth, model: info, explainer, device: explainer.device, view: null, counterfactualHu: null, mask: null, maskRule: null, overlap: null };
    note("explanation", explanation.milliseconds);
    await present(result);
    await updateMask(result);
    noteState(result);
    failed = null;
    end("ready", STATUS.done(seconds(explanation.milliseconds), DEVICE[result.device.engine]));
  } catch (error) {
    if (subject && subject.source !== result?.subject.source) subject.source.close();
    if (!explainer) showNoDevice();
    if (result) {
      const last = result;
      await present(last).then(() => updateMask(last)).catch(complain);
    } else {
      showNoVerdict();
      markSample(null);
    }
    if (signal.aborted) {
      failed = null;
      end("failed", STATUS.cancelled(result !== null));
    } else {
      complain(error);
      end("failed", STATUS.failed(result !== null));
    }
  }
  allowSaving(result?.mask ? result : null);
  if (result) follow(result).catch(complainUnlessStopped);
});

/**
 * An engine that ends is told of by what it ends.
 *
 * @param {unknown} error
 */
function complainUnlessStopped(error) {
  if (!(error instanceof EngineStopped)) complain(error);
}

/**
 * What may come after the panes: it is not waited for.
 *
 * @param {Result} result
 */
async function follow(result) {
  followMethods(result);
  followComparison(result, models, loaded?.name ?? null);
  await showVolume(result, volumeOf(result.subject.source));
  await yieldToBrowser();
  await Promise.all([showComponents(result), showDiagnostics({ ...result, device: explainer?.device ?? result.device })]);
}

/**
 * The mask has another threshold.
 *
 * @param {Result} shown
 */
async function remask(shown) {
  await updateMask(shown);
  noteState(shown);
  if (!isBusy()) await Promise.all([showComponents(shown), updateVolume(), redrawMethods(shown)]);
}

/** @param {Result} result */
function noteState(result) {
  const { subject, model } = result;
  const { threshold, seedThreshold, postprocess } = maskOptions();
  const own = loaded?.own !== undefined;
  noteInAddress({
    model: own ? null : (loaded?.name ?? null),
    sample: addressOf(subject.source),
    slice: subject.source.sample && subject.source.scan ? subject.index + 1 : null,
    threshold: threshold === Number(model.threshold.toFixed(2)) ? null : threshold,
    hysteresis: seedThreshold === model.seedThreshold ? null : 0,
    postprocess: postprocess === model.postprocess ? null : Number(postprocess),
    ...displayOptions(),
    methods: hasMethods(result) ? 1 : null,
  });
}

/**
 * Makes sure that the wanted model is loaded; when it cannot be, the one before stays.
 *
 * @param {AbortSignal} signal
 * @returns {Promise<{explainer: Explainer, first: boolean}>} `first`: it has explained nothing yet
 */
async function ready(signal) {
  if (models.length === 0) await offerStoredModels(signal);
  // The reader may want another one before this one is there.
  const name = wanted;
  const entry = modelNamed(name) ?? modelNamed(queryParameter("model")) ?? models[0];
  if (explainer && loaded === entry) return { explainer, first: false };
  try {
    const bytes = await timed("model", () => bytesOfModel(entry, (received, total) => loading(LOADING.model, received, total), signal));
    const next = await timed("check", () => Explainer.load(bytes, { device, onDevice: showDevice, signal })).catch((error) => {
      ofEngine.add(error);
      throw error;
    });
    explainer?.close();
    explainer = next;
    // The same model on another engine leaves the reader's threshold alone.
    if (loaded !== entry) setMaskOptions(loaded ? next.info : queryMask(next.info), loaded !== null || queryParameter("hysteresis") !== "0");
    loaded = entry;
    showModel(next.info);
    markModel(entry.name);
    return { explainer: next, first: true };
  } catch (error) {
    if (wanted === name) wanted = loaded?.name ?? null;
    // A file that is no model is not offered again.
    if (entry.own) {
      models = models.filter((other) => other !== entry);
      offerModels(models);
    }
    if (loaded) markModel(loaded.name);
    throw error;
  }
}

/**
 * Lets the reader choose among the site's models.
 *
 * @param {AbortSignal} signal
 */
async function offerStoredModels(signal) {
  models = JSON.parse(await (await download("models/index.json", MODEL.list, undefined, signal)).text());
  if (models.length === 0) throw new Error(MODEL.missing);
  offerModels(models);
  const name = queryParameter("model");
  if (name && !modelNamed(name)) announce(MODEL.unknown(name));
}

/** @param {string} name */
function chooseModel(name) {
  wanted = name;
  show(async (info, signal) => {
    const subject = result?.subject;
    if (!subject) return opening(info, signal);
    return subject.edited ? subject : subject.source.at(subject.index, info, signal);
  });
}

/**
 * A model file of the reader's own joins those of the site until the page is left.
 *
 * @param {ModelEntry} entry
 */
function addModel(entry) {
  models = [...models.filter(({ name }) => name !== entry.name), entry];
  offerModels(models);
  chooseModel(entry.name);
}

/**
 * A model's masks, as far as the address asks for nothing else.
 *
 * @param {ModelInfo} info
 */
function queryMask({ threshold, seedThreshold, postprocess }) {
  const post = queryParameter("postprocess");
  return { seedThreshold, threshold: queryNumber("threshold", 0.01, 0.99) ?? threshold, postprocess: post === null ? postprocess : post === "1" };
}

/** @param {string | null} name */
function modelNamed(name) {
  return models.find((entry) => entry.name === name);
}

/**
 * A sample comes with the model that suits it, as far as the site has it.
 *
 * @type {import("./samples.js").OpenSample}
 */
function showWith(make, model) {
  wanted = model;
  show(make);
}

/** @param {Result} result */
async function present(result) {
  const { subject, explanation, model } = result;
  offerDisplays(result);
  await display(result);
  await yieldToBrowser();
  showHow(explanation);
  showVerdict(explanation, model, subject.source.scan);
  showSource(subject, model);
  markSample(subject.source);
  showInsertion(subject, model);
  clearRuler();
}

/** @param {unknown} error */
function complain(error) {
  const lost = error instanceof Error && (ofEngine.has(error) || (error instanceof EngineStopped && error.engine === "webgpu"));
  announce(translated(error instanceof Error ? error.message : String(error)), lost && device === "webgpu" ? CPU_OFFER : undefined);
}

/** The way out for those who chose a GPU that gives up. */
const CPU_OFFER = {
  words: DEVICE.offer,
  take() {
    device = "cpu";
    explainer?.close();
    explainer = null;
    show(failed ?? (async (info, signal) => result?.subject ?? opening(info, signal)));
  },
};

/**
 * @param {string | null} name
 * @returns {"auto" | "cpu" | "webgpu"}
 */
function chosenDevice(name) {
  return name === "cpu" || name === "webgpu" ? name : "auto";
}

engineEvents.addEventListener("progress", (event) => {
  const { engine, phase, received, total, aside } = /** @type {CustomEvent<import("../coin.js").EngineProgress>} */ (event).detail;
  if (aside) return;
  const behind = engine === "webgpu" && device === "auto";
  if (behind) {
    if (phase === "download") showDeviceProgress(STATUS.behind(bytesOf(received, total)));
  } else if (phase === "model") {
    progress(STATUS.modelCheck);
  } else {
    loading(LOADING[engine], received, phase === "compile" ? received : total);
  }
});

engineEvents.addEventListener("stop", (event) => {
  const { engine, sentence } = /** @type {CustomEvent<import("../coin.js").EngineStop>} */ (event).detail;
  // When WebGPU was only tried, the device says so by itself.
  if (engine !== "webgpu") announce(sentence);
  else if (device === "webgpu") announce(sentence, CPU_OFFER);
});

const storedSamples = download("samples/index.json", SAMPLE.list).then(async (blob) => JSON.parse(await blob.text()));
// Whoever needs the list says that it is missing.
storedSamples.catch(() => {});

/** What the address asks for. */
const opening = firstSample(queryParameter("sample"), queryNumber("slice", 1, 1e6), () => storedSamples);

Object.defineProperty(window, "coin", {
  value: Object.freeze({
    get explanation() {
      return result?.explanation ?? null;
    },
    get mask() {
      return result?.mask ?? null;
    },
    get truth() {
      return result?.truth ?? null;
    },
    get iou() {
      return result?.overlap?.iou ?? null;
    },
    get threshold() {
      return maskOptions().threshold;
    },
    get postprocess() {
      return maskOptions().postprocess;
    },
    get device() {
      return explainer?.device ?? null;
    },
    get model() {
      return result?.model ?? null;
    },
    get slice() {
      if (!result) return null;
      const { width, height, rowMm, columnMm } = result.subject.slice;
      return { width, height, rowMm, columnMm };
    },
    get source() {
      if (!result) return null;
      const { source, index } = result.subject;
      return { name: source.name, sample: source.sample, slice: index };
    },
    times,
  }),
});

translatePage();
/** Draws what is there anew; a run shows its result when it ends. */
const redraw = coalesce(async () => {
  const shown = result;
  if (!shown || isBusy()) return;
  await display(shown).catch(complain);
  redrawMask(shown);
  await redrawMethods(shown);
  noteState(shown);
});
const current = () => result;

acceptAppearance(() => result && remask(result).catch(complain));
setDisplayOptions({ display: queryParameter("display"), colours: queryParameter("colours") });
offerPhantoms(showWith, show);
acceptModelChoice(chooseModel);
acceptFiles(show, addModel);
acceptZooming();
const insertion = acceptInsertion(current, show);
const measuring = acceptMeasuring(current);
const windowing = acceptWindowing(current, () => redraw(undefined));
acceptTools({ insert: insertion.tool, measure: measuring.tool, window: windowing.tool });
acceptKeys(
  (at) => {
    readAt(result, at.x, at.y);
    if (chosenTool() === "measure") measuring.follow(at);
  },
  (at) => {
    if (chosenTool() === "measure") measuring.press(at);
    if (chosenTool() === "insert") insertion.insertAt(at);
  },
  (x, y) => {
    const tool = chosenTool();
    if (tool === "window") windowing.dragBy(ARROW_PIXELS * x, ARROW_PIXELS * y);
    else if (tool === "move") panBy(-ARROW_PAN * x, -ARROW_PAN * y);
    return tool === "window" || tool === "move";
  },
);
acceptShortcuts();
acceptPointing(current);
acceptSaving(current, complain);
acceptDiagnostics(() => ({ result, device: explainer?.device ?? null }));
acceptComparison(current, () => models);
const methods = acceptMethods(current, ({ subject, explainer }, method, options) => explainer.attribute(subject.slice, method, options), noteState, complain);
acceptVolumes(show, complain);
showRequests();
onDisplay(() => redraw(undefined));
onMaskOptions(
  () => result && remask(result).catch(complain),
  () => result && redrawMask(result),
);
const first = show(opening);
// What keeps the legend or the list from coming keeps the first result from coming too, which says why.
await Promise.allSettled([timed("engine", showLegend), storedSamples.then((entries) => offerScans(entries, showWith))]);
// The first result does not share the network with what is kept for later.
await first;
if (queryParameter("methods") === "1" && result) methods.compare();
await keepForLater();
