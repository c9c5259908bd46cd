//! Trains the paper's ablation and tabulates its results against the published ones.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use coin_core::attribution::{SALIENCY_THRESHOLD, SaliencyMethod};
use coin_train::Error;
use coin_train::ablation::{Ablation, AblationRow, COIN, ROWS};
use coin_train::data::{DataOptions, DataSpec, Dataset, Subset};
use coin_train::device::{Devices, Place};
use coin_train::evaluation::{MaskRule, MethodReport, Saliency};
use coin_train::program;
use coin_train::provenance::Provenance;
use coin_train::recipe::{DataRecipe, Recipe, StageName};
use coin_train::report::Report;
use coin_train::run::Run;
use coin_train::stage::{Ending, TEST_SEED, Training, TrainingContext};
use coin_train::{files, interrupt, progress};
use peak_alloc::PeakAlloc;

/// Tracks peak memory, so that an oversized batch is refused before training starts.
#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// Train the paper's ablation (rows A to H and COIN), saliency methods and a supervised U-Net on the same slices, and tabulate
/// the results next to the published ones. Rerun the same command to resume: finished rows are not trained again.
#[derive(Parser)]
#[command(
    version,
    after_help = "Examples:
  ablation                                     small presets on phantoms, one seed
  ablation --seeds 777,778,779 --out runs/ablation
  ablation --rows H,COIN                       two rows only
  ablation --full --data slices:DIR --device cuda"
)]
struct Arguments {
    /// Rows to train.
    #[arg(long, value_delimiter = ',', default_value = "A,B,C,D,E,F,G,H,COIN", value_name = "NAMES")]
    rows: Vec<String>,
    /// Seeds; each row is trained once per seed. Rows with the same seed share a classifier.
    #[arg(long, value_delimiter = ',', default_value = "777", value_name = "SEEDS")]
    seeds: Vec<u64>,
    /// Train at the paper's size instead of the small presets.
    #[arg(long)]
    full: bool,
    /// Override a key in every row's recipe.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    changes: Vec<String>,
    #[command(flatten)]
    data: DataOptions,
    /// Number of random masks for RISE.
    #[arg(long, default_value_t = 500, value_name = "N")]
    rise_masks: usize,
    /// Compute device: auto, cpu, vulkan or cuda; a number chooses one of several, as in cuda:1. A machine that runs `serve`
    /// is ws://HOST:PORT or ws://HOST:PORT/1. Separate several with commas to split each batch across them.
    #[arg(long, visible_alias = "devices", value_delimiter = ',', default_value = "auto")]
    device: Vec<Place>,
    /// Output folder for the runs and the table.
    #[arg(long, default_value = "runs/ablation", value_name = "DIR")]
    out: PathBuf,
}

fn main() -> ExitCode {
    program::compute(|| run_ablation(&Arguments::parse_from(program::arguments())))
}

/// Run name of the classifier that all rows of a seed share.
const CLASSIFIER: &str = "classifier";

/// State shared by all rows.
struct Common<'a> {
    arguments: &'a Arguments,
    data: Dataset,
    devices: Devices,
}

#[allow(clippy::print_stdout)]
fn run_ablation(arguments: &Arguments) -> anyhow::Result<()> {
    let rows: Vec<&AblationRow> = arguments.rows.iter().map(|name| row(name)).collect::<Result<_, _>>()?;
    let protocol = arguments.recipe(row(COIN)?, None)?.protocol();
    if let (DataRecipe::Phantom { .. }, Some(DataSpec::Folder(..))) = (&protocol.data, arguments.data.specs.first()) {
        return Err(Error::Usage(
            "--data: the small presets generate their own phantoms; add --full to train on a folder".into(),
        )
        .into());
    }
    interrupt::listen()?;
    let table = arguments.data.table(&protocol.wanted())?;
    let data = Dataset::open(&protocol, table.as_ref(), &Subset::ALL)?;
    let devices = Devices::open(&arguments.device)?;
    let common = Common { arguments, data, devices };
    common.check(&rows)?;
    eprintln!("training on {}; data: {}", common.devices.names(), common.data.description);
    let mut ablation = Ablation::default();
    for &seed in &arguments.seeds {
        for row in &rows {
            let Some(report) = common.train_row(row, seed)? else {
                eprintln!("saved a checkpoint; rerun the same command to resume");
                return Ok(());
            };
            ablation.rows.entry(row.name.to_owned()).or_default().push(report.methods.coin);
            ablation.unet.extend(report.methods.unet);
            for (method, found) in report.methods.saliency {
                ablation.saliency.entry(method).or_default().push(found);
            }
        }
    }
    let table = ablation.table(|row| arguments.recipe(row, None).unwrap_or_else(|_| unreachable!("loaded before")));
    files::write(&arguments.out.join("ablation.json"), &serde_json::to_vec_pretty(&ablation)?)?;
    files::write(&arguments.out.join("ablation.md"), table.as_bytes())?;
    print!("{table}");
    Ok(())
}

