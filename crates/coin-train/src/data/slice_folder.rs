//! Slice folders: the format of slices extracted from volumes, which users can also write themselves.
//!
//! `dataset.json` describes images and masks ([`Description`]). `slices.csv` has the columns `file` and `case`, and these
//! optional ones:
//! - `split`: train, validation or test;
//! - `abnormal`: yes or no, the image-level label;
//! - `row_mm`, `column_mm`: spacing of rows and columns in mm;
//! - `low`, `high`: intensities of black and white, if they differ between images;
//! - `<label>_px`: number of pixels of a label, given by name or value. If a label has no such column, the masks are counted,
//!   which is slow.
//!
//! `images/` contains 8-bit or 16-bit images. `masks/` contains label masks with the same file names; it is optional. Folders
//! without `dataset.json` contain kidney CT; their old columns `spacing_xy_mm`, `spacing_row_mm`, `low_hu`, `high_hu` and
//! `label` (normal or abnormal) are also read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use coin_imaging::{Limits, Spacing, Window, label_counts, write};
use csv::StringRecord;
use rayon::prelude::*;

use super::Subset;
use super::description::{self, Description, Labels, OLDER_LABELS};
use super::spreadsheet;
use super::table::{Row, SliceTable};
use crate::Error;
use crate::files;

/// The table of a slice folder.
const TABLE: &str = "slices.csv";
const IMAGES: &str = "images";
const MASKS: &str = "masks";

impl SliceTable {
    /// Reads a slice folder.
    ///
    /// # Errors
    /// If a file is missing or invalid; the message names file, slice and column.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(TABLE);
        let wrong = |reason: String| {
            Error::folder(
                &path,
                format!("{reason}; a slice folder contains {TABLE}, {IMAGES}/ and optionally {MASKS}/"),
            )
        };
        let mut reader = spreadsheet::open(&path).map_err(|reason| wrong(reason.to_string()))?;
        let columns = reader.headers().map_err(|reason| wrong(reason.to_string()))?.clone();
        let older = || Description::of_ct("", Labels::new(OLDER_LABELS));
        let description = Arc::new(Description::open(folder)?.unwrap_or_else(older));
        let masked = folder.join(MASKS).is_dir();
        let counted = Columns::counted(&columns, &description.labels);
        let line = |record: Result<StringRecord, csv::Error>| {
            let record = record.map_err(|reason| wrong(reason.to_string()))?;
            let line = Columns { names: &columns, record: &record };
            let file = line.required("file").map_err(&wrong)?;
            let row = line.row(folder, file, masked, &description, counted.as_deref());
            row.map_err(|reason| wrong(format!("{file}: {reason}")))
        };
        let mut rows = reader.records().map(line).collect::<Result<Vec<Row>, _>>()?;
        if masked && counted.is_none() {
            rows.par_iter_mut().try_for_each(count)?;
        }
        let name = match description.name.is_empty() {
            true => folder.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            false => description.name.clone(),
        };
        Ok(Self::new(name, rows))
    }
}

/// Counts the pixels of each label in the row's mask.
fn count(row: &mut Row) -> Result<(), Error> {
    let Some(mask) = &row.mask else { return Ok(()) };
    let limits = Limits::default();
    row.labelled = label_counts(&files::read_limited(mask, limits.bytes)?, &mask.to_string_lossy(), &limits)?;
    let known = row.description.labels.values();
    match row.labelled.keys().find(|value| !known.contains(value)) {
        Some(value) => {
            Err(Error::folder(mask, format!("the label {value} has no name; name it in {}", description::FILE)))
        }
        None => Ok(()),
    }
}

/// A line of the table with access by column name.
struct Columns<'a> {
    names: &'a StringRecord,
    record: &'a StringRecord,
}

