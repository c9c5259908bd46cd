//! A model file is read back as it was written, and every damage is refused with the field's name.

#![allow(clippy::unwrap_used)]

use burn::tensor::Device;
use coin_core::bundle::{Bundle, BundleError, Card, FORMAT, SelfTest};
use coin_core::networks::{Fuse, InpainterConfig, ResNetConfig, Upsampling};
use safetensors::SafeTensors;
use serde_json::{Value, json};

fn card() -> Card {
    Card {
        format: FORMAT,
        name: "tiny".into(),
        title: "Tiny".into(),
        inpainter: InpainterConfig {
            stem: 2,
            widths: vec![2, 4],
            conditions: 1,
            skips: vec![1],
            upsampling: Upsampling::Bilinear,
            fuse: Fuse::SkipAddTanh,
            spectral_norm: true,
            zero_head: false,
        },
        classifier: ResNetConfig { width: 2 },
        size: 64,
        window: [-100.0, 300.0],
        threshold: 0.25,
        postprocess: false,
        recipe: json!({ "name": "none" }),
        data: "nothing".into(),
        results: Value::Null,
        licence: "MIT".into(),
        weights_sha256: String::new(),
        self_test: SelfTest::unknown(),
    }
}

fn file() -> Vec<u8> {
    let device = Device::flex();
    let card = card();
    let (inpainter, classifier) = (card.inpainter.init(&device), card.classifier.init(&device));
    Bundle::pack(card, inpainter, classifier, &device).unwrap().write().unwrap()
}

/// The file with its safetensors header changed.
fn with_header(file: &[u8], change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let length = u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
    let mut header: Value = serde_json::from_slice(&file[8..8 + length]).unwrap();
    change(&mut header);
    let header = serde_json::to_vec(&header).unwrap();
    [&(header.len() as u64).to_le_bytes()[..], &header, &file[8 + length..]].concat()
}

/// The file with its model document changed.
fn with_card(file: &[u8], change: impl FnOnce(&mut Value)) -> Vec<u8> {
    with_header(file, |header| {
        let text = header["__metadata__"]["coin"].as_str().unwrap().to_owned();
        let mut card: Value = serde_json::from_str(&text).unwrap();
        change(&mut card);
        header["__metadata__"]["coin"] = Value::String(card.to_string());
    })
}

fn refusal(file: &[u8]) -> String {
    let read = Bundle::read(file).and_then(|bundle| bundle.explainer(&Device::flex()).map(drop));
    read.unwrap_err().to_string()
}

#[test]
fn written_and_read_back_it_passes_its_own_self_test() {
    let bytes = file();
    let bundle = Bundle::read(&bytes).unwrap();
    assert!(!bundle.card.inpainter.spectral_norm, "spectral norms are divided out");
    assert_eq!(bundle.write().unwrap(), bytes);
    let device = Device::flex();
    let explainer = bundle.explainer(&device).unwrap();
    let size = bundle.card.self_test.size;
    let answers = explainer.explain(bundle.self_test_input(), size, &device).unwrap().read().unwrap();
    assert!(bundle.check(&answers[0]).unwrap() < 1e-6);
    let mut wrong = answers[0].clone();
    wrong.after += 0.01;
    assert!(matches!(bundle.check(&wrong), Err(BundleError::Untrusted { .. })));
    wrong.after = f32::NAN;
    assert!(matches!(bundle.check(&wrong), Err(BundleError::Untrusted { .. })));
}

#[test]
fn every_truncation_is_refused() {
    let bytes = file();
    for length in (0..bytes.len()).step_by(31) {
        assert!(Bundle::read(&bytes[..length]).is_err(), "{length} bytes were taken for a whole file");
    }
}

#[test]
fn a_newer_format_is_named_before_its_unknown_fields() {
    let newer = with_card(&file(), |card| {
        card["format"] = json!(FORMAT + 1);
        card["invention"] = json!(true);
    });
    assert!(refusal(&newer).contains("format"), "{}", refusal(&newer));
    assert!(matches!(Bundle::read(&newer), Err(BundleError::Newer(_))));
}

#[test]
fn impossible_fields_are_named() {
    let file = file();
    for (field, value) in [
        ("size", json!(63)),
        ("size", json!(1u64 << 40)),
        ("window", json!([300, -100])),
        ("threshold", json!(1.5)),
        ("inpainter", json!({ "stem": 0 })),
        ("classifier", json!({ "width": 1 << 30 })),
        ("invention", json!(1)),
    ] {
        let refused = refusal(&with_card(&file, |card| card[field] = value.clone()));
        let named = refused.contains(field) || (field == "inpainter" && refused.contains("widths"));
        assert!(named, "{field} = {value}: {refused}");
    }
    let wider = with_card(&file, |card| card["inpainter"]["widths"] = json!([4000, 4000]));
    assert!(refusal(&wider).contains("shape"), "{}", refusal(&wider));
}

#[test]
fn a_changed_weight_a_missing_tensor_and_a_wrong_hash_are_refused() {
    let file = file();
    let mut flipped = file.clone();
    *flipped.last_mut().unwrap() ^= 1;
    assert!(refusal(&flipped).contains("weights_sha256"));

    let hash = with_card(&file, |card| card["weights_sha256"] = json!("0"));
    assert!(refusal(&hash).contains("weights_sha256"));

    let name = SafeTensors::deserialize(&file).unwrap().names()[0].to_owned();
    let renamed = with_header(&file, |header| {
        let tensor = header.as_object_mut().unwrap().remove(&name).unwrap();
        header["other"] = tensor;
    });
    assert!(Bundle::read(&renamed).is_err());
}

#[test]
fn another_safetensors_file_is_no_model() {
    let other = with_header(&file(), |header| {
        header.as_object_mut().unwrap().remove("__metadata__");
    });
    assert!(refusal(&other).contains("not a COIN model"), "{}", refusal(&other));
}
