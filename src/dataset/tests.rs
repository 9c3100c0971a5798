//! What crosses the modules of the data set: reading what was written, open schema, refusals.

use std::collections::BTreeMap;
use std::path::Path;

use ndarray::Array2;

use super::columns::{Column, Columns};
use super::series::{FRAMES, RUNS};
use super::shard::EVENTS;
use super::*;
use crate::frame::Condition;
use crate::onset::event;
use crate::window::Settings;

pub(super) fn settings() -> Settings {
    Settings { sample_ps: 0.2, ..crate::stream::Header::example().settings }
}

/// A series of `rows` frames of two features that differ between runs and interfaces.
pub(crate) fn series(run: &str, interface: usize, rows: usize) -> Series {
    let offset = run.bytes().map(f32::from).sum::<f32>() + 10.0 * interface as f32;
    let mut values = Array2::from_shape_fn((rows, 2), |(i, j)| offset + i as f32 + 0.25 * j as f32);
    values[[0, 1]] = f32::NAN;
    let mut series = Series {
        run: run.to_owned(),
        lineage: format!("lineage-{run}"),
        interface,
        condition: BTreeMap::from([
            ("family".to_owned(), "oxide".into()),
            ("temperature_k".to_owned(), 1300.into()),
            ("vacancies".to_owned(), 0.02.into()),
        ]),
        sample_ps: 0.2,
        time_ps: (0..rows).map(|i| 0.2 * i as f64).collect(),
        values,
        standing: vec![Condition::Measured; rows],
        state: vec![None; rows],
        t_r_ps: None,
        t_u_ps: None,
        end_ps: 0.2 * (rows - 1) as f64,
        settings: Some(settings()),
        elements: Vec::new(),
        atoms: None,
    };
    series.standing[0] = Condition::Reference;
    let end = series.end_ps;
    series.set_onsets(Some(0.4), (interface == 1).then_some(0.8), end);
    series
}

pub(super) fn features() -> Vec<Feature> {
    ["msd_a", "pe"].map(|name| Feature::new(name).expect("a feature")).to_vec()
}

pub(super) fn classes() -> Vec<String> {
    ["stable", "reconstructing", "unstable"].map(str::to_owned).to_vec()
}

fn table() -> Table {
    let all = ["b", "a"].iter().flat_map(|run| [series(run, 1, 6), series(run, 0, 6)]).collect();
    Table::new(features(), classes(), all).expect("consistent")
}

#[test]
fn a_table_reads_back_as_it_was_written() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let table = table();
    table.write(folder.path()).expect("writes");
    let back = Table::read(folder.path()).expect("reads");
    assert_eq!(back.hash, table.hash);
    assert_eq!(back.features, table.features);
    assert_eq!(back.classes, table.classes);
    for (a, b) in table.series.iter().zip(&back.series) {
        assert_eq!(
            (&a.run, &a.lineage, a.interface, &a.condition),
            (&b.run, &b.lineage, b.interface, &b.condition)
        );
        assert_eq!(
            (&a.time_ps, &a.standing, &a.state, &a.settings),
            (&b.time_ps, &b.standing, &b.state, &b.settings)
        );
        assert_eq!((a.t_r_ps, a.t_u_ps, a.end_ps, a.sample_ps), (b.t_r_ps, b.t_u_ps, b.end_ps, b.sample_ps));
    }
    assert_eq!(back.series[1].state, [0, 0, 1, 1, 2, 2].map(Some));
    assert_eq!(back.series[1].frame(3).index, 3);
}

