//! Any file that holds slices.

use std::collections::BTreeMap;

use crate::Error;
use crate::archive;
use crate::read::dicom::Frame;
use crate::read::{dicom, metaimage, nifti, nrrd, raster};
use crate::stack::{Source, Stack, stack};
use crate::{Geometry, Limits, Mask, Slice, Window};

/// What kind of file a scan came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// DICOM files of one series, with one or several frames.
    Dicom,
    /// A NIfTI volume, plain or gzipped.
    Nifti,
    /// An NRRD volume.
    Nrrd,
    /// A MetaImage volume.
    MetaImage,
    /// PNG, JPEG, TIFF or BMP; intensities were given HU by a window.
    Picture,
}

/// A file format: how its files are recognised, and how they are opened.
struct Reader {
    recognises: fn(&[u8]) -> bool,
    open: fn(&[u8], &str, Window, &Limits) -> Result<Scan, Error>,
}

/// The readers in the order in which they are tried. DICOM comes last: some of its files have no magic number.
const READERS: [Reader; 5] = [
    Reader {
        recognises: raster::is_picture,
        open: |bytes, name, intensities, limits| {
            let slice = raster::read(bytes, name, intensities, limits)?;
            Ok(Scan::of_slices(name, Format::Picture, vec![slice], None))
        },
    },
    Reader {
        recognises: nrrd::is_nrrd,
        open: |bytes, name, _, limits| {
            let (slices, geometry) = nrrd::read(bytes, name, limits)?;
            Ok(Scan::of_slices(name, Format::Nrrd, slices, Some(geometry)))
        },
    },
    Reader {
        recognises: metaimage::is_metaimage,
        open: |bytes, name, _, limits| {
            let (slices, geometry) = metaimage::read(bytes, name, limits)?;
            Ok(Scan::of_slices(name, Format::MetaImage, slices, Some(geometry)))
        },
    },
    Reader {
        recognises: nifti::is_nifti,
        open: |bytes, name, _, limits| {
            let (slices, geometry) = nifti::read(bytes, None, name, limits)?;
            Ok(Scan::of_slices(name, Format::Nifti, slices, Some(geometry)))
        },
    },
    Reader {
        recognises: dicom::is_dicom,
        open: |bytes, name, _, limits| {
            let instance = dicom::read(bytes, name, limits)?;
            Scan::of_frames(name, instance.window, instance.modality, instance.frames)
        },
    },
];

/// An opened file, or the files of a series: one slice or a stack of them.
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
    notes: Vec<String>,
}

impl Scan {
    /// Opens a file by its content; `intensities` says which HU the black and white of a picture mean.
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
        let hint = if archive::is_archive(bytes) { ", but a ZIP archive; unpack it first" } else { "" };
        Err(Error::Unknown { name: name.into(), hint: hint.into() })
    }

    /// A NIfTI volume whose header and voxels are in two files.
    pub(crate) fn of_pair(header: &[u8], image: &[u8], name: &str, limits: &Limits) -> Result<Self, Error> {
        let limits = limits.of_file(image.len() as u64);
        let (slices, geometry) = nifti::read(header, Some(image), name, &limits)?;
        Ok(Self::of_slices(name, Format::Nifti, slices, Some(geometry)))
    }

    fn of_slices(name: &str, format: Format, slices: Vec<Slice>, geometry: Option<Geometry>) -> Self {
        Self {
            name: name.into(),
            format,
            slices,
            oriented: geometry.as_ref().is_some_and(Geometry::is_oriented),
            geometry,
            sources: None,
            window: None,
            modality: None,
            notes: Vec::new(),
        }
    }

    /// DICOM frames of one size and orientation.
    pub(crate) fn of_frames(
        name: &str,
        window: Option<Window>,
        modality: Option<String>,
        frames: Vec<Frame>,
    ) -> Result<Self, Error> {
        let oriented = frames.iter().all(|frame| frame.orientation.is_some());
        let Stack { slices, geometry, sources, notes } = stack(name, frames)?;
        let (name, format) = (name.into(), Format::Dicom);
        Ok(Self { name, format, slices, geometry, sources, oriented, window, modality, notes })
    }

    /// What messages call it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What kind of file it was.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// The window that the file wants to be shown in.
    #[must_use]
    pub fn window(&self) -> Option<Window> {
        self.window
    }

    /// CT, MR, CR and so on in DICOM's words; `None` where the file does not say.
    #[must_use]
    pub fn modality(&self) -> Option<&str> {
        self.modality.as_deref()
    }

    /// What the user should know of it, a sentence each, such as slices that are missing.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Where the slices of a volume lie in the patient and in the file, for [`crate::write::nifti`].
    #[must_use]
    pub fn geometry(&self) -> Option<&Geometry> {
        self.geometry.as_ref()
    }

    /// Whether the file says where the patient's right and front are, so that the view is known to be radiological.
    #[must_use]
    pub fn is_oriented(&self) -> bool {
        self.oriented
    }

    /// Whether [`crate::write::segmentation`] can refer to its slices: DICOM that says who and where they are.
    #[must_use]
    pub fn is_segmentable(&self) -> bool {
        self.sources.as_ref().is_some_and(|sources| !sources.is_empty())
    }

    /// What a DICOM object about the slices refers to, for [`crate::write::segmentation`]; `None` for other files, and where
    /// a slice does not say who or where it is.
    pub(crate) fn sources(&self) -> Option<&[Source]> {
        self.sources.as_deref()
    }

    /// Number of slices, at least 1.
    #[must_use]
    pub fn slice_count(&self) -> usize {
        self.slices.len()
    }

    /// Pixels of all slices.
    pub(crate) fn voxels(&self) -> u64 {
        self.slices.iter().map(|slice| slice.hu().len() as u64).sum()
    }

    /// The slice `index`, from 0.
    pub fn slice(&self, index: usize) -> Result<&Slice, Error> {
        self.slices.get(index).ok_or_else(|| self.no_slice(index, self.slices.len()))
    }

    pub(crate) fn no_slice(&self, index: usize, count: usize) -> Error {
        Error::NoSlice { name: self.name.clone(), index, count }
    }

    pub(crate) fn invalid(&self, field: &str, reason: impl ToString) -> Error {
        Error::invalid(&self.name, field, reason)
    }
}

/// The pixels of a label picture (PNG) whose class is one of `classes`.
pub fn label_mask(bytes: &[u8], name: &str, classes: &[u8], limits: &Limits) -> Result<Mask, Error> {
    let (width, height, labels) = raster::read_labels(bytes, name, limits)?;
    let inside = labels.iter().map(|label| classes.contains(label)).collect();
    Mask::new(width, height, inside).ok_or_else(|| Error::invalid(name, "size", "the picture is empty"))
}

/// How many pixels of a label picture (PNG) have each label but 0.
pub fn label_counts(bytes: &[u8], name: &str, limits: &Limits) -> Result<BTreeMap<u8, u32>, Error> {
    let (_, _, labels) = raster::read_labels(bytes, name, limits)?;
    let mut counts = [0; 256];
    labels.iter().for_each(|&label| counts[usize::from(label)] += 1);
    Ok((1..=u8::MAX).map(|label| (label, counts[usize::from(label)])).filter(|(_, count)| *count > 0).collect())
}
