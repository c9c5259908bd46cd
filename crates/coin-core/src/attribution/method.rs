//! The list of saliency methods.

use serde::{Deserialize, Serialize};

/// A saliency method that COIN is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SaliencyMethod {
    /// Random masks.
    Rise,
    /// Activations as masks.
    ScoreCam,
    /// Activations times positive gradients.
    LayerCam,
    /// Activations times mean gradients.
    GradCam,
}

impl SaliencyMethod {
    /// All methods, in the order of tables.
    pub const ALL: [Self; 4] = [Self::Rise, Self::ScoreCam, Self::LayerCam, Self::GradCam];

    /// Name in options, reports and the browser API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rise => "rise",
            Self::ScoreCam => "score-cam",
            Self::LayerCam => "layer-cam",
            Self::GradCam => "grad-cam",
        }
    }

    /// Name in papers.
    pub fn title(self) -> &'static str {
        match self {
            Self::Rise => "RISE",
            Self::ScoreCam => "ScoreCAM",
            Self::LayerCam => "LayerCAM",
            Self::GradCam => "Grad-CAM",
        }
    }

    /// The method of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.name() == name)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn names_are_those_in_reports() {
        for method in SaliencyMethod::ALL {
            assert_eq!(serde_json::to_value(method).unwrap(), method.name());
            assert_eq!(SaliencyMethod::named(method.name()), Some(method));
        }
    }
}
