//! What becomes of an explanation's maps: masks, their components, colours, and the counterfactual on the slice's own grid.

use coin_imaging::colour::ColourMap;
use coin_imaging::{InputTransform, Mask, Window};
use js_sys::{Error, Float32Array, Uint8Array, Uint8ClampedArray, Uint32Array};
use wasm_bindgen::prelude::*;

use crate::require_square;
use crate::slice::{Slice, sentence};

/// The counterfactual of a slice in HU on its own grid, of `size * size` values in [-1, 1] in the model's window, which lie
/// around the body or the whole slice.
#[wasm_bindgen(js_name = counterfactualHu)]
pub fn counterfactual_hu(
    slice: &Slice,
    window_low: f32,
    window_high: f32,
    size: usize,
    around_body: bool,
    input: &[f32],
    counterfactual: &[f32],
) -> Result<Float32Array, Error> {
    let window = Window::new(window_low, window_high).map_err(sentence)?;
    require_square(size, &[input.len(), counterfactual.len()])?;
    let transform = InputTransform::for_model(&slice.0, size, around_body);
    let hu = coin_imaging::counterfactual_hu(&slice.0, &transform, window, input, counterfactual);
    Ok(Float32Array::from(hu.as_slice()))
}

/// 0 or 1 for each of `size * size` pixels of a difference map: those that exceed the threshold, in components that exceed the
/// seed threshold somewhere; post-processed are they opened, closed, and the largest component.
#[wasm_bindgen(js_name = maskOf)]
pub fn mask_of(
    difference: &[f32],
    size: usize,
    threshold: f32,
    seed_threshold: f32,
    postprocess: bool,
) -> Result<Uint8Array, Error> {
    let mask = Mask::with_hysteresis(difference, size, size, threshold, seed_threshold);
    let mask = mask.ok_or_else(|| Error::new("the difference map is not a square of this size"))?;
    Ok(flags(&if postprocess { mask.postprocessed() } else { mask }))
}

/// The number of each pixel's component of a mask of `size * size` zeros and ones, the largest being 1; 0 outside.
#[wasm_bindgen(js_name = componentNumbers)]
pub fn component_numbers(mask: &[u8], size: usize) -> Result<Uint32Array, Error> {
    let mask = Mask::new(size, size, mask.iter().map(|&inside| inside > 0).collect());
    let mask = mask.ok_or_else(|| Error::new("the mask is not a square of this size"))?;
    Ok(Uint32Array::from(mask.component_numbers().as_slice()))
}

/// 256 colours from 0 to 1, each red, green, blue and opaque; of `fire`, `viridis`, `turbo` or `grey`.
#[wasm_bindgen(js_name = colourTable)]
pub fn colour_table(name: &str) -> Result<Uint8ClampedArray, Error> {
    let map = ColourMap::named(name).ok_or_else(|| Error::new("the colours are fire, viridis, turbo or grey"))?;
    let rgba = (0..=255_u8).flat_map(|level| {
        let [red, green, blue] = map.colour(f32::from(level) / 255.0);
        [red, green, blue, 255]
    });
    Ok(Uint8ClampedArray::from(rgba.collect::<Vec<u8>>().as_slice()))
}

/// 0 or 1 for each pixel.
pub fn flags(mask: &Mask) -> Uint8Array {
    let flags: Vec<u8> = mask.as_slice().iter().map(|&inside| u8::from(inside)).collect();
    Uint8Array::from(flags.as_slice())
}
