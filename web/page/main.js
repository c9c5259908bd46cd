/**
 * Entry point of the page. It shows one result at a time and keeps it until the next one is ready.
 *
 * The address sets the initial state: see address.js.
 * For the console and for tests, `window.coin` holds the shown result, read-only:
 *   explanation  {size, before, after, input, counterfactual, difference, segmentation, oodScore, oodWarning, milliseconds}
 *   mask, truth  Uint8Array of size x size; truth is null when unknown
 *   iou          of mask and truth, or null
 *   threshold, postprocess
 *   device       {engine, name, software, reason}
 *   model        ModelInfo from the model file
 *   slice        {width, height, rowMm, columnMm} of the original slice
 *   source       {name, sample, slice}
 *   times        milliseconds by stage
 */

import { EngineStopped, Explainer, engineEvents, maskOnGrid, maskRuleOf } from "../coin.js";
import { queryNumber, queryParameter, setQueryParameters } from "./address.js";
import { initAppearance } from "./appearance.js";
import { dropOnBatch, hasUnkeptCases, initBatch } from "./batch.js";
import { showCallouts } from "./callouts.js";
import { initComparison, redrawComparison, resetComparison } from "./comparison.js";
import { initCorrection, showButtons } from "./correction.js";
import { initCrosshair } from "./crosshair.js";
import { showDevice, showDeviceProgress, showNoDevice } from "./device.js";
import { initDiagnostics, showDiagnostics } from "./diagnostics.js";
import { initWindowing, display, displayOptions, onDisplay, setDisplayOptions, showLegend, updateDisplayOptions } from "./display.js";
import { download } from "./download.js";
import { editsOf } from "./edits.js";
import { initExport, enableExport } from "./export.js";
import { initFiles, showName, showSource, volumeOf } from "./files.js";
import { showHow } from "./how.js";
import { initShortcuts } from "./keyboard.js";
import { translatePage } from "./language.js";
import { coalesce } from "./coalesce.js";
import { showDownload } from "./loading.js";
import { hasMethods, initMethods, resetMethods, redrawMethods } from "./methods.js";
import { initModelList, bytesOfModel, selectModel, setModelOptions, showModel } from "./models.js";
import { drawPreview, extent } from "./panes.js";
import { yieldToBrowser } from "./yield.js";
import { showComponents } from "./components.js";
import { initInsertion, showInsertion } from "./insertion.js";
import { initInspector } from "./inspector.js";
import { initLayout } from "./layout.js";
import { initLeaving } from "./leaving.js";
import { enableOffline, initRequestLog } from "./privacy.js";
import { begin, end, isBusy, progress, showNotice } from "./progress.js";
import { initReadout, readAt } from "./readout.js";
import { initRuler, showRuler } from "./ruler.js";
import { addPhantoms, addScans, addressOf, initialInput, selectSample } from "./samples.js";
import { DEVICE, LOADING, MODEL, SAMPLE, STATUS, bytesOf, duration, translated } from "./strings.js";
import { maskOptions, onMaskOptions, redrawMask, setMaskOptions, updateMask } from "./threshold.js";
import { measureTime, recordTime, times } from "./times.js";
import { initTabs } from "./tabs.js";
import { initTools, chosenTool } from "./tools.js";
import { showNoVerdict, showVerdict } from "./verdict.js";
import { initZoom, panBy } from "./viewport.js";
import { initVolume, showVolume, updateVolume } from "./volume.js";

/** @typedef {import("../coin.js").Slice} Slice */
/** @typedef {import("../coin.js").ModelInfo} ModelInfo */
/** @typedef {import("../coin.js").Explanation} Explanation */
/** @typedef {import("../coin.js").Device} Device */
/** @typedef {import("./models.js").ModelEntry} ModelEntry */

