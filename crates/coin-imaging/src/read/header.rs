//! Text headers with `key: value` lines, as in NRRD and MetaImage.

use std::collections::BTreeMap;
use std::io::{self, Read};

use super::voxels::Fields;
use crate::Error;
use crate::error::excerpt;

/// Longest header in bytes. Real ones have a few dozen lines, but some programs store whole tables in comments.
const MAX_HEADER_BYTES: usize = 4 << 20;
/// Most files with the voxels of a header: one for each slice of the largest volumes.
const MOST_FILES: usize = 8192;

/// The lines of a header, and the offset of the bytes after it.
pub(super) struct TextHeader<'a> {
    name: &'a str,
    values: BTreeMap<String, String>,
    pub end: usize,
}

impl<'a> TextHeader<'a> {
    /// Parses lines up to and including the first for which `is_last` holds, and splits them at `separator`. Keys are
    /// case-insensitive. Lines that are not UTF-8 are read as Latin-1. `None` if the header does not end.
    pub(super) fn parse(
        bytes: &'a [u8],
        name: &'a str,
        separator: char,
        is_last: impl Fn(&str) -> bool,
    ) -> Option<Self> {
        let mut header = Self { name, values: BTreeMap::new(), end: 0 };
        loop {
            let rest = bytes.get(header.end..)?;
            let line_end = rest.iter().take(MAX_HEADER_BYTES).position(|&byte| byte == b'\n')?;
            let line = header.add(rest.get(..line_end)?, separator);
            header.end += line_end + 1;
            if is_last(&line) {
                return Some(header);
            }
            if header.end > MAX_HEADER_BYTES {
                return None;
            }
        }
    }

    /// Parses all lines of a file that is nothing but a header; `None` if it is too long or contains other than text.
    pub(super) fn whole(bytes: &'a [u8], name: &'a str, separator: char) -> Option<Self> {
        if bytes.len() > MAX_HEADER_BYTES || bytes.contains(&0) {
            return None;
        }
        let mut header = Self { name, values: BTreeMap::new(), end: bytes.len() };
        for line in bytes.split(|&byte| byte == b'\n') {
            header.add(line, separator);
        }
        Some(header)
    }

    /// Adds the value of a line, and returns the line as text.
    fn add(&mut self, bytes: &[u8], separator: char) -> String {
        let text = text(bytes);
        // `key:=value` is a note of some program, not a field of NRRD.
        if let Some((key, value)) = text.split_once(separator)
            && !text.starts_with('#')
            && !value.starts_with('=')
        {
            self.values.insert(key.trim().to_ascii_lowercase(), value.trim().to_owned());
        }
        text
    }

    /// The lengths of the axes, stored as `field`.
    pub(super) fn lengths(&self, field: &str) -> Result<Vec<i64>, Error> {
        let Some(stated) = self.get(&[&field.to_ascii_lowercase()]) else {
            return Err(self.invalid(field, "it is missing; export the volume again"));
        };
        let numbers = numbers(stated).ok_or_else(|| self.not_numbers(field, stated, "numbers"))?;
        Ok(numbers.into_iter().map(|length| length as i64).collect())
    }

    /// The error for a value that is something else than `expected`.
    pub(super) fn not_numbers(&self, field: &str, found: &str, expected: &str) -> Error {
        self.invalid(field, format!("it is \"{}\", not {expected}; export the volume again", excerpt(found)))
    }

    /// The value of the first of `keys` that is present.
    pub(super) fn get(&self, keys: &[&str]) -> Option<&str> {
        keys.iter().find_map(|key| self.values.get(*key).map(String::as_str))
    }

    /// The names of the files with the voxels, in order, for a header that names them: one file, a pattern with the first and the
    /// last number and the step (`slice%03d.raw 1 60 1`), or `LIST`, with a name in each line after it.
    pub(super) fn files(&self, bytes: &[u8], stated: &str) -> Vec<String> {
        if is_list(stated) {
            let lines = bytes.get(self.end..).unwrap_or_default().split(|&byte| byte == b'\n');
            return lines.map(text).filter(|line| !line.is_empty()).take(MOST_FILES).collect();
        }
        numbered(stated).unwrap_or_else(|| vec![stated.to_owned()])
    }

