//! Files that are opened together: a DICOM series, a folder or an archive.

use std::collections::{BTreeMap, BTreeSet};

use crate::Error;
use crate::archive::{self, Unpacked, is_passed_over};
use crate::error::excerpt;
use crate::read::dicom::{self, Instance};
use crate::read::{metaimage, nifti, nrrd};
use crate::scan::Scan;
use crate::series;
use crate::{Limits, Window};

/// A file's name and content.
#[derive(Clone, Copy, Debug)]
pub struct File<'a> {
    /// Name for messages, and for matching a header with its voxels.
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

/// Opens files in any order. DICOM files of a series become one scan, sorted by position; archives are unpacked; headers
/// are matched with the files of their voxels; every other file becomes a scan. `intensities` are the HU of black and white in
/// pictures.
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
            Ok(Unpacked { files, errors: damaged }) => {
                left.bytes -= files.iter().map(|(_, bytes)| bytes.len() as u64).sum::<u64>().min(left.bytes);
                unpacked.extend(files);
                errors.extend(damaged);
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

    let headers = Headers::of(&files);
    let mut scans = Vec::new();
    let mut instances: Vec<(&str, Instance)> = Vec::new();
    let mut failed = Vec::new();
    for (index, file) in files.iter().enumerate() {
        if headers.claimed.contains(&index) {
            continue;
        }
        let read = |limits: &Limits| {
            if dicom::is_dicom(file.bytes) {
                let allowed = limits.of_file(file.bytes.len() as u64);
                let instance = dicom::read(file.bytes, file.name, &allowed)?;
                // A scout that is opened alone is meant.
                let scout = instance.scout(file.name).filter(|_| files.len() > 1);
                return scout.map_or(Ok(Content::Instance(instance)), Err);
            }
            let scan = match headers.images.get(&index) {
                Some(Ok(images)) => {
                    let images: Vec<&[u8]> =
                        images.iter().filter_map(|image| files.get(*image)).map(|image| image.bytes).collect();
                    Scan::of_parts(file.bytes, &images, file.name, limits)
                }
                Some(Err(missing)) => {
                    let reason = format!("{} is missing; open all together", excerpt(missing));
                    Err(Error::invalid(file.name, "data file", reason))
                }
                None => Scan::open(file.bytes, file.name, intensities, limits),
            };
            scan.map(|scan| Content::Scan(Box::new(scan)))
        };
        match read(&left) {
            Ok(content) => {
                let (voxels, slices) = content.size();
                left.voxels = left.voxels.saturating_sub(voxels);
                left.slices = left.slices.saturating_sub(slices as u32);
                match content {
                    Content::Instance(instance) => instances.push((file.name, instance)),
                    Content::Scan(scan) => scans.push(*scan),
                }
            }
            // If it fits alone, all that were opened before it are too much.
            Err(Error::TooLarge { .. }) if left.voxels < limits.voxels && read(limits).is_ok() => {
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

/// What is in a file.
enum Content {
    Instance(Instance),
    Scan(Box<Scan>),
}

impl Content {
    /// Numbers of voxels and slices.
    fn size(&self) -> (u64, usize) {
        match self {
            Self::Instance(Instance { frames, .. }) => {
                (frames.iter().map(|frame| frame.hu.len() as u64).sum(), frames.len())
            }
            Self::Scan(scan) => (scan.voxels(), scan.slice_count()),
        }
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

/// Headers whose voxels are in other files, by index.
struct Headers {
    images: BTreeMap<usize, Result<Vec<usize>, String>>,
    /// All files with voxels.
    claimed: BTreeSet<usize>,
}

impl Headers {
    fn of(files: &[File<'_>]) -> Self {
        let path = |name: &str| name.replace('\\', "/");
        let all = || files.iter().enumerate();
        let by_stem: BTreeMap<&str, usize> = all()
            .filter(|(_, file)| !nifti::is_header(file.bytes))
            .filter_map(|(index, file)| Some((stem(file.name)?, index)))
            .collect();
        let by_path: BTreeMap<String, usize> = all().map(|(index, file)| (path(file.name), index)).collect();
        // The case of a name can change on its way between file systems.
        let in_any_case: BTreeMap<String, usize> =
            all().map(|(index, file)| (path(file.name).to_ascii_lowercase(), index)).collect();
        let images_of = |own: usize, header: &File<'_>| {
            if nifti::is_header(header.bytes) {
                return Some(Ok(vec![by_stem.get(stem(header.name)?).copied()?]));
            }
            let name = path(header.name);
            let folder = name.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
            let stated = data_files(header.bytes);
            let found = |places: &Vec<String>| {
                let paths = || places.iter().map(|place| format!("{folder}{place}"));
                let exact = paths().filter_map(|path| by_path.get(&path));
                let mut indices = exact
                    .copied()
                    .chain(paths().filter_map(|path| in_any_case.get(&path.to_ascii_lowercase()).copied()));
                indices.find(|index| *index != own).ok_or_else(|| places.last().cloned().unwrap_or_default())
            };
            let images: Result<Vec<usize>, String> = stated.iter().map(found).collect();
            match (&images, stated.len()) {
                // The reader says which file it needs.
                (_, 0) | (Err(_), 1) => None,
                // A file that is named twice cannot have two parts of a volume.
                (Ok(images), count) if images.iter().collect::<BTreeSet<_>>().len() < count => None,
                _ => Some(images),
            }
        };
        let images: BTreeMap<_, _> = all().filter_map(|(index, file)| Some((index, images_of(index, file)?))).collect();
        let claimed = images.values().flatten().flatten().copied().collect();
        Self { images, claimed }
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
