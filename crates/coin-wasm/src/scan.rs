//! Files for JavaScript.

use coin_imaging::write::{Author, Correction};
use coin_imaging::{
    Component, Components, CounterfactualVolume, File, Format, InputTransform, Limits, Mask, Opened, Statistics,
    Window, counterfactual_hu, write,
};
use js_sys::{Array, Date, Error, Object, Uint8Array};
use wasm_bindgen::prelude::*;

use crate::slice::{Slice, sentence, window_or_default};
use crate::{object, require_square};

/// Opens files that were chosen together, see [`coin_imaging::open_all`], and returns `{scans, notes}`. The window
/// gives the HU of a picture's black and white; -100 and 300 by default.
///
/// # Errors
/// If the window is invalid, or no file can be read.
#[wasm_bindgen(js_name = openAll)]
pub fn open_all(
    names: Vec<String>,
    contents: Vec<Uint8Array>,
    window_low: Option<f32>,
    window_high: Option<f32>,
) -> Result<Object, Error> {
    let window = window_or_default(window_low, window_high)?;
    let contents: Vec<Vec<u8>> = contents.iter().map(Uint8Array::to_vec).collect();
    let files: Vec<File<'_>> = names.iter().zip(&contents).map(|(name, bytes)| File { name, bytes }).collect();
    let Opened { scans, notes } = coin_imaging::open_all(&files, window, &Limits::default()).map_err(sentence)?;
    let scans: Array = scans.into_iter().map(|scan| JsValue::from(Scan(scan))).collect();
    object([("scans", scans.into()), ("notes", texts(&notes).into())])
}

/// Packs files into a ZIP archive.
///
/// # Errors
/// If a name is used twice or the archive is too large.
#[wasm_bindgen]
pub fn pack(names: Vec<String>, contents: Vec<Uint8Array>) -> Result<Uint8Array, Error> {
    let contents: Vec<Vec<u8>> = contents.iter().map(Uint8Array::to_vec).collect();
    let files: Vec<File<'_>> = names.iter().zip(&contents).map(|(name, bytes)| File { name, bytes }).collect();
    let archive = write::archive(&files).map_err(sentence)?;
    Ok(Uint8Array::from(&archive[..]))
}

fn texts(texts: &[String]) -> Array {
    texts.iter().map(|text| JsValue::from_str(text)).collect()
}

/// The size limit of files that are opened together, in bytes.
#[wasm_bindgen(js_name = fileLimit)]
pub fn file_limit() -> f64 {
    Limits::default().bytes as f64
}

/// A slice or a stack of slices.
#[wasm_bindgen]
pub struct Scan(coin_imaging::Scan);

#[wasm_bindgen]
impl Scan {
    /// Returns `{name, format, width, height, slices, needsWindow, isOriented, isVolume, isSegmentable, spacing,
    /// sliceMm, window, modality, description, notes}`.
    ///
    /// # Errors
    /// If the scan has no slices.
    #[wasm_bindgen(getter)]
    pub fn info(&self) -> Result<Object, Error> {
        let first = self.0.slice(0).map_err(sentence)?;
        let spacing = first
            .spacing()
            .map_or(JsValue::NULL, |spacing| Array::of2(&spacing.row_mm().into(), &spacing.column_mm().into()).into());
        let window = self
            .0
            .window()
            .map_or(JsValue::NULL, |window| Array::of2(&window.low().into(), &window.high().into()).into());
        object([
            ("name", self.0.name().into()),
            ("needsWindow", (self.0.format() == Format::Picture).into()),
            ("isOriented", self.0.is_oriented().into()),
            ("isVolume", self.0.geometry().is_some().into()),
            ("isSegmentable", self.0.is_segmentable().into()),
            ("window", window),
            ("modality", self.0.modality().map_or(JsValue::NULL, JsValue::from)),
            ("description", self.0.description().map_or(JsValue::NULL, JsValue::from)),
            ("notes", texts(self.0.notes()).into()),
            ("format", format!("{:?}", self.0.format()).into()),
            ("width", first.width().into()),
            ("height", first.height().into()),
            ("slices", self.0.slice_count().into()),
            ("spacing", spacing),
            ("sliceMm", self.0.geometry().map_or(JsValue::NULL, |geometry| geometry.slice_mm().into())),
        ])
    }

