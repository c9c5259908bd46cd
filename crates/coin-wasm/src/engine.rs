//! A model on the device of this engine.

use coin_core::attribution::{SALIENCY_THRESHOLD, SaliencyMethod};
use coin_core::bundle::{Bundle, Card, Normalisation, Over, SELF_TEST_TOLERANCE};
use coin_core::explanation::{Explainer, Explanation};
use coin_core::ood::OodScore;
use coin_core::verification::Candidates;
use coin_imaging::{InputTransform, Mask, Window, modality};
use js_sys::{Error, Float32Array, Object, Promise};
use serde::Serialize as _;
use serde_wasm_bindgen::Serializer;
use wasm_bindgen::prelude::*;

use crate::clock;
use crate::device::{self, NamedDevice};
use crate::object;
use crate::slice::{Slice, sentence};

/// Explains slices with a model, one at a time.
#[wasm_bindgen]
pub struct Engine {
    pub(crate) on: NamedDevice,
    model: Option<Model>,
}

pub(crate) struct Model {
    pub(crate) card: Card,
    pub(crate) explainer: Explainer,
}

#[wasm_bindgen]
impl Engine {
    /// Opens the device; rejects if there is none.
    ///
    /// # Errors
    /// If the device cannot be opened.
    pub async fn start() -> Result<Engine, Error> {
        Ok(Engine { on: device::open().await?, model: None })
    }

    /// `CPU`, or the name of the GPU adapter.
    #[wasm_bindgen(getter)]
    pub fn device(&self) -> String {
        self.on.name.clone()
    }

    /// Whether the adapter is a software renderer.
    #[wasm_bindgen(getter)]
    pub fn software(&self) -> bool {
        self.on.software
    }

    /// Describes the GPU adapter and its limits: `{name, vendor, driver, backend, type, maxBufferBytes, maxBindingBytes,
    /// maxWorkgroupBytes}`, or null for the CPU.
    ///
    /// # Errors
    /// If the object cannot be made.
    #[wasm_bindgen(getter)]
    pub fn adapter(&self) -> Result<JsValue, Error> {
        let Some(adapter) = &self.on.adapter else { return Ok(JsValue::NULL) };
        let facts = object([
            ("name", adapter.name.as_str().into()),
            ("vendor", adapter.vendor.into()),
            ("driver", adapter.driver.as_str().into()),
            ("backend", adapter.backend.as_str().into()),
            ("type", adapter.kind.as_str().into()),
            ("maxBufferBytes", (adapter.max_buffer_bytes as f64).into()),
            ("maxBindingBytes", (adapter.max_binding_bytes as f64).into()),
            ("maxWorkgroupBytes", adapter.max_workgroup_bytes.into()),
        ])?;
        Ok(facts.into())
    }

    /// Returns a promise that resolves with a message when the device is lost; undefined for the CPU, and after the
    /// first call.
    pub fn lost(&mut self) -> Option<Promise> {
        let lost = self.on.lost.take()?;
        Some(wasm_bindgen_futures::future_to_promise(async move {
            match lost.await {
                Ok(message) => Ok(format!("the GPU was lost: {message}").into()),
                Err(_) => std::future::pending().await,
            }
        }))
    }

    /// Checks a model file, loads it onto the device, runs its self-test, and returns a description of the model.
    ///
    /// # Errors
    /// If the model file is invalid or fails its self-test.
    pub async fn load(&mut self, model: &[u8]) -> Result<Object, Error> {
        let bundle = Bundle::read(model).map_err(sentence)?;
        let explainer = bundle.explainer(&self.on.device).map_err(sentence)?;
        let started = clock::now();
        let answer = self.run(&explainer, bundle.self_test_input(), bundle.card.self_test.size).await?;
        let error = bundle.check(&answer).map_err(sentence)?;
        let self_test = object([
            ("maxError", error.into()),
            ("tolerance", SELF_TEST_TOLERANCE.into()),
            ("milliseconds", (clock::now() - started).into()),
        ])?;
        let info = info(&bundle.card, self_test)?;
        self.model = Some(Model { card: bundle.card, explainer });
        Ok(info)
    }

