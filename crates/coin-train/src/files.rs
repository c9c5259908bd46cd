//! File access with errors that name the file, and atomic writes.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use coin_imaging::{File, Limits, Opened, Window, data_files, open_all};

use crate::Error;

/// Name prefix of incomplete files and folders.
pub const UNFINISHED: &str = ".unfinished-";

/// Bytes of a detached header; attached voxels may follow.
const MAX_HEADER: u64 = 4 << 20;

/// Extensions of the file formats that are read; longer ones first.
const ENDINGS: [&str; 20] = [
    ".nii.gz", ".nii", ".hdr.gz", ".img.gz", ".hdr", ".img", ".nrrd", ".nhdr", ".mha", ".mhd", ".zip", ".png", ".jpeg",
    ".jpg", ".tiff", ".tif", ".bmp", ".dicom", ".dcm", ".ima",
];

/// The file name without the extension of its format, in either case; `None` if it has another extension.
pub fn without_ending(name: &str) -> Option<&str> {
    ENDINGS.iter().find_map(|ending| {
        let cut = name.len().checked_sub(ending.len())?;
        let (stem, found) = (name.get(..cut)?, name.get(cut..)?);
        (found.eq_ignore_ascii_case(ending) && !stem.is_empty()).then_some(stem)
    })
}

/// Extensions of volumes: NIfTI in one file or with a header of its own, NRRD and MetaImage.
const VOLUMES: [&str; 8] = [".nii.gz", ".nii", ".hdr", ".hdr.gz", ".nrrd", ".nhdr", ".mha", ".mhd"];

/// Extensions of the voxels of a NIfTI file with a header of its own.
const IMAGES: [&str; 2] = [".img", ".img.gz"];

/// Extensions of pictures without loss.
const PICTURES: [&str; 4] = [".png", ".bmp", ".tif", ".tiff"];

/// The file name without the extension of a volume, in either case.
pub fn without_volume_ending(name: &str) -> Option<&str> {
    without_ending_of(name, &VOLUMES)
}

/// The file name without the extension of a picture, in either case.
pub fn without_picture_ending(name: &str) -> Option<&str> {
    without_ending_of(name, &PICTURES)
}

fn without_ending_of<'a>(name: &'a str, endings: &[&str]) -> Option<&'a str> {
    let stem = without_ending(name)?;
    let ending = name.get(stem.len()..)?;
    endings.iter().any(|known| known.eq_ignore_ascii_case(ending)).then_some(stem)
}

/// The files with the voxels of a detached header, `.hdr`, `.nhdr` or `.mhd`, in order, in the same folder or, if the header says
/// so, below. Empty if one is named twice; those that are missing are left out.
pub fn detached_voxels(header: &Path) -> Vec<PathBuf> {
    let name = header.file_name().unwrap_or_default().to_string_lossy();
    let stem = without_ending(&name).unwrap_or(&name);
    let places: Vec<Vec<String>> = match name.get(stem.len()..).unwrap_or_default().to_ascii_lowercase().as_str() {
        ".hdr" | ".hdr.gz" => vec![images_beside(header, stem)],
        ".nhdr" | ".mhd" => {
            let mut start = Vec::new();
            let read = std::fs::File::open(header).and_then(|file| file.take(MAX_HEADER).read_to_end(&mut start));
            read.map_or_else(|_| Vec::new(), |_| data_files(&start))
        }
        _ => Vec::new(),
    };
    let found = |places: Vec<String>| {
        let mut places = places.into_iter().filter_map(|place| existing(&header.with_file_name(place)));
        places.find(|place| place != header)
    };
    let files: Vec<PathBuf> = places.into_iter().filter_map(found).collect();
    let distinct = files.iter().collect::<BTreeSet<_>>().len() == files.len();
    if distinct { files } else { Vec::new() }
}

