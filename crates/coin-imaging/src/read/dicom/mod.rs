//! DICOM images: the frames of a file, in HU for CT, and their position in the patient.

mod codec;
mod dataset;
mod distinction;
mod encoding;
mod pixels;
mod syntax;

use std::borrow::Cow;

use dataset::{
    CLASS, COLUMNS, DESCRIPTION, DETECTOR_SPACING, DIRECTORY, DISTANCE, DataSet, FRAME_OF_REFERENCE, FRAMES, Field,
    IMAGE_TYPE, INSTANCE, INTERCEPT, LUT_DATA, LUT_DESCRIPTOR, MODALITY, NUMBER, ORIENTATION, PIXELS, POSITION,
    REPRESENTATION, ROWS, SERIES, SPACING, STUDY, THICKNESS, WINDOW_CENTRE, WINDOW_WIDTH,
};
pub(crate) use distinction::{DISTINCTIONS, Distinction, Value};
use pixels::Stored;

use crate::Error;
use crate::error::excerpt;
use crate::{Limits, Spacing, Window};

/// The modality with values in HU.
pub(crate) const CT: &str = "CT";
/// Supported modalities (DICOM PS3.3, section C.7.3.1.1.1): tomography, MR, projection X-ray, ultrasound and nuclear
/// medicine.
const IMAGING: [&str; 12] = [CT, "MR", "CR", "DX", "DR", "MG", "RF", "XA", "PX", "US", "PT", "NM"];

/// The length below which the product of two directions is none; that of unit vectors at right angles is 1.
const LEAST_NORMAL: f64 = 1e-3;

/// The content of one file.
#[derive(Clone, Debug)]
pub(crate) struct Instance {
    /// SeriesInstanceUID; empty if absent.
    pub series: String,
    /// StudyInstanceUID; empty if absent.
    pub study: String,
    /// InstanceNumber.
    pub number: Option<f64>,
    /// Modality such as CT or MR; `None` if absent.
    pub modality: Option<String>,
    /// SeriesDescription; `None` if absent.
    pub description: Option<String>,
    /// In stored order; at least one.
    pub frames: Vec<Frame>,
    /// Messages for the user, one sentence each.
    pub notes: Vec<String>,
}

/// A frame in row-major order.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub columns: usize,
    pub rows: usize,
    pub hu: Vec<f32>,
    pub spacing: Option<Spacing>,
    /// Slice thickness in mm.
    pub thickness: Option<f64>,
    /// ImageOrientationPatient: directions along a row and along a column, in LPS coordinates.
    pub orientation: Option<[f64; 6]>,
    /// ImagePositionPatient: the centre of the first pixel, in mm in LPS coordinates.
    pub position: Option<[f64; 3]>,
    /// InstanceNumber of the file.
    pub number: Option<f64>,
    /// The window recommended by the file.
    pub window: Option<Window>,
    /// Identifiers for references; `None` if the file lacks them.
    pub reference: Option<Reference>,
    /// Values of the [`DISTINCTIONS`].
    pub distinctions: [Value; DISTINCTIONS.len()],
}

impl Instance {
    /// The error for a scout image, from which a scan is planned; `None` for another.
    pub fn scout(&self, name: &str) -> Option<Error> {
        self.frames.iter().all(Frame::is_localizer).then(|| scout(name))
    }
}

/// The unit vector at right angles to the directions of an ImageOrientationPatient; `None` if they span no plane.
pub(crate) fn normal([rx, ry, rz, cx, cy, cz]: [f64; 6]) -> Option<[f64; 3]> {
    let product = [ry * cz - rz * cy, rz * cx - rx * cz, rx * cy - ry * cx];
    let length = product.iter().map(|part| part * part).sum::<f64>().sqrt();
    (length >= LEAST_NORMAL && length.is_finite()).then(|| product.map(|part| part / length))
}

/// The error for a scout image.
pub(crate) fn scout(name: &str) -> Error {
    Error::invalid(name, IMAGE_TYPE.1, "it is a scout image (LOCALIZER); open the axial series")
}

impl Frame {
    /// Whether the frame is a scout image.
    pub fn is_localizer(&self) -> bool {
        let [image_type, ..] = &self.distinctions;
        image_type.text.split('\\').any(|value| value.trim() == "LOCALIZER")
    }
}

