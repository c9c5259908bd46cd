//! Slices for training and evaluation, already on the model's grid, and the anomalies planted in them.

mod phantoms;
mod slices;

use coin_imaging::anomaly::{self, AnomalyStyle};
use coin_imaging::augmentation::Augmentation;
use coin_imaging::{Mask, Slice, Window};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::program::BadInput;
use crate::recipe::{AnomalyRecipe, DataRecipe, Protocol};

pub use slices::{KIDNEY, SliceFolder, SliceFolderError, SliceRow, TUMOUR};

/// How often each evaluation slice of a folder is planted, with different anomalies.
const PLANTINGS: u64 = 2;

/// Patients of phantom sets start here, so that no seed serves two purposes.
const PHANTOM_SPLITS: [u64; 3] = [0, 1_000_000, 2_000_000];

/// What slices are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Fitting weights.
    Train,
    /// Choosing checkpoint and threshold.
    Validation,
    /// Looking once.
    Test,
}

/// A slice on the model's grid with its kidneys.
#[derive(Clone, Debug)]
pub struct Case {
    /// Where it came from, for people.
    pub name: String,
    /// `size * size` pixels in HU.
    pub slice: Slice,
    /// The kidneys on the same grid.
    pub kidneys: Mask,
}

/// What a network sees, and what is true about it.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Where it came from, for people.
    pub name: String,
    /// `size * size` values in [-1, 1].
    pub input: Vec<f32>,
    /// The same without the anomaly: what a perfect inpainter would give.
    pub clean: Vec<f32>,
    /// The anomaly; `None` for a normal slice.
    pub truth: Option<Mask>,
    /// The kidneys.
    pub kidneys: Mask,
}

/// Cases for each purpose.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// Words for model cards.
    pub description: String,
    train: Vec<Case>,
    validation: Vec<Case>,
    test: Vec<Case>,
    plantings: u64,
}

impl Dataset {
    /// The data of a protocol for these purposes; `folder` where its source is one.
    pub fn open(protocol: &Protocol, folder: Option<&SliceFolder>, purposes: &[Purpose]) -> anyhow::Result<Self> {
        let cases = |purpose: Purpose| -> anyhow::Result<Vec<Case>> {
            if !purposes.contains(&purpose) {
                return Ok(Vec::new());
            }
            match (&protocol.data, folder) {
                (_, Some(folder)) => Ok(folder.cases(purpose, protocol.size, protocol.window)?),
                (DataRecipe::Phantom { train, validation, test }, None) => {
                    let (split, count) = match purpose {
                        Purpose::Train => (0, *train),
                        Purpose::Validation => (1, *validation),
                        Purpose::Test => (2, *test),
                    };
                    Ok(phantoms::cases(PHANTOM_SPLITS[split], count, protocol.size))
                }
                (DataRecipe::Slices { .. }, None) => {
                    Err(BadInput(format!("{} needs slices: say --data slices:DIR", protocol.name)).into())
                }
            }
        };
        let (train, validation, test) = (cases(Purpose::Train)?, cases(Purpose::Validation)?, cases(Purpose::Test)?);
        let (description, plantings) = match folder {
            Some(folder) => {
                let of = match &protocol.data {
                    DataRecipe::Slices { name } if !name.is_empty() => name.clone(),
                    _ => folder.name(),
                };
                (format!("{} training slices of {of}", train.len()), PLANTINGS)
            }
            None => (format!("procedural abdomen phantoms: {} patients to train on", train.len()), 1),
        };
        Ok(Self { description, train, validation, test, plantings })
    }

    /// Cases for a purpose.
    pub fn cases(&self, purpose: Purpose) -> &[Case] {
        match purpose {
            Purpose::Train => &self.train,
            Purpose::Validation => &self.validation,
            Purpose::Test => &self.test,
        }
    }

    /// The samples of a purpose: the same from the same seed. Slices of a folder are planted twice, being few.
    pub fn samples(&self, purpose: Purpose, window: Window, anomaly: &AnomalyRecipe, seed: u64) -> Vec<Sample> {
        let cases = self.cases(purpose);
        let plantings = if anomaly.probability > 0.0 { self.plantings } else { 1 };
        let jobs: Vec<(u64, &Case)> = (0..plantings).flat_map(|_| cases).zip(0..).map(|(c, i)| (i, c)).collect();
        jobs.into_par_iter()
            .map(|(i, case)| {
                let mut rng = ChaCha8Rng::seed_from_u64(seed);
                rng.set_stream(i);
                sample(case, window, anomaly, &mut rng)
            })
            .collect()
    }

    /// `size` training samples: decided by the seed and the step alone, so a resumed training sees the same, whatever the
    /// number of threads.
    pub fn batch(
        &self,
        window: Window,
        anomaly: &AnomalyRecipe,
        augmentation: Option<&Augmentation>,
        seed: u64,
        step: u64,
        size: usize,
    ) -> Vec<Sample> {
        (0..size as u64)
            .into_par_iter()
            .map(|i| {
                let mut rng = ChaCha8Rng::seed_from_u64(seed);
                rng.set_stream(step * size as u64 + i);
                let chosen = rng.random_range(0..self.train.len().max(1) as u64) as usize;
                let case = &self.train[chosen];
                match augmentation {
                    Some(augmentation) => {
                        sample(&moved(case, window, augmentation, &mut rng), window, anomaly, &mut rng)
                    }
                    None => sample(case, window, anomaly, &mut rng),
                }
            })
            .collect()
    }
}

/// The case, moved at random; from beyond its border comes what the window shows black.
fn moved(case: &Case, window: Window, augmentation: &Augmentation, rng: &mut impl Rng) -> Case {
    let movement = augmentation.draw(case.slice.width(), case.slice.height(), rng);
    Case {
        name: case.name.clone(),
        slice: movement.slice(&case.slice, window.low()),
        kidneys: movement.mask(&case.kidneys),
    }
}

/// Plants an anomaly with the recipe's probability, where the kidneys allow one.
fn sample(case: &Case, window: Window, anomaly: &AnomalyRecipe, rng: &mut impl Rng) -> Sample {
    let wanted = rng.random_bool(anomaly.probability);
    let seed = rng.random();
    let style: AnomalyStyle = anomaly.style();
    let planted = wanted.then(|| anomaly::plant(&case.slice, &case.kidneys, window, &style, seed)).flatten();
    let clean = window.normalise_slice(&case.slice);
    let kidneys = case.kidneys.clone();
    match planted {
        Some(planted) => Sample {
            name: case.name.clone(),
            input: window.normalise_slice(&planted.slice),
            clean,
            truth: Some(planted.mask),
            kidneys,
        },
        None => Sample { name: case.name.clone(), input: clean.clone(), clean, truth: None, kidneys },
    }
}
