//! Colour maps of difference maps, and overlay colours as in the paper's figures.

/// Red, green, blue.
pub type Rgb = [u8; 3];

/// Overlay colour of true positives.
pub const TRUE_POSITIVE: Rgb = [60, 200, 90];
/// Overlay colour of false positives.
pub const FALSE_POSITIVE: Rgb = [230, 60, 60];
/// Overlay colour of false negatives.
pub const FALSE_NEGATIVE: Rgb = [240, 200, 40];
/// Overlay colour of a mask without a reference mask.
pub const MASK: Rgb = [255, 120, 40];

/// Colour maps for values in [0, 1].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColourMap {
    /// Black to pale yellow, see [`difference`].
    Fire,
    /// Violet through green to yellow; suitable for colour-blind readers.
    Viridis,
    /// Blue through green to red.
    Turbo,
    /// Black to white.
    Grey,
}

impl ColourMap {
    /// Looks up a colour map by its lower-case name.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "fire" => Self::Fire,
            "viridis" => Self::Viridis,
            "turbo" => Self::Turbo,
            "grey" => Self::Grey,
            _ => return None,
        })
    }

    /// Maps a value in [0, 1] to a colour; values outside are clamped, and NaN maps to 0.
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

/// Maps a value in [0, 1] to black, violet, red, orange or pale yellow with steadily increasing brightness.
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
