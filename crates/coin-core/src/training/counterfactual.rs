//! The training step of COIN and its kin (paper section 3): discriminator every step, generator every n-th, classifier
//! frozen. A [`Method`] decides what the generator is asked for and what of the image must stay; all else is the same.

use burn::module::Module;
use burn::optim::{AdamConfig, GradientsParams, ModuleOptimizer};
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::average::ExponentialAverage;
use super::loss::{self, Adversarial, Distance};
use super::state::{StateError, TrainerState};
use crate::condition::Condition;
use crate::method::{Method, Verdict};
use crate::networks::{Classifier, Discriminator, Inpainter};

/// Hyperparameters of a training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CounterfactualConfig {
    /// What is asked of a counterfactual.
    #[serde(default)]
    pub method: Method,
    /// Distance in the reconstruction terms.
    #[serde(default)]
    pub distance: Distance,
    /// Adam's learning rate of both optimizers (betas 0 and 0.999, epsilon 1e-8).
    pub learning_rate: f64,
    /// Number of probability bins, the discriminator's conditions.
    pub bins: usize,
    /// Generator steps happen every this many steps.
    pub generator_frequency: u64,
    /// Adversarial loss.
    pub adversarial: Adversarial,
    /// Compute the KL term from logits instead of clamped probabilities.
    pub kl_on_logits: bool,
    /// Add the cyclic reconstruction.
    pub cycle: Cycle,
    /// Weight of the adversarial term.
    pub weight_adversarial: f64,
    /// Weight of the KL term.
    pub weight_kl: f64,
    /// Weight of the reconstruction terms.
    pub weight_reconstruction: f64,
    /// Weight of the distance between input and counterfactual.
    pub weight_minimal_change: f64,
    /// Weight of the total variation of the change.
    pub weight_total_variation: f64,
    /// Decay of the average of the generator's weights that inference uses; 0 uses the weights as they are.
    pub average_decay: f64,
}

/// The second half of the reconstruction term.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cycle {
    /// The counterfactual's own counterfactual is compared, too (the paper's).
    #[default]
    #[serde(alias = "input")]
    On,
    /// No cyclic term; half the work.
    Off,
}

/// Loss terms of one step, each already multiplied by its weight; the generator's are `None` on steps without it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CounterfactualLosses {
    /// Terms of the generator, and their sum.
    pub generator: Option<GeneratorLosses>,
    /// On real images.
    pub discriminator_real: f32,
    /// On counterfactuals.
    pub discriminator_fake: f32,
    /// Mean of the two.
    pub discriminator: f32,
}

/// See [`CounterfactualLosses`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GeneratorLosses {
    /// Adversarial term.
    pub adversarial: f32,
    /// KL term.
    pub kl: f32,
    /// Reconstruction terms.
    pub reconstruction: f32,
    /// Distance to the input.
    pub minimal_change: f32,
    /// Total variation of the change.
    pub total_variation: f32,
    /// Sum.
    pub total: f32,
}

impl CounterfactualLosses {
    /// False when a term is NaN or infinite.
    pub fn is_finite(&self) -> bool {
        self.discriminator.is_finite() && self.generator.as_ref().is_none_or(|g| g.total.is_finite())
    }
}

/// What a generator step computed before its optimizer ran, for tests and diagnostics.
pub struct GeneratorGradients {
    /// The weighted terms and their sum, `[6]`, in the order of [`GeneratorLosses`].
    pub terms: Tensor<1>,
    /// Gradient by parameter.
    pub gradients: GradientsParams,
}

/// Images, and the regions of them that [`Distance::Carl`] weighs.
#[derive(Clone, Debug)]
pub struct Batch {
    /// `[batch, 1, height, width]` in [-1, 1].
    pub images: Tensor<4>,
    /// `[batch, regions, height, width]` of 0 and 1.
    pub regions: Option<Tensor<4>>,
}

impl From<Tensor<4>> for Batch {
    fn from(images: Tensor<4>) -> Self {
        Self { images, regions: None }
    }
}

/// A batch through E and G.
struct Inpainted {
    features: Vec<Tensor<4>>,
    counterfactual: Tensor<4>,
}

/// Generator and discriminator, their optimizers, and the frozen classifier.
pub struct CounterfactualTrainer {
    /// E and G, on an autodiff device.
    pub inpainter: Inpainter,
    /// D, on an autodiff device.
    pub discriminator: Discriminator,
    classifier: Classifier,
    inpainter_optimizer: ModuleOptimizer,
    discriminator_optimizer: ModuleOptimizer,
    average: Option<ExponentialAverage<Inpainter>>,
    config: CounterfactualConfig,
    step: u64,
}

