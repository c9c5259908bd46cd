//! DICOM segmentations (PS3.3, section A.51) of a series.

use std::collections::BTreeMap;

use dicom_core::value::PrimitiveValue;
use dicom_core::{DataElement, Tag, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::InMemDicomObject;

use super::Correction;
use super::dicom::{Author, Object, code, instance};
use crate::Error;
use crate::read::dicom::Reference;
use crate::stack::Source;
use crate::{Mask, Scan};

/// Encodes `masks`, by slice index, as a DICOM segmentation (SEG) that refers to the slices of `scan`, with one frame
/// per non-empty mask. Patient data is left empty; the referenced series has it.
///
/// `None` if all masks are empty, which the standard does not allow.
///
/// # Errors
/// If the scan is not a DICOM series, or the masks do not match its slices.
pub fn segmentation(masks: &BTreeMap<usize, Mask>, scan: &Scan, author: &Author<'_>) -> Result<Option<Vec<u8>>, Error> {
    let name = || scan.name().to_owned();
    let sources = scan.sources().filter(|sources| !sources.is_empty());
    let sources = sources.ok_or_else(|| Error::NoSource { name: name() })?;
    let slice = scan.slice(0).map_err(|_| Error::MaskMismatch { name: name() })?;
    let (width, height) = (slice.width(), slice.height());
    let with_source = |(index, mask): (&usize, _)| Some((mask, sources.get(*index)?));
    let placed: Option<Vec<(&Mask, &Source)>> = masks.iter().map(with_source).collect();
    let fits = |(mask, _): &(&Mask, &Source)| (mask.width(), mask.height()) == (width, height);
    let placed = placed.filter(|placed| placed.iter().all(fits));
    let mut found = placed.ok_or_else(|| Error::MaskMismatch { name: name() })?;
    found.retain(|(mask, _)| mask.count() > 0);
    let Some((_, first)) = found.first() else { return Ok(None) };
    let spacing = slice.spacing_or_assumed();

    let mut object = Object::new();
    object.of_series(Some(&first.reference), author);
    object.text(tags::SOP_CLASS_UID, VR::UI, uids::SEGMENTATION_STORAGE);
    object.text(tags::MODALITY, VR::CS, "SEG");
    object.text(tags::SERIES_DESCRIPTION, VR::LO, "COIN segmentation, research use only");
    object.of_image(width, height, found.len(), author);
    object.sequence(tags::SEGMENT_SEQUENCE, vec![segment(author)]);
    object.sequence(tags::REFERENCED_SERIES_SEQUENCE, vec![referenced_series(&found)]);
    object.of_dimensions(author);
    object.sequence(
        tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE,
        vec![Object::with(|groups| {
            let measures = Object::with(|measures| {
                measures.decimals(tags::SLICE_THICKNESS, &[first.thickness]);
                measures.decimals(tags::PIXEL_SPACING, &[spacing.row_mm().into(), spacing.column_mm().into()]);
            });
            groups.sequence(tags::PIXEL_MEASURES_SEQUENCE, vec![measures]);
            let orientation = Object::with(|orientation| {
                let directions = [first.across, first.down].concat();
                orientation.decimals(tags::IMAGE_ORIENTATION_PATIENT, &directions);
            });
            groups.sequence(tags::PLANE_ORIENTATION_SEQUENCE, vec![orientation]);
            let segment = Object::with(|segment| segment.short(tags::REFERENCED_SEGMENT_NUMBER, 1));
            groups.sequence(tags::SEGMENT_IDENTIFICATION_SEQUENCE, vec![segment]);
        })],
    );
    let frames = found.iter().enumerate().map(|(index, (_, source))| frame(index, source)).collect();
    object.sequence(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, frames);
    let bits = packed(found.iter().map(|(mask, _)| *mask));
    object.0.put(DataElement::new(tags::PIXEL_DATA, VR::OB, PrimitiveValue::from(bits)));

    object.file("DICOM segmentation").map(Some)
}

/// Packs the masks of all frames into bits, the first pixel in the lowest bit, padded to even length (PS3.5, section
/// 8.1.1).
fn packed<'a>(masks: impl Iterator<Item = &'a Mask>) -> Vec<u8> {
    let inside: Vec<bool> = masks.flat_map(|mask| mask.as_slice().iter().copied()).collect();
    let byte = |bits: &[bool]| bits.iter().rev().fold(0, |byte, &inside| byte << 1 | u8::from(inside));
    let mut bytes: Vec<u8> = inside.chunks(8).map(byte).collect();
    bytes.resize(bytes.len().next_multiple_of(2), 0);
    bytes
}

fn segment(author: &Author<'_>) -> InMemDicomObject {
    Object::with(|segment| {
        segment.short(tags::SEGMENT_NUMBER, 1);
        segment.text(tags::SEGMENT_LABEL, VR::LO, "Changed by the counterfactual");
        // PS3.3, section C.8.20.2.
        let (kind, description) = match author.correction {
            Correction::None => ("AUTOMATIC", "Research use only. What the model changed, not a finding."),
            Correction::ByHand => ("SEMIAUTOMATIC", "Research use only. What the model changed, corrected by hand."),
        };
        segment.text(tags::SEGMENT_DESCRIPTION, VR::ST, description);
        segment.text(tags::SEGMENT_ALGORITHM_TYPE, VR::CS, kind);
        segment.text(tags::SEGMENT_ALGORITHM_NAME, VR::LO, &format!("COIN {}", author.model));
        let category = code("49755003", "SCT", "Morphologically Abnormal Structure");
        segment.sequence(tags::SEGMENTED_PROPERTY_CATEGORY_CODE_SEQUENCE, vec![category]);
        segment.sequence(tags::SEGMENTED_PROPERTY_TYPE_CODE_SEQUENCE, vec![code("52988006", "SCT", "Lesion")]);
    })
}

