//! Recorded runs as shards: packing, rounding, and what is refused.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::super::pack::{self, Options};
use super::super::recorded::Recorded;
use super::super::rounding;
use super::*;
use crate::frame::Frame;
use crate::registry;
use crate::stream::{Header, Line, Writer};
use crate::window::synthetic;
use crate::window::{Phase, WindowOutput, WindowStage};

/// As the synthetic frames are sampled.
fn settings() -> Settings {
    Settings { sample_ps: 0.1, ..super::settings() }
}

fn header() -> Header {
    Header {
        schema: 1,
        foreshock: "test".into(),
        lammps: "test".into(),
        units: "metal".into(),
        dt_ps: 0.002,
        every: 50,
        atoms: 1152,
        groups: ["a".into(), "b".into()],
        elements: Vec::new(),
        descriptors: registry::frame_names(false),
        model_hash: None,
        detector: "cusum".into(),
        threshold: 1.0,
        persist: 3,
        settings: settings(),
        config: json!({}),
    }
}

const SAMPLES: usize = 150;

/// Frames of one interface, each descriptor fluctuating by four of its steps: as little as the
/// steps are made for.
fn frames(seed: u64, interface: usize) -> Vec<Frame> {
    let mut frames = synthetic::healthy(seed, interface, SAMPLES, 0.8, 5);
    for frame in &mut frames {
        for (j, (value, row)) in frame.values.iter_mut().zip(registry::BASE).enumerate() {
            let step = rounding::step(row.name).expect("a descriptor");
            *value *= 4.0 * step / (0.01 * (1 + j % 5) as f64);
        }
    }
    frames
}

/// A run folder as a campaign leaves it.
fn run(root: &Path, id: &str, hash: &str, seed: u64) -> PathBuf {
    let folder = root.join(id);
    std::fs::create_dir_all(&folder).expect("folder");
    let record = json!({
        "id": id, "status": "finished", "hash": hash, "cpu_seconds": 80.0,
        "columns": {"lineage": format!("lineage-{seed}"), "temperature_k": 1300, "system": "s", "role": "train"},
        "more": {"is": "ignored"},
    });
    std::fs::write(folder.join("run.json"), record.to_string()).expect("writes");
    let mut writer = Writer::create(&folder.join("stream.jsonl"), &header()).expect("writes");
    let [a, b] = [0, 1].map(|interface| frames(seed, interface));
    for frame in a.iter().zip(&b).flat_map(|(a, b)| [a, b]) {
        let line = Line::Sample {
            frame: frame.index,
            step: frame.step,
            time_ps: frame.time_ps,
            interface: frame.interface,
            condition: frame.condition,
            values: frame.values.clone(),
        };
        assert_eq!(writer.write(&line), None);
    }
    let event = Line::Event {
        frame: 10,
        step: 1000,
        interface: 1,
        kind: "bond_formed".into(),
        tags: vec![1, 2],
        data: serde_json::Map::new(),
    };
    assert_eq!(writer.write(&event), None);
    folder
}

fn pack_all(runs: &Path, data: &Path) -> crate::error::Result<pack::Report> {
    pack::pack(&[runs.to_owned()], data, Options::default(), &mut |_, _| {})
}

#[test]
fn packed_runs_read_back_rounded_and_apart_from_their_events() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (runs, data) = (folder.path().join("runs"), folder.path().join("data"));
    run(&runs, "r1", "h1", 1);
    run(&runs, "r2", "h2", 2);
    let report = pack_all(&runs, &data).expect("packs");
    assert_eq!((report.runs, report.frames, report.events), (2, 4 * SAMPLES, 2));
    let table = Table::read(&data).expect("reads");
    assert_eq!(table.series.len(), 4);
    assert_eq!(table.features.len(), registry::frame_names(false).len());
    let one = &table.series[1];
    assert_eq!((one.run.as_str(), one.lineage.as_str(), one.interface), ("r1", "lineage-1", 1));
    assert_eq!(one.factor("temperature_k"), "1300");
    assert_eq!(one.settings, Some(settings()));
    let recorded = Recorded::read(&runs.join("r1")).expect("reads");
    let original: Vec<&Frame> = recorded.frames.iter().filter(|f| f.interface == 1).collect();
    for (row, frame) in original.iter().enumerate() {
        let back = one.frame(row);
        assert_eq!((back.index, back.time_ps, back.condition), (frame.index, frame.time_ps, frame.condition));
        for ((name, a), b) in table.features.iter().zip(&frame.values).zip(&back.values) {
            let step = rounding::step(name).expect("a descriptor");
            assert!((a.is_nan() && b.is_nan()) || (a - b).abs() <= 0.5 * step, "{name}: {a} {b}");
        }
    }
    let watched = crate::onset::source::watched(&data).expect("reads");
    assert_eq!(watched.len(), 4);
    assert_eq!(watched[1].events.len(), 1);
    assert!((watched[1].events[0].time_ps - 1.0).abs() < 1e-12);
}

