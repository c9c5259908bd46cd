//! Candidate verification: keeps only the differences that matter to the classifier.
//!
//! Each component of the difference map is put back into the counterfactual on its own. If the classifier's probability of
//! "abnormal" does not rise, the change there did not remove what made the image abnormal, and is left out of the difference map.
//! This is the hiding test of hide-and-seek attribution (<https://arxiv.org/abs/2512.06849>), reversed: everything but one
//! candidate is hidden. The counterfactual and its probability stay as they are.

use serde::{Deserialize, Serialize};

/// Width in pixels of the soft edge of a component that is put back: a hard edge would be a structure of its own.
const EDGE: usize = 2;
/// Components that are tested, largest first; the smaller ones are left out. Each costs a pass of the classifier.
pub const MOST_CANDIDATES: usize = 16;

/// A rule that selects the differences to keep.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verification {
    /// Candidates are the components of the difference map above this.
    pub threshold: f32,
    /// A candidate is kept if putting it back raises the probability by more than this.
    pub margin: f32,
    /// Number of candidates to keep: those that raise the probability most.
    pub most: usize,
}

impl Verification {
    /// What is invalid, if anything.
    pub fn problem(&self) -> Option<String> {
        let Self { threshold, margin, most } = *self;
        let shares = [("threshold", threshold), ("margin", margin)];
        let beyond = shares.into_iter().find(|(_, value)| !(0.0..1.0).contains(value));
        let beyond = beyond.map(|(field, value)| format!("{field}: {value} is not in 0..1"));
        beyond.or_else(|| (most == 0).then(|| "most: at least one candidate must be kept".into()))
    }

    /// The candidates to keep, given the probability of the counterfactual and that of each candidate's image.
    pub fn kept(&self, after: f32, probabilities: &[f32]) -> Vec<usize> {
        let raise = |index: &usize| probabilities.get(*index).map_or(0.0, |probability| probability - after);
        let mut kept: Vec<usize> = (0..probabilities.len()).filter(|index| raise(index) > self.margin).collect();
        kept.sort_by(|a, b| raise(b).total_cmp(&raise(a)));
        kept.truncate(self.most);
        kept
    }
}

/// The components of a difference map, each as the weights with which the image replaces the counterfactual.
pub struct Candidates {
    weights: Vec<Vec<f32>>,
    size: usize,
}

impl Candidates {
    /// Takes the component of each pixel, numbered from 1 in descending order of size, of a map of `size * size` pixels.
    pub fn new(components: &[u32], size: usize) -> Self {
        let count = components.iter().max().map_or(0, |most| *most as usize).min(MOST_CANDIDATES);
        let weights = (1..=count as u32).map(|number| soft(components, size, number)).collect();
        Self { weights, size }
    }

    /// Number of candidates.
    pub fn count(&self) -> usize {
        self.weights.len()
    }

    /// One image for each candidate: the counterfactual with the candidate put back.
    pub fn images(&self, image: &[f32], counterfactual: &[f32]) -> Vec<f32> {
        self.weights.iter().flat_map(|weights| blend(counterfactual, image, weights)).collect()
    }

    /// The difference map of the candidates that are `kept`, 0 elsewhere.
    pub fn difference(&self, kept: &[usize], difference: &[f32]) -> Vec<f32> {
        let mut shown = vec![0.0_f32; self.size * self.size];
        for weights in kept.iter().filter_map(|index| self.weights.get(*index)) {
            shown.iter_mut().zip(weights).for_each(|(all, weight)| *all = all.max(*weight));
        }
        shown.iter().zip(difference).map(|(weight, difference)| weight * difference).collect()
    }
}

/// `image` without the region `inside`: replaced by the counterfactual there, with a soft edge. If the classifier calls the
/// result normal, the region contains all that made the image abnormal to it.
pub fn without_region(inside: &[bool], size: usize, image: &[f32], counterfactual: &[f32]) -> Vec<f32> {
    let region: Vec<u32> = inside.iter().map(|&inside| inside.into()).collect();
    blend(image, counterfactual, &soft(&region, size, 1)).collect()
}

