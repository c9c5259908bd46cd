//! The programs from the command line, and their one-line error messages.

#![allow(clippy::unwrap_used)]

mod tiny;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use coin_imaging::phantom::Phantom;
use coin_imaging::{Limits, Scan, Window};
use coin_train::data::{Grid, SliceTable, Subset};
use coin_train::model::Model;
use coin_train::recipe::Task;
use serde_json::Value;
use tiny::{log, refused, train_on};

fn program(name: &str) -> Command {
    let path = match name {
        "train" => env!("CARGO_BIN_EXE_train"),
        "evaluate" => env!("CARGO_BIN_EXE_evaluate"),
        "explain" => env!("CARGO_BIN_EXE_explain"),
        "convert" => env!("CARGO_BIN_EXE_convert"),
        _ => env!("CARGO_BIN_EXE_dataset"),
    };
    Command::new(path)
}

fn train(out: &Path) -> Command {
    train_on("cpu", out)
}

#[test]
fn a_closed_pipe_is_not_a_failure() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut list = program("train");
    let output = list.arg("--list-recipes").env("RUST_BACKTRACE", "1").stdout(writer).output().unwrap();
    assert!(output.status.success(), "{}", output.status);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn an_oversized_batch_is_refused_and_a_fitting_one_suggested() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("runs");
    for stage in ["classifier", "counterfactual"] {
        let output = train(&out).args(["--set", &format!("{stage}.batch=2000000000")]).output().unwrap();
        refused(&output, &[stage, ".batch: 2000000000 slices need about", "; train with --set"]);
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        let fits: u64 = message.trim().rsplit('=').next().unwrap().parse().unwrap();
        assert!((1_000..2_000_000_000).contains(&fits), "{message}");
        assert!(!out.exists(), "a run was started");
    }
}

#[test]
fn two_devices_split_each_batch() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    assert!(train(&one).output().unwrap().status.success());
    let output = train_on("cpu,cpu", &two).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let losses =
        |out: &Path| -> Vec<f64> { log(&out.join("quick")).iter().filter_map(|line| line["loss"].as_f64()).collect() };
    let (one, two) = (losses(&one), losses(&two));
    // Batch normalisation is computed per shard, so the losses are close but not equal.
    assert!(one.len() == two.len() && one != two, "{one:?} {two:?}");
    assert!((one[0] - two[0]).abs() < 0.2, "{one:?} {two:?}");

    let output = train_on("cpu,cpu,cpu", &folder.path().join("three")).output().unwrap();
    refused(
        &output,
        &["classifier.batch: 16 slices cannot be split evenly across 3 devices", "--set classifier.batch=18"],
    );
}

