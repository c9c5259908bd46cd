//! What the browser sees of COIN: scans, slices, phantoms, and an engine that explains slices with a model.
//!
//! Built twice from this code: with the feature `cpu` small and runnable anywhere, with `webgpu` for graphics cards.
//! Everything that waits for a device is asynchronous; errors reach JavaScript as `Error` with one sentence.

#![recursion_limit = "256"]

mod device;
mod engine;
mod scan;

pub use engine::Engine;
pub use scan::{Scan, Slice};

use coin_imaging::anomaly;
use coin_imaging::colour::ColourMap;
use coin_imaging::phantom::{Organ, Phantom};
use coin_imaging::{Fit, Mask, Window};
use js_sys::{Error, Float32Array, Object, Reflect, Uint8Array, Uint8ClampedArray, Uint32Array};
use wasm_bindgen::prelude::*;

use scan::sentence;

/// Leaves what a panic says in the global `coinPanic`: the trap that follows says nothing.
#[wasm_bindgen(start)]
pub fn start() {
    std::panic::set_hook(Box::new(|panic| {
        let said = panic.to_string().replace('\n', " ");
        // There is no one to tell that this failed, too.
        let _ = Reflect::set(&js_sys::global(), &"coinPanic".into(), &said.into());
    }));
}

/// How an anomaly is planted: the paper's way, in a size and a window of choice.
#[wasm_bindgen]
pub struct AnomalyStyle {
    style: anomaly::AnomalyStyle,
    window: Window,
}

#[wasm_bindgen]
impl AnomalyStyle {
    /// `diameter_mm` wide, with a peak of nine tenths of the window from `low` to `high` HU.
    #[wasm_bindgen(constructor)]
    pub fn new(diameter_mm: f32, low: f32, high: f32) -> Result<AnomalyStyle, Error> {
        let style = anomaly::AnomalyStyle { diameter_mm, ..anomaly::AnomalyStyle::PAPER };
        if let Some(problem) = style.problem() {
            return Err(Error::new(&problem));
        }
        Ok(AnomalyStyle { style, window: Window::new(low, high).map_err(sentence)? })
    }
}

/// `{slice, truth}`: a procedural patient, and the mask of the anomaly planted in a kidney, or null without one.
#[wasm_bindgen]
pub fn phantom(seed: u32, size: usize, style: Option<AnomalyStyle>) -> Result<Object, Error> {
    if !(16..=1024).contains(&size) {
        return Err(Error::new(&format!("size {size} is not between 16 and 1024 pixels")));
    }
    let phantom = Phantom::generate(u64::from(seed), size);
    let kidneys = phantom.mask(Organ::Kidney);
    let planted = style.and_then(|AnomalyStyle { style, window }| {
        anomaly::plant(&phantom.slice, &kidneys, window, &style, u64::from(seed))
    });
    match planted {
        Some(planted) => object([("slice", Slice::from(planted.slice).into()), ("truth", flags(&planted.mask).into())]),
        None => object([("slice", Slice::from(phantom.slice).into()), ("truth", JsValue::NULL)]),
    }
}

/// `{slice, mask}`: the slice with an anomaly centred on pixel (x, y).
#[wasm_bindgen(js_name = plantAnomaly)]
pub fn plant_anomaly(slice: &Slice, x: usize, y: usize, style: AnomalyStyle, seed: u32) -> Result<Object, Error> {
    let slice = slice.inner();
    if x >= slice.width() || y >= slice.height() {
        return Err(Error::new(&format!("pixel ({x}, {y}) lies outside the slice")));
    }
    let planted = anomaly::plant_at(slice, style.window, &style.style, x, y, u64::from(seed));
    object([("slice", Slice::from(planted.slice).into()), ("mask", flags(&planted.mask).into())])
}

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
    let fit = Fit::for_model(slice.inner(), size, around_body);
    let hu = coin_imaging::counterfactual_hu(slice.inner(), &fit, window, input, counterfactual);
    Ok(Float32Array::from(hu.as_slice()))
}

fn require_square(size: usize, lengths: &[usize]) -> Result<(), Error> {
    let fits = size > 0 && lengths.iter().all(|&length| Some(length) == size.checked_mul(size));
    fits.then_some(()).ok_or_else(|| Error::new(&format!("the values do not fill {size} x {size}")))
}

/// 0 or 1 for each of `size * size` pixels of a difference map: those that exceed the threshold, in pieces that exceed the
/// peak somewhere; post-processed are they opened, closed, and the largest piece.
#[wasm_bindgen(js_name = maskOf)]
pub fn mask_of(
    difference: &[f32],
    size: usize,
    threshold: f32,
    peak: f32,
    postprocess: bool,
) -> Result<Uint8Array, Error> {
    let mask = Mask::from_peaks(difference, size, size, threshold, peak);
    let mask = mask.ok_or_else(|| Error::new("the difference map is not a square of this size"))?;
    Ok(flags(&if postprocess { mask.postprocessed() } else { mask }))
}

/// The number of each pixel's piece of a mask of `size * size` zeros and ones, the largest being 1; 0 outside.
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

fn flags(mask: &Mask) -> Uint8Array {
    let flags: Vec<u8> = mask.as_slice().iter().map(|&inside| u8::from(inside)).collect();
    Uint8Array::from(flags.as_slice())
}

/// A plain JavaScript object.
fn object<const N: usize>(entries: [(&str, JsValue); N]) -> Result<Object, Error> {
    let object = Object::new();
    for (key, value) in entries {
        Reflect::set(&object, &key.into(), &value).map_err(|_| Error::new("an object refused a field"))?;
    }
    Ok(object)
}
