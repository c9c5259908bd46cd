//! The `task` section of a recipe: organ and finding, which decide whether a slice is normal or abnormal.

use serde::{Deserialize, Serialize};

/// The value of `finding` for synthetic anomalies.
const SYNTHETIC: &str = "synthetic";
/// The value of `finding` for image-level labels.
const LABELLED: &str = "labelled";

/// The definition of normal and abnormal slices. Labels have the names in `dataset.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Task {
    /// Labels of the organ, which a slice must show and into which synthetic anomalies are inserted. If empty, every slice is
    /// used and anomalies are inserted into the body.
    pub organ: Names,
    /// The finding that makes a slice abnormal.
    pub finding: Finding,
    /// Labels that a normal slice must not show.
    pub ignore: Names,
    /// Minimum number of organ pixels in a normal slice, at the resolution of the image.
    pub min_organ_pixels: u32,
    /// The same minimum in mm2, used if the pixel spacing is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_organ_area_mm2: Option<f32>,
    /// Minimum number of pixels of the finding in an abnormal slice, at the resolution of the image. Slices with fewer are
    /// not used.
    pub min_finding_pixels: u32,
    /// The same minimum in mm2, used if the pixel spacing is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_finding_area_mm2: Option<f32>,
    /// Whether training slices may show the ignored labels. Normal and abnormal slices then both contain them, because
    /// synthetic anomalies are inserted at random.
    pub train_on_ignored: bool,
    /// Whether synthetic anomalies are inserted into normal training slices, in addition to the slices with a real finding.
    pub train_on_synthetic: bool,
}

impl Default for Task {
    fn default() -> Self {
        Self {
            organ: Names::default(),
            finding: Finding::Synthetic,
            ignore: Names::default(),
            min_organ_pixels: 300,
            min_organ_area_mm2: None,
            min_finding_pixels: 100,
            min_finding_area_mm2: None,
            train_on_ignored: false,
            train_on_synthetic: false,
        }
    }
}

/// Label names; one string or a list in recipes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "OneOrMany", into = "OneOrMany")]
pub struct Names(pub Vec<String>);

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl From<OneOrMany> for Names {
    fn from(written: OneOrMany) -> Self {
        match written {
            OneOrMany::One(name) => Self(vec![name]),
            OneOrMany::Many(names) => Self(names),
        }
    }
}

impl From<Names> for OneOrMany {
    fn from(Names(names): Names) -> Self {
        match <[String; 1]>::try_from(names) {
            Ok([name]) => Self::One(name),
            Err(names) => Self::Many(names),
        }
    }
}

impl Names {
    /// The names joined with "or".
    pub fn or(&self) -> String {
        self.0.join(" or ")
    }
}

/// The finding that makes a slice abnormal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Names", into = "Names")]
pub enum Finding {
    /// Synthetic anomalies only.
    Synthetic,
    /// Image-level labels of the data; there are no masks.
    Labelled,
    /// Pixels of these labels.
    Labels(Names),
}

impl From<Names> for Finding {
    fn from(names: Names) -> Self {
        match names.0.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            [SYNTHETIC] => Self::Synthetic,
            [LABELLED] => Self::Labelled,
            _ => Self::Labels(names),
        }
    }
}

impl From<Finding> for Names {
    fn from(finding: Finding) -> Self {
        match finding {
            Finding::Synthetic => Self(vec![SYNTHETIC.into()]),
            Finding::Labelled => Self(vec![LABELLED.into()]),
            Finding::Labels(names) => names,
        }
    }
}

impl Task {
    /// Whether synthetic anomalies are inserted in training.
    pub fn inserts_in_training(&self) -> bool {
        match self.finding {
            Finding::Synthetic => true,
            Finding::Labels(_) => self.train_on_synthetic,
            Finding::Labelled => false,
        }
    }

    /// Labels of the finding; empty if the finding has no labels.
    pub fn finding_labels(&self) -> &[String] {
        match &self.finding {
            Finding::Labels(Names(names)) => names,
            Finding::Synthetic | Finding::Labelled => &[],
        }
    }

    /// Short name of the finding.
    pub fn finding_name(&self) -> String {
        match &self.finding {
            Finding::Synthetic => "synthetic lesion".into(),
            Finding::Labelled => "labelled abnormality".into(),
            Finding::Labels(names) => names.or(),
        }
    }

    /// A description of the slices that the task uses, for messages.
    pub fn wanted(&self) -> String {
        let fewest = |pixels: u32, area_mm2: Option<f32>, names: &Names| match area_mm2 {
            Some(area) => format!("at least {area} mm2 ({pixels} pixels) of {}", names.or()),
            None => format!("at least {pixels} pixels of {}", names.or()),
        };
        let organ = match self.organ.0.is_empty() {
            true => "any content".to_owned(),
            false => fewest(self.min_organ_pixels, self.min_organ_area_mm2, &self.organ),
        };
        let without = |names: &[String]| match names.is_empty() {
            true => String::new(),
            false => format!(" without {}", names.join(" or ")),
        };
        match &self.finding {
            Finding::Synthetic => format!("{organ}{}", without(&self.ignore.0)),
            Finding::Labels(names) => {
                let finding = fewest(self.min_finding_pixels, self.min_finding_area_mm2, names);
                format!("{finding}, or {organ}{}", without(&[names.0.as_slice(), &self.ignore.0].concat()))
            }
            Finding::Labelled => "a label, normal or abnormal".into(),
        }
    }

    pub(super) fn problem(&self) -> Option<String> {
        let labels = matches!(self.finding, Finding::Labels(_));
        let idle = [
            ("train_on_synthetic", self.train_on_synthetic && !labels, "it applies only to a finding that labels show"),
            (
                "train_on_ignored",
                self.train_on_ignored && self.finding != Finding::Synthetic,
                "it applies only to finding = \"synthetic\"",
            ),
        ];
        let idle = idle.into_iter().find(|(_, idle, _)| *idle);
        let idle = idle.map(|(key, _, what)| format!("{key}: {what}; leave it out"));
        let empty = labels && self.finding_labels().is_empty();
        idle.or_else(|| empty.then(|| "finding: the list of labels is empty; name at least one".into()))
    }
}
