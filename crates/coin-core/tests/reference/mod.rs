//! The golden values, and the reference's names of our tensors.

#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[cfg(feature = "train")]
pub mod steps;

use std::collections::BTreeMap;
use std::path::PathBuf;

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use coin_core::networks::{
    Classifier, ClassifierArchitecture, Discriminator, DiscriminatorConfig, Family, Fuse, Inpainter, InpainterConfig,
    Upsampling,
};
use coin_core::pytorch::Network;
use coin_core::weights::{self, Weight, Weights};
use safetensors::{Dtype, SafeTensors};

pub fn golden(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden").join(file)
}

pub struct Golden(BTreeMap<String, Weight>);

impl Golden {
    pub fn open(file: &str) -> Self {
        let bytes = std::fs::read(golden(file)).unwrap();
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        let read = |(name, view): (String, safetensors::tensor::TensorView<'_>)| {
            let data = view.data();
            let values: Vec<f32> = match view.dtype() {
                Dtype::F32 => data.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect(),
                Dtype::F64 => data.chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().unwrap()) as f32).collect(),
                Dtype::I64 => data.chunks_exact(8).map(|b| i64::from_le_bytes(b.try_into().unwrap()) as f32).collect(),
                other => panic!("{name}: {other:?}"),
            };
            (name, Weight { shape: view.shape().to_vec(), values })
        };
        Self(tensors.tensors().into_iter().map(read).collect())
    }

    pub fn get(&self, name: &str) -> &Weight {
        self.0.get(name).unwrap_or_else(|| panic!("no golden {name}"))
    }

    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    pub fn tensor<const D: usize>(&self, name: &str, device: &Device) -> Tensor<D> {
        let weight = self.get(name);
        Tensor::from_data(TensorData::new(weight.values.clone(), weight.shape.clone()), device)
    }
}

/// The reference's name of our tensor `path` in network `net`.
pub fn reference_name(net: &str, path: &str) -> String {
    let network = match net {
        "enc" => Network::Encoder,
        "gen" => Network::Generator,
        "disc" => Network::Discriminator,
        _ => Network::Classifier(Family::ResNet18),
    };
    format!("{net}.{}", network.name(path))
}

/// Loads `module` from the tensors named `prefix` + name.
pub fn load<M: Module>(module: M, net: &str, from: &[(&Golden, &str)]) -> M {
    let names = weights::collect(&module).unwrap();
    let filled: Weights = names
        .into_keys()
        .map(|path| {
            let name = reference_name(net, &path);
            let found = from.iter().find_map(|(golden, prefix)| {
                let name = format!("{prefix}{name}");
                golden.has(&name).then(|| golden.get(&name).clone())
            });
            let weight = found.unwrap_or_else(|| panic!("no golden weight for {path} ({name})"));
            (path, weight)
        })
        .collect();
    weights::apply(module, filled).unwrap()
}

pub fn tiny() -> InpainterConfig {
    InpainterConfig {
        stem: 4,
        widths: vec![4, 8, 8, 16, 16],
        conditions: 2,
        skips: vec![1, 2, 3, 4],
        upsampling: Upsampling::Nearest,
        fuse: Fuse::SkipAddTanh,
        spectral_norm: true,
        zero_head: false,
    }
}

pub fn inpainter(config: &InpainterConfig, from: &[(&Golden, &str)], device: &Device) -> Inpainter {
    let Inpainter { encoder, generator } = config.init(device);
    Inpainter { encoder: load(encoder, "enc", from), generator: load(generator, "gen", from) }
}

pub fn discriminator(from: &Golden, device: &Device) -> Discriminator {
    let config = DiscriminatorConfig { widths: vec![4, 8, 12, 16, 20, 20], downsample_blocks: 5, conditions: 2 };
    load(config.init(device), "disc", &[(from, "")])
}

pub fn classifier(from: &Golden, device: &Device) -> Classifier {
    load(ClassifierArchitecture::resnet_18(4).init(device), "classifier_f", &[(from, "")])
}

/// Largest absolute difference between a tensor and the golden one; checks the shapes.
#[track_caller]
pub fn difference<const D: usize>(ours: Tensor<D>, golden: &Weight) -> f32 {
    assert_eq!(ours.dims().to_vec(), golden.shape);
    let ours = ours.try_into_vec_as::<f32>().unwrap();
    ours.iter().zip(&golden.values).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}
