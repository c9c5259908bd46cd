//! The folder of a training run: recipe, metrics, pictures, checkpoints and the best state of each stage.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use coin_core::training::TrainerState;
use coin_imaging::picture::Picture;
use coin_imaging::write;
use serde::Serialize;
use serde_json::Value;

use crate::Error;
use crate::checkpoint::Checkpoints;
use crate::data::DataSpec;
use crate::provenance::Provenance;
use crate::recipe::Recipe;
use crate::report::Report;
use crate::{curves, events, files};

const RECIPE: &str = "recipe.toml";
const DATA: &str = "data.txt";
const PROVENANCE: &str = "provenance.json";
/// TensorBoard finds files with "tfevents" in their names.
const EVENTS: &str = "events.out.tfevents.coin";
/// What earlier versions called `provenance.json`.
const ORIGIN: &str = "origin.json";
/// What earlier versions called stages.
const OLD_STAGES: [(&str, &str); 2] =
    [("localisation", "localisation-pretraining"), ("restoration", "inpainting-pretraining")];
const METRICS: &str = "metrics.jsonl";
const LOCK: &str = ".lock";
const PICTURES: &str = "pictures";

/// A run on disk.
#[derive(Clone, Debug)]
pub struct Run {
    folder: PathBuf,
}

/// Exclusive access to a run until this is dropped.
#[derive(Debug)]
#[must_use]
pub struct RunLock {
    _file: File,
}

impl Run {
    /// Creates the folder `runs/NAME`, or `runs/NAME-2` and so on if it exists.
    ///
    /// # Errors
    /// If the folder cannot be written.
    pub fn create(runs: &Path, recipe: &Recipe, data: &[DataSpec]) -> anyhow::Result<Self> {
        let names = std::iter::once(recipe.name.clone()).chain((2..).map(|i| format!("{}-{i}", recipe.name)));
        let folder = names.map(|name| runs.join(name)).find(|folder| !folder.exists());
        Self::write(folder.context("no free name for the run")?, recipe, data)
    }

    fn write(folder: PathBuf, recipe: &Recipe, data: &[DataSpec]) -> anyhow::Result<Self> {
        let run = Self { folder };
        files::write(&run.folder.join(DATA), lines(&absolute(data)?).as_bytes())?;
        files::write(&run.folder.join(RECIPE), toml::to_string_pretty(recipe)?.as_bytes())?;
        Ok(run)
    }

    /// Opens the run in `folder`, or creates it.
    ///
    /// # Errors
    /// If the folder contains a run with another recipe or other data, or cannot be read or written.
    pub fn open(folder: &Path, recipe: &Recipe, data: &[DataSpec]) -> anyhow::Result<Self> {
        if !folder.join(RECIPE).exists() {
            return Self::write(folder.to_owned(), recipe, data);
        }
        let (run, found, found_data) = Self::resume(folder)?;
        // Titles and limits are words, which change without a change of the training.
        let found = Recipe { title: recipe.title.clone(), limits: recipe.limits.clone(), ..found };
        if found != *recipe || found_data != absolute(data)? {
            let reason =
                format!("{} contains a run with another recipe or other data; choose another folder", folder.display());
            return Err(Error::Usage(reason).into());
        }
        Ok(run)
    }

    /// Opens an existing run; returns it with its recipe and its data sources.
    ///
    /// # Errors
    /// If the folder is not a run or cannot be read.
    pub fn resume(folder: &Path) -> anyhow::Result<(Self, Recipe, Vec<DataSpec>)> {
        let recipe = folder.join(RECIPE);
        if !recipe.exists() {
            let reason =
                format!("{}: no {RECIPE} found; name the folder of a run, for instance runs/quick", folder.display());
            return Err(Error::Usage(reason).into());
        }
        let recipe = Recipe::load(&recipe.to_string_lossy(), &[])?;
        let data = String::from_utf8_lossy(&files::read(&folder.join(DATA))?)
            .lines()
            .map(str::parse)
            .collect::<Result<_, _>>()?;
        Ok((Self { folder: folder.to_owned() }, recipe, data))
    }

