//! What an explanation leaves on disk: pictures and exact values of a slice, and a volume on the scan's own grid.

use std::path::Path;

use anyhow::Context as _;
use coin_core::explanation::Explanation;
use coin_imaging::picture::Picture;
use coin_imaging::write::Author;
use coin_imaging::{Fit, Format, Mask, Scan, Slice, Window, write};

use crate::evaluation::Masking;
use crate::files;
use crate::model::Model;

/// A slice, what the model made of it, and the mask.
pub struct ExplainedSlice {
    /// Probabilities, counterfactual and difference map on the model's grid.
    pub explanation: Explanation,
    /// The mask on the model's grid.
    pub mask: Mask,
    /// `size * size` values in [-1, 1].
    input: Vec<f32>,
    size: usize,
    fit: Fit,
    window: Window,
}

impl ExplainedSlice {
    /// Explains `slice`.
    pub fn of(model: &Model, slice: &Slice, masking: Masking) -> anyhow::Result<Self> {
        let size = model.card.size;
        let fit = Fit::of(slice, size);
        let input = model.window.normalise_slice(&fit.apply(slice));
        let explanations = model.explainer.explain(input.clone(), size, &model.device)?.read()?;
        let explanation = explanations.into_iter().next().context("the device gave no explanation")?;
        let mask = masking.apply(&explanation.difference, size).context("the model's size is 0")?;
        Ok(Self { explanation, mask, input, size, fit, window: model.window })
    }

    /// Writes pictures with the notice, the mask, and the difference map as `difference.npy`.
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
        let mask = self.mask.as_slice().iter().map(|&inside| if inside { 255 } else { 0 }).collect();
        files::write(&folder.join("mask.png"), &write::grey_png(size, size, mask)?)?;
        Ok(files::write(&folder.join("difference.npy"), &npy(&self.explanation.difference, size))?)
    }

    /// The counterfactual of `slice` in HU on its own grid: its own values, moved by what the model changed, so that
    /// detail finer than the model's grid and HU beyond its window stay.
    fn counterfactual_hu(&self, slice: &Slice) -> Vec<f32> {
        let pairs = self.explanation.counterfactual.iter().zip(&self.input);
        let change: Vec<f32> =
            pairs.map(|(after, before)| self.window.to_hu(*after) - self.window.to_hu(*before)).collect();
        self.fit.undo(&change, 0.0).iter().zip(slice.hu()).map(|(change, hu)| hu + change).collect()
    }
}

/// Counterfactual and mask of a volume on its own grid; slices that were not explained stay as they are, unmasked.
pub struct ExplainedVolume<'a> {
    scan: &'a Scan,
    counterfactual: Vec<Vec<f32>>,
    masks: Vec<Mask>,
}

impl<'a> ExplainedVolume<'a> {
    /// Nothing explained yet; `None` for a picture, which lies nowhere in a patient.
    pub fn of(scan: &'a Scan) -> Option<Self> {
        if scan.format() == Format::Picture {
            return None;
        }
        let slices: Vec<&Slice> = (0..scan.slice_count()).filter_map(|index| scan.slice(index).ok()).collect();
        let empty = |slice: &&Slice| Mask::new(slice.width(), slice.height(), vec![false; slice.hu().len()]);
        let masks = slices.iter().map(empty).collect::<Option<_>>()?;
        Some(Self { scan, counterfactual: slices.iter().map(|slice| slice.hu().to_vec()).collect(), masks })
    }

    /// Puts slice `index` of the scan in its place.
    pub fn put(&mut self, index: usize, slice: &Slice, explained: &ExplainedSlice) {
        if let (Some(hu), Some(mask)) = (self.counterfactual.get_mut(index), self.masks.get_mut(index)) {
            *hu = explained.counterfactual_hu(slice);
            *mask = explained.fit.undo_mask(&explained.mask);
        }
    }

    /// Writes `counterfactual.nii.gz` (HU) and `mask.nii.gz` (0 or 1) of a volume, and `segmentation.dcm` of a DICOM series
    /// in which something changed.
    pub fn write(&self, folder: &Path, model: &str) -> anyhow::Result<()> {
        if let Some(geometry) = self.scan.geometry() {
            let labels = |mask: &Mask| mask.as_slice().iter().map(|&inside| inside.into()).collect();
            let labels: Vec<Vec<u8>> = self.masks.iter().map(labels).collect();
            let counterfactual = write::nifti(&self.counterfactual, geometry)?;
            files::write(&folder.join("counterfactual.nii.gz"), &counterfactual)?;
            files::write(&folder.join("mask.nii.gz"), &write::nifti(&labels, geometry)?)?;
        }
        if !self.scan.is_segmentable() {
            return Ok(());
        }
        let now = chrono::Utc::now();
        let (date, time) = (now.format("%Y%m%d").to_string(), now.format("%H%M%S").to_string());
        let (version, unique) = (env!("CARGO_PKG_VERSION"), rand::random());
        let author = Author { model, version, date: &date, time: &time, unique };
        match write::segmentation(&self.masks, self.scan, &author)? {
            Some(bytes) => Ok(files::write(&folder.join("segmentation.dcm"), &bytes)?),
            None => Ok(()),
        }
    }
}

/// A square f32 map as NumPy's .npy, version 1: exact values for further work.
fn npy(map: &[f32], size: usize) -> Vec<u8> {
    let mut header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({size}, {size}), }}");
    // Magic, version and length take 10 bytes; the whole header ends on a multiple of 64.
    let padded = (10 + header.len() + 1).next_multiple_of(64) - 10;
    header.push_str(&" ".repeat(padded - 1 - header.len()));
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((padded as u16).to_le_bytes());
    bytes.extend(header.bytes());
    bytes.extend(map.iter().flat_map(|value| value.to_le_bytes()));
    bytes
}
