//! The two stages of a training: the classifier, then the counterfactual against it.

use anyhow::{Context as _, bail};
use burn::module::Module as _;
use burn::tensor::{Device, Tensor, TensorData, activation::sigmoid};
use coin_core::explanation::Explainer;
use coin_core::metrics::Ranking;
use coin_core::networks::ResNet;
use coin_core::training::{ClassifierTrainer, CoinTrainer};
use coin_imaging::picture::Picture;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::data::{Dataset, Purpose, Sample};
use crate::evaluation::{self, Evaluation, Masking};
use crate::interrupt;
use crate::recipe::Recipe;
use crate::run::Run;

/// The reference threshold on the difference map (paper section 4).
pub const PAPER_THRESHOLD: f32 = 0.25;
/// Validation anomalies come from this seed, whatever the training's.
const VALIDATION_SEED: u64 = 1;
/// Rows of the picture grid of each validation.
const PICTURED: usize = 6;
const CLASSIFIER: &str = "classifier";
const COUNTERFACTUAL: &str = "counterfactual";

/// How a stage ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// All steps were taken.
    Done,
    /// Ctrl-C; the state is saved.
    Interrupted,
}

/// What every stage works with.
pub struct Training<'a> {
    /// The recipe.
    pub recipe: &'a Recipe,
    /// The data.
    pub data: &'a Dataset,
    /// Where results go.
    pub run: &'a Run,
    /// Where it computes; without gradients.
    pub device: &'a Device,
}