/// Identifiers by which other DICOM objects refer to a frame. They contain no patient data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reference {
    pub study: String,
    pub series: String,
    /// Empty if absent.
    pub frame_of_reference: String,
    pub class: String,
    pub instance: String,
    /// From 1; `None` in a single-frame file.
    pub frame: Option<u32>,
}

/// Whether the bytes start like a DICOM file, with or without preamble.
pub(crate) fn is_dicom(bytes: &[u8]) -> bool {
    syntax::first_element(bytes).is_some()
}

/// Returns the SeriesInstanceUID from the first kilobytes of a file; empty if it is not among them, `None` if the file
/// is not DICOM.
#[must_use]
pub fn series(start: &[u8]) -> Option<String> {
    is_dicom(start).then(|| match syntax::data_set(start, "", &Limits::default()) {
        Ok((encoding, bytes)) => DataSet::series(&bytes, encoding).to_owned(),
        Err(_) => String::new(),
    })
}

/// Reads all frames of a file.
pub(crate) fn read(bytes: &[u8], name: &str, limits: &Limits) -> Result<Instance, Error> {
    let (encoding, bytes) = syntax::data_set(bytes, name, limits)?;
    let data = DataSet::parse(&bytes, encoding, name)?;
    if data.bytes(DIRECTORY).is_some() {
        return Err(data.invalid(DIRECTORY, "it only lists the files of a disc; open their folder"));
    }
    let modality = data.modality()?;
    let grid = data.grid(limits)?;
    let stored = Stored::of(&data, &grid, modality.is_none_or(|modality| modality == CT))?;
    let window = data.window().map(|window| stored.mirrored(window)).transpose()?.flatten();
    let frames = stored.frames()?.into_iter().enumerate();
    let frame = |(index, pixels): (usize, Cow<'_, [u8]>)| {
        Ok(Frame { window, ..data.frame(index, &grid, stored.hu(index, &pixels)?)? })
    };
    let frames = frames.map(frame).collect::<Result<_, Error>>()?;
    let number = data.decimals(NUMBER, None).ok().flatten().map(|[number]| number);
    let [series, study] = [SERIES, STUDY].map(|field| data.text(field).unwrap_or_default().to_owned());
    let deviates = data.deviates.then(|| "it is not encoded as its transfer syntax says; it was read".to_owned());
    let notes = deviates.into_iter().collect();
    let (modality, description) = (modality.map(str::to_owned), data.written(DESCRIPTION));
    Ok(Instance { series, study, number, modality, description, frames, notes })
}

struct Grid {
    columns: usize,
    rows: usize,
    frames: usize,
}

impl Grid {
    fn pixels(&self) -> usize {
        self.columns * self.rows
    }
}

