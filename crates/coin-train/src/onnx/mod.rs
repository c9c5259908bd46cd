//! Exports model files to ONNX: one graph from images to counterfactuals, difference maps, the probabilities before and after, and
//! the segmentation of models with a segmenter.

mod classifier;
mod graph;
mod inpainter;
mod proto;

use burn::tensor::Device;
use coin_core::bundle::{Bundle, CLASSIFIER, INPAINTER, Networks, Normalisation, Over, SEGMENTER};
use coin_core::method::Method;
use prost::Message as _;

use crate::Error;
use crate::NOTICE;
use graph::{Builder, Value, int};
use proto::{
    Dimension, Entry, FLOAT, Graph, INT64, IR_VERSION, Model, OPSET, OperatorSet, Shape, Side, TensorType, Type,
    ValueInfo,
};

/// Exports a model to an ONNX file.
///
/// The input `image` is `[batch, 1, height, width]` in [-1, 1]; height and width must be multiples of the networks' largest
/// downsampling factor. The outputs `counterfactual` (in [-1, 1]) and `difference` (in [0, 1]) have the shape of the input;
/// `before` and `after`, the predicted probabilities of "abnormal", are `[batch, 1]`. A model with a segmenter also has the output
/// `segmentation` (in [0, 1]) of the shape of the input.
///
/// # Errors
/// If the weights do not match the model's architecture.
pub fn export(bundle: &Bundle) -> Result<Vec<u8>, Error> {
    let card = &bundle.card;
    let Networks { inpainter, classifier, segmenter } = bundle.networks(&Device::flex())?;
    // Spectral normalisation is folded into the weights.
    let inpainter = inpainter.folded();
    let mut b = Builder::default();
    b.add_network(&inpainter, INPAINTER)?;
    b.add_network(&classifier, CLASSIFIER)?;
    let before = classifier::probability(&mut b, &classifier, "image")?;
    let condition = condition(&mut b, card.method, card.inpainter.conditions, &before);
    let counterfactual = inpainter::inpainter(&mut b, &inpainter, "image", condition.as_deref())?;
    let after = classifier::probability(&mut b, &classifier, &counterfactual)?;
    let change = b.op("Sub", &["image", &counterfactual], Vec::new());
    let change = b.op("Abs", &[&change], Vec::new());
    let half = b.number(0.5);
    let change = b.product(&change, &half);
    let difference = b.clipped(&change, 0.0, 1.0);
    let segmentation = segmenter.map(|segmenter| {
        b.add_network(&segmenter.inpainter, SEGMENTER)?;
        let logits = inpainter::output(&mut b, &segmenter.inpainter, "image", None)?;
        Ok::<_, Error>(b.op("Sigmoid", &[&logits], Vec::new()))
    });
    let image = || vec![named("batch"), Side::Known(1), named("height"), named("width")];
    let probability = || vec![named("batch"), Side::Known(1)];
    let mut outputs = vec![
        (counterfactual, "counterfactual", image()),
        (difference, "difference", image()),
        (before, "before", probability()),
        (after, "after", probability()),
    ];
    outputs.extend(segmentation.transpose()?.map(|map| (map, "segmentation", image())));
    outputs.iter().for_each(|(value, name, _)| b.output(value, name));
    let (node, initializer) = b.finish();
    let graph = Graph {
        node,
        name: card.name.clone(),
        initializer,
        input: vec![value("image", image())],
        output: outputs.into_iter().map(|(_, name, sides)| value(name, sides)).collect(),
    };
    let normalisation = match card.normalisation {
        Normalisation::Window([low, high]) => ("window_hu", format!("{low} {high}")),
        Normalisation::Percentiles { percentiles: [low, high], over } => {
            let over = match over {
                Over::Slice => "slice",
                Over::Case => "case",
                Over::Dataset => "dataset",
            };
            ("window_percentiles", format!("{low} {high} over {over}"))
        }
    };
    let entry = |key: &str, value: String| Entry { key: key.into(), value };
    let mut properties = vec![
        entry("title", card.title.clone()),
        entry("size", card.size.to_string()),
        entry("crop_to_body", card.crop_to_body.to_string()),
        entry("seed_threshold", card.seed_threshold.to_string()),
        entry(normalisation.0, normalisation.1),
        entry("threshold", card.threshold.to_string()),
        entry("licence", card.licence.clone()),
        entry("notice", NOTICE.into()),
    ];
    let segmenter = card.segmenter.as_ref();
    properties.extend(segmenter.map(|segmenter| entry("segmenter_threshold", segmenter.threshold.to_string())));
    let model = Model {
        ir_version: IR_VERSION,
        producer_name: "coin-train".into(),
        graph: Some(graph),
        opset_import: vec![OperatorSet { domain: String::new(), version: OPSET }],
        metadata_props: properties,
    };
    Ok(model.encode_to_vec())
}

/// The condition of the generator for a predicted `probability`; `None` for COIN, which always uses condition 0.
fn condition(b: &mut Builder, method: Method, bins: usize, probability: &str) -> Option<Value> {
    let one = b.number(1.0);
    let wanted = match method {
        Method::Coin => return None,
        Method::CoinV2 => probability.to_owned(),
        Method::Singla => b.op("Sub", &[&one, probability], Vec::new()),
    };
    let count = b.number(bins as f32);
    let scaled = b.product(&wanted, &count);
    let floor = b.op("Floor", &[&scaled], Vec::new());
    let bin = b.clipped(&floor, 0.0, bins.saturating_sub(1) as f32);
    let bin = b.op("Cast", &[&bin], vec![int("to", INT64.into())]);
    let flat = b.integers("flat", &[-1]);
    Some(b.op("Reshape", &[&bin, &flat], Vec::new()))
}

fn named(side: &str) -> Side {
    Side::Named(side.into())
}

fn value(name: &str, sides: Vec<Side>) -> ValueInfo {
    let dim = sides.into_iter().map(|side| Dimension { side: Some(side) }).collect();
    let tensor_type = TensorType { elem_type: FLOAT, shape: Some(Shape { dim }) };
    ValueInfo { name: name.into(), kind: Some(Type { tensor_type: Some(tensor_type) }) }
}
