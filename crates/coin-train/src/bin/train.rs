//! Trains a classifier and a COIN model against it, evaluates the result and writes the model file.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use coin_train::Error;
use coin_train::data::{DataOptions, DataSpec, Dataset, Subset};
use coin_train::device::{Devices, Place};
use coin_train::interrupt;
use coin_train::program;
use coin_train::provenance::Provenance;
use coin_train::recipe::{self, DataRecipe, Recipe, StageName};
use coin_train::report::Report;
use coin_train::run::Run;
use coin_train::stage::{Ending, Training, TrainingContext};
use peak_alloc::PeakAlloc;
use serde_json::json;

/// Tracks peak memory, so that an oversized batch is refused before training starts.
#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// Train COIN: a classifier, then the counterfactual generator against it, each with the pretraining that the recipe defines.
/// Then evaluate the result and write the model file.
#[derive(Parser)]
#[command(
    version,
    after_help = "Examples:
  train                                              phantoms on the CPU, 3 minutes on two cores
  train --recipe kits23-anomalies --data slices:DIR  real slices with synthetic anomalies
  train --set counterfactual.steps=2000 --seed 3     override recipe keys
  train --devices cuda:0,cuda:1                      split each batch across two GPUs
  train --devices cuda:0,ws://node2:3000             use a GPU of another machine as well
  train --resume runs/quick                          resume after an interruption"
)]
struct Arguments {
    /// Name of an embedded recipe, or a TOML file.
    #[arg(long, default_value = "quick", value_name = "NAME or FILE", conflicts_with = "resume")]
    recipe: String,
    /// Override a key of the recipe.
    #[arg(long = "set", value_name = "KEY=VALUE", conflicts_with = "resume")]
    changes: Vec<String>,
    #[command(flatten)]
    data: DataOptions,
    /// Compute device: auto, cpu, vulkan or cuda; a number chooses one of several, as in cuda:1. A machine that runs `serve`
    /// is ws://HOST:PORT or ws://HOST:PORT/1. Separate several with commas to split each batch across them.
    #[arg(long, visible_alias = "devices", value_delimiter = ',', default_value = "auto")]
    device: Vec<Place>,
    /// Train only this stage instead of all stages of the recipe. Stages after the classifier need a run with a trained
    /// classifier (--resume or --classifier).
    #[arg(long, value_enum)]
    stage: Option<StageName>,
    /// Use the classifier of this run instead of training one.
    #[arg(long, value_name = "RUN", conflicts_with = "resume")]
    classifier: Option<PathBuf>,
    /// Resume this run with its recipe and data.
    #[arg(long, value_name = "RUN")]
    resume: Option<PathBuf>,
    /// Override the recipe's seed.
    #[arg(long, conflicts_with = "resume")]
    seed: Option<u64>,
    /// Parent folder for runs.
    #[arg(long, default_value = "runs", value_name = "DIR", conflicts_with = "resume")]
    out: PathBuf,
    /// Print one JSON object on stdout at the end: the run folder, whether it finished, and its report.
    #[arg(long)]
    json: bool,
    /// List the embedded recipes and exit.
    #[arg(long)]
    list_recipes: bool,
}

impl Arguments {
    /// The stages to train.
    fn stages(&self) -> Vec<StageName> {
        match self.stage {
            Some(stage) => vec![stage],
            None if self.classifier.is_some() => StageName::AFTER_CLASSIFIER.into(),
            None => StageName::ALL.into(),
        }
    }

    /// The name of the `--stage` argument if it satisfies `predicate`.
    fn stage_if(&self, predicate: impl FnOnce(StageName) -> bool) -> Option<String> {
        let stage = self.stage.filter(|stage| predicate(*stage))?;
        Some(stage.to_possible_value()?.get_name().to_owned())
    }
}

fn main() -> ExitCode {
    program::compute(|| train(&Arguments::parse_from(program::arguments())))
}

