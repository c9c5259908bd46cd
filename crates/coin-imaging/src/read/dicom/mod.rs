//! DICOM images: the frames of a file, of CT in HU, and where each lies in the patient.

mod codec;
mod dataset;
mod pixels;
mod syntax;

use dataset::{
    CLASS, COLUMNS, DETECTOR_SPACING, DataSet, FRAME_OF_REFERENCE, FRAMES, Field, INSTANCE, INTERCEPT, LUT_DATA,
    LUT_DESCRIPTOR, MODALITY, NUMBER, ORIENTATION, PIXELS, POSITION, REPRESENTATION, ROWS, SERIES, SPACING, STUDY,
    THICKNESS, WINDOW_CENTRE, WINDOW_WIDTH, quoted,
};
use pixels::Stored;

use crate::Error;
use crate::{Limits, Spacing, Window};

/// The modality whose values are HU.
pub(crate) const CT: &str = "CT";
/// Modalities of grey images: tomography, magnetic resonance, X-rays of all kinds, ultrasound and nuclear medicine.
const IMAGING: [&str; 12] = [CT, "MR", "CR", "DX", "DR", "MG", "RF", "XA", "PX", "US", "PT", "NM"];

/// What one file holds.
#[derive(Clone, Debug)]
pub(crate) struct Instance {
    /// The series it belongs to; empty where it does not say.
    pub series: String,
    /// Its number in the series.
    pub number: Option<f64>,
    /// What it wants to be shown in.
    pub window: Option<Window>,
    /// CT, MR or another that makes images; `None` where it does not say.
    pub modality: Option<String>,
    /// In stored order, at least one.
    pub frames: Vec<Frame>,
}

/// A frame as it is stored, row by row.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub columns: usize,
    pub rows: usize,
    pub hu: Vec<f32>,
    pub spacing: Option<Spacing>,
    /// Of the slice, in mm.
    pub thickness: Option<f64>,
    /// Directions along a row and along a column, towards the patient's left, back and head.
    pub orientation: Option<[f64; 6]>,
    /// The centre of the first pixel, in mm towards the patient's left, back and head.
    pub position: Option<[f64; 3]>,
    /// What other objects call it; `None` where the file does not say.
    pub reference: Option<Reference>,
}

/// What other DICOM objects call a frame: no word of the patient's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reference {
    pub study: String,
    pub series: String,
    /// Empty where the file does not say.
    pub frame_of_reference: String,
    pub class: String,
    pub instance: String,
    /// From 1; `None` in a file of one frame.
    pub frame: Option<u32>,
}

/// Whether the bytes begin as DICOM does, with or without its preamble.
pub(crate) fn is_dicom(bytes: &[u8]) -> bool {
    syntax::first_element(bytes).is_some()
}

/// The series that a file belongs to, from its first kilobytes; empty where they do not say. `None` when it is no DICOM file.
#[must_use]
pub fn series(start: &[u8]) -> Option<String> {
    is_dicom(start).then(|| match syntax::data_set(start, "", &Limits::default()) {
        Ok((encoding, bytes)) => DataSet::series(&bytes, encoding).to_owned(),
        Err(_) => String::new(),
    })
}

/// The frames of a file.
pub(crate) fn read(bytes: &[u8], name: &str, limits: &Limits) -> Result<Instance, Error> {
    let (encoding, bytes) = syntax::data_set(bytes, name, limits)?;
    let data = DataSet::parse(&bytes, encoding, name)?;
    let modality = data.modality()?;
    let grid = data.grid(limits)?;
    let stored = Stored::of(&data, &grid, modality.is_none_or(|modality| modality == CT))?;
    let frames = stored.frames(encoding.codec)?.into_iter().enumerate();
    let frames = frames.map(|(index, pixels)| data.frame(index, &grid, stored.hu(index, &pixels)?));
    let frames = frames.collect::<Result<_, Error>>()?;
    let number = data.decimals(NUMBER, None).ok().flatten().map(|[number]| number);
    let series = data.text(SERIES).unwrap_or_default().to_owned();
    let window = data.window().map(|window| stored.mirrored(window)).transpose()?.flatten();
    Ok(Instance { series, number, window, modality: modality.map(str::to_owned), frames })
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
    /// The modality, which must be one of images.
    fn modality(&self) -> Result<Option<&str>, Error> {
        match self.text(MODALITY) {
            Some(other) if !IMAGING.contains(&other) => {
                let reason = format!("it is {}; read are images of {}", quoted(other), IMAGING.join(", "));
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

    fn frame(&self, index: usize, grid: &Grid, hu: Vec<f32>) -> Result<Frame, Error> {
        let index = Some(index);
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
            orientation: self.decimals(ORIENTATION, index)?,
            position: self.decimals(POSITION, index)?,
            reference: self.reference(index.filter(|_| grid.frames > 1)),
        })
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

    /// The first of the windows that it names, or the range over which its table for display goes from black to white; a
    /// damaged one is no reason to refuse the file.
    fn window(&self) -> Option<Window> {
        let first = |field| self.numbers(field, Some(0)).ok().flatten()?.first().copied();
        if let (Some(centre), Some(width)) = (first(WINDOW_CENTRE), first(WINDOW_WIDTH)) {
            return Window::new((centre - width / 2.0) as f32, (centre + width / 2.0) as f32).ok();
        }
        let (descriptor, greys) = (self.display_words(LUT_DESCRIPTOR)?, self.display_words(LUT_DATA)?);
        let [length, start, _] = descriptor[..] else { return None };
        // The table begins at a signed value where there are any below 0.
        let signed = self.integer_or(REPRESENTATION, 0) == Ok(1) || first(INTERCEPT).is_some_and(|hu| hu < 0.0);
        let start = if signed { f32::from(start.cast_signed()) } else { f32::from(start) };
        let (black, white) = (greys.first()?, greys.last()?);
        let low = greys.iter().take_while(|grey| *grey == black).count() - 1;
        let high = greys.len() - greys.iter().rev().take_while(|grey| *grey == white).count();
        // A word may hold two entries of 8 bits; a length of 0 stands for 65536.
        let length = if length == 0 { 1 << 16 } else { usize::from(length) };
        let step = if length.div_ceil(2) == greys.len() && length > 1 { 2.0 } else { 1.0 };
        Window::new(start + step * low as f32, start + step * high as f32).ok()
    }
}
