//! The data set of a file (DICOM PS3.5, section 7): the elements needed to interpret the pixels, and the stored pixels.
//!
//! A single pass without recursion or copies, so that neither claimed lengths nor nesting cost more than the bytes
//! present. Patient data is skipped.

use std::collections::BTreeMap;

use dicom_core::Tag;
use dicom_dictionary_std::tags;

use super::codec::Codec;
use super::encoding::Encoding;
use crate::Error;
use crate::error::excerpt;

/// An element's tag, and its keyword for messages.
#[derive(Clone, Copy)]
pub(super) struct Field(pub Tag, pub &'static str);

macro_rules! fields {
    ($($name:ident: $tag:ident, $keyword:literal;)*) => {
        $(pub(super) const $name: Field = Field(tags::$tag, $keyword);)*
        const WANTED: &[Field] = &[$($name),*];
    };
}

fields! {
    DETECTOR_SPACING: IMAGER_PIXEL_SPACING, "ImagerPixelSpacing";
    MODALITY: MODALITY, "Modality";
    SERIES: SERIES_INSTANCE_UID, "SeriesInstanceUID";
    INSTANCE: SOP_INSTANCE_UID, "SOPInstanceUID";
    CLASS: SOP_CLASS_UID, "SOPClassUID";
    STUDY: STUDY_INSTANCE_UID, "StudyInstanceUID";
    FRAME_OF_REFERENCE: FRAME_OF_REFERENCE_UID, "FrameOfReferenceUID";
    NUMBER: INSTANCE_NUMBER, "InstanceNumber";
    DIRECTORY: OFFSET_OF_THE_FIRST_DIRECTORY_RECORD_OF_THE_ROOT_DIRECTORY_ENTITY, "DICOMDIR";
    CHARACTERS: SPECIFIC_CHARACTER_SET, "SpecificCharacterSet";
    DESCRIPTION: SERIES_DESCRIPTION, "SeriesDescription";
    IMAGE_TYPE: IMAGE_TYPE, "ImageType";
    KERNEL: CONVOLUTION_KERNEL, "ConvolutionKernel";
    ACQUISITION: ACQUISITION_NUMBER, "AcquisitionNumber";
    TIME: TEMPORAL_POSITION_IDENTIFIER, "TemporalPositionIdentifier";
    TIME_INDEX: TEMPORAL_POSITION_INDEX, "TemporalPositionIndex";
    ECHO: ECHO_NUMBERS, "EchoNumbers";
    ECHO_TIME: ECHO_TIME, "EchoTime";
    EFFECTIVE_ECHO_TIME: EFFECTIVE_ECHO_TIME, "EffectiveEchoTime";
    FRAME_TYPE: FRAME_TYPE, "FrameType";
    FRAME_ACQUISITION: FRAME_ACQUISITION_NUMBER, "FrameAcquisitionNumber";
    FRAME_TIME: FRAME_ACQUISITION_DATE_TIME, "FrameAcquisitionDateTime";
    STACK: STACK_ID, "StackID";
    SERIES_NUMBER: SERIES_NUMBER, "SeriesNumber";
    B_VALUE: DIFFUSION_B_VALUE, "DiffusionBValue";
    TRIGGER_TIME: TRIGGER_TIME, "TriggerTime";
    TRIGGER_DELAY: NOMINAL_CARDIAC_TRIGGER_DELAY_TIME, "NominalCardiacTriggerDelayTime";
    ACQUISITION_TIME: ACQUISITION_TIME, "AcquisitionTime";
    ORIENTATION: IMAGE_ORIENTATION_PATIENT, "ImageOrientationPatient";
    POSITION: IMAGE_POSITION_PATIENT, "ImagePositionPatient";
    SAMPLES: SAMPLES_PER_PIXEL, "SamplesPerPixel";
    PHOTOMETRIC: PHOTOMETRIC_INTERPRETATION, "PhotometricInterpretation";
    FRAMES: NUMBER_OF_FRAMES, "NumberOfFrames";
    ROWS: ROWS, "Rows";
    COLUMNS: COLUMNS, "Columns";
    SPACING: PIXEL_SPACING, "PixelSpacing";
    THICKNESS: SLICE_THICKNESS, "SliceThickness";
    DISTANCE: SPACING_BETWEEN_SLICES, "SpacingBetweenSlices";
    ALLOCATED: BITS_ALLOCATED, "BitsAllocated";
    STORED: BITS_STORED, "BitsStored";
    HIGH_BIT: HIGH_BIT, "HighBit";
    REPRESENTATION: PIXEL_REPRESENTATION, "PixelRepresentation";
    PADDING: PIXEL_PADDING_VALUE, "PixelPaddingValue";
    PADDING_LIMIT: PIXEL_PADDING_RANGE_LIMIT, "PixelPaddingRangeLimit";
    INTERCEPT: RESCALE_INTERCEPT, "RescaleIntercept";
    SLOPE: RESCALE_SLOPE, "RescaleSlope";
    RESCALE_TYPE: RESCALE_TYPE, "RescaleType";
    LUT_DESCRIPTOR: LUT_DESCRIPTOR, "LUTDescriptor";
    LUT_DATA: LUT_DATA, "LUTData";
    WINDOW_CENTRE: WINDOW_CENTER, "WindowCenter";
    WINDOW_WIDTH: WINDOW_WIDTH, "WindowWidth";
    PIXELS: PIXEL_DATA, "PixelData";
}

const ITEM: Tag = Tag(0xFFFE, 0xE000);
const END_OF_ITEM: Tag = Tag(0xFFFE, 0xE00D);
const END_OF_SEQUENCE: Tag = Tag(0xFFFE, 0xE0DD);

/// Sequences that are entered rather than skipped: the functional groups of enhanced objects, the modality LUT and the
/// VOI LUT.
const ENTERED: [Tag; 17] = [
    tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE,
    tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE,
    tags::PIXEL_MEASURES_SEQUENCE,
    tags::PLANE_ORIENTATION_SEQUENCE,
    tags::PLANE_POSITION_SEQUENCE,
    tags::FRAME_CONTENT_SEQUENCE,
    tags::MR_IMAGE_FRAME_TYPE_SEQUENCE,
    tags::CT_IMAGE_FRAME_TYPE_SEQUENCE,
    tags::PET_FRAME_TYPE_SEQUENCE,
    tags::MR_ECHO_SEQUENCE,
    tags::MR_DIFFUSION_SEQUENCE,
    tags::CT_RECONSTRUCTION_SEQUENCE,
    tags::CARDIAC_SYNCHRONIZATION_SEQUENCE,
    tags::PIXEL_VALUE_TRANSFORMATION_SEQUENCE,
    tags::FRAME_VOILUT_SEQUENCE,
    tags::MODALITY_LUT_SEQUENCE,
    tags::VOILUT_SEQUENCE,
];

/// No real data set nests more deeply.
const MAX_DEPTH: usize = 64;

type Values<'a> = BTreeMap<Tag, &'a [u8]>;

/// The stored pixels.
pub(super) enum PixelData<'a> {
    /// Consecutive frames; `words` if they are stored in 16-bit words, `unexpected` if the transfer syntax is a compressed one.
    Native { bytes: &'a [u8], words: bool, unexpected: bool },
    /// Compressed: the basic offset table, which may be empty, and the fragments (PS3.5, annex A.4).
    Encapsulated { codec: Codec, offsets: &'a [u8], fragments: Vec<&'a [u8]> },
}

/// The required elements of a file.
pub(super) struct DataSet<'a> {
    name: &'a str,
    big_endian: bool,
    root: Values<'a>,
    shared: Values<'a>,
    frames: Vec<Values<'a>>,
    /// Elements of the first VOI LUT, which uses the same tags as the modality LUT.
    display: Values<'a>,
    /// Whether an element is encoded otherwise than the transfer syntax says.
    pub deviates: bool,
    pub pixels: Option<PixelData<'a>>,
}

