//! PNG, JPEG and BMP pictures, whose intensities map to HU through a given window.

use std::io::Cursor;

use image::{ColorType, DynamicImage, ImageDecoder as _, ImageReader, Limits as DecoderLimits};

use crate::Error;
use crate::{Limits, Slice, Window};

/// The start of PNG.
const PNG: &[u8] = b"\x89PNG";

/// Whether the bytes start like one of these formats.
pub(crate) fn is_picture(bytes: &[u8]) -> bool {
    let starts: [&[u8]; 2] = [PNG, b"\xFF\xD8\xFF"];
    // "BM" alone is ambiguous; the next field is the file size.
    let bitmap = bytes.get(2..6).and_then(|size| size.try_into().ok()).map(u32::from_le_bytes);
    // Some writers leave it 0; the size of the next header tells, too.
    let header = bytes.get(14..18).and_then(|size| size.try_into().ok()).map(u32::from_le_bytes);
    let is_bitmap = bytes.starts_with(b"BM")
        && bitmap.is_some_and(|size| size as usize <= bytes.len() && size > 14 || size == 0 && header == Some(40));
    is_bitmap || starts.iter().any(|start| bytes.starts_with(start))
}

/// Reads a picture as a slice: black is the low end of `intensities`, white the high end. Colour pictures must have
/// equal channels.
pub(crate) fn read(bytes: &[u8], name: &str, intensities: Window, limits: &Limits) -> Result<Slice, Error> {
    let (width, height, levels, white) = levels(bytes, name, limits)?;
    let hu = levels.into_iter().map(|level| intensities.hu_of_unit(f32::from(level) / white)).collect();
    Slice::new(width, height, hu, None).map_err(|reason| Error::invalid(name, "size", reason))
}

/// Reads a label picture: one class per pixel.
pub(crate) fn read_labels(bytes: &[u8], name: &str, limits: &Limits) -> Result<(usize, usize, Vec<u8>), Error> {
    let (width, height, mut levels, _) = levels(bytes, name, limits)?;
    // The decoder spreads fewer bits over all 8.
    if let Some(bits) = grey_bits(bytes).filter(|bits| *bits < 8) {
        levels.iter_mut().for_each(|level| *level >>= 8 - bits);
    }
    let label = |level| u8::try_from(level).map_err(|_| Error::invalid(name, "label", format!("{level} exceeds 255")));
    Ok((width, height, levels.into_iter().map(label).collect::<Result<_, _>>()?))
}

/// The bits of a pixel of a grey PNG (PNG, section 11.2.1).
fn grey_bits(bytes: &[u8]) -> Option<u8> {
    match bytes.get(..26)? {
        [.., bits, 0] if bytes.starts_with(PNG) => Some(*bits),
        _ => None,
    }
}

/// Verifies the checksum of all pixels of a PNG (Adler-32), which the decoder of pictures skips.
fn verify(bytes: &[u8]) -> Result<(), png::DecodingError> {
    let mut options = png::DecodeOptions::default();
    options.set_ignore_adler32(false);
    options.set_ignore_text_chunk(true);
    options.set_ignore_iccp_chunk(true);
    let mut reader = png::Decoder::new_with_options(Cursor::new(bytes), options).read_info()?;
    while reader.next_row()?.is_some() {}
    reader.finish()
}

/// Whether a JPEG picture lacks its end (ITU-T T.81, section B.2.1): the decoder fills what is missing.
fn is_cut_off(bytes: &[u8]) -> bool {
    let Some(mut rest) = bytes.strip_prefix(b"\xFF\xD8") else { return false };
    while let [0xFF, marker, high, low, ..] = *rest {
        // Fill bytes can precede a marker.
        if marker == 0xFF {
            rest = rest.get(1..).unwrap_or_default();
            continue;
        }
        // In the data behind a start of scan, only markers begin with 0xFF and a byte other than 0.
        if marker == 0xDA {
            return !rest.windows(2).any(|pair| pair == [0xFF, 0xD9]);
        }
        let Some(behind) = rest.get(2 + usize::from(u16::from_be_bytes([high, low]))..) else { return true };
        rest = behind;
    }
    false
}

/// Width, height, intensities, and the intensity of white.
fn levels(bytes: &[u8], name: &str, limits: &Limits) -> Result<(usize, usize, Vec<u16>, f32), Error> {
    if is_cut_off(bytes) {
        return Err(Error::invalid(name, "picture", "the file ends early; copy or export it again"));
    }
    let mut allowed = DecoderLimits::default();
    allowed.max_image_width = Some(limits.side);
    allowed.max_image_height = Some(limits.side);
    allowed.max_alloc = Some(limits.bytes);
    let reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format();
    let mut reader = reader.map_err(|reason| Error::invalid(name, "picture", reason))?;
    reader.limits(allowed);
    let damaged = |reason| Error::invalid(name, "picture", reason);
    let mut decoder = reader.into_decoder().map_err(damaged)?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > limits.voxels || decoder.total_bytes() > limits.bytes {
        return Err(Error::TooLarge { name: name.into(), field: "pixels".into(), limit: limits.voxels });
    }
    // The camera's orientation (EXIF).
    let orientation = decoder.orientation().map_err(damaged)?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(damaged)?;
    picture.apply_orientation(orientation);
    if bytes.starts_with(PNG) {
        verify(bytes)
            .map_err(|reason| Error::invalid(name, "picture", format!("{reason}; copy or export it again")))?;
    }
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let deep = matches!(picture.color(), ColorType::L16 | ColorType::La16 | ColorType::Rgb16 | ColorType::Rgba16);
    if picture.color().has_color() {
        let rgb = picture.to_rgb16();
        // JPEG's colour conversion is off by a level or two for greyscale pictures.
        let tolerance = if deep { 0 } else { 3 * 257 };
        let is_greyscale = rgb.pixels().all(|p| p.0.iter().all(|&c| c.abs_diff(p.0[0]) <= tolerance));
        if !is_greyscale {
            let reason = "it is a colour picture; save the slice in greyscale";
            return Err(Error::invalid(name, "colour", reason));
        }
    }
    if deep {
        Ok((width, height, picture.to_luma16().into_raw(), 65535.0))
    } else {
        Ok((width, height, picture.to_luma8().into_raw().into_iter().map(u16::from).collect(), 255.0))
    }
}
