//! Collects input files: walks folders, groups DICOM series and headers with their voxels, assigns an output folder to each
//! input, and selects the shard of one machine.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use coin_imaging::{Limits, dicom_series, is_passed_over};

use crate::Error;
use crate::files;

/// Number of bytes at the start of a DICOM file in which the series UID is searched first.
const START: u64 = 1 << 16;

/// Files that are opened together, and the output folder of their results.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// Name in messages: the file, or the folder of a series.
    pub name: PathBuf,
    /// One or more files.
    pub files: Vec<PathBuf>,
    /// Output folder, relative to the folder of all results and unique among inputs.
    pub folder: PathBuf,
}

/// Collects the inputs in `paths`.
///
/// Files keep the order of `paths`. Folders are walked recursively in name order; hidden files and DICOMDIR are skipped. The
/// files of a DICOM series, wherever they lie in a folder, and a header with its voxels form one input. An output folder has the
/// name of the header or the first file without its extension, below the folders in which it was found; duplicate names are
/// numbered. A folder that contains a single series gives its own name to the output folder.
///
/// # Errors
/// If a folder cannot be read.
pub fn all(paths: &[PathBuf]) -> Result<Vec<Input>, Error> {
    let mut found = Vec::new();
    let mut named: Vec<Located> = Vec::new();
    for path in paths {
        if path.is_dir() {
            found.extend(group(std::mem::take(&mut named)));
            let mut below = Vec::new();
            walk(path, Path::new(&file_name(path)), &mut below)?;
            found.extend(group(below));
        } else {
            named.push(Located { file: path.clone(), place: PathBuf::new() });
        }
    }
    found.extend(group(named));
    let mut taken = BTreeSet::new();
    let placed = found.into_iter().map(|input| {
        let numbered = (2..).map(|i| input.folder.with_file_name(format!("{}-{i}", file_name(&input.folder))));
        let mut names = std::iter::once(input.folder.clone()).chain(numbered);
        let folder = names.find(|folder| taken.insert(folder.clone()));
        Input { folder: folder.unwrap_or_default(), ..input }
    });
    Ok(placed.collect())
}

/// A file, and its folder relative to that of all results; empty for a file that was named itself.
struct Located {
    file: PathBuf,
    place: PathBuf,
}

fn walk(folder: &Path, place: &Path, found: &mut Vec<Located>) -> Result<(), Error> {
    let unreadable = Error::read(folder);
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        entries.push(entry.map_err(unreadable)?.path());
    }
    entries.retain(|path| !is_passed_over(&file_name(path)));
    entries.sort();
    let (folders, files): (Vec<_>, Vec<_>) = entries.into_iter().partition(|path| path.is_dir());
    found.extend(files.into_iter().map(|file| Located { file, place: place.to_owned() }));
    for path in folders {
        walk(&path, &place.join(file_name(&path)), found)?;
    }
    Ok(())
}

