//! Evaluates a model file on slices whose truth is known.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Instant;

use clap::{Parser, ValueEnum};
use coin_core::attribution::{RiseConfig, SALIENCY_THRESHOLD};
use coin_train::data::{DataOptions, Dataset, Subset};
use coin_train::evaluation::{self, Distances, MaskRule, Saliency, SaliencyMethod};
use coin_train::model::{Model, ModelOptions};
use coin_train::negative_controls::{self, ControlFiles};
use coin_train::pretrained::Pretrained;
use coin_train::program::{self, BadInput};
use coin_train::recipe::Protocol;
use coin_train::report::{self, Report, Sheet};
use coin_train::{device, progress};

/// What slices that do not show the organ are called among the negative controls.
const WITHOUT_ORGAN: &str = "slices without the organ";

/// Evaluate a model: IoU, CV and the classifier's numbers, as report.json, report.html and sheet.png; beside it saliency
/// methods on the same classifier.
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
    /// Which slices.
    #[arg(long, value_enum, default_value_t = Split::Test)]
    split: Split,
    /// Insert anomalies as the model's recipe does, or none.
    #[arg(long, value_enum, default_value_t = Anomalies::Insert)]
    anomalies: Anomalies,
    /// Decides which anomalies are inserted where.
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// Explanations to evaluate; COIN is always among them.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "coin")]
    methods: Vec<Method>,
    /// Another model that explains the same slices, with its own threshold and seed threshold, and what the report calls it; its input must
    /// have the same size, crop and window. Can be named several times.
    #[arg(long, value_name = "NAME=FILE")]
    against: Vec<Named>,
    /// Random masks of RISE.
    #[arg(long, default_value_t = RiseConfig::paper().masks, value_name = "N")]
    rise_masks: usize,
    /// Layer of the classifier that ScoreCAM, LayerCAM and Grad-CAM look at; its last one without it, as in the paper.
    #[arg(long, value_name = "NAME")]
    layer: Option<String>,
    /// Threshold of the saliency methods' masks.
    #[arg(long, default_value_t = SALIENCY_THRESHOLD, value_name = "T")]
    saliency_threshold: f32,
    /// Weights of Inception-v3 for FID: pt_inception-2015-12-05-6726825d.pth of the pytorch-fid project. Without them FID is
    /// null, and only the Frechet distance in the classifier's own features is told, which is no FID.
    #[arg(long, value_name = "FILE")]
    inception: Option<PathBuf>,
    /// Images in which there is nothing to be found, a file or a folder, and what the report calls them; it tells how often
    /// the model finds something, how much it changes, and how often it warns. Can be named several times. Normal slices are
    /// always among them, and those of a slice folder that do not show the organ.
    #[arg(long = "negative-control", value_name = "NAME=PATH")]
    controls: Vec<Named>,
    /// Folder for the report.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Print report.json on stdout.
    #[arg(long)]
    json: bool,
}

/// What images or a model are called, and where they lie.
#[derive(Clone, Debug)]
struct Named(String, PathBuf);

impl FromStr for Named {
    type Err = BadInput;

    fn from_str(text: &str) -> Result<Self, BadInput> {
        match text.split_once('=') {
            Some((name, path)) if !name.is_empty() && !path.is_empty() => Ok(Self(name.into(), path.into())),
            _ => Err(BadInput(format!("{text}: write NAME=PATH, a name of your choice and where it lies"))),
        }
    }
}

/// Refuses a name that is among the `taken` or was given twice.
fn distinct<'a>(option: &str, mut taken: BTreeSet<&'a str>, given: &'a [Named]) -> Result<(), BadInput> {
    match given.iter().find(|Named(name, _)| !taken.insert(name)) {
        Some(Named(name, _)) => Err(BadInput(format!("--{option} {name}: the name is taken; choose another"))),
        None => Ok(()),
    }
}

