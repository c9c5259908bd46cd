//! DICOM data sets: elements, and the modules that all our files have.

use dicom_core::value::{DataSetSequence, PrimitiveValue};
use dicom_core::{DataElement, Tag, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::{FileMetaTableBuilder, InMemDicomObject};

use super::Correction;
use crate::Error;
use crate::read::dicom::Reference;

/// Creator and time of a DICOM file.
#[derive(Clone, Debug)]
pub struct Author<'a> {
    /// Name of the model.
    pub model: &'a str,
    /// Version of the program.
    pub version: &'a str,
    /// `YYYYMMDD`.
    pub date: &'a str,
    /// `HHMMSS`.
    pub time: &'a str,
    /// Whether a person corrected the masks.
    pub correction: Correction,
    /// A random number; the UIDs of the file are derived from it.
    pub unique: u128,
}

pub(super) fn instance(reference: &Reference) -> InMemDicomObject {
    Object::with(|instance| {
        instance.text(tags::REFERENCED_SOP_CLASS_UID, VR::UI, &reference.class);
        instance.text(tags::REFERENCED_SOP_INSTANCE_UID, VR::UI, &reference.instance);
    })
}

pub(super) fn code(value: &str, scheme: &str, meaning: &str) -> InMemDicomObject {
    Object::with(|code| {
        code.text(tags::CODE_VALUE, VR::SH, value);
        code.text(tags::CODING_SCHEME_DESIGNATOR, VR::SH, scheme);
        code.text(tags::CODE_MEANING, VR::LO, meaning);
    })
}

/// A data set under construction.
pub(super) struct Object(pub(super) InMemDicomObject);

impl Object {
    pub(super) fn new() -> Self {
        Self(InMemDicomObject::new_empty())
    }

    pub(super) fn with(fill: impl FnOnce(&mut Self)) -> InMemDicomObject {
        let mut object = Self::new();
        fill(&mut object);
        object.0
    }

    pub(super) fn text(&mut self, tag: Tag, vr: VR, value: &str) {
        self.0.put(DataElement::new(tag, vr, PrimitiveValue::from(value)));
    }

    pub(super) fn short(&mut self, tag: Tag, value: u16) {
        self.0.put(DataElement::new(tag, VR::US, PrimitiveValue::from(value)));
    }

    pub(super) fn sequence(&mut self, tag: Tag, items: Vec<InMemDicomObject>) {
        self.0.put(DataElement::new(tag, VR::SQ, DataSetSequence::from(items)));
    }

    /// Writes decimal strings, of at most 16 characters each (VR DS).
    pub(super) fn decimals(&mut self, tag: Tag, values: &[f64]) {
        let decimal = |value: &f64| {
            let short = (2..=14).rev().map(|digits| format!("{value:.digits$}")).find(|text| text.len() <= 16);
            short.unwrap_or_else(|| format!("{value:.8e}"))
        };
        let text = values.iter().map(decimal).collect::<Vec<_>>().join("\\");
        self.text(tag, VR::DS, &text);
    }

    /// Patient, study, series and instance modules, with patient data left empty: the series of `source` has it. Without a
    /// source, the study is a new one.
    pub(super) fn of_series(&mut self, source: Option<&Reference>, author: &Author<'_>) {
        for (tag, vr) in [
            (tags::PATIENT_NAME, VR::PN),
            (tags::PATIENT_ID, VR::LO),
            (tags::PATIENT_BIRTH_DATE, VR::DA),
            (tags::PATIENT_SEX, VR::CS),
            (tags::STUDY_DATE, VR::DA),
            (tags::STUDY_TIME, VR::TM),
            (tags::REFERRING_PHYSICIAN_NAME, VR::PN),
            (tags::STUDY_ID, VR::SH),
            (tags::ACCESSION_NUMBER, VR::SH),
            (tags::POSITION_REFERENCE_INDICATOR, VR::LO),
            (tags::CONTENT_CREATOR_NAME, VR::PN),
        ] {
            self.text(tag, vr, "");
        }
        let study = source.map_or_else(|| author.identifier(3), |source| source.study.clone());
        self.text(tags::STUDY_INSTANCE_UID, VR::UI, &study);
        if let Some(frame) = source.map(|source| &source.frame_of_reference).filter(|frame| !frame.is_empty()) {
            self.text(tags::FRAME_OF_REFERENCE_UID, VR::UI, frame);
        }
        self.text(tags::SOP_INSTANCE_UID, VR::UI, &author.identifier(0));
        self.text(tags::SERIES_INSTANCE_UID, VR::UI, &author.identifier(1));
        // Of all times in the file.
        self.text(tags::TIMEZONE_OFFSET_FROM_UTC, VR::SH, "+0000");
        self.text(tags::SERIES_NUMBER, VR::IS, "1");
        self.text(tags::INSTANCE_NUMBER, VR::IS, "1");
        self.text(tags::MANUFACTURER, VR::LO, "COIN");
        self.text(tags::MANUFACTURER_MODEL_NAME, VR::LO, author.model);
        self.text(tags::DEVICE_SERIAL_NUMBER, VR::LO, "0");
        self.text(tags::SOFTWARE_VERSIONS, VR::LO, author.version);
    }

    /// Encodes the data set as a file in explicit little endian.
    pub(super) fn file(self, format: &'static str) -> Result<Vec<u8>, Error> {
        let failed = |reason: &dyn std::fmt::Display| Error::Encoding { format, reason: reason.to_string() };
        let meta = FileMetaTableBuilder::new().transfer_syntax(uids::EXPLICIT_VR_LITTLE_ENDIAN);
        let file = self.0.with_meta(meta).map_err(|reason| failed(&reason))?;
        let mut bytes = Vec::new();
        file.write_all(&mut bytes).map_err(|reason| failed(&reason))?;
        Ok(bytes)
    }
}

impl Author<'_> {
    /// A UID of the file; the 2.25 root needs no registration (PS3.5, annex B.2).
    pub(super) fn identifier(&self, of: u128) -> String {
        format!("2.25.{}", self.unique.wrapping_mul(4).wrapping_add(of))
    }
}
