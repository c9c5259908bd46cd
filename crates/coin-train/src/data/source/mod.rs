//! Data sources as they lie on disk: which files make a case, and what the values of its labels mean.

mod extraction;
mod kits;
mod nnunet;
mod totalsegmentator;
mod xray;

use std::path::{Path, PathBuf};

use coin_imaging::Plane;

use super::{Description, SliceTable, Subset};
use crate::Error;
use crate::recipe::Task;

/// The layouts that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceKind {
    /// TotalSegmentator: `sNNNN/ct.nii.gz` with `segmentations/`, or `train/`, `test/` and `nnUNet_predictions/`.
    TotalSegmentator,
    /// KiTS19, 21 and 23: `case_NNNNN/imaging.nii.gz` with `segmentation.nii.gz`.
    Kits,
    /// nnU-Net: `imagesTr/`, `labelsTr/` and `dataset.json`.
    NnUnet,
    /// `slices.csv`, `images/` and `masks/`.
    Slices,
    /// X-rays or other pictures that are labelled as a whole: a folder a class, each with `images/`, and perhaps `masks/` of the
    /// organ, as in the COVID-19 radiography database.
    Xray,
}

impl SourceKind {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::TotalSegmentator, Self::Kits, Self::NnUnet, Self::Slices, Self::Xray];

    /// The kind of that name; `lungs` is what X-rays were called first.
    pub fn named(name: &str) -> Option<Self> {
        let name = if name == "lungs" { Self::Xray.name() } else { name };
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The name in data specifications.
    pub fn name(self) -> &'static str {
        match self {
            Self::TotalSegmentator => "totalsegmentator",
            Self::Kits => "kits",
            Self::NnUnet => "nnunet",
            Self::Slices => "slices",
            Self::Xray => "xray",
        }
    }
}

/// A volume and what is known of it.
#[derive(Clone, Debug)]
pub struct Volume {
    /// Whose it is.
    pub case: String,
    /// Its images.
    pub image: PathBuf,
    /// Its labels.
    pub labels: Vec<LabelFile>,
    /// What it is for, where the source says so.
    pub split: Option<Subset>,
}

/// A volume of labels on the grid of the images.
#[derive(Clone, Debug)]
pub struct LabelFile {
    /// The file.
    pub path: PathBuf,
    /// Each value that may occur besides 0, and what it becomes in the masks.
    pub classes: Vec<(u8, u8)>,
}

/// What a folder holds.
#[derive(Clone, Debug)]
pub struct Found {
    /// What images and masks mean.
    pub description: Description,
    /// Volumes that can be used.
    pub volumes: Vec<Volume>,
    /// Cases that cannot, and why.
    pub skipped: Vec<Skipped>,
}

/// A case that cannot be used.
#[derive(Clone, Debug)]
pub struct Skipped {
    /// The case.
    pub case: String,
    /// What is wrong with it.
    pub reason: String,
}

/// What is wanted of a source.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// How volumes are cut.
    pub plane: Plane,
    /// Whether slices of volumes are kept that show no label.
    pub every_slice: bool,
    /// Labels of the organ.
    pub organ: Vec<String>,
    /// Other labels, which a case may lack.
    pub others: Vec<String>,
}

impl Wanted {
    /// What a task needs, `whole` volumes where that is more than the slices that show a label.
    pub fn of(task: &Task, plane: Plane, whole: bool) -> Self {
        let others = [task.finding_labels(), &task.ignore.0].concat();
        Self { plane, every_slice: whole || task.organ.0.is_empty(), organ: task.organ.0.clone(), others }
    }
}

impl Found {
    fn new(description: Description) -> Self {
        Self { description, volumes: Vec::new(), skipped: Vec::new() }
    }

    fn skip(&mut self, case: &str, reason: impl ToString) {
        self.skipped.push(Skipped { case: case.into(), reason: reason.to_string() });
    }
}

/// What a folder of volumes holds; `None` for sources of pictures.
pub fn look(kind: SourceKind, folder: &Path, wanted: &Wanted) -> Result<Option<Found>, Error> {
    match kind {
        SourceKind::TotalSegmentator => totalsegmentator::look(folder, wanted).map(Some),
        SourceKind::Kits => kits::look(folder).map(Some),
        SourceKind::NnUnet => nnunet::look(folder).map(Some),
        SourceKind::Slices | SourceKind::Xray => Ok(None),
    }
}

/// The slices of a folder; those of volumes are cut and kept under `cache`.
///
/// # Errors
/// When the folder is not what its kind says; for the first case that cannot be used, unless such are to be skipped.
pub fn table(
    kind: SourceKind,
    folder: &Path,
    wanted: &Wanted,
    cache: &Path,
    skip_incomplete: bool,
) -> Result<SliceTable, Error> {
    let Some(found) = look(kind, folder, wanted)? else {
        return if kind == SourceKind::Xray { xray::table(folder, wanted) } else { SliceTable::open(folder) };
    };
    for Skipped { case, reason } in &found.skipped {
        if !skip_incomplete {
            return Err(Error::Case { case: case.clone(), reason: reason.clone() });
        }
        tracing::warn!("case {case}: {reason}; left out");
    }
    if found.volumes.is_empty() {
        return Err(Error::folder(folder, format!("no case of a {} folder is in it", kind.name())));
    }
    let mut cases = std::collections::BTreeSet::new();
    if let Some(twice) = found.volumes.iter().find(|volume| !cases.insert(volume.case.as_str())) {
        let reason = format!("case {} is there twice; give each case a name of its own", twice.case);
        return Err(Error::folder(folder, reason));
    }
    extraction::all(kind, folder, &found, wanted, cache, skip_incomplete)
}

/// Folders in `folder` whose names begin with `prefix`, in order.
fn folders(folder: &Path, prefix: &str) -> Result<Vec<(String, PathBuf)>, Error> {
    Ok(entries(folder)?.into_iter().filter(|(name, path)| name.starts_with(prefix) && path.is_dir()).collect())
}

/// Everything in `folder` by name, in order.
fn entries(folder: &Path) -> Result<Vec<(String, PathBuf)>, Error> {
    let unreadable = |reason: std::io::Error| Error::folder(folder, format!("it could not be read: {reason}"));
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        entries.push((entry.file_name().to_string_lossy().into_owned(), entry.path()));
    }
    entries.sort();
    Ok(entries)
}

/// A volume's name without the ending, where it has one of NIfTI's.
fn without_ending(name: &str) -> Option<&str> {
    name.strip_suffix(".nii.gz").or_else(|| name.strip_suffix(".nii"))
}
