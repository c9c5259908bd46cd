//! Masks and resampling compared with the reference implementation (tests/golden).
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod archive;

use archive::array;
use coin_imaging::{InputTransform, Mask, Slice, Spacing, Window};

/// The masks of `side` x `side` pixels in an array.
fn masks(name: &str, side: usize) -> Vec<Mask> {
    let pixels: Vec<bool> = array::<u8>("metrics.npz", name).into_iter().map(|value| value > 0).collect();
    pixels.chunks_exact(side * side).map(|pixels| Mask::new(side, side, pixels.to_vec()).unwrap()).collect()
}

fn mask(name: &str) -> Mask {
    masks(name, 24).remove(0)
}

#[test]
fn morphology_matches_the_reference() {
    let input = mask("morph.in");
    assert_eq!(input.opened(), mask("morph.open"));
    assert_eq!(input.opened().closed(), mask("morph.close_of_open"));
    assert_eq!(input.largest_components(1), [mask("morph.largest_cc_of_in")]);
}

#[test]
fn postprocessing_matches_the_reference() {
    let (found, expected) = (masks("iou.seg", 32), masks("iou.seg_postprocessed", 32));
    assert_eq!(found.len(), 4);
    assert_eq!(found.iter().map(Mask::postprocessed).collect::<Vec<_>>(), expected);
}

#[test]
fn iou_after_postprocessing_is_pooled_over_abnormal_slices() {
    let (found, truth) = (masks("iou.seg", 32), masks("iou.mask", 32));
    let labels: Vec<i64> = array("metrics.npz", "iou.label");
    let (mut both, mut either) = (0, 0);
    for ((found, truth), _) in found.iter().zip(&truth).zip(&labels).filter(|(_, label)| **label == 1) {
        let cleaned = found.postprocessed();
        let pixels = || cleaned.as_slice().iter().zip(truth.as_slice());
        both += pixels().filter(|(found, truth)| **found && **truth).count();
        either += pixels().filter(|(found, truth)| **found || **truth).count();
    }
    let expected: Vec<f64> = array("metrics.npz", "iou.pooled_t25_post");
    assert!((both as f64 / either as f64 - expected[0]).abs() < 1e-6);
}

#[test]
fn fingerprint_normalisation_matches_the_reference() {
    let [_, _, low, high] = array::<f64>("data.npz", "norm.fingerprint_mean_std_p005_p995")[..] else { panic!() };
    let window = Window::new(low as f32, high as f32).unwrap();
    let hu: Vec<i16> = array("data.npz", "norm.hu");
    let expected: Vec<f32> = array("data.npz", "norm.ct.rescale1");
    for (hu, expected) in hu.into_iter().zip(expected) {
        let found = window.normalise(hu.into());
        assert!((found - expected).abs() < 1e-5, "{hu} HU: {found} instead of {expected}");
    }
}

#[test]
fn slice_resizing_matches_the_reference() {
    // 40 rows of 1.5 mm and 48 columns of 1.25 mm are square in mm, so there is no padding.
    let spacing = Spacing::new(1.5, 1.25).unwrap();
    let slice = Slice::new(48, 40, array("data.npz", "resize.linear.in"), Some(spacing)).unwrap();
    for (size, name) in [(64, "resize.linear.64x64"), (32, "resize.linear.32x32_down")] {
        let expected: Vec<f32> = array("data.npz", name);
        let found = InputTransform::of(&slice, size).apply(&slice, Window::new(-1e5, 1e5).unwrap());
        assert_eq!(found.hu().len(), expected.len());
        let worst = found.hu().iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst <= 1e-5, "{name}: off by {worst}");
    }
}

/// OpenCV's nearest neighbour takes the sample at the left edge of each pixel, and so do masks.
#[test]
fn mask_resizing_matches_the_reference() {
    let mask = |name: &str, width: usize, height: usize| {
        let inside = array::<u8>("data.npz", name).into_iter().map(|value| value > 0).collect();
        Mask::new(width, height, inside).unwrap()
    };
    let (inserted, expected) = (mask("inc.even20.mask", 48, 40), mask("resize.nearest.64x64", 64, 64));
    assert!(InputTransform::of_grid(48, 40, [1.5, 1.25], 64).apply_mask(&inserted) == expected);
    assert!(expected.count() > 100);
}
