//! Saliency maps of an engine's classifier.

use burn::tensor::{Tensor, TensorData};
use coin_core::attribution::{self, Rise, RiseConfig};
use js_sys::{Error, Float32Array, Function};
use wasm_bindgen::prelude::*;

use crate::engine::{Engine, Model};
use crate::slice::Slice;

#[wasm_bindgen]
impl Engine {
    /// A saliency map of the classifier in [0, 1], `size * size` values: `score-cam`, `layer-cam` or `grad-cam` at its last layer.
    /// `progress` hears how many images are done, and of how many.
    pub async fn attribute(&self, slice: &Slice, method: &str, progress: &Function) -> Result<Float32Array, Error> {
        let model = self.model()?;
        let classifier = &model.explainer.classifier;
        let image = self.image(model, slice)?;
        let map = match method {
            "score-cam" => {
                let layer = classifier.layers().pop().map(|(_, layer)| layer);
                layer.and_then(|layer| attribution::score_cam(classifier, image, layer, &mut teller(progress)))
            }
            "layer-cam" => attribution::last_layer_cam(classifier, image),
            "grad-cam" => attribution::last_grad_cam(classifier, image),
            _ => return Err(Error::new("the method is score-cam, layer-cam or grad-cam")),
        };
        values(map.ok_or_else(|| Error::new("this method cannot look into this model's classifier"))?).await
    }

    /// The weighted sum of RISE's masks from number `first` on and before number `end` of `masks` in all, `size * size` values:
    /// see [`Rise::sum`]. `progress` hears how many of them are done, and of how many.
    #[wasm_bindgen(js_name = riseSum)]
    pub async fn rise_sum(
        &self,
        slice: &Slice,
        masks: usize,
        first: usize,
        end: usize,
        progress: &Function,
    ) -> Result<Float32Array, Error> {
        if !(1..=RiseConfig::MOST_MASKS).contains(&masks) {
            return Err(Error::new(&format!("masks: {masks} is not between 1 and {}", RiseConfig::MOST_MASKS)));
        }
        let model = self.model()?;
        let rise = Rise::draw(&RiseConfig { masks, ..RiseConfig::paper() }, [model.card.size; 2]);
        let image = self.image(model, slice)?;
        let sum = rise.sum(&model.explainer.classifier, image, first..end, &mut teller(progress));
        values(sum.ok_or_else(|| Error::new("RISE was stopped"))?).await
    }
}

impl Engine {
    /// A slice on the device, as the networks see it.
    fn image(&self, model: &Model, slice: &Slice) -> Result<Tensor<4>, Error> {
        let size = model.card.size;
        let data = TensorData::new(model.fit(&slice.0).input(&slice.0, model.window(slice)?), [1, 1, size, size]);
        Ok(Tensor::from_data(data, &self.on.device))
    }
}

/// Passes progress on; nothing stops the method.
fn teller(progress: &Function) -> impl FnMut(usize, usize) -> bool {
    move |done, all| {
        // A failing callback must not stop the map.
        let _ = progress.call2(&JsValue::NULL, &done.into(), &all.into());
        true
    }
}

/// A tensor's values, from the device.
async fn values(tensor: Tensor<4>) -> Result<Float32Array, Error> {
    let failed = |reason| Error::new(&format!("the device did not give the map back: {reason:?}"));
    let values = tensor.into_data_async().await.map_err(failed)?.try_into_vec_as::<f32>();
    Ok(Float32Array::from(values.map_err(|reason| Error::new(&format!("{reason:?}")))?.as_slice()))
}
