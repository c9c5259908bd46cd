//! Builds an ONNX graph: operators on named values, and weights with their names in model files.

use std::collections::{BTreeSet, HashMap};

use burn::module::{Module, Param, ParamId};
use burn::tensor::Tensor as Values;
use coin_core::networks::{BatchNorm, Convolution, Statistics};
use coin_core::weights::{self, Weight, Weights};

use super::proto::{Attribute, FLOAT, INT64, Node, Tensor};
use crate::Error;

/// Name of a value.
pub type Value = String;

/// An ONNX graph under construction.
#[derive(Default)]
pub struct Builder {
    weights: Weights,
    /// Names of the networks' parameters.
    names: HashMap<ParamId, String>,
    nodes: Vec<Node>,
    initializers: Vec<Tensor>,
    constants: BTreeSet<String>,
}

impl Builder {
    /// Makes the weights of a network available, with the name prefix `prefix.`.
    pub fn add_network<M: Module>(&mut self, network: &M, prefix: &str) -> Result<(), Error> {
        self.weights.extend(weights::prefixed(weights::collect(network)?, prefix));
        let names = weights::names(network).into_iter().map(|(id, name)| (id, format!("{prefix}.{name}")));
        self.names.extend(names);
        Ok(())
    }

    /// Returns the operators and the weights.
    pub fn finish(self) -> (Vec<Node>, Vec<Tensor>) {
        (self.nodes, self.initializers)
    }

    /// Adds an operator with one output; returns the output.
    pub fn op(&mut self, kind: &str, inputs: &[&str], attributes: Vec<Attribute>) -> Value {
        self.ops(kind, inputs, attributes, 1).remove(0)
    }

    /// Adds an operator with `outputs` outputs; returns them.
    pub fn ops(&mut self, kind: &str, inputs: &[&str], attributes: Vec<Attribute>, outputs: usize) -> Vec<Value> {
        let name = format!("{}-{kind}", self.nodes.len());
        let output: Vec<Value> = (0..outputs.max(1)).map(|i| format!("{name}-{i}")).collect();
        let input = inputs.iter().map(|&input| input.to_owned()).collect();
        self.nodes.push(Node { input, output: output.clone(), name, op_type: kind.into(), attribute: attributes });
        output
    }

    /// Makes a value an output of the graph.
    pub fn output(&mut self, value: &str, name: &str) {
        let node = Node {
            input: vec![value.to_owned()],
            output: vec![name.to_owned()],
            name: format!("output-{name}"),
            op_type: "Identity".into(),
            attribute: Vec::new(),
        };
        self.nodes.push(node);
    }

    /// Name and values of a parameter.
    pub fn weight<const D: usize>(&self, param: &Param<Values<D>>) -> Result<(&str, &Weight), Error> {
        let name = self.names.get(&param.id).ok_or(Error::ForeignLayer)?;
        Ok((name, self.named(name)?))
    }

    fn named(&self, name: &str) -> Result<&Weight, Error> {
        self.weights.get(name).ok_or_else(|| coin_core::Error::MissingTensor(name.to_owned()).into())
    }

    /// Adds a parameter as a constant.
    pub fn parameter<const D: usize>(&mut self, param: &Param<Values<D>>) -> Result<Value, Error> {
        let name = self.weight(param)?.0.to_owned();
        self.parameter_by_name(name)
    }

    fn parameter_by_name(&mut self, name: String) -> Result<Value, Error> {
        let Weight { shape, values } = self.named(&name)?.clone();
        Ok(self.floats(&name, &shape, &values))
    }

    /// Adds a float constant. A name must always have the same values.
    pub fn floats(&mut self, name: &str, shape: &[usize], values: &[f32]) -> Value {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(name, shape, FLOAT, bytes)
    }

    /// Adds an integer constant. A name must always have the same values.
    pub fn integers(&mut self, name: &str, values: &[i64]) -> Value {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(name, &[values.len()], INT64, bytes)
    }

