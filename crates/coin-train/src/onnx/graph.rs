//! A graph in the making: operators over named values, weights by the paths that model files give them.

use std::collections::BTreeSet;

use coin_core::weights::{Weight, Weights};

use super::OnnxError;
use super::proto::{Attribute, FLOAT, INT64, Node, Tensor};

/// Name of a value.
pub type Value = String;

/// See the module.
pub struct Builder<'a> {
    weights: &'a Weights,
    nodes: Vec<Node>,
    initializers: Vec<Tensor>,
    held: BTreeSet<String>,
}

impl<'a> Builder<'a> {
    /// Nothing yet, over these weights.
    pub fn new(weights: &'a Weights) -> Self {
        Self { weights, nodes: Vec::new(), initializers: Vec::new(), held: BTreeSet::new() }
    }

    /// Its operators and its weights.
    pub fn finish(self) -> (Vec<Node>, Vec<Tensor>) {
        (self.nodes, self.initializers)
    }

    /// An operator's only output.
    pub fn op(&mut self, kind: &str, inputs: &[&str], attributes: Vec<Attribute>) -> Value {
        self.ops(kind, inputs, attributes, 1).remove(0)
    }

    /// An operator's outputs, at least one.
    pub fn ops(&mut self, kind: &str, inputs: &[&str], attributes: Vec<Attribute>, outputs: usize) -> Vec<Value> {
        let name = format!("{}-{kind}", self.nodes.len());
        let output: Vec<Value> = (0..outputs.max(1)).map(|i| format!("{name}-{i}")).collect();
        let input = inputs.iter().map(|&input| input.to_owned()).collect();
        self.nodes.push(Node { input, output: output.clone(), name, op_type: kind.into(), attribute: attributes });
        output
    }

    /// Gives a value the name of an output.
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

    /// The weight at `path`.
    pub fn weight(&self, path: &str) -> Result<&'a Weight, OnnxError> {
        self.weights.get(path).ok_or_else(|| OnnxError::Missing(path.to_owned()))
    }

    /// The weight at `path` as a value.
    pub fn held(&mut self, path: &str) -> Result<Value, OnnxError> {
        let Weight { shape, values } = self.weight(path)?;
        Ok(self.floats(path, shape, values))
    }

    /// Constants as a value; the same name means the same constants.
    pub fn floats(&mut self, name: &str, shape: &[usize], values: &[f32]) -> Value {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(name, shape, FLOAT, bytes)
    }

    /// Integers as a value; the same name means the same integers.
    pub fn integers(&mut self, name: &str, values: &[i64]) -> Value {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(name, &[values.len()], INT64, bytes)
    }

    fn constant(&mut self, name: &str, shape: &[usize], data_type: i32, raw_data: Vec<u8>) -> Value {
        if self.held.insert(name.to_owned()) {
            let dims = shape.iter().map(|&side| side as i64).collect();
            self.initializers.push(Tensor { dims, data_type, name: name.to_owned(), raw_data });
        }
        name.to_owned()
    }

    /// One number as a value.
    pub fn number(&mut self, number: f32) -> Value {
        self.floats(&format!("number {number}"), &[], &[number])
    }

    /// The convolution whose weight, and bias where it has one, lie below `path`: padded where its side is odd.
    pub fn convolution(&mut self, x: &str, path: &str, stride: usize) -> Result<Value, OnnxError> {
        self.grouped_convolution(x, path, stride, 1)
    }

    /// The same of several groups of channels.
    pub fn grouped_convolution(
        &mut self,
        x: &str,
        path: &str,
        stride: usize,
        groups: usize,
    ) -> Result<Value, OnnxError> {
        let weight = self.held(&format!("{path}.weight"))?;
        let side = self.weight(&weight)?.shape.last().copied().unwrap_or(1) as i64;
        let bias = format!("{path}.bias");
        let bias = self.weight(&bias).is_ok().then(|| self.held(&bias)).transpose()?;
        let pad = if side % 2 == 0 { 0 } else { side / 2 };
        let attributes = vec![
            ints("kernel_shape", &[side; 2]),
            ints("strides", &[stride as i64; 2]),
            ints("pads", &[pad; 4]),
            int("group", groups as i64),
        ];
        let inputs: Vec<&str> = [x, &weight].into_iter().chain(bias.as_deref()).collect();
        Ok(self.op("Conv", &inputs, attributes))
    }

    /// The batch normalisation whose scale, shift and statistics lie below `path`.
    pub fn batch_norm(&mut self, x: &str, path: &str, epsilon: f32) -> Result<Value, OnnxError> {
        let (scale, shift) = (self.held(&format!("{path}.gamma"))?, self.held(&format!("{path}.beta"))?);
        self.normalised(x, path, &scale, &shift, epsilon)
    }

    /// Batch normalisation by the statistics below `path`.
    pub fn normalised(
        &mut self,
        x: &str,
        path: &str,
        scale: &str,
        shift: &str,
        epsilon: f32,
    ) -> Result<Value, OnnxError> {
        let mean = self.held(&format!("{path}.statistics.running_mean"))?;
        let variance = self.held(&format!("{path}.statistics.running_variance"))?;
        Ok(self.op("BatchNormalization", &[x, scale, shift, &mean, &variance], vec![float("epsilon", epsilon)]))
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

    /// `x` between two numbers.
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

/// An attribute of text.
pub fn text(name: &str, value: &str) -> Attribute {
    Attribute { name: name.into(), s: Some(value.as_bytes().to_vec()), kind: 3, ..Attribute::default() }
}

/// An attribute of several integers.
pub fn ints(name: &str, values: &[i64]) -> Attribute {
    Attribute { name: name.into(), ints: values.to_vec(), kind: 7, ..Attribute::default() }
}
