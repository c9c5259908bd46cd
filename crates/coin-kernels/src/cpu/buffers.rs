//! Memory for maps, kept from one operation to the next: new memory from the system costs more than many an operation.

use std::collections::VecDeque;
use std::mem::MaybeUninit;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

use burn::tensor::Bytes;
use burn_std::{AccessError, AccessPolicy, AllocationController, AllocationProperty};

/// Values that are kept in all, while no tensor needs them.
const MOST_KEPT: usize = if cfg!(target_family = "wasm") { 1 << 24 } else { 1 << 26 };
/// What was not asked for in so many requests is given back: more than a step of a training makes.
const LIFE: usize = 1 << 10;
/// Smaller buffers are left to the allocator, which keeps them itself.
const FEWEST: usize = 1 << 12;

static KEPT: Mutex<Kept> = Mutex::new(Kept::new());

/// Buffers that no tensor needs.
struct Kept {
    /// Each with the number of requests when it was kept, those kept last at the end.
    buffers: VecDeque<(usize, Box<[f32]>)>,
    /// Of all buffers.
    values: usize,
    /// Requests so far.
    requests: usize,
}

impl Kept {
    const fn new() -> Self {
        Self { buffers: VecDeque::new(), values: 0, requests: 0 }
    }

    /// The smallest that fits, unless it would waste half of itself; of several the one that was kept last.
    fn take(&mut self, length: usize) -> Option<Box<[f32]>> {
        self.requests += 1;
        let fits = |(_, (_, buffer)): &(usize, &(usize, Box<[f32]>))| (length..2 * length).contains(&buffer.len());
        let fitting = self.buffers.iter().enumerate().filter(fits);
        let place =
            fitting.min_by_key(|(place, (_, buffer))| (buffer.len(), usize::MAX - place)).map(|(place, _)| place);
        let taken = place.and_then(|place| self.buffers.remove(place)).map(|(_, buffer)| buffer);
        self.values -= taken.as_ref().map_or(0, |buffer| buffer.len());
        self.give_back();
        taken
    }

    fn keep(&mut self, buffer: Box<[f32]>) {
        self.values += buffer.len();
        self.buffers.push_back((self.requests, buffer));
        self.give_back();
    }

    /// Gives back what is too old, and the oldest while there is too much.
    fn give_back(&mut self) {
        while let Some((kept, oldest)) = self.buffers.front()
            && (self.values > MOST_KEPT || kept + LIFE < self.requests)
        {
            self.values -= oldest.len();
            self.buffers.pop_front();
        }
    }
}

/// The values of a map.
#[derive(Debug)]
pub struct Buffer {
    /// May be longer.
    memory: Box<[f32]>,
    length: usize,
}

impl Buffer {
    /// With whatever values are in it: the operation writes them all.
    pub fn unwritten(length: usize) -> Self {
        let kept = (length >= FEWEST).then(|| KEPT.lock().unwrap_or_else(PoisonError::into_inner).take(length));
        Self { memory: kept.flatten().unwrap_or_else(|| vec![0.0; length].into_boxed_slice()), length }
    }

    /// As the memory of a tensor, which gives it back when it goes.
    pub fn into_bytes(self) -> Bytes {
        let length = size_of_val(&*self);
        // SAFETY: all bytes of the values are initialised.
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
        if self.memory.len() >= FEWEST {
            let buffer = std::mem::take(&mut self.memory);
            KEPT.lock().unwrap_or_else(PoisonError::into_inner).keep(buffer);
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
        // SAFETY: the bytes of the values, borrowed like them; the caller promises to write only initialised ones.
        Ok(unsafe { std::slice::from_raw_parts_mut(values.as_mut_ptr().cast(), size_of_val(values)) })
    }

    fn memory(&self, _: AccessPolicy) -> Result<&[MaybeUninit<u8>], AccessError> {
        // SAFETY: the bytes of the values, borrowed like them.
        Ok(unsafe { std::slice::from_raw_parts(self.as_ptr().cast(), size_of_val(&**self)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_tensor_no_longer_needs_is_used_again() {
        // A length that no other test asks for.
        let length = FEWEST + 4321;
        let mut first = Buffer::unwritten(length);
        first[7] = 7.0;
        let bytes = first.into_bytes();
        let place = bytes.as_ptr();
        let mut copy = bytes.clone();
        drop(bytes);
        let second = Buffer::unwritten(length);
        assert_eq!((second.as_ptr().cast(), second[7]), (place, 7.0));
        // The copy has memory of its own.
        copy.fill(0);
        assert_eq!(second[7], 7.0);
    }

    #[test]
    fn no_more_is_kept_than_allowed() {
        let mut kept = Kept::new();
        let buffer = |length: usize| vec![0.0; length].into_boxed_slice();
        kept.keep(buffer(FEWEST));
        kept.keep(buffer(MOST_KEPT - FEWEST));
        kept.keep(buffer(1));
        assert!(kept.take(FEWEST).is_none(), "the oldest went");
        assert!(kept.take(1).is_some());
        assert_eq!(kept.values, MOST_KEPT - FEWEST);
    }

    #[test]
    fn what_nobody_asks_for_is_given_back() {
        let mut kept = Kept::new();
        kept.keep(vec![0.0; 100].into_boxed_slice());
        (0..LIFE).for_each(|_| assert!(kept.take(1000).is_none()));
        assert_eq!(kept.values, 100);
        assert!(kept.take(1000).is_none());
        assert_eq!((kept.values, kept.buffers.len()), (0, 0));
    }

    #[test]
    fn a_buffer_that_fits_is_taken_unless_half_of_it_would_be_wasted() {
        let mut kept = Kept::new();
        [100, 60, 50, 70].into_iter().for_each(|length| kept.keep(vec![0.0; length].into_boxed_slice()));
        let mut taken = |length| kept.take(length).map(|buffer| buffer.len());
        assert_eq!([taken(55), taken(55), taken(40), taken(40)], [Some(60), Some(70), Some(50), None]);
    }
}
