//! The precache manifest: the files of a built page for its service worker, each with the SHA-256 of its content.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::Context as _;
use serde_json::json;
use sha2::{Digest as _, Sha256};

/// Files that are not precached, because browsers always revalidate the service worker and its imports.
const APART: [&str; 2] = ["service-worker.js", LIST];
const LIST: &str = "files.js";

/// Writes the manifest of a built page.
pub fn write(page: &Path) -> anyhow::Result<()> {
    let mut files = BTreeMap::new();
    collect(page, page, &mut files)?;
    let version = hash(serde_json::to_string(&files)?.as_bytes());
    let list = serde_json::to_string_pretty(&json!({ "version": version, "files": files }))?;
    let path = page.join(LIST);
    fs::write(&path, format!("self.COIN_FILES = {list};\n")).with_context(|| path.display().to_string())
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
