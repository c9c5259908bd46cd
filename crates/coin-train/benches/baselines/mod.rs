//! Times our side and compares it with a baseline's.

use std::num::NonZeroUsize;
use std::time::Instant;

use clap::Args;
use rayon::ThreadPoolBuilder;

/// The options of every benchmark.
#[derive(Args)]
pub struct Options {
    /// Measure only the rows whose names contain this.
    row: Option<String>,
    /// Threads of both sides.
    #[arg(long, default_value_t = cores())]
    threads: NonZeroUsize,
    /// Timed runs of every row; without it each has its own number.
    #[arg(long)]
    runs: Option<NonZeroUsize>,
    /// Cargo passes it to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

impl Options {
    /// Limits this process to the threads; call it before anything is computed.
    pub fn limit_threads(&self) -> anyhow::Result<()> {
        let pool = ThreadPoolBuilder::new().num_threads(self.threads.get());
        // As the programs do.
        Ok(pool.use_current_thread().build_global()?)
    }

    /// Whether a row is to be measured.
    pub fn wants(&self, row: &str) -> bool {
        self.row.as_ref().is_none_or(|part| row.contains(part))
    }

    /// Threads of both sides.
    pub fn threads(&self) -> usize {
        self.threads.get()
    }

    /// Timed runs of a row that has `usual` ones by itself.
    pub fn runs(&self, usual: usize) -> usize {
        self.runs.map_or(usual, NonZeroUsize::get)
    }

    /// Prints both medians and their ratio: below 1 we are faster.
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
            None => println!("{what}, {threads}: ours {ours:.4} s, {baseline} left out"),
        }
    }
}

fn cores() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

/// Seconds of each of `runs` calls after a warm-up.
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
