//! Data parallelism: each device computes the gradients of a shard of the batch.
//!
//! The first device holds the networks and the optimizers. In every step the replicas get copies of the networks, and
//! Burn's optimizers sum the gradients. Batch normalisation and the segmenter's Dice loss are computed per shard; the
//! running statistics are those of the first device.

use std::any::Any;
use std::iter::once;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use crate::Error;

/// The replicas; the first device is implicit.
#[derive(Debug, Default)]
pub(super) struct DeviceGroup {
    replicas: Vec<Replica>,
}

/// A device with a dedicated thread for the trainer's lifetime, because GPU memory pools are per thread.
#[derive(Debug)]
struct Replica {
    device: Device,
    work: Sender<Box<dyn FnOnce() + Send>>,
}

type Answer<T> = Result<T, Box<dyn Any + Send>>;

impl DeviceGroup {
    /// Creates replicas on these devices, which are without autodiff.
    pub(super) fn with(replicas: &[Device]) -> Self {
        Self { replicas: replicas.iter().map(|device| Replica::start(device.clone())).collect() }
    }

    /// Number of devices, including the first.
    pub(super) fn len(&self) -> usize {
        1 + self.replicas.len()
    }

    /// Splits a batch along its first dimension into equal shards, each on its device.
    pub(super) fn shards<const D: usize>(&self, batch: Tensor<D>) -> Result<Vec<Tensor<D>>, Error> {
        let (Self { replicas }, images, devices) = (self, batch.dims()[0], self.len());
        if !images.is_multiple_of(devices) {
            return Err(Error::Uneven { batch: images, devices });
        }
        if replicas.is_empty() {
            return Ok(vec![batch]);
        }
        let mut shards = batch.chunk(devices, 0);
        for (shard, Replica { device, .. }) in shards.iter_mut().skip(1).zip(replicas) {
            *shard = shard.clone().to_device(&device.clone().autodiff());
        }
        Ok(shards)
    }

    /// The network, and a copy of it on each replica.
    pub(super) fn copies<M: Module>(&self, network: &M) -> Vec<M> {
        // A fork would share the running statistics; a snapshot has its own.
        let copy = |replica: &Replica| network.valid().to_device(&replica.device).train();
        once(network.clone()).chain(self.replicas.iter().map(copy)).collect()
    }

    /// Calls `compute` on every device's shard in parallel, for the first device on this thread.
    pub(super) fn compute<S, T>(&self, shards: Vec<S>, compute: impl Fn(S) -> T + Copy + Send + 'static) -> Vec<T>
    where
        S: Send + 'static,
        T: Send + 'static,
    {
        let mut shards = shards.into_iter();
        let own = shards.next();
        let started: Vec<Receiver<Answer<T>>> =
            self.replicas.iter().zip(shards).map(|(replica, shard)| replica.compute(shard, compute)).collect();
        let own = own.map(compute);
        let others = started.into_iter().map(|answer| {
            let answer = answer.recv().unwrap_or_else(|_| unreachable!("every job answers"));
            answer.unwrap_or_else(|panic| resume_unwind(panic))
        });
        own.into_iter().chain(others).collect()
    }
}

impl Replica {
    fn start(device: Device) -> Self {
        let (work, queue) = channel::<Box<dyn FnOnce() + Send>>();
        thread::spawn(move || queue.into_iter().for_each(|job| job()));
        Self { device, work }
    }

    fn compute<S, T>(&self, shard: S, compute: impl Fn(S) -> T + Send + 'static) -> Receiver<Answer<T>>
    where
        S: Send + 'static,
        T: Send + 'static,
    {
        let (answer, waiting) = channel();
        // A failed send is harmless: the receiver may be gone, and the thread outlives its sender.
        let job = move || answer.send(catch_unwind(AssertUnwindSafe(|| compute(shard)))).unwrap_or_default();
        self.work.send(Box::new(job)).unwrap_or_default();
        waiting
    }
}

/// Runs `step` and converts panics into errors: transfers between devices panic if a device is lost.
pub(super) fn attempt<T>(step: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    catch_unwind(AssertUnwindSafe(step)).unwrap_or_else(|panic| {
        let words = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref().copied());
        Err(failure(&words.unwrap_or("it panicked")))
    })
}

/// Averages the values over the shards, with one read-back per device, because each read stalls a GPU.
pub(super) fn means(shards: Vec<Tensor<1>>) -> Result<Vec<f32>, Error> {
    let count = shards.len() as f32;
    let read = |shard: Tensor<1>| shard.try_into_vec_as::<f32>().map_err(|reason| failure(&reason));
    let shards = shards.into_iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let mut sums: Vec<f32> = Vec::new();
    for shard in shards {
        sums.resize(shard.len().max(sums.len()), 0.0);
        sums.iter_mut().zip(shard).for_each(|(sum, value)| *sum += value);
    }
    Ok(sums.into_iter().map(|sum| sum / count).collect())
}

/// Extracts the relevant line of a GPU's error message.
fn failure(reason: &impl std::fmt::Display) -> Error {
    let reason = reason.to_string();
    let mut lines = reason.lines().map(str::trim);
    match lines.clone().find(|line| line.contains("allocate") || line.contains("out of memory")) {
        Some(line) => Error::Memory(line.to_owned()),
        None => Error::Step(lines.next().unwrap_or_default().to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn out_of_memory_is_distinguished_from_other_failures() {
        let of_a_gpu = "Execution(An error happened during execution\nCaused by:\n  Several failures at once\n\
                         Caused by:\n  can't allocate buffer of size: 2147483648\nNo backtrace available)";
        let Error::Memory(line) = failure(&of_a_gpu) else { panic!("expected an out-of-memory error") };
        assert_eq!(line, "can't allocate buffer of size: 2147483648");
        let Error::Step(line) = failure(&"The device was lost\nNo backtrace available") else {
            panic!("expected a device error")
        };
        assert_eq!(line, "The device was lost");
    }
}
