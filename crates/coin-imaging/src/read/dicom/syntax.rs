//! Transfer syntaxes: how a file writes its elements, and how its pixels are compressed.

use std::borrow::Cow;
use std::io::Read as _;

use dicom_dictionary_std::{tags, uids};
use flate2::read::DeflateDecoder;

use super::codec::Codec;
use super::dataset::{Cursor, cut_off, quoted, text};
use crate::Error;
use crate::Limits;

/// Retired, and so marked deprecated in the dictionary.
const BIG_ENDIAN: &str = "1.2.840.10008.1.2.2";

/// How a data set is written.
#[derive(Clone, Copy)]
pub(super) struct Encoding {
    /// Whether elements state their value representation.
    pub explicit: bool,
    pub big_endian: bool,
    /// How its pixels are compressed, if they are.
    pub codec: Option<Codec>,
    deflated: bool,
}

const EXPLICIT: Encoding = Encoding { explicit: true, big_endian: false, codec: None, deflated: false };

impl Encoding {
    fn of(uid: &str) -> Option<Self> {
        let compressed = |codec| Encoding { codec: Some(codec), ..EXPLICIT };
        Some(match uid {
            uids::IMPLICIT_VR_LITTLE_ENDIAN => Encoding { explicit: false, ..EXPLICIT },
            uids::EXPLICIT_VR_LITTLE_ENDIAN => EXPLICIT,
            BIG_ENDIAN => Encoding { big_endian: true, ..EXPLICIT },
            uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN => Encoding { deflated: true, ..EXPLICIT },
            uids::RLE_LOSSLESS => compressed(Codec::Rle),
            uids::JPEG_BASELINE8_BIT | uids::JPEG_EXTENDED12_BIT | uids::JPEG_LOSSLESS | uids::JPEG_LOSSLESS_SV1 => {
                compressed(Codec::Jpeg)
            }
            uids::JPEGLS_LOSSLESS | uids::JPEGLS_NEAR_LOSSLESS => compressed(Codec::JpegLs),
            uids::JPEG2000_LOSSLESS | uids::JPEG2000 => compressed(Codec::Jpeg2000),
            uids::HTJ2K | uids::HTJ2K_LOSSLESS | uids::HTJ2K_LOSSLESS_RPCL => compressed(Codec::Jpeg2000),
            _ => return None,
        })
    }
}

/// How the data set of a file is written, and its bytes, unpacked where they are deflated.
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
                "{} is not read here; convert the file to Explicit VR Little Endian, for example with `gdcmconv --raw`",
                quoted(uid)
            );
            Error::invalid(name, "TransferSyntaxUID", reason)
        })?,
        // The first group is below 256, so that its bytes tell their order.
        None => {
            let big_endian = cursor.rest().first() == Some(&0);
            Encoding { explicit: cursor.looks_explicit(), big_endian, ..EXPLICIT }
        }
    };
    if !encoding.deflated {
        return Ok((encoding, Cow::Borrowed(cursor.rest())));
    }
    let mut unpacked = Vec::new();
    let read = DeflateDecoder::new(cursor.rest()).take(limits.bytes + 1).read_to_end(&mut unpacked);
    read.map_err(|_| cut_off(name, "the deflated data set"))?;
    if unpacked.len() as u64 > limits.bytes {
        return Err(Error::TooLarge { name: name.into(), field: "data set".into(), limit: limits.bytes });
    }
    Ok((encoding, Cow::Owned(unpacked)))
}

/// Offset of the first element: after preamble and magic code, after the magic code, or at once.
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
