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
}

impl Limits {
    /// For the volumes of a data set that the user named: 4 GiB and 2^30 voxels.
    pub const VOLUMES: Self = Self { bytes: 4 << 30, voxels: 1 << 30, slices: 8192, side: 8192 };
}

impl Default for Limits {
    /// 512 MiB, 2^27 voxels, 4096 slices, 8192 pixels a side.
    fn default() -> Self {
        Self { bytes: 512 << 20, voxels: 1 << 27, slices: 4096, side: 8192 }
    }
}
