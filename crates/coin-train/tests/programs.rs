//! The programs as a person types them: a tiny training that survives a kill, and bad input told in one sentence.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::Value;

/// The recipe `quick`, shrunk to seconds.
const TINY: [&str; 18] = [
    "--set",
    "size=64",
    "--set",
    "data={source=\"phantom\", train=8, validation=4, test=4}",
    "--set",
    "classifier.network={width=2}",
    "--set",
    "classifier.steps=4",
    "--set",
    "classifier.validate_every=2",
    "--set",
    "counterfactual.steps=8",
    "--set",
    "counterfactual.validate_every=2",
    "--set",
    "counterfactual.inpainter.widths=[4,4,4,4,4]",
    "--set",
    "counterfactual.discriminator.widths=[4,4,4,4,4,4]",
];

fn program(name: &str) -> Command {
    let path = match name {
        "train" => env!("CARGO_BIN_EXE_train"),
        "evaluate" => env!("CARGO_BIN_EXE_evaluate"),
        "explain" => env!("CARGO_BIN_EXE_explain"),
        _ => env!("CARGO_BIN_EXE_dataset"),
    };
    Command::new(path)
}

fn train(out: &Path) -> Command {
    let mut command = program("train");
    command.args(["--device", "cpu", "--out"]).arg(out).args(TINY);
    command
}

fn log(run: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[track_caller]
fn refused(output: &Output, words: &[&str]) {
    let message = String::from_utf8_lossy(&output.stderr);
    let last = message.lines().last().unwrap_or_default();
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert!(!message.contains("panicked"), "{message}");
    for word in words {
        assert!(last.contains(word), "no {word:?} in: {last}");
    }
}

#[test]
fn a_killed_training_goes_on_to_the_same_losses_and_models() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, cut) = (folder.path().join("whole"), folder.path().join("cut"));
    assert!(train(&whole).output().unwrap().status.success());

    let mut child = train(&cut).spawn().unwrap();
    let checkpoint = cut.join("quick/checkpoints/counterfactual");
    while !checkpoint.exists() && child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let resumed = program("train").args(["--device", "cpu", "--resume"]).arg(cut.join("quick")).output().unwrap();
    assert!(resumed.status.success(), "{}", String::from_utf8_lossy(&resumed.stderr));

    assert_eq!(log(&whole.join("quick")), log(&cut.join("quick")));
    let model = |run: &Path| std::fs::read(run.join("quick/coin-phantom.safetensors")).unwrap();
    let weights = |bytes: Vec<u8>| {
        let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        bytes[8 + length..].to_vec()
    };
    assert!(weights(model(&whole)) == weights(model(&cut)), "the weights differ");
}

#[test]
fn evaluate_and_explain_a_phantom_folder_with_the_shipped_model() {
    let folder = tempfile::tempdir().unwrap();
    let (slices, out) = (folder.path().join("slices"), folder.path().join("out"));
    let made = program("dataset").args(["phantom", "--count", "4", "--size", "128", "--out"]).arg(&slices).output();
    assert!(made.unwrap().status.success());
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/coin-phantom/coin-phantom.safetensors");

    let data = format!("slices:{}", slices.display());
    let mut evaluate = program("evaluate");
    evaluate.args(["--data", &data, "--seed", "7", "--device", "cpu", "--json", "--model"]).arg(&model);
    let output = evaluate.arg("--out").arg(&out).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["slices"]["total"], 2, "one test patient, planted twice");
    assert!(report["methods"]["coin"]["fid"].is_null());
    assert!(out.join("report.html").exists() && out.join("sheet.png").exists());

    let image = slices.join("images/phantom_00001.png");
    let mut explain = program("explain");
    explain.args(["--device", "cpu", "--json", "--model"]).arg(&model).arg(&image);
    let output = explain.arg("--out").arg(&out).output().unwrap();
    let summaries: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(summaries[0]["before"].as_f64().unwrap() > 0.5, "patient 1 has an anomaly: {summaries}");
    assert!(out.join("phantom_00001/difference.npy").exists());
}

#[test]
fn bad_input_is_one_sentence_with_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    let data = format!("slices:{}", empty.display());
    let run = |name: &str, arguments: &[&str]| program(name).args(arguments).output().unwrap();
    let out = folder.path().join("out");
    let out = out.to_str().unwrap();

    refused(&run("train", &["--recipe", "nothing", "--out", out]), &["nothing", "quick"]);
    refused(&run("train", &["--set", "sise=3", "--out", out]), &["sise"]);
    refused(&run("train", &["--recipe", "kits23-anomalies", "--data", &data, "--out", out]), &["slices.csv"]);
    refused(&run("dataset", &["inspect", &data]), &["slices.csv"]);
    refused(&run("train", &["--device", "toaster"]), &[]);

    let broken = folder.path().join("broken.safetensors");
    std::fs::write(&broken, b"not a model").unwrap();
    let broken = broken.to_str().unwrap();
    refused(&run("evaluate", &["--model", broken, "--data", "phantom", "--out", out]), &["broken.safetensors"]);
    refused(&run("explain", &["--model", "missing.safetensors", "x.png", "--out", out]), &["missing.safetensors"]);
    assert!(!Path::new(out).join("report.json").exists());
}
