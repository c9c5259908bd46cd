import { maskRuleOf } from "../coin.js";
import { measuredComponents } from "./measurements.js";
import { textsOf } from "./components.js";
import { create, element } from "./dom.js";
import { editsOf } from "./edits.js";
import { isInserted } from "./figure.js";
import { nameOf } from "./files.js";
import { canvases, drawOrientation } from "./panes.js";
import { drawLengths, lengthTexts } from "./ruler.js";
import { COMPONENTS, EXPORT, MODEL, REPORT, VERDICT, decimal } from "./strings.js";
import { unitOf } from "./units.js";
import { leadOf, verdictOf, warningOf } from "./verdict.js";

/** @typedef {import("./main.js").Result} Result */

/** Components for which there is room on the page. */
const MAX_ROWS = 10;
/** Side of the pictures in pixels: 85 mm at 300 dpi. */
const SIDE = 1000;

const report = element("report", HTMLElement);

/**
 * Prints a page with images, components, model and notice; the browser can save it as PDF.
 *
 * @param {Result} result
 */
export async function printReport(result) {
  const { input, explanation, model, device, view } = result;
  const { before, after, sentence } = verdictOf(explanation);
  const { components: all, others: unmeasured } = await measuredComponents(result);
  const components = all.slice(0, MAX_ROWS);
  const others = unmeasured + all.length - components.length;
  const pictures = canvases.map((canvas, i) => {
    const picture = create("canvas", { width: SIDE, height: SIDE });
    const context = picture.getContext("2d");
    context?.drawImage(canvas, 0, 0, SIDE, SIDE);
    if (context) drawLengths(context, SIDE, result);
    if (context && input.source.scan?.info.isOriented) drawOrientation(context, { x: 0, y: 0, side: SIDE });
    return create("figure", {}, picture, create("figcaption", {}, EXPORT.panes[i]));
  });
  const head = create("tr", {}, ...REPORT.columns.map((name) => create("th", { scope: "col" }, name)));
  const rows = components.map((component, i) => {
    const cells = [String(i + 1), ...textsOf(result, component), decimal(component.difference, 2)];
    return create("tr", {}, ...cells.map((text) => create("td", {}, text)));
  });
  const { source, threshold, seedThreshold, postprocess } = result.maskRule ?? maskRuleOf(model);
  /** @type {[string, string][]} */
  const facts = [
    [REPORT.image, [nameOf(input).split("/").at(-1), input.source.credit].filter(Boolean).join(", ")],
    [REPORT.model, [model.title, model.licence].filter(Boolean).join(", ")],
    [MODEL.limits, model.limits],
    [REPORT.window, MODEL.windowOf(view?.window ?? explanation.window, unitOf(model, input.source.scan))],
    [REPORT.maskFrom, source === "segmenter" ? REPORT.segmenter : ""],
    [REPORT.threshold, [decimal(threshold, 2), postprocess ? REPORT.postprocessed : ""].filter(Boolean).join(", ")],
    [MODEL.seedThreshold, seedThreshold > threshold ? decimal(seedThreshold, 2) : ""],
    [REPORT.lengths, lengthTexts(result).join("; ")],
    [REPORT.engine, device.name],
    [REPORT.made, new Date().toLocaleString(document.documentElement.lang, { dateStyle: "long", timeStyle: "short" })],
  ];
  const notes = [
    warningOf(explanation, model, input.source.scan),
    editsOf(result).isEmpty ? null : EXPORT.corrected,
    isInserted(input) ? EXPORT.inserted : null,
    components.length === 0 ? COMPONENTS.none : others > 0 ? COMPONENTS.more(others) : null,
  ];
  report.replaceChildren(
    create("p", { className: "banner" }, EXPORT.burnt),
    create("h1", {}, REPORT.title),
    create("p", { className: "numbers" }, `${leadOf(model)} ${before.text} \u2192 ${VERDICT.after} ${after.text}`),
    create("p", {}, sentence),
    create("div", { className: "pictures" }, ...pictures),
    ...(rows.length > 0 ? [create("table", { className: "numbers-table" }, create("thead", {}, head), create("tbody", {}, ...rows))] : []),
    ...notes.flatMap((note) => (note ? [create("p", {}, note)] : [])),
    create("dl", {}, ...facts.flatMap(([name, value]) => (value ? [create("dt", {}, name), create("dd", {}, value)] : []))),
  );
  report.hidden = false;
  // Some browsers return before they have printed.
  addEventListener("afterprint", () => (report.hidden = true), { once: true });
  print();
}
