//! Model results in the space of the scan.

use std::collections::BTreeMap;

use crate::components::{self, Components, MaskedSlice};
use crate::write::{self, Author, Correction};
use crate::{Error, InputTransform, Mask, Scan, Slice, Window};

/// Returns the counterfactual of `slice` in HU on its own grid.
///
/// Adds the model's change to the slice, so that detail finer than the model's grid and HU outside its window are kept.
/// `input` and `counterfactual` are row-major values in [-1, 1] on the model's grid, which `transform` maps the slice
/// to.
#[must_use]
pub fn counterfactual_hu(
    slice: &Slice,
    transform: &InputTransform,
    window: Window,
    input: &[f32],
    counterfactual: &[f32],
) -> Vec<f32> {
    let pairs = counterfactual.iter().zip(input);
    let change: Vec<f32> = pairs.map(|(after, before)| window.to_hu(*after) - window.to_hu(*before)).collect();
    let change = transform.undo(&change, 0.0);
    change.iter().zip(slice.hu()).map(|(change, hu)| hu + change).collect()
}

/// Counterfactuals and masks of a scan on its own grid. Slices without an explanation keep their HU and an empty mask.
pub struct CounterfactualVolume<'a> {
    scan: &'a Scan,
    /// In HU.
    slices: BTreeMap<usize, Vec<f32>>,
    masks: BTreeMap<usize, Mask>,
}

impl<'a> CounterfactualVolume<'a> {
    /// Starts without explanations.
    #[must_use]
    pub fn new(scan: &'a Scan) -> Self {
        Self { scan, slices: BTreeMap::new(), masks: BTreeMap::new() }
    }

    /// Sets counterfactual (in HU) and mask of slice `index`, both on the scan's own grid.
    pub fn put(&mut self, index: usize, counterfactual_hu: Vec<f32>, mask: Mask) {
        self.slices.insert(index, counterfactual_hu);
        self.masks.insert(index, mask);
    }

    /// Measures the masks' `count` largest components. A slice that does not match its explanation counts as missing.
    #[must_use]
    pub fn components(&self, count: usize) -> Components {
        let slices = self.masks.iter().filter_map(|(&index, mask)| {
            let (before, after) = (self.scan.slice(index).ok()?.hu(), &self.slices.get(&index)?[..]);
            let size = mask.as_slice().len();
            (before.len() == size && after.len() == size).then_some((index, MaskedSlice { before, after, mask }))
        });
        let spacing = self.scan.slice(0).ok().and_then(Slice::spacing);
        let pixel = spacing.map_or([1.0; 2], |spacing| [spacing.column_mm(), spacing.row_mm()]);
        components::measure(&slices.collect(), pixel, count)
    }

    /// Encodes the counterfactual as `.nii.gz` in HU; `None` if the scan has no volume geometry.
    ///
    /// # Errors
    /// If a counterfactual does not match the scan.
    pub fn nifti(&self) -> Result<Option<Vec<u8>>, Error> {
        let Some(geometry) = self.scan.geometry() else { return Ok(None) };
        let own = |index: usize| self.scan.slice(index).map_or(&[][..], Slice::hu);
        let slice = |index| self.slices.get(&index).map_or_else(|| own(index), Vec::as_slice);
        let slices: Vec<&[f32]> = (0..self.scan.slice_count()).map(slice).collect();
        write::nifti(&slices, geometry).map(Some)
    }

    /// Encodes the masks as `.nii.gz` of 0 and 1; `None` if the scan has no volume geometry.
    ///
    /// # Errors
    /// If a mask does not match the scan.
    pub fn mask_nifti(&self, correction: Correction) -> Result<Option<Vec<u8>>, Error> {
        let Some(geometry) = self.scan.geometry() else { return Ok(None) };
        let unmasked = vec![0; geometry.width() * geometry.height()];
        let labels = |mask: &Mask| mask.as_slice().iter().map(|&inside| inside.into()).collect();
        let masks: BTreeMap<usize, Vec<u8>> = self.masks.iter().map(|(index, mask)| (*index, labels(mask))).collect();
        let slice = |index| masks.get(&index).unwrap_or(&unmasked);
        let slices: Vec<&Vec<u8>> = (0..self.scan.slice_count()).map(slice).collect();
        write::nifti_mask(&slices, geometry, correction).map(Some)
    }

    /// Encodes the first slice's mask as PNG of 0 and 255; `None` without an explanation.
    ///
    /// # Errors
    /// If the encoder fails.
    pub fn mask_png(&self) -> Result<Option<Vec<u8>>, Error> {
        self.masks.values().next().map(write::mask_png).transpose()
    }

    /// Encodes the masks as a DICOM segmentation; `None` for other formats, for DICOM files without identifiers or
    /// position, and if all masks are empty, which the standard does not allow.
    ///
    /// # Errors
    /// If a mask does not match the scan.
    pub fn segmentation(&self, author: &Author<'_>) -> Result<Option<Vec<u8>>, Error> {
        if !self.scan.is_segmentable() {
            return Ok(None);
        }
        write::segmentation(&self.masks, self.scan, author)
    }
}