/// `from`, replaced by `to` with the weights.
fn blend<'a>(from: &'a [f32], to: &'a [f32], weights: &'a [f32]) -> impl Iterator<Item = f32> + 'a {
    from.iter().zip(to).zip(weights).map(|((from, to), weight)| from * (1.0 - weight) + to * weight)
}

/// 1 inside a component, falling to 0 over its edge.
fn soft(components: &[u32], size: usize, number: u32) -> Vec<f32> {
    let mut weights = vec![0.0_f32; components.len()];
    for at in components.iter().enumerate().filter(|(_, other)| **other == number).map(|(at, _)| at) {
        let (x, y) = (at % size, at / size);
        for v in y.saturating_sub(EDGE)..size.min(y + EDGE + 1) {
            for u in x.saturating_sub(EDGE)..size.min(x + EDGE + 1) {
                let distance = (u.abs_diff(x) as f32).hypot(v.abs_diff(y) as f32);
                let weight = (1.0 - distance / (EDGE + 1) as f32).max(0.0);
                if let Some(known) = weights.get_mut(v * size + u) {
                    *known = known.max(weight);
                }
            }
        }
    }
    weights
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_that_raise_the_probability_are_kept() {
        let rule = Verification { threshold: 0.05, margin: 0.1, most: 2 };
        let kept = |probabilities: &[f32]| rule.kept(0.2, probabilities);
        assert_eq!(kept(&[0.25, 0.9, 0.5, 0.6]), [1, 3]);
        assert_eq!(kept(&[0.2, 0.1, 0.29]), [0_usize; 0]);
        assert_eq!(kept(&[]), [0_usize; 0]);
        assert_eq!(rule.problem(), None);
        assert_eq!(
            Verification { most: 0, ..rule }.problem().as_deref(),
            Some("most: at least one candidate must be kept")
        );
        assert_eq!(Verification { margin: -0.5, ..rule }.problem().as_deref(), Some("margin: -0.5 is not in 0..1"));
    }

    #[test]
    fn a_candidate_is_put_back_with_a_soft_edge() {
        let size = 12;
        let mut components = vec![0; size * size];
        // A square of 2 pixels, and a single pixel far from it.
        for at in [2 * size + 2, 2 * size + 3, 3 * size + 2, 3 * size + 3] {
            components[at] = 1;
        }
        components[9 * size + 9] = 2;
        let candidates = Candidates::new(&components, size);
        assert_eq!(candidates.count(), 2);
        let (image, counterfactual) = (vec![0.9; size * size], vec![-0.3; size * size]);
        let images = candidates.images(&image, &counterfactual);
        let first = &images[..size * size];
        assert_eq!([first[2 * size + 2], first[9 * size + 9], first[6 * size + 3]], [0.9, -0.3, -0.3]);
        // One pixel beside the square: two thirds of the image.
        assert!((first[2 * size + 4] - 0.5).abs() < 1e-6, "{}", first[2 * size + 4]);
        let inside: Vec<bool> = components.iter().map(|&number| number == 1).collect();
        let without = without_region(&inside, size, &image, &counterfactual);
        assert_eq!([without[2 * size + 2], without[9 * size + 9], without[6 * size + 3]], [-0.3, 0.9, 0.9]);
        assert!((without[2 * size + 4] - 0.1).abs() < 1e-6, "{}", without[2 * size + 4]);
        let difference = vec![0.6; size * size];
        assert_eq!(candidates.difference(&[], &difference), vec![0.0; size * size]);
        let one = candidates.difference(&[1], &difference);
        assert_eq!([one[9 * size + 9], one[2 * size + 2]], [0.6, 0.0]);
        assert!((one[9 * size + 8] - 0.4).abs() < 1e-6, "{}", one[9 * size + 8]);
    }
}
