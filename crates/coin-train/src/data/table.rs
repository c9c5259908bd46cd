//! A table of slices: what every data source becomes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use coin_imaging::{InputTransform, Limits, Mask, Scan, Slice, Spacing, Window, body, label_mask};
use sha2::{Digest as _, Sha256};

use super::description::{Labels, OLDER_LABELS, Unit};
use super::{Case, Description, Grid, Subset, windows};
use crate::Error;
use crate::files;
use crate::recipe::Task;

/// A slice on disk and what is known of it.
#[derive(Clone, Debug)]
pub struct Row {
    /// The image.
    pub image: PathBuf,
    /// The mask, where there is one.
    pub mask: Option<PathBuf>,
    /// What the values of image and mask mean.
    pub description: Arc<Description>,
    /// What black and white mean in the image.
    pub intensities: Window,
    /// Whose it is.
    pub patient: String,
    /// What it is for, where its source says so.
    pub split: Option<Subset>,
    /// Pixels of each label in the mask.
    pub labelled: BTreeMap<u8, u32>,
    /// Pixel size, where known.
    pub spacing: Option<Spacing>,
    /// Whether the whole slice is abnormal, where somebody said so.
    pub abnormal: Option<bool>,
}

/// Slices of one or several sources.
#[derive(Clone, Debug)]
pub struct SliceTable {
    name: String,
    rows: Vec<Row>,
    /// All patients, also those without a slice that can be used.
    patients: BTreeSet<String>,
}

impl SliceTable {
    /// Slices with a name for people.
    pub fn new(name: impl Into<String>, rows: Vec<Row>) -> Self {
        let patients = rows.iter().map(|row| row.patient.clone()).collect();
        Self { name: name.into(), rows, patients }
    }

    /// With patients who have no slice.
    #[must_use]
    pub fn with_patients(mut self, patients: impl IntoIterator<Item = String>) -> Self {
        self.patients.extend(patients);
        self
    }

    /// All slices of several tables.
    pub fn merged(tables: Vec<Self>) -> Self {
        let name = tables.iter().map(|table| table.name.clone()).collect::<Vec<_>>().join(" and ");
        let (mut rows, mut patients) = (Vec::new(), BTreeSet::new());
        for table in tables {
            rows.extend(table.rows);
            patients.extend(table.patients);
        }
        Self { name, rows, patients }
    }

    /// Name for people.
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

    /// What the slices are, each description once.
    pub fn descriptions(&self) -> Vec<&Description> {
        let mut found: Vec<&Arc<Description>> = Vec::new();
        for row in &self.rows {
            if !found.iter().any(|known| Arc::ptr_eq(known, &row.description) || **known == row.description) {
                found.push(&row.description);
            }
        }
        found.into_iter().map(Arc::as_ref).collect()
    }

    /// Modality of all slices; several with a word between them.
    pub fn modality(&self) -> String {
        let all: BTreeSet<&str> = self.descriptions().iter().map(|found| found.modality.as_str()).collect();
        all.into_iter().filter(|modality| !modality.is_empty()).collect::<Vec<_>>().join(" and ")
    }

    /// Unit of all slices' intensities: arbitrary where not all are in HU.
    pub fn unit(&self) -> Unit {
        let hu = self.descriptions().iter().all(|found| found.unit() == Unit::Hu);
        if hu { Unit::Hu } else { Unit::Arbitrary }
    }

    /// Refuses a task whose organ or finding is no label of some data. What is to be ignored may be missing, with a warning
    /// where no data knows it.
    pub fn check(&self, task: &Task) -> Result<(), Error> {
        let descriptions = self.descriptions();
        for name in &task.ignore.0 {
            if descriptions.iter().all(|description| description.labels.of(name).is_empty()) {
                tracing::warn!("{}: no label is called {name}, which the task ignores", self.name);
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

    /// A hash of what the table says of every slice, and of what each patient is for: the same data gives the same one,
    /// wherever it lies.
    pub fn digest(&self, assigned: &BTreeMap<String, Subset>) -> String {
        let mut hash = Sha256::new();
        for row in &self.rows {
            let file = row.image.file_name().unwrap_or_default().to_string_lossy();
            let Row { patient, labelled, abnormal, intensities, spacing, description, .. } = row;
            let subset = assigned.get(patient);
            // Runs of kidneys that began before there were other labels go on.
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
    /// Pixels of these labels.
    pub fn pixels(&self, labels: &[String]) -> u32 {
        let values: BTreeSet<u8> = self.description.labels.of_all(labels).into_iter().collect();
        values.iter().filter_map(|value| self.labelled.get(value)).sum()
    }

    /// Whether it shows the label of just this name.
    pub fn shows(&self, label: &str) -> bool {
        self.description.labels.exactly(label).iter().any(|value| self.labelled.contains_key(value))
    }

    /// From one percentile of its intensities to another.
    pub fn percentiles(&self, percentiles: [f32; 2]) -> Result<Window, Error> {
        windows::of_rows([self].into_iter(), percentiles)
    }

    /// The slice at its own resolution, in the unit of its description.
    pub fn slice(&self) -> Result<Slice, Error> {
        let limits = Limits::default();
        let bytes = files::read_limited(&self.image, limits.bytes)?;
        let scan = Scan::open(&bytes, &self.image.to_string_lossy(), self.intensities, &limits)?;
        let slice = scan.slice(0)?;
        let slice = Slice::new(slice.width(), slice.height(), slice.hu().to_vec(), self.spacing);
        slice.map_err(|_| Error::Sizes { path: self.image.clone() })
    }

    /// Where the mask has one of `values`, at its own resolution; `None` without a mask.
    pub fn mask_of(&self, values: &[u8]) -> Result<Option<Mask>, Error> {
        let Some(mask) = &self.mask else { return Ok(None) };
        let limits = Limits::default();
        let bytes = files::read_limited(mask, limits.bytes)?;
        Ok(Some(label_mask(&bytes, &mask.to_string_lossy(), values, &limits)?))
    }

    /// The slice on a grid, cut to a window, with the task's organ, and its finding where `with_finding`. Where the task names no
    /// organ, or there is no mask, the organ is the body.
    pub fn case(&self, grid: Grid, window: Window, task: &Task, with_finding: bool) -> Result<Case, Error> {
        let Grid { size, crop_to_body } = grid;
        let slice = self.slice()?;
        let labels = &self.description.labels;
        let organ = match task.organ.0.is_empty() {
            true => None,
            false => self.mask_of(&labels.of_all(&task.organ.0))?,
        };
        let sides = |mask: &Mask| (mask.width(), mask.height());
        // Lungs are outlined on a grid of their own, of the same field of view.
        let own_grid = organ.as_ref().is_some_and(|organ| sides(organ) != (slice.width(), slice.height()));
        if own_grid && self.abnormal.is_none() {
            return Err(Error::Sizes { path: self.image.clone() });
        }
        if own_grid && crop_to_body {
            let reason = "its mask has a grid of its own, which input.crop cannot follow; leave it out";
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
