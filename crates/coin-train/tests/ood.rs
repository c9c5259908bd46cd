//! OOD warnings of the shipped models: frequent on out-of-distribution images, rare on in-distribution ones.

#![allow(clippy::unwrap_used)]

use std::path::PathBuf;

use coin_imaging::phantom::Phantom;
use coin_imaging::{Slice, Window};
use coin_train::device::DeviceChoice;
use coin_train::evaluation::MaskRule;
use coin_train::explained::ExplainedSlice;
use coin_train::model::{MaskSource, Model, picture_window};

/// First seed of test phantoms, as in `data/dataset.rs`.
const FIRST_TEST_PATIENT: u64 = 2_000_000;

fn model(name: &str) -> Model {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../models").join(name).join(name);
    Model::open(&file.with_extension("safetensors"), DeviceChoice::Cpu).unwrap()
}

fn ood_score(model: &Model, slice: &Slice) -> f32 {
    let mask_rule = MaskRule::at(model.card.threshold);
    ExplainedSlice::of(model, slice, picture_window(&model.card).unwrap(), MaskSource::Difference, mask_rule)
        .unwrap()
        .ood_score
        .unwrap()
        .0
}

/// Intensity from 0 to 1 at (x, y).
type Pixel<'a> = &'a dyn Fn(usize, usize) -> f32;

/// Images of 128 x 128 pixels that are not CT, with intensities between the ends of a window.
fn pictures(window: Window) -> Vec<(&'static str, Slice)> {
    let (low, high) = (window.low(), window.high());
    let noise = |x: usize, y: usize| ((x * 7919 + y * 104_729) * 2_654_435_761 % 1000) as f32 / 1000.0;
    let kinds: [(&str, Pixel<'_>); 6] = [
        ("white", &|_, _| 1.0),
        ("ramp", &|x, _| x as f32 / 127.0),
        ("noise", &noise),
        ("chessboard", &|x, y| ((x / 16 + y / 16) % 2) as f32),
        ("lines of text", &|x, y| if y % 12 < 7 && (x * 5 + y * 3) % 7 < 2 { 0.0 } else { 1.0 }),
        ("a bright disc", &|x, y| if x.abs_diff(64).pow(2) + y.abs_diff(64).pow(2) < 900 { 1.0 } else { 0.2 }),
    ];
    let draw = |pixel: Pixel<'_>| {
        let hu = (0..128 * 128).map(|i| low + (high - low) * pixel(i % 128, i / 128)).collect();
        Slice::new(128, 128, hu, None).unwrap()
    };
    kinds.into_iter().map(|(name, pixel)| (name, draw(pixel))).collect()
}

#[test]
fn images_that_are_not_ct_are_out_of_distribution() {
    for name in ["coin-phantom", "coin-kidney-anomaly", "coin-kidney-tumour"] {
        let model = model(name);
        for (picture, slice) in pictures(picture_window(&model.card).unwrap()) {
            let found = ood_score(&model, &slice);
            assert!(found > 1.5, "{name} accepts {picture} as in-distribution: {found}");
        }
    }
}

#[test]
fn test_phantoms_are_in_distribution_unless_they_are_upside_down() {
    let model = model("coin-phantom");
    let size = model.card.size;
    let phantoms: Vec<Slice> =
        (0..40).map(|patient| Phantom::generate(FIRST_TEST_PATIENT + patient, size).slice).collect();
    let warned = |slices: &[Slice]| slices.iter().filter(|slice| ood_score(&model, slice) > 1.0).count();
    let alarms = warned(&phantoms);
    assert!(alarms <= 3, "{alarms} false alarms of 40");
    let turned = phantoms[..10].iter().map(|slice| {
        let hu = slice.hu().iter().rev().copied().collect();
        Slice::new(size, size, hu, slice.spacing()).unwrap()
    });
    let found = warned(&turned.collect::<Vec<_>>());
    assert!(found >= 8, "only {found} of 10 upside-down phantoms trigger a warning");
}
