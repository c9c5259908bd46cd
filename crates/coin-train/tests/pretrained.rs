//! PyTorch checkpoints: those of the reference implementation give the same results, those of torchvision initialise a
//! classifier, and others are rejected without executing their pickles.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use burn::module::Module as _;
use burn::tensor::{Device, Tensor, TensorData};
use coin_core::bundle::Bundle;
use coin_core::networks::{ClassifierArchitecture, Family};
use coin_core::weights;
use coin_train::pretrained::Pretrained;
use coin_train::recipe::Protocol;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden").join(name)
}

fn floats(bytes: &[u8], name: &str) -> Vec<f32> {
    let tensors = SafeTensors::deserialize(bytes).unwrap();
    let data = tensors.tensor(name).unwrap().data().to_vec();
    data.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
}

#[test]
fn a_checkpoint_of_the_reference_gives_the_same_results() {
    let device = Device::flex();
    let reference =
        Pretrained::open(&golden("weights.safetensors")).unwrap().reference(|config| config, &device).unwrap();
    let config = &reference.config;
    assert_eq!((config.stem, config.conditions), (4, 2));
    assert_eq!((&config.widths[..], &config.skips[..]), (&[4, 8, 8, 16, 16][..], &[1, 2, 3, 4][..]));
    assert!(config.spectral_norm);
    assert_eq!(reference.architecture, ClassifierArchitecture::resnet_18(4));
    let inputs = std::fs::read(golden("inputs.safetensors")).unwrap();
    let forward = std::fs::read(golden("forward.safetensors")).unwrap();
    let x = Tensor::<4>::from_data(TensorData::new(floats(&inputs, "x"), [2, 1, 64, 64]), &device);
    let condition = coin_core::condition::Condition::All(0);
    let found = reference.inpainter.no_grad().forward(x, &condition).try_into_vec_as::<f32>().unwrap();
    let expected = floats(&forward, "gen.nearest.skip_add_tanh.c0");
    let worst = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst < 1e-5, "off by {worst}");
}

fn convert(arguments: &[&str]) -> std::process::Output {
    Command::new(env!("CARGO_BIN_EXE_convert")).args(arguments).output().unwrap()
}

#[test]
fn convert_imports_and_verifies() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let (out, other) = (path("a.safetensors"), path("b.safetensors"));
    let checkpoint = golden("weights.safetensors").to_string_lossy().into_owned();
    let import = |out: &str, more: &[&str]| {
        let arguments =
            ["import", &checkpoint, "--name", "tiny", "--size", "64", "--window", "-160", "240", "--out", out];
        convert(&[&arguments[..], more].concat())
    };
    for (out, more) in [(&out, &[][..]), (&other, &["--upsampling", "bilinear"][..])] {
        let imported = import(out, more);
        assert!(imported.status.success(), "{}", String::from_utf8_lossy(&imported.stderr));
    }
    let card = Bundle::read(&std::fs::read(&out).unwrap()).unwrap().card;
    let protocol: Protocol = serde_json::from_value(card.recipe).expect("an evaluation can read it");
    assert_eq!((protocol.input.size, protocol.anomaly.diameter_mm), (64, 30.0));
    let verified = convert(&["verify", &out, "--against", &out]);
    let stdout = String::from_utf8_lossy(&verified.stdout).into_owned();
    assert!(verified.status.success() && stdout.contains("self-test passed") && stdout.contains("0.00e0"), "{stdout}");
    let differs = convert(&["verify", &out, "--against", &other]);
    assert_eq!(differs.status.code(), Some(2), "another upsampling gives another model");
    assert!(String::from_utf8_lossy(&differs.stderr).contains("the models differ"));
}

/// A state dict saved by torch 2.15: `{"model": {...}, "epoch": 3}` with a float16 tensor and a strided one.
const SAVED: &[u8] = include_bytes!("../../../tests/golden/saved.pth");

#[test]
fn torch_save_files_with_nested_dictionaries_types_and_strides_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("resnet.pth");
    std::fs::write(&path, SAVED).unwrap();
    let architecture = ClassifierArchitecture::resnet_18(1);
    let network = architecture.init(&Device::flex());
    let own = weights::collect(&network).unwrap();
    let loaded =
        weights::collect(&Pretrained::open(&path).unwrap().classifier(network, &architecture).unwrap()).unwrap();
    // Value n of the first convolution in the file, which has three input channels, is n / 64.
    let stem: Vec<f32> = (0..49).map(|i| (3 * i + 49 + 98) as f32 / 64.0).collect();
    assert_eq!(loaded["stem.weight"].values, stem);
    assert_eq!(loaded["stages.3.1.norm_2.gamma"].values, [0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75]);
    // A column of [[0, 1], [2, 3]], saved as a strided view.
    assert_eq!(loaded["stages.1.0.shortcut.weight"].values, [0.0, 2.0]);
    assert_eq!(loaded["dense"], own["dense"], "the last layer is not loaded, because the checkpoint has other classes");
    let other = ClassifierArchitecture { family: Family::ResNet34, width: 1 };
    let message =
        Pretrained::open(&path).unwrap().classifier(other.init(&Device::flex()), &other).unwrap_err().to_string();
    assert!(message.contains("ResNet18 of width 1") && message.contains("ResNet34"), "{message}");
}

#[test]
fn a_model_file_initialises_a_classifier() {
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/coin-phantom/coin-phantom.safetensors");
    let bundle = Bundle::read(&std::fs::read(&model).unwrap()).unwrap();
    let device = Device::flex();
    let expected = weights::split_off(&mut bundle.weights().clone(), "classifier");
    let loaded = |width: usize| {
        let architecture = ClassifierArchitecture::resnet_18(width);
        Pretrained::open(&model).unwrap().classifier(architecture.init(&device), &architecture)
    };
    assert!(weights::collect(&loaded(12).unwrap()).unwrap() == expected);
    let message = loaded(8).unwrap_err().to_string();
    assert!(message.contains("coin-phantom.safetensors") && message.contains("shape"), "{message}");
}

#[test]
fn code_in_a_checkpoint_is_not_executed() {
    let folder = tempfile::tempdir().unwrap();
    let (path, proof) = (folder.path().join("evil.pth"), folder.path().join("executed"));
    // os.system("touch ..."), as pickle writes it.
    std::fs::write(&path, format!("cos\nsystem\n(S'touch {}'\ntR.", proof.display())).unwrap();
    let text = folder.path().join("text.pth");
    std::fs::write(&text, "not a checkpoint").unwrap();
    let empty = folder.path().join("empty.safetensors");
    let nothing: BTreeMap<String, TensorView<'_>> = BTreeMap::new();
    std::fs::write(&empty, safetensors::serialize(nothing, None).unwrap()).unwrap();
    for path in [&path, &text, &empty] {
        let output = convert(&["import", &path.to_string_lossy(), "--name", "a", "--window", "0", "1", "--out", "x"]);
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{message}");
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        assert!(message.contains(&name) && message.contains("state dict") && message.lines().count() == 1, "{message}");
    }
    assert!(!proof.exists(), "the checkpoint was executed");
    let data = vec![0; 4];
    let other = BTreeMap::from([("a".to_owned(), TensorView::new(Dtype::F32, vec![1], &data).unwrap())]);
    std::fs::write(&empty, safetensors::serialize(other, None).unwrap()).unwrap();
    let message =
        Pretrained::open(&empty).unwrap().reference(|config| config, &Device::flex()).unwrap_err().to_string();
    assert!(message.contains("no encoder of COIN's reference"), "{message}");
}
