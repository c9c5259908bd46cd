//! Data sources as they lie on disk: which files make a case, and what the values of its labels mean.

mod cut;
mod kits;
mod lungs;
mod nnunet;
mod totalsegmentator;

use std::path::{Path, PathBuf};

use coin_imaging::Plane;

use super::{DataError, Purpose, SliceTable};

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
    /// The COVID-19 radiography database: a folder a class, each with `images/` and `masks/` of the lungs.
    Lungs,
}

impl SourceKind {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::TotalSegmentator, Self::Kits, Self::NnUnet, Self::Slices, Self::Lungs];

    /// The name in data specifications.
    pub fn name(self) -> &'static str {
        match self {
            Self::TotalSegmentator => "totalsegmentator",
            Self::Kits => "kits",
            Self::NnUnet => "nnunet",
            Self::Slices => "slices",
            Self::Lungs => "lungs",
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
    pub split: Option<Purpose>,
}

/// A volume of labels on the grid of the images.
#[derive(Clone, Debug)]
pub struct LabelFile {
    /// The file.
    pub path: PathBuf,
    /// Each value that may occur besides 0, and what it becomes: one of the labels of [`super::table`], or 0.
    pub classes: Vec<(u8, u8)>,
}

/// What a folder holds.
#[derive(Clone, Debug, Default)]
pub struct Found {
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

impl Found {
    fn skip(&mut self, case: &str, reason: impl ToString) {
        self.skipped.push(Skipped { case: case.into(), reason: reason.to_string() });
    }
}

/// What a folder of volumes holds; nothing for sources of pictures.
pub fn look(kind: SourceKind, folder: &Path) -> Result<Found, DataError> {
    match kind {
        SourceKind::TotalSegmentator => totalsegmentator::look(folder),
        SourceKind::Kits => kits::look(folder),
        SourceKind::NnUnet => nnunet::look(folder),
        SourceKind::Slices | SourceKind::Lungs => Ok(Found::default()),
    }
}

/// The slices of a folder; those of volumes are cut in `plane` and kept under `cache`.
///
/// # Errors
/// When the folder is not what its kind says; for the first case that cannot be used, unless such are to be skipped.
pub fn table(
    kind: SourceKind,
    folder: &Path,
    plane: Plane,
    cache: &Path,
    skip_incomplete: bool,
) -> Result<SliceTable, DataError> {
    match kind {
        SourceKind::Slices => return SliceTable::open(folder),
        SourceKind::Lungs => return lungs::table(folder),
        SourceKind::TotalSegmentator | SourceKind::Kits | SourceKind::NnUnet => {}
    }
    let found = look(kind, folder)?;
    for Skipped { case, reason } in &found.skipped {
        if !skip_incomplete {
            return Err(DataError::Case { case: case.clone(), reason: reason.clone() });
        }
        tracing::warn!("case {case}: {reason}; left out");
    }
    if found.volumes.is_empty() {
        return Err(DataError::folder(folder, format!("no case of a {} folder is in it", kind.name())));
    }
    let mut cases = std::collections::BTreeSet::new();
    if let Some(twice) = found.volumes.iter().find(|volume| !cases.insert(volume.case.as_str())) {
        let reason = format!("case {} is there twice; give each case a name of its own", twice.case);
        return Err(DataError::folder(folder, reason));
    }
    cut::all(kind, folder, &found.volumes, plane, cache, skip_incomplete)
}

/// Folders in `folder` whose names begin with `prefix`, in order.
fn folders(folder: &Path, prefix: &str) -> Result<Vec<(String, PathBuf)>, DataError> {
    Ok(entries(folder)?.into_iter().filter(|(name, path)| name.starts_with(prefix) && path.is_dir()).collect())
}

/// Everything in `folder` by name, in order.
fn entries(folder: &Path) -> Result<Vec<(String, PathBuf)>, DataError> {
    let unreadable = |reason: std::io::Error| DataError::folder(folder, format!("it could not be read: {reason}"));
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