    /// Explains a slice and returns `{size, window, square, before, after, input, counterfactual, difference, segmentation,
    /// oodScore, oodWarning, milliseconds}`.
    ///
    /// `window` are the intensities of -1 and 1. `square` is the position of the model's grid on the slice: `{left,
    /// top, width, height}` in pixels, `pixelMm` of the grid or null, and `aroundBody`, whether it is a body crop.
    /// `segmentation` is null without a segmenter. `oodScore` is null without a detector; `oodWarning` tells whether the slice is out of distribution.
    ///
    /// # Errors
    /// If no model is loaded or the device fails.
    pub async fn explain(&self, slice: &Slice) -> Result<Object, Error> {
        let model = self.model()?;
        let started = clock::now();
        let size = model.card.size;
        let transform = model.input_transform(&slice.0);
        let window = model.window(slice)?;
        let input = transform.input(&slice.0, window);
        let explanation = self.verified(&model.explainer, &input, size).await?;
        let ood_score = model.explainer.ood_score(&input);
        object([
            ("size", size.into()),
            ("window", bounds(window.into())),
            ("square", square(&transform, model.card.crop_to_body)?.into()),
            ("before", model.explainer.calibrated(explanation.before).into()),
            ("after", model.explainer.calibrated(explanation.after).into()),
            ("input", Float32Array::from(input.as_slice()).into()),
            ("counterfactual", Float32Array::from(explanation.counterfactual.as_slice()).into()),
            ("difference", Float32Array::from(explanation.difference.as_slice()).into()),
            (
                "segmentation",
                explanation.segmentation.map_or(JsValue::NULL, |map| Float32Array::from(map.as_slice()).into()),
            ),
            ("oodScore", ood_score.map_or(JsValue::NULL, |score| score.0.into())),
            ("oodWarning", ood_score.is_some_and(OodScore::is_warning).into()),
            ("milliseconds", (clock::now() - started).into()),
        ])
    }
}

impl Model {
    /// The mapping of a slice to the model's grid.
    pub(crate) fn input_transform(&self, slice: &coin_imaging::Slice) -> InputTransform {
        InputTransform::for_model(slice, self.card.size, self.card.crop_to_body)
    }

    /// The intensities of a slice that map to -1 and 1.
    pub(crate) fn window(&self, slice: &Slice) -> Result<Window, Error> {
        match self.card.normalisation {
            Normalisation::Window(bounds) => Window::try_from(bounds).map_err(sentence),
            Normalisation::Percentiles { percentiles, .. } => {
                if let Some(window) = slice.1 {
                    return Ok(window);
                }
                let slices = [Ok::<_, Error>(&slice.0)];
                let window = Window::of_percentiles(slices.into_iter(), percentiles)?;
                window.ok_or_else(|| Error::new("the slice's intensities are outside +-100000"))
            }
        }
    }
}

impl Engine {
    pub(crate) fn model(&self) -> Result<&Model, Error> {
        self.model.as_ref().ok_or_else(|| Error::new("no model is loaded; load one first"))
    }

    /// Explains an image and applies the model's verification.
    async fn verified(&self, explainer: &Explainer, image: &[f32], size: usize) -> Result<Explanation, Error> {
        let explanation = self.run(explainer, image.to_vec(), size).await?;
        let Some(rule) = explainer.verification else { return Ok(explanation) };
        let mask = Mask::from_threshold(&explanation.difference, size, size, rule.threshold);
        let components = mask.map_or_else(Vec::new, |mask| mask.component_numbers());
        let candidates = Candidates::new(&components, size);
        let probabilities = match candidates.count() {
            0 => Vec::new(),
            _ => {
                let images = candidates.images(image, &explanation.counterfactual);
                let pending = explainer.probabilities(images, size, &self.on.device).map_err(sentence)?;
                pending.read_async().await.map_err(device::failure)?
            }
        };
        let kept = rule.kept(explanation.after, &probabilities);
        Ok(Explanation { difference: candidates.difference(&kept, &explanation.difference), ..explanation })
    }

