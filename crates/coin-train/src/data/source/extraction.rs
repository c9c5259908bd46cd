//! Extracts slices from volumes once: one slice folder per case in the cache, which later runs read instead of the volume.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use coin_imaging::{Format, Plane, Scan, Slice, Window, write};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Found, LabelFile, Reading, SourceKind, Volume, Wanted};
use crate::Error;
use crate::data::description::Unit;
use crate::data::{Description, NewSlice, Row, SliceFolder, SliceTable};
use crate::files;
use crate::progress;

/// HU of black and white in 16-bit images: one level per HU, which preserves the values that scanners store.
const HU: Window = Window::WHOLE_HU;
/// Maximum number of volumes in memory.
const MAX_VOLUMES: usize = 4;
/// Largest distance between corresponding voxels of an image and its labels, in voxel sides: affines have few decimals.
const MAX_DISTANCE: f64 = 0.01;
/// Number of the way in which volumes are read, so that slices of an earlier way are extracted again.
const READING: u32 = 2;
/// File that is written last and marks a complete extraction.
const SOURCES: &str = "sources.json";

/// A source file of a case, with its mapping of label values.
#[derive(PartialEq, Serialize, Deserialize)]
struct Source {
    path: PathBuf,
    bytes: u64,
    modified: u64,
    classes: Vec<(u8, u8)>,
}

