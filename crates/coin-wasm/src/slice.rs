//! Slices for JavaScript.

use coin_imaging::{Spacing, Window};
use js_sys::{Error, Float32Array};
use wasm_bindgen::prelude::*;

/// A slice in HU.
#[wasm_bindgen]
#[cfg_attr(not(feature = "networks"), allow(dead_code, reason = "the file reader has no model"))]
pub struct Slice(pub(crate) coin_imaging::Slice, pub(crate) Option<Window>);

impl From<coin_imaging::Slice> for Slice {
    fn from(slice: coin_imaging::Slice) -> Self {
        Self(slice, None)
    }
}

#[wasm_bindgen]
impl Slice {
    /// Creates a slice from `width * height` values in HU, its pixel spacing, if known, and the intensities that map to -1
    /// and 1 for models that normalise by percentiles, if they are not the slice's own.
    ///
    /// # Errors
    /// If the values or the spacing are invalid.
    #[wasm_bindgen(js_name = fromHu)]
    pub fn from_hu(
        hu: Vec<f32>,
        width: usize,
        height: usize,
        row_mm: Option<f32>,
        column_mm: Option<f32>,
        low: Option<f32>,
        high: Option<f32>,
    ) -> Result<Slice, Error> {
        let spacing = match (row_mm, column_mm) {
            (Some(row), Some(column)) => Some(Spacing::new(row, column).map_err(sentence)?),
            (None, None) => None,
            _ => return Err(Error::new("row and column spacing must be given together")),
        };
        let window = low.zip(high).map(|(low, high)| Window::new(low, high)).transpose().map_err(sentence)?;
        Ok(Slice(coin_imaging::Slice::new(width, height, hu, spacing).map_err(sentence)?, window))
    }

    /// Number of columns.
    #[wasm_bindgen(getter)]
    pub fn width(&self) -> usize {
        self.0.width()
    }

    /// Number of rows.
    #[wasm_bindgen(getter)]
    pub fn height(&self) -> usize {
        self.0.height()
    }

    /// Distance between rows in mm, if known.
    #[wasm_bindgen(getter, js_name = rowMm)]
    pub fn row_mm(&self) -> Option<f32> {
        self.0.spacing().map(|spacing| spacing.row_mm())
    }

    /// Distance between columns in mm, if known.
    #[wasm_bindgen(getter, js_name = columnMm)]
    pub fn column_mm(&self) -> Option<f32> {
        self.0.spacing().map(|spacing| spacing.column_mm())
    }

    /// A copy of the values in HU, row-major.
    pub fn hu(&self) -> Float32Array {
        Float32Array::from(self.0.hu())
    }
}

/// Converts an error to a JavaScript error with its message.
pub(crate) fn sentence(error: impl std::fmt::Display) -> Error {
    Error::new(&error.to_string())
}

/// A window from its bounds; -100 to 300 HU by default.
#[cfg(any(feature = "cpu", feature = "files"))]
pub(crate) fn window_or_default(low: Option<f32>, high: Option<f32>) -> Result<Window, Error> {
    low.zip(high).map_or(Ok(Window::ABDOMEN), |(low, high)| Window::new(low, high)).map_err(sentence)
}
