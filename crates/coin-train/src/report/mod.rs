//! What an evaluation leaves behind: `report.json`, `report.html` and the picture sheet.

mod page;
mod sheet;

use std::collections::BTreeMap;
use std::path::Path;

use coin_core::metrics::RankingSummary;
use coin_imaging::write;
use serde::{Deserialize, Serialize};

use crate::NOTICE;
use crate::evaluation::{Evaluation, MaskRule, MethodReport, NegativeControl, SliceCounts};
use crate::files;
use coin_core::attribution::SaliencyMethod;

pub use sheet::{Sheet, representative};

/// Numbers by method name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Methods {
    /// COIN itself.
    pub coin: MethodReport,
    /// The supervised segmenter, where one was trained: the bound of what masks give.
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
    /// What COIN is compared with, with names as papers write them.
    pub fn others(&self) -> impl Iterator<Item = (&str, &MethodReport)> {
        let models = self.models.iter().map(|(name, found)| (name.as_str(), found));
        let saliency = self.saliency.iter().map(|(method, found)| (method.title(), found));
        models.chain(saliency).chain(self.unet.iter().map(|found| ("U-Net, supervised", found)))
    }
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
    /// Threshold of COIN's masks.
    pub threshold: f32,
    /// Slices looked at.
    pub slices: SliceCounts,
    /// Slices with an out-of-distribution warning, where the model can give one. `unfamiliar` in older reports.
    #[serde(default, alias = "unfamiliar", skip_serializing_if = "Option::is_none")]
    pub ood_warnings: Option<usize>,
    /// The classifier's numbers.
    pub classifier: RankingSummary,
    /// The explanations' numbers.
    pub methods: Methods,
    /// What was done to images in which there is nothing to be found, by what they are.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub controls: BTreeMap<String, NegativeControl>,
    /// Time the evaluation took.
    pub seconds: f64,
    /// What it is for.
    #[serde(default = "notice")]
    pub notice: String,
}

/// What the evaluated slices that are normal are called among the negative controls.
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
            slices: found.slices,
            ood_warnings: found.ood_warnings,
            classifier: found.classifier,
            methods: Methods { coin: found.coin.clone(), ..Methods::default() },
            controls: found.normal.map(|normal| (NORMAL.to_owned(), normal)).into_iter().collect(),
            seconds,
            notice: notice(),
        }
    }

    /// Writes `report.json` and `report.html` into `folder`, with `sheet` as `sheet.png`.
    pub fn write(&self, folder: &Path, sheet: &Sheet) -> anyhow::Result<()> {
        let sheet = write::png(&sheet.picture())?;
        files::write(&folder.join("sheet.png"), &sheet)?;
        files::write(&folder.join("report.html"), page::html(self, &sheet).as_bytes())?;
        Ok(files::write(&folder.join("report.json"), &serde_json::to_vec_pretty(self)?)?)
    }

    /// For the terminal: a line for COIN, one for each other method, and one for each kind of controls.
    pub fn summary(&self) -> String {
        let coin = &self.methods.coin;
        let first = format!(
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
        );
        let others = self.methods.others().map(|(title, found)| {
            let (iou, threshold) = (number(found.iou), found.threshold);
            let best = number(found.best().map(|(_, iou)| iou));
            format!("{title}: IoU {iou} at {threshold:.3} (best over thresholds {best})")
        });
        let controls = self.controls.iter().map(|(name, control)| {
            format!(
                "{name}: {} images with nothing to be found, {:.3} called abnormal, {:.3} with a mask, {} warned of, mean change {:.4}",
                control.slices,
                control.called_abnormal,
                control.masked,
                number(control.ood_warnings),
                control.mean_change
            )
        });
        [first].into_iter().chain(others).chain(controls).collect::<Vec<_>>().join("\n")
    }
}

fn number(value: Option<f64>) -> String {
    value.map_or("-".into(), |value| format!("{value:.3}"))
}
