//! The frames of a DICOM series as one volume: in the radiological view, from the feet to the head.

use std::cmp::Ordering;

use crate::Error;
use crate::read::dicom::{Frame, Reference};
use crate::{Geometry, Slice};

/// The cosine of 15 degrees, how far an axial slice may be tilted.
const MIN_COSINE: f64 = 0.965_925_8;
/// Largest shift across the normal, as a share of the way along it: half a degree of gantry tilt.
const MOST_SHEAR: f64 = 0.0087;
/// Slices nearer than this to each other, in mm, lie at the same place.
const SAME_PLACE_MM: f64 = 1e-3;
/// Spacings in mm, and parts of directions, nearer than this are the same.
const SAME: f64 = 2e-3;
/// Largest part of the usual distance by which another may differ: positions are written with few decimals.
const UNEVEN: f64 = 0.05;

/// A direction or a place in mm, towards the patient's left, back and head.
pub(crate) type Vector = [f64; 3];

/// Slices that belong together.
#[derive(Debug)]
pub(crate) struct Stack {
    pub slices: Vec<Slice>,
    /// Where they lie; `None` where slices are missing or say nothing of their place, and for one that does not say how thick
    /// it is.
    pub geometry: Option<Geometry>,
    /// What the slices are called and where they lie; `None` where one does not say, or not how large its pixels are and how thick it is.
    pub sources: Option<Vec<Source>>,
    /// What the user should know, a sentence each.
    pub notes: Vec<String>,
}

/// A slice that other objects can refer to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Source {
    pub reference: Reference,
    /// The centre of the view's first pixel, in mm towards the patient's left, back and head.
    pub origin: Vector,
    /// Unit steps along a row and along a column of the view.
    pub across: Vector,
    pub down: Vector,
    /// Of the slice, in mm.
    pub thickness: f64,
}

