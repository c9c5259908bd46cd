//! The project's own commands. `cargo xtask demo` builds and serves the page, `cargo xtask test` checks everything.

mod bundle;
mod command;
mod dependencies;
mod gpu;
mod page;
mod precache;
mod samples;
mod test;
mod tools;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Commands of the COIN project.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build the page with all it needs, serve it on this machine and open it.
    Demo {
        /// Port on localhost.
        #[arg(long, default_value_t = 8080)]
        port: u16,
    },
    /// Pack what is measured on a GPU into target/card.
    Card {
        /// Ways to the card: vulkan, cuda.
        #[arg(required = true, value_parser = ["vulkan", "cuda"])]
        ways: Vec<String>,
    },
    /// Build the page into dist/.
    Page,
    /// Bundle the built page's modules and list its files for the service worker; trunk does it after each build.
    #[command(hide = true)]
    PostBuild,
    /// Formatting, lints and native tests.
    Check,
    /// All of it: also the wasm build, the page in a browser, kernels on a software GPU, and the dependencies' licences.
    Test,
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Demo { port } => page::demo(port),
        Command::Card { ways } => gpu::pack(&ways),
        Command::Page => page::build(),
        Command::PostBuild => page::finish(),
        Command::Check => test::native(),
        Command::Test => test::all(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Where cargo builds.
fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), Into::into)
}

/// The top of the repository.
fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}
