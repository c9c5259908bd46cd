//! Files that are opened together: a DICOM series, a folder or an archive.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::Error;
use crate::archive::{self, is_passed_over};
use crate::read::dicom::{self, Instance};
use crate::read::{metaimage, nifti, nrrd};
use crate::scan::Scan;
use crate::series;
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
    let mut files: Vec<File<'_>> = plain.into_iter().copied().chain(unpacked).collect();
    if files.len() > 1 {
        files.retain(|file| !is_passed_over(file.name.rsplit(['/', '\\']).next().unwrap_or_default()));
    }
    left.bytes = limits.bytes;

    let images = Images::of(&files);
    let mut scans = Vec::new();
    let mut instances: Vec<(&str, Instance)> = Vec::new();
    let mut failed = Vec::new();
    for file in &files {
        if images.contains(file) {
            continue;
        }
        let allowed = left.of_file(file.bytes.len() as u64);
        let image = images.of_header(file);
        let taken = if dicom::is_dicom(file.bytes) {
            dicom::read(file.bytes, file.name, &allowed).map(|instance| {
                let taken = instance.frames.iter().map(|frame| frame.hu.len() as u64).sum();
                let slices = instance.frames.len();
                instances.push((file.name, instance));
                (taken, slices)
            })
        } else {
            let scan = match image {
                Some(image) => Scan::of_pair(file.bytes, &image, file.name, &left),
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
            Err(Error::TooLarge { .. }) if left.voxels < limits.voxels => {
                return too_large("voxels", limits.voxels);
            }
            Err(error) => failed.push(error),
        }
    }
    for volume in series::volumes(instances) {
        match Scan::of_series(volume) {
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

/// The files with the voxels of a detached NRRD or MetaImage header (`.nhdr`, `.mhd`), in order, each with the places where it may
/// lie, relative to the header's folder and with `/`: the stated file, unless that leads out of the folder, and a file of that name
/// beside the header. Empty for other files.
#[must_use]
pub fn data_files(header: &[u8]) -> Vec<Vec<String>> {
    let files = match nrrd::is_nrrd(header) {
        true => nrrd::data_files(header),
        false if metaimage::is_metaimage(header) => metaimage::data_files(header),
        false => Vec::new(),
    };
    files.iter().map(|stated| places(stated)).collect()
}

fn places(stated: &str) -> Vec<String> {
    let stated = stated.replace('\\', "/");
    let inside = stated.strip_prefix("./").unwrap_or(&stated);
    let leads_out = inside.split('/').any(|part| part.is_empty() || part == ".." || part.contains(':'));
    let beside = inside.rsplit('/').next().unwrap_or_default();
    match leads_out || inside == beside {
        true => vec![beside.to_owned()],
        false => vec![inside.to_owned(), beside.to_owned()],
    }
}

/// Headers whose voxels are in other files, with those in order.
struct Images<'a, 'b> {
    of_headers: Vec<(&'b File<'a>, Vec<&'b File<'a>>)>,
}

impl<'a, 'b> Images<'a, 'b> {
    fn of(files: &'b [File<'a>]) -> Self {
        let path = |name: &str| name.replace('\\', "/");
        let by_stem: BTreeMap<&str, &File<'_>> = files
            .iter()
            .filter(|file| !nifti::is_header(file.bytes))
            .filter_map(|file| stem(file.name).map(|stem| (stem, file)))
            .collect();
        let by_path: BTreeMap<String, &File<'_>> = files.iter().map(|file| (path(file.name), file)).collect();
        let at = |header: &File<'a>, place: String| {
            let own = path(header.name);
            let place = own.rsplit_once('/').map_or(place.clone(), |(folder, _)| format!("{folder}/{place}"));
            by_path.get(&place).copied()
        };
        let images = |header: &File<'a>| -> Option<Vec<&'b File<'a>>> {
            match nifti::is_header(header.bytes) {
                true => Some(vec![by_stem.get(stem(header.name)?).copied()?]),
                false => {
                    let places = data_files(header.bytes).into_iter();
                    places.map(|places| places.into_iter().find_map(|place| at(header, place))).collect()
                }
            }
        };
        let of_headers = files.iter().filter_map(|file| Some((file, images(file)?)));
        Self { of_headers: of_headers.filter(|(_, images)| !images.is_empty()).collect() }
    }

    fn contains(&self, file: &File<'_>) -> bool {
        self.of_headers.iter().flat_map(|(_, images)| images).any(|image| std::ptr::eq(*image, file))
    }

    /// The voxels of a header, from all its files.
    fn of_header(&self, file: &File<'_>) -> Option<Cow<'a, [u8]>> {
        let (_, images) = self.of_headers.iter().find(|(header, _)| std::ptr::eq(*header, file))?;
        Some(match images[..] {
            [image] => Cow::Borrowed(image.bytes),
            _ => images.iter().map(|image| image.bytes).collect::<Vec<_>>().concat().into(),
        })
    }
}

/// The name without `.hdr` or `.img`, gzipped or not, in either case.
fn stem(name: &str) -> Option<&str> {
    let without = |name: &'_ str, ending: &str| {
        let cut = name.len().checked_sub(ending.len())?;
        name.get(cut..)?.eq_ignore_ascii_case(ending).then_some(cut)
    };
    let end = without(name, ".gz").unwrap_or(name.len());
    let name = name.get(..end)?;
    name.get(..without(name, ".hdr").or_else(|| without(name, ".img"))?)
}
