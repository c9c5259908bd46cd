//! The tools that a fresh machine lacks, in the versions that fit.

use std::path::PathBuf;

use anyhow::bail;

use crate::command::{has, output, run};

/// The oldest major version of node that the browser tests run on.
const NODE: u32 = 20;
/// What the engines are compiled for.
pub const WASM: &str = "wasm32-unknown-unknown";
const TRUNK: &str = "0.21.14";
/// Must equal the version of the `wasm-bindgen` crate in the workspace.
const WASM_BINDGEN: &str = "0.2.130";

/// Writes licences into the page.
const CARGO_ABOUT: &str = "0.9.3";
/// Checks licences, sources and known holes.
const CARGO_DENY: &str = "0.20.2";

/// The wasm target, trunk, wasm-bindgen and cargo-about.
pub fn for_page() -> anyhow::Result<()> {
    run("rustup", &["target", "add", WASM])?;
    if !has("trunk", TRUNK) {
        run("cargo", &["install", "trunk", "--version", TRUNK, "--locked"])?;
    }
    if !has("wasm-bindgen", WASM_BINDGEN) {
        // Not --locked: its lock file names a dependency that was withdrawn.
        run("cargo", &["install", "wasm-bindgen-cli", "--version", WASM_BINDGEN])?;
    }
    if !has("cargo-about", CARGO_ABOUT) {
        run("cargo", &["install", "cargo-about", "--version", CARGO_ABOUT, "--features", "cli", "--locked"])?;
    }
    Ok(())
}

/// What checks the dependencies.
pub fn for_supply() -> anyhow::Result<()> {
    if !has("cargo-deny", CARGO_DENY) {
        run("cargo", &["install", "cargo-deny", "--version", CARGO_DENY, "--locked"])?;
    }
    Ok(())
}

/// Node with npm, and the path of a Chromium: the one that CHROMIUM names, or one in PATH, or else Debian's, installed
/// where this is root.
pub fn for_browser_tests() -> anyhow::Result<PathBuf> {
    let major = |version: String| version.trim().trim_start_matches('v').split('.').next()?.parse::<u32>().ok();
    let node = output("node", &["--version"]).ok().and_then(major);
    if node.is_none_or(|major| major < NODE) || !has("npm", "") {
        bail!("the browser tests need node {NODE} or newer with npm: see https://nodejs.org");
    }
    if let Some(named) = std::env::var_os("CHROMIUM") {
        return Ok(named.into());
    }
    let in_path = || output("which", &["chromium"]).map(|path| PathBuf::from(path.trim()));
    if let Ok(path) = in_path() {
        return Ok(path);
    }
    if output("id", &["-u"])?.trim() != "0" {
        bail!(
            "the browser tests need Chromium: sudo apt-get install --no-install-recommends chromium, or name one in CHROMIUM"
        );
    }
    run("apt-get", &["update"])?;
    run("apt-get", &["install", "--yes", "--no-install-recommends", "chromium"])?;
    in_path()
}