    fn constant(&mut self, name: &str, shape: &[usize], data_type: i32, raw_data: Vec<u8>) -> Value {
        if self.constants.insert(name.to_owned()) {
            let dims = shape.iter().map(|&side| side as i64).collect();
            self.initializers.push(Tensor { dims, data_type, name: name.to_owned(), raw_data });
        }
        name.to_owned()
    }

    /// Adds a scalar constant.
    pub fn number(&mut self, number: f32) -> Value {
        self.floats(&format!("number {number}"), &[], &[number])
    }

    /// Adds a convolution.
    pub fn convolution(&mut self, x: &str, convolution: &Convolution) -> Result<Value, Error> {
        let Convolution { stride, groups, .. } = *convolution;
        let side = self.weight(&convolution.weight)?.1.shape.last().copied().unwrap_or(1);
        let weight = self.parameter(&convolution.weight)?;
        let bias = convolution.bias.as_ref().map(|bias| self.parameter(bias)).transpose()?;
        let attributes = vec![
            ints("kernel_shape", &[side as i64; 2]),
            ints("strides", &[stride as i64; 2]),
            ints("pads", &[Convolution::padding(side) as i64; 4]),
            int("group", groups as i64),
        ];
        let inputs: Vec<&str> = [x, &weight].into_iter().chain(bias.as_deref()).collect();
        Ok(self.op("Conv", &inputs, attributes))
    }

    /// Adds a batch normalisation.
    pub fn batch_norm(&mut self, x: &str, norm: &BatchNorm) -> Result<Value, Error> {
        let path = self.weight(&norm.gamma)?.0.trim_end_matches(".gamma").to_owned();
        let (scale, shift) = (self.parameter(&norm.gamma)?, self.parameter(&norm.beta)?);
        self.normalised(x, &norm.statistics, &path, [&scale, &shift])
    }

    /// Adds a batch normalisation with the statistics of the layer at `path` and the given scale and shift.
    pub fn normalised(
        &mut self,
        x: &str,
        statistics: &Statistics,
        path: &str,
        [scale, shift]: [&str; 2],
    ) -> Result<Value, Error> {
        let mean = self.parameter_by_name(format!("{path}.statistics.running_mean"))?;
        let variance = self.parameter_by_name(format!("{path}.statistics.running_variance"))?;
        let epsilon = float("epsilon", statistics.epsilon as f32);
        Ok(self.op("BatchNormalization", &[x, scale, shift, &mean, &variance], vec![epsilon]))
    }

    /// `max(x, 0)`.
    pub fn relu(&mut self, x: &str) -> Value {
        self.op("Relu", &[x], Vec::new())
    }

    /// `a + b`.
    pub fn sum(&mut self, a: &str, b: &str) -> Value {
        self.op("Add", &[a, b], Vec::new())
    }

    /// `a * b`.
    pub fn product(&mut self, a: &str, b: &str) -> Value {
        self.op("Mul", &[a, b], Vec::new())
    }

    /// `x` clamped to [`low`, `high`].
    pub fn clipped(&mut self, x: &str, low: f32, high: f32) -> Value {
        let (low, high) = (self.number(low), self.number(high));
        self.op("Clip", &[x, &low, &high], Vec::new())
    }
}

/// A floating-point attribute.
pub fn float(name: &str, value: f32) -> Attribute {
    Attribute { name: name.into(), f: Some(value), kind: 1, ..Attribute::default() }
}

/// An integer attribute.
pub fn int(name: &str, value: i64) -> Attribute {
    Attribute { name: name.into(), i: Some(value), kind: 2, ..Attribute::default() }
}

/// A string attribute.
pub fn text(name: &str, value: &str) -> Attribute {
    Attribute { name: name.into(), s: Some(value.as_bytes().to_vec()), kind: 3, ..Attribute::default() }
}

/// An attribute with a list of integers.
pub fn ints(name: &str, values: &[i64]) -> Attribute {
    Attribute { name: name.into(), ints: values.to_vec(), kind: 7, ..Attribute::default() }
}