#[allow(clippy::print_stdout)]
fn train(arguments: &Arguments) -> anyhow::Result<()> {
    if arguments.list_recipes {
        for name in recipe::embedded() {
            println!("{name:24} {}", Recipe::load(&name, &[])?.title);
        }
        return Ok(());
    }
    if arguments.resume.is_some() && !arguments.data.specs.is_empty() {
        return Err(Error::Usage("--data: a resumed run keeps its data; omit --data".into()).into());
    }
    let (resumed, recipe, specs) = match &arguments.resume {
        Some(folder) => {
            let (run, recipe, data) = Run::resume(folder)?;
            (Some(run), recipe, data)
        }
        None => {
            if arguments.stage == Some(StageName::Distillation) {
                let reason = "--stage distillation needs COIN's masks; name its run with --resume RUN";
                return Err(Error::Usage(reason.into()).into());
            }
            let needs = |stage| matches!(stage, StageName::InpaintingPretraining | StageName::Counterfactual);
            if let Some(stage) = arguments.stage_if(needs).filter(|_| arguments.classifier.is_none()) {
                let remedy = "name the run that has one with --resume RUN or --classifier RUN";
                return Err(Error::Usage(format!("--stage {stage} needs a trained classifier; {remedy}")).into());
            }
            let mut changes = arguments.changes.clone();
            changes.extend(arguments.seed.map(|seed| format!("seed={seed}")));
            (None, Recipe::load(&arguments.recipe, &changes)?.absolute()?, arguments.data.specs_or_phantoms())
        }
    };
    if let (DataRecipe::Phantom { .. }, Some(DataSpec::Folder(..))) = (&recipe.data, specs.first()) {
        let reason = format!("--data: recipe {} generates its own phantoms; choose a recipe for slices", recipe.name);
        return Err(Error::Usage(reason).into());
    }
    if let Some(stage) = arguments.stage_if(|stage| !recipe.has(stage)) {
        return Err(Error::Usage(format!("--stage {stage}: recipe {} has no such stage", recipe.name)).into());
    }
    let classifier = arguments.classifier.as_deref().map(Run::resume).transpose()?;
    if let Some((run, other, _)) = &classifier
        && (&other.classifier.network, other.input) != (&recipe.classifier.network, recipe.input)
    {
        let folder = run.folder().display();
        return Err(Error::Usage(format!(
            "--classifier {folder}: its classifier architecture or input differs from recipe {}; choose another run",
            recipe.name
        ))
        .into());
    }
    interrupt::listen()?;
    let table = arguments.data.of(specs.clone()).table(&recipe.protocol().wanted())?;
    let data = Dataset::open(&recipe.protocol(), table.as_ref(), &Subset::ALL)?;
    let devices = Devices::open(&arguments.device)?;
    let context = TrainingContext { recipe: &recipe, data: &data, devices: &devices };
    if resumed.is_none() {
        context.check(&arguments.stages())?;
    }
    let run = match resumed {
        Some(run) => run,
        None => Run::create(&arguments.out, &recipe, &specs)?,
    };
    let _lock = run.begin(&Provenance::now(&data.digest, &devices.names()))?;
    if let Some((classifier, _, _)) = classifier {
        run.adopt_classifier(&classifier)?;
    }
    eprintln!(
        "training {} on {} in {}; data: {}",
        recipe.name,
        devices.names(),
        run.folder().display(),
        data.description
    );
    let training = Training { context, run: &run };
    let (finished, report) = match arguments.train(&training)? {
        Outcome::Interrupted => {
            eprintln!("saved a checkpoint; resume with --resume {}{}", run.folder().display(), arguments.data.how());
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

/// How the program ended.
enum Outcome {
    Interrupted,
    Trained,
    Evaluated(Box<Report>),
}

impl Arguments {
    fn train(&self, training: &Training<'_>) -> anyhow::Result<Outcome> {
        for stage in self.stages() {
            if training.train(stage)? == Ending::Interrupted {
                return Ok(Outcome::Interrupted);
            }
        }
        match self.stage {
            None | Some(StageName::Counterfactual) => {
                Ok(Outcome::Evaluated(Box::new(training.finish(BTreeMap::new())?)))
            }
            Some(_) => Ok(Outcome::Trained),
        }
    }
}
