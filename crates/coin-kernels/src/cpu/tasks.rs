//! Parallel tasks with per-thread scratch memory that write disjoint parts of one output.

use std::cell::RefCell;
use std::marker::PhantomData;

/// With fewer multiply-adds, waking another core takes longer than the work.
const MIN_PARALLEL_WORK: usize = 1 << 17;

/// Number of worker threads.
pub fn threads() -> usize {
    #[cfg(feature = "threads")]
    return rayon::current_num_threads();
    #[cfg(not(feature = "threads"))]
    1
}

/// Calls `task` for 0 to `count`, in any order; `work` is the total number of operations.
pub fn run(count: usize, work: usize, task: impl Fn(usize) + Sync + Send) {
    #[cfg(feature = "threads")]
    if count > 1 && work > MIN_PARALLEL_WORK && threads() > 1 {
        use rayon::iter::{IndexedParallelIterator as _, IntoParallelIterator as _, ParallelIterator as _};
        return (0..count).into_par_iter().with_max_len(1).for_each(task);
    }
    let _ = work;
    (0..count).for_each(task);
}

/// Number of tasks to aim for: several per core for load balancing, one if the work is too small to split.
pub fn wanted(work: usize) -> usize {
    if work > MIN_PARALLEL_WORK && threads() > 1 { 3 * threads() } else { 1 }
}

/// Calls `task` with thread-local scratch memory of `length` unspecified values.
pub fn with_scratch<T>(length: usize, task: impl FnOnce(&mut [f32]) -> T) -> T {
    thread_local! {
        static SCRATCH: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
    }
    SCRATCH.with_borrow_mut(|scratch| {
        if scratch.len() < length {
            scratch.resize(length, 0.0);
        }
        task(&mut scratch[..length])
    })
}

/// An output that several tasks write concurrently.
pub struct Output<'a, T = f32> {
    start: *mut T,
    length: usize,
    values: PhantomData<&'a mut [T]>,
}

// SAFETY: the only access is `slice`, whose callers guarantee disjoint ranges.
unsafe impl<T: Send> Send for Output<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Output<'_, T> {}

impl<'a, T> Output<'a, T> {
    pub fn new(values: &'a mut [T]) -> Self {
        Self { start: values.as_mut_ptr(), length: values.len(), values: PhantomData }
    }

    /// The values from `start` on.
    ///
    /// # Safety
    /// No other slice that overlaps this one may be alive, on any thread.
    #[allow(clippy::mut_from_ref, reason = "tasks share the output and write disjoint parts")]
    pub unsafe fn slice(&self, start: usize, length: usize) -> &mut [T] {
        assert!(start <= self.length && length <= self.length - start, "a task writes within its output");
        // SAFETY: within the borrowed values, as just asserted; the caller guarantees that no other slice overlaps.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(start), length) }
    }
}