/// Groups files into inputs: a DICOM series, a detached header with its voxels, or a single file.
fn group(files: Vec<Located>) -> Vec<Input> {
    let mut found: Vec<(Input, PathBuf)> = Vec::new();
    let mut series: BTreeMap<String, usize> = BTreeMap::new();
    let mut anonymous: BTreeMap<PathBuf, usize> = BTreeMap::new();
    let mut places: BTreeMap<PathBuf, usize> = BTreeMap::new();
    let detached = |located: &Located| (located.file.clone(), files::detached_voxels(&located.file));
    let headers: BTreeMap<PathBuf, Vec<PathBuf>> =
        files.iter().map(detached).filter(|(_, voxels)| !voxels.is_empty()).collect();
    let claimed: BTreeSet<&PathBuf> = headers.values().flatten().collect();
    for Located { file, place } in files {
        *places.entry(place.clone()).or_default() += 1;
        let folder = place.join(stem(&file_name(&file)));
        // Voxels may start like a DICOM file without preamble.
        if claimed.contains(&file) {
            continue;
        }
        if let Some(voxels) = headers.get(&file) {
            let files = std::iter::once(&file).chain(voxels).cloned().collect();
            found.push((Input { name: file, files, folder }, place));
            continue;
        }
        let key = match series_of(&file) {
            Some(uid) if !uid.is_empty() => Some(series.entry(uid).or_insert(found.len())),
            // Without a UID, files belong together if they lie in one folder.
            Some(_) => Some(anonymous.entry(place.clone()).or_insert(found.len())),
            None => None,
        };
        match key.and_then(|index| found.get_mut(*index)) {
            Some((first, common)) => {
                first.files.push(file);
                while !place.starts_with(&*common) {
                    common.pop();
                }
            }
            None => found.push((Input { name: file.clone(), files: vec![file], folder }, place)),
        }
    }
    // A folder with a single series gives the input its name.
    let is_series = |input: &Input| input.files.len() > 2 && input.files.iter().all(|file| !headers.contains_key(file));
    for (input, common) in found.iter_mut().filter(|(input, common)| is_series(input) && *common != Path::new("")) {
        let below = places.range(common.clone()..).take_while(|(place, _)| place.starts_with(&*common));
        if below.map(|(_, count)| count).sum::<usize>() == input.files.len() {
            let levels = input.folder.components().count() - common.components().count();
            input.name = input.name.ancestors().nth(levels).unwrap_or(Path::new("")).to_owned();
            input.folder.clone_from(common);
        }
    }
    found.into_iter().map(|(input, _)| input).collect()
}

/// The file name without its extension.
fn stem(name: &str) -> &str {
    files::without_ending(name).unwrap_or(name)
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The series UID of a DICOM file, empty if it has none. Unreadable files give `None` here and an error when they are opened.
fn series_of(path: &Path) -> Option<String> {
    let mut start = Vec::new();
    File::open(path).and_then(|file| file.take(START).read_to_end(&mut start)).ok()?;
    let uid = dicom_series(&start)?;
    if !uid.is_empty() || (start.len() as u64) < START {
        return Some(uid);
    }
    // A long header, or a deflated one.
    dicom_series(&files::read_limited(path, Limits::VOLUMES.bytes).ok()?)
}

/// One of several equal shards of the inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Counted from 0.
    index: usize,
    of: usize,
}

impl Shard {
    /// A single shard with all inputs.
    pub const WHOLE: Self = Self { index: 0, of: 1 };

    /// Selects this shard's items of `work`. Items are interleaved, so that similar neighbours spread over all shards.
    pub fn take<T>(self, work: Vec<T>) -> impl Iterator<Item = T> {
        work.into_iter().skip(self.index).step_by(self.of)
    }
}

/// For file names: `3-of-16`.
impl fmt::Display for Shard {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-of-{}", self.index + 1, self.of)
    }
}

