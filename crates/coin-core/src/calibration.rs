//! Temperature scaling: makes probabilities agree with observed frequencies (Guo et al.,
//! [arXiv 1706.04599](https://arxiv.org/abs/1706.04599), section 4.2).
//!
//! One number divides the logit. No verdict changes.

use serde::{Deserialize, Serialize};

/// Bounds of the temperature: outside them the fit is unreliable.
const BOUNDS: [f64; 2] = [0.1, 10.0];
/// Halvings of the search interval: to less than 1e-9.
const HALVINGS: u32 = 40;

/// The number by which logits are divided; above 1 it lowers confidence.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Temperature(pub f32);

impl Temperature {
    /// The temperature with the smallest cross-entropy of these probabilities and labels. `None` if none fits: without both
    /// labels, if they are separated perfectly, or if the probabilities are worse than chance.
    pub fn fit(scored: &[(f64, bool)]) -> Option<Self> {
        let logits: Vec<(f64, f64)> =
            scored.iter().map(|&(p, abnormal)| (logit(p), f64::from(u8::from(abnormal)))).collect();
        let both = [false, true].iter().all(|label| scored.iter().any(|(_, abnormal)| abnormal == label));
        // The derivative of the cross-entropy with respect to the inverse temperature, which rises with it.
        let slope = |inverse: f64| logits.iter().map(|(z, label)| (sigmoid(inverse * z) - label) * z).sum::<f64>();
        let [mut low, mut high] = [1.0 / BOUNDS[1], 1.0 / BOUNDS[0]];
        if !(both && slope(low) < 0.0 && slope(high) > 0.0) {
            return None;
        }
        for _ in 0..HALVINGS {
            let middle = (low + high) / 2.0;
            *(if slope(middle) < 0.0 { &mut low } else { &mut high }) = middle;
        }
        Some(Self((1.0 / low) as f32))
    }

    /// The calibrated probability.
    pub fn calibrated(self, probability: f64) -> f64 {
        sigmoid(logit(probability) / f64::from(self.0))
    }

    /// What is invalid, if anything.
    pub(crate) fn problem(&self) -> Option<String> {
        let possible = BOUNDS[0]..=BOUNDS[1];
        (!possible.contains(&self.0.into())).then(|| format!("{} is not in {}..{}", self.0, BOUNDS[0], BOUNDS[1]))
    }
}

fn logit(probability: f64) -> f64 {
    let inside = probability.clamp(1e-7, 1.0 - 1e-7);
    (inside / (1.0 - inside)).ln()
}

fn sigmoid(logit: f64) -> f64 {
    1.0 / (1.0 + (-logit).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Images whose labels have the frequencies that match their logits, and then logits multiplied by `factor`.
    fn images(factor: f64) -> Vec<(f64, bool)> {
        let of = |z: f64| (0..1000).map(move |i| (sigmoid(factor * z), f64::from(i) + 0.5 < 1000.0 * sigmoid(z)));
        [-3.0, -1.0, -0.2, 0.5, 2.0].into_iter().flat_map(of).collect()
    }

    #[test]
    fn the_temperature_undoes_a_factor_on_the_logits() {
        for factor in [0.4, 1.0, 2.5] {
            let Temperature(found) = Temperature::fit(&images(factor)).expect("both labels");
            assert!((f64::from(found) / factor - 1.0).abs() < 0.01, "{found} for {factor}");
            let calibrated = Temperature(found).calibrated(sigmoid(factor * 2.0));
            assert!((calibrated - sigmoid(2.0)).abs() < 0.005, "{calibrated}");
        }
    }

    #[test]
    fn verdicts_do_not_change() {
        let cold = Temperature(0.3);
        assert_eq!(cold.calibrated(0.5), 0.5);
        let calibrated = [0.0, 0.2, 0.49, 0.51, 0.8, 1.0].map(|p| cold.calibrated(p));
        assert!(calibrated.is_sorted() && calibrated[2] < 0.5 && calibrated[3] > 0.5, "{calibrated:?}");
        assert!(calibrated.iter().all(|p| (0.0..=1.0).contains(p)));
    }

    #[test]
    fn labels_that_say_nothing_give_no_temperature() {
        assert_eq!(Temperature::fit(&[]), None);
        assert_eq!(Temperature::fit(&[(0.05, false), (0.6, false)]), None, "one label");
        assert_eq!(Temperature::fit(&[(0.2, false), (0.9, true)]), None, "separated");
        assert_eq!(Temperature::fit(&[(0.2, true), (0.9, false), (0.6, true)]), None, "worse than chance");
        assert!(Temperature(0.0).problem().is_some() && Temperature(f32::NAN).problem().is_some());
        assert_eq!(Temperature(1.7).problem(), None);
    }
}
