//! The networks of COIN (paper section 3.2): encoder and generator with skip connections, projection discriminator and
//! classifier.
//!
//! Images are `[batch, 1, height, width]` in [-1, 1]. Height and width must be a multiple of
//! [`InpainterConfig::side_multiple`], because each encoder block downsamples 2x.

pub mod classifier;
mod convolution;
mod discriminator;
pub mod encoder;
mod fuse;
pub mod generator;
#[cfg(feature = "train")]
mod inception;
mod initial;
mod inpainter;
mod inpainter_config;
mod normalisation;
mod spectral;
mod unet;
mod upsampling;

pub use classifier::{Classifier, ClassifierArchitecture, Family, Layer};
pub use convolution::{Convolution, ConvolutionConfig};
pub use discriminator::{Discriminator, DiscriminatorConfig};
pub use encoder::Encoder;
pub use fuse::Fuse;
pub use generator::Generator;
#[cfg(feature = "train")]
pub use inception::{FEATURES as INCEPTION_FEATURES, Inception};
pub use initial::Initial;
pub use inpainter::Inpainter;
pub use inpainter_config::InpainterConfig;
pub use normalisation::{BatchNorm, ConditionalBatchNorm, Statistics};
pub use spectral::SpectralNorm;
pub use unet::{UNet, UNetConfig};
pub use upsampling::Upsampling;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::Tensor;

/// Upper limit of channels and conditions.
const MAX_COUNT: usize = 4096;

/// Returns what is wrong with a number of channels or conditions, if anything, as `key: reason`.
fn count_problem((key, count): (&str, usize)) -> Option<String> {
    (!(1..=MAX_COUNT).contains(&count)).then(|| format!("{key}: {count} is not between 1 and {MAX_COUNT}"))
}

/// Draws all random weights now, in field order.
///
/// Burn draws lazily, at first use, so the order would depend on the use, and the first clone to draw would decide for
/// all whether the weight is trainable.
pub(crate) fn drawn<M: Module>(module: M) -> M {
    struct Draw;
    impl ModuleVisitor for Draw {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            param.val();
        }
    }
    module.visit(&mut Draw);
    module
}
