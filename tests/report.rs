//! `foreshock report`: one page that needs nothing else and runs nothing.
#![cfg(feature = "watch")]

mod streams;

use std::path::Path;
use std::process::{Command, Output};

fn report(runs: &[&Path], output: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_foreshock"));
    command.arg("report").args(runs).arg("-o").arg(output).output().expect("the program runs")
}

fn page(runs: &[&Path], output: &Path) -> String {
    let done = report(runs, output);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    std::fs::read_to_string(output).expect("written")
}

/// Nothing is loaded and nothing runs.
fn assert_self_contained(page: &str) {
    assert!(!page.contains("<script") && !page.contains("<link") && !page.contains("<iframe"));
    for part in page.split("src=\"").skip(1) {
        assert!(part.starts_with("data:image/svg+xml"), "{}", &part[..60.min(part.len())]);
    }
    assert!(!page.contains("onerror=alert") || page.contains("&lt;img"), "markup got in");
}

#[test]
fn one_run_with_its_alarm_descriptors_and_settings() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("bad.jsonl");
    std::fs::write(&path, streams::run(150, 110)).expect("writable");
    let page = page(&[&path], &dir.path().join("report.html"));
    assert_self_contained(&page);
    for words in
        ["interface 2 at step 7500", "slip", "+9.3 σ", "31 %", "17 402", "bond_broken", "cusum", "Settings"]
    {
        assert!(page.contains(words), "{words} is missing");
    }
    assert_eq!(page.matches("<img").count(), 2, "the run at a glance and the alarm's descriptors");
}

#[test]
fn a_campaign_is_summed_up_by_condition() {
    let dir = tempfile::tempdir().expect("a directory");
    let packed = zstd::encode_all(&streams::run(150, 110)[..], 3).expect("compressible");
    for (name, condition) in [("hot_s1", "hot"), ("hot_s2", "hot"), ("cold_s1", "cold")] {
        let folder = dir.path().join("runs").join(name);
        std::fs::create_dir_all(&folder).expect("a directory");
        let calm = condition == "cold";
        if calm {
            std::fs::write(folder.join("stream.jsonl"), streams::run(120, 1000)).expect("writable");
        } else {
            std::fs::write(folder.join("stream.jsonl.zst"), &packed).expect("writable");
        }
        std::fs::write(folder.join("run.json"), record(name, condition)).expect("writable");
    }
    let page = page(&[&dir.path().join("runs")], &dir.path().join("report.html"));
    assert_self_contained(&page);
    assert!(page.contains("2 (100 %)") && page.contains("0 (0 %)"), "alarms by condition");
    assert!(page.contains("Foreshock: 3 runs"));
    assert_eq!(page.matches("<section class=\"run\">").count(), 3);
}

/// A campaign's record, as it writes it.
fn record(key: &str, condition: &str) -> String {
    serde_json::json!({
        "schema": 1, "id": key, "campaign": "c", "key": key, "condition": condition, "columns": {},
        "status": "finished", "message": null, "hash": "0",
        "inputs": {
            "interface": null, "data": null, "files": {}, "pedone": false, "stages": [], "variables": {},
            "words": [], "lammps": "l", "foreshock": "f", "stream": 1, "descriptors": "d"
        },
        "programs": {"lammps": "l", "plugin": "p", "foreshock": "f"},
        "stages": [], "cpu_seconds": 3600.0, "wall_seconds": 3600.0, "outputs": {}
    })
    .to_string()
}

#[test]
fn texts_from_streams_are_not_markup() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("hostile.jsonl");
    let evil = "<img src=x onerror=alert(1)>";
    let mut lines = vec![streams::header([evil, "</style><script>alert(1)</script>"])];
    lines.extend((0..140).flat_map(|frame| streams::sample(frame, 100)));
    std::fs::write(&path, streams::bytes(&lines)).expect("writable");
    let page = page(&[&path], &dir.path().join("report.html"));
    assert_self_contained(&page);
    assert!(page.contains("&lt;img src=x onerror=alert(1)&gt;"));
}

#[test]
fn nothing_to_report_is_said() {
    let dir = tempfile::tempdir().expect("a directory");
    let output = dir.path().join("report.html");
    let none = report(&[dir.path()], &output);
    assert_eq!(none.status.code(), Some(2));
    let said = String::from_utf8_lossy(&none.stderr).into_owned();
    assert!(said.contains("expected at least one stream with a header"), "{said}");
    assert!(!output.exists());
    let missing = report(&[Path::new("nowhere.jsonl")], &output);
    assert!(String::from_utf8_lossy(&missing.stderr).contains("RUN = 'nowhere.jsonl'"));
}