/**
 * A source of slices: an opened scan or a phantom.
 *
 * @typedef {Object} ImageSource
 * @property {string} name
 * @property {string | null} sample value in the list of samples; null for files of the user
 * @property {string | null} credit
 * @property {string | null} caveat limitations of the sample
 * @property {import("../coin.js").Scan | null} scan null for phantoms
 * @property {import("./files.js").Study} [study] what was opened together
 * @property {(index: number, info: ModelInfo, signal: AbortSignal) => Promise<InputSlice>} load
 * @property {() => void} close
 */

/**
 * A slice to explain.
 *
 * @typedef {Object} InputSlice
 * @property {ImageSource} source
 * @property {number} index
 * @property {Slice} slice
 * @property {Slice} plain the slice without a synthetic anomaly
 * @property {Uint8Array | null} truth mask of the synthetic anomaly on the slice's grid
 * @property {boolean} edited the user inserted or removed an anomaly
 */

/** @typedef {(info: ModelInfo, signal: AbortSignal) => Promise<InputSlice>} LoadInput */

/**
 * @typedef {Object} Result
 * @property {InputSlice} input
 * @property {Explanation} explanation
 * @property {ModelInfo} model
 * @property {Explainer} explainer that computed it
 * @property {Device} device
 * @property {import("./display.js").View | null} view
 * @property {Uint8Array | null} truth on the model's grid
 * @property {Float32Array | null} counterfactualHu on the slice's grid; computed when needed
 * @property {Uint8Array | null} mask with edits by hand
 * @property {Uint8Array | null} computedMask without them
 * @property {Uint8Array[]} band masks at nearby thresholds, if they are shown
 * @property {import("../coin.js").MaskRule | null} maskRule options of the mask
 * @property {import("./overlap.js").Overlap | null} overlap of the mask and the truth
 */

/** With the window tool, an arrow key equals a drag of this length. */
const ARROW_PIXELS = 5;
/** Share of the image that an arrow key pans. */
const ARROW_PAN = 0.03;

let device = chosenDevice(queryParameter("device"));

/** @type {Explainer | null} */
let explainer = null;
/** @type {ModelEntry[]} */
let models = [];
/** Name of the requested model; null for the default. @type {string | null} */
let requestedModel = null;
/** @type {ModelEntry | null} */
let loadedModel = null;
/** @type {Result | null} */
let result = null;
/** The last request, if it failed. @type {LoadInput | null} */
let failedRequest = null;
/** Errors of an engine, as opposed to errors of files and the network. @type {WeakSet<object>} */
const engineErrors = new WeakSet();

/** Loads a slice, explains it and shows the result. The newest request wins; a failure keeps the previous result. */
const show = coalesce(async (/** @type {LoadInput} */ load) => {
  const signal = begin(result ? "running" : "loading");
  enableExport(null);
  failedRequest = load;
  /** @type {InputSlice | null} */
  let input = null;
  try {
    const { explainer, first } = await ready(signal);
    const { info } = explainer;
    progress(STATUS.preparing);
    input = await measureTime("slice", () => load(info, signal));
    showName(input);
    progress(first && explainer.device.engine === "webgpu" ? STATUS.firstGpuRun : STATUS.explaining);
    const asked = explainer.device;
    const explaining = explainer.explain(input.slice, { signal });
    drawPreview(input.slice, info.unit ? info.window : extent(input.slice));
    const explanation = await explaining;
    const truth = input.truth && (await maskOnGrid(input.slice, input.truth, explanation));
    if (result && result.input.source !== input.source) result.input.source.close();
    result = { input, explanation, truth, model: info, explainer, device: asked.engine === "cpu" ? asked : explainer.device, view: null, counterfactualHu: null, mask: null, computedMask: null, band: [], maskRule: null, overlap: null };
    recordTime("explanation", explanation.milliseconds);
    await render(result);
    await updateMask(result);
    updateAddress(result);
    failedRequest = null;
    end("ready", STATUS.done(duration(explanation.milliseconds), DEVICE[result.device.engine]));
  } catch (error) {
    if (input && input.source !== result?.input.source) input.source.close();
    if (!explainer) showNoDevice();
    if (result) {
      const last = result;
      await render(last).then(() => updateMask(last)).catch(showError);
    } else {
      showNoVerdict();
      selectSample(null);
    }
    if (signal.aborted) {
      failedRequest = null;
      end("failed", STATUS.cancelled(result !== null));
    } else {
      showError(error);
      end("failed", STATUS.failed(result !== null));
    }
  }
  enableExport(result?.mask ? result : null);
  if (result) updatePanels(result).catch(showErrorUnlessStopped);
});

