//! Trains a classifier and COIN against it, evaluates the result and packs the model file.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::{Parser, ValueEnum};
use coin_core::bundle::{Bundle, Card, FORMAT, SelfTest};
use coin_train::data::{Dataset, Purpose, SliceFolder};
use coin_train::device::DeviceChoice;
use coin_train::evaluation::{self, Masking};
use coin_train::program::{self, DataSpec};
use coin_train::recipe::{self, Recipe};
use coin_train::report::{self, Report};
use coin_train::run::Run;
use coin_train::stage::{Ending, PAPER_THRESHOLD, Training};
use coin_train::{files, interrupt};

/// The test set of a training is planted from this seed, once.
const TEST_SEED: u64 = 7;

/// Train COIN: a classifier, then the counterfactual against it, then an evaluation and the model file.
#[derive(Parser)]
#[command(
    version,
    after_help = "Examples:
  train                                              phantoms on the CPU, about a quarter of an hour
  train --recipe kits23-anomalies --data slices:DIR  real slices with planted anomalies
  train --set counterfactual.steps=2000 --seed 3     change the recipe
  train --resume runs/quick                          go on after an interruption"
)]
struct Arguments {
    /// An embedded recipe or a TOML file.
    #[arg(long, default_value = "quick", value_name = "NAME or FILE")]
    recipe: String,
    /// Change a key of the recipe.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    changes: Vec<String>,
    /// The data: phantom or slices:DIR.
    #[arg(long, default_value = "phantom", value_name = "SPEC")]
    data: DataSpec,
    /// Where to compute: auto, cpu, vulkan or cuda[:N].
    #[arg(long, default_value = "auto")]
    device: DeviceChoice,
    /// Which stage to train.
    #[arg(long, value_enum, default_value_t = Stage::All)]
    stage: Stage,
    /// Go on with this run.
    #[arg(long, value_name = "RUN")]
    resume: Option<PathBuf>,
    /// Another seed than the recipe's.
    #[arg(long)]
    seed: Option<u64>,
    /// Folder for runs.
    #[arg(long, default_value = "runs", value_name = "DIR")]
    out: PathBuf,
    /// Print one JSON object on stdout at the end.
    #[arg(long)]
    json: bool,
    /// List the embedded recipes and stop.
    #[arg(long)]
    list_recipes: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Stage {
    Classifier,
    Counterfactual,
    All,
}

fn main() -> ExitCode {
    program::run(|| train(&Arguments::parse()))
}

#[allow(clippy::print_stdout)]
fn train(arguments: &Arguments) -> anyhow::Result<()> {
    if arguments.list_recipes {
        recipe::embedded().for_each(|name| println!("{name}"));
        return Ok(());
    }
    let (run, recipe) = match &arguments.resume {
        Some(folder) => Run::resume(folder)?,
        None => {
            let mut changes = arguments.changes.clone();
            changes.extend(arguments.seed.map(|seed| format!("seed={seed}")));
            let recipe = Recipe::load(&arguments.recipe, &changes)?;
            (Run::create(&arguments.out, &recipe)?, recipe)
        }
    };
    interrupt::listen()?;
    let folder = match &arguments.data {
        DataSpec::Phantom => None,
        DataSpec::Slices(path) => Some(SliceFolder::open(path)?),
    };
    let data = Dataset::open(&recipe, folder.as_ref(), &[Purpose::Train, Purpose::Validation, Purpose::Test])?;
    let device = arguments.device.open()?;
    eprintln!("{} on {device:?}, {}, into {}", recipe.name, data.description, run.folder().display());
    let training = Training { recipe: &recipe, data: &data, run: &run, device: &device };
    let resume = || eprintln!("saved; go on with: train --resume {}", run.folder().display());
    if arguments.stage != Stage::Counterfactual && training.classifier()? == Ending::Interrupted {
        resume();
        return Ok(());
    }
    if arguments.stage != Stage::Classifier {
        if training.counterfactual()? == Ending::Interrupted {
            resume();
            return Ok(());
        }
        let report = finish(&training)?;
        eprintln!("{}", report.summary());
        if arguments.json {
            println!("{}", serde_json::to_string(&report)?);
        }
    }
    Ok(())
}

/// Chooses the threshold on validation, looks at the test set once, and packs the model.
fn finish(training: &Training<'_>) -> anyhow::Result<Report> {
    let (recipe, run) = (training.recipe, training.run);
    let explainer = training.trained()?;
    let validated = training.validate(&explainer, &training.validation_samples())?;
    let threshold = validated.best_threshold.map_or(PAPER_THRESHOLD, |(threshold, _)| threshold);
    let masking = Masking { threshold, postprocess: false };
    let started = Instant::now();
    let samples = training.data.samples(Purpose::Test, recipe.window, &recipe.anomaly, TEST_SEED);
    let found = evaluation::evaluate(&explainer, training.device, recipe.size, &samples, masking)?;
    let description = format!("test split, {}", training.data.description);
    let device = format!("{:?}", training.device);
    let report = Report::new(&recipe.model, &description, &device, masking, &found, started.elapsed().as_secs_f64());
    let chosen = report::representative(&found, &samples);
    let sheet = report::sheet(&explainer, training.device, recipe.size, &chosen, masking)?;
    report.write(run.folder(), &sheet)?;

    let card = Card {
        format: FORMAT,
        name: recipe.model.clone(),
        title: recipe.title.clone(),
        inpainter: recipe.counterfactual.inpainter.clone(),
        classifier: recipe.classifier.network.clone(),
        size: recipe.size,
        window: recipe.window.into(),
        threshold,
        postprocess: false,
        recipe: serde_json::to_value(recipe)?,
        data: training.data.description.clone(),
        results: serde_json::to_value(&report)?,
        licence: recipe.licence.clone(),
        weights_sha256: String::new(),
        self_test: SelfTest::unknown(),
    };
    let bundle = Bundle::pack(card, explainer.inpainter, explainer.classifier, training.device)?;
    files::write(&run.folder().join(format!("{}.safetensors", recipe.model)), &bundle.write()?)?;
    Ok(report)
}
