//! A model file reads back unchanged, and damaged ones are rejected with the name of the field.

#![allow(clippy::unwrap_used)]

use std::error::Error as _;

use burn::tensor::Device;
use coin_core::Error;
use coin_core::bundle::{Bundle, Card, FORMAT, Networks, Normalisation, Over, Segmenter, SelfTest};
use coin_core::calibration::Temperature;
use coin_core::method::Method;
use coin_core::networks::{ClassifierArchitecture, Fuse, InpainterConfig, UNetConfig, Upsampling};
use safetensors::SafeTensors;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

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
        classifier: ClassifierArchitecture::resnet_18(2),
        method: Method::Coin,
        size: 64,
        crop_to_body: true,
        seed_threshold: 0.4,
        normalisation: Normalisation::Window([-100.0, 300.0]),
        finding: String::new(),
        modality: String::new(),
        unit: String::new(),
        threshold: 0.25,
        postprocess: false,
        recipe: json!({ "name": "none" }),
        data: "nothing".into(),
        results: Value::Null,
        limits: String::new(),
        ood: None,
        verification: None,
        temperature: Some(Temperature(1.5)),
        segmenter: None,
        licence: "MIT".into(),
        weights_sha256: String::new(),
        self_test: SelfTest::unknown(),
    }
}

fn pack(card: Card) -> Result<Bundle, Error> {
    let device = Device::flex();
    let (inpainter, classifier) = (card.inpainter.init(&device), card.classifier.init(&device));
    let segmenter = card.segmenter.as_ref().map(|segmenter| segmenter.network.init(&device));
    Bundle::pack(card, Networks { inpainter, classifier, segmenter }, &device)
}

fn segmented() -> Card {
    let network = UNetConfig { stem: 2, widths: vec![2, 3, 4], upsampling: Upsampling::Nearest };
    Card { segmenter: Some(Segmenter { network, threshold: 0.125 }), ..card() }
}

fn file() -> Vec<u8> {
    pack(card()).unwrap().write().unwrap()
}

/// The file with a modified safetensors header.
fn with_header(file: &[u8], change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let length = u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
    let mut header: Value = serde_json::from_slice(&file[8..8 + length]).unwrap();
    change(&mut header);
    let header = serde_json::to_vec(&header).unwrap();
    [&(header.len() as u64).to_le_bytes()[..], &header, &file[8 + length..]].concat()
}

/// The file with a modified model card.
fn with_card(file: &[u8], change: impl FnOnce(&mut Value)) -> Vec<u8> {
    with_header(file, |header| {
        let text = header["__metadata__"]["coin"].as_str().unwrap().to_owned();
        let mut card: Value = serde_json::from_str(&text).unwrap();
        change(&mut card);
        header["__metadata__"]["coin"] = Value::String(card.to_string());
    })
}

/// The file with a correct hash of its tensors.
fn with_true_hash(file: &[u8]) -> Vec<u8> {
    let tensors = SafeTensors::deserialize(file).unwrap();
    let mut names = tensors.names();
    names.sort_unstable();
    let named = |name: &str| [name.as_bytes(), tensors.tensor(name).unwrap().data()].concat();
    let held: Vec<u8> = names.into_iter().flat_map(named).collect();
    let hash: String = Sha256::digest(&held).iter().map(|byte| format!("{byte:02x}")).collect();
    with_card(file, |card| card["weights_sha256"] = json!(hash))
}

fn refused(file: &[u8]) -> Error {
    Bundle::read(file).and_then(|bundle| bundle.explainer(&Device::flex()).map(drop)).unwrap_err()
}

fn refusal(file: &[u8]) -> String {
    refused(file).to_string()
}

#[test]
fn a_file_reads_back_and_passes_its_self_test() {
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
    assert!(matches!(bundle.check(&wrong), Err(Error::Untrusted { .. })));
    wrong.after = f32::NAN;
    assert!(matches!(bundle.check(&wrong), Err(Error::Untrusted { .. })));
}

