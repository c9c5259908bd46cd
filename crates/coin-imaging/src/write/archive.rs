use std::io::{Cursor, Write as _};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::{Error, File};

/// Packs files into a ZIP archive without compressing them: images and masks are compressed already.
///
/// # Errors
/// If two files have the same name, or the archive is too large.
pub fn archive(files: &[File<'_>]) -> Result<Vec<u8>, Error> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for file in files {
        let invalid = |reason: &dyn std::fmt::Display| Error::invalid(file.name, "archive", reason.to_string());
        archive.start_file(file.name, options).map_err(|reason| invalid(&reason))?;
        archive.write_all(file.bytes).map_err(|reason| invalid(&reason))?;
    }
    let packed = archive.finish().map_err(|reason| Error::invalid("archive", "end", reason.to_string()))?;
    Ok(packed.into_inner())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_packed_archive_opens_as_a_scan() {
        let png = crate::write::png_8bit(2, 2, &[0, 50, 100, 150]).unwrap();
        let packed =
            archive(&[File { name: "a/slice.png", bytes: &png }, File { name: "table.csv", bytes: b"x\n" }]).unwrap();
        let opened = crate::open_all(
            &[File { name: "all.zip", bytes: &packed }],
            crate::Window::ABDOMEN,
            &crate::Limits::default(),
        );
        let opened = opened.unwrap();
        assert_eq!(opened.scans[0].slice(0).unwrap().width(), 2);
        assert!(opened.notes.iter().any(|note| note.contains("table.csv")), "{:?}", opened.notes);
        let twice = [File { name: "a", bytes: b"1" }, File { name: "a", bytes: b"2" }];
        assert!(archive(&twice).is_err());
    }
}
