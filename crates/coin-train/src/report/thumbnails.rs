//! Pictures of selected slices for the page, as data URIs.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use burn::tensor::Device;
use coin_core::explanation::Explainer;
use coin_imaging::write;

use super::selection::{self, Reason};
use super::sheet;
use crate::data::Samples;
use crate::evaluation::{Evaluation, MaskRule};

/// Longest side of a picture, in pixels.
const SIDE: u32 = 192;
/// Characters of all pictures together, so that the page can be sent by mail.
const BUDGET: usize = 2_600_000;

/// The pictures of one slice.
pub struct Thumbnail {
    /// Its place among the evaluated slices.
    pub place: usize,
    /// Why it is shown.
    pub reason: Reason,
    /// Data URIs of [`sheet::pictures`].
    pub pictures: Vec<String>,
}

/// The most informative slices, in the order of the report.
#[derive(Default)]
pub struct Thumbnails(Vec<Thumbnail>);

impl Thumbnails {
    /// Of the samples that were evaluated, as many as transform.
    ///
    /// # Errors
    /// If a slice cannot be read, the device fails, or a picture cannot be encoded.
    pub fn of(
        explainer: &Explainer,
        device: &Device,
        size: usize,
        samples: &Samples<'_>,
        found: &Evaluation,
        mask_rule: MaskRule,
    ) -> anyhow::Result<Self> {
        let (mut thumbnails, mut characters) = (Vec::new(), 0);
        for (reason, place) in selection::selected(&found.cases) {
            let Some(sample) = samples.at(&[place])?.pop() else { continue };
            let pictures = sheet::pictures(explainer, device, size, &sample, mask_rule)?.into_iter().map(|picture| {
                let png = write::png(&picture.shrunk(SIDE).with_notice())?;
                Ok(format!("data:image/png;base64,{}", STANDARD.encode(png)))
            });
            let pictures = pictures.collect::<anyhow::Result<Vec<_>>>()?;
            characters += pictures.iter().map(String::len).sum::<usize>();
            if characters > BUDGET {
                break;
            }
            thumbnails.push(Thumbnail { place, reason, pictures });
        }
        thumbnails.sort_by_key(|thumbnail| thumbnail.reason);
        Ok(Self(thumbnails))
    }

    /// One after the other.
    pub fn iter(&self) -> impl Iterator<Item = &Thumbnail> {
        self.0.iter()
    }

    /// Whether the slice at that place is pictured.
    pub fn shows(&self, place: usize) -> bool {
        self.0.iter().any(|thumbnail| thumbnail.place == place)
    }
}
