//! The explanation of a slice: the classifier's probability before and after inpainting, the counterfactual, the difference map,
//! and the segmentation of models with a segmenter.

use burn::tensor::activation::sigmoid;
use burn::tensor::{Device, Tensor, TensorData};
use coin_kernels::Awake;

use crate::Error;
use crate::calibration::Temperature;
use crate::method::Method;
use crate::networks::{Classifier, Inpainter, UNet};
use crate::ood::{OodDetector, OodScore};
use crate::verification::Verification;

/// Inpainter, classifier and segmenter, if there is one, with inference weights on one device.
///
/// ```
/// use burn::tensor::Device;
/// use coin_core::explanation::Explainer;
/// use coin_core::method::Method;
/// use coin_core::networks::{ClassifierArchitecture, Fuse, InpainterConfig, Upsampling};
///
/// let device = Device::flex();
/// let inpainter = InpainterConfig {
///     stem: 4,
///     widths: vec![4, 8],
///     conditions: 1,
///     skips: vec![1],
///     upsampling: Upsampling::Nearest,
///     fuse: Fuse::SkipTanhMove,
///     spectral_norm: false,
///     zero_head: true,
/// };
/// let classifier = ClassifierArchitecture::resnet_18(4).init(&device);
/// let explainer = Explainer::new(inpainter.init(&device), classifier, Method::Coin);
/// let slice = vec![0.5; 32 * 32];
/// let explanations = explainer.explain(slice.clone(), 32, &device).unwrap().read().unwrap();
/// // The last convolution of an untrained inpainter with `zero_head` is zero: it returns its input.
/// assert_eq!(explanations[0].counterfactual, slice);
/// ```
#[derive(Clone, Debug)]
pub struct Explainer {
    /// Encoder and generator.
    pub inpainter: Inpainter,
    /// The classifier.
    pub classifier: Classifier,
    /// The counterfactual method.
    pub method: Method,
    /// A segmenter that was trained on the masks of this model, if it has one.
    pub segmenter: Option<UNet>,
    /// Out-of-distribution detector, if the model has one.
    pub ood: Option<OodDetector>,
    /// Rule that selects the differences to keep, if the model has one. It needs the components of the difference map, so callers
    /// of [`Self::explain`] apply it.
    pub verification: Option<Verification>,
    /// Temperature of calibrated probabilities, if the model has one: [`Self::calibrated`].
    pub temperature: Option<Temperature>,
}

/// The classifier calls an image abnormal from this probability on.
pub const ABNORMAL: f32 = 0.5;

/// The explanation of one image.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// The classifier's probability of "abnormal" for the image, not calibrated, as for [`Self::after`].
    pub before: f32,
    /// The classifier's probability of "abnormal" for the counterfactual.
    pub after: f32,
    /// The counterfactual in [-1, 1], row-major.
    pub counterfactual: Vec<f32>,
    /// The difference map `|x - x_cf| / 2` in [0, 1], row-major; NaN where the counterfactual is NaN. Verification leaves out what
    /// does not matter to the classifier.
    pub difference: Vec<f32>,
    /// The segmenter's probability of the finding in [0, 1], row-major, if the model has a segmenter.
    pub segmentation: Option<Vec<f32>>,
}

/// Returns the largest absolute difference of the pairs; NaN if any difference is NaN, unlike a fold with `f32::max`.
pub fn largest_difference<'a>(pairs: impl Iterator<Item = (&'a f32, &'a f32)>) -> f32 {
    let worse = |worst: f32, error: f32| if error > worst || error.is_nan() { error } else { worst };
    pairs.map(|(a, b)| (a - b).abs()).fold(0.0, worse)
}

/// A batch that is being computed on the device and has not been read back.
pub struct Pending {
    input: Vec<f32>,
    pixels: usize,
    segmented: bool,
    /// `[batch, pixels + 2]` or `[batch, 2 * pixels + 2]`: the counterfactual, both probabilities, and the segmentation if there is
    /// one, in one tensor, because each read-back is slow.
    output: Tensor<2>,
}

impl Explainer {
    /// An explainer without segmenter, detector, verification and temperature.
    pub fn new(inpainter: Inpainter, classifier: Classifier, method: Method) -> Self {
        Self { inpainter, classifier, method, segmenter: None, ood: None, verification: None, temperature: None }
    }

    /// The probability to show to users for a probability of the classifier.
    pub fn calibrated(&self, probability: f32) -> f32 {
        self.temperature.map_or(probability, |temperature| temperature.calibrated(probability.into()) as f32)
    }

    /// Returns the out-of-distribution score of an image of `size * size` values in [-1, 1], in multiples of the
    /// detector's limit; above 1 the image is out of distribution. `None` without a detector.
    pub fn ood_score(&self, image: &[f32]) -> Option<OodScore> {
        self.ood.as_ref().map(|ood| ood.ood_score(image))
    }

    /// Starts the explanation of a batch of `images`, each `size * size` values in [-1, 1].
    ///
    /// # Errors
    /// If the number of values is not a positive multiple of `size * size`.
    pub fn explain(&self, images: Vec<f32>, size: usize, device: &Device) -> Result<Pending, Error> {
        let _awake = Awake::on(device);
        let x = tensor(images.clone(), size, device)?;
        let (batch, pixels) = (x.dims()[0], size * size);
        let logits = self.classifier.forward(x.clone());
        let condition = self.method.condition(|| logits.clone(), self.inpainter.conditions());
        let (before, counterfactual) = (sigmoid(logits), self.inpainter.forward(x.clone(), &condition));
        let after = sigmoid(self.classifier.forward(counterfactual.clone()));
        let segmentation = self.segmenter.as_ref().map(|segmenter| sigmoid(segmenter.forward(x)));
        let mut output = vec![counterfactual.reshape([batch, pixels]), before, after];
        output.extend(segmentation.map(|map| map.reshape([batch, pixels])));
        let segmented = self.segmenter.is_some();
        Ok(Pending { input: images, pixels, segmented, output: Tensor::cat(output, 1) })
    }

