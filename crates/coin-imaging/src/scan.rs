//! Scans: files with one or more slices.

use std::collections::BTreeMap;

use crate::Error;
use crate::archive;
use crate::read::dicom::Frame;
use crate::read::voxels::Volume;
use crate::read::{dicom, metaimage, nifti, nrrd, raster, tiff};
use crate::series::{self, Series};
use crate::stack::{Source, Stack, stack};
use crate::{Geometry, Limits, Mask, Slice, Window};

/// The file format of a scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// DICOM files of a series, with one or more frames.
    Dicom,
    /// NIfTI, plain or gzipped.
    Nifti,
    /// NRRD.
    Nrrd,
    /// MetaImage.
    MetaImage,
    /// PNG, JPEG, TIFF or BMP, with intensities from a window.
    Picture,
}

/// A file format: how its files are recognised, and how they are opened.
struct Reader {
    recognises: fn(&[u8]) -> bool,
    open: fn(&[u8], &str, Window, &Limits) -> Result<Scan, Error>,
}

/// The readers in the order in which they are tried. DICOM comes last: some of its files have no magic number.
const READERS: [Reader; 6] = [
    Reader {
        recognises: tiff::is_tiff,
        open: |bytes, name, intensities, limits| {
            let (slices, notes) = tiff::read(bytes, name, intensities, limits)?;
            Ok(Scan { notes, ..Scan::of_slices(name, Format::Picture, slices) })
        },
    },
    Reader {
        recognises: raster::is_picture,
        open: |bytes, name, intensities, limits| {
            let slice = raster::read(bytes, name, intensities, limits)?;
            Ok(Scan::of_slices(name, Format::Picture, vec![slice]))
        },
    },
    Reader {
        recognises: nrrd::is_nrrd,
        open: |bytes, name, _, limits| {
            nrrd::read(bytes, &[], name, limits).map(|volume| Scan::of_volume(name, Format::Nrrd, volume))
        },
    },
    Reader {
        recognises: metaimage::is_metaimage,
        open: |bytes, name, _, limits| {
            metaimage::read(bytes, &[], name, limits).map(|volume| Scan::of_volume(name, Format::MetaImage, volume))
        },
    },
    Reader {
        recognises: nifti::is_nifti,
        open: |bytes, name, _, limits| {
            nifti::read(bytes, None, name, limits).map(|volume| Scan::of_volume(name, Format::Nifti, volume))
        },
    },
    Reader {
        recognises: dicom::is_dicom,
        open: |bytes, name, _, limits| {
            let mut volumes = series::volumes(vec![(name, dicom::read(bytes, name, limits)?)]);
            match (volumes.pop(), volumes.len()) {
                (Some(volume), 0) => Scan::of_series(volume),
                (_, others) => {
                    let reason = format!("it holds {} volumes; save one of them", others + 1);
                    Err(Error::invalid(name, "NumberOfFrames", reason))
                }
            }
        },
    },
];

/// An opened file or series: one slice or a stack of slices.
#[derive(Clone, Debug)]
pub struct Scan {
    name: String,
    format: Format,
    slices: Vec<Slice>,
    geometry: Option<Geometry>,
    sources: Option<Vec<Source>>,
    oriented: bool,
    window: Option<Window>,
    modality: Option<String>,
    description: Option<String>,
    is_scout: bool,
    notes: Vec<String>,
}

