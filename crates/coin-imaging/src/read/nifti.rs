//! NIfTI-1 volumes, plain or gzipped, as axial slices in radiological view.

use std::io::{self, Read};

use flate2::read::MultiGzDecoder;
use nifti::{Endianness, NiftiHeader, NiftiType};

use crate::scan::ScanError;
use crate::{Limits, Slice, Spacing};

pub(crate) const HEADER_BYTES: usize = 348;
/// Where voxels begin when a file has no extensions.
pub(crate) const DATA_OFFSET: u16 = 352;
const NIFTI_2_HEADER_BYTES: i32 = 540;
const GZIP: [u8; 2] = [0x1F, 0x8B];

/// How a NIfTI volume lies in the patient: its header, and where the axes of the radiological view (columns from the
/// patient's right to left, rows from anterior to posterior, slices from inferior to superior) are in the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Geometry {
    header: [u8; HEADER_BYTES],
    big_endian: bool,
    columns: Axis,
    rows: Axis,
    slices: Axis,
    slice_mm: f32,
}

impl Geometry {
    /// Columns of a slice.
    #[must_use]
    pub fn width(&self) -> usize {
        self.columns.length
    }

    /// Rows of a slice.
    #[must_use]
    pub fn height(&self) -> usize {
        self.rows.length
    }

    /// From one slice to the next, in mm.
    #[must_use]
    pub fn slice_mm(&self) -> f32 {
        self.slice_mm
    }

    /// Number of slices.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.slices.length
    }

    pub(crate) fn header(&self) -> &[u8; HEADER_BYTES] {
        &self.header
    }

    pub(crate) fn big_endian(&self) -> bool {
        self.big_endian
    }

    /// Positions in the file, in voxels, of the pixels of a slice, row by row.
    pub(crate) fn slice_positions(&self, slice: usize) -> impl Iterator<Item = usize> + '_ {
        let start = self.slices.offset(slice);
        (0..self.rows.length).flat_map(move |row| {
            let start = start + self.rows.offset(row);
            (0..self.columns.length).map(move |column| start + self.columns.offset(column))
        })
    }
}

/// One axis of the view in the file.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Axis {
    length: usize,
    /// Voxels from one position to the next.
    stride: usize,
    /// Whether the file counts the other way.
    reversed: bool,
}

impl Axis {
    fn offset(&self, position: usize) -> usize {
        self.stride * if self.reversed { self.length - 1 - position } else { position }
    }
}

/// Whether the bytes begin as a NIfTI file, or as a gzipped file that may be one.
pub(crate) fn is_nifti(bytes: &[u8]) -> bool {
    bytes.starts_with(&GZIP) || has_magic(bytes) || is_nifti_2(bytes)
}

/// All axial slices of a volume, the most inferior first, in HU, and where they are in the file.
pub(crate) fn read(bytes: &[u8], name: &str, limits: &Limits) -> Result<(Vec<Slice>, Geometry), ScanError> {
    let gzipped = bytes.starts_with(&GZIP);
    let mut content: Box<dyn Read + '_> = if gzipped { Box::new(MultiGzDecoder::new(bytes)) } else { Box::new(bytes) };
    let cut_off = |reason: io::Error| {
        let reason = format!("the file is damaged or ends early ({reason}); copy or export it again");
        ScanError::invalid(name, "volume", reason)
    };
    let mut raw = [0; HEADER_BYTES];
    content.read_exact(&mut raw).map_err(cut_off)?;
    let header = Header::parse(&raw, name)?;
    let lengths = header.lengths(limits)?;
    let element = header.element()?;
    let offset = header.data_offset()?;
    let scaling = header.scaling()?;
    let (geometry, spacing) = header.geometry(raw, lengths)?;

    header.check_sides(&geometry, limits)?;
    let voxel_bytes = lengths.iter().map(|&length| length as u64).product::<u64>() * element.bytes() as u64;
    if offset + voxel_bytes > limits.bytes {
        return Err(header.too_large("volume", limits.bytes));
    }
    io::copy(&mut content.by_ref().take(offset - HEADER_BYTES as u64), &mut io::sink()).map_err(cut_off)?;
    let mut voxels = Vec::new();
    content.take(voxel_bytes).read_to_end(&mut voxels).map_err(cut_off)?;
    if (voxels.len() as u64) < voxel_bytes {
        let reason = format!("it has {} bytes instead of {voxel_bytes}; copy or export the file again", voxels.len());
        return Err(header.invalid("volume", reason));
    }

    let slice = |index: usize| {
        let hu = element.hu(&voxels, geometry.slice_positions(index), &scaling, geometry.big_endian);
        Slice::new(geometry.width(), geometry.height(), hu, Some(spacing))
            .map_err(|reason| header.invalid(&format!("slice {index}"), format!("{reason}; correct the volume")))
    };
    let slices = (0..geometry.depth()).map(slice).collect::<Result<_, _>>()?;
    Ok((slices, geometry))
}

