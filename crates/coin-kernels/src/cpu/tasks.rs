//! Independent tasks on all cores, each with memory of its own, that write disjoint parts of one output.

use std::cell::RefCell;
use std::marker::PhantomData;

/// Below this many multiplications and additions, waking another core takes longer than the work.
const WORTH_SHARING: usize = 1 << 17;

/// Cores that tasks are shared by.
pub fn threads() -> usize {
    #[cfg(feature = "threads")]
    return rayon::current_num_threads();
    #[cfg(not(feature = "threads"))]
    1
}

/// Calls `task` for 0 to `count`, in any order; `work` is the number of operations of all of them.
pub fn run(count: usize, work: usize, task: impl Fn(usize) + Sync + Send) {
    #[cfg(feature = "threads")]
    if count > 1 && work > WORTH_SHARING && threads() > 1 {
        use rayon::iter::{IndexedParallelIterator as _, IntoParallelIterator as _, ParallelIterator as _};
        return (0..count).into_par_iter().with_max_len(1).for_each(task);
    }
    let _ = work;
    (0..count).for_each(task);
}

/// Tasks to aim for: several a core, so that none waits long for the last; one where the work is not worth sharing.
pub fn wanted(work: usize) -> usize {
    if work > WORTH_SHARING && threads() > 1 { 3 * threads() } else { 1 }
}

/// Lends `task` memory of at least `length` values that the thread keeps; it holds whatever was left there.
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

/// An output that tasks write to at the same time.
pub struct Output<'a, T = f32> {
    start: *mut T,
    length: usize,
    values: PhantomData<&'a mut [T]>,
}

// SAFETY: the only access is `slice`, whose callers promise that no two tasks ask for the same values.
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
    /// No other slice that overlaps with this one may be alive, on any thread.
    #[allow(clippy::mut_from_ref, reason = "tasks share the output and write disjoint parts")]
    pub unsafe fn slice(&self, start: usize, length: usize) -> &mut [T] {
        assert!(start <= self.length && length <= self.length - start, "a task writes within its output");
        // SAFETY: within the borrowed values, as just checked; disjoint from all others, as the caller promises.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(start), length) }
    }
}
