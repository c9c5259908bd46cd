//! Uncompressed CT in DICOM: the elements that decide what the pixels mean, and the pixels.
//!
//! The data set is walked once, without recursion and without copying a value, so that no claimed length and no
//! nesting costs more than the bytes that are there.

use std::collections::BTreeMap;

use dicom_core::Tag;
use dicom_dictionary_std::{tags, uids};

use crate::scan::ScanError;
use crate::{Limits, Slice, Spacing};

/// An element's tag and the keyword that messages name it by.
#[derive(Clone, Copy)]
struct Field(Tag, &'static str);

const TRANSFER_SYNTAX: Field = Field(tags::TRANSFER_SYNTAX_UID, "TransferSyntaxUID");
const MODALITY: Field = Field(tags::MODALITY, "Modality");
const ORIENTATION: Field = Field(tags::IMAGE_ORIENTATION_PATIENT, "ImageOrientationPatient");
const SAMPLES: Field = Field(tags::SAMPLES_PER_PIXEL, "SamplesPerPixel");
const PHOTOMETRIC: Field = Field(tags::PHOTOMETRIC_INTERPRETATION, "PhotometricInterpretation");
const FRAMES: Field = Field(tags::NUMBER_OF_FRAMES, "NumberOfFrames");
const ROWS: Field = Field(tags::ROWS, "Rows");
const COLUMNS: Field = Field(tags::COLUMNS, "Columns");
const SPACING: Field = Field(tags::PIXEL_SPACING, "PixelSpacing");
const ALLOCATED: Field = Field(tags::BITS_ALLOCATED, "BitsAllocated");
const STORED: Field = Field(tags::BITS_STORED, "BitsStored");
const HIGH_BIT: Field = Field(tags::HIGH_BIT, "HighBit");
const REPRESENTATION: Field = Field(tags::PIXEL_REPRESENTATION, "PixelRepresentation");
const INTERCEPT: Field = Field(tags::RESCALE_INTERCEPT, "RescaleIntercept");
const SLOPE: Field = Field(tags::RESCALE_SLOPE, "RescaleSlope");
const PIXELS: Field = Field(tags::PIXEL_DATA, "PixelData");

const WANTED: [Field; 15] = [
    MODALITY,
    ORIENTATION,
    SAMPLES,
    PHOTOMETRIC,
    FRAMES,
    ROWS,
    COLUMNS,
    SPACING,
    ALLOCATED,
    STORED,
    HIGH_BIT,
    REPRESENTATION,
    INTERCEPT,
    SLOPE,
    PIXELS,
];

const ITEM: Tag = Tag(0xFFFE, 0xE000);
const END_OF_ITEM: Tag = Tag(0xFFFE, 0xE00D);
const END_OF_SEQUENCE: Tag = Tag(0xFFFE, 0xE0DD);

/// Where enhanced CT keeps spacing, orientation and rescaling.
const FUNCTIONAL_GROUPS: [Tag; 2] =
    [tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE, tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE];
const INSIDE_FUNCTIONAL_GROUPS: [Tag; 3] =
    [tags::PIXEL_MEASURES_SEQUENCE, tags::PLANE_ORIENTATION_SEQUENCE, tags::PIXEL_VALUE_TRANSFORMATION_SEQUENCE];

/// Retired, and so marked deprecated in the dictionary.
const BIG_ENDIAN: &str = "1.2.840.10008.1.2.2";

/// Deeper than any real data set nests.
const MAX_DEPTH: usize = 64;

/// The cosine of 15 degrees, how far an axial slice may be tilted.
const MIN_COSINE: f64 = 0.965_925_8;

/// Whether the bytes begin as DICOM does, with or without its preamble.
pub(crate) fn is_dicom(bytes: &[u8]) -> bool {
    first_element(bytes).is_some()
}

/// The frames of a file as axial slices in radiological view (patient's right on the left, anterior on top), in stored
/// order, in HU.
pub(crate) fn read(bytes: &[u8], name: &str, limits: &Limits) -> Result<Vec<Slice>, ScanError> {
    let data = DataSet::parse(bytes, name)?;
    data.require_ct()?;
    let grid = data.grid(limits)?;
    let encoding = data.encoding()?;
    let view = data.view()?;
    let spacing = data.spacing()?;
    let pixels = data.pixels(grid.voxels() * encoding.bytes as u64)?;
    let frame_bytes = grid.columns * grid.rows * encoding.bytes;
    let frame = |stored: &[u8]| {
        let mut hu = encoding.hu(stored);
        view.apply(&mut hu, grid.columns);
        Slice::new(grid.columns, grid.rows, hu, spacing).map_err(|reason| data.invalid(PIXELS, reason))
    };
    pixels.chunks_exact(frame_bytes).map(frame).collect()
}

/// Offset of the first element: after preamble and magic code, after the magic code, or at once.
fn first_element(bytes: &[u8]) -> Option<usize> {
    if bytes.get(128..).is_some_and(|rest| rest.starts_with(b"DICM")) {
        return Some(132);
    }
    match bytes {
        [b'D', b'I', b'C', b'M', ..] => Some(4),
        [2, 0, 0, 0, ..] | [8, 0, _, 0, ..] => Some(0),
        _ => None,
    }
}

struct Grid {
    columns: usize,
    rows: usize,
    frames: usize,
}

impl Grid {
    fn voxels(&self) -> u64 {
        self.columns as u64 * self.rows as u64 * self.frames as u64
    }
}

/// How the bytes of a pixel become HU.
struct Encoding {
    bytes: usize,
    /// Bits above the stored ones in a 16-bit word, at most 15.
    unused_bits: u32,
    signed: bool,
    /// MONOCHROME1: the largest stored value is black.
    inverted: bool,
    slope: f64,
    intercept: f64,
}

impl Encoding {
    fn hu(&self, frame: &[u8]) -> Vec<f32> {
        frame.chunks_exact(self.bytes).map(|pixel| self.pixel_hu(pixel)).collect()
    }

    fn pixel_hu(&self, pixel: &[u8]) -> f32 {
        let word = pixel.iter().rev().fold(0_u16, |word, &byte| word << 8 | u16::from(byte));
        // The shift up drops overlay bits above the stored ones, the shift down extends the sign.
        let shifted = word << self.unused_bits;
        let stored = if self.signed {
            i32::from(shifted as i16 >> self.unused_bits)
        } else {
            i32::from(shifted >> self.unused_bits)
        };
        // The smallest and largest stored values add up to -1 or to all ones.
        let ends = if self.signed { -1 } else { i32::from(u16::MAX >> self.unused_bits) };
        let stored = if self.inverted { ends - stored } else { stored };
        (f64::from(stored) * self.slope + self.intercept) as f32
    }
}

/// What turns a stored frame into the radiological view.
#[derive(Default)]
struct View {
    flip_rows: bool,
    flip_columns: bool,
}

impl View {
    fn apply(&self, hu: &mut [f32], columns: usize) {
        if self.flip_rows {
            hu.reverse();
        }
        // Reversing the whole frame has flipped the columns too.
        if self.flip_rows != self.flip_columns {
            hu.chunks_exact_mut(columns).for_each(<[f32]>::reverse);
        }
    }
}

/// The wanted elements of a file.
struct DataSet<'a> {
    name: &'a str,
    values: BTreeMap<Tag, &'a [u8]>,
}

