//! The table of slices, the common format of all data sources.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use coin_imaging::{InputTransform, Limits, Mask, Scan, Slice, Spacing, Window, body, label_mask};
use sha2::{Digest as _, Sha256};

use super::description::{Labels, OLDER_LABELS, Unit};
use super::{Case, Description, Grid, Subset};
use crate::Error;
use crate::files;
use crate::recipe::Task;

/// A slice on disk with its metadata.
#[derive(Clone, Debug)]
pub struct Row {
    /// Image file.
    pub image: PathBuf,
    /// Mask file, if there is one.
    pub mask: Option<PathBuf>,
    /// Description of image and mask values.
    pub description: Arc<Description>,
    /// Intensities of black and white in the image.
    pub intensities: Window,
    /// Patient identifier.
    pub patient: String,
    /// Split, if the source defines one.
    pub split: Option<Subset>,
    /// Number of pixels of each mask value.
    pub labelled: BTreeMap<u8, u32>,
    /// Pixel spacing, if known.
    pub spacing: Option<Spacing>,
    /// Image-level label, if there is one.
    pub abnormal: Option<bool>,
}

/// The slices of one or more sources.
#[derive(Clone, Debug)]
pub struct SliceTable {
    name: String,
    rows: Vec<Row>,
    /// All patients, including those without usable slices.
    patients: BTreeSet<String>,
}

impl SliceTable {
    /// A table of `rows` with a display name.
    pub fn new(name: impl Into<String>, rows: Vec<Row>) -> Self {
        let patients = rows.iter().map(|row| row.patient.clone()).collect();
        Self { name: name.into(), rows, patients }
    }

    /// Adds patients without slices.
    #[must_use]
    pub fn with_patients(mut self, patients: impl IntoIterator<Item = String>) -> Self {
        self.patients.extend(patients);
        self
    }

    /// Merges several tables.
    pub fn merged(tables: Vec<Self>) -> Self {
        let name = tables.iter().map(|table| table.name.clone()).collect::<Vec<_>>().join(" and ");
        let (mut rows, mut patients) = (Vec::new(), BTreeSet::new());
        for table in tables {
            rows.extend(table.rows);
            patients.extend(table.patients);
        }
        Self { name, rows, patients }
    }

    /// Display name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// All patients.
    pub fn patients(&self) -> &BTreeSet<String> {
        &self.patients
    }

    /// All slices.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The distinct descriptions of the slices.
    pub fn descriptions(&self) -> Vec<&Description> {
        let mut found: Vec<&Arc<Description>> = Vec::new();
        for row in &self.rows {
            if !found.iter().any(|known| Arc::ptr_eq(known, &row.description) || **known == row.description) {
                found.push(&row.description);
            }
        }
        found.into_iter().map(Arc::as_ref).collect()
    }

    /// Modality of the slices; several are joined with "and".
    pub fn modality(&self) -> String {
        let all: BTreeSet<&str> = self.descriptions().iter().map(|found| found.modality.as_str()).collect();
        all.into_iter().filter(|modality| !modality.is_empty()).collect::<Vec<_>>().join(" and ")
    }

    /// Unit of the intensities; arbitrary unless all slices are in HU.
    pub fn unit(&self) -> Unit {
        let hu = self.descriptions().iter().all(|found| found.unit() == Unit::Hu);
        if hu { Unit::Hu } else { Unit::Arbitrary }
    }

    /// Whether some slices are in HU and some are not.
    pub fn has_several_units(&self) -> bool {
        let mut units = self.descriptions().into_iter().map(|found| found.unit());
        units.next().is_some_and(|first| units.any(|unit| unit != first))
    }

    /// Checks that every source has labels for the organ and the finding of a task. Warns about ignored labels that no source
    /// has.
    ///
    /// # Errors
    /// If a label of the organ or the finding is missing.
    pub fn check(&self, task: &Task) -> Result<(), Error> {
        let descriptions = self.descriptions();
        for name in &task.ignore.0 {
            if descriptions.iter().all(|description| description.labels.of(name).is_empty()) {
                tracing::warn!("{}: task.ignore names {name}, but no label has this name", self.name);
            }
        }
        for description in descriptions {
            for name in task.organ.0.iter().chain(task.finding_labels()) {
                if description.labels.of(name).is_empty() {
                    let known = description.labels.names().collect::<Vec<_>>().join(", ");
                    let (data, name) = (self.name.clone(), name.clone());
                    return Err(Error::Label { data, name, known });
                }
            }
        }
        Ok(())
    }

