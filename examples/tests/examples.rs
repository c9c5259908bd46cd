//! The examples run on tiny inputs.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::{Command, Output};

fn output(program: &str, arguments: &[&str]) -> String {
    let Output { status, stdout, stderr } = Command::new(program).args(arguments).output().unwrap();
    assert!(status.success(), "{program}: {}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

#[test]
fn a_custom_data_set_becomes_a_model_that_explains_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let said = output(env!("CARGO_BIN_EXE_train_custom"), &[folder.path().to_str().unwrap(), "4"]);
    assert!(said.contains("Bright spots") || said.contains("squares on"), "{said}");
    let model = folder.path().join("runs/squares/squares.safetensors");
    let file = folder.path().join("slices/images/patient30_1.png");
    let out = folder.path().join("out");
    let paths = [&model, &file, &out].map(|path| path.to_str().unwrap());
    assert!(output(env!("CARGO_BIN_EXE_explain_file"), &paths).contains("probability of abnormal: 0."));
    for name in ["counterfactual.png", "difference.png", "mask.png"] {
        assert!(std::fs::read(out.join(name)).unwrap().starts_with(b"\x89PNG"), "{name}");
    }
}

#[test]
fn the_added_loss_falls() {
    let said = output(env!("CARGO_BIN_EXE_add_loss"), &["12"]);
    let sparsity: Vec<f32> = said.lines().map(|line| line.rsplit(' ').next().unwrap().parse().unwrap()).collect();
    assert_eq!(sparsity.len(), 12);
    let half = |values: &[f32]| values.iter().sum::<f32>() / values.len() as f32;
    assert!(half(&sparsity[6..]) < half(&sparsity[1..7]), "{said}");
}

/// The ONNX export gives the numbers of the example in Rust.
#[test]
fn python_runs_the_onnx_export() {
    let probe = Command::new("python3").args(["-c", "import numpy, onnxruntime, PIL"]).output();
    if !probe.is_ok_and(|probe| probe.status.success()) {
        eprintln!("SKIPPED: python3 with numpy, onnxruntime and pillow is not installed");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    output(env!("CARGO_BIN_EXE_train_custom"), &[folder.path().to_str().unwrap(), "2"]);
    let model = folder.path().join("runs/squares/squares.safetensors");
    let onnx = folder.path().join("squares.onnx");
    let bytes = coin_train::onnx::export(&coin_train::model::Model::bundle(&model).unwrap()).unwrap();
    std::fs::write(&onnx, bytes).unwrap();
    let file = folder.path().join("slices/images/patient30_1.png");
    let script = root().join("examples/onnx_export.py");
    let said = output("python3", &[&script, &onnx, &file].map(|path| path.to_str().unwrap()));
    let out = folder.path().join("out");
    let ours = output(env!("CARGO_BIN_EXE_explain_file"), &[&model, &file, &out].map(|path| path.to_str().unwrap()));
    let first = |said: &str| said.split("abnormal: ").nth(1).unwrap()[..5].parse::<f32>().unwrap();
    assert!((first(&said) - first(&ours)).abs() < 2e-3, "{said}{ours}");
}
