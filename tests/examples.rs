//! The examples run as they stand, and their reference logs are still what they print.

mod machine;

use foreshock::stream::{Line, Reader};
use machine::{Machine, Outcome, finish};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")
}

/// Copies the examples' scripts and data into `dir`, as a user would have them, with every `run N`
/// longer than `longest` shortened to it.
fn copy(dir: &Path, longest: Option<u64>) {
    for entry in std::fs::read_dir(examples()).expect("the examples are there").flatten() {
        let folder = entry.path();
        // Campaigns and interface specifications have tests of their own.
        if !folder.join(format!("in.{}", entry.file_name().display())).is_file() {
            continue;
        }
        let target = dir.join(entry.file_name());
        std::fs::create_dir_all(&target).expect("the temporary folder is writable");
        for file in std::fs::read_dir(&folder).expect("a folder").flatten() {
            let name = file.file_name().into_string().expect("plain names");
            if name.starts_with("in.") {
                let text = std::fs::read_to_string(file.path()).expect("an input script");
                let lines: Vec<String> = text
                    .lines()
                    .map(|line| match (line.strip_prefix("run "), longest) {
                        (Some(steps), Some(most)) => {
                            let steps: u64 = steps.trim().parse().expect("a number of steps");
                            format!("run {}", steps.min(most))
                        }
                        _ => line.to_owned(),
                    })
                    .collect();
                std::fs::write(target.join(name), lines.join("\n") + "\n").expect("writable");
            } else if !name.starts_with("run") {
                std::fs::copy(file.path(), target.join(name)).expect("writable");
            }
        }
    }
}

/// Runs an example as its README paragraph says, after `source env.sh`.
fn run(dir: &Path, name: &str, ranks: usize) -> Outcome {
    let machine = Machine::current();
    let mut command = machine.lmp(ranks);
    // As examples/README.md has it.
    if matches!(name, "oxide-failing" | "metal-anode") {
        command.args(["-sf", "omp"]);
    }
    command
        .args(["-in", &format!("in.{name}"), "-log", "log", "-nocite"])
        .current_dir(dir.join(name))
        .env("LAMMPS_PLUGIN_PATH", machine.plugin.parent().expect("a file has a folder"))
        .env("LAMMPS_POTENTIALS", machine.potentials());
    finish(command, name).ok()
}