impl Scan {
    /// Opens a file; its content determines the format. `intensities` are the HU of black and white in a picture.
    ///
    /// # Errors
    /// If the format is unknown, the file is damaged, or it exceeds the limits.
    pub fn open(bytes: &[u8], name: &str, intensities: Window, limits: &Limits) -> Result<Self, Error> {
        if bytes.len() as u64 > limits.bytes {
            return Err(Error::TooLarge { name: name.into(), field: "file size".into(), limit: limits.bytes });
        }
        let limits = &limits.of_file(bytes.len() as u64);
        if bytes.is_empty() {
            return Err(Error::Unknown { name: name.into(), hint: ": it is empty".into() });
        }
        if let Some(reader) = READERS.iter().find(|reader| (reader.recognises)(bytes)) {
            return (reader.open)(bytes, name, intensities, limits);
        }
        let hint = match bytes {
            _ if archive::is_archive(bytes) => ", but a ZIP archive; unpack it first",
            _ if bytes.starts_with(b"version https://git-lfs") => ", but a Git LFS pointer; fetch it with git lfs pull",
            [b'G', b'I', b'F', b'8', ..] => ", but a GIF picture; save it as PNG",
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => ", but a WebP picture; save it as PNG",
            [_, _, _, _, b'f', b't', b'y', b'p', b'a', b'v', b'i', ..] => ", but an AVIF picture; save it as PNG",
            _ => "",
        };
        Err(Error::Unknown { name: name.into(), hint: hint.into() })
    }

    /// Opens a volume whose voxels are in other files than its header.
    pub(crate) fn of_parts(header: &[u8], images: &[&[u8]], name: &str, limits: &Limits) -> Result<Self, Error> {
        let limits = &limits.of_file(images.iter().map(|image| image.len() as u64).sum());
        let (format, volume) = if nrrd::is_nrrd(header) {
            (Format::Nrrd, nrrd::read(header, images, name, limits)?)
        } else if metaimage::is_metaimage(header) {
            (Format::MetaImage, metaimage::read(header, images, name, limits)?)
        } else {
            (Format::Nifti, nifti::read(header, images.first().copied(), name, limits)?)
        };
        Ok(Self::of_volume(name, format, volume))
    }

    fn of_volume(name: &str, format: Format, Volume { slices, geometry, notes }: Volume) -> Self {
        let oriented = geometry.is_oriented();
        Self { geometry: Some(geometry), oriented, notes, ..Self::of_slices(name, format, slices) }
    }

    fn of_slices(name: &str, format: Format, slices: Vec<Slice>) -> Self {
        Self {
            name: name.into(),
            format,
            slices,
            oriented: false,
            geometry: None,
            sources: None,
            window: None,
            modality: None,
            description: None,
            is_scout: false,
            notes: Vec::new(),
        }
    }

    /// Stacks the DICOM frames of a volume.
    pub(crate) fn of_series(series: Series<'_>) -> Result<Self, Error> {
        let Series { name, modality, description, frames, mut notes } = series;
        let oriented = frames.iter().all(|frame| frame.orientation.is_some());
        let window = frames.first().and_then(|frame| frame.window);
        let is_scout = frames.iter().all(Frame::is_localizer);
        let stack = stack(name, frames)?;
        let Stack { slices, geometry, sources, .. } = stack;
        notes.extend(stack.notes);
        let (name, format) = (name.into(), Format::Dicom);
        Ok(Self { name, format, slices, geometry, sources, oriented, window, modality, description, is_scout, notes })
    }

    /// Whether it is a scout image (LOCALIZER), from which a scan is planned.
    #[must_use]
    pub fn is_scout(&self) -> bool {
        self.is_scout
    }

    /// Name in messages.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The file format.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// The display window of the file.
    #[must_use]
    pub fn window(&self) -> Option<Window> {
        self.window
    }

    /// The DICOM modality, such as CT, MR or CR; `None` if unknown.
    #[must_use]
    pub fn modality(&self) -> Option<&str> {
        self.modality.as_deref()
    }

    /// What the scanner or its operator called the series (DICOM SeriesDescription); `None` if unknown. Not to be saved: nothing
    /// stops people from writing names into it.
    #[must_use]
    pub fn description(&self) -> Option<&str> {
        self.description.as_deref()
    }

    /// Warnings for the user, one sentence each, such as missing slices.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Position of the slices in the patient and in the file, for [`crate::write::nifti`].
    #[must_use]
    pub fn geometry(&self) -> Option<&Geometry> {
        self.geometry.as_ref()
    }

