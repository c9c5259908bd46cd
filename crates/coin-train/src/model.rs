//! Opens model files on a device, and defines the command-line options for it.

use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use burn::tensor::Device;
use clap::{Args, ValueEnum};
use coin_core::bundle::{Bundle, Card, Normalisation, Over};
use coin_core::explanation::Explainer;
use coin_imaging::{Scan, Window, modality};

use crate::Error;
use crate::data::description;
use crate::device::{self, DeviceChoice};
use crate::evaluation::MaskRule;
use crate::files;
use serde::{Deserialize, Serialize};

/// Size limit of model files in bytes; the paper's networks take 150 MB.
const LARGEST_MODEL: u64 = 1 << 30;

/// Command-line options of every program that uses a model.
#[derive(Args)]
pub struct ModelOptions {
    /// The model file.
    #[arg(long)]
    model: PathBuf,
    /// Mask threshold; overrides the model's.
    #[arg(long)]
    threshold: Option<f32>,
    /// Keep only mask components whose maximum exceeds this (hysteresis); overrides the model's. 0 keeps all.
    #[arg(long)]
    seed_threshold: Option<f32>,
    /// Apply morphological opening and closing to each mask and keep its largest component.
    #[arg(long)]
    postprocess: bool,
    /// Compute device: auto, cpu, vulkan or cuda; a number chooses one of several, as in cuda:1.
    #[arg(long, default_value = "auto")]
    device: DeviceChoice,
}

/// The map whose high values are the mask.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MaskSource {
    /// COIN's difference map.
    #[default]
    Difference,
    /// The probabilities of the model's segmenter.
    Segmenter,
}

impl ModelOptions {
    /// Whether `--postprocess` was given.
    pub fn postprocess(&self) -> bool {
        self.postprocess
    }

    /// Opens the model; returns it with the rule that turns its difference maps into masks.
    ///
    /// # Errors
    /// If a threshold is outside [0, 1), or the model or the device cannot be opened.
    pub fn open(&self) -> anyhow::Result<(Model, MaskRule)> {
        let (model, _, mask_rule) = self.open_from(Some(MaskSource::Difference))?;
        Ok((model, mask_rule))
    }

    /// Opens the model; returns it with the source of its masks and their rule. Without a `source`, it is the segmenter if the
    /// model has one.
    ///
    /// # Errors
    /// If a threshold is outside [0, 1), the model or the device cannot be opened, or the model has no such source.
    pub fn open_from(&self, source: Option<MaskSource>) -> anyhow::Result<(Model, MaskSource, MaskRule)> {
        for (option, value) in [("threshold", self.threshold), ("seed-threshold", self.seed_threshold)] {
            if let Some(value) = value.filter(|value| !(0.0..1.0).contains(value)) {
                let reason = format!("--{option} {value}: choose a value from 0 up to, but not including, 1");
                return Err(Error::Usage(reason).into());
            }
        }
        let model = Model::open(&self.model, self.device)?;
        let segmenter = model.card.segmenter.as_ref();
        let usual = if segmenter.is_some() { MaskSource::Segmenter } else { MaskSource::Difference };
        let (source, own) = match (source.unwrap_or(usual), segmenter) {
            (MaskSource::Segmenter, Some(segmenter)) => (MaskSource::Segmenter, MaskRule::at(segmenter.threshold)),
            (MaskSource::Segmenter, None) => {
                let reason = format!("--mask-from segmenter: model {} has none; choose difference", model.card.name);
                return Err(Error::Usage(reason).into());
            }
            (MaskSource::Difference, _) => (MaskSource::Difference, model.mask_rule()),
        };
        let mask_rule = MaskRule {
            threshold: self.threshold.unwrap_or(own.threshold),
            seed_threshold: self.seed_threshold.unwrap_or(own.seed_threshold),
            postprocess: self.postprocess || own.postprocess,
        };
        Ok((model, source, mask_rule))
    }
}

