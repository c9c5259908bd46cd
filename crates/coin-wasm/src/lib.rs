//! What the browser sees of COIN: an engine that explains slices with a model, what becomes of its maps, phantoms, and scans.
//!
//! Built three times from this code, each with what one kind of worker does: `cpu`, small and the first to arrive; `webgpu`, the
//! networks on a GPU; and `files`, which reads and writes the formats.
//! Everything that waits for a device is asynchronous; errors reach JavaScript as `Error` with one sentence.

#![recursion_limit = "256"]

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

/// Leaves what a panic says in the global `coinPanic`: the trap that follows says nothing.
#[wasm_bindgen(start)]
pub fn start() {
    std::panic::set_hook(Box::new(|panic| {
        let said = panic.to_string().replace('\n', " ");
        // There is no one to tell that this failed, too.
        let _ = Reflect::set(&js_sys::global(), &"coinPanic".into(), &said.into());
    }));
}

/// A plain JavaScript object.
fn object<const N: usize>(entries: [(&str, JsValue); N]) -> Result<Object, Error> {
    let object = Object::new();
    for (key, value) in entries {
        Reflect::set(&object, &key.into(), &value).map_err(|_| Error::new("an object refused a field"))?;
    }
    Ok(object)
}

#[cfg(any(feature = "cpu", feature = "files"))]
fn require_square(size: usize, lengths: &[usize]) -> Result<(), Error> {
    let fits = size > 0 && lengths.iter().all(|&length| Some(length) == size.checked_mul(size));
    fits.then_some(()).ok_or_else(|| Error::new(&format!("the values do not fill {size} x {size}")))
}
