//! Every reader of scans, behind the door that all files come through.
#![no_main]

use coin_imaging::{File, Limits, Window, open_all};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = open_all(&[File { name: "file", bytes }], Window::ABDOMEN, &Limits::default());
});