impl<'a> Columns<'a> {
    /// The pixel-count column of each label value; `None` if a label does not have one.
    fn counted(names: &StringRecord, labels: &Labels) -> Option<Vec<(u8, String)>> {
        let column = |label: &str| Some(format!("{label}_px")).filter(|column| names.iter().any(|name| name == column));
        let of_value = |value: u8| {
            let named = labels.names().find(|name| labels.exactly(name) == [value]);
            column(&value.to_string()).or_else(|| named.and_then(column)).map(|column| (value, column))
        };
        labels.values().into_iter().map(of_value).collect()
    }

    /// The first of these columns with a value.
    fn first(&self, names: &[&'static str]) -> Option<(&'static str, &'a str)> {
        let value = |name: &str| self.record.get(self.names.iter().position(|found| found == name)?);
        names.iter().filter_map(|&name| Some((name, value(name)?.trim()))).find(|(_, value)| !value.is_empty())
    }

    fn required(&self, name: &'static str) -> Result<&'a str, String> {
        self.first(&[name]).map(|(_, value)| value).ok_or_else(|| format!("the column {name} is missing or empty"))
    }

    fn number(&self, names: &[&'static str]) -> Result<Option<f32>, String> {
        let parsed = self
            .first(names)
            .map(|(name, value)| value.parse().map_err(|_| format!("{name}: {value:?} is not a number")));
        parsed.transpose()
    }

    /// The column name that the table uses: the old one if it is present, otherwise the new one.
    fn called(&self, names: [&'static str; 2]) -> &'static str {
        if self.names.iter().any(|name| name == names[1]) { names[1] } else { names[0] }
    }

    fn abnormal(&self) -> Result<Option<bool>, String> {
        let Some((name, value)) = self.first(&["abnormal", "label"]) else { return Ok(None) };
        match value.to_ascii_lowercase().as_str() {
            "1" | "true" | "yes" | "abnormal" => Ok(Some(true)),
            "0" | "false" | "no" | "normal" => Ok(Some(false)),
            _ => Err(format!("{name}: {value:?} is not yes or no")),
        }
    }

    fn spacing(&self) -> Result<Option<Spacing>, String> {
        let (row, column) = (["row_mm", "spacing_row_mm"], ["column_mm", "spacing_xy_mm"]);
        let (row_mm, column_mm) = (self.number(&row)?, self.number(&column)?);
        let [row, column] = [row, column].map(|names| self.called(names));
        let spacing = match (row_mm, column_mm) {
            (None, None) => return Ok(None),
            (Some(_), None) => return Err(format!("{row} requires {column}")),
            (row_mm, Some(column_mm)) => Spacing::new(row_mm.unwrap_or(column_mm), column_mm),
        };
        spacing.map(Some).map_err(|reason| format!("{column}: {reason}"))
    }

    fn row(
        &self,
        folder: &Path,
        file: &str,
        masked: bool,
        description: &Arc<Description>,
        counted: Option<&[(u8, String)]>,
    ) -> Result<Row, String> {
        let of_all =
            description.intensities().map_err(|reason| format!("{}: intensity: {reason}", description::FILE))?;
        let (black, white) = (["low", "low_hu"], ["high", "high_hu"]);
        let (low, high) = (self.number(&black)?, self.number(&white)?);
        let intensities = Window::new(low.unwrap_or(of_all.low()), high.unwrap_or(of_all.high()));
        let pixels = |(value, column): &(u8, String)| {
            let found = self.names.iter().position(|name| name == column).and_then(|place| self.record.get(place));
            let found = found.unwrap_or_default().trim();
            let count = if found.is_empty() { Ok(0) } else { found.parse() };
            count.map(|count| (*value, count)).map_err(|_| format!("{column}: {found:?} is not a number of pixels"))
        };
        let labelled = counted.unwrap_or_default().iter().map(pixels).collect::<Result<BTreeMap<u8, u32>, _>>()?;
        Ok(Row {
            image: folder.join(IMAGES).join(file),
            mask: masked.then(|| folder.join(MASKS).join(file)),
            description: description.clone(),
            intensities: intensities
                .map_err(|reason| format!("{} and {}: {reason}", self.called(black), self.called(white)))?,
            patient: self.required("case")?.to_owned(),
            split: Subset::named(self.first(&["split"]).map_or("", |(_, value)| value))?,
            labelled: labelled.into_iter().filter(|(_, count)| *count > 0).collect(),
            spacing: self.spacing()?,
            abnormal: self.abnormal()?,
        })
    }
}

/// Writes a slice folder slice by slice.
pub struct SliceFolder<'a> {
    folder: PathBuf,
    description: &'a Description,
    table: csv::Writer<Vec<u8>>,
    values: Vec<u8>,
}

/// A slice to write.
pub struct NewSlice<'a> {
    /// File name of image and mask.
    pub file: &'a str,
    /// Case (patient) identifier.
    pub case: &'a str,
    /// Split, if known.
    pub split: Option<Subset>,
    /// Pixel size.
    pub spacing: Option<Spacing>,
    /// Intensities of black and white.
    pub intensities: Window,
    /// The image as PNG.
    pub image: &'a [u8],
    /// Width and height in pixels.
    pub size: [usize; 2],
    /// Mask values, row by row.
    pub labels: &'a [u8],
}

impl<'a> SliceFolder<'a> {
    /// Starts a slice folder.
    ///
    /// # Errors
    /// If the table cannot be written.
    pub fn create(folder: &Path, description: &'a Description) -> Result<Self, Error> {
        let values = description.labels.values();
        let mut folder =
            Self { folder: folder.to_owned(), description, table: csv::Writer::from_writer(Vec::new()), values };
        let fixed = ["file", "case", "split", "row_mm", "column_mm", "low", "high"].map(str::to_owned);
        let counts: Vec<String> = folder.values.iter().map(|value| format!("{value}_px")).collect();
        folder.line(fixed.into_iter().chain(counts))?;
        Ok(folder)
    }

    /// Adds a slice.
    ///
    /// # Errors
    /// If image or mask cannot be written.
    pub fn add(&mut self, slice: &NewSlice<'_>) -> Result<(), Error> {
        let NewSlice { file, case, split, spacing, intensities, image, size: [width, height], labels } = slice;
        files::write(&self.folder.join(IMAGES).join(file), image)?;
        files::write(&self.folder.join(MASKS).join(file), &write::png_8bit(*width, *height, labels)?)?;
        let mm = |of: fn(&Spacing) -> f32| spacing.as_ref().map(of).map(|mm| mm.to_string()).unwrap_or_default();
        let (row_mm, column_mm) = (mm(|spacing| spacing.row_mm()), mm(|spacing| spacing.column_mm()));
        let split = split.map_or("", Subset::name);
        let (low, high) = (intensities.low().to_string(), intensities.high().to_string());
        let fixed = [file, case, split, &row_mm, &column_mm, &low, &high].map(str::to_owned);
        let mut counts = [0_u32; 256];
        labels.iter().for_each(|&label| counts[usize::from(label)] += 1);
        let counts: Vec<String> = self.values.iter().map(|&value| counts[usize::from(value)].to_string()).collect();
        self.line(fixed.into_iter().chain(counts))
    }

    /// Writes the description and then the table, so that a folder with a table is complete.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn finish(self) -> Result<(), Error> {
        let Self { folder, description, table, .. } = self;
        let path = folder.join(TABLE);
        let table = table.into_inner().map_err(|reason| Error::folder(&path, reason))?;
        let file = folder.join(description::FILE);
        let json = serde_json::to_vec_pretty(description).map_err(|reason| Error::folder(&file, reason))?;
        files::write(&file, &json)?;
        files::write(&path, &table)
    }

    fn line(&mut self, cells: impl Iterator<Item = String>) -> Result<(), Error> {
        let path = self.folder.join(TABLE);
        self.table.write_record(cells.collect::<Vec<_>>()).map_err(|reason| Error::folder(path, reason))
    }
}
