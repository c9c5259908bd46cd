//! Normalisation: the intensities that map to -1 and 1.

use serde::{Deserialize, Serialize};

/// The intensities that map to -1 and 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "WrittenNormalisation", into = "WrittenNormalisation")]
pub enum Normalisation {
    /// A fixed window, in HU for CT.
    Window([f32; 2]),
    /// Percentiles of the intensities, from 0 to 100.
    Percentiles {
        /// The percentiles that map to -1 and to 1.
        percentiles: [f32; 2],
        /// The images over which they are computed.
        over: Over,
    },
}

/// The images over which percentiles are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Over {
    /// Each slice separately.
    Slice,
    /// All slices of a patient or volume.
    Case,
    /// All training slices.
    Dataset,
}

/// Normalisation as written in files.
#[derive(Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum WrittenNormalisation {
    Bare([f32; 2]),
    Window { window: [f32; 2] },
    Percentiles { percentiles: [f32; 2], over: Over },
}

impl From<WrittenNormalisation> for Normalisation {
    fn from(written: WrittenNormalisation) -> Self {
        match written {
            WrittenNormalisation::Bare(window) | WrittenNormalisation::Window { window } => Self::Window(window),
            WrittenNormalisation::Percentiles { percentiles, over } => Self::Percentiles { percentiles, over },
        }
    }
}

impl From<Normalisation> for WrittenNormalisation {
    fn from(normalisation: Normalisation) -> Self {
        match normalisation {
            Normalisation::Window(window) => Self::Window { window },
            Normalisation::Percentiles { percentiles, over } => Self::Percentiles { percentiles, over },
        }
    }
}

impl Normalisation {
    /// Returns what is invalid, if anything.
    pub fn problem(&self) -> Option<String> {
        let rises = |[low, high]: [f32; 2]| low.is_finite() && high.is_finite() && low < high;
        match *self {
            Self::Window(window) => {
                let [low, high] = window;
                (!rises(window)).then(|| format!("window [{low}, {high}] is not a pair low < high"))
            }
            Self::Percentiles { percentiles, .. } => {
                let [low, high] = percentiles;
                let fits = rises(percentiles) && low >= 0.0 && high <= 100.0;
                (!fits).then(|| format!("percentiles [{low}, {high}] do not rise from 0 or more to 100 or less"))
            }
        }
    }
}