fn has_magic(header: &[u8]) -> bool {
    header.get(344..348).is_some_and(|magic| magic == b"n+1\0" || magic == b"ni1\0")
}

fn is_nifti_2(header: &[u8]) -> bool {
    [NIFTI_2_HEADER_BYTES.to_le_bytes(), NIFTI_2_HEADER_BYTES.to_be_bytes()].iter().any(|size| header.starts_with(size))
}

/// Types of voxels with one number each.
#[derive(Clone, Copy)]
enum Element {
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

    /// HU of the voxels at these positions.
    fn hu(
        self,
        voxels: &[u8],
        positions: impl Iterator<Item = usize>,
        scaling: &Scaling,
        big_endian: bool,
    ) -> Vec<f32> {
        macro_rules! of {
            ($type:ty) => {{
                let (voxels, _) = voxels.as_chunks();
                let stored = |&bytes: &[u8; size_of::<$type>()]| match big_endian {
                    true => <$type>::from_be_bytes(bytes) as f64,
                    false => <$type>::from_le_bytes(bytes) as f64,
                };
                positions.map(|at| scaling.apply(voxels.get(at).map_or(f64::NAN, stored)) as f32).collect()
            }};
        }
        match self {
            Self::U8 => of!(u8),
            Self::I8 => of!(i8),
            Self::U16 => of!(u16),
            Self::I16 => of!(i16),
            Self::U32 => of!(u32),
            Self::I32 => of!(i32),
            Self::U64 => of!(u64),
            Self::I64 => of!(i64),
            Self::F32 => of!(f32),
            Self::F64 => of!(f64),
        }
    }
}

/// `scl_slope` and `scl_inter`, from stored values to HU.
struct Scaling {
    slope: f64,
    intercept: f64,
}

impl Scaling {
    fn apply(&self, stored: f64) -> f64 {
        stored * self.slope + self.intercept
    }
}

/// The three columns of an affine that turn voxel steps into mm towards the patient's right, front and head.
type Steps = [[f64; 3]; 3];

struct Header<'a> {
    name: &'a str,
    fields: NiftiHeader,
}

impl<'a> Header<'a> {
    fn parse(raw: &[u8], name: &'a str) -> Result<Self, ScanError> {
        if is_nifti_2(raw) {
            return Err(ScanError::invalid(name, "sizeof_hdr", "this is NIfTI-2; save the volume as NIfTI-1"));
        }
        if !has_magic(raw) {
            return Err(ScanError::Unknown {
                name: name.into(),
                hint: ": the gzipped content is something else".into(),
            });
        }
        let fields = NiftiHeader::from_reader(raw).map_err(|reason| ScanError::invalid(name, "header", reason))?;
        let header = Self { name, fields };
        if header.fields.sizeof_hdr != HEADER_BYTES as i32 {
            return Err(header.invalid("sizeof_hdr", "it is not 348; the file is damaged, export it again"));
        }
        if header.fields.magic == *b"ni1\0" {
            let reason = "the voxels are in a separate .img file; save the volume as one .nii file";
            return Err(header.invalid("magic", reason));
        }
        Ok(header)
    }