    /// The folder of the run.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Locks the run for this program, and records its provenance on the first call.
    ///
    /// # Errors
    /// If another program has the lock, or the data has changed since the run started.
    pub fn begin(&self, provenance: &Provenance) -> anyhow::Result<RunLock> {
        let path = self.folder.join(LOCK);
        let failed = Error::write(&path);
        let lock = File::create(&path).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => self.sweep().map_err(failed)?,
            Err(TryLockError::WouldBlock) => {
                let folder = self.folder.display();
                let reason = format!("{folder} is being trained by another program; wait for it or start another run");
                return Err(Error::Usage(reason).into());
            }
            // Some network disks have no locks. Do not sweep there: another program may be writing the files.
            Err(TryLockError::Error(_)) => {}
        }
        let Some(first) = self.provenance()? else {
            files::write(&self.folder.join(PROVENANCE), &serde_json::to_vec_pretty(provenance)?)?;
            return Ok(RunLock { _file: lock });
        };
        if first.data_sha256 != provenance.data_sha256 {
            let folder = self.folder.display();
            let reason = format!("{folder} was started with other data; restore that data or start another run");
            return Err(Error::Usage(reason).into());
        }
        Ok(RunLock { _file: lock })
    }

    /// Removes incomplete files that a killed program left.
    fn sweep(&self) -> std::io::Result<()> {
        let folders = [self.folder.clone(), self.folder.join(PICTURES)];
        folders.iter().filter(|folder| folder.exists()).try_for_each(|folder| files::sweep(folder))
    }

    /// Copies the classifier of another run, with its log, unless this run has one.
    ///
    /// # Errors
    /// If the other run has no trained classifier, or used other data: its training patients could be test patients here.
    pub fn adopt_classifier(&self, from: &Self) -> anyhow::Result<()> {
        const STAGE: &str = "classifier";
        if self.best(STAGE).newest()?.is_some() {
            return Ok(());
        }
        let folder = from.folder.display();
        if from.best(STAGE).newest()?.is_none() {
            return Err(Error::Usage(format!(
                "{folder}: its classifier is not trained yet; train it with --stage classifier"
            ))
            .into());
        }
        if let (Some(ours), Some(theirs)) = (self.provenance()?, from.provenance()?)
            && ours.data_sha256 != theirs.data_sha256
        {
            let reason = format!(
                "{folder}: its classifier was trained on other data or on another split of the patients; choose another run"
            );
            return Err(Error::Usage(reason).into());
        }
        for line in from.logged()?.into_iter().filter(|line| line["stage"] == STAGE) {
            self.log(&line)?;
        }
        for (ours, theirs) in [(self.checkpoints(STAGE), from.checkpoints(STAGE)), (self.best(STAGE), from.best(STAGE))]
        {
            if let Some(state) = theirs.newest()? {
                ours.save(&state)?;
            }
        }
        Ok(())
    }

    /// The provenance of the run, if it was started.
    fn provenance(&self) -> anyhow::Result<Option<Provenance>> {
        let paths = [PROVENANCE, ORIGIN].map(|name| self.folder.join(name));
        let Some(path) = paths.into_iter().find(|path| path.exists()) else { return Ok(None) };
        let provenance = serde_json::from_slice(&files::read(&path)?).with_context(|| path.display().to_string())?;
        Ok(Some(provenance))
    }

    /// The report of the run, if it is finished.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn report(&self) -> anyhow::Result<Option<Report>> {
        let path = self.folder.join("report.json");
        if !path.exists() {
            return Ok(None);
        }
        let report = serde_json::from_slice(&files::read(&path)?).with_context(|| path.display().to_string())?;
        Ok(Some(report))
    }

    /// The checkpoints of a stage.
    pub fn checkpoints(&self, stage: &str) -> Checkpoints {
        Checkpoints::new(self.stage_folder("checkpoints", stage))
    }

    /// The best state of a stage by validation.
    pub fn best(&self, stage: &str) -> Checkpoints {
        Checkpoints::new(self.stage_folder("best", stage))
    }

    /// The folder of a stage, or the one of its old name if only that exists.
    fn stage_folder(&self, kind: &str, stage: &str) -> PathBuf {
        let folder = self.folder.join(kind).join(stage);
        let old = OLD_STAGES.iter().find(|(_, new)| *new == stage).map(|(old, _)| self.folder.join(kind).join(old));
        old.filter(|old| old.exists() && !folder.exists()).unwrap_or(folder)
    }

    /// Saves `state` as the best one of its stage.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn keep_best(&self, stage: &str, state: &TrainerState) -> anyhow::Result<()> {
        self.best(stage).save(state)
    }

    /// Appends a line to `metrics.jsonl`.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn log(&self, line: &impl Serialize) -> anyhow::Result<()> {
        let mut text = serde_json::to_string(line)?;
        text.push('\n');
        Ok(files::append(&self.folder.join(METRICS), text.as_bytes())?)
    }

    /// The lines of `metrics.jsonl`.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn logged(&self) -> anyhow::Result<Vec<Value>> {
        let path = self.folder.join(METRICS);
        if !path.exists() {
            return Ok(Vec::new());
        }
        // A kill can truncate the last line.
        let text = String::from_utf8(files::read(&path)?).context("metrics.jsonl is not UTF-8 text")?;
        let modern = |mut line: Value| {
            if let Some((_, new)) = OLD_STAGES.iter().find(|(old, _)| line["stage"] == *old) {
                line["stage"] = (*new).into();
            }
            line
        };
        Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).map(modern).collect())
    }

    /// Removes the log lines of `stage` from `step` on, because a resumed run logs them again.
    ///
    /// # Errors
    /// If the log cannot be read or written.
    pub fn rewind_log(&self, stage: &str, step: u64) -> anyhow::Result<()> {
        let kept = |line: &Value| line["stage"] != stage || line["step"].as_u64().is_some_and(|found| found < step);
        let lines = self.logged()?.into_iter().filter(kept).map(|line| format!("{line}\n"));
        Ok(files::write(&self.folder.join(METRICS), lines.collect::<String>().as_bytes())?)
    }

    /// Updates `curves.png` and the TensorBoard event file from the log.
    ///
    /// # Errors
    /// If the log cannot be read, or a file cannot be written.
    pub fn show_log(&self) -> anyhow::Result<()> {
        let log = self.logged()?;
        files::write(&self.folder.join(EVENTS), &events::of_log(&log))?;
        Ok(files::write(&self.folder.join("curves.png"), &write::png(&curves::of_log(&log)?)?)?)
    }

    /// Writes `pictures/NAME.png`.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn picture(&self, name: &str, picture: &Picture) -> anyhow::Result<()> {
        Ok(files::write(&self.folder.join(PICTURES).join(format!("{name}.png")), &write::png(picture)?)?)
    }
}

