//! TIFF and BigTIFF pictures: every page is a slice.

use std::io::Cursor;

use image::{ImageBuffer, Luma, imageops};
use tiff::ColorType;
use tiff::decoder::{Decoder, DecodingResult, Limits as DecoderLimits};
use tiff::tags::Tag;

use super::raster;
use crate::Error;
use crate::{Limits, Slice, Window};

/// The values of a page.
type Page = ImageBuffer<Luma<f32>, Vec<f32>>;

/// Whether the bytes start like TIFF or BigTIFF, in either byte order.
pub(crate) fn is_tiff(bytes: &[u8]) -> bool {
    [b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"].iter().any(|start| bytes.starts_with(*start))
}

/// Reads the pages of the size of the first as slices, and a note if others are left out. In unsigned pages of 8 or 16 bits,
/// black is the low end of `intensities` and white the high end; signed, 32-bit and floating-point values are intensities.
pub(crate) fn read(
    bytes: &[u8],
    name: &str,
    intensities: Window,
    limits: &Limits,
) -> Result<(Vec<Slice>, Option<String>), Error> {
    let damaged = |reason: tiff::TiffError| Error::invalid(name, "picture", format!("{reason}; save it again"));
    let too_large = |field: &str, limit: u64| Error::TooLarge { name: name.into(), field: field.into(), limit };
    let mut allowed = DecoderLimits::default();
    allowed.decoding_buffer_size = usize::try_from(limits.bytes).unwrap_or(usize::MAX);
    let mut decoder = Decoder::new(Cursor::new(bytes)).map_err(damaged)?.with_limits(allowed);
    let (mut slices, mut others, mut voxels): (Vec<Slice>, usize, u64) = (Vec::new(), 0, 0);
    let mut size = None;
    loop {
        let (width, height) = decoder.dimensions().map_err(damaged)?;
        voxels = voxels.saturating_add(u64::from(width) * u64::from(height));
        if width.max(height) > limits.side {
            return Err(too_large("pixels of a side", limits.side.into()));
        }
        if voxels > limits.voxels {
            return Err(too_large("pixels", limits.voxels));
        }
        if slices.len() + others >= limits.slices as usize {
            return Err(too_large("number of pages", limits.slices.into()));
        }
        let is_grey = matches!(decoder.colortype().map_err(damaged)?, ColorType::Gray(8 | 16 | 32 | 64));
        if !is_grey && slices.is_empty() && !decoder.more_images() {
            return raster::read(bytes, name, intensities, limits).map(|slice| (vec![slice], None));
        }
        let is_other = *size.get_or_insert((width, height)) != (width, height);
        if !is_grey && !is_other {
            let page = slices.len() + others + 1;
            return Err(Error::invalid(name, "colour", format!("page {page} is not greyscale; save it in greyscale")));
        }
        if is_other {
            others += 1;
        } else {
            let orientation = decoder.find_tag_unsigned(Tag::Orientation).map_err(damaged)?;
            let values = values(decoder.read_image().map_err(damaged)?, intensities);
            let page = Page::from_raw(width, height, values);
            let number = slices.len() + 1;
            let incomplete = || format!("page {number} has other than {width} x {height} pixels; save it again");
            let page = page.ok_or_else(|| Error::invalid(name, "picture", incomplete()))?;
            let page = upright(page, orientation.unwrap_or(1));
            let slice = Slice::new(page.width() as usize, page.height() as usize, page.into_raw(), None);
            slices.push(slice.map_err(|reason| Error::invalid(name, &format!("page {number}"), reason))?);
        }
        if !decoder.more_images() {
            break;
        }
        decoder.next_image().map_err(damaged)?;
    }
    let note =
        (others > 0).then(|| format!("{others} of its pages have another size than the first and were left out"));
    Ok((slices, note))
}

/// Turns a page as the value of its tag Orientation says (TIFF 6.0, section 8).
fn upright(page: Page, orientation: u16) -> Page {
    match orientation {
        2 => imageops::flip_horizontal(&page),
        3 => imageops::rotate180(&page),
        4 => imageops::flip_vertical(&page),
        5 => imageops::flip_horizontal(&imageops::rotate90(&page)),
        6 => imageops::rotate90(&page),
        7 => imageops::flip_horizontal(&imageops::rotate270(&page)),
        8 => imageops::rotate270(&page),
        _ => page,
    }
}

fn values(page: DecodingResult, intensities: Window) -> Vec<f32> {
    let unit = |level: f32, white: f32| intensities.hu_of_unit(level / white);
    match page {
        DecodingResult::U8(levels) => levels.into_iter().map(|level| unit(level.into(), 255.0)).collect(),
        DecodingResult::U16(levels) => levels.into_iter().map(|level| unit(level.into(), 65535.0)).collect(),
        DecodingResult::U32(values) => values.into_iter().map(|value| value as f32).collect(),
        DecodingResult::U64(values) => values.into_iter().map(|value| value as f32).collect(),
        DecodingResult::I8(values) => values.into_iter().map(f32::from).collect(),
        DecodingResult::I16(values) => values.into_iter().map(f32::from).collect(),
        DecodingResult::I32(values) => values.into_iter().map(|value| value as f32).collect(),
        DecodingResult::I64(values) => values.into_iter().map(|value| value as f32).collect(),
        DecodingResult::F16(values) => values.into_iter().map(f32::from).collect(),
        DecodingResult::F32(values) => values,
        DecodingResult::F64(values) => values.into_iter().map(|value| value as f32).collect(),
    }
}
