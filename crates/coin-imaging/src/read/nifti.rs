//! NIfTI-1 and NIfTI-2 volumes (nifti.nimh.nih.gov), plain or gzipped, as one file or a header and image pair, as axial
//! slices in radiological convention.

use std::io::Read;

use nifti::{Endianness, NiftiHeader, NiftiType};

use super::gzip::{Gunzip, is_gzipped};
use super::voxels::{Element, Fields, Volume, Voxels, lengths};
use crate::Error;
use crate::geometry::{Affine, NIFTI_DATA_OFFSET, NIFTI_HEADER_BYTES};
use crate::{Geometry, Limits};

const NIFTI_2_HEADER_BYTES: usize = 540;
/// Larger than any header extension, and exact in all number types used.
const MAX_OFFSET: f64 = 2_147_483_648.0;

/// Whether the bytes start like NIfTI, or like a gzipped file, which may contain it.
pub(crate) fn is_nifti(bytes: &[u8]) -> bool {
    is_gzipped(bytes) || has_magic(bytes) || is_nifti_2(bytes)
}

/// Whether the bytes are a header whose voxels are in another file.
pub(crate) fn is_header(bytes: &[u8]) -> bool {
    bytes.get(344..348) == Some(b"ni1\0") || (is_nifti_2(bytes) && bytes.get(4..7) == Some(b"ni2"))
}

/// Reads all axial slices in HU. `image` contains the voxels of a header and image pair.
pub(crate) fn read(bytes: &[u8], image: Option<&[u8]>, name: &str, limits: &Limits) -> Result<Volume, Error> {
    let mut content = unpacked(bytes);
    let header = Header::read(&mut content, name)?;
    let (content, passed) = match image {
        None if header.detached => {
            let reason = "the voxels are in a separate .img file; open both together";
            return Err(header.invalid("magic", reason));
        }
        None => (content, header.bytes as u64),
        Some(image) => (unpacked(image), 0),
    };
    let lengths = header.lengths(limits)?;
    let offset = header.data_offset()?;
    let voxels = header.voxels()?;
    let geometry = header.geometry(lengths)?;
    voxels.read(&header, geometry, content, offset.saturating_sub(passed), limits)
}

fn unpacked(bytes: &[u8]) -> Box<dyn Read + '_> {
    if is_gzipped(bytes) { Box::new(Gunzip::new(bytes)) } else { Box::new(bytes) }
}

fn has_magic(header: &[u8]) -> bool {
    header.get(344..348).is_some_and(|magic| magic == b"n+1\0" || magic == b"ni1\0")
}

fn is_nifti_2(header: &[u8]) -> bool {
    let size = NIFTI_2_HEADER_BYTES as i32;
    let begins = [size.to_le_bytes(), size.to_be_bytes()].iter().any(|size| header.starts_with(size));
    begins && header.get(4..8).is_none_or(|magic| magic == b"n+2\0" || magic == b"ni2\0")
}

/// The fields that both versions share.
struct Header<'a> {
    name: &'a str,
    /// Size of the header.
    bytes: usize,
    /// The raw header of NIfTI-1.
    raw: Option<[u8; NIFTI_HEADER_BYTES]>,
    big_endian: bool,
    detached: bool,
    dim: [i64; 8],
    datatype: i16,
    offset: f64,
    slope: f64,
    intercept: f64,
    pixdim: [f64; 8],
    qform_code: i32,
    sform_code: i32,
    quaternion: [f64; 3],
    quaternion_offset: [f64; 3],
    sform: Affine,
    units: u8,
}

impl Fields for Header<'_> {
    fn name(&self) -> &str {
        self.name
    }
}

impl<'a> Header<'a> {
    fn read(content: &mut dyn Read, name: &'a str) -> Result<Self, Error> {
        let cut_off = |reason| {
            Error::invalid(
                name,
                "header",
                format!("the file is damaged or ends early ({reason}); copy or export it again"),
            )
        };
        let mut raw = [0; NIFTI_2_HEADER_BYTES];
        let (first, rest) = raw.split_at_mut(NIFTI_HEADER_BYTES);
        content.read_exact(first).map_err(cut_off)?;
        if is_nifti_2(first) {
            content.read_exact(rest).map_err(cut_off)?;
            return Ok(Self::from_nifti_2(&raw, name));
        }
        let first = raw.first_chunk().unwrap_or(&[0; NIFTI_HEADER_BYTES]);
        Self::from_nifti_1(first, name)
    }

