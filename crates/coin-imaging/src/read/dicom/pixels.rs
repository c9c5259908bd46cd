//! Conversion of stored pixels to HU or, except for CT, to intensities.

use std::borrow::Cow;

use super::Grid;
use super::codec::{Codec, RLE_HEADER};
use super::dataset::{
    ALLOCATED, DataSet, HIGH_BIT, INTERCEPT, LUT_DATA, LUT_DESCRIPTOR, PADDING, PADDING_LIMIT, PHOTOMETRIC, PIXELS,
    PixelData, REPRESENTATION, RESCALE_TYPE, SAMPLES, SLOPE, STORED,
};
use crate::Error;
use crate::Window;
use crate::error::excerpt;

/// HU of pixels without a measurement.
const AIR_HU: f32 = -1024.0;

/// The pixels of a file and their interpretation.
pub(super) struct Stored<'a, 'b> {
    data: &'b DataSet<'a>,
    grid: &'b Grid,
    /// Bytes per pixel: 1 or 2.
    bytes: usize,
    /// Bits above the stored ones in a 16-bit word; at most 15.
    unused_bits: u32,
    signed: bool,
    /// First and last padding value.
    padding: Option<(i32, i32)>,
    ct: bool,
    /// Smallest and largest storable value, if high values are displayed dark.
    inverted: Option<[i32; 2]>,
    table: Option<Table>,
}

/// A modality LUT: HU by stored value (DICOM PS3.3, section C.11.1).
struct Table {
    first: i32,
    hu: Vec<u16>,
}

impl<'a, 'b> Stored<'a, 'b> {
    /// Interprets values as HU for CT, and as displayed brightness otherwise.
    pub(super) fn of(data: &'b DataSet<'a>, grid: &'b Grid, ct: bool) -> Result<Self, Error> {
        let samples = data.integer_or(SAMPLES, 1)?;
        if samples != 1 {
            return Err(data.invalid(SAMPLES, format!("it is {samples}; a greyscale image has 1")));
        }
        let allocated = data.integer(ALLOCATED)?;
        if allocated != 8 && allocated != 16 {
            return Err(data.invalid(ALLOCATED, format!("it is {allocated}; export the slice with 8 or 16")));
        }
        let stored = data.integer_or(STORED, allocated)?;
        if stored == 0 || stored > allocated {
            return Err(data.invalid(STORED, format!("it is {stored}, not 1 to {allocated}; export the file again")));
        }
        let high_bit = data.integer_or(HIGH_BIT, stored - 1)?;
        if high_bit != stored - 1 {
            return Err(data.invalid(HIGH_BIT, format!("it is {high_bit}, not {}; export the file again", stored - 1)));
        }
        // MONOCHROME1 displays high values dark, but HU keep their meaning.
        let dark = match data.text(PHOTOMETRIC) {
            Some("MONOCHROME1") => !ct,
            Some("MONOCHROME2") | None => false,
            Some(other) => {
                return Err(data.invalid(PHOTOMETRIC, format!("it is {}; export a greyscale slice", excerpt(other))));
            }
        };
        // Photon-counting and spectral CT also store other quantities.
        match data.text(RESCALE_TYPE) {
            None => {}
            Some(kind) if !ct || ["HU", "US"].iter().any(|known| known.eq_ignore_ascii_case(kind)) => {}
            Some(other) => {
                let reason = format!("it is {}; export the reconstruction in HU", excerpt(other));
                return Err(data.invalid(RESCALE_TYPE, reason));
            }
        }
        let unused_bits = u32::from(16 - stored);
        let signed = data.integer_or(REPRESENTATION, 0)? == 1;
        let ends = if signed { [-(1 << (stored - 1)), (1 << (stored - 1)) - 1] } else { [0, (1 << stored) - 1] };
        let mut stored = Self {
            data,
            grid,
            bytes: usize::from(allocated / 8),
            unused_bits,
            signed,
            padding: None,
            ct,
            inverted: dark.then_some(ends),
            table: None,
        };
        stored.table = stored.modality_lut()?;
        if let [value] = data.words(PADDING)?[..] {
            let limit = data.words(PADDING_LIMIT)?.first().copied().unwrap_or(value);
            // Some writers set bits above the stored ones, in the pixels and here.
            let [value, limit] = [value, limit].map(|word| stored.value(&word.to_le_bytes()));
            stored.padding = Some((value.min(limit), value.max(limit)));
        }
        Ok(stored)
    }

