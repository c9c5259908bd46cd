//! Text headers with `key: value` lines, as in NRRD and MetaImage.

use std::collections::BTreeMap;

use super::voxels::{Fields, lengths};
use crate::Error;
use crate::Limits;

/// Longest header in bytes; real ones have a few dozen lines.
const MAX_HEADER_BYTES: usize = 1 << 16;

/// The lines of a header, and the offset of the bytes after it.
pub(super) struct TextHeader<'a> {
    name: &'a str,
    values: BTreeMap<String, &'a str>,
    pub end: usize,
}

impl<'a> TextHeader<'a> {
    /// Parses lines up to and including the first for which `is_last` holds, and splits them at `separator`. Keys are
    /// case-insensitive. `None` if the header does not end or is not text.
    pub(super) fn parse(
        bytes: &'a [u8],
        name: &'a str,
        separator: char,
        is_last: impl Fn(&str) -> bool,
    ) -> Option<Self> {
        let mut values = BTreeMap::new();
        let mut end = 0;
        loop {
            let rest = bytes.get(end..)?;
            let line_end = rest.iter().take(MAX_HEADER_BYTES).position(|&byte| byte == b'\n')?;
            let line = std::str::from_utf8(rest.get(..line_end)?).ok()?.trim();
            end += line_end + 1;
            if let Some((key, value)) = line.split_once(separator)
                && !line.starts_with('#')
            {
                values.insert(key.trim().to_ascii_lowercase(), value.trim_start_matches('=').trim());
            }
            if is_last(line) {
                return Some(Self { name, values, end });
            }
            if end > MAX_HEADER_BYTES {
                return None;
            }
        }
    }

    /// The lengths of the three axes, stored as `field`.
    pub(super) fn lengths(&self, field: &str, limits: &Limits) -> Result<[usize; 3], Error> {
        let stated = self.get(&[&field.to_ascii_lowercase()]).and_then(numbers);
        let stated = stated.ok_or_else(|| self.invalid(field, "it is missing or damaged; export the volume again"))?;
        let stated: Vec<i64> = stated.into_iter().map(|length| length as i64).collect();
        lengths(self, field, &stated, limits)
    }

    /// The value of the first of `keys` that is present.
    pub(super) fn get(&self, keys: &[&str]) -> Option<&'a str> {
        keys.iter().find_map(|key| self.values.get(*key).copied())
    }
}

impl Fields for TextHeader<'_> {
    fn name(&self) -> &str {
        self.name
    }
}

/// Parses numbers separated by white space, commas and parentheses; `None` if anything else is among them.
pub(super) fn numbers(value: &str) -> Option<Vec<f64>> {
    let separates = |c: char| c.is_whitespace() || matches!(c, ',' | '(' | ')');
    value.split(separates).filter(|word| !word.is_empty()).map(|word| word.parse().ok()).collect()
}
