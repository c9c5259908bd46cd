//! Compares values and affines with other readers: pydicom with its decoders, GDCM, nibabel, SimpleITK and pynrrd.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use coin_imaging::write::{Author, Correction};
use coin_imaging::{File, Limits, Mask, Scan, Slice, Window, open_all, write};

/// Packages that `cargo xtask test` installs for the script.
const PACKAGES: &str = "../../target/samples/readers";
const SCRIPT: &str = "../../tests/interop/readers.py";

fn python() -> Option<Command> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = || {
        let mut python = Command::new("python3");
        python.env("PYTHONPATH", here.join(PACKAGES));
        python
    };
    let imports = "import gdcm, highdicom, nibabel, nrrd, numpy, openjpeg, libjpeg, jpeg_ls, pydicom, SimpleITK";
    let found = python().args(["-c", imports]).output().is_ok_and(|output| output.status.success());
    found.then(|| {
        let mut python = python();
        python.arg(here.join(SCRIPT));
        python
    })
}

/// All files in a folder, recursively.
fn below(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries.into_iter().flat_map(|path| if path.is_dir() { below(&path) } else { vec![path] }).collect()
}

/// Opens the files of a case together and stores the result. Where they hold several volumes, `scan-0`, `scan-1` and so on have
/// the files of each.
fn open(case: &Path) {
    let files: Vec<(String, Vec<u8>)> = below(&case.join("files"))
        .into_iter()
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(path).unwrap()))
        .collect();
    let files: Vec<File<'_>> = files.iter().map(|(name, bytes)| File { name, bytes }).collect();
    let parts: Vec<PathBuf> =
        (0..).map(|index| case.join(format!("scan-{index}"))).take_while(|part| part.exists()).collect();
    let parts = if parts.is_empty() { vec![case.to_owned()] } else { parts };
    match open_all(&files, Window::ABDOMEN, &Limits::default()) {
        Ok(opened) => {
            assert_eq!(opened.scans.len(), parts.len(), "{}: {:?}", case.display(), opened.notes);
            parts.iter().zip(&opened.scans).for_each(|(part, scan)| leave(part, scan));
        }
        Err(error) => {
            parts.iter().for_each(|part| fs::write(part.join("refused.txt"), error.to_string()).unwrap());
        }
    }
}

fn leave(case: &Path, scan: &Scan) {
    let slices: Vec<_> = (0..scan.slice_count()).map(|index| scan.slice(index).unwrap()).collect();
    let shape = [slices.len(), slices[0].height(), slices[0].width()];
    fs::write(case.join("shape.json"), format!("{shape:?}")).unwrap();
    let hu: Vec<u8> = slices.iter().flat_map(|slice| slice.hu()).flat_map(|hu| hu.to_le_bytes()).collect();
    fs::write(case.join("hu.f32"), hu).unwrap();
    if let Some(window) = scan.window() {
        fs::write(case.join("window.json"), format!("{:?}", [window.low(), window.high()])).unwrap();
    }
    if scan.is_segmentable() {
        let bright = |slice: &&Slice| {
            let inside = slice.hu().iter().map(|&hu| hu > 100.0).collect();
            Mask::new(slice.width(), slice.height(), inside).unwrap()
        };
        let masks: BTreeMap<usize, Mask> = slices.iter().map(bright).enumerate().collect();
        // One of the segmentations states that it was corrected.
        let correction = if case.ends_with("series-oblique") { Correction::ByHand } else { Correction::None };
        let author = Author { model: "test", version: "1", date: "20260101", time: "120000", correction, unique: 77 };
        if let Some(written) = write::segmentation(&masks, scan, &author).unwrap() {
            fs::write(case.join("segmentation.dcm"), written).unwrap();
        }
        let rgb: Vec<u8> = (0..5 * 3).flat_map(|pixel| [pixel, 100 + pixel, 200 + pixel]).collect();
        fs::write(case.join("capture.dcm"), write::capture(&rgb, 5, 3, Some((scan, 0)), &author).unwrap()).unwrap();
    }
    if let Some(geometry) = scan.geometry() {
        let hu: Vec<&[f32]> = slices.iter().map(|slice| slice.hu()).collect();
        fs::write(case.join("written.nii.gz"), write::nifti::<f32>(&hu, geometry).unwrap()).unwrap();
    }
}

#[test]
fn other_readers_agree() {
    let Some(mut make) = python() else {
        println!(
            "SKIPPED: pydicom, GDCM, nibabel, SimpleITK and pynrrd are not in {PACKAGES}; cargo xtask test fetches them"
        );
        return;
    };
    let cases = tempfile::tempdir().unwrap();
    let made = make.arg("make").arg(cases.path()).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let folders: Vec<PathBuf> = fs::read_dir(cases.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(folders.len() > 70, "{} cases", folders.len());
    folders.iter().for_each(|case| open(case));
    let windows = folders.iter().filter(|case| case.join("window.json").exists()).count();
    assert!(windows > 12, "{windows} cases with a window");
    let compared = python().unwrap().arg("compare").arg(cases.path()).output().unwrap();
    let said = String::from_utf8_lossy(&compared.stdout);
    println!("{said}");
    assert!(compared.status.success(), "{said}{}", String::from_utf8_lossy(&compared.stderr));
}
