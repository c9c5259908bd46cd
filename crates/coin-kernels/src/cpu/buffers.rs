//! Memory for maps, kept from one operation to the next: new memory from the system costs more than many an operation.

use std::collections::VecDeque;
use std::mem::MaybeUninit;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

use burn::tensor::Bytes;
use burn_std::{AccessError, AccessPolicy, AllocationController, AllocationProperty};

/// Smaller buffers are left to the allocator, which keeps them itself.
const FEWEST: usize = 1 << 12;

static KEPT: Mutex<Kept> = Mutex::new(Kept { buffers: VecDeque::new(), kept: 0, lent: 0, most_lent: 0 });

/// Buffers that no tensor needs, those kept last at the end: never more of them than tensors once needed beside those that they
/// need now.
struct Kept {
    buffers: VecDeque<Box<[f32]>>,
    /// Values of all these buffers.
    kept: usize,
    /// Values that tensors have now, and that they had at most.
    lent: usize,
    most_lent: usize,
}

impl Kept {
    fn take(&mut self, length: usize) -> Option<Box<[f32]>> {
        let place = self.buffers.iter().rposition(|buffer| buffer.len() == length);
        let buffer = place.and_then(|place| self.buffers.remove(place));
        self.kept -= buffer.as_ref().map_or(0, |buffer| buffer.len());
        self.lent += length;
        self.most_lent = self.most_lent.max(self.lent);
        self.shrink();
        buffer
    }

    fn keep(&mut self, buffer: Box<[f32]>) {
        self.lent -= buffer.len();
        self.kept += buffer.len();
        self.buffers.push_back(buffer);
        self.shrink();
    }

    fn shrink(&mut self) {
        while self.kept + self.lent > self.most_lent {
            let Some(oldest) = self.buffers.pop_front() else { break };
            self.kept -= oldest.len();
        }
    }
}

/// The values of a map.
#[derive(Debug, PartialEq)]
pub struct Buffer(Box<[f32]>);

impl Buffer {
    /// With whatever values are in it: the operation writes them all.
    pub fn unwritten(length: usize) -> Self {
        let kept = || KEPT.lock().unwrap_or_else(PoisonError::into_inner).take(length);
        let kept = if length < FEWEST { None } else { kept() };
        Self(kept.unwrap_or_else(|| vec![0.0; length].into_boxed_slice()))
    }

    /// As the memory of a tensor, which gives it back when it goes.
    pub fn into_bytes(self) -> Bytes {
        let length = size_of_val(&*self.0);
        // SAFETY: all bytes of the values are initialised.
        unsafe { Bytes::from_controller(Box::new(self), length) }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if self.0.len() >= FEWEST {
            let buffer = std::mem::take(&mut self.0);
            KEPT.lock().unwrap_or_else(PoisonError::into_inner).keep(buffer);
        }
    }
}

impl Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.0
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.0
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
        let length = size_of_val(&*self.0);
        // SAFETY: the bytes of the values, borrowed like them; the caller promises to write only initialised ones.
        Ok(unsafe { std::slice::from_raw_parts_mut(self.0.as_mut_ptr().cast(), length) })
    }

    fn memory(&self, _: AccessPolicy) -> Result<&[MaybeUninit<u8>], AccessError> {
        // SAFETY: the bytes of the values, borrowed like them.
        Ok(unsafe { std::slice::from_raw_parts(self.0.as_ptr().cast(), size_of_val(&*self.0)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tensors_copy_has_memory_of_its_own() {
        let mut buffer = Buffer::unwritten(FEWEST + 1);
        buffer.fill(7.0);
        let bytes = buffer.into_bytes();
        let mut copy = bytes.clone();
        copy.fill(0);
        assert_eq!((bytes.len(), bytes[..4].to_vec()), (4 * (FEWEST + 1), 7f32.to_ne_bytes().to_vec()));
    }

    #[test]
    fn no_more_is_kept_than_was_needed_at_once() {
        let mut kept = Kept { buffers: VecDeque::new(), kept: 0, lent: 0, most_lent: 0 };
        let take = |kept: &mut Kept, length| kept.take(length).unwrap_or_else(|| vec![0.0; length].into_boxed_slice());
        let (small, large) = (take(&mut kept, 10), take(&mut kept, 100));
        kept.keep(small);
        kept.keep(large);
        assert_eq!((kept.kept, kept.lent), (110, 0));
        let place = kept.buffers[1].as_ptr();
        let again = take(&mut kept, 100);
        assert_eq!((again.as_ptr(), kept.kept, kept.lent), (place, 10, 100));
        kept.keep(again);
        // One of another size, for which the oldest goes.
        let other = take(&mut kept, 5);
        assert_eq!((kept.kept, kept.lent), (100, 5));
        kept.keep(other);
        assert_eq!((kept.kept, kept.lent, kept.buffers.len()), (105, 0, 2));
    }
}