#[test]
fn pretraining_runs_before_the_stages_that_use_it() {
    let folder = tempfile::tempdir().unwrap();
    let slices = folder.path().join("slices");
    let made = program("dataset").args(["phantom", "--count", "48", "--size", "64", "--out"]).arg(&slices).output();
    assert!(made.unwrap().status.success());
    let common =
        "batch=4, validate_every=2, anomaly={diameter_mm=42.0, contrast=[0.9, 0.9], probability=0.5, lesions=1.0}";
    let recipe = |inserted: bool| {
        format!(
            "extends = \"quick\"\nname = \"pretraining\"\nsize = 64\n\
             [data]\nsource = \"slices\"\nabnormal = \"tumour\"\nkidney_pixels = 30\ntumour_pixels = 5\nbalanced = true\n\
             train_on_planted = {inserted}\n[classifier]\nsteps = 2\nvalidate_every = 2\n\
             [counterfactual]\nsteps = 2\nvalidate_every = 2\n"
        )
    };
    let (file, out) = (folder.path().join("pretraining.toml"), folder.path().join("runs"));
    let train = |pretraining: &[&str], inserted, stage: Option<&str>| {
        std::fs::write(&file, recipe(inserted)).unwrap();
        let mut command = program("train");
        command.arg("--recipe").arg(&file).arg("--data").arg(format!("slices:{}", slices.display()));
        command.args(["--device", "cpu", "--out"]).arg(&out).args(stage.map(|stage| format!("--stage={stage}")));
        for name in pretraining {
            let weight = if *name == "inpainting-pretraining" { ", anomaly_weight=20.0" } else { "" };
            let training = format!("training={{learning_rate=1e-3{weight}}}");
            let key = name.replace("-", "_");
            command.args(["--set", &format!("{key}={{steps=4, {common}, {training}}}")]);
        }
        command.output().unwrap()
    };
    let plain = train(&[], true, None);
    assert!(plain.status.success(), "{}", String::from_utf8_lossy(&plain.stderr));
    let pretrained = train(&["localisation-pretraining", "inpainting-pretraining"], true, None);
    assert!(pretrained.status.success(), "{}", String::from_utf8_lossy(&pretrained.stderr));
    let stages = |run: &str| -> Vec<String> {
        let mut stages: Vec<String> =
            log(&out.join(run)).iter().filter_map(|line| Some(line["stage"].as_str()?.to_owned())).collect();
        stages.dedup();
        stages
    };
    assert_eq!(stages("pretraining"), ["classifier", "counterfactual"]);
    assert_eq!(
        stages("pretraining-2"),
        ["localisation-pretraining", "classifier", "inpainting-pretraining", "counterfactual"]
    );
    // Slices and random weights are the same, so different losses come from pretraining.
    let first = |run: &str, stage: &str| {
        let lines = log(&out.join(run));
        lines.into_iter().find(|line| line["stage"] == stage).unwrap()
    };
    assert_ne!(first("pretraining", "classifier")["loss"], first("pretraining-2", "classifier")["loss"]);
    let generator = |run| first(run, "counterfactual")["losses"]["generator"]["minimal_change"].clone();
    assert_ne!(generator("pretraining"), generator("pretraining-2"));
    refused(&train(&[], true, Some("segmenter")), &["--stage segmenter", "no such stage"]);
    refused(&train(&[], true, Some("distillation")), &["--stage distillation", "--resume RUN"]);
    refused(
        &train(&["inpainting-pretraining"], false, None),
        &["inpainting_pretraining", "inserts no anomalies", "task.train_on_synthetic"],
    );
    let mut weightless = program("train");
    weightless.args(["--recipe", "kits23-tumour", "--set", "inpainting_pretraining.training.anomaly_weight=0"]);
    weightless.arg("--data").arg(format!("slices:{}", slices.display())).arg("--out").arg(&out);
    refused(
        &weightless.output().unwrap(),
        &["inpainting_pretraining.training.anomaly_weight: 0", "must be a positive number"],
    );
    // A run without a trained classifier.
    let started =
        train(&["localisation-pretraining", "inpainting-pretraining"], true, Some("localisation-pretraining"));
    assert!(started.status.success(), "{}", String::from_utf8_lossy(&started.stderr));
    let mut early = program("train");
    early.arg("--resume").arg(out.join("pretraining-3")).args(["--stage", "inpainting-pretraining", "--device", "cpu"]);
    refused(&early.output().unwrap(), &["the classifier is not trained yet", "--stage classifier"]);
    assert!(
        log(&out.join("pretraining-3")).iter().all(|line| line["stage"] == "localisation-pretraining"),
        "the stage was started without a classifier"
    );
}

