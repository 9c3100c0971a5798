//! What the fix shows to LAMMPS: thermo columns, arrays, per-atom columns, averages, the closing table.

mod machine;
mod slab;

use machine::{Machine, Outcome};
use slab::{SLAB, fix, of_type, stream};
use std::path::Path;

fn run(ranks: usize, dir: &Path, script: &str) -> Outcome {
    Machine::current().run(ranks, dir, script).ok()
}

/// The vector, with digits enough to compare.
const VECTOR: &str = "thermo_style custom step f_w f_w[1] f_w[2] f_w[3] f_w[4] f_w[5] f_w[6] f_w[7] f_w[8] f_w[9] \
                      f_w[10]\nthermo_modify format float %.17g\n";

#[test]
fn run_0_shows_states_and_nan_never_a_probability_of_0() {
    for ranks in [1, 2] {
        let dir = tempfile::tempdir().expect("a directory");
        let outcome = run(ranks, dir.path(), &format!("{SLAB}{}{VECTOR}run 0\n", fix("record r.jsonl")));
        let (_, rows) = outcome.thermo();
        let row = &rows[0];
        assert_eq!(row.len(), 12, "{}", outcome.text);
        let shown = |column: usize| row[column + 1];
        for column in [0, 1, 2, 3, 4, 6, 7] {
            assert!(shown(column).is_nan(), "column {column}: {row:?}");
        }
        // No alarm, age 0, nothing dropped, state 1: the reference.
        assert_eq!([5, 8, 9, 10].map(shown), [0.0, 0.0, 0.0, 1.0]);
        assert_eq!(of_type(&dir.path().join("r.jsonl"), "sample").len(), 2);
    }
}

#[test]
fn columns_tell_learning_from_judged() {
    let dir = tempfile::tempdir().expect("a directory");
    let outcome = run(2, dir.path(), &format!("{SLAB}{}{VECTOR}run 900\n", fix("mode sync")));
    let (_, rows) = outcome.thermo();
    assert_eq!(rows.len(), 10);
    for row in &rows {
        let (step, index, state) = (row[0], row[7], row[11]);
        let expected = match step as u64 {
            0 => 1.0,
            1..=600 => 2.0,
            _ => 4.0,
        };
        assert_eq!(state, expected, "step {step}");
        assert_eq!(index.is_nan(), step <= 600.0, "step {step}: {index}");
        assert!(step <= 600.0 || index > 0.0);
        // The CUSUM detector is no classifier: probabilities are unknown, not 0.
        assert!([1, 2, 3, 4, 5, 8].iter().all(|&at: &usize| row[at].is_nan()), "{row:?}");
        assert_eq!([row[6], row[9], row[10]], [0.0, 0.0, 0.0], "no alarm, age 0 and no drops in mode sync");
    }
}

#[test]
fn a_restart_shows_the_last_verdict_until_the_next_sample() {
    let dir = tempfile::tempdir().expect("a directory");
    let first = format!("{SLAB}{}{VECTOR}run 900\nwrite_restart w.restart\n", fix("mode sync"));
    let (_, before) = run(2, dir.path(), &first).thermo();
    let pair = "pair_style lj/cut 5.0\npair_coeff * * 0.4 2.3\nfix nve all nve\ntimestep 0.002\n";
    for ranks in [1, 2] {
        let second = format!("read_restart w.restart\n{pair}{}{VECTOR}run 5\n", fix("mode sync"));
        let (_, after) = run(ranks, dir.path(), &second).thermo();
        let [from, to] = [&before[9], &after[0]].map(|row| format!("{row:?}"));
        assert_eq!((before[9][0], before[9][11]), (900.0, 4.0), "judged");
        assert_eq!(from, to, "on {ranks} ranks");
    }
}