/// Extracts the slices of all volumes, or reads them from the cache. Slices without labels are omitted unless
/// `wanted.every_slice`.
///
/// # Errors
/// For the first unusable case unless `reading.skip_incomplete`, and if the cache cannot be written.
pub fn all(
    kind: SourceKind,
    folder: &Path,
    found: &Found,
    wanted: &Wanted,
    reading: Reading<'_>,
) -> Result<SliceTable, Error> {
    let Reading { cache, skip_incomplete, pair_by_voxel } = reading;
    let Found { description, volumes, .. } = found;
    let Wanted { plane, every_slice, .. } = *wanted;
    let which = [(every_slice, "-whole"), (pair_by_voxel, "-by-voxel")];
    let which: String = which.iter().filter(|(set, _)| *set).map(|(_, name)| *name).collect();
    // Tasks with other labels need other masks, so they get their own cache folder.
    let labels = serde_json::to_vec(&(READING, description)).map_err(|reason| Error::folder(folder, reason))?;
    let labels = hex::encode(&Sha256::digest(labels)[..4]);
    let whole = std::fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    let place = hex::encode(&Sha256::digest(whole.to_string_lossy().as_bytes())[..6]);
    let cache = cache.join(format!("{}-{place}", kind.name())).join(format!("{}{which}-{labels}", plane.name()));
    let extraction = Extraction { plane, every_slice, pair_by_voxel, description };
    let bar = progress::bar("slices", volumes.len() as u64, 0);
    // A volume and its labels can take gigabytes of memory.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(rayon::current_num_threads().min(MAX_VOLUMES)).build();
    let pool = pool.map_err(|reason| Error::folder(folder, reason))?;
    let tables = || {
        volumes
            .par_iter()
            .map(|volume| {
                let table = extraction.table(volume, &cache.join(&volume.case));
                bar.inc(1);
                match table {
                    // A full disk is not the fault of the case.
                    Err(reason) if skip_incomplete && !matches!(reason, Error::Write { .. }) => {
                        bar.suspend(|| tracing::warn!("{reason}; skipped"));
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
    // Share one description instead of a copy per case.
    let description = Arc::new(description.clone());
    let described = |row: &Row| Row { description: description.clone(), ..row.clone() };
    let rows = tables.iter().flat_map(|table| table.rows().iter().map(described)).collect();
    let table = SliceTable::new(folder.file_name().unwrap_or_default().to_string_lossy(), rows);
    Ok(table.with_patients(volumes.iter().map(|volume| volume.case.clone())))
}

/// Extraction settings.
struct Extraction<'a> {
    plane: Plane,
    /// Whether to keep slices without labels.
    every_slice: bool,
    /// Whether to ignore that an image and its labels differ in geometry.
    pair_by_voxel: bool,
    description: &'a Description,
}

impl Extraction<'_> {
    /// The slices of a volume, extracted unless the cache is up to date.
    fn table(&self, volume: &Volume, folder: &Path) -> Result<SliceTable, Error> {
        let labels = volume.labels.iter().map(|label| (&label.path, &label.classes[..]));
        let mut sources = Vec::new();
        for (path, classes) in std::iter::once((&volume.image, &[][..])).chain(labels) {
            sources.push(source(path, classes)?);
            for voxels in files::detached_voxels(path) {
                sources.push(source(&voxels, &[])?);
            }
        }
        let cached: Option<Vec<Source>> =
            std::fs::read(folder.join(SOURCES)).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        if cached.as_ref() != Some(&sources) {
            self.extract(volume, folder, &sources)?;
        }
        let table = SliceTable::open(folder)?;
        // The split is not cached, because it can change without the volume.
        let rows = table.rows().iter().cloned().map(|row| Row { split: volume.split, ..row });
        Ok(SliceTable::new(volume.case.clone(), rows.collect()))
    }

    fn extract(&self, volume: &Volume, folder: &Path, sources: &[Source]) -> Result<(), Error> {
        let Self { plane, every_slice, description, .. } = *self;
        let case = |reason: String| Error::Case { case: volume.case.clone(), reason };
        let scan = open(&volume.image)?;
        let mut labels = Vec::with_capacity(volume.labels.len());
        for label in &volume.labels {
            let labelled = self.paired(open(&label.path)?, &scan);
            let labelled = labelled.map_err(|reason| {
                case(format!("{} and {} differ in {reason}", label.path.display(), volume.image.display()))
            })?;
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
                let is_picture = labelled.format() == Format::Picture;
                add(&mut classes, &labelled.extract(plane, index)?, is_picture, label).map_err(&case)?;
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
        // Written last, so that an interrupted extraction is repeated.
        files::write(&folder.join(SOURCES), &sources)
    }

    /// The labels on the grid of the image; an error says in what they differ.
    fn paired(&self, labels: Scan, image: &Scan) -> Result<Scan, String> {
        let oriented = [&labels, image].map(|scan| scan.geometry().is_some());
        if oriented[0] != oriented[1] {
            let lacking = if oriented[0] { "the image has none" } else { "the labels have none" };
            return Err(format!(
                "geometry: {lacking}, so it is unknown which voxels belong together; save both as NIfTI"
            ));
        }
        let apart = labels.geometry().zip(image.geometry()).map_or(0.0, |(labels, image)| image.distance(labels));
        if self.pair_by_voxel
            && apart > MAX_DISTANCE
            && let Some(paired) = labels.on_grid_of(image)
        {
            tracing::warn!("{}: its geometry is not that of the image; paired voxel by voxel", labels.name());
            return Ok(paired);
        }
        let shape = |scan: &Scan| scan.slice(0).map(|slice| [slice.width(), slice.height(), scan.slice_count()]);
        let (of_labels, of_image) = (shape(&labels), shape(image));
        if of_labels != of_image {
            let [labels, image] =
                [of_labels, of_image].map(|shape| shape.map_or_else(|reason| reason.to_string(), text));
            return Err(format!("shape: {labels} and {image} voxels"));
        }
        if let (Some(of_labels), Some(of_image)) = (labels.geometry(), image.geometry())
            && apart > MAX_DISTANCE
        {
            return Err(format!(
                "geometry: {of_labels}, and {of_image}, so voxels of the same index lie at different places; save both \
                 on one grid, or use --pair-by-voxel if they belong together voxel by voxel"
            ));
        }
        Ok(labels)
    }

    /// The intensity range of the 16-bit images: all HU for CT, otherwise the range of the volume.
    fn intensities(&self, scan: &Scan, volume: &Volume) -> Result<Window, Error> {
        if self.description.unit() == Unit::Hu {
            if scan.format() == Format::Picture {
                let reason = format!("{} is a picture, which has no HU", volume.image.display());
                let remedy = "give another modality than CT in channel_names of dataset.json";
                return Err(Error::Case { case: volume.case.clone(), reason: format!("{reason}; {remedy}") });
            }
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
            let reason =
                format!("{}: its intensities, {low} to {high}, exceed +-100000; rescale them", volume.image.display());
            Error::Case { case: volume.case.clone(), reason }
        })
    }
}

fn source(path: &Path, classes: &[(u8, u8)]) -> Result<Source, Error> {
    let unreadable = Error::read(path);
    let metadata = std::fs::metadata(path).map_err(unreadable)?;
    // Independent of how the path was written.
    let whole = std::fs::canonicalize(path).map_err(unreadable)?;
    let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let modified = modified.map_or(0, |time| time.as_secs());
    Ok(Source { path: whole, bytes: metadata.len(), modified, classes: classes.to_vec() })
}

fn open(path: &Path) -> Result<Scan, Error> {
    let paths: Vec<PathBuf> = std::iter::once(path.to_owned()).chain(files::detached_voxels(path)).collect();
    let opened = files::open_together(&files::read_together(&paths)?, Window::EIGHT_BIT)?;
    opened.scans.into_iter().next().ok_or_else(|| Error::folder(path, "there is no volume in it"))
}

fn text([columns, rows, slices]: [usize; 3]) -> String {
    format!("{columns} x {rows} x {slices}")
}

/// Maps the values of a label slice to classes and merges them into `classes`; the larger class wins.
fn add(classes: &mut [u8], slice: &Slice, is_picture: bool, label: &LabelFile) -> Result<(), String> {
    for (class, &value) in classes.iter_mut().zip(slice.hu()) {
        // The labels of a picture with 16 bits, read as one with 8.
        let value = if is_picture && value < 1.0 { (value * 257.0).round() } else { value };
        if value == 0.0 {
            continue;
        }
        let known = label.classes.iter().find(|(known, _)| f32::from(*known) == value);
        let Some((_, mapped)) = known else {
            let known: Vec<String> = label.classes.iter().map(|(known, _)| known.to_string()).collect();
            return Err(format!(
                "{} has the label {value}, but the known labels are {}",
                label.path.display(),
                known.join(", ")
            ));
        };
        *class = (*class).max(*mapped);
    }
    Ok(())
}
