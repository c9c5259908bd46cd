//! A procedural axial slice of the upper abdomen in HU, for training, tests and demonstrations.
//!
//! A random patient (`anatomy`) is painted organ by organ, with partial volume and correlated noise (`render`). A
//! seed gives the same patient everywhere; pixels on an outline may differ between machines, whose sines differ in the
//! last bit.

mod anatomy;
mod render;

use crate::{Mask, Slice};

/// The tissue of a phantom pixel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Organ {
    /// Air around the patient, and the table.
    #[default]
    Outside,
    /// Skin and subcutaneous fat.
    SubcutaneousFat,
    /// Fat between the organs.
    VisceralFat,
    /// Wall, back and psoas muscles.
    Muscle,
    /// Vertebra and ribs.
    Bone,
    /// Liver with its vessels.
    Liver,
    /// Spleen.
    Spleen,
    /// Kidneys with cortex, medulla and sinus.
    Kidney,
    /// Aorta, vena cava and mesenteric vessels.
    Vessel,
    /// Stomach and bowel with their content.
    Bowel,
}

/// A phantom slice with the tissue of each pixel.
#[derive(Clone, Debug)]
pub struct Phantom {
    /// The slice in HU, 384 mm wide.
    pub slice: Slice,
    organs: Vec<Organ>,
}

impl Phantom {
    /// Generates the patient of `seed` on `size` x `size` pixels; `size` is raised to at least 16.
    pub fn generate(seed: u64, size: usize) -> Self {
        render::render(&anatomy::Patient::random(seed), size.max(16))
    }

    /// The mask of an organ.
    pub fn mask(&self, organ: Organ) -> Mask {
        let inside = self.organs.iter().map(|&found| found == organ).collect();
        // One organ per pixel, so the number of flags matches the grid.
        Mask::new(self.slice.width(), self.slice.height(), inside).unwrap_or_else(|| unreachable!("one organ a pixel"))
    }
}
