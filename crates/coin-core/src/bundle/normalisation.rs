//! Which intensities become -1 and 1.

use serde::{Deserialize, Serialize};

/// Which intensities become -1 and 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "WrittenNormalisation", into = "WrittenNormalisation")]
pub enum Normalisation {
    /// The same of every image: HU in CT.
    Window([f32; 2]),
    /// Percentiles of the image's own intensities, from 0 to 100.
    Percentiles {
        /// Of what becomes -1, and of what becomes 1.
        percentiles: [f32; 2],
        /// Which images they are taken over.
        over: Over,
    },
}

/// The images whose intensities are ranked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Over {
    /// Each slice by itself.
    Slice,
    /// All slices of a patient, or of a volume.
    Case,
    /// All training slices.
    Dataset,
}

/// As files have it.
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
    /// What is wrong with it, if anything.
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
