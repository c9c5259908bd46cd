//! Numbers as reports write them: 0.623, with an interval 0.623 (0.601–0.644), and an en dash for an absent one.

const ABSENT: &str = "–";

/// A number with three decimals.
pub fn decimal(value: impl Into<Option<f64>>) -> String {
    with_places(value, 3)
}

/// A number with so many decimals.
pub fn with_places(value: impl Into<Option<f64>>, places: usize) -> String {
    let value = value.into().filter(|value| value.is_finite());
    value.map_or_else(|| ABSENT.into(), |value| format!("{value:.places$}"))
}

/// A number and its interval, where it has one.
pub fn with_interval(value: Option<f64>, interval: Option<[f64; 2]>) -> String {
    match interval {
        Some([low, high]) => format!("{} ({}–{})", decimal(value), decimal(low), decimal(high)),
        None => decimal(value),
    }
}

/// A count, or an en dash.
pub fn count(value: Option<usize>) -> String {
    value.map_or_else(|| ABSENT.into(), |value| value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_numbers_are_en_dashes() {
        assert_eq!(with_interval(Some(0.6227), Some([0.601, 0.6444])), "0.623 (0.601–0.644)");
        assert_eq!((decimal(None), decimal(f64::NAN), with_interval(None, None)), ("–".into(), "–".into(), "–".into()));
        assert_eq!((with_places(0.00153, 4), count(Some(7))), ("0.0015".into(), "7".into()));
    }
}
