//! A model file with a segmenter: `explain` takes its masks from it, unless told otherwise, and `evaluate` and `convert` know it.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::{Command, Output};
use std::sync::LazyLock;

use burn::tensor::Device;
use coin_core::bundle::{Bundle, Card, Networks, Segmenter};
use coin_core::networks::{UNetConfig, Upsampling};
use coin_imaging::phantom::Phantom;
use coin_imaging::picture::Picture;
use coin_imaging::{Window, write};
use serde_json::Value;

/// `coin-phantom` with a small random U-Net, whose threshold halves the slice. Made once: the tests share the random numbers.
static MODEL: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let device = Device::flex();
    device.seed(5);
    let shipped = include_bytes!("../../../models/coin-phantom/coin-phantom.safetensors");
    let shipped = Bundle::read(shipped).unwrap();
    let network = UNetConfig { stem: 2, widths: vec![2, 4, 4], upsampling: Upsampling::Nearest };
    let networks = Networks { segmenter: Some(network.init(&device)), ..shipped.networks(&device).unwrap() };
    let card = Card { segmenter: Some(Segmenter { network, threshold: 0.5 }), ..shipped.card };
    let mut bundle = Bundle::pack(card, networks, &device).unwrap();
    let answers = bundle.explainer(&device).unwrap().explain(pixels(), 128, &device).unwrap().read().unwrap();
    let mut map = answers[0].segmentation.clone().unwrap();
    map.sort_by(f32::total_cmp);
    bundle.card.segmenter.as_mut().unwrap().threshold = map[map.len() / 2];
    bundle.write().unwrap()
});

/// The phantom in [-1, 1].
fn pixels() -> Vec<f32> {
    let slice = Phantom::generate(2, 128).slice;
    slice.hu().iter().map(|hu| Window::PHANTOM.normalise(*hu)).collect()
}

fn threshold() -> f32 {
    Bundle::read(&MODEL).unwrap().card.segmenter.unwrap().threshold
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// The values of a `.npy` file of f32.
fn npy(path: &Path) -> Vec<f32> {
    npyz::NpyFile::new(&std::fs::read(path).unwrap()[..]).unwrap().into_vec().unwrap()
}

fn succeeded(output: &Output) {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn masks_come_from_the_segmenter_or_from_the_difference_map() {
    let folder = tempfile::tempdir().unwrap();
    let (file, image) = (folder.path().join("model.safetensors"), folder.path().join("slice.png"));
    std::fs::write(&file, &*MODEL).unwrap();
    std::fs::write(&image, write::png(&Picture::of_normalised(&pixels(), 128, 128)).unwrap()).unwrap();
    let threshold = threshold();
    let explain = |file: &Path, out: &str, options: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_explain"));
        command.arg("--model").arg(file).arg(&image).args(options).args(["--device", "cpu", "--out"]);
        command.arg(folder.path().join(out)).output().unwrap()
    };
    let found = |out: &str, of: &str| folder.path().join(out).join("slice").join(of);

    succeeded(&explain(&file, "usual", &[]));
    let summary = json(&found("usual", "summary.json"));
    assert_eq!(
        (&summary["mask_from"], summary["threshold"].as_f64().unwrap() as f32),
        (&"segmenter".into(), threshold)
    );
    let map = npy(&found("usual", "segmentation.npy"));
    let inside = map.iter().filter(|probability| **probability > threshold).count();
    assert_eq!((map.len(), summary["mask_pixels"].as_u64().unwrap()), (128 * 128, inside as u64));
    assert!(inside > 0 && inside < map.len(), "{inside} pixels: the test shows nothing");

    let higher = (map.iter().copied().fold(threshold, f32::max) + threshold) / 2.0;
    succeeded(&explain(&file, "higher", &["--threshold", &higher.to_string()]));
    let higher = map.iter().filter(|probability| **probability > higher).count();
    assert!((1..inside).contains(&higher), "{higher} of {inside} pixels: the test shows nothing");
    assert_eq!(json(&found("higher", "summary.json"))["mask_pixels"].as_u64(), Some(higher as u64));

    succeeded(&explain(&file, "difference", &["--mask-from", "difference"]));
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/coin-phantom/coin-phantom.safetensors");
    succeeded(&explain(&shipped, "shipped", &[]));
    let own = json(&found("shipped", "summary.json"));
    let difference = json(&found("difference", "summary.json"));
    for key in ["mask_from", "threshold", "mask_pixels", "before", "after"] {
        assert_eq!(difference[key], own[key], "{key}");
    }
    assert!(!found("shipped", "segmentation.npy").exists());
    let table = std::fs::read_to_string(folder.path().join("usual/scans.csv")).unwrap();
    assert!(table.lines().next().unwrap().contains(",mask_from,") && table.contains(",segmenter,"), "{table}");

    succeeded(&explain(&shipped, "usual", &[]));
    assert!(!found("usual", "segmentation.npy").exists(), "the map of the earlier model is removed");

    let none = explain(&shipped, "none", &["--mask-from", "segmenter"]);
    let message = String::from_utf8_lossy(&none.stderr).into_owned();
    assert_eq!(none.status.code(), Some(2));
    assert!(message.contains("--mask-from segmenter: model coin-phantom has none; choose difference"), "{message}");
}

#[test]
fn its_threshold_is_chosen_on_validation_and_its_overlap_reported() {
    let folder = tempfile::tempdir().unwrap();
    let (file, chosen) = (folder.path().join("model.safetensors"), folder.path().join("chosen.safetensors"));
    let mut bundle = Bundle::read(&MODEL).unwrap();
    bundle.card.segmenter.as_mut().unwrap().threshold = 0.995;
    std::fs::write(&file, bundle.write().unwrap()).unwrap();
    let mut convert = Command::new(env!("CARGO_BIN_EXE_convert"));
    convert.arg("mask-rule").arg(&file).args(["--data", "phantom", "--out"]).arg(&chosen);
    succeeded(&convert.output().unwrap());
    let card = Bundle::read(&std::fs::read(&chosen).unwrap()).unwrap().card;
    let chosen_threshold = card.segmenter.unwrap().threshold;
    assert!((0.0..0.995).contains(&chosen_threshold), "{chosen_threshold}");

    let out = folder.path().join("report");
    let mut evaluate = Command::new(env!("CARGO_BIN_EXE_evaluate"));
    evaluate.arg("--model").arg(&chosen).args(["--data", "phantom", "--device", "cpu", "--out"]).arg(&out);
    succeeded(&evaluate.output().unwrap());
    let methods = &json(&out.join("report.json"))["methods"];
    assert_eq!(methods["distilled"]["threshold"].as_f64().unwrap() as f32, chosen_threshold);
    let normal = (methods["distilled"]["normal_with_mask"].as_f64(), methods["coin"]["normal_with_mask"].as_f64());
    assert!(normal.0.unwrap() > normal.1.unwrap(), "{normal:?}");
    // A random segmenter finds little; COIN is as good as without it.
    assert!(methods["distilled"]["iou"].as_f64().unwrap() < 0.2, "{}", methods["distilled"]["iou"]);
    assert!(methods["coin"]["iou"].as_f64().unwrap() > 0.7, "{}", methods["coin"]["iou"]);
}
