//! Intensity windows: the intensities of each slice that are mapped to -1 and 1.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use coin_core::bundle::{Normalisation, Over};
use coin_imaging::Window;

use super::Row;
use crate::Error;

/// The windows of all slices of a table.
#[derive(Debug)]
pub enum Windows {
    /// One window for all slices.
    Fixed(Window),
    /// Percentiles of each slice.
    Slices([f32; 2]),
    /// Percentiles over all slices of a patient, computed on demand.
    Cases { percentiles: [f32; 2], rows: BTreeMap<String, (Vec<Row>, OnceLock<Window>)> },
}

impl Windows {
    /// The windows of `rows`. Percentiles over a data set are computed from the slices in `trained`.
    ///
    /// # Errors
    /// If an image cannot be read, or a fixed window is not a valid range.
    pub fn of(normalisation: Normalisation, rows: &[Row], trained: &[&Row]) -> Result<Self, Error> {
        match normalisation {
            Normalisation::Window(bounds) => {
                let window = Window::try_from(bounds).map_err(|reason| Error::Normalisation(reason.to_string()))?;
                Ok(Self::Fixed(window))
            }
            Normalisation::Percentiles { percentiles, over: Over::Slice } => Ok(Self::Slices(percentiles)),
            Normalisation::Percentiles { percentiles, over: Over::Case } => {
                let mut patients: BTreeMap<String, (Vec<Row>, OnceLock<Window>)> = BTreeMap::new();
                for row in rows {
                    patients.entry(row.patient.clone()).or_default().0.push(row.clone());
                }
                Ok(Self::Cases { percentiles, rows: patients })
            }
            Normalisation::Percentiles { percentiles, over: Over::Dataset } => {
                Ok(Self::Fixed(of_rows(trained.iter().copied(), percentiles)?))
            }
        }
    }

    /// The window of a slice.
    ///
    /// # Errors
    /// If an image cannot be read.
    pub fn window(&self, row: &Row) -> Result<Window, Error> {
        match self {
            Self::Fixed(window) => Ok(*window),
            Self::Slices(percentiles) => row.percentiles(*percentiles),
            Self::Cases { percentiles, rows } => {
                let Some((rows, known)) = rows.get(&row.patient) else { return row.percentiles(*percentiles) };
                if let Some(window) = known.get() {
                    return Ok(*window);
                }
                let found = of_rows(rows.iter(), *percentiles)?;
                Ok(*known.get_or_init(|| found))
            }
        }
    }

    /// The common window of all slices, if there is one.
    pub fn fixed(&self) -> Option<Window> {
        match self {
            Self::Fixed(window) => Some(*window),
            Self::Slices(_) | Self::Cases { .. } => None,
        }
    }
}

impl Row {
    /// The window between two percentiles of the slice's intensities.
    ///
    /// # Errors
    /// If the image cannot be read, or has no intensities within +-100000.
    pub fn percentiles(&self, percentiles: [f32; 2]) -> Result<Window, Error> {
        of_rows([self].into_iter(), percentiles)
    }
}

/// The window between two percentiles of all intensities of `rows`.
fn of_rows<'a>(rows: impl ExactSizeIterator<Item = &'a Row>, percentiles: [f32; 2]) -> Result<Window, Error> {
    Window::of_percentiles(rows.map(Row::slice), percentiles)?
        .ok_or_else(|| Error::Normalisation("the images have no intensities within +-100000".into()))
}
