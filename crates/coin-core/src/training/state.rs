//! The state of a trainer: its modules and optimizers as named byte strings.

use std::collections::BTreeMap;

use burn::module::Module;
use burn::optim::ModuleOptimizer;
use burn::store::{ModuleRecord, RecordError};
use burn::tensor::Bytes;

use crate::Error;

/// A serialised trainer.
#[derive(Clone, Debug, Default)]
pub struct TrainerState {
    /// Serialised modules and optimizers by name.
    pub parts: BTreeMap<String, Vec<u8>>,
    /// Steps taken.
    pub step: u64,
}

impl TrainerState {
    pub(super) fn put_module<M: Module>(&mut self, part: &str, module: &M) -> Result<(), Error> {
        // `valid` commits the running statistics of the last step.
        self.put(part, module.valid().into_record().into_bytes())
    }

    pub(super) fn put_optimizer(&mut self, part: &str, optimizer: &ModuleOptimizer) -> Result<(), Error> {
        self.put(part, optimizer.into_bytes())
    }

    pub(super) fn module<M: Module>(&self, part: &str, module: M) -> Result<M, Error> {
        let record = ModuleRecord::from_bytes(self.bytes(part)?);
        record.and_then(|record| module.try_load_record(record)).map_err(|reason| mismatch(part, reason))
    }

    pub(super) fn optimizer(&self, part: &str, optimizer: ModuleOptimizer) -> Result<ModuleOptimizer, Error> {
        optimizer.from_bytes(self.bytes(part)?).map_err(|reason| mismatch(part, reason))
    }

    fn put(&mut self, part: &str, bytes: Result<Bytes, RecordError>) -> Result<(), Error> {
        let bytes = bytes.map_err(|reason| mismatch(part, reason))?;
        self.parts.insert(part.to_owned(), bytes.to_vec());
        Ok(())
    }

    fn bytes(&self, part: &str) -> Result<Bytes, Error> {
        let bytes = self.parts.get(part).ok_or_else(|| Error::MissingPart(part.to_owned()))?;
        Ok(Bytes::from_bytes_vec(bytes.clone()))
    }
}

/// Shortens Burn's message, which may list hundreds of tensors.
fn first_words(reason: &RecordError) -> String {
    const ENOUGH: usize = 120;
    let words = reason.to_string();
    if words.chars().count() <= ENOUGH { words } else { words.chars().take(ENOUGH).chain("...".chars()).collect() }
}

fn mismatch(part: &str, reason: RecordError) -> Error {
    Error::ForeignPart { part: part.to_owned(), reason: first_words(&reason) }
}
