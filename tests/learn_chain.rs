//! From a table to a report through the program: train, evaluate, ship. Methods without networks, so
//! that the test needs no feature `train`.
#![cfg(feature = "learn")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};

use foreshock::dataset::{Feature, Series, Table};
use foreshock::frame::Condition;
use ndarray::Array2;
use serde_json::Value;

/// Runs of 40 ps; every other one has an event, before which `x` rises for 12 ps. `y` says nothing.
fn table(runs: usize) -> Table {
    const FRAMES: usize = 80;
    let series = (0..runs).map(|run| {
        let event = (run % 2 == 0).then_some(22.0 + (run % 7) as f64);
        let time_ps: Vec<f64> = (0..FRAMES).map(|t| 0.5 * t as f64).collect();
        let noise = |t: usize, k: usize| (((run * 131 + t * 17 + k * 29) % 97) as f32 / 97.0 - 0.5) * 0.8;
        let values = Array2::from_shape_fn((FRAMES, 2), |(t, column)| {
            let rise = event.map_or(0.0, |e| (time_ps[t] - e + 12.0).clamp(0.0, 15.0) as f32 / 5.0);
            noise(t, column) + if column == 0 { rise } else { 0.0 }
        });
        let mut series = Series {
            run: format!("run{run:02}"),
            lineage: format!("lineage{run:02}"),
            interface: 0,
            condition: BTreeMap::from([("heat".to_owned(), Value::from(run % 3))]),
            sample_ps: 0.5,
            values,
            standing: vec![Condition::Measured; FRAMES],
            state: vec![None; FRAMES],
            t_r_ps: None,
            t_u_ps: None,
            end_ps: 39.5,
            settings: None,
            elements: Vec::new(),
            atoms: None,
            time_ps,
        };
        series.set_onsets(event.map(|e| e - 4.0), event, 39.5);
        series
    });
    let features = ["x", "y"].map(|name| Feature::new(name).expect("a name")).to_vec();
    let classes = ["stable", "reconstructing", "unstable"].map(str::to_owned).to_vec();
    Table::new(features, classes, series.collect()).expect("a table")
}

const PLAN: &str = "
data: {path: data}
out: out
methods:
  - {name: boosting, window: 16, method: {kind: boosting, rounds: 40}}
  - {name: threshold, window: 16, method: {kind: threshold}}
  - {name: null-elapsed, window: 16, method: {kind: elapsed}}
  - {name: without-x, group: ablation, window: 16, method: {kind: winner}, columns: {without: [x]}}
";

fn foreshock(folder: &Path, words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_foreshock")).args(words).current_dir(folder).output().expect("runs")
}

fn ok(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    text
}

fn json(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn prepared(runs: usize) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    table(runs).write(&folder.path().join("data")).expect("written");
    std::fs::write(folder.path().join("plan.yaml"), PLAN).expect("written");
    folder
}

