//! A procedural axial slice of the upper abdomen, true in HU, for training, tests and play.
//!
//! A patient is drawn at random from a seed ([`anatomy`]), painted organ by organ, softened where a pixel holds two
//! tissues, and covered with correlated noise ([`render`]). The same seed draws the same patient everywhere. Processors
//! and systems differ in the last bit of a sine, so pixels on an outline may differ between machines.

mod anatomy;
mod render;

use crate::{Mask, Slice};

/// What a pixel of a phantom shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Organ {
    /// Air around the patient, and the table.
    #[default]
    Outside,
    /// Skin and the fat under it.
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

/// A phantom slice and what each of its pixels shows.
#[derive(Clone, Debug)]
pub struct Phantom {
    /// The slice in HU, 384 mm wide.
    pub slice: Slice,
    organs: Vec<Organ>,
}

impl Phantom {
    /// The patient of this seed on `size` x `size` pixels, at least 16.
    pub fn generate(seed: u64, size: usize) -> Self {
        render::render(&anatomy::Patient::random(seed), size.max(16))
    }

    /// Where the slice shows `organ`.
    pub fn mask(&self, organ: Organ) -> Mask {
        let inside = self.organs.iter().map(|&found| found == organ).collect();
        // One organ a pixel, so the flags always fit the grid.
        Mask::new(self.slice.width(), self.slice.height(), inside).unwrap_or_else(|| unreachable!("one organ a pixel"))
    }
}
