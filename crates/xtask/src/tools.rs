//! The tools that a fresh machine lacks, in the versions that fit.

use std::path::{Path, PathBuf};

use anyhow::bail;

use crate::command::{has, output, run, run_in};
use crate::root;

/// The oldest major version of node that the browser tests run on.
const NODE: u32 = 20;
/// What the engines are compiled for.
pub const WASM: &str = "wasm32-unknown-unknown";
const TRUNK: &str = "0.21.14";
/// Must equal the version of the `wasm-bindgen` crate in the workspace.
const WASM_BINDGEN: &str = "0.2.130";

/// Bundles the page's modules; npm fetches it.
pub const ESBUILD: &str = "0.28.2";

/// Writes licences into the page.
const CARGO_ABOUT: &str = "0.9.3";
/// Checks licences, sources and known vulnerabilities.
const CARGO_DENY: &str = "0.20.2";

/// They copy and check files: most of the time that they take is that of compiling them.
const CHEAP: [(&str, &str); 3] = [
    ("CARGO_PROFILE_RELEASE_LTO", "off"),
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0"),
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16"),
];

/// The wasm target, trunk and wasm-bindgen.
pub fn for_page() -> anyhow::Result<()> {
    run("rustup", &["target", "add", WASM])?;
    if !has("trunk", TRUNK) {
        install("trunk", TRUNK, &["--locked", "--no-default-features"])?;
    }
    if !has("wasm-bindgen", WASM_BINDGEN) {
        // Not --locked: its lock file names a dependency that was withdrawn.
        install("wasm-bindgen-cli", WASM_BINDGEN, &[])?;
    }
    Ok(())
}

/// What writes the page's licences.
pub fn for_licences() -> anyhow::Result<()> {
    if !has("cargo-about", CARGO_ABOUT) {
        install("cargo-about", CARGO_ABOUT, &["--features", "cli", "--locked"])?;
    }
    Ok(())
}

/// What checks the dependencies.
pub fn for_dependencies() -> anyhow::Result<()> {
    if !has("cargo-deny", CARGO_DENY) {
        install("cargo-deny", CARGO_DENY, &["--locked"])?;
    }
    Ok(())
}

fn install(package: &str, version: &str, options: &[&str]) -> anyhow::Result<()> {
    let cheap = CHEAP.map(|(key, value)| (key, Path::new(value)));
    run_in(&root(), "cargo", &[&["install", package, "--version", version], options].concat(), &cheap)
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
