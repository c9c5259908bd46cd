//! What an evaluation leaves behind: `report.json`, `report.html` and the picture sheet.

use std::path::Path;

use burn::tensor::Device;
use coin_core::explanation::Explainer;
use coin_core::metrics::RankingSummary;
use coin_imaging::picture::Picture;
use coin_imaging::{Mask, write};
use serde::{Deserialize, Serialize};

use crate::data::Sample;
use crate::evaluation::{self, Evaluation, Masking, MethodReport, SliceCounts};
use crate::files;

/// Numbers by method name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Methods {
    /// COIN itself.
    pub coin: MethodReport,
}

/// `report.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Name of the model.
    pub model: String,
    /// What it was evaluated on.
    pub data: String,
    /// Where it ran.
    pub device: String,
    /// Threshold of the mask.
    pub threshold: f32,
    /// Slices looked at.
    pub slices: SliceCounts,
    /// The classifier's numbers.
    pub classifier: RankingSummary,
    /// The explanations' numbers.
    pub methods: Methods,
    /// Time the evaluation took.
    pub seconds: f64,
}

impl Report {
    /// From an evaluation and its circumstances.
    pub fn new(model: &str, data: &str, device: &str, masking: Masking, found: &Evaluation, seconds: f64) -> Self {
        Self {
            model: model.into(),
            data: data.into(),
            device: device.into(),
            threshold: masking.threshold,
            slices: found.slices,
            classifier: found.classifier,
            methods: Methods { coin: found.coin.clone() },
            seconds,
        }
    }

    /// Writes `report.json` and `report.html` into `folder`, with `sheet` as `sheet.png`.
    pub fn write(&self, folder: &Path, sheet: &Picture) -> anyhow::Result<()> {
        files::write(&folder.join("sheet.png"), &write::png(sheet)?)?;
        files::write(&folder.join("report.html"), self.html().as_bytes())?;
        Ok(files::write(&folder.join("report.json"), &serde_json::to_vec_pretty(self)?)?)
    }

    /// One line for the terminal.
    pub fn summary(&self) -> String {
        let coin = &self.methods.coin;
        format!(
            "{} on {}: IoU {} at {:.2} (ceiling {}), Dice {}, CV {}, classifier AUROC {}, change outside {}, {} slices, {} abnormal",
            self.model,
            self.data,
            number(coin.iou),
            self.threshold,
            number(coin.ceiling_iou),
            number(coin.dice),
            number(coin.cv),
            number(self.classifier.auroc),
            number(coin.change_outside),
            self.slices.total,
            self.slices.abnormal,
        )
    }

    fn html(&self) -> String {
        let coin = &self.methods.coin;
        let interval = coin.iou_mean_ci95.map_or("-".into(), |[low, high]| format!("{low:.3} to {high:.3}"));
        let rows = [
            ("Pooled IoU", number(coin.iou)),
            ("Ceiling of the protocol (perfect inpainting)", number(coin.ceiling_iou)),
            ("Dice", number(coin.dice)),
            ("Precision", number(coin.precision)),
            ("Recall", number(coin.recall)),
            ("Mean IoU of abnormal slices", number(coin.iou_mean)),
            ("95 % interval of that mean", interval),
            ("Counterfactual validity (CV)", number(coin.cv)),
            ("Counterfactuals called normal", number(coin.counterfactual_accuracy)),
            ("Mean change outside the anomaly", number(coin.change_outside)),
            ("Classifier AUROC", number(self.classifier.auroc)),
            ("Classifier accuracy", number(self.classifier.accuracy)),
            ("Classifier F1", number(self.classifier.f1)),
        ];
        let rows: String =
            rows.iter().map(|(name, value)| format!("<tr><th>{name}</th><td>{value}</td></tr>")).collect();
        format!(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
             <title>COIN: {model}</title><style>body{{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}}\
             table{{border-collapse:collapse}}th{{text-align:left;font-weight:400;padding-right:2rem}}td{{text-align:right;font-variant-numeric:tabular-nums}}\
             th,td{{border-bottom:1px solid #ccc}}img{{max-width:100%}}</style>\
             <h1>{model}</h1><p>{data}; {total} slices, {abnormal} abnormal; threshold {threshold:.2}; {device}; {seconds:.0} s. Research use only.</p>\
             <table>{rows}</table><h2>Pooled IoU by threshold</h2>{curve}<p><img src=\"sheet.png\" alt=\"Best, median and worst cases\"></p></html>\n",
            curve = curve(&coin.iou_by_threshold),
            model = escaped(&self.model),
            data = escaped(&self.data),
            device = escaped(&self.device),
            total = self.slices.total,
            abnormal = self.slices.abnormal,
            threshold = self.threshold,
            seconds = self.seconds,
        )
    }
}

/// IoU over threshold, both from 0 to 1, as an inline SVG.
fn curve(points: &[(f32, f64)]) -> String {
    const SIDE: f64 = 320.0;
    let points: Vec<String> = points
        .iter()
        .map(|(threshold, iou)| format!("{:.1},{:.1}", f64::from(*threshold) * SIDE, (1.0 - iou) * SIDE))
        .collect();
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
    format!(
        "<svg viewBox=\"-40 -10 380 360\" width=\"380\" role=\"img\" aria-label=\"Pooled IoU by threshold\" font-size=\"12\">\
         {ticks}<polyline points=\"{}\" fill=\"none\" stroke=\"#1f77b4\" stroke-width=\"2\"/></svg>",
        points.join(" ")
    )
}

fn number(value: Option<f64>) -> String {
    value.map_or("-".into(), |value| format!("{value:.3}"))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

/// A row a sample: input, counterfactual, difference, mask against truth.
pub fn sheet(
    explainer: &Explainer,
    device: &Device,
    size: usize,
    samples: &[Sample],
    masking: Masking,
) -> anyhow::Result<Picture> {
    let mut rows = Vec::with_capacity(samples.len());
    evaluation::explain_all(explainer, device, size, samples, |_, sample, explanation| {
        let input = Picture::of_normalised(&sample.input, size, size);
        let none = || Mask::new(size, size, vec![false; size * size]);
        let mask = masking.apply(&explanation.difference, size);
        let overlaid = match (mask, sample.truth.clone().or_else(none)) {
            (Some(mask), Some(truth)) => input.clone().with_mask(&mask, Some(&truth)),
            _ => input.clone(),
        };
        rows.push(vec![
            input,
            Picture::of_normalised(&explanation.counterfactual, size, size),
            Picture::of_difference(&explanation.difference, size, size),
            overlaid,
        ]);
    })?;
    Ok(Picture::grid(&["input", "counterfactual", "difference", "mask and truth"], &rows))
}

/// The cases for a sheet, by rule: best, quartiles, median and worst IoU, and the first normal slice.
pub fn representative(found: &Evaluation, samples: &[Sample]) -> Vec<Sample> {
    let mut order = found.iou_by_sample.clone();
    order.sort_by(|a, b| b.1.total_cmp(&a.1));
    let at = |quarter: usize| order.get((order.len().saturating_sub(1)) * quarter / 4);
    let mut chosen: Vec<usize> = (0..=4).filter_map(|quarter| at(quarter).map(|(i, _)| *i)).collect();
    chosen.dedup();
    chosen.extend(samples.iter().position(|sample| sample.truth.is_none()));
    chosen.into_iter().filter_map(|i| samples.get(i).cloned()).collect()
}
