//! Lends this machine's devices to a training on another.

use std::env;
use std::net::{SocketAddr, TcpListener};
use std::process::ExitCode;

use anyhow::Context as _;
use burn::server::{RemoteServer, TokenAuthorizer, WebSocketTransport};
use clap::Parser;
use coin_train::device::remote::TOKEN;
use coin_train::device::{self, DeviceChoice};
use coin_train::program::{self, BadInput};

/// Lend this machine's devices to a training on another, which names them beside its own. Whoever knows the word in the
/// environment variable COIN_TOKEN may use them; it and all data travel unencrypted, so serve on a network that you trust.
#[derive(Parser)]
#[command(
    version,
    after_help = "Examples:
  COIN_TOKEN=word serve --devices cuda:0,cuda:1                                        on node2, until Ctrl-C
  COIN_TOKEN=word train --devices cuda:0,ws://node2:3000/0,ws://node2:3000/1           on node1"
)]
struct Arguments {
    /// What to lend: auto, cpu, vulkan[:N] or cuda[:N]; several, separated by commas, processor or cards.
    #[arg(long, visible_alias = "devices", value_delimiter = ',', default_value = "auto")]
    device: Vec<DeviceChoice>,
    /// Where to listen.
    #[arg(long, default_value = "0.0.0.0:3000", value_name = "ADDRESS:PORT")]
    listen: SocketAddr,
}

fn main() -> ExitCode {
    program::run(|| serve(&Arguments::parse_from(program::arguments())))
}

fn serve(arguments: &Arguments) -> anyhow::Result<()> {
    let token = env::var(TOKEN).unwrap_or_default();
    let authorizer = TokenAuthorizer::new(token)
        .map_err(|_| BadInput(format!("{TOKEN}: set it to a word that the training's machine knows too")))?;
    let devices = arguments.device.iter().map(|choice| choice.open()).collect::<Result<Vec<_>, _>>()?;
    let names = devices.iter().map(device::name).collect::<Vec<_>>().join(" and ");
    let listen = arguments.listen;
    let listener = TcpListener::bind(listen).map_err(|reason| BadInput(format!("--listen {listen}: {reason}")))?;
    eprintln!("lending {names} at ws://{}, until Ctrl-C", listener.local_addr()?);
    let server = RemoteServer::new(devices).with_authorizer(authorizer);
    server.serve(WebSocketTransport::from_listener(listener)).context("serving ended")
}
