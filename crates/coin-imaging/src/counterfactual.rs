//! What a model made of slices, back in the scan's own space.

use std::collections::BTreeMap;

use crate::Error;
use crate::write::{self, Author};
use crate::{Format, InputTransform, Mask, Scan, Slice, Window};

/// The counterfactual of `slice` in HU on its own grid: its own values, moved by what the model changed, so that detail finer
/// than the model's grid and HU beyond its window stay.
///
/// `input` and `counterfactual` are values in [-1, 1] on the model's grid, on which the slice went by `fit`, row by row.
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

/// Counterfactual and mask of a scan on its own grid; slices that were not explained stay as they are, unmasked.
pub struct CounterfactualVolume<'a> {
    scan: &'a Scan,
    /// In HU.
    slices: BTreeMap<usize, Vec<f32>>,
    masks: BTreeMap<usize, Mask>,
}

impl<'a> CounterfactualVolume<'a> {
    /// Nothing explained yet; `None` for a picture, which lies nowhere in a patient.
    #[must_use]
    pub fn of(scan: &'a Scan) -> Option<Self> {
        let (slices, masks) = (BTreeMap::new(), BTreeMap::new());
        (scan.format() != Format::Picture).then_some(Self { scan, slices, masks })
    }

    /// Puts slice `index` of the scan in its place: its counterfactual in HU, and its mask, both on the scan's own grid.
    pub fn put(&mut self, index: usize, counterfactual_hu: Vec<f32>, mask: Mask) {
        self.slices.insert(index, counterfactual_hu);
        self.masks.insert(index, mask);
    }

    /// The counterfactual as `.nii.gz` in HU; `None` where the scan has no place in a patient.
    ///
    /// # Errors
    /// When what was put does not fit the scan.
    pub fn nifti(&self) -> Result<Option<Vec<u8>>, Error> {
        let Some(geometry) = self.scan.geometry() else { return Ok(None) };
        let own = |index: usize| self.scan.slice(index).map_or(&[][..], Slice::hu);
        let slice = |index| self.slices.get(&index).map_or_else(|| own(index), Vec::as_slice);
        let slices: Vec<&[f32]> = (0..self.scan.slice_count()).map(slice).collect();
        write::nifti(&slices, geometry).map(Some)
    }

    /// The mask as `.nii.gz` of 0 and 1; `None` where the scan has no place in a patient.
    ///
    /// # Errors
    /// When what was put does not fit the scan.
    pub fn mask_nifti(&self) -> Result<Option<Vec<u8>>, Error> {
        let Some(geometry) = self.scan.geometry() else { return Ok(None) };
        let unmasked = vec![0; geometry.width() * geometry.height()];
        let labels = |mask: &Mask| mask.as_slice().iter().map(|&inside| inside.into()).collect();
        let masks: BTreeMap<usize, Vec<u8>> = self.masks.iter().map(|(index, mask)| (*index, labels(mask))).collect();
        let slice = |index| masks.get(&index).unwrap_or(&unmasked);
        let slices: Vec<&Vec<u8>> = (0..self.scan.slice_count()).map(slice).collect();
        write::nifti(&slices, geometry).map(Some)
    }

    /// The mask as a DICOM segmentation; `None` for other files, for those that do not say who and where they are, and where
    /// nothing changed, of which the standard has no segmentation.
    ///
    /// # Errors
    /// When what was put does not fit the scan.
    pub fn segmentation(&self, author: &Author<'_>) -> Result<Option<Vec<u8>>, Error> {
        if !self.scan.is_segmentable() {
            return Ok(None);
        }
        write::segmentation(&self.masks, self.scan, author)
    }
}
