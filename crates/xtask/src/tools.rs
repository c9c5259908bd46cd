//! Installs the required tools in the required versions.

use std::path::{Path, PathBuf};

use anyhow::bail;

use crate::command::{has, output, run, run_in};
use crate::{root, target};

/// Oldest supported major version of Node for the browser tests.
const NODE: u32 = 20;
/// The compilation target of the engines.
pub const WASM: &str = "wasm32-unknown-unknown";
const TRUNK: &str = "0.21.14";
/// Must equal the version of the `wasm-bindgen` crate in the workspace.
const WASM_BINDGEN: &str = "0.2.130";

/// Bundles the page's modules; npm downloads it.
pub const ESBUILD: &str = "0.28.2";

/// Generates the page's licence list.
const CARGO_ABOUT: &str = "0.9.3";
/// Checks licences, sources and known vulnerabilities.
const CARGO_DENY: &str = "0.20.2";

/// The browsers that are optional for the browser tests, and their display: programs and Debian packages.
const OTHER_BROWSERS: [(&str, &str); 3] =
    [("firefox-esr", "firefox-esr"), ("WebKitWebDriver", "webkit2gtk-driver"), ("Xvfb", "xvfb")];

/// Build settings for tools, which take longer to compile than to run.
const CHEAP: [(&str, &str); 3] = [
    ("CARGO_PROFILE_RELEASE_LTO", "off"),
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0"),
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16"),
];

/// Installs the wasm target, trunk and wasm-bindgen.
pub fn for_page() -> anyhow::Result<()> {
    run("rustup", &["target", "add", WASM])?;
    if !has("trunk", TRUNK) {
        install("trunk", TRUNK, &["--locked", "--no-default-features"])?;
    }
    if !has("wasm-bindgen", WASM_BINDGEN) {
        // Not --locked, because its lock file contains a yanked dependency. Its encryption is for remote browsers.
        install("wasm-bindgen-cli", WASM_BINDGEN, &["--no-default-features"])?;
    }
    Ok(())
}

/// Installs cargo-about.
pub fn for_licences() -> anyhow::Result<()> {
    if !has("cargo-about", CARGO_ABOUT) {
        // Comparing the texts of licences takes five minutes if this crate is not optimised.
        let texts = ["--config", "profile.release.package.spdx.opt-level=3"];
        install("cargo-about", CARGO_ABOUT, &[&["--features", "cli", "--locked"], &texts[..]].concat())?;
    }
    Ok(())
}

/// Installs cargo-deny.
pub fn for_dependencies() -> anyhow::Result<()> {
    if !has("cargo-deny", CARGO_DENY) {
        install("cargo-deny", CARGO_DENY, &["--locked"])?;
    }
    Ok(())
}

fn install(package: &str, version: &str, options: &[&str]) -> anyhow::Result<()> {
    let cheap = CHEAP.map(|(key, value)| (key, Path::new(value)));
    // One folder, because the tools have dependencies in common.
    let folder = target().join("tools");
    let folder = folder.to_string_lossy();
    let named = ["install", package, "--version", version, "--target-dir", &folder];
    run_in(&root(), "cargo", &[&named[..], options].concat(), &cheap)
}

/// Checks for Node and npm, and returns the path of Chromium: from the variable CHROMIUM, from PATH, or installed with
/// apt-get if run as root. As root, it also installs the other browsers.
pub fn for_browser_tests() -> anyhow::Result<PathBuf> {
    let major = |version: String| version.trim().trim_start_matches('v').split('.').next()?.parse::<u32>().ok();
    let node = output("node", &["--version"]).ok().and_then(major);
    if node.is_none_or(|major| major < NODE) || !has("npm", "") {
        bail!("the browser tests need Node {NODE} or newer with npm; install it from https://nodejs.org");
    }
    let is_root = output("id", &["-u"]).is_ok_and(|id| id.trim() == "0");
    if is_root {
        install_other_browsers();
    }
    if let Some(named) = std::env::var_os("CHROMIUM") {
        return Ok(named.into());
    }
    let in_path = || output("which", &["chromium"]).map(|path| PathBuf::from(path.trim()));
    if let Ok(path) = in_path() {
        return Ok(path);
    }
    if !is_root {
        bail!(
            "the browser tests need Chromium; run sudo apt-get install --no-install-recommends chromium, or set CHROMIUM to its path"
        );
    }
    run("apt-get", &["update"])?;
    run("apt-get", &["install", "--yes", "--no-install-recommends", "chromium"])?;
    in_path()
}

/// Installs Firefox and WebKit with apt-get. Without them, their tests are skipped.
fn install_other_browsers() {
    let mut arguments = vec!["install", "--yes", "--no-install-recommends"];
    for (program, package) in OTHER_BROWSERS {
        if output("which", &[program]).is_err() {
            arguments.push(package);
        }
    }
    if arguments.len() == 3 {
        return;
    }
    if let Err(reason) = run("apt-get", &["update"]).and_then(|()| run("apt-get", &arguments)) {
        eprintln!("SKIPPED: tests in browsers that could not be installed; {reason}");
    }
}
