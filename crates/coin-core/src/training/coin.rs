//! The COIN training step (paper section 3): discriminator every step, generator every n-th, classifier frozen.

use burn::module::Module;
use burn::optim::{AdamConfig, GradientsParams, ModuleOptimizer};
use burn::tensor::activation::sigmoid;
use burn::tensor::{Int, Tensor};
use serde::{Deserialize, Serialize};

use super::average::ExponentialAverage;
use super::loss::{self, Adversarial};
use super::state::{StateError, TrainerState};
use crate::condition::{self, Condition};
use crate::networks::{Discriminator, Inpainter, ResNet};

/// The probability that a counterfactual of an abnormal image should have.
const NORMAL: f64 = 1e-6;

/// Hyperparameters of a COIN training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CoinConfig {
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

/// Multiples of two hyperparameters in one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Annealing {
    /// Of the learning rate.
    pub learning_rate: f64,
    /// Of the weight of the KL term.
    pub kl: f64,
}

impl Default for Annealing {
    /// None: what the configuration says.
    fn default() -> Self {
        Self { learning_rate: 1.0, kl: 1.0 }
    }
}

/// The second half of the reconstruction term.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cycle {
    /// L1 of the input to the counterfactual's counterfactual (the paper's).
    #[default]
    Input,
    /// No cyclic term; half the work.
    Off,
}

/// Loss terms of one step, each already multiplied by its weight; the generator's are `None` on steps without it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CoinLosses {
    /// Terms of the generator, and their sum.
    pub generator: Option<GeneratorLosses>,
    /// On real images.
    pub discriminator_real: f32,
    /// On counterfactuals.
    pub discriminator_fake: f32,
    /// Mean of the two.
    pub discriminator: f32,
}

/// See [`CoinLosses`].
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

impl CoinLosses {
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

/// The classifier's verdict on a batch and what the counterfactual should get.
struct Verdict {
    bins: Tensor<1, Int>,
    desired: Tensor<2>,
    desired_bins: Tensor<1, Int>,
}

/// Generator and discriminator, their optimizers, and the frozen classifier.
pub struct CoinTrainer {
    /// E and G, on an autodiff device.
    pub inpainter: Inpainter,
    /// D, on an autodiff device.
    pub discriminator: Discriminator,
    classifier: ResNet,
    inpainter_optimizer: ModuleOptimizer,
    discriminator_optimizer: ModuleOptimizer,
    average: Option<ExponentialAverage<Inpainter>>,
    config: CoinConfig,
    step: u64,
}

impl CoinTrainer {
    /// All three networks must live on the same autodiff device; the classifier is frozen here.
    pub fn new(inpainter: Inpainter, discriminator: Discriminator, classifier: ResNet, config: CoinConfig) -> Self {
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

    /// One step on images `[batch, 1, height, width]` in [-1, 1].
    pub fn step(&mut self, x: Tensor<4>, annealing: Annealing) -> CoinLosses {
        let learning_rate = self.config.learning_rate * annealing.learning_rate;
        let verdict = self.verdict(x.clone());
        let with_generator = self.step.is_multiple_of(self.config.generator_frequency.max(1));

        let counterfactual = self.inpainter.forward(x.clone(), &Condition::All(0));
        let fake = counterfactual.clone().detach();
        let generator = with_generator.then(|| {
            let GeneratorGradients { terms, gradients } =
                self.generator_gradients(x.clone(), counterfactual, &verdict, annealing.kl);
            self.inpainter = self.inpainter_optimizer.step(learning_rate, self.inpainter.clone(), gradients);
            self.average = self.average.take().map(|average| average.update(&self.inpainter));
            terms
        });

        let (terms, gradients) = self.discriminator_gradients(x, fake, &verdict);
        self.discriminator = self.discriminator_optimizer.step(learning_rate, self.discriminator.clone(), gradients);
        self.step += 1;
        read_losses(generator, terms)
    }

    /// Gradients of both networks for one batch, without a step or annealing; generator first.
    pub fn gradients(&self, x: Tensor<4>) -> (GradientsParams, GradientsParams) {
        let verdict = self.verdict(x.clone());
        let counterfactual = self.inpainter.forward(x.clone(), &Condition::All(0));
        let fake = counterfactual.clone().detach();
        let generator = self.generator_gradients(x.clone(), counterfactual, &verdict, 1.0).gradients;
        (generator, self.discriminator_gradients(x, fake, &verdict).1)
    }

    fn verdict(&self, x: Tensor<4>) -> Verdict {
        let probability = sigmoid(self.classifier.forward(x)).detach();
        let bins = condition::bin(probability.clone(), self.config.bins);
        let batch = bins.dims()[0];
        let abnormal = bins.clone().not_equal_elem(0).reshape([batch, 1]);
        Verdict { desired_bins: bins.zeros_like(), desired: probability.mask_fill(abnormal, NORMAL), bins }
    }

    fn generator_gradients(
        &self,
        x: Tensor<4>,
        counterfactual: Tensor<4>,
        verdict: &Verdict,
        kl_multiple: f64,
    ) -> GeneratorGradients {
        let config = &self.config;
        let judge = self.discriminator.clone().freeze();
        let fooled = judge.forward(counterfactual.clone(), verdict.desired_bins.clone());
        let adversarial = config.adversarial.generator(fooled) * config.weight_adversarial;

        let logits = self.classifier.forward(counterfactual.clone());
        let kl = if config.kl_on_logits { loss::kl_on_logits } else { loss::kl_on_probabilities };
        let kl = kl(logits, verdict.desired.clone()) * (config.weight_kl * kl_multiple);

        let change = loss::l1(x.clone(), counterfactual.clone());
        let reconstruction = match config.cycle {
            Cycle::Off => change.clone(),
            Cycle::Input => {
                let again = self.inpainter.forward(counterfactual.clone(), &Condition::All(0));
                change.clone() + loss::l1(x.clone(), again)
            }
        } * config.weight_reconstruction;
        let minimal_change = change * config.weight_minimal_change;
        let total_variation = loss::total_variation(x, counterfactual) * config.weight_total_variation;

        let terms = vec![adversarial, kl, reconstruction, minimal_change, total_variation];
        let total: Tensor<1> = Tensor::cat(terms.clone(), 0).sum();
        let gradients = GradientsParams::from_grads(total.backward(), &self.inpainter);
        let terms = terms.into_iter().chain([total]).map(Tensor::detach).collect();
        GeneratorGradients { terms: Tensor::cat(terms, 0), gradients }
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
            network.forward(x, &Condition::All(0));
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

fn read_losses(generator: Option<Tensor<1>>, discriminator: Tensor<1>) -> CoinLosses {
    // One read-back a step: every read stalls a graphics card.
    let with_generator = generator.is_some();
    let all: Vec<Tensor<1>> = generator.into_iter().chain([discriminator]).collect();
    let values = Tensor::cat(all, 0).try_into_vec_as::<f32>().unwrap_or_else(|_| vec![f32::NAN; 9]);
    let at = |i: usize| values.get(i).copied().unwrap_or(f32::NAN);
    let offset = if with_generator { 6 } else { 0 };
    CoinLosses {
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
