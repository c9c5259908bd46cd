//! Which device computes.

use std::iter::once;
use std::str::FromStr;

use burn::module::Module as _;
use burn::tensor::{Device, Distribution, Tensor};
use coin_core::condition::Condition;
use coin_core::networks::{Fuse, InpainterConfig, Upsampling};
use thiserror::Error;

/// Largest difference from the processor that rounding explains, relative to the largest value.
const PROBE_TOLERANCE: f32 = 1e-2;

/// What the user asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeviceChoice {
    /// The best that this build has and the machine offers.
    #[default]
    Auto,
    /// The processor.
    Cpu,
    /// A graphics card through Vulkan, by number.
    Vulkan(usize),
    /// An NVIDIA card through CUDA, by number.
    Cuda(usize),
}

/// A device that cannot be had.
#[derive(Debug, Error, PartialEq)]
pub enum DeviceError {
    /// Not a name of a device.
    #[error("--device {0}: choose auto, cpu, vulkan[:N] or cuda[:N]")]
    Unknown(String),
    /// This program was built without it.
    #[error("--device {0}: this program was built without it; build with --features {0}")]
    NotBuilt(&'static str),
    /// The machine does not offer it.
    #[error("--device {0}: no such device was found on this machine; use --device cpu")]
    Absent(String),
    /// It cannot share a batch with itself.
    #[error("--devices: {0} is named twice")]
    Twice(String),
    /// It is there and computes something else than the processor.
    #[error("{device}: a small network gives {what} that differ by {difference} from the processor's")]
    Wrong {
        /// The device.
        device: String,
        /// Answers or gradients.
        what: &'static str,
        /// Relative to the largest of the processor's.
        difference: f32,
    },
}

impl FromStr for DeviceChoice {
    type Err = DeviceError;

