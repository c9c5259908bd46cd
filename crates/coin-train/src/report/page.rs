//! `report.html`: one file with its tables, curves and pictures.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Report, number};
use crate::NOTICE;
use crate::evaluation::{MethodReport, NegativeControl};

/// Line colours: COIN's first, then the other methods'.
const COLOURS: [&str; 8] = ["#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#8c564b", "#c2410c", "#be185d", "#525252"];

/// The page of a report, with its sheet as PNG.
pub fn html(report: &Report, sheet: &[u8]) -> String {
    let coin = &report.methods.coin;
    let methods: Vec<(&str, &MethodReport)> = [("COIN", coin)].into_iter().chain(report.methods.others()).collect();
    let row = |name: &str, value: &dyn Fn(&MethodReport) -> String| {
        let cells: String = methods.iter().map(|(_, found)| format!("<td>{}</td>", value(found))).collect();
        format!("<tr><th>{name}</th>{cells}</tr>")
    };
    let best = |found: &MethodReport| {
        found.best().map_or("-".into(), |(threshold, iou)| format!("{iou:.3} at {threshold:.2}"))
    };
    let rows = [
        row("Threshold", &|found| format!("{:.3}", found.threshold)),
        row("Peak that each component of the mask exceeds", &|found| {
            if found.seed_threshold > 0.0 { format!("{:.2}", found.seed_threshold) } else { "-".into() }
        }),
        row("Pooled IoU", &|found| number(found.iou)),
        row("95 % interval of it, over patients", &|found| interval(found.iou_ci95)),
        row("Best over thresholds of .01 to .99, by the threshold alone", &best),
        row("Ceiling of the protocol (perfect inpainting)", &|found| number(found.ceiling_iou)),
        row("Dice", &|found| number(found.dice)),
        row("Precision", &|found| number(found.precision)),
        row("Recall", &|found| number(found.recall)),
        row("Mean IoU of abnormal slices", &|found| number(found.iou_mean)),
        row("95 % interval of that mean, over patients", &|found| interval(found.iou_mean_ci95)),
        row("Counterfactual validity (CV)", &|found| number(found.cv)),
        row("CV of all slices, as Singla et al. count it", &|found| number(found.cv_all_slices)),
        row("Counterfactuals with the wanted verdict", &|found| number(found.counterfactual_accuracy)),
        row("FID (Inception, 768 features)", &|found| number(found.fid)),
        row("Frechet distance in the classifier's features (no FID)", &|found| number(found.frechet_classifier)),
        row("Mean change outside the anomaly", &|found| {
            found.change_outside.map_or("-".into(), |change| format!("{change:.4}"))
        }),
    ]
    .concat();
    let head: String = methods.iter().map(|(name, _)| format!("<th>{}</th>", escaped(name))).collect();
    let classifier = [
        ("AUROC", number(report.classifier.auroc)),
        ("95 % interval of it, over patients", interval(report.classifier.auroc_ci95)),
        ("Accuracy", number(report.classifier.accuracy)),
        ("F1", number(report.classifier.f1)),
        ("Calibration error", number(report.classifier.calibration_error)),
    ]
    .map(|(name, value)| format!("<tr><th>{name}</th><td>{value}</td></tr>"))
    .concat();
    let controls = controls(&report.controls);
    let lines: Vec<(&str, &[(f32, f64)])> =
        methods.iter().map(|(name, found)| (*name, found.iou_by_threshold.as_slice())).collect();
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>COIN: {model}</title><style>body{{font:16px/1.5 system-ui,sans-serif;max-width:76rem;margin:2rem auto;padding:0 1rem}}\
         div{{overflow-x:auto}}table{{border-collapse:collapse}}th{{text-align:left;font-weight:400;padding-right:2rem}}tr>th:first-child{{min-width:11rem}}\
         thead th,td{{text-align:right;padding:0 0 0 1rem;font-variant-numeric:tabular-nums}}td{{white-space:nowrap}}\
         th,td{{border-bottom:1px solid #ccc}}img,svg{{max-width:100%}}\
         @media print{{body{{font-size:11px;margin:0;max-width:none}}tr,svg,img{{break-inside:avoid}}}}</style>\
         <h1>{model}</h1><p>{data}; {total} slices, {abnormal} abnormal; {device}; {seconds:.0} s. {NOTICE}</p>\
         <div><table><thead><tr><td></td>{head}</tr></thead>{rows}</table></div>\
         <h2>Classifier</h2><table>{classifier}</table>\
         {controls}<h2>Pooled IoU by threshold</h2>{curves}<p><img src=\"data:image/png;base64,{sheet}\" alt=\"Best, median and worst cases\"></p></html>\n",
        curves = curves(&lines),
        model = escaped(&report.model),
        data = escaped(&report.data),
        device = escaped(&report.device),
        total = report.slices.total,
        abnormal = report.slices.abnormal,
        seconds = report.seconds,
        sheet = STANDARD.encode(sheet),
    )
}

/// What was done where there is nothing to be found; nothing where no such image was looked at.
fn controls(controls: &BTreeMap<String, NegativeControl>) -> String {
    let row = |(name, control): (&String, &NegativeControl)| {
        let NegativeControl { slices, called_abnormal, masked, ood_warnings, mean_change } = control;
        let (name, ood_warnings) = (escaped(name), number(*ood_warnings));
        format!(
            "<tr><th>{name}</th><td>{slices}</td><td>{called_abnormal:.3}</td><td>{masked:.3}</td><td>{ood_warnings}</td>\
             <td>{mean_change:.4}</td></tr>"
        )
    };
    if controls.is_empty() {
        return String::new();
    }
    let rows: String = controls.iter().map(row).collect();
    format!(
        "<h2>Where there is nothing to be found</h2><div><table><thead><tr><td></td><th>Images</th><th>Called abnormal</th>\
         <th>With a mask</th><th>Warned of</th><th>Mean change</th></tr></thead>{rows}</table></div>"
    )
}

fn interval(bounds: Option<[f64; 2]>) -> String {
    bounds.map_or("-".into(), |[low, high]| format!("{low:.3} to {high:.3}"))
}

/// IoU over threshold, both from 0 to 1, as an inline SVG; a line a method.
fn curves(methods: &[(&str, &[(f32, f64)])]) -> String {
    const SIDE: f64 = 320.0;
    let ticks: String = [0.0, 0.25, 0.5, 0.75, 1.0]
        .iter()
        .map(|tick| {
            let at = tick * SIDE;
            let (back, label) = (SIDE - at, SIDE + 18.0);
            format!(
                "<path d=\"M{at} 0V{SIDE}M0 {back}H{SIDE}\" stroke=\"#ddd\"/>\
                 <text x=\"{at}\" y=\"{label}\" text-anchor=\"middle\">{tick}</text>\
                 <text x=\"-6\" y=\"{back}\" text-anchor=\"end\" dominant-baseline=\"middle\">{tick}</text>"
            )
        })
        .collect();
    let mut lines = String::new();
    for (row, ((name, points), colour)) in methods.iter().zip(COLOURS.into_iter().cycle()).enumerate() {
        let points: Vec<String> = points
            .iter()
            .map(|(threshold, iou)| format!("{:.1},{:.1}", f64::from(*threshold) * SIDE, (1.0 - iou) * SIDE))
            .collect();
        let (points, name, y) = (points.join(" "), escaped(name), 16 + 18 * row);
        lines += &format!(
            "<polyline points=\"{points}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>\
             <text x=\"312\" y=\"{y}\" text-anchor=\"end\" fill=\"{colour}\">{name}</text>"
        );
    }
    format!(
        "<svg viewBox=\"-40 -10 380 360\" width=\"380\" role=\"img\" aria-label=\"Pooled IoU by threshold\" font-size=\"12\">\
         {ticks}{lines}</svg>"
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}
