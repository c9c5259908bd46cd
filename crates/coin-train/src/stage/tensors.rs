//! Batches of samples as tensors.

use burn::tensor::{Device, Tensor, TensorData};
use coin_core::training::{Batch, Distance};
use coin_imaging::{Mask, body};

use super::context::TrainingContext;
use crate::data::Sample;
use crate::pictures;

impl TrainingContext<'_> {
    /// Images, plus the regions (body and organ) if the distance is CARL.
    pub(super) fn batch(&self, samples: &[Sample]) -> Batch {
        let images = self.tensor(samples);
        // As in the reference: the body is everything above the lower end of the window.
        let regions = (self.recipe.counterfactual.training.distance == Distance::Carl).then(|| {
            let size = self.recipe.input.size;
            let all = || Mask::new(size, size, vec![true; size * size]);
            let regions = |sample: &Sample| {
                [
                    body(sample.clean.as_ref().unwrap_or(&sample.input), size, size, -1.0).or_else(all),
                    Some(sample.organ.clone()),
                ]
            };
            let masks: Vec<Mask> = samples.iter().flat_map(regions).flatten().collect();
            let values: Vec<f32> =
                masks.iter().flat_map(Mask::as_slice).map(|&inside| u8::from(inside).into()).collect();
            Tensor::from_data(TensorData::new(values, [samples.len(), 2, size, size]), &images.device())
        });
        Batch { images, regions }
    }

    /// Ground-truth masks of 0 and 1, `[batch, 1, size, size]`, on the autodiff device; all 0 for normal slices.
    pub(super) fn truths(&self, batch: &[Sample]) -> Tensor<4> {
        let size = self.recipe.input.size;
        let inside = |sample: &Sample| match &sample.truth {
            Some(truth) => truth.as_slice().iter().map(|&inside| f32::from(u8::from(inside))).collect(),
            None => vec![0.0; size * size],
        };
        pictures::tensor(batch.iter().flat_map(inside).collect(), size, &self.devices.first.clone().autodiff())
    }

    /// Images, `[batch, 1, size, size]` in [-1, 1], on the autodiff device.
    pub(super) fn tensor(&self, batch: &[Sample]) -> Tensor<4> {
        images(batch, self.recipe.input.size, &self.devices.first.clone().autodiff())
    }
}

/// The network inputs of a batch, `[batch, 1, size, size]` in [-1, 1].
pub(super) fn images(batch: &[Sample], size: usize, device: &Device) -> Tensor<4> {
    pictures::tensor(batch.iter().flat_map(|sample| sample.input.iter().copied()).collect(), size, device)
}