    /// SHA-256 of the metadata of all slices and the split of the patients; it does not depend on the folder.
    pub fn digest(&self, assigned: &BTreeMap<String, Subset>) -> String {
        let mut hash = Sha256::new();
        for row in &self.rows {
            let file = row.image.file_name().unwrap_or_default().to_string_lossy();
            let Row { patient, labelled, abnormal, intensities, spacing, description, .. } = row;
            let subset = assigned.get(patient);
            // The format of earlier versions, so that their runs can be resumed.
            let shown = match description.labels == Labels::new(OLDER_LABELS) {
                true => {
                    let [kidney, tumour, cyst] =
                        OLDER_LABELS.map(|(_, value)| labelled.get(&value).copied().unwrap_or(0));
                    let label = abnormal.map(|abnormal| if abnormal { "Abnormal" } else { "Normal" });
                    let label = label.map_or("None".to_owned(), |label| format!("Some({label})"));
                    format!("{kidney} {tumour} {cyst} {label}")
                }
                false => format!("{:?} {labelled:?} {abnormal:?}", description.labels),
            };
            hash.update(format!("{file} {patient} {subset:?} {shown} {intensities:?} {spacing:?}\n"));
        }
        hex::encode(hash.finalize())
    }
}

impl Row {
    /// Number of pixels of all labels that match `labels`.
    pub fn pixels(&self, labels: &[String]) -> u32 {
        let values: BTreeSet<u8> = self.description.labels.of_all(labels).into_iter().collect();
        values.iter().filter_map(|value| self.labelled.get(value)).sum()
    }

    /// Whether the slice shows the label with exactly this name.
    pub fn shows(&self, label: &str) -> bool {
        self.description.labels.exactly(label).iter().any(|value| self.labelled.contains_key(value))
    }

    /// Reads the slice at its original resolution, in the unit of its description.
    ///
    /// # Errors
    /// If the image cannot be read.
    pub fn slice(&self) -> Result<Slice, Error> {
        let limits = Limits::default();
        let bytes = files::read_limited(&self.image, limits.bytes)?;
        let scan = Scan::open(&bytes, &self.image.to_string_lossy(), self.intensities, &limits)?;
        let slice = scan.slice(0)?;
        let slice = Slice::new(slice.width(), slice.height(), slice.hu().to_vec(), self.spacing);
        slice.map_err(|_| Error::Sizes { path: self.image.clone() })
    }

    /// Reads the pixels with a mask value in `values`, at the resolution of the mask; `None` if there is no mask file.
    ///
    /// # Errors
    /// If the mask cannot be read.
    pub fn mask_of(&self, values: &[u8]) -> Result<Option<Mask>, Error> {
        let Some(mask) = &self.mask else { return Ok(None) };
        let limits = Limits::default();
        let bytes = files::read_limited(mask, limits.bytes)?;
        Ok(Some(label_mask(&bytes, &mask.to_string_lossy(), values, &limits)?))
    }

    /// Reads the slice on the model's grid, clamped to `window`, with the organ mask and, if `with_finding`, the mask of the
    /// finding. The organ is the body if the task names no organ or there is no mask file.
    ///
    /// # Errors
    /// If a file cannot be read, or image and mask do not match.
    pub fn case(&self, grid: Grid, window: Window, task: &Task, with_finding: bool) -> Result<Case, Error> {
        let Grid { size, crop_to_body } = grid;
        let slice = self.slice()?;
        let labels = &self.description.labels;
        let organ = match task.organ.0.is_empty() {
            true => None,
            false => self.mask_of(&labels.of_all(&task.organ.0))?,
        };
        let sides = |mask: &Mask| (mask.width(), mask.height());
        // Masks of X-rays can have another resolution with the same field of view.
        let own_grid = organ.as_ref().is_some_and(|organ| sides(organ) != (slice.width(), slice.height()));
        if own_grid && self.abnormal.is_none() {
            return Err(Error::Sizes { path: self.image.clone() });
        }
        if own_grid && crop_to_body {
            let reason =
                "the mask has another resolution than the image, which input.crop does not support; remove input.crop";
            return Err(Error::Case { case: self.patient.clone(), reason: reason.into() });
        }
        let finding = match labels.of_all(task.finding_labels()) {
            values if with_finding && !values.is_empty() => self.mask_of(&values)?,
            _ => None,
        };
        if finding.as_ref().is_some_and(|finding| sides(finding) != (slice.width(), slice.height())) {
            return Err(Error::Sizes { path: self.image.clone() });
        }
        let transform = InputTransform::for_model(&slice, size, crop_to_body);
        let values = transform.apply(&slice, window).hu().to_vec();
        let slice = Slice::new(size, size, values, Some(transform.pixel_or_assumed()));
        let slice = slice.map_err(|_| Error::Sizes { path: self.image.clone() })?;
        let organ = match organ {
            Some(organ) if own_grid => {
                InputTransform::of_grid(organ.width(), organ.height(), [1.0, 1.0], size).apply_mask(&organ)
            }
            Some(organ) => transform.apply_mask(&organ),
            None => body(&window.normalise_slice(&slice), size, size, -1.0)
                .ok_or_else(|| Error::Sizes { path: self.image.clone() })?,
        };
        Ok(Case {
            name: self.image.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            patient: self.patient.clone(),
            slice,
            window,
            unit: self.description.unit(),
            organ,
            finding: finding.map(|finding| transform.apply_mask(&finding)).filter(|finding| finding.count() > 0),
        })
    }
}