    /// Starts the classification of a batch of `images`, as in [`Self::explain`].
    ///
    /// # Errors
    /// If the number of values is not a positive multiple of `size * size`.
    pub fn probabilities(&self, images: Vec<f32>, size: usize, device: &Device) -> Result<PendingProbabilities, Error> {
        let _awake = Awake::on(device);
        Ok(PendingProbabilities(sigmoid(self.classifier.forward(tensor(images, size, device)?))))
    }
}

/// A batch `[batch, 1, size, size]` of images.
fn tensor(images: Vec<f32>, size: usize, device: &Device) -> Result<Tensor<4>, Error> {
    let pixels = size * size;
    if pixels == 0 || images.is_empty() || !images.len().is_multiple_of(pixels) {
        return Err(Error::Input { found: images.len(), size });
    }
    let batch = images.len() / pixels;
    Ok(Tensor::from_data(TensorData::new(images, [batch, 1, size, size]), device))
}

/// The classifier's probabilities of images that are being computed on the device.
pub struct PendingProbabilities(Tensor<2>);

impl PendingProbabilities {
    /// Blocks until the device is done and returns the probability of "abnormal" of each image.
    ///
    /// # Errors
    /// If the device failed.
    pub fn read(self) -> Result<Vec<f32>, Error> {
        values(self.0.try_into_data().map_err(Error::unread)?)
    }

    /// [`Self::read`] without blocking.
    ///
    /// # Errors
    /// If the device failed.
    pub async fn read_async(self) -> Result<Vec<f32>, Error> {
        values(self.0.into_data_async().await.map_err(Error::unread)?)
    }
}

fn values(data: TensorData) -> Result<Vec<f32>, Error> {
    data.try_into_vec_as::<f32>().map_err(Error::unread)
}

impl Pending {
    /// Blocks until the device is done and returns one explanation per image.
    ///
    /// # Errors
    /// If the device failed.
    pub fn read(self) -> Result<Vec<Explanation>, Error> {
        explanations(&self.input, self.pixels, self.segmented, self.output.try_into_data().map_err(Error::unread)?)
    }

    /// [`Self::read`] without blocking, as browsers require.
    ///
    /// # Errors
    /// If the device failed.
    pub async fn read_async(self) -> Result<Vec<Explanation>, Error> {
        explanations(
            &self.input,
            self.pixels,
            self.segmented,
            self.output.into_data_async().await.map_err(Error::unread)?,
        )
    }
}

fn explanations(input: &[f32], pixels: usize, segmented: bool, data: TensorData) -> Result<Vec<Explanation>, Error> {
    let values = values(data)?;
    let width = pixels + 2 + if segmented { pixels } else { 0 };
    let rows = values.chunks_exact(width).zip(input.chunks_exact(pixels));
    let one = |(row, x): (&[f32], &[f32])| {
        let (counterfactual, rest) = row.split_at(pixels);
        let (probabilities, segmentation) = rest.split_at(2);
        let difference = x.iter().zip(counterfactual).map(|(x, cf)| ((x - cf).abs() / 2.0).clamp(0.0, 1.0)).collect();
        Explanation {
            before: probabilities[0],
            after: probabilities[1],
            counterfactual: counterfactual.to_vec(),
            difference,
            segmentation: segmented.then(|| segmentation.to_vec()),
        }
    };
    Ok(rows.map(one).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_reason_of_a_device_error_is_its_last_cause() {
        let printed =
            "An error happened\n\nCaused by:\n  the buffer could not be mapped\nBacktrace:\nNo backtrace available\n";
        for (text, reason) in [(printed, "the buffer could not be mapped"), ("out of memory", "out of memory")] {
            let error = Error::unread(format_args!("{text}"));
            assert_eq!(error.to_string(), format!("the device did not give the result back: {reason}"));
        }
    }

    #[test]
    fn the_difference_is_at_most_one_and_nan_where_the_counterfactual_is() {
        let output = TensorData::new(vec![f32::NAN, -1.5, 0.5, 0.9, 0.1], [1, 5]);
        let answers = explanations(&[0.0, 1.0, 0.0], 3, false, output).unwrap();
        let [unknown, far, near] = answers[0].difference[..] else { unreachable!("three pixels") };
        assert!(unknown.is_nan());
        assert_eq!((far, near), (1.0, 0.25));
        assert_eq!((answers[0].before, answers[0].after), (0.9, 0.1));
        assert_eq!(answers[0].segmentation, None);
    }

    #[test]
    fn the_segmentation_follows_the_probabilities_of_its_image() {
        let rows = vec![0.0, 0.5, 0.9, 0.1, 0.2, 0.3, 1.0, 1.0, 0.8, 0.7, 0.6, 0.4];
        let answers = explanations(&[0.0, 0.5, 1.0, 0.0], 2, true, TensorData::new(rows, [2, 6])).unwrap();
        let [first, second] = &answers[..] else { unreachable!("two images") };
        assert_eq!((first.after, first.segmentation.as_deref()), (0.1, Some(&[0.2, 0.3][..])));
        assert_eq!((second.before, second.segmentation.as_deref()), (0.8, Some(&[0.6, 0.4][..])));
    }
}
