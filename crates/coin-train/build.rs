//! Which state of the source a program was built from, for the runs that it trains.

use std::process::Command;

fn main() {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let revision = git(&["rev-parse", "HEAD"]).map_or_else(
        || "unknown".to_owned(),
        |revision| match git(&["status", "--porcelain", "--untracked-files=no"]) {
            Some(changes) if changes.is_empty() => revision,
            _ => format!("{revision} with changes"),
        },
    );
    println!("cargo::rustc-env=COIN_REVISION={revision}");
    // A commit moves the log of HEAD; changes since then are seen when a source file changes.
    if let Some(log) = git(&["rev-parse", "--git-path", "logs/HEAD"]) {
        println!("cargo::rerun-if-changed={log}");
    }
    for source in ["src", "../coin-core/src", "../coin-imaging/src"] {
        println!("cargo::rerun-if-changed={source}");
    }
}
