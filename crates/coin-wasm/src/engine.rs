//! A model on this engine's device.

use coin_core::bundle::{Bundle, Card, Normalisation, Over, SELF_TEST_TOLERANCE};
use coin_core::explanation::{Explainer, Explanation};
use coin_imaging::{InputTransform, Window};
use js_sys::{Date, Error, Float32Array, Object, Promise};
use serde::Serialize as _;
use serde_wasm_bindgen::Serializer;
use wasm_bindgen::prelude::*;

use crate::device::{self, NamedDevice};
use crate::object;
use crate::slice::{Slice, sentence};

/// Explains slices; one at a time.
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
                Ok(message) => Ok(format!("the GPU was lost: {message}").into()),
                Err(_) => std::future::pending().await,
            }
        }))
    }

    /// Checks a model file, puts it on the device, runs its self-test, and says what the model is.
    pub async fn load(&mut self, model: &[u8]) -> Result<Object, Error> {
        let bundle = Bundle::read(model).map_err(sentence)?;
        let normalisation = bundle.card.normalisation;
        if let Normalisation::Percentiles { over: Over::Case | Over::Dataset, .. } = normalisation {
            let reason =
                "it ranks the intensities of whole volumes, and here slices come one by one; use the program explain";
            return Err(Error::new(&format!("model {}: {reason}", bundle.card.name)));
        }
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
        self.model = Some(Model { card: bundle.card, explainer });
        Ok(info)
    }

    /// `{size, window, square, before, after, input, counterfactual, difference, ood_score, milliseconds}` of a slice; `window`
    /// are the intensities that became -1 and 1, `square` is
    /// where the model's grid lies on it: `{left, top, width, height}` in the slice's pixels, `pixelMm` of the grid, or null,
    /// and whether it lies `aroundBody`. See [`Explainer::ood_score`].
    pub async fn explain(&self, slice: &Slice) -> Result<Object, Error> {
        let model = self.model()?;
        let started = Date::now();
        let size = model.card.size;
        let transform = model.fit(&slice.0);
        let window = model.window(slice)?;
        let input = transform.input(&slice.0, window);
        let explanation = self.run(&model.explainer, input.clone(), size).await?;
        object([
            ("size", size.into()),
            ("window", bounds(window.into())),
            ("square", square(&transform, model.card.crop_to_body)?.into()),
            ("before", explanation.before.into()),
            ("after", explanation.after.into()),
            ("input", Float32Array::from(input.as_slice()).into()),
            ("counterfactual", Float32Array::from(explanation.counterfactual.as_slice()).into()),
            ("difference", Float32Array::from(explanation.difference.as_slice()).into()),
            ("ood_score", model.explainer.ood_score(&input).map_or(JsValue::NULL, JsValue::from)),
            ("milliseconds", (Date::now() - started).into()),
        ])
    }
}

impl Model {
    /// How a slice goes on the model's grid.
    pub(crate) fn fit(&self, slice: &coin_imaging::Slice) -> InputTransform {
        InputTransform::for_model(slice, self.card.size, self.card.crop_to_body)
    }

    /// The intensities of a slice that become -1 and 1.
    pub(crate) fn window(&self, slice: &Slice) -> Result<Window, Error> {
        match self.card.normalisation {
            Normalisation::Window(bounds) => Window::try_from(bounds).map_err(sentence),
            Normalisation::Percentiles { percentiles, .. } => {
                let slices = [Ok::<_, Error>(&slice.0)];
                let window = Window::of_percentiles(slices.into_iter(), percentiles)?;
                window.ok_or_else(|| Error::new("the slice's intensities are beyond +-100000"))
            }
        }
    }
}

impl Engine {
    pub(crate) fn model(&self) -> Result<&Model, Error> {
        self.model.as_ref().ok_or_else(|| Error::new("no model is loaded; load one first"))
    }

    async fn run(&self, explainer: &Explainer, input: Vec<f32>, size: usize) -> Result<Explanation, Error> {
        let pending = explainer.explain(input, size, &self.on.device).map_err(sentence)?;
        let explanations = pending.read_async().await.map_err(sentence)?;
        explanations.into_iter().next().ok_or_else(|| Error::new("the device gave no explanation"))
    }
}

fn square(transform: &InputTransform, around_body: bool) -> Result<Object, Error> {
    let [left, top, width, height] = transform.square();
    object([
        ("left", left.into()),
        ("top", top.into()),
        ("width", width.into()),
        ("height", height.into()),
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
    // Without a window in HU, greys stay what they are until a slice is seen.
    let (window, unit) = match card.normalisation {
        Normalisation::Window(window) if card.is_in_hu() => (window, "HU"),
        Normalisation::Window(_) | Normalisation::Percentiles { .. } => (Window::EIGHT_BIT.into(), ""),
    };
    object([
        ("name", card.name.as_str().into()),
        ("title", card.title.as_str().into()),
        ("size", card.size.into()),
        ("window", bounds(window)),
        ("unit", unit.into()),
        ("modality", if card.modality.is_empty() { "CT" } else { card.modality.as_str() }.into()),
        ("finding", card.finding.as_str().into()),
        ("threshold", card.threshold.into()),
        ("seedThreshold", card.seed_threshold.into()),
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
