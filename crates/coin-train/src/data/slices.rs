//! The `slices` source: a folder with `slices.csv`, `images/` and `masks/`.
//!
//! `slices.csv` has the columns `file, case, split, kidney_px, tumour_px, cyst_px, spacing_xy_mm`, may have `low_hu` and
//! `high_hu`, what black and white mean (else -100 and 300 HU), and others; images are 8-bit greys, masks of the same
//! name hold 0 background, 1 kidney, 2 tumour, 3 cyst.

use std::path::{Path, PathBuf};

use coin_imaging::{Fit, Limits, Scan, ScanError, Slice, Spacing, Window, WindowError, label_mask};
use rayon::prelude::*;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use super::{Case, Purpose};
use crate::files::{self, FileError};

/// Fewest kidney pixels, at the image's own resolution, of a slice that is used.
const FEWEST_KIDNEY_PIXELS: u32 = 300;
/// One training patient in so many is kept for validation.
const VALIDATION_SHARE: u8 = 6;
/// Label of kidney in the masks.
pub const KIDNEY: u8 = 1;
/// Label of tumour in the masks.
pub const TUMOUR: u8 = 2;

/// One line of `slices.csv`.
#[derive(Clone, Debug, Deserialize)]
pub struct SliceRow {
    /// File name in `images/` and `masks/`.
    pub file: String,
    /// Patient.
    pub case: String,
    /// `train` or `test`.
    pub split: String,
    /// Pixels of kidney.
    pub kidney_px: u32,
    /// Pixels of tumour.
    pub tumour_px: u32,
    /// Pixels of cyst.
    pub cyst_px: u32,
    /// Pixel spacing, where known.
    pub spacing_xy_mm: Option<f32>,
    /// HU of black, where the table says it.
    pub low_hu: Option<f32>,
    /// HU of white, where the table says it.
    pub high_hu: Option<f32>,
}

impl SliceRow {
    /// The HU that the image's greys mean.
    fn greys(&self) -> Result<Window, WindowError> {
        let usual = Window::ABDOMEN;
        Window::new(self.low_hu.unwrap_or(usual.low()), self.high_hu.unwrap_or(usual.high()))
    }
}

/// Why a folder gives no slices.
#[derive(Debug, Error)]
pub enum SliceFolderError {
    /// No readable `slices.csv`.
    #[error("{path}: {reason}; a slice folder has slices.csv, images/ and masks/")]
    Table {
        /// The table.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// No slice fits the purpose.
    #[error(
        "{path}: no slice of split {split} shows a kidney of at least {FEWEST_KIDNEY_PIXELS} pixels without tumour or cyst"
    )]
    Empty {
        /// The table.
        path: PathBuf,
        /// The split.
        split: &'static str,
    },
    /// An image or mask cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// An image or mask is not what it should be.
    #[error(transparent)]
    Scan(#[from] ScanError),
    /// Image and mask disagree.
    #[error("{path}: image and mask differ in size")]
    Sizes {
        /// The image.
        path: PathBuf,
    },
}

/// A folder of slices.
#[derive(Clone, Debug)]
pub struct SliceFolder {
    path: PathBuf,
    rows: Vec<SliceRow>,
}

impl SliceFolder {
    /// Reads `slices.csv` in `path`.
    pub fn open(path: &Path) -> Result<Self, SliceFolderError> {
        let table = path.join("slices.csv");
        let wrong = |reason: csv::Error| SliceFolderError::Table { path: table.clone(), reason: reason.to_string() };
        let mut reader = csv::Reader::from_path(&table).map_err(wrong)?;
        let rows = reader.deserialize().collect::<Result<Vec<SliceRow>, _>>().map_err(wrong)?;
        Ok(Self { path: path.to_owned(), rows })
    }

    /// Name of the folder.
    pub fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// All lines of the table.
    pub fn rows(&self) -> &[SliceRow] {
        &self.rows
    }

    /// Slices with a kidney and without tumour or cyst, on a grid of `size`: only what is planted makes them abnormal.
    /// Validation patients are a fixed sixth of the training patients.
    pub fn cases(&self, purpose: Purpose, size: usize, window: Window) -> Result<Vec<Case>, SliceFolderError> {
        let wanted = |row: &&SliceRow| match purpose {
            Purpose::Train => row.split == "train" && !kept_for_validation(&row.case),
            Purpose::Validation => row.split == "train" && kept_for_validation(&row.case),
            Purpose::Test => row.split == "test",
        };
        let healthy = |row: &&SliceRow| row.tumour_px == 0 && row.cyst_px == 0;
        let rows = self.rows.iter().filter(wanted).filter(healthy);
        let rows = rows.filter(|row| row.kidney_px >= FEWEST_KIDNEY_PIXELS);
        let rows: Vec<&SliceRow> = rows.collect();
        let cases: Result<Vec<Case>, _> = rows.into_par_iter().map(|row| self.case(row, size, window)).collect();
        let cases = cases?;
        if cases.is_empty() {
            let split = if purpose == Purpose::Test { "test" } else { "train" };
            return Err(SliceFolderError::Empty { path: self.path.join("slices.csv"), split });
        }
        Ok(cases)
    }

    fn case(&self, row: &SliceRow, size: usize, window: Window) -> Result<Case, SliceFolderError> {
        let limits = Limits::default();
        let image = self.path.join("images").join(&row.file);
        let greys = row.greys().map_err(|reason| SliceFolderError::Table {
            path: self.path.join("slices.csv"),
            reason: format!("low_hu and high_hu of {}: {reason}", row.file),
        })?;
        let scan = Scan::open(&files::read_limited(&image, limits.bytes)?, &image.to_string_lossy(), greys, &limits)?;
        let slice = scan.slice(0)?;
        let spacing = row.spacing_xy_mm.and_then(|mm| Spacing::new(mm, mm).ok());
        let slice = Slice::new(slice.width(), slice.height(), slice.hu().to_vec(), spacing);
        let slice = slice.map_err(|_| SliceFolderError::Sizes { path: image.clone() })?;
        let mask = self.path.join("masks").join(&row.file);
        let kidneys =
            label_mask(&files::read_limited(&mask, limits.bytes)?, &mask.to_string_lossy(), &[KIDNEY], &limits)?;
        if (kidneys.width(), kidneys.height()) != (slice.width(), slice.height()) {
            return Err(SliceFolderError::Sizes { path: image });
        }
        let fit = Fit::of(&slice, size);
        // What the window cuts off, the model never sees; cutting it here keeps the sample as it will be seen.
        let fitted = fit.apply(&slice);
        let hu = fitted.hu().iter().map(|hu| hu.clamp(window.low(), window.high())).collect();
        let slice = Slice::new(size, size, hu, fitted.spacing());
        let slice = slice.map_err(|_| SliceFolderError::Sizes { path: image })?;
        Ok(Case { name: row.file.clone(), slice, kidneys: fit.apply_mask(&kidneys) })
    }
}

/// By a hash of the patient's name: the same patients on every machine and in every order.
fn kept_for_validation(case: &str) -> bool {
    Sha256::digest(case.as_bytes()).first().is_some_and(|byte| byte.is_multiple_of(VALIDATION_SHARE))
}
