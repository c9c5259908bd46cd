//! Inspects data sources and writes phantom data sets.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use coin_imaging::picture::Picture;
use coin_imaging::{InputTransform, Mask, Plane, Window, write};
use coin_train::Error;
use coin_train::data::description::Unit;
use coin_train::data::source::{self, Wanted};
use coin_train::data::{DataOptions, DataSpec, Fingerprint, SliceTable, Subset, phantoms};
use coin_train::files;
use coin_train::program;

/// Inspect and preview data sources, and write phantom data sets.
#[derive(Parser)]
#[command(
    version,
    after_help = "Examples:
  dataset inspect kits:DIR               count slices and list unusable cases
  dataset fingerprint totalsegmentator:DIR --label liver
  dataset preview slices:DIR --out sheet.png
  dataset phantom --count 20 --out phantoms"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// List the contents of data sources, including unusable cases and the reasons.
    Inspect(Sources),
    /// Report the intensities of all labelled pixels and a matching normalisation (0.5th to 99.5th percentile).
    Fingerprint {
        #[command(flatten)]
        sources: Sources,
        /// Print one JSON object on stdout.
        #[arg(long)]
        json: bool,
    },
    /// Write a contact sheet of evenly spaced slices, each without and with its labels: the first label in green, the others in
    /// orange.
    Preview {
        #[command(flatten)]
        sources: Sources,
        /// Number of slices.
        #[arg(long, default_value_t = 12)]
        count: usize,
        /// Intensities shown as black and white. Default: -100 to 300 HU, or each slice's 0.5th to 99.5th percentile if it is
        /// not in HU.
        #[arg(long, num_args = 2, value_names = ["LOW", "HIGH"], allow_negative_numbers = true)]
        window: Option<Vec<f32>>,
        /// Output PNG file.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Write phantom patients as a `slices` folder. Every second one has a synthetic anomaly, labelled as a tumour.
    Phantom {
        /// Number of patients.
        #[arg(long, default_value_t = 10)]
        count: u64,
        /// Seed of the first patient.
        #[arg(long, default_value_t = 0)]
        seed: u64,
        /// Side in pixels; coin-phantom was trained at 128.
        #[arg(long, default_value_t = 128)]
        size: usize,
        /// Output folder.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
}

/// The data sources and how slices are extracted from them.
#[derive(Args)]
struct Sources {
    /// Data source: phantom, or KIND:DIR where KIND is totalsegmentator, kits, nnunet, slices or xray.
    #[arg(value_name = "SPEC", required = true)]
    specs: Vec<DataSpec>,
    /// TotalSegmentator structure to read; can be repeated.
    #[arg(long = "label", value_name = "NAME")]
    labels: Vec<String>,
    /// Slice plane of volumes: axial, coronal or sagittal.
    #[arg(long, default_value = "axial", value_parser = program::named::<Plane>)]
    plane: Plane,
    /// Cache folder for slices extracted from volumes. Default: the user's cache folder.
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// Pair images and labels voxel by voxel where their geometry differs, as nnU-Net does, instead of refusing the case.
    #[arg(long)]
    pair_by_voxel: bool,
}

impl Sources {
    fn wanted(&self) -> Wanted {
        let mut labels = self.labels.iter().cloned();
        let (organ, others) = (labels.by_ref().take(1).collect(), labels.collect());
        Wanted { plane: self.plane, every_slice: false, organ, others }
    }

    /// All usable slices; unusable cases are skipped with a warning.
    fn table(&self) -> anyhow::Result<Option<SliceTable>> {
        let (specs, cache) = (self.specs.clone(), self.cache.clone());
        DataOptions { specs, cache, skip_incomplete: true, pair_by_voxel: self.pair_by_voxel }.table(&self.wanted())
    }

    fn folders(&self) -> anyhow::Result<SliceTable> {
        self.table()?.ok_or_else(|| {
            Error::Usage("phantom: phantoms are generated on the fly; name a folder as KIND:DIR".into()).into()
        })
    }
}

fn main() -> ExitCode {
    program::run(|| match Arguments::parse_from(program::arguments()).command {
        Command::Inspect(sources) => inspect(&sources),
        Command::Fingerprint { sources, json } => fingerprint(&sources, json),
        Command::Preview { sources, count, window, out } => preview(&sources, count, window.as_deref(), &out),
        Command::Phantom { count, seed, size, out } => phantom(seed..seed.saturating_add(count), size, &out),
    })
}

#[allow(clippy::print_stdout)]
fn inspect(sources: &Sources) -> anyhow::Result<()> {
    for spec in &sources.specs {
        match spec {
            DataSpec::Phantom => {
                println!("phantom: generated on the fly, any number of patients, 384 mm wide, organ masks, true HU");
            }
            DataSpec::Folder(kind, path) => {
                if let Some(found) = source::look(*kind, path, &sources.wanted())? {
                    println!(
                        "{spec}: {} volumes, {} cases with missing files",
                        found.volumes.len(),
                        found.skipped.len()
                    );
                }
            }
        }
    }
    let Some(table) = sources.table()? else { return Ok(()) };
    println!("{}: {} {} slices", table.name(), table.rows().len(), sources.plane.name());
    let labels: BTreeSet<&str> = table.descriptions().into_iter().flat_map(|found| found.labels.names()).collect();
    let column = |name: &str| name.chars().count().max(8);
    let headings: String = labels.iter().map(|name| format!(" {name:>0$}", column(name))).collect();
    println!("{:10} {:>8} {:>8}{headings}", "split", "patients", "slices");
    let splits = Subset::ALL.into_iter().map(Some).chain([None]);
    for split in splits {
        let rows = || table.rows().iter().filter(move |row| row.split == split);
        let patients: BTreeSet<&str> = rows().map(|row| row.patient.as_str()).collect();
        if patients.is_empty() {
            continue;
        }
        let with = |name: &str| rows().filter(|row| row.shows(name)).count();
        let counts: String = labels.iter().map(|name| format!(" {:>1$}", with(name), column(name))).collect();
        let name = split.map_or("unassigned", Subset::name);
        println!("{name:10} {:8} {:8}{counts}", patients.len(), rows().count());
    }
    Ok(())
}

#[allow(clippy::print_stdout)]
fn fingerprint(sources: &Sources, json: bool) -> anyhow::Result<()> {
    let table = sources.folders()?;
    let unlabelled = || Error::Usage(format!("{}: no pixel has a label; give the data masks", table.name()));
    let found = Fingerprint::of(&table)?.ok_or_else(unlabelled)?;
    if json {
        println!("{}", serde_json::to_string(&found)?);
        return Ok(());
    }
    let hu = table.unit() == Unit::Hu;
    let (unit, digits) = if hu { (" HU", 1) } else { ("", 4) };
    let Fingerprint { pixels, mean, deviation, percentile_00_5, percentile_99_5 } = found;
    println!("{pixels} labelled pixels, mean {mean:.digits$}{unit}, standard deviation {deviation:.digits$}{unit}");
    if hu {
        let window = format!("{{window=[{percentile_00_5:.1},{percentile_99_5:.1}]}}");
        println!("train with --set input.normalisation={window}");
    } else {
        println!("train with --set 'input.normalisation={{percentiles=[0.5,99.5],over=\"slice\"}}'");
    }
    Ok(())
}

fn preview(sources: &Sources, count: usize, window: Option<&[f32]>, out: &Path) -> anyhow::Result<()> {
    const SIZE: usize = 192;
    const COLUMNS: usize = 3;
    let table = sources.folders()?;
    let rows = table.rows();
    let window = window.map(|bounds| program::window("--window", bounds)).transpose()?;
    let count = count.clamp(1, rows.len().max(1));
    let shown = (0..count).filter_map(|i| rows.get(i * rows.len() / count));
    let pairs = shown.map(|row| {
        let usual = || match row.description.unit() {
            Unit::Hu => Ok(Window::ABDOMEN),
            Unit::Arbitrary => row.percentiles([0.5, 99.5]),
        };
        let (window, slice) = (window.map_or_else(usual, Ok)?, row.slice()?);
        let transform = InputTransform::of(&slice, SIZE);
        let picture = Picture::of_normalised(&transform.input(&slice, window), SIZE, SIZE);
        let shown = |values: &[u8]| -> anyhow::Result<Option<Mask>> {
            let Some(mask) = row.mask_of(values)? else { return Ok(None) };
            // A mask covers the same field of view, but can have another resolution.
            let own = InputTransform::of_grid(mask.width(), mask.height(), [1.0, 1.0], SIZE);
            let same = (mask.width(), mask.height()) == (slice.width(), slice.height());
            Ok(Some(if same { transform } else { own }.apply_mask(&mask)))
        };
        let mut labelled = picture.clone();
        if let Some((first, others)) = row.description.labels.values().split_first() {
            if let Some(mask) = shown(&[*first])? {
                labelled = labelled.with_mask(&mask, Some(&mask));
            }
            if let Some(mask) = shown(others)? {
                labelled = labelled.with_mask(&mask, None);
            }
        }
        anyhow::Ok([picture, labelled])
    });
    let pictures: Vec<Picture> = pairs.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
    let rows: Vec<Vec<Picture>> = pictures.chunks(2 * COLUMNS).map(<[Picture]>::to_vec).collect();
    let captions = ["slice", "labels"].repeat(COLUMNS);
    Ok(files::write(out, &write::png(&Picture::grid(&captions, &rows))?)?)
}

fn phantom(seeds: std::ops::Range<u64>, size: usize, out: &Path) -> anyhow::Result<()> {
    if !(32..=2048).contains(&size) {
        return Err(Error::Usage(format!("--size {size}: choose 32 to 2048 pixels")).into());
    }
    Ok(phantoms::write_set(seeds, size, out)?)
}
