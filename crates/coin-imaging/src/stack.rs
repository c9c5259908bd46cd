//! Assembly of the frames of a DICOM series into a volume in radiological convention, from inferior to superior.

use crate::Error;
use crate::geometry::Affine;
use crate::read::dicom::{self, Frame, Reference};
use crate::{Geometry, Slice, Spacing};

/// Cosine of 15 degrees, the largest tilt of an axial slice.
const MIN_COSINE: f64 = 0.965_925_8;
/// Largest shear of the stack, as the tangent of the angle: half a degree of gantry tilt.
const MAX_SHEAR: f64 = 0.0087;
/// Fewest slices of a sagittal or coronal series from which axial slices are cut.
const MIN_SLICES: usize = 8;
/// Slices within this distance, in mm, have the same position: exporting again rounds. No spacing is smaller.
pub(crate) const SAME_POSITION_MM: f64 = 9e-3;
/// Largest shift of a slice in its plane against its neighbours, in mm.
const MAX_SHIFT_MM: f64 = 0.5;
/// Tolerance for spacings in mm and for direction cosines.
const TOLERANCE: f64 = 2e-3;
/// Tolerance for the slice distance, relative to the median: positions have few decimals.
const SPACING_TOLERANCE: f64 = 0.05;

/// A direction, or a position in mm, in LPS coordinates.
pub(crate) type Vector = [f64; 3];

/// An assembled series.
#[derive(Debug)]
pub(crate) struct Stack {
    pub slices: Vec<Slice>,
    /// Volume geometry; `None` if slices are missing or lack a position, or for a single slice without thickness.
    pub geometry: Option<Geometry>,
    /// Identifiers and positions of the slices; `None` if a slice lacks them, or pixel spacing and thickness.
    pub sources: Option<Vec<Source>>,
    /// Messages for the user, one sentence each.
    pub notes: Vec<String>,
}

/// A slice that other DICOM objects can refer to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Source {
    pub reference: Reference,
    /// The centre of the view's first pixel, in mm in LPS coordinates.
    pub origin: Vector,
    /// Unit vectors along a row and along a column of the view.
    pub across: Vector,
    pub down: Vector,
    /// Slice thickness in mm.
    pub thickness: f64,
}

/// Sorts frames of equal size by their position along the normal, or keeps their order if they have no position. Axial slices
/// are cut from the volume of a sagittal, coronal or oblique series.
///
/// # Errors
/// If the frames are sheared, or not axial and no volume.
pub(crate) fn stack(name: &str, frames: Vec<Frame>) -> Result<Stack, Error> {
    if frames.iter().any(|frame| !is_axial(frame)) {
        return reformatted(name, frames);
    }
    let mut placed = frames.into_iter().map(|frame| Placed::of(name, frame)).collect::<Result<Vec<_>, _>>()?;
    let mut notes = Vec::new();
    if placed.iter().all(|slice| slice.plane.is_some()) {
        placed.sort_by(|a, b| a.height().total_cmp(&b.height()));
    } else if placed.len() > 1 {
        notes.push("the slices have no position; they are shown in file order".into());
    }
    let turn = placed.iter().filter_map(|placed| placed.plane).map(|plane| plane.across[0]).fold(1.0, f64::min);
    if turn < MIN_COSINE {
        let degrees = turn.acos().to_degrees();
        notes.push(format!("the slices are turned by {degrees:.0} degrees in their plane"));
    }
    let geometry = geometry(name, &placed, &mut notes)?;
    let source = |placed: &Placed| {
        placed.slice.spacing()?;
        let Plane { origin, across, down, .. } = placed.plane?;
        let distance = geometry.as_ref().map(|geometry| f64::from(geometry.slice_mm()));
        let thickness = placed.thickness.or(distance)?;
        Some(Source { reference: placed.reference.clone()?, origin, across, down, thickness })
    };
    let sources = placed.iter().map(source).collect();
    Ok(Stack { slices: placed.into_iter().map(|placed| placed.slice).collect(), geometry, sources, notes })
}