impl CounterfactualTrainer {
    /// All three networks must live on the same autodiff device; the classifier is frozen here.
    pub fn new(
        inpainter: Inpainter,
        discriminator: Discriminator,
        classifier: Classifier,
        config: CounterfactualConfig,
    ) -> Self {
        let adam = AdamConfig::new().with_beta_1(0.0).with_beta_2(0.999).with_epsilon(1e-8);
        let average = (config.average_decay > 0.0).then(|| ExponentialAverage::of(&inpainter, config.average_decay));
        Self {
            inpainter,
            discriminator,
            classifier: classifier.freeze(),
            inpainter_optimizer: adam.init(),
            discriminator_optimizer: adam.init(),
            average,
            config,
            step: 0,
        }
    }

    /// One step, at `rate` times the learning rate.
    pub fn step(&mut self, batch: impl Into<Batch>, rate: f64) -> CounterfactualLosses {
        let batch = batch.into();
        let learning_rate = self.config.learning_rate * rate;
        let verdict = self.verdict(&batch);
        let with_generator = self.step.is_multiple_of(self.config.generator_frequency.max(1));

        let inpainted = self.inpaint(&batch, &verdict);
        let fake = inpainted.counterfactual.clone().detach();
        let generator = with_generator.then(|| {
            let GeneratorGradients { terms, gradients } = self.generator_gradients(&batch, inpainted, &verdict);
            self.inpainter = self.inpainter_optimizer.step(learning_rate, self.inpainter.clone(), gradients);
            self.average = self.average.take().map(|average| average.update(&self.inpainter));
            terms
        });

        let (terms, gradients) = self.discriminator_gradients(batch.images, fake, &verdict);
        self.discriminator = self.discriminator_optimizer.step(learning_rate, self.discriminator.clone(), gradients);
        self.step += 1;
        read_losses(generator, terms)
    }

    /// Gradients of both networks for one batch, without a step; generator first.
    pub fn gradients(&self, batch: impl Into<Batch>) -> (GradientsParams, GradientsParams) {
        let batch = batch.into();
        let verdict = self.verdict(&batch);
        let inpainted = self.inpaint(&batch, &verdict);
        let fake = inpainted.counterfactual.clone().detach();
        let generator = self.generator_gradients(&batch, inpainted, &verdict).gradients;
        (generator, self.discriminator_gradients(batch.images, fake, &verdict).1)
    }

    fn verdict(&self, batch: &Batch) -> Verdict {
        self.config.method.verdict(self.classifier.forward(batch.images.clone()), self.config.bins)
    }

    fn inpaint(&self, batch: &Batch, verdict: &Verdict) -> Inpainted {
        let (x, condition) = (batch.images.clone(), self.config.method.condition_after(verdict));
        let features = self.inpainter.encoder.forward(x.clone());
        Inpainted { counterfactual: self.inpainter.generator.forward(&features, x, &condition), features }
    }

    fn generator_gradients(&self, batch: &Batch, inpainted: Inpainted, verdict: &Verdict) -> GeneratorGradients {
        let (config, x) = (&self.config, batch.images.clone());
        let reconstruction = self.reconstruction(batch, &inpainted, verdict) * config.weight_reconstruction;
        let Inpainted { counterfactual, .. } = inpainted;
        let judge = self.discriminator.clone().freeze();
        let fooled = judge.forward(counterfactual.clone(), verdict.desired_bins.clone());
        let adversarial = config.adversarial.generator(fooled) * config.weight_adversarial;

        let logits = self.classifier.forward(counterfactual.clone());
        let kl = if config.kl_on_logits { loss::kl_on_logits } else { loss::kl_on_probabilities };
        let kl = kl(logits, verdict.desired.clone()) * config.weight_kl;

        let minimal_change = loss::l1(x.clone(), counterfactual.clone()) * config.weight_minimal_change;
        let total_variation = loss::total_variation(x, counterfactual) * config.weight_total_variation;

        let terms = vec![adversarial, kl, reconstruction, minimal_change, total_variation];
        let total: Tensor<1> = Tensor::cat(terms.clone(), 0).sum();
        let gradients = GradientsParams::from_grads(total.backward(), &self.inpainter);
        let terms = terms.into_iter().chain([total]).map(Tensor::detach).collect();
        GeneratorGradients { terms: Tensor::cat(terms, 0), gradients }
    }

