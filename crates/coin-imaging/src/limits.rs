//! Resource limits for opening files.

/// Limits that every reader checks before it allocates memory.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of the file, and of its decompressed content.
    pub bytes: u64,
    /// Pixels or voxels in total.
    pub voxels: u64,
    /// Number of slices.
    pub slices: u32,
    /// Pixels per row or column.
    pub side: u32,
    /// Largest compression ratio, for content above 16 MiB; deflate reaches 1032.
    pub ratio: u32,
}

/// Decompressed bytes that any file may have.
const SMALL_CONTENT: u64 = 16 << 20;

impl Limits {
    /// Limits for volumes of a data set that the user chose: 4 GiB and 2^30 voxels.
    pub const VOLUMES: Self = Self { bytes: 4 << 30, voxels: 1 << 30, slices: 8192, side: 8192, ratio: 1100 };

    /// Lowers the limits to what a file of `bytes` bytes can contain.
    pub(crate) fn of_file(self, bytes: u64) -> Self {
        let content = bytes.saturating_mul(self.ratio.into()).max(SMALL_CONTENT);
        Self { bytes: self.bytes.min(content), voxels: self.voxels.min(content), ..self }
    }
}

impl Default for Limits {
    /// 512 MiB, 2^27 voxels, 4096 slices, 8192 pixels per row or column, compression ratio 1100.
    fn default() -> Self {
        Self { bytes: 512 << 20, voxels: 1 << 27, slices: 4096, side: 8192, ratio: 1100 }
    }
}
