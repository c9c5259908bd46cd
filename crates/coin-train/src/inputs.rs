//! What a program is to look at: files and whole folders of them, each with a folder for its results, and a share of them for
//! each of several machines.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::files::FileError;
use crate::program::BadInput;

/// Endings that a result's folder does without; the longer ones first.
const ENDINGS: [&str; 8] = [".nii.gz", ".nii", ".png", ".jpeg", ".jpg", ".dicom", ".dcm", ".ima"];

/// A file, and where its results go below the folder of all results.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// The file.
    pub file: PathBuf,
    /// No other input's.
    pub folder: PathBuf,
}

/// The files in `paths`, in their order; those in folders by name, at any depth, without hidden ones. Results go to a folder
/// of the file's name without the ending, below the folders it was found in, numbered where two share it.
///
/// # Errors
/// When a folder cannot be read.
pub fn all(paths: &[PathBuf]) -> Result<Vec<Input>, FileError> {
    let mut files = Vec::new();
    for path in paths {
        match path.is_dir() {
            true => below(path, Path::new(path.file_name().unwrap_or_default()), &mut files)?,
            false => files.push((path.clone(), PathBuf::new())),
        }
    }
    let mut taken = BTreeSet::new();
    let place = |(file, parent): (PathBuf, PathBuf)| {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let stem = without_ending(&name);
        let numbered = (2..).map(|i| format!("{stem}-{i}"));
        let names = std::iter::once(stem.to_owned()).chain(numbered);
        let folder = names.map(|name| parent.join(name)).find(|folder| taken.insert(folder.clone()));
        Input { file, folder: folder.unwrap_or_default() }
    };
    Ok(files.into_iter().map(place).collect())
}

fn below(folder: &Path, place: &Path, files: &mut Vec<(PathBuf, PathBuf)>) -> Result<(), FileError> {
    let unreadable = |reason| FileError::Read { path: folder.to_owned(), reason };
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        entries.push(entry.map_err(unreadable)?.path());
    }
    entries.sort();
    for path in entries {
        let name = path.file_name().unwrap_or_default();
        match path.is_dir() {
            _ if name.to_string_lossy().starts_with('.') => {}
            true => below(&path, &place.join(name), files)?,
            false => files.push((path, place.to_owned())),
        }
    }
    Ok(())
}

fn without_ending(name: &str) -> &str {
    let stem = ENDINGS.iter().find_map(|ending| {
        let cut = name.len().checked_sub(ending.len())?;
        let (stem, found) = (name.get(..cut)?, name.get(cut..)?);
        (found.eq_ignore_ascii_case(ending) && !stem.is_empty()).then_some(stem)
    });
    stem.unwrap_or(name)
}

/// One of several equal shares of the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// From 0.
    index: usize,
    of: usize,
}

impl Shard {
    /// Everything.
    pub const WHOLE: Self = Self { index: 0, of: 1 };

    /// The share of `work`: every `of`-th piece, so that neighbours, which are alike, spread.
    pub fn take<T>(self, work: Vec<T>) -> impl Iterator<Item = T> {
        work.into_iter().skip(self.index).step_by(self.of)
    }
}

impl FromStr for Shard {
    type Err = BadInput;

    fn from_str(text: &str) -> Result<Self, BadInput> {
        let numbers = text.split_once('/').map(|(index, of)| (index.parse::<usize>(), of.parse::<usize>()));
        match numbers {
            Some((Ok(index), Ok(of))) if (1..=of).contains(&index) => Ok(Self { index: index - 1, of }),
            _ => Err(BadInput(format!("{text}: write I/N, the I-th of N shares, for instance 1/4"))),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_input_has_a_folder_of_its_own() {
        let files = ["a/x.png", "b/x.png", "1.2.840.1.dcm", "1.2.840.2.dcm", "v.nii.gz", ".png", "no-ending"];
        let files: Vec<PathBuf> = files.iter().map(PathBuf::from).collect();
        let folders: Vec<PathBuf> = all(&files).unwrap().into_iter().map(|input| input.folder).collect();
        assert_eq!(folders, ["x", "x-2", "1.2.840.1", "1.2.840.2", "v", ".png", "no-ending"].map(PathBuf::from));
    }

    #[test]
    fn folders_are_walked_in_order_and_keep_their_shape() {
        let archive = tempfile::tempdir().unwrap();
        let top = archive.path().join("archive");
        for file in ["b/2.dcm", "b/1.dcm", "a.png", ".hidden", "b/c/1.dcm"] {
            std::fs::create_dir_all(top.join(file).parent().unwrap()).unwrap();
            std::fs::write(top.join(file), []).unwrap();
        }
        let folders: Vec<PathBuf> = all(&[top]).unwrap().into_iter().map(|input| input.folder).collect();
        assert_eq!(folders, ["archive/a", "archive/b/1", "archive/b/2", "archive/b/c/1"].map(PathBuf::from));
    }

    #[test]
    fn shards_take_everything_once() {
        let taken = |shard: &str| shard.parse::<Shard>().unwrap().take((0..10).collect()).collect::<Vec<usize>>();
        assert_eq!((taken("1/3"), taken("2/3"), taken("3/3")), (vec![0, 3, 6, 9], vec![1, 4, 7], vec![2, 5, 8]));
        for wrong in ["0/3", "4/3", "1", "a/b", "1/0"] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
    }
}
