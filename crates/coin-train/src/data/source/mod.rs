//! Data sources: the file layouts of public data sets, and the meaning of their label values.

mod extraction;
mod kits;
mod nnunet;
mod totalsegmentator;
mod xray;

use std::path::{Path, PathBuf};

use coin_core::bundle::{Normalisation, Over};
use coin_imaging::{Plane, is_passed_over};

use super::{Description, SliceTable, Subset};
use crate::Error;
use crate::recipe::{Protocol, Task};

/// The supported layouts.
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
    /// X-rays or other images with image-level labels: one folder per class with `images/` and optionally `masks/` of the
    /// organ, as in the COVID-19 radiography database.
    Xray,
}

impl SourceKind {
    /// All kinds.
    pub const ALL: [Self; 5] = [Self::TotalSegmentator, Self::Kits, Self::NnUnet, Self::Slices, Self::Xray];

    /// Where the files of a case are, in words.
    fn layout(self) -> &'static str {
        match self {
            Self::TotalSegmentator => "sNNNN/ct.nii.gz or mri.nii.gz with sNNNN/segmentations",
            Self::Kits => "case_NNNNN/imaging.nii.gz with segmentation.nii.gz, below its root, data or dataset",
            Self::NnUnet => "imagesTr/CASE_0000.nii.gz with labelsTr/CASE.nii.gz",
            Self::Slices => "slices.csv",
            Self::Xray => "CLASS/images",
        }
    }

    /// The kind with this name; `lungs` is an old name of `xray`.
    pub fn named(name: &str) -> Option<Self> {
        let name = if name == "lungs" { Self::Xray.name() } else { name };
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Name in data specifications.
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

/// A volume with its labels.
#[derive(Clone, Debug)]
pub struct Volume {
    /// Case (patient) identifier.
    pub case: String,
    /// Image volume.
    pub image: PathBuf,
    /// Label volumes.
    pub labels: Vec<LabelFile>,
    /// Split, if the source defines one.
    pub split: Option<Subset>,
}

/// A label volume on the grid of the image volume.
#[derive(Clone, Debug)]
pub struct LabelFile {
    /// The file.
    pub path: PathBuf,
    /// Pairs of a value in the file and its value in the masks, for all values except 0.
    pub classes: Vec<(u8, u8)>,
}

/// The contents of a source folder.
#[derive(Clone, Debug)]
pub struct Found {
    /// Description of images and masks.
    pub description: Description,
    /// Usable volumes.
    pub volumes: Vec<Volume>,
    /// Unusable cases.
    pub skipped: Vec<Skipped>,
}

/// An unusable case.
#[derive(Clone, Debug)]
pub struct Skipped {
    /// The case.
    pub case: String,
    /// Reason why it is unusable.
    pub reason: String,
}

/// The slices and labels to read from a source.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Slice plane of volumes.
    pub plane: Plane,
    /// Whether to keep slices of volumes that show no label.
    pub every_slice: bool,
    /// Labels of the organ.
    pub organ: Vec<String>,
    /// Other labels; a case may lack them.
    pub others: Vec<String>,
}

impl Wanted {
    /// The needs of a task; `whole` also requests the slices that show no label.
    pub fn of(task: &Task, plane: Plane, whole: bool) -> Self {
        let others = [task.finding_labels(), &task.ignore.0].concat();
        Self { plane, every_slice: whole || task.organ.0.is_empty(), organ: task.organ.0.clone(), others }
    }
}

/// How the slices of a source are read.
#[derive(Clone, Copy, Debug)]
pub struct Reading<'a> {
    /// Folder of extracted slices.
    pub cache: &'a Path,
    /// Whether to leave out unusable cases with a warning.
    pub skip_incomplete: bool,
    /// Whether to pair images and labels voxel by voxel, as nnU-Net does, although their geometry differs.
    pub pair_by_voxel: bool,
}

impl Protocol {
    /// The labels and slices that data sources must provide.
    pub fn wanted(&self) -> Wanted {
        // `explain` computes percentiles over the whole volume, so training must read every slice, too.
        let whole = matches!(self.input.normalisation, Normalisation::Percentiles { over: Over::Case, .. });
        Wanted::of(&self.task, self.data.selection().1.plane, whole)
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

/// Lists the volumes in a source folder; `None` for kinds that contain images instead of volumes.
///
/// # Errors
/// If the folder does not have the layout of its kind.
pub fn look(kind: SourceKind, folder: &Path, wanted: &Wanted) -> Result<Option<Found>, Error> {
    match kind {
        SourceKind::TotalSegmentator => totalsegmentator::look(folder, wanted).map(Some),
        SourceKind::Kits => kits::look(folder).map(Some),
        SourceKind::NnUnet => nnunet::look(folder).map(Some),
        SourceKind::Slices | SourceKind::Xray => Ok(None),
    }
}

/// Reads the slices of a source folder. Slices of volumes are extracted to the cache.
///
/// # Errors
/// If the folder does not have the layout of its kind, and for the first unusable case unless `reading.skip_incomplete`.
pub fn table(kind: SourceKind, folder: &Path, wanted: &Wanted, reading: Reading<'_>) -> Result<SliceTable, Error> {
    let Some(found) = look(kind, folder, wanted)? else {
        return if kind == SourceKind::Xray { xray::table(folder, wanted) } else { SliceTable::open(folder) };
    };
    for Skipped { case, reason } in &found.skipped {
        if !reading.skip_incomplete {
            return Err(Error::Case { case: case.clone(), reason: reason.clone() });
        }
        tracing::warn!("case {case}: {reason}; skipped");
    }
    if found.volumes.is_empty() {
        let names: Vec<String> = entries(folder)?.into_iter().take(5).map(|(name, _)| name).collect();
        let there = if names.is_empty() { "is empty".into() } else { format!("starts with {}", names.join(", ")) };
        let reason = format!("no case found; {} looks for {}, but the folder {there}", kind.name(), kind.layout());
        return Err(Error::folder(folder, reason));
    }
    let mut cases = std::collections::BTreeSet::new();
    if let Some(twice) = found.volumes.iter().find(|volume| !cases.insert(volume.case.as_str())) {
        let reason = format!("case {} occurs twice; give each case a unique name", twice.case);
        return Err(Error::folder(folder, reason));
    }
    extraction::all(kind, folder, &found, wanted, reading)
}

/// Subfolders whose names start with `prefix`, sorted by name.
fn folders(folder: &Path, prefix: &str) -> Result<Vec<(String, PathBuf)>, Error> {
    Ok(entries(folder)?.into_iter().filter(|(name, path)| name.starts_with(prefix) && path.is_dir()).collect())
}

/// All entries of `folder`, sorted by name, except those of operating systems.
fn entries(folder: &Path) -> Result<Vec<(String, PathBuf)>, Error> {
    let unreadable = |reason: std::io::Error| Error::folder(folder, format!("it could not be read: {reason}"));
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        entries.push((entry.file_name().to_string_lossy().into_owned(), entry.path()));
    }
    entries.retain(|(name, _)| !is_passed_over(name));
    entries.sort();
    Ok(entries)
}