    fn from_str(text: &str) -> Result<Self, DeviceError> {
        let unknown = || DeviceError::Unknown(text.into());
        match text.split_once(':').unwrap_or((text, "0")) {
            ("auto", "0") => Ok(Self::Auto),
            ("cpu", "0") => Ok(Self::Cpu),
            ("vulkan", index) => index.parse().map(Self::Vulkan).map_err(|_| unknown()),
            ("cuda", index) => index.parse().map(Self::Cuda).map_err(|_| unknown()),
            _ => Err(unknown()),
        }
    }
}

impl DeviceChoice {
    /// The device. [`Self::Auto`] takes the first card of CUDA and Vulkan that answers like the processor, else the
    /// processor, and says why it left one.
    pub fn open(self) -> Result<Device, DeviceError> {
        match self {
            Self::Cpu => Ok(Device::flex()),
            Self::Auto => {
                let found = [cuda(0).ok(), vulkan(0).ok().filter(is_card)].into_iter().flatten();
                let mut right = found.filter(|device| match probe(device) {
                    Ok(()) => true,
                    Err(reason) => {
                        tracing::warn!("{reason}; computing elsewhere");
                        false
                    }
                });
                Ok(right.next().unwrap_or_else(Device::flex))
            }
            Self::Vulkan(index) => vulkan(index),
            Self::Cuda(index) => cuda(index),
        }
    }
}

/// The devices of a training, of which the first holds the networks and all share each batch.
///
/// # Errors
/// When one cannot be had, or a card is named twice; the processor may be, to try out a sharing.
pub fn open(choices: &[DeviceChoice]) -> Result<(Device, Vec<Device>), DeviceError> {
    let devices = choices.iter().map(|choice| choice.open()).collect::<Result<Vec<_>, _>>()?;
    for (i, device) in devices.iter().enumerate() {
        if !is_processor(device) && devices.iter().take(i).any(|before| before == device) {
            return Err(DeviceError::Twice(name(device)));
        }
    }
    let mut devices = devices.into_iter();
    let first = devices.next().map_or_else(|| DeviceChoice::Auto.open(), Ok)?;
    Ok((first, devices.collect()))
}

/// Whether this is the processor.
pub fn is_processor(device: &Device) -> bool {
    *device == Device::flex()
}

/// For people: `CPU`, or what a graphics card calls itself.
pub fn name(device: &Device) -> String {
    if is_processor(device) { "CPU".into() } else { card(device) }
}

/// For people: those of a training.
pub fn names(first: &Device, helpers: &[Device]) -> String {
    once(first).chain(helpers).map(name).collect::<Vec<_>>().join(" and ")
}

/// Compares a small inpainter's answer and its gradient for the input with the processor's.
fn probe(device: &Device) -> Result<(), DeviceError> {
    let processor = Device::flex().autodiff();
    processor.seed(1);
    let config = InpainterConfig {
        stem: 4,
        widths: vec![4, 8],
        conditions: 1,
        skips: vec![1],
        upsampling: Upsampling::Nearest,
        fuse: Fuse::SkipTanhMove,
        spectral_norm: false,
        zero_head: false,
    };
    let inpainter = config.init(&processor);
    let x = Tensor::<4>::random([2, 1, 32, 32], Distribution::Uniform(-1.0, 1.0), &processor);
    let run = |device: &Device| {
        let device = device.clone().autodiff();
        let x = x.clone().detach().to_device(&device).require_grad();
        let y = inpainter.clone().to_device(&device).forward(x.clone(), &Condition::All(0));
        let gradients = (y.clone() * y.clone()).sum().backward();
        let values = |tensor: Option<Tensor<4>>| tensor.and_then(|tensor| tensor.try_into_vec_as::<f32>().ok());
        (values(Some(y)).unwrap_or_default(), values(x.grad(&gradients)).unwrap_or_default())
    };
    let (expected, found) = (run(&processor), run(device));
    compare(device, "answers", &expected.0, &found.0)?;
    compare(device, "gradients", &expected.1, &found.1)
}

fn compare(device: &Device, what: &'static str, expected: &[f32], found: &[f32]) -> Result<(), DeviceError> {
    let largest = expected.iter().fold(f32::MIN_POSITIVE, |largest, value| largest.max(value.abs()));
    let mut differences = expected.iter().zip(found).map(|(a, b)| (a - b).abs() / largest);
    // Written so that NaN, and a device without an answer, are wrong.
    let beyond = differences.find(|difference| difference.is_nan() || *difference > PROBE_TOLERANCE);
    let difference = match beyond {
        None if expected.len() == found.len() => return Ok(()),
        beyond => beyond.unwrap_or(f32::NAN),
    };
    Err(DeviceError::Wrong { device: name(device), what, difference })
}

#[cfg(any(feature = "vulkan", feature = "cuda"))]
fn card(device: &Device) -> String {
    use burn::tensor::DeviceType;
    let kinds = [
        #[cfg(feature = "vulkan")]
        ("vulkan", DeviceType::Vulkan),
        #[cfg(feature = "cuda")]
        ("cuda", DeviceType::Cuda),
    ];
    let place = |kind: DeviceType| Device::enumerate(kind).into_vec().iter().position(|found| found == device);
    let by = kinds.into_iter().find_map(|(by, kind)| Some(format!("{by}:{}", place(kind)?)));
    match (device.identity(), by) {
        (Some(identity), Some(by)) => format!("{} ({by})", identity.name),
        _ => format!("{device:?}"),
    }
}

#[cfg(not(any(feature = "vulkan", feature = "cuda")))]
fn card(device: &Device) -> String {
    format!("{device:?}")
}

#[cfg(feature = "vulkan")]
fn vulkan(index: usize) -> Result<Device, DeviceError> {
    use burn::tensor::DeviceType;
    let found = Device::enumerate(DeviceType::Vulkan).into_vec().into_iter().nth(index);
    found.ok_or_else(|| DeviceError::Absent(format!("vulkan:{index}")))
}

#[cfg(not(feature = "vulkan"))]
fn vulkan(_index: usize) -> Result<Device, DeviceError> {
    Err(DeviceError::NotBuilt("vulkan"))
}

/// Whether this is a graphics card: a software renderer is slower than the processor that runs it.
#[cfg(feature = "vulkan")]
fn is_card(device: &Device) -> bool {
    device.identity().is_some_and(|identity| identity.physical.is_some())
}

#[cfg(not(feature = "vulkan"))]
fn is_card(_device: &Device) -> bool {
    false
}

#[cfg(feature = "cuda")]
fn cuda(index: usize) -> Result<Device, DeviceError> {
    use burn::tensor::DeviceType;
    let found = Device::enumerate(DeviceType::Cuda).into_vec().into_iter().nth(index);
    found.ok_or_else(|| DeviceError::Absent(format!("cuda:{index}")))
}

#[cfg(not(feature = "cuda"))]
fn cuda(_index: usize) -> Result<Device, DeviceError> {
    Err(DeviceError::NotBuilt("cuda"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_is_called_cpu() {
        assert_eq!(name(&Device::flex()), "CPU");
    }

    #[test]
    fn devices_have_names_and_numbers() {
        let parsed = ["auto", "cpu", "vulkan", "vulkan:1", "cuda", "cuda:7"].map(str::parse);
        use DeviceChoice::{Auto, Cpu, Cuda, Vulkan};
        assert_eq!(parsed, [Auto, Cpu, Vulkan(0), Vulkan(1), Cuda(0), Cuda(7)].map(Ok));
        for unknown in ["gpu", "cpu:1", "cuda:", "vulkan:-1", ""] {
            assert_eq!(unknown.parse::<DeviceChoice>(), Err(DeviceError::Unknown(unknown.into())));
        }
    }

    #[test]
    fn the_processor_agrees_with_itself() {
        assert_eq!(probe(&Device::flex()), Ok(()));
    }

    #[test]
    fn a_wrong_number_and_no_number_are_told() {
        let told = |found: &[f32]| compare(&Device::flex(), "answers", &[1.0, -2.0], found);
        assert_eq!(told(&[1.0, -2.001]), Ok(()));
        assert!(matches!(told(&[1.0, -1.9]), Err(DeviceError::Wrong { .. })));
        assert!(matches!(told(&[f32::NAN, -2.0]), Err(DeviceError::Wrong { .. })));
        assert!(matches!(told(&[]), Err(DeviceError::Wrong { .. })));
    }
}
