//! Transfer syntaxes (DICOM PS3.5, section 10): the encoding of elements and the compression of pixels.

use std::borrow::Cow;
use std::io::Read as _;

use dicom_dictionary_std::tags;
use flate2::read::DeflateDecoder;

use super::dataset::{Cursor, cut_off, text};
use super::encoding::{EXPLICIT, Encoding};
use crate::Error;
use crate::Limits;
use crate::error::excerpt;

/// Returns the encoding of a file's data set, and its bytes, inflated if necessary.
pub(super) fn data_set<'a>(bytes: &'a [u8], name: &str, limits: &Limits) -> Result<(Encoding, Cow<'a, [u8]>), Error> {
    let meta = || cut_off(name, "the file meta information");
    let at = first_element(bytes).ok_or_else(meta)?;
    let mut cursor = Cursor { bytes, at, big_endian: false };
    let mut syntax = None;
    while cursor.rest().starts_with(&[2, 0]) {
        let header = cursor.header(true).ok_or_else(meta)?;
        let value = header.length.and_then(|length| cursor.take(length)).ok_or_else(meta)?;
        if header.tag == tags::TRANSFER_SYNTAX_UID {
            syntax = text(value);
        }
    }
    let encoding = match syntax {
        Some(uid) => Encoding::of(uid).ok_or_else(|| {
            let reason = format!(
                "{} is not supported; convert the file to Explicit VR Little Endian, for example with `gdcmconv --raw`",
                excerpt(uid)
            );
            Error::invalid(name, "TransferSyntaxUID", reason)
        })?,
        None => Encoding { explicit: cursor.looks_explicit(), ..EXPLICIT },
    };
    let body = cursor.rest();
    let (deflated, bytes) = match (is_plain(body), encoding.deflated) {
        (true, _) => (false, Cow::Borrowed(body)),
        (false, true) => (true, Cow::Owned(inflated(body, name, limits)?)),
        (false, false) => match inflated(body, name, limits) {
            Ok(bytes) if is_plain(&bytes) => (true, Cow::Owned(bytes)),
            _ => (false, Cow::Borrowed(body)),
        },
    };
    let big_endian = if is_plain(&bytes) { bytes.first() == Some(&0) } else { encoding.big_endian };
    let deviates = syntax.is_some() && (deflated, big_endian) != (encoding.deflated, encoding.big_endian);
    Ok((Encoding { deflated, big_endian, deviates, ..encoding }, bytes))
}

/// Whether `bytes` start with an element. Its group number is below 256, so its bytes reveal their order.
fn is_plain(bytes: &[u8]) -> bool {
    let mut cursor = Cursor { bytes, at: 0, big_endian: bytes.first() == Some(&0) };
    let header = cursor.header(cursor.looks_explicit());
    let fits = |length: Option<usize>| length.is_none_or(|length| length <= cursor.rest().len());
    header.is_some_and(|header| header.tag.group() < 0x100 && fits(header.length))
}

fn inflated(bytes: &[u8], name: &str, limits: &Limits) -> Result<Vec<u8>, Error> {
    let mut unpacked = Vec::new();
    let read = DeflateDecoder::new(bytes).take(limits.bytes + 1).read_to_end(&mut unpacked);
    read.map_err(|_| cut_off(name, "the deflated data set"))?;
    if unpacked.len() as u64 > limits.bytes {
        return Err(Error::TooLarge { name: name.into(), field: "data set".into(), limit: limits.bytes });
    }
    Ok(unpacked)
}

/// Offset of the first element: after preamble and magic code, after the magic code alone, or 0 (DICOM PS3.10, section
/// 7.1).
pub(super) fn first_element(bytes: &[u8]) -> Option<usize> {
    if bytes.get(128..).is_some_and(|rest| rest.starts_with(b"DICM")) {
        return Some(132);
    }
    match bytes {
        [b'D', b'I', b'C', b'M', ..] => Some(4),
        [2, 0, 0, 0, ..] | [8, 0, _, 0, ..] | [0, 8, 0, _, b'A'..=b'Z', b'A'..=b'Z', ..] => Some(0),
        _ => None,
    }
}