impl FromStr for Shard {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let numbers = text.split_once('/').map(|(index, of)| (index.parse::<usize>(), of.parse::<usize>()));
        match numbers {
            Some((Ok(index), Ok(of))) if (1..=of).contains(&index) => Ok(Self { index: index - 1, of }),
            _ => Err(Error::Usage(format!("{text}: write I/N for shard I of N, for instance 1/4"))),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn output_folders_are_unique() {
        let files = ["a/x.png", "b/x.png", "1.2.840.1.dcm", "1.2.840.2.dcm", "v.nii.gz", ".png", "no-ending"];
        let files: Vec<PathBuf> = files.iter().map(PathBuf::from).collect();
        let folders: Vec<PathBuf> = all(&files).unwrap().into_iter().map(|input| input.folder).collect();
        assert_eq!(folders, ["x", "x-2", "1.2.840.1", "1.2.840.2", "v", ".png", "no-ending"].map(PathBuf::from));
    }

    /// The start of a DICOM file with this series UID.
    fn dicom(series: &str) -> Vec<u8> {
        let length = (series.len() as u16).to_le_bytes();
        [&[0; 128][..], b"DICM", &[0x20, 0, 0x0E, 0, b'U', b'I'], &length, series.as_bytes()].concat()
    }

    #[test]
    fn folders_are_walked_in_order_and_series_and_pairs_are_grouped() {
        let archive = tempfile::tempdir().unwrap();
        let top = archive.path().join("archive");
        for (file, content) in [
            ("b/2.dcm", dicom("1.2")),
            ("b/1.dcm", dicom("1.2")),
            ("b/3.dcm", dicom("1.2")),
            ("a.png", Vec::new()),
            (".hidden", Vec::new()),
            ("b/c/1.dcm", dicom("1.2")),
            ("d/v.hdr", Vec::new()),
            ("d/v.img", Vec::new()),
            ("d/w.img.gz", Vec::new()),
            ("d/x.Hdr", Vec::new()),
            ("d/x.IMG.gz", Vec::new()),
            ("e/1", dicom("1.3")),
            ("e/2", dicom("1.4")),
            ("e/3", dicom("1.3")),
            ("e/DICOMDIR", dicom("")),
            ("e/4.pdf", Vec::new()),
        ] {
            std::fs::create_dir_all(top.join(file).parent().unwrap()).unwrap();
            std::fs::write(top.join(file), content).unwrap();
        }
        let found = all(std::slice::from_ref(&top)).unwrap();
        let folders: Vec<(PathBuf, usize)> =
            found.iter().map(|input| (input.folder.clone(), input.files.len())).collect();
        let expected = [("a", 1), ("b", 4), ("d/v", 2), ("d/w", 1), ("d/x", 2), ("e/1", 2), ("e/2", 1), ("e/4.pdf", 1)];
        assert_eq!(folders, expected.map(|(folder, files)| (PathBuf::from("archive").join(folder), files)));
        assert_eq!(found[1].name, top.join("b"));

        let named = all(&[top.join("d/v.img"), top.join("d/v.hdr"), top.join("e/3"), top.join("e/1")]).unwrap();
        let files: Vec<usize> = named.iter().map(|input| input.files.len()).collect();
        assert_eq!(files, [2, 2], "files named individually");
    }

    #[test]
    fn a_header_with_many_files_of_voxels_is_one_input_with_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let top = folder.path().join("scans");
        std::fs::create_dir(&top).unwrap();
        let (header, voxels) =
            (top.join("volume.nhdr"), [1, 2, 3].map(|number| top.join(format!("plane-{number}.raw"))));
        std::fs::write(&header, "NRRD0004\ntype: short\ndata file: plane-%d.raw 1 3 1\n").unwrap();
        voxels.iter().for_each(|file| std::fs::write(file, "voxels").unwrap());
        let expected = |input: &Input, output: &str| {
            assert_eq!((&input.name, &input.folder), (&header, &PathBuf::from(output)));
            let files: BTreeSet<&PathBuf> = input.files.iter().collect();
            assert_eq!(files, voxels.iter().chain([&header]).collect());
        };
        let [walked] = &all(std::slice::from_ref(&top)).unwrap()[..] else { unreachable!("one input") };
        expected(walked, "scans/volume");
        let [named] = &all(std::slice::from_ref(&header)).unwrap()[..] else { unreachable!("one input") };
        expected(named, "volume");
        // Without one of them, the others stay with the header, which says what it lacks when it is opened.
        std::fs::remove_file(&voxels[1]).unwrap();
        let expected = [header.clone(), voxels[0].clone(), voxels[2].clone()];
        assert_eq!(all(std::slice::from_ref(&header)).unwrap()[0].files, expected);
    }

    #[test]
    fn shards_cover_every_item_once() {
        let taken = |shard: &str| shard.parse::<Shard>().unwrap().take((0..10).collect()).collect::<Vec<usize>>();
        assert_eq!((taken("1/3"), taken("2/3"), taken("3/3")), (vec![0, 3, 6, 9], vec![1, 4, 7], vec![2, 5, 8]));
        for wrong in ["0/3", "4/3", "1", "a/b", "1/0"] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
    }
}