    /// Returns two percentiles of the intensities of all slices, between 0 and 100.
    ///
    /// # Errors
    /// If the intensities are outside +-100000.
    pub fn percentiles(&self, low: f32, high: f32) -> Result<Array, Error> {
        let slices = (0..self.0.slice_count()).map(|index| self.0.slice(index));
        let window = Window::of_percentiles(slices, [low, high]).map_err(sentence)?;
        let window = window.ok_or_else(|| Error::new("the intensities of the scan are outside +-100000"))?;
        Ok(Array::of2(&window.low().into(), &window.high().into()))
    }

    /// Returns slice `index`, from 0.
    ///
    /// # Errors
    /// If there is no such slice.
    pub fn slice(&self, index: usize) -> Result<Slice, Error> {
        Ok(self.0.slice(index).map_err(sentence)?.clone().into())
    }

    /// Measures the `count` largest components of the masks and returns `{largest, total, voxels}`; each of `largest` is
    /// `{voxels, slices, keySlice, longest, perpendicular, before, after}`, with slices from 0, lengths in mm, or in pixels if the
    /// spacing is unknown, and intensities as `[mean, standard deviation]`.
    ///
    /// # Errors
    /// If an object cannot be made.
    pub fn components(&self, explained: &mut Explained, count: usize) -> Result<Object, Error> {
        let Components { largest, total, voxels } = explained.take_volume(&self.0).components(count);
        let pair = |[first, second]: [f64; 2]| Array::of2(&first.into(), &second.into());
        let statistics = |Statistics { mean, sd }: Statistics| pair([mean, sd]).into();
        let component = |component: &Component| {
            object([
                ("voxels", component.voxels.into()),
                ("slices", pair(component.slices.map(|slice| slice as f64)).into()),
                ("keySlice", component.key_slice.into()),
                ("longest", component.diameters.longest.length().into()),
                ("perpendicular", component.diameters.perpendicular.length().into()),
                ("before", statistics(component.before)),
                ("after", statistics(component.after)),
            ])
        };
        let largest: Array = largest.iter().map(component).collect::<Result<_, _>>()?;
        object([("largest", largest.into()), ("total", total.into()), ("voxels", voxels.into())])
    }

    /// Encodes `width` x `height` RGBA pixels as a DICOM secondary capture that refers to slice `index` if the scan is DICOM.
    ///
    /// # Errors
    /// If the pixels do not fill the picture.
    pub fn capture(
        &self,
        rgba: &[u8],
        width: u16,
        height: u16,
        model: &str,
        index: usize,
    ) -> Result<Uint8Array, Error> {
        captured(rgba, width, height, model, Some((&self.0, index)))
    }

    /// Encodes a file on the scan's own grid: `counterfactual` (NIfTI in HU), `mask` (NIfTI of 0 and 1), `segmentation`
    /// (DICOM) or `picture` (PNG of 0 and 255, of the first explained slice). Returns null if the scan has no volume geometry,
    /// or, for a segmentation, is not DICOM or has an empty mask. `corrected`: a person edited a mask.
    ///
    /// # Errors
    /// If `file` is unknown, or an explanation does not match the scan.
    pub fn write(
        &self,
        file: &str,
        explained: &mut Explained,
        model: &str,
        corrected: bool,
    ) -> Result<Option<Uint8Array>, Error> {
        let correction = if corrected { Correction::ByHand } else { Correction::None };
        let volume = explained.take_volume(&self.0);
        let bytes = match file {
            "counterfactual" => volume.nifti().map_err(sentence)?,
            "mask" => volume.mask_nifti(correction).map_err(sentence)?,
            "segmentation" => {
                let now = Now::read();
                volume.segmentation(&now.author(model, correction)?).map_err(sentence)?
            }
            "picture" => volume.mask_png().map_err(sentence)?,
            _ => return Err(Error::new("unknown file; use counterfactual, mask, segmentation or picture")),
        };
        Ok(bytes.map(|bytes| Uint8Array::from(&bytes[..])))
    }
}

