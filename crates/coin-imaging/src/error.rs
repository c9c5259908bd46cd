//! The error type of this crate.

use thiserror::Error;

/// A file or value that was rejected. Messages are one sentence; those about files name the file, the field and the remedy.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum Error {
    /// An unsupported format.
    #[error("{name}: this is no DICOM, NIfTI, NRRD, MetaImage, PNG, JPEG, TIFF or BMP file{hint}")]
    Unknown {
        /// The file.
        name: String,
        /// What the file seems to be.
        hint: String,
    },
    /// A field of a file is missing, damaged or out of range.
    #[error("{name}: {field}: {reason}")]
    Invalid {
        /// The file.
        name: String,
        /// The field, in the format's own words.
        field: String,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// A file asks for more than the limits allow.
    #[error("{name}: {field} exceeds the limit of {limit}; split or shrink the file")]
    TooLarge {
        /// The file.
        name: String,
        /// What is too large.
        field: String,
        /// How much is allowed.
        limit: u64,
    },
    /// A scan has no such slice.
    #[error("{name}: slice {} does not exist, there are {count}", index + 1)]
    NoSlice {
        /// The file.
        name: String,
        /// The index asked for, from 0.
        index: usize,
        /// Number of slices.
        count: usize,
    },
    /// Masks do not fit a scan: another number of slices, or of pixels in one.
    #[error("{name}: the masks do not fit its slices")]
    MaskMismatch {
        /// The scan.
        name: String,
    },
    /// A scan does not say what a DICOM segmentation must refer to.
    #[error("{name}: a segmentation needs DICOM slices that say who and where they are")]
    NoSource {
        /// The scan.
        name: String,
    },
    /// A slice without pixels.
    #[error("a slice of {width} x {height} pixels has no pixels")]
    EmptySlice {
        /// Pixels in a row.
        width: usize,
        /// Number of rows.
        height: usize,
    },
    /// The number of values is not width times height.
    #[error("{values} values do not fill a slice of {width} x {height} pixels")]
    SliceLength {
        /// Values given.
        values: usize,
        /// Pixels in a row.
        width: usize,
        /// Number of rows.
        height: usize,
    },
    /// A value of a slice is NaN or infinite.
    #[error("the value at column {x}, row {y} is not a finite number")]
    NotFinite {
        /// Column of the first such value.
        x: usize,
        /// Its row.
        y: usize,
    },
    /// A pixel spacing that no scanner produces.
    #[error("a pixel spacing of {row_mm} x {column_mm} mm is outside 0.01 to 100 mm")]
    Spacing {
        /// Distance between rows in mm.
        row_mm: f32,
        /// Distance between columns in mm.
        column_mm: f32,
    },
    /// The bounds of a window span no range.
    #[error("a window from {low} to {high} is not a range; the lower bound comes first and both are within +-100000")]
    Window {
        /// Lower bound.
        low: f32,
        /// Upper bound.
        high: f32,
    },
    /// A volume has another number of slices than its grid.
    #[error("{given} slices were given for a volume of {expected}")]
    VolumeSlices {
        /// Slices given.
        given: usize,
        /// Slices of the grid.
        expected: usize,
    },
    /// A slice of a volume has another number of pixels than its grid.
    #[error("slice {index} has {given} values instead of {expected}")]
    VolumePixels {
        /// The slice, from 0.
        index: usize,
        /// Values given.
        given: usize,
        /// Pixels of a slice of the grid.
        expected: usize,
    },
    /// A file could not be encoded.
    #[error("the {format} could not be encoded: {reason}")]
    Encoding {
        /// PNG, NIfTI volume or DICOM segmentation.
        format: &'static str,
        /// The encoder's message.
        reason: String,
    },
}

/// Text from a file for use in a message: shortened, without control characters.
pub(crate) fn excerpt(text: &str) -> String {
    text.chars().take(64).filter(|c| !c.is_control()).collect()
}

impl Error {
    /// A field of a file is wrong.
    pub(crate) fn invalid(name: &str, field: &str, reason: impl ToString) -> Self {
        // Messages of decoders may run over several lines.
        let reason =
            reason.to_string().lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
        Self::Invalid { name: name.into(), field: field.into(), reason }
    }

    /// Whether a file caused the error, so that the user can fix or replace it.
    #[must_use]
    pub fn is_input(&self) -> bool {
        matches!(self, Self::Unknown { .. } | Self::Invalid { .. } | Self::TooLarge { .. } | Self::NoSlice { .. })
    }
}