#[test]
fn packing_again_packs_what_is_new_and_touches_no_shard() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (runs, data) = (folder.path().join("runs"), folder.path().join("data"));
    run(&runs, "r1", "h1", 1);
    pack_all(&runs, &data).expect("packs");
    let file = data.join("shard-000").join(FRAMES);
    let before = std::fs::read(&file).expect("reads");
    // What an interrupted call leaves is no shard.
    std::fs::create_dir(data.join("shard-001.part")).expect("folder");
    run(&runs, "r0", "h0", 7);
    let report = pack_all(&runs, &data).expect("packs");
    assert_eq!((report.before, report.runs), (1, 1));
    assert_eq!(std::fs::read(&file).expect("reads"), before);
    assert_eq!(pack_all(&runs, &data).expect("nothing new").runs, 0);
    assert_eq!(Table::read(&data).expect("reads").series.len(), 4);
    let options = Options { full_only: true };
    run(&runs, "r3", "h3", 8);
    let report = pack::pack(&[runs], &data, options, &mut |_, _| {}).expect("packs");
    assert_eq!((report.runs, report.left), (0, 1));
}

#[test]
fn runs_that_are_not_what_they_were_are_refused() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (runs, data) = (folder.path().join("runs"), folder.path().join("data"));
    run(&runs, "r1", "h1", 1);
    pack_all(&runs, &data).expect("packs");
    run(&runs, "r1", "other", 1);
    let message = pack_all(&runs, &data).expect_err("other inputs").to_string();
    assert!(message.contains("made from other inputs"), "{message}");
    let again = run(&runs, "r1", "h1", 1).join("run.json");
    let text = std::fs::read_to_string(&again).expect("reads");
    std::fs::write(&again, text.replace("\"train\"", "\"heldout_x\"")).expect("writes");
    let message = pack_all(&runs, &data).expect_err("another role").to_string();
    assert!(message.contains("role = 'heldout_x': expected 'train', as in shard-000"), "{message}");
    std::fs::write(&again, text).expect("writes");
    run(&runs, "copy", "h2", 1);
    let message = pack_all(&runs, &data).expect_err("same frames").to_string();
    assert!(message.contains("one run under two names"), "{message}");
}

#[test]
fn two_versions_of_one_run_are_refused_by_name() {
    let hashes = ["00112233445566", "99887766554433"];
    for packed_first in [true, false] {
        let folder = tempfile::tempdir().expect("temporary folder");
        let (runs, data) = (folder.path().join("runs"), folder.path().join("data"));
        run(&runs, &format!("a-T900-s1-{}", &hashes[0][..10]), hashes[0], 1);
        // Another seed of the condition is another run, whatever its name ends with.
        run(&runs, "a-T900-s2", "0123", 3);
        if packed_first {
            pack_all(&runs, &data).expect("packs");
        }
        run(&runs, &format!("a-T900-s1-{}", &hashes[1][..10]), hashes[1], 2);
        let message = pack_all(&runs, &data).expect_err("two versions").to_string();
        let parts = ["a-T900-s1-0011223344", "a-T900-s1-9988776655", "one run, 'a-T900-s1'"];
        assert!(parts.iter().all(|part| message.contains(part)), "{message}");
    }
}

#[test]
fn events_of_other_runs_are_refused() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (runs, data) = (folder.path().join("runs"), folder.path().join("data"));
    run(&runs, "r1", "h1", 1);
    pack_all(&runs, &data).expect("packs");
    let shard = data.join("shard-000");
    let mut events = event::read(&shard.join(EVENTS)).expect("reads");
    let own = events["r1"].clone();
    events.insert("r2".into(), own);
    event::to_columns(&events).write(&shard.join(EVENTS)).expect("writes");
    let message = crate::onset::source::watched(&data).expect_err("other hash").to_string();
    assert!(message.contains("manifest.json"), "{message}");
    crate::dataset::shard::seal(&shard).expect("writes");
    let message = crate::onset::source::watched(&data).expect_err("another run").to_string();
    assert!(message.contains("event of run 'r2'"), "{message}");
}

#[test]
fn labels_belong_to_the_data_and_the_horizon_that_they_were_made_for() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (runs, data) = (folder.path().join("runs"), folder.path().join("data"));
    run(&runs, "r1", "h1", 1);
    pack_all(&runs, &data).expect("packs");
    let text = include_str!("../../../examples/labels/oxides.yaml");
    let rule: crate::onset::Rule = serde_yaml::from_str(text).expect("a rule");
    let watched = crate::onset::source::watched(&data).expect("reads");
    let mut made = crate::onset::Labels::new(&rule, &watched);
    made.write(&data.join("labels.parquet")).expect("writes");
    let message = Table::read(&data).expect_err("of no data").to_string();
    assert!(message.contains("foreshock label"), "{message}");
    made.origin = Some(labels::origin(&data).expect("reads"));
    made.write(&data.join("labels.parquet")).expect("writes");
    assert_eq!(Table::read(&data).expect("reads").classes, classes());

    assert_eq!(labels::horizon(&data).expect("reads"), Some(rule.horizon));
    labels::check_horizon(&data, &rule.horizon).expect("the same");
    let other = target::Horizon { horizon_ps: 20.0, ..rule.horizon };
    let message = labels::check_horizon(&data, &other).expect_err("another").to_string();
    assert!(message.contains("horizon_ps 20") && message.contains("horizon_ps 10"), "{message}");

    // Another event, and the labels are not those of this data any more.
    let shard = data.join("shard-000");
    let mut events = event::read(&shard.join(EVENTS)).expect("reads");
    events.entry("r1".into()).or_default().pop();
    event::to_columns(&events).write(&shard.join(EVENTS)).expect("writes");
    crate::dataset::shard::seal(&shard).expect("writes");
    let message = Table::read(&data).expect_err("other events").to_string();
    assert!(message.contains("labels events_sha256"), "{message}");
}

