//! The training slices of distillation: their masks are COIN's.

use coin_core::explanation::{ABNORMAL, Explainer};
use coin_core::verification;

use super::context::TrainingContext;
use crate::Error;
use crate::data::{Dataset, Sample, Subset};
use crate::evaluation::{self, BATCH, MaskRule, PAPER_THRESHOLD};

/// Seed of the synthetic anomalies in these slices.
const SEED: u64 = 2;

/// The data with COIN's masks, by the rules that validation chooses. An abnormal slice is left out if the classifier calls it
/// normal, or still calls it abnormal without the region of the mask; no reference mask is needed to see that. Normal slices
/// have empty masks.
///
/// # Errors
/// If no abnormal slice is left, a slice cannot be read, or the device fails.
pub fn with_own_masks(context: &TrainingContext<'_>, explainer: &Explainer) -> anyhow::Result<Dataset> {
    let TrainingContext { recipe, data, devices } = context;
    let (device, size) = (&devices.first, recipe.input.size);
    let usual = MaskRule::at(PAPER_THRESHOLD);
    let rules = evaluation::choose_rules(explainer, device, size, &context.validation_samples(), usual)?;
    let explainer = Explainer { verification: rules.verification, ..explainer.clone() };
    let samples = data.samples(&[Subset::Train], &recipe.anomaly, SEED);
    let (mut kept, mut abnormal) = (Vec::new(), [0, 0]);
    for batch in samples.batches(BATCH) {
        let (normal, others): (Vec<Sample>, Vec<Sample>) =
            batch?.into_iter().map(|(_, sample)| sample).partition(|sample| !sample.abnormal);
        kept.extend(normal);
        abnormal[0] += others.len();
        let images: Vec<&[f32]> = others.iter().map(|sample| &sample.input[..]).collect();
        let explanations = match images.is_empty() {
            true => Vec::new(),
            false => evaluation::explain(&explainer, &images, size, device)?,
        };
        for (sample, explanation) in others.into_iter().zip(explanations) {
            let Some(mask) = rules.mask.apply(&explanation.difference, size) else { continue };
            let without =
                verification::without_region(mask.as_slice(), size, &sample.input, &explanation.counterfactual);
            let after = explainer.probabilities(without, size, device)?.read()?;
            if explanation.before >= ABNORMAL && after.iter().all(|after| *after < ABNORMAL) {
                abnormal[1] += 1;
                kept.push(Sample { truth: Some(mask), clean: None, ..sample });
            }
        }
    }
    let [all, used] = abnormal;
    eprintln!("distillation: the masks of {used} of {all} abnormal training slices are used");
    match used {
        0 => {
            let reason = "distillation: COIN's masks remove no finding from the training slices; train it longer";
            Err(Error::Usage(reason.into()).into())
        }
        _ => Ok(data.trained_on(kept, size)?),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use coin_core::bundle::Bundle;
    use coin_core::metrics::Overlap;

    use super::*;
    use crate::device::Devices;
    use crate::recipe::Recipe;

    #[test]
    fn the_training_slices_have_coins_masks() {
        let changes = ["data.train=24", "data.validation=8", "data.test=2"].map(str::to_owned);
        let recipe = Recipe::load("quick", &changes).unwrap();
        let data = Dataset::open(&recipe.protocol(), None, &Subset::ALL).unwrap();
        let devices = Devices::open(&["cpu".parse().unwrap()]).unwrap();
        let context = TrainingContext { recipe: &recipe, data: &data, devices: &devices };
        let shipped = include_bytes!("../../../../models/coin-phantom/coin-phantom.safetensors");
        let explainer = Bundle::read(shipped).unwrap().explainer(&devices.first).unwrap();

        let own = with_own_masks(&context, &explainer).unwrap();
        let samples = data.samples(&[Subset::Train], &recipe.anomaly, SEED);
        let places: Vec<usize> = (0..samples.len()).collect();
        let reference = samples.at(&places).unwrap();
        let mut overlap = Overlap::default();
        let (cases, mut normal) = (own.cases(Subset::Train), 0);
        for index in 0..cases.len() {
            let case = cases.get(index).unwrap();
            let known = reference.iter().find(|known| known.name == case.name).unwrap();
            assert!(case.slice.hu() == known.input, "{}: the image is the same", case.name);
            assert_eq!(cases.is_abnormal(index), known.abnormal, "{}", case.name);
            match (&case.finding, &known.truth) {
                (None, None) => normal += 1,
                (Some(mask), Some(truth)) => {
                    assert!(mask != truth, "{}: the mask is COIN's", case.name);
                    overlap.add(Overlap::of(mask.as_slice().iter().copied(), truth.as_slice().iter().copied()));
                }
                _ => panic!("{}: one of the masks is missing", case.name),
            }
        }
        assert_eq!(normal, reference.iter().filter(|known| !known.abnormal).count(), "all normal slices are kept");
        assert!(cases.len() > 16, "{} of {} slices are kept", cases.len(), reference.len());
        let iou = overlap.iou().unwrap();
        assert!(iou > 0.7, "IoU {iou}");

        // An inpainter that changes nothing removes no finding.
        let idle = recipe.counterfactual.inpainter.init(&devices.first);
        let reason = with_own_masks(&context, &Explainer { inpainter: idle, ..explainer }).unwrap_err().to_string();
        assert!(reason.contains("remove no finding"), "{reason}");
    }
}
