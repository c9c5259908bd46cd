//! Shared by all programs: exit codes, one-line error messages, and renamed options.

use std::any::Any;
use std::env;
use std::ffi::OsString;
use std::io::{IsTerminal as _, stderr};
use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;

use crate::Error;
use anyhow::anyhow;
use coin_imaging::Window;
use rayon::ThreadPoolBuilder;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tracing::Level;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

/// Options of earlier versions and their current names.
const RENAMED: [(&str, &str); 3] =
    [("--peak", "--seed-threshold"), ("--greys", "--picture-window"), ("--control", "--negative-control")];

/// The command line with options of earlier versions renamed; each one triggers a warning.
pub fn arguments() -> Vec<OsString> {
    let modern = |argument: OsString| {
        let text = argument.to_string_lossy();
        let (option, value) = text.split_at(text.find('=').unwrap_or(text.len()));
        let Some((_, new)) = RENAMED.into_iter().find(|(old, _)| *old == option) else { return argument };
        tracing::warn!("{option} has been renamed to {new}");
        format!("{new}{value}").into()
    };
    env::args_os().map(modern).collect()
}

/// Parses the two bounds of a window option.
///
/// # Errors
/// If there are not two bounds, or they are not a range.
pub fn window(option: &str, bounds: &[f32]) -> Result<Window, Error> {
    let wrong = |reason: String| Error::Usage(format!("{option}: {reason}"));
    let &[low, high] = bounds else { return Err(wrong("give two bounds, for black and for white".into())) };
    Window::new(low, high).map_err(|reason| wrong(reason.to_string()))
}

/// Parses the value of an option with the spelling of recipes and model files.
///
/// # Errors
/// If the value is unknown; the message lists the valid ones.
pub fn named<T: DeserializeOwned>(word: &str) -> Result<T, String> {
    serde_json::from_value(Value::String(word.into())).map_err(|reason| reason.to_string())
}

/// Runs a program with warnings on stderr. Prints an error as one line. Exit codes: 0 for success, 2 for bad usage or input,
/// 1 for any other failure.
pub fn run(main: impl FnOnce() -> anyhow::Result<()>) -> ExitCode {
    // Burn's client warns about every message to a lost machine; the failing step reports it once.
    let logged = Targets::new().with_default(Level::WARN).with_target("burn_remote::client", LevelFilter::OFF);
    let lines = fmt::layer().with_writer(stderr).with_ansi(stderr().is_terminal()).without_time();
    tracing_subscriber::registry().with(lines.with_filter(logged)).init();
    // A panic becomes a one-line error; RUST_BACKTRACE adds its trace.
    let (traced, trace) = (env::var_os("RUST_BACKTRACE").is_some(), panic::take_hook());
    panic::set_hook(Box::new(move |panic| {
        if traced && !is_broken_pipe(panic.payload()) {
            trace(panic);
        }
    }));
    let ended = match panic::catch_unwind(AssertUnwindSafe(main)) {
        Err(cause) if is_broken_pipe(&*cause) => Ok(()),
        Err(_) => Err(anyhow!("internal error; rerun with RUST_BACKTRACE=1 and report the output as a bug")),
        Ok(ended) => ended,
    };
    let Err(error) = ended else { return ExitCode::SUCCESS };
    let message = error.chain().map(ToString::to_string).collect::<Vec<_>>().join(": ");
    let lines: Vec<&str> = message.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    eprintln!("error: {}", lines.join(" "));
    ExitCode::from(if is_input(&error) { 2 } else { 1 })
}

/// Whether the user can fix it, because the input or the command line is the cause.
#[must_use]
pub fn is_input(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.downcast_ref().is_some_and(Error::is_input)
            || cause.downcast_ref().is_some_and(coin_core::Error::is_input)
            || cause.downcast_ref().is_some_and(coin_imaging::Error::is_input)
    })
}

/// Like [`run`], for programs that compute on the main thread: adds it to the thread pool, which saves a thread wake-up per
/// operation.
pub fn compute(main: impl FnOnce() -> anyhow::Result<()>) -> ExitCode {
    run(|| {
        ThreadPoolBuilder::new().use_current_thread().build_global()?;
        main()
    })
}

/// Whether `println!` panicked because the reader closed the pipe, as `| head` does.
fn is_broken_pipe(cause: &(dyn Any + Send)) -> bool {
    cause.downcast_ref::<String>().is_some_and(|cause| cause.starts_with("failed printing to stdout: Broken pipe"))
}