    fn from_nifti_1(raw: &[u8; NIFTI_HEADER_BYTES], name: &'a str) -> Result<Self, Error> {
        if !has_magic(raw) {
            let hint = ": the gzipped content is something else".into();
            return Err(Error::Unknown { name: name.into(), hint });
        }
        let fields = NiftiHeader::from_reader(&raw[..]).map_err(|reason| Error::invalid(name, "header", reason))?;
        if fields.sizeof_hdr != NIFTI_HEADER_BYTES as i32 {
            let reason = format!("it is {}, not 348; the file is damaged, export it again", fields.sizeof_hdr);
            return Err(Error::invalid(name, "sizeof_hdr", reason));
        }
        Ok(Self {
            name,
            bytes: NIFTI_HEADER_BYTES,
            raw: Some(*raw),
            big_endian: fields.endianness == Endianness::Big,
            detached: fields.magic == *b"ni1\0",
            dim: fields.dim.map(i64::from),
            datatype: fields.datatype,
            offset: fields.vox_offset.into(),
            slope: fields.scl_slope.into(),
            intercept: fields.scl_inter.into(),
            pixdim: fields.pixdim.map(f64::from),
            qform_code: fields.qform_code.into(),
            sform_code: fields.sform_code.into(),
            quaternion: [fields.quatern_b, fields.quatern_c, fields.quatern_d].map(f64::from),
            quaternion_offset: [fields.quatern_x, fields.quatern_y, fields.quatern_z].map(f64::from),
            sform: [fields.srow_x, fields.srow_y, fields.srow_z].map(|row| row.map(f64::from)),
            units: fields.xyzt_units,
        })
    }

    fn from_nifti_2(raw: &[u8; NIFTI_2_HEADER_BYTES], name: &'a str) -> Self {
        let big_endian = raw.starts_with(&(NIFTI_2_HEADER_BYTES as i32).to_be_bytes());
        let fields = Nifti2Fields { raw, big_endian };
        Self {
            name,
            bytes: NIFTI_2_HEADER_BYTES,
            raw: None,
            big_endian,
            detached: raw.get(4..7) == Some(b"ni2"),
            dim: fields.array(16, i64::from_le_bytes),
            datatype: fields.at(12, i16::from_le_bytes),
            offset: fields.at(168, i64::from_le_bytes) as f64,
            slope: fields.at(176, f64::from_le_bytes),
            intercept: fields.at(184, f64::from_le_bytes),
            pixdim: fields.array(104, f64::from_le_bytes),
            qform_code: fields.at(344, i32::from_le_bytes),
            sform_code: fields.at(348, i32::from_le_bytes),
            quaternion: fields.array(352, f64::from_le_bytes),
            quaternion_offset: fields.array(376, f64::from_le_bytes),
            sform: [400, 432, 464].map(|row| fields.array(row, f64::from_le_bytes)),
            units: fields.at(500, i32::from_le_bytes) as u8,
        }
    }

    /// Voxels along the three axes of the file.
    fn lengths(&self, limits: &Limits) -> Result<[usize; 3], Error> {
        let [rank, stated @ ..] = self.dim;
        let used = usize::try_from(rank).ok().and_then(|rank| stated.get(..rank));
        let Some(used) = used.filter(|used| !used.is_empty()) else {
            return Err(self.invalid("dim[0]", format!("it is {rank}, not 1 to 7; export the volume again")));
        };
        lengths(self, "dim", used, limits)
    }

    fn voxels(&self) -> Result<Voxels, Error> {
        let element = match num_type(self.datatype) {
            Some(NiftiType::Uint8) => Element::U8,
            Some(NiftiType::Int8) => Element::I8,
            Some(NiftiType::Uint16) => Element::U16,
            Some(NiftiType::Int16) => Element::I16,
            Some(NiftiType::Uint32) => Element::U32,
            Some(NiftiType::Int32) => Element::I32,
            Some(NiftiType::Uint64) => Element::U64,
            Some(NiftiType::Int64) => Element::I64,
            Some(NiftiType::Float32) => Element::F32,
            Some(NiftiType::Float64) => Element::F64,
            _ => {
                let reason = format!("type {} is not one real number; save as int16 or float32", self.datatype);
                return Err(self.invalid("datatype", reason));
            }
        };
        let (slope, intercept) = match (self.slope, self.intercept) {
            // The standard marks unscaled values with a slope of 0; some programs write NaN.
            (slope, _) if slope == 0.0 || slope.is_nan() => (1.0, 0.0),
            (slope, intercept) if slope.is_finite() && intercept.is_finite() => (slope, intercept),
            (slope, intercept) => {
                let reason = format!("they are {slope} and {intercept}; save again");
                return Err(self.invalid("scl_slope, scl_inter", reason));
            }
        };
        Ok(Voxels { element, big_endian: self.big_endian, slope, intercept })
    }