    /// Whether the file gives the patient orientation, so that the view is radiological.
    #[must_use]
    pub fn is_oriented(&self) -> bool {
        self.oriented
    }

    /// Whether [`crate::write::segmentation`] can reference the slices: DICOM with identifiers and positions.
    #[must_use]
    pub fn is_segmentable(&self) -> bool {
        self.sources.as_ref().is_some_and(|sources| !sources.is_empty())
    }

    /// Identifiers and positions of the slices, for [`crate::write::segmentation`]; `None` if the file lacks them.
    pub(crate) fn sources(&self) -> Option<&[Source]> {
        self.sources.as_deref()
    }

    /// Number of slices; at least 1.
    #[must_use]
    pub fn slice_count(&self) -> usize {
        self.slices.len()
    }

    /// Number of pixels of all slices.
    pub(crate) fn voxels(&self) -> u64 {
        self.slices.iter().map(|slice| slice.hu().len() as u64).sum()
    }

    /// Slice `index`, from 0.
    ///
    /// # Errors
    /// If there is no such slice.
    pub fn slice(&self, index: usize) -> Result<&Slice, Error> {
        self.slices.get(index).ok_or_else(|| self.no_slice(index, self.slices.len()))
    }

    /// This scan with its voxels, in the order of the file, on the grid of another scan; `None` if either has no grid, or their
    /// files differ in shape.
    #[must_use]
    pub fn on_grid_of(&self, other: &Self) -> Option<Self> {
        let (own, grid) = (self.geometry()?, other.geometry()?);
        let mut voxels = vec![0.0; own.shape().iter().product()];
        for (index, slice) in self.slices.iter().enumerate() {
            for (at, &value) in own.slice_positions(index).zip(slice.hu()) {
                *voxels.get_mut(at)? = value;
            }
        }
        if own.lengths() != grid.lengths() {
            return None;
        }
        let slice = |index: usize| {
            let values = grid.slice_positions(index).map(|at| voxels.get(at).copied());
            Slice::new(grid.width(), grid.height(), values.collect::<Option<_>>()?, Some(grid.spacing())).ok()
        };
        let slices = (0..grid.depth()).map(slice).collect::<Option<_>>()?;
        Some(Self { slices, geometry: Some(grid.clone()), ..self.clone() })
    }

    pub(crate) fn no_slice(&self, index: usize, count: usize) -> Error {
        Error::NoSlice { name: self.name.clone(), index, count }
    }

    pub(crate) fn invalid(&self, field: &str, reason: impl ToString) -> Error {
        Error::invalid(&self.name, field, reason)
    }
}

/// Mask of the pixels of a label picture (PNG) with one of the values `classes`.
///
/// # Errors
/// If the picture cannot be read or a value exceeds 255.
pub fn label_mask(bytes: &[u8], name: &str, classes: &[u8], limits: &Limits) -> Result<Mask, Error> {
    let (width, height, labels) = raster::read_labels(bytes, name, limits)?;
    let inside = labels.iter().map(|label| classes.contains(label)).collect();
    Mask::new(width, height, inside).ok_or_else(|| Error::invalid(name, "size", "the picture is empty"))
}

/// Number of pixels of each label except 0 in a label picture (PNG).
///
/// # Errors
/// If the picture cannot be read or a value exceeds 255.
pub fn label_counts(bytes: &[u8], name: &str, limits: &Limits) -> Result<BTreeMap<u8, u32>, Error> {
    let (_, _, labels) = raster::read_labels(bytes, name, limits)?;
    let mut counts = [0; 256];
    labels.iter().for_each(|&label| counts[usize::from(label)] += 1);
    Ok((1..=u8::MAX).map(|label| (label, counts[usize::from(label)])).filter(|(_, count)| *count > 0).collect())
}