fn absolute(data: &[DataSpec]) -> std::io::Result<Vec<DataSpec>> {
    data.iter().map(DataSpec::absolute).collect()
}

fn lines(data: &[DataSpec]) -> String {
    data.iter().map(|spec| format!("{spec}\n")).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_run_does_not_resume_with_other_data() {
        let (folder, recipe) = (tempfile::tempdir().unwrap(), Recipe::load("quick", &[]).unwrap());
        let run = Run::create(folder.path(), &recipe, &[DataSpec::Phantom]).unwrap();
        let lock = run.begin(&Provenance::now("one", "CPU")).unwrap();
        let message = run.begin(&Provenance::now("one", "CPU")).unwrap_err().to_string();
        assert!(message.contains("quick is being trained by another program"), "{message}");
        drop(lock);
        drop(run.begin(&Provenance::now("one", "another device")).unwrap());
        let message = run.begin(&Provenance::now("two", "CPU")).unwrap_err().to_string();
        assert!(message.contains("quick was started with other data"), "{message}");
    }

    #[test]
    fn a_run_of_an_earlier_version_is_resumed() {
        let (folder, recipe) = (tempfile::tempdir().unwrap(), Recipe::load("quick", &[]).unwrap());
        let run = Run::create(folder.path(), &recipe, &[DataSpec::Phantom]).unwrap();
        run.best("inpainting-pretraining").save(&TrainerState { step: 3, ..TrainerState::default() }).unwrap();
        run.log(&serde_json::json!({ "stage": "restoration", "step": 3 })).unwrap();
        drop(run.begin(&Provenance::now("one", "CPU")).unwrap());
        std::fs::rename(run.folder().join("best/inpainting-pretraining"), run.folder().join("best/restoration"))
            .unwrap();
        std::fs::rename(run.folder().join(PROVENANCE), run.folder().join(ORIGIN)).unwrap();
        assert_eq!(run.best("inpainting-pretraining").newest().unwrap().unwrap().step, 3);
        assert_eq!(run.logged().unwrap()[0]["stage"], "inpainting-pretraining");
        assert!(run.begin(&Provenance::now("two", "CPU")).unwrap_err().to_string().contains("other data"));
    }
}