impl<'a> DataSet<'a> {
    /// The SeriesInstanceUID in the `bytes` at the start of a file; empty if absent there.
    pub(super) fn series(bytes: &'a [u8], encoding: Encoding) -> &'a str {
        let mut data = Self::empty("", encoding);
        let cursor = Cursor { bytes, at: 0, big_endian: encoding.big_endian };
        let explicit = cursor.looks_explicit();
        // An error is expected, because the bytes are truncated.
        let _ = data.read_elements(cursor, Encoding { explicit, ..encoding });
        data.text(SERIES).unwrap_or_default()
    }

    /// Parses `bytes`, which start with the first element after the file meta information.
    pub(super) fn parse(bytes: &'a [u8], encoding: Encoding, name: &'a str) -> Result<Self, Error> {
        let mut data = Self::empty(name, encoding);
        let cursor = Cursor { bytes, at: 0, big_endian: encoding.big_endian };
        let explicit = cursor.looks_explicit();
        data.deviates = encoding.deviates || explicit != encoding.explicit;
        data.read_elements(cursor, Encoding { explicit, ..encoding })?;
        Ok(data)
    }

    fn empty(name: &'a str, encoding: Encoding) -> Self {
        let (root, shared, display) = (Values::new(), Values::new(), Values::new());
        let (big_endian, frames) = (encoding.big_endian, Vec::new());
        Self { name, big_endian, root, shared, frames, display, deviates: false, pixels: None }
    }

    /// Collects the required elements up to the pixel data.
    fn read_elements(&mut self, mut cursor: Cursor<'a>, encoding: Encoding) -> Result<(), Error> {
        let mut open: Vec<Level> = Vec::new();
        while !cursor.rest().is_empty() {
            while open.last().is_some_and(|level| level.end.is_some_and(|end| end <= cursor.at)) {
                open.pop();
            }
            let explicit = open.last().map_or(encoding.explicit, |level| level.explicit);
            // Some writers mix implicit elements into explicit ones.
            let is_implicit = explicit && cursor.looks_implicit();
            self.deviates |= is_implicit;
            let start = cursor.at;
            let header = cursor.header(explicit && !is_implicit);
            let header = header.ok_or_else(|| self.cut_off(&format!("the element at byte {start}")))?;
            match header.tag {
                END_OF_ITEM | END_OF_SEQUENCE => {
                    open.pop();
                }
                tags::PIXEL_DATA if open.is_empty() => {
                    self.pixels = Some(self.read_pixels(&mut cursor, &header, encoding)?);
                    return Ok(());
                }
                tag => match header.length {
                    Some(length) if tag != ITEM && !ENTERED.contains(&tag) => {
                        let value = cursor.take(length).ok_or_else(|| self.cut_off(&format!("element {tag}")))?;
                        if WANTED.iter().any(|field| field.0 == tag)
                            && let Some(scope) = self.scope(&open)
                        {
                            scope.entry(tag).or_insert(value);
                        }
                    }
                    // A compressed icon image.
                    None if tag == tags::PIXEL_DATA || [*b"OB", *b"OW"].contains(&header.vr) => {
                        self.fragments(&mut cursor)?;
                    }
                    length => {
                        if open.len() == MAX_DEPTH {
                            return Err(self.invalid_named("sequences", "they nest too deeply; export the file again"));
                        }
                        let in_frames = [tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE];
                        if tag == ITEM && open.iter().map(|level| level.tag).eq(in_frames) {
                            self.frames.push(Values::new());
                        }
                        let end = length.map(|length| cursor.at.saturating_add(length));
                        // The items of a sequence with VR UN are in implicit VR (PS3.5, section 6.2.2).
                        open.push(Level { tag, end, explicit: explicit && header.vr != *b"UN" });
                    }
                },
            }
        }
        Ok(())
    }

    /// The values that an element inside these sequences belongs to.
    fn scope(&mut self, open: &[Level]) -> Option<&mut Values<'a>> {
        // Private sequences can hold copies of what they belong to.
        if open.iter().any(|level| level.tag != ITEM && !ENTERED.contains(&level.tag)) {
            return None;
        }
        let sequence = open.first().map(|level| level.tag);
        // Skip the VOI LUT of a frame, which must not be mistaken for the modality LUT.
        if open.iter().skip(1).any(|level| level.tag == tags::VOILUT_SEQUENCE) {
            return None;
        }
        match sequence {
            None | Some(tags::MODALITY_LUT_SEQUENCE) => Some(&mut self.root),
            Some(tags::VOILUT_SEQUENCE) => Some(&mut self.display),
            Some(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE) => Some(&mut self.shared),
            Some(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE) => self.frames.last_mut(),
            Some(_) => None,
        }
    }

