//! Inception-v3 up to its 768-channel feature maps, for FID. Inference only; the user provides the weights.
//!
//! The weights are those of the original TensorFlow network, with the names that torchvision and pytorch-fid share. As
//! in that network, average pooling excludes the padding, and resizing has no half-pixel offset.

use std::collections::BTreeMap;

use burn::tensor::activation::relu;
use burn::tensor::ops::{AvgPoolOptions, ConvOptions, MaxPoolOptions};
use burn::tensor::{Device, Tensor, TensorData, module};

use crate::Error;
use crate::weights::Weight;

/// Features per image.
pub const FEATURES: usize = 768;
/// Input size of the network.
const SIDE: usize = 299;
/// Epsilon of the batch normalisations.
const EPSILON: f32 = 1e-3;

/// A convolution: name, padding (rows, columns), stride.
type Layer = (&'static str, [usize; 2], usize);

/// Inception-v3 up to `Mixed_6e`.
#[derive(Clone, Debug)]
pub struct Inception {
    /// Weight and bias of each convolution, with its batch normalisation folded in.
    layers: BTreeMap<String, (Tensor<4>, Tensor<1>)>,
    device: Device,
}

impl Inception {
    /// Loads the weights that `named` returns for names such as `Conv2d_1a_3x3.conv.weight`.
    ///
    /// # Errors
    /// If a tensor is missing or has another shape.
    pub fn load(named: impl Fn(&str) -> Option<Weight>, device: &Device) -> Result<Self, Error> {
        let mut layers = BTreeMap::new();
        for name in names() {
            let get = |leaf: &str| {
                let name = format!("{name}.{leaf}");
                named(&name).ok_or(Error::MissingTensor(name))
            };
            let (kernel, scale, shift) = (get("conv.weight")?, get("bn.weight")?, get("bn.bias")?);
            let (mean, variance) = (get("bn.running_mean")?, get("bn.running_var")?);
            let &[outputs, inputs, rows, columns] = &kernel.shape[..] else {
                return Err(wrong(&name, &kernel, &[0; 4]));
            };
            for vector in [&scale, &shift, &mean, &variance] {
                if vector.shape != [outputs] {
                    return Err(wrong(&name, vector, &[outputs]));
                }
            }
            let each = || scale.values.iter().zip(&variance.values).map(|(scale, v)| scale / (v + EPSILON).sqrt());
            let filter = (inputs * rows * columns).max(1);
            let folded =
                kernel.values.chunks(filter).zip(each()).flat_map(|(kernel, by)| kernel.iter().map(move |k| k * by));
            let bias = each().zip(mean.values.iter().zip(&shift.values)).map(|(by, (mean, shift))| shift - mean * by);
            let folded = TensorData::new(folded.collect::<Vec<f32>>(), [outputs, inputs, rows, columns]);
            let bias = TensorData::new(bias.collect::<Vec<f32>>(), [outputs]);
            layers.insert(name, (Tensor::from_data(folded, device), Tensor::from_data(bias, device)));
        }
        Ok(Self { layers, device: device.clone() })
    }

    /// Maps a batch of intensity images of `size` x `size` values in [0, 1] to features `[batch, 768]`.
    pub fn features(&self, pictures: &[f32], size: usize) -> Tensor<2> {
        let batch = pictures.len() / (size * size).max(1);
        // Quantised to bytes, as in the network's training.
        let levels: Vec<f32> = pictures.iter().map(|value| ((value * 255.0).floor() - 128.0) / 128.0).collect();
        let x = Tensor::<4>::from_data(TensorData::new(levels, [batch, 1, size, size]), &self.device);
        let grown = resizing(size, &self.device);
        let x = grown.clone().matmul(x).matmul(grown.transpose());
        let x = self.maps(x.repeat_dim(1, 3));
        x.mean_dim(3).mean_dim(2).reshape([batch, FEATURES])
    }

    /// Maps images `[batch, 3, height, width]` in [-1, 1] to the feature maps after `Mixed_6e`.
    pub fn maps(&self, x: Tensor<4>) -> Tensor<4> {
        let x = self.layer(x, ("Conv2d_1a_3x3", [0, 0], 2));
        let x = self.layer(x, ("Conv2d_2a_3x3", [0, 0], 1));
        let x = max_pool(self.layer(x, ("Conv2d_2b_3x3", [1, 1], 1)));
        let x = self.layer(x, ("Conv2d_3b_1x1", [0, 0], 1));
        let x = max_pool(self.layer(x, ("Conv2d_4a_3x3", [0, 0], 1)));
        let x = ["Mixed_5b", "Mixed_5c", "Mixed_5d"].iter().fold(x, |x, block| self.narrow_block(x, block));
        let x = self.downsample_block(x);
        ["Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e"].iter().fold(x, |x, block| self.wide_block(x, block))
    }

    fn narrow_block(&self, x: Tensor<4>, block: &str) -> Tensor<4> {
        let pooled = average_pool(x.clone());
        Tensor::cat(
            vec![
                self.branch(x.clone(), block, &[("branch1x1", [0, 0], 1)]),
                self.branch(x.clone(), block, &[("branch5x5_1", [0, 0], 1), ("branch5x5_2", [2, 2], 1)]),
                self.branch(
                    x,
                    block,
                    &[("branch3x3dbl_1", [0, 0], 1), ("branch3x3dbl_2", [1, 1], 1), ("branch3x3dbl_3", [1, 1], 1)],
                ),
                self.branch(pooled, block, &[("branch_pool", [0, 0], 1)]),
            ],
            1,
        )
    }

    fn downsample_block(&self, x: Tensor<4>) -> Tensor<4> {
        let pooled = max_pool(x.clone());
        let three = self.branch(x.clone(), "Mixed_6a", &[("branch3x3", [0, 0], 2)]);
        let twice = self.branch(
            x,
            "Mixed_6a",
            &[("branch3x3dbl_1", [0, 0], 1), ("branch3x3dbl_2", [1, 1], 1), ("branch3x3dbl_3", [0, 0], 2)],
        );
        Tensor::cat(vec![three, twice, pooled], 1)
    }

    fn wide_block(&self, x: Tensor<4>, block: &str) -> Tensor<4> {
        let (rows, columns) = ([3, 0], [0, 3]);
        let pooled = average_pool(x.clone());
        Tensor::cat(
            vec![
                self.branch(x.clone(), block, &[("branch1x1", [0, 0], 1)]),
                self.branch(
                    x.clone(),
                    block,
                    &[("branch7x7_1", [0, 0], 1), ("branch7x7_2", columns, 1), ("branch7x7_3", rows, 1)],
                ),
                self.branch(
                    x,
                    block,
                    &[
                        ("branch7x7dbl_1", [0, 0], 1),
                        ("branch7x7dbl_2", rows, 1),
                        ("branch7x7dbl_3", columns, 1),
                        ("branch7x7dbl_4", rows, 1),
                        ("branch7x7dbl_5", columns, 1),
                    ],
                ),
                self.branch(pooled, block, &[("branch_pool", [0, 0], 1)]),
            ],
            1,
        )
    }

    fn branch(&self, x: Tensor<4>, block: &str, layers: &[Layer]) -> Tensor<4> {
        layers.iter().fold(x, |x, (name, padding, stride)| self.named(x, &format!("{block}.{name}"), *padding, *stride))
    }

    fn layer(&self, x: Tensor<4>, (name, padding, stride): Layer) -> Tensor<4> {
        self.named(x, name, padding, stride)
    }

    fn named(&self, x: Tensor<4>, name: &str, padding: [usize; 2], stride: usize) -> Tensor<4> {
        // `names` lists every requested name, so it was loaded.
        let Some((weight, bias)) = self.layers.get(name) else { return x };
        let options = ConvOptions::new([stride; 2], padding, [1, 1], 1);
        relu(module::conv2d(x, weight.clone(), Some(bias.clone()), options))
    }
}

/// Names of all convolutions.
fn names() -> Vec<String> {
    let stem = ["Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "Conv2d_3b_1x1", "Conv2d_4a_3x3"];
    let twice = ["branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3"];
    let narrow = [&["branch1x1", "branch5x5_1", "branch5x5_2", "branch_pool"][..], &twice].concat();
    let wide = [
        "branch1x1",
        "branch7x7_1",
        "branch7x7_2",
        "branch7x7_3",
        "branch7x7dbl_1",
        "branch7x7dbl_2",
        "branch7x7dbl_3",
        "branch7x7dbl_4",
        "branch7x7dbl_5",
        "branch_pool",
    ];
    let below = |block: &'static str, layers: &[&'static str]| {
        layers.iter().map(|layer| format!("{block}.{layer}")).collect::<Vec<_>>()
    };
    let mut names: Vec<String> = stem.iter().map(|&name| name.to_owned()).collect();
    names.extend(["Mixed_5b", "Mixed_5c", "Mixed_5d"].into_iter().flat_map(|block| below(block, &narrow)));
    names.extend(below("Mixed_6a", &[&["branch3x3"][..], &twice].concat()));
    names.extend(["Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e"].into_iter().flat_map(|block| below(block, &wide)));
    names
}

fn wrong(name: &str, weight: &Weight, expected: &[usize]) -> Error {
    Error::TensorShape { name: name.to_owned(), found: weight.shape.clone(), expected: expected.to_vec() }
}

fn max_pool(x: Tensor<4>) -> Tensor<4> {
    module::max_pool2d(x, MaxPoolOptions::new([3, 3]).with_stride([2, 2]))
}

fn average_pool(x: Tensor<4>) -> Tensor<4> {
    let options = AvgPoolOptions::new([3, 3]).with_stride([1, 1]).with_padding([1, 1]).with_count_include_pad(false);
    module::avg_pool2d(x, options)
}

/// The matrix `[1, 1, 299, size]` that resizes rows bilinearly, without half-pixel offset.
fn resizing(size: usize, device: &Device) -> Tensor<4> {
    let mut weights = vec![0.0; SIDE * size];
    for (i, row) in weights.chunks_mut(size).enumerate() {
        let place = i as f32 * size as f32 / SIDE as f32;
        let (below, share) = (place.floor() as usize, place.fract());
        row[below.min(size - 1)] += 1.0 - share;
        row[(below + 1).min(size - 1)] += share;
    }
    Tensor::from_data(TensorData::new(weights, [1, 1, SIDE, size]), device)
}
