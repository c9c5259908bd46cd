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
