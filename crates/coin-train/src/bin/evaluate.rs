//! Evaluates a model file on slices with ground truth.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Instant;

use clap::{Parser, ValueEnum};
use coin_core::attribution::SaliencyMethod;
use coin_core::attribution::{RiseConfig, SALIENCY_THRESHOLD};
use coin_train::Error;
use coin_train::data::{DataOptions, Dataset, Subset};
use coin_train::evaluation::{self, Distances, MaskRule, Saliency};
use coin_train::model::{Model, ModelOptions};
use coin_train::negative_controls::{self, ControlFiles};
use coin_train::pretrained::Pretrained;
use coin_train::program;
use coin_train::recipe::Protocol;
use coin_train::report::{self, Report, Sheet, Thumbnails};
use coin_train::{device, progress};

/// Name of the negative control made of slices that do not show the organ.
const WITHOUT_ORGAN: &str = "slices without the organ";

/// Evaluate a model: IoU, CV and classifier metrics, optionally compared with saliency methods on the same classifier. Writes
/// report.json, report.html and sheet.png.
#[derive(Parser)]
#[command(
    version,
    after_help = "Examples:
  evaluate --model models/coin-phantom/coin-phantom.safetensors --data phantom --out report
  evaluate --model models/coin-phantom/coin-phantom.safetensors --data phantom --out report \\
    --methods coin,rise,score-cam,layer-cam,grad-cam --rise-masks 500"
)]
struct Arguments {
    #[command(flatten)]
    model: ModelOptions,
    #[command(flatten)]
    data: DataOptions,
    /// Split to evaluate.
    #[arg(long, value_enum, default_value_t = EvaluatedSplit::Test)]
    split: EvaluatedSplit,
    /// Insert synthetic anomalies as the model's recipe does, or none.
    #[arg(long, value_enum, default_value_t = Anomalies::Insert)]
    anomalies: Anomalies,
    /// Seed of the synthetic anomalies.
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// Methods to evaluate: coin, rise, score-cam, layer-cam or grad-cam; COIN is always included.
    #[arg(long, value_delimiter = ',', value_name = "METHOD", default_value = "coin")]
    methods: Vec<Method>,
    /// Another model to evaluate on the same slices with its own mask thresholds; NAME labels it in the report. It must have
    /// the same input size, crop and normalisation. Can be repeated.
    #[arg(long, value_name = "NAME=FILE")]
    against: Vec<Named>,
    /// Number of random masks for RISE.
    #[arg(long, default_value_t = RiseConfig::paper().masks, value_name = "N")]
    rise_masks: usize,
    /// Classifier layer for ScoreCAM, LayerCAM and Grad-CAM. Default: the last one, as in the paper.
    #[arg(long, value_name = "NAME")]
    layer: Option<String>,
    /// Mask threshold of the saliency methods.
    #[arg(long, default_value_t = SALIENCY_THRESHOLD, value_name = "T")]
    saliency_threshold: f32,
    /// Inception-v3 weights for FID: pt_inception-2015-12-05-6726825d.pth from the pytorch-fid project. Without them FID is
    /// null, and the report contains only the Frechet distance in classifier features, which is not comparable to FID.
    #[arg(long, value_name = "FILE")]
    inception: Option<PathBuf>,
    /// A file or folder of images without the finding; NAME labels it in the report. The report gives the rate of false
    /// positives, the size of the changes and the rate of OOD warnings. Can be repeated. Normal slices, and slices of a slice
    /// folder that do not show the organ, are always included.
    #[arg(long = "negative-control", value_name = "NAME=PATH")]
    controls: Vec<Named>,
    /// Output folder for the report.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Print report.json on stdout.
    #[arg(long)]
    json: bool,
}

/// A `NAME=PATH` argument.
#[derive(Clone, Debug)]
struct Named(String, PathBuf);

impl FromStr for Named {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text.split_once('=') {
            Some((name, path)) if !name.is_empty() && !path.is_empty() => Ok(Self(name.into(), path.into())),
            _ => Err(Error::Usage(format!("{text}: write NAME=PATH, a name of your choice and a file or folder"))),
        }
    }
}

/// Rejects a name that is in `taken` or given twice.
fn distinct<'a>(option: &str, mut taken: BTreeSet<&'a str>, given: &'a [Named]) -> Result<(), Error> {
    match given.iter().find(|Named(name, _)| !taken.insert(name)) {
        Some(Named(name, _)) => {
            Err(Error::Usage(format!("--{option} {name}: this name is already in use; choose another")))
        }
        None => Ok(()),
    }
}

#[derive(Clone, Copy, ValueEnum)]
enum EvaluatedSplit {
    Train,
    Validation,
    Test,
    All,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Anomalies {
    #[value(alias = "plant")]
    Insert,
    None,
}

/// COIN, or a saliency method on the same classifier.
#[derive(Clone, Copy)]
enum Method {
    Coin,
    Saliency(SaliencyMethod),
}

impl FromStr for Method {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let known = || format!("choose coin, {}", SaliencyMethod::ALL.map(SaliencyMethod::name).join(", "));
        if name == "coin" { Ok(Self::Coin) } else { SaliencyMethod::named(name).map(Self::Saliency).ok_or_else(known) }
    }
}

impl Method {
    fn saliency(self) -> Option<SaliencyMethod> {
        match self {
            Self::Coin => None,
            Self::Saliency(method) => Some(method),
        }
    }
}

fn main() -> ExitCode {
    program::compute(|| evaluate(&Arguments::parse_from(program::arguments())))
}