    /// Native pixels have a length, compressed ones have not, whatever the transfer syntax says.
    fn read_pixels(
        &mut self,
        cursor: &mut Cursor<'a>,
        header: &Header,
        encoding: Encoding,
    ) -> Result<PixelData<'a>, Error> {
        if let Some(length) = header.length {
            let unexpected = encoding.codec.is_some();
            self.deviates |= unexpected;
            let bytes = cursor.take(length).ok_or_else(|| self.cut_off(PIXELS.1))?;
            return Ok(PixelData::Native { bytes, words: header.vr != *b"OB", unexpected });
        }
        let mut items = self.fragments(cursor)?.into_iter();
        let offsets = items.next().ok_or_else(|| self.cut_off(PIXELS.1))?;
        let fragments: Vec<_> = items.collect();
        let found = fragments.first().and_then(|fragment| Codec::of(fragment));
        let Some(codec) = found.or(encoding.codec) else {
            let reason = "it is compressed although the transfer syntax says otherwise; export the file again";
            return Err(self.invalid(PIXELS, reason));
        };
        self.deviates |= encoding.codec != Some(codec);
        Ok(PixelData::Encapsulated { codec, offsets, fragments })
    }

    /// Whether words are big endian.
    pub(super) fn big_endian(&self) -> bool {
        self.big_endian
    }

    /// The items of encapsulated pixel data up to the sequence delimiter, which some writers omit.
    fn fragments(&self, cursor: &mut Cursor<'a>) -> Result<Vec<&'a [u8]>, Error> {
        let mut items = Vec::new();
        while let Some(Header { tag: ITEM, length: Some(length), .. }) = cursor.header(true) {
            items.push(cursor.take(length).ok_or_else(|| self.cut_off(PIXELS.1))?);
        }
        Ok(items)
    }

    /// The value for a frame if it has its own, else that for all frames.
    pub(super) fn value(&self, field: Field, frame: Option<usize>) -> Option<&'a [u8]> {
        let own = frame.and_then(|frame| self.frames.get(frame));
        let scopes = own.into_iter().chain([&self.shared, &self.root]);
        scopes.filter_map(|scope| scope.get(&field.0).copied()).find(|value| !value.is_empty())
    }

    /// Whether a frame has a value of its own.
    pub(super) fn has_own(&self, field: Field, frame: usize) -> bool {
        self.frames.get(frame).and_then(|values| values.get(&field.0)).is_some_and(|value| !value.is_empty())
    }

    /// An element's text.
    pub(super) fn text(&self, field: Field) -> Option<&'a str> {
        self.value(field, None).and_then(text)
    }

    /// The text of an element that may contain other than ASCII characters; `None` if it is in a character set other than UTF-8
    /// or Latin-1.
    pub(super) fn written(&self, field: Field) -> Option<String> {
        const ESCAPE: u8 = 0x1B;
        let bytes = self.value(field, None).filter(|bytes| !bytes.contains(&ESCAPE))?;
        let set = self.text(CHARACTERS).unwrap_or_default();
        let is_latin = matches!(set, "" | "ISO_IR 6" | "ISO_IR 100" | "ISO 2022 IR 100");
        // Files without a set, and some with Latin-1, are in UTF-8 as well.
        let is_known = bytes.is_ascii() || is_latin || set == "ISO_IR 192";
        let latin = || is_latin.then(|| bytes.iter().copied().map(char::from).collect());
        let written = std::str::from_utf8(bytes).ok().filter(|_| is_known).map(str::to_owned).or_else(latin)?;
        Some(excerpt(text(written.as_bytes())?)).filter(|written| !written.is_empty())
    }

    /// An element's bytes.
    pub(super) fn bytes(&self, field: Field) -> Option<&'a [u8]> {
        self.value(field, None)
    }

    pub(super) fn integer_or(&self, field: Field, otherwise: u16) -> Result<u16, Error> {
        match self.value(field, None) {
            Some(_) => self.integer(field),
            None => Ok(otherwise),
        }
    }

    pub(super) fn integer(&self, field: Field) -> Result<u16, Error> {
        let words = self.words(field)?;
        let [word] = words[..] else {
            let reason = match words.len() {
                0 => "it is missing".to_owned(),
                count => format!("it has {count} values instead of one"),
            };
            return Err(self.invalid(field, format!("{reason}; export the file again")));
        };
        Ok(word)
    }

    /// The 16-bit integers of an element; empty if absent.
    pub(super) fn words(&self, field: Field) -> Result<Vec<u16>, Error> {
        let words = self.as_words(self.value(field, None).unwrap_or_default());
        words.ok_or_else(|| {
            let bytes = self.value(field, None).unwrap_or_default().len();
            self.invalid(field, format!("its {bytes} bytes are not 16-bit integers; export the file again"))
        })
    }

    /// [`Self::words`] of the VOI LUT; `None` if absent or damaged.
    pub(super) fn display_words(&self, field: Field) -> Option<Vec<u16>> {
        self.as_words(self.display.get(&field.0)?)
    }

    fn as_words(&self, bytes: &[u8]) -> Option<Vec<u16>> {
        let (words, rest) = bytes.as_chunks();
        let word =
            |&bytes: &[u8; 2]| if self.big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) };
        rest.is_empty().then(|| words.iter().map(word).collect())
    }

    /// `N` finite numbers of a decimal or integer string, for one or all frames; `None` if absent or empty.
    pub(super) fn decimals<const N: usize>(
        &self,
        field: Field,
        frame: Option<usize>,
    ) -> Result<Option<[f64; N]>, Error> {
        let Some(numbers) = self.numbers(field, frame)? else { return Ok(None) };
        numbers.try_into().map(Some).map_err(|_| {
            let expected = if N == 1 { "one number".to_owned() } else { format!("{N} numbers") };
            let found = self.value(field, frame).and_then(text).map(excerpt).unwrap_or_default();
            self.invalid(field, format!("it is \"{found}\", not {expected}; export the file again"))
        })
    }

    /// All finite numbers of a decimal or integer string.
    pub(super) fn numbers(&self, field: Field, frame: Option<usize>) -> Result<Option<Vec<f64>>, Error> {
        let Some(text) = self.value(field, frame).map(|value| text(value).unwrap_or("not text")) else {
            return Ok(None);
        };
        let numbers = text.split('\\').map(|number| number.trim().parse::<f64>().ok().filter(|n| n.is_finite()));
        let numbers = numbers.collect::<Option<Vec<f64>>>();
        numbers.map(Some).ok_or_else(|| {
            self.invalid(field, format!("it is \"{}\", not a number; export the file again", excerpt(text)))
        })
    }

    pub(super) fn invalid(&self, field: Field, reason: impl ToString) -> Error {
        self.invalid_named(field.1, reason)
    }

    fn invalid_named(&self, field: &str, reason: impl ToString) -> Error {
        Error::invalid(self.name, field, reason)
    }

    fn cut_off(&self, field: &str) -> Error {
        cut_off(self.name, field)
    }

    pub(super) fn too_large(&self, field: Field, limit: u64) -> Error {
        Error::TooLarge { name: self.name.into(), field: field.1.into(), limit }
    }
}

