//! Runs a baseline in Python. Baselines are optional: without them a benchmark says SKIPPED.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Context as _;
use serde::de::DeserializeOwned;

/// Where the baselines are installed, from the top of the repository, unless `COIN_PYTHON` names a Python that has them.
const PYTHON: &str = "target/baselines/bin/python";

/// The top of the repository: where cargo says that it is when the benchmark runs, which may be another machine than the one that
/// built it.
pub fn root() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| ".".into(), PathBuf::from);
    package.join("../..")
}

/// What a script of this folder prints; `None`, with a word, where Python lacks one of `packages`, or the script fails.
pub fn run<T: DeserializeOwned>(script: &str, packages: &[&str], arguments: &[String]) -> anyhow::Result<Option<T>> {
    let python = std::env::var_os("COIN_PYTHON").map_or_else(|| root().join(PYTHON), PathBuf::from);
    let imports = format!("import {}", packages.join(", "));
    let ready = Command::new(&python).args(["-c", &imports]).output();
    if !ready.is_ok_and(|output| output.status.success()) {
        eprintln!(
            "SKIPPED the baseline: {} lacks {}; python3 -m venv target/baselines && target/baselines/bin/pip install {}",
            python.display(),
            packages.join(" or "),
            packages.join(" ")
        );
        return Ok(None);
    }
    let script = root().join("crates/coin-train/benches/baselines").join(script);
    // Without -B the modules that scripts share would leave compiled files beside them.
    let output = Command::new(&python).arg("-B").arg(&script).args(arguments).output()?;
    if !output.status.success() {
        // A baseline may lack the device, or memory on it; our own times are of use all the same.
        let errors = String::from_utf8_lossy(&output.stderr);
        eprintln!("SKIPPED the baseline: {}: {}", script.display(), errors.lines().last().unwrap_or_default());
        return Ok(None);
    }
    let answer = serde_json::from_slice(&output.stdout);
    answer.map(Some).with_context(|| format!("{} printed no JSON", script.display()))
}
