//! The subsets of the data.

/// A subset of the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subset {
    /// For fitting weights.
    Train,
    /// For selecting checkpoint and threshold.
    Validation,
    /// For the final evaluation.
    Test,
}

impl Subset {
    /// All subsets.
    pub const ALL: [Self; 3] = [Self::Train, Self::Validation, Self::Test];

    /// Name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }

    /// Parses the name of a subset; `None` for an empty name.
    pub(super) fn named(name: &str) -> Result<Option<Self>, String> {
        match name {
            "" => Ok(None),
            "train" => Ok(Some(Self::Train)),
            "val" | "validation" => Ok(Some(Self::Validation)),
            "test" => Ok(Some(Self::Test)),
            other => Err(format!("split: {other:?} is not train, validation or test")),
        }
    }
}
