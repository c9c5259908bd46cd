//! Colours of difference maps and overlays.

/// Red, green, blue.
pub type Rgb = [u8; 3];

/// Predicted and true.
pub const TRUE_POSITIVE: Rgb = [60, 200, 90];
/// Predicted, not true.
pub const FALSE_POSITIVE: Rgb = [230, 60, 60];
/// True, not predicted.
pub const FALSE_NEGATIVE: Rgb = [240, 200, 40];
/// A mask without a truth to compare.
pub const MASK: Rgb = [255, 120, 40];

/// Colours for maps of values in [0, 1].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColourMap {
    /// Ours, as in pictures that programs write: see [`difference`].
    Fire,
    /// Violet through green to yellow, for colour-blind eyes.
    Viridis,
    /// Blue through green to red.
    Turbo,
    /// Black to white.
    Grey,
}

impl ColourMap {
    /// The map of that name in lower case.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "fire" => Self::Fire,
            "viridis" => Self::Viridis,
            "turbo" => Self::Turbo,
            "grey" => Self::Grey,
            _ => return None,
        })
    }

    /// The colour of a value; not-a-number is like 0.
    pub fn colour(self, value: f32) -> Rgb {
        let value = if value.is_nan() { 0.0 } else { value.clamp(0.0, 1.0) };
        match self {
            Self::Fire => difference(value),
            Self::Viridis => colorous::VIRIDIS.eval_continuous(value.into()).into_array(),
            Self::Turbo => colorous::TURBO.eval_continuous(value.into()).into_array(),
            Self::Grey => [(255.0 * value).round() as u8; 3],
        }
    }
}

/// Black through violet, red and orange to pale yellow: brightness rises steadily with the value in [0, 1].
pub fn difference(value: f32) -> Rgb {
    const STOPS: [[f32; 3]; 6] = [
        [0.0, 0.0, 4.0],
        [66.0, 10.0, 104.0],
        [147.0, 38.0, 103.0],
        [221.0, 81.0, 58.0],
        [252.0, 165.0, 10.0],
        [252.0, 255.0, 164.0],
    ];
    let position = if value.is_nan() { 0.0 } else { value.clamp(0.0, 1.0) * (STOPS.len() - 1) as f32 };
    let below = (position as usize).min(STOPS.len() - 2);
    let share = position - below as f32;
    let (low, high) = (STOPS[below], STOPS[below + 1]);
    std::array::from_fn(|channel| (low[channel] + (high[channel] - low[channel]) * share).round() as u8)
}
