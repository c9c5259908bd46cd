//! Files that were chosen together: a DICOM series, a folder, an archive.

use std::collections::BTreeMap;

use crate::archive;
use crate::read::dicom::{self, Frame, Instance};
use crate::read::nifti;
use crate::scan::{Scan, ScanError};
use crate::{Limits, Window};

/// A file's name and content.
#[derive(Clone, Copy, Debug)]
pub struct File<'a> {
    /// For messages, and to find the other half of a NIfTI pair.
    pub name: &'a str,
    /// What is in it.
    pub bytes: &'a [u8],
}

/// What the files hold.
#[derive(Clone, Debug)]
pub struct Opened {
    /// At least one, those with most slices first.
    pub scans: Vec<Scan>,
    /// Files that were left out and why, a sentence each.
    pub notes: Vec<String>,
}

/// Opens files that were chosen together, in any order. DICOM files of a series become one scan, ordered by their place in the
/// patient; archives are unpacked; a NIfTI header finds its image; every other file is a scan of its own. `greys` says which HU
/// the black and white of pictures mean.
///
/// # Errors
/// When none of them can be opened: what is wrong with the first.
pub fn open_all(files: &[File<'_>], greys: Window, limits: &Limits) -> Result<Opened, ScanError> {
    let first = files.first().map_or("", |file| file.name);
    let mut unpacked = Vec::new();
    let mut errors = Vec::new();
    for file in files.iter().filter(|file| archive::is_archive(file.bytes)) {
        match archive::unpack(file.bytes, file.name, &limits.of_file(file.bytes.len() as u64)) {
            Ok(files) => unpacked.extend(files),
            Err(error) => errors.push(error),
        }
    }
    let unpacked = unpacked.iter().map(|(name, bytes)| File { name, bytes });
    let files: Vec<File<'_>> =
        files.iter().copied().filter(|file| !archive::is_archive(file.bytes)).chain(unpacked).collect();
    let total = files.iter().map(|file| file.bytes.len() as u64).sum::<u64>();
    if total > limits.bytes {
        return Err(ScanError::TooLarge {
            name: first.into(),
            field: "size of the files together".into(),
            limit: limits.bytes,
        });
    }

    let mut scans = Vec::new();
    let mut instances: Vec<(&str, Instance)> = Vec::new();
    let mut keep = |found: Result<Scan, ScanError>| match found {
        Ok(scan) => scans.push(scan),
        Err(error) => errors.push(error),
    };
    let mut failed = Vec::new();
    for file in &files {
        if is_image_of_pair(file, &files) {
            continue;
        }
        if dicom::is_dicom(file.bytes) {
            match dicom::read(file.bytes, file.name, &limits.of_file(file.bytes.len() as u64)) {
                Ok(instance) => instances.push((file.name, instance)),
                Err(error) => failed.push(error),
            }
        } else if nifti::is_header(file.bytes)
            && let Some(image) = image_of(file, &files)
        {
            keep(Scan::of_pair(file.bytes, image.bytes, file.name, limits));
        } else {
            keep(Scan::open(file.bytes, file.name, greys, limits));
        }
    }
    series(instances).into_iter().for_each(|(name, window, frames)| keep(Scan::of_frames(name, window, frames)));
    errors.extend(failed);
    scans.sort_by_key(|scan| std::cmp::Reverse(scan.slice_count()));
    match (scans.is_empty(), errors.is_empty()) {
        (true, true) => Err(ScanError::Unknown { name: first.into(), hint: ": there is no file in it".into() }),
        (true, false) => Err(errors.swap_remove(0)),
        (false, _) => Ok(Opened { scans, notes: errors.iter().map(|error| format!("{error}; left out")).collect() }),
    }
}

/// What tells frames apart that cannot lie in one volume: size, and orientation and spacing to a few digits.
type Shape = (String, usize, usize, Vec<i64>);

/// The frames of each series, in the order of their numbers, by shape, with the name of the first file.
fn series<'a>(mut instances: Vec<(&'a str, Instance)>) -> Vec<(&'a str, Option<Window>, Vec<Frame>)> {
    let number = |(name, instance): &(&'a str, Instance)| (instance.number.unwrap_or(f64::MAX), *name);
    instances.sort_by(|a, b| {
        let ((a, a_name), (b, b_name)) = (number(a), number(b));
        a.total_cmp(&b).then_with(|| a_name.cmp(b_name))
    });
    let mut found: BTreeMap<Shape, (&'a str, Option<Window>, Vec<Frame>)> = BTreeMap::new();
    for (name, Instance { series, window, frames, .. }) in instances {
        for frame in frames {
            let orientation = frame.orientation.into_iter().flatten();
            let spacing = frame.spacing.map(|spacing| [spacing.row_mm(), spacing.column_mm()].map(f64::from));
            let numbers = orientation.chain(spacing.into_iter().flatten());
            let rounded = numbers.map(|number| (number * 1e3).round() as i64).collect();
            let shape = (series.clone(), frame.columns, frame.rows, rounded);
            found.entry(shape).or_insert_with(|| (name, window, Vec::new())).2.push(frame);
        }
    }
    found.into_values().collect()
}

/// The voxels of a header, in a file of the same name but for the ending.
fn image_of<'a, 'b>(header: &File<'_>, files: &'b [File<'a>]) -> Option<&'b File<'a>> {
    let stem = stem(header.name)?;
    files.iter().find(|file| file.name != header.name && self::stem(file.name) == Some(stem))
}

fn is_image_of_pair(file: &File<'_>, files: &[File<'_>]) -> bool {
    let mut headers = files.iter().filter(|header| nifti::is_header(header.bytes));
    !nifti::is_header(file.bytes)
        && headers.any(|header| image_of(header, files).is_some_and(|image| image.name == file.name))
}

/// The name without `.hdr` or `.img`, gzipped or not.
fn stem(name: &str) -> Option<&str> {
    let name = name.strip_suffix(".gz").unwrap_or(name);
    name.strip_suffix(".hdr").or_else(|| name.strip_suffix(".img"))
}
