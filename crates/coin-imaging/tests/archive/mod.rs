//! Reading of the golden `.npz` files.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::path::Path;

use npyz::npz::NpzArchive;

/// All values of an array, row-major.
pub fn array<T: npyz::Deserialize>(file: &str, name: &str) -> Vec<T> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden").join(file);
    let mut archive = NpzArchive::open(path).unwrap();
    archive.by_name(name).unwrap().unwrap_or_else(|| panic!("no golden {name}")).into_vec().unwrap()
}
