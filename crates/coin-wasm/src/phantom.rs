//! Test slices: procedural patients, and synthetic anomalies in any slice.

use coin_imaging::phantom::{Organ, Phantom};
use coin_imaging::{Window, anomaly};
use js_sys::{Error, Object};
use wasm_bindgen::prelude::*;

use crate::maps::flags;
use crate::object;
use crate::slice::{Slice, window_or_default};

/// Parameters of synthetic anomalies: the paper's style with a configurable size and window.
#[wasm_bindgen]
pub struct AnomalyStyle {
    style: anomaly::AnomalyStyle,
    window: Window,
}

#[wasm_bindgen]
impl AnomalyStyle {
    /// Anomalies `diameter_mm` wide, with a peak of 0.9 times the window from `low` to `high` HU; by default as in the
    /// paper, in a window of -100 to 300 HU.
    ///
    /// # Errors
    /// If the diameter or the window is invalid.
    #[wasm_bindgen(constructor)]
    pub fn new(diameter_mm: Option<f32>, low: Option<f32>, high: Option<f32>) -> Result<AnomalyStyle, Error> {
        let paper = anomaly::AnomalyStyle::PAPER;
        let style = anomaly::AnomalyStyle { diameter_mm: diameter_mm.unwrap_or(paper.diameter_mm), ..paper };
        if let Some(problem) = style.problem() {
            return Err(Error::new(&problem));
        }
        Ok(AnomalyStyle { style, window: window_or_default(low, high)? })
    }
}

/// Generates a procedural patient and returns `{slice, truth, plain}`: the slice with an anomaly in a kidney, the
/// anomaly's mask (null without an anomaly), and the slice without it.
///
/// # Errors
/// If the size is not between 16 and 1024.
#[wasm_bindgen]
pub fn phantom(seed: u32, size: usize, style: Option<AnomalyStyle>) -> Result<Object, Error> {
    if !(16..=1024).contains(&size) {
        return Err(Error::new(&format!("size {size} is not between 16 and 1024 pixels")));
    }
    let phantom = Phantom::generate(u64::from(seed), size);
    let kidneys = phantom.mask(Organ::Kidney);
    let inserted = style.and_then(|AnomalyStyle { style, window }| {
        anomaly::insert(&phantom.slice, &kidneys, window, &style, u64::from(seed))
    });
    let plain = Slice::from(phantom.slice.clone()).into();
    let (slice, truth) = match inserted {
        Some(inserted) => (inserted.slice, flags(&inserted.mask).into()),
        None => (phantom.slice, JsValue::NULL),
    };
    object([("slice", Slice::from(slice).into()), ("truth", truth), ("plain", plain)])
}

/// Inserts an anomaly centred on pixel (x, y) and returns `{slice, mask}`.
///
/// # Errors
/// If the pixel is outside the slice.
#[wasm_bindgen(js_name = insertAnomaly)]
pub fn insert_anomaly(slice: &Slice, x: usize, y: usize, style: AnomalyStyle, seed: u32) -> Result<Object, Error> {
    let slice = &slice.0;
    if x >= slice.width() || y >= slice.height() {
        return Err(Error::new(&format!("pixel ({x}, {y}) lies outside the slice")));
    }
    let inserted = anomaly::insert_at(slice, style.window, &style.style, x, y, u64::from(seed));
    object([("slice", Slice::from(inserted.slice).into()), ("mask", flags(&inserted.mask).into())])
}