/// Puts frames of the same size in order, whatever their order was: by their place along the normal, or as they come where they
/// do not say.
///
/// # Errors
/// When they are not axial, or lie askew on each other.
pub(crate) fn stack(name: &str, frames: Vec<Frame>) -> Result<Stack, Error> {
    if frames.first().is_some_and(|first| !frames.iter().all(|frame| is_alike(frame, first))) {
        let reason = "it differs between frames; export the frames as single CT slices";
        return Err(Error::invalid(name, "PixelSpacing", reason));
    }
    let mut placed = frames.into_iter().map(|frame| Placed::of(name, frame)).collect::<Result<Vec<_>, _>>()?;
    let mut notes = Vec::new();
    if placed.len() > 1 && placed.iter().all(|slice| slice.plane.is_some()) {
        placed.sort_by(|a, b| a.height().partial_cmp(&b.height()).unwrap_or(Ordering::Equal));
        let before = placed.len();
        placed.dedup_by(|a, b| (a.height() - b.height()).abs() < SAME_PLACE_MM);
        match before - placed.len() {
            0 => {}
            1 => notes.push("one slice lies where another does and is left out".into()),
            more => notes.push(format!("{more} slices lie where others do and are left out")),
        }
    } else if placed.len() > 1 {
        notes.push("the slices do not say where they lie: they are shown in the order of the files".into());
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

/// Whether two frames can lie in one volume: the same pixels and directions, as far as their few decimals tell.
pub(crate) fn is_alike(a: &Frame, b: &Frame) -> bool {
    let near = |a: &[f64], b: &[f64]| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < SAME);
    let spacing = |frame: &Frame| frame.spacing.map(|spacing| [spacing.row_mm(), spacing.column_mm()].map(f64::from));
    let (a_spacing, b_spacing) = (spacing(a), spacing(b));
    let (a_spacing, b_spacing) = (a_spacing.as_slice().as_flattened(), b_spacing.as_slice().as_flattened());
    let (a_sides, b_sides) = (a.orientation.as_slice().as_flattened(), b.orientation.as_slice().as_flattened());
    (a.columns, a.rows) == (b.columns, b.rows) && near(a_spacing, b_spacing) && near(a_sides, b_sides)
}

/// A slice in the view, and where it is.
struct Placed {
    slice: Slice,
    reference: Option<Reference>,
    thickness: Option<f64>,
    plane: Option<Plane>,
}

/// Where the pixels of the view are.
#[derive(Clone, Copy)]
struct Plane {
    /// The centre of the first.
    origin: Vector,
    /// Unit steps along a row, along a column and to the next slice.
    across: Vector,
    down: Vector,
    normal: Vector,
}

impl Placed {
    fn of(name: &str, frame: Frame) -> Result<Self, Error> {
        let Frame { columns, rows, mut hu, spacing, thickness, orientation, position, reference } = frame;
        let invalid = |field: &str, reason: String| Error::invalid(name, field, reason);
        let mut plane = None;
        if let Some([rx, ry, rz, cx, cy, cz]) = orientation {
            let (mut across, mut down) = (unit([rx, ry, rz]), unit([cx, cy, cz]));
            // The axes of DICOM point to the patient's left and back, as columns and rows do in the view.
            if !(across[0].abs() >= MIN_COSINE && down[1].abs() >= MIN_COSINE) {
                let reason = "the slice is not axial within 15 degrees; reconstruct axial slices".into();
                return Err(invalid("ImageOrientationPatient", reason));
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
            // Reversing the whole frame has flipped the columns too.
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

    /// Along the normal, in mm towards the head.
    fn height(&self) -> f64 {
        self.plane.map_or(f64::NAN, |plane| dot(plane.origin, plane.normal))
    }
}

/// The grid of slices at even distances, or of one as thick as it says; `None`, with a note, where they are not.
fn geometry(name: &str, placed: &[Placed], notes: &mut Vec<String>) -> Result<Option<Geometry>, Error> {
    let planes: Option<Vec<Plane>> = placed.iter().map(|placed| placed.plane).collect();
    let (Some(planes), Some(first)) = (planes, placed.first()) else { return Ok(None) };
    let Some(spacing) = first.slice.spacing() else { return Ok(None) };
    let distance = if planes.len() > 1 { even_distance(name, &planes, notes)? } else { first.thickness };
    let (Some(distance), Some(Plane { origin, across, down, normal })) = (distance, planes.first().copied()) else {
        return Ok(None);
    };
    let (column_mm, row_mm) = (f64::from(spacing.column_mm()), f64::from(spacing.row_mm()));
    // From left, back and head to right, front and head.
    let row = |world: usize, sign: f64| {
        [across[world] * column_mm, down[world] * row_mm, normal[world] * distance, origin[world]].map(|mm| sign * mm)
    };
    let affine = [row(0, -1.0), row(1, -1.0), row(2, 1.0)];
    let geometry = Geometry::of([first.slice.width(), first.slice.height(), placed.len()], &affine);
    if let Err(reason) = &geometry {
        notes.push(format!("{reason}; no volume is exported"));
    }
    Ok(geometry.ok())
}

/// From one plane to the next, in mm; `None`, with a note, where that is not even.
fn even_distance(name: &str, planes: &[Plane], notes: &mut Vec<String>) -> Result<Option<f64>, Error> {
    let steps: Vec<Vector> = planes.windows(2).map(|pair| difference(pair[1].origin, pair[0].origin)).collect();
    let Some(normal) = planes.first().map(|plane| plane.normal) else { return Ok(None) };
    let distances: Vec<f64> = steps.iter().map(|step| dot(*step, normal)).collect();
    // From the first to the last: single steps are rounded to the decimals of their positions.
    let whole = steps.iter().fold([0.0; 3], |sum, step| [0, 1, 2].map(|i| sum[i] + step[i]));
    let distance = distances.iter().sum::<f64>();
    let shift = difference(whole, normal.map(|part| part * distance));
    let shear = dot(shift, shift).sqrt() / distance;
    if shear > MOST_SHEAR {
        let degrees = shear.atan().to_degrees();
        let reason = format!(
            "the slices are sheared by {degrees:.1} degrees, as a tilted gantry leaves them; resample the series to an upright volume"
        );
        return Err(Error::invalid(name, "ImagePositionPatient", reason));
    }
    let mut sorted = distances.clone();
    sorted.sort_by(f64::total_cmp);
    let usual = sorted.get((sorted.len() - 1) / 2).copied().unwrap_or(1.0);
    let uneven = |distance: &f64| (distance - usual).abs() > UNEVEN * usual;
    if let Some(at) = distances.iter().position(uneven) {
        let (before, found) = (at + 1, distances.get(at).copied().unwrap_or_default());
        notes.push(format!(
            "slices are missing or uneven: {found:.2} mm behind slice {before}, {usual:.2} mm elsewhere; no volume is exported"
        ));
        return Ok(None);
    }
    Ok(Some(distance / distances.len() as f64))
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

/// NaN for a vector without length, which is no direction.
fn unit(vector: Vector) -> Vector {
    let length = dot(vector, vector).sqrt();
    vector.map(|part| part / length)
}
