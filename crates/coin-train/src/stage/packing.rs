//! Finishes a trained run: model file, report and picture sheet.

use std::collections::BTreeMap;
use std::time::Instant;

use burn::module::Module as _;
use burn::tensor::Device;
use coin_core::attribution::SaliencyMethod;
use coin_core::bundle::{Bundle, Card, Networks, Segmenter};

use super::card::card;
use super::context::TrainingContext;
use super::segmenter::{CoinMasks, ReferenceMasks};
use super::training::Training;
use crate::data::Subset;
use crate::evaluation::{
    self, CLEARLY_BETTER, Distances, MaskRule, MethodReport, PAPER_THRESHOLD, SEGMENTER_MASK_RULE,
};
use crate::files;
use crate::ood;
use crate::report::{self, Report, Sheet, Thumbnails};

/// Seed of the synthetic anomalies in the test set.
pub const TEST_SEED: u64 = 7;

impl Training<'_> {
    /// Packs the model file, chooses its rules on the validation set and evaluates it once on the test set. The report
    /// compares it with the results in `saliency`.
    ///
    /// # Errors
    /// If a stage is not trained yet, or a file, slice or device fails.
    pub fn finish(&self, saliency: BTreeMap<SaliencyMethod, MethodReport>) -> anyhow::Result<Report> {
        let TrainingContext { recipe, data, devices } = self.context;
        let (device, size) = (&devices.first, recipe.input.size);
        let trained = self.trained()?;
        let distilled = self.trained_segmenter::<CoinMasks>()?;
        let described = recipe.distillation().filter(|_| distilled.is_some()).map(|stage| Segmenter {
            network: stage.unet(&recipe.counterfactual.inpainter),
            threshold: SEGMENTER_MASK_RULE.threshold,
        });
        let card = Card {
            segmenter: described,
            data: data.description.clone(),
            modality: data.modality.clone(),
            unit: data.unit.name().to_owned(),
            normalisation: data.normalisation,
            ..card(recipe)?
        };
        let cpu = Device::flex();
        let networks = Networks {
            inpainter: trained.inpainter.to_device(&cpu),
            classifier: trained.classifier.to_device(&cpu),
            segmenter: distilled.map(|segmenter| segmenter.to_device(&cpu)),
        };
        let mut bundle = Bundle::pack(card, networks.clone(), &cpu)?;

        let mut explainer = bundle.explainer(device)?;
        let (usual, validation) = (MaskRule::at(PAPER_THRESHOLD), self.context.validation_samples());
        let rules = evaluation::choose_rules(&explainer, device, size, &validation, usual)?;
        let mask_rule = rules.mask;
        let segmenter = explainer.segmenter.take();
        let best = segmenter.as_ref().map(|network| evaluation::choose_threshold(network, device, size, &validation));
        let best = best.transpose()?.flatten();
        if let (Some(segmenter), Some((threshold, _))) = (&mut bundle.card.segmenter, best) {
            segmenter.threshold = threshold;
        }
        explainer.temperature = evaluation::fit_temperature(&explainer, device, size, &validation)?;
        explainer.verification = rules.verification;
        explainer.ood = ood::of(&recipe.protocol(), recipe.seed, data)?;
        let started = Instant::now();
        let samples = data.samples(&[Subset::Test], &recipe.anomaly, TEST_SEED);
        let found = evaluation::evaluate(&explainer, device, size, &samples, mask_rule, Distances::Features(None))?;
        let distilled = segmenter.as_ref().zip(bundle.card.segmenter.as_ref()).map(|(network, segmenter)| {
            evaluation::evaluate_segmenter(network, device, size, &samples, MaskRule::at(segmenter.threshold))
        });
        let supervised = self
            .trained_segmenter::<ReferenceMasks>()?
            .map(|segmenter| evaluation::evaluate_segmenter(&segmenter, device, size, &samples, SEGMENTER_MASK_RULE));
        let description = format!("test split; {}", data.description);
        let seconds = started.elapsed().as_secs_f64();
        let mut report = Report::new(&recipe.model, &description, devices.first_name(), mask_rule, &found, seconds);
        report.methods.distilled = distilled.transpose()?;
        report.methods.unet = supervised.transpose()?;
        report.methods.saliency = saliency;
        let shown = samples.at(&report::representative(&found))?;
        let sheet = Sheet::of(&explainer, device, size, &shown, mask_rule)?;
        let thumbnails = Thumbnails::of(&explainer, device, size, &samples, &found, mask_rule)?;
        report.write(self.run.folder(), &sheet, &thumbnails)?;

        if segmenter.is_some() && !is_worth_its_size(best.map(|(_, iou)| iou), rules.iou) {
            let card = Card { segmenter: None, ..bundle.card };
            bundle = Bundle::pack(card, Networks { segmenter: None, ..networks }, &cpu)?;
        }
        bundle.card.ood = explainer.ood;
        bundle.card.temperature = explainer.temperature;
        rules.put(&mut bundle.card);
        bundle.card.results = serde_json::to_value(report.clone().without_slices())?;
        files::write(&self.run.folder().join(format!("{}.safetensors", recipe.model)), &bundle.write()?)?;
        Ok(report)
    }
}

/// Whether a segmenter becomes part of the model file: it must be clearly better on validation than COIN's own masks.
fn is_worth_its_size(segmenter: Option<f64>, own: Option<f64>) -> bool {
    segmenter.is_some_and(|segmenter| segmenter > own.unwrap_or(0.0) + CLEARLY_BETTER)
}

#[cfg(test)]
mod tests {
    use super::is_worth_its_size;

    #[test]
    fn a_segmenter_must_be_clearly_better_than_coin() {
        assert!(is_worth_its_size(Some(0.637), Some(0.527)));
        assert!(!is_worth_its_size(Some(0.630), Some(0.626)));
        assert!(!is_worth_its_size(Some(0.5), Some(0.6)));
        assert!(!is_worth_its_size(None, Some(0.0)), "no mask of validation is known");
        assert!(is_worth_its_size(Some(0.3), None));
        assert!(!is_worth_its_size(Some(0.0), None));
    }
}
