//! A run's folder: recipe, metrics, pictures, checkpoints and the best state of each stage.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use coin_core::training::TrainerState;
use coin_imaging::picture::Picture;
use coin_imaging::write;
use serde::Serialize;
use serde_json::Value;

use crate::checkpoint::Checkpoints;
use crate::data::DataSpec;
use crate::files::FileError;
use crate::program::BadInput;
use crate::provenance::Provenance;
use crate::recipe::Recipe;
use crate::report::Report;
use crate::{curves, events, files};

const RECIPE: &str = "recipe.toml";
const DATA: &str = "data.txt";
const PROVENANCE: &str = "provenance.json";
/// TensorBoard looks for files with this word in their name.
const EVENTS: &str = "events.out.tfevents.coin";
const METRICS: &str = "metrics.jsonl";
const LOCK: &str = ".lock";
const PICTURES: &str = "pictures";

/// A run on disk.
#[derive(Clone, Debug)]
pub struct Run {
    folder: PathBuf,
}

/// A run that no other program may train, as long as this lives.
#[derive(Debug)]
#[must_use]
pub struct RunLock {
    _file: File,
}

impl Run {
    /// A new folder `runs/NAME`, or `runs/NAME-2` and so on where that exists.
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

    /// The run in `folder`, made where there is none; one of another recipe or other data is refused.
    pub fn open(folder: &Path, recipe: &Recipe, data: &[DataSpec]) -> anyhow::Result<Self> {
        if !folder.join(RECIPE).exists() {
            return Self::write(folder.to_owned(), recipe, data);
        }
        let (run, found, on) = Self::resume(folder)?;
        if found != *recipe || on != absolute(data)? {
            let reason =
                format!("{} holds a run of another recipe or other data; choose another folder", folder.display());
            return Err(BadInput(reason).into());
        }
        Ok(run)
    }

    /// An existing run, its recipe and its data.
    pub fn resume(folder: &Path) -> anyhow::Result<(Self, Recipe, Vec<DataSpec>)> {
        let recipe = folder.join(RECIPE);
        if !recipe.exists() {
            let reason =
                format!("--resume {}: there is no {RECIPE} in it; name a folder under runs/", folder.display());
            return Err(BadInput(reason).into());
        }
        let recipe = Recipe::load(&recipe.to_string_lossy(), &[])?;
        let data = String::from_utf8_lossy(&files::read(&folder.join(DATA))?)
            .lines()
            .map(str::parse)
            .collect::<Result<_, _>>()?;
        Ok((Self { folder: folder.to_owned() }, recipe, data))
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Takes the run for this program, and writes down what it comes from when it begins.
    ///
    /// # Errors
    /// When another program has it, or it goes on with other data than it began with.
    pub fn begin(&self, provenance: &Provenance) -> anyhow::Result<RunLock> {
        let path = self.folder.join(LOCK);
        let failed = |reason| FileError::Write { path: path.clone(), reason };
        let lock = File::create(&path).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => self.sweep().map_err(failed)?,
            Err(TryLockError::WouldBlock) => {
                let folder = self.folder.display();
                let reason = format!("{folder} is being trained by another program; wait for it, or begin another run");
                return Err(BadInput(reason).into());
            }
            // Some network disks have no locks: whose files are unfinished there is not known.
            Err(TryLockError::Error(_)) => {}
        }
        let Some(first) = self.provenance()? else {
            files::write(&self.folder.join(PROVENANCE), &serde_json::to_vec_pretty(provenance)?)?;
            return Ok(RunLock { _file: lock });
        };
        if first.data_sha256 != provenance.data_sha256 {
            let folder = self.folder.display();
            let reason = format!("{folder} began with other data than there is now; restore it, or begin another run");
            return Err(BadInput(reason).into());
        }
        Ok(RunLock { _file: lock })
    }

    /// Removes what a kill left unfinished.
    fn sweep(&self) -> std::io::Result<()> {
        let folders = [self.folder.clone(), self.folder.join(PICTURES)];
        folders.iter().filter(|folder| folder.exists()).try_for_each(|folder| files::sweep(folder))
    }

