//! Position and orientation of a volume in the patient.

use crate::Spacing;

/// Size of a NIfTI-1 header in bytes.
pub(crate) const NIFTI_HEADER_BYTES: usize = 348;
/// Offset of the voxels in a NIfTI-1 file without extensions.
pub(crate) const NIFTI_DATA_OFFSET: u16 = 352;

/// Rows that map voxel indices (and 1) to mm in RAS coordinates: right, anterior, superior.
pub(crate) type Affine = [[f64; 4]; 3];

/// The grid of a volume: where the axes of the radiological view (columns from the patient's right to left, rows from
/// anterior to posterior, slices from inferior to superior) are in the file, and the equivalent NIfTI-1 header.
#[derive(Clone, Debug, PartialEq)]
pub struct Geometry {
    header: [u8; NIFTI_HEADER_BYTES],
    big_endian: bool,
    columns: Axis,
    rows: Axis,
    slices: Axis,
    spacing: Spacing,
    slice_mm: f32,
    oriented: bool,
    /// Voxels along the axes of the file, the first of which varies fastest.
    lengths: [usize; 3],
    /// Of the file's voxels.
    affine: Affine,
}

/// A direction, or a position in mm, in RAS coordinates.
type Vector = [f64; 3];

/// An axis of the view in the file.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Axis {
    length: usize,
    /// Voxels between neighbouring positions.
    stride: usize,
    /// Whether the file stores the axis in the opposite direction.
    reversed: bool,
}

impl Axis {
    fn offset(&self, position: usize) -> usize {
        self.stride * if self.reversed { self.length - 1 - position } else { position }
    }
}

impl Geometry {
    /// Geometry of a file with `lengths` voxels along its axes, the first of which varies fastest.
    ///
    /// # Errors
    /// If the affine is degenerate; the message does not suggest a remedy.
    pub(crate) fn of(lengths: [usize; 3], affine: &Affine) -> Result<Self, String> {
        Self::with_header(lengths, affine, nifti_header(lengths, affine)?, false)
    }

    /// [`Self::of`] for a file with a NIfTI-1 header, which is kept.
    pub(crate) fn with_header(
        lengths: [usize; 3],
        affine: &Affine,
        header: [u8; NIFTI_HEADER_BYTES],
        big_endian: bool,
    ) -> Result<Self, String> {
        let steps = [0, 1, 2].map(|axis| affine.map(|row| row[axis]));
        let lengths_mm = steps.map(length);
        if !lengths_mm.iter().all(|&mm| mm.is_finite() && mm > 0.0) {
            return Err("an axis has no length in mm".into());
        }
        if !affine.as_flattened().iter().all(|mm| mm.is_finite()) {
            return Err("its position is not a number".into());
        }
        let nearest = nearest_axes(&steps);
        let strides = [1, lengths[0], lengths[0] * lengths[1]];
        let axis = |world: usize, towards_positive: bool| {
            let from = nearest[world];
            let reversed = (steps[from][world] > 0.0) != towards_positive;
            Axis { length: lengths[from], stride: strides[from], reversed }
        };
        let [column_mm, row_mm, slice_mm] = nearest.map(|from| lengths_mm[from]);
        let spacing = Spacing::new(row_mm as f32, column_mm as f32).map_err(|reason| reason.to_string())?;
        Spacing::new(slice_mm as f32, 1.0).map_err(|_| format!("slices are {slice_mm} mm apart"))?;
        Ok(Self {
            header,
            big_endian,
            columns: axis(0, false),
            rows: axis(1, false),
            slices: axis(2, true),
            spacing,
            slice_mm: slice_mm as f32,
            oriented: true,
            lengths,
            affine: *affine,
        })
    }

    /// Sets whether the file defines the patient's orientation.
    pub(crate) fn oriented(self, oriented: bool) -> Self {
        Self { oriented, ..self }
    }

    /// Whether the file defines the patient's orientation.
    pub(crate) fn is_oriented(&self) -> bool {
        self.oriented
    }

    /// Voxels of the view: columns, rows and slices.
    #[must_use]
    pub fn shape(&self) -> [usize; 3] {
        [self.columns.length, self.rows.length, self.slices.length]
    }

    /// The largest distance between a voxel of this file and the voxel that another file stores at the same index, in units
    /// of the smallest voxel side; infinite if their lengths differ.
    #[must_use]
    pub fn distance(&self, other: &Self) -> f64 {
        if self.lengths != other.lengths {
            return f64::INFINITY;
        }
        let corner = |grid: &Self, far: [bool; 3]| {
            let index = [0, 1, 2].map(|axis| if far[axis] { self.lengths[axis] as f64 - 1.0 } else { 0.0 });
            grid.affine.map(|[a, b, c, origin]| a * index[0] + b * index[1] + c * index[2] + origin)
        };
        let corners = (0..8).map(|bits| [bits & 1 > 0, bits & 2 > 0, bits & 4 > 0]);
        let mm = corners.map(|far| {
            let (own, other) = (corner(self, far), corner(other, far));
            length([0, 1, 2].map(|i| own[i] - other[i]))
        });
        let side = self.steps().map(length).into_iter().fold(f64::INFINITY, f64::min);
        mm.fold(0.0, f64::max) / side
    }

