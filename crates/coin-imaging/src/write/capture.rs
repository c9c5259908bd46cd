//! DICOM secondary captures (PS3.3, section A.8.1): pictures for viewers that show no segmentations.

use dicom_core::value::PrimitiveValue;
use dicom_core::{DataElement, VR};
use dicom_dictionary_std::{tags, uids};

use super::dicom::{Author, Object, instance};
use crate::{Error, Scan};

/// Encodes `width` x `height` RGB pixels as a DICOM secondary capture that refers to slice `index` of a DICOM `scan` and belongs
/// to its study; otherwise, to a study of its own. Patient data is left empty.
///
/// # Errors
/// If the pixels do not fill the picture.
pub fn capture(
    rgb: &[u8],
    width: u16,
    height: u16,
    source: Option<(&Scan, usize)>,
    author: &Author<'_>,
) -> Result<Vec<u8>, Error> {
    if rgb.len() != 3 * usize::from(width) * usize::from(height) {
        return Err(Error::Encoding {
            format: "DICOM capture",
            reason: format!("the pixels do not fill {width} x {height}"),
        });
    }
    let source = source.and_then(|(scan, index)| scan.sources()?.get(index));
    let reference = source.map(|source| &source.reference);
    let mut object = Object::new();
    object.of_series(reference, author);
    object.text(tags::SOP_CLASS_UID, VR::UI, uids::SECONDARY_CAPTURE_IMAGE_STORAGE);
    object.text(tags::MODALITY, VR::CS, "OT");
    object.text(tags::CONVERSION_TYPE, VR::CS, "WSD");
    object.text(tags::SERIES_DESCRIPTION, VR::LO, "COIN figure, research use only");
    object.text(tags::IMAGE_TYPE, VR::CS, "DERIVED\\SECONDARY");
    object.text(tags::CONTENT_DATE, VR::DA, author.date);
    object.text(tags::CONTENT_TIME, VR::TM, author.time);
    object.text(tags::BURNED_IN_ANNOTATION, VR::CS, "YES");
    object.text(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "RGB");
    for (tag, value) in [
        (tags::SAMPLES_PER_PIXEL, 3),
        (tags::PLANAR_CONFIGURATION, 0),
        (tags::ROWS, height),
        (tags::COLUMNS, width),
        (tags::BITS_ALLOCATED, 8),
        (tags::BITS_STORED, 8),
        (tags::HIGH_BIT, 7),
        (tags::PIXEL_REPRESENTATION, 0),
    ] {
        object.short(tag, value);
    }
    if let Some(reference) = reference {
        object.sequence(tags::SOURCE_IMAGE_SEQUENCE, vec![instance(reference)]);
    }
    let mut pixels = rgb.to_vec();
    pixels.resize(pixels.len().next_multiple_of(2), 0);
    object.0.put(DataElement::new(tags::PIXEL_DATA, VR::OB, PrimitiveValue::from(pixels)));
    object.file("DICOM capture")
}
