//! What is measured on a GPU, packed for a machine that has one and nothing to build with.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::Value;

use crate::command::{output, run};
use crate::{root, target};

/// The benchmarks that take a device.
const BENCHES: [&str; 4] = ["convolution", "explanation", "training_step", "classifier_step"];
/// Does all of it on the other machine.
const SCRIPT: &str = "crates/coin-train/benches/card.sh";

/// Builds the benchmarks for each way to a card, `vulkan` or `cuda`, as they are and tuned, into `target/card`, beside the script
/// that runs them and what they read.
pub fn pack(ways: &[String]) -> anyhow::Result<()> {
    let folder = target().join("card");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    for way in ways {
        build(way, &folder.join(way))?;
        build(&format!("{way},tuned"), &folder.join(format!("{way}-tuned")))?;
    }
    let folders = ["crates/coin-train/benches/baselines", "models/coin-phantom", "models/coin-kidney-anomaly"];
    folders.into_iter().try_for_each(|name| copy_files(&root().join(name), &folder.join(name)))?;
    fs::copy(root().join(SCRIPT), folder.join("card.sh")).context(SCRIPT)?;
    eprintln!("{}: copy it to the machine with the card and run card.sh there", folder.display());
    Ok(())
}

/// Builds the benchmarks with these features into a folder.
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

/// Names and paths of the programs that cargo says it built.
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
