//! Looks into data sources and writes phantom sets.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use coin_imaging::anomaly::{self, AnomalyStyle};
use coin_imaging::phantom::{Organ, Phantom};
use coin_imaging::{Window, write};
use coin_train::data::{KIDNEY, SliceFolder, TUMOUR};
use coin_train::files;
use coin_train::program::{self, BadInput, DataSpec};

/// Data sources of COIN.
#[derive(Parser)]
#[command(
    version,
    after_help = "Examples:
  dataset inspect slices:DIR
  dataset phantom --count 20 --out phantoms"
)]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Say what a data source holds.
    Inspect {
        /// phantom or slices:DIR.
        #[arg(value_name = "SPEC")]
        data: DataSpec,
    },
    /// Write phantom patients in the layout of `slices`; every second one has an anomaly, labelled as a tumour.
    Phantom {
        /// How many.
        #[arg(long, default_value_t = 10)]
        count: u64,
        /// The first patient's seed.
        #[arg(long, default_value_t = 0)]
        seed: u64,
        /// Pixels a side.
        #[arg(long, default_value_t = 256)]
        size: usize,
        /// Folder to write.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
}

fn main() -> ExitCode {
    program::run(|| match Arguments::parse().chore {
        Chore::Inspect { data } => inspect(&data),
        Chore::Phantom { count, seed, size, out } => phantom(seed..seed.saturating_add(count), size, &out),
    })
}

#[allow(clippy::print_stdout)]
fn inspect(data: &DataSpec) -> anyhow::Result<()> {
    let DataSpec::Slices(path) = data else {
        println!("phantoms are made on the spot: any number of patients, 384 mm wide, organ masks, true HU");
        return Ok(());
    };
    let folder = SliceFolder::open(path)?;
    println!("{}: {} slices", path.display(), folder.rows().len());
    println!("{:8} {:>8} {:>8} {:>8} {:>8}", "split", "slices", "kidney", "tumour", "cyst");
    for split in ["train", "test"] {
        let rows = || folder.rows().iter().filter(|row| row.split == split);
        let with = |pixels: fn(&coin_train::data::SliceRow) -> u32| rows().filter(|row| pixels(row) > 0).count();
        let (kidney, tumour, cyst) = (with(|row| row.kidney_px), with(|row| row.tumour_px), with(|row| row.cyst_px));
        println!("{split:8} {:8} {kidney:8} {tumour:8} {cyst:8}", rows().count());
    }
    Ok(())
}

fn phantom(seeds: std::ops::Range<u64>, size: usize, out: &std::path::Path) -> anyhow::Result<()> {
    if !(32..=2048).contains(&size) {
        return Err(BadInput(format!("--size {size}: choose 32 to 2048 pixels")).into());
    }
    let window = Window::PHANTOM;
    let [low, high] = <[f32; 2]>::from(window).map(|hu| hu.to_string());
    let columns = ["file", "case", "grid", "split", "kidney_px", "tumour_px", "cyst_px", "spacing_xy_mm"];
    let mut table = csv::Writer::from_writer(Vec::new());
    table.write_record(columns.into_iter().chain(["low_hu", "high_hu"]))?;
    for seed in seeds {
        let phantom = Phantom::generate(seed, size);
        let kidneys = phantom.mask(Organ::Kidney);
        let planted = anomaly::plant(&phantom.slice, &kidneys, window, &AnomalyStyle::PHANTOM, seed);
        let spacing = phantom.slice.spacing_or_assumed().column_mm();
        let mut labels: Vec<u8> = kidneys.as_slice().iter().map(|&inside| if inside { KIDNEY } else { 0 }).collect();
        let slice = match planted.filter(|_| seed % 2 == 1) {
            Some(planted) => {
                let marked = labels.iter_mut().zip(planted.mask.as_slice()).filter(|(_, inside)| **inside);
                marked.for_each(|(label, _)| *label = TUMOUR);
                planted.slice
            }
            None => phantom.slice,
        };
        let count = |wanted: u8| labels.iter().filter(|&&label| label == wanted).count().to_string();
        let (kidney, tumour) = (count(KIDNEY), count(TUMOUR));
        let greys = slice.hu().iter().map(|&hu| window.grey(hu)).collect();
        let file = format!("phantom_{seed:05}.png");
        files::write(&out.join("images").join(&file), &write::grey_png(size, size, greys)?)?;
        files::write(&out.join("masks").join(&file), &write::grey_png(size, size, labels)?)?;
        let split = if seed / 2 % 2 == 1 { "test" } else { "train" };
        let case = format!("phantom_{seed:05}");
        let spacing = spacing.to_string();
        table.write_record([&file, &case, "native", split, &kidney, &tumour, "0", &spacing, &low, &high])?;
    }
    Ok(files::write(&out.join("slices.csv"), &table.into_inner()?)?)
}
