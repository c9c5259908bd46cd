//! The explanation of a slice: the verdict before and after inpainting, the counterfactual, the difference map.

use burn::tensor::activation::sigmoid;
use burn::tensor::{Device, Tensor, TensorData};
use coin_kernels::Awake;

use crate::Error;
use crate::method::Method;
use crate::networks::{Classifier, Inpainter};
use crate::ood::OodDetector;

/// The two networks that explain a slice, with inference weights on one device.
#[derive(Clone, Debug)]
pub struct Explainer {
    /// E and G.
    pub inpainter: Inpainter,
    /// f.
    pub classifier: Classifier,
    /// What a counterfactual is to be.
    pub method: Method,
    /// How like the training data an image is, where that is known.
    pub ood: Option<OodDetector>,
}

/// What one image gave.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// The classifier's probability of "abnormal" for the image.
    pub before: f32,
    /// Its probability for the counterfactual.
    pub after: f32,
    /// The counterfactual in [-1, 1], row by row.
    pub counterfactual: Vec<f32>,
    /// `|x - x_cf| / 2` in [0, 1], row by row; NaN where the counterfactual is NaN.
    pub difference: Vec<f32>,
}

/// The largest difference of pairs of values; NaN where one is, which `f32::max` would pass over.
pub fn largest_difference<'a>(pairs: impl Iterator<Item = (&'a f32, &'a f32)>) -> f32 {
    let worse = |worst: f32, error: f32| if error > worst || error.is_nan() { error } else { worst };
    pairs.map(|(a, b)| (a - b).abs()).fold(0.0, worse)
}

/// A batch on its way: computed on the device, not yet read back.
pub struct Pending {
    input: Vec<f32>,
    pixels: usize,
    /// `[batch, pixels + 2]`: counterfactual, then both probabilities; one tensor, because each read-back costs.
    output: Tensor<2>,
}

impl Explainer {
    /// How unlike the training data an image of `size * size` values in [-1, 1] is, in multiples of what is alike: beyond 1 a
    /// warning is due. `None` where that is not known.
    pub fn ood_score(&self, image: &[f32]) -> Option<f32> {
        self.ood.as_ref().map(|ood| ood.ood_score(image))
    }

    /// Starts the explanation of `images`: each `size * size` values in [-1, 1], one after the other.
    pub fn explain(&self, images: Vec<f32>, size: usize, device: &Device) -> Result<Pending, Error> {
        let pixels = size * size;
        if pixels == 0 || images.is_empty() || !images.len().is_multiple_of(pixels) {
            return Err(Error::Input { found: images.len(), size });
        }
        let _awake = Awake::on(device);
        let batch = images.len() / pixels;
        let x = Tensor::<4>::from_data(TensorData::new(images.clone(), [batch, 1, size, size]), device);
        let logits = self.classifier.forward(x.clone());
        let condition = self.method.condition(|| logits.clone(), self.inpainter.conditions());
        let (before, counterfactual) = (sigmoid(logits), self.inpainter.forward(x, &condition));
        let after = sigmoid(self.classifier.forward(counterfactual.clone()));
        let output = Tensor::cat(vec![counterfactual.reshape([batch, pixels]), before, after], 1);
        Ok(Pending { input: images, pixels, output })
    }
}

impl Pending {
    /// Waits for the device.
    pub fn read(self) -> Result<Vec<Explanation>, Error> {
        let data = self.output.try_into_data().map_err(|reason| Error::Device(format!("{reason:?}")))?;
        explanations(&self.input, self.pixels, data)
    }

    /// Waits for the device without blocking, which a browser forbids.
    pub async fn read_async(self) -> Result<Vec<Explanation>, Error> {
        let data = self.output.into_data_async().await;
        let data = data.map_err(|reason| Error::Device(format!("{reason:?}")))?;
        explanations(&self.input, self.pixels, data)
    }
}

fn explanations(input: &[f32], pixels: usize, data: TensorData) -> Result<Vec<Explanation>, Error> {
    let values = data.try_into_vec_as::<f32>().map_err(|reason| Error::Device(format!("{reason:?}")))?;
    let rows = values.chunks_exact(pixels + 2).zip(input.chunks_exact(pixels));
    let one = |(row, x): (&[f32], &[f32])| {
        let (counterfactual, probabilities) = row.split_at(pixels);
        let difference = x.iter().zip(counterfactual).map(|(x, cf)| ((x - cf).abs() / 2.0).clamp(0.0, 1.0)).collect();
        Explanation {
            before: probabilities[0],
            after: probabilities[1],
            counterfactual: counterfactual.to_vec(),
            difference,
        }
    };
    Ok(rows.map(one).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_difference_is_at_most_one_and_nan_where_the_counterfactual_is() {
        let output = TensorData::new(vec![f32::NAN, -1.5, 0.5, 0.9, 0.1], [1, 5]);
        let answers = explanations(&[0.0, 1.0, 0.0], 3, output).unwrap();
        let [unknown, far, near] = answers[0].difference[..] else { unreachable!("three pixels") };
        assert!(unknown.is_nan());
        assert_eq!((far, near), (1.0, 0.25));
        assert_eq!((answers[0].before, answers[0].after), (0.9, 0.1));
    }
}