impl<'a> DataSet<'a> {
    fn parse(bytes: &'a [u8], name: &'a str) -> Result<Self, ScanError> {
        let mut data = Self { name, values: BTreeMap::new() };
        let at = first_element(bytes).ok_or_else(|| data.cut_off("the preamble"))?;
        let mut cursor = Cursor { bytes, at };
        let syntax = data.read_meta(&mut cursor)?;
        let explicit = match syntax {
            Some(uids::IMPLICIT_VR_LITTLE_ENDIAN) => false,
            Some(uids::EXPLICIT_VR_LITTLE_ENDIAN) => true,
            Some(other) => {
                let reason = format!(
                    "{} is not read here; convert the file to Explicit VR Little Endian, for example with `gdcmconv --raw`",
                    syntax_name(other).map_or_else(|| quoted(other), str::to_owned)
                );
                return Err(data.invalid(TRANSFER_SYNTAX, reason));
            }
            None => cursor.looks_explicit(),
        };
        data.read_elements(cursor, explicit)?;
        Ok(data)
    }

    /// Reads the file meta information, if any, and returns the transfer syntax.
    fn read_meta(&self, cursor: &mut Cursor<'a>) -> Result<Option<&'a str>, ScanError> {
        let mut syntax = None;
        while cursor.rest().starts_with(&[2, 0]) {
            let header = cursor.header(true).ok_or_else(|| self.cut_off("the file meta information"))?;
            let value = header.length.and_then(|length| cursor.take(length));
            let value = value.ok_or_else(|| self.cut_off("the file meta information"))?;
            if header.tag == TRANSFER_SYNTAX.0 {
                syntax = text(value);
            }
        }
        Ok(syntax)
    }

    /// Collects the wanted elements up to the pixel data.
    fn read_elements(&mut self, mut cursor: Cursor<'a>, explicit: bool) -> Result<(), ScanError> {
        let mut open: Vec<Level> = Vec::new();
        while !cursor.rest().is_empty() {
            while open.last().is_some_and(|level| level.end.is_some_and(|end| end <= cursor.at)) {
                open.pop();
            }
            let explicit = open.last().map_or(explicit, |level| level.explicit);
            let header = cursor.header(explicit).ok_or_else(|| self.cut_off("an element"))?;
            match header.tag {
                END_OF_ITEM | END_OF_SEQUENCE => {
                    open.pop();
                }
                tags::PIXEL_DATA if open.is_empty() => {
                    let Some(length) = header.length else {
                        let reason =
                            "it is compressed although the transfer syntax says otherwise; export the file again";
                        return Err(self.invalid(PIXELS, reason));
                    };
                    let value = cursor.take(length).ok_or_else(|| self.cut_off(PIXELS.1))?;
                    return self.keep(PIXELS, value);
                }
                tag => match header.length {
                    Some(length) if !is_entered(tag) => {
                        let value = cursor.take(length).ok_or_else(|| self.cut_off(&format!("element {tag}")))?;
                        let root = open.first().map(|level| level.tag);
                        let wanted = WANTED.iter().find(|field| field.0 == tag);
                        if let Some(field) = wanted.filter(|_| root.is_none_or(|tag| FUNCTIONAL_GROUPS.contains(&tag)))
                        {
                            self.keep(*field, value)?;
                        }
                    }
                    length => {
                        if open.len() == MAX_DEPTH {
                            return Err(self.invalid_named("sequences", "they nest too deeply; export the file again"));
                        }
                        let end = length.map(|length| cursor.at.saturating_add(length));
                        // A sequence of unknown representation is encoded implicitly.
                        open.push(Level { tag, end, explicit: explicit && header.vr != *b"UN" });
                    }
                },
            }
        }
        Ok(())
    }

    /// Keeps a value; frames that disagree about one cannot share it.
    fn keep(&mut self, field: Field, value: &'a [u8]) -> Result<(), ScanError> {
        match self.values.insert(field.0, value) {
            Some(other) if other != value => {
                Err(self.invalid(field, "it differs between frames; export the frames as single CT slices"))
            }
            _ => Ok(()),
        }
    }

    /// Values in HU need CT.
    fn require_ct(&self) -> Result<(), ScanError> {
        match self.text(MODALITY) {
            None | Some("CT") => Ok(()),
            Some(other) => Err(self.invalid(MODALITY, format!("it is {}; only CT has values in HU", quoted(other)))),
        }
    }

    fn grid(&self, limits: &Limits) -> Result<Grid, ScanError> {
        let columns = self.side(COLUMNS, limits)?;
        let rows = self.side(ROWS, limits)?;
        let frames = self.decimals::<1>(FRAMES)?.map_or(1.0, |[frames]| frames);
        if frames < 1.0 || frames.fract() != 0.0 {
            return Err(self.invalid(FRAMES, format!("it is {frames}, not a count; export the file again")));
        }
        if frames > f64::from(limits.slices) {
            return Err(self.too_large(FRAMES, limits.slices.into()));
        }
        let grid = Grid { columns, rows, frames: frames as usize };
        if grid.voxels() > limits.voxels {
            return Err(self.too_large(PIXELS, limits.voxels));
        }
        Ok(grid)
    }

    fn side(&self, field: Field, limits: &Limits) -> Result<usize, ScanError> {
        let side = self.integer(field)?;
        if side == 0 {
            return Err(self.invalid(field, "it is 0; export the file again"));
        }
        if u32::from(side) > limits.side {
            return Err(self.too_large(field, limits.side.into()));
        }
        Ok(side.into())
    }

    fn encoding(&self) -> Result<Encoding, ScanError> {
        let samples = self.integer_or(SAMPLES, 1)?;
        if samples != 1 {
            return Err(self.invalid(SAMPLES, format!("it is {samples}; a CT slice is grey and has 1")));
        }
        let allocated = self.integer(ALLOCATED)?;
        if allocated != 8 && allocated != 16 {
            return Err(self.invalid(ALLOCATED, format!("it is {allocated}; export the slice with 8 or 16")));
        }
        let stored = self.integer_or(STORED, allocated)?;
        if stored == 0 || stored > allocated {
            return Err(self.invalid(STORED, format!("it is {stored}, not 1 to {allocated}; export the file again")));
        }
        let high_bit = self.integer_or(HIGH_BIT, stored - 1)?;
        if high_bit != stored - 1 {
            return Err(self.invalid(HIGH_BIT, format!("it is {high_bit}, not {}; export the file again", stored - 1)));
        }
        let inverted = match self.text(PHOTOMETRIC) {
            Some("MONOCHROME1") => true,
            Some("MONOCHROME2") | None => false,
            Some(other) => {
                return Err(self.invalid(PHOTOMETRIC, format!("it is {}; export a grey slice", quoted(other))));
            }
        };
        let [slope] = self.decimals(SLOPE)?.unwrap_or([1.0]);
        let [intercept] = self.decimals(INTERCEPT)?.unwrap_or([0.0]);
        if slope == 0.0 {
            return Err(self.invalid(SLOPE, "it is 0, which makes every pixel the same; export the file again"));
        }
        Ok(Encoding {
            bytes: usize::from(allocated / 8),
            unused_bits: u32::from(16 - stored),
            signed: self.integer_or(REPRESENTATION, 0)? == 1,
            inverted,
            slope,
            intercept,
        })
    }

    /// The flips that put the patient's right on the left and anterior on top; a file that is silent is taken as it is.
    fn view(&self) -> Result<View, ScanError> {
        let Some([rx, ry, rz, cx, cy, cz]) = self.decimals(ORIENTATION)? else {
            return Ok(View::default());
        };
        // DICOM's x points to the patient's left and its y to the back, as columns and rows do in the view.
        let along_x = rx / (rx * rx + ry * ry + rz * rz).sqrt();
        let along_y = cy / (cx * cx + cy * cy + cz * cz).sqrt();
        if along_x.abs() >= MIN_COSINE && along_y.abs() >= MIN_COSINE {
            return Ok(View { flip_rows: along_y < 0.0, flip_columns: along_x < 0.0 });
        }
        Err(self.invalid(ORIENTATION, "the slice is not axial within 15 degrees; reconstruct axial slices"))
    }

    fn spacing(&self) -> Result<Option<Spacing>, ScanError> {
        let Some([row_mm, column_mm]) = self.decimals(SPACING)? else {
            return Ok(None);
        };
        let spacing = Spacing::new(row_mm as f32, column_mm as f32);
        spacing.map(Some).map_err(|reason| self.invalid(SPACING, format!("{reason}; correct or remove it")))
    }

    /// The first `length` bytes of the pixel data.
    fn pixels(&self, length: u64) -> Result<&'a [u8], ScanError> {
        let Some(pixels) = self.values.get(&PIXELS.0) else {
            return Err(self.invalid(PIXELS, "it is missing; the file holds no picture or is cut off"));
        };
        let wanted = usize::try_from(length).ok().and_then(|length| pixels.get(..length));
        wanted.ok_or_else(|| {
            let reason = format!("it has {} bytes instead of {length}; copy or export the file again", pixels.len());
            self.invalid(PIXELS, reason)
        })
    }