#[test]
fn the_array_is_the_record() {
    let dir = tempfile::tempdir().expect("a directory");
    let columns: Vec<String> =
        [1, 2].iter().flat_map(|i| (11..=40).map(move |j| format!("f_w[{i}][{j}]"))).collect();
    let script = format!(
        "{SLAB}{}thermo_style custom step {}\nthermo_modify format float %.17g\nrun 300\n",
        fix("mode sync record r.jsonl"),
        columns.join(" ")
    );
    let (_, rows) = run(2, dir.path(), &script).thermo();
    assert_eq!(rows.len(), 4);
    let mut compared = 0;
    for sample in of_type(&dir.path().join("r.jsonl"), "sample") {
        let Some(row) = rows.iter().find(|row| sample["step"] == row[0] as i64) else { continue };
        let first = 1 + 30 * sample["interface"].as_u64().expect("a number") as usize;
        for (shown, value) in row[first..first + 30].iter().zip(sample["values"].as_array().expect("values"))
        {
            match value.as_f64() {
                Some(value) => assert_eq!(*shown, value, "step {}", row[0]),
                None => assert!(shown.is_nan(), "step {}", row[0]),
            }
            compared += 1;
        }
    }
    assert_eq!(compared, 4 * 2 * 30);
}

#[test]
fn averages_and_variables_read_the_fix() {
    let dir = tempfile::tempdir().expect("a directory");
    let script = format!(
        "{SLAB}{}variable i equal f_w[1][6]\nvariable grown equal \"f_w[6] > 0\"\n\
         fix av all ave/time 10 5 50 f_w[6] v_i f_w[10] file av.txt format \" %.17g\"\n\
         run 800\nprint \"state $(f_w[10]) grown ${{grown}} index ${{i}}\"\n",
        fix("mode sync record r.jsonl")
    );
    let outcome = run(1, dir.path(), &script);
    assert!(outcome.text.contains("state 4 grown 1 index "), "{}", outcome.text);
    let text = std::fs::read_to_string(dir.path().join("av.txt")).expect("fix ave/time writes");
    let last: Vec<f64> = text
        .lines()
        .last()
        .map_or(Vec::new(), |line| line.split_whitespace().filter_map(|word| word.parse().ok()).collect());
    assert_eq!((last.len(), last[0], last[3]), (4, 800.0, 4.0), "{text}");
    let index: Vec<f64> = of_type(&dir.path().join("r.jsonl"), "verdict")
        .iter()
        .filter(|v| v["interface"] == 0 && v["window_end_step"].as_i64() > Some(750))
        .filter_map(|v| v["index"].as_f64())
        .collect();
    assert_eq!(index.len(), 5);
    let mean = index.iter().sum::<f64>() / 5.0;
    assert!((last[2] / mean - 1.0).abs() < 1e-12, "{} {mean}", last[2]);
}

#[test]
fn per_atom_columns_go_to_a_dump() {
    for ranks in [1, 2] {
        let dir = tempfile::tempdir().expect("a directory");
        let script = format!(
            "{SLAB}{}dump d all custom 100 d.txt id type z f_w[1] f_w[2] f_w[3]\n\
             compute far all reduce max f_w[1]\nthermo_style custom step c_far\nrun 300\n",
            fix("")
        );
        let (_, rows) = run(ranks, dir.path(), &script).thermo();
        assert!(rows[3][1] > 0.05 && rows[3][1] < 2.0, "largest displacement, angstrom: {rows:?}");
        let text = std::fs::read_to_string(dir.path().join("d.txt")).expect("dumped");
        let last = text.rsplit("ITEM: ATOMS").next().expect("a frame");
        let atoms: Vec<Vec<f64>> = last
            .lines()
            .skip(1)
            .map(|line| line.split_whitespace().map(|word| word.parse().expect("a number")).collect())
            .collect();
        assert_eq!(atoms.len(), 512);
        assert!(atoms.iter().all(|atom| atom.len() == 6 && atom.iter().all(|x| x.is_finite())));
        let moved = atoms.iter().filter(|atom| atom[3] > 0.0).count();
        assert!((200..=512).contains(&moved), "{moved} interfacial atoms have moved");
    }
}

