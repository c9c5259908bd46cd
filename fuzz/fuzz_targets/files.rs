//! Files that are opened together: series, pairs and archives.
#![no_main]

use coin_imaging::{File, Limits, Window, open_all};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|parts: Vec<(String, Vec<u8>)>| {
    let files: Vec<File<'_>> = parts.iter().map(|(name, bytes)| File { name, bytes }).collect();
    let _ = open_all(&files, Window::ABDOMEN, &Limits::default());
});
