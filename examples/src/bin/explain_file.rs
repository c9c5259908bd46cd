//! Explains the middle slice of a file with a model: the classifier's verdict, the counterfactual and the mask.
//!
//! ```text
//! cargo run --release -p coin-examples --bin explain_file models/coin-kidney-anomaly/coin-kidney-anomaly.safetensors scan.nii.gz out
//! ```

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use burn::tensor::Device;
use coin_core::bundle::{Bundle, Normalisation};
use coin_imaging::picture::Picture;
use coin_imaging::{InputTransform, Limits, Mask, Scan, Window, write};

#[allow(clippy::print_stdout)]
fn main() -> anyhow::Result<()> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [model, file, out] = arguments.as_slice() else { bail!("usage: explain_file MODEL FILE OUT") };

    // The model file has the networks and the card that describes their input.
    let bundle = Bundle::read(&fs::read(model)?)?;
    let card = &bundle.card;
    let Normalisation::Window(bounds) = card.normalisation else {
        bail!("this example needs a model with a fixed window")
    };
    let window = Window::try_from(bounds)?;
    if card.verification.is_some() {
        bail!("this example needs a model without verification, which takes more passes of the classifier")
    }

    // Any format that the library reads. Black and white of a picture are taken as the model's window.
    let scan = Scan::open(&fs::read(file)?, &file.to_string_lossy(), window, &Limits::default())?;
    let slice = scan.slice(scan.slice_count() / 2)?;

    // From the slice's own grid to the model's: `[1, 1, size, size]` in [-1, 1].
    let transform = InputTransform::for_model(slice, card.size, card.crop_to_body);
    let input = transform.input(slice, window);

    let device = Device::flex();
    let explainer = bundle.explainer(&device)?;
    let explanations = explainer.explain(input.clone(), card.size, &device)?.read()?;
    let explanation = explanations.first().context("the device returned no explanation")?;
    let mask =
        Mask::with_hysteresis(&explanation.difference, card.size, card.size, card.threshold, card.seed_threshold)
            .context("the difference map has the wrong size")?;
    println!(
        "probability of abnormal: {:.3}, after inpainting {:.3}; mask: {} pixels",
        explainer.calibrated(explanation.before),
        explainer.calibrated(explanation.after),
        mask.count()
    );

    fs::create_dir_all(out)?;
    let picture = |values: &[f32]| Picture::of_normalised(values, card.size, card.size);
    save(out, "counterfactual.png", &picture(&explanation.counterfactual))?;
    save(out, "difference.png", &Picture::of_difference(&explanation.difference, card.size, card.size))?;
    save(out, "mask.png", &picture(&input).with_mask(&mask, None))
}

fn save(folder: &Path, name: &str, picture: &Picture) -> anyhow::Result<()> {
    Ok(fs::write(folder.join(name), write::png(picture)?)?)
}
