//! Data-parallel training with a remote device: `serve` provides its CPU over WebSocket, here on the same machine.

#![allow(clippy::unwrap_used)]

mod tiny;

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tiny::{log, one_sentence, refused, train_on};

const TOKEN: &str = "COIN_TOKEN";

/// A machine that serves its CPU.
struct Machine {
    program: Child,
    address: String,
}

impl Machine {
    fn start(token: &str) -> Self {
        let mut serve = Command::new(env!("CARGO_BIN_EXE_serve"));
        serve.args(["--devices", "cpu", "--listen", "127.0.0.1:0"]).env(TOKEN, token).stderr(Stdio::piped());
        let mut program = serve.spawn().unwrap();
        let mut stderr = BufReader::new(program.stderr.take().unwrap());
        let mut line = String::new();
        stderr.read_line(&mut line).unwrap();
        let address = line
            .split_whitespace()
            .find(|word| word.starts_with("ws://"))
            .unwrap_or_else(|| unreachable!("no address in: {line}"));
        let address = address.to_owned();
        std::thread::spawn(move || stderr.read_to_string(&mut String::new()));
        Self { program, address }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.program.kill().unwrap();
        self.program.wait().unwrap();
    }
}

/// The losses of every step.
fn losses(out: &Path) -> Vec<f64> {
    let fields = ["/loss", "/losses/discriminator", "/losses/generator/total"];
    let lines = log(&out.join("quick"));
    lines.iter().flat_map(|line| fields.iter().filter_map(|field| line.pointer(field)?.as_f64())).collect()
}

#[test]
fn another_machine_computes_a_shard_of_each_batch() {
    let folder = tempfile::tempdir().unwrap();
    let (alone, shared) = (folder.path().join("alone"), folder.path().join("shared"));
    assert!(train_on("cpu,cpu", &alone).output().unwrap().status.success());
    let machine = Machine::start("secret");
    let output = train_on(&format!("cpu,{}", machine.address), &shared).env(TOKEN, "secret").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let (alone, shared) = (losses(&alone), losses(&shared));
    assert!(alone.len() > 4 + 8 && alone.len() == shared.len(), "{alone:?} {shared:?}");
    for (alone, shared) in alone.iter().zip(&shared) {
        assert!((alone - shared).abs() <= 1e-3 * alone.abs(), "{alone} on two local devices, {shared} on two machines");
    }
}

#[test]
fn a_wrong_token_and_an_unreachable_machine_are_reported() {
    let folder = tempfile::tempdir().unwrap();
    let machine = Machine::start("secret");
    let wrong = train_on(&machine.address, folder.path()).env(TOKEN, "other").output().unwrap();
    refused(&wrong, &[&machine.address, "COIN_TOKEN differs"]);
    let second = train_on(&format!("{}/1", machine.address), folder.path()).env(TOKEN, "secret").output().unwrap();
    refused(&second, &[&machine.address, "hosts only 1 device"]);
    let twice = format!("cpu,{0},{0}", machine.address);
    refused(&train_on(&twice, folder.path()).env(TOKEN, "secret").output().unwrap(), &["named twice"]);
    let address = machine.address.clone();
    drop(machine);
    refused(
        &train_on(&address, folder.path()).env(TOKEN, "secret").output().unwrap(),
        &[&address, "cannot be reached"],
    );
    assert!(!folder.path().join("quick").exists(), "a run was started");

    let serve =
        Command::new(env!("CARGO_BIN_EXE_serve")).args(["--devices", "cpu"]).env_remove(TOKEN).output().unwrap();
    refused(&serve, &[TOKEN, "set it to the same token"]);
}

#[test]
fn a_run_can_be_resumed_without_a_lost_machine() {
    let folder = tempfile::tempdir().unwrap();
    let machine = Machine::start("secret");
    let mut training = train_on(&format!("cpu,{}", machine.address), folder.path());
    training
        .args(["--set", "counterfactual.steps=2000"])
        .env(TOKEN, "secret")
        .env_remove("RUST_BACKTRACE")
        .stderr(Stdio::piped());
    let mut training = training.spawn().unwrap();
    let run = folder.path().join("quick");
    while !run.join("checkpoints/counterfactual").exists() && training.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(10));
    }
    drop(machine);
    let output = training.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    one_sentence(&output, &["counterfactual stopped after step", "--resume", "a device did not finish a step"]);
    let steps = log(&run).len();
    let mut resumed = Command::new(env!("CARGO_BIN_EXE_train"));
    resumed.args(["--devices", "cpu,cpu", "--resume"]).arg(&run);
    let mut resumed = resumed.spawn().unwrap();
    while log(&run).len() <= steps && resumed.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(resumed.try_wait().unwrap().is_none(), "the resumed run stopped");
    resumed.kill().unwrap();
    resumed.wait().unwrap();
}