    /// What of the image must stay. COIN: the counterfactual is near the image, and so is its own counterfactual; v2: that
    /// one is near the counterfactual. Singla et al.: the image is what is made of it, and of its counterfactual, when the
    /// classifier's own verdict is asked for.
    fn reconstruction(&self, batch: &Batch, inpainted: &Inpainted, verdict: &Verdict) -> Tensor<1> {
        let Inpainted { features, counterfactual } = inpainted;
        let Inpainter { generator, .. } = &self.inpainter;
        let x = &batch.images;
        let distance = |a: &Tensor<4>, b: Tensor<4>| self.config.distance.between(a.clone(), b, batch.regions.as_ref());
        let inpaint = |x: &Tensor<4>, condition: Condition| self.inpainter.forward(x.clone(), &condition);
        let as_found = || Condition::Each(verdict.bins.clone());
        let direct = match self.config.method {
            Method::Coin | Method::CoinV2 => distance(x, counterfactual.clone()),
            Method::Singla => distance(x, generator.forward(features, x.clone(), &as_found())),
        };
        match (self.config.cycle, self.config.method) {
            (Cycle::Off, _) => direct,
            (Cycle::On, Method::Coin) => direct + distance(x, inpaint(counterfactual, Condition::All(0))),
            (Cycle::On, Method::CoinV2) => {
                direct + distance(counterfactual, inpaint(counterfactual, Condition::All(0)))
            }
            (Cycle::On, Method::Singla) => direct + distance(x, inpaint(counterfactual, as_found())),
        }
    }

    fn discriminator_gradients(
        &self,
        x: Tensor<4>,
        fake: Tensor<4>,
        verdict: &Verdict,
    ) -> (Tensor<1>, GradientsParams) {
        let adversarial = self.config.adversarial;
        let real = adversarial.real(self.discriminator.forward(x, verdict.bins.clone()));
        let fake = adversarial.fake(self.discriminator.forward(fake, verdict.desired_bins.clone()));
        let total = (real.clone() + fake.clone()) * 0.5;
        let gradients = GradientsParams::from_grads(total.backward(), &self.discriminator);
        (Tensor::cat(vec![real.detach(), fake.detach(), total.detach()], 0), gradients)
    }

    /// Steps taken.
    pub fn steps(&self) -> u64 {
        self.step
    }

    /// The inpainter for inference: the average where there is one, else the network as it is.
    pub fn trained(&self) -> Inpainter {
        match &self.average {
            Some(average) => average.network.clone(),
            None => self.inpainter.valid(),
        }
    }

    /// [`Self::trained`] with the batch statistics of these inputs `[batch, 1, height, width]` alone.
    ///
    /// Those that training leaves are mixed with the counterfactuals' own, which the cyclic reconstruction sends through
    /// the same layers, and trail behind the weights: with them the network changes more than it was trained to. They
    /// fade by a tenth with each batch.
    pub fn calibrated(&self, inputs: impl IntoIterator<Item = Tensor<4>>) -> Inpainter {
        let network = self.trained().train();
        for x in inputs {
            let condition = self.config.method.condition(|| self.classifier.forward(x.clone()), self.config.bins);
            network.forward(x, &condition);
        }
        network.valid()
    }

    /// All that [`Self::load_state`] needs to go on exactly here.
    pub fn state(&self) -> Result<TrainerState, StateError> {
        let mut state = TrainerState { step: self.step, ..TrainerState::default() };
        state.put_module("inpainter", &self.inpainter)?;
        state.put_module("discriminator", &self.discriminator)?;
        state.put_optimizer("inpainter-optimizer", &self.inpainter_optimizer)?;
        state.put_optimizer("discriminator-optimizer", &self.discriminator_optimizer)?;
        if let Some(average) = &self.average {
            state.put_module("average", &average.network)?;
        }
        Ok(state)
    }

    /// Goes on where `state` was taken.
    pub fn load_state(mut self, state: &TrainerState) -> Result<Self, StateError> {
        self.inpainter = state.module("inpainter", self.inpainter)?;
        self.discriminator = state.module("discriminator", self.discriminator)?;
        self.inpainter_optimizer = state.optimizer("inpainter-optimizer", self.inpainter_optimizer)?;
        self.discriminator_optimizer = state.optimizer("discriminator-optimizer", self.discriminator_optimizer)?;
        if let Some(average) = &mut self.average {
            average.network = state.module("average", average.network.clone())?;
        }
        self.step = state.step;
        Ok(self)
    }
}

fn read_losses(generator: Option<Tensor<1>>, discriminator: Tensor<1>) -> CounterfactualLosses {
    // One read-back a step: every read stalls a graphics card.
    let with_generator = generator.is_some();
    let all: Vec<Tensor<1>> = generator.into_iter().chain([discriminator]).collect();
    let values = Tensor::cat(all, 0).try_into_vec_as::<f32>().unwrap_or_else(|_| vec![f32::NAN; 9]);
    let at = |i: usize| values.get(i).copied().unwrap_or(f32::NAN);
    let offset = if with_generator { 6 } else { 0 };
    CounterfactualLosses {
        generator: with_generator.then(|| GeneratorLosses {
            adversarial: at(0),
            kl: at(1),
            reconstruction: at(2),
            minimal_change: at(3),
            total_variation: at(4),
            total: at(5),
        }),
        discriminator_real: at(offset),
        discriminator_fake: at(offset + 1),
        discriminator: at(offset + 2),
    }
}
