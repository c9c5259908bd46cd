//! Trains a classifier and COIN against it, evaluates the result and packs the model file.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use coin_train::data::{DataOptions, DataSpec, Dataset, Subset};
use coin_train::device::{Devices, Place};
use coin_train::interrupt;
use coin_train::program::{self, BadInput};
use coin_train::provenance::Provenance;
use coin_train::recipe::{self, DataRecipe, Recipe, StageName};
use coin_train::report::Report;
use coin_train::run::Run;
use coin_train::stage::{Ending, Training, TrainingContext};
use peak_alloc::PeakAlloc;
use serde_json::json;

/// Counts, so that a batch that does not fit is known before the training starts.
#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// Train COIN: a classifier, then the counterfactual against it, each after its pretraining where the recipe has some, then an
/// evaluation and the model file.
#[derive(Parser)]
#[command(
    version,
    after_help = "Examples:
  train                                              phantoms on the CPU, within 20 minutes on two cores
  train --recipe kits23-anomalies --data slices:DIR  real slices with synthetic anomalies
  train --set counterfactual.steps=2000 --seed 3     change the recipe
  train --devices cuda:0,cuda:1                      each batch shared by two cards
  train --devices cuda:0,ws://node2:3000             and with a card that another machine lends
  train --resume runs/quick                          go on after an interruption"
)]
struct Arguments {
    /// An embedded recipe or a TOML file.
    #[arg(long, default_value = "quick", value_name = "NAME or FILE", conflicts_with = "resume")]
    recipe: String,
    /// Change a key of the recipe.
    #[arg(long = "set", value_name = "KEY=VALUE", conflicts_with = "resume")]
    changes: Vec<String>,
    #[command(flatten)]
    data: DataOptions,
    /// Where to compute: auto, cpu, vulkan[:N], cuda[:N], or ws://HOST:PORT[/N] of another machine that runs `serve`; several,
    /// separated by commas, share each batch.
    #[arg(long, visible_alias = "devices", value_delimiter = ',', default_value = "auto")]
    device: Vec<Place>,
    /// Train this stage alone instead of all that the recipe has; what comes after the classifier goes on in a run whose
    /// classifier is trained.
    #[arg(long, value_enum)]
    stage: Option<StageName>,
    /// Take over the classifier of this run instead of training one.
    #[arg(long, value_name = "RUN", conflicts_with = "resume")]
    classifier: Option<PathBuf>,
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

impl Arguments {
    /// What is trained.
    fn stages(&self) -> Vec<StageName> {
        match self.stage {
            Some(stage) => vec![stage],
            None if self.classifier.is_some() => StageName::AFTER_CLASSIFIER.into(),
            None => StageName::ALL.into(),
        }
    }

    /// The stage that was asked for, as it was asked for, where `wanted` says so of it.
    fn named(&self, wanted: impl FnOnce(StageName) -> bool) -> Option<String> {
        let stage = self.stage.filter(|stage| wanted(*stage))?;
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
    if arguments.resume.is_some() && !arguments.data.named().is_empty() {
        return Err(BadInput("--data: a run that is resumed has its own data; leave --data out".into()).into());
    }
    let (resumed, recipe, specs) = match &arguments.resume {
        Some(folder) => {
            let (run, recipe, data) = Run::resume(folder)?;
            (Some(run), recipe, data)
        }
        None => {
            let needs = |stage| matches!(stage, StageName::InpaintingPretraining | StageName::Counterfactual);
            if let Some(stage) = arguments.named(needs).filter(|_| arguments.classifier.is_none()) {
                let how = "name its run with --resume RUN or --classifier RUN";
                return Err(BadInput(format!("--stage {stage}: it needs a trained classifier; {how}")).into());
            }
            let mut changes = arguments.changes.clone();
            changes.extend(arguments.seed.map(|seed| format!("seed={seed}")));
            (None, Recipe::load(&arguments.recipe, &changes)?.absolute()?, arguments.data.specs())
        }
    };
    if let (DataRecipe::Phantom { .. }, Some(DataSpec::Folder(..))) = (&recipe.data, specs.first()) {
        let reason = format!("--data: recipe {} makes its own phantoms; choose a recipe for slices", recipe.name);
        return Err(BadInput(reason).into());
    }
    if let Some(stage) = arguments.named(|stage| !recipe.has(stage)) {
        return Err(BadInput(format!("--stage {stage}: recipe {} has no such stage", recipe.name)).into());
    }
    let classifier = arguments.classifier.as_deref().map(Run::resume).transpose()?;
    if let Some((run, of, _)) = &classifier
        && (&of.classifier.network, of.input) != (&recipe.classifier.network, recipe.input)
    {
        let folder = run.folder().display();
        return Err(BadInput(format!(
            "--classifier {folder}: it has another architecture or input than recipe {}",
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
    eprintln!("{} on {}, {}, into {}", recipe.name, devices.names(), data.description, run.folder().display());
    let training = Training { context, run: &run };
    let (finished, report) = match arguments.train(&training)? {
        Outcome::Interrupted => {
            eprintln!("saved; go on with --resume {}{}", run.folder().display(), arguments.data.how());
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
