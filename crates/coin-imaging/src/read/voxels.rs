//! Conversion of a volume's voxels, in any of its formats, to slices in HU.

use std::io::{self, Read};

use crate::Error;
use crate::{Geometry, Limits, Slice};

/// HU of voxels without a measurement.
const AIR_HU: f32 = -1024.0;
/// Every CT has fat or air below this, while other intensities are rarely this negative.
const FAT_HU: f32 = -50.0;
/// Most axes of a volume, as in NIfTI; all but three have one position.
const MAX_AXES: usize = 7;

/// A volume that was read.
pub(crate) struct Volume {
    /// Axial slices from inferior to superior.
    pub slices: Vec<Slice>,
    pub geometry: Geometry,
    /// Messages for the user, one sentence each.
    pub notes: Vec<String>,
}

/// Voxel types with one number each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Element {
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    U64,
    I64,
    F32,
    F64,
}

impl Element {
    fn bytes(self) -> usize {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
        }
    }
}

/// Storage of the voxels of a volume.
#[derive(Clone, Copy, Debug)]
pub(super) struct Voxels {
    pub element: Element,
    pub big_endian: bool,
    /// Linear map from stored values to HU.
    pub slope: f64,
    pub intercept: f64,
}

/// Names a file and its fields in error messages.
pub(super) trait Fields {
    fn name(&self) -> &str;

    fn invalid(&self, field: &str, reason: impl ToString) -> Error {
        Error::invalid(self.name(), field, reason)
    }

    fn too_large(&self, field: &str, limit: u64) -> Error {
        Error::TooLarge { name: self.name().into(), field: field.into(), limit }
    }

    fn cut_off(&self, reason: &io::Error) -> Error {
        let reason = format!("the file is damaged or ends early ({reason}); copy or export it again");
        self.invalid("volume", reason)
    }
}

/// Checks the lengths of the three axes, which the file states in `field`, against the limits.
pub(super) fn lengths(file: &impl Fields, field: &str, stated: &[i64], limits: &Limits) -> Result<[usize; 3], Error> {
    let found = || stated.iter().map(i64::to_string).collect::<Vec<_>>().join(" x ");
    if stated.len() > MAX_AXES || stated.iter().skip(3).any(|&length| length > 1) {
        return Err(file.invalid(field, format!("the file holds several volumes, {}; save one of them", found())));
    }
    let mut lengths = [1; 3];
    for (length, &stated) in lengths.iter_mut().zip(stated) {
        *length = usize::try_from(stated).unwrap_or(0);
    }
    if lengths.contains(&0) {
        return Err(file.invalid(field, format!("an axis has no voxels, {}; export the volume again", found())));
    }
    let voxels = lengths.iter().try_fold(1_u64, |voxels, &length| voxels.checked_mul(length as u64));
    if voxels.is_none_or(|voxels| voxels > limits.voxels) {
        return Err(file.too_large(field, limits.voxels));
    }
    Ok(lengths)
}

/// What follows the voxels.
#[derive(Default)]
struct Excess {
    bytes: u64,
    /// Whether it is more than padding.
    holds_data: bool,
}

impl io::Write for Excess {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes += bytes.len() as u64;
        self.holds_data |= bytes.iter().any(|&byte| byte != 0);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Replaces NaN, outside of the field of view, by air if the values look like HU, otherwise by the smallest value. Returns a note
/// if there is any.
pub(super) fn replace_nan(planes: &mut [Vec<f32>]) -> Option<String> {
    if !planes.iter().flatten().any(|value| value.is_nan()) {
        return None;
    }
    let least = planes.iter().flatten().copied().fold(f32::INFINITY, f32::min);
    let air = if least < FAT_HU { least.min(AIR_HU) } else { least };
    let mut unmeasured = 0_usize;
    for value in planes.iter_mut().flatten().filter(|value| value.is_nan()) {
        *value = air;
        unmeasured += 1;
    }
    Some(format!("{unmeasured} voxels are not a number (NaN) and are read as {air}"))
}

impl Voxels {
    /// Size of a volume whose axes have these lengths, which are within the limits.
    pub(super) fn bytes(self, [width, height, depth]: [usize; 3]) -> usize {
        width * height * depth * self.element.bytes()
    }

