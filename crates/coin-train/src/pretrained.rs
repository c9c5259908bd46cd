//! Trained networks to start from: checkpoints that PyTorch wrote, `.pth` (whose pickles are parsed and never executed) and
//! `.safetensors`, and the classifiers of our own model files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use coin_core::networks::{Classifier, ClassifierArchitecture, Inception, Inpainter, InpainterConfig};
use coin_core::pytorch::{Network, shapes};
use coin_core::weights::{self, Weight, WeightsError};
use half::{bf16, f16};
use pytorch_reader::{DType, PytorchReader};
use safetensors::{Dtype, SafeTensors};
use thiserror::Error;

use crate::files::{self, FileError};

/// Bytes of the largest checkpoint that is read; the reference's, with both optimizers, takes 1.1 GB.
const LARGEST: u64 = 8 << 30;

/// Why a checkpoint gives no weights.
#[derive(Debug, Error)]
pub enum PretrainedError {
    /// It cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// It is something else.
    #[error("{path}: this holds no tensors by name ({reason}); save a state dict with torch.save, or as safetensors")]
    Content {
        /// The file.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// Its tensors are another network's.
    #[error("{path}: {reason}")]
    Network {
        /// The file.
        path: PathBuf,
        /// What does not fit, and what to do.
        reason: String,
    },
}

/// The floating-point tensors of a checkpoint by name, through whatever dictionaries they lie in.
#[derive(Debug)]
pub struct Pretrained {
    path: PathBuf,
    tensors: BTreeMap<String, Weight>,
}

impl Pretrained {
    /// Reads a checkpoint.
    ///
    /// # Errors
    /// When it is neither a state dict nor safetensors.
    pub fn open(path: &Path) -> Result<Self, PretrainedError> {
        let size = std::fs::metadata(path).map_err(|reason| FileError::Read { path: path.to_owned(), reason })?.len();
        if size > LARGEST {
            return Err(FileError::TooLarge { path: path.to_owned(), limit: LARGEST }.into());
        }
        let wrong = |reason: String| PretrainedError::Content { path: path.to_owned(), reason };
        let safe = path.extension().is_some_and(|extension| extension == "safetensors");
        let tensors = if safe { of_safetensors(&files::read_limited(path, LARGEST)?) } else { of_pickle(path) };
        let tensors = tensors.map_err(wrong)?;
        if tensors.is_empty() {
            return Err(wrong("there is none".into()));
        }
        Ok(Self { path: path.to_owned(), tensors })
    }

    /// `network` of this architecture with the weights of a model file's classifier or of torchvision's, whose last layer is
    /// left out where the checkpoint has other classes.
    ///
    /// # Errors
    /// When the file holds another architecture.
    pub fn classifier(
        &self,
        network: Classifier,
        architecture: &ClassifierArchitecture,
    ) -> Result<Classifier, PretrainedError> {
        let unfit = |reason: WeightsError| self.unfit(&reason.to_string());
        let mut own = self.tensors.clone();
        let own = weights::split_off(&mut own, "classifier");
        if weights::collect(&network).map_err(unfit)?.keys().all(|name| own.contains_key(name)) {
            return weights::apply(network, own).map_err(unfit);
        }
        let names = Network::Classifier(architecture.family);
        let prefix = self.prefix(&names.name("stem.weight")).or_else(|| self.prefix(&names.name("stem.conv.weight")));
        let prefix =
            prefix.ok_or_else(|| self.unfit("it holds no classifier of this family, a model's or torchvision's"))?;
        let found = shapes::classifier(|name| self.shape(&prefix, name));
        if found.as_ref() != Some(architecture) {
            let (found, asked) = (described(found.as_ref()), described(Some(architecture)));
            return Err(self.unfit(&format!("it holds {found}, and classifier.network asks for {asked}")));
        }
        let loaded = names.load_pretrained(network, |name| self.get(&prefix, name));
        loaded.map_err(unfit)
    }

    /// The networks of a checkpoint of COIN's reference; `adapt` says what a checkpoint does not.
    pub fn reference(
        &self,
        adapt: impl FnOnce(InpainterConfig) -> InpainterConfig,
        device: &Device,
    ) -> Result<Reference, PretrainedError> {
        let missing = |what: &str| self.unfit(&format!("it holds no {what} of COIN's reference"));
        let prefix = self.prefix("enc.first_block.0.weight").ok_or_else(|| missing("encoder"))?;
        let config =
            shapes::inpainter(|name| self.shape(&prefix, name)).map(adapt).ok_or_else(|| missing("generator"))?;
        if let Some(problem) = config.problem() {
            return Err(self.unfit(&format!("its inpainter cannot be: {problem}")));
        }
        let of_classifier = format!("{prefix}classifier_f.");
        let architecture = shapes::classifier(|name| self.shape(&of_classifier, name));
        let architecture = architecture.ok_or_else(|| missing("classifier"))?;
        if let Some(problem) = architecture.problem() {
            return Err(self.unfit(&format!("its classifier cannot be: {problem}")));
        }
        let unfit = |reason: WeightsError| self.unfit(&reason.to_string());
        let Inpainter { encoder, generator } = config.init(device);
        let part = |name: &str| format!("{prefix}{name}.");
        let encoder = Network::Encoder.load(encoder, |name| self.get(&part("enc"), name)).map_err(unfit)?;
        let generator = Network::Generator.load(generator, |name| self.get(&part("gen"), name)).map_err(unfit)?;
        let classifier = Network::Classifier(architecture.family)
            .load(architecture.init(device), |name| self.get(&of_classifier, name))
            .map_err(unfit)?;
        Ok(Reference { config, inpainter: Inpainter { encoder, generator }, architecture, classifier })
    }

