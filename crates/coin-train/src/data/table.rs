//! A table of slices: what every data source becomes, and what the `slices` source is on disk.
//!
//! `slices.csv` has the columns `file, case, split, kidney_px, tumour_px, cyst_px, spacing_xy_mm`, and may have
//! `spacing_row_mm` where rows are further apart than columns, `low_hu` and `high_hu`, what black and white mean (else -100
//! and 300 HU), `label` (`normal` or `abnormal`, of the whole slice), and others. `images/` holds greys of 8 or 16 bits,
//! `masks/` of the same names 0 background, 1 kidney, 2 tumour, 3 cyst.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use coin_imaging::{Fit, Limits, Mask, Scan, Slice, Spacing, Window, label_mask};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Case, DataError, Grid, Purpose};
use crate::files;

/// Label of kidney in the masks, or of the organ that stands in its place.
pub const KIDNEY: u8 = 1;
/// Label of tumour in the masks.
pub const TUMOUR: u8 = 2;
/// Label of cyst in the masks.
pub const CYST: u8 = 3;

/// One line of `slices.csv`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Line {
    /// File name in `images/` and `masks/`.
    pub file: String,
    /// Patient.
    pub case: String,
    /// `train`, `validation`, `test`, or nothing.
    pub split: String,
    /// Pixels of kidney.
    pub kidney_px: u32,
    /// Pixels of tumour.
    pub tumour_px: u32,
    /// Pixels of cyst.
    pub cyst_px: u32,
    /// Distance of columns, where known.
    pub spacing_xy_mm: Option<f32>,
    /// Distance of rows, where it is another.
    #[serde(default)]
    pub spacing_row_mm: Option<f32>,
    /// HU of black.
    #[serde(default)]
    pub low_hu: Option<f32>,
    /// HU of white.
    #[serde(default)]
    pub high_hu: Option<f32>,
    /// What the whole slice is.
    #[serde(default)]
    pub label: Option<Label>,
}

/// What somebody said of a whole slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Label {
    /// Nothing found.
    Normal,
    /// Something found.
    Abnormal,
}

/// A slice on disk and what is known of it.
#[derive(Clone, Debug)]
pub struct Row {
    /// The image.
    pub image: PathBuf,
    /// The mask.
    pub mask: PathBuf,
    /// Values of the mask that mean kidney, or the organ that stands in its place.
    pub organ: &'static [u8],
    /// What the image's greys mean.
    pub greys: Window,
    /// Whose it is.
    pub patient: String,
    /// What it is for, where its source says so.
    pub split: Option<Purpose>,
    /// Pixels of kidney.
    pub kidney_px: u32,
    /// Pixels of tumour.
    pub tumour_px: u32,
    /// Pixels of cyst.
    pub cyst_px: u32,
    /// Pixel size, where known.
    pub spacing: Option<Spacing>,
    /// What the whole slice is, where somebody said so.
    pub label: Option<Label>,
}

/// Slices of one or several sources.
#[derive(Clone, Debug)]
pub struct SliceTable {
    name: String,
    rows: Vec<Row>,
    /// All patients, also those without a slice that can be used.
    patients: BTreeSet<String>,
}

impl SliceTable {
    /// Slices with a name for people.
    pub fn new(name: impl Into<String>, rows: Vec<Row>) -> Self {
        let patients = rows.iter().map(|row| row.patient.clone()).collect();
        Self { name: name.into(), rows, patients }
    }

    /// With patients who have no slice.
    #[must_use]
    pub fn with_patients(mut self, patients: impl IntoIterator<Item = String>) -> Self {
        self.patients.extend(patients);
        self
    }

    /// Reads `slices.csv` in `folder`.
    pub fn open(folder: &Path) -> Result<Self, DataError> {
        let table = folder.join("slices.csv");
        let wrong = |reason: String| {
            DataError::folder(&table, format!("{reason}; a slice folder has slices.csv, images/ and masks/"))
        };
        let mut reader = csv::Reader::from_path(&table).map_err(|reason| wrong(reason.to_string()))?;
        let row = |line: Result<Line, csv::Error>| {
            let line = line.map_err(|reason| wrong(reason.to_string()))?;
            let file = line.file.clone();
            Row::of(line, folder).map_err(|reason| wrong(format!("{file}: {reason}")))
        };
        let rows = reader.deserialize().map(row).collect::<Result<_, _>>()?;
        Ok(Self::new(folder.file_name().unwrap_or_default().to_string_lossy(), rows))
    }

    /// All slices of several tables.
    pub fn merged(tables: Vec<Self>) -> Self {
        let name = tables.iter().map(|table| table.name.clone()).collect::<Vec<_>>().join(" and ");
        let (mut rows, mut patients) = (Vec::new(), BTreeSet::new());
        for table in tables {
            rows.extend(table.rows);
            patients.extend(table.patients);
        }
        Self { name, rows, patients }
    }

