//! PNG encoding.

use ::png::{BitDepth, ColorType, Compression, Encoder, Filter};
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{DynamicImage, ImageBuffer, Luma};

use super::DESCRIPTION;
use crate::picture::Picture;
use crate::{Error, Mask};

/// Encodes a colour picture as PNG.
///
/// # Errors
/// If the encoder fails.
pub fn png(picture: &Picture) -> Result<Vec<u8>, Error> {
    encode(&DynamicImage::ImageRgb8(picture.image().clone()))
}

/// Encodes `width * height` intensities or labels as 8-bit PNG, with a research-use notice in its description.
///
/// # Errors
/// If the number of values differs.
pub fn png_8bit(width: usize, height: usize, levels: &[u8]) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, width as u32, height as u32);
    encoder.set_color(ColorType::Grayscale);
    encoder.set_depth(BitDepth::Eight);
    encoder.set_compression(Compression::Fast);
    encoder.set_filter(Filter::Up);
    let described = encoder.add_text_chunk("Description".into(), DESCRIPTION.into());
    let written = described.and_then(|()| encoder.write_header()?.write_image_data(levels));
    written.map_err(png_error)?;
    Ok(bytes)
}

/// Encodes a mask as 8-bit PNG of 0 and 255.
///
/// # Errors
/// If the encoder fails.
pub fn mask_png(mask: &Mask) -> Result<Vec<u8>, Error> {
    let levels: Vec<u8> = mask.as_slice().iter().map(|&inside| if inside { 255 } else { 0 }).collect();
    png_8bit(mask.width(), mask.height(), &levels)
}

/// Encodes `width * height` intensities as 16-bit PNG.
///
/// # Errors
/// If the number of values differs.
pub fn png_16bit(width: usize, height: usize, levels: Vec<u16>) -> Result<Vec<u8>, Error> {
    let image = ImageBuffer::<Luma<u16>, _>::from_raw(width as u32, height as u32, levels);
    encode(&image.ok_or_else(|| png_error(format!("the values do not fill {width} x {height}")))?.into())
}

fn encode(image: &DynamicImage) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    // Trying every filter per row doubles the time and saves little.
    let encoder = PngEncoder::new_with_quality(&mut bytes, CompressionType::Fast, FilterType::Up);
    image.write_with_encoder(encoder).map_err(png_error)?;
    Ok(bytes)
}

fn png_error(reason: impl ToString) -> Error {
    Error::Encoding { format: "PNG", reason: reason.to_string() }
}