#[test]
fn singla_et_al_train_with_regions_and_augmentation() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = train(folder.path());
    for change in [
        "counterfactual.training.method=singla",
        "counterfactual.training.distance=carl",
        "counterfactual.training.cycle=on",
        "counterfactual.inpainter.conditions=2",
        "classifier.augmentation={horizontal_flip=0.5, vertical_flip=0.1, affine=0.5, shift=0.07, scale=0.1, rotate=10.0}",
    ] {
        command.args(["--set", change]);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let model = std::fs::read(folder.path().join("quick/coin-phantom.safetensors")).unwrap();
    let card = String::from_utf8_lossy(&model[8..20_000]).into_owned();
    assert!(card.contains(r#"\"method\":\"singla\""#), "the model card records the method");
    let one = train(folder.path()).args(["--set", "counterfactual.training.method=singla"]).output().unwrap();
    refused(&one, &["counterfactual.inpainter.conditions: ", "one per bin, 2"]);
}

/// Each tag is closed in its turn, and each link within the page leads somewhere.
fn assert_well_formed(page: &str) {
    let (mut open, mut rest) = (Vec::new(), page.strip_prefix("<!DOCTYPE html>").unwrap());
    while let Some((_, tag)) = rest.split_once('<') {
        let (tag, after) = tag.split_once('>').unwrap();
        let name = tag.split_whitespace().next().unwrap();
        rest = match name {
            "style" | "script" => after.split_once(&format!("</{name}>")).unwrap().1,
            _ => after,
        };
        match name.strip_prefix('/') {
            Some(closed) => {
                assert_eq!(open.pop(), Some(closed), "before {}", rest.chars().take(80).collect::<String>())
            }
            None if ["meta", "img", "style", "script"].contains(&name) => {}
            None => open.push(name),
        }
    }
    assert!(open.is_empty(), "{open:?} not closed");
    for link in page.split("href=\"#").skip(1) {
        let place = link.split('"').next().unwrap();
        assert!(page.contains(&format!("id=\"{place}\"")), "#{place} leads nowhere");
    }
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
    let healthy = folder.path().join("healthy");
    std::fs::create_dir(&healthy).unwrap();
    for patient in ["phantom_00000.png", "phantom_00002.png"] {
        std::fs::copy(slices.join("images").join(patient), healthy.join(patient)).unwrap();
    }
    evaluate.arg("--control").arg(format!("healthy phantoms={}", healthy.display()));
    evaluate.arg("--against").arg(format!("itself <twice>={}", model.display()));
    evaluate.args(["--methods", "coin,rise,score-cam,layer-cam,grad-cam", "--rise-masks", "20", "--out"]).arg(&out);
    let output = evaluate.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["slices"]["total"], 2, "one test patient with two different anomalies");
    let control = &report["controls"]["healthy phantoms"];
    assert_eq!(
        (&control["slices"], &control["called_abnormal"], &control["ood_warnings"]),
        (&2.into(), &0.0.into(), &0.0.into())
    );
    let change = control["mean_change"].as_f64().unwrap();
    assert!(change > 0.0 && change < 0.02, "{control}");
    assert_eq!(report["methods"]["models"]["itself <twice>"]["iou"], report["methods"]["coin"]["iou"]);
    let mut taken = program("evaluate");
    taken.args(["--data", &data, "--device", "cpu", "--model"]).arg(&model);
    taken.arg("--against").arg(format!("RISE={}", model.display())).arg("--out").arg(&out);
    refused(&taken.output().unwrap(), &["--against RISE", "already in use"]);
    let kidney = model.parent().unwrap().with_file_name("coin-kidney-anomaly").join("coin-kidney-anomaly.safetensors");
    let mut incompatible = program("evaluate");
    incompatible.args(["--data", &data, "--device", "cpu", "--model"]).arg(&model);
    incompatible.arg("--against").arg(format!("other={}", kidney.display())).arg("--out").arg(&out);
    refused(
        &incompatible.output().unwrap(),
        &["coin-kidney-anomaly.safetensors", "another size, crop or normalisation"],
    );
    let mut nameless = program("evaluate");
    nameless.args(["--data", &data, "--negative-control", "pictures", "--model"]).arg(&model).arg("--out").arg(&out);
    let nameless = nameless.output().unwrap();
    assert_eq!(nameless.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&nameless.stderr).contains("pictures: write NAME=PATH"));
    let methods = &report["methods"];
    assert!(methods["coin"]["fid"].is_null());
    for other in ["rise", "score-cam", "layer-cam", "grad-cam"] {
        assert_eq!(methods[other]["threshold"].as_f64().unwrap() as f32, 0.975);
        assert!(methods[other]["iou"].is_f64() && methods[other]["cv"].is_null(), "{other}: {methods}");
    }
    let mut unknown = program("evaluate");
    unknown.args(["--data", &data, "--device", "cpu", "--layer", "layer9", "--model"]).arg(&model);
    refused(&unknown.arg("--out").arg(&out).output().unwrap(), &["--layer layer9", "layer4.1, layer4"]);
    let mut none = program("evaluate");
    none.args(["--data", &data, "--device", "cpu", "--rise-masks", "0", "--model"]).arg(&model);
    refused(&none.arg("--out").arg(&out).output().unwrap(), &["0 RISE masks", "choose 1 to 100000"]);
    let page = std::fs::read_to_string(out.join("report.html")).unwrap();
    assert_well_formed(&page);
    assert!(page.contains("data:image/png;base64,iVBOR") && !page.contains("sheet.png"), "the page is self-contained");
    assert!(
        !page.contains("http") && !page.contains("<link") && !page.contains(" src=\"/"),
        "the page loads no other files"
    );
    assert!(page.contains("itself &lt;twice&gt;") && !page.contains("<twice>"), "names are escaped");
    for method in ["COIN", "RISE", "ScoreCAM", "LayerCAM", "Grad-CAM"] {
        assert!(page.contains(&format!("<th scope=\"row\">{method}</th>")), "{method} has no row");
    }
    let cases = report["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 2);
    for case in cases {
        let row = format!("<tr><td>{}</td>", case["case"].as_str().unwrap());
        assert!(page.contains(&row) && page.contains(case["slice"].as_str().unwrap()), "{case} has no row");
    }
    assert!(page.contains("healthy phantoms") && page.contains("Negative controls"));
    assert!(page.contains(">–<") && !page.contains("NaN"), "an absent number is an en dash");
    let curves = &report["classifier_curves"];
    let binned = curves["reliability"].as_array().unwrap().iter().map(|bin| bin["slices"].as_u64().unwrap());
    assert_eq!(binned.sum::<u64>(), 2);
    assert!(out.join("sheet.png").exists());

    let table = SliceTable::open(&slices).unwrap();
    let tested = table.rows().iter().find(|row| row.split == Some(Subset::Test)).unwrap();
    let case = tested.case(Grid { size: 128, crop_to_body: false }, Window::PHANTOM, &Task::default(), false).unwrap();
    let patient = Phantom::generate(2, 128).slice;
    let off = patient.hu().iter().zip(case.slice.hu()).map(|(&hu, read)| {
        let shown = hu.clamp(Window::PHANTOM.low(), Window::PHANTOM.high());
        (shown - read).abs()
    });
    let step = (Window::PHANTOM.high() - Window::PHANTOM.low()) / 255.0;
    assert!(off.fold(0.0, f32::max) <= 0.51 * step, "intensities are read with the window in the table");

    let image = slices.join("images/phantom_00001.png");
    let mut explain = program("explain");
    explain.args(["--device", "cpu", "--json", "--model"]).arg(&model).arg(&image);
    let output = explain.arg("--out").arg(&out).output().unwrap();
    let summaries: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(summaries[0]["before"].as_f64().unwrap() > 0.5, "patient 1 has an anomaly: {summaries}");
    assert!(out.join("phantom_00001/difference.npy").exists());
    assert!(summaries[0]["ood_score"].as_f64().unwrap() <= 1.0, "the phantom is in distribution: {summaries}");
    assert_eq!(report["ood_warnings"], 0);
}

#[test]
fn fitting_the_ood_detector_keeps_the_weights() {
    let folder = tempfile::tempdir().unwrap();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/coin-phantom/coin-phantom.safetensors");
    let out = folder.path().join("model.safetensors");
    let mut convert = program("convert");
    convert.arg("ood").arg(&shipped).args(["--data", "phantom", "--limits", "made for a test", "--out"]);
    let output = convert.arg(&out).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let [before, after] = [&shipped, &out].map(|file| Model::bundle(file).unwrap());
    assert_eq!(before.weights(), after.weights());
    assert_eq!(after.card.limits, "made for a test");
    let [before, after] = [before, after].map(|bundle| bundle.card.ood.unwrap());
    assert!(
        (before.limit - after.limit).abs() < 1e-3 * before.limit,
        "the detector of the shipped file was fitted with the same command"
    );
}

#[test]
fn results_of_a_volume_have_its_original_grid() {
    let folder = tempfile::tempdir().unwrap();
    let (width, height, depth) = (96, 80, 3);
    let volume = folder.path().join("volume.nii");
    std::fs::write(&volume, nifti(width, height, depth, |x, y, _| f32::from(((x * 7 + y * 3) % 200) as u8))).unwrap();
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/coin-phantom/coin-phantom.safetensors");
    let out = folder.path().join("out");
    let mut explain = program("explain");
    explain.args(["--device", "cpu", "--threshold", "0", "--slice", "2", "--model"]).arg(&model).arg(&volume);
    let output = explain.arg("--out").arg(&out).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut beyond = program("explain");
    beyond.args(["--device", "cpu", "--slice", "4", "--model"]).arg(&model).arg(&volume).arg("--out").arg(&out);
    refused(&beyond.output().unwrap(), &["volume.nii", "slice 4 does not exist, there are 3"]);

    let open = |path: &Path| {
        let bytes = std::fs::read(path).unwrap();
        Scan::open(&bytes, "volume", Window::ABDOMEN, &Limits::default()).unwrap()
    };
    let before = open(&volume);
    let (after, mask) = (open(&out.join("volume/counterfactual.nii.gz")), open(&out.join("volume/mask.nii.gz")));
    for scan in [&after, &mask] {
        assert_eq!(scan.slice_count(), depth);
        assert_eq!((scan.slice(0).unwrap().width(), scan.slice(0).unwrap().height()), (width, height));
        assert_eq!(scan.slice(1).unwrap().spacing(), before.slice(1).unwrap().spacing());
    }
    for untouched in [0, 2] {
        assert_eq!(after.slice(untouched).unwrap().hu(), before.slice(untouched).unwrap().hu());
        assert!(mask.slice(untouched).unwrap().hu().iter().all(|&value| value == 0.0));
    }
    assert_ne!(after.slice(1).unwrap().hu(), before.slice(1).unwrap().hu());
    let masked = mask.slice(1).unwrap().hu().iter().filter(|&&value| value == 1.0).count();
    assert!(masked > 0, "threshold 0 marks every change");
    let [scan] = &table(&out.join("scans.csv"))[..] else { panic!("one scan, one row") };
    let row = [&scan["slices"], &scan["most_abnormal_slice"], &scan["largest_key_slice"], &scan["mask_voxels"]];
    assert_eq!(row, ["1", "2", "2", &masked.to_string()]);
    let components = table(&out.join("volume/components.csv"));
    let number = |row: &BTreeMap<String, String>, column: &str| row[column].parse::<f64>().unwrap();
    let spacing = before.slice(1).unwrap().spacing().unwrap();
    let voxel_mm3 = spacing.row_mm() * spacing.column_mm() * before.geometry().unwrap().slice_mm();
    for component in &components {
        assert!((number(component, "volume_mm3") / number(component, "voxels") - f64::from(voxel_mm3)).abs() < 1e-3);
    }
    assert!(components.len() == 50 || components.iter().map(|row| number(row, "voxels")).sum::<f64>() == masked as f64);
    assert_eq!(scan["largest_mm3"], components[0]["volume_mm3"]);
}

/// A NIfTI-1 file of f32 voxels of 2 x 2 x 5 mm.
fn nifti(width: usize, height: usize, depth: usize, hu: impl Fn(usize, usize, usize) -> f32) -> Vec<u8> {
    let mut bytes = vec![0; 352];
    bytes[0..4].copy_from_slice(&348i32.to_le_bytes());
    for (i, value) in [3, width, height, depth, 1, 1, 1, 1].into_iter().enumerate() {
        bytes[40 + 2 * i..42 + 2 * i].copy_from_slice(&(value as i16).to_le_bytes());
    }
    bytes[70..72].copy_from_slice(&16i16.to_le_bytes());
    bytes[72..74].copy_from_slice(&32i16.to_le_bytes());
    let spacing = [1.0f32, 2.0, 2.0, 5.0];
    for (i, value) in spacing.into_iter().enumerate() {
        bytes[76 + 4 * i..80 + 4 * i].copy_from_slice(&value.to_le_bytes());
    }
    bytes[108..112].copy_from_slice(&352f32.to_le_bytes());
    bytes[112..116].copy_from_slice(&1f32.to_le_bytes());
    // sform: RAS, scaled by the spacing.
    bytes[254..256].copy_from_slice(&1i16.to_le_bytes());
    for row in 0..3 {
        let at = 280 + 16 * row + 4 * row;
        bytes[at..at + 4].copy_from_slice(&spacing[row + 1].to_le_bytes());
    }
    bytes[344..348].copy_from_slice(b"n+1\0");
    for z in 0..depth {
        for y in 0..height {
            bytes.extend((0..width).flat_map(|x| hu(x, y, z).to_le_bytes()));
        }
    }
    bytes
}

#[test]
fn errors_are_one_line_and_name_the_remedy() {
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
    refused(&run("train", &["--data", &data, "--out", out]), &["--data", "phantoms", "choose a recipe"]);
    refused(&run("train", &["--stage", "counterfactual", "--out", out]), &["--stage counterfactual", "--resume"]);
    refused(&run("train", &["--device", "toaster"]), &[]);
    std::fs::write(empty.join("slices.csv"), "file,case,grid,split,kidney_px,tumour_px,cyst_px,spacing_xy_mm\n")
        .unwrap();
    let anomalies = ["--recipe", "kits23-anomalies", "--data", &data, "--out", out];
    refused(&run("train", &anomalies), &["empty: the train split has no slices with", "300 pixels of kidney"]);
    std::fs::create_dir(empty.join("images")).unwrap();
    std::fs::write(empty.join("images/a.png"), []).unwrap();
    for (columns, values, what) in [
        (
            "spacing_xy_mm,low_hu,high_hu",
            "1,300,-100",
            "low_hu and high_hu: a window from 300 to -100 is not a range; the lower bound comes first",
        ),
        ("spacing_xy_mm", "0", "spacing_xy_mm: a pixel spacing of 0 x 0 mm"),
        ("spacing_row_mm,spacing_xy_mm", "1,", "spacing_row_mm requires spacing_xy_mm"),
    ] {
        let table = format!("file,case,split,kidney_px,tumour_px,cyst_px,{columns}\na.png,a,train,900,0,0,{values}\n");
        std::fs::write(empty.join("slices.csv"), table).unwrap();
        refused(&run("train", &anomalies), &["slices.csv", &format!("a.png: {what}")]);
    }

    let broken = folder.path().join("broken.safetensors");
    std::fs::write(&broken, b"not a model").unwrap();
    let broken = broken.to_str().unwrap();
    refused(&run("evaluate", &["--model", broken, "--data", "phantom", "--out", out]), &["broken.safetensors"]);
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/coin-phantom/coin-phantom.safetensors");
    let model = model.to_str().unwrap();
    let evaluate = ["--model", model, "--data", "phantom", "--out", out, "--inception", model];
    refused(&run("evaluate", &evaluate), &["coin-phantom.safetensors", "not an Inception-v3", "pt_inception"]);
    refused(
        &run("train", &["--data", "kits:nowhere", "--recipe", "kits23-tumour", "--out", out]),
        &["nowhere", "could not be read"],
    );
    refused(&run("train", &["--data", "cats:here", "--out", out]), &[]);
    refused(&run("train", &["--resume", out, "--data", "phantom"]), &["--data", "omit"]);
    refused(&run("explain", &["--model", "missing.safetensors", "x.png", "--out", out]), &["missing.safetensors"]);
    assert!(!Path::new(out).join("report.json").exists());
}

/// Rows of a CSV file by column.
fn table(path: &Path) -> Vec<BTreeMap<String, String>> {
    csv::Reader::from_path(path).unwrap().deserialize().map(Result::unwrap).collect()
}

#[test]
fn shards_of_an_archive_are_explained_once_and_unreadable_files_skipped() {
    let folder = tempfile::tempdir().unwrap();
    let (archive, out) = (folder.path().join("archive"), folder.path().join("out"));
    let made = program("dataset").args(["phantom", "--count", "4", "--size", "64", "--out"]).arg(&archive).output();
    assert!(made.unwrap().status.success());
    let images = archive.join("images");
    std::fs::write(images.join("phantom_00001b.png"), b"no picture").unwrap();
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/coin-phantom/coin-phantom.safetensors");
    let explain_shard = |shard: &str| {
        let mut explain = program("explain");
        explain.args(["--device", "cpu", "--shard", shard, "--model"]).arg(&model).arg(&images);
        explain.arg("--out").arg(&out).output().unwrap()
    };
    let done = || {
        let explained = |i: u32| out.join(format!("images/phantom_{i:05}/summary.json"));
        (0..4)
            .filter(|&i| explained(i).exists())
            .map(|i| (i, std::fs::metadata(explained(i)).unwrap().modified().unwrap()))
            .collect::<Vec<_>>()
    };
    let left_out = |output: std::process::Output| {
        let warning = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{warning}");
        assert!(
            warning.contains("phantom_00001b.png: this is no DICOM") && warning.contains("; left out"),
            "{warning}"
        );
    };
    // In order: 0, 1, 1b, 2, 3.
    left_out(explain_shard("1/2"));
    let first = done();
    assert_eq!(first.iter().map(|(i, _)| *i).collect::<Vec<_>>(), [0, 3]);
    assert!(explain_shard("2/2").status.success());
    left_out(explain_shard("1/2"));
    let all = done();
    assert_eq!((all.len(), all[0], all[3]), (4, first[0], first[1]), "complete results are not computed again");
    std::fs::remove_file(out.join("images/phantom_00000/complete.txt")).unwrap();
    left_out(explain_shard("1/2"));
    assert!(done()[0].1 > first[0].1, "incomplete results are computed again");
    let scans = |name: &str| {
        let name_of = |row: &BTreeMap<String, String>| row["scan"].rsplit_once("phantom_").unwrap().1.to_owned();
        table(&out.join(name)).iter().map(name_of).collect::<Vec<_>>()
    };
    assert_eq!(scans("scans-1-of-2.csv"), ["00000.png", "00003.png"], "rows of skipped inputs stay");
    assert_eq!(scans("scans-2-of-2.csv"), ["00001.png", "00002.png"]);
    refused(&explain_shard("3/2"), &[]);
}