#[test]
fn a_segmenter_is_part_of_file_explanation_and_self_test() {
    let bytes = pack(segmented()).unwrap().write().unwrap();
    let bundle = Bundle::read(&bytes).unwrap();
    assert_eq!(bundle.write().unwrap(), bytes);
    let device = Device::flex();
    let size = bundle.card.self_test.size;
    let explainer = bundle.explainer(&device).unwrap();
    let mut answer = explainer.explain(bundle.self_test_input(), size, &device).unwrap().read().unwrap().remove(0);
    let map = answer.segmentation.clone().unwrap();
    assert!(map.len() == size * size && map.iter().all(|probability| (0.0..=1.0).contains(probability)));
    assert!(bundle.check(&answer).unwrap() < 1e-6);
    answer.segmentation = Some(map.iter().map(|probability| probability + 0.01).collect());
    assert!(matches!(bundle.check(&answer), Err(Error::Untrusted { .. })), "another segmentation");
    let mut unknown = map;
    unknown[size + 1] = f32::NAN;
    answer.segmentation = Some(unknown);
    assert!(matches!(bundle.check(&answer), Err(Error::Untrusted { .. })), "a value between those of the self-test");

    answer.segmentation = None;
    assert!(matches!(bundle.check(&answer), Err(Error::Untrusted { .. })), "no segmentation");

    let without = Bundle::read(&file()).unwrap().explainer(&device).unwrap();
    let answers = without.explain(vec![0.0; 64 * 64], 64, &device).unwrap().read().unwrap();
    assert_eq!(answers[0].segmentation, None);
}

#[test]
fn a_segmenter_that_does_not_fit_is_rejected() {
    let file = pack(segmented()).unwrap().write().unwrap();
    let changed = |change: fn(&mut Value)| refusal(&with_card(&file, change));
    assert_eq!(
        changed(|card| card["segmenter"]["threshold"] = json!(1)),
        "field segmenter: threshold: 1 is not in 0..1"
    );
    let deep = changed(|card| card["segmenter"]["network"]["widths"] = json!([2, 2, 2, 2, 2, 2, 2]));
    assert_eq!(deep, "field size: 64 is not a multiple of 128 up to 2048");
    let small = changed(|card| card["self_test"]["size"] = json!(4));
    assert_eq!(small, "field self_test.size: 4 is not a multiple of 8 up to 2048");
    let network = UNetConfig { stem: 2, widths: vec![2; 7], upsampling: Upsampling::Nearest };
    let deep = Card { size: 128, segmenter: Some(Segmenter { network, threshold: 0.5 }), ..card() };
    assert_eq!(pack(deep).unwrap().card.self_test.size, 128, "deeper than the inpainter");
    let empty = changed(|card| card["segmenter"]["network"]["widths"] = json!([]));
    assert_eq!(empty, "field segmenter: network.widths: list 1 to 8 blocks");
    let wide = changed(|card| card["segmenter"]["network"]["widths"] = json!([2, 3, 5]));
    assert!(wide.starts_with("tensor ") && wide.contains("the architecture needs"), "{wide}");
    let undescribed = changed(|card| {
        card["segmenter"] = Value::Null;
        card["self_test"]["segmentation"] = json!([]);
    });
    assert!(undescribed.starts_with("tensor segmenter."), "{undescribed}");
    let untested = changed(|card| card["self_test"]["segmentation"] = json!([]));
    assert!(untested.starts_with("field self_test.segmentation: it has 0 values instead of 64;"), "{untested}");
}

#[test]
fn truncated_files_are_rejected() {
    let bytes = file();
    for length in (0..bytes.len()).step_by(31) {
        assert!(Bundle::read(&bytes[..length]).is_err(), "{length} bytes were taken for a whole file");
    }
}

#[test]
fn a_newer_format_is_reported_before_unknown_fields() {
    let newer = with_card(&file(), |card| {
        card["format"] = json!(FORMAT + 1);
        card["invention"] = json!(true);
    });
    assert!(refusal(&newer).contains("format"), "{}", refusal(&newer));
    assert!(matches!(Bundle::read(&newer), Err(Error::Newer { .. })));
}

#[test]
fn current_and_format_3_normalisations_are_read() {
    let normalisation = |of: fn(&mut Value)| Bundle::read(&with_card(&file(), of)).unwrap().card.normalisation;
    let window = Normalisation::Window([-200.0, 400.0]);
    let older = normalisation(|card| {
        let card = card.as_object_mut().unwrap();
        card.remove("normalisation");
        card.remove("finding");
        card.remove("modality");
        card.insert("format".into(), json!(3));
        card.insert("window".into(), json!([-200, 400]));
    });
    assert_eq!(older, window);
    assert_eq!(normalisation(|card| card["normalisation"] = json!({ "window": [-200, 400] })), window);
    let percentiles = json!({ "percentiles": [0.5, 99.5], "over": "case" });
    let expected = Normalisation::Percentiles { percentiles: [0.5, 99.5], over: Over::Case };
    assert_eq!(serde_json::from_value::<Normalisation>(percentiles.clone()).unwrap(), expected);
    assert_eq!(serde_json::to_value(expected).unwrap(), percentiles);
}

