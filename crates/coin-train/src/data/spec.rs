//! How data is named on the command line.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::Args;

use super::source::{SourceKind, Wanted};
use super::{SliceTable, source};
use crate::Error;

/// Where data comes from: `phantom` or `kind:path`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DataSpec {
    /// Made on the spot.
    Phantom,
    /// A folder of patients.
    Folder(SourceKind, PathBuf),
}

impl DataSpec {
    /// The same from whatever folder a program is called in.
    pub fn absolute(&self) -> std::io::Result<Self> {
        Ok(match self {
            Self::Phantom => Self::Phantom,
            Self::Folder(kind, path) => Self::Folder(*kind, std::path::absolute(path)?),
        })
    }
}

impl fmt::Display for DataSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Phantom => f.write_str("phantom"),
            Self::Folder(kind, path) => write!(f, "{}:{}", kind.name(), path.display()),
        }
    }
}

impl FromStr for DataSpec {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text.split_once(':').map(|(name, path)| (SourceKind::named(name), path)) {
            None if text == "phantom" => Ok(Self::Phantom),
            Some((Some(kind), path)) if !path.is_empty() => Ok(Self::Folder(kind, path.into())),
            _ => {
                let kinds = SourceKind::ALL.map(|kind| format!("{}:DIR", kind.name())).join(", ");
                Err(Error::Usage(format!("{text}: write phantom or one of {kinds}")))
            }
        }
    }
}

/// The options of every program that reads data.
#[derive(Args, Clone, Debug)]
pub struct DataOptions {
    /// The data: phantom (without it), or KIND:DIR with KIND totalsegmentator, kits, nnunet, slices or xray; several are
    /// merged.
    #[arg(long = "data", value_name = "SPEC")]
    specs: Vec<DataSpec>,
    /// Where slices of volumes are kept, so that each volume is unpacked once; the user's cache folder without it.
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// Leave out cases that cannot be used, with a warning each, instead of stopping at the first.
    #[arg(long)]
    skip_incomplete: bool,
}

impl DataOptions {
    /// Data named otherwise than on a command line of these options.
    pub fn new(specs: Vec<DataSpec>, cache: Option<PathBuf>, skip_incomplete: bool) -> Self {
        Self { specs, cache, skip_incomplete }
    }

    /// These data, cut and kept as in `self`.
    #[must_use]
    pub fn of(&self, specs: Vec<DataSpec>) -> Self {
        Self { specs, ..self.clone() }
    }

    /// How it is cut and kept, as on the command line; empty, or with a blank before it.
    pub fn how(&self) -> String {
        let cache = self.cache.as_ref().map(|cache| format!(" --cache {}", cache.display())).unwrap_or_default();
        let skipped = if self.skip_incomplete { " --skip-incomplete" } else { "" };
        format!("{cache}{skipped}")
    }

    /// What was named; nothing means phantoms.
    pub fn named(&self) -> &[DataSpec] {
        &self.specs
    }

    /// What is meant.
    pub fn specs(&self) -> Vec<DataSpec> {
        if self.specs.is_empty() { vec![DataSpec::Phantom] } else { self.specs.clone() }
    }

    /// The slices of all folders; `None` for phantoms.
    ///
    /// # Errors
    /// When phantoms are named beside folders, or a folder is not what its kind says.
    pub fn table(&self, wanted: &Wanted) -> anyhow::Result<Option<SliceTable>> {
        let folders: Vec<(SourceKind, &Path)> = self
            .specs
            .iter()
            .filter_map(|spec| match spec {
                DataSpec::Phantom => None,
                DataSpec::Folder(kind, path) => Some((*kind, path.as_path())),
            })
            .collect();
        if folders.is_empty() {
            return Ok(None);
        }
        if folders.len() < self.specs.len() {
            return Err(
                Error::Usage("--data phantom cannot be merged with folders; write a phantom set first".into()).into()
            );
        }
        let cache = match &self.cache {
            Some(cache) => cache.clone(),
            None => dirs::cache_dir().unwrap_or_else(std::env::temp_dir).join("coin"),
        };
        let tables =
            folders.into_iter().map(|(kind, path)| source::table(kind, path, wanted, &cache, self.skip_incomplete));
        Ok(Some(SliceTable::merged(tables.collect::<Result<Vec<_>, Error>>()?)))
    }
}
