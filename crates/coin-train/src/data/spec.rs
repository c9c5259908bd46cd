//! Data specifications on the command line.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::Args;

use super::source::{Reading, SourceKind, Wanted};
use super::{SliceTable, source};
use crate::Error;

/// A data source: `phantom` or `kind:path`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DataSpec {
    /// Phantoms, generated on the fly.
    Phantom,
    /// A folder with images of patients.
    Folder(SourceKind, PathBuf),
}

impl DataSpec {
    /// Makes the path absolute, so that it can be used from any folder.
    ///
    /// # Errors
    /// If the current folder cannot be read.
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
                Err(Error::Usage(format!("{text}: unknown data source; write phantom or one of {kinds}")))
            }
        }
    }
}

/// Command-line options of every program that reads data.
#[derive(Args, Clone, Debug, Default)]
pub struct DataOptions {
    /// Data source: phantom (default), or KIND:DIR where KIND is totalsegmentator, kits, nnunet, slices or xray. Several
    /// folders are merged.
    #[arg(long = "data", value_name = "SPEC")]
    pub specs: Vec<DataSpec>,
    /// Cache folder for slices extracted from volumes. Default: the user's cache folder.
    #[arg(long, value_name = "DIR")]
    pub cache: Option<PathBuf>,
    /// Skip unusable cases with a warning instead of stopping at the first one.
    #[arg(long)]
    pub skip_incomplete: bool,
    /// Pair images and labels voxel by voxel where their geometry differs, as nnU-Net does, instead of refusing the case.
    #[arg(long)]
    pub pair_by_voxel: bool,
}

impl DataOptions {
    /// The same options with other data sources.
    #[must_use]
    pub fn of(&self, specs: Vec<DataSpec>) -> Self {
        Self { specs, ..self.clone() }
    }

    /// The options other than `--data` as command-line text: empty, or starting with a space.
    pub fn how(&self) -> String {
        let cache = self.cache.as_ref().map(|cache| format!(" --cache {}", cache.display())).unwrap_or_default();
        let skipped = if self.skip_incomplete { " --skip-incomplete" } else { "" };
        let paired = if self.pair_by_voxel { " --pair-by-voxel" } else { "" };
        format!("{cache}{skipped}{paired}")
    }

    /// The data sources, with phantoms as the default.
    pub fn specs_or_phantoms(&self) -> Vec<DataSpec> {
        if self.specs.is_empty() { vec![DataSpec::Phantom] } else { self.specs.clone() }
    }

    /// The slices of all folders; `None` for phantoms.
    ///
    /// # Errors
    /// If phantoms are combined with folders, or a folder does not have the layout of its kind.
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
                Error::Usage("--data phantom cannot be merged with folders; write the phantoms to a folder with `dataset phantom` and name that".into()).into()
            );
        }
        let cache = match &self.cache {
            Some(cache) => cache.clone(),
            None => dirs::cache_dir().unwrap_or_else(std::env::temp_dir).join("coin"),
        };
        let (skip_incomplete, pair_by_voxel) = (self.skip_incomplete, self.pair_by_voxel);
        let reading = Reading { cache: &cache, skip_incomplete, pair_by_voxel };
        let tables = folders.into_iter().map(|(kind, path)| source::table(kind, path, wanted, reading));
        Ok(Some(SliceTable::merged(tables.collect::<Result<Vec<_>, Error>>()?)))
    }
}
