//! Decoding of compressed frames.

use openreadout_codecs::{jpeg_decode_limited, jpeg2000_decode_limited, jpegls_decode_limited};

/// Compression of the pixel data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Codec {
    Rle,
    /// Baseline, extended 12-bit and lossless JPEG.
    Jpeg,
    JpegLs,
    /// JPEG 2000, including high-throughput JPEG 2000.
    Jpeg2000,
}

/// Size of an RLE header: the number of segments and 15 offsets (DICOM PS3.5, annex G.5).
pub(super) const RLE_HEADER: usize = 64;

impl Codec {
    /// The codec whose codestreams start like this frame; `None` if it does not tell (RLE has no signature).
    pub(super) fn of(frame: &[u8]) -> Option<Self> {
        match frame {
            [0xff, 0x4f, 0xff, 0x51, ..] => Some(Self::Jpeg2000),
            [0, 0, 0, 12, b'j', b'P', b' ', b' ', ..] => Some(Self::Jpeg2000),
            [0xff, 0xd8, segments @ ..] => Self::of_segments(segments),
            _ => None,
        }
    }

    /// JPEG or JPEG-LS.
    fn of_segments(segments: &[u8]) -> Option<Self> {
        match start_of_frame(segments)? {
            0xf7 => Some(Self::JpegLs),
            _ => Some(Self::Jpeg),
        }
    }

    /// Decodes a greyscale frame to little-endian pixels of `bytes` bytes each.
    pub(super) fn decode(self, frame: &[u8], columns: usize, rows: usize, bytes: usize) -> Result<Vec<u8>, String> {
        let pixels = columns * rows;
        // Limit in the decoders' units: a codestream may use two bytes per pixel where the frame has one.
        let most = 2 * pixels;
        let raster = match self {
            Self::Rle => return rle(frame, pixels, bytes),
            Self::Jpeg if is_lossless(frame) => return lossless(frame, [columns, rows], bytes),
            Self::Jpeg => jpeg_decode_limited(frame, most),
            Self::JpegLs => jpegls_decode_limited(frame, most),
            Self::Jpeg2000 => jpeg2000_decode_limited(frame, most),
        };
        let raster = raster.map_err(|reason| reason.to_string())?;
        let (width, height) = (raster.width as usize, raster.height as usize);
        if (width, height) != (columns, rows) {
            return Err(format!("its frame has {width} x {height} pixels instead of {columns} x {rows}"));
        }
        widen(&raster.data, raster.channels, raster.bits_per_sample, pixels, bytes)
    }
}

/// The marker of the first start of frame (ITU-T T.81, table B.1, and T.87, table C.1).
fn start_of_frame(mut segments: &[u8]) -> Option<u8> {
    while let [0xff, marker, high, low, ..] = *segments {
        match marker {
            // Fill bytes can precede a marker.
            0xff => segments = segments.get(1..)?,
            0xf7 | 0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => return Some(marker),
            _ => segments = segments.get(2 + usize::from(u16::from_be_bytes([high, low]))..)?,
        }
    }
    None
}

/// Whether a JPEG frame is lossless.
fn is_lossless(frame: &[u8]) -> bool {
    frame.get(2..).and_then(start_of_frame) == Some(0xc3)
}

/// Decodes lossless JPEG of 2 to 16 bits.
fn lossless(frame: &[u8], [columns, rows]: [usize; 2], bytes: usize) -> Result<Vec<u8>, String> {
    let mut decoder = jpeg_decoder::Decoder::new(frame);
    // Decoding allocates what the header says.
    decoder.read_info().map_err(|reason| reason.to_string())?;
    let info = decoder.info().ok_or("its frame has no header")?;
    let (width, height) = (usize::from(info.width), usize::from(info.height));
    if (width, height) != (columns, rows) {
        return Err(format!("its frame has {width} x {height} pixels instead of {columns} x {rows}"));
    }
    let channels = info.pixel_format.pixel_bytes() as u32;
    if !matches!(info.pixel_format, jpeg_decoder::PixelFormat::L8 | jpeg_decoder::PixelFormat::L16) {
        return Err(format!("its frame has {channels} colours; export a greyscale slice"));
    }
    let data = decoder.decode().map_err(|reason| reason.to_string())?;
    // Below eight bits, too, the samples are words, in the byte order of the machine.
    if data.len() == 2 * columns * rows {
        let words = data.as_chunks().0.iter().map(|word| u16::from_ne_bytes(*word));
        return match bytes {
            1 => words
                .map(|word| u8::try_from(word).map_err(|_| "its frame has more than 8 bits a pixel".into()))
                .collect(),
            _ => Ok(words.flat_map(u16::to_le_bytes).collect()),
        };
    }
    widen(&data, 1, 8, columns * rows, bytes)
}