    /// Offset of the first voxel, in the file that contains it.
    fn data_offset(&self) -> Result<u64, Error> {
        let least = match (self.detached, self.raw) {
            (true, _) => 0,
            (false, Some(_)) => NIFTI_DATA_OFFSET.into(),
            (false, None) => NIFTI_2_HEADER_BYTES + 4,
        };
        let offset = self.offset;
        if offset == 0.0 {
            return Ok(least as u64);
        }
        let header = if self.detached { 0 } else { self.bytes };
        if offset.fract() == 0.0 && (header as f64..=MAX_OFFSET).contains(&offset) {
            return Ok(offset as u64);
        }
        Err(self.invalid("vox_offset", format!("it is {offset}; export the volume again")))
    }

    fn geometry(&self, lengths: [usize; 3]) -> Result<Geometry, Error> {
        let (form, affine) = self.affine();
        let mm = affine.map(|row| row.map(|value| value * self.unit_mm()));
        let geometry = match self.raw {
            // The header of a pair is rewritten, because exported voxels follow it.
            Some(raw) if !self.detached => Geometry::with_header(lengths, &mm, raw, self.big_endian),
            _ => Geometry::of(lengths, &mm),
        };
        let geometry = geometry.map(|geometry| geometry.oriented(self.sform_code > 0 || self.qform_code > 0));
        geometry.map_err(|reason| self.invalid(form, format!("{reason}; correct the affine or export again")))
    }

    /// The affine in the header's unit, and the name of its source for messages.
    fn affine(&self) -> (&'static str, Affine) {
        if self.sform_code > 0 {
            return ("sform", self.sform);
        }
        let [qfac, dx, dy, dz, ..] = self.pixdim;
        if self.qform_code > 0 {
            let dz = if qfac < 0.0 { -dz } else { dz };
            let [x, y, z] = self.quaternion_offset;
            let [right, front, head] = self.rotation();
            let row = |world: usize, offset| [right[world] * dx, front[world] * dy, head[world] * dz, offset];
            return ("qform", [row(0, x), row(1, y), row(2, z)]);
        }
        // Without an orientation, follow nibabel: the first axis runs to the patient's left.
        ("pixdim", [[-dx, 0.0, 0.0, 0.0], [0.0, dy, 0.0, 0.0], [0.0, 0.0, dz, 0.0]])
    }

    /// The columns of the quaternion's rotation matrix.
    fn rotation(&self) -> [[f64; 3]; 3] {
        let [b, c, d] = self.quaternion;
        // Rounding may make the square of the real part slightly negative.
        let a = (1.0 - b * b - c * c - d * d).max(0.0).sqrt();
        [
            [a * a + b * b - c * c - d * d, 2.0 * (b * c + a * d), 2.0 * (b * d - a * c)],
            [2.0 * (b * c - a * d), a * a + c * c - b * b - d * d, 2.0 * (c * d + a * b)],
            [2.0 * (b * d + a * c), 2.0 * (c * d - a * b), a * a + d * d - b * b - c * c],
        ]
    }

    /// The header's unit of length in mm; defaults to mm.
    fn unit_mm(&self) -> f64 {
        match self.units & 7 {
            1 => 1000.0,
            3 => 0.001,
            _ => 1.0,
        }
    }
}

/// Fields of a NIfTI-2 header by offset.
struct Nifti2Fields<'a> {
    raw: &'a [u8; NIFTI_2_HEADER_BYTES],
    big_endian: bool,
}

impl Nifti2Fields<'_> {
    /// Reads a number, given its conversion from little-endian bytes.
    fn at<T, const N: usize>(&self, offset: usize, from: fn([u8; N]) -> T) -> T {
        let mut bytes = [0; N];
        bytes.copy_from_slice(&self.raw[offset..offset + N]);
        if self.big_endian {
            bytes.reverse();
        }
        from(bytes)
    }

    fn array<T, const N: usize, const LENGTH: usize>(&self, offset: usize, from: fn([u8; N]) -> T) -> [T; LENGTH] {
        std::array::from_fn(|i| self.at(offset + i * N, from))
    }
}

fn num_type(code: i16) -> Option<NiftiType> {
    NiftiHeader { datatype: code, ..NiftiHeader::default() }.data_type().ok()
}
