//! Slices on the model's grid, read when they are needed and kept while there is room.

use std::sync::{Arc, OnceLock};

use coin_imaging::{Mask, Slice, Window};

use super::description::Unit;
use super::windows::Windows;
use super::{Row, Subset, phantoms};
use crate::Error;
use crate::recipe::{Input, Task};

/// Bytes of slices that are kept in memory.
const KEPT_BYTES: usize = 2 << 30;

/// What a slice becomes before a network sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grid {
    /// Side in pixels.
    pub size: usize,
    /// Whether it is cropped to a square around the body.
    pub crop_to_body: bool,
}

impl From<&Input> for Grid {
    fn from(input: &Input) -> Self {
        Self { size: input.size, crop_to_body: input.crops_to_body() }
    }
}

/// A slice on the model's grid with its organ.
#[derive(Clone, Debug)]
pub struct Case {
    /// Where it came from, for people.
    pub name: String,
    /// Whose it is.
    pub patient: String,
    /// `size * size` pixels, cut to the window.
    pub slice: Slice,
    /// Intensities that become -1 and 1.
    pub window: Window,
    /// Of the intensities.
    pub unit: Unit,
    /// The organ on the same grid.
    pub organ: Mask,
    /// The finding on the same grid, where one makes the slice abnormal.
    pub finding: Option<Mask>,
}

/// The slices of one subset.
#[derive(Debug, Default)]
pub struct Cases {
    entries: Vec<Entry>,
    size: usize,
}

#[derive(Debug)]
struct Entry {
    source: Source,
    /// What the slice is before anything is inserted.
    abnormal: bool,
    kept: OnceLock<Arc<Case>>,
}

#[derive(Debug)]
enum Source {
    Phantom {
        seed: u64,
        window: Window,
    },
    /// A slice on disk.
    Row(Row, Arc<Preprocessing>),
}

/// What a slice on disk becomes.
#[derive(Debug)]
pub struct Preprocessing {
    /// On which grid.
    pub grid: Grid,
    /// In which window.
    pub windows: Windows,
    /// With which organ and finding.
    pub task: Task,
}

impl Cases {
    /// `count` phantom patients from seed `first` on.
    pub fn phantoms(first: u64, count: usize, size: usize, window: Window) -> Self {
        let entry = |seed| Entry { source: Source::Phantom { seed, window }, abnormal: false, kept: OnceLock::new() };
        Self { entries: (first..first + count as u64).map(entry).collect(), size }
    }

    /// The rows that the task takes for a subset.
    pub fn of_rows<'a>(rows: impl IntoIterator<Item = &'a Row>, subset: Subset, preprocessing: &Arc<Preprocessing>) -> Self {
        let entry = |row: &Row| Some(Entry::of(row, preprocessing.task.abnormal(row, subset)?, preprocessing));
        Self { entries: rows.into_iter().filter_map(entry).collect(), size: preprocessing.grid.size }
    }

    /// These rows, all of them as they are.
    pub fn normal<'a>(rows: impl IntoIterator<Item = &'a Row>, preprocessing: &Arc<Preprocessing>) -> Self {
        Self { entries: rows.into_iter().map(|row| Entry::of(row, false, preprocessing)).collect(), size: preprocessing.grid.size }
    }

    /// Number of slices.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Which slices are abnormal, or normal, before anything is inserted.
    pub fn of_label(&self, abnormal: bool) -> Vec<usize> {
        (0..self.len()).filter(|&i| self.entries[i].abnormal == abnormal).collect()
    }

    /// Whether slice `index` is abnormal before anything is inserted.
    pub fn is_abnormal(&self, index: usize) -> bool {
        self.entries.get(index).is_some_and(|entry| entry.abnormal)
    }

    /// Slice `index`, below [`Self::len`].
    ///
    /// # Errors
    /// When its files cannot be read any more.
    pub fn get(&self, index: usize) -> Result<Arc<Case>, Error> {
        let entry = &self.entries[index];
        if let Some(case) = entry.kept.get() {
            return Ok(case.clone());
        }
        let case = Arc::new(match &entry.source {
            Source::Row(row, preprocessing) => {
                let Preprocessing { grid, windows, task } = &**preprocessing;
                row.case(*grid, windows.window(row)?, task, entry.abnormal)?
            }
            Source::Phantom { seed, window } => phantoms::case(*seed, self.size, *window),
        });
        // Four bytes of intensity and up to two of masks a pixel.
        if index < KEPT_BYTES / (6 * self.size * self.size).max(1) {
            return Ok(entry.kept.get_or_init(|| case).clone());
        }
        Ok(case)
    }
}

impl Entry {
    fn of(row: &Row, abnormal: bool, preprocessing: &Arc<Preprocessing>) -> Self {
        Self { source: Source::Row(row.clone(), preprocessing.clone()), abnormal, kept: OnceLock::new() }
    }
}
