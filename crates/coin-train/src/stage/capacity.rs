//! Whether the devices can take a stage's batch, and which they can.

use std::iter::successors;

use coin_core::training::StepError;
use peak_alloc::PeakAlloc;
use sysinfo::{ProcessesToUpdate, System};

use super::TrainingContext;
use super::steps::Stage;
use crate::program::BadInput;

/// Counts what a program holds whose `global_allocator` it is, so that a step on the processor can be weighed.
const HEAP: PeakAlloc = PeakAlloc;

/// Share of the free memory that a step may take.
const SPARED: f64 = 0.9;
/// Images that a device needs for batch normalisation.
const FEWEST: usize = 2;

/// Refuses a batch that the devices cannot share evenly, or that the processor's memory cannot hold: the system would end the
/// program without a word. What a step needs beyond the networks grows with the images, so small ones tell. Of a graphics
/// card nobody knows it beforehand; see [`advise`].
///
/// # Errors
/// Names a batch that will do.
pub fn check<S: Stage>(context: &TrainingContext<'_>) -> anyhow::Result<()> {
    let Some(batch) = S::batch_size(context.recipe) else { return Ok(()) };
    let devices = context.devices.count();
    let fewest = FEWEST * devices;
    if batch < fewest || !batch.is_multiple_of(devices) {
        let problem = format!("cannot be shared by {devices} devices, evenly and {FEWEST} images for each");
        return Err(refusal::<S>(&problem, batch, batch.next_multiple_of(devices).max(fewest)).into());
    }
    // Nothing is counted in a program that does not count.
    if !context.devices.include_processor() || HEAP.current_usage() == 0 {
        return Ok(());
    }
    let room = (free() as f64 * SPARED) as usize;
    let refused = |needed: usize, fits: usize| {
        let (needed, room) = (gigabytes(needed), gigabytes(room));
        refusal::<S>(&format!("need about {needed} of memory, and {room} may be taken"), batch, fits)
    };
    // Once before: what the first images leave behind in caches is no part of a step.
    S::rehearse(context, fewest)?;
    let small = weigh::<S>(context, fewest)?;
    if small > room {
        return Err(refused(small, 0).into());
    }
    let growth = Growth { small, large: weigh::<S>(context, 2 * fewest)?, images: fewest };
    if growth.needed(batch) <= room {
        return Ok(());
    }
    Err(refused(growth.needed(batch), growth.largest(room) / devices * devices).into())
}

/// What to say of a step for which a GPU had too little memory: which batch it can do.
///
/// # Errors
/// When a smaller batch fails for another reason.
pub fn advise<S: Stage>(context: &TrainingContext<'_>, failure: &anyhow::Error) -> anyhow::Result<BadInput> {
    let (batch, devices) = (S::batch_size(context.recipe).unwrap_or_default(), context.devices.count());
    let halves = successors(Some(batch / 2), |batch| Some(batch / 2));
    let mut fits = 0;
    for smaller in halves.map(|batch| batch / devices * devices).take_while(|batch| *batch >= FEWEST * devices) {
        match S::rehearse(context, smaller) {
            Ok(()) => {
                fits = smaller;
                break;
            }
            Err(reason) if lacks_memory(&reason) => {}
            Err(reason) => return Err(reason),
        }
    }
    let names = context.devices.names();
    Ok(refusal::<S>(&format!("could not be trained on {names} ({failure})"), batch, fits))
}

/// Whether a step failed for want of memory.
pub fn lacks_memory(failure: &anyhow::Error) -> bool {
    matches!(failure.downcast_ref(), Some(StepError::Memory(_)))
}

fn refusal<S: Stage>(problem: &str, batch: usize, instead: usize) -> BadInput {
    let name = S::NAME;
    let advice = match instead {
        0 => "the smallest does not fit either: choose a smaller size or network".to_owned(),
        instead => format!("train with --set {name}.batch={instead}"),
    };
    BadInput(format!("{name}.batch: {batch} slices {problem}; {advice}"))
}

/// Bytes that the first steps with so many images hold at their height.
fn weigh<S: Stage>(context: &TrainingContext<'_>, batch: usize) -> anyhow::Result<usize> {
    HEAP.reset_peak_usage();
    let before = HEAP.current_usage();
    S::rehearse(context, batch)?;
    Ok(HEAP.peak_usage().saturating_sub(before))
}

/// What steps hold: with so many `images`, and with twice as many.
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

    /// Images that fit into `room` bytes, where `images` do.
    fn largest(self, room: usize) -> usize {
        self.images + room.saturating_sub(self.small) / self.each()
    }
}

/// Bytes that the system, or the container or job that this runs in, can still give.
fn free() -> usize {
    let mut system = System::new();
    system.refresh_memory();
    let own = sysinfo::get_current_pid().ok();
    system.refresh_processes(ProcessesToUpdate::Some(own.as_slice()), false);
    let limits = own.and_then(|own| system.process(own)?.cgroup_limits());
    // Not what it calls free: that counts cached files as taken.
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
    fn what_fits_needs_no_more_than_there_is() {
        let growth = Growth { small: 300, large: 500, images: 2 };
        assert_eq!([2, 3, 4, 10].map(|batch| growth.needed(batch)), [300, 400, 500, 1100]);
        assert_eq!([300, 399, 400, 1000].map(|room| growth.largest(room)), [2, 2, 3, 9]);
        assert!((2..50).all(|batch| growth.largest(growth.needed(batch)) == batch));
    }

    #[test]
    fn some_memory_is_free() {
        assert!(free() > 1 << 20);
    }
}
