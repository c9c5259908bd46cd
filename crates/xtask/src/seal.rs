//! The last step of building the page: it names the modules that it will import, so that browsers fetch them at once and not
//! one import after the other, and lists its files for the service worker, each with the SHA-256 of its content.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::root;

/// The worker and its list, which browsers ask for anew by themselves.
const APART: [&str; 2] = ["service-worker.js", LIST];
const LIST: &str = "files.js";

/// The module that imports all others.
const MAIN: &str = "page/main.js";

/// Finishes the page that trunk has just built.
pub fn seal() -> anyhow::Result<()> {
    let page = std::env::var_os("TRUNK_STAGING_DIR").map_or_else(|| root().join("dist"), PathBuf::from);
    preload(&page)?;
    let mut files = BTreeMap::new();
    collect(&page, &page, &mut files)?;
    let version = hash(serde_json::to_string(&files)?.as_bytes());
    let list = serde_json::to_string_pretty(&json!({ "version": version, "files": files }))?;
    let path = page.join(LIST);
    fs::write(&path, format!("self.COIN_FILES = {list};\n")).with_context(|| path.display().to_string())
}

/// Adds a link for each module to the head of the page.
fn preload(page: &Path) -> anyhow::Result<()> {
    let mut modules = BTreeSet::new();
    follow(page, Path::new(MAIN), &mut modules)?;
    let links = modules.iter().map(|module| format!("<link rel=\"modulepreload\" href=\"{}\">\n", module.display()));
    let index = page.join("index.html");
    let html = fs::read_to_string(&index).with_context(|| index.display().to_string())?;
    fs::write(&index, html.replacen("</head>", &format!("{}</head>", links.collect::<String>()), 1))?;
    Ok(())
}

/// Collects a module, which is named from the page's folder, and all that it imports.
fn follow(page: &Path, module: &Path, found: &mut BTreeSet<PathBuf>) -> anyhow::Result<()> {
    if !found.insert(module.to_owned()) {
        return Ok(());
    }
    let text = fs::read_to_string(page.join(module)).with_context(|| module.display().to_string())?;
    let imported = text.lines().filter(|line| line.starts_with("import ") || line.starts_with("export {"));
    for name in imported.filter_map(|line| line.split(" from \"").nth(1)?.split('"').next()) {
        let folder = module.parent().unwrap_or(Path::new(""));
        let path = match name.strip_prefix("../") {
            Some(name) => folder.parent().unwrap_or(folder).join(name),
            None => folder.join(name.trim_start_matches("./")),
        };
        follow(page, &path, found)?;
    }
    Ok(())
}

fn collect(page: &Path, folder: &Path, files: &mut BTreeMap<String, String>) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            collect(page, &path, files)?;
            continue;
        }
        let parts: Vec<_> = path.strip_prefix(page)?.iter().map(|part| part.to_string_lossy()).collect();
        let name = parts.join("/");
        if !APART.contains(&name.as_str()) {
            files.insert(name, hash(&fs::read(&path).with_context(|| path.display().to_string())?));
        }
    }
    Ok(())
}

fn hash(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
