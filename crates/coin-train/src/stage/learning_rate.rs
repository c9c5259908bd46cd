//! The learning rate over the steps of a stage.

use burn::lr_scheduler::LrSchedulerConfig;
use burn::lr_scheduler::cosine::CosineAnnealingLrSchedulerConfig;
use burn::lr_scheduler::linear::LinearLrSchedulerConfig;
use burn::lr_scheduler::module_lr_scheduler::ModuleLrScheduler;
use burn::lr_scheduler::sequential::SequentialLrSchedulerConfig;

use crate::Error;
use crate::recipe::{LearningRateSchedule, Schedule};

/// The factor on the learning rate, from one of Burn's schedulers.
pub struct LearningRate {
    schedule: Schedule,
    scheduler: ModuleLrScheduler,
    /// The step that the scheduler computes next.
    next: u64,
}

impl LearningRate {
    /// Starts a schedule at step 0.
    ///
    /// # Errors
    /// If Burn refuses the schedule.
    pub fn of(schedule: &Schedule) -> Result<Self, Error> {
        let refused = |reason: String| Error::Usage(format!("learning_rate_schedule: {reason}"));
        let scheduler = scheduler(schedule).map_err(refused)?;
        Ok(Self { schedule: *schedule, scheduler, next: 0 })
    }

    /// The factor at `step`, from 0. A resumed training skips the steps that it has taken.
    ///
    /// # Errors
    /// As [`LearningRate::of`].
    pub fn factor(&mut self, step: u64) -> Result<f64, Error> {
        if step < self.next {
            *self = Self::of(&self.schedule)?;
        }
        let mut factor = 1.0;
        while self.next <= step {
            factor = self.scheduler.step().base();
            self.next += 1;
        }
        Ok(factor)
    }
}

fn scheduler(schedule: &Schedule) -> Result<ModuleLrScheduler, String> {
    let constant = |factor| LinearLrSchedulerConfig::new(factor, factor, 1);
    let steps = |steps: u64| usize::try_from(steps).unwrap_or(usize::MAX);
    match schedule.learning_rate_schedule {
        None => constant(1.0).init(),
        Some(LearningRateSchedule::Drop { after: 0, factor }) => constant(factor).init(),
        Some(LearningRateSchedule::Drop { after, factor }) => {
            let parts: Vec<LrSchedulerConfig> = vec![constant(1.0).into(), constant(factor).into()];
            SequentialLrSchedulerConfig::new(parts, vec![steps(after)]).init()
        }
        Some(LearningRateSchedule::Cosine { warm_up, minimum }) => {
            let rest = steps(schedule.steps.saturating_sub(warm_up)).max(1);
            let cosine = CosineAnnealingLrSchedulerConfig::new(1.0, rest).with_min_lr(minimum);
            if warm_up == 0 {
                return cosine.init();
            }
            let linear = LinearLrSchedulerConfig::new(1.0 / warm_up as f64, 1.0, steps(warm_up));
            let parts: Vec<LrSchedulerConfig> = vec![linear.into(), cosine.into()];
            SequentialLrSchedulerConfig::new(parts, vec![steps(warm_up)]).init()
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn factors(learning_rate_schedule: Option<LearningRateSchedule>) -> Vec<f64> {
        let schedule = Schedule { steps: 8, batch: 2, validate_every: 1, learning_rate_schedule };
        let mut rate = LearningRate::of(&schedule).unwrap();
        let once: Vec<f64> = (0..8).map(|step| rate.factor(step).unwrap()).collect();
        // A resumed training starts in the middle.
        assert_eq!(LearningRate::of(&schedule).unwrap().factor(5).unwrap(), once[5]);
        assert_eq!(rate.factor(2).unwrap(), once[2]);
        once
    }

    #[test]
    fn the_rate_is_constant_unless_a_schedule_changes_it() {
        assert_eq!(factors(None), [1.0; 8]);
        let dropped = factors(Some(LearningRateSchedule::Drop { after: 3, factor: 0.1 }));
        assert_eq!(dropped, [1.0, 1.0, 1.0, 0.1, 0.1, 0.1, 0.1, 0.1]);
    }

    #[test]
    fn cosine_annealing_warms_up_linearly_and_ends_near_its_minimum() {
        let found = factors(Some(LearningRateSchedule::Cosine { warm_up: 4, minimum: 0.2 }));
        assert!(found[..5].windows(2).all(|pair| pair[0] < pair[1]), "{found:?}");
        // SGDR (arXiv 1608.03983, equation 5): minimum + (1 - minimum) (1 + cos(pi t / T)) / 2 with T = 4.
        let expected = [1.0, 0.882_842_712, 0.6, 0.317_157_288];
        assert!(found[4..].iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-8), "{found:?}");
    }
}
