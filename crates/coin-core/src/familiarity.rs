//! How like the training data an image is, by what the classifier's last layer sees of it and by the image itself, a few pixels
//! large: the Mahalanobis distance of these features under a Gaussian of a few principal directions (Lee et al. 2018 with
//! probabilistic PCA), so that few training slices are enough and a model file hardly grows.

use serde::{Deserialize, Serialize};

/// Most principal directions that a file may have.
const MOST_DIRECTIONS: usize = 64;

/// The Gaussian, and the distance from which on an image is unlike the training data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Familiarity {
    /// The mean features.
    pub mean: Vec<f32>,
    /// Standard deviation of each feature, by which it is divided first.
    pub scale: Vec<f32>,
    /// Principal directions of what is left, each divided by its standard deviation.
    pub directions: Vec<Vec<f32>>,
    /// Standard deviation in each direction that is not among them.
    pub residual: f32,
    /// Beyond this distance an image is unfamiliar.
    pub limit: f32,
}

impl Familiarity {
    /// How far features lie from those of the training data, in standard deviations; 1 is usual.
    pub fn distance(&self, features: &[f32]) -> f32 {
        let offset: Vec<f32> = standardised(features, &self.mean, &self.scale);
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        let mut rest = dot(&offset, &offset);
        let mut squares = 0.0;
        for direction in &self.directions {
            let scaled = dot(&offset, direction);
            squares += scaled * scaled;
            // A direction has length 1 / deviation.
            rest -= scaled * scaled / dot(direction, direction);
        }
        squares += rest.max(0.0) / (self.residual * self.residual);
        (squares / self.mean.len().max(1) as f32).sqrt()
    }

    /// Whether features are like those of the training data. Not-a-number is like nothing.
    pub fn knows(&self, features: &[f32]) -> bool {
        self.distance(features) <= self.limit
    }

    /// What is wrong with the numbers for a classifier of so many features, if anything.
    pub(crate) fn problem(&self, features: usize) -> Option<String> {
        let sized = |values: &[f32]| values.len() == features;
        let fits = sized(&self.mean) && sized(&self.scale) && self.directions.iter().all(|direction| sized(direction));
        if !fits || self.directions.len() > MOST_DIRECTIONS.min(features) {
            let most = MOST_DIRECTIONS.min(features);
            return Some(format!("it needs a mean, a scale and up to {most} directions of {features} values each"));
        }
        let finite = self.mean.iter().chain(self.directions.iter().flatten()).all(|value| value.is_finite());
        let directed = self.directions.iter().all(|direction| direction.iter().any(|&value| value != 0.0));
        let positive = |value: f32| value.is_finite() && value > 0.0;
        let scaled = self.scale.iter().all(|&scale| positive(scale));
        let sound = finite && directed && scaled && positive(self.residual) && positive(self.limit);
        (!sound).then(|| "its numbers must be finite, and scale, residual and limit positive".into())
    }
}

fn standardised(features: &[f32], mean: &[f32], scale: &[f32]) -> Vec<f32> {
    features.iter().zip(mean).zip(scale).map(|((value, mean), scale)| (value - mean) / scale).collect()
}

#[cfg(feature = "train")]
mod fit {
    use nalgebra::DMatrix;

    use super::{Familiarity, standardised};

    /// Principal directions that are kept.
    const DIRECTIONS: usize = 24;
    /// How far above the mean distance of familiar images the limit lies, in their standard deviations: held-out slices are of
    /// few patients, whose largest distance would be chance.
    const DEVIATIONS: f32 = 3.0;