#[test]
fn a_table_becomes_models_a_report_and_a_built_in_model() {
    // Six lineages with an event are for testing: enough for intervals.
    let folder = prepared(120);
    let dir = folder.path();
    ok(&foreshock(dir, &["train", "plan.yaml"]));
    assert!(ok(&foreshock(dir, &["train", "plan.yaml"])).contains("nothing to train"));
    ok(&foreshock(dir, &["evaluate", "plan.yaml", "--on", "test", "--draws", "20", "--ship", "models"]));
    let report = dir.join("report");
    let rows = json(&report.join("table1.json"));
    let rows = rows.as_array().expect("a list");
    assert_eq!(rows.len(), 3, "the ablation stands elsewhere");
    for row in rows {
        assert!(row["method"].is_string(), "{row}");
        for key in ["accuracy", "macro_f1", "auc", "auprc", "lead_ps_median", "false_alarms_per_100"] {
            assert!(row[key].is_f64(), "{key} of {row}");
            // Two ends, or null where too few lineages have a part in the number.
            assert_eq!(row["ci"][key].as_array().map(Vec::len), Some(2), "interval of {key} of {row}");
        }
        assert_eq!(row["classes"].as_array().map(Vec::len), Some(3), "{row}");
        assert!(row["lineages"]["lead_ps_median"].as_u64().is_some_and(|n| n > 0), "{row}");
    }
    assert!(rows[0]["ci"]["accuracy"].as_array().expect("two ends").iter().all(Value::is_f64), "{rows:?}");
    let auroc = |name: &str| {
        let row = rows.iter().find(|row| row["method"] == name).expect("a row");
        row["more"]["auroc"].as_f64().expect("a number")
    };
    assert!(auroc("boosting") > 0.9 && auroc("boosting") > auroc("null-elapsed"), "{rows:?}");
    let blind = json(&report.join("ablations.json"));
    let lost = json(&report.join("ablation_differences.json"));
    assert_eq!((&lost[1]["winner"], &lost[1]["other"]), (&"boosting".into(), &"without-x".into()));
    assert!(lost[1]["difference"]["low"].as_f64().expect("a number") > 0.0, "{lost}");
    assert_eq!(lost[1]["seeds"], serde_json::json!([1]));
    let ends = [&lost[1]["whole"], &lost[1]["without"]].map(|v| v["value"].as_f64().expect("a number"));
    assert!((lost[1]["difference"]["value"].as_f64().expect("a number") - (ends[0] - ends[1])).abs() < 1e-12);
    let importance = json(&report.join("fig4.json"));
    assert_eq!((&importance["method"], &importance["unmatched"]), (&"boosting".into(), &0.into()));
    assert_eq!(importance["groups"][0]["group"], "x", "{importance}");
    assert!(importance["deletion"]["deletion_gain"]["value"].as_f64().expect("a number") > 0.0);
    assert!(blind[0]["more"]["auroc"].as_f64().expect("a number") < auroc("boosting"), "{blind}");
    let names = ["fig1", "fig2", "fig3", "fig4", "confusion", "reliability", "ablations", "table2"];
    for file in names.iter().flat_map(|n| ["json", "svg", "png"].map(|e| format!("{n}.{e}"))) {
        assert!(report.join(&file).is_file(), "{file}");
    }
    let page = std::fs::read_to_string(report.join("index.html")).expect("the page");
    assert!(page.contains("no runs in this data set"), "test sets of the paper that are not there");
    let record = std::fs::read_to_string(dir.join("data/test_evaluations.jsonl")).expect("the record");
    let copy = std::fs::read_to_string(report.join("test_evaluations.jsonl")).expect("the copy");
    assert_eq!(record, copy);
    let targets = json(&report.join("targets.json"));
    let targets = targets.as_array().expect("a list");
    assert_eq!((targets.len(), &targets[1]["measure"]), (11, &"auroc".into()));
    let reached = auroc("boosting") >= 0.95;
    assert_eq!(targets[1]["finding"] == "met", reached, "{targets:?}");
    assert_eq!(targets[3]["finding"], "not scored", "{targets:?}");
    assert!(page.contains("AUROC of the warning, in-domain: at least 0.95"));
    let early = json(&report.join("fig3.json"));
    assert_eq!((&early[0]["seed"], &early[0]["paper"]["turning_point"]), (&1.into(), &0.4.into()));
    let line: Value = serde_json::from_str(record.trim()).expect("one line, one evaluation");
    let data = json(&report.join("data.json"));
    assert_eq!((&line["data"], &line["split"]), (&data["hash"], &data["split_hash"]));
    assert!(page.contains("No configuration was run with several velocities"));
    let shown = ok(&foreshock(dir, &["model", "show", "models/builtin.safetensors", "--json"]));
    let meta: Value = serde_json::from_str(&shown).expect("JSON");
    assert_eq!((&meta["name"], &meta["alarm"]["persist"]), (&"boosting".into(), &3.into()));
    let card = std::fs::read_to_string(dir.join("models/MODEL_CARD.md")).expect("the card");
    assert!(card.contains("`boosting`") && card.contains("| macro-F1 of the state |"), "{card}");
    assert!(card.contains("| not scored |"), "targets of conditions that are not there: {card}");
    // Another folder for the report hides no look at the test set.
    ok(&foreshock(dir, &["evaluate", "plan.yaml", "--on", "test", "--draws", "5", "-o", "elsewhere"]));
    let copy = std::fs::read_to_string(dir.join("elsewhere/test_evaluations.jsonl")).expect("the copy");
    assert_eq!(copy.lines().count(), 2);
}