fn row(name: &str) -> Result<&'static AblationRow, Error> {
    let known = || ROWS.map(|row| row.name).join(", ");
    let found = ROWS.iter().find(|row| row.name.eq_ignore_ascii_case(name));
    found.ok_or_else(|| Error::Usage(format!("--rows {name}: unknown row; choose from {}", known())))
}

impl Arguments {
    /// The recipe of a row, with its seed replaced if `seed` is given.
    fn recipe(&self, row: &AblationRow, seed: Option<u64>) -> anyhow::Result<Recipe> {
        let name = if self.full { row.recipe.to_owned() } else { format!("{}-small", row.recipe) };
        let mut changes = self.changes.clone();
        changes.extend(seed.map(|seed| format!("seed={seed}")));
        let mut recipe = Recipe::load(&name, &changes)?;
        recipe.distillation = None;
        // The supervised upper bound is the same for all rows, so it is trained once.
        recipe.segmenter = recipe.segmenter.filter(|_| row.name == COIN);
        Ok(recipe)
    }

    fn folder(&self, name: &str, seed: u64) -> PathBuf {
        self.out.join(format!("{}-{seed}", name.to_ascii_lowercase()))
    }
}

impl Common<'_> {
    fn context<'a>(&'a self, recipe: &'a Recipe) -> TrainingContext<'a> {
        TrainingContext { recipe, data: &self.data, devices: &self.devices }
    }

    /// Checks that the batches of all runs that have not started yet fit into memory.
    fn check(&self, rows: &[&AblationRow]) -> anyhow::Result<()> {
        let started = |name: &str| self.arguments.seeds.iter().all(|seed| self.arguments.folder(name, *seed).exists());
        if !started(CLASSIFIER) {
            self.context(&self.arguments.recipe(row(COIN)?, None)?).check(&StageName::UP_TO_CLASSIFIER)?;
        }
        for row in rows.iter().filter(|row| !started(row.name)) {
            let recipe = self.arguments.recipe(row, None)?;
            self.context(&recipe).check(&StageName::AFTER_CLASSIFIER)?;
        }
        Ok(())
    }

    /// Trains and evaluates one row with one seed; `None` after Ctrl-C.
    fn train_row(&self, row: &AblationRow, seed: u64) -> anyhow::Result<Option<Report>> {
        let recipe = self.arguments.recipe(row, Some(seed))?;
        let folder = self.arguments.folder(row.name, seed);
        let run = Run::open(&folder, &recipe, &self.arguments.data.specs_or_phantoms())?;
        let _lock = run.begin(&Provenance::now(&self.data.digest, &self.devices.names()))?;
        if let Some(report) = run.report()? {
            return Ok(Some(report));
        }
        eprintln!("training row {} with seed {seed} in {}", row.name, folder.display());
        let training = Training { context: self.context(&recipe), run: &run };
        let Some(classifier) = self.classifier(&recipe, seed)? else { return Ok(None) };
        run.adopt_classifier(&classifier)?;
        for stage in StageName::AFTER_CLASSIFIER {
            if training.train(stage)? == Ending::Interrupted {
                return Ok(None);
            }
        }
        let saliency = if row.name == COIN { self.saliency(&training)? } else { BTreeMap::new() };
        let report = training.finish(saliency)?;
        eprintln!("{}", report.summary());
        Ok(Some(report))
    }

    /// Trains the classifier that all rows of a seed share; `None` after Ctrl-C.
    fn classifier(&self, recipe: &Recipe, seed: u64) -> anyhow::Result<Option<Run>> {
        let shared =
            Recipe { name: CLASSIFIER.into(), segmenter: None, ..self.arguments.recipe(row(COIN)?, Some(seed))? };
        debug_assert_eq!(shared.classifier, recipe.classifier);
        let run =
            Run::open(&self.arguments.folder(CLASSIFIER, seed), &shared, &self.arguments.data.specs_or_phantoms())?;
        let _lock = run.begin(&Provenance::now(&self.data.digest, &self.devices.names()))?;
        let training = Training { context: self.context(&shared), run: &run };
        for stage in StageName::UP_TO_CLASSIFIER {
            if training.train(stage)? == Ending::Interrupted {
                return Ok(None);
            }
        }
        Ok(Some(run))
    }

    fn saliency(&self, training: &Training<'_>) -> anyhow::Result<BTreeMap<SaliencyMethod, MethodReport>> {
        let recipe = training.context.recipe;
        let classifier = training.trained()?.classifier;
        let saliency =
            Saliency::of(classifier, None, self.arguments.rise_masks, recipe.input.size, &self.devices.first)?;
        let samples = self.data.samples(&[Subset::Test], &recipe.anomaly, TEST_SEED);
        let mask_rule = MaskRule::at(SALIENCY_THRESHOLD);
        let found = SaliencyMethod::ALL.into_iter().map(|method| {
            let bar = progress::bar(method.title(), samples.len() as u64, 0);
            let found = saliency.evaluate(method, &samples, mask_rule, &[], &bar)?;
            bar.finish();
            Ok((method, found.report))
        });
        found.collect()
    }
}
