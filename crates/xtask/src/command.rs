//! Runs other programs and shows their output.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, anyhow, bail};

use crate::root;

/// Runs `program` in the root of the repository.
///
/// # Errors
/// If it cannot be started or fails.
pub fn run(program: &str, arguments: &[&str]) -> anyhow::Result<()> {
    run_in(&root(), program, arguments, &[])
}

/// Runs `program` in `folder` with additional environment variables.
///
/// # Errors
/// If it cannot be started or fails.
pub fn run_in(folder: &Path, program: &str, arguments: &[&str], environment: &[(&str, &Path)]) -> anyhow::Result<()> {
    finish(command(folder, program, arguments), program, arguments, environment)
}

fn finish(
    mut command: Command,
    program: &str,
    arguments: &[&str],
    environment: &[(&str, &Path)],
) -> anyhow::Result<()> {
    command.envs(environment.iter().copied());
    let status = command.status().with_context(|| format!("{program} could not be started; is it installed?"))?;
    if !status.success() {
        bail!("{program} {} failed ({status})", arguments.first().unwrap_or(&""));
    }
    Ok(())
}

/// [`run_in`] at the lowest priority, for work beside tests that wait for a browser.
///
/// # Errors
/// See [`run`].
pub fn run_when_idle(
    folder: &Path,
    program: &str,
    arguments: &[&str],
    environment: &[(&str, &Path)],
) -> anyhow::Result<()> {
    let nice = command(folder, "nice", &[&["-n", "19", program], arguments].concat());
    finish(nice, program, arguments, environment)
}

/// Runs tasks at the same time.
///
/// # Errors
/// The first task's that failed, after all have ended.
pub fn side_by_side(tasks: &[&(dyn Fn() -> anyhow::Result<()> + Sync)]) -> anyhow::Result<()> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = tasks.iter().map(|task| scope.spawn(task)).collect();
        let mut ended = threads.into_iter().map(|thread| thread.join());
        ended.try_for_each(|result| result.unwrap_or_else(|_| Err(anyhow!("a task panicked"))))
    })
}

/// Prepares `program` to run in `folder`, and prints the command line.
pub fn command(folder: &Path, program: &str, arguments: &[&str]) -> Command {
    eprintln!("> {program} {}", arguments.join(" "));
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder);
    command
}

/// Runs `program` in the root of the repository and returns its stdout.
///
/// # Errors
/// If it cannot be started or fails.
pub fn output(program: &str, arguments: &[&str]) -> anyhow::Result<String> {
    let output = Command::new(program).args(arguments).current_dir(root()).output();
    let output = output.with_context(|| format!("{program} could not be started; is it installed?"))?;
    if !output.status.success() {
        bail!("{program} {} failed ({})", arguments.join(" "), output.status);
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether `program --version` runs and its output contains `version`.
pub fn has(program: &str, version: &str) -> bool {
    output(program, &["--version"]).is_ok_and(|answer| answer.contains(version))
}
