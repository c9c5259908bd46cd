//! Slices on the model's grid, read when they are needed and kept while there is room.

use std::sync::{Arc, OnceLock};

use coin_imaging::{Mask, Slice, Window};

use super::table::{Label, Row};
use super::{DataError, Purpose, phantoms};
use crate::recipe::{Abnormal, Selection};

/// Bytes of slices that are kept in memory.
const KEPT_BYTES: usize = 2 << 30;

/// What a slice becomes before a network sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grid {
    /// Side in pixels.
    pub size: usize,
    /// Whether it is cropped to a square around the body.
    pub crop_to_body: bool,
    /// HU that it is cut to.
    pub window: Window,
}

/// A slice on the model's grid with its kidneys.
#[derive(Clone, Debug)]
pub struct Case {
    /// Where it came from, for people.
    pub name: String,
    /// Whose it is.
    pub patient: String,
    /// `size * size` pixels in HU.
    pub slice: Slice,
    /// The kidneys on the same grid.
    pub kidneys: Mask,
    /// The tumour on the same grid, where one makes the slice abnormal.
    pub tumour: Option<Mask>,
}

/// The slices of one purpose.
#[derive(Debug, Default)]
pub struct Cases {
    entries: Vec<Entry>,
    size: usize,
}

#[derive(Debug)]
struct Entry {
    origin: Origin,
    /// What the slice is before anything is planted.
    abnormal: bool,
    kept: OnceLock<Arc<Case>>,
}

#[derive(Debug)]
enum Origin {
    Phantom(u64),
    /// A slice on disk.
    Row(Row, Grid),
}

impl Cases {
    /// `count` phantom patients from seed `first` on.
    pub fn phantoms(first: u64, count: usize, size: usize) -> Self {
        let entry = |seed| Entry { origin: Origin::Phantom(seed), abnormal: false, kept: OnceLock::new() };
        Self { entries: (first..first + count as u64).map(entry).collect(), size }
    }

    /// The rows that are selected for a purpose.
    pub fn of_rows<'a>(
        rows: impl IntoIterator<Item = &'a Row>,
        selection: &Selection,
        purpose: Purpose,
        grid: Grid,
    ) -> Self {
        let entry = |row: &Row| {
            let abnormal = abnormal(row, selection, purpose)?;
            Some(Entry { origin: Origin::Row(row.clone(), grid), abnormal, kept: OnceLock::new() })
        };
        Self { entries: rows.into_iter().filter_map(entry).collect(), size: grid.size }
    }

    /// These rows, all of them as they are.
    pub fn normal<'a>(rows: impl IntoIterator<Item = &'a Row>, grid: Grid) -> Self {
        let entry = |row: &Row| {
            let origin = Origin::Row(row.clone(), grid);
            Entry { origin, abnormal: false, kept: OnceLock::new() }
        };
        Self { entries: rows.into_iter().map(entry).collect(), size: grid.size }
    }

    /// Number of slices.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Which slices are abnormal, or normal, before anything is planted.
    pub fn of_label(&self, abnormal: bool) -> Vec<usize> {
        (0..self.len()).filter(|&i| self.entries[i].abnormal == abnormal).collect()
    }

    /// Whether slice `index` is abnormal before anything is planted.
    pub fn is_abnormal(&self, index: usize) -> bool {
        self.entries.get(index).is_some_and(|entry| entry.abnormal)
    }

    /// Slice `index`, below [`Self::len`].
    ///
    /// # Errors
    /// When its files cannot be read any more.
    pub fn get(&self, index: usize) -> Result<Arc<Case>, DataError> {
        let entry = &self.entries[index];
        if let Some(case) = entry.kept.get() {
            return Ok(case.clone());
        }
        let case = Arc::new(match &entry.origin {
            Origin::Row(row, grid) => row.case(*grid, entry.abnormal)?,
            Origin::Phantom(seed) => phantoms::case(*seed, self.size),
        });
        // Four bytes of HU and up to two of masks a pixel.
        if index < KEPT_BYTES / (6 * self.size * self.size).max(1) {
            return Ok(entry.kept.get_or_init(|| case).clone());
        }
        Ok(case)
    }
}

/// Whether a slice is abnormal in itself; `None` for one that is left out.
fn abnormal(row: &Row, selection: &Selection, purpose: Purpose) -> Option<bool> {
    let enough = row.kidney_px >= selection.kidney_pixels;
    let diseased = selection.train_on_diseased && purpose == Purpose::Train;
    match selection.abnormal {
        // Only what is planted may make a slice abnormal.
        Abnormal::Planted => (enough && (diseased || row.tumour_px == 0 && row.cyst_px == 0)).then_some(false),
        // A slice with a little tumour is neither.
        Abnormal::Tumour => match row.tumour_px {
            0 => (enough && !(selection.without_cysts && row.cyst_px > 0)).then_some(false),
            pixels => (pixels >= selection.tumour_pixels).then_some(true),
        },
        Abnormal::Labelled => row.label.map(|label| label == Label::Abnormal),
    }
}