/// The first rows of a run's thermo output agree with those of the reference log. Later ones need
/// not: trajectories are chaotic.
fn agrees_with_reference(outcome: &Outcome, name: &str, ranks: usize) {
    let path = examples().join(name).join(format!("log.{ranks}"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let reference = Outcome { status: outcome.status, text };
    let ((names, rows), (known_names, known)) = (outcome.thermo(), reference.thermo());
    assert_eq!(names, known_names, "{name}");
    assert!(rows.len() >= 2 && known.len() >= 2, "{name}: {} rows", rows.len());
    for (row, expected) in rows.iter().zip(&known).take(2) {
        for ((column, a), b) in names.iter().zip(row).zip(expected) {
            assert!(
                (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-4 * b.abs().max(1.0),
                "{name} on {ranks} ranks, {column}: {a}, in the reference log {b}"
            );
        }
    }
}

#[test]
fn the_failing_oxide_is_stopped() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    copy(dir.path(), None);
    let outcome = run(dir.path(), "oxide-failing", 1);
    assert_eq!(outcome.lines("ALARM").count(), 1, "{}", outcome.text);
    assert_eq!(outcome.lines("halts the run at step").count(), 1, "{}", outcome.text);
    let (_, rows) = outcome.thermo();
    assert!(rows.last().is_some_and(|row| row[0] < 30_000.0), "the run was not shortened");
    let folder = dir.path().join("oxide-failing");
    let reason = std::fs::read_to_string(folder.join("log.foreshock.json")).expect("the reason is written");
    assert!(reason.contains("\"halt\": \"soft\""), "{reason}");
    assert!(folder.join("run.jsonl").is_file());
    agrees_with_reference(&outcome, "oxide-failing", 1);
}

/// Without the halt the interface that was warned of becomes unstable as examples/labels/oxides.yaml has
/// it: five new Si-O bonds, held. The warning comes 5 ps before that or earlier.
#[test]
fn the_failing_oxide_fails_if_it_is_not_stopped() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    copy(dir.path(), Some(21_000));
    let folder = dir.path().join("oxide-failing");
    let bonds = examples().join("campaigns/oxides/label-lso-l2o.yaml");
    let input = folder.join("in.oxide-failing");
    let text = std::fs::read_to_string(&input).expect("an input script");
    assert_eq!(text.matches("halt soft").count(), 1, "{text}");
    let text = text.replace("halt soft", &format!("halt no label {}", bonds.display()));
    std::fs::write(&input, text).expect("writable");
    run(dir.path(), "oxide-failing", 1);

    let (mut warned, mut standing) = (None, BTreeMap::new());
    for line in Reader::open(&folder.join("run.jsonl")).expect("a stream") {
        match line.expect("undamaged") {
            Line::Alarm { alarm, .. } => warned = warned.or(Some((alarm.interface, alarm.time_ps))),
            Line::Event { step, interface, kind, tags, .. } if kind == "bond_formed" => {
                standing.insert((interface, tags), 0.002 * step as f64);
            }
            Line::Event { interface, kind, tags, .. } if kind == "bond_broken" => {
                standing.remove(&(interface, tags));
            }
            _ => {}
        }
    }
    let (interface, alarm_ps) = warned.expect("a warning");
    let mut formed: Vec<f64> =
        standing.iter().filter(|((of, _), _)| *of == interface).map(|(_, time_ps)| *time_ps).collect();
    formed.sort_by(f64::total_cmp);
    // What formed in the last 4 ps has not been held for long.
    let fifth = *formed.get(4).unwrap_or_else(|| panic!("five new bonds at the end: {formed:?} ps"));
    assert!(fifth < 38.0 && alarm_ps <= fifth - 5.0, "warned at {alarm_ps} ps, fifth bond at {fifth} ps");
}

#[test]
fn the_metal_anode_is_left_alone() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    copy(dir.path(), None);
    let outcome = run(dir.path(), "metal-anode", 1);
    assert_eq!(outcome.lines("ALARM").count(), 0, "{}", outcome.text);
    let (names, rows) = outcome.thermo();
    let index = names.iter().position(|n| n == "f_w[6]").expect("the index is printed");
    let last = rows.last().expect("rows");
    assert_eq!(last[0], 15_000.0);
    assert!(last[index].is_finite(), "the interface was judged");
    agrees_with_reference(&outcome, "metal-anode", 1);
}

#[test]
fn shadow_mode_and_offline_run_to_their_end() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    // Long enough for the baseline to end and windows to be judged.
    copy(dir.path(), Some(4500));
    for (name, last) in [("shadow", 2500.0), ("offline", 4500.0)] {
        let outcome = run(dir.path(), name, 1);
        let (names, rows) = outcome.thermo();
        let row = rows.last().expect("rows");
        assert_eq!(row[0], last, "{name}");
        let state = names.iter().position(|n| n == "f_w[10]").expect("the state is printed");
        assert_eq!(row[state], 4.0, "{name}: judged, and nothing is wrong");
        agrees_with_reference(&outcome, name, 1);
    }
}

#[test]
fn all_examples_run_on_four_ranks() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    copy(dir.path(), Some(500));
    for name in ["oxide-failing", "metal-anode", "shadow", "offline"] {
        let outcome = run(dir.path(), name, 4);
        assert!(outcome.text.contains("samples on 4 ranks"), "{name}: {}", outcome.text);
        agrees_with_reference(&outcome, name, 4);
    }
}
