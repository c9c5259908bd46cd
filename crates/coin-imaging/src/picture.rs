//! Colour pictures of slices, maps and masks, alone or as a captioned grid.

use image::{Rgb as Pixel, RgbImage, imageops};

use crate::colour::{self, Rgb};
use crate::{Mask, Slice, Window};

/// The notice burnt into every exported picture.
pub const NOTICE: &str = "RESEARCH USE ONLY";

const BACKGROUND: Rgb = [14, 16, 20];
const INK: Rgb = [214, 218, 224];
const GAP: u32 = 4;

/// A colour picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture(RgbImage);

impl Picture {
    /// Renders a slice in greyscale through a window.
    pub fn of_slice(slice: &Slice, window: Window) -> Self {
        let levels: Vec<u8> = slice.hu().iter().map(|&hu| window.grey(hu)).collect();
        Self::from_pixels(slice.width(), slice.height(), levels.into_iter().map(|level| [level; 3]))
    }

    /// Renders `width * height` values in [-1, 1] in greyscale.
    pub fn of_normalised(values: &[f32], width: usize, height: usize) -> Self {
        let level = |value: &f32| ((value + 1.0) * 127.5).round().clamp(0.0, 255.0) as u8;
        Self::from_pixels(width, height, values.iter().map(|value| [level(value); 3]))
    }

    /// Renders a difference map in [0, 1] with [`colour::difference`].
    pub fn of_difference(map: &[f32], width: usize, height: usize) -> Self {
        Self::from_pixels(width, height, map.iter().map(|&value| colour::difference(value)))
    }

    /// Creates a picture from row-major RGB pixels.
    pub fn from_pixels(width: usize, height: usize, pixels: impl IntoIterator<Item = Rgb>) -> Self {
        let mut image = RgbImage::new(width as u32, height as u32);
        for (target, pixel) in image.pixels_mut().zip(pixels) {
            *target = Pixel(pixel);
        }
        Self(image)
    }

    /// Overlays a mask: against a reference mask `truth`, true positives are green, false positives red and false
    /// negatives yellow; without one the mask is orange.
    pub fn with_mask(mut self, mask: &Mask, truth: Option<&Mask>) -> Self {
        for (x, y, pixel) in self.0.enumerate_pixels_mut() {
            let (x, y) = (x as usize, y as usize);
            let tint = match (mask.get(x, y), truth.map(|truth| truth.get(x, y))) {
                (true, Some(true)) => colour::TRUE_POSITIVE,
                (true, Some(false)) => colour::FALSE_POSITIVE,
                (false, Some(true)) => colour::FALSE_NEGATIVE,
                (true, None) => colour::MASK,
                (false, _) => continue,
            };
            for (channel, tint) in pixel.0.iter_mut().zip(tint) {
                *channel = ((u16::from(*channel) + u16::from(tint)) / 2) as u8;
            }
        }
        self
    }

    /// Shrunk so that neither side exceeds `side` pixels; a smaller picture stays as it is.
    pub fn shrunk(self, side: u32) -> Self {
        let (width, height) = self.0.dimensions();
        let longer = width.max(height);
        if longer <= side {
            return self;
        }
        let scaled = |length: u32| (length * side / longer).max(1);
        Self(imageops::thumbnail(&self.0, scaled(width), scaled(height)))
    }

    /// Arranges pictures of equal size in rows under column captions, with the notice below.
    pub fn grid(captions: &[&str], rows: &[Vec<Self>]) -> Self {
        let cells = || rows.iter().flatten();
        let width = cells().map(|cell| cell.0.width()).max().unwrap_or(1);
        let height = cells().map(|cell| cell.0.height()).max().unwrap_or(1);
        let columns = rows.iter().map(Vec::len).chain([captions.len()]).max().unwrap_or(1) as u32;
        let header = font::HEIGHT + 2 * GAP;
        let (full_width, body) = (columns * (width + GAP) + GAP, rows.len() as u32 * (height + GAP));
        let mut image = RgbImage::from_pixel(full_width, header + body, Pixel(BACKGROUND));
        for (column, caption) in captions.iter().enumerate() {
            // Longer captions would run into the next column.
            let caption: String = caption.chars().take((width / font::ADVANCE) as usize).collect();
            font::write(&mut image, &caption, GAP + column as u32 * (width + GAP), GAP, INK);
        }
        for (row, cells) in rows.iter().enumerate() {
            for (column, cell) in cells.iter().enumerate() {
                let x = GAP + column as u32 * (width + GAP);
                let y = header + row as u32 * (height + GAP);
                imageops::replace(&mut image, &cell.0, i64::from(x), i64::from(y));
            }
        }
        Self(image).with_notice()
    }

    /// Adds [`NOTICE`] on a strip below the picture.
    pub fn with_notice(self) -> Self {
        let (width, height) = self.0.dimensions();
        let strip = font::HEIGHT + 2 * GAP;
        let mut image = RgbImage::from_pixel(width, height + strip, Pixel(BACKGROUND));
        imageops::replace(&mut image, &self.0, 0, 0);
        font::write(&mut image, NOTICE, GAP, height + GAP, INK);
        Self(image)
    }

    /// Width and height in pixels.
    pub fn size(&self) -> (u32, u32) {
        self.0.dimensions()
    }

    /// RGB of a pixel; `None` outside the picture.
    pub fn pixel(&self, x: u32, y: u32) -> Option<Rgb> {
        self.0.get_pixel_checked(x, y).map(|pixel| pixel.0)
    }

    pub(crate) fn image(&self) -> &RgbImage {
        &self.0
    }
}

