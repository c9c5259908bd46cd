//! Runs stay intact and can be resumed after kills, full disks, damaged files and divergence.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

mod tiny;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;
use tiny::{log, one_sentence, refused, train_on};

const KILLS: usize = 50;

/// The tiny training run, long enough to be killed many times.
fn train(out: &Path) -> Command {
    let mut command = train_on("cpu", out);
    command.args(["--set", "classifier.steps=60", "--set", "counterfactual.steps=80"]).env_remove("RUST_BACKTRACE");
    command
}

fn resume(run: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_train"));
    command.args(["--device", "cpu", "--resume"]).arg(run).env_remove("RUST_BACKTRACE");
    command
}

/// Starts or resumes the training run.
fn start_or_resume(out: &Path) -> Command {
    let run = out.join("quick");
    if run.join("recipe.toml").exists() {
        return resume(&run);
    }
    // The run was killed before its recipe was written.
    let _ = fs::remove_dir_all(&run);
    train(out)
}

#[test]
fn a_run_that_is_killed_fifty_times_gives_the_same_result() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, killed) = (folder.path().join("whole"), folder.path().join("killed"));
    assert!(train(&whole).output().unwrap().status.success());
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    for _ in 0..KILLS {
        let mut training = start_or_resume(&killed).spawn().unwrap();
        sleep(Duration::from_millis(rng.random_range(0..500)));
        training.kill().unwrap();
        training.wait().unwrap();
    }
    let output = start_or_resume(&killed).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let (whole, killed) = (whole.join("quick"), killed.join("quick"));
    assert_eq!(unfinished(&killed), Vec::<String>::new());
    let provenance: Value = serde_json::from_slice(&fs::read(killed.join("provenance.json")).unwrap()).unwrap();
    let hash = provenance["data_sha256"].as_str().unwrap();
    assert_eq!((provenance["device"].as_str(), hash.len()), (Some("CPU"), 64), "{provenance}");
    assert_eq!(log(&whole), log(&killed));
    // The header contains the report, whose run time differs.
    let model = "coin-phantom.safetensors";
    let weights = |run: &Path| {
        let bytes = fs::read(run.join(model)).unwrap();
        let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        bytes[8 + header..].to_vec()
    };
    assert_eq!(weights(&whole), weights(&killed));
}

/// Names of incomplete files and folders.
fn unfinished(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let names = files.into_iter().chain(folders.iter().cloned());
    let names = names.map(|path| path.file_name().unwrap().to_string_lossy().into_owned());
    let own: Vec<_> = names.filter(|name| name.starts_with(".unfinished")).collect();
    own.into_iter().chain(folders.iter().flat_map(|folder| unfinished(folder))).collect()
}

#[cfg(unix)]
#[test]
fn a_full_disk_gives_a_one_line_error_and_no_incomplete_files() {
    let folder = tempfile::tempdir().unwrap();
    let whole = train(&folder.path().join("whole")).output().unwrap();
    assert!(whole.status.success());
    let out = folder.path().join("full");
    let plenty = train(&out);
    // A limit on the file size fails like a full disk, while the first checkpoint is written.
    let mut command = Command::new("bash");
    command.args(["-c", "trap '' XFSZ; ulimit -f 16; exec \"$@\"", "bash"]).arg(plenty.get_program());
    let output = command.args(plenty.get_args()).output().unwrap();
    refused(&output, &["could not be written", "free some space", "classifier"]);
    assert_eq!(unfinished(&out), Vec::<String>::new());

    let resumed = resume(&out.join("quick")).output().unwrap();
    assert!(resumed.status.success(), "{}", String::from_utf8_lossy(&resumed.stderr));
    assert_eq!(log(&out.join("quick")), log(&folder.path().join("whole/quick")));
}

#[test]
fn a_damaged_checkpoint_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    assert!(train(folder.path()).args(["--stage", "classifier"]).output().unwrap().status.success());
    let run = folder.path().join("quick");
    let part = run.join("checkpoints/classifier/step-00000060/classifier");
    let mut bytes = fs::read(&part).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&part, bytes).unwrap();
    let resumed = resume(&run).output().unwrap();
    refused(&resumed, &["step-00000060/classifier", "damaged", "delete"]);
}

#[test]
fn divergence_is_reported_and_not_saved() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = train(folder.path());
    let output = command.args(["--set", "counterfactual.training.learning_rate=1e30"]).output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{message}");
    let last = message.lines().last().unwrap();
    assert!(last.contains("counterfactual diverged") && last.contains("learning_rate"), "{last}");
    assert!(!folder.path().join("quick/coin-phantom.safetensors").exists());
}

#[test]
fn an_unwritable_folder_is_reported_before_training() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "no folder").unwrap();
    let output = train(&file.join("runs")).output().unwrap();
    refused(&output, &["could not be written"]);
    assert!(!String::from_utf8_lossy(&output.stderr).contains("step"), "nothing was trained");
}

#[test]
fn two_programs_do_not_train_one_run() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("quick");
    let mut first = train(folder.path());
    let mut first = first.args(["--set", "classifier.steps=100000"]).spawn().unwrap();
    while !run.join("metrics.jsonl").exists() && first.try_wait().unwrap().is_none() {
        sleep(Duration::from_millis(5));
    }
    let second = resume(&run).output().unwrap();
    first.kill().unwrap();
    first.wait().unwrap();
    refused(&second, &["is being trained by another program"]);
    one_sentence(&second, &["start another run"]);
}

/// Peak memory of the process in KiB (VmHWM on Linux) by the number of completed validations of a stage.
fn watched(mut program: Command, run: &Path, stage: &str) -> BTreeMap<usize, u64> {
    let mut child = program.spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peaks = BTreeMap::new();
    while child.try_wait().unwrap().is_none() {
        // Read the memory before the log, so that later memory is not attributed to an earlier validation.
        let status = fs::read_to_string(&status).unwrap_or_default();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next()?.parse().ok());
        let log = fs::read_to_string(run.join("metrics.jsonl")).unwrap_or_default();
        let validations = log.lines().filter(|line| line.contains("\"score\"") && line.contains(stage)).count();
        peaks.extend(peak.map(|peak: u64| (validations, peak)));
        sleep(Duration::from_millis(20));
    }
    assert!(child.wait().unwrap().success());
    peaks
}

#[test]
fn memory_does_not_grow_over_thousands_of_steps() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("quick");
    let mut classifier = train_on("cpu", folder.path());
    for change in ["classifier.steps=4000", "counterfactual.steps=1000"] {
        classifier.args(["--set", change]);
    }
    for change in ["classifier.validate_every=500", "counterfactual.validate_every=125"] {
        classifier.args(["--set", change]);
    }
    classifier.args(["--stage", "classifier"]);
    let mut counterfactual = resume(&run);
    counterfactual.args(["--stage", "counterfactual"]);
    for (program, stage) in [(classifier, "classifier"), (counterfactual, "counterfactual")] {
        let peaks = watched(program, &run, stage);
        println!("{stage}: {peaks:?} KiB, by validations");
        // Compare validations, which need more memory than steps; the test evaluation follows the eighth one.
        let until = |validations: usize| peaks.range(1..=validations).next_back().unwrap();
        let ((first, early), (last, late)) = (until(3), until(7));
        assert!(last > first, "too few measurements");
        assert!(*late <= early + early / 20 + 4096, "memory grew from {early} to {late} KiB");
    }
}
