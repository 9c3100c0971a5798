//! The flight recorder: what it writes at an alarm, and that it changes nothing.

mod machine;
mod slab;

use machine::Machine;
use slab::{failing, number_after};
use std::collections::BTreeMap;
use std::path::Path;

const SAMPLES: usize = 5;

/// Numbers behind `key=` in a comment line of extended XYZ.
fn step_of(comment: &str) -> i64 {
    let at = comment.find("Step=").expect("a step") + 5;
    comment[at..].split(' ').next().and_then(|word| word.parse().ok()).expect("a number")
}

/// Step and unwrapped positions by id of every sample of a recorder's file.
fn samples(path: &Path) -> Vec<(i64, BTreeMap<i64, [f64; 3]>)> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut lines = text.lines();
    let mut samples = Vec::new();
    while let Some(count) = lines.next() {
        let step = step_of(lines.next().expect("a comment"));
        let atoms = lines.by_ref().take(count.parse().expect("a count")).map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            let number = |k: usize| words[k].parse::<f64>().expect("a number");
            (number(1) as i64, [number(4), number(5), number(6)])
        });
        samples.push((step, atoms.collect()));
    }
    samples
}

/// Positions by id of a dump's last snapshot.
fn last_snapshot(path: &Path) -> BTreeMap<i64, [f64; 3]> {
    let text = std::fs::read_to_string(path).expect("a dump");
    let (_, atoms) = text.rsplit_once("ITEM: ATOMS id xu yu zu").expect("a snapshot");
    let rows = atoms.lines().skip(1).map(|line| {
        let numbers: Vec<f64> = line.split_whitespace().map(|w| w.parse().expect("a number")).collect();
        (numbers[0] as i64, [numbers[1], numbers[2], numbers[3]])
    });
    rows.collect()
}

#[test]
fn an_alarm_dumps_the_last_samples_and_a_restart_file_and_changes_nothing() {
    for ranks in [1, 2] {
        let dir = tempfile::tempdir().expect("a directory");
        let machine = Machine::current();
        let run = |words: &str| {
            let script = failing(&format!("halt no mode sync {words}"), "thermo_modify format float %.15g");
            machine.run(ranks, dir.path(), &script).ok()
        };
        let with = run(&format!("blackbox {SAMPLES} bb"));
        let step = number_after(&with.text, "interface 1 at step")
            .into_iter()
            .chain(number_after(&with.text, "interface 2 at step"))
            .min()
            .expect("an alarm");
        // As text: a NaN of one run stands for the NaN of the other.
        let [with, without] = [with, run("")].map(|outcome| format!("{:?}", outcome.thermo()));
        assert_eq!(with, without, "the run is another one with the recorder on");

        let recorded = samples(&dir.path().join(format!("bb.{step}.xyz")));
        let steps: Vec<i64> = recorded.iter().map(|s| s.0).collect();
        assert_eq!(steps, (0..SAMPLES as i64).rev().map(|k| step - 10 * k).collect::<Vec<_>>());
        let again = format!(
            "read_restart bb.{step}.restart\npair_style lj/cut 5.0\npair_coeff * * 0.4 2.3\n\
             dump d all custom 1 d.dump id xu yu zu\ndump_modify d format float %.17g\nrun 0\n"
        );
        machine.run(ranks, dir.path(), &again).ok();
        let whole = last_snapshot(&dir.path().join("d.dump"));
        let (_, atoms) = recorded.last().expect("samples");
        assert!(atoms.len() > 100 && atoms.len() < whole.len(), "{} atoms are interfacial", atoms.len());
        for (id, x) in atoms {
            for (a, b) in x.iter().zip(whole[id]) {
                assert!(
                    (a - b).abs() < 1e-9,
                    "atom {id}: {x:?} recorded, {:?} in the restart file",
                    whole[id]
                );
            }
        }
    }
}

#[test]
fn a_recorder_that_cannot_be_written_leaves_the_run_alone() {
    for ranks in [1, 2] {
        let dir = tempfile::tempdir().expect("a directory");
        let script = failing("halt no mode sync message no blackbox 5 missing/bb", "");
        let outcome = Machine::current().run(ranks, dir.path(), &script).ok();
        assert_eq!(number_after(&outcome.text, "third run ends at"), Some(1400), "{}", outcome.text);
        assert!(outcome.lines("WARNING: cannot write missing/bb").count() >= 2, "{}", outcome.text);
    }
}

#[test]
fn an_alarm_after_the_last_sample_is_dumped_too() {
    for ranks in [1, 2] {
        let dir = tempfile::tempdir().expect("a directory");
        let machine = Machine::current();
        let whole = machine.run(ranks, dir.path(), &failing("halt no mode sync", "")).ok();
        let step = whole
            .lines("ALARM: interface")
            .filter_map(|line| number_after(line, "at step"))
            .min()
            .expect("an alarm");
        // A run that ends with the alarm's sample: in async mode its verdict is still on its way then.
        let script = failing("halt no mode async blackbox 3 late", "")
            .replace("run 600", &format!("run {} \nquit", step - 700));
        machine.run(ranks, dir.path(), &script).ok();
        for file in [format!("late.{step}.xyz"), format!("late.{step}.restart")] {
            assert!(dir.path().join(&file).is_file(), "no {file}");
        }
    }
}
