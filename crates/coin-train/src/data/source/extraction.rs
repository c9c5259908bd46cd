//! Volumes into slices, once: a slice folder a case, which later runs read instead of the volume.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use coin_imaging::{Limits, Plane, Scan, Slice, Window, write};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Found, LabelFile, SourceKind, Volume, Wanted};
use crate::Error;
use crate::data::description::Unit;
use crate::data::{Description, NewSlice, Row, SliceFolder, SliceTable};
use crate::files;
use crate::progress;

/// HU of black and white in 16-bit intensities, a level each, so that all that scanners store is kept.
const HU: Window = Window::WHOLE_HU;
/// Volumes that are unpacked at once.
const MAX_VOLUMES: usize = 4;
/// What a whole cut leaves last.
const SOURCES: &str = "sources.json";

/// A file that a case was cut from, and what its values mean.
#[derive(PartialEq, Serialize, Deserialize)]
struct Source {
    path: PathBuf,
    bytes: u64,
    modified: u64,
    classes: Vec<(u8, u8)>,
}

/// The slices of all volumes, those that show a label unless every slice is wanted; what is cut already is not read again.
pub fn all(
    kind: SourceKind,
    folder: &Path,
    found: &Found,
    wanted: &Wanted,
    cache: &Path,
    skip_incomplete: bool,
) -> Result<SliceTable, Error> {
    let Found { description, volumes, .. } = found;
    let Wanted { plane, every_slice, .. } = *wanted;
    let which = if every_slice { "-whole" } else { "" };
    // Masks of other labels are others: two tasks on the same volumes keep out of each other's way.
    let meant = serde_json::to_vec(description).map_err(|reason| Error::folder(folder, reason))?;
    let meant = hex::encode(&Sha256::digest(meant)[..4]);
    let whole = std::fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    let place = hex::encode(&Sha256::digest(whole.to_string_lossy().as_bytes())[..6]);
    let cache = cache.join(format!("{}-{place}", kind.name())).join(format!("{}{which}-{meant}", plane.name()));
    let extraction = Extraction { plane, every_slice, description };
    let bar = progress::bar("slices", volumes.len() as u64, 0);
    // A volume and its labels take gigabytes once they are unpacked.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(rayon::current_num_threads().min(MAX_VOLUMES)).build();
    let pool = pool.map_err(|reason| Error::folder(folder, reason))?;
    let tables = || {
        volumes
            .par_iter()
            .map(|volume| {
                let table = extraction.table(volume, &cache.join(&volume.case));
                bar.inc(1);
                match table {
                    // A full disk is no property of a case.
                    Err(reason) if skip_incomplete && !matches!(reason, Error::Write { .. }) => {
                        bar.suspend(|| tracing::warn!("{reason}; left out"));
                        Ok(None)
                    }
                    table => table.map(Some),
                }
            })
            .collect::<Vec<Result<Option<SliceTable>, Error>>>()
    };
    let tables = pool.install(tables);
    bar.finish_and_clear();
    let tables = tables.into_iter().filter_map(Result::transpose).collect::<Result<Vec<_>, _>>()?;
    // One description of all, which each folder has a copy of.
    let description = Arc::new(description.clone());
    let described = |row: &Row| Row { description: description.clone(), ..row.clone() };
    let rows = tables.iter().flat_map(|table| table.rows().iter().map(described)).collect();
    let table = SliceTable::new(folder.file_name().unwrap_or_default().to_string_lossy(), rows);
    Ok(table.with_patients(volumes.iter().map(|volume| volume.case.clone())))
}

/// How volumes are cut.
struct Extraction<'a> {
    plane: Plane,
    /// Whether those are kept that show no label.
    every_slice: bool,
    description: &'a Description,
}

