//! Files of an evaluation: `report.json`, `report.html` and the picture sheet.

mod cases;
mod classifier;
mod decimal;
mod figures;
mod negative_controls;
mod page;
mod plot;
mod segmentation;
mod selection;
mod sheet;
mod table;
mod thumbnails;

use std::collections::BTreeMap;
use std::path::Path;

use coin_core::calibration::Temperature;
use coin_core::metrics::{RankingCurves, RankingSummary};
use coin_core::verification::Verification;
use coin_imaging::write;
use serde::{Deserialize, Serialize};

use crate::NOTICE;
use crate::evaluation::{Evaluation, MaskRule, MethodReport, NegativeControl, SliceCounts, SliceResult};
use crate::files;
use coin_core::attribution::SaliencyMethod;

use decimal::decimal;

pub use sheet::{Sheet, representative};
pub use thumbnails::Thumbnails;

/// The segmenter trained on COIN's masks.
const DISTILLED: &str = "COIN + distillation (U-Net)";

/// Numbers by method name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Methods {
    /// COIN itself.
    pub coin: MethodReport,
    /// The segmenter trained on COIN's masks, if one was trained or the model file has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distilled: Option<MethodReport>,
    /// The supervised segmenter, if one was trained: the supervised upper bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unet: Option<MethodReport>,
    /// Other models on the same slices, by the names they were given.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub models: BTreeMap<String, MethodReport>,
    /// Saliency methods on the same classifier.
    #[serde(flatten)]
    pub saliency: BTreeMap<SaliencyMethod, MethodReport>,
}

impl Methods {
    /// The methods other than COIN, with their names in papers.
    pub fn others(&self) -> impl Iterator<Item = (&str, &MethodReport)> {
        let distilled = self.distilled.iter().map(|found| (DISTILLED, found));
        let bound = self.unet.iter().map(|found| ("Supervised upper bound (U-Net)", found));
        let models = self.models.iter().map(|(name, found)| (name.as_str(), found));
        let saliency = self.saliency.iter().map(|(method, found)| (method.title(), found));
        distilled.chain(bound).chain(models).chain(saliency)
    }

    /// COIN and the others.
    pub fn all(&self) -> impl Iterator<Item = (&str, &MethodReport)> {
        std::iter::once(("COIN", &self.coin)).chain(self.others())
    }
}

/// `report.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Name of the model.
    pub model: String,
    /// Description of the evaluated data.
    pub data: String,
    /// Where it ran.
    pub device: String,
    /// Threshold of COIN's masks.
    pub threshold: f32,
    /// Whether masks were opened and closed and only their largest component kept; `None` in older reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postprocess: Option<bool>,
    /// Rule of the model that selects the differences to keep, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verification: Option<Verification>,
    /// Temperature of the model's calibrated probabilities, if it has one. CV is computed from probabilities that are not
    /// calibrated, as in the paper.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<Temperature>,
    /// Hash of the model's weights, where they were read from a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights_sha256: Option<String>,
    /// Version and revision of this program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub software: Option<String>,
    /// Number of evaluated slices.
    pub slices: SliceCounts,
    /// Number of out-of-distribution warnings; `None` without a detector. `unfamiliar` in older reports.
    #[serde(default, alias = "unfamiliar", skip_serializing_if = "Option::is_none")]
    pub ood_warnings: Option<usize>,
    /// Metrics of the classifier.
    pub classifier: RankingSummary,
    /// Its ROC curve and reliability diagram.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classifier_curves: Option<RankingCurves>,
    /// Metrics of each method.
    pub methods: Methods,
    /// Negative controls by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub controls: BTreeMap<String, NegativeControl>,
    /// Each evaluated slice.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cases: Vec<SliceResult>,
    /// Time the evaluation took.
    pub seconds: f64,
    /// Intended use.
    #[serde(default = "notice")]
    pub notice: String,
}

/// Name of the negative control of evaluated normal slices.
pub const NORMAL: &str = "normal slices";

fn notice() -> String {
    NOTICE.into()
}

impl Report {
    /// From an evaluation and its circumstances.
    pub fn new(model: &str, data: &str, device: &str, mask_rule: MaskRule, found: &Evaluation, seconds: f64) -> Self {
        Self {
            model: model.into(),
            data: data.into(),
            device: device.into(),
            threshold: mask_rule.threshold,
            postprocess: Some(mask_rule.postprocess),
            verification: found.verification,
            temperature: found.temperature,
            weights_sha256: None,
            software: Some(format!("COIN {}, revision {}", env!("CARGO_PKG_VERSION"), env!("COIN_REVISION"))),
            slices: found.slices,
            ood_warnings: found.ood_warnings,
            classifier: found.classifier,
            classifier_curves: Some(found.curves.clone()),
            methods: Methods { coin: found.coin.clone(), ..Methods::default() },
            controls: found.normal.map(|normal| (NORMAL.to_owned(), normal)).into_iter().collect(),
            cases: found.cases.clone(),
            seconds,
            notice: notice(),
        }
    }

    /// Without slices and curves, for the model file.
    pub fn without_slices(self) -> Self {
        Self { cases: Vec::new(), classifier_curves: None, ..self }
    }

    /// Writes `report.json`, `report.html` with the `thumbnails`, and `sheet.png` into `folder`.
    pub fn write(&self, folder: &Path, sheet: &Sheet, thumbnails: &Thumbnails) -> anyhow::Result<()> {
        files::write(&folder.join("sheet.png"), &write::png(&sheet.picture())?)?;
        files::write(&folder.join("report.html"), page::html(self, thumbnails).as_bytes())?;
        Ok(files::write(&folder.join("report.json"), &serde_json::to_vec_pretty(self)?)?)
    }

    /// For the terminal: a line for COIN, one for each other method, and one for each kind of controls.
    pub fn summary(&self) -> String {
        let coin = &self.methods.coin;
        let first = format!(
            "{} on {}: IoU {} at {:.2} (ceiling {}), Dice {}, CV {}, classifier AUROC {}, change outside {}, {} slices, {} abnormal",
            self.model,
            self.data,
            decimal(coin.iou),
            self.threshold,
            decimal(coin.ceiling_iou),
            decimal(coin.dice),
            decimal(coin.cv),
            decimal(self.classifier.auroc),
            decimal(coin.change_outside),
            self.slices.total,
            self.slices.abnormal,
        );
        let others = self.methods.others().map(|(title, found)| {
            let (iou, threshold) = (decimal(found.iou), found.threshold);
            let best = decimal(found.best().map(|(_, iou)| iou));
            format!("{title}: IoU {iou} at {threshold:.3} (best over thresholds {best})")
        });
        let controls = self.controls.iter().map(|(name, control)| {
            format!(
                "{name}: {} images without a finding, {:.3} called abnormal, {:.3} with a mask, {} with an OOD warning, mean change {:.4}",
                control.slices,
                control.called_abnormal,
                control.masked,
                decimal(control.ood_warnings),
                control.mean_change
            )
        });
        [first].into_iter().chain(others).chain(controls).collect::<Vec<_>>().join("\n")
    }
}
