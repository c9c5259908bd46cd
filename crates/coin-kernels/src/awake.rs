//! Busy-waiting worker threads for short gaps between operations.

#[cfg(feature = "threads")]
use std::sync::atomic::{AtomicUsize, Ordering};

use burn::tensor::Device;

/// Odd while an [`Awake`] is alive.
#[cfg(feature = "threads")]
static GENERATION: AtomicUsize = AtomicUsize::new(0);

/// Keeps the worker threads of the pool polling for work instead of sleeping.
///
/// Waking a thread takes longer than many operations. Polling threads yield to every other thread of the machine. The
/// guard has no effect for a GPU, while another guard is alive, or outside a pool thread.
#[derive(Debug)]
#[must_use = "cores sleep again when it is dropped"]
pub struct Awake {
    #[cfg(feature = "threads")]
    generation: Option<usize>,
}

impl Awake {
    /// Starts polling if `device` is the CPU; the threads sleep again when the guard is dropped.
    pub fn on(device: &Device) -> Self {
        #[cfg(feature = "threads")]
        return Self { generation: is_cpu(device).then(start).flatten() };
        #[cfg(not(feature = "threads"))]
        {
            let _ = device;
            Self {}
        }
    }
}

#[cfg(feature = "threads")]
fn is_cpu(device: &Device) -> bool {
    #[cfg(feature = "flex")]
    return device.clone().without_autodiff() == Device::flex();
    #[cfg(not(feature = "flex"))]
    {
        let _ = device;
        false
    }
}

#[cfg(feature = "threads")]
fn start() -> Option<usize> {
    let caller = rayon::current_thread_index()?;
    let before = GENERATION.load(Ordering::Relaxed);
    let own = before + 1;
    if rayon::current_num_threads() == 1 || own.is_multiple_of(2) {
        return None;
    }
    GENERATION.compare_exchange(before, own, Ordering::Relaxed, Ordering::Relaxed).ok()?;
    rayon::spawn_broadcast(move |context| {
        while context.index() != caller && GENERATION.load(Ordering::Relaxed) == own {
            if rayon::yield_now() != Some(rayon::Yield::Executed) {
                std::thread::yield_now();
            }
        }
    });
    Some(own)
}

#[cfg(feature = "threads")]
impl Drop for Awake {
    fn drop(&mut self) {
        if self.generation.is_some() {
            GENERATION.fetch_add(1, Ordering::Relaxed);
        }
    }
}
