//! Tables of explained scans: `scans.csv` with a row for each scan, and `components.csv` with the components of its masks.

use std::path::{Path, PathBuf};

use coin_core::calibration::Temperature;
use coin_imaging::{Component, Components, Scan, Slice};
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::files;
use crate::model::MaskSource;

/// Components that are measured; a mask may have thousands of single voxels.
pub const MOST_COMPONENTS: usize = 50;

/// A row of `scans.csv`. Measurements are missing where the scan has no spacing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScanRow {
    /// Name of the scan: its file or folder.
    pub scan: String,
    /// Name of the model.
    pub model: String,
    /// The map that was thresholded; the difference map in older tables.
    #[serde(default)]
    pub mask_from: MaskSource,
    /// Threshold of its masks.
    #[serde(default)]
    pub threshold: f32,
    /// Number of explained slices.
    pub slices: usize,
    /// Slices with a probability of "abnormal" of at least 0.5.
    pub abnormal_slices: usize,
    /// The explained slice with the highest probability, from 1.
    pub most_abnormal_slice: usize,
    /// Its probability.
    pub before: f32,
    /// The probability of its counterfactual.
    pub after: f32,
    /// Temperature of both probabilities, if they are calibrated.
    #[serde(default)]
    pub temperature: Option<Temperature>,
    /// Volume of the masks, of scans with a distance between slices.
    pub mask_mm3: Option<f64>,
    /// Area of the mask of a single slice.
    pub mask_mm2: Option<f64>,
    /// Voxels of the masks on the scan's own grid.
    pub mask_voxels: usize,
    /// Number of components.
    pub components: usize,
    /// The largest component: its key slice, from 1.
    pub largest_key_slice: Option<usize>,
    /// Its volume.
    pub largest_mm3: Option<f64>,
    /// Its longest diameter in the key slice.
    pub largest_longest_mm: Option<f64>,
    /// The longest diameter perpendicular to that one.
    pub largest_perpendicular_mm: Option<f64>,
    /// Slices with an OOD warning.
    pub ood_warnings: usize,
    /// Whether the scan has another modality than the model's training data.
    pub other_modality: bool,
    /// Run time.
    pub seconds: f64,
}

/// A row of `components.csv`.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct ComponentRow {
    component: usize,
    voxels: usize,
    volume_mm3: Option<f64>,
    area_mm2: Option<f64>,
    first_slice: usize,
    last_slice: usize,
    key_slice: usize,
    longest_mm: Option<f64>,
    perpendicular_mm: Option<f64>,
    mean_before: f64,
    sd_before: f64,
    mean_after: f64,
    sd_after: f64,
}

/// The size of a scan's voxels.
#[derive(Clone, Copy)]
pub struct VoxelSize {
    /// Area of a pixel, if the spacing is known.
    pixel_mm2: Option<f64>,
    /// Distance between slices, of volumes.
    slice_mm: Option<f64>,
}

impl VoxelSize {
    /// The voxels of `scan`.
    pub fn of(scan: &Scan) -> Self {
        let spacing = scan.slice(0).ok().and_then(Slice::spacing);
        Self {
            pixel_mm2: spacing.map(|spacing| f64::from(spacing.row_mm()) * f64::from(spacing.column_mm())),
            slice_mm: scan.geometry().map(|geometry| geometry.slice_mm().into()).filter(|_| scan.slice_count() > 1),
        }
    }

    /// Volume in mm³ of a number of voxels.
    pub fn volume(&self, voxels: usize) -> Option<f64> {
        Some(rounded(voxels as f64 * self.pixel_mm2? * self.slice_mm?))
    }

    /// Area in mm² of a number of pixels; none in volumes.
    pub fn area(&self, pixels: usize) -> Option<f64> {
        self.pixel_mm2.filter(|_| self.slice_mm.is_none()).map(|mm2| rounded(pixels as f64 * mm2))
    }

    /// A length, if it is known in mm.
    pub fn length(&self, length: f32) -> Option<f64> {
        self.pixel_mm2.map(|_| rounded(length.into()))
    }
}

