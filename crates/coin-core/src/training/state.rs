//! Everything a trainer needs to go on: its modules and optimizers as named byte strings.

use std::collections::BTreeMap;

use burn::module::Module;
use burn::optim::ModuleOptimizer;
use burn::store::{ModuleRecord, RecordError};
use burn::tensor::Bytes;
use thiserror::Error;

/// The parts of a trainer, each as bytes.
#[derive(Clone, Debug, Default)]
pub struct TrainerState {
    /// Part by name.
    pub parts: BTreeMap<String, Vec<u8>>,
    /// Steps taken.
    pub step: u64,
}

/// Why a state cannot be taken or put back.
#[derive(Debug, Error)]
pub enum StateError {
    /// A part is absent.
    #[error("part {0} is missing")]
    Missing(String),
    /// A part does not fit this trainer.
    #[error(
        "part {part} was saved for other networks or by another version of this program; train anew, or go on with the program that saved it ({})",
        first_words(reason)
    )]
    Mismatch {
        /// Name of the part.
        part: String,
        /// Burn's words.
        reason: RecordError,
    },
}

impl TrainerState {
    pub(super) fn put_module<M: Module>(&mut self, part: &str, module: &M) -> Result<(), StateError> {
        // `valid` first: running statistics of the last step are pending until then.
        self.put(part, module.valid().into_record().into_bytes())
    }

    pub(super) fn put_optimizer(&mut self, part: &str, optimizer: &ModuleOptimizer) -> Result<(), StateError> {
        self.put(part, optimizer.into_bytes())
    }

    pub(super) fn module<M: Module>(&self, part: &str, module: M) -> Result<M, StateError> {
        let record = ModuleRecord::from_bytes(self.bytes(part)?);
        record.and_then(|record| module.try_load_record(record)).map_err(|reason| mismatch(part, reason))
    }

    pub(super) fn optimizer(&self, part: &str, optimizer: ModuleOptimizer) -> Result<ModuleOptimizer, StateError> {
        optimizer.from_bytes(self.bytes(part)?).map_err(|reason| mismatch(part, reason))
    }

    fn put(&mut self, part: &str, bytes: Result<Bytes, RecordError>) -> Result<(), StateError> {
        let bytes = bytes.map_err(|reason| mismatch(part, reason))?;
        self.parts.insert(part.to_owned(), bytes.to_vec());
        Ok(())
    }

    fn bytes(&self, part: &str) -> Result<Bytes, StateError> {
        let bytes = self.parts.get(part).ok_or_else(|| StateError::Missing(part.to_owned()))?;
        Ok(Bytes::from_bytes_vec(bytes.clone()))
    }
}

/// A record names every tensor that does not fit, which may be hundreds.
fn first_words(reason: &RecordError) -> String {
    const ENOUGH: usize = 120;
    let words = reason.to_string();
    if words.chars().count() <= ENOUGH { words } else { words.chars().take(ENOUGH).chain("...".chars()).collect() }
}

fn mismatch(part: &str, reason: RecordError) -> StateError {
    StateError::Mismatch { part: part.to_owned(), reason }
}
