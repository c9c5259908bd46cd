//! Training checkpoints on disk: one folder per state, written atomically; the newest two are kept.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use coin_core::training::TrainerState;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::Error;
use crate::files::{self, UNFINISHED};

const KEPT: usize = 2;
const INDEX: &str = "state.json";

/// The index file of a checkpoint folder.
#[derive(Serialize, Deserialize)]
struct Index {
    step: u64,
    /// SHA-256 of each part.
    parts: BTreeMap<String, String>,
}

/// The checkpoints of one stage of a run.
#[derive(Clone, Debug)]
pub struct Checkpoints {
    folder: PathBuf,
}

impl Checkpoints {
    /// Checkpoints in `folder`, which the first save creates.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Saves a state, then removes all but the newest two.
    ///
    /// # Errors
    /// If the folder cannot be written.
    pub fn save(&self, state: &TrainerState) -> anyhow::Result<()> {
        let target = self.folder.join(name(state.step));
        let failed = Error::write(&target);
        std::fs::create_dir_all(&self.folder).map_err(failed)?;
        files::sweep(&self.folder).map_err(failed)?;
        let unfinished = tempfile::Builder::new().prefix(UNFINISHED).tempdir_in(&self.folder).map_err(failed)?;
        let mut index = Index { step: state.step, parts: BTreeMap::new() };
        for (part, bytes) in &state.parts {
            files::write(&unfinished.path().join(part), bytes)?;
            index.parts.insert(part.clone(), hash(bytes));
        }
        files::write(&unfinished.path().join(INDEX), &serde_json::to_vec(&index)?)?;
        if target.exists() {
            // Rename first: a half-deleted folder with the final name would pass for a complete state.
            std::fs::rename(&target, self.folder.join(format!("{UNFINISHED}{}", state.step))).map_err(failed)?;
        }
        std::fs::rename(unfinished.keep(), &target).map_err(failed)?;
        files::sweep(&self.folder).map_err(failed)?;
        let mut steps = self.steps()?;
        steps.truncate(steps.len().saturating_sub(KEPT));
        for old in steps {
            std::fs::remove_dir_all(old)?;
        }
        Ok(())
    }

    /// The newest state, or `None` if nothing was saved.
    ///
    /// # Errors
    /// If a file cannot be read or does not match its SHA-256.
    pub fn newest(&self) -> anyhow::Result<Option<TrainerState>> {
        match self.steps()?.pop() {
            Some(folder) => read(&folder).map(Some),
            None => Ok(None),
        }
    }

    /// Removes the states after `step`.
    ///
    /// # Errors
    /// If the folder cannot be read or changed.
    pub fn forget_after(&self, step: u64) -> anyhow::Result<()> {
        let newest = self.folder.join(name(step));
        for later in self.steps()?.into_iter().filter(|folder| *folder > newest) {
            std::fs::remove_dir_all(later)?;
        }
        Ok(())
    }

    /// Folders of complete states, oldest first.
    fn steps(&self) -> anyhow::Result<Vec<PathBuf>> {
        if !self.folder.exists() {
            return Ok(Vec::new());
        }
        let mut steps = Vec::new();
        for entry in std::fs::read_dir(&self.folder)? {
            let path = entry?.path();
            let complete = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("step-"));
            if complete {
                steps.push(path);
            }
        }
        steps.sort();
        Ok(steps)
    }
}

fn read(folder: &Path) -> anyhow::Result<TrainerState> {
    let path = folder.join(INDEX);
    let index = serde_json::from_slice::<Index>(&files::read(&path)?);
    let index = index.map_err(|_| Error::Damaged { path })?;
    let mut state = TrainerState { step: index.step, parts: BTreeMap::new() };
    for (part, expected) in index.parts {
        let path = folder.join(&part);
        let bytes = files::read(&path)?;
        if hash(&bytes) != expected {
            return Err(Error::Damaged { path }.into());
        }
        state.parts.insert(part, bytes);
    }
    Ok(state)
}

/// Zero-padded, so that names sort by step.
fn name(step: u64) -> String {
    format!("step-{step:08}")
}

fn hash(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
