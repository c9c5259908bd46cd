//! The git revision of the program, which runs record as their provenance.

use std::path::Path;
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
    // A commit changes the log of HEAD.
    if let Some(log) = git(&["rev-parse", "--git-path", "logs/HEAD"]) {
        println!("cargo::rerun-if-changed={log}");
    }
    // A published crate has no neighbours.
    for source in ["src", "../coin-core/src", "../coin-imaging/src"].into_iter().filter(|path| Path::new(path).exists())
    {
        println!("cargo::rerun-if-changed={source}");
    }
}
