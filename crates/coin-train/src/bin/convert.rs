//! Converts checkpoints of the COIN reference implementation to model files and model files to ONNX, and verifies model files.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use burn::tensor::Device;
use clap::{Parser, Subcommand};
use coin_core::bundle::{Bundle, Card, FORMAT, Networks, Normalisation, SELF_TEST_TOLERANCE, SelfTest};
use coin_core::calibration::Temperature;
use coin_core::explanation::largest_difference;
use coin_core::method::Method;
use coin_core::networks::{Fuse, InpainterConfig, Upsampling};
use coin_imaging::Window;
use coin_imaging::anomaly::AnomalyStyle;
use coin_train::Error;
use coin_train::data::{DataOptions, Dataset, Samples, Subset};
use coin_train::device::DeviceChoice;
use coin_train::evaluation::{MaskRule, PAPER_THRESHOLD, choose_rules, choose_threshold, fit_temperature};
use coin_train::model::Model;
use coin_train::pretrained::Pretrained;
use coin_train::program;
use coin_train::recipe::{Names, Protocol, Task};
use coin_train::{files, onnx, ood};
use serde_json::{Value, json};

/// Smallest side in pixels of the image on which two models are compared.
const COMPARED: usize = 128;

/// Seed of the synthetic anomalies in the slices to which the OOD detector is fitted.
const INSERTION_SEED: u64 = 777;