/// The error for a file that ends within `field`.
pub(super) fn cut_off(name: &str, field: &str) -> Error {
    Error::invalid(name, field, "the file is damaged or ends early; copy or export it again")
}

/// A sequence or item that contains the cursor.
struct Level {
    tag: Tag,
    /// Offset of its end; `None` if a delimiter ends it.
    end: Option<usize>,
    explicit: bool,
}

/// The header of an element.
pub(super) struct Header {
    pub tag: Tag,
    pub vr: [u8; 2],
    /// Bytes of the value; `None` if a delimiter ends it.
    pub length: Option<usize>,
}

/// A read position in the bytes of a data set.
pub(super) struct Cursor<'a> {
    pub bytes: &'a [u8],
    pub at: usize,
    pub big_endian: bool,
}

impl<'a> Cursor<'a> {
    pub(super) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    pub(super) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let taken = self.rest().get(..length)?;
        self.at += length;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn u16(&mut self) -> Option<u16> {
        let bytes = self.array()?;
        Some(if self.big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    }

    fn u32(&mut self) -> Option<u32> {
        let bytes = self.array()?;
        Some(if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    }

    /// Whether the next element has a value representation: two capital letters.
    pub(super) fn looks_explicit(&self) -> bool {
        self.rest().get(4..6).is_some_and(|vr| vr.iter().all(u8::is_ascii_uppercase))
    }

    /// Whether the next element, which is no item, has no value representation but a length that fits.
    fn looks_implicit(&self) -> bool {
        let mut ahead = Self { bytes: self.bytes, at: self.at, big_endian: self.big_endian };
        let header = ahead.header(false).filter(|header| header.tag.group() != ITEM.group());
        let fits = |header: Header| header.length.is_none_or(|length| length <= ahead.rest().len());
        !self.looks_explicit() && header.is_some_and(fits)
    }

    pub(super) fn header(&mut self, explicit: bool) -> Option<Header> {
        let tag = Tag(self.u16()?, self.u16()?);
        let is_item = tag.group() == ITEM.group();
        let vr = if explicit && !is_item { self.array()? } else { [0; 2] };
        let length = match &vr {
            [0, 0] => self.u32()?,
            b"OB" | b"OD" | b"OF" | b"OL" | b"OV" | b"OW" | b"SQ" | b"SV" | b"UC" | b"UN" | b"UR" | b"UT" | b"UV" => {
                self.u16()?;
                self.u32()?
            }
            _ => self.u16()?.into(),
        };
        let length = (length != u32::MAX).then_some(length as usize);
        Some(Header { tag, vr, length })
    }
}

/// Text without the padding to even length.
pub(super) fn text(value: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(value).ok()?;
    Some(text.trim_matches(|c: char| c.is_whitespace() || c == '\0'))
}