impl Extraction<'_> {
    /// The slices of a volume, cut unless they are.
    fn table(&self, volume: &Volume, folder: &Path) -> Result<SliceTable, Error> {
        let labels = volume.labels.iter().map(|label| source(&label.path, &label.classes));
        let sources = std::iter::once(source(&volume.image, &[])).chain(labels).collect::<Result<Vec<_>, _>>()?;
        let cut: Option<Vec<Source>> =
            std::fs::read(folder.join(SOURCES)).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        if cut.as_ref() != Some(&sources) {
            self.extract(volume, folder, &sources)?;
        }
        let table = SliceTable::open(folder)?;
        // Not in the table, because it may change.
        let rows = table.rows().iter().cloned().map(|row| Row { split: volume.split, ..row });
        Ok(SliceTable::new(volume.case.clone(), rows.collect()))
    }

    fn extract(&self, volume: &Volume, folder: &Path, sources: &[Source]) -> Result<(), Error> {
        let Self { plane, every_slice, description } = *self;
        let case = |reason: String| Error::Case { case: volume.case.clone(), reason };
        let scan = open(&volume.image)?;
        let mut labels = Vec::with_capacity(volume.labels.len());
        for label in &volume.labels {
            let labelled = open(&label.path)?;
            let shape = |scan: &Scan| {
                Ok::<_, coin_imaging::Error>((scan.slice(0)?.width(), scan.slice(0)?.height(), scan.slice_count()))
            };
            if shape(&labelled)? != shape(&scan)? {
                let (path, image) = (label.path.display(), volume.image.display());
                return Err(case(format!("{path} and {image} differ in shape")));
            }
            labels.push((label, labelled));
        }
        let failed = Error::write(folder);
        if folder.exists() {
            std::fs::remove_dir_all(folder).map_err(failed)?;
        }
        let intensities = self.intensities(&scan, volume)?;
        let mut slices = SliceFolder::create(folder, description)?;
        for index in 0..scan.count(plane) {
            let slice = scan.extract(plane, index)?;
            let mut classes = vec![0; slice.hu().len()];
            for (label, labelled) in &labels {
                add(&mut classes, &labelled.extract(plane, index)?, label).map_err(&case)?;
            }
            if !every_slice && classes.iter().all(|&class| class == 0) {
                continue;
            }
            let levels: Vec<u16> = slice.hu().iter().map(|&value| intensities.level(value)).collect();
            let (width, height) = (slice.width(), slice.height());
            slices.add(&NewSlice {
                file: &format!("{}-{}-{index:04}.png", volume.case, plane.name()),
                case: &volume.case,
                split: None,
                spacing: slice.spacing(),
                intensities,
                image: &write::png_16bit(width, height, levels)?,
                size: [width, height],
                labels: &classes,
            })?;
        }
        slices.finish()?;
        let sources = serde_json::to_vec(sources).map_err(|reason| case(reason.to_string()))?;
        // Last: without it the case is cut anew.
        files::write(&folder.join(SOURCES), &sources)
    }

    /// What the 16-bit intensities of a volume mean: whole HU; of others all that occur.
    fn intensities(&self, scan: &Scan, volume: &Volume) -> Result<Window, Error> {
        if self.description.unit() == Unit::Hu {
            return Ok(HU);
        }
        let (mut low, mut high) = (f32::INFINITY, f32::NEG_INFINITY);
        for index in 0..scan.slice_count() {
            let slice = scan.slice(index)?;
            low = slice.hu().iter().copied().fold(low, f32::min);
            high = slice.hu().iter().copied().fold(high, f32::max);
        }
        let high = if high > low { high } else { low + 1.0 };
        Window::new(low, high).map_err(|_| {
            let reason = format!("{}: its intensities, {low} to {high}, are beyond +-100000", volume.image.display());
            Error::Case { case: volume.case.clone(), reason }
        })
    }
}

fn source(path: &Path, classes: &[(u8, u8)]) -> Result<Source, Error> {
    let unreadable = Error::read(path);
    let metadata = std::fs::metadata(path).map_err(unreadable)?;
    // The same however the folder was named.
    let whole = std::fs::canonicalize(path).map_err(unreadable)?;
    let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let modified = modified.map_or(0, |time| time.as_secs());
    Ok(Source { path: whole, bytes: metadata.len(), modified, classes: classes.to_vec() })
}

fn open(path: &Path) -> Result<Scan, Error> {
    let limits = Limits::VOLUMES;
    let bytes = files::read_limited(path, limits.bytes)?;
    Ok(Scan::open(&bytes, &path.to_string_lossy(), Window::ABDOMEN, &limits)?)
}

/// Puts what a slice of labels means over what is there.
fn add(classes: &mut [u8], slice: &Slice, label: &LabelFile) -> Result<(), String> {
    for (class, &value) in classes.iter_mut().zip(slice.hu()) {
        if value == 0.0 {
            continue;
        }
        let known = label.classes.iter().find(|(known, _)| f32::from(*known) == value);
        let Some((_, meant)) = known else {
            let known: Vec<String> = label.classes.iter().map(|(known, _)| known.to_string()).collect();
            return Err(format!(
                "{} has the label {value}, which is none of {}",
                label.path.display(),
                known.join(", ")
            ));
        };
        *class = (*class).max(*meant);
    }
    Ok(())
}
