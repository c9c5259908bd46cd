//! TIFF and BigTIFF pictures: every page is a slice.

use std::io::Cursor;

use image::{ImageBuffer, Luma, imageops};
use tiff::ColorType;
use tiff::decoder::{Decoder, DecodingResult, Limits as DecoderLimits};
use tiff::tags::Tag;

use super::raster;
use super::voxels::replace_nan;
use crate::Error;
use crate::{Limits, Slice, Window};

/// The bit of NewSubfileType for a smaller copy of another page.
const REDUCED: u32 = 1;

/// The values of ExtraSamples for transparency: multiplied into the intensity, and not.
const ALPHA_MULTIPLIED: u16 = 1;
const ALPHA: u16 = 2;

/// The values of a page.
type Page = ImageBuffer<Luma<f32>, Vec<f32>>;

/// Whether the bytes start like TIFF or BigTIFF, in either byte order.
pub(crate) fn is_tiff(bytes: &[u8]) -> bool {
    [b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"].iter().any(|start| bytes.starts_with(*start))
}

/// Reads the pages of the size of the first as slices, and notes if others are left out or values are no number. In unsigned
/// pages of 8 or 16 bits, black is the low end of `intensities` and white the high end; signed, 32-bit and floating-point values
/// are intensities.
pub(crate) fn read(
    bytes: &[u8],
    name: &str,
    intensities: Window,
    limits: &Limits,
) -> Result<(Vec<Slice>, Vec<String>), Error> {
    let damaged = |reason: tiff::TiffError| Error::invalid(name, "picture", format!("{reason}; save it again"));
    let too_large = |field: &str, limit: u64| Error::TooLarge { name: name.into(), field: field.into(), limit };
    let mut allowed = DecoderLimits::default();
    allowed.decoding_buffer_size = usize::try_from(limits.bytes).unwrap_or(usize::MAX);
    let mut decoder = Decoder::new(Cursor::new(bytes)).map_err(damaged)?.with_limits(allowed);
    let (mut pages, mut others, mut thumbnails, mut voxels): (Vec<Page>, usize, usize, u64) = (Vec::new(), 0, 0, 0);
    let mut size = None;
    let stack = decoder.get_tag_ascii_string(Tag::ImageDescription).ok().and_then(|text| imagej_images(&text));
    loop {
        let kind = decoder.find_tag_unsigned::<u32>(Tag::NewSubfileType).map_err(damaged)?.unwrap_or_default();
        if pages.len() + others + thumbnails >= limits.slices as usize {
            return Err(too_large("number of pages", limits.slices.into()));
        }
        if kind & REDUCED != 0 && (decoder.more_images() || !pages.is_empty()) {
            thumbnails += 1;
            if !decoder.more_images() {
                break;
            }
            decoder.next_image().map_err(damaged)?;
            continue;
        }
        let (width, height) = decoder.dimensions().map_err(damaged)?;
        voxels = voxels.saturating_add(u64::from(width) * u64::from(height));
        if width.max(height) > limits.side {
            return Err(too_large("pixels of a side", limits.side.into()));
        }
        if voxels > limits.voxels {
            return Err(too_large("pixels", limits.voxels));
        }
        let colours = decoder.colortype().map_err(damaged)?;
        let extra = decoder.find_tag_unsigned_vec::<u16>(Tag::ExtraSamples).map_err(damaged)?.unwrap_or_default();
        let is_transparent = matches!(colours, ColorType::Multiband { bit_depth: 8 | 16 | 32 | 64, num_samples: 2 })
            && matches!(extra[..], [ALPHA_MULTIPLIED | ALPHA]);
        let is_grey = matches!(colours, ColorType::Gray(8 | 16 | 32 | 64)) || is_transparent;
        if !is_grey && pages.is_empty() && thumbnails == 0 && !decoder.more_images() {
            return raster::read(bytes, name, intensities, limits).map(|slice| (vec![slice], Vec::new()));
        }
        let is_other = *size.get_or_insert((width, height)) != (width, height);
        if !is_grey && !is_other {
            let page = pages.len() + others + thumbnails + 1;
            return Err(Error::invalid(name, "colour", format!("page {page} is not greyscale; save it in greyscale")));
        }
        if is_other {
            others += 1;
        } else {
            let orientation = decoder.find_tag_unsigned(Tag::Orientation).map_err(damaged)?;
            let mut values = values(decoder.read_image().map_err(damaged)?, intensities);
            // Transparency follows the intensity of each pixel, unless it is a plane of its own, which is not read.
            if is_transparent && values.len() == 2 * width as usize * height as usize {
                values = values.into_iter().step_by(2).collect();
            }
            let page = Page::from_raw(width, height, values);
            let number = pages.len() + 1;
            let incomplete = || format!("page {number} has other than {width} x {height} pixels; save it again");
            let page = page.ok_or_else(|| Error::invalid(name, "picture", incomplete()))?;
            pages.push(upright(page, orientation.unwrap_or(1)));
        }
        if !decoder.more_images() {
            break;
        }
        decoder.next_image().map_err(damaged)?;
    }
    let found = pages.len() + others;
    if let Some(images) = stack.filter(|images| *images > found) {
        let reason = format!("ImageJ wrote {images} images into {found} of its pages; save it as NIfTI or in pages");
        return Err(Error::invalid(name, "picture", reason));
    }
    let sizes: Vec<[usize; 2]> = pages.iter().map(|page| [page.width() as usize, page.height() as usize]).collect();
    let mut planes: Vec<Vec<f32>> = pages.into_iter().map(Page::into_raw).collect();
    let without_nan = replace_nan(&mut planes);
    let left_out =
        (others > 0).then(|| format!("{others} of its pages have another size than the first and were left out"));
    let slice = |(index, (hu, [width, height])): (usize, (Vec<f32>, [usize; 2]))| {
        let page = index + 1;
        Slice::new(width, height, hu, None).map_err(|reason| Error::invalid(name, &format!("page {page}"), reason))
    };
    let slices = planes.into_iter().zip(sizes).enumerate().map(slice).collect::<Result<_, _>>()?;
    Ok((slices, left_out.into_iter().chain(without_nan).collect()))
}

/// The number of images that ImageJ's description states.
fn imagej_images(description: &str) -> Option<usize> {
    let lines = description.starts_with("ImageJ=").then(|| description.lines())?;
    lines.filter_map(|line| line.strip_prefix("images=")).find_map(|count| count.trim().parse().ok())
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
