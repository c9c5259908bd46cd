//! Gzipped content.

use std::io::{self, Read};

use flate2::bufread::GzDecoder;

const MAGIC: [u8; 2] = [0x1F, 0x8B];

/// Whether the bytes start like a gzipped file.
pub(super) fn is_gzipped(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC)
}

/// Decompresses one or more gzip members, whose checksums are verified when they end. Zeros after the last, with which some
/// media fill their blocks, are ignored.
pub(super) struct Gunzip<'a>(GzDecoder<&'a [u8]>);

impl<'a> Gunzip<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(GzDecoder::new(bytes))
    }
}

impl Read for Gunzip<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.0.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            let rest = *self.0.get_ref();
            let Some(start) = rest.iter().position(|&byte| byte != 0) else { return Ok(0) };
            self.0 = GzDecoder::new(rest.get(start..).unwrap_or_default());
        }
    }
}
