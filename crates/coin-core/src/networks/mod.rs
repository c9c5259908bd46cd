//! The networks of COIN (paper section 3.2): encoder and generator with skip connections, the projection discriminator
//! and the classifier. Images are `[batch, 1, height, width]` in [-1, 1]; each block of the encoder halves the sides, so
//! they must be divisible by 2 to the number of blocks ([`InpainterConfig::side_multiple`]).

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
pub use inpainter::{Inpainter, InpainterConfig};
pub use normalisation::{BatchNorm, ConditionalBatchNorm, Statistics};
pub use spectral::SpectralNorm;
pub use unet::UNet;
pub use upsampling::Upsampling;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::Tensor;

/// More channels or conditions than any network has.
const MOST: usize = 4096;

/// What is wrong with a number of channels or conditions, if anything: its key, a colon, and why.
fn count_problem((key, count): (&str, usize)) -> Option<String> {
    (!(1..=MOST).contains(&count)).then(|| format!("{key}: {count} is not between 1 and {MOST}"))
}

/// Draws all random weights now, in the order of the fields.
///
/// Left to Burn, a weight is drawn at its first use: in another order with another use, and by whichever clone comes
/// first, which decides for all of them whether it is trainable.
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
