//! Slices on the model's grid, loaded on demand and cached up to a memory limit.

use std::sync::{Arc, OnceLock};

use coin_imaging::Window;

use super::windows::Windows;
use super::{Case, Grid, Row, Subset, phantoms};
use crate::Error;
use crate::recipe::Task;

/// Memory limit of the slice cache in bytes.
const KEPT_BYTES: usize = 2 << 30;

/// The slices of one subset.
#[derive(Debug, Default)]
pub struct Cases {
    entries: Vec<Entry>,
    size: usize,
}

#[derive(Debug)]
struct Entry {
    source: Source,
    /// Label before synthetic anomalies are inserted.
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
    /// A slice in memory.
    Memory(Arc<Case>),
}

/// How slices on disk are converted to cases.
#[derive(Debug)]
pub struct Preprocessing {
    /// Target grid.
    pub grid: Grid,
    /// Intensity windows.
    pub windows: Windows,
    /// Organ and finding.
    pub task: Task,
}

impl Cases {
    /// `count` phantom patients with seeds from `first` on.
    pub fn phantoms(first: u64, count: usize, size: usize, window: Window) -> Self {
        let entry = |seed| Entry { source: Source::Phantom { seed, window }, abnormal: false, kept: OnceLock::new() };
        Self { entries: (first..first + count as u64).map(entry).collect(), size }
    }

    /// The rows that the task uses for `subset`.
    pub fn of_rows<'a>(
        rows: impl IntoIterator<Item = &'a Row>,
        subset: Subset,
        preprocessing: &Arc<Preprocessing>,
    ) -> Self {
        let entry = |row: &Row| Some(Entry::of(row, preprocessing.task.abnormal(row, subset)?, preprocessing));
        Self { entries: rows.into_iter().filter_map(entry).collect(), size: preprocessing.grid.size }
    }

    /// All `rows`, labelled as normal.
    pub fn normal<'a>(rows: impl IntoIterator<Item = &'a Row>, preprocessing: &Arc<Preprocessing>) -> Self {
        Self {
            entries: rows.into_iter().map(|row| Entry::of(row, false, preprocessing)).collect(),
            size: preprocessing.grid.size,
        }
    }

    /// Slices in memory, with their labels.
    pub fn in_memory(cases: impl IntoIterator<Item = (Case, bool)>) -> Self {
        let entry =
            |(case, abnormal)| Entry { source: Source::Memory(Arc::new(case)), abnormal, kept: OnceLock::new() };
        Self { entries: cases.into_iter().map(entry).collect(), ..Self::default() }
    }

    /// Number of slices.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Indices of the slices with this label, before anomalies are inserted.
    pub fn of_label(&self, abnormal: bool) -> Vec<usize> {
        (0..self.len()).filter(|&i| self.entries[i].abnormal == abnormal).collect()
    }

    /// Whether slice `index` is abnormal before anomalies are inserted.
    pub fn is_abnormal(&self, index: usize) -> bool {
        self.entries.get(index).is_some_and(|entry| entry.abnormal)
    }

    /// Loads slice `index`, or returns it from the cache.
    ///
    /// # Errors
    /// If its files cannot be read.
    ///
    /// # Panics
    /// If `index` is not below [`Self::len`].
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
            Source::Memory(case) => return Ok(case.clone()),
        });
        // Per pixel, 4 bytes of intensity and up to 2 bytes of masks.
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
