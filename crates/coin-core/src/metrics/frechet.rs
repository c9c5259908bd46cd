//! The Frechet distance of feature distributions (Heusel et al., arXiv 1706.08500): FID for Inception features.

use nalgebra::{DMatrix, DVector, SymmetricEigen};

/// Running mean and covariance of feature vectors.
#[derive(Clone, Debug)]
pub struct Features {
    count: f64,
    sum: DVector<f64>,
    products: DMatrix<f64>,
}

impl Features {
    /// Starts without vectors of `dimensions` elements.
    pub fn new(dimensions: usize) -> Self {
        Self { count: 0.0, sum: DVector::zeros(dimensions), products: DMatrix::zeros(dimensions, dimensions) }
    }

    /// Adds a feature vector.
    ///
    /// # Panics
    /// If it has another number of elements.
    pub fn add(&mut self, features: &[f32]) {
        let features = DVector::from_iterator(self.sum.len(), features.iter().copied().map(f64::from));
        self.count += 1.0;
        self.products.ger(1.0, &features, &features, 1.0);
        self.sum += features;
    }

    fn mean(&self) -> DVector<f64> {
        &self.sum / self.count
    }

    /// Unbiased covariance.
    fn covariance(&self) -> DMatrix<f64> {
        let mean = self.mean();
        (&self.products - &mean * mean.transpose() * self.count) / (self.count - 1.0)
    }

    /// Returns the Frechet distance `|m - n|^2 + tr(A + B - 2 (A B)^(1/2))`; `None` with fewer than two vectors in
    /// either set.
    pub fn distance(&self, other: &Self) -> Option<f64> {
        if self.count < 2.0 || other.count < 2.0 || self.sum.len() != other.sum.len() {
            return None;
        }
        let (a, b) = (self.covariance(), other.covariance());
        // (A B)^(1/2) has the same trace as (A^(1/2) B A^(1/2))^(1/2), which is symmetric and avoids complex numbers.
        let SymmetricEigen { eigenvalues, eigenvectors } = SymmetricEigen::new(a.clone());
        let roots = DMatrix::from_diagonal(&eigenvalues.map(|value| value.max(0.0).sqrt()));
        let root = &eigenvectors * roots * eigenvectors.transpose();
        let inner = &root * &b * &root;
        let symmetric = (&inner + inner.transpose()) * 0.5;
        let cross: f64 = symmetric.symmetric_eigenvalues().iter().map(|value| value.max(0.0).sqrt()).sum();
        Some(((self.mean() - other.mean()).norm_squared() + a.trace() + b.trace() - 2.0 * cross).max(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_to_itself_is_zero_and_to_a_shifted_copy_the_squared_shift() {
        let mut features = [Features::new(3), Features::new(3)];
        for i in 0..20_u8 {
            let vector = [f32::from(i % 7), f32::from(i % 5), f32::from(i % 3)];
            features[0].add(&vector);
            features[1].add(&[vector[0] + 2.0, vector[1], vector[2]]);
        }
        assert!(features[0].distance(&features[0]).is_some_and(|distance| distance < 1e-9));
        assert!(features[0].distance(&features[1]).is_some_and(|distance| (distance - 4.0).abs() < 1e-9));
        assert_eq!(features[0].distance(&Features::new(3)), None);
    }
}