#[allow(clippy::print_stdout)]
fn evaluate(arguments: &Arguments) -> anyhow::Result<()> {
    let (mut model, mask_rule) = arguments.model.open()?;
    // Evaluated on its own; all else is about COIN.
    let segmenter = model.explainer.segmenter.take();
    let (model, card) = (&model, &model.card);
    let mut protocol = Protocol::of(card)?;
    if arguments.anomalies == Anomalies::None {
        protocol.anomaly.probability = 0.0;
    }
    let table = arguments.data.table(&protocol.wanted())?;
    let name = table.as_ref().map_or_else(|| "phantoms".to_owned(), |table| table.name().to_owned());
    let (subsets, split): (&[Subset], _) = match arguments.split {
        EvaluatedSplit::Train => (&[Subset::Train], "train"),
        EvaluatedSplit::Validation => (&[Subset::Validation], "validation"),
        EvaluatedSplit::Test => (&[Subset::Test], "test"),
        EvaluatedSplit::All => (&[Subset::Train, Subset::Validation, Subset::Test], "all"),
    };
    if !(0.0..1.0).contains(&arguments.saliency_threshold) {
        let reason = format!(
            "--saliency-threshold {}: choose a value from 0 up to, but not including, 1",
            arguments.saliency_threshold
        );
        return Err(Error::Usage(reason).into());
    }
    let images = arguments.controls.iter().map(|Named(name, path)| ControlFiles::find(name, path));
    let images = images.collect::<anyhow::Result<Vec<_>>>()?;
    distinct("negative-control", [report::NORMAL, WITHOUT_ORGAN].into(), &arguments.controls)?;
    let titles = SaliencyMethod::ALL.map(SaliencyMethod::title).into_iter().chain(["COIN"]);
    distinct("against", titles.collect(), &arguments.against)?;
    let others = arguments.against.iter().map(|Named(name, path)| Ok((name, model.beside(path)?)));
    let others = others.collect::<anyhow::Result<Vec<_>>>()?;
    let (classifier, masks) = (model.explainer.classifier.clone(), arguments.rise_masks);
    let saliency = Saliency::of(classifier, arguments.layer.as_deref(), masks, card.size, &model.device)?;
    let inception = arguments.inception.as_deref().map(|path| Pretrained::open(path)?.inception(&model.device));
    let inception = inception.transpose()?;
    let distances = Distances::Features(inception.as_ref());
    let started = Instant::now();
    let data = Dataset::open(&protocol, table.as_ref(), subsets)?;
    let modality = Some(data.modality.as_str()).filter(|modality| !modality.is_empty());
    if let Some(warning) = model.other_modality(modality) {
        tracing::warn!("{}: {warning}", data.description);
    }
    let samples = data.samples(subsets, &protocol.anomaly, arguments.seed);
    let found = evaluation::evaluate(&model.explainer, &model.device, card.size, &samples, mask_rule, distances)?;
    let shown = report::representative(&found);
    let pictured = samples.at(&shown)?;
    let mut sheet = Sheet::of(&model.explainer, &model.device, card.size, &pictured, mask_rule)?;
    let thumbnails = Thumbnails::of(&model.explainer, &model.device, card.size, &samples, &found, mask_rule)?;
    let mut models = BTreeMap::new();
    for (name, other) in &others {
        let Model { explainer, device, .. } = other;
        let mask_rule = other.mask_rule();
        let found = evaluation::evaluate(explainer, device, card.size, &samples, mask_rule, distances)?;
        let images: Vec<&[f32]> = pictured.iter().map(|sample| &sample.input[..]).collect();
        let maps = evaluation::explain(explainer, &images, card.size, device)?;
        let maps: Vec<_> = maps.into_iter().map(|explanation| Some(explanation.difference)).collect();
        sheet = sheet.with_maps(name, &maps);
        models.insert((*name).clone(), found.coin);
    }
    let mut compared = BTreeMap::new();
    let saliency_mask_rule = MaskRule { threshold: arguments.saliency_threshold, seed_threshold: 0.0, ..mask_rule };
    for method in arguments.methods.iter().filter_map(|method| method.saliency()).collect::<BTreeSet<_>>() {
        let bar = progress::bar(method.title(), samples.len() as u64, 0);
        let found = saliency.evaluate(method, &samples, saliency_mask_rule, &shown, &bar)?;
        bar.finish();
        sheet = sheet.with_maps(method.title(), &found.maps);
        compared.insert(method, found.report);
    }
    let mut controls = BTreeMap::new();
    if let Some(table) = &table {
        let cases = Dataset::without_organ(&protocol, table, subsets)?;
        if let Some(control) = negative_controls::of_cases(model, &cases, mask_rule)? {
            controls.insert(WITHOUT_ORGAN.to_owned(), control);
        }
    }
    for images in &images {
        controls.insert(images.name.clone(), negative_controls::of_files(model, images, mask_rule)?);
    }
    let device = device::name(&model.device);
    let description = format!("{name}, split {split}, seed {}", arguments.seed);
    let segmenter = segmenter.as_ref().zip(card.segmenter.as_ref());
    let distilled = segmenter.map(|(network, segmenter)| {
        let mask_rule = MaskRule { postprocess: arguments.model.postprocess(), ..MaskRule::at(segmenter.threshold) };
        evaluation::evaluate_segmenter(network, &model.device, card.size, &samples, mask_rule)
    });
    let distilled = distilled.transpose()?;
    let seconds = started.elapsed().as_secs_f64();
    let mut report = Report::new(&card.name, &description, &device, mask_rule, &found, seconds);
    report.weights_sha256 = Some(card.weights_sha256.clone());
    report.methods.distilled = distilled;
    report.methods.models = models;
    report.methods.saliency = compared;
    report.controls.extend(controls);
    report.write(&arguments.out, &sheet, &thumbnails)?;
    eprintln!("{}", report.summary());
    if arguments.json {
        println!("{}", serde_json::to_string(&report)?);
    }
    Ok(())
}
