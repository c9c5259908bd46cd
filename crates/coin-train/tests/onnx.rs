//! Exported models give the same results in onnxruntime: all classifier families, fuse operations and upsampling modes, with
//! and without conditions, with and without a segmenter.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::Command;

use burn::tensor::Device;
use coin_core::bundle::{Bundle, Card, FORMAT, Networks, Normalisation, Segmenter, SelfTest};
use coin_core::method::Method;
use coin_core::networks::{ClassifierArchitecture, Family, Fuse, InpainterConfig, UNetConfig, Upsampling};
use coin_train::onnx;
use serde_json::{Value, json};

const SIZE: usize = 64;

/// Runs `model.onnx` on `input.raw` in a folder and prints all outputs as JSON.
const RUN: &str = "
import json, sys, numpy, onnxruntime
x = numpy.fromfile(sys.argv[1] + '/input.raw', dtype='<f4').reshape(2, 1, 64, 64)
model = onnxruntime.InferenceSession(sys.argv[1] + '/model.onnx', providers=['CPUExecutionProvider'])
names = [output.name for output in model.get_outputs()]
print(json.dumps({n: v.ravel().tolist() for n, v in zip(names, model.run(names, {'image': x}))}))
";

/// A Python with onnxruntime.
fn python() -> Option<PathBuf> {
    let baselines = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/baselines/bin/python");
    [baselines, "python3".into()].into_iter().find(|python| {
        let found = Command::new(python).args(["-c", "import numpy, onnxruntime"]).output();
        found.is_ok_and(|output| output.status.success())
    })
}

fn bundle(family: Family, method: Method, fuse: Fuse, upsampling: Upsampling, segmented: bool) -> Bundle {
    let inpainter = InpainterConfig {
        stem: 3,
        widths: vec![4, 6, 8],
        conditions: 2,
        skips: vec![1],
        upsampling,
        fuse,
        spectral_norm: true,
        zero_head: false,
    };
    let classifier = ClassifierArchitecture { family, width: 8 };
    let network = UNetConfig { stem: 2, widths: vec![3, 5], upsampling };
    let segmenter = segmented.then_some(Segmenter { network, threshold: 0.25 });
    let device = Device::flex();
    device.seed(1);
    let card = Card {
        format: FORMAT,
        name: "tiny".into(),
        title: "Tiny".into(),
        inpainter: inpainter.clone(),
        classifier: classifier.clone(),
        method,
        size: SIZE,
        crop_to_body: false,
        seed_threshold: 0.0,
        normalisation: Normalisation::Window([-100.0, 300.0]),
        finding: String::new(),
        modality: String::new(),
        unit: String::new(),
        threshold: 0.25,
        postprocess: false,
        recipe: json!({}),
        data: String::new(),
        results: Value::Null,
        limits: String::new(),
        ood: None,
        verification: None,
        temperature: None,
        segmenter: segmenter.clone(),
        licence: String::new(),
        weights_sha256: String::new(),
        self_test: SelfTest::unknown(),
    };
    let networks = Networks {
        inpainter: inpainter.init(&device),
        classifier: classifier.init(&device),
        segmenter: segmenter.map(|segmenter| segmenter.network.init(&device)),
    };
    Bundle::pack(card, networks, &device).unwrap()
}

#[test]
fn onnxruntime_gives_the_same_results() {
    let Some(python) = python() else {
        println!("SKIPPED: no Python with onnxruntime; docs/performance.md explains how to install it");
        return;
    };
    let fuses = [
        Fuse::None,
        Fuse::SkipAddTanh,
        Fuse::SkipAddL2Tanh,
        Fuse::SkipStack3x3ConvTanh,
        Fuse::SkipStack1x1ConvTanh,
        Fuse::SkipTanhAvg,
        Fuse::SkipTanhClamp,
        Fuse::SkipTanhMove,
    ];
    let families =
        [Family::ResNet18, Family::ResNet34, Family::ResNet50, Family::EfficientNetV2S, Family::ConvNeXtTiny];
    let methods = [Method::Coin, Method::CoinV2, Method::Singla];
    let cases = fuses.into_iter().zip(families.into_iter().cycle()).zip(methods.into_iter().cycle()).enumerate();
    for (i, ((fuse, family), method)) in cases {
        let upsampling = if i % 2 == 0 { Upsampling::Nearest } else { Upsampling::Bilinear };
        let segmented = i % 3 == 1;
        let case = format!("{fuse:?} {family:?} {method:?} {upsampling:?}, segmenter: {segmented}");
        let bundle = bundle(family, method, fuse, upsampling, segmented);
        let folder = tempfile::tempdir().unwrap();
        let input: Vec<f32> = (0..2 * SIZE * SIZE).map(|i| ((i * 7919) % 2000) as f32 / 1000.0 - 1.0).collect();
        std::fs::write(folder.path().join("model.onnx"), onnx::export(&bundle).unwrap()).unwrap();
        let bytes: Vec<u8> = input.iter().flat_map(|value| value.to_le_bytes()).collect();
        std::fs::write(folder.path().join("input.raw"), bytes).unwrap();
        let output = Command::new(&python).args(["-c", RUN]).arg(folder.path()).output().unwrap();
        assert!(output.status.success(), "{case}: {}", String::from_utf8_lossy(&output.stderr));
        let theirs: Value = serde_json::from_slice(&output.stdout).unwrap();

        let device = Device::flex();
        let ours = bundle.explainer(&device).unwrap().explain(input, SIZE, &device).unwrap().read().unwrap();
        let close = |name: &str, place: usize, value: f32| {
            let found = theirs[name][place].as_f64().unwrap() as f32;
            assert!((found - value).abs() < 1e-4, "{case}: {name} {place}: {found} instead of {value}");
        };
        assert_eq!(theirs.get("segmentation").is_some(), segmented, "{case}");
        for (i, explanation) in ours.iter().enumerate() {
            assert_eq!(explanation.segmentation.is_some(), segmented, "{case}");
            for (pixel, probability) in explanation.segmentation.iter().flatten().enumerate() {
                close("segmentation", i * SIZE * SIZE + pixel, *probability);
            }
            close("before", i, explanation.before);
            close("after", i, explanation.after);
            for (pixel, (counterfactual, difference)) in
                explanation.counterfactual.iter().zip(&explanation.difference).enumerate()
            {
                close("counterfactual", i * SIZE * SIZE + pixel, *counterfactual);
                close("difference", i * SIZE * SIZE + pixel, *difference);
            }
        }
    }
}
