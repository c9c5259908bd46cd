//! Serves this machine's devices to a training run on another machine.

use std::env;
use std::net::{SocketAddr, TcpListener};
use std::process::ExitCode;

use anyhow::Context as _;
use burn::server::{RemoteServer, TokenAuthorizer, WebSocketTransport};
use clap::Parser;
use coin_train::Error;
use coin_train::device::remote::TOKEN;
use coin_train::device::{self, DeviceChoice};
use coin_train::program;

/// Serve this machine's devices to `train` on another machine. Clients must send the token in the environment variable
/// COIN_TOKEN. The token and all data are sent unencrypted, so use a trusted network only.
#[derive(Parser)]
#[command(
    version,
    after_help = "Examples:
  COIN_TOKEN=token serve --devices cuda:0,cuda:1                                       on node2, until Ctrl-C
  COIN_TOKEN=token train --devices cuda:0,ws://node2:3000/0,ws://node2:3000/1          on node1"
)]
struct Arguments {
    /// Devices to serve: auto, cpu, vulkan or cuda; a number chooses one of several, as in cuda:1. Separated by commas.
    #[arg(long, visible_alias = "devices", value_delimiter = ',', default_value = "auto")]
    device: Vec<DeviceChoice>,
    /// Address to listen on.
    #[arg(long, default_value = "0.0.0.0:3000", value_name = "ADDRESS:PORT")]
    listen: SocketAddr,
}

fn main() -> ExitCode {
    program::run(|| serve(&Arguments::parse_from(program::arguments())))
}

fn serve(arguments: &Arguments) -> anyhow::Result<()> {
    let token = env::var(TOKEN).unwrap_or_default();
    let authorizer = TokenAuthorizer::new(token).map_err(|_| {
        Error::Usage(format!(
            "{TOKEN} is not set or empty; set it to the same token here and on the machine that trains"
        ))
    })?;
    let devices = arguments.device.iter().map(|choice| choice.open()).collect::<Result<Vec<_>, _>>()?;
    let names = devices.iter().map(device::name).collect::<Vec<_>>().join(" and ");
    let listen = arguments.listen;
    let listener = TcpListener::bind(listen).map_err(|reason| Error::Usage(format!("--listen {listen}: {reason}")))?;
    eprintln!("serving {names} at ws://{} (stop with Ctrl-C)", listener.local_addr()?);
    let server = RemoteServer::new(devices).with_authorizer(authorizer);
    server.serve(WebSocketTransport::from_listener(listener)).context("the server stopped")
}
