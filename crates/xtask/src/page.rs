//! Builds and serves the page: engines, models, samples and trunk.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use crate::command::{command, run, run_when_idle, side_by_side};
use crate::tools::{self, WASM};
use crate::{bundle, dependencies, precache, root, samples};

/// The models on the page; it opens with the first one.
const MODELS: [&str; 5] =
    ["coin-phantom", "coin-kidney-anomaly", "coin-glioma", "coin-lung-nodule", "coin-kidney-tumour"];

/// The cargo profile of engines without WebGPU.
pub const ENGINE: &str = "engine";
/// An engine: its cargo feature, which is also its folder, and its cargo profile.
type Engine = (&'static str, &'static str);
const CPU_ENGINES: [Engine; 2] = [("cpu", ENGINE), ("files", ENGINE)];
const WEBGPU_ENGINE: Engine = ("webgpu", "engine-small");
/// The engines that the demo builds before it opens the page.
const FIRST_ENGINES: [Engine; 2] = [("cpu", "engine-demo"), ("files", "engine-demo")];

/// A placeholder for the licences in the demo.
const NO_LICENCES: &str =
    "<!doctype html><html lang=\"en\"><title>Licences</title><p>cargo xtask page lists them here.</p></html>\n";

/// Builds the page into `dist/`.
pub fn build() -> anyhow::Result<()> {
    tools::for_page()?;
    tools::for_licences()?;
    // Link-time optimisation and the comparison of licences use one core each; profiles have build folders of their own.
    let cpu = || CPU_ENGINES.into_iter().try_for_each(|engine| put_engine(engine, &root()));
    let webgpu = || put_engine(WEBGPU_ENGINE, &root());
    side_by_side(&[&cpu, &webgpu, &dependencies::licences])?;
    put_models(&root())?;
    samples::prepare(&root())?;
    run("trunk", &["build", "--config", "trunk.toml"])
}

/// Post-processes the page that trunk has just built.
pub fn finish() -> anyhow::Result<()> {
    let page = std::env::var_os("TRUNK_STAGING_DIR").map_or_else(|| root().join("dist"), PathBuf::from);
    bundle::bundle(&page)?;
    precache::write(&page)
}

/// Lints the code of the engines, which compiles for the browser only.
pub fn lint() -> anyhow::Result<()> {
    // The engines with networks are checked as one, because checking their dependencies takes longest.
    for features in ["files", "cpu,webgpu"] {
        let engine = ["--package", "coin-wasm", "--features", features, "--profile", ENGINE, "--target", WASM];
        run_when_idle(&root(), "cargo", &[&["clippy"], &engine[..], &["--", "--deny", "warnings"]].concat(), &[])?;
    }
    Ok(())
}

/// Builds the page, serves it, and opens it if there is a desktop. It uses its own folder, so that tests can build the page
/// at the same time. The WebGPU engine, which takes as long to build as everything else, is built after the page is served.
pub fn demo(port: u16) -> anyhow::Result<()> {
    tools::for_page()?;
    let site = root().join("target/demo");
    // Engines of an earlier demo could be incompatible with the current page.
    if site.exists() {
        fs::remove_dir_all(&site)?;
    }
    copy(&root().join("web"), &site.join("web"))?;
    copy(&root().join("pkg"), &site.join("pkg"))?;
    fs::copy(root().join("trunk.toml"), site.join("trunk.toml"))?;
    let licences = site.join("web/licences.html");
    if !licences.exists() {
        fs::write(licences, NO_LICENCES)?;
    }
    for engine in FIRST_ENGINES {
        put_engine(engine, &site)?;
    }
    put_models(&site)?;
    samples::prepare(&site)?;
    let address = format!("http://localhost:{port}/");
    eprintln!(
        "\nCOIN is at {address} (stop with Ctrl-C); reload the page after the WebGPU engine is built to use it\n"
    );
    let port = port.to_string();
    let mut serve = vec!["serve", "--config", "trunk.toml", "--port", &port];
    if std::env::var_os("DISPLAY").is_some() || std::env::var_os("WAYLAND_DISPLAY").is_some() {
        serve.push("--open");
    }
    let mut served = command(&site, "trunk", &serve).spawn().context("trunk could not be started; is it installed?")?;
    if let Err(reason) = put_engine(WEBGPU_ENGINE, &site) {
        eprintln!("the WebGPU engine could not be built, so the page uses the CPU: {reason:#}");
    }
    let status = served.wait()?;
    ensure!(status.success(), "trunk serve failed ({status})");
    Ok(())
}

/// Copies a folder recursively, except for engines.
fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| from.display().to_string())? {
        let path = entry?.path();
        let target = to.join(path.file_name().unwrap_or_default());
        match path.is_dir() {
            true if path == root().join("pkg/engine") => {}
            true => copy(&path, &target)?,
            false => drop(fs::copy(&path, &target).with_context(|| path.display().to_string())?),
        }
    }
    Ok(())
}

/// Builds an engine into the page folder `site`.
fn put_engine((feature, profile): Engine, site: &Path) -> anyhow::Result<()> {
    run("cargo", &["build", "--package", "coin-wasm", "--features", feature, "--profile", profile, "--target", WASM])?;
    let wasm = crate::target().join(WASM).join(profile).join("coin_wasm.wasm");
    let out = site.join("pkg/engine").join(feature);
    let (wasm, out) = (wasm.to_string_lossy(), out.to_string_lossy());
    // wasm-bindgen strips instead of the linker, because it needs the target-features section.
    let lean = ["--no-typescript", "--remove-name-section", "--remove-producers-section"];
    let names = ["--target", "web", "--out-name", "coin", "--out-dir", &out, &wasm];
    run("wasm-bindgen", &[&lean[..], &names].concat())
}

/// Copies the model files into the page folder `site` and writes their index.
fn put_models(site: &Path) -> anyhow::Result<()> {
    let folder = site.join("web/models");
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

/// The file of a shipped model.
pub fn model_file(name: &str) -> PathBuf {
    root().join("models").join(name).join(name).with_extension("safetensors")
}

/// Reads the title from the header of a model file.
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
