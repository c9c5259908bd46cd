//! Tables as spreadsheets save them: in UTF-8, UTF-16 or Latin-1, with commas, semicolons or tabs.

use std::io::Cursor;
use std::path::Path;

use csv::{Reader, ReaderBuilder, Trim};

use crate::Error;
use crate::files;

const DELIMITERS: [u8; 3] = [b'\t', b',', b';'];

/// Opens a table. The delimiter is that of a first line like `sep=;`, or the most frequent one of the first line.
///
/// # Errors
/// If the file cannot be read.
pub fn open(path: &Path) -> Result<Reader<Cursor<String>>, Error> {
    let text = text(&files::read(path)?);
    let first = text.lines().next().unwrap_or_default();
    let stated = first.strip_prefix("sep=").and_then(|stated| stated.bytes().next());
    let count = |delimiter: &u8| first.bytes().filter(|byte| byte == delimiter).count();
    let delimiter = stated.or_else(|| DELIMITERS.into_iter().max_by_key(count)).unwrap_or(b',');
    let table = match stated {
        Some(_) => text.split_once('\n').map_or("", |(_, table)| table).to_owned(),
        None => text,
    };
    Ok(ReaderBuilder::new().delimiter(delimiter).trim(Trim::All).from_reader(Cursor::new(table)))
}

/// Decodes text: UTF-8 or UTF-16 by its byte order mark, else UTF-8, else Latin-1.
pub fn text(bytes: &[u8]) -> String {
    let wide = |bytes: &[u8], word: fn([u8; 2]) -> u16| {
        let words: Vec<u16> = bytes.as_chunks().0.iter().copied().map(word).collect();
        String::from_utf16_lossy(&words)
    };
    match bytes {
        [0xFF, 0xFE, text @ ..] => wide(text, u16::from_le_bytes),
        [0xFE, 0xFF, text @ ..] => wide(text, u16::from_be_bytes),
        [0xEF, 0xBB, 0xBF, text @ ..] => String::from_utf8_lossy(text).into_owned(),
        text => match std::str::from_utf8(text) {
            Ok(text) => text.to_owned(),
            Err(_) => text.iter().copied().map(char::from).collect(),
        },
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_read_as_they_are_saved() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("table.csv");
        let utf_16: Vec<u8> = "\u{feff}case\tnote\r\na\tJörg\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        for bytes in [
            &b"case,note\na,J\xC3\xB6rg\n"[..],
            b"case;note\r\na; J\xF6rg \r\n",
            b"\xEF\xBB\xBFcase\tnote\na\tJ\xC3\xB6rg\n",
            b"sep=;\ncase;note\na;J\xF6rg\n",
            &utf_16,
        ] {
            std::fs::write(&path, bytes).unwrap();
            let mut reader = open(&path).unwrap();
            assert_eq!(reader.headers().unwrap(), vec!["case", "note"]);
            assert_eq!(reader.records().next().unwrap().unwrap(), vec!["a", "Jörg"]);
        }
    }
}