#[test]
fn one_run_under_two_names_in_a_table_is_refused() {
    let mut twin = series("a", 0, 6);
    twin.run = "b".into();
    let table = Table::new(features(), classes(), vec![series("a", 0, 6), twin]).expect("consistent");
    let folder = tempfile::tempdir().expect("temporary folder");
    table.write(folder.path()).expect("writes");
    let message = Table::read(folder.path()).expect_err("refused").to_string();
    assert!(message.contains("the same frames under two names"), "{message}");

    // Two that never had a surface have the same frames by nature.
    let blind = |run: &str| {
        let mut one = series(run, 0, 6);
        one.values.fill(f32::NAN);
        one.standing.fill(Condition::NoSurface);
        one
    };
    let table = Table::new(features(), classes(), vec![blind("a"), blind("b")]).expect("consistent");
    table.write(folder.path()).expect("writes");
    assert_eq!(Table::read(folder.path()).expect("no twins").series.len(), 2);

    let mut other = series("a", 1, 6);
    other.lineage = "another".into();
    let table = Table::new(features(), classes(), vec![series("a", 0, 6), other]).expect("consistent");
    table.write(folder.path()).expect("writes");
    let message = Table::read(folder.path()).expect_err("refused").to_string();
    assert!(message.contains("as in runs.parquet"), "{message}");
    std::fs::remove_file(folder.path().join(RUNS)).expect("there");
    let message = Table::read(folder.path()).expect_err("refused").to_string();
    assert!(message.contains("one lineage for all of run a"), "{message}");
}

/// Windows, index and CUSUM of a series' frames.
fn outputs(frames: &[Frame]) -> Vec<Vec<u64>> {
    let mut stage = WindowStage::new(settings());
    let bits = |frame: &Frame| {
        let output = stage.push(frame).expect("in order");
        let mut bits = vec![output.index.to_bits(), output.cusum.to_bits()];
        if let Some(window) = output.message {
            bits.extend(window.features.iter().map(|v| v.to_bits()));
        }
        bits
    };
    frames.iter().map(bits).collect()
}

#[test]
fn features_of_a_prefix_do_not_depend_on_what_follows() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (runs, data) = (folder.path().join("runs"), folder.path().join("data"));
    run(&runs, "r1", "h1", 1);
    pack_all(&runs, &data).expect("packs");
    let table = Table::read(&data).expect("reads");
    let frames: Vec<Frame> = table.series[0].frames().collect();
    let whole = outputs(&frames);
    assert!(whole.last().is_some_and(|last| last.len() > 100), "windows are compared");
    for length in [1, 40, 80, 101, 149] {
        let mut other = frames[..length].to_vec();
        assert_eq!(outputs(&other), whole[..length], "prefix of {length}");
        // Another future, drastic and undefined, changes nothing before it.
        other.extend(frames[length..].iter().cloned().map(|mut frame| {
            frame
                .values
                .iter_mut()
                .enumerate()
                .for_each(|(i, v)| *v = if i % 2 == 0 { 1e6 } else { f64::NAN });
            frame
        }));
        assert_eq!(outputs(&other)[..length], whole[..length], "other future after {length}");
    }
}

#[test]
fn rounding_moves_the_index_by_less_than_a_tenth_and_what_a_model_sees_not_at_all() {
    let steps: Vec<Option<f64>> = registry::frame_names(false).iter().map(|n| rounding::step(n)).collect();
    let mut stages = [(); 2].map(|()| WindowStage::new(settings()));
    let mut judged = 0;
    for frame in frames(3, 0) {
        let values =
            frame.values.iter().zip(&steps).map(|(&v, &s)| f64::from(rounding::round(v, s))).collect();
        let packed = Frame { values, ..frame.clone() };
        let a = stages[0].push(&frame).expect("in order");
        let b = stages[1].push(&packed).expect("in order");
        assert_eq!(a.phase, b.phase);
        if a.phase == Phase::Ready {
            judged += 1;
            assert!((a.index - b.index).abs() < 0.1, "{} {}", a.index, b.index);
            let bits = |output: &WindowOutput| {
                let message = output.message.as_ref().expect("ready");
                let baseline = message.baseline.as_flattened().iter();
                message.features.iter().chain(baseline).map(|v| v.to_bits()).collect::<Vec<_>>()
            };
            assert_eq!(bits(&a), bits(&b), "windows of recorded and of packed frames");
        }
    }
    assert!(judged > 60, "{judged}");
}