/**
 * Shows an error, except that of a stopped engine, which the event `stop` reports.
 *
 * @param {unknown} error
 */
function showErrorUnlessStopped(error) {
  if (!(error instanceof EngineStopped)) showError(error);
}

/**
 * Updates everything below the panes, in the background.
 *
 * @param {Result} result
 */
async function updatePanels(result) {
  resetMethods(result);
  resetComparison(result, models, loadedModel?.name ?? null);
  await showVolume(result, volumeOf(result.input.source));
  await yieldToBrowser();
  await Promise.all([showComponents(result), showDiagnostics({ ...result, device: explainer?.device ?? result.device })]);
}

/**
 * Computes the mask again after its options changed.
 *
 * @param {Result} shown
 */
async function remask(shown) {
  await updateMask(shown);
  updateAddress(shown);
  if (!isBusy()) await Promise.all([showComponents(shown), updateVolume(), redrawMethods(shown)]);
  redrawComparison(shown);
}

/** Writes the state of the page to its address. @param {Result} result */
function updateAddress(result) {
  const { input, model } = result;
  const { source, threshold, seedThreshold, postprocess } = maskOptions();
  const rule = maskRuleOf(model, source);
  const isUsual = threshold === Number(rule.threshold.toFixed(2));
  const own = loadedModel?.own !== undefined;
  setQueryParameters({
    model: own ? null : (loadedModel?.name ?? null),
    sample: addressOf(input.source),
    slice: input.source.sample && input.source.scan ? input.index + 1 : null,
    // A threshold means nothing without its map.
    mask: model.segmenter && !(isUsual && source === "segmenter") ? source : null,
    threshold: isUsual ? null : threshold,
    hysteresis: seedThreshold === rule.seedThreshold ? null : 0,
    postprocess: postprocess === rule.postprocess ? null : Number(postprocess),
    ...displayOptions(),
    methods: hasMethods(result) ? 1 : null,
  });
}

/**
 * Loads the requested model, unless it is loaded already. If loading fails, the previous model stays.
 *
 * @param {AbortSignal} signal
 * @returns {Promise<{explainer: Explainer, first: boolean}>} `first`: the explainer has not been used yet
 */
async function ready(signal) {
  if (models.length === 0) await loadModelList(signal);
  // The user may request another model meanwhile.
  const name = requestedModel;
  const entry = modelNamed(name) ?? modelNamed(queryParameter("model")) ?? models[0];
  if (explainer && loadedModel === entry) return { explainer, first: false };
  try {
    const bytes = await measureTime("model", () => bytesOfModel(entry, (received, total) => showDownload(LOADING.model, received, total), signal));
    const next = await measureTime("check", () => Explainer.load(bytes, { device, onDevice: showDevice, signal })).catch((error) => {
      engineErrors.add(error);
      throw error;
    });
    explainer?.close();
    explainer = next;
    // The same model on another engine keeps the user's mask options.
    if (loadedModel !== entry) setMaskOptions(next.info, loadedModel ? maskRuleOf(next.info) : initialMaskRule(next.info));
    loadedModel = entry;
    showModel(next.info);
    selectModel(entry.name);
    return { explainer: next, first: true };
  } catch (error) {
    if (requestedModel === name) requestedModel = loadedModel?.name ?? null;
    // Remove a file that is not a valid model from the list; the one that it was to replace stays.
    const replaced = loadedModel?.own && loadedModel.name === entry.name ? [loadedModel] : [];
    const isInvalid = !signal.aborted && !(error instanceof EngineStopped);
    if (entry.own && (isInvalid || replaced.length > 0)) {
      models = [...models.filter((other) => other !== entry), ...replaced];
      setModelOptions(models);
    }
    if (loadedModel) selectModel(loadedModel.name);
    throw error;
  }
}

