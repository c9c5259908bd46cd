//! The tools that a fresh machine lacks, in the versions that fit.

use std::path::Path;

use anyhow::bail;

use crate::command::{has, run};

const TRUNK: &str = "0.21.14";
/// Must equal the version of the `wasm-bindgen` crate in the workspace.
const WASM_BINDGEN: &str = "0.2.130";

/// The wasm target, trunk and wasm-bindgen.
pub fn for_page() -> anyhow::Result<()> {
    run("rustup", &["target", "add", "wasm32-unknown-unknown"])?;
    if !has("trunk", TRUNK) {
        run("cargo", &["install", "trunk", "--version", TRUNK, "--locked"])?;
    }
    if !has("wasm-bindgen", WASM_BINDGEN) {
        // Not --locked: its lock file names a dependency that was withdrawn.
        run("cargo", &["install", "wasm-bindgen-cli", "--version", WASM_BINDGEN])?;
    }
    Ok(())
}

/// Chromium, where Debian's package manager may be used.
pub fn for_browser_tests() -> anyhow::Result<()> {
    if has("node", "v") && has("chromium", "Chromium") {
        return Ok(());
    }
    let root = Path::new("/root").metadata().is_ok_and(|_| std::fs::read_dir("/root").is_ok());
    if !root {
        bail!("the browser tests need node and Chromium: run apt-get install nodejs npm chromium as root");
    }
    run("apt-get", &["update"])?;
    run("apt-get", &["install", "--yes", "--no-install-recommends", "chromium"])
}
