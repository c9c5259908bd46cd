//! The paper's ablation from Singla et al. to COIN (section 4): its rows, our scores, and a table that compares both.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use coin_core::networks::Fuse;
use coin_core::training::Distance;
use serde::{Deserialize, Serialize};

use crate::evaluation::MethodReport;
use crate::evaluation::PAPER_THRESHOLD;
use crate::recipe::Recipe;
use coin_core::attribution::SaliencyMethod;

/// One row of the ablation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AblationRow {
    /// Name in the paper.
    pub name: &'static str,
    /// Its recipe; the small preset appends `-small`.
    pub recipe: &'static str,
    /// Published CV (counterfactual validity) on TotalSegmentator with synthetic anomalies.
    pub published_cv: f64,
    /// Published IoU on the same data.
    pub published_iou: f64,
}

/// All rows, from Singla et al. (A) to COIN.
pub const ROWS: [AblationRow; 9] = [
    row("A", "paper-a", 0.992, 0.020),
    row("B", "paper-b", 0.934, 0.086),
    row("C", "paper-c", 0.968, 0.284),
    row("D", "paper-d", 0.933, 0.480),
    row("E", "paper-e", 0.961, 0.463),
    row("F", "paper-f", 0.954, 0.509),
    row("G", "paper-g", 0.996, 0.528),
    row("H", "paper-h", 0.998, 0.445),
    row(COIN, "paper-synthetic", 0.997, 0.646),
];

/// Name of the last row. The saliency methods explain its classifier, and its recipe also trains the supervised segmenter.
pub const COIN: &str = "COIN";

const fn row(name: &'static str, recipe: &'static str, published_cv: f64, published_iou: f64) -> AblationRow {
    AblationRow { name, recipe, published_cv, published_iou }
}

/// The published IoU of a saliency method on the same data.
fn published(method: SaliencyMethod) -> Option<f64> {
    match method {
        SaliencyMethod::Rise => Some(0.397),
        SaliencyMethod::ScoreCam => Some(0.030),
        SaliencyMethod::LayerCam => Some(0.026),
        SaliencyMethod::GradCam => None,
    }
}

/// Results of the ablation, one report per seed.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Ablation {
    /// Counterfactual methods by row.
    pub rows: BTreeMap<String, Vec<MethodReport>>,
    /// Saliency methods on the shared classifiers.
    pub saliency: BTreeMap<SaliencyMethod, Vec<MethodReport>>,
    /// The supervised U-Net, the upper bound.
    pub unet: Vec<MethodReport>,
}

impl Ablation {
    /// A Markdown table of our results and the published ones; `recipe` returns the recipe of a row.
    pub fn table(&self, recipe: impl Fn(&AblationRow) -> Recipe) -> String {
        let mut table = format!(
            "| | masks | perturbation | skips | conditions | IoU at {PAPER_THRESHOLD} | best IoU | CV | seeds | paper: IoU | paper: CV |\n\
             |---|---|---|---|---|---|---|---|---|---|---|\n"
        );
        for row in &ROWS {
            let Some(found) = self.rows.get(row.name) else { continue };
            let counterfactual = recipe(row).counterfactual;
            let (inpainter, training) = (counterfactual.inpainter, counterfactual.training);
            let yes = |is: bool| if is { "yes" } else { "-" };
            let _ = writeln!(
                table,
                "| {} | {} | {} | {} | {} | {} | {:.3} | {:.3} |",
                row.name,
                yes(training.distance == Distance::Carl),
                yes(inpainter.fuse != Fuse::None),
                inpainter.skips.len(),
                inpainter.conditions,
                measured(found, at_paper_threshold),
                row.published_iou,
                row.published_cv,
            );
        }
        for (method, found) in &self.saliency {
            let own = measured(found, |report| report.iou);
            let published = published(*method).map_or("-".into(), |iou| format!("{iou:.3}"));
            let _ = writeln!(table, "| {} | | | | | {own} | {published} | - |", method.title());
        }
        if !self.unet.is_empty() {
            let _ = writeln!(
                table,
                "| U-Net, supervised | | | | | {} | - | - |",
                measured(&self.unet, |report| report.iou)
            );
        }
        table
    }
}

/// Four cells: IoU, best IoU over thresholds, CV, and the number of seeds.
fn measured(found: &[MethodReport], iou: impl Fn(&MethodReport) -> Option<f64>) -> String {
    let best = |report: &MethodReport| report.best().map(|(_, iou)| iou);
    format!(
        "{} | {} | {} | {}",
        spread(found, iou),
        spread(found, best),
        spread(found, |report| report.cv),
        found.len()
    )
}

/// IoU at the paper's threshold, even if the model has another.
fn at_paper_threshold(report: &MethodReport) -> Option<f64> {
    let near = |threshold: f32| (threshold - PAPER_THRESHOLD).abs() < 1e-4;
    report.iou_by_threshold.iter().find(|(threshold, _)| near(*threshold)).map(|(_, iou)| *iou)
}

/// The mean over seeds; with several seeds, also the minimum and maximum.
fn spread(found: &[MethodReport], number: impl Fn(&MethodReport) -> Option<f64>) -> String {
    let values: Vec<f64> = found.iter().filter_map(number).collect();
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    match values.len() {
        0 => "-".into(),
        1 => format!("{mean:.3}"),
        _ => {
            let (low, high) = values.iter().fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(*v), h.max(*v)));
            format!("{mean:.3} ({low:.3} to {high:.3})")
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_table_shows_the_row_settings_and_the_mean_over_seeds() {
        let scored = |iou: f64| MethodReport {
            iou_by_threshold: vec![(0.25, iou), (0.3, iou + 0.1)],
            cv: Some(0.5),
            ..MethodReport::default()
        };
        let rows = [("A", vec![scored(0.1)]), (COIN, vec![scored(0.5), scored(0.7)])];
        let ablation = Ablation {
            rows: rows.into_iter().map(|(name, found)| (name.to_owned(), found)).collect(),
            ..Ablation::default()
        };
        let table = ablation.table(|row| Recipe::load(row.recipe, &[]).unwrap());
        let lines: Vec<&str> = table.lines().skip(2).collect();
        assert_eq!(
            lines,
            [
                "| A | yes | - | 0 | 2 | 0.100 | 0.200 | 0.500 | 1 | 0.020 | 0.992 |",
                "| COIN | - | yes | 4 | 1 | 0.600 (0.500 to 0.700) | 0.700 (0.600 to 0.800) | 0.500 (0.500 to 0.500) | 2 | 0.646 | 0.997 |",
            ]
        );
    }
}
