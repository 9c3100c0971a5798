//! `foreshock report`: one page that needs nothing else and runs nothing.
#![cfg(feature = "watch")]

mod streams;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};

use foreshock::model::Model;
use foreshock::model::calibration::Calibration;
use foreshock::model::forest::{Forest, ForestSpec};
use foreshock::model::meta::{FORMAT, Kind, Meta};
use foreshock::model::scaler::Scaler;
use foreshock::model::spec::Inputs;
use foreshock::model::tensors::Tensors;
use foreshock::stream::{Header, Line};

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

/// The smallest model there is: boosted trees without trees.
fn model() -> Model {
    let spec = ForestSpec { depth: 1, outputs: 4, classes: 3 };
    let mut tensors = Tensors::default();
    Forest::new(spec, vec![0.1, -0.2, 0.3, -1.0]).save(&mut tensors);
    let meta = Meta {
        format: FORMAT,
        name: "trees <b>".into(),
        kind: Kind::Forest(spec),
        columns: vec!["gap".into(), "slip".into()],
        inputs: Inputs::Level,
        classes: ["stable", "reconstructing", "unstable"].map(str::to_owned).to_vec(),
        elements: Vec::new(),
        atoms: None,
        window: 64,
        sample_ps: 0.1,
        settings: None,
        measured: None,
        target: None,
        calibration: Calibration::none(3),
        alarm: None,
        data_hash: "d".repeat(64),
        series: [30, 10],
        seed: 7,
        scores: BTreeMap::from([("auroc".to_owned(), 0.75)]),
        licence: "MIT".into(),
    };
    let scaler = Scaler { inputs: Inputs::Level, level: vec![[0.0, 1.0]; 2], shift: vec![1.0; 2] };
    Model::new(meta, &scaler, tensors).expect("parts that fit")
}

#[test]
fn the_model_s_card_is_shown_if_it_is_the_run_s() {
    let dir = tempfile::tempdir().expect("a directory");
    let (runs, elsewhere) = (dir.path().join("runs"), dir.path().join("elsewhere.safetensors"));
    std::fs::create_dir(&runs).expect("a directory");
    let model = model();
    model.write(&elsewhere).expect("writable");
    let header = Header {
        model_hash: Some(model.hash.clone()),
        detector: "model".into(),
        config: serde_json::json!({"model": {"file": "/nowhere/m.safetensors"}}),
        ..Header::example()
    };
    let stream = runs.join("run.jsonl");
    let mut lines = vec![Line::Header(Box::new(header))];
    lines.extend((0..40).flat_map(|frame| streams::sample(frame, 1000)));
    std::fs::write(&stream, streams::bytes(&lines)).expect("writable");
    let output = dir.path().join("report.html");

    let without = page(&[&stream], &output);
    assert!(without.contains(&model.hash) && without.contains("no more is known here"), "{without}");

    let known =
        ["trees &lt;b&gt; (seed 7)", "boosted trees of depth 1", "auroc 0.7500", "30 series", "gap, slip"];
    let has_card = |page: &str| known.iter().all(|words| page.contains(words)) && page.contains(&model.hash);
    let mut command = Command::new(env!("CARGO_BIN_EXE_foreshock"));
    command.args(["report", "-o"]).arg(&output).arg(&stream).arg("--model").arg(&elsewhere);
    assert!(command.status().expect("the program runs").success());
    let given = std::fs::read_to_string(&output).expect("written");
    assert!(has_card(&given), "{given}");
    assert_self_contained(&given);

    // Beside the stream, under the name that the run knew.
    model.write(&runs.join("m.safetensors")).expect("writable");
    assert!(has_card(&page(&[&stream], &output)));

    // Another model under that name is not the run's.
    let other = Meta { seed: 8, ..model.meta.clone() };
    Model::new(other, &model.scaler, model.tensors)
        .expect("fits")
        .write(&runs.join("m.safetensors"))
        .expect("writable");
    assert!(page(&[&stream], &output).contains("no more is known here"));
}

#[test]
fn measured_overhead_is_shown_where_it_is_given() {
    let dir = tempfile::tempdir().expect("a directory");
    let (path, output) = (dir.path().join("run.jsonl"), dir.path().join("report.html"));
    std::fs::write(&path, streams::run(20, 1000)).expect("writable");
    assert!(page(&[&path], &output).contains("make bench"));
    // One row as benches/overhead.rs writes it.
    let row = serde_json::json!([{
        "input": "in.lj", "atoms": 32_000, "interfacial_atoms": 6418, "n_every": 10, "ranks": 1, "stress": false,
        "comparison": "plain", "ratio_median": 1.0994, "ratio_min": 1.063, "ratio_max": 1.193, "repeats": 7,
        "ms_per_sample_median": 3.1,
    }]);
    let measured = dir.path().join("overhead.json");
    std::fs::write(&measured, row.to_string()).expect("writable");
    let mut command = Command::new(env!("CARGO_BIN_EXE_foreshock"));
    command.args(["report", "-o"]).arg(&output).arg(&path).arg("--overhead").arg(&measured);
    assert!(command.status().expect("the program runs").success());
    let page = std::fs::read_to_string(&output).expect("written");
    assert!(page.contains("+9.9 %") && page.contains("+6.3 to +19.3 %"), "{page}");
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