#[test]
fn frames_after_the_known_end_have_no_class_whatever_the_outcome() {
    let mut one = series("a", 0, 6);
    one.set_onsets(Some(0.2), None, 0.6);
    assert_eq!(one.state, [Some(0), Some(1), Some(1), Some(1), None, None]);
    one.set_onsets(Some(0.2), Some(0.4), 0.6);
    assert_eq!(one.state, [Some(0), Some(1), Some(2), Some(2), None, None]);
    // Nor does a table that says more of some series than its end allows.
    one.state = [0, 1, 2, 2, 2, 2].map(Some).to_vec();
    let folder = tempfile::tempdir().expect("temporary folder");
    let table = Table::new(features(), classes(), vec![one]).expect("consistent");
    table.write(folder.path()).expect("writes");
    let back = Table::read(folder.path()).expect("reads");
    assert_eq!(back.series[0].state[3..], [Some(2), None, None]);
}

#[test]
fn the_hash_follows_every_value_and_the_content_hash_leaves_labels_out() {
    let table = table();
    let mut relabelled = table.series.clone();
    relabelled[0].set_onsets(None, None, 1.0);
    let relabelled = Table::new(features(), classes(), relabelled).expect("consistent");
    assert_ne!(relabelled.hash, table.hash);
    assert_eq!(relabelled.content_hash(), table.content_hash());
    let mut changed = table.series.clone();
    changed[2].values[[3, 0]] += 1e-3;
    let changed = Table::new(features(), classes(), changed).expect("consistent");
    assert_ne!(changed.content_hash(), table.content_hash());
}

#[test]
fn any_numeric_columns_and_any_class_labels_will_do() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut frames = Columns::default();
    frames.push("run", Column::Text(["u1", "u1", "u2", "u2"].map(str::to_owned).to_vec()));
    frames.push("time_ps", Column::I64(vec![0, 1, 0, 1]));
    frames.push("coefficient 1", Column::F64(vec![0.1, 0.2, 0.3, f64::NAN]));
    frames.push("count", Column::I64(vec![1, 2, 3, 4]));
    frames.push("label:state", Column::Text(["two", "two", "one", "one"].map(str::to_owned).to_vec()));
    let file = folder.path().join("vowels.parquet");
    frames.write(&file).expect("writes");
    let table = Table::read(&file).expect("reads");
    assert_eq!(table.features, ["coefficient 1", "count"]);
    assert_eq!(table.classes, ["one", "two"]);
    assert_eq!(table.series.len(), 2);
    assert_eq!(table.series[0].state, [Some(1), Some(1)]);
    assert_eq!(table.series[0].lineage, "u1");
    assert_eq!(table.series[1].values[[1, 1]], 4.0);
    assert!(table.series[1].values[[1, 0]].is_nan());
    assert!((table.series[0].sample_ps - 1.0).abs() < 1e-12);
}

/// A file with one odd column, and what is said about it.
fn refusal(name: &str, column: Column) -> String {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut frames = Columns::default();
    frames.push("run", Column::Text(vec!["a".into(), "a".into()]));
    frames.push("time_ps", Column::F64(vec![0.0, 1.0]));
    frames.push("msd_a", Column::F32(vec![0.0, 1.0]));
    frames.push(name, column);
    frames.write(&folder.path().join(FRAMES)).expect("writes");
    Table::read(folder.path()).expect_err("refused").to_string()
}

#[test]
fn label_only_columns_are_refused_by_name_at_load() {
    for name in ["t_u_ps", "outcome", "Label:state", "until_ps", "last_count"] {
        let message = refusal(name, Column::F64(vec![1.0, 2.0]));
        assert!(message.contains(&format!("'{name}'")) && message.contains("never an input"), "{message}");
    }
    // With the prefix the column is read as what it is: no feature.
    let folder = tempfile::tempdir().expect("temporary folder");
    table().write(folder.path()).expect("writes");
    let back = Table::read(folder.path()).expect("reads");
    assert!(back.features.iter().all(|f| !f.contains("label") && !f.contains("t_u")));
}

#[test]
fn columns_that_are_no_numbers_and_odd_classes_are_refused() {
    assert!(refusal("comment", Column::Text(vec!["x".into(), "y".into()])).contains("column comment"));
    assert!(refusal("label:state", Column::F64(vec![0.5, 1.0])).contains("class = '0.5'"));
    assert!(refusal("interface", Column::F64(vec![-1.0, 0.0])).contains("interface = '-1'"));
}

