//! The model file: a safetensors file with the inference weights of inpainter, classifier and, if there is one, segmenter in f16,
//! and a JSON description, the [`Card`], in its metadata field `coin`.
//!
//! Reading checks every field; making the networks checks the name and shape of every tensor.

mod card;
mod half;
mod normalisation;
mod segmenter;
mod self_test;

use std::collections::HashMap;

use burn::module::Module;
use burn::tensor::Device;
use safetensors::SafeTensors;

use crate::Error;
use crate::explanation::{Explainer, Explanation, Pending};
use crate::networks::{Classifier, Inpainter, UNet};
use crate::weights::{self, Weights};

pub use card::{Card, FORMAT, name_problem};
pub use normalisation::{Normalisation, Over};
pub use segmenter::Segmenter;
pub use self_test::{SELF_TEST_TOLERANCE, SelfTest};

/// Metadata field of the card.
const KEY: &str = "coin";
/// Name prefix of the inpainter's tensors.
pub const INPAINTER: &str = "inpainter";
/// Name prefix of the classifier's tensors.
pub const CLASSIFIER: &str = "classifier";
/// Name prefix of the segmenter's tensors.
pub const SEGMENTER: &str = "segmenter";

/// The networks of a model.
#[derive(Clone, Debug)]
pub struct Networks {
    /// Encoder and generator.
    pub inpainter: Inpainter,
    /// The classifier.
    pub classifier: Classifier,
    /// The segmenter, if there is one; [`Card::segmenter`] describes it.
    pub segmenter: Option<UNet>,
}

/// A model: its card and its weights.
#[derive(Clone, Debug)]
pub struct Bundle {
    /// The description of the model.
    pub card: Card,
    weights: Weights,
}

impl Bundle {
    /// Packs trained networks: folds spectral norms, rounds the weights to f16, and computes hash and self-test of the
    /// card. `device` must be a CPU.
    ///
    /// # Errors
    /// If the card is invalid, or a device does not return the weights or the result of the self-test.
    pub fn pack(mut card: Card, networks: Networks, device: &Device) -> Result<Self, Error> {
        let Networks { inpainter, classifier, segmenter } = networks;
        card.inpainter.spectral_norm = false;
        card::check(&card)?;
        let mut weights = weights::prefixed(weights::collect(&inpainter.folded())?, INPAINTER);
        weights.extend(weights::prefixed(weights::collect(&classifier)?, CLASSIFIER));
        if let Some(UNet { inpainter }) = &segmenter {
            weights.extend(weights::prefixed(weights::collect(inpainter)?, SEGMENTER));
        }
        let weights: Weights = weights.into_iter().map(|(name, weight)| (name, half::rounded(weight))).collect();
        card.weights_sha256 = half::fingerprint(&weights);
        let mut bundle = Self { card, weights };
        bundle.card.self_test = bundle.expected(device)?;
        Ok(bundle)
    }

    /// Reads a model file.
    ///
    /// # Errors
    /// If it is not a complete safetensors file, or a field or the hash of the weights is wrong. [`Self::networks`] checks the
    /// names and shapes of the tensors.
    pub fn read(bytes: &[u8]) -> Result<Self, Error> {
        let container = |reason: safetensors::SafeTensorError| Error::Container(reason.to_string());
        let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(container)?;
        let document = metadata.metadata().as_ref().and_then(|metadata| metadata.get(KEY)).ok_or(Error::NoCard)?;
        let card = card::read(document)?;
        let tensors = SafeTensors::deserialize(bytes).map_err(container)?;
        let weights = tensors
            .iter()
            .map(|(name, view)| Ok((name.to_owned(), half::read(name, &view)?)))
            .collect::<Result<Weights, Error>>()?;
        let same = half::fingerprint(&weights) == card.weights_sha256;
        let reason = || "the weights do not have this hash; download the model again".into();
        Error::refuse("weights_sha256", (!same).then(reason))?;
        Ok(Self { card, weights })
    }

    /// The tensors by name.
    pub fn weights(&self) -> &Weights {
        &self.weights
    }

    /// Encodes the model file.
    ///
    /// # Errors
    /// If the card cannot be encoded.
    pub fn write(&self) -> Result<Vec<u8>, Error> {
        let card = serde_json::to_string(&self.card).map_err(|reason| Error::Card(reason.to_string()))?;
        let metadata = HashMap::from([(KEY.to_owned(), card)]);
        let tensors = self.weights.iter().map(|(name, weight)| (name.as_str(), half::Half(weight)));
        safetensors::serialize(tensors, Some(metadata)).map_err(|reason| Error::Container(reason.to_string()))
    }

    /// Creates the networks on `device`. Memory is allocated only for tensors in the file, whatever the card describes.
    ///
    /// # Errors
    /// If a tensor is missing, unknown or has a wrong shape.
    pub fn networks(&self, device: &Device) -> Result<Networks, Error> {
        let mut weights = self.weights.clone();
        let inpainter = weights::split_off(&mut weights, INPAINTER);
        let classifier = weights::split_off(&mut weights, CLASSIFIER);
        let described = self.card.segmenter.as_ref().map(|segmenter| &segmenter.network);
        let segmenter = described.map(|network| (network, weights::split_off(&mut weights, SEGMENTER)));
        if let Some(name) = weights.into_keys().next() {
            return Err(Error::UnknownTensor(name));
        }
        let inpainter = weights::apply(self.card.inpainter.undrawn(device), inpainter)?.no_grad();
        let classifier = weights::apply(self.card.classifier.undrawn(device), classifier)?.no_grad();
        let segmenter = segmenter.map(|(network, weights)| weights::apply(network.undrawn(device).inpainter, weights));
        let segmenter = segmenter.transpose()?.map(|inpainter| UNet { inpainter: inpainter.no_grad() });
        Ok(Networks { inpainter, classifier, segmenter })
    }

    /// Creates the explainer on `device`.
    ///
    /// # Errors
    /// See [`Self::networks`].
    pub fn explainer(&self, device: &Device) -> Result<Explainer, Error> {
        let Networks { inpainter, classifier, segmenter } = self.networks(device)?;
        Ok(Explainer {
            inpainter: inpainter.fused(),
            classifier: classifier.fused(),
            method: self.card.method,
            segmenter: segmenter.map(UNet::fused),
            ood: self.card.ood.clone(),
            verification: self.card.verification,
            temperature: self.card.temperature,
        })
    }

    /// The input of the self-test, `size * size` values in [-1, 1].
    pub fn self_test_input(&self) -> Vec<f32> {
        self_test::input(self.card.self_test.size)
    }

    /// Returns the maximum error of the answer to [`Self::self_test_input`].
    ///
    /// # Errors
    /// If it exceeds [`SELF_TEST_TOLERANCE`].
    pub fn check(&self, answer: &Explanation) -> Result<f32, Error> {
        self.card.self_test.compare(answer)
    }

    fn expected(&self, device: &Device) -> Result<SelfTest, Error> {
        let size = self.card.side_multiple().max(64);
        let failed = |reason| Error::SelfTest(Box::new(reason));
        let pending = self.explainer(device)?.explain(self_test::input(size), size, device);
        let answers = pending.and_then(Pending::read).map_err(failed)?;
        let answer = answers.first().ok_or_else(|| failed(Error::Input { found: 0, size }))?;
        Ok(SelfTest::of(size, answer))
    }
}
