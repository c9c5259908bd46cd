//! How much a file may ask for.

/// Bounds that every reader checks before it allocates what a file's numbers decide.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of the file, and of its content once decompressed.
    pub bytes: u64,
    /// Pixels or voxels in all.
    pub voxels: u64,
    /// Slices.
    pub slices: u32,
    /// Pixels a side.
    pub side: u32,
    /// How many times larger the content may be than its file, once it is larger than 16 MiB: deflate reaches 1032.
    pub ratio: u32,
}

/// What any file may unpack to.
const SMALL_CONTENT: u64 = 16 << 20;

impl Limits {
    /// For the volumes of a data set that the user named: 4 GiB and 2^30 voxels.
    pub const VOLUMES: Self = Self { bytes: 4 << 30, voxels: 1 << 30, slices: 8192, side: 8192, ratio: 1100 };

    /// These limits, lowered to what a file of so many bytes can hold.
    pub(crate) fn of_file(self, bytes: u64) -> Self {
        let content = bytes.saturating_mul(self.ratio.into()).max(SMALL_CONTENT);
        Self { bytes: self.bytes.min(content), voxels: self.voxels.min(content), ..self }
    }
}

impl Default for Limits {
    /// 512 MiB, 2^27 voxels, 4096 slices, 8192 pixels a side, 1100 times the file.
    fn default() -> Self {
        Self { bytes: 512 << 20, voxels: 1 << 27, slices: 4096, side: 8192, ratio: 1100 }
    }
}