/// Checks and widens the samples of a greyscale frame to `bytes` bytes each.
fn widen(data: &[u8], channels: u32, bits: u32, pixels: usize, bytes: usize) -> Result<Vec<u8>, String> {
    let found = bits.div_ceil(8) as usize;
    match (channels, found) {
        (1, _) if data.len() != pixels * found => Err("its frame is incomplete".into()),
        (1, found) if found == bytes => Ok(data.to_vec()),
        (1, 1) => Ok(data.iter().flat_map(|&sample| [sample, 0]).collect()),
        (1, _) => Err(format!("its frame has {bits} bits a pixel")),
        (channels, _) => Err(format!("its frame has {channels} colours; export a greyscale slice")),
    }
}

/// Decodes RLE (DICOM PS3.5, annex G): one segment per byte of a pixel, most significant first.
fn rle(frame: &[u8], pixels: usize, bytes: usize) -> Result<Vec<u8>, String> {
    let header =
        frame.get(..RLE_HEADER).ok_or_else(|| format!("its frame has {} bytes, no RLE header", frame.len()))?;
    let (header, _) = header.as_chunks();
    let header: Vec<usize> = header.iter().map(|word| u32::from_le_bytes(*word) as usize).collect();
    let (segments, offsets) = header.split_first().unwrap_or((&0, &[]));
    if *segments != bytes {
        return Err(format!("its frame has {segments} segments instead of {bytes}"));
    }
    let mut decoded = vec![0; pixels * bytes];
    for (i, &start) in offsets.iter().take(bytes).enumerate() {
        let end = if i + 1 < bytes { offsets.get(i + 1).copied().unwrap_or_default() } else { frame.len() };
        let segment = frame.get(start..end);
        let segment = segment.ok_or_else(|| format!("its RLE segment from {start} to {end} is not in the frame"))?;
        let places = decoded.iter_mut().skip(bytes - 1 - i).step_by(bytes);
        let mut unpacked = 0;
        for (place, value) in places.zip(unpack(segment)) {
            *place = value;
            unpacked += 1;
        }
        if unpacked < pixels {
            return Err(format!("RLE segment {} has {unpacked} bytes instead of {pixels}", i + 1));
        }
    }
    Ok(decoded)
}

/// Decodes a PackBits segment: n < 128 copies the next n + 1 bytes, n > 128 repeats the next byte 257 - n times.
fn unpack(segment: &[u8]) -> impl Iterator<Item = u8> {
    let mut rest = segment;
    std::iter::from_fn(move || {
        loop {
            let (&count, behind) = rest.split_first()?;
            let run: (&[u8], usize) = match count {
                0..128 => (behind.get(..behind.len().min(usize::from(count) + 1))?, 1),
                128 => {
                    rest = behind;
                    continue;
                }
                129.. => (behind.get(..1)?, 257 - usize::from(count)),
            };
            rest = behind.get(run.0.len()..)?;
            return Some(run.0.repeat(run.1));
        }
    })
    .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codestreams_tell_their_codec() {
        let lossless = [0xff, 0xd8, 0xff, 0xe0, 0, 4, 1, 2, 0xff, 0xc3, 0, 11, 12];
        assert_eq!(Codec::of(&lossless), Some(Codec::Jpeg));
        assert_eq!(Codec::of(&[0xff, 0xd8, 0xff, 0xf7, 0, 11, 12]), Some(Codec::JpegLs));
        assert_eq!(Codec::of(&[0xff, 0x4f, 0xff, 0x51, 0, 41]), Some(Codec::Jpeg2000));
        assert_eq!(Codec::of(&[2, 0, 0, 0, 64, 0, 0, 0]), None, "RLE");
        assert_eq!(Codec::of(&[0xff, 0xd8, 0xff, 0xe0, 0xff, 0xff]), None, "a segment that is cut off");
    }

    #[test]
    fn pack_bits_segments_are_decoded() {
        let unpacked: Vec<u8> = unpack(&[2, 1, 2, 3, 254, 9, 128, 0, 7]).collect();
        assert_eq!(unpacked, [1, 2, 3, 9, 9, 9, 7]);
        assert_eq!(unpack(&[5, 1, 2]).collect::<Vec<u8>>(), [1, 2], "a truncated run yields its available bytes");
    }
}
