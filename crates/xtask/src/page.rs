//! The page: engines, models and samples put where trunk takes them, built, and served.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::command::run;
use crate::tools::{self, WASM};
use crate::{root, samples, supply};

/// The models on the page, the one it opens with first.
const MODELS: [&str; 3] = ["coin-phantom", "coin-kidney-anomaly", "coin-kidney-tumour"];

/// An engine: folder and cargo feature, and the profile it is built with.
const ENGINES: [(&str, &str); 3] = [("cpu", "engine"), ("files", "engine"), ("webgpu", "engine-small")];

/// Builds the page into `dist/`.
pub fn build() -> anyhow::Result<()> {
    tools::for_page()?;
    for (feature, profile) in ENGINES {
        engine(feature, profile)?;
    }
    models()?;
    samples::prepare()?;
    supply::licences()?;
    run("trunk", &["build", "--config", "trunk.toml"])
}

/// Lints of the engine's code, which compiles for the browser only.
pub fn lint() -> anyhow::Result<()> {
    for (feature, profile) in ENGINES {
        let engine = ["--package", "coin-wasm", "--features", feature, "--profile", profile, "--target", WASM];
        run("cargo", &[&["clippy"], &engine[..], &["--", "--deny", "warnings"]].concat())?;
    }
    Ok(())
}

/// Builds the page, serves it and opens it where there is a desktop.
pub fn demo(port: u16) -> anyhow::Result<()> {
    build()?;
    let address = format!("http://localhost:{port}/");
    eprintln!("\nCOIN is at {address} (end with Ctrl-C)\n");
    let port = port.to_string();
    let mut serve = vec!["serve", "--config", "trunk.toml", "--port", &port];
    if std::env::var_os("DISPLAY").is_some() || std::env::var_os("WAYLAND_DISPLAY").is_some() {
        serve.push("--open");
    }
    run("trunk", &serve)
}

fn engine(feature: &str, profile: &str) -> anyhow::Result<()> {
    run("cargo", &["build", "--package", "coin-wasm", "--features", feature, "--profile", profile, "--target", WASM])?;
    let wasm = crate::target().join(WASM).join(profile).join("coin_wasm.wasm");
    let out = root().join("pkg/engine").join(feature);
    let (wasm, out) = (wasm.to_string_lossy(), out.to_string_lossy());
    // Not stripped by the linker: that hides from wasm-bindgen which features the target has.
    let lean = ["--no-typescript", "--remove-name-section", "--remove-producers-section"];
    let names = ["--target", "web", "--out-name", "coin", "--out-dir", &out, &wasm];
    run("wasm-bindgen", &[&lean[..], &names].concat())
}

/// Copies the model files and writes their index.
fn models() -> anyhow::Result<()> {
    let folder = root().join("web/models");
    fs::create_dir_all(&folder)?;
    let mut index = Vec::new();
    for name in MODELS {
        let (path, file) = (model_file(name), format!("{name}.safetensors"));
        let bytes = fs::copy(&path, folder.join(&file)).with_context(|| path.display().to_string())?;
        index.push(json!({ "name": name, "title": title(&path)?, "file": file, "bytes": bytes }));
    }
    fs::write(folder.join("index.json"), serde_json::to_vec_pretty(&index)?)?;
    Ok(())
}

/// The file of a model that the project ships.
pub fn model_file(name: &str) -> PathBuf {
    root().join("models").join(name).join(name).with_extension("safetensors")
}

/// The model's title, from the JSON header of its file.
fn title(path: &Path) -> anyhow::Result<String> {
    let bytes = fs::read(path)?;
    let field = || -> Option<String> {
        let length = usize::try_from(u64::from_le_bytes(bytes.get(..8)?.try_into().ok()?)).ok()?;
        let header: Value = serde_json::from_slice(bytes.get(8..8usize.checked_add(length)?)?).ok()?;
        let card: Value = serde_json::from_str(header["__metadata__"]["coin"].as_str()?).ok()?;
        Some(card["title"].as_str()?.to_owned())
    };
    field().with_context(|| format!("{}: metadata field coin has no title", path.display()))
}