/// The file of this name, or one whose name differs only in case.
fn existing(path: &Path) -> Option<PathBuf> {
    if path.exists() {
        return Some(path.to_owned());
    }
    let name = path.file_name()?;
    let entries = std::fs::read_dir(folder_of(path)).into_iter().flatten().flatten();
    let mut same: Vec<PathBuf> =
        entries.filter(|entry| entry.file_name().eq_ignore_ascii_case(name)).map(|entry| entry.path()).collect();
    same.sort();
    same.into_iter().next()
}

/// The names of the images of a NIfTI header, whose endings may be in either case.
fn images_beside(header: &Path, stem: &str) -> Vec<String> {
    let entries = std::fs::read_dir(folder_of(header)).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut images: Vec<String> = names.filter(|name| without_ending_of(name, &IMAGES) == Some(stem)).collect();
    images.sort();
    images
}

fn folder_of(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Removes incomplete files and folders that a killed program left in `folder`.
///
/// # Errors
/// If the folder cannot be read or changed.
pub fn sweep(folder: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        match (entry.file_name().to_string_lossy().starts_with(UNFINISHED), entry.file_type()?.is_dir()) {
            (true, true) => std::fs::remove_dir_all(entry.path())?,
            (true, false) => std::fs::remove_file(entry.path())?,
            (false, _) => {}
        }
    }
    Ok(())
}

/// Writes a file atomically: to a temporary file in the same folder, which is synced and renamed. Creates missing folders.
///
/// # Errors
/// If the file cannot be written; the old file stays intact.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let folder = folder_of(path);
    let saved = || -> std::io::Result<()> {
        std::fs::create_dir_all(folder)?;
        let mut file = readable().tempfile_in(folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        // The rename must survive a power cut, too. Only Unix can sync a folder.
        #[cfg(unix)]
        std::fs::File::open(folder)?.sync_all()?;
        Ok(())
    };
    saved().map_err(Error::write(path))
}

/// Appends `bytes` to a file and creates it if it is missing.
///
/// # Errors
/// If the file cannot be written.
pub fn append(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let appended = || std::fs::OpenOptions::new().create(true).append(true).open(path)?.write_all(bytes);
    appended().map_err(Error::write(path))
}

/// Reads the names and contents of files that are opened together.
///
/// # Errors
/// If a file cannot be read, or the files exceed [`Limits::VOLUMES`] in total.
pub fn read_together(paths: &[PathBuf]) -> Result<Vec<(String, Vec<u8>)>, Error> {
    let mut left = Limits::VOLUMES.bytes;
    let read = paths.iter().map(|path| {
        let bytes = read_limited(path, left)?;
        left -= bytes.len() as u64;
        Ok((path.display().to_string(), bytes))
    });
    read.collect()
}

/// Opens files that [`read_together`] has read. `intensities` are the HU of black and white in pictures.
///
/// # Errors
/// If none of them can be opened.
pub fn open_together(read: &[(String, Vec<u8>)], intensities: Window) -> Result<Opened, coin_imaging::Error> {
    let files: Vec<File<'_>> = read.iter().map(|(name, bytes)| File { name, bytes }).collect();
    open_all(&files, intensities, &Limits::VOLUMES)
}

/// Reads a whole file.
///
/// # Errors
/// If the file cannot be read.
pub fn read(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(Error::read(path))
}

/// Reads a file of at most `limit` bytes.
///
/// # Errors
/// If the file cannot be read or is larger than `limit`.
pub fn read_limited(path: &Path, limit: u64) -> Result<Vec<u8>, Error> {
    let read = || -> std::io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        std::fs::File::open(path)?.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().map_err(Error::read(path))?;
    if bytes.len() as u64 > limit {
        return Err(Error::TooLarge { path: path.to_owned(), limit });
    }
    Ok(bytes)
}

/// A temporary file with the usual permissions instead of owner-only access.
fn readable() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(UNFINISHED);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(std::fs::Permissions::from_mode(0o644));
    }
    builder
}
