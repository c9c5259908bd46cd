//! Runs a rival in Python and compares medians. Rivals are optional: without them a benchmark says SKIPPED.

use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use anyhow::Context as _;
use serde::de::DeserializeOwned;

/// Where the rivals are installed, from the top of the repository.
const PYTHON: &str = "target/rivals/bin/python";

/// The top of the repository.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Threads that both sides use.
pub fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// What a script of this folder prints; `None`, with a word, where Python lacks one of `packages`.
pub fn run<T: DeserializeOwned>(script: &str, packages: &[&str], arguments: &[String]) -> anyhow::Result<Option<T>> {
    let python = root().join(PYTHON);
    let imports = format!("import {}", packages.join(", "));
    let ready = Command::new(&python).args(["-c", &imports]).output();
    if !ready.is_ok_and(|output| output.status.success()) {
        eprintln!(
            "SKIPPED the rival: {} lacks {}; python3 -m venv target/rivals && target/rivals/bin/pip install {}",
            python.display(),
            packages.join(" or "),
            packages.join(" ")
        );
        return Ok(None);
    }
    let script = root().join("crates/coin-train/benches/rivals").join(script);
    let output = Command::new(&python).arg(&script).args(arguments).output()?;
    let errors = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success(), "{}: {errors}", script.display());
    let answer = serde_json::from_slice(&output.stdout);
    answer.map(Some).with_context(|| format!("{} printed no JSON", script.display()))
}

/// Seconds of each of `runs` calls after a warm-up.
pub fn seconds(runs: usize, mut work: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<Vec<f64>> {
    work()?;
    let timed = |_| {
        let started = Instant::now();
        work().map(|()| started.elapsed().as_secs_f64())
    };
    (0..runs).map(timed).collect()
}

/// Prints both medians and their ratio: below 1 we are faster.
pub fn compare(what: &str, rival: &str, ours: &[f64], theirs: Option<&[f64]>) {
    let ours = median(ours);
    match theirs.map(median) {
        Some(theirs) => println!(
            "{what}, {} threads: ours {ours:.4} s, {rival} {theirs:.4} s, ratio {:.2}",
            threads(),
            ours / theirs
        ),
        None => println!("{what}, {} threads: ours {ours:.4} s, {rival} not installed", threads()),
    }
}

fn median(seconds: &[f64]) -> f64 {
    let mut sorted = seconds.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}
