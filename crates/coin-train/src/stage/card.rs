//! The model card of a recipe.

use coin_core::bundle::{Card, FORMAT, SelfTest};
use serde_json::Value;

use crate::evaluation::PAPER_THRESHOLD;
use crate::recipe::Recipe;

/// The model card of a recipe before training.
///
/// # Errors
/// If the recipe cannot be serialised to JSON.
pub fn card(recipe: &Recipe) -> serde_json::Result<Card> {
    Ok(Card {
        format: FORMAT,
        name: recipe.model.clone(),
        title: recipe.title.clone(),
        inpainter: recipe.counterfactual.inpainter.clone(),
        classifier: recipe.classifier.network.clone(),
        method: recipe.counterfactual.training.method,
        size: recipe.input.size,
        crop_to_body: recipe.input.crops_to_body(),
        normalisation: recipe.input.normalisation,
        finding: recipe.task.finding_name(),
        modality: String::new(),
        unit: String::new(),
        threshold: PAPER_THRESHOLD,
        seed_threshold: 0.0,
        postprocess: false,
        recipe: serde_json::to_value(recipe)?,
        data: String::new(),
        results: Value::Null,
        limits: recipe.limits.clone(),
        ood: None,
        verification: None,
        temperature: None,
        segmenter: None,
        licence: recipe.licence.clone(),
        weights_sha256: String::new(),
        self_test: SelfTest::unknown(),
    })
}
