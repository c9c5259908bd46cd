//! Candidate verification: computes and applies the rule of [`coin_core::verification`].

use anyhow::Context as _;
use burn::tensor::Device;
use coin_core::explanation::{Explainer, Explanation};
use coin_core::verification::{Candidates, Verification};
use coin_imaging::Mask;

/// The candidates of an explanation that were put back.
pub struct Tested {
    /// The candidates.
    pub candidates: Candidates,
    /// The probability of "abnormal" with one of them put back, in their order.
    pub probabilities: Vec<f32>,
}

/// Explains `images`, each `size * size` values in [-1, 1], and applies the model's verification.
///
/// # Errors
/// If the device fails.
pub fn explain(
    explainer: &Explainer,
    images: &[&[f32]],
    size: usize,
    device: &Device,
) -> anyhow::Result<Vec<Explanation>> {
    let explanations = explainer.explain(images.concat(), size, device)?.read()?;
    let Some(rule) = explainer.verification else { return Ok(explanations) };
    let pairs = images.iter().zip(explanations);
    pairs.map(|(image, explanation)| verified(explainer, rule, image, explanation, size, device)).collect()
}

/// Tests the components of the difference map above `threshold`.
///
/// # Errors
/// If the device fails.
pub fn test_candidates(
    explainer: &Explainer,
    threshold: f32,
    image: &[f32],
    explanation: &Explanation,
    size: usize,
    device: &Device,
) -> anyhow::Result<Tested> {
    let mask = Mask::from_threshold(&explanation.difference, size, size, threshold).context("the model's size is 0")?;
    let candidates = Candidates::new(&mask.component_numbers(), size);
    let probabilities = match candidates.count() {
        0 => Vec::new(),
        _ => {
            let images = candidates.images(image, &explanation.counterfactual);
            explainer.probabilities(images, size, device)?.read()?
        }
    };
    Ok(Tested { candidates, probabilities })
}

/// Keeps the differences that `rule` selects.
fn verified(
    explainer: &Explainer,
    rule: Verification,
    image: &[f32],
    explanation: Explanation,
    size: usize,
    device: &Device,
) -> anyhow::Result<Explanation> {
    let Tested { candidates, probabilities } =
        test_candidates(explainer, rule.threshold, image, &explanation, size, device)?;
    let kept = rule.kept(explanation.after, &probabilities);
    Ok(Explanation { difference: candidates.difference(&kept, &explanation.difference), ..explanation })
}