/// Writes a table as a shard without events.
fn shard(table: &Table, folder: &Path) {
    table.write(folder).expect("writes");
    event::to_columns(&BTreeMap::new()).write(&folder.join(EVENTS)).expect("writes");
    super::shard::seal(folder).expect("writes");
}

#[test]
fn a_shard_without_its_table_of_runs_is_refused() {
    let folder = tempfile::tempdir().expect("temporary folder");
    for name in ["shard-000", "shard-001"] {
        let run = if name == "shard-000" { "a" } else { "b" };
        let part = Table::new(features(), classes(), vec![series(run, 0, 6)]).expect("consistent");
        shard(&part, &folder.path().join("oxides").join(name));
    }
    for path in [folder.path().to_owned(), folder.path().join("oxides")] {
        Table::read(&path).expect("whole");
    }
    for (lost, at) in [(RUNS, "shard-001"), (EVENTS, "shard-000"), (FRAMES, "shard-001")] {
        let file = folder.path().join("oxides").join(at).join(lost);
        let bytes = std::fs::read(&file).expect("there");
        std::fs::remove_file(&file).expect("there");
        for path in [folder.path().to_owned(), folder.path().join("oxides")] {
            let message = Table::read(&path).expect_err(lost).to_string();
            assert!(message.contains(at) && message.contains(&format!("no {lost}")), "{message}");
        }
        std::fs::write(&file, bytes).expect("writes");
    }
}

/// A table of two runs of the open schema without lineages, with further columns.
fn open(runs: [&str; 2], more: &[(&str, [f64; 4])]) -> Columns {
    let mut frames = Columns::default();
    let names = [runs[0], runs[0], runs[1], runs[1]];
    frames.push("run", Column::Text(names.map(str::to_owned).to_vec()));
    frames.push("time_ps", Column::F64(vec![0.0, 1.0, 0.0, 1.0]));
    frames.push("msd_a", Column::F32(vec![runs[0].len() as f32, 1.0, 3.5, 4.0]));
    for (name, values) in more {
        frames.push(*name, Column::F64(values.to_vec()));
    }
    frames
}

#[test]
fn only_a_table_that_stands_alone_may_leave_lineages_out() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let part = |name: &str, runs| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(&path).expect("creates");
        open(runs, &[]).write(&path.join(FRAMES)).expect("writes");
    };
    part("one", ["a", "b"]);
    assert_eq!(Table::read(&folder.path().join("one")).expect("alone").series[1].lineage, "b");
    part("two", ["cc", "dd"]);
    let message = Table::read(folder.path()).expect_err("two parts").to_string();
    assert!(message.contains("a column 'lineage'"), "{message}");
}

