//! Files that are opened together: a DICOM series, a folder or an archive.

use std::collections::{BTreeMap, BTreeSet};

use crate::Error;
use crate::archive;
use crate::read::dicom::{self, Frame, Instance};
use crate::read::nifti;
use crate::scan::Scan;
use crate::stack::is_alike;
use crate::{Limits, Window};

/// A file's name and content.
#[derive(Clone, Copy, Debug)]
pub struct File<'a> {
    /// Name for messages, and for matching NIfTI header and image.
    pub name: &'a str,
    /// Content.
    pub bytes: &'a [u8],
}

/// The scans in the files.
#[derive(Clone, Debug)]
pub struct Opened {
    /// At least one scan, sorted by number of slices, largest first.
    pub scans: Vec<Scan>,
    /// Skipped files with the reason, one sentence each.
    pub notes: Vec<String>,
}

/// Opens files in any order. DICOM files of a series become one scan, sorted by position; archives are unpacked; NIfTI headers
/// are matched with their images; every other file becomes a scan. `intensities` are the HU of black and white in pictures.
///
/// # Errors
/// If no file can be opened: the error of the first.
pub fn open_all(files: &[File<'_>], intensities: Window, limits: &Limits) -> Result<Opened, Error> {
    let first = files.first().map_or("", |file| file.name);
    let too_large = |what: &str, limit: u64| {
        Err(Error::TooLarge { name: first.into(), field: format!("{what} of the files together"), limit })
    };
    let mut left = *limits;
    let (archives, plain): (Vec<&File<'_>>, Vec<&File<'_>>) =
        files.iter().partition(|file| archive::is_archive(file.bytes));
    let size = plain.iter().map(|file| file.bytes.len() as u64).sum::<u64>();
    let Some(bytes) = left.bytes.checked_sub(size) else { return too_large("size", limits.bytes) };
    left.bytes = bytes;
    let (mut unpacked, mut errors) = (Vec::new(), Vec::new());
    for file in archives {
        match archive::unpack(file.bytes, file.name, &left.of_file(file.bytes.len() as u64)) {
            Ok(files) => {
                left.bytes -= files.iter().map(|(_, bytes)| bytes.len() as u64).sum::<u64>().min(left.bytes);
                unpacked.extend(files);
            }
            Err(error) => errors.push(error),
        }
    }
    let unpacked = unpacked.iter().map(|(name, bytes)| File { name, bytes });
    let files: Vec<File<'_>> = plain.into_iter().copied().chain(unpacked).collect();
    left.bytes = limits.bytes;

    let images = images(&files);
    let mut scans = Vec::new();
    let mut instances: Vec<(&str, Instance)> = Vec::new();
    let mut failed = Vec::new();
    for file in &files {
        let image = stem(file.name).and_then(|stem| images.get(stem));
        if image.is_some_and(|image| std::ptr::eq(*image, file)) {
            continue;
        }
        let allowed = left.of_file(file.bytes.len() as u64);
        let image = image.filter(|_| nifti::is_header(file.bytes));
        let taken = if dicom::is_dicom(file.bytes) {
            dicom::read(file.bytes, file.name, &allowed).map(|instance| {
                let taken = instance.frames.iter().map(|frame| frame.hu.len() as u64).sum();
                let slices = instance.frames.len();
                instances.push((file.name, instance));
                (taken, slices)
            })
        } else {
            let scan = match image {
                Some(image) => Scan::of_pair(file.bytes, image.bytes, file.name, &left),
                None => Scan::open(file.bytes, file.name, intensities, &left),
            };
            scan.map(|scan| {
                let taken = (scan.voxels(), scan.slice_count());
                scans.push(scan);
                taken
            })
        };
        match taken {
            Ok((voxels, slices)) => {
                left.voxels = left.voxels.saturating_sub(voxels);
                left.slices = left.slices.saturating_sub(slices as u32);
            }
            // Not this file is too large, but all that were opened before it.
            Err(Error::TooLarge { .. }) if left.voxels < limits.voxels || left.slices < limits.slices => {
                return too_large("voxels", limits.voxels);
            }
            Err(error) => failed.push(error),
        }
    }
    for Series { name, window, modality, frames } in series(instances) {
        match Scan::of_frames(name, window, modality, frames) {
            Ok(scan) => scans.push(scan),
            Err(error) => errors.push(error),
        }
    }
    errors.extend(failed);
    scans.sort_by_key(|scan| std::cmp::Reverse(scan.slice_count()));
    match (scans.is_empty(), errors.is_empty()) {
        (true, true) => Err(Error::Unknown { name: first.into(), hint: ": there is no file in it".into() }),
        (true, false) => Err(errors.swap_remove(0)),
        (false, _) => Ok(Opened { scans, notes: errors.iter().map(|error| format!("{error}; left out")).collect() }),
    }
}

/// Frames that can lie in one volume, with the name, window and modality of their first file.
struct Series<'a> {
    name: &'a str,
    window: Option<Window>,
    modality: Option<String>,
    frames: Vec<Frame>,
}

/// The frames of each series that are alike, in the order of their numbers.
fn series<'a>(mut instances: Vec<(&'a str, Instance)>) -> Vec<Series<'a>> {
    let number = |(name, instance): &(&'a str, Instance)| (instance.number.unwrap_or(f64::MAX), *name);
    instances.sort_by(|a, b| {
        let ((a, a_name), (b, b_name)) = (number(a), number(b));
        a.total_cmp(&b).then_with(|| a_name.cmp(b_name))
    });
    let mut found: BTreeMap<String, Vec<Series<'a>>> = BTreeMap::new();
    for (name, Instance { series, window, modality, frames, .. }) in instances {
        let shapes = found.entry(series).or_default();
        for frame in frames {
            let fits = |shape: &&mut Series<'_>| shape.frames.first().is_some_and(|first| is_alike(first, &frame));
            match shapes.iter_mut().find(fits) {
                Some(shape) => shape.frames.push(frame),
                None => shapes.push(Series { name, window, modality: modality.clone(), frames: vec![frame] }),
            }
        }
    }
    found.into_values().flatten().collect()
}

/// The voxels of NIfTI headers that are files of their own, by the name without its ending.
fn images<'a, 'b>(files: &'b [File<'a>]) -> BTreeMap<&'a str, &'b File<'a>> {
    let headers: BTreeSet<&str> =
        files.iter().filter(|file| nifti::is_header(file.bytes)).filter_map(|file| stem(file.name)).collect();
    let images = files.iter().filter(|file| !nifti::is_header(file.bytes));
    images
        .filter_map(|file| stem(file.name).map(|stem| (stem, file)))
        .filter(|(stem, _)| headers.contains(stem))
        .collect()
}

/// The name without `.hdr` or `.img`, gzipped or not.
fn stem(name: &str) -> Option<&str> {
    let name = name.strip_suffix(".gz").unwrap_or(name);
    name.strip_suffix(".hdr").or_else(|| name.strip_suffix(".img"))
}