/// A 5x7 font with the characters of captions and the notice.
mod font {
    use super::{Pixel, Rgb, RgbImage};

    pub const HEIGHT: u32 = 7;
    pub const ADVANCE: u32 = 6;

    /// One byte per row from the top, with the leftmost pixel in bit 4.
    const fn glyph(letter: u8) -> [u8; 7] {
        match letter {
            b'A' => [0x0E, 0x11, 0x11, 0x1F, 0x11, 0x11, 0x11],
            b'B' => [0x1E, 0x11, 0x11, 0x1E, 0x11, 0x11, 0x1E],
            b'C' => [0x0E, 0x11, 0x10, 0x10, 0x10, 0x11, 0x0E],
            b'D' => [0x1E, 0x11, 0x11, 0x11, 0x11, 0x11, 0x1E],
            b'E' => [0x1F, 0x10, 0x10, 0x1E, 0x10, 0x10, 0x1F],
            b'F' => [0x1F, 0x10, 0x10, 0x1E, 0x10, 0x10, 0x10],
            b'G' => [0x0E, 0x11, 0x10, 0x17, 0x11, 0x11, 0x0F],
            b'H' => [0x11, 0x11, 0x11, 0x1F, 0x11, 0x11, 0x11],
            b'I' => [0x0E, 0x04, 0x04, 0x04, 0x04, 0x04, 0x0E],
            b'J' => [0x07, 0x02, 0x02, 0x02, 0x02, 0x12, 0x0C],
            b'K' => [0x11, 0x12, 0x14, 0x18, 0x14, 0x12, 0x11],
            b'L' => [0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x1F],
            b'M' => [0x11, 0x1B, 0x15, 0x15, 0x11, 0x11, 0x11],
            b'N' => [0x11, 0x19, 0x15, 0x13, 0x11, 0x11, 0x11],
            b'O' => [0x0E, 0x11, 0x11, 0x11, 0x11, 0x11, 0x0E],
            b'P' => [0x1E, 0x11, 0x11, 0x1E, 0x10, 0x10, 0x10],
            b'Q' => [0x0E, 0x11, 0x11, 0x11, 0x15, 0x12, 0x0D],
            b'R' => [0x1E, 0x11, 0x11, 0x1E, 0x14, 0x12, 0x11],
            b'S' => [0x0F, 0x10, 0x10, 0x0E, 0x01, 0x01, 0x1E],
            b'T' => [0x1F, 0x04, 0x04, 0x04, 0x04, 0x04, 0x04],
            b'U' => [0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x0E],
            b'V' => [0x11, 0x11, 0x11, 0x11, 0x11, 0x0A, 0x04],
            b'W' => [0x11, 0x11, 0x11, 0x15, 0x15, 0x15, 0x0A],
            b'X' => [0x11, 0x11, 0x0A, 0x04, 0x0A, 0x11, 0x11],
            b'Y' => [0x11, 0x11, 0x0A, 0x04, 0x04, 0x04, 0x04],
            b'Z' => [0x1F, 0x01, 0x02, 0x04, 0x08, 0x10, 0x1F],
            b'0' => [0x0E, 0x11, 0x13, 0x15, 0x19, 0x11, 0x0E],
            b'1' => [0x04, 0x0C, 0x04, 0x04, 0x04, 0x04, 0x0E],
            b'2' => [0x0E, 0x11, 0x01, 0x02, 0x04, 0x08, 0x1F],
            b'3' => [0x1F, 0x02, 0x04, 0x02, 0x01, 0x11, 0x0E],
            b'4' => [0x02, 0x06, 0x0A, 0x12, 0x1F, 0x02, 0x02],
            b'5' => [0x1F, 0x10, 0x1E, 0x01, 0x01, 0x11, 0x0E],
            b'6' => [0x06, 0x08, 0x10, 0x1E, 0x11, 0x11, 0x0E],
            b'7' => [0x1F, 0x01, 0x02, 0x04, 0x08, 0x08, 0x08],
            b'8' => [0x0E, 0x11, 0x11, 0x0E, 0x11, 0x11, 0x0E],
            b'9' => [0x0E, 0x11, 0x11, 0x0F, 0x01, 0x02, 0x0C],
            b'*' => [0x00, 0x04, 0x15, 0x0E, 0x15, 0x04, 0x00],
            b'-' => [0x00, 0x00, 0x00, 0x0E, 0x00, 0x00, 0x00],
            b' ' => [0; 7],
            // Missing glyphs are shown as a box.
            _ => [0x1F, 0x11, 0x11, 0x11, 0x11, 0x11, 0x1F],
        }
    }

    pub fn write(image: &mut RgbImage, text: &str, left: u32, top: u32, ink: Rgb) {
        for (i, letter) in (0..).zip(text.chars()) {
            let letter = u8::try_from(letter.to_ascii_uppercase()).unwrap_or(0);
            for (row, bits) in (0..).zip(glyph(letter)) {
                for column in (0..5).filter(|column| bits >> (4 - column) & 1 == 1) {
                    if let Some(pixel) = image.get_pixel_mut_checked(left + i * ADVANCE + column, top + row) {
                        *pixel = Pixel(ink);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_shrunk_in_proportion_and_never_enlarged() {
        let picture = Picture::from_pixels(40, 20, [[9; 3]; 800]);
        assert_eq!(picture.clone().shrunk(10).size(), (10, 5));
        assert_eq!(picture.clone().shrunk(10).pixel(3, 3), Some([9; 3]));
        assert_eq!(picture.clone().shrunk(64), picture);
    }
}
