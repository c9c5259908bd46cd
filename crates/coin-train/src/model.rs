//! A model file opened on a device, and the options that say which and how.

use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use burn::tensor::Device;
use clap::Args;
use coin_core::bundle::{Bundle, Card, Normalisation, Over};
use coin_core::explanation::Explainer;
use coin_imaging::{Scan, Window};

use crate::data::description;
use crate::device::{self, DeviceChoice};
use crate::evaluation::MaskRule;
use crate::files;
use crate::program::BadInput;

/// Bytes of the largest model file that is read; the paper's networks take 150 MB.
const LARGEST_MODEL: u64 = 1 << 30;

/// The options of every program that uses a model.
#[derive(Args)]
pub struct ModelOptions {
    /// The model file.
    #[arg(long)]
    model: PathBuf,
    /// Threshold of the mask instead of the model's.
    #[arg(long)]
    threshold: Option<f32>,
    /// Keep only components of the mask in which the difference exceeds this somewhere, instead of the model's; 0 keeps all.
    #[arg(long)]
    seed_threshold: Option<f32>,
    /// Open, close and keep the largest component of each mask.
    #[arg(long)]
    postprocess: bool,
    /// Where to compute: auto, cpu, vulkan[:N] or cuda[:N].
    #[arg(long, default_value = "auto")]
    device: DeviceChoice,
}

impl ModelOptions {
    /// The model, and how its difference maps become masks.
    pub fn open(&self) -> anyhow::Result<(Model, MaskRule)> {
        for (option, value) in [("threshold", self.threshold), ("seed-threshold", self.seed_threshold)] {
            if let Some(value) = value.filter(|value| !(0.0..1.0).contains(value)) {
                let reason = format!("--{option} {value}: choose a value from 0 up to, not including, 1");
                return Err(BadInput(reason).into());
            }
        }
        let model = Model::open(&self.model, self.device)?;
        let own = model.mask_rule();
        let mask_rule = MaskRule {
            threshold: self.threshold.unwrap_or(own.threshold),
            seed_threshold: self.seed_threshold.unwrap_or(own.seed_threshold),
            postprocess: self.postprocess || own.postprocess,
        };
        Ok((model, mask_rule))
    }
}

/// DICOM has several words for X-rays.
fn is_same(known: &str, found: &str) -> bool {
    known == found || known == "XR" && ["CR", "DX", "DR", "RF", "XA"].contains(&found)
}

/// What black and white mean in pictures that do not say so: the model's window in HU; else intensities stay what they are.
pub fn picture_window(card: &Card) -> anyhow::Result<Window> {
    match card.normalisation {
        Normalisation::Window(bounds) if card.is_in_hu() => Ok(Window::try_from(bounds)?),
        Normalisation::Window(_) | Normalisation::Percentiles { .. } => Ok(Window::EIGHT_BIT),
    }
}

/// A model that passed its self-test on its device.
#[derive(Clone, Debug)]
pub struct Model {
    /// What the model is.
    pub card: Card,
    /// The networks.
    pub explainer: Explainer,
    /// Where they are.
    pub device: Device,
}

impl Model {
    /// Opens a model file. With [`DeviceChoice::Auto`] a device that fails the self-test is left for the processor,
    /// with a sentence that says why.
    pub fn open(path: &Path, choice: DeviceChoice) -> anyhow::Result<Self> {
        let named = || path.display().to_string();
        let bundle = Self::bundle(path)?;
        let device = choice.open()?;
        let on_processor = device::is_processor(&device);
        match Self::on(&bundle, device).with_context(named) {
            Err(reason) if choice == DeviceChoice::Auto && !on_processor => {
                tracing::warn!("{reason:#}; computing on the processor instead");
                Self::on(&bundle, DeviceChoice::Cpu.open()?).with_context(named)
            }
            opened => opened,
        }
    }

    /// A model file that sees the same images as this one, on the same device.
    ///
    /// # Errors
    /// When it cannot be read, fails its self-test, or has another size, crop or normalisation.
    pub fn beside(&self, path: &Path) -> anyhow::Result<Self> {
        let named = || path.display().to_string();
        let other = Self::on(&Self::bundle(path)?, self.device.clone()).with_context(named)?;
        let input = |card: &Card| (card.size, card.crop_to_body, card.normalisation);
        if input(&other.card) != input(&self.card) {
            let (path, name) = (path.display(), &self.card.name);
            return Err(BadInput(format!("{path}: it has another size, crop or normalisation than {name}")).into());
        }
        Ok(other)
    }

    /// A warning where the scan says that it is of another modality than what the model was trained on.
    pub fn other_modality(&self, scan: &Scan) -> Option<String> {
        // Older models do not say what they are of, which was CT.
        let own = if self.card.modality.is_empty() { description::CT } else { &self.card.modality };
        let other = scan.modality().filter(|found| !own.split(" and ").any(|known| is_same(known, found)))?;
        Some(format!("it is {other}, and the model was trained on {own}; read its result with caution"))
    }

    /// The intensities that become -1 and 1 in the slices of a scan: what is ranked over all of them is ranked now, what over
    /// each by itself when it is asked for.
    pub fn windows<'a>(&self, scan: &'a Scan) -> anyhow::Result<impl Fn(usize) -> anyhow::Result<Window> + use<'a>> {
        let ranked = |slices: Range<usize>, percentiles: [f32; 2]| -> anyhow::Result<Window> {
            let found = Window::of_percentiles(slices.map(|index| scan.slice(index)), percentiles)?;
            found.with_context(|| format!("{}: its intensities are beyond +-100000", scan.name()))
        };
        let (of_all, of_each) = match self.card.normalisation {
            Normalisation::Window(bounds) => (Some(Window::try_from(bounds)?), [0.0; 2]),
            Normalisation::Percentiles { percentiles, over: Over::Slice } => (None, percentiles),
            Normalisation::Percentiles { percentiles, over: Over::Case | Over::Dataset } => {
                (Some(ranked(0..scan.slice_count(), percentiles)?), percentiles)
            }
        };
        Ok(move |index| of_all.map_or_else(|| ranked(index..index + 1, of_each), Ok))
    }

    /// How its difference maps become masks.
    pub fn mask_rule(&self) -> MaskRule {
        let Card { threshold, seed_threshold, postprocess, .. } = self.card;
        MaskRule { threshold, seed_threshold, postprocess }
    }

    /// Reads a model file.
    pub fn bundle(path: &Path) -> anyhow::Result<Bundle> {
        Bundle::read(&files::read_limited(path, LARGEST_MODEL)?).with_context(|| path.display().to_string())
    }

    fn on(bundle: &Bundle, device: Device) -> anyhow::Result<Self> {
        let explainer = bundle.explainer(&device)?;
        let size = bundle.card.self_test.size;
        let answers = explainer.explain(bundle.self_test_input(), size, &device)?.read()?;
        bundle.check(answers.first().context("the self-test gave no answer")?)?;
        let card = bundle.card.clone();
        Ok(Self { explainer, device, card })
    }
}
