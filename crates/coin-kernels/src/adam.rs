//! The parameters of an Adam step.

/// Hyperparameters and step count of one Adam step (Kingma and Ba, arXiv 1412.6980, algorithm 1).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adam {
    /// Learning rate.
    pub learning_rate: f64,
    /// Exponential decay rates of the first and second moment.
    pub betas: [f32; 2],
    /// Added to the square root of the second moment.
    pub epsilon: f32,
    /// One-based index of this step, for the bias correction.
    pub time: usize,
}

impl Adam {
    /// Bias corrections: the factor of the update, and the factor of epsilon.
    pub(crate) fn corrections(&self) -> [f32; 2] {
        let [first, second] = self.betas.map(|beta| 1.0 - beta.powi(self.time as i32));
        [second.sqrt() / first, second.sqrt()]
    }
}
