//! Loads pretrained networks: PyTorch checkpoints as `.pth` (pickles are parsed, never executed) or `.safetensors`, and the
//! classifiers of COIN model files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use coin_core::networks::{Classifier, ClassifierArchitecture, Inception, Inpainter, InpainterConfig};
use coin_core::pytorch::{Network, shapes};
use coin_core::weights::{self, Weight};
use half::{bf16, f16};
use pytorch_reader::{DType, PytorchReader};
use safetensors::{Dtype, SafeTensors};

use crate::Error;
use crate::files;

/// Size limit of checkpoints in bytes; those of the reference implementation, with both optimizers, take 1.1 GB.
const LARGEST: u64 = 8 << 30;

/// The floating-point tensors of a checkpoint by name; names of nested dictionaries are joined with dots.
#[derive(Debug)]
pub struct Pretrained {
    path: PathBuf,
    tensors: BTreeMap<String, Weight>,
}

impl Pretrained {
    /// Reads a checkpoint.
    ///
    /// # Errors
    /// If it cannot be read, is too large, or is neither a state dict nor a safetensors file.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let size = std::fs::metadata(path).map_err(Error::read(path))?.len();
        if size > LARGEST {
            return Err(Error::TooLarge { path: path.to_owned(), limit: LARGEST });
        }
        let wrong = |reason: String| Error::NotACheckpoint { path: path.to_owned(), reason };
        let safe = path.extension().is_some_and(|extension| extension == "safetensors");
        let tensors = if safe { of_safetensors(&files::read_limited(path, LARGEST)?) } else { of_pickle(path) };
        let tensors = tensors.map_err(wrong)?;
        if tensors.is_empty() {
            return Err(wrong("it contains none".into()));
        }
        Ok(Self { path: path.to_owned(), tensors })
    }

    /// Loads the weights of a COIN model's classifier or of a torchvision checkpoint into `network`. The last layer is not
    /// loaded if the checkpoint has other classes.
    ///
    /// # Errors
    /// If the file contains another architecture.
    pub fn classifier(&self, network: Classifier, architecture: &ClassifierArchitecture) -> Result<Classifier, Error> {
        let unfit = |reason: coin_core::Error| self.unfit(&reason.to_string());
        let mut own = self.tensors.clone();
        let own = weights::split_off(&mut own, "classifier");
        if weights::collect(&network).map_err(unfit)?.keys().all(|name| own.contains_key(name)) {
            return weights::apply(network, own).map_err(unfit);
        }
        let names = Network::Classifier(architecture.family);
        let prefix = self.prefix(&names.name("stem.weight")).or_else(|| self.prefix(&names.name("stem.conv.weight")));
        let prefix = prefix.ok_or_else(|| {
            self.unfit("no classifier of this family found; use a COIN model file or a torchvision checkpoint")
        })?;
        let found = shapes::classifier(|name| self.shape(&prefix, name));
        if found.as_ref() != Some(architecture) {
            let (found, expected) = (described(found.as_ref()), described(Some(architecture)));
            return Err(self.unfit(&format!("it contains {found}, but classifier.network asks for {expected}")));
        }
        let loaded = names.load_pretrained(network, |name| self.get(&prefix, name));
        loaded.map_err(unfit)
    }

    /// Loads the networks of a checkpoint of the COIN reference implementation. `adapt` sets the configuration that checkpoints
    /// do not record.
    ///
    /// # Errors
    /// If a network is missing or unsupported.
    pub fn reference(
        &self,
        adapt: impl FnOnce(InpainterConfig) -> InpainterConfig,
        device: &Device,
    ) -> Result<Reference, Error> {
        let missing = |what: &str| self.unfit(&format!("it contains no {what} of COIN's reference"));
        let prefix = self.prefix("enc.first_block.0.weight").ok_or_else(|| missing("encoder"))?;
        let config =
            shapes::inpainter(|name| self.shape(&prefix, name)).map(adapt).ok_or_else(|| missing("generator"))?;
        if let Some(problem) = config.problem() {
            return Err(self.unfit(&format!("its inpainter is not supported: {problem}")));
        }
        let of_classifier = format!("{prefix}classifier_f.");
        let architecture = shapes::classifier(|name| self.shape(&of_classifier, name));
        let architecture = architecture.ok_or_else(|| missing("classifier"))?;
        if let Some(problem) = architecture.problem() {
            return Err(self.unfit(&format!("its classifier is not supported: {problem}")));
        }
        let unfit = |reason: coin_core::Error| self.unfit(&reason.to_string());
        let Inpainter { encoder, generator } = config.init(device);
        let part = |name: &str| format!("{prefix}{name}.");
        let encoder = Network::Encoder.load(encoder, |name| self.get(&part("enc"), name)).map_err(unfit)?;
        let generator = Network::Generator.load(generator, |name| self.get(&part("gen"), name)).map_err(unfit)?;
        let classifier = Network::Classifier(architecture.family)
            .load(architecture.init(device), |name| self.get(&of_classifier, name))
            .map_err(unfit)?;
        Ok(Reference { config, inpainter: Inpainter { encoder, generator }, architecture, classifier })
    }

    /// Loads Inception-v3 for FID.
    ///
    /// # Errors
    /// If the checkpoint is not the Inception-v3 of pytorch-fid.
    pub fn inception(&self, device: &Device) -> Result<Inception, Error> {
        let prefix = self.prefix("Conv2d_1a_3x3.conv.weight").unwrap_or_default();
        Inception::load(|name| self.get(&prefix, name), device).map_err(|reason| {
            let remedy = "use pt_inception-2015-12-05-6726825d.pth from the pytorch-fid project";
            self.unfit(&format!("not an Inception-v3 checkpoint: {reason}; {remedy}"))
        })
    }

    /// The prefix of `name` in the checkpoint, from nested dictionaries.
    fn prefix(&self, name: &str) -> Option<String> {
        let ends =
            |found: &&String| found.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
        // The shortest, because a larger checkpoint can contain a second network at a deeper level.
        let found = self.tensors.keys().filter(ends).min_by_key(|found| found.len())?;
        found.strip_suffix(name).map(str::to_owned)
    }

    fn get(&self, prefix: &str, name: &str) -> Option<Weight> {
        self.tensors.get(&format!("{prefix}{name}")).cloned()
    }

    fn shape(&self, prefix: &str, name: &str) -> Option<Vec<usize>> {
        self.tensors.get(&format!("{prefix}{name}")).map(|weight| weight.shape.clone())
    }

    fn unfit(&self, reason: &str) -> Error {
        Error::OtherNetwork { path: self.path.clone(), reason: reason.to_owned() }
    }
}

/// The networks of a checkpoint of the COIN reference implementation.
#[derive(Debug)]
pub struct Reference {
    /// Architecture of the inpainter (encoder E and generator G).
    pub config: InpainterConfig,
    /// The inpainter.
    pub inpainter: Inpainter,
    /// Architecture of the classifier f.
    pub architecture: ClassifierArchitecture,
    /// The classifier.
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
