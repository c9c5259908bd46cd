//! What is looked for, and which slices show it.

use serde::{Deserialize, Serialize};

use crate::data::{Row, Subset};

/// The finding of a synthetic task.
const SYNTHETIC: &str = "synthetic";
/// The finding of slices that somebody labelled as a whole.
const LABELLED: &str = "labelled";

/// What makes a slice normal or abnormal. Labels are named as in `dataset.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Task {
    /// Labels of the organ: where synthetic lesions are inserted, and which a slice must show. Without it that is the body,
    /// and every slice counts.
    pub organ: Names,
    /// What makes a slice abnormal.
    pub finding: Finding,
    /// Labels that a normal slice must not show.
    pub ignore: Names,
    /// Fewest pixels of the organ, at the image's own resolution, of a normal slice.
    pub min_organ_pixels: u32,
    /// The same in mm2, where the size of pixels is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_organ_area_mm2: Option<f32>,
    /// Fewest pixels of the finding, at the image's own resolution, of an abnormal slice; with fewer it is neither.
    pub min_finding_pixels: u32,
    /// The same in mm2, where the size of pixels is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_finding_area_mm2: Option<f32>,
    /// Whether training slices may show what is ignored. Synthetic lesions are inserted in some of them, so that it is in normal
    /// and abnormal slices alike.
    pub train_on_ignored: bool,
    /// Whether normal training slices get synthetic lesions beside the real ones of others.
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

/// Names of labels: one, or a list.
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
    /// In a sentence.
    pub fn or(&self) -> String {
        self.0.join(" or ")
    }
}

/// What makes a slice abnormal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Names", into = "Names")]
pub enum Finding {
    /// A lesion that is inserted; nothing else.
    Synthetic,
    /// What somebody said of the whole slice; where it is, nobody knows.
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
    /// Whether lesions are inserted in training.
    pub fn inserts_in_training(&self) -> bool {
        match self.finding {
            Finding::Synthetic => true,
            Finding::Labels(_) => self.train_on_synthetic,
            Finding::Labelled => false,
        }
    }

    /// Labels of the finding; none where they are not what makes a slice abnormal.
    pub fn finding_labels(&self) -> &[String] {
        match &self.finding {
            Finding::Labels(Names(names)) => names,
            Finding::Synthetic | Finding::Labelled => &[],
        }
    }

    /// The finding in a word or two.
    pub fn finding_name(&self) -> String {
        match &self.finding {
            Finding::Synthetic => "synthetic lesion".into(),
            Finding::Labelled => "labelled abnormality".into(),
            Finding::Labels(names) => names.or(),
        }
    }

    /// Whether a slice is abnormal in itself; `None` for one that is left out.
    pub fn abnormal(&self, row: &Row, subset: Subset) -> Option<bool> {
        let enough = |names: &[String], pixels: u32, area_mm2: Option<f32>| {
            let found = row.pixels(names);
            match (area_mm2, row.spacing) {
                (Some(least), Some(spacing)) => found as f32 * spacing.row_mm() * spacing.column_mm() >= least,
                _ => found >= pixels,
            }
        };
        let Self { organ: Names(organ), ignore: Names(ignore), .. } = self;
        let shown = organ.is_empty() || enough(organ, self.min_organ_pixels, self.min_organ_area_mm2);
        let ignored = row.pixels(ignore) > 0 && !(self.train_on_ignored && subset == Subset::Train);
        let normal = shown && !ignored;
        match &self.finding {
            Finding::Synthetic => normal.then_some(false),
            Finding::Labelled => row.abnormal,
            Finding::Labels(Names(names)) if row.pixels(names) == 0 => normal.then_some(false),
            Finding::Labels(Names(names)) => {
                enough(names, self.min_finding_pixels, self.min_finding_area_mm2).then_some(true)
            }
        }
    }

    /// What is looked for, in words.
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
            ("train_on_synthetic", self.train_on_synthetic && !labels, "it is for a finding that labels show"),
            (
                "train_on_ignored",
                self.train_on_ignored && self.finding != Finding::Synthetic,
                "it is for finding = \"synthetic\"",
            ),
        ];
        let idle = idle.into_iter().find(|(_, idle, _)| *idle);
        let idle = idle.map(|(key, _, what)| format!("{key}: {what}; leave it out"));
        let empty = labels && self.finding_labels().is_empty();
        idle.or_else(|| empty.then(|| "finding: it names no label".into()))
    }
}
