//! Checks whether the batch of a stage fits on the devices, and suggests one that does.

use std::iter::successors;

use peak_alloc::PeakAlloc;
use sysinfo::{ProcessesToUpdate, System};

use super::context::TrainingContext;
use super::definition::Stage;
use crate::Error;

/// Measures the memory of a step on the CPU in programs that use it as their `global_allocator`.
const HEAP: PeakAlloc = PeakAlloc;

/// Fraction of the available memory that a step may use.
const MEMORY_FRACTION: f64 = 0.9;
/// Minimum number of images per device, for batch normalisation.
const MIN_IMAGES: usize = 2;

/// Checks that a batch can be split evenly across the devices and fits into CPU memory; otherwise the system would kill the
/// program without a message. Memory grows linearly with the number of images, so two small batches predict the need of a large
/// one. GPU memory cannot be predicted; [`suggest_batch`] handles its failures.
///
/// # Errors
/// If the batch does not fit; the message suggests one that does.
pub fn check<S: Stage>(context: &TrainingContext<'_>) -> anyhow::Result<()> {
    let Some(batch) = S::batch_size(context.recipe) else { return Ok(()) };
    let devices = context.devices.count();
    let minimum = MIN_IMAGES * devices;
    if batch < minimum || !batch.is_multiple_of(devices) {
        let problem = format!("cannot be split evenly across {devices} devices with at least {MIN_IMAGES} images each");
        return Err(refusal::<S>(&problem, batch, batch.next_multiple_of(devices).max(minimum)).into());
    }
    // The usage is 0 in programs with another allocator.
    if !context.devices.include_cpu() || HEAP.current_usage() == 0 {
        return Ok(());
    }
    let room = (available_memory() as f64 * MEMORY_FRACTION) as usize;
    let refused = |needed: usize, fits: usize| {
        let (needed, room) = (gigabytes(needed), gigabytes(room));
        refusal::<S>(&format!("need about {needed} of memory, but only {room} can be used"), batch, fits)
    };
    // Warm up the caches, which are not part of a step.
    S::dry_run(context, minimum)?;
    let small = measure::<S>(context, minimum)?;
    if small > room {
        return Err(refused(small, 0).into());
    }
    let growth = Growth { small, large: measure::<S>(context, 2 * minimum)?, images: minimum };
    if growth.needed(batch) <= room {
        return Ok(());
    }
    Err(refused(growth.needed(batch), growth.largest(room) / devices * devices).into())
}

/// Converts an out-of-memory failure of a GPU to an error that suggests a smaller batch, found by trial.
///
/// # Errors
/// If a smaller batch fails for another reason.
pub fn suggest_batch<S: Stage>(context: &TrainingContext<'_>, failure: &anyhow::Error) -> anyhow::Result<Error> {
    let (batch, devices) = (S::batch_size(context.recipe).unwrap_or_default(), context.devices.count());
    let halves = successors(Some(batch / 2), |batch| Some(batch / 2));
    let mut fits = 0;
    for smaller in halves.map(|batch| batch / devices * devices).take_while(|batch| *batch >= MIN_IMAGES * devices) {
        match S::dry_run(context, smaller) {
            Ok(()) => {
                fits = smaller;
                break;
            }
            Err(reason) if is_out_of_memory(&reason) => {}
            Err(reason) => return Err(reason),
        }
    }
    let names = context.devices.names();
    Ok(refusal::<S>(&format!("could not be trained on {names} ({failure})"), batch, fits))
}

/// Whether a step failed because the device ran out of memory.
pub fn is_out_of_memory(failure: &anyhow::Error) -> bool {
    matches!(failure.downcast_ref(), Some(coin_core::Error::Memory(_)))
}

fn refusal<S: Stage>(problem: &str, batch: usize, instead: usize) -> Error {
    let name = S::key();
    let advice = match instead {
        0 => "even the smallest batch does not fit; choose a smaller input size or network".to_owned(),
        instead => format!("train with --set {name}.batch={instead}"),
    };
    Error::Usage(format!("{name}.batch: {batch} slices {problem}; {advice}"))
}

/// Peak memory in bytes of the first steps with `batch` images.
fn measure<S: Stage>(context: &TrainingContext<'_>, batch: usize) -> anyhow::Result<usize> {
    HEAP.reset_peak_usage();
    let before = HEAP.current_usage();
    S::dry_run(context, batch)?;
    Ok(HEAP.peak_usage().saturating_sub(before))
}

/// Peak memory in bytes with `images` images and with twice as many.
#[derive(Clone, Copy, Debug)]
struct Growth {
    small: usize,
    large: usize,
    images: usize,
}

impl Growth {
    fn each(self) -> usize {
        (self.large.saturating_sub(self.small) / self.images).max(1)
    }

    fn needed(self, batch: usize) -> usize {
        self.small.saturating_add(self.each().saturating_mul(batch.saturating_sub(self.images)))
    }

    /// The number of images that fit into `room` bytes, if at least `self.images` do.
    fn largest(self, room: usize) -> usize {
        self.images + room.saturating_sub(self.small) / self.each()
    }
}

/// Available memory in bytes, within the limits of a container or job.
fn available_memory() -> usize {
    let mut system = System::new();
    system.refresh_memory();
    let own = sysinfo::get_current_pid().ok();
    system.refresh_processes(ProcessesToUpdate::Some(own.as_slice()), false);
    let limits = own.and_then(|own| system.process(own)?.cgroup_limits());
    // Not the free memory, which counts cached files as used.
    let within = limits.map_or(u64::MAX, |limits| limits.total_memory.saturating_sub(limits.rss));
    system.available_memory().min(within) as usize
}

fn gigabytes(bytes: usize) -> String {
    format!("{:.1} GB", bytes as f64 / 1e9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_fitting_batch_needs_no_more_than_the_room() {
        let growth = Growth { small: 300, large: 500, images: 2 };
        assert_eq!([2, 3, 4, 10].map(|batch| growth.needed(batch)), [300, 400, 500, 1100]);
        assert_eq!([300, 399, 400, 1000].map(|room| growth.largest(room)), [2, 2, 3, 9]);
        assert!((2..50).all(|batch| growth.largest(growth.needed(batch)) == batch));
    }

    #[test]
    fn some_memory_is_available() {
        assert!(available_memory() > 1 << 20);
    }
}