/// Position of a frame along its normal, in mm; `None` if it has no orientation or position.
pub(crate) fn height(frame: &Frame) -> Option<f64> {
    Some(dot(frame.position?, normal(frame)?))
}

/// The unit normal of a frame.
fn normal(frame: &Frame) -> Option<Vector> {
    frame.orientation.and_then(dicom::normal)
}

/// Whether a frame is axial within 15 degrees, however it is turned in its plane. A frame without orientation counts as axial.
fn is_axial(frame: &Frame) -> bool {
    normal(frame).is_none_or(|[_, _, z]| z.abs() >= MIN_COSINE)
}

/// Axial slices of a sagittal, coronal or oblique series.
fn reformatted(name: &str, frames: Vec<Frame>) -> Result<Stack, Error> {
    let invalid = |reason: &str| Error::invalid(name, "ImageOrientationPatient", reason);
    if frames.iter().any(Frame::is_localizer) {
        return Err(dicom::scout(name));
    }
    let mut planes = Vec::with_capacity(frames.len());
    for frame in frames {
        let (Some([rx, ry, rz, cx, cy, cz]), Some(origin)) = (frame.orientation, frame.position) else {
            return Err(invalid("the slice is not axial and has no position; reconstruct axial slices"));
        };
        let (across, down) = (unit([rx, ry, rz]), unit([cx, cy, cz]));
        planes.push((Plane { origin, across, down, normal: unit(cross(across, down)) }, frame));
    }
    planes.sort_by(|(a, _), (b, _)| a.height().total_cmp(&b.height()));
    let refused =
        "the slices are not axial, and too few or too uneven to cut axial ones from; reconstruct axial slices";
    if planes.len() == 1 {
        return Err(invalid("the slice is not axial within 15 degrees; reconstruct axial slices"));
    }
    let (planes, frames): (Vec<Plane>, Vec<Frame>) = planes.into_iter().unzip();
    let (Some(plane), Some(first), true) = (planes.first(), frames.first(), planes.len() >= MIN_SLICES) else {
        return Err(invalid(refused));
    };
    let Some(spacing) = first.spacing else {
        return Err(Error::invalid(name, "PixelSpacing", "it is missing; export the series again"));
    };
    let distance = even_distance(name, &planes, &mut Vec::new())?.ok_or_else(|| invalid(refused))?;
    let affine = plane.affine(spacing, distance);
    let geometry = Geometry::of([first.columns, first.rows, frames.len()], &affine);
    let geometry = geometry.map_err(|reason| invalid(&format!("{reason}; reconstruct axial slices")))?;
    let voxels: Vec<f32> = frames.iter().flat_map(|frame| frame.hu.iter().copied()).collect();
    let slice = |index: usize| {
        let hu = geometry.slice_positions(index).map(|at| voxels.get(at).copied().unwrap_or(f32::NAN)).collect();
        let slice = Slice::new(geometry.width(), geometry.height(), hu, Some(geometry.spacing()));
        slice.map_err(|reason| Error::invalid(name, "PixelData", reason))
    };
    let slices = (0..geometry.depth()).map(slice).collect::<Result<_, _>>()?;
    let [x, y, z] = plane.normal.map(f64::abs);
    let kind = match x.max(y).max(z) {
        most if most < MIN_COSINE => "oblique",
        most if most == x => "sagittal",
        _ => "coronal",
    };
    let notes = vec![format!("the series is {kind}; its axial slices are cut from the volume")];
    Ok(Stack { slices, geometry: Some(geometry), sources: None, notes })
}

/// Whether two frames can belong to one volume: equal size, spacing and orientation, within their decimals.
pub(crate) fn is_alike(a: &Frame, b: &Frame) -> bool {
    let near = |a: &[f64], b: &[f64]| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < TOLERANCE);
    let spacing = |frame: &Frame| frame.spacing.map(|spacing| [spacing.row_mm(), spacing.column_mm()].map(f64::from));
    let (a_spacing, b_spacing) = (spacing(a), spacing(b));
    let (a_spacing, b_spacing) = (a_spacing.as_slice().as_flattened(), b_spacing.as_slice().as_flattened());
    let (a_sides, b_sides) = (a.orientation.as_slice().as_flattened(), b.orientation.as_slice().as_flattened());
    let placed = a.position.is_some() == b.position.is_some();
    placed && (a.columns, a.rows) == (b.columns, b.rows) && near(a_spacing, b_spacing) && near(a_sides, b_sides)
}

