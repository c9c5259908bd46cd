//! Trains a classifier and COIN against it, evaluates the result and packs the model file.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use burn::module::Module as _;
use burn::tensor::Device;
use clap::{Parser, ValueEnum};
use coin_core::bundle::{Bundle, Card, FORMAT, SelfTest};
use coin_train::data::{Dataset, Purpose};
use coin_train::device::{self, DeviceChoice};
use coin_train::evaluation::{self, Masking};
use coin_train::program::{self, BadInput, DataSpec};
use coin_train::recipe::{self, DataRecipe, Recipe};
use coin_train::report::{self, Report, Sheet};
use coin_train::run::Run;
use coin_train::stage::{Ending, PAPER_THRESHOLD, Training};
use coin_train::{files, interrupt};
use serde_json::{Value, json};

/// The test set of a training is planted from this seed, once.
const TEST_SEED: u64 = 7;

/// Train COIN: a classifier, then the counterfactual against it, then an evaluation and the model file.
#[derive(Parser)]
#[command(
    version,
    after_help = "Examples:
  train                                              phantoms on the CPU, within 20 minutes on two cores
  train --recipe kits23-anomalies --data slices:DIR  real slices with planted anomalies
  train --set counterfactual.steps=2000 --seed 3     change the recipe
  train --resume runs/quick                          go on after an interruption"
)]
struct Arguments {
    /// An embedded recipe or a TOML file.
    #[arg(long, default_value = "quick", value_name = "NAME or FILE", conflicts_with = "resume")]
    recipe: String,
    /// Change a key of the recipe.
    #[arg(long = "set", value_name = "KEY=VALUE", conflicts_with = "resume")]
    changes: Vec<String>,
    /// The data: phantom or slices:DIR.
    #[arg(long, default_value = "phantom", value_name = "SPEC", conflicts_with = "resume")]
    data: DataSpec,
    /// Where to compute: auto, cpu, vulkan or cuda[:N].
    #[arg(long, default_value = "auto")]
    device: DeviceChoice,
    /// Which stage to train; the counterfactual alone goes on in a run whose classifier is trained.
    #[arg(long, value_enum, default_value_t = Stage::All)]
    stage: Stage,
    /// Go on with this run, its recipe and its data.
    #[arg(long, value_name = "RUN")]
    resume: Option<PathBuf>,
    /// Another seed than the recipe's.
    #[arg(long, conflicts_with = "resume")]
    seed: Option<u64>,
    /// Folder for runs.
    #[arg(long, default_value = "runs", value_name = "DIR", conflicts_with = "resume")]
    out: PathBuf,
    /// Print one JSON object on stdout at the end: the run, whether it is finished, and its report.
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
    let (resumed, recipe, spec) = match &arguments.resume {
        Some(folder) => {
            let (run, recipe, data) = Run::resume(folder)?;
            (Some(run), recipe, data)
        }
        None if arguments.stage == Stage::Counterfactual => {
            let reason = "--stage counterfactual: it needs a trained classifier; name its run with --resume RUN";
            return Err(BadInput(reason.into()).into());
        }
        None => {
            let mut changes = arguments.changes.clone();
            changes.extend(arguments.seed.map(|seed| format!("seed={seed}")));
            (None, Recipe::load(&arguments.recipe, &changes)?, arguments.data.clone())
        }
    };
    if let (DataRecipe::Phantom { .. }, DataSpec::Slices(_)) = (&recipe.data, &spec) {
        let reason =
            format!("--data {spec}: recipe {} makes its own phantoms; choose a recipe for slices", recipe.name);
        return Err(BadInput(reason).into());
    }
    interrupt::listen()?;
    let folder = spec.folder()?;
    let purposes = [Purpose::Train, Purpose::Validation, Purpose::Test];
    let data = Dataset::open(&recipe.protocol(), folder.as_ref(), &purposes)?;
    let device = arguments.device.open()?;
    let run = match resumed {
        Some(run) => run,
        None => Run::create(&arguments.out, &recipe, &spec)?,
    };
    eprintln!("{} on {}, {}, into {}", recipe.name, device::name(&device), data.description, run.folder().display());
    let training = Training { recipe: &recipe, data: &data, run: &run, device: &device };
    let (finished, report) = match stages(&training, arguments.stage)? {
        Outcome::Interrupted => {
            eprintln!("saved; go on with --resume {}", run.folder().display());
            (false, None)
        }
        Outcome::Trained => (true, None),
        Outcome::Evaluated(report) => {
            eprintln!("{}", report.summary());
            (true, Some(report))
        }
    };
    if arguments.json {
        println!("{}", json!({ "run": run.folder(), "finished": finished, "report": report }));
    }
    Ok(())
}

/// How far a call came.
enum Outcome {
    Interrupted,
    Trained,
    Evaluated(Box<Report>),
}

fn stages(training: &Training<'_>, stage: Stage) -> anyhow::Result<Outcome> {
    if stage != Stage::Counterfactual && training.classifier()? == Ending::Interrupted {
        return Ok(Outcome::Interrupted);
    }
    if stage == Stage::Classifier {
        return Ok(Outcome::Trained);
    }
    match training.counterfactual()? {
        Ending::Interrupted => Ok(Outcome::Interrupted),
        Ending::Done => Ok(Outcome::Evaluated(Box::new(finish(training)?))),
    }
}

/// Packs the model, and with what is in the file decides the threshold on validation and looks at the test set once.
fn finish(training: &Training<'_>) -> anyhow::Result<Report> {
    let (recipe, run) = (training.recipe, training.run);
    let trained = training.trained()?;
    let card = Card {
        format: FORMAT,
        name: recipe.model.clone(),
        title: recipe.title.clone(),
        inpainter: recipe.counterfactual.inpainter.clone(),
        classifier: recipe.classifier.network.clone(),
        method: recipe.counterfactual.training.method,
        size: recipe.size,
        window: recipe.window.into(),
        threshold: PAPER_THRESHOLD,
        postprocess: false,
        recipe: serde_json::to_value(recipe)?,
        data: training.data.description.clone(),
        results: Value::Null,
        licence: recipe.licence.clone(),
        weights_sha256: String::new(),
        self_test: SelfTest::unknown(),
    };
    let processor = Device::flex();
    let mut bundle = Bundle::pack(
        card,
        trained.inpainter.to_device(&processor),
        trained.classifier.to_device(&processor),
        &processor,
    )?;

    let explainer = bundle.explainer(training.device)?;
    let validated = training.validate(&explainer, &training.validation_samples())?;
    let masking = Masking { threshold: validated.chosen_threshold(), postprocess: false };
    let started = Instant::now();
    let samples = training.data.samples(Purpose::Test, recipe.window, &recipe.anomaly, TEST_SEED);
    let found = evaluation::evaluate(&explainer, training.device, recipe.size, &samples, masking)?;
    let description = format!("test split; {}", training.data.description);
    let device = device::name(training.device);
    let report = Report::new(&recipe.model, &description, &device, masking, &found, started.elapsed().as_secs_f64());
    let shown = report::representative(&found, &samples);
    let sheet = Sheet::of(&explainer, training.device, recipe.size, &samples, &shown, masking)?;
    report.write(run.folder(), &sheet)?;

    bundle.card.threshold = masking.threshold;
    bundle.card.results = serde_json::to_value(&report)?;
    files::write(&run.folder().join(format!("{}.safetensors", recipe.model)), &bundle.write()?)?;
    Ok(report)
}