    fn text(&self, field: Field) -> Option<&'a str> {
        self.values.get(&field.0).and_then(|value| text(value)).filter(|value| !value.is_empty())
    }

    fn integer_or(&self, field: Field, default: u16) -> Result<u16, ScanError> {
        if self.values.contains_key(&field.0) { self.integer(field) } else { Ok(default) }
    }

    fn integer(&self, field: Field) -> Result<u16, ScanError> {
        match self.values.get(&field.0) {
            Some([low, high]) => Ok(u16::from_le_bytes([*low, *high])),
            Some(_) => Err(self.invalid(field, "it is not one 16-bit integer; export the file again")),
            None => Err(self.invalid(field, "it is missing; export the file again")),
        }
    }

    /// The `N` finite numbers of a decimal or integer string; `None` when the element is absent or empty.
    fn decimals<const N: usize>(&self, field: Field) -> Result<Option<[f64; N]>, ScanError> {
        if self.values.get(&field.0).is_none_or(|value| value.is_empty()) {
            return Ok(None);
        }
        let numbers = self.text(field).and_then(|text| {
            let numbers = text.split('\\').map(|number| number.trim().parse::<f64>().ok().filter(|n| n.is_finite()));
            numbers.collect::<Option<Vec<f64>>>()?.try_into().ok()
        });
        numbers.map(Some).ok_or_else(|| {
            let expected = if N == 1 { "one number".to_owned() } else { format!("{N} numbers") };
            self.invalid(field, format!("it is not {expected}; export the file again"))
        })
    }

    fn invalid(&self, field: Field, reason: impl ToString) -> ScanError {
        self.invalid_named(field.1, reason)
    }

    fn invalid_named(&self, field: &str, reason: impl ToString) -> ScanError {
        ScanError::invalid(self.name, field, reason)
    }

    fn cut_off(&self, field: &str) -> ScanError {
        self.invalid_named(field, "the file is damaged or ends early; copy or export it again")
    }

    fn too_large(&self, field: Field, limit: u64) -> ScanError {
        ScanError::TooLarge { name: self.name.into(), field: field.1.into(), limit }
    }
}

