//! Runs a baseline in Python. Baselines are optional; without one, a benchmark prints SKIPPED.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Context as _;
use serde::de::DeserializeOwned;

/// The Python with the baselines, relative to the root of the repository. `COIN_PYTHON` overrides it.
const PYTHON: &str = "target/baselines/bin/python";

/// The root of the repository, from cargo's run-time environment, because the benchmark can run on another machine than the
/// build.
pub fn root() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| ".".into(), PathBuf::from);
    package.join("../..")
}

/// Runs a script in this folder and parses its JSON output. Returns `None` with a message if Python lacks one of `packages`
/// or the script fails.
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
    // -B prevents __pycache__ folders next to the scripts.
    let output = Command::new(&python).arg("-B").arg(&script).args(arguments).output()?;
    if !output.status.success() {
        // A baseline may lack the device or memory, but our own times are still useful.
        let errors = String::from_utf8_lossy(&output.stderr);
        eprintln!("SKIPPED the baseline: {}: {}", script.display(), errors.lines().last().unwrap_or_default());
        return Ok(None);
    }
    let answer = serde_json::from_slice(&output.stdout);
    answer.map(Some).with_context(|| format!("{} did not print JSON", script.display()))
}
