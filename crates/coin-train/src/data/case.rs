//! A slice on the model's grid.

use coin_imaging::{Mask, Slice, Window};

use super::description::Unit;
use crate::recipe::Input;

/// The model's pixel grid.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grid {
    /// Side in pixels.
    pub size: usize,
    /// Whether slices are cropped to a square around the body.
    pub crop_to_body: bool,
}

impl From<&Input> for Grid {
    fn from(input: &Input) -> Self {
        Self { size: input.size, crop_to_body: input.crops_to_body() }
    }
}

/// A slice on the model's grid with its masks.
#[derive(Clone, Debug)]
pub struct Case {
    /// Display name of the source image.
    pub name: String,
    /// Patient identifier.
    pub patient: String,
    /// `size * size` pixels, clamped to the window.
    pub slice: Slice,
    /// Intensities that are mapped to -1 and 1.
    pub window: Window,
    /// Unit of the intensities.
    pub unit: Unit,
    /// Organ mask on the same grid.
    pub organ: Mask,
    /// Mask of the finding on the same grid, if the slice is abnormal and has one.
    pub finding: Option<Mask>,
}