#[test]
fn settings_are_chosen_without_the_test_set() {
    let folder = prepared(60);
    let dir = folder.path();
    ok(&foreshock(dir, &["train", "plan.yaml", "--only", "boosting"]));
    // What is not trained is named, and the exit code says so.
    let output = foreshock(dir, &["evaluate", "plan.yaml", "--draws", "10"]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("not trained yet: threshold seed 1, null-elapsed seed 1"), "{said}");
    assert!(said.contains("without-x of boosting seed 1"), "{said}");
    let data = json(&dir.join("report/data.json"));
    assert_eq!(data["on"], "validation", "unless the test set is asked for");
    for folder in ["report", "data"] {
        assert!(!dir.join(folder).join("test_evaluations.jsonl").exists());
    }
    for count in data["counts"].as_array().expect("a list") {
        let of_test = count["fold"].as_str().is_some_and(|fold| fold.starts_with("test"));
        assert_eq!(count.get("unstable").is_none(), of_test, "{count}");
    }
    assert!(json(&dir.join("report/table2.json")).as_array().is_some_and(Vec::is_empty));
    let page = std::fs::read_to_string(dir.join("report/index.html")).expect("the page");
    assert!(page.contains("No result.") && !page.contains("Table 2"));

    for turn in ["1/4", "2/4"] {
        ok(&foreshock(dir, &["train", "plan.yaml", "--turn", turn, "--only", "boosting"]));
    }
    let folds: Vec<Value> = ["1", "2"]
        .map(|number| {
            let turn = format!("{number}/4");
            let out = format!("report-{number}");
            let words =
                ["evaluate", "plan.yaml", "--on", "validation", "--turn", &turn, "-o", &out, "--draws", "5"];
            assert_eq!(foreshock(dir, &words).status.code(), Some(1), "the other methods are not trained");
            json(&dir.join(out).join("data.json"))["counts"].clone()
        })
        .to_vec();
    for counts in &folds {
        let names: Vec<&str> =
            counts.as_array().expect("a list").iter().filter_map(|c| c["fold"].as_str()).collect();
        assert!(!names.iter().any(|name| name.starts_with("test")), "{names:?}");
    }
}

#[test]
fn verdicts_of_another_split_are_refused_and_trained_anew() {
    let folder = prepared(60);
    let dir = folder.path();
    ok(&foreshock(dir, &["train", "plan.yaml", "--only", "threshold"]));
    let split = "data: {path: data, split: {seed: 2, shares: [0.55, 0.15, 0.15, 0.15], held_out: []}}";
    std::fs::write(dir.join("plan.yaml"), PLAN.replace("data: {path: data}", split)).expect("written");
    let output = foreshock(dir, &["evaluate", "plan.yaml", "--draws", "5", "--on", "validation"]);
    assert_eq!(output.status.code(), Some(2));
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(message.contains("made with another split of the data: train again"), "{message}");
    let trained = ok(&foreshock(dir, &["train", "plan.yaml", "--only", "threshold"]));
    assert!(!trained.contains("nothing to train"), "{trained}");
}

#[test]
fn verdicts_of_another_recipe_do_not_pass_for_those_of_the_plan() {
    let folder = prepared(60);
    let dir = folder.path();
    ok(&foreshock(dir, &["train", "plan.yaml"]));
    std::fs::write(dir.join("plan.yaml"), PLAN.replace("{kind: threshold}", "{kind: elapsed}"))
        .expect("written");
    let output = foreshock(dir, &["evaluate", "plan.yaml", "--draws", "5"]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("not trained yet: threshold seed 1"), "{said}");
    let rows = json(&dir.join("report/table1.json"));
    assert!(
        rows.as_array().is_some_and(|rows| rows.iter().all(|row| row["method"] != "threshold")),
        "{rows}"
    );
}