impl Training<'_> {
    /// Trains the classifier from the newest checkpoint on; keeps the state with the best validation AUROC and accuracy.
    pub fn classifier(&self) -> anyhow::Result<Ending> {
        let stage = &self.recipe.classifier;
        let mut trainer = self.new_classifier_trainer();
        let checkpoints = self.run.checkpoints(CLASSIFIER);
        if let Some(state) = checkpoints.newest()? {
            trainer = trainer.load_state(&state)?;
        }
        self.run.rewind_log(CLASSIFIER, trainer.steps() + 1)?;
        let validation = self.validation_samples();
        let mut best = self.best_logged(CLASSIFIER, "score")?;
        let bar = bar(CLASSIFIER, stage.steps, trainer.steps());
        while trainer.steps() < stage.steps {
            let batch = self.data.batch(self.recipe, 0, trainer.steps(), stage.batch);
            let labels: Vec<bool> = batch.iter().map(|sample| sample.truth.is_some()).collect();
            let loss = trainer.step(self.tensor(&batch), &labels, 1.0);
            let step = trainer.steps();
            if !loss.is_finite() {
                bail!(
                    "the classifier's loss became {loss} at step {step}; lower classifier.training.learning_rate and --resume {}",
                    self.run.folder().display()
                );
            }
            self.run.log(&json!({ "stage": CLASSIFIER, "step": step, "loss": loss }))?;
            bar.set_message(format!("loss {loss:.4}"));
            bar.inc(1);
            let last = step == stage.steps;
            if last || step.is_multiple_of(stage.validate_every) {
                let summary = self.rank(&trainer.trained(), &validation)?.summary();
                let (auroc, accuracy) = (summary.auroc.unwrap_or(0.0), summary.accuracy.unwrap_or(0.0));
                // AUROC alone does not see a classifier whose probabilities all lean to one side.
                let score = (auroc + accuracy) / 2.0;
                say(&bar, &format!("classifier step {step}: validation AUROC {auroc:.4}, accuracy {accuracy:.4}"));
                self.run.log(&json!({ "stage": CLASSIFIER, "step": step, "score": score, "validation": summary }))?;
                let state = trainer.state()?;
                // Later is better at the same score: the loss goes on falling.
                if best.is_none_or(|best| score >= best) {
                    best = Some(score);
                    self.run.keep_best(CLASSIFIER, &state)?;
                }
                checkpoints.save(&state)?;
            }
            if interrupt::asked() && !last {
                checkpoints.save(&trainer.state()?)?;
                return Ok(Ending::Interrupted);
            }
        }
        bar.finish();
        Ok(Ending::Done)
    }

    /// Trains COIN from the newest checkpoint on; keeps the state with the best validation IoU.
    pub fn counterfactual(&self) -> anyhow::Result<Ending> {
        let stage = &self.recipe.counterfactual;
        let classifier = self.best_classifier()?;
        let mut trainer = self.new_coin_trainer(classifier.clone());
        let checkpoints = self.run.checkpoints(COUNTERFACTUAL);
        if let Some(state) = checkpoints.newest()? {
            trainer = trainer.load_state(&state)?;
        }
        self.run.rewind_log(COUNTERFACTUAL, trainer.steps() + 1)?;
        let validation = self.validation_samples();
        let mut best = self.best_logged(COUNTERFACTUAL, "score")?;
        let bar = bar(COUNTERFACTUAL, stage.steps, trainer.steps());
        while trainer.steps() < stage.steps {
            let batch = self.data.batch(self.recipe, 1, trainer.steps(), stage.batch);
            let rate = if trainer.steps() >= stage.drop_after { stage.drop_factor } else { 1.0 };
            let losses = trainer.step(self.tensor(&batch), rate);
            let step = trainer.steps();
            if !losses.is_finite() {
                bail!(
                    "a loss became infinite or NaN at step {step}: {losses:?}; lower counterfactual.training.learning_rate and --resume {}",
                    self.run.folder().display()
                );
            }
            self.run.log(&json!({ "stage": COUNTERFACTUAL, "step": step, "losses": losses }))?;
            let generator = losses.generator.as_ref().map_or(f32::NAN, |generator| generator.total);
            bar.set_message(format!("G {generator:.3}  D {:.3}", losses.discriminator));
            bar.inc(1);
            let last = step == stage.steps;
            if last || step.is_multiple_of(stage.validate_every) {
                let explainer = Explainer { inpainter: trainer.trained(), classifier: classifier.valid() };
                let found = self.validate(&explainer, &validation)?;
                let (threshold, score) = found.best_threshold.unwrap_or((PAPER_THRESHOLD, 0.0));
                say(
                    &bar,
                    &format!(
                        "counterfactual step {step}: validation IoU {:.3} at {PAPER_THRESHOLD} ({score:.3} at {threshold:.2}, ceiling {:.3}), CV {:.3}, change outside {:.4}",
                        found.coin.iou.unwrap_or(0.0),
                        found.coin.ceiling_iou.unwrap_or(0.0),
                        found.coin.cv.unwrap_or(0.0),
                        found.coin.change_outside.unwrap_or(0.0),
                    ),
                );
                self.run.log(&json!({ "stage": COUNTERFACTUAL, "step": step, "score": score, "threshold": threshold, "validation": found.coin }))?;
                self.run.picture(&format!("step-{step:06}"), &self.grid(&explainer, &validation, threshold)?)?;
                let state = trainer.state()?;
                if best.is_none_or(|best| score > best) {
                    best = Some(score);
                    self.run.keep_best(COUNTERFACTUAL, &state)?;
                }
                checkpoints.save(&state)?;
            }
            if interrupt::asked() && !last {
                checkpoints.save(&trainer.state()?)?;
                return Ok(Ending::Interrupted);
            }
        }
        bar.finish();
        Ok(Ending::Done)
    }

    /// The networks of the best states.
    pub fn trained(&self) -> anyhow::Result<Explainer> {
        let classifier = self.best_classifier()?;
        let best = self.run.best(COUNTERFACTUAL).newest()?;
        let best = best.context("the counterfactual is not trained yet; run --stage counterfactual")?;
        let trainer = self.new_coin_trainer(classifier.clone()).load_state(&best)?;
        Ok(Explainer { inpainter: trainer.trained(), classifier: classifier.valid() })
    }

    /// Validation numbers of a model at the paper's threshold.
    pub fn validate(&self, explainer: &Explainer, samples: &[Sample]) -> anyhow::Result<Evaluation> {
        let masking = Masking { threshold: PAPER_THRESHOLD, postprocess: false };
        evaluation::evaluate(explainer, self.device, self.recipe.size, samples, masking)
    }

    /// The samples that choose checkpoint and threshold.
    pub fn validation_samples(&self) -> Vec<Sample> {
        self.data.samples(Purpose::Validation, self.recipe.window, &self.recipe.anomaly, VALIDATION_SEED)
    }

    fn new_classifier_trainer(&self) -> ClassifierTrainer {
        let device = self.device.clone().autodiff();
        device.seed(self.recipe.seed);
        let network = self.recipe.classifier.network.init(&device);
        ClassifierTrainer::new(network, self.recipe.classifier.training.clone())
    }

    fn new_coin_trainer(&self, classifier: ResNet) -> CoinTrainer {
        let stage = &self.recipe.counterfactual;
        let device = self.device.clone().autodiff();
        device.seed(self.recipe.seed + 1);
        let inpainter = stage.inpainter.init(&device);
        CoinTrainer::new(inpainter, stage.discriminator.init(&device), classifier, stage.training.clone())
    }

    /// The best classifier, on the training device.
    fn best_classifier(&self) -> anyhow::Result<ResNet> {
        let best = self.run.best(CLASSIFIER).newest()?;
        let best = best.context("the classifier is not trained yet; run --stage classifier first")?;
        Ok(self.new_classifier_trainer().load_state(&best)?.classifier)
    }

    fn best_logged(&self, stage: &str, field: &str) -> anyhow::Result<Option<f64>> {
        let lines = self.run.logged()?;
        let scores = lines.iter().filter(|line| line["stage"] == stage).filter_map(|line| line[field].as_f64());
        Ok(scores.max_by(f64::total_cmp))
    }

    fn rank(&self, classifier: &ResNet, samples: &[Sample]) -> anyhow::Result<Ranking> {
        let mut ranking = Ranking::default();
        for batch in samples.chunks(self.recipe.classifier.batch) {
            let x = images(batch, self.recipe.size, self.device);
            let probabilities = sigmoid(classifier.forward(x)).try_into_vec_as::<f32>();
            let probabilities = probabilities.map_err(|reason| anyhow::anyhow!("the device failed: {reason:?}"))?;
            for (sample, probability) in batch.iter().zip(probabilities) {
                ranking.add(f64::from(probability), sample.truth.is_some());
            }
        }
        Ok(ranking)
    }

    fn tensor(&self, batch: &[Sample]) -> Tensor<4> {
        images(batch, self.recipe.size, &self.device.clone().autodiff())
    }

    fn grid(&self, explainer: &Explainer, samples: &[Sample], threshold: f32) -> anyhow::Result<Picture> {
        let abnormal = samples.iter().filter(|sample| sample.truth.is_some()).take(PICTURED - 1);
        let chosen: Vec<Sample> =
            abnormal.chain(samples.iter().find(|sample| sample.truth.is_none())).cloned().collect();
        let masking = Masking { threshold, postprocess: false };
        crate::report::sheet(explainer, self.device, self.recipe.size, &chosen, masking)
    }
}

/// The one place where samples become a tensor `[batch, 1, size, size]`.
fn images(batch: &[Sample], size: usize, device: &Device) -> Tensor<4> {
    let values: Vec<f32> = batch.iter().flat_map(|sample| sample.input.iter().copied()).collect();
    Tensor::from_data(TensorData::new(values, [batch.len(), 1, size, size]), device)
}

fn bar(name: &'static str, steps: u64, done: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{prefix} {wide_bar} {pos}/{len}  {msg}  {eta} left");
    let bar = ProgressBar::new(steps).with_prefix(name).with_position(done);
    // The time left counts from here, not from before a resume.
    bar.reset_eta();
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// A line above the bar, and on its own where there is no terminal to draw a bar on.
fn say(bar: &ProgressBar, line: &str) {
    bar.suspend(|| eprintln!("{line}"));
}
