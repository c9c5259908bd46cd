//! Reading of the golden `.npz` files.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::cell::RefCell;
use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;

use npyz::npz::NpzArchive;

pub struct Archive(RefCell<NpzArchive<BufReader<File>>>);

impl Archive {
    pub fn open(file: &str) -> Self {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden").join(file);
        Self(RefCell::new(NpzArchive::open(path).unwrap()))
    }

    /// Floats of either width.
    pub fn floats(&self, name: &str) -> Vec<f32> {
        let mut archive = self.0.borrow_mut();
        let array = archive.by_name(name).unwrap().unwrap_or_else(|| panic!("no golden {name}"));
        match array.try_data::<f32>() {
            Ok(values) => values.map(Result::unwrap).collect(),
            Err(array) => {
                let values = array.try_data::<f64>().unwrap_or_else(|_| panic!("{name} holds no floats"));
                values.map(|value| value.unwrap() as f32).collect()
            }
        }
    }

    pub fn integers(&self, name: &str) -> Vec<i64> {
        let mut archive = self.0.borrow_mut();
        archive.by_name(name).unwrap().unwrap_or_else(|| panic!("no golden {name}")).into_vec().unwrap()
    }

    pub fn bytes(&self, name: &str) -> Vec<u8> {
        let mut archive = self.0.borrow_mut();
        archive.by_name(name).unwrap().unwrap_or_else(|| panic!("no golden {name}")).into_vec().unwrap()
    }
}
