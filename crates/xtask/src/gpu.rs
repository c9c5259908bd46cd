//! Packs the GPU benchmarks for a machine that has a GPU but no compiler.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::Value;

use crate::command::{output, run};
use crate::{root, target};

/// The benchmarks with a `--device` option.
const BENCHES: [&str; 4] = ["convolution", "explanation", "training_step", "classifier_step"];
/// The script that runs the benchmarks on the other machine.
const SCRIPT: &str = "crates/coin-train/benches/gpu.sh";

/// Builds the benchmarks for each GPU backend, `vulkan` or `cuda`, with and without the feature `tuned`, and packs them into
/// `target/gpu` with their script and input files.
pub fn pack(backends: &[String]) -> anyhow::Result<()> {
    let folder = target().join("gpu");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    for backend in backends {
        build(backend, &folder.join(backend))?;
        build(&format!("{backend},tuned"), &folder.join(format!("{backend}-tuned")))?;
    }
    let folders = ["crates/coin-train/benches/baselines", "models/coin-phantom", "models/coin-kidney-anomaly"];
    folders.into_iter().try_for_each(|name| copy_files(&root().join(name), &folder.join(name)))?;
    fs::copy(root().join(SCRIPT), folder.join("gpu.sh")).context(SCRIPT)?;
    eprintln!("packed {}; copy it to the machine with the GPU and run gpu.sh there", folder.display());
    Ok(())
}

/// Builds the benchmarks with these features and copies them to `folder`.
fn build(features: &str, folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder)?;
    let benches = BENCHES.iter().flat_map(|bench| ["--bench", bench]);
    let arguments = ["bench", "--no-run", "--package", "coin-train", "--features", features];
    let arguments: Vec<&str> = arguments.into_iter().chain(benches).collect();
    run("cargo", &arguments)?;
    let messages = output("cargo", &[&arguments[..], &["--message-format", "json"]].concat())?;
    for (name, built) in built(&messages).into_iter().filter(|(name, _)| BENCHES.contains(&name.as_str())) {
        let to = folder.join(name);
        fs::copy(&built, &to).with_context(|| built.display().to_string())?;
        run("strip", &[&to.to_string_lossy()])?;
    }
    Ok(())
}

/// Names and paths of the built programs in cargo's JSON messages.
fn built(messages: &str) -> Vec<(String, PathBuf)> {
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let program = |message: Value| {
        let path = message.get("executable")?.as_str()?;
        Some((message.get("target")?.get("name")?.as_str()?.to_owned(), PathBuf::from(path)))
    };
    messages.filter_map(program).collect()
}

fn copy_files(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| from.display().to_string())? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}
