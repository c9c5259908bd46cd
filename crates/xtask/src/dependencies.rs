//! Dependency audit: licences, sources and known vulnerabilities.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::command::{output, run, run_in};
use crate::{root, tools};

/// Writes the licences of all dependencies of the page's engines to `web/licences.html`, unless the file is up to date.
pub fn licences() -> anyhow::Result<()> {
    let page = root().join("web/licences.html");
    let changed = |path: &Path| fs::metadata(path).and_then(|file| file.modified()).ok();
    let written = changed(&page);
    let decide = ["Cargo.lock", "crates/coin-wasm/Cargo.toml", "about.toml", "web/licences.hbs"];
    if decide.iter().all(|path| changed(&root().join(path)) < written) {
        return Ok(());
    }
    let page = page.to_string_lossy();
    let engines = ["--manifest-path", "crates/coin-wasm/Cargo.toml", "--features", "cpu,webgpu", "--locked"];
    run(
        "cargo",
        &[&["about", "generate"], &engines[..], &["--fail", "--output-file", &page, "web/licences.hbs"]].concat(),
    )
}

/// Checks licences, bans and sources of all dependencies, and known vulnerabilities if the database can be reached.
pub fn check() -> anyhow::Result<()> {
    tools::for_dependencies()?;
    run("cargo", &["deny", "--all-features", "check", "licenses", "bans", "sources"])?;
    if output("cargo", &["deny", "fetch", "db"]).is_err() {
        eprintln!("SKIPPED: known vulnerabilities of the crates; the database cannot be reached");
        return Ok(());
    }
    run("cargo", &["deny", "--all-features", "check", "--disable-fetch", "advisories"])
}

/// Checks the packages of the browser tests for known vulnerabilities.
pub fn audit() -> anyhow::Result<()> {
    let browser = root().join("tests/browser");
    // The exit code does not distinguish vulnerabilities from an unreachable database.
    let audited = Command::new("npm").args(["audit", "--json"]).current_dir(&browser).output()?;
    let found: Value = serde_json::from_slice(&audited.stdout).unwrap_or_default();
    if found["metadata"].is_null() {
        eprintln!("SKIPPED: known vulnerabilities of the browser tests' packages; the database cannot be reached");
        return Ok(());
    }
    run_in(&browser, "npm", &["audit"], &[])
}
