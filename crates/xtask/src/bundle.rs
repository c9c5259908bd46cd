//! Bundles the page's modules, because about sixty requests delay the first visit more than the bytes do.

use std::fs;
use std::path::Path;

use crate::command::{has, run_in};
use crate::tools::ESBUILD;

/// Name of the chunk that both scripts of the page import. It must be next to the modules of `pkg/`, from where the engine's
/// worker is resolved.
const SHARED: &str = "shared";

/// Bundles the scripts of a built page. Without npm they stay separate, which also works.
pub fn bundle(page: &Path) -> anyhow::Result<()> {
    if !has("npm", "") {
        eprintln!("npm was not found; the page's modules are not bundled, so the page opens slightly later");
        return Ok(());
    }
    let package = format!("esbuild@{ESBUILD}");
    let name = format!("--chunk-names={SHARED}");
    let fetched = ["exec", "--yes", "--prefer-offline", "--package", &package, "--", "esbuild"];
    let scripts = ["page/start.js", "page/main.js", "--bundle", "--splitting", "--format=esm", "--charset=utf8"];
    let output = ["--outbase=.", "--outdir=bundled", &name, "--log-level=warning"];
    let bundled = page.join("bundled");
    if let Err(reason) = run_in(page, "npm", &[&fetched[..], &scripts, &output].concat(), &[]) {
        eprintln!("{reason:#}: the page's modules are not bundled, so it opens a little later");
        return if bundled.exists() { Ok(fs::remove_dir_all(bundled)?) } else { Ok(()) };
    }
    fs::remove_dir_all(page.join("page"))?;
    fs::rename(bundled.join("page"), page.join("page"))?;
    let shared = Path::new(SHARED).with_extension("js");
    fs::rename(bundled.join(&shared), page.join(&shared))?;
    fs::remove_dir(bundled)?;
    let index = page.join("index.html");
    let link = format!("<link rel=\"modulepreload\" href=\"{}\">\n</head>", shared.display());
    Ok(fs::write(&index, fs::read_to_string(&index)?.replacen("</head>", &link, 1))?)
}