#[test]
fn what_is_one_of_a_series_is_one_in_all_its_rows() {
    let nan = f64::NAN;
    for (more, part) in [
        (vec![("lineage", [1.0, 2.0, 3.0, 3.0])], "lineage of run a, interface 0 = '2'"),
        (vec![("label:t_u_ps", [nan, nan, 5.0, 6.0])], "label:t_u_ps of run b, interface 0 = '6'"),
        (vec![("label:t_r_ps", [nan, 1.0, 1.0, 1.0])], "label:t_r_ps of run a"),
        (
            vec![("label:t_r_ps", [nan, nan, 9.0, 9.0]), ("label:t_u_ps", [nan, nan, 5.0, 5.0])],
            "expected at most label:t_u_ps = 5",
        ),
    ] {
        let folder = tempfile::tempdir().expect("temporary folder");
        let file = folder.path().join(FRAMES);
        open(["a", "b"], &more).write(&file).expect("writes");
        let message = Table::read(&file).expect_err(part).to_string();
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn both_tables_agree_on_runs_and_lineages() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let runs = |names: &[&str], lineages: &[&str], factor: &str| {
        let texts = |texts: &[&str]| Column::Text(texts.iter().map(|t| (*t).to_owned()).collect());
        let mut runs = Columns::default();
        runs.push("run", texts(names));
        runs.push("lineage", texts(lineages));
        runs.push(factor, texts(names));
        runs.write(&folder.path().join(RUNS)).expect("writes");
        Table::read(folder.path())
    };
    open(["a", "b"], &[("lineage", [1.0, 1.0, 2.0, 2.0])])
        .write(&folder.path().join(FRAMES))
        .expect("writes");
    runs(&["a", "b"], &["1", "2"], "system").expect("they agree");
    for (names, lineages, factor, part) in [
        (
            &["a", "b"][..],
            &["1", "3"][..],
            "system",
            "lineage of run b = '2': expected 3, as in runs.parquet",
        ),
        (&["a", "b"], &["1", ""], "system", "lineage of run 'b': expected a name"),
        (&["a", "b", "c"], &["1", "2", "3"], "system", "run of runs.parquet = 'c': expected frames"),
        (&["a", "b"], &["1", "2"], "label:outcome", "column 'label:outcome': expected factors"),
        (&["a", "b"], &["1", "2"], "t_u_ps", "column 't_u_ps': expected factors"),
    ] {
        let message = runs(names, lineages, factor).expect_err(part).to_string();
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn shards_are_read_together_and_must_agree() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let part = |run: &str| {
        Table::new(features(), classes(), vec![series(run, 0, 6), series(run, 1, 6)]).expect("consistent")
    };
    shard(&part("a"), &folder.path().join("shard-000"));
    shard(&part("b"), &folder.path().join("shard-001"));
    assert_eq!(Table::read(folder.path()).expect("reads").hash, table().hash);

    shard(&part("a"), &folder.path().join("shard-002"));
    let message = Table::read(folder.path()).expect_err("a run twice").to_string();
    assert!(message.contains("run = 'a'") && message.contains("once"), "{message}");

    let mut other = Columns::read(&folder.path().join("shard-000").join(FRAMES)).expect("reads");
    other.push("more", Column::F64(vec![0.0; 12]));
    let third = folder.path().join("shard-002");
    other.write(&third.join(FRAMES)).expect("writes");
    super::shard::seal(&third).expect("writes");
    let message = Table::read(folder.path()).expect_err("other columns").to_string();
    assert!(message.contains("column 'more'"), "{message}");
}

#[test]
fn several_data_sets_are_read_as_one() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let part = |run: &str| {
        Table::new(features(), classes(), vec![series(run, 0, 6), series(run, 1, 6)]).expect("consistent")
    };
    shard(&part("a"), &folder.path().join("oxides/shard-000"));
    shard(&part("b"), &folder.path().join("halides/shard-000"));
    assert_eq!(Table::read(folder.path()).expect("reads").hash, table().hash);

    let mut other = part("b");
    other.classes[0] = "quiet".into();
    shard(&other, &folder.path().join("halides/shard-000"));
    let message = Table::read(folder.path()).expect_err("other classes").to_string();
    assert!(message.contains("classes"), "{message}");

    let empty = tempfile::tempdir().expect("temporary folder");
    let message = Table::read(empty.path()).expect_err("nothing").to_string();
    assert!(message.contains("no data set"), "{message}");
}

#[test]
fn a_run_without_an_entry_in_the_table_of_runs_is_refused() {
    let folder = tempfile::tempdir().expect("temporary folder");
    table().write(folder.path()).expect("writes");
    let mut runs = Columns::default();
    runs.push("run", Column::Text(vec!["a".into()]));
    runs.write(&folder.path().join(RUNS)).expect("writes");
    let message = Table::read(folder.path()).expect_err("b is missing").to_string();
    assert!(message.contains("run = 'b'"), "{message}");
}

mod packing;
