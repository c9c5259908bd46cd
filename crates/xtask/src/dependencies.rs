//! What the project is made of: whose software, under which licences, with which known vulnerabilities.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::command::{output, run, run_in};
use crate::{root, tools};

/// Writes the licences of everything that the page's engines are made of into the page, when it is not known yet what that is.
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

/// Licences, banned and doubtful sources of all dependencies; known vulnerabilities where the databases can be reached.
pub fn check() -> anyhow::Result<()> {
    tools::for_dependencies()?;
    run("cargo", &["deny", "--all-features", "check", "licenses", "bans", "sources"])?;
    if output("cargo", &["deny", "fetch", "db"]).is_err() {
        eprintln!("SKIPPED: known vulnerabilities of the crates, whose database cannot be reached");
        return Ok(());
    }
    run("cargo", &["deny", "--all-features", "check", "--disable-fetch", "advisories"])
}

/// Known holes of what the browser tests use.
pub fn audit() -> anyhow::Result<()> {
    let browser = root().join("tests/browser");
    // It fails in the same way when it finds something and when it cannot look.
    let looked = Command::new("npm").args(["audit", "--json"]).current_dir(&browser).output()?;
    let found: Value = serde_json::from_slice(&looked.stdout).unwrap_or_default();
    if found["metadata"].is_null() {
        eprintln!("SKIPPED: known vulnerabilities of the browser tests' packages, whose database cannot be reached");
        return Ok(());
    }
    run_in(&browser, "npm", &["audit"], &[])
}
