//! What the programs share: exit codes, errors on one line.

use std::any::Any;
use std::env;
use std::ffi::OsString;
use std::io::{IsTerminal as _, stderr};
use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;

use anyhow::anyhow;
use coin_core::bundle::BundleError;
use coin_core::training::StepError;
use coin_imaging::{ScanError, Window};
use rayon::ThreadPoolBuilder;
use serde::de::DeserializeOwned;
use serde_json::Value;
use thiserror::Error;
use tracing::Level;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::data::DataError;
use crate::device::DeviceError;
use crate::files::FileError;
use crate::pretrained::PretrainedError;
use crate::recipe::RecipeError;

/// Bad usage or bad input that the caller can mend.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct BadInput(pub String);

/// Options of earlier versions, and what they are called today.
const RENAMED: [(&str, &str); 3] =
    [("--peak", "--seed-threshold"), ("--greys", "--picture-window"), ("--control", "--negative-control")];

/// The command line, with a warning for each option of an earlier version, which becomes today's.
pub fn arguments() -> Vec<OsString> {
    let modern = |argument: OsString| {
        let text = argument.to_string_lossy();
        let (option, value) = text.split_at(text.find('=').unwrap_or(text.len()));
        let Some((_, new)) = RENAMED.into_iter().find(|(old, _)| *old == option) else { return argument };
        tracing::warn!("{option} is called {new} now");
        format!("{new}{value}").into()
    };
    env::args_os().map(modern).collect()
}

/// The two bounds in HU that an option was given.
///
/// # Errors
/// When they span no range.
pub fn window(option: &str, bounds: &[f32]) -> Result<Window, BadInput> {
    let wrong = |reason: String| BadInput(format!("{option}: {reason}"));
    let &[low, high] = bounds else { return Err(wrong("name two bounds, black and white".into())) };
    Window::new(low, high).map_err(|reason| wrong(reason.to_string()))
}

/// What a word means in recipes and model files, as the value of an option.
///
/// # Errors
/// When it means nothing there; the message lists what does.
pub fn named<T: DeserializeOwned>(word: &str) -> Result<T, String> {
    serde_json::from_value(Value::String(word.into())).map_err(|reason| reason.to_string())
}

/// Runs a program with its warnings on stderr: 0 when done, 2 for bad usage or input, 1 for any other failure; an error is one line.
pub fn run(main: impl FnOnce() -> anyhow::Result<()>) -> ExitCode {
    // Burn's client warns of every message that a lost machine does not get; the step that fails tells it once.
    let told = Targets::new().with_default(Level::WARN).with_target("burn_remote::client", LevelFilter::OFF);
    let lines = fmt::layer().with_writer(stderr).with_ansi(stderr().is_terminal()).without_time();
    tracing_subscriber::registry().with(lines.with_filter(told)).init();
    // A panic becomes one line, with its trace only where it is asked for.
    let (traced, trace) = (env::var_os("RUST_BACKTRACE").is_some(), panic::take_hook());
    panic::set_hook(Box::new(move |panic| {
        if traced && !is_unread(panic.payload()) {
            trace(panic);
        }
    }));
    let ended = match panic::catch_unwind(AssertUnwindSafe(main)) {
        Err(cause) if is_unread(&*cause) => Ok(()),
        Err(_) => Err(anyhow!("this is a mistake in the program; please report what RUST_BACKTRACE=1 shows of it")),
        Ok(ended) => ended,
    };
    let Err(error) = ended else { return ExitCode::SUCCESS };
    let message = error.chain().map(ToString::to_string).collect::<Vec<_>>().join(": ");
    let lines: Vec<&str> = message.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    eprintln!("error: {}", lines.join(" "));
    let mendable = error.chain().any(|cause| {
        cause.is::<BadInput>()
            || cause.is::<RecipeError>()
            || cause.is::<DeviceError>()
            || cause.is::<BundleError>()
            || cause.is::<ScanError>()
            || cause.is::<DataError>()
            || cause.is::<PretrainedError>()
            || cause.is::<FileError>()
            || matches!(cause.downcast_ref(), Some(StepError::Uneven { .. }))
    });
    ExitCode::from(if mendable { 2 } else { 1 })
}

/// [`run`] for programs whose main thread computes: it is one of the threads that share the work, where it would otherwise
/// sleep and be woken at every operation.
pub fn compute(main: impl FnOnce() -> anyhow::Result<()>) -> ExitCode {
    run(|| {
        ThreadPoolBuilder::new().use_current_thread().build_global()?;
        main()
    })
}

/// Whether `println!` panicked because whoever reads its lines has gone: `| head` has read enough.
fn is_unread(cause: &(dyn Any + Send)) -> bool {
    cause.downcast_ref::<String>().is_some_and(|cause| cause.starts_with("failed printing to stdout: Broken pipe"))
}
