//! Which intensities of each slice become -1 and 1.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use coin_core::bundle::{Normalisation, Over};
use coin_imaging::Window;

use super::Row;
use crate::Error;

/// The window of every slice of a table.
#[derive(Debug)]
pub enum Windows {
    /// One for all.
    Fixed(Window),
    /// Each slice's own percentiles.
    Slices([f32; 2]),
    /// Those of all slices of a patient, found when they are asked for.
    Cases { percentiles: [f32; 2], rows: BTreeMap<String, (Vec<Row>, OnceLock<Window>)> },
}

impl Windows {
    /// For slices of `rows`, of which `trained` are those that a data set's percentiles are taken over.
    ///
    /// # Errors
    /// When an image cannot be read, or a fixed window is none.
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

    /// Of a slice.
    ///
    /// # Errors
    /// When an image cannot be read.
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

    /// The window of all slices, where it is one.
    pub fn fixed(&self) -> Option<Window> {
        match self {
            Self::Fixed(window) => Some(*window),
            Self::Slices(_) | Self::Cases { .. } => None,
        }
    }
}

/// From percentiles of all intensities of the rows.
pub fn of_rows<'a>(rows: impl ExactSizeIterator<Item = &'a Row>, percentiles: [f32; 2]) -> Result<Window, Error> {
    Window::of_percentiles(rows.map(Row::slice), percentiles)?
        .ok_or_else(|| Error::Normalisation("the images have no intensities within +-100000".into()))
}
