//! A pool of feature-map buffers; allocating fresh memory from the system costs more than many operations.

use std::collections::VecDeque;
use std::mem::MaybeUninit;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

use burn::tensor::Bytes;
use burn_std::{AccessError, AccessPolicy, AllocationController, AllocationProperty};

/// Most values kept in the pool.
const MAX_POOLED: usize = if cfg!(target_family = "wasm") { 1 << 24 } else { 1 << 26 };
/// Buffers unused for this many requests are freed; a training step makes fewer.
const MAX_AGE: usize = 1 << 10;
/// Smaller buffers are left to the allocator, which caches them itself.
const MIN_POOLED: usize = 1 << 12;

static POOL: Mutex<Pool> = Mutex::new(Pool::new());

/// Buffers that no tensor uses.
struct Pool {
    /// Each with the request count at the time it was returned, in that order.
    buffers: VecDeque<(usize, Box<[f32]>)>,
    /// Total values in `buffers`.
    values: usize,
    /// Requests so far.
    requests: usize,
}

impl Pool {
    const fn new() -> Self {
        Self { buffers: VecDeque::new(), values: 0, requests: 0 }
    }

    /// Takes the smallest buffer that fits and wastes less than half; of equal ones the most recently returned.
    fn take(&mut self, length: usize) -> Option<Box<[f32]>> {
        self.requests += 1;
        let fits = |(_, (_, buffer)): &(usize, &(usize, Box<[f32]>))| (length..2 * length).contains(&buffer.len());
        let fitting = self.buffers.iter().enumerate().filter(fits);
        let index =
            fitting.min_by_key(|(index, (_, buffer))| (buffer.len(), usize::MAX - index)).map(|(index, _)| index);
        let taken = index.and_then(|index| self.buffers.remove(index)).map(|(_, buffer)| buffer);
        self.values -= taken.as_ref().map_or(0, |buffer| buffer.len());
        self.evict();
        taken
    }

    fn put(&mut self, buffer: Box<[f32]>) {
        self.values += buffer.len();
        self.buffers.push_back((self.requests, buffer));
        self.evict();
    }

    /// Frees buffers that are too old, and the oldest ones while the pool is too large.
    fn evict(&mut self) {
        while let Some((kept, oldest)) = self.buffers.front()
            && (self.values > MAX_POOLED || kept + MAX_AGE < self.requests)
        {
            self.values -= oldest.len();
            self.buffers.pop_front();
        }
    }
}

/// The values of a feature map, in pooled memory.
#[derive(Debug)]
pub struct Buffer {
    /// May be longer than `length`.
    memory: Box<[f32]>,
    length: usize,
}

impl Buffer {
    /// A buffer with unspecified values, which the operation must overwrite.
    pub fn unspecified(length: usize) -> Self {
        let kept = (length >= MIN_POOLED).then(|| POOL.lock().unwrap_or_else(PoisonError::into_inner).take(length));
        Self { memory: kept.flatten().unwrap_or_else(|| vec![0.0; length].into_boxed_slice()), length }
    }

    /// Converts into tensor memory that returns to the pool when the tensor is dropped.
    pub fn into_bytes(self) -> Bytes {
        let length = size_of_val(&*self);
        // SAFETY: `memory` holds initialised f32 values, so the first `length` bytes are initialised.
        unsafe { Bytes::from_controller(Box::new(self), length) }
    }
}

impl PartialEq for Buffer {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if self.memory.len() >= MIN_POOLED {
            let buffer = std::mem::take(&mut self.memory);
            POOL.lock().unwrap_or_else(PoisonError::into_inner).put(buffer);
        }
    }
}

impl Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.memory[..self.length]
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.memory[..self.length]
    }
}

impl AllocationController for Buffer {
    fn alloc_align(&self) -> usize {
        align_of::<f32>()
    }

    fn property(&self) -> AllocationProperty {
        AllocationProperty::Other
    }

    unsafe fn memory_mut(&mut self, _: AccessPolicy) -> Result<&mut [MaybeUninit<u8>], AccessError> {
        let values: &mut [f32] = self;
        // SAFETY: pointer and length come from `values`, which stays borrowed; the caller promises to write only
        // initialised bytes.
        Ok(unsafe { std::slice::from_raw_parts_mut(values.as_mut_ptr().cast(), size_of_val(values)) })
    }

    fn memory(&self, _: AccessPolicy) -> Result<&[MaybeUninit<u8>], AccessError> {
        // SAFETY: pointer and length come from the values, which stay borrowed.
        Ok(unsafe { std::slice::from_raw_parts(self.as_ptr().cast(), size_of_val(&**self)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_tensors_memory_is_reused() {
        // No other test requests this length.
        let length = MIN_POOLED + 4321;
        let mut first = Buffer::unspecified(length);
        first[7] = 7.0;
        let bytes = first.into_bytes();
        let index = bytes.as_ptr();
        let mut copy = bytes.clone();
        drop(bytes);
        let second = Buffer::unspecified(length);
        assert_eq!((second.as_ptr().cast(), second[7]), (index, 7.0));
        // The copy has its own memory.
        copy.fill(0);
        assert_eq!(second[7], 7.0);
    }

    #[test]
    fn the_pool_size_is_bounded() {
        let mut pool = Pool::new();
        let buffer = |length: usize| vec![0.0; length].into_boxed_slice();
        pool.put(buffer(MIN_POOLED));
        pool.put(buffer(MAX_POOLED - MIN_POOLED));
        pool.put(buffer(1));
        assert!(pool.take(MIN_POOLED).is_none(), "the oldest buffer was freed");
        assert!(pool.take(1).is_some());
        assert_eq!(pool.values, MAX_POOLED - MIN_POOLED);
    }

    #[test]
    fn unused_buffers_are_freed() {
        let mut pool = Pool::new();
        pool.put(vec![0.0; 100].into_boxed_slice());
        (0..MAX_AGE).for_each(|_| assert!(pool.take(1000).is_none()));
        assert_eq!(pool.values, 100);
        assert!(pool.take(1000).is_none());
        assert_eq!((pool.values, pool.buffers.len()), (0, 0));
    }

    #[test]
    fn the_smallest_fitting_buffer_is_taken_unless_it_wastes_half() {
        let mut pool = Pool::new();
        [100, 60, 50, 70].into_iter().for_each(|length| pool.put(vec![0.0; length].into_boxed_slice()));
        let mut taken = |length| pool.take(length).map(|buffer| buffer.len());
        assert_eq!([taken(55), taken(55), taken(40), taken(40)], [Some(60), Some(70), Some(50), None]);
    }
}