/// Explanations of a scan: slice index, counterfactual in HU and mask, on the scan's own grid.
#[wasm_bindgen]
#[derive(Default)]
pub struct Explained(Vec<(usize, Vec<f32>, Mask)>);

#[wasm_bindgen]
impl Explained {
    /// Starts without explanations.
    #[wasm_bindgen(constructor)]
    pub fn new() -> Explained {
        Explained::default()
    }

    /// Adds slice `index` of `scan`. `input`, `counterfactual` and `mask` have `size * size` values, the first two in
    /// [-1, 1], normalised with the window, of the body crop or of the whole slice.
    ///
    /// # Errors
    /// If the slice does not exist, the window is invalid, or the values are not `size * size`.
    #[allow(clippy::too_many_arguments, reason = "JavaScript hands over plain values")]
    pub fn put(
        &mut self,
        scan: &Scan,
        index: usize,
        window_low: f32,
        window_high: f32,
        size: usize,
        around_body: bool,
        input: &[f32],
        counterfactual: &[f32],
        mask: &[u8],
    ) -> Result<(), Error> {
        require_square(size, &[input.len(), counterfactual.len(), mask.len()])?;
        let slice = scan.0.slice(index).map_err(sentence)?;
        let window = Window::new(window_low, window_high).map_err(sentence)?;
        let mask = Mask::new(size, size, mask.iter().map(|&inside| inside != 0).collect());
        let mask = mask.ok_or_else(|| Error::new("the mask does not have size x size values"))?;
        let transform = InputTransform::for_model(slice, size, around_body);
        let hu = counterfactual_hu(slice, &transform, window, input, counterfactual);
        self.0.push((index, hu, transform.undo_mask(&mask)));
        Ok(())
    }
}

impl Explained {
    /// Moves the explanations to a volume, because two copies of a large one may not fit into memory.
    fn take_volume<'a>(&mut self, scan: &'a coin_imaging::Scan) -> CounterfactualVolume<'a> {
        let mut volume = CounterfactualVolume::new(scan);
        for (index, hu, mask) in std::mem::take(&mut self.0) {
            volume.put(index, hu, mask);
        }
        volume
    }
}

/// Encodes `width` x `height` RGBA pixels as a DICOM secondary capture of a study of its own.
///
/// # Errors
/// If the pixels do not fill the picture.
#[wasm_bindgen]
pub fn capture(rgba: &[u8], width: u16, height: u16, model: &str) -> Result<Uint8Array, Error> {
    captured(rgba, width, height, model, None)
}

fn captured(
    rgba: &[u8],
    width: u16,
    height: u16,
    model: &str,
    source: Option<(&coin_imaging::Scan, usize)>,
) -> Result<Uint8Array, Error> {
    let rgb: Vec<u8> = rgba.chunks_exact(4).flat_map(|pixel| &pixel[..3]).copied().collect();
    let now = Now::read();
    let bytes = write::capture(&rgb, width, height, source, &now.author(model, Correction::None)?).map_err(sentence)?;
    Ok(Uint8Array::from(&bytes[..]))
}

/// Date and time in DICOM's notation.
struct Now(String);

impl Now {
    fn read() -> Self {
        // 2026-01-02T03:04:05.678Z
        let now: String = Date::new_0().to_iso_string().into();
        Self(now.chars().filter(char::is_ascii_digit).collect())
    }

    /// The author of a new file.
    fn author<'a>(&'a self, model: &'a str, correction: Correction) -> Result<Author<'a>, Error> {
        let (date, time) = (self.0.get(..8).unwrap_or_default(), self.0.get(8..14).unwrap_or_default());
        let mut unique = [0; 16];
        getrandom::fill(&mut unique).map_err(sentence)?;
        let unique = u128::from_le_bytes(unique);
        Ok(Author { model, version: env!("CARGO_PKG_VERSION"), date, time, correction, unique })
    }
}
