//! Whether a stage's batch can be trained, and which can.

use std::iter::successors;

use peak_alloc::PeakAlloc;
use sysinfo::System;

use super::Setting;
use super::steps::Stage;
use crate::device;
use crate::program::BadInput;

/// Counts what the programs hold, so that a step on the processor can be weighed.
#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// Share of the free memory that a step may take.
const SPARED: f64 = 0.9;

/// Refuses a batch that the devices cannot share evenly, or that the processor's memory cannot hold: the system would end the
/// program without a word. What a step needs beyond the networks grows with the images, so small ones tell.
///
/// # Errors
/// Names a batch that will do.
pub fn check<S: Stage>(setting: &Setting<'_>) -> anyhow::Result<()> {
    let Some(batch) = S::batch(setting.recipe) else { return Ok(()) };
    let devices = setting.devices();
    if !batch.is_multiple_of(devices) {
        let problem = format!("cannot be shared evenly by {devices} devices");
        return Err(refusal::<S>(&problem, batch, batch.next_multiple_of(devices)).into());
    }
    if !device::is_processor(setting.device) {
        return Ok(());
    }
    // Once before: what the first images leave behind in caches is no part of a step.
    S::rehearse(setting, 2 * devices)?;
    let fit = Fit { small: weigh::<S>(setting, devices)?, large: weigh::<S>(setting, 2 * devices)? };
    let (free, shares) = (free(), batch / devices);
    let fits = fit.largest(free);
    if shares <= fits {
        return Ok(());
    }
    let (needed, free) = (gigabytes(fit.needed(shares)), gigabytes(free));
    Err(refusal::<S>(&format!("needs about {needed} of memory, and {free} are free"), batch, fits * devices).into())
}

/// What to say of a step that a graphics card did not finish: which batch it can do.
pub fn advise<S: Stage>(setting: &Setting<'_>, failure: &anyhow::Error) -> BadInput {
    let (batch, devices) = (S::batch(setting.recipe).unwrap_or(1), setting.devices());
    let halves = successors(Some(batch / 2), |batch| Some(batch / 2));
    let mut halves = halves.map(|batch| batch / devices * devices).take_while(|batch| *batch > 0);
    let fits = halves.find(|batch| S::rehearse(setting, *batch).is_ok()).unwrap_or(0);
    let names = device::names(setting.device, setting.helpers);
    refusal::<S>(&format!("could not be trained on {names} ({failure})"), batch, fits)
}

fn refusal<S: Stage>(problem: &str, batch: usize, instead: usize) -> BadInput {
    let name = S::NAME;
    let advice = match instead {
        0 => "not even one image fits: choose a smaller size or network".to_owned(),
        instead => format!("say --set {name}.batch={instead}"),
    };
    BadInput(format!("{name}: a batch of {batch} {problem}; {advice}"))
}

/// Bytes that a first step of so many images holds at its height.
fn weigh<S: Stage>(setting: &Setting<'_>, batch: usize) -> anyhow::Result<usize> {
    HEAP.reset_peak_usage();
    let before = HEAP.current_usage();
    S::rehearse(setting, batch)?;
    Ok(HEAP.peak_usage().saturating_sub(before))
}

/// What steps of one and of two images a device hold.
#[derive(Clone, Copy, Debug)]
struct Fit {
    small: usize,
    large: usize,
}

impl Fit {
    fn each(self) -> usize {
        self.large.saturating_sub(self.small).max(1)
    }

    fn needed(self, images: usize) -> usize {
        self.small.saturating_add(self.each().saturating_mul(images.saturating_sub(1)))
    }

    /// Images that fit; none where not even one does.
    fn largest(self, free: usize) -> usize {
        let room = (free as f64 * SPARED) as usize;
        room.checked_sub(self.small).map_or(0, |more| 1 + more / self.each())
    }
}

/// Bytes that the system, or the container this runs in, can still give.
fn free() -> usize {
    let mut system = System::new();
    system.refresh_memory();
    let within = system.cgroup_limits().map_or(u64::MAX, |limits| limits.free_memory);
    system.available_memory().min(within) as usize
}

fn gigabytes(bytes: usize) -> String {
    format!("{:.1} GB", bytes as f64 / 1e9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_needs_no_more_than_there_is() {
        let fit = Fit { small: 300, large: 500 };
        assert_eq!(fit.needed(1), 300);
        assert_eq!(fit.needed(4), 900);
        assert_eq!(fit.largest(1000), 4);
        assert_eq!(fit.largest(999), 3);
        assert_eq!(fit.largest(300), 0);
    }

    #[test]
    fn some_memory_is_free_and_more_than_nothing_is_held() {
        assert!(free() > 1 << 20);
        let before = HEAP.current_usage();
        let held = vec![1_u8; 1 << 20];
        assert!(HEAP.current_usage() >= before + held.len() / 2);
    }
}
