//! Validation of hyperparameters. Problems are `key: reason`.

/// Requires a finite value above 0.
pub(super) fn positive(key: &str, value: f64) -> Option<String> {
    (!value.is_finite() || value <= 0.0).then(|| format!("{key}: {value} must be a positive number"))
}

/// Requires a finite value of at least 0.
pub(super) fn not_negative(key: &str, value: f64) -> Option<String> {
    (!value.is_finite() || value < 0.0).then(|| format!("{key}: {value} must be a number of at least 0"))
}

/// Requires a value in [0, 1).
pub(super) fn fraction(key: &str, value: f64) -> Option<String> {
    (!(0.0..1.0).contains(&value)).then(|| format!("{key}: {value} is not in [0, 1)"))
}