/// Import, export, calibrate and verify models.
#[derive(Parser)]
#[command(
    version,
    after_help = "Examples:
  convert import checkpoint_150.pth --name coin-totalsegmentator --window -160 240 --out model.safetensors
  convert import tumours.pth --name coin-tuh --upsampling bilinear --window -80 310 --out model.safetensors
  convert onnx model.safetensors --out model.onnx
  convert ood model.safetensors --data slices:DIR --out model.safetensors
  convert verify model.safetensors --against other.safetensors"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Convert a .pth or .safetensors checkpoint of the COIN reference implementation (enc.*, gen.*, classifier_f.*) to a
    /// model file.
    Import(Import),
    /// Export a model to ONNX. Input: image; outputs: counterfactual, difference, before and after,
    /// and segmentation if the model has a segmenter.
    Onnx {
        /// The model file.
        model: PathBuf,
        /// Output file.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Fit the out-of-distribution detector of a model file to its training data, as `train` does. The weights do not change.
    #[command(alias = "familiarity")]
    Ood {
        /// The model file.
        model: PathBuf,
        #[command(flatten)]
        data: DataOptions,
        /// Known limitations of the model, shown to its users.
        #[arg(long, value_name = "TEXT")]
        limits: Option<String>,
        /// Output file.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Choose the mask rule of a model file on the validation slices of its data, as `train` does: threshold, seed threshold and
    /// verification of candidates, and the threshold of its segmenter. The weights do not change.
    MaskRule(OnValidation),
    /// Fit the temperature of a model file on the validation slices of its data, as `train` does, so that its probabilities agree
    /// with frequencies. Neither the weights nor any verdict changes; the results in the file stay those of its last evaluation.
    Temperature(OnValidation),
    /// Run a model's self-test and optionally compare its output with another model's.
    Verify {
        /// The model file.
        model: PathBuf,
        /// A model file whose output should be the same.
        #[arg(long, value_name = "FILE")]
        against: Option<PathBuf>,
        /// Compute device: auto, cpu, vulkan or cuda; a number chooses one of several, as in cuda:1.
        #[arg(long, default_value = "cpu")]
        device: DeviceChoice,
    },
}

/// A change of a model file by what its validation slices say.
#[derive(clap::Args)]
struct OnValidation {
    /// The model file.
    model: PathBuf,
    #[command(flatten)]
    data: DataOptions,
    /// Compute device: auto, cpu, vulkan or cuda; a number chooses one of several, as in cuda:1.
    #[arg(long, default_value = "cpu")]
    device: DeviceChoice,
    /// Output file.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

#[derive(clap::Args)]
struct Import {
    /// The checkpoint file.
    checkpoint: PathBuf,
    /// Model name, used in file names.
    #[arg(long)]
    name: String,
    /// Display name; defaults to the model name.
    #[arg(long)]
    title: Option<String>,
    /// HU values that were mapped to -1 and 1 in training.
    #[arg(long, num_args = 2, value_names = ["LOW", "HIGH"], allow_negative_numbers = true, required = true)]
    window: Vec<f32>,
    /// Side of the input in pixels.
    #[arg(long, default_value_t = 256)]
    size: usize,
    /// Upsampling of the generator: nearest or bilinear. The checkpoint does not record it.
    #[arg(long, default_value = "nearest", value_parser = program::named::<Upsampling>)]
    upsampling: Upsampling,
    /// The generator outputs the image itself instead of a perturbation of the input (ptb_based: False).
    #[arg(long)]
    without_perturbation: bool,
    /// Training method of the counterfactuals: coin, coin-v2 or singla.
    #[arg(long, default_value = "coin", value_parser = program::named::<Method>)]
    method: Method,
    /// Label of the organ into which evaluations insert synthetic anomalies.
    #[arg(long, default_value = "kidney")]
    organ: String,
    /// Licence of the weights.
    #[arg(long, default_value = "unknown")]
    licence: String,
    /// Description of the training data.
    #[arg(long, default_value = "unknown")]
    trained_on: String,
    /// Output model file.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

fn main() -> ExitCode {
    program::run(|| match Arguments::parse_from(program::arguments()).command {
        Command::Import(import) => self::import(&import),
        Command::Onnx { model, out } => export(&model, &out),
        Command::Ood { model, data, limits, out } => calibrate_ood(&model, &data, limits, &out),
        Command::MaskRule(on) => choose_mask_rule(&on),
        Command::Temperature(on) => calibrate(&on),
        Command::Verify { model, against, device } => verify(&model, against.as_deref(), device),
    })
}

fn import(import: &Import) -> anyhow::Result<()> {
    let window = program::window("--window", &import.window)?;
    let adapt = |config: InpainterConfig| {
        let fuse = if import.without_perturbation { Fuse::None } else { config.fuse };
        InpainterConfig { upsampling: import.upsampling, fuse, ..config }
    };
    let device = Device::flex();
    let reference = Pretrained::open(&import.checkpoint)?.reference(adapt, &device)?;
    let card = Card {
        format: FORMAT,
        name: import.name.clone(),
        title: import.title.clone().unwrap_or_else(|| import.name.clone()),
        inpainter: reference.config,
        classifier: reference.architecture,
        method: import.method,
        size: import.size,
        crop_to_body: false,
        seed_threshold: 0.0,
        normalisation: Normalisation::Window(window.into()),
        finding: String::new(),
        modality: String::new(),
        unit: String::new(),
        threshold: PAPER_THRESHOLD,
        postprocess: false,
        recipe: protocol(import, window),
        data: import.trained_on.clone(),
        results: Value::Null,
        limits: String::new(),
        ood: None,
        verification: None,
        temperature: None,
        segmenter: None,
        licence: import.licence.clone(),
        weights_sha256: String::new(),
        self_test: SelfTest::unknown(),
    };
    let networks = Networks { inpainter: reference.inpainter, classifier: reference.classifier, segmenter: None };
    let bundle = Bundle::pack(card, networks, &device)?;
    files::write(&import.out, &bundle.write()?)?;
    let (inpainter, classifier) = (&bundle.card.inpainter, &bundle.card.classifier);
    eprintln!(
        "{}: widths {:?}, skips {:?}, {} conditions; classifier {:?} of width {}",
        import.out.display(),
        inpainter.widths,
        inpainter.skips,
        inpainter.conditions,
        classifier.family,
        classifier.width
    );
    Ok(())
}

/// A stand-in for the recipe, which evaluations read: the paper's synthetic anomalies.
fn protocol(import: &Import, window: Window) -> Value {
    let AnomalyStyle { diameter_mm, contrast, .. } = AnomalyStyle::PAPER;
    json!({
        "name": "imported",
        "input": { "size": import.size, "normalisation": { "window": window } },
        "task": Task { organ: Names(vec![import.organ.clone()]), ..Task::default() },
        "data": { "source": "slices" },
        "anomaly": { "diameter_mm": diameter_mm, "contrast": contrast, "probability": 0.65 },
    })
}

fn export(path: &Path, out: &Path) -> anyhow::Result<()> {
    let bundle = Model::bundle(path)?;
    Ok(files::write(out, &onnx::export(&bundle).with_context(|| path.display().to_string())?)?)
}

fn calibrate_ood(path: &Path, data: &DataOptions, limits: Option<String>, out: &Path) -> anyhow::Result<()> {
    let mut bundle = Model::bundle(path)?;
    let card = &mut bundle.card;
    let protocol = Protocol::of(card)?;
    let table = data.table(&protocol.wanted())?;
    let data = Dataset::open(&protocol, table.as_ref(), &[Subset::Train, Subset::Validation])?;
    card.ood = ood::of(&protocol, INSERTION_SEED, &data)?;
    card.format = FORMAT;
    if let Some(limits) = limits {
        card.limits = limits;
    }
    Ok(files::write(out, &bundle.write()?)?)
}

fn choose_mask_rule(on: &OnValidation) -> anyhow::Result<()> {
    on.change(|card, Model { explainer, device, .. }, samples| {
        let rules = choose_rules(explainer, device, card.size, samples, MaskRule::at(PAPER_THRESHOLD))?;
        rules.put(card);
        let mut chosen = format!("{:?}, {:?}", rules.mask, rules.verification);
        if let Some(iou) = rules.iou {
            chosen += &format!(", validation IoU {iou:.3}");
        }
        if let (Some(segmenter), Some(network)) = (&mut card.segmenter, &explainer.segmenter)
            && let Some((threshold, iou)) = choose_threshold(network, device, card.size, samples)?
        {
            segmenter.threshold = threshold;
            chosen += &format!("; segmenter: threshold {threshold}, validation IoU {iou:.3}");
        }
        Ok(chosen)
    })
}

fn calibrate(on: &OnValidation) -> anyhow::Result<()> {
    on.change(|card, Model { explainer, device, .. }, samples| {
        card.temperature = fit_temperature(explainer, device, card.size, samples)?;
        Ok(match card.temperature {
            Some(Temperature(found)) => format!("temperature {found:.3}"),
            None => "no temperature fits; probabilities stay as they are".into(),
        })
    })
}

impl OnValidation {
    /// Changes the card by what `choose` finds on the validation slices, and reports it.
    fn change(
        &self,
        choose: impl FnOnce(&mut Card, &Model, &Samples<'_>) -> anyhow::Result<String>,
    ) -> anyhow::Result<()> {
        let mut bundle = Model::bundle(&self.model)?;
        let protocol = Protocol::of(&bundle.card)?;
        let table = self.data.table(&protocol.wanted())?;
        let data = Dataset::open(&protocol, table.as_ref(), &[Subset::Validation])?;
        let samples = data.samples(&[Subset::Validation], &protocol.anomaly, INSERTION_SEED);
        let chosen = choose(&mut bundle.card, &Model::open(&self.model, self.device)?, &samples)?;
        eprintln!("{}: {chosen}", self.out.display());
        bundle.card.format = FORMAT;
        Ok(files::write(&self.out, &bundle.write()?)?)
    }
}

#[allow(clippy::print_stdout)]
fn verify(path: &Path, against: Option<&Path>, device: DeviceChoice) -> anyhow::Result<()> {
    // Opening runs the self-test.
    let model = Model::open(path, device)?;
    println!("{}: {}, self-test passed", path.display(), model.card.title);
    let Some(other) = against else { return Ok(()) };
    let other = Model::open(other, device)?;
    let size = model.card.side_multiple().max(other.card.side_multiple()).max(COMPARED);
    let input: Vec<f32> = (0..size * size).map(|i| ((i * 7919) % 2000) as f32 / 1000.0 - 1.0).collect();
    let explain = |model: &Model| model.explainer.explain(input.clone(), size, &model.device)?.read();
    if model.card.segmenter.is_some() != other.card.segmenter.is_some() {
        return Err(Error::Usage("one model has a segmenter and the other has none".into()).into());
    }
    let (ours, theirs) = (explain(&model)?, explain(&other)?);
    let pairs = ours.iter().zip(&theirs).flat_map(|(a, b)| {
        let pixels = a.counterfactual.iter().zip(&b.counterfactual);
        let segmented = a.segmentation.iter().flatten().zip(b.segmentation.iter().flatten());
        pixels.chain(segmented).chain([(&a.before, &b.before), (&a.after, &b.after)])
    });
    let difference = largest_difference(pairs);
    println!("largest difference from {}: {difference:.2e}", other.card.title);
    if difference.is_nan() || difference > SELF_TEST_TOLERANCE {
        return Err(Error::Usage(format!(
            "the models differ by {difference:.3}, which exceeds the tolerance of {SELF_TEST_TOLERANCE}"
        ))
        .into());
    }
    Ok(())
}
