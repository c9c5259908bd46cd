//! What a network sees, and what is true about it.

use coin_imaging::anomaly::{self, AnomalyStyle, Inserted};
use coin_imaging::augmentation::Augmentation;
use coin_imaging::{Mask, Window, lesion};
use rand::{Rng, RngExt};

use super::Case;
use super::description::Unit;
use crate::recipe::AnomalyRecipe;

/// See the module.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Where it came from, for people.
    pub name: String,
    /// Whose it is.
    pub patient: String,
    /// `size * size` values in [-1, 1].
    pub input: Vec<f32>,
    /// The same without the anomaly, what a perfect inpainter would give; `None` where nobody knows.
    pub clean: Option<Vec<f32>>,
    /// Whether something is wrong.
    pub abnormal: bool,
    /// Where it is; `None` for a normal slice, and where nobody knows.
    pub truth: Option<Mask>,
    /// The organ.
    pub organ: Mask,
}

impl Sample {
    /// The case as it is, or, if it is a normal one, with an anomaly inserted where one is given and the organ allows it:
    /// with its probability.
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

/// Synthetic lesions are in HU. In images without HU, the slice's window takes the place of the soft-tissue window.
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
    /// The case, moved at random; from beyond its border comes what the window shows black.
    pub(super) fn augmented(&self, augmentation: &Augmentation, rng: &mut impl Rng) -> Self {
        let affine = augmentation.draw(self.slice.width(), self.slice.height(), rng);
        Self {
            name: self.name.clone(),
            patient: self.patient.clone(),
            slice: affine.slice(&self.slice, self.window.low()),
            window: self.window,
            unit: self.unit,
            organ: affine.mask(&self.organ),
            finding: self.finding.as_ref().map(|finding| affine.mask(finding)),
        }
    }
}
