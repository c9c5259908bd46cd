//! ZIP archives, as exported by a PACS.

use std::io::{self, Cursor, Read as _};

use zip::ZipArchive;

use crate::Error;
use crate::Limits;

/// Whether a file or folder of this name (without its path) is written by an operating system or lists others, so that it is
/// passed over in folders and archives: hidden, `__MACOSX`, `Thumbs.db`, `desktop.ini` or `DICOMDIR`.
#[must_use]
pub fn is_passed_over(name: &str) -> bool {
    let known = ["__MACOSX", "Thumbs.db", "desktop.ini", "DICOMDIR"];
    name.starts_with('.') || known.iter().any(|known| name.eq_ignore_ascii_case(known))
}

/// Whether the bytes start like a non-empty ZIP archive.
pub(crate) fn is_archive(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04")
}

/// The files of an archive with their names, without hidden files of operating systems.
pub(crate) struct Unpacked {
    pub files: Vec<(String, Vec<u8>)>,
    /// Of files that are damaged, encrypted or compressed in another way.
    pub errors: Vec<Error>,
}

/// Unpacks an archive.
pub(crate) fn unpack(bytes: &[u8], name: &str, limits: &Limits) -> Result<Unpacked, Error> {
    let damaged = |name: &str, reason: &dyn std::fmt::Display| {
        Error::invalid(name, "archive", format!("{reason}; unpack it yourself or download it again"))
    };
    let too_large = |field: &str, limit: u64| Error::TooLarge { name: name.into(), field: field.into(), limit };
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|reason| damaged(name, &reason))?;
    // The slices of a volume, and as many reports and folders.
    if archive.len() as u64 > 2 * u64::from(limits.slices) {
        return Err(too_large("number of files", 2 * u64::from(limits.slices)));
    }
    let mut left = limits.bytes;
    let mut unpacked = Unpacked { files: Vec::new(), errors: Vec::new() };
    for index in 0..archive.len() {
        let path = match archive.name_for_index(index) {
            Some(Ok(path)) => path.into_owned(),
            Some(Err(reason)) => {
                unpacked.errors.push(damaged(name, &reason));
                continue;
            }
            None => continue,
        };
        if path.ends_with(['/', '\\']) || path.split(['/', '\\']).any(is_passed_over) {
            continue;
        }
        let path = format!("{name}/{path}");
        let mut content = Vec::new();
        let read = archive.by_index(index).map_err(io::Error::from);
        let read = read.and_then(|entry| entry.take(left + 1).read_to_end(&mut content));
        // Of a damaged file, too.
        left = left.checked_sub(content.len() as u64).ok_or_else(|| too_large("unpacked size", limits.bytes))?;
        match read {
            Ok(_) => unpacked.files.push((path, content)),
            Err(reason) => unpacked.errors.push(damaged(&path, &reason)),
        }
    }
    Ok(unpacked)
}
