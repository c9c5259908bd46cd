//! Does the counterfactual change the classifier's mind?

/// Counterfactual validity and accuracy (paper section 4, tau = 0.8).
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
    /// With the paper's tau of 0.8.
    pub fn paper() -> Self {
        Self { tau: 0.8, confident: 0, changed: 0, moved: 0, total: 0, desired: 0 }
    }

    /// Adds a slice by its probability before and after inpainting, and whether that is what was wanted.
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

    /// CV: among slices called abnormal with more than tau, the share whose probability moved by more than tau.
    pub fn validity(&self) -> Option<f64> {
        (self.confident > 0).then(|| self.changed as f64 / self.confident as f64)
    }

    /// The same share of all slices, as Singla et al. count, whose counterfactuals go both ways.
    pub fn validity_of_all(&self) -> Option<f64> {
        (self.total > 0).then(|| self.moved as f64 / self.total as f64)
    }

    /// Share of the counterfactuals that fall into the desired bin.
    pub fn counterfactual_accuracy(&self) -> Option<f64> {
        (self.total > 0).then(|| self.desired as f64 / self.total as f64)
    }
}
