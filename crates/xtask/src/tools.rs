//! The tools that a fresh machine lacks, in the versions that fit.

use anyhow::bail;

use crate::command::{has, output, run};

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

/// Chromium: the one that CHROMIUM names, or Debian's, installed where this is root.
pub fn for_browser_tests() -> anyhow::Result<()> {
    if !has("node", "v") || !has("npm", "") {
        bail!(
            "the browser tests need node 20 or newer with npm: see https://nodejs.org, or apt-get install nodejs npm"
        );
    }
    if std::env::var_os("CHROMIUM").is_some() || has("chromium", "Chromium") {
        return Ok(());
    }
    if output("id", &["-u"])?.trim() != "0" {
        bail!(
            "the browser tests need Chromium: sudo apt-get install --no-install-recommends chromium, or name one in CHROMIUM"
        );
    }
    run("apt-get", &["update"])?;
    run("apt-get", &["install", "--yes", "--no-install-recommends", "chromium"])
}
