//! Trains a model on a custom data set: squares of tissue, some with a bright spot.
//!
//! ```text
//! cargo run --release -p coin-examples --bin train_custom FOLDER [STEPS]
//! ```
//!
//! The data set becomes a slice folder (`docs/train-on-your-own-data.md`). A recipe names the organ and the finding. The model
//! file, its report and the checkpoints are in `FOLDER/runs/squares`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use coin_imaging::{Spacing, Window, write};
use coin_train::data::description::{Description, Labels};
use coin_train::data::{DataOptions, DataSpec, Dataset, NewSlice, SliceFolder, Subset, source::SourceKind};
use coin_train::device::{DeviceChoice, Devices, Place};
use coin_train::provenance::Provenance;
use coin_train::recipe::{Recipe, StageName};
use coin_train::run::Run;
use coin_train::stage::{Ending, Training, TrainingContext};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

const SIZE: usize = 64;
/// Values of the mask files.
const ORGAN: u8 = 1;
const SPOT: u8 = 2;

/// Keys that this recipe does not name are those of `quick`.
const RECIPE: &str = r#"
extends = "quick"
name = "squares"
model = "squares"
title = "Bright spots in squares"
limits = "An example. It is of no other use."

[input]
size = 64
normalisation = { window = [-100.0, 300.0] }

[task]
organ = "organ"
finding = "spot"
ignore = []
min_organ_pixels = 100
min_finding_pixels = 5

[data]
source = "slices"
name = "Squares"
balanced = true
"#;

#[allow(clippy::print_stdout)]
fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    let folder = PathBuf::from(arguments.next().context("usage: train_custom FOLDER [STEPS]")?);
    let steps: u64 = match arguments.next() {
        Some(steps) => steps.to_string_lossy().parse().context("STEPS is not a number")?,
        None => 300,
    };

    let (slices, recipe) = (folder.join("slices"), folder.join("squares.toml"));
    write_data_set(&slices)?;
    std::fs::write(&recipe, RECIPE)?;
    let mut changes = Vec::new();
    for stage in ["classifier", "counterfactual"] {
        changes.extend([format!("{stage}.steps={steps}"), format!("{stage}.validate_every={}", (steps / 4).max(1))]);
    }
    let recipe = Recipe::load(&recipe.to_string_lossy(), &changes)?;

    // What the program `train` does: open the data, the device and a run, and train its stages.
    let specs = vec![DataSpec::Folder(SourceKind::Slices, slices)];
    let options = DataOptions { specs: specs.clone(), ..DataOptions::default() };
    let table = options.table(&recipe.protocol().wanted())?;
    let data = Dataset::open(&recipe.protocol(), table.as_ref(), &Subset::ALL)?;
    let devices = Devices::open(&[Place::Here(DeviceChoice::Cpu)])?;
    let run = Run::create(&folder.join("runs"), &recipe, &specs)?;
    let _lock = run.begin(&Provenance::now(&data.digest, &devices.names()))?;
    let training = Training { context: TrainingContext { recipe: &recipe, data: &data, devices: &devices }, run: &run };
    for stage in [StageName::Classifier, StageName::Counterfactual] {
        ensure!(training.train(stage)? == Ending::Done, "interrupted");
    }
    // Chooses the mask rule on the validation set and evaluates the test set once.
    println!("{}", training.finish(BTreeMap::new())?.summary());
    println!("model: {}", run.folder().join("squares.safetensors").display());
    Ok(())
}

/// 36 patients with two slices each; every second slice has a spot.
fn write_data_set(folder: &Path) -> anyhow::Result<()> {
    let labels = Labels::new([("background", 0), ("organ", ORGAN), ("spot", SPOT)]);
    let description = Description::of_ct("Squares", labels);
    let mut out = SliceFolder::create(folder, &description)?;
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for patient in 0..36 {
        let split = match patient {
            0..24 => Subset::Train,
            24..30 => Subset::Validation,
            _ => Subset::Test,
        };
        for (index, with_spot) in [false, true].into_iter().enumerate() {
            let (image, labels) = slice(with_spot, &mut rng);
            out.add(&NewSlice {
                file: &format!("patient{patient:02}_{index}.png"),
                case: &format!("patient{patient:02}"),
                split: Some(split),
                spacing: Some(Spacing::new(1.5, 1.5)?),
                intensities: Window::ABDOMEN,
                image: &write::png_8bit(SIZE, SIZE, &image)?,
                size: [SIZE, SIZE],
                labels: &labels,
            })?;
        }
    }
    Ok(out.finish()?)
}

/// The pixels of a slice and of its mask.
fn slice(with_spot: bool, rng: &mut ChaCha8Rng) -> (Vec<u8>, Vec<u8>) {
    let corner: [usize; 2] = [rng.random_range(8..20), rng.random_range(8..20)];
    let spot = corner.map(|start| start + rng.random_range(8..24));
    let pixel = |i: usize| {
        let place = [i % SIZE, i / SIZE];
        let organ = place.iter().zip(corner).all(|(&at, start)| (start..start + 36).contains(&at));
        let near: usize = place.iter().zip(spot).map(|(&at, centre)| at.abs_diff(centre).pow(2)).sum();
        match (organ, with_spot && near <= 16) {
            (_, true) => SPOT,
            (true, false) => ORGAN,
            (false, false) => 0,
        }
    };
    let labels: Vec<u8> = (0..SIZE * SIZE).map(pixel).collect();
    let image = labels.iter().map(|label| [20, 110, 220][usize::from(*label)] + rng.random_range(0..20)).collect();
    (image, labels)
}
