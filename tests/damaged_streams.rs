//! `foreshock replay` on a real run's stream that was damaged: a header that cannot be used is refused,
//! a bad line costs no more than itself, and nothing panics.

#![cfg(feature = "cli")]

mod machine;
mod slab;

use machine::{Machine, Outcome, finish};
use std::path::Path;
use std::process::Command;

/// Replays; `--check` where every verdict should still be the recorded one.
fn replay(file: &Path, check: bool) -> Outcome {
    let mut command = Command::new(env!("CARGO_BIN_EXE_foreshock"));
    command.arg("replay").arg(file);
    if check {
        command.arg("--check");
    }
    finish(command, "foreshock replay")
}

/// Changes the line that the test names, counted from 1.
fn with_line(lines: &[String], number: usize, change: impl Fn(&str) -> String) -> String {
    let mut lines = lines.to_vec();
    lines[number - 1] = change(&lines[number - 1]);
    lines.join("\n") + "\n"
}

#[test]
fn every_damage_is_named_and_costs_no_more_than_itself() {
    let dir = tempfile::tempdir().expect("a directory");
    let script = slab::failing("halt no mode sync record whole.jsonl", "");
    Machine::current().run(1, dir.path(), &script).ok();
    let whole = std::fs::read_to_string(dir.path().join("whole.jsonl")).expect("recorded");
    let lines: Vec<String> = whole.lines().map(str::to_owned).collect();
    let outcome = replay(&dir.path().join("whole.jsonl"), true);
    assert_eq!(outcome.status.code(), Some(1), "an alarm: {}", outcome.text);

    // A sample and a verdict after the baseline.
    let find = |kind: &str| {
        let kind = format!("\"type\":\"{kind}\"");
        lines.iter().rposition(|line| line.contains(&kind)).expect("such a line") + 1
    };
    let (sample, verdict) = (find("sample"), find("verdict"));
    let header = |from: &str, to: &str| {
        assert!(lines[0].contains(from), "{from} is not in the header");
        with_line(&lines, 1, |line| line.replacen(from, to, 1))
    };
    let names = &serde_json::from_str::<serde_json::Value>(&lines[0]).expect("JSON")["descriptors"];
    let first = names[0].as_str().expect("a name");
    let width = names.as_array().map_or(0, Vec::len);
    let shorter = |line: &str| {
        let mut value: serde_json::Value = serde_json::from_str(line).expect("JSON");
        value["values"].as_array_mut().expect("values").pop();
        value.to_string()
    };

    // Refused: exit code 2. Otherwise 1, since the alarm is still found.
    let table: Vec<(&str, Vec<u8>, i32, String)> = vec![
        ("nothing", Vec::new(), 2, "is empty".into()),
        ("no JSON", b"Step Temp\n0 300\n".to_vec(), 2, "line 1 is not a stream's header: expected".into()),
        ("no header", (lines[1..].join("\n") + "\n").into(), 2, "line 1 is not a stream's header: no".into()),
        (
            "a half header",
            lines[0].as_bytes()[..200].to_vec(),
            2,
            "line 1 is not a stream's header: EOF".into(),
        ),
        ("binary", vec![0xFF; 5000], 2, "line 1 is not a stream's header".into()),
        ("UTF-16", whole.bytes().flat_map(|b| [b, 0]).collect(), 2, "line 1 is not a stream's header".into()),
        (
            "another schema",
            header("\"schema\":1", "\"schema\":99").into(),
            2,
            "schema version 99: this build reads version 1".into(),
        ),
        ("no schema", header("\"schema\":1,", "").into(), 2, "line 1 has no schema version".into()),
        ("a field less", header("\"every\":10,", "").into(), 2, "header: missing field `every`".into()),
        (
            "another detector",
            header("\"detector\":\"cusum\"", "\"detector\":\"oracle\"").into(),
            2,
            "detector = 'oracle': expected cusum".into(),
        ),
        (
            "an unknown descriptor",
            header(&format!("\"{first}\""), "\"warp\"").into(),
            2,
            format!("descriptors = 'warp': expected '{first}' at its place"),
        ),
        (
            "a threshold of nothing",
            header("\"threshold\":1.0", "\"threshold\":-1.0").into(),
            2,
            "warn = '-1': expected auto or a positive number".into(),
        ),
        (
            "no time between samples",
            header("\"sample_ps\":0.02", "\"sample_ps\":0.0").into(),
            2,
            "header: sampling interval (ps) = '0': expected a positive number".into(),
        ),
        (
            "an unfinished last line",
            whole.as_bytes()[..whole.len() - 20].to_vec(),
            1,
            "the last line was not finished".into(),
        ),
        (
            "a torn line",
            with_line(&lines, verdict, |line| line[..40].to_owned()).into(),
            1,
            format!("line {verdict}: control character"),
        ),
        (
            "a line of zeros, as after a power cut",
            with_line(&lines, verdict, |line| "\0".repeat(line.len())).into(),
            1,
            format!("line {verdict}: expected value"),
        ),
        (
            "an unknown type of line",
            with_line(&lines, verdict, |_| "{\"type\":\"opinion\"}".into()).into(),
            1,
            format!("line {verdict}: unknown variant `opinion`"),
        ),
        (
            "a value less",
            with_line(&lines, sample, shorter).into(),
            1,
            format!("line {sample}: {} values, expected {width}", width - 1),
        ),
        (
            "an interface that is not there",
            with_line(&lines, sample, |line| line.replacen("\"interface\":1", "\"interface\":7", 1)).into(),
            1,
            format!("line {sample}: interface 7, expected less than 2"),
        ),
        (
            "the same sample twice",
            with_line(&lines, sample, |line| format!("{line}\n{line}")).into(),
            1,
            format!("line {}: ", sample + 1),
        ),
        (
            "a second header",
            with_line(&lines, sample, |line| format!("{}\n{line}", lines[0])).into(),
            1,
            format!("line {sample}: a second header"),
        ),
        (
            "an infinite number",
            with_line(&lines, sample, |line| line.replacen("\"time_ps\":", "\"time_ps\":1e999,\"old\":", 1))
                .into(),
            1,
            format!("line {sample}: number out of range"),
        ),
    ];
    let mut wrong = Vec::new();
    for (name, bytes, code, says) in &table {
        let file = dir.path().join("damaged.jsonl");
        std::fs::write(&file, bytes).expect("writable");
        let outcome = replay(&file, false);
        if outcome.status.code() != Some(*code)
            || !outcome.text.contains(says)
            || outcome.text.contains("panicked")
        {
            wrong.push(format!(
                "{name}: expected exit {code} and {says}\n{} {}",
                outcome.status, outcome.text
            ));
        }
        // What only lacks or repeats a line has the other verdicts bit for bit.
        if ["an unfinished last line", "a torn line", "a second header", "the same sample twice"]
            .contains(name)
        {
            let outcome = replay(&file, true);
            if outcome.status.code() != Some(1) || !outcome.text.contains(" 0 different") {
                wrong.push(format!("{name} --check:\n{}", outcome.text));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn a_missing_sample_is_found_by_check() {
    let dir = tempfile::tempdir().expect("a directory");
    let script = format!("{}{}run 800\n", slab::SLAB, slab::fix("mode sync record r.jsonl"));
    Machine::current().run(1, dir.path(), &script).ok();
    let file = dir.path().join("r.jsonl");
    let whole = std::fs::read_to_string(&file).expect("recorded");
    let gone = whole
        .lines()
        .find(|line| line.contains("\"sample\"") && line.contains("\"frame\":70,"))
        .expect("frame 70");
    std::fs::write(&file, whole.replace(&format!("{gone}\n"), "")).expect("writable");
    let outcome = replay(&file, true);
    assert_eq!(outcome.status.code(), Some(2), "{}", outcome.text);
    assert!(outcome.text.contains("frame 70 of interface 0: recorded"), "{}", outcome.text);
}

#[test]
fn what_is_no_file_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    for (file, says) in [
        (dir.path().join("none.jsonl"), "No such file or directory"),
        (dir.path().to_path_buf(), "is not a regular file"),
        ("/dev/null".into(), "is not a regular file"),
    ] {
        let outcome = replay(&file, false);
        assert_eq!(outcome.status.code(), Some(2), "{}", outcome.text);
        assert!(outcome.text.contains(says), "{}", outcome.text);
    }
}
