//! Volumes into slices, once: a slice folder a case, which later runs read instead of the volume.

use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use coin_imaging::{Limits, Plane, Scan, ScanError, Slice, Window, write};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{LabelFile, SourceKind, Volume};
use crate::data::table::{CYST, KIDNEY, Line, TUMOUR};
use crate::data::{DataError, SliceTable};
use crate::files::{self, FileError};
use crate::progress;

/// HU of the darkest 16-bit grey; each further grey is one HU more, so that all that scanners store is kept.
const LOWEST_HU: f32 = -32768.0;
/// HU of the brightest.
const HIGHEST_HU: f32 = LOWEST_HU + 65535.0;
/// Volumes that are unpacked at once.
const MOST_VOLUMES: usize = 4;
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

/// The slices of all volumes that show a kidney, tumour or cyst, cut in `plane`; those that are cut already are not read
/// again.
pub fn all(
    kind: SourceKind,
    folder: &Path,
    volumes: &[Volume],
    plane: Plane,
    cache: &Path,
    skip_incomplete: bool,
) -> Result<SliceTable, DataError> {
    let whole = std::fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    let place = hex::encode(&Sha256::digest(whole.to_string_lossy().as_bytes())[..6]);
    let cache = cache.join(format!("{}-{place}", kind.name())).join(plane.name());
    let bar = progress::bar("slices", volumes.len() as u64, 0);
    // A volume and its labels take gigabytes once they are unpacked.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(rayon::current_num_threads().min(MOST_VOLUMES)).build();
    let pool = pool.map_err(|reason| DataError::folder(folder, reason))?;
    let tables = || {
        volumes
            .par_iter()
            .map(|volume| {
                let table = one(volume, plane, &cache.join(&volume.case));
                bar.inc(1);
                match table {
                    // A full disk is no property of a case.
                    Err(reason) if skip_incomplete && !matches!(reason, DataError::File(FileError::Write { .. })) => {
                        bar.suspend(|| tracing::warn!("{reason}; left out"));
                        Ok(None)
                    }
                    table => table.map(Some),
                }
            })
            .collect::<Vec<Result<Option<SliceTable>, DataError>>>()
    };
    let tables = pool.install(tables);
    bar.finish_and_clear();
    let tables = tables.into_iter().filter_map(Result::transpose).collect::<Result<Vec<_>, _>>()?;
    let rows = tables.iter().flat_map(|table| table.rows().iter().cloned()).collect();
    let table = SliceTable::new(folder.file_name().unwrap_or_default().to_string_lossy(), rows);
    Ok(table.with_patients(volumes.iter().map(|volume| volume.case.clone())))
}

fn one(volume: &Volume, plane: Plane, folder: &Path) -> Result<SliceTable, DataError> {
    let labels = volume.labels.iter().map(|label| source(&label.path, &label.classes));
    let sources = std::iter::once(source(&volume.image, &[])).chain(labels).collect::<Result<Vec<_>, _>>()?;
    let cut: Option<Vec<Source>> =
        std::fs::read(folder.join(SOURCES)).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    if cut.as_ref() != Some(&sources) {
        cut_one(volume, plane, folder, &sources)?;
    }
    let table = SliceTable::open(folder)?;
    // Not in the table, because it may change.
    let rows = table.rows().iter().cloned().map(|mut row| {
        row.split = volume.split;
        row
    });
    Ok(SliceTable::new(volume.case.clone(), rows.collect()))
}

fn source(path: &Path, classes: &[(u8, u8)]) -> Result<Source, DataError> {
    let unreadable = |reason| FileError::Read { path: path.to_owned(), reason };
    let metadata = std::fs::metadata(path).map_err(unreadable)?;
    // The same however the folder was named.
    let whole = std::fs::canonicalize(path).map_err(unreadable)?;
    let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let modified = modified.map_or(0, |time| time.as_secs());
    Ok(Source { path: whole, bytes: metadata.len(), modified, classes: classes.to_vec() })
}

fn cut_one(volume: &Volume, plane: Plane, folder: &Path, sources: &[Source]) -> Result<(), DataError> {
    let case = |reason: String| DataError::Case { case: volume.case.clone(), reason };
    let scan = open(&volume.image)?;
    let mut labels = Vec::with_capacity(volume.labels.len());
    for label in &volume.labels {
        let labelled = open(&label.path)?;
        let shape =
            |scan: &Scan| Ok::<_, ScanError>((scan.slice(0)?.width(), scan.slice(0)?.height(), scan.slice_count()));
        if shape(&labelled)? != shape(&scan)? {
            let (path, image) = (label.path.display(), volume.image.display());
            return Err(case(format!("{path} and {image} differ in shape")));
        }
        labels.push((label, labelled));
    }
    let failed = |reason| FileError::Write { path: folder.to_owned(), reason };
    if folder.exists() {
        std::fs::remove_dir_all(folder).map_err(failed)?;
    }
    let mut table = csv::Writer::from_writer(Vec::new());
    for index in 0..scan.count(plane) {
        let mut classes = Vec::new();
        for (label, labelled) in &labels {
            add(&mut classes, &labelled.cut(plane, index)?, label).map_err(&case)?;
        }
        let count = |class: u8| classes.iter().filter(|&&found| found == class).count() as u32;
        let (kidney_px, tumour_px, cyst_px) = (count(KIDNEY), count(TUMOUR), count(CYST));
        if kidney_px + tumour_px + cyst_px == 0 {
            continue;
        }
        let slice = scan.cut(plane, index)?;
        let file = format!("{}-{}-{index:04}.png", volume.case, plane.name());
        let greys = slice.hu().iter().map(|hu| (hu.round() - LOWEST_HU).clamp(0.0, 65535.0) as u16).collect();
        let (width, height) = (slice.width(), slice.height());
        files::write(&folder.join("images").join(&file), &write::deep_grey_png(width, height, greys)?)?;
        files::write(&folder.join("masks").join(&file), &write::grey_png(width, height, &classes)?)?;
        let spacing = slice.spacing();
        let line = Line {
            file,
            case: volume.case.clone(),
            kidney_px,
            tumour_px,
            cyst_px,
            spacing_xy_mm: spacing.map(|spacing| spacing.column_mm()),
            spacing_row_mm: spacing.map(|spacing| spacing.row_mm()),
            low_hu: Some(LOWEST_HU),
            high_hu: Some(HIGHEST_HU),
            ..Line::default()
        };
        table.serialize(line).map_err(|reason| case(reason.to_string()))?;
    }
    let mut lines = table.into_inner().map_err(|reason| case(reason.to_string()))?;
    if lines.is_empty() {
        // A volume without kidney: the table says so with its columns alone.
        lines = b"file,case,split,kidney_px,tumour_px,cyst_px,spacing_xy_mm\n".to_vec();
    }
    files::write(&folder.join("slices.csv"), &lines)?;
    let sources = serde_json::to_vec(sources).map_err(|reason| case(reason.to_string()))?;
    // Last: without it the case is cut anew.
    Ok(files::write(&folder.join(SOURCES), &sources)?)
}

fn open(path: &Path) -> Result<Scan, DataError> {
    let limits = Limits::VOLUMES;
    let bytes = files::read_limited(path, limits.bytes)?;
    Ok(Scan::open(&bytes, &path.to_string_lossy(), Window::ABDOMEN, &limits)?)
}

/// Puts what a slice of labels means over what is there.
fn add(classes: &mut Vec<u8>, slice: &Slice, label: &LabelFile) -> Result<(), String> {
    classes.resize(slice.hu().len(), 0);
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