    /// Voxels along the three axes of the file.
    fn lengths(&self, limits: &Limits) -> Result<[usize; 3], ScanError> {
        let [rank, dims @ ..] = self.fields.dim;
        if rank == 0 || rank > 7 {
            return Err(self.invalid("dim[0]", format!("it is {rank}, not 1 to 7; export the volume again")));
        }
        let length =
            |axis: usize| dims.get(axis).filter(|_| axis < rank.into()).map_or(1, |&length| usize::from(length));
        if (3..7).any(|axis| length(axis) > 1) {
            return Err(self.invalid("dim[4]", "the file holds several volumes; save one of them"));
        }
        let lengths = [length(0), length(1), length(2)];
        if lengths.contains(&0) {
            return Err(self.invalid("dim", "an axis has no voxels; export the volume again"));
        }
        if lengths.iter().map(|&length| length as u64).product::<u64>() > limits.voxels {
            return Err(self.too_large("dim", limits.voxels));
        }
        Ok(lengths)
    }

    fn check_sides(&self, geometry: &Geometry, limits: &Limits) -> Result<(), ScanError> {
        if geometry.depth() as u64 > u64::from(limits.slices) {
            return Err(self.too_large("number of slices", limits.slices.into()));
        }
        if geometry.width().max(geometry.height()) as u64 > u64::from(limits.side) {
            return Err(self.too_large("dim", limits.side.into()));
        }
        Ok(())
    }

    fn element(&self) -> Result<Element, ScanError> {
        Ok(match self.fields.data_type() {
            Ok(NiftiType::Uint8) => Element::U8,
            Ok(NiftiType::Int8) => Element::I8,
            Ok(NiftiType::Uint16) => Element::U16,
            Ok(NiftiType::Int16) => Element::I16,
            Ok(NiftiType::Uint32) => Element::U32,
            Ok(NiftiType::Int32) => Element::I32,
            Ok(NiftiType::Uint64) => Element::U64,
            Ok(NiftiType::Int64) => Element::I64,
            Ok(NiftiType::Float32) => Element::F32,
            Ok(NiftiType::Float64) => Element::F64,
            _ => {
                let reason = format!("type {} is not one real number; save as int16 or float32", self.fields.datatype);
                return Err(self.invalid("datatype", reason));
            }
        })
    }

    /// Bytes before the first voxel.
    fn data_offset(&self) -> Result<u64, ScanError> {
        let offset = self.fields.vox_offset;
        if offset == 0.0 {
            return Ok(DATA_OFFSET.into());
        }
        // 2^31 is beyond any header extension and exact in every type used.
        if offset.fract() == 0.0 && (HEADER_BYTES as f32..=2_147_483_648.0).contains(&offset) {
            return Ok(offset as u64);
        }
        Err(self.invalid("vox_offset", format!("it is {offset}; export the volume again")))
    }

    fn scaling(&self) -> Result<Scaling, ScanError> {
        let (slope, intercept) = (self.fields.scl_slope, self.fields.scl_inter);
        // The standard's sign for unscaled values is 0; some programs write NaN.
        if slope == 0.0 || slope.is_nan() {
            return Ok(Scaling { slope: 1.0, intercept: 0.0 });
        }
        if slope.is_infinite() || !intercept.is_finite() {
            return Err(self.invalid("scl_slope, scl_inter", format!("they are {slope} and {intercept}; save again")));
        }
        Ok(Scaling { slope: slope.into(), intercept: intercept.into() })
    }