    async fn run(&self, explainer: &Explainer, input: Vec<f32>, size: usize) -> Result<Explanation, Error> {
        let pending = explainer.explain(input, size, &self.on.device).map_err(sentence)?;
        let explanations = pending.read_async().await.map_err(device::failure)?;
        explanations.into_iter().next().ok_or_else(|| Error::new("the device returned no explanation"))
    }
}

fn square(transform: &InputTransform, around_body: bool) -> Result<Object, Error> {
    let [left, top, width, height] = transform.square();
    object([
        ("left", left.into()),
        ("top", top.into()),
        ("width", width.into()),
        ("height", height.into()),
        ("pixelMmOrAssumed", transform.pixel_or_assumed().column_mm().into()),
        ("pixelMm", transform.pixel().map_or(JsValue::NULL, |pixel| pixel.column_mm().into())),
        ("aroundBody", around_body.into()),
    ])
}

fn bounds([low, high]: [f32; 2]) -> JsValue {
    js_sys::Array::of2(&low.into(), &high.into()).into()
}

fn info(card: &Card, self_test: Object) -> Result<Object, Error> {
    let json = |value: &serde_json::Value| {
        value.serialize(&Serializer::json_compatible()).map_err(|reason| sentence(reason.to_string()))
    };
    let methods = SaliencyMethod::ALL.map(|method| (method.name(), method.title()));
    let methods = methods.serialize(&Serializer::json_compatible()).map_err(|reason| sentence(reason.to_string()))?;
    // Without a window in HU, pictures keep their intensities until a slice is normalised.
    let (window, unit) = match card.normalisation {
        Normalisation::Window(window) if card.is_in_hu() => (window, "HU"),
        Normalisation::Window(_) | Normalisation::Percentiles { .. } => (Window::EIGHT_BIT.into(), ""),
    };
    let case_percentiles = match card.normalisation {
        Normalisation::Percentiles { percentiles, over: Over::Case } => bounds(percentiles),
        Normalisation::Window(_) | Normalisation::Percentiles { .. } => JsValue::NULL,
    };
    let verification = match card.verification {
        Some(rule) => {
            object([("threshold", rule.threshold.into()), ("margin", rule.margin.into()), ("most", rule.most.into())])?
                .into()
        }
        None => JsValue::NULL,
    };
    let segmenter = match &card.segmenter {
        Some(segmenter) => object([("threshold", segmenter.threshold.into())])?.into(),
        None => JsValue::NULL,
    };
    let modality = if card.modality.is_empty() { "CT" } else { card.modality.as_str() };
    object([
        ("name", card.name.as_str().into()),
        ("title", card.title.as_str().into()),
        ("size", card.size.into()),
        ("window", bounds(window)),
        ("unit", unit.into()),
        ("modality", modality.into()),
        ("finding", card.finding.as_str().into()),
        ("threshold", card.threshold.into()),
        ("seedThreshold", card.seed_threshold.into()),
        ("postprocess", card.postprocess.into()),
        ("verification", verification),
        ("segmenter", segmenter),
        ("temperature", card.temperature.map_or(JsValue::NULL, |temperature| temperature.0.into())),
        ("licence", card.licence.as_str().into()),
        ("recipe", json(&card.recipe["name"])?),
        ("anomaly", json(&card.recipe["anomaly"])?),
        ("data", card.data.as_str().into()),
        ("results", json(&card.results)?),
        ("limits", card.limits.as_str().into()),
        ("casePercentiles", case_percentiles),
        ("modalities", json(&modality::accepted(modality).into())?),
        ("saliencyMethods", methods),
        ("saliencyThreshold", SALIENCY_THRESHOLD.into()),
        ("selfTest", self_test.into()),
    ])
}