/**
 * Loads the list of the site's models.
 *
 * @param {AbortSignal} signal
 */
async function loadModelList(signal) {
  models = JSON.parse(await (await download("models/index.json", MODEL.list, undefined, signal)).text());
  if (models.length === 0) throw new Error(MODEL.missing);
  setModelOptions(models);
  const name = queryParameter("model");
  if (name && !modelNamed(name)) showNotice(MODEL.unknown(name));
}

/** Explains the shown slice with another model. @param {string} name */
function chooseModel(name) {
  requestedModel = name;
  show(async (info, signal) => {
    const input = result?.input;
    if (!input) return loadInitial(info, signal);
    if (!input.edited) return input.source.load(input.index, info, signal);
    // The normalisation belongs to the previous model.
    const { plain } = await input.source.load(input.index, info, signal);
    return { ...input, slice: { ...input.slice, normalisation: plain.normalisation }, plain: { ...input.plain, normalisation: plain.normalisation } };
  });
}

/**
 * Adds a model file of the user to the list, until the page is closed, and loads it.
 *
 * @param {ModelEntry} entry
 */
function addModel(entry) {
  models = [...models.filter(({ name }) => name !== entry.name), entry];
  setModelOptions(models);
  chooseModel(entry.name);
}

/**
 * Mask options from the address, with the model's defaults.
 *
 * @param {ModelInfo} info
 * @returns {import("../coin.js").MaskRule}
 */
function initialMaskRule(info) {
  const threshold = queryNumber("threshold", 0.01, 0.99);
  // Addresses from before there were segmenters have a threshold of the difference map.
  const source = queryParameter("mask") ?? (threshold === null ? null : "difference");
  const rule = maskRuleOf(info, source === "difference" ? "difference" : undefined);
  const post = queryParameter("postprocess");
  return {
    ...rule,
    threshold: threshold ?? rule.threshold,
    seedThreshold: queryParameter("hysteresis") === "0" ? 0 : rule.seedThreshold,
    postprocess: post === null ? rule.postprocess : post === "1",
  };
}

/** @param {string | null} name */
function modelNamed(name) {
  return models.find((entry) => entry.name === name);
}

/**
 * Shows a sample with its recommended model, if the site has it.
 *
 * @type {import("./samples.js").OpenSample}
 */
function showWithModel(load, model) {
  requestedModel = model;
  show(load);
}

/** Draws a result and updates its controls. @param {Result} result */
async function render(result) {
  const { input, explanation, model } = result;
  updateDisplayOptions(result);
  await display(result);
  await yieldToBrowser();
  showHow(explanation);
  showVerdict(explanation, model, input.source.scan);
  showSource(input, model, show.isWaiting());
  selectSample(input.source);
  showInsertion(input, model);
  showButtons(editsOf(result));
  showRuler(result);
}

/** @param {unknown} error */
function showError(error) {
  const engineFailed = error instanceof Error && (engineErrors.has(error) || (error instanceof EngineStopped && error.engine === "webgpu"));
  showNotice(translated(error instanceof Error ? error.message : String(error)), engineFailed && device === "webgpu" ? CONTINUE_ON_CPU : undefined);
}

/** Notice action after an engine that the user selected has failed. */
const CONTINUE_ON_CPU = {
  label: DEVICE.offer,
  run() {
    device = "cpu";
    explainer?.close();
    explainer = null;
    show(failedRequest ?? (async (info, signal) => result?.input ?? loadInitial(info, signal)));
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
  const { engine, phase, received, total, pooled } = /** @type {CustomEvent<import("../coin.js").EngineProgress>} */ (event).detail;
  if (pooled) return;
  const isBackground = engine === "webgpu" && device === "auto";
  if (isBackground) {
    if (phase === "download") showDeviceProgress(STATUS.background(bytesOf(received, total)));
  } else if (phase === "model") {
    progress(STATUS.modelCheck);
  } else {
    showDownload(LOADING[engine], received, phase === "compile" ? received : total);
  }
});

