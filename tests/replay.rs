//! `foreshock replay` on recordings made by the pipeline of the running fix.
#![cfg(feature = "cli")]

use std::path::Path;
use std::process::{Command, Output};

use foreshock::config::{DetectorKind, FixConfig, Mode, ModelSpec};
use foreshock::frame::{Condition, Frame};
use foreshock::pipeline::{Facts, Pipeline};
use foreshock::registry::BASE;
use foreshock::units::UnitStyle;

const EVERY: u64 = 50;

/// A number in [-1, 1) that looks random and is the same on every machine.
fn noise(state: &mut u64) -> f64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
}

/// Records `samples` of one interface whose descriptors fluctuate and, from frame `fails` on, drift.
fn record(path: &Path, samples: u64, fails: u64) {
    let mut config = FixConfig::with_defaults(EVERY, ["anode".into(), "sse".into()], 2);
    config.model = ModelSpec::None;
    config.detector = DetectorKind::Cusum;
    config.mode = Mode::Sync;
    config.record = Some(path.to_owned());
    let facts = Facts {
        lammps: "22 Jul 2025".into(),
        units: UnitStyle::Metal,
        dt_ps: 0.002,
        atoms: 1000,
        interfaces: 1,
        config: config.to_json(),
    };
    let mut pipeline = Pipeline::new(&config, &facts).expect("a valid configuration");
    pipeline.start_run(0, samples * EVERY);
    let mut state = 7;
    for index in 0..samples {
        let drift = index.saturating_sub(fails) as f64 * 0.2;
        let reference = index < 5;
        let values = (0..BASE.len()).map(|j| {
            let value = 1.0 + j as f64 + 0.01 * (noise(&mut state) + drift);
            if reference { f64::NAN } else { value }
        });
        let frame = Frame {
            index,
            step: (index * EVERY) as i64,
            time_ps: 0.1 * index as f64,
            interface: 0,
            condition: if reference { Condition::Reference } else { Condition::Measured },
            values: values.collect(),
        };
        let output = pipeline.push(vec![frame]).expect("a valid frame");
        assert!(output.messages.is_empty(), "{:?}", output.messages);
    }
}

fn replay(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_foreshock")).arg("replay").args(args).output().expect("the program runs")
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

#[test]
fn a_quiet_run_replays_to_its_own_verdicts() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("quiet.jsonl");
    record(&path, 200, u64::MAX);
    let output = replay(&[path.to_str().expect("UTF-8"), "--check"]);
    let text = stdout(&output);
    assert_eq!(output.status.code(), Some(0), "{text}{}", stderr(&output));
    assert!(text.contains("200 samples, 200 verdicts, 0 alarms"), "{text}");
    assert!(text.contains("recorded verdicts: 200 equal bit for bit, 0 different"), "{text}");
    let states: Vec<&str> = text.lines().filter_map(|line| line.split_whitespace().nth(3)).collect();
    for state in ["reference", "learning", "stable"] {
        assert!(states.contains(&state), "{text}");
    }
}

#[test]
fn a_failing_run_exits_with_1_and_its_copy_replays_alike() {
    let dir = tempfile::tempdir().expect("a directory");
    let (path, copy) = (dir.path().join("failing.jsonl"), dir.path().join("copy.jsonl"));
    record(&path, 200, 120);
    let (file, out) = (path.to_str().expect("UTF-8"), copy.to_str().expect("UTF-8"));
    let output = replay(&[file, "--check", "-o", out]);
    let text = stdout(&output);
    assert_eq!(output.status.code(), Some(1), "{text}{}", stderr(&output));
    assert!(text.contains("ALARM: interface 1 at step"), "{text}");
    let json = |file: &str| -> serde_json::Value {
        let output = replay(&[file, "--json", "--check"]);
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        let mut value: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
        value["file"].take();
        value
    };
    let original = json(file);
    assert_eq!(original["recorded"], 200);
    assert_eq!(original["alarms"].as_array().map(Vec::len), Some(1));
    assert_eq!(original, json(out));
}

#[test]
fn check_fails_on_a_changed_frame_and_on_nothing_to_check() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("run.jsonl");
    record(&path, 120, u64::MAX);
    let file = path.to_str().expect("UTF-8");
    let text = std::fs::read_to_string(&path).expect("readable");
    // One digit of one value of a frame after the baseline.
    let line =
        text.lines().find(|l| l.contains("\"sample\"") && l.contains("\"frame\":100,")).expect("frame 100");
    let start = line.find("[").expect("values") + 4;
    let digit = if &line[start..=start] == "5" { "6" } else { "5" };
    let changed = format!("{}{digit}{}", &line[..start], &line[start + 1..]);
    std::fs::write(&path, text.replace(line, &changed)).expect("writable");
    let output = replay(&[file, "--check"]);
    assert_eq!(output.status.code(), Some(2), "{}", stdout(&output));
    assert!(stdout(&output).contains("frame 100 of interface 0: recorded"), "{}", stdout(&output));
    assert_eq!(replay(&[file]).status.code(), Some(0), "without --check a difference is only told");

    let frames: Vec<&str> = text.lines().filter(|l| !l.contains("\"verdict\"")).collect();
    std::fs::write(&path, frames.join("\n")).expect("writable");
    let output = replay(&[file, "--check"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("no recorded verdicts to check"), "{}", stderr(&output));
}

#[test]
fn damaged_and_foreign_files_are_told_in_one_line() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("run.jsonl");
    record(&path, 120, u64::MAX);
    let file = path.to_str().expect("UTF-8");
    let text = std::fs::read_to_string(&path).expect("readable");
    let lines: Vec<&str> = text.lines().collect();
    let mut damaged = lines.clone();
    damaged.insert(10, "{\"type\":\"sample\",");
    damaged.insert(60, lines[20]);
    std::fs::write(&path, damaged.join("\n")).expect("writable");
    let output = replay(&[file]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stderr(&output).contains("run.jsonl: line 11: EOF"), "{}", stderr(&output));
    assert!(stderr(&output).contains("expected a frame after"), "{}", stderr(&output));

    let output = replay(&[file, "-o", file]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("expected another file than the recording"), "{}", stderr(&output));

    std::fs::write(&path, text.replace("\"gap\"", "\"chasm\"")).expect("writable");
    let output = replay(&[file]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("descriptors = 'chasm': expected 'gap' at its place"),
        "{}",
        stderr(&output)
    );

    std::fs::write(&path, "ITEM: TIMESTEP\n").expect("writable");
    let output = replay(&[file]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(stderr(&output).lines().count(), 1, "{}", stderr(&output));
}