/// A slice in the view, with its position.
struct Placed {
    slice: Slice,
    reference: Option<Reference>,
    thickness: Option<f64>,
    plane: Option<Plane>,
}

/// Position and orientation of a slice.
#[derive(Clone, Copy)]
struct Plane {
    /// The centre of the first pixel.
    origin: Vector,
    /// Unit vectors along a row, along a column and to the next slice.
    across: Vector,
    down: Vector,
    normal: Vector,
}

impl Placed {
    fn of(name: &str, frame: Frame) -> Result<Self, Error> {
        let Frame { mut columns, mut rows, mut hu, mut spacing, thickness, orientation, position, reference, .. } =
            frame;
        let invalid = |field: &str, reason: String| Error::invalid(name, field, reason);
        let mut plane = None;
        if let Some([rx, ry, rz, cx, cy, cz]) = orientation {
            let (mut across, mut down) = (unit([rx, ry, rz]), unit([cx, cy, cz]));
            // DICOM's x and y point to the patient's left and back, like columns and rows of the view. The rows of a patient
            // who lies on the side run along y.
            if across[0].abs() < down[0].abs() {
                hu = (0..columns).flat_map(|column| hu.iter().skip(column).step_by(columns)).copied().collect();
                (columns, rows) = (rows, columns);
                (across, down) = (down, across);
                spacing = spacing.map(Spacing::transposed);
            }
            let mm = spacing.map(|spacing| [spacing.column_mm(), spacing.row_mm()].map(f64::from));
            let mut origin = position;
            let mut flip = |direction: &mut Vector, pixels: usize, mm: Option<f64>| {
                let far = mm.map(|mm| mm * (pixels - 1) as f64);
                origin = origin.zip(far).map(|(origin, far)| along(origin, *direction, far));
                *direction = direction.map(|part| -part);
            };
            let (flip_columns, flip_rows) = (across[0] < 0.0, down[1] < 0.0);
            if flip_columns {
                flip(&mut across, columns, mm.map(|mm| mm[0]));
            }
            if flip_rows {
                flip(&mut down, rows, mm.map(|mm| mm[1]));
            }
            if flip_rows {
                hu.reverse();
            }
            // Reversing the whole frame has also flipped the columns.
            if flip_rows != flip_columns {
                hu.chunks_exact_mut(columns).for_each(<[f32]>::reverse);
            }
            plane = origin.map(|origin| Plane { origin, across, down, normal: cross(across, down) });
        }
        let slice = Slice::new(columns, rows, hu, spacing);
        Ok(Self {
            slice: slice.map_err(|reason| invalid("PixelData", reason.to_string()))?,
            reference,
            thickness,
            plane,
        })
    }

    /// Position along the normal, in mm towards the head.
    fn height(&self) -> f64 {
        self.plane.map_or(f64::NAN, |plane| plane.height())
    }
}

impl Plane {
    /// Position along the normal, in mm.
    fn height(&self) -> f64 {
        dot(self.origin, self.normal)
    }

    /// The affine, in RAS coordinates, of slices `distance` mm apart of which this is the first.
    fn affine(&self, spacing: Spacing, distance: f64) -> Affine {
        let (column_mm, row_mm) = (f64::from(spacing.column_mm()), f64::from(spacing.row_mm()));
        let Self { origin, across, down, normal } = self;
        // From LPS to RAS coordinates.
        let row = |world: usize, sign: f64| {
            [across[world] * column_mm, down[world] * row_mm, normal[world] * distance, origin[world]]
                .map(|mm| sign * mm)
        };
        [row(0, -1.0), row(1, -1.0), row(2, 1.0)]
    }
}

