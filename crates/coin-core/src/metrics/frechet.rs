//! The Frechet distance between two sets of features (Heusel et al. 2017): FID, where they are Inception's.

use nalgebra::{DMatrix, DVector, SymmetricEigen};

/// Mean and covariance of features, collected one vector at a time.
#[derive(Clone, Debug)]
pub struct Features {
    count: f64,
    sum: DVector<f64>,
    products: DMatrix<f64>,
}

impl Features {
    /// Of vectors with so many elements.
    pub fn new(dimensions: usize) -> Self {
        Self { count: 0.0, sum: DVector::zeros(dimensions), products: DMatrix::zeros(dimensions, dimensions) }
    }

    /// Adds a vector of that many elements.
    pub fn add(&mut self, features: &[f32]) {
        let features = DVector::from_iterator(self.sum.len(), features.iter().copied().map(f64::from));
        self.count += 1.0;
        self.products.ger(1.0, &features, &features, 1.0);
        self.sum += features;
    }

    fn mean(&self) -> DVector<f64> {
        &self.sum / self.count
    }

    /// Unbiased.
    fn covariance(&self) -> DMatrix<f64> {
        let mean = self.mean();
        (&self.products - &mean * mean.transpose() * self.count) / (self.count - 1.0)
    }

    /// Squared distance of the means, plus how far the covariances are from each other: `tr(A + B - 2 (A B)^(1/2))`.
    /// `None` with fewer than two vectors of either.
    pub fn distance(&self, other: &Self) -> Option<f64> {
        if self.count < 2.0 || other.count < 2.0 || self.sum.len() != other.sum.len() {
            return None;
        }
        let (a, b) = (self.covariance(), other.covariance());
        // (A B)^(1/2) has the trace of (A^(1/2) B A^(1/2))^(1/2), whose argument is symmetric: no complex numbers.
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
    fn a_set_is_no_distance_from_itself_and_a_shift_away_from_its_copy() {
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
