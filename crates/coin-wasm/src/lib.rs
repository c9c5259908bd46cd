//! The WebAssembly engine: JavaScript bindings for explanations, masks, saliency maps, phantoms and files.
//!
//! # Features
//! Each worker type has its own build:
//! - `cpu`: the networks on the CPU, maps and phantoms; small, so that it loads first
//! - `webgpu`: the networks on a GPU
//! - `files`: reading and writing image formats
//!
//! # Modules
//! - `engine`, `device`, `saliency`: a model on a device, and its explanations
//! - `maps`: masks, components and colours
//! - `scan`, `slice`: files and slices
//! - `phantom`: procedural patients and synthetic anomalies
//!
//! Functions that wait for a device are asynchronous. Errors become JavaScript `Error`s with a one-sentence message.

#![recursion_limit = "256"]

#[cfg(feature = "networks")]
mod clock;
#[cfg(feature = "networks")]
mod device;
#[cfg(feature = "networks")]
mod engine;
#[cfg(feature = "cpu")]
mod maps;
#[cfg(feature = "cpu")]
mod phantom;
#[cfg(feature = "cpu")]
mod saliency;
#[cfg(feature = "files")]
mod scan;
mod slice;

use js_sys::{Error, Object, Reflect};
use wasm_bindgen::prelude::*;

/// Prints panics with their stack, and stores the message in the global `coinPanic`, because the following trap has none.
#[wasm_bindgen(start)]
pub fn start() {
    std::panic::set_hook(Box::new(|panic| {
        console_error_panic_hook::hook(panic);
        let message = panic.to_string().replace('\n', " ");
        // There is no way to report a failure here.
        let _ = Reflect::set(&js_sys::global(), &"coinPanic".into(), &message.into());
    }));
}

/// A plain JavaScript object.
fn object<const N: usize>(entries: [(&str, JsValue); N]) -> Result<Object, Error> {
    let object = Object::new();
    for (key, value) in entries {
        Reflect::set(&object, &key.into(), &value).map_err(|_| Error::new("setting a field of an object failed"))?;
    }
    Ok(object)
}

#[cfg(any(feature = "cpu", feature = "files"))]
fn require_square(size: usize, lengths: &[usize]) -> Result<(), Error> {
    let fits = size > 0 && lengths.iter().all(|&length| Some(length) == size.checked_mul(size));
    fits.then_some(()).ok_or_else(|| Error::new(&format!("the values do not fill {size} x {size}")))
}