    /// Finds the axes of the view in the file, and the pixel spacing in mm.
    fn geometry(&self, raw: [u8; HEADER_BYTES], lengths: [usize; 3]) -> Result<(Geometry, Spacing), ScanError> {
        let (form, steps) = self.steps();
        let refuse = |reason: String| self.invalid(form, format!("{reason}; correct the affine or export again"));
        let lengths_mm = steps.map(|[x, y, z]| (x * x + y * y + z * z).sqrt() * self.unit_mm());
        if !lengths_mm.iter().all(|&mm| mm.is_finite() && mm > 0.0) {
            return Err(refuse("an axis has no length in mm".into()));
        }
        let nearest = nearest_axes(&steps);
        let strides = [1, lengths[0], lengths[0] * lengths[1]];
        let axis = |world: usize, towards_positive: bool| {
            let from = nearest[world];
            let reversed = (steps[from][world] > 0.0) != towards_positive;
            Axis { length: lengths[from], stride: strides[from], reversed }
        };
        let [column_mm, row_mm, slice_mm] = nearest.map(|from| lengths_mm[from]);
        let geometry = Geometry {
            header: raw,
            big_endian: self.fields.endianness == Endianness::Big,
            columns: axis(0, false),
            rows: axis(1, false),
            slices: axis(2, true),
            slice_mm: slice_mm as f32,
        };
        let spacing = Spacing::new(row_mm as f32, column_mm as f32);
        let spacing = spacing.map_err(|reason| refuse(reason.to_string()))?;
        Spacing::new(slice_mm as f32, 1.0).map_err(|_| refuse(format!("slices are {slice_mm} mm apart")))?;
        Ok((geometry, spacing))
    }

    /// The affine's columns and the header's name for where they come from.
    fn steps(&self) -> (&'static str, Steps) {
        let header = &self.fields;
        if header.sform_code > 0 {
            let rows = [header.srow_x, header.srow_y, header.srow_z];
            return ("sform", [0, 1, 2].map(|axis| rows.map(|row| f64::from(row[axis]))));
        }
        let [qfac, dx, dy, dz, ..] = header.pixdim.map(f64::from);
        if header.qform_code > 0 {
            let [right, front, head] = self.rotation();
            let dz = if qfac < 0.0 { -dz } else { dz };
            return ("qform", [right.map(|r| r * dx), front.map(|r| r * dy), head.map(|r| r * dz)]);
        }
        // A file without orientation is taken as nibabel takes it: the first axis runs to the patient's left.
        ("pixdim", [[-dx, 0.0, 0.0], [0.0, dy, 0.0], [0.0, 0.0, dz]])
    }

    /// The columns of the quaternion's rotation.
    fn rotation(&self) -> Steps {
        let [b, c, d] = [self.fields.quatern_b, self.fields.quatern_c, self.fields.quatern_d].map(f64::from);
        // Rounding may leave slightly less than nothing for the real part.
        let a = (1.0 - b * b - c * c - d * d).max(0.0).sqrt();
        [
            [a * a + b * b - c * c - d * d, 2.0 * (b * c + a * d), 2.0 * (b * d - a * c)],
            [2.0 * (b * c - a * d), a * a + c * c - b * b - d * d, 2.0 * (c * d + a * b)],
            [2.0 * (b * d + a * c), 2.0 * (c * d - a * b), a * a + d * d - b * b - c * c],
        ]
    }

    /// The header's unit of length in mm; mm where it does not say.
    fn unit_mm(&self) -> f64 {
        match self.fields.xyzt_units & 7 {
            1 => 1000.0,
            3 => 0.001,
            _ => 1.0,
        }
    }

    fn invalid(&self, field: &str, reason: impl ToString) -> ScanError {
        ScanError::invalid(self.name, field, reason)
    }

    fn too_large(&self, field: &str, limit: u64) -> ScanError {
        ScanError::TooLarge { name: self.name.into(), field: field.into(), limit }
    }
}

/// For each world axis the file's axis along it: the assignment whose directions agree best.
fn nearest_axes(steps: &Steps) -> [usize; 3] {
    const ASSIGNMENTS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    let cosine =
        |from: usize, world: usize| steps[from][world].abs() / steps[from].iter().map(|s| s * s).sum::<f64>().sqrt();
    let agreement = |axes: &[usize; 3]| axes.iter().enumerate().map(|(world, &from)| cosine(from, world)).sum::<f64>();
    ASSIGNMENTS.into_iter().max_by(|a, b| agreement(a).total_cmp(&agreement(b))).unwrap_or([0, 1, 2])
}
