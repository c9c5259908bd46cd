//! Converts images to tensors of shape `[batch, 1, size, size]` and back.

use burn::tensor::{Device, Tensor, TensorData};

/// Converts concatenated images of `size * size` values to a tensor of shape `[batch, 1, size, size]` on `device`.
pub fn tensor(values: Vec<f32>, size: usize, device: &Device) -> Tensor<4> {
    let batch = values.len() / (size * size).max(1);
    Tensor::from_data(TensorData::new(values, [batch, 1, size, size]), device)
}

/// Reads the values of a tensor in row-major order; `what` names them in errors.
///
/// # Errors
/// If the device fails.
pub fn values<const D: usize>(tensor: Tensor<D>, what: &str) -> anyhow::Result<Vec<f32>> {
    let values = tensor.try_into_vec_as::<f32>();
    values.map_err(|reason| anyhow::anyhow!("could not read {what} from the device: {reason:?}"))
}
