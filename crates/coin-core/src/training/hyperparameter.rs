//! What numbers a training takes: a problem is the key, a colon, and why.

/// Above 0.
pub(super) fn positive(key: &str, value: f64) -> Option<String> {
    (!value.is_finite() || value <= 0.0).then(|| format!("{key}: {value} is not a number above 0"))
}

/// From 0 on.
pub(super) fn not_negative(key: &str, value: f64) -> Option<String> {
    (!value.is_finite() || value < 0.0).then(|| format!("{key}: {value} is not a number from 0 on"))
}

/// From 0 to less than 1.
pub(super) fn share(key: &str, value: f64) -> Option<String> {
    (!(0.0..1.0).contains(&value)).then(|| format!("{key}: {value} is not from 0 to less than 1"))
}
