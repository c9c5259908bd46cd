//! The clock of this worker.

use wasm_bindgen::JsCast as _;
use web_sys::WorkerGlobalScope;

/// Milliseconds since the worker started; unlike the date, it never jumps.
pub fn now() -> f64 {
    js_sys::global().unchecked_into::<WorkerGlobalScope>().performance().map_or(0.0, |clock| clock.now())
}
