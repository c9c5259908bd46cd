//! Named weights: reads a module's tensors by path (`encoder.blocks.0.conv_1.weight`) and loads them into a module.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::tensor::{Tensor, TensorData};

use crate::Error;

/// A tensor in f32, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Weight {
    /// Dimensions, outermost first.
    pub shape: Vec<usize>,
    /// The values; their number is the product of the shape.
    pub values: Vec<f32>,
}

/// All tensors of a module by path.
pub type Weights = BTreeMap<String, Weight>;

/// Reads every tensor of `module`. Blocks, which browsers do not allow.
///
/// # Errors
/// If a tensor cannot be read from the device.
pub fn collect<M: Module>(module: &M) -> Result<Weights, Error> {
    let mut collector = Collector { path: Vec::new(), weights: Ok(Weights::new()) };
    module.visit(&mut collector);
    collector.weights
}

/// Returns the path of each parameter of `module`.
pub fn names<M: Module>(module: &M) -> Vec<(ParamId, String)> {
    let mut namer = Namer { path: Vec::new(), names: Vec::new() };
    module.visit(&mut namer);
    namer.names
}

/// Whether all float tensors of `module` are finite; also `false` if they cannot be read from the device. Blocks.
pub fn all_finite<M: Module>(module: &M) -> bool {
    let finite = |weight: &Weight| weight.values.iter().all(|value| value.is_finite());
    collect(module).is_ok_and(|weights| weights.values().all(finite))
}

/// Loads `weights` into `module`.
///
/// # Errors
/// If names or shapes do not match exactly, in both directions.
pub fn apply<M: Module>(module: M, weights: Weights) -> Result<M, Error> {
    let mut applier = Applier { path: Vec::new(), weights, error: None };
    let module = module.map(&mut applier);
    if let Some(error) = applier.error {
        return Err(error);
    }
    match applier.weights.into_keys().next() {
        Some(name) => Err(Error::UnknownTensor(name)),
        None => Ok(module),
    }
}

/// Removes the tensors below `prefix.` from `weights` and returns them without the prefix.
pub fn split_off(weights: &mut Weights, prefix: &str) -> Weights {
    let prefix = format!("{prefix}.");
    let names: Vec<String> = weights.keys().filter(|name| name.starts_with(&prefix)).cloned().collect();
    let below = names.into_iter().filter_map(|name| Some((name[prefix.len()..].to_owned(), weights.remove(&name)?)));
    below.collect()
}

/// Prepends `prefix.` to all names.
pub fn prefixed(weights: Weights, prefix: &str) -> Weights {
    weights.into_iter().map(|(name, weight)| (format!("{prefix}.{name}"), weight)).collect()
}

/// Enum variants are not part of the path; the architecture determines the variant.
fn is_variant(container: &str) -> bool {
    container.starts_with("Enum:")
}

fn enter(path: &mut Vec<String>, name: &str, container: &str) {
    if !is_variant(container) {
        path.push(name.to_owned());
    }
}

fn exit(path: &mut Vec<String>, container: &str) {
    if !is_variant(container) {
        path.pop();
    }
}

struct Collector {
    path: Vec<String>,
    weights: Result<Weights, Error>,
}

impl ModuleVisitor for Collector {
    fn enter_module(&mut self, name: &str, container: &str) {
        enter(&mut self.path, name, container);
    }

    fn exit_module(&mut self, _name: &str, container: &str) {
        exit(&mut self.path, container);
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let name = self.path.join(".");
        let Ok(weights) = &mut self.weights else { return };
        let tensor = param.val();
        let shape = tensor.dims().to_vec();
        match tensor.try_into_vec_as::<f32>() {
            Ok(values) => {
                weights.insert(name, Weight { shape, values });
            }
            Err(reason) => self.weights = Err(Error::UnreadTensor { name, reason: format!("{reason:?}") }),
        }
    }
}

struct Namer {
    path: Vec<String>,
    names: Vec<(ParamId, String)>,
}

impl ModuleVisitor for Namer {
    fn enter_module(&mut self, name: &str, container: &str) {
        enter(&mut self.path, name, container);
    }

    fn exit_module(&mut self, _name: &str, container: &str) {
        exit(&mut self.path, container);
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.names.push((param.id, self.path.join(".")));
    }
}

struct Applier {
    path: Vec<String>,
    weights: Weights,
    error: Option<Error>,
}

impl ModuleMapper for Applier {
    fn enter_module(&mut self, name: &str, container: &str) {
        enter(&mut self.path, name, container);
    }

    fn exit_module(&mut self, _name: &str, container: &str) {
        exit(&mut self.path, container);
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let name = self.path.join(".");
        let Some(weight) = self.weights.remove(&name) else {
            self.error.get_or_insert(Error::MissingTensor(name));
            return param;
        };
        let expected = param.lazy_shape().to_vec();
        if weight.shape != expected || weight.values.len() != expected.iter().product::<usize>() {
            self.error.get_or_insert(Error::TensorShape { name, found: weight.shape, expected });
            return param;
        }
        let device = param.lazy_device();
        let tensor = Tensor::from_data(TensorData::new(weight.values, weight.shape), &device);
        // A lazy parameter must not be asked, because that would draw it; it is tracked on autodiff devices.
        let tracked = if param.is_initialized() { param.is_require_grad() } else { device.is_autodiff() };
        Param::initialized(param.id, tensor.set_require_grad(tracked))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use burn::tensor::Device;

    use super::*;
    use crate::networks::ClassifierArchitecture;

    #[test]
    fn non_finite_weights_and_statistics_are_detected() {
        let network = || ClassifierArchitecture::resnet_18(1).init(&Device::flex());
        assert!(all_finite(&network()));
        for (name, value) in [("dense", f32::NAN), ("stem_norm.statistics.running_variance", f32::INFINITY)] {
            let mut weights = collect(&network()).unwrap();
            weights.get_mut(name).unwrap().values[0] = value;
            assert!(!all_finite(&apply(network(), weights).unwrap()), "{value} in {name}");
        }
    }
}
