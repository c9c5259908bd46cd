//! `sheet.png`: a row a sample, a column a picture of it.

use anyhow::Context as _;
use burn::tensor::Device;
use coin_core::explanation::Explainer;
use coin_imaging::Mask;
use coin_imaging::picture::Picture;

use crate::data::Sample;
use crate::evaluation::{self, Evaluation, MaskRule};

/// Input, counterfactual, difference, and mask against truth of a sample.
pub fn pictures(
    explainer: &Explainer,
    device: &Device,
    size: usize,
    sample: &Sample,
    mask_rule: MaskRule,
) -> anyhow::Result<Vec<Picture>> {
    let found = evaluation::explain(explainer, &[&sample.input], size, device)?;
    let explanation = found.into_iter().next().context("the device gave no explanation back")?;
    let input = Picture::of_normalised(&sample.input, size, size);
    let none = || Mask::new(size, size, vec![false; size * size]);
    let mask = mask_rule.apply(&explanation.difference, size);
    let overlaid = match (mask, sample.truth.clone().or_else(none)) {
        (Some(mask), Some(truth)) => input.clone().with_mask(&mask, Some(&truth)),
        _ => input.clone(),
    };
    Ok(vec![
        input,
        Picture::of_normalised(&explanation.counterfactual, size, size),
        Picture::of_difference(&explanation.difference, size, size),
        overlaid,
    ])
}

/// Rows of pictures under captions, as one picture.
pub struct Sheet {
    captions: Vec<String>,
    rows: Vec<Vec<Picture>>,
    size: usize,
}

impl Sheet {
    /// Input, counterfactual, difference, and mask against truth of the samples, a row each.
    pub fn of(
        explainer: &Explainer,
        device: &Device,
        size: usize,
        samples: &[Sample],
        mask_rule: MaskRule,
    ) -> anyhow::Result<Self> {
        let rows = samples.iter().map(|sample| pictures(explainer, device, size, sample, mask_rule));
        Ok(Self {
            captions: ["input", "counterfactual", "difference", "mask and truth"].map(String::from).into(),
            rows: rows.collect::<Result<_, _>>()?,
            size,
        })
    }

    /// Adds a column with the maps of another method, one per row; rows without a map stay empty.
    pub fn with_maps(mut self, caption: &str, maps: &[Option<Vec<f32>>]) -> Self {
        let nothing = vec![0.0; self.size * self.size];
        self.captions.push(caption.to_owned());
        for (row, map) in self.rows.iter_mut().zip(maps) {
            row.push(Picture::of_difference(map.as_ref().unwrap_or(&nothing), self.size, self.size));
        }
        self
    }

    /// As one picture.
    pub fn picture(&self) -> Picture {
        let captions: Vec<&str> = self.captions.iter().map(String::as_str).collect();
        Picture::grid(&captions, &self.rows)
    }
}

/// The cases for a sheet, by rule: best, quartiles, median and worst IoU, and the first normal slice.
pub fn representative(found: &Evaluation) -> Vec<usize> {
    let mut order = found.iou_by_sample.clone();
    order.sort_by(|a, b| b.1.total_cmp(&a.1));
    let at = |quarter: usize| order.get((order.len().saturating_sub(1)) * quarter / 4);
    let mut chosen: Vec<usize> = (0..=4).filter_map(|quarter| at(quarter).map(|(i, _)| *i)).collect();
    chosen.dedup();
    chosen.extend(found.first_normal);
    chosen
}