    /// Inception, for FID.
    pub fn inception(&self, device: &Device) -> Result<Inception, PretrainedError> {
        let prefix = self.prefix("Conv2d_1a_3x3.conv.weight").unwrap_or_default();
        Inception::load(|name| self.get(&prefix, name), device).map_err(|reason| {
            let from = "pt_inception-2015-12-05-6726825d.pth of the pytorch-fid project has what FID needs";
            self.unfit(&format!("it is no Inception-v3, {reason}; {from}"))
        })
    }

    /// What stands before `name` in the checkpoint: the dictionaries around it.
    fn prefix(&self, name: &str) -> Option<String> {
        let ends =
            |found: &&String| found.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
        // The shortest: a classifier inside a larger checkpoint comes after the checkpoint's own.
        let found = self.tensors.keys().filter(ends).min_by_key(|found| found.len())?;
        found.strip_suffix(name).map(str::to_owned)
    }

    fn get(&self, prefix: &str, name: &str) -> Option<Weight> {
        self.tensors.get(&format!("{prefix}{name}")).cloned()
    }

    fn shape(&self, prefix: &str, name: &str) -> Option<Vec<usize>> {
        self.tensors.get(&format!("{prefix}{name}")).map(|weight| weight.shape.clone())
    }

    fn unfit(&self, reason: &str) -> PretrainedError {
        PretrainedError::Network { path: self.path.clone(), reason: reason.to_owned() }
    }
}

/// The networks of a checkpoint of COIN's reference.
#[derive(Debug)]
pub struct Reference {
    /// Architecture of E and G.
    pub config: InpainterConfig,
    /// E and G.
    pub inpainter: Inpainter,
    /// Architecture of f.
    pub architecture: ClassifierArchitecture,
    /// f.
    pub classifier: Classifier,
}

fn described(architecture: Option<&ClassifierArchitecture>) -> String {
    architecture.map_or("another network".into(), |found| format!("{:?} of width {}", found.family, found.width))
}

fn of_pickle(path: &Path) -> Result<BTreeMap<String, Weight>, String> {
    let reader = PytorchReader::new(path).map_err(|reason| reason.to_string())?;
    let mut tensors = BTreeMap::new();
    for (name, tensor) in reader.tensors() {
        let element = tensor.dtype().size();
        let number: fn(&[u8]) -> f32 = match tensor.dtype() {
            DType::F32 => |bytes| f32::from_ne_bytes(bytes.try_into().unwrap_or_default()),
            DType::F64 => |bytes| f64::from_ne_bytes(bytes.try_into().unwrap_or_default()) as f32,
            DType::F16 => |bytes| f16::from_ne_bytes(bytes.try_into().unwrap_or_default()).to_f32(),
            DType::BF16 => |bytes| bf16::from_ne_bytes(bytes.try_into().unwrap_or_default()).to_f32(),
            // Counters and the like.
            _ => continue,
        };
        let bytes = tensor.read().map_err(|reason| reason.to_string())?;
        let values = bytes.chunks_exact(element).map(number).collect();
        tensors.insert(name.clone(), Weight { shape: tensor.shape().to_vec(), values });
    }
    Ok(tensors)
}

fn of_safetensors(bytes: &[u8]) -> Result<BTreeMap<String, Weight>, String> {
    let mut tensors = BTreeMap::new();
    for (name, view) in SafeTensors::deserialize(bytes).map_err(|reason| reason.to_string())?.iter() {
        let data = view.data();
        let values = match view.dtype() {
            Dtype::F32 => data.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect(),
            Dtype::F16 => data.chunks_exact(2).map(|b| f16::from_le_bytes([b[0], b[1]]).to_f32()).collect(),
            Dtype::BF16 => data.chunks_exact(2).map(|b| bf16::from_le_bytes([b[0], b[1]]).to_f32()).collect(),
            _ => continue,
        };
        tensors.insert(name.to_owned(), Weight { shape: view.shape().to_vec(), values });
    }
    Ok(tensors)
}