    /// Name for people.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// All patients.
    pub fn patients(&self) -> &BTreeSet<String> {
        &self.patients
    }

    /// All slices.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// A hash of what the table says of every slice, and of what each patient is for: the same data gives the same one,
    /// wherever it lies.
    pub fn digest(&self, assigned: &BTreeMap<String, Purpose>) -> String {
        let mut hash = Sha256::new();
        for row in &self.rows {
            let file = row.image.file_name().unwrap_or_default().to_string_lossy();
            let Row { patient, kidney_px, tumour_px, cyst_px, label, greys, spacing, .. } = row;
            let purpose = assigned.get(patient);
            hash.update(format!(
                "{file} {patient} {purpose:?} {kidney_px} {tumour_px} {cyst_px} {label:?} {greys:?} {spacing:?}\n"
            ));
        }
        hex::encode(hash.finalize())
    }
}

impl Row {
    fn of(line: Line, folder: &Path) -> Result<Self, String> {
        let usual = Window::ABDOMEN;
        let greys = Window::new(line.low_hu.unwrap_or(usual.low()), line.high_hu.unwrap_or(usual.high()));
        let spacing = match (line.spacing_row_mm, line.spacing_xy_mm) {
            (None, None) => None,
            (Some(_), None) => return Err("spacing_row_mm: it needs spacing_xy_mm beside it".into()),
            (row_mm, Some(column_mm)) => Some(Spacing::new(row_mm.unwrap_or(column_mm), column_mm)),
        };
        let spacing = spacing.transpose().map_err(|reason| format!("spacing_xy_mm: {reason}"))?;
        Ok(Self {
            image: folder.join("images").join(&line.file),
            mask: folder.join("masks").join(&line.file),
            organ: &[KIDNEY],
            greys: greys.map_err(|reason| format!("low_hu and high_hu: {reason}"))?,
            split: Purpose::named(&line.split)?,
            patient: line.case,
            kidney_px: line.kidney_px,
            tumour_px: line.tumour_px,
            cyst_px: line.cyst_px,
            spacing,
            label: line.label,
        })
    }

    /// The slice in HU at its own resolution.
    pub fn slice(&self) -> Result<Slice, DataError> {
        let limits = Limits::default();
        let bytes = files::read_limited(&self.image, limits.bytes)?;
        let scan = Scan::open(&bytes, &self.image.to_string_lossy(), self.greys, &limits)?;
        let slice = scan.slice(0)?;
        let slice = Slice::new(slice.width(), slice.height(), slice.hu().to_vec(), self.spacing);
        slice.map_err(|_| DataError::Sizes { path: self.image.clone() })
    }

    /// Where the mask has one of `classes`, at its own resolution.
    pub fn labelled(&self, classes: &[u8]) -> Result<Mask, DataError> {
        let limits = Limits::default();
        let bytes = files::read_limited(&self.mask, limits.bytes)?;
        Ok(label_mask(&bytes, &self.mask.to_string_lossy(), classes, &limits)?)
    }

    /// The slice on a grid, cut to its window, with its kidneys, and its tumour where `with_tumour`.
    pub fn case(&self, grid: Grid, with_tumour: bool) -> Result<Case, DataError> {
        let slice = self.slice()?;
        let kidneys = self.labelled(self.organ)?;
        // Lungs are outlined on a grid of their own, of the same field of view.
        let own_grid = (kidneys.width(), kidneys.height()) != (slice.width(), slice.height());
        if own_grid && self.label.is_none() {
            return Err(DataError::Sizes { path: self.image.clone() });
        }
        let Grid { size, crop_to_body, window } = grid;
        if own_grid && crop_to_body {
            let reason = "its mask has a grid of its own, which crop_to_body cannot follow; leave crop_to_body out";
            return Err(DataError::Case { case: self.patient.clone(), reason: reason.into() });
        }
        let fit = Fit::for_model(&slice, size, crop_to_body);
        let mask_fit = if own_grid { Fit::of_grid(kidneys.width(), kidneys.height(), [1.0, 1.0], size) } else { fit };
        let hu = fit.apply(&slice, window).hu().to_vec();
        let slice = Slice::new(size, size, hu, Some(fit.pixel_or_assumed()));
        let slice = slice.map_err(|_| DataError::Sizes { path: self.image.clone() })?;
        let name = self.image.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let tumour = with_tumour.then(|| self.labelled(&[TUMOUR])).transpose()?;
        Ok(Case {
            name,
            patient: self.patient.clone(),
            slice,
            kidneys: mask_fit.apply_mask(&kidneys),
            tumour: tumour.map(|tumour| fit.apply_mask(&tumour)).filter(|tumour| tumour.count() > 0),
        })
    }
}