    fn modality_lut(&self) -> Result<Option<Table>, Error> {
        let (descriptor, hu) = (self.data.words(LUT_DESCRIPTOR)?, self.data.words(LUT_DATA)?);
        let [length, first, bits] = descriptor[..] else { return Ok(None) };
        // A length of 0 means 65536.
        let length = if length == 0 { 1 << 16 } else { usize::from(length) };
        if bits <= 8 && hu.len() == length.div_ceil(2) {
            let bytes = self.data.bytes(LUT_DATA).unwrap_or_default();
            return Ok(Some(Table { first: self.extended(first), hu: bytes.iter().copied().map(u16::from).collect() }));
        }
        if hu.len() != length {
            let reason = format!("it has {} entries instead of {length}; export the file again", hu.len());
            return Err(self.data.invalid(LUT_DATA, reason));
        }
        Ok(Some(Table { first: self.extended(first), hu }))
    }

    /// A word from an element beside the pixels, with their sign.
    fn extended(&self, word: u16) -> i32 {
        if self.signed { i32::from(word as i16) } else { i32::from(word) }
    }

    /// The bytes of every frame, little endian.
    pub(super) fn frames(&self) -> Result<Vec<Cow<'a, [u8]>>, Error> {
        let Some(pixels) = &self.data.pixels else {
            return Err(self.data.invalid(PIXELS, "it is missing; the file holds no picture or is cut off"));
        };
        match pixels {
            PixelData::Native { bytes, words, unexpected } => self.native(bytes, *words, *unexpected),
            PixelData::Encapsulated { codec, offsets, fragments } => {
                let frames = self.gather(*codec, offsets, fragments)?;
                let (columns, rows) = (self.grid.columns, self.grid.rows);
                let decode = |frame: Cow<'a, [u8]>| {
                    let pixels = codec.decode(&frame, columns, rows, self.bytes);
                    pixels.map(Cow::Owned).map_err(|reason| self.data.invalid(PIXELS, reason))
                };
                frames.into_iter().map(decode).collect()
            }
        }
    }

    fn native(&self, bytes: &'a [u8], words: bool, unexpected: bool) -> Result<Vec<Cow<'a, [u8]>>, Error> {
        let frame = self.grid.pixels() * self.bytes;
        let needed = frame * self.grid.frames;
        // Only the exact length tells that these are pixels.
        if unexpected && bytes.len() != needed.next_multiple_of(2) {
            let reason = format!(
                "the transfer syntax says that it is compressed, but it has a length, {} bytes instead of the {needed} of \
                 uncompressed pixels; export the file again",
                bytes.len()
            );
            return Err(self.data.invalid(PIXELS, reason));
        }
        let Some(pixels) = bytes.get(..needed) else {
            let reason = format!("it has {} bytes instead of {needed}; copy or export the file again", bytes.len());
            return Err(self.data.invalid(PIXELS, reason));
        };
        // Padding is zero. More than that are frames or bytes of pixels that the header does not mention.
        let excess = bytes.get(needed..).unwrap_or_default();
        if excess.len() >= frame && excess.iter().any(|&byte| byte != 0) {
            let reason = format!(
                "it has {} bytes instead of {needed}, so NumberOfFrames or BitsAllocated is wrong; export the file again",
                bytes.len()
            );
            return Err(self.data.invalid(PIXELS, reason));
        }
        if !self.data.big_endian() || !words {
            return Ok(pixels.chunks_exact(frame).map(Cow::Borrowed).collect());
        }
        // In a word with two 8-bit pixels, the first is the low byte as well. An odd end includes the padding byte.
        let padded = bytes.get(..needed.next_multiple_of(2)).unwrap_or(pixels);
        let mut swapped = padded.to_vec();
        swapped.chunks_exact_mut(2).for_each(<[u8]>::reverse);
        Ok(swapped.chunks_exact(frame).take(self.grid.frames).map(|frame| Cow::Owned(frame.to_vec())).collect())
    }

    /// Assembles the compressed frames from their fragments.
    fn gather(&self, codec: Codec, offsets: &[u8], fragments: &[&'a [u8]]) -> Result<Vec<Cow<'a, [u8]>>, Error> {
        let frames = self.grid.frames;
        // A frame of RLE begins with the number of its segments, a byte of a pixel each, and the place of the first (PS3.5, section
        // G.5); those of other codecs begin with a signature.
        let rle = [self.bytes as u8, 0, 0, 0, RLE_HEADER as u8, 0, 0, 0];
        let begins = |fragment: &&&[u8]| match codec {
            Codec::Rle => fragment.starts_with(&rle),
            _ => Codec::of(fragment).is_some(),
        };
        let begun = fragments.iter().filter(begins).count();
        if begun > frames {
            let reason = format!("it has {begun} frames, but NumberOfFrames says {frames}; export the file again");
            return Err(self.data.invalid(PIXELS, reason));
        }
        if fragments.len() == frames {
            return Ok(fragments.iter().copied().map(Cow::Borrowed).collect());
        }
        if frames == 1 {
            return Ok(vec![Cow::Owned(fragments.concat())]);
        }
        // Offsets are relative to the first fragment's item, whose tag and length take 8 bytes.
        let (offsets, _) = offsets.as_chunks();
        let mut starts = offsets.iter().map(|offset| u64::from(u32::from_le_bytes(*offset))).peekable();
        let mut gathered: Vec<Vec<u8>> = Vec::new();
        let mut at = 0;
        for fragment in fragments {
            if starts.next_if_eq(&at).is_some() {
                gathered.push(Vec::new());
            }
            if let Some(frame) = gathered.last_mut() {
                frame.extend(*fragment);
            }
            at += 8 + fragment.len() as u64;
        }
        if gathered.len() != frames {
            let reason = format!(
                "it has {} fragments for {frames} frames, and {}; export the file again",
                fragments.len(),
                if offsets.is_empty() { "no offset table" } else { "its offset table names others" }
            );
            return Err(self.data.invalid(PIXELS, reason));
        }
        Ok(gathered.into_iter().map(Cow::Owned).collect())
    }

    /// The HU of a frame or, except for CT, intensities that increase with brightness. Padding becomes air or, except
    /// for CT, the smallest intensity.
    pub(super) fn hu(&self, frame: usize, pixels: &[u8]) -> Result<Vec<f32>, Error> {
        let meant = self.meaning(frame)?;
        let sum = self.inverted.map(|ends| meant(ends[0]) + meant(ends[1]));
        let is_padding =
            |stored: i32| self.padding.as_ref().is_some_and(|(first, last)| (*first..=*last).contains(&stored));
        let shown = |stored: i32| match sum {
            Some(sum) => sum - meant(stored),
            None => meant(stored),
        };
        let stored = || pixels.chunks_exact(self.bytes).map(|pixel| self.value(pixel));
        let nothing = match self.ct {
            true => AIR_HU,
            false => stored().filter(|stored| !is_padding(*stored)).map(shown).reduce(f32::min).unwrap_or_default(),
        };
        Ok(stored().map(|stored| if is_padding(stored) { nothing } else { shown(stored) }).collect())
    }

    /// Mirrors the recommended window if high values are displayed dark.
    pub(super) fn mirrored(&self, window: Window) -> Result<Option<Window>, Error> {
        let Some(ends) = self.inverted else { return Ok(Some(window)) };
        let meant = self.meaning(0)?;
        let sum = meant(ends[0]) + meant(ends[1]);
        Ok(Window::new(sum - window.high(), sum - window.low()).ok())
    }

    /// The function from stored values of a frame to HU or intensities.
    fn meaning(&self, frame: usize) -> Result<impl Fn(i32) -> f32 + '_, Error> {
        let [slope] = self.data.decimals(SLOPE, Some(frame))?.unwrap_or([1.0]);
        let [intercept] = self.data.decimals(INTERCEPT, Some(frame))?.unwrap_or([0.0]);
        if slope == 0.0 {
            return Err(self.data.invalid(SLOPE, "it is 0; export the file again"));
        }
        Ok(move |stored: i32| match &self.table {
            Some(table) => table.hu(stored),
            None => (f64::from(stored) * slope + intercept) as f32,
        })
    }

    fn value(&self, pixel: &[u8]) -> i32 {
        let word = pixel.iter().rev().fold(0_u16, |word, &byte| word << 8 | u16::from(byte));
        // The left shift drops overlay bits above the stored ones; the right shift extends the sign.
        let shifted = word << self.unused_bits;
        match self.signed {
            true => i32::from(shifted as i16 >> self.unused_bits),
            false => i32::from(shifted >> self.unused_bits),
        }
    }
}

impl Table {
    /// Values outside the table map to its ends.
    fn hu(&self, stored: i32) -> f32 {
        let index = (stored - self.first).clamp(0, self.hu.len().saturating_sub(1) as i32);
        self.hu.get(index as usize).copied().unwrap_or_default().into()
    }
}
