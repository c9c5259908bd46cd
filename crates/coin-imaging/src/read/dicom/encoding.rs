//! The encodings of the transfer syntaxes (DICOM PS3.5, annex A).

use dicom_dictionary_std::uids;

use super::codec::Codec;

/// Explicit VR Big Endian, which the dictionary marks as retired.
const BIG_ENDIAN: &str = "1.2.840.10008.1.2.2";

/// The encoding of a data set.
#[derive(Clone, Copy)]
pub(super) struct Encoding {
    /// Whether elements contain their value representation.
    pub explicit: bool,
    pub big_endian: bool,
    /// Compression of the pixels, if any.
    pub codec: Option<Codec>,
    /// Whether the data set is deflated.
    pub deflated: bool,
    /// Whether byte order or deflation are not those of the transfer syntax.
    pub deviates: bool,
}

pub(super) const EXPLICIT: Encoding =
    Encoding { explicit: true, big_endian: false, codec: None, deflated: false, deviates: false };

impl Encoding {
    /// The encoding of a transfer syntax; `None` if it is not supported (DICOM PS3.5, annex A).
    pub(super) fn of(uid: &str) -> Option<Self> {
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
