//! Samples: network inputs with their ground truth.

use coin_imaging::anomaly::{self, AnomalyStyle, Inserted};
use coin_imaging::augmentation::Augmentation;
use coin_imaging::{Mask, Slice, Window, lesion};
use rand::{Rng, RngExt};

use super::Case;
use super::description::Unit;
use crate::recipe::AnomalyRecipe;

/// A network input with its ground truth.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Display name of the source image.
    pub name: String,
    /// Patient identifier.
    pub patient: String,
    /// `size * size` values in [-1, 1], row by row.
    pub input: Vec<f32>,
    /// The input without the synthetic anomaly, the ideal output of an inpainter; `None` for real findings.
    pub clean: Option<Vec<f32>>,
    /// Image-level label.
    pub abnormal: bool,
    /// Mask of the anomaly or finding; `None` for normal slices and for findings without masks.
    pub truth: Option<Mask>,
    /// Organ mask.
    pub organ: Mask,
}

impl Sample {
    /// The sample as a case whose finding is the sample's mask, and whose intensities are those of the network input.
    pub(super) fn into_case(self) -> Result<(Case, bool), coin_imaging::Error> {
        let Self { name, patient, input, abnormal, truth, organ, .. } = self;
        let slice = Slice::new(organ.width(), organ.height(), input, None)?;
        let window = Window::new(-1.0, 1.0)?;
        Ok((Case { name, patient, slice, window, unit: Unit::Arbitrary, organ, finding: truth }, abnormal))
    }

    /// Makes a sample from a case. A normal case gets a synthetic anomaly with the recipe's probability if `anomaly` is given
    /// and the organ has room for it.
    pub(super) fn of(case: &Case, abnormal: bool, anomaly: Option<&AnomalyRecipe>, rng: &mut impl Rng) -> Self {
        let window = case.window;
        let own = window.normalise_slice(&case.slice);
        let (name, patient, organ) = (case.name.clone(), case.patient.clone(), case.organ.clone());
        let inserted = anomaly.filter(|_| !abnormal).and_then(|anomaly| {
            let wanted = rng.random_bool(anomaly.probability);
            let seed = rng.random();
            let lesion = anomaly.lesions > 0.0 && rng.random_bool(anomaly.lesions);
            let style: AnomalyStyle = anomaly.style();
            wanted.then(|| match lesion {
                true => synthetic_lesion(case, seed),
                false => anomaly::insert(&case.slice, &case.organ, window, &style, seed),
            })?
        });
        match inserted {
            Some(inserted) => Self {
                name,
                patient,
                input: window.normalise_slice(&inserted.slice),
                clean: Some(own),
                abnormal: true,
                truth: Some(inserted.mask),
                organ,
            },
            None => {
                let clean = (!abnormal).then(|| own.clone());
                Self { name, patient, input: own, clean, abnormal, truth: case.finding.clone(), organ }
            }
        }
    }
}

/// Inserts a synthetic lesion, which is defined in HU. In images without HU, the slice's window is mapped to the soft-tissue
/// window.
fn synthetic_lesion(case: &Case, seed: u64) -> Option<Inserted> {
    let Case { slice, organ, window, unit, .. } = case;
    match unit {
        Unit::Hu => lesion::insert(slice, organ, *window, seed),
        Unit::Arbitrary => {
            let tissue = Window::ABDOMEN;
            let inserted = lesion::insert(&slice.rescaled(*window, tissue), organ, tissue, seed)?;
            Some(Inserted { slice: inserted.slice.rescaled(tissue, *window), ..inserted })
        }
    }
}

impl Case {
    /// Applies a random augmentation; pixels from outside the image get the lower end of the window.
    pub(super) fn augmented(&self, augmentation: &Augmentation, rng: &mut impl Rng) -> Self {
        let affine = augmentation.draw(self.slice.width(), self.slice.height(), rng);
        Self {
            name: self.name.clone(),
            patient: self.patient.clone(),
            slice: affine.slice(&self.slice, self.window.low()),
            window: augmentation.draw_window(self.window, rng),
            unit: self.unit,
            organ: affine.mask(&self.organ),
            finding: self.finding.as_ref().map(|finding| affine.mask(finding)),
        }
    }
}