    /// The steps in mm along the axes of the file.
    fn steps(&self) -> [Vector; 3] {
        [0, 1, 2].map(|axis| self.affine.map(|row| row[axis]))
    }

    /// Columns per slice.
    #[must_use]
    pub fn width(&self) -> usize {
        self.columns.length
    }

    /// Rows per slice.
    #[must_use]
    pub fn height(&self) -> usize {
        self.rows.length
    }

    /// Pixel spacing.
    #[must_use]
    pub fn spacing(&self) -> Spacing {
        self.spacing
    }

    /// Distance between neighbouring slices in mm.
    #[must_use]
    pub fn slice_mm(&self) -> f32 {
        self.slice_mm
    }

    /// Number of slices.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.slices.length
    }

    /// Voxels along the axes of the file, the first of which varies fastest.
    pub(crate) fn lengths(&self) -> [usize; 3] {
        self.lengths
    }

    pub(crate) fn header(&self) -> &[u8; NIFTI_HEADER_BYTES] {
        &self.header
    }

    pub(crate) fn big_endian(&self) -> bool {
        self.big_endian
    }

    /// Indices in the file, in voxels, of the pixels of a slice in row-major order.
    pub(crate) fn slice_positions(&self, slice: usize) -> impl Iterator<Item = usize> + '_ {
        let start = self.slices.offset(slice);
        (0..self.rows.length).flat_map(move |row| {
            let start = start + self.rows.offset(row);
            (0..self.columns.length).map(move |column| start + self.columns.offset(column))
        })
    }
}

fn length(vector: Vector) -> f64 {
    vector.iter().map(|part| part * part).sum::<f64>().sqrt()
}

/// The axes of the file: voxels, their size in mm, the directions that the axes run to, and the first voxel in mm in RAS
/// coordinates.
impl std::fmt::Display for Geometry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [columns, rows, slices] = self.lengths;
        let steps = self.steps();
        let [x_mm, y_mm, z_mm] = steps.map(length);
        let [x, y, z] = self.affine.map(|row| row[3]);
        let mut letters = ['?'; 3];
        for (world, from) in nearest_axes(&steps).into_iter().enumerate() {
            let [negative, positive] = [['L', 'R'], ['P', 'A'], ['I', 'S']][world];
            letters[from] = if steps[from][world] > 0.0 { positive } else { negative };
        }
        let directions: String = letters.iter().collect();
        write!(f, "{columns} x {rows} x {slices} voxels of {x_mm:.3} x {y_mm:.3} x {z_mm:.3} mm along {directions} ")?;
        write!(f, "from ({x:.2}, {y:.2}, {z:.2})")
    }
}

/// Assigns the file's axes to the patient's right, anterior and superior directions, each once, by best alignment.
fn nearest_axes(steps: &[[f64; 3]; 3]) -> [usize; 3] {
    const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    let along = |order: &[usize; 3]| -> f64 {
        let share = |world: usize, axis: usize| {
            let step = steps[axis];
            step[world].abs() / step.iter().map(|mm| mm * mm).sum::<f64>().sqrt()
        };
        order.iter().enumerate().map(|(world, &axis)| share(world, axis)).sum()
    };
    let best = ORDERS.into_iter().max_by(|a, b| along(a).total_cmp(&along(b)));
    best.unwrap_or([0, 1, 2])
}

/// A little-endian NIfTI-1 header with the affine as its sform, in mm.
fn nifti_header(lengths: [usize; 3], affine: &Affine) -> Result<[u8; NIFTI_HEADER_BYTES], String> {
    let mut header = [0; NIFTI_HEADER_BYTES];
    let mut put = |offset: usize, bytes: &[u8]| header[offset..offset + bytes.len()].copy_from_slice(bytes);
    put(0, &(NIFTI_HEADER_BYTES as i32).to_le_bytes());
    let mut dims = [3, 0, 0, 0, 1, 1, 1, 1];
    for (dim, length) in dims.iter_mut().skip(1).zip(lengths) {
        *dim = i16::try_from(length).map_err(|_| format!("NIfTI-1 does not support {length} voxels along an axis"))?;
    }
    put(40, dims.map(i16::to_le_bytes).as_flattened());
    let mut pixdim = [1.0_f32; 8];
    for (axis, mm) in pixdim.iter_mut().skip(1).take(3).enumerate() {
        *mm = affine.iter().map(|row| row[axis] * row[axis]).sum::<f64>().sqrt() as f32;
    }
    put(76, pixdim.map(f32::to_le_bytes).as_flattened());
    // xyzt_units: mm; sform_code: scanner coordinates.
    put(123, &[2]);
    put(254, &1_i16.to_le_bytes());
    for (row, offset) in affine.iter().zip([280, 296, 312]) {
        put(offset, row.map(|mm| (mm as f32).to_le_bytes()).as_flattened());
    }
    put(344, b"n+1\0");
    Ok(header)
}
