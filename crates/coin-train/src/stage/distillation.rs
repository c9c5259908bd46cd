//! The training slices of distillation: their masks are COIN's.

use coin_core::explanation::{ABNORMAL, Explainer};
use coin_core::verification;

use super::context::TrainingContext;
use crate::data::{Dataset, Sample, Subset};
use crate::evaluation::{self, BATCH, MaskRule, PAPER_THRESHOLD};
use crate::{interrupt, progress};

/// Seed of the synthetic anomalies in these slices.
const SEED: u64 = 2;

/// The training data of the stage.
pub enum OwnMasks {
    /// Slices with COIN's masks.
    Data(Box<Dataset>),
    /// No mask of COIN's removes what the classifier saw.
    None,
    /// Ctrl-C.
    Interrupted,
}

/// The data with COIN's masks, by the rules that validation chooses. An abnormal slice is left out if the classifier calls it
/// normal, or still calls it abnormal without the region of the mask; no reference mask is needed to see that. Normal slices
/// have empty masks.
///
/// # Errors
/// If a slice cannot be read, or the device fails.
pub fn with_own_masks(context: &TrainingContext<'_>, explainer: &Explainer) -> anyhow::Result<OwnMasks> {
    let TrainingContext { recipe, data, devices } = context;
    let (device, size) = (&devices.first, recipe.input.size);
    let usual = MaskRule::at(PAPER_THRESHOLD);
    let rules = evaluation::choose_rules(explainer, device, size, &context.validation_samples(), usual)?;
    let explainer = Explainer { verification: rules.verification, ..explainer.clone() };
    let samples = data.samples(&[Subset::Train], &recipe.anomaly, SEED);
    let bar = progress::bar("masks", samples.len() as u64, 0);
    let (mut kept, mut all, mut used) = (Vec::new(), 0, 0);
    for batch in samples.batches(BATCH) {
        if interrupt::asked() {
            return Ok(OwnMasks::Interrupted);
        }
        let batch = batch?.into_iter().map(|(_, sample)| Sample { clean: None, ..sample });
        let (abnormal, normal): (Vec<Sample>, Vec<Sample>) = batch.partition(|sample| sample.abnormal);
        bar.inc((abnormal.len() + normal.len()) as u64);
        kept.extend(normal);
        all += abnormal.len();
        if abnormal.is_empty() {
            continue;
        }
        let images: Vec<&[f32]> = abnormal.iter().map(|sample| &sample.input[..]).collect();
        let explanations = evaluation::explain(&explainer, &images, size, device)?;
        for (sample, explanation) in abnormal.into_iter().zip(explanations) {
            let seen = explanation.before >= ABNORMAL;
            let Some(mask) = rules.mask.apply(&explanation.difference, size).filter(|_| seen) else { continue };
            let without =
                verification::without_region(mask.as_slice(), size, &sample.input, &explanation.counterfactual);
            let after = explainer.probabilities(without, size, device)?.read()?;
            if after.iter().all(|after| *after < ABNORMAL) {
                used += 1;
                kept.push(Sample { truth: Some(mask), ..sample });
            }
        }
    }
    bar.finish_and_clear();
    if used == 0 {
        return Ok(OwnMasks::None);
    }
    eprintln!("distillation: the masks of {used} of {all} abnormal training slices are used");
    Ok(OwnMasks::Data(Box::new(data.trained_on(kept)?)))
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

        let OwnMasks::Data(own) = with_own_masks(&context, &explainer).unwrap() else { panic!("no masks") };
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
        let idle = Explainer { inpainter: idle, ..explainer };
        assert!(matches!(with_own_masks(&context, &idle).unwrap(), OwnMasks::None));
    }
}