/// Sequences and items that are read instead of skipped.
fn is_entered(tag: Tag) -> bool {
    tag == ITEM || FUNCTIONAL_GROUPS.contains(&tag) || INSIDE_FUNCTIONAL_GROUPS.contains(&tag)
}

/// A sequence or item that the cursor is in.
struct Level {
    tag: Tag,
    /// Offset of its end, unless a delimiter ends it.
    end: Option<usize>,
    explicit: bool,
}

struct Header {
    tag: Tag,
    vr: [u8; 2],
    /// Bytes of the value; `None` when a delimiter ends it.
    length: Option<usize>,
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let taken = self.rest().get(..length)?;
        self.at += length;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    /// Whether the next element states its value representation, two capital letters.
    fn looks_explicit(&self) -> bool {
        self.rest().get(4..6).is_some_and(|vr| vr.iter().all(u8::is_ascii_uppercase))
    }

    fn header(&mut self, explicit: bool) -> Option<Header> {
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

/// Text without the padding that makes its length even.
fn text(value: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(value).ok()?;
    Some(text.trim_matches(|c: char| c.is_whitespace() || c == '\0'))
}

/// A file's own text for a message: short, and without line breaks or control characters.
fn quoted(text: &str) -> String {
    text.chars().take(64).flat_map(char::escape_default).collect()
}

/// The name of a transfer syntax that is not read.
fn syntax_name(uid: &str) -> Option<&'static str> {
    Some(match uid {
        uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN => "Deflated Explicit VR Little Endian",
        BIG_ENDIAN => "Explicit VR Big Endian",
        uids::JPEG_BASELINE8_BIT => "JPEG Baseline",
        uids::JPEG_EXTENDED12_BIT => "JPEG Extended",
        uids::JPEG_LOSSLESS | uids::JPEG_LOSSLESS_SV1 => "JPEG Lossless",
        uids::JPEGLS_LOSSLESS => "JPEG-LS Lossless",
        uids::JPEGLS_NEAR_LOSSLESS => "JPEG-LS Near-Lossless",
        uids::HTJ2K | uids::HTJ2K_LOSSLESS | uids::HTJ2K_LOSSLESS_RPCL => "High-Throughput JPEG 2000",
        uids::JPEG2000_LOSSLESS => "JPEG 2000 Lossless",
        uids::JPEG2000 => "JPEG 2000",
        uids::RLE_LOSSLESS => "RLE Lossless",
        _ => return None,
    })
}
