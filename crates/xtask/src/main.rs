//! Development commands. `cargo xtask demo` builds and serves the page; `cargo xtask test` runs all checks.

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

/// Development commands of COIN.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build the page, serve it on this machine and open it.
    Demo {
        /// Port on localhost.
        #[arg(long, default_value_t = 8080)]
        port: u16,
    },
    /// Pack the GPU benchmarks into target/gpu.
    #[command(alias = "card")]
    Gpu {
        /// GPU backends: vulkan, cuda.
        #[arg(required = true, value_parser = ["vulkan", "cuda"])]
        backends: Vec<String>,
    },
    /// Build the page into dist/.
    Page,
    /// Bundle the modules of the built page and write its precache manifest; trunk runs this after each build.
    #[command(hide = true)]
    PostBuild,
    /// Check formatting and lints, and run the native tests.
    Check,
    /// Run all checks: also the wasm build, the browser tests, the GPU kernels on a software adapter, and the dependency audit.
    Test,
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Demo { port } => page::demo(port),
        Command::Gpu { backends } => gpu::pack(&backends),
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

/// Cargo's target folder.
fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), Into::into)
}

/// The root of the repository.
fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}
