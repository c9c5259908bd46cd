//! Times our code and compares it with a baseline.

use std::num::NonZeroUsize;
use std::time::Instant;

use clap::Args;
use rayon::ThreadPoolBuilder;

/// Command-line options of every benchmark.
#[derive(Args)]
pub struct Options {
    /// Run only the rows whose names contain this text.
    row: Option<String>,
    /// Number of threads of our code and the baseline.
    #[arg(long, default_value_t = cores())]
    threads: NonZeroUsize,
    /// Number of timed runs per row. Default: depends on the row.
    #[arg(long)]
    runs: Option<NonZeroUsize>,
    /// Ignored; Cargo passes it to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

impl Options {
    /// Sets the number of threads of this process. Call it before any computation.
    pub fn limit_threads(&self) -> anyhow::Result<()> {
        let pool = ThreadPoolBuilder::new().num_threads(self.threads.get());
        // The programs also compute on the main thread.
        Ok(pool.use_current_thread().build_global()?)
    }

    /// Whether a row is selected.
    pub fn wants(&self, row: &str) -> bool {
        self.row.as_ref().is_none_or(|part| row.contains(part))
    }

    /// Number of threads of our code and the baseline.
    pub fn threads(&self) -> usize {
        self.threads.get()
    }

    /// Number of timed runs of a row with this default.
    pub fn runs(&self, default: usize) -> usize {
        self.runs.map_or(default, NonZeroUsize::get)
    }

    /// Prints both medians and their ratio; below 1, our code is faster.
    pub fn compare(&self, what: &str, baseline: &str, ours: &[f64], theirs: Option<&[f64]>) {
        let ours = median(ours);
        let threads = match self.threads() {
            1 => "1 thread".to_owned(),
            threads => format!("{threads} threads"),
        };
        match theirs.map(median) {
            Some(theirs) => {
                println!("{what}, {threads}: ours {ours:.4} s, {baseline} {theirs:.4} s, ratio {:.2}", ours / theirs)
            }
            None => println!("{what}, {threads}: ours {ours:.4} s, {baseline} skipped"),
        }
    }
}

fn cores() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

/// Seconds of each of `runs` calls of `work`, after a warm-up call.
pub fn seconds(runs: usize, mut work: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<Vec<f64>> {
    work()?;
    let timed = |_| {
        let started = Instant::now();
        work().map(|()| started.elapsed().as_secs_f64())
    };
    (0..runs).map(timed).collect()
}

fn median(seconds: &[f64]) -> f64 {
    let mut sorted = seconds.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}