    /// Reads all axial slices. `content` starts `skipped` bytes before the first voxel; it is read to its end, where checksums
    /// are.
    pub(super) fn read(
        self,
        file: &impl Fields,
        geometry: Geometry,
        mut content: impl Read,
        skipped: u64,
        limits: &Limits,
    ) -> Result<Volume, Error> {
        if geometry.depth() as u64 > u64::from(limits.slices) {
            return Err(file.too_large("number of slices", limits.slices.into()));
        }
        if geometry.width().max(geometry.height()) as u64 > u64::from(limits.side) {
            return Err(file.too_large("pixels of a side", limits.side.into()));
        }
        let needed = self.bytes([geometry.width(), geometry.height(), geometry.depth()]) as u64;
        if skipped.saturating_add(needed) > limits.bytes {
            return Err(file.too_large("volume", limits.bytes));
        }
        io::copy(&mut content.by_ref().take(skipped), &mut io::sink()).map_err(|reason| file.cut_off(&reason))?;
        let mut voxels = Vec::new();
        content.by_ref().take(needed).read_to_end(&mut voxels).map_err(|reason| file.cut_off(&reason))?;
        if (voxels.len() as u64) < needed {
            let reason = format!("it has {} bytes instead of {needed}; copy or export the file again", voxels.len());
            return Err(file.invalid("volume", reason));
        }
        let rest = limits.bytes.saturating_sub(skipped + needed);
        let mut excess = Excess::default();
        io::copy(&mut content.take(rest), &mut excess).map_err(|reason| file.cut_off(&reason))?;
        if excess.bytes >= needed / geometry.depth() as u64 && excess.holds_data {
            let found = needed + excess.bytes;
            let reason = format!("it has {found} bytes instead of {needed}, so its header is wrong; export it again");
            return Err(file.invalid("volume", reason));
        }
        let mut planes: Vec<Vec<f32>> =
            (0..geometry.depth()).map(|index| self.hu(&voxels, geometry.slice_positions(index))).collect();
        let notes = replace_nan(&mut planes).into_iter().collect();
        let slice = |(index, hu): (usize, Vec<f32>)| {
            let number = index + 1;
            Slice::new(geometry.width(), geometry.height(), hu, Some(geometry.spacing()))
                .map_err(|reason| file.invalid(&format!("slice {number}"), format!("{reason}; correct the volume")))
        };
        let slices = planes.into_iter().enumerate().map(slice).collect::<Result<_, _>>()?;
        Ok(Volume { slices, geometry, notes })
    }

    /// HU of the voxels at `positions`.
    fn hu(self, voxels: &[u8], positions: impl Iterator<Item = usize>) -> Vec<f32> {
        macro_rules! of {
            ($type:ty) => {{
                let (voxels, _) = voxels.as_chunks();
                let stored = |&bytes: &[u8; size_of::<$type>()]| match self.big_endian {
                    true => <$type>::from_be_bytes(bytes) as f64,
                    false => <$type>::from_le_bytes(bytes) as f64,
                };
                let hu = |at| voxels.get(at).map_or(f64::NAN, stored) * self.slope + self.intercept;
                positions.map(|at| hu(at) as f32).collect()
            }};
        }
        match self.element {
            Element::U8 => of!(u8),
            Element::I8 => of!(i8),
            Element::U16 => of!(u16),
            Element::I16 => of!(i16),
            Element::U32 => of!(u32),
            Element::I32 => of!(i32),
            Element::U64 => of!(u64),
            Element::I64 => of!(i64),
            Element::F32 => of!(f32),
            Element::F64 => of!(f64),
        }
    }
}
