import { engineMemory } from "../coin.js";
import { create, element } from "./dom.js";
import { DIAGNOSTICS, TIMES, bytesOf } from "./strings.js";
import { firstTimes, times } from "./times.js";

/** @typedef {import("./main.js").Result} Result */
/** @typedef {import("../coin.js").Device} Device */

const facts = element("device-facts", HTMLElement);
const status = element("diagnostics-status", HTMLElement);
const text = element("diagnostics-text", HTMLTextAreaElement);

/**
 * Sets up the button that copies system data for bug reports, without image data.
 *
 * @param {() => {result: Result | null, device: Device | null}} current
 */
export function initDiagnostics(current) {
  element("copy-diagnostics", HTMLButtonElement).addEventListener("click", async () => {
    const { result, device } = current();
    const report = JSON.stringify(await reportOf(result, device), null, 2);
    try {
      await navigator.clipboard.writeText(report);
      status.textContent = DIAGNOSTICS.copied;
    } catch {
      text.value = report;
      text.hidden = false;
      text.select();
      status.textContent = DIAGNOSTICS.copyManually;
    }
  });
}

/**
 * Shows engine, self-test and memory.
 *
 * @param {Result} result
 */
export async function showDiagnostics({ model, device }) {
  const { maxError, tolerance, milliseconds } = model.selfTest;
  const memory = await engineMemory();
  /** @type {[string, string][]} */
  const rows = [
    [DIAGNOSTICS.engine, `${device.engine === "cpu" ? "CPU" : "WebGPU"}${device.name === "CPU" ? "" : `: ${device.name}`}`],
    [DIAGNOSTICS.selfTest, DIAGNOSTICS.passed(maxError, tolerance, milliseconds)],
    ...(device.adapter ? [/** @type {[string, string]} */ ([DIAGNOSTICS.adapter, adapterOf(device.adapter)])] : []),
    ...memory.map(({ name, bytes }) => /** @type {[string, string]} */ ([DIAGNOSTICS.memory(name), bytesOf(bytes, null)])),
  ];
  facts.replaceChildren(...rows.flatMap(([name, value]) => [create("dt", {}, name), create("dd", {}, value)]));
}

/** A GPU adapter and its limits, as text. @param {import("../coin.js").Adapter} adapter */
function adapterOf({ backend, type, driver, maxBufferBytes, maxBindingBytes }) {
  const limits = DIAGNOSTICS.limits(bytesOf(maxBufferBytes, null), bytesOf(maxBindingBytes, null));
  return [backend, type, driver, limits].filter(Boolean).join(", ");
}

/**
 * @param {Result | null} result
 * @param {Device | null} device
 */
async function reportOf(result, device) {
  const rounded = (/** @type {Partial<Record<keyof typeof TIMES, number>>} */ all) => Object.fromEntries(Object.entries(all).map(([stage, ms]) => [stage, Math.round(ms)]));
  const { model, input } = result ?? {};
  return {
    page: document.title,
    browser: navigator.userAgent,
    processors: navigator.hardwareConcurrency,
    device,
    model: model && { name: model.name, size: model.size, selfTest: model.selfTest },
    slice: input && { width: input.slice.width, height: input.slice.height, slices: input.source.scan?.info.slices ?? 1 },
    milliseconds: { first: rounded(firstTimes), last: rounded(times) },
    memory: await engineMemory(),
  };
}
