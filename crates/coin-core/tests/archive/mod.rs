//! Reading of the golden `.npz` files.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::io::{Cursor, Read as _};
use std::path::PathBuf;
use std::sync::Arc;

use npyz::{Deserialize, NpyFile};
use zip::ZipArchive;

pub struct Archive(ZipArchive<Cursor<Arc<[u8]>>>);

impl Archive {
    pub fn open(file: &str) -> Self {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden").join(file);
        Self(ZipArchive::new(Cursor::new(fs::read(path).unwrap().into())).unwrap())
    }

    /// Floats of either width.
    pub fn floats(&self, name: &str) -> Vec<f32> {
        let array = self.array(name);
        match NpyFile::new(&array[..]).unwrap().try_data::<f32>() {
            Ok(values) => values.map(Result::unwrap).collect(),
            Err(array) => {
                let values = array.try_data::<f64>().unwrap_or_else(|_| panic!("{name} holds no floats"));
                values.map(|value| value.unwrap() as f32).collect()
            }
        }
    }

    pub fn integers(&self, name: &str) -> Vec<i64> {
        self.values(name)
    }

    pub fn bytes(&self, name: &str) -> Vec<u8> {
        self.values(name)
    }

    fn values<T: Deserialize>(&self, name: &str) -> Vec<T> {
        NpyFile::new(&self.array(name)[..]).unwrap().into_vec().unwrap()
    }

    fn array(&self, name: &str) -> Vec<u8> {
        // A clone shares the bytes.
        let mut archive = self.0.clone();
        let mut entry = archive.by_name(&format!("{name}.npy")).unwrap_or_else(|_| panic!("no golden {name}"));
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        bytes
    }
}