    /// Takes over the classifier of another run, with its log, unless there is one already.
    ///
    /// # Errors
    /// When that run has none, or trained it on other data: on patients, perhaps, who are for test here.
    pub fn adopt_classifier(&self, from: &Self) -> anyhow::Result<()> {
        const STAGE: &str = "classifier";
        if self.best(STAGE).newest()?.is_some() {
            return Ok(());
        }
        let folder = from.folder.display();
        if from.best(STAGE).newest()?.is_none() {
            return Err(BadInput(format!("{folder}: its classifier is not trained yet")).into());
        }
        if let (Some(ours), Some(theirs)) = (self.provenance()?, from.provenance()?)
            && ours.data_sha256 != theirs.data_sha256
        {
            let reason = format!("{folder}: its classifier was trained on other data, or other patients of it");
            return Err(BadInput(reason).into());
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

    /// What the run came from, where it says so.
    fn provenance(&self) -> anyhow::Result<Option<Provenance>> {
        let path = self.folder.join(PROVENANCE);
        if !path.exists() {
            return Ok(None);
        }
        let provenance = serde_json::from_slice(&files::read(&path)?).with_context(|| path.display().to_string())?;
        Ok(Some(provenance))
    }

    /// What the finished run reported.
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
        Checkpoints::new(self.folder.join("checkpoints").join(stage))
    }

    /// The best state of a stage by validation.
    pub fn best(&self, stage: &str) -> Checkpoints {
        Checkpoints::new(self.folder.join("best").join(stage))
    }

    /// Keeps `state` as the best one of its stage.
    pub fn keep_best(&self, stage: &str, state: &TrainerState) -> anyhow::Result<()> {
        self.best(stage).save(state)
    }

    /// Appends a line to `metrics.jsonl`.
    pub fn log(&self, line: &impl Serialize) -> anyhow::Result<()> {
        let mut text = serde_json::to_string(line)?;
        text.push('\n');
        Ok(files::append(&self.folder.join(METRICS), text.as_bytes())?)
    }

    /// The lines of `metrics.jsonl`.
    pub fn logged(&self) -> anyhow::Result<Vec<Value>> {
        let path = self.folder.join(METRICS);
        if !path.exists() {
            return Ok(Vec::new());
        }
        // A kill can leave half a last line.
        let text = String::from_utf8(files::read(&path)?).context("metrics.jsonl is no text")?;
        Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
    }

    /// Takes back what was logged of `stage` from `step` on: it will be logged again.
    pub fn rewind_log(&self, stage: &str, step: u64) -> anyhow::Result<()> {
        let kept = |line: &Value| line["stage"] != stage || line["step"].as_u64().is_some_and(|found| found < step);
        let lines = self.logged()?.into_iter().filter(kept).map(|line| format!("{line}\n"));
        Ok(files::write(&self.folder.join(METRICS), lines.collect::<String>().as_bytes())?)
    }

    /// Shows what is logged so far: as `curves.png`, and to TensorBoard.
    pub fn show_log(&self) -> anyhow::Result<()> {
        let log = self.logged()?;
        files::write(&self.folder.join(EVENTS), &events::of_log(&log))?;
        Ok(files::write(&self.folder.join("curves.png"), &write::png(&curves::of_log(&log)?)?)?)
    }

    /// A picture under `pictures/`.
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
    fn a_run_does_not_go_on_with_other_data() {
        let (folder, recipe) = (tempfile::tempdir().unwrap(), Recipe::load("quick", &[]).unwrap());
        let run = Run::create(folder.path(), &recipe, &[DataSpec::Phantom]).unwrap();
        let lock = run.begin(&Provenance::now("one", "CPU")).unwrap();
        let message = run.begin(&Provenance::now("one", "CPU")).unwrap_err().to_string();
        assert!(message.contains("quick is being trained by another program"), "{message}");
        drop(lock);
        drop(run.begin(&Provenance::now("one", "another device")).unwrap());
        let message = run.begin(&Provenance::now("two", "CPU")).unwrap_err().to_string();
        assert!(message.contains("quick began with other data"), "{message}");
    }
}