fn referenced_series(found: &[(&Mask, &Source)]) -> InMemDicomObject {
    Object::with(|series| {
        let mut instances: Vec<&Reference> = found.iter().map(|(_, source)| &source.reference).collect();
        instances.dedup_by_key(|reference| &reference.instance);
        let first = instances.first().map_or("", |reference| &reference.series);
        series.text(tags::SERIES_INSTANCE_UID, VR::UI, first);
        let instances = instances.into_iter().map(instance).collect();
        series.sequence(tags::REFERENCED_INSTANCE_SEQUENCE, instances);
    })
}

fn frame(index: usize, source: &Source) -> InMemDicomObject {
    Object::with(|groups| {
        let content = Object::with(|content| {
            let place = PrimitiveValue::U32([1, index as u32 + 1].as_slice().into());
            content.0.put(DataElement::new(tags::DIMENSION_INDEX_VALUES, VR::UL, place));
        });
        groups.sequence(tags::FRAME_CONTENT_SEQUENCE, vec![content]);
        let position = Object::with(|position| position.decimals(tags::IMAGE_POSITION_PATIENT, &source.origin));
        groups.sequence(tags::PLANE_POSITION_SEQUENCE, vec![position]);
        let derivation = Object::with(|derivation| {
            derivation.sequence(tags::DERIVATION_CODE_SEQUENCE, vec![code("113076", "DCM", "Segmentation")]);
            let mut image = Object(instance(&source.reference));
            if let Some(frame) = source.reference.frame {
                image.text(tags::REFERENCED_FRAME_NUMBER, VR::IS, &frame.to_string());
            }
            let purpose = code("121322", "DCM", "Source image for image processing operation");
            image.sequence(tags::PURPOSE_OF_REFERENCE_CODE_SEQUENCE, vec![purpose]);
            derivation.sequence(tags::SOURCE_IMAGE_SEQUENCE, vec![image.0]);
        });
        groups.sequence(tags::DERIVATION_IMAGE_SEQUENCE, vec![derivation]);
    })
}

impl Object {
    fn of_image(&mut self, width: usize, height: usize, frames: usize, author: &Author<'_>) {
        self.text(tags::IMAGE_TYPE, VR::CS, "DERIVED\\PRIMARY");
        self.text(tags::CONTENT_DATE, VR::DA, author.date);
        self.text(tags::CONTENT_TIME, VR::TM, author.time);
        self.text(tags::CONTENT_LABEL, VR::CS, "COIN");
        self.text(tags::CONTENT_DESCRIPTION, VR::LO, "Counterfactual inpainting, research use only");
        self.text(tags::SEGMENTATION_TYPE, VR::CS, "BINARY");
        self.text(tags::LOSSY_IMAGE_COMPRESSION, VR::CS, "00");
        self.text(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME2");
        self.text(tags::NUMBER_OF_FRAMES, VR::IS, &frames.to_string());
        for (tag, value) in [
            (tags::SAMPLES_PER_PIXEL, 1),
            // Opening a scan limits its size.
            (tags::ROWS, height as u16),
            (tags::COLUMNS, width as u16),
            (tags::BITS_ALLOCATED, 1),
            (tags::BITS_STORED, 1),
            (tags::HIGH_BIT, 0),
            (tags::PIXEL_REPRESENTATION, 0),
        ] {
            self.short(tag, value);
        }
    }

    /// Multi-frame dimension module: frames are indexed by segment and position.
    fn of_dimensions(&mut self, author: &Author<'_>) {
        let organisation = author.identifier(2);
        let named = Object::with(|named| named.text(tags::DIMENSION_ORGANIZATION_UID, VR::UI, &organisation));
        self.sequence(tags::DIMENSION_ORGANIZATION_SEQUENCE, vec![named]);
        let index = |pointer: Tag, group: Tag| {
            Object::with(|index| {
                index.text(tags::DIMENSION_ORGANIZATION_UID, VR::UI, &organisation);
                for (tag, value) in [(tags::DIMENSION_INDEX_POINTER, pointer), (tags::FUNCTIONAL_GROUP_POINTER, group)]
                {
                    index.0.put(DataElement::new(tag, VR::AT, PrimitiveValue::from(value)));
                }
            })
        };
        let by_segment = index(tags::REFERENCED_SEGMENT_NUMBER, tags::SEGMENT_IDENTIFICATION_SEQUENCE);
        let by_place = index(tags::IMAGE_POSITION_PATIENT, tags::PLANE_POSITION_SEQUENCE);
        self.sequence(tags::DIMENSION_INDEX_SEQUENCE, vec![by_segment, by_place]);
    }
}