#[test]
fn other_conditions_are_scored_with_and_without_calibration_and_nulls_apart() {
    let folder = prepared(90);
    let dir = folder.path();
    let mut all = table(90);
    for (k, one) in all.series.iter_mut().enumerate() {
        let role = match k {
            60..=71 => "heldout_defects",
            72..=75 => "heldout_size",
            // Every other run: those without an event.
            77.. if k % 2 == 1 => "null",
            _ => "train",
        };
        one.condition.insert("role".to_owned(), role.into());
    }
    let all = Table::new(all.features, all.classes, all.series).expect("a table");
    all.write(&dir.join("data")).expect("written");
    let only = ["train", "plan.yaml", "--only", "boosting"];
    ok(&foreshock(dir, &only));
    let words = ["evaluate", "plan.yaml", "--on", "test", "--draws", "40"];
    assert_eq!(foreshock(dir, &words).status.code(), Some(1), "the other methods are not trained");
    let report = dir.join("report");
    let shifts = json(&report.join("table2.json"));
    let of = |test: &str| {
        let all = shifts.as_array().expect("a list");
        all.iter().find(|s| s["test"] == test).unwrap_or_else(|| panic!("{test}: {shifts}"))
    };
    assert!(of("in-domain")["drop"].is_null() && of("in-domain")["calibrated"].is_null());
    let defects = of("defects");
    // Five parts of two or three lineages.
    assert_eq!((&defects["lineages"], &defects["calibrated"]["fitted_on_lineages"]), (&12.into(), &9.into()));
    assert_eq!(defects["calibrated"]["calibrations"], 5);
    // Six stable lineages, of which three at least are left to calibrate on.
    let supported = defects["calibrated"]["supported"].as_f64().expect("a rate");
    assert!((1.0 / 7.0..=0.25).contains(&supported), "{supported}");
    let number = |value: &Value| value["auroc"]["value"].as_f64().unwrap_or_else(|| panic!("{value}"));
    let [zero, after] = [&defects["zero_shot"], &defects["calibrated"]["scores"]].map(number);
    // A calibration leaves the order within its part as it is.
    assert!(number(&defects["calibrated"]["difference"]).abs() < 1e-6);
    assert!((after - zero).abs() < 0.2, "{after}, pooled {zero}");
    assert!(
        defects["calibrated"]["scores"]["lead_ps_mean_matched"].is_null(),
        "no threshold is common to all"
    );
    assert!(defects["paper"].is_null(), "the paper's numbers are of its transformer");
    assert!((number(&defects["drop"]) - (number(&of("in-domain")["zero_shot"]) - zero)).abs() < 1e-12);
    assert!(after > 0.8, "the same law holds there: {after}");
    assert!(of("size")["calibrated"].is_null());
    assert!(
        of("size")["note"].as_str().is_some_and(|note| note.contains("4 lineages are too few")),
        "{shifts}"
    );
    let nulls = json(&report.join("nulls.json"));
    assert_eq!((&nulls[0]["method"], &nulls[0]["lineages"]), (&"boosting".into(), &7.into()));
    let page = std::fs::read_to_string(report.join("index.html")).expect("the page");
    assert!(
        page.contains("too few for a local calibration") && page.contains("one crystal cut in name only")
    );
}

#[test]
fn few_runs_are_said_to_be_few() {
    let folder = prepared(9);
    let dir = folder.path();
    ok(&foreshock(dir, &["train", "plan.yaml"]));
    ok(&foreshock(dir, &["evaluate", "plan.yaml", "--on", "test", "--draws", "5"]));
    let page = std::fs::read_to_string(dir.join("report/index.html")).expect("the page");
    assert!(page.contains("stable calibration lineage"), "{page}");
}
