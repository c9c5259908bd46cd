//! Saliency maps of an engine's classifier.

use burn::tensor::{Tensor, TensorData};
use coin_core::attribution::{self, Rise, RiseConfig, SaliencyMethod};
use js_sys::{Error, Float32Array, Function};
use wasm_bindgen::prelude::*;

use crate::device::failure;
use crate::engine::{Engine, Model};
use crate::slice::Slice;

#[wasm_bindgen]
impl Engine {
    /// Returns a saliency map of `size * size` values in [0, 1] for the classifier's last layer. `method` is
    /// `score-cam`, `layer-cam` or `grad-cam`; `progress` is called with the number of images done and in total.
    ///
    /// # Errors
    /// If no model is loaded, the method is unknown or not supported by the classifier, or the device fails.
    pub async fn attribute(&self, slice: &Slice, method: &str, progress: &Function) -> Result<Float32Array, Error> {
        let model = self.model()?;
        let classifier = &model.explainer.classifier;
        let image = self.image(model, slice)?;
        let known = || Error::new(&format!("choose {}", SaliencyMethod::ALL.map(SaliencyMethod::name).join(", ")));
        let map = match SaliencyMethod::named(method).ok_or_else(known)? {
            SaliencyMethod::Rise => return Err(Error::new("RISE is computed in parts; call riseSum")),
            SaliencyMethod::ScoreCam => {
                let layer = classifier.layers().pop().map(|(_, layer)| layer);
                layer.and_then(|layer| attribution::score_cam(classifier, image, layer, &mut callback(progress)))
            }
            SaliencyMethod::LayerCam => attribution::last_layer_cam(classifier, image),
            SaliencyMethod::GradCam => attribution::last_grad_cam(classifier, image),
        };
        values(map.ok_or_else(|| Error::new("this method does not support the model's classifier"))?).await
    }

    /// Returns the weighted sum of the RISE masks `first..end` out of `masks`, `size * size` values, see [`Rise::sum`].
    /// `progress` is called with the number of masks done and in total.
    ///
    /// # Errors
    /// If no model is loaded, the number of masks is invalid, or the device fails.
    #[wasm_bindgen(js_name = riseSum)]
    pub async fn rise_sum(
        &self,
        slice: &Slice,
        masks: usize,
        first: usize,
        end: usize,
        progress: &Function,
    ) -> Result<Float32Array, Error> {
        let config = RiseConfig::with_masks(masks).map_err(|reason| Error::new(&reason.to_string()))?;
        let model = self.model()?;
        let rise = Rise::draw(&config, [model.card.size; 2]);
        let image = self.image(model, slice)?;
        let sum = rise.sum(&model.explainer.classifier, image, first..end, &mut callback(progress));
        values(sum.ok_or_else(|| Error::new("RISE was cancelled"))?).await
    }
}

impl Engine {
    /// The network input of a slice, `[1, 1, size, size]` on the device.
    fn image(&self, model: &Model, slice: &Slice) -> Result<Tensor<4>, Error> {
        let size = model.card.size;
        let data =
            TensorData::new(model.input_transform(&slice.0).input(&slice.0, model.window(slice)?), [1, 1, size, size]);
        Ok(Tensor::from_data(data, &self.on.device))
    }
}

/// Forwards progress to JavaScript; never cancels.
fn callback(progress: &Function) -> impl FnMut(usize, usize) -> bool {
    move |done, all| {
        // A failing callback must not cancel the computation.
        let _ = progress.call2(&JsValue::NULL, &done.into(), &all.into());
        true
    }
}

/// Reads a tensor's values from the device.
async fn values(tensor: Tensor<4>) -> Result<Float32Array, Error> {
    let data = tensor.into_data_async().await.map_err(coin_core::Error::unread);
    let values = data.and_then(|data| data.try_into_vec_as::<f32>().map_err(coin_core::Error::unread));
    Ok(Float32Array::from(values.map_err(failure)?.as_slice()))
}