    /// The content of the voxels, decoded: what follows the header, or the files that it names, which are `images` in order.
    /// `exact` is the number of bytes of all together if they are not compressed.
    pub(super) fn voxels<'b>(
        &self,
        field: &str,
        bytes: &'b [u8],
        images: &[&'b [u8]],
        stated: Option<&str>,
        exact: Option<usize>,
        decode: Decode<'b>,
    ) -> Result<Parts<'b>, Error> {
        let Some(stated) = stated else {
            return Ok(Parts::new(vec![bytes.get(self.end..).unwrap_or_default()], decode));
        };
        let files = self.files(bytes, stated);
        if images.is_empty() {
            return Err(match &files[..] {
                [file] => {
                    let file = excerpt(file);
                    self.invalid(field, format!("the voxels are in another file, {file}; open both together"))
                }
                [first, .., last] => {
                    let (first, last) = (excerpt(first), excerpt(last));
                    let reason = format!("the voxels are in other files, {first} to {last}; open all together");
                    self.invalid(field, reason)
                }
                [] => self.invalid(field, "no file follows LIST; export the volume again"),
            });
        }
        // One that is longer or shorter than its share would move all slices after it.
        if let (Some(exact), 2..) = (exact, images.len()) {
            let share = exact / images.len();
            let other = files.iter().zip(images).find(|(_, image)| image.len() != share);
            if let Some((file, image)) = other {
                let (file, found) = (excerpt(file), image.len());
                let reason =
                    format!("{file} has {found} bytes, not {share} like its share of the volume; export again");
                return Err(self.invalid(field, reason));
            }
        }
        Ok(Parts::new(images.to_vec(), decode))
    }
}

/// Starts to decode the content of a file.
pub(super) type Decode<'a> = fn(&'a [u8]) -> Box<dyn Read + 'a>;

/// The content of files, one after the other.
pub(super) struct Parts<'a> {
    current: Box<dyn Read + 'a>,
    rest: std::vec::IntoIter<&'a [u8]>,
    decode: Decode<'a>,
}

impl<'a> Parts<'a> {
    fn new(files: Vec<&'a [u8]>, decode: Decode<'a>) -> Self {
        Self { current: Box::new(io::empty()), rest: files.into_iter(), decode }
    }
}

impl Read for Parts<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.current.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            let Some(next) = self.rest.next() else { return Ok(0) };
            self.current = (self.decode)(next);
        }
    }
}

impl Fields for TextHeader<'_> {
    fn name(&self) -> &str {
        self.name
    }
}

/// A line as text: UTF-8, or else Latin-1.
fn text(line: &[u8]) -> String {
    match std::str::from_utf8(line) {
        Ok(text) => text.trim().to_owned(),
        Err(_) => line.iter().copied().map(char::from).collect::<String>().trim().to_owned(),
    }
}

/// Whether the value for the file with the voxels announces a list of files; the number of axes of each may follow.
pub(super) fn is_list(stated: &str) -> bool {
    stated.split_whitespace().next() == Some("LIST")
}

/// The names of a pattern with one `%d`, `%i` or `%u`, with a width or without, the first and the last number and the step; the
/// number of axes of each may follow. `None` for anything else.
fn numbered(stated: &str) -> Option<Vec<String>> {
    let mut words = stated.split_whitespace();
    let (before, behind) = words.next()?.split_once('%')?;
    let mut number = || words.next().map(str::parse::<i32>);
    let (first, last, step) = (number()?.ok()?, number()?.ok()?, number().unwrap_or(Ok(1)).ok()?);
    let (width, after) = behind.split_at(behind.find(['d', 'i', 'u'])?);
    let (zeros, width) = (width.starts_with('0'), if width.is_empty() { 0 } else { width.parse::<u8>().ok()? });
    let after = after.get(1..)?;
    let name = |number: i32| match zeros {
        true => format!("{before}{number:0width$}{after}", width = width.into()),
        false => format!("{before}{number:width$}{after}", width = width.into()),
    };
    let steps = i64::from(last).checked_sub(first.into())?.checked_div(step.into())?;
    let last_index = i32::try_from(steps).ok().filter(|index| (0..MOST_FILES as i32).contains(index))?;
    Some((0..=last_index).filter_map(|index| first.checked_add(index.checked_mul(step)?)).map(name).collect())
}

/// Parses numbers separated by white space, commas and parentheses; `None` if anything else is among them.
pub(super) fn numbers(value: &str) -> Option<Vec<f64>> {
    let separates = |c: char| c.is_whitespace() || matches!(c, ',' | '(' | ')');
    value.split(separates).filter(|word| !word.is_empty()).map(|word| word.parse().ok()).collect()
}
