//! What a program is to look at: files and whole folders of them, each with a folder for its results, and a share of them for
//! each of several machines. The DICOM files of a folder belong together.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::files::FileError;
use crate::program::BadInput;

/// Endings that a result's folder does without; the longer ones first.
const ENDINGS: [&str; 16] = [
    ".nii.gz", ".nii", ".hdr", ".img", ".nrrd", ".mha", ".zip", ".png", ".jpeg", ".jpg", ".tiff", ".tif", ".bmp",
    ".dicom", ".dcm", ".ima",
];

/// Files that are opened together, and where their results go below the folder of all results.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// What messages call it: the file, or the folder of a series.
    pub name: PathBuf,
    /// At least one.
    pub files: Vec<PathBuf>,
    /// No other input's.
    pub folder: PathBuf,
}

/// The files in `paths`, in their order; those in folders by name, at any depth, without hidden ones, and the DICOM files and
/// NIfTI pairs of a folder together. Results go to a folder of the file's name without the ending, below the folders it was
/// found in, numbered where two share it; those of a folder's DICOM files to one of the folder's name.
///
/// # Errors
/// When a folder cannot be read.
pub fn all(paths: &[PathBuf]) -> Result<Vec<Input>, FileError> {
    let mut found = Vec::new();
    for path in paths {
        match path.is_dir() {
            true => below(path, Path::new(path.file_name().unwrap_or_default()), &mut found)?,
            false => found.push(Input { name: path.clone(), files: vec![path.clone()], folder: result_of(path) }),
        }
    }
    let mut taken = BTreeSet::new();
    let placed = found.into_iter().map(|input| {
        let numbered = (2..).map(|i| input.folder.with_file_name(format!("{}-{i}", file_name(&input.folder))));
        let mut names = std::iter::once(input.folder.clone()).chain(numbered);
        let folder = names.find(|folder| taken.insert(folder.clone()));
        Input { folder: folder.unwrap_or_default(), ..input }
    });
    Ok(placed.collect())
}

fn below(folder: &Path, place: &Path, found: &mut Vec<Input>) -> Result<(), FileError> {
    let unreadable = |reason| FileError::Read { path: folder.to_owned(), reason };
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        entries.push(entry.map_err(unreadable)?.path());
    }
    entries.retain(|path| !file_name(path).starts_with('.'));
    entries.sort();
    let (folders, files): (Vec<_>, Vec<_>) = entries.into_iter().partition(|path| path.is_dir());
    let (dicom, others): (Vec<_>, Vec<_>) = files.into_iter().partition(|path| is_dicom(path));
    if let [_, _, ..] = &dicom[..] {
        found.push(Input { name: folder.to_owned(), files: dicom, folder: place.to_owned() });
    } else {
        found.extend(dicom.into_iter().map(|file| of_file(file, place)));
    }
    for file in others {
        let stem = place.join(result_of(&file));
        let pairs =
            |path: &Path| ["hdr", "img"].into_iter().any(|ending| path.extension().is_some_and(|e| e == ending));
        match found
            .last_mut()
            .filter(|last| pairs(&file) && last.files.iter().all(|path| pairs(path)) && last.folder == stem)
        {
            Some(header) => header.files.push(file),
            None => found.push(of_file(file, place)),
        }
    }
    for path in folders {
        below(&path, &place.join(path.file_name().unwrap_or_default()), found)?;
    }
    Ok(())
}

fn of_file(file: PathBuf, place: &Path) -> Input {
    Input { name: file.clone(), folder: place.join(result_of(&file)), files: vec![file] }
}

/// Where the results of a file go.
fn result_of(file: &Path) -> PathBuf {
    without_ending(&file_name(file)).into()
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Whether a file begins as DICOM does; one that cannot be read is told when it is opened.
fn is_dicom(path: &Path) -> bool {
    let mut start = [0; 132];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut start));
    read.is_ok() && start.ends_with(b"DICM")
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
        let dicom = [&[0; 128][..], b"DICM"].concat();
        for (file, content) in [
            ("b/2.dcm", &dicom[..]),
            ("b/1.dcm", &dicom),
            ("b/report.pdf", b""),
            ("a.png", b""),
            (".hidden", b""),
            ("b/c/1.dcm", &dicom),
            ("d/v.hdr", b""),
            ("d/v.img", b""),
            ("d/w.img", b""),
        ] {
            std::fs::create_dir_all(top.join(file).parent().unwrap()).unwrap();
            std::fs::write(top.join(file), content).unwrap();
        }
        let found = all(&[top]).unwrap();
        let folders: Vec<(&Path, usize)> =
            found.iter().map(|input| (input.folder.as_path(), input.files.len())).collect();
        let expected = [("a", 1), ("b", 2), ("b/report.pdf", 1), ("b/c/1", 1), ("d/v", 2), ("d/w", 1)];
        let expected = expected.map(|(folder, files)| (PathBuf::from("archive").join(folder), files));
        assert_eq!(folders, expected.iter().map(|(folder, files)| (folder.as_path(), *files)).collect::<Vec<_>>());
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
