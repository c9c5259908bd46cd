//! A model on this engine's device.

use burn::tensor::{Tensor, TensorData};
use coin_core::attribution::{self, Rise, RiseConfig};
use coin_core::bundle::{Bundle, Card, SELF_TEST_TOLERANCE};
use coin_core::explanation::{Explainer, Explanation};
use coin_imaging::{Fit, Window};
use js_sys::{Date, Error, Float32Array, Function, Object, Promise};
use serde::Serialize as _;
use serde_wasm_bindgen::Serializer;
use wasm_bindgen::prelude::*;

use crate::device::{self, NamedDevice};
use crate::object;
use crate::slice::{Slice, sentence};

/// Explains slices; one at a time.
#[wasm_bindgen]
pub struct Engine {
    on: NamedDevice,
    model: Option<Model>,
}

struct Model {
    card: Card,
    window: Window,
    explainer: Explainer,
}

#[wasm_bindgen]
impl Engine {
    /// Opens the device; rejects with a sentence where there is none.
    pub async fn start() -> Result<Engine, Error> {
        Ok(Engine { on: device::open().await?, model: None })
    }

    /// `CPU`, or the graphics adapter's name.
    #[wasm_bindgen(getter)]
    pub fn device(&self) -> String {
        self.on.name.clone()
    }

    /// Whether the adapter is a software one.
    #[wasm_bindgen(getter)]
    pub fn software(&self) -> bool {
        self.on.software
    }

    /// Settles with a sentence when the device is lost, and never before; undefined for a device that cannot be lost, and when
    /// it was asked for already.
    pub fn lost(&mut self) -> Option<Promise> {
        let lost = self.on.lost.take()?;
        Some(wasm_bindgen_futures::future_to_promise(async move {
            match lost.await {
                Ok(message) => Ok(format!("the graphics card was lost: {message}").into()),
                Err(_) => std::future::pending().await,
            }
        }))
    }

    /// Checks a model file, puts it on the device, runs its self-test, and says what the model is.
    pub async fn load(&mut self, model: &[u8]) -> Result<Object, Error> {
        let bundle = Bundle::read(model).map_err(sentence)?;
        let window = Window::try_from(bundle.card.window).map_err(sentence)?;
        let explainer = bundle.explainer(&self.on.device).map_err(sentence)?;
        let started = Date::now();
        let answer = self.run(&explainer, bundle.self_test_input(), bundle.card.self_test.size).await?;
        let error = bundle.check(&answer).map_err(sentence)?;
        let self_test = object([
            ("maxError", error.into()),
            ("tolerance", SELF_TEST_TOLERANCE.into()),
            ("milliseconds", (Date::now() - started).into()),
        ])?;
        let info = info(&bundle.card, self_test)?;
        self.model = Some(Model { card: bundle.card, window, explainer });
        Ok(info)
    }

    /// `{size, square, before, after, input, counterfactual, difference, unfamiliarity, milliseconds}` of a slice; `square` is
    /// where the model's grid lies on it: `{left, top, width, height}` in the slice's pixels, `pixelMm` of the grid, or null,
    /// and whether it lies `aroundBody`. See [`Explainer::unfamiliarity`].
    pub async fn explain(&self, slice: &Slice) -> Result<Object, Error> {
        let model = self.model()?;
        let started = Date::now();
        let size = model.card.size;
        let fit = model.fit(&slice.0);
        let input = model.input(&fit, slice);
        let explanation = self.run(&model.explainer, input.clone(), size).await?;
        object([
            ("size", size.into()),
            ("square", square(&fit, model.card.crop_to_body)?.into()),
            ("before", explanation.before.into()),
            ("after", explanation.after.into()),
            ("input", Float32Array::from(input.as_slice()).into()),
            ("counterfactual", Float32Array::from(explanation.counterfactual.as_slice()).into()),
            ("difference", Float32Array::from(explanation.difference.as_slice()).into()),
            ("unfamiliarity", model.explainer.unfamiliarity(&input).map_or(JsValue::NULL, JsValue::from)),
            ("milliseconds", (Date::now() - started).into()),
        ])
    }

    /// A saliency map of the classifier in [0, 1], `size * size` values: `score-cam`, `layer-cam` or `grad-cam` at its last layer.
    /// `progress` hears how many images are done, and of how many.
    pub async fn attribute(&self, slice: &Slice, method: &str, progress: &Function) -> Result<Float32Array, Error> {
        let model = self.model()?;
        let classifier = &model.explainer.classifier;
        let image = self.image(model, slice);
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
        let image = self.image(model, slice);
        let sum = rise.sum(&model.explainer.classifier, image, first..end, &mut teller(progress));
        values(sum.ok_or_else(|| Error::new("RISE was stopped"))?).await
    }
}

/// Passes progress on; nothing stops the method.
fn teller(progress: &Function) -> impl FnMut(usize, usize) -> bool {
    move |done, all| {
        // Whoever listens may fail; the map does not depend on it.
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

impl Model {
    /// How a slice goes on the model's grid.
    fn fit(&self, slice: &coin_imaging::Slice) -> Fit {
        Fit::for_model(slice, self.card.size, self.card.crop_to_body)
    }

    /// A slice as the networks see it.
    fn input(&self, fit: &Fit, slice: &Slice) -> Vec<f32> {
        fit.input(&slice.0, self.window)
    }
}

impl Engine {
    fn model(&self) -> Result<&Model, Error> {
        self.model.as_ref().ok_or_else(|| Error::new("no model is loaded; load one first"))
    }

    /// A slice on the device, as the networks see it.
    fn image(&self, model: &Model, slice: &Slice) -> Tensor<4> {
        let size = model.card.size;
        let data = TensorData::new(model.input(&model.fit(&slice.0), slice), [1, 1, size, size]);
        Tensor::from_data(data, &self.on.device)
    }

    async fn run(&self, explainer: &Explainer, input: Vec<f32>, size: usize) -> Result<Explanation, Error> {
        let pending = explainer.explain(input, size, &self.on.device).map_err(sentence)?;
        let explanations = pending.read_async().await.map_err(sentence)?;
        explanations.into_iter().next().ok_or_else(|| Error::new("the device gave no explanation"))
    }
}

fn square(fit: &Fit, around_body: bool) -> Result<Object, Error> {
    let [left, top, width, height] = fit.square();
    object([
        ("left", left.into()),
        ("top", top.into()),
        ("width", width.into()),
        ("height", height.into()),
        ("pixelMm", fit.pixel().map_or(JsValue::NULL, |pixel| pixel.column_mm().into())),
        ("aroundBody", around_body.into()),
    ])
}

fn info(card: &Card, self_test: Object) -> Result<Object, Error> {
    let json = |value: &serde_json::Value| {
        value.serialize(&Serializer::json_compatible()).map_err(|reason| sentence(reason.to_string()))
    };
    let [low, high] = card.window;
    object([
        ("name", card.name.as_str().into()),
        ("title", card.title.as_str().into()),
        ("size", card.size.into()),
        ("window", js_sys::Array::of2(&low.into(), &high.into()).into()),
        ("threshold", card.threshold.into()),
        ("peak", card.peak.into()),
        ("postprocess", card.postprocess.into()),
        ("licence", card.licence.as_str().into()),
        ("recipe", json(&card.recipe["name"])?),
        ("anomaly", json(&card.recipe["anomaly"])?),
        ("data", card.data.as_str().into()),
        ("results", json(&card.results)?),
        ("limits", card.limits.as_str().into()),
        ("selfTest", self_test.into()),
    ])
}