impl DataSet<'_> {
    /// The modality, if it is a supported one.
    fn modality(&self) -> Result<Option<&str>, Error> {
        match self.text(MODALITY) {
            Some(other) if !IMAGING.contains(&other) => {
                let reason =
                    format!("{} is not supported; supported modalities are {}", excerpt(other), IMAGING.join(", "));
                Err(self.invalid(MODALITY, reason))
            }
            modality => Ok(modality),
        }
    }

    fn grid(&self, limits: &Limits) -> Result<Grid, Error> {
        let columns = self.side(COLUMNS, limits)?;
        let rows = self.side(ROWS, limits)?;
        let frames = self.decimals::<1>(FRAMES, None)?.map_or(1.0, |[frames]| frames);
        if frames < 1.0 || frames.fract() != 0.0 {
            return Err(self.invalid(FRAMES, format!("it is {frames}, not a count; export the file again")));
        }
        if frames > f64::from(limits.slices) {
            return Err(self.too_large(FRAMES, limits.slices.into()));
        }
        let grid = Grid { columns, rows, frames: frames as usize };
        if grid.pixels() as u64 * grid.frames as u64 > limits.voxels {
            return Err(self.too_large(PIXELS, limits.voxels));
        }
        Ok(grid)
    }

    fn side(&self, field: Field, limits: &Limits) -> Result<usize, Error> {
        let side = self.integer(field)?;
        if side == 0 {
            return Err(self.invalid(field, "it is 0; export the file again"));
        }
        if u32::from(side) > limits.side {
            return Err(self.too_large(field, limits.side.into()));
        }
        Ok(side.into())
    }

    fn frame(&self, frame: usize, grid: &Grid, hu: Vec<f32>) -> Result<Frame, Error> {
        let index = Some(frame);
        let other = self.text(MODALITY).is_some_and(|modality| modality != CT);
        let (field, spacing) = match self.decimals(SPACING, index)? {
            None if other => (DETECTOR_SPACING, self.decimals(DETECTOR_SPACING, index)?),
            spacing => (SPACING, spacing),
        };
        let spacing = spacing.map(|[row_mm, column_mm]: [f64; 2]| {
            let spacing = Spacing::new(row_mm as f32, column_mm as f32);
            spacing.map_err(|reason| self.invalid(field, format!("{reason}; correct or remove it")))
        });
        Ok(Frame {
            columns: grid.columns,
            rows: grid.rows,
            hu,
            spacing: spacing.transpose()?,
            thickness: self.decimals(THICKNESS, index).ok().flatten().map(|[mm]| mm).filter(|mm| *mm > 0.0),
            orientation: self.orientation(index)?,
            position: self.position(frame, grid)?,
            number: self.decimals(NUMBER, None).ok().flatten().map(|[number]| number),
            window: None,
            reference: self.reference(index.filter(|_| grid.frames > 1)),
            distinctions: DISTINCTIONS.map(|distinction| distinction.of(self, frame)),
        })
    }

    /// The directions along a row and along a column, which span a plane.
    fn orientation(&self, index: Option<usize>) -> Result<Option<[f64; 6]>, Error> {
        let found: Option<[f64; 6]> = self.decimals(ORIENTATION, index)?;
        match found.is_some_and(|directions| normal(directions).is_none()) {
            true => Err(self.invalid(ORIENTATION, "its two directions span no plane; correct or remove it")),
            false => Ok(found),
        }
    }

    /// The position of a frame. Frames that share one follow each other along the normal at SpacingBetweenSlices; without it,
    /// they have none.
    fn position(&self, frame: usize, grid: &Grid) -> Result<Option<[f64; 3]>, Error> {
        let position: Option<[f64; 3]> = self.decimals(POSITION, Some(frame))?;
        if grid.frames == 1 || self.has_own(POSITION, frame) {
            return Ok(position);
        }
        let distance = self.decimals(DISTANCE, Some(frame))?;
        let (Some(position), Some([distance]), Some(normal)) =
            (position, distance.filter(|[mm]: &[f64; 1]| *mm != 0.0), self.orientation(Some(frame))?.and_then(normal))
        else {
            return Ok(None);
        };
        let mm = distance * frame as f64;
        Ok(Some([0, 1, 2].map(|axis| position[axis] + normal[axis] * mm)))
    }

    fn reference(&self, index: Option<usize>) -> Option<Reference> {
        let uid = |field| self.text(field).filter(|uid| !uid.is_empty()).map(str::to_owned);
        Some(Reference {
            study: uid(STUDY)?,
            series: uid(SERIES)?,
            frame_of_reference: uid(FRAME_OF_REFERENCE).unwrap_or_default(),
            class: uid(CLASS)?,
            instance: uid(INSTANCE)?,
            frame: index.map(|index| index as u32 + 1),
        })
    }

    /// The first recommended window, or the range over which the VOI LUT goes from black to white (DICOM PS3.3, section
    /// C.11.2). A damaged one is ignored.
    fn window(&self) -> Option<Window> {
        let first = |field| self.numbers(field, Some(0)).ok().flatten()?.first().copied();
        if let (Some(centre), Some(width)) = (first(WINDOW_CENTRE), first(WINDOW_WIDTH)) {
            return Window::new((centre - width / 2.0) as f32, (centre + width / 2.0) as f32).ok();
        }
        let (descriptor, table) = (self.display_words(LUT_DESCRIPTOR)?, self.display_words(LUT_DATA)?);
        let [length, start, _] = descriptor[..] else { return None };
        // The first mapped value is signed if any values are negative.
        let signed = self.integer_or(REPRESENTATION, 0) == Ok(1) || first(INTERCEPT).is_some_and(|hu| hu < 0.0);
        let start = if signed { f32::from(start.cast_signed()) } else { f32::from(start) };
        let (black, white) = (table.first()?, table.last()?);
        let low = table.iter().take_while(|entry| *entry == black).count() - 1;
        let high = table.len() - table.iter().rev().take_while(|entry| *entry == white).count();
        // A word may hold two 8-bit entries; a length of 0 means 65536.
        let length = if length == 0 { 1 << 16 } else { usize::from(length) };
        let step = if length.div_ceil(2) == table.len() && length > 1 { 2.0 } else { 1.0 };
        Window::new(start + step * low as f32, start + step * high as f32).ok()
    }
}