/// The intensities of black and white in picture files: the model's window if it is in HU, otherwise 0 to 255.
///
/// # Errors
/// If the model's window is invalid.
pub fn picture_window(card: &Card) -> anyhow::Result<Window> {
    match card.normalisation {
        Normalisation::Window(bounds) if card.is_in_hu() => Ok(Window::try_from(bounds)?),
        Normalisation::Window(_) | Normalisation::Percentiles { .. } => Ok(Window::EIGHT_BIT),
    }
}

/// A model that passed its self-test on its device.
#[derive(Clone, Debug)]
pub struct Model {
    /// The model card.
    pub card: Card,
    /// The networks.
    pub explainer: Explainer,
    /// The device that holds the networks.
    pub device: Device,
}

impl Model {
    /// Opens a model file and runs its self-test. With [`DeviceChoice::Auto`], falls back to the CPU with a warning if the
    /// self-test fails on another device.
    ///
    /// # Errors
    /// If the file or the device cannot be opened, or the self-test fails.
    pub fn open(path: &Path, choice: DeviceChoice) -> anyhow::Result<Self> {
        let named = || path.display().to_string();
        let bundle = Self::bundle(path)?;
        let device = choice.open()?;
        let on_cpu = device::is_cpu(&device);
        match Self::on(&bundle, device).with_context(named) {
            Err(reason) if choice == DeviceChoice::Auto && !on_cpu => {
                tracing::warn!("{reason:#}; using the CPU instead");
                Self::on(&bundle, DeviceChoice::Cpu.open()?).with_context(named)
            }
            opened => opened,
        }
    }

    /// Opens another model file with the same input on the same device.
    ///
    /// # Errors
    /// If it cannot be read, fails its self-test, or has another size, crop or normalisation.
    pub fn beside(&self, path: &Path) -> anyhow::Result<Self> {
        let named = || path.display().to_string();
        let other = Self::on(&Self::bundle(path)?, self.device.clone()).with_context(named)?;
        let input = |card: &Card| (card.size, card.crop_to_body, card.normalisation);
        if input(&other.card) != input(&self.card) {
            let (path, name) = (path.display(), &self.card.name);
            return Err(Error::Usage(format!(
                "{path}: the model has another size, crop or normalisation than {name}; choose one with the same input"
            ))
            .into());
        }
        Ok(other)
    }

    /// A warning if images declare another modality than the model's training data.
    pub fn other_modality(&self, images: Option<&str>) -> Option<String> {
        // Older models do not record their modality; it was always CT.
        let own = if self.card.modality.is_empty() { description::CT } else { &self.card.modality };
        let other = images.filter(|found| !modality::accepted(own).contains(found))?;
        Some(format!("this is {other}, but the model was trained on {own}; its result may be wrong"))
    }

    /// Returns a function from slice index to the intensities that are mapped to [-1, 1]. Percentiles over a case are computed
    /// here, percentiles over a slice on each call.
    ///
    /// # Errors
    /// If a slice cannot be read, or its intensities exceed +-100000.
    pub fn windows<'a>(&self, scan: &'a Scan) -> anyhow::Result<impl Fn(usize) -> anyhow::Result<Window> + use<'a>> {
        let ranked = |slices: Range<usize>, percentiles: [f32; 2]| -> anyhow::Result<Window> {
            let found = Window::of_percentiles(slices.map(|index| scan.slice(index)), percentiles)?;
            found.with_context(|| format!("{}: its intensities exceed +-100000; rescale them", scan.name()))
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

    /// The rule that turns difference maps into masks.
    pub fn mask_rule(&self) -> MaskRule {
        let Card { threshold, seed_threshold, postprocess, .. } = self.card;
        MaskRule { threshold, seed_threshold, postprocess }
    }

    /// Reads a model file without opening a device.
    ///
    /// # Errors
    /// If it cannot be read or is not a valid model file.
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