    impl Familiarity {
        /// From the features of training images; the limit lies three standard deviations above the mean distance of other
        /// images of the same kind (`held_out`). `None` where there are too few of either.
        pub fn fit(training: &[Vec<f32>], held_out: &[Vec<f32>]) -> Option<Self> {
            let (count, size) = (training.len(), training.first()?.len());
            if count < 2 || size < 2 || held_out.is_empty() {
                return None;
            }
            let mean: Vec<f32> =
                (0..size).map(|i| training.iter().map(|row| row[i]).sum::<f32>() / count as f32).collect();
            let variance = |i: usize| training.iter().map(|row| (row[i] - mean[i]).powi(2)).sum::<f32>() / count as f32;
            // A feature that never moves tells by moving at all, but not without bound.
            let deviations: Vec<f32> = (0..size).map(|i| variance(i).sqrt()).collect();
            let usual = deviations.iter().sum::<f32>() / size as f32;
            let scale: Vec<f32> =
                deviations.iter().map(|&deviation| deviation.max(0.05 * usual).max(f32::MIN_POSITIVE)).collect();
            let rows: Vec<Vec<f32>> = training.iter().map(|row| standardised(row, &mean, &scale)).collect();
            let centred = DMatrix::from_fn(count, size, |row, column| f64::from(rows[row][column]));
            let covariance = centred.transpose() * &centred / (count - 1) as f64;
            let total = covariance.trace();
            let eigen = covariance.symmetric_eigen();
            let mut order: Vec<usize> = (0..size).collect();
            order.sort_by(|&a, &b| eigen.eigenvalues[b].total_cmp(&eigen.eigenvalues[a]));
            let kept = DIRECTIONS.min(size - 1).min(count - 1);
            order.truncate(kept);
            let explained: f64 = order.iter().map(|&i| eigen.eigenvalues[i]).sum();
            // Rounding leaves a little where all variance is explained.
            let residual =
                ((total - explained) / (size - kept) as f64).max(1e-6 * total / size as f64).max(1e-12).sqrt();
            let directions = order.iter().map(|&i| {
                let deviation = eigen.eigenvalues[i].sqrt().max(residual);
                eigen.eigenvectors.column(i).iter().map(|value| (value / deviation) as f32).collect()
            });
            let mut found =
                Self { mean, scale, directions: directions.collect(), residual: residual as f32, limit: f32::MAX };
            let distances: Vec<f32> = held_out.iter().map(|features| found.distance(features)).collect();
            let mean = distances.iter().sum::<f32>() / distances.len() as f32;
            let variance = distances.iter().map(|distance| (distance - mean).powi(2)).sum::<f32>() / distances.len() as f32;
            found.limit = mean + DEVIATIONS * variance.sqrt();
            Some(found)
        }
    }
}

#[cfg(all(test, feature = "train"))]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rand::{RngExt as _, SeedableRng as _};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// Forty features that two causes move, and a little noise.
    fn images(seed: u64, count: usize) -> Vec<Vec<f32>> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut deviate = move || (0..12).map(|_| rng.random::<f32>()).sum::<f32>() - 6.0;
        (0..count)
            .map(|_| {
                let (a, b) = (3.0 * deviate(), deviate());
                (0..40).map(|i| 5.0 + if i % 2 == 0 { a } else { b } + 0.1 * deviate()).collect()
            })
            .collect()
    }

    #[test]
    fn what_is_drawn_alike_is_known_and_what_breaks_the_pattern_is_not() {
        let found = Familiarity::fit(&images(1, 300), &images(2, 200)).unwrap();
        assert!(found.problem(40).is_none());
        let known = images(3, 400).iter().filter(|features| found.knows(features)).count();
        assert!(known >= 380, "{known} of 400");
        let usual = images(4, 1).remove(0);
        assert!((0.3..2.0).contains(&found.distance(&usual)), "{}", found.distance(&usual));
        // Nearer to the mean than many a known one, but odd and even features never differ among themselves.
        let strange: Vec<f32> = (0..40).map(|i| 5.0 + if i % 4 < 2 { 1.0 } else { -1.0 }).collect();
        assert!(!found.knows(&strange), "{}", found.distance(&strange));
        assert!(!found.knows(&[f32::NAN; 40]));
    }

    #[test]
    fn numbers_that_fit_no_classifier_are_refused() {
        let found = Familiarity::fit(&images(1, 30), &images(2, 5)).unwrap();
        assert!(found.problem(41).is_some());
        assert!(Familiarity { residual: 0.0, ..found.clone() }.problem(40).is_some());
        assert!(Familiarity { limit: f32::NAN, ..found.clone() }.problem(40).is_some());
        assert!(Familiarity { directions: vec![vec![0.0; 40]], ..found }.problem(40).is_some());
        assert_eq!(Familiarity::fit(&images(1, 30), &[]), None);
    }
}