engineEvents.addEventListener("stop", (event) => {
  const { engine, message } = /** @type {CustomEvent<import("../coin.js").EngineStop>} */ (event).detail;
  // With "auto", the explainer falls back to the CPU and changes the device's reason.
  if (engine !== "webgpu") showNotice(translated(message));
  else if (device === "webgpu") showNotice(translated(message), CONTINUE_ON_CPU);
});

const storedSamples = download("samples/index.json", SAMPLE.list).then(async (blob) => JSON.parse(await blob.text()));
// Those who await the list report the error.
storedSamples.catch(() => {});

/** Loads the slice that the address names. */
const loadInitial = initialInput(queryParameter("sample"), queryNumber("slice", 1, 1e6), () => storedSamples);

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
      const { width, height, rowMm, columnMm } = result.input.slice;
      return { width, height, rowMm, columnMm };
    },
    get source() {
      if (!result) return null;
      const { source, index } = result.input;
      return { name: source.name, sample: source.sample, slice: index };
    },
    times,
  }),
});

translatePage();
/** Redraws the shown result, unless a run is in progress, which draws its own. */
const redraw = coalesce(async () => {
  const shown = result;
  if (!shown || isBusy()) return;
  await display(shown).catch(showError);
  redrawMask(shown);
  await redrawMethods(shown);
  updateAddress(shown);
});
const current = () => result;
/** The result, unless another slice is already in view. */
const settled = () => (isBusy() ? null : result);

initAppearance(() => result && remask(result).catch(showError), initLeaving(current, hasUnkeptCases).mayReload);
setDisplayOptions({ display: queryParameter("display"), colours: queryParameter("colours") });
addPhantoms(showWithModel, show);
initModelList(chooseModel);
initFiles(show, addModel, dropOnBatch);
initTabs();
initLayout();
initInspector();
initZoom();
const insertion = initInsertion(settled, show);
const measuring = initRuler(settled);
const windowing = initWindowing(current, () => redraw(undefined));
const correction = initCorrection(settled, (shown) => remask(shown).catch(showError));
initTools({ insert: insertion.tool, length: measuring.tool, window: windowing.tool, ...correction });
initCrosshair(
  (at) => {
    readAt(settled(), at.x, at.y);
    if (chosenTool() === "length") measuring.moveEnd(at);
  },
  (at) => {
    if (chosenTool() === "length") measuring.setEnd(at);
    if (chosenTool() === "insert") insertion.insertAt(at);
    const edit = Object.entries(correction).find(([name]) => name === chosenTool())?.[1];
    edit?.begin?.(at);
    edit?.end?.(at, at);
  },
  (x, y) => {
    const tool = chosenTool();
    if (tool === "window") windowing.dragBy(ARROW_PIXELS * x, ARROW_PIXELS * y);
    else if (tool === "pan") panBy(-ARROW_PAN * x, -ARROW_PAN * y);
    return tool === "window" || tool === "pan";
  },
);
initShortcuts();
initReadout(settled);
initExport(current, showError);
initDiagnostics(() => ({ result, device: explainer?.device ?? null }));
initComparison(current, () => models);
const methods = initMethods(current, ({ input, explainer }, method, options) => explainer.attribute(input.slice, method, options), updateAddress, showError);
initVolume(show, showError);
initBatch(async () => (await ready(new AbortController().signal)).explainer, show, showError).catch(showError);
initRequestLog();
onDisplay(() => redraw(undefined));
onMaskOptions(
  () => result && remask(result).catch(showError),
  () => result && redrawMask(result),
);
const first = show(loadInitial);
// Errors here also fail the first run, which reports them.
await Promise.allSettled([measureTime("engine", showLegend), storedSamples.then((entries) => addScans(entries, showWithModel))]);
// Saving the page for offline use starts after the first result, to leave it the network.
await first;
showCallouts();
if (queryParameter("methods") === "1" && result) methods.compare();
await enableOffline();
