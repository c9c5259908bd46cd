//! Evaluates a model file on slices whose truth is known.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::{Parser, ValueEnum};
use coin_train::data::{Dataset, Purpose, Sample, SliceFolder};
use coin_train::model::ModelOptions;
use coin_train::program::{self, BadInput, DataSpec};
use coin_train::recipe::Protocol;
use coin_train::report::{self, Report};
use coin_train::{device, evaluation};

/// Evaluate a model: IoU, CV and the classifier's numbers, as report.json, report.html and sheet.png.
#[derive(Parser)]
#[command(
    version,
    after_help = "Example:
  evaluate --model models/coin-phantom/coin-phantom.safetensors --data phantom --out report"
)]
struct Arguments {
    #[command(flatten)]
    model: ModelOptions,
    /// The data: phantom or slices:DIR.
    #[arg(long, value_name = "SPEC")]
    data: DataSpec,
    /// Which slices.
    #[arg(long, value_enum, default_value_t = Split::Test)]
    split: Split,
    /// Plant anomalies as the model's recipe does, or none.
    #[arg(long, value_enum, default_value_t = Anomalies::Plant)]
    anomalies: Anomalies,
    /// Decides which anomalies are planted where.
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// Explanations to evaluate.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "coin")]
    methods: Vec<Method>,
    /// Folder for the report.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Print report.json on stdout.
    #[arg(long)]
    json: bool,
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
    Plant,
    None,
}

#[derive(Clone, Copy, ValueEnum)]
enum Method {
    Coin,
}

fn main() -> ExitCode {
    program::run(|| evaluate(&Arguments::parse()))
}

#[allow(clippy::print_stdout)]
fn evaluate(arguments: &Arguments) -> anyhow::Result<()> {
    let (model, masking) = arguments.model.open()?;
    let card = &model.card;
    let protocol = serde_json::from_value::<Protocol>(card.recipe.clone());
    let mut protocol = protocol.map_err(|reason| BadInput(format!("model {}: field recipe: {reason}", card.name)))?;
    if arguments.anomalies == Anomalies::None {
        protocol.anomaly.probability = 0.0;
    }
    let folder = arguments.data.folder()?;
    let name = folder.as_ref().map_or_else(|| "phantoms".to_owned(), SliceFolder::name);
    let (purposes, split): (&[Purpose], _) = match arguments.split {
        Split::Train => (&[Purpose::Train], "train"),
        Split::Validation => (&[Purpose::Validation], "validation"),
        Split::Test => (&[Purpose::Test], "test"),
        Split::All => (&[Purpose::Train, Purpose::Validation, Purpose::Test], "all"),
    };
    let started = Instant::now();
    let data = Dataset::open(&protocol, folder.as_ref(), purposes)?;
    let samples = |purpose| data.samples(purpose, protocol.window, &protocol.anomaly, arguments.seed);
    let samples: Vec<Sample> = purposes.iter().copied().flat_map(samples).collect();
    let found = evaluation::evaluate(&model.explainer, &model.device, card.size, &samples, masking)?;
    let chosen = report::representative(&found, &samples);
    let sheet = report::sheet(&model.explainer, &model.device, card.size, &chosen, masking)?;
    let device = device::name(&model.device);
    let description = format!("{name}, split {split}, seed {}", arguments.seed);
    let seconds = started.elapsed().as_secs_f64();
    let report = Report::new(&card.name, &description, &device, masking, &found, seconds);
    report.write(&arguments.out, &sheet)?;
    eprintln!("{}", report.summary());
    if arguments.json {
        println!("{}", serde_json::to_string(&report)?);
    }
    Ok(())
}
