//! Writes explanations: images and exact values of each slice, and a volume on the grid of the scan.

use std::io;
use std::path::Path;

use anyhow::Context as _;
use coin_core::explanation::Explanation;
use coin_core::ood::OodScore;
use coin_imaging::picture::Picture;
use coin_imaging::write::{Author, Correction};
use coin_imaging::{CounterfactualVolume, InputTransform, Mask, Slice, Window, counterfactual_hu, write};

use crate::Error;
use crate::evaluation::{self, MaskRule};
use crate::files;
use crate::model::{MaskSource, Model};
use npyz::{WriteOptions, WriterBuilder as _};

/// An explained slice with its mask.
pub struct ExplainedSlice {
    /// Probabilities and maps on the model's grid.
    pub explanation: Explanation,
    /// Mask on the model's grid.
    pub mask: Mask,
    /// Out-of-distribution score: [`coin_core::explanation::Explainer::ood_score`].
    pub ood_score: Option<OodScore>,
    /// `size * size` values in [-1, 1].
    input: Vec<f32>,
    size: usize,
    transform: InputTransform,
    window: Window,
}

impl ExplainedSlice {
    /// Explains `slice`, normalised with `window`.
    ///
    /// # Errors
    /// If the device fails.
    pub fn of(
        model: &Model,
        slice: &Slice,
        window: Window,
        source: MaskSource,
        mask_rule: MaskRule,
    ) -> anyhow::Result<Self> {
        let size = model.card.size;
        let transform = InputTransform::for_model(slice, size, model.card.crop_to_body);
        let input = transform.input(slice, window);
        let explanations = evaluation::explain(&model.explainer, &[&input], size, &model.device)?;
        let explanation = explanations.into_iter().next().context("the device gave no explanation")?;
        let map = match source {
            MaskSource::Difference => &explanation.difference,
            MaskSource::Segmenter => explanation.segmentation.as_ref().context("the model has no segmenter")?,
        };
        let mask = mask_rule.apply(map, size).context("the model's size is 0")?;
        let ood_score = model.explainer.ood_score(&input);
        Ok(Self { explanation, mask, ood_score, input, size, transform, window })
    }

    /// Position of the model's grid on the slice: [`InputTransform::square`].
    pub fn square(&self) -> [f64; 4] {
        self.transform.square()
    }

    /// Writes images with the research notice, the mask, the difference map as `difference.npy`, and the probabilities of a
    /// segmenter as `segmentation.npy`.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn write(&self, folder: &Path) -> anyhow::Result<()> {
        let size = self.size;
        let shown = Picture::of_normalised(&self.input, size, size);
        let save = |file: &str, picture: Picture| -> anyhow::Result<()> {
            Ok(files::write(&folder.join(file), &write::png(&picture.with_notice())?)?)
        };
        save("input.png", shown.clone())?;
        save("counterfactual.png", Picture::of_normalised(&self.explanation.counterfactual, size, size))?;
        save("difference.png", Picture::of_difference(&self.explanation.difference, size, size))?;
        save("overlay.png", shown.with_mask(&self.mask, None))?;
        files::write(&folder.join("mask.png"), &write::mask_png(&self.mask)?)?;
        let probabilities = folder.join("segmentation.npy");
        match &self.explanation.segmentation {
            Some(segmentation) => files::write(&probabilities, &npy(segmentation, size)?)?,
            // Of an earlier run with another model.
            None if probabilities.exists() => {
                std::fs::remove_file(&probabilities).map_err(Error::write(&probabilities))?
            }
            None => {}
        }
        Ok(files::write(&folder.join("difference.npy"), &npy(&self.explanation.difference, size)?)?)
    }

    /// Puts the counterfactual and the mask into `volume` at slice `index`, resampled to the grid of `slice`.
    pub fn put(&self, volume: &mut CounterfactualVolume<'_>, index: usize, slice: &Slice) {
        let hu = counterfactual_hu(slice, &self.transform, self.window, &self.input, &self.explanation.counterfactual);
        volume.put(index, hu, self.transform.undo_mask(&self.mask));
    }
}

/// Writes `counterfactual.nii.gz` (HU) and `mask.nii.gz` (0 or 1) of a volume, and `segmentation.dcm` (DICOM SEG) of a DICOM
/// series if the mask is not empty.
///
/// # Errors
/// If a file cannot be encoded or written.
pub fn write_volume(volume: &CounterfactualVolume<'_>, folder: &Path, model: &str) -> anyhow::Result<()> {
    let now = chrono::Utc::now();
    let (date, time) = (now.format("%Y%m%d").to_string(), now.format("%H%M%S").to_string());
    let (version, unique) = (env!("CARGO_PKG_VERSION"), rand::random());
    let correction = Correction::None;
    let author = Author { model, version, date: &date, time: &time, correction, unique };
    for (file, bytes) in [
        ("counterfactual.nii.gz", volume.nifti()?),
        ("mask.nii.gz", volume.mask_nifti(correction)?),
        ("segmentation.dcm", volume.segmentation(&author)?),
    ] {
        if let Some(bytes) = bytes {
            files::write(&folder.join(file), &bytes)?;
        }
    }
    Ok(())
}

/// A square f32 map in NumPy's .npy format.
fn npy(map: &[f32], size: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let shape = [size as u64; 2];
    let mut writer = WriteOptions::new().default_dtype().shape(&shape).writer(&mut bytes).begin_nd()?;
    writer.extend(map.iter().copied())?;
    writer.finish()?;
    Ok(bytes)
}