#[derive(Clone, Copy, ValueEnum)]
enum Split {
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

#[derive(Clone, Copy, ValueEnum)]
enum Method {
    Coin,
    Rise,
    ScoreCam,
    LayerCam,
    GradCam,
}

impl Method {
    fn saliency(self) -> Option<SaliencyMethod> {
        match self {
            Self::Coin => None,
            Self::Rise => Some(SaliencyMethod::Rise),
            Self::ScoreCam => Some(SaliencyMethod::ScoreCam),
            Self::LayerCam => Some(SaliencyMethod::LayerCam),
            Self::GradCam => Some(SaliencyMethod::GradCam),
        }
    }
}

fn main() -> ExitCode {
    program::compute(|| evaluate(&Arguments::parse_from(program::arguments())))
}

#[allow(clippy::print_stdout)]
fn evaluate(arguments: &Arguments) -> anyhow::Result<()> {
    let (model, mask_rule) = arguments.model.open()?;
    let card = &model.card;
    let mut protocol = Protocol::of(card)?;
    if arguments.anomalies == Anomalies::None {
        protocol.anomaly.probability = 0.0;
    }
    let table = arguments.data.table(&protocol.wanted())?;
    let name = table.as_ref().map_or_else(|| "phantoms".to_owned(), |table| table.name().to_owned());
    let (subsets, split): (&[Subset], _) = match arguments.split {
        Split::Train => (&[Subset::Train], "train"),
        Split::Validation => (&[Subset::Validation], "validation"),
        Split::Test => (&[Subset::Test], "test"),
        Split::All => (&[Subset::Train, Subset::Validation, Subset::Test], "all"),
    };
    if !(0.0..1.0).contains(&arguments.saliency_threshold) {
        let reason = format!("--saliency-threshold {}: choose from 0 to less than 1", arguments.saliency_threshold);
        return Err(BadInput(reason).into());
    }
    let images = arguments.controls.iter().map(|Named(name, path)| ControlFiles::find(name, path));
    let images = images.collect::<anyhow::Result<Vec<_>>>()?;
    distinct("negative-control", [report::NORMAL, WITHOUT_ORGAN].into(), &arguments.controls)?;
    let saliency = Method::value_variants().iter().filter_map(|method| method.saliency());
    distinct("against", saliency.map(SaliencyMethod::title).chain(["COIN"]).collect(), &arguments.against)?;
    let others = arguments.against.iter().map(|Named(name, path)| Ok((name, model.beside(path)?)));
    let others = others.collect::<anyhow::Result<Vec<_>>>()?;
    let (classifier, masks) = (model.explainer.classifier.clone(), arguments.rise_masks);
    let saliency = Saliency::of(classifier, arguments.layer.as_deref(), masks, card.size, &model.device)?;
    let inception = arguments.inception.as_deref().map(|path| Pretrained::open(path)?.inception(&model.device));
    let inception = inception.transpose()?;
    let distances = Distances::Features(inception.as_ref());
    let started = Instant::now();
    let data = Dataset::open(&protocol, table.as_ref(), subsets)?;
    let samples = data.samples(subsets, &protocol.anomaly, arguments.seed);
    let found = evaluation::evaluate(&model.explainer, &model.device, card.size, &samples, mask_rule, distances)?;
    let shown = report::representative(&found);
    let pictured = samples.at(&shown)?;
    let mut sheet = Sheet::of(&model.explainer, &model.device, card.size, &pictured, mask_rule)?;
    let mut models = BTreeMap::new();
    for (name, other) in &others {
        let Model { explainer, device, .. } = other;
        let mask_rule = other.mask_rule();
        let found = evaluation::evaluate(explainer, device, card.size, &samples, mask_rule, distances)?;
        let maps = evaluation::explain(explainer, device, card.size, pictured.iter())?;
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
        if let Some(control) = negative_controls::of_cases(&model, &cases, mask_rule)? {
            controls.insert(WITHOUT_ORGAN.to_owned(), control);
        }
    }
    for images in &images {
        controls.insert(images.name.clone(), negative_controls::of_files(&model, images, mask_rule)?);
    }
    let device = device::name(&model.device);
    let description = format!("{name}, split {split}, seed {}", arguments.seed);
    let seconds = started.elapsed().as_secs_f64();
    let mut report = Report::new(&card.name, &description, &device, mask_rule, &found, seconds);
    report.methods.models = models;
    report.methods.saliency = compared;
    report.controls.extend(controls);
    report.write(&arguments.out, &sheet)?;
    eprintln!("{}", report.summary());
    if arguments.json {
        println!("{}", serde_json::to_string(&report)?);
    }
    Ok(())
}
