//! Out-of-distribution detection on the image itself.
//!
//! The features are a thumbnail and an intensity histogram. The score is their Mahalanobis distance under a Gaussian
//! with few principal directions (probabilistic PCA; Tipping and Bishop, 1999), which needs few training slices and
//! little space in a model file.

use serde::{Deserialize, Serialize};

/// Thumbnail width and height in pixels.
const THUMBNAIL: usize = 8;
/// Bins of the intensity histogram.
const BINS: usize = 8;
/// Number of features.
const FEATURES: usize = THUMBNAIL * THUMBNAIL + BINS;

/// A Gaussian model of the training images, and the distance beyond which an image is out of distribution.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OodDetector {
    /// Mean of the features.
    pub mean: Vec<f32>,
    /// Standard deviation of each feature; features are standardised with it.
    pub scale: Vec<f32>,
    /// Principal directions of the standardised features, each divided by its standard deviation.
    pub directions: Vec<Vec<f32>>,
    /// Standard deviation in all remaining directions.
    pub residual: f32,
    /// Images beyond this distance are out of distribution.
    pub limit: f32,
}

/// How far an image is from the training images, in multiples of the distance at which a warning is due.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OodScore(pub f32);

impl OodScore {
    /// Whether the image is out of distribution.
    pub fn is_warning(self) -> bool {
        self.0 > 1.0
    }
}

impl OodDetector {
    /// Returns the OOD score of an image of `size * size` values in [-1, 1]: its distance in multiples of the limit.
    pub fn ood_score(&self, image: &[f32]) -> OodScore {
        OodScore(self.distance(&features(image)) / self.limit)
    }

    /// Mahalanobis distance per feature; about 1 for training images.
    fn distance(&self, features: &[f32]) -> f32 {
        let offset = standardised(features, &self.mean, &self.scale);
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        let mut rest = dot(&offset, &offset);
        let mut squares = 0.0;
        for direction in &self.directions {
            let scaled = dot(&offset, direction);
            squares += scaled * scaled;
            // Directions have length 1 / deviation.
            rest -= scaled * scaled / dot(direction, direction);
        }
        squares += rest.max(0.0) / (self.residual * self.residual);
        (squares / self.mean.len().max(1) as f32).sqrt()
    }

    /// Returns what is invalid, if anything.
    pub(crate) fn problem(&self) -> Option<String> {
        let sized = |values: &[f32]| values.len() == FEATURES;
        let all = self.directions.iter();
        if !sized(&self.mean)
            || !sized(&self.scale)
            || self.directions.len() > FEATURES
            || !all.clone().all(|d| sized(d))
        {
            return Some(format!("mean, scale and up to {FEATURES} directions need {FEATURES} values each"));
        }
        let finite = self.mean.iter().chain(all.clone().flatten()).all(|value| value.is_finite());
        let directed = all.clone().all(|direction| direction.iter().any(|&value| value != 0.0));
        let positive = |value: f32| value.is_finite() && value > 0.0;
        let scaled = self.scale.iter().all(|&scale| positive(scale));
        let sound = finite && directed && scaled && positive(self.residual) && positive(self.limit);
        (!sound).then(|| "numbers must be finite, and scale, residual and limit positive".into())
    }
}

/// The [`FEATURES`] features of an image of `size * size` values in [-1, 1].
fn features(image: &[f32]) -> Vec<f32> {
    let bin = |value: f32| ((value + 1.0) / 2.0 * BINS as f32).clamp(0.0, BINS as f32 - 1.0) as usize;
    let share = |wanted| image.iter().filter(|&&value| bin(value) == wanted).count() as f32 / image.len().max(1) as f32;
    thumbnail(image).chain((0..BINS).map(share)).collect()
}

/// Averages a square image over [`THUMBNAIL`] x [`THUMBNAIL`] cells.
fn thumbnail(image: &[f32]) -> impl Iterator<Item = f32> {
    let size = image.len().isqrt();
    let bounds = move |part: usize| {
        let start = part * size / THUMBNAIL;
        start..((part + 1) * size / THUMBNAIL).max(start + 1)
    };
    (0..THUMBNAIL * THUMBNAIL).map(move |part| {
        let (rows, columns) = (bounds(part / THUMBNAIL), bounds(part % THUMBNAIL));
        let count = (rows.len() * columns.len()) as f32;
        rows.flat_map(|row| columns.clone().filter_map(move |column| image.get(row * size + column))).sum::<f32>()
            / count
    })
}

fn standardised(features: &[f32], mean: &[f32], scale: &[f32]) -> Vec<f32> {
    features.iter().zip(mean).zip(scale).map(|((value, mean), scale)| (value - mean) / scale).collect()
}

#[cfg(feature = "train")]
mod fit {
    use nalgebra::DMatrix;

    use super::{OodDetector, features, standardised};

    /// Number of principal directions.
    const DIRECTIONS: usize = 24;
    /// The limit is this many standard deviations above the mean distance of held-out images. Their largest distance
    /// would be unreliable, because they come from few patients.
    const DEVIATIONS: f32 = 3.0;
    /// Lower bound of a feature's deviation, as a fraction of the mean deviation: a nearly constant feature must not
    /// dominate.
    const MIN_DEVIATION: f32 = 0.05;