#[test]
fn invalid_fields_are_reported() {
    let file = file();
    for (field, value) in [
        ("size", json!(63)),
        ("size", json!(1u64 << 40)),
        ("normalisation", json!({ "window": [300, -100] })),
        ("normalisation", json!({ "percentiles": [1, 101], "over": "slice" })),
        ("normalisation", json!({ "percentiles": [1, 99], "over": "dataset" })),
        ("threshold", json!(1.5)),
        ("seed_threshold", json!(1.5)),
        ("temperature", json!(0.0)),
        ("inpainter", json!({ "stem": 0 })),
        ("classifier", json!({ "width": 1 << 30 })),
        ("invention", json!(1)),
    ] {
        let refused = refusal(&with_card(&file, |card| card[field] = value.clone()));
        let named = refused.contains(field) || (field == "inpainter" && refused.contains("widths"));
        assert!(named, "{field} = {value}: {refused}");
    }
    for name in ["", "Tiny", "tiny model", "../tiny"] {
        let named = with_card(&file, |card| card["name"] = json!(name));
        let expected = format!("field name: {name:?} is not made of lower case letters, digits and hyphens");
        assert_eq!(refusal(&named), expected);
        assert_eq!(pack(Card { name: name.into(), ..card() }).unwrap_err().to_string(), expected);
    }
    let shorter = with_card(&file, |card| drop(card["self_test"]["counterfactual"].as_array_mut().unwrap().pop()));
    assert!(refusal(&shorter).starts_with("field self_test.counterfactual: it has 63 values instead of 64;"));
}

#[test]
fn a_card_that_does_not_match_the_tensors_is_rejected() {
    let file = file();
    // The last one would need 8 GB.
    for (network, key, value) in [
        ("inpainter", "widths", json!([2, 5])),
        ("inpainter", "widths", json!([4000, 4000])),
        ("inpainter", "widths", json!([4096, 4096, 4096, 4096, 4096, 4096])),
        ("classifier", "width", json!(1024)),
    ] {
        let wider = with_card(&file, |card| card[network][key] = value.clone());
        let refused = refusal(&wider);
        assert!(refused.starts_with("tensor ") && refused.contains("the architecture needs"), "{refused}");
    }
}

#[test]
fn changed_weights_other_tensors_and_a_wrong_hash_are_rejected() {
    let file = file();
    let mut flipped = file.clone();
    *flipped.last_mut().unwrap() ^= 1;
    assert!(refusal(&flipped).contains("weights_sha256"));

    let hash = with_card(&file, |card| card["weights_sha256"] = json!("0"));
    assert!(refusal(&hash).contains("weights_sha256"));

    let head = "inpainter.generator.head.weight";
    let renamed = |name: &str| {
        with_true_hash(&with_header(&file, |header| {
            header[name] = header.as_object_mut().unwrap().remove(head).unwrap()
        }))
    };
    let missing = "tensor generator.head.weight is missing; download or export the model again";
    assert_eq!(refusal(&renamed("inpainter.other")), missing);
    assert!(refused(&renamed("inpainter.other")).source().is_none(), "an error source would repeat the message");
    assert!(refusal(&renamed("other")).starts_with("tensor other does not belong"), "{}", refusal(&renamed("other")));

    let turned = with_header(&file, |header| header[head]["shape"].as_array_mut().unwrap().swap(0, 1));
    let expected = "tensor generator.head.weight has shape [2, 1, 3, 3], but the architecture needs [1, 2, 3, 3]; ";
    assert!(refusal(&turned).starts_with(expected), "{}", refusal(&turned));
}

#[test]
fn other_safetensors_files_are_rejected() {
    let other = with_header(&file(), |header| {
        header.as_object_mut().unwrap().remove("__metadata__");
    });
    assert!(refusal(&other).contains("not a COIN model"), "{}", refusal(&other));
}