/// Geometry of evenly spaced slices, or of a single one with a thickness; `None`, with a note, otherwise.
fn geometry(name: &str, placed: &[Placed], notes: &mut Vec<String>) -> Result<Option<Geometry>, Error> {
    let planes: Option<Vec<Plane>> = placed.iter().map(|placed| placed.plane).collect();
    let (Some(planes), Some(first)) = (planes, placed.first()) else { return Ok(None) };
    let Some(spacing) = first.slice.spacing() else { return Ok(None) };
    let distance = if planes.len() > 1 { even_distance(name, &planes, notes)? } else { first.thickness };
    let (Some(distance), Some(plane)) = (distance, planes.first()) else { return Ok(None) };
    let affine = plane.affine(spacing, distance);
    let geometry = Geometry::of([first.slice.width(), first.slice.height(), placed.len()], &affine);
    if let Err(reason) = &geometry {
        notes.push(format!("{reason}; no volume is exported"));
    }
    Ok(geometry.ok())
}

/// Distance between neighbouring slices in mm; `None`, with a note, if it is uneven.
fn even_distance(name: &str, planes: &[Plane], notes: &mut Vec<String>) -> Result<Option<f64>, Error> {
    let steps: Vec<Vector> = planes.windows(2).map(|pair| difference(pair[1].origin, pair[0].origin)).collect();
    let Some(normal) = planes.first().map(|plane| plane.normal) else { return Ok(None) };
    let distances: Vec<f64> = steps.iter().map(|step| dot(*step, normal)).collect();
    // The part in the plane grows with the distance in a sheared stack.
    let lateral: Vec<Vector> =
        steps.iter().map(|step| difference(*step, normal.map(|part| part * dot(*step, normal)))).collect();
    let slopes = |axis: usize| lateral.iter().zip(&distances).map(|(step, mm)| step[axis] / mm).collect();
    let usual = [0, 1, 2].map(|axis| median(slopes(axis)).unwrap_or_default());
    let apart = |(step, mm): (&Vector, &f64)| {
        let apart = difference(*step, usual.map(|part| part * mm));
        dot(apart, apart).sqrt()
    };
    let mut shifts = lateral.iter().zip(&distances).map(apart).enumerate();
    if let Some((at, mm)) = shifts.find(|(_, mm)| *mm > MAX_SHIFT_MM) {
        let before = at + 1;
        notes.push(format!(
            "slices are shifted in their plane, by {mm:.1} mm after slice {before}; no volume is exported"
        ));
        return Ok(None);
    }
    // From the first to the last slice, because positions are rounded.
    let distance = distances.iter().sum::<f64>();
    let shift = lateral.iter().fold([0.0; 3], |sum, step| [0, 1, 2].map(|i| sum[i] + step[i]));
    let shear = dot(shift, shift).sqrt() / distance;
    if shear > MAX_SHEAR {
        let degrees = shear.atan().to_degrees();
        let reason = format!(
            "the slices are sheared by {degrees:.1} degrees (gantry tilt); resample the series to an untilted volume"
        );
        return Err(Error::invalid(name, "ImagePositionPatient", reason));
    }
    let usual = median(distances.clone()).unwrap_or(1.0);
    let uneven = |distance: &f64| (distance - usual).abs() > SPACING_TOLERANCE * usual;
    if let Some(at) = distances.iter().position(uneven) {
        let (before, found) = (at + 1, distances.get(at).copied().unwrap_or_default());
        notes.push(format!(
            "slices are missing or uneven: {found:.2} mm after slice {before}, {usual:.2} mm elsewhere; no volume is exported"
        ));
        return Ok(None);
    }
    Ok(Some(distance / distances.len() as f64))
}

/// The lower median.
fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len().checked_sub(1)? / 2).copied()
}

fn dot(a: Vector, b: Vector) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn cross([ax, ay, az]: Vector, [bx, by, bz]: Vector) -> Vector {
    [ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx]
}

fn difference(a: Vector, b: Vector) -> Vector {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

fn along(from: Vector, direction: Vector, mm: f64) -> Vector {
    [0, 1, 2].map(|i| from[i] + direction[i] * mm)
}

/// Normalises a vector; NaN for a zero vector.
fn unit(vector: Vector) -> Vector {
    let length = dot(vector, vector).sqrt();
    vector.map(|part| part / length)
}
