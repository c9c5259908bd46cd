//! Finishes a trained run: model file, report and picture sheet.

use std::collections::BTreeMap;
use std::time::Instant;

use burn::module::Module as _;
use burn::tensor::Device;
use coin_core::attribution::SaliencyMethod;
use coin_core::bundle::{Bundle, Card};
use coin_core::networks::UNet;

use super::card::card;
use super::context::TrainingContext;
use super::segmenter::{CoinMasks, ReferenceMasks};
use super::training::Training;
use crate::data::{Samples, Subset};
use crate::evaluation::{self, Distances, MaskRule, MethodReport, PAPER_THRESHOLD, SEGMENTER_MASK_RULE};
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
        let device = &devices.first;
        let trained = self.trained()?;
        let card = Card {
            data: data.description.clone(),
            modality: data.modality.clone(),
            unit: data.unit.name().to_owned(),
            normalisation: data.normalisation,
            ..card(recipe)?
        };
        let cpu = Device::flex();
        let mut bundle =
            Bundle::pack(card, trained.inpainter.to_device(&cpu), trained.classifier.to_device(&cpu), &cpu)?;

        let mut explainer = bundle.explainer(device)?;
        let (usual, validation) = (MaskRule::at(PAPER_THRESHOLD), self.context.validation_samples());
        let rules = evaluation::choose_rules(&explainer, device, recipe.input.size, &validation, usual)?;
        let mask_rule = rules.mask;
        explainer.temperature = evaluation::fit_temperature(&explainer, device, recipe.input.size, &validation)?;
        explainer.verification = rules.verification;
        explainer.ood = ood::of(&recipe.protocol(), recipe.seed, data)?;
        let started = Instant::now();
        let samples = data.samples(&[Subset::Test], &recipe.anomaly, TEST_SEED);
        let found = evaluation::evaluate(
            &explainer,
            device,
            recipe.input.size,
            &samples,
            mask_rule,
            Distances::Features(None),
        )?;
        let segmented = |segmenter: &UNet, samples: &Samples<'_>, mask_rule: MaskRule| {
            evaluation::evaluate_segmenter(segmenter, device, recipe.input.size, samples, mask_rule)
        };
        let distilled = self.trained_segmenter::<CoinMasks>()?.map(|segmenter| {
            // COIN's masks are often too small, so the probabilities are too low for a threshold of 0.5.
            let known = segmented(&segmenter, &validation, SEGMENTER_MASK_RULE)?.best();
            segmented(&segmenter, &samples, known.map_or(SEGMENTER_MASK_RULE, |(threshold, _)| MaskRule::at(threshold)))
        });
        let supervised = self.trained_segmenter::<ReferenceMasks>()?;
        let supervised = supervised.map(|segmenter| segmented(&segmenter, &samples, SEGMENTER_MASK_RULE));
        let description = format!("test split; {}", data.description);
        let seconds = started.elapsed().as_secs_f64();
        let mut report = Report::new(&recipe.model, &description, devices.first_name(), mask_rule, &found, seconds);
        report.methods.distilled = distilled.transpose()?;
        report.methods.unet = supervised.transpose()?;
        report.methods.saliency = saliency;
        let shown = samples.at(&report::representative(&found))?;
        let sheet = Sheet::of(&explainer, device, recipe.input.size, &shown, mask_rule)?;
        let thumbnails = Thumbnails::of(&explainer, device, recipe.input.size, &samples, &found, mask_rule)?;
        report.write(self.run.folder(), &sheet, &thumbnails)?;

        bundle.card.ood = explainer.ood;
        bundle.card.temperature = explainer.temperature;
        rules.put(&mut bundle.card);
        bundle.card.results = serde_json::to_value(report.clone().without_slices())?;
        files::write(&self.run.folder().join(format!("{}.safetensors", recipe.model)), &bundle.write()?)?;
        Ok(report)
    }
}
