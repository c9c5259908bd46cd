//! Reading of the golden `.npz` files.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use npyz::NpyFile;
use zip::ZipArchive;

/// All values of an array, row-major.
pub fn array<T: npyz::Deserialize>(file: &str, name: &str) -> Vec<T> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden").join(file);
    let mut archive = ZipArchive::new(File::open(path).unwrap()).unwrap();
    let mut entry = archive.by_name(&format!("{name}.npy")).unwrap_or_else(|_| panic!("no golden {name}"));
    let mut bytes = Vec::new();
    entry.read_to_end(&mut bytes).unwrap();
    NpyFile::new(&bytes[..]).unwrap().into_vec().unwrap()
}