/// Samples stay on their grid, each step once, whatever happens between runs.
#[test]
fn several_runs_and_a_minimization_keep_the_grid() {
    let dir = tempfile::tempdir().expect("a directory");
    let script = format!(
        "{SLAB}{}run 0\nrun 105\nrun 5 pre no\nrun 95\nminimize 0 0 13 100\nrun 120 every 40 \"print 'at $(step)'\"\n\
         run 0\nprint \"ends at $(step)\"\n",
        fix("mode sync record r.jsonl")
    );
    let outcome = run(2, dir.path(), &script);
    let end = slab::number_after(&outcome.text, "ends at").expect("printed");
    let steps: Vec<i64> = of_type(&dir.path().join("r.jsonl"), "sample")
        .iter()
        .filter(|s| s["interface"] == 0)
        .filter_map(|s| s["step"].as_i64())
        .collect();
    assert!(steps.is_sorted_by(|a, b| a < b), "{steps:?}");
    assert!(steps.iter().all(|step| step % 10 == 0), "{steps:?}");
    // All of the dynamics; nothing of the minimization but what a run starts from.
    let dynamic = |step: &i64| *step <= 200 || *step > end - 120;
    assert!(steps.iter().all(dynamic), "{steps:?}");
    assert_eq!(steps.len() as i64, 21 + (end / 10 - (end - 120) / 10), "{steps:?}");
}

#[test]
fn a_table_says_where_the_time_went() {
    let dir = tempfile::tempdir().expect("a directory");
    let outcome = run(2, dir.path(), &format!("{SLAB}{}run 100\nrun 50\nrun 0\n", fix("")));
    assert_eq!(outcome.lines("Fix foreshock w: 11 samples on 2 ranks").count(), 1, "{}", outcome.text);
    assert_eq!(outcome.lines("Fix foreshock w: 5 samples on 2 ranks").count(), 1, "{}", outcome.text);
    for row in ["descriptors", "communication", "windows", "stream", "inference thread", "dropped windows"] {
        assert_eq!(outcome.lines(&format!("  {row}")).count(), 2, "{row}: {}", outcome.text);
    }
    let share = outcome.lines("in the step, sum").next().expect("a row");
    let percent: f64 = share.split_whitespace().rev().nth(3).and_then(|w| w.parse().ok()).expect("a share");
    assert!((0.0..100.0).contains(&percent), "{share}");
}

#[test]
fn memory_is_counted() {
    let dir = tempfile::tempdir().expect("a directory");
    let megabytes = |words: &str| -> f64 {
        let outcome = run(1, dir.path(), &format!("{SLAB}{words}run 100\nrun 0\n"));
        let line = outcome.lines("Per MPI rank memory allocation").last().expect("LAMMPS's line").to_owned();
        line.split_whitespace().rev().nth(1).and_then(|w| w.parse().ok()).expect("a number")
    };
    let (without, with) = (megabytes(""), megabytes(&fix("")));
    assert!(with > without + 0.1 && with < without + 50.0, "{without} and {with} MB");
}

#[test]
fn both_releases_give_the_same_descriptors() {
    let samples = [Machine::current(), Machine::of_2024()].map(|machine| {
        let dir = tempfile::tempdir().expect("a directory");
        let stress = fix("record r.jsonl").replace("stress no", "stress yes");
        machine.run(2, dir.path(), &format!("{SLAB}{stress}run 200\n")).ok();
        let lines = stream(&dir.path().join("r.jsonl"));
        assert_eq!(lines[0]["units"], "metal");
        let samples: Vec<serde_json::Value> = lines.into_iter().filter(|l| l["type"] == "sample").collect();
        assert_eq!(samples.len(), 42);
        samples
    });
    let mut compared = 0;
    for (a, b) in samples[0].iter().zip(&samples[1]) {
        assert_eq!(
            (&a["step"], &a["interface"], &a["condition"]),
            (&b["step"], &b["interface"], &b["condition"])
        );
        let values = |line: &serde_json::Value| line["values"].as_array().cloned().expect("values");
        for (at, (x, y)) in values(a).iter().zip(&values(b)).enumerate() {
            match (x.as_f64(), y.as_f64()) {
                (Some(x), Some(y)) => {
                    let tolerance = 1e-9 * x.abs().max(y.abs()).max(1.0);
                    assert!((x - y).abs() <= tolerance, "step {}, value {at}: {x} and {y}", a["step"]);
                    compared += 1;
                }
                (x, y) => assert_eq!(x, y, "step {}, value {at}", a["step"]),
            }
        }
    }
    assert!(compared > 800, "{compared}");
}
