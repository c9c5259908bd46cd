//! Pictures as tensors and back: the one place where values are laid out `[batch, 1, size, size]`.

use burn::tensor::{Device, Tensor, TensorData};

/// Pictures of `size` x `size` values, one after the other, on `device`.
pub fn tensor(values: Vec<f32>, size: usize, device: &Device) -> Tensor<4> {
    let batch = values.len() / (size * size).max(1);
    Tensor::from_data(TensorData::new(values, [batch, 1, size, size]), device)
}

/// The values of a tensor, row by row; `what` they are, for people.
pub fn values<const D: usize>(tensor: Tensor<D>, what: &str) -> anyhow::Result<Vec<f32>> {
    let values = tensor.try_into_vec_as::<f32>();
    values.map_err(|reason| anyhow::anyhow!("the device did not give {what} back: {reason:?}"))
}