    impl OodDetector {
        /// Fits the Gaussian to training images and the limit to `held_out` images of the same kind, each `size * size`
        /// values in [-1, 1]. `None` with fewer than two training images or no held-out ones.
        pub fn fit(training: &[Vec<f32>], held_out: &[Vec<f32>]) -> Option<Self> {
            let [training, held_out] =
                [training, held_out].map(|images| images.iter().map(|image| features(image)).collect::<Vec<_>>());
            let (count, size) = (training.len(), training.first()?.len());
            if count < 2 || held_out.is_empty() {
                return None;
            }
            let mean_of = |i: usize| training.iter().map(|row| row[i]).sum::<f32>() / count as f32;
            let mean: Vec<f32> = (0..size).map(mean_of).collect();
            let variance = |i: usize| training.iter().map(|row| (row[i] - mean[i]).powi(2)).sum::<f32>() / count as f32;
            let deviations: Vec<f32> = (0..size).map(|i| variance(i).sqrt()).collect();
            let least = MIN_DEVIATION * deviations.iter().sum::<f32>() / size as f32;
            let scale: Vec<f32> = deviations.iter().map(|&deviation| deviation.max(least).max(1e-6)).collect();

            let rows: Vec<Vec<f32>> = training.iter().map(|row| standardised(row, &mean, &scale)).collect();
            let centred = DMatrix::from_fn(count, size, |row, column| f64::from(rows[row][column]));
            let covariance = centred.transpose() * &centred / (count - 1) as f64;
            let total = covariance.trace();
            let eigen = covariance.symmetric_eigen();
            let mut order: Vec<usize> = (0..size).collect();
            order.sort_by(|&a, &b| eigen.eigenvalues[b].total_cmp(&eigen.eigenvalues[a]));
            order.truncate(DIRECTIONS.min(count - 1));
            let explained: f64 = order.iter().map(|&i| eigen.eigenvalues[i]).sum();
            // Keep a minimum, because rounding leaves a tiny residual if all variance is explained.
            let left = ((total - explained) / (size - order.len()) as f64).max(1e-6 * total / size as f64);
            let residual = left.max(1e-12).sqrt();
            let directions = order.iter().map(|&i| {
                let deviation = eigen.eigenvalues[i].max(0.0).sqrt().max(residual);
                eigen.eigenvectors.column(i).iter().map(|value| (value / deviation) as f32).collect()
            });
            let mut found =
                Self { mean, scale, directions: directions.collect(), residual: residual as f32, limit: f32::MAX };
            let distances: Vec<f32> = held_out.iter().map(|features| found.distance(features)).collect();
            let usual = distances.iter().sum::<f32>() / distances.len() as f32;
            let spread =
                distances.iter().map(|distance| (distance - usual).powi(2)).sum::<f32>() / distances.len() as f32;
            found.limit = usual + DEVIATIONS * spread.sqrt();
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

    /// Noisy discs of varying size, brightness and horizontal position.
    fn images(seed: u64, count: usize) -> Vec<Vec<f32>> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut image = move || {
            let (radius, intensity, left) =
                (rng.random_range(8.0..13.0_f32), rng.random_range(0.0..0.6), rng.random_range(-2.0..2.0_f32));
            (0..32 * 32)
                .map(|i| {
                    let (x, y) = ((i % 32) as f32 - 15.5 - left, (i / 32) as f32 - 15.5);
                    let noise: f32 = rng.random_range(-0.1..0.1);
                    if x.hypot(y) < radius { intensity + noise } else { -0.9 + noise }
                })
                .collect()
        };
        (0..count).map(|_| image()).collect()
    }

    #[test]
    fn similar_images_are_in_distribution_and_others_are_not() {
        let found = OodDetector::fit(&images(1, 300), &images(2, 100)).unwrap();
        assert!(found.problem().is_none());
        let known = images(3, 200).iter().filter(|image| !found.ood_score(image).is_warning()).count();
        assert!(known >= 190, "{known} of 200");
        let usual = &images(4, 1)[0];
        let half = |i: usize| usual[i];
        let mirrored: Vec<f32> = (0..1024).map(|i| if i % 32 < 16 { half(i) } else { -0.9 }).collect();
        let strange = [
            ("black", vec![-1.0; 1024]),
            ("half a disc", mirrored),
            ("negative", usual.iter().map(|value| -value).collect()),
        ];
        for (name, image) in strange {
            assert!(found.ood_score(&image).is_warning(), "{name}: {:?}", found.ood_score(&image));
        }
    }

    #[test]
    fn features_are_cell_means_and_an_intensity_histogram() {
        let ramp: Vec<f32> = (0..256).map(|pixel| pixel as f32).collect();
        assert_eq!(thumbnail(&ramp).collect::<Vec<_>>()[..9], [8.5, 10.5, 12.5, 14.5, 16.5, 18.5, 20.5, 22.5, 40.5]);
        let histogram = features(&[-1.0, -0.9, 0.1, 1.0])[THUMBNAIL * THUMBNAIL..].to_vec();
        assert_eq!(histogram, [0.5, 0.0, 0.0, 0.0, 0.25, 0.0, 0.0, 0.25]);
    }

    #[test]
    fn invalid_parameters_are_reported() {
        let found = OodDetector::fit(&images(1, 30), &images(2, 5)).unwrap();
        assert!(OodDetector { mean: vec![0.0; 3], ..found.clone() }.problem().is_some());
        assert!(OodDetector { residual: 0.0, ..found.clone() }.problem().is_some());
        assert!(OodDetector { limit: f32::NAN, ..found.clone() }.problem().is_some());
        assert!(OodDetector { directions: vec![vec![0.0; FEATURES]], ..found }.problem().is_some());
        assert_eq!(OodDetector::fit(&images(1, 30), &[]), None);
    }
}
