//! Counterfactual validity and accuracy.

/// Counterfactual validity (CV) and accuracy (paper section 4, tau = 0.8).
#[derive(Clone, Copy, Debug)]
pub struct Validity {
    tau: f64,
    confident: u64,
    changed: u64,
    moved: u64,
    total: u64,
    desired: u64,
}

impl Validity {
    /// Starts with the paper's tau of 0.8.
    pub fn paper() -> Self {
        Self { tau: 0.8, confident: 0, changed: 0, moved: 0, total: 0, desired: 0 }
    }

    /// Adds a slice: its probability before and after inpainting, and whether the counterfactual is in the desired bin.
    pub fn add(&mut self, before: f64, after: f64, desired: bool) {
        let moved = u64::from((before - after).abs() > self.tau);
        if before > self.tau {
            self.confident += 1;
            self.changed += moved;
        }
        self.moved += moved;
        self.total += 1;
        self.desired += u64::from(desired);
    }

    /// CV: among slices with a probability above tau, the fraction whose probability changes by more than tau.
    pub fn validity(&self) -> Option<f64> {
        (self.confident > 0).then(|| self.changed as f64 / self.confident as f64)
    }

    /// The same fraction of all slices, for Singla et al., whose counterfactuals change normal slices too.
    pub fn validity_of_all(&self) -> Option<f64> {
        (self.total > 0).then(|| self.moved as f64 / self.total as f64)
    }

    /// Fraction of counterfactuals in the desired bin.
    pub fn counterfactual_accuracy(&self) -> Option<f64> {
        (self.total > 0).then(|| self.desired as f64 / self.total as f64)
    }
}
