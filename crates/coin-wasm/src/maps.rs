//! Post-processing of an explanation: masks, components, colours, and the counterfactual on the slice's own grid.

use coin_imaging::colour::ColourMap;
use coin_imaging::{Diameters, InputTransform, Mask, Window};
use js_sys::{Error, Float32Array, Uint8Array, Uint8ClampedArray, Uint32Array};
use wasm_bindgen::prelude::*;

use crate::require_square;
use crate::slice::{Slice, sentence};

/// Returns the counterfactual of a slice in HU on its own grid.
///
/// `input` and `counterfactual` are `size * size` values in [-1, 1], normalised with the window, of the body crop or of
/// the whole slice.
///
/// # Errors
/// If the window is invalid or the values are not `size * size`.
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

/// Returns a mask of the slice's pixels on the model's grid, `size * size` values of 0 or 1.
///
/// # Errors
/// If the mask does not have the slice's number of pixels.
#[wasm_bindgen(js_name = maskOnGrid)]
pub fn mask_on_grid(slice: &Slice, mask: &[u8], size: usize, around_body: bool) -> Result<Uint8Array, Error> {
    let inside = mask.iter().map(|&value| value != 0).collect();
    let mask = Mask::new(slice.0.width(), slice.0.height(), inside);
    let mask = mask.ok_or_else(|| Error::new("the mask does not have the slice's number of pixels"))?;
    Ok(flags(&InputTransform::for_model(&slice.0, size, around_body).apply_mask(&mask)))
}

/// Returns 0 or 1 for each of the `size * size` pixels of a map in [0, 1]: the components above `threshold` that
/// exceed `seed_threshold` somewhere. Post-processing adds opening, closing and the largest component.
///
/// # Errors
/// If the map does not have `size * size` values.
#[wasm_bindgen(js_name = maskOf)]
pub fn mask_of(
    map: &[f32],
    size: usize,
    threshold: f32,
    seed_threshold: f32,
    postprocess: bool,
) -> Result<Uint8Array, Error> {
    let mask = Mask::with_hysteresis(map, size, size, threshold, seed_threshold);
    let mask = mask.ok_or_else(|| Error::new("the map does not have size x size values"))?;
    Ok(flags(&if postprocess { mask.postprocessed() } else { mask }))
}

/// Returns the component of each pixel of a mask of `size * size` zeros and ones, numbered from 1 in descending order
/// of size; 0 outside.
///
/// # Errors
/// If the mask does not have `size * size` values.
#[wasm_bindgen(js_name = componentNumbers)]
pub fn component_numbers(mask: &[u8], size: usize) -> Result<Uint32Array, Error> {
    let mask = Mask::new(size, size, mask.iter().map(|&inside| inside > 0).collect());
    let mask = mask.ok_or_else(|| Error::new("the mask does not have size x size values"))?;
    Ok(Uint32Array::from(mask.component_numbers().as_slice()))
}

/// Returns the diameters of the `count` largest components of a mask of `size * size` zeros and ones, in descending order of
/// size: 8 numbers each, x and y of both ends of the longest diameter and of the one perpendicular to it, in pixels.
///
/// # Errors
/// If the mask does not have `size * size` values.
#[wasm_bindgen(js_name = componentDiameters)]
pub fn component_diameters(mask: &[u8], size: usize, count: usize) -> Result<Float32Array, Error> {
    let mask = Mask::new(size, size, mask.iter().map(|&inside| inside > 0).collect());
    let mask = mask.ok_or_else(|| Error::new("the mask does not have size x size values"))?;
    let measured = mask.largest_components(count);
    let measured = measured.iter().filter_map(|component| Diameters::of(component, [1.0; 2]));
    let ends = measured.flat_map(|Diameters { longest, perpendicular }| {
        [longest.from, longest.to, perpendicular.from, perpendicular.to].into_iter().flatten()
    });
    Ok(Float32Array::from(ends.collect::<Vec<f32>>().as_slice()))
}

/// Returns 256 RGBA colours for values from 0 to 1, of the colour map `fire`, `viridis`, `turbo` or `grey`.
///
/// # Errors
/// If the name is unknown.
#[wasm_bindgen(js_name = colourTable)]
pub fn colour_table(name: &str) -> Result<Uint8ClampedArray, Error> {
    let map =
        ColourMap::named(name).ok_or_else(|| Error::new("unknown colour map; use fire, viridis, turbo or grey"))?;
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