/// To the precision of a table.
fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

/// Encodes `components.csv`.
///
/// # Errors
/// If a row cannot be encoded.
pub fn components_csv(components: &Components, size: VoxelSize) -> Result<Vec<u8>, csv::Error> {
    let row = |(index, component): (usize, &Component)| ComponentRow {
        component: index + 1,
        voxels: component.voxels,
        volume_mm3: size.volume(component.voxels),
        area_mm2: size.area(component.voxels),
        first_slice: component.slices[0] + 1,
        last_slice: component.slices[1] + 1,
        key_slice: component.key_slice + 1,
        longest_mm: size.length(component.diameters.longest.length()),
        perpendicular_mm: size.length(component.diameters.perpendicular.length()),
        mean_before: rounded(component.before.mean),
        sd_before: rounded(component.before.sd),
        mean_after: rounded(component.after.mean),
        sd_after: rounded(component.after.sd),
    };
    encode(components.largest.iter().enumerate().map(row))
}

/// `scans.csv`, which is written again after each scan. Rows of earlier runs stay, unless a scan is explained again.
pub struct ScanTable {
    path: PathBuf,
    rows: Vec<ScanRow>,
}

impl ScanTable {
    /// Reads the rows of earlier runs, if there are any.
    ///
    /// # Errors
    /// If the file is not such a table.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let rows = if path.exists() {
            let bytes = files::read(path)?;
            let rows: Result<_, _> = csv::Reader::from_reader(&bytes[..]).deserialize().collect();
            rows.map_err(|reason| Error::folder(path, format!("{reason}; move the file or choose another --out")))?
        } else {
            Vec::new()
        };
        Ok(Self { path: path.to_owned(), rows })
    }

    /// Adds or replaces the row of a scan and writes the table.
    ///
    /// # Errors
    /// If the table cannot be written.
    pub fn put(&mut self, row: ScanRow) -> anyhow::Result<()> {
        match self.rows.iter_mut().find(|other| other.scan == row.scan && other.model == row.model) {
            Some(other) => *other = row,
            None => self.rows.push(row),
        }
        Ok(files::write(&self.path, &encode(&self.rows)?)?)
    }
}

fn encode(rows: impl IntoIterator<Item = impl Serialize>) -> Result<Vec<u8>, csv::Error> {
    let mut table = csv::Writer::from_writer(Vec::new());
    rows.into_iter().try_for_each(|row| table.serialize(row))?;
    table.into_inner().map_err(|reason| reason.into_error().into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn rows_of_earlier_runs_stay_until_their_scan_is_explained_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("scans.csv");
        let row = |scan: &str, voxels| ScanRow {
            scan: scan.into(),
            model: "coin-phantom".into(),
            mask_from: MaskSource::Segmenter,
            threshold: 0.25,
            slices: 3,
            abnormal_slices: 1,
            most_abnormal_slice: 2,
            before: 0.75,
            after: 0.25,
            temperature: Some(Temperature(2.5)),
            mask_mm3: Some(1.5),
            mask_mm2: None,
            mask_voxels: voxels,
            components: 1,
            largest_key_slice: Some(2),
            largest_mm3: Some(1.5),
            largest_longest_mm: Some(3.0),
            largest_perpendicular_mm: Some(2.0),
            ood_warnings: 0,
            other_modality: false,
            seconds: 0.5,
        };
        let mut table = ScanTable::open(&path).unwrap();
        table.put(row("a, \"b\"", 1)).unwrap();
        table.put(row("c", 2)).unwrap();
        let mut table = ScanTable::open(&path).unwrap();
        assert_eq!(table.rows, [row("a, \"b\"", 1), row("c", 2)]);
        table.put(row("c", 9)).unwrap();
        assert_eq!(ScanTable::open(&path).unwrap().rows, [row("a, \"b\"", 1), row("c", 9)]);
        std::fs::write(&path, "name,age\nx,3\n").unwrap();
        assert!(ScanTable::open(&path).is_err(), "a table of something else is not overwritten");
    }
}
