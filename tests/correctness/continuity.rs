//! A run that is interrupted, split or replayed from a dump gives what the unbroken one gives.

use std::path::Path;

use crate::lab::{FORCES, Recorded, SLABS, watch};
use crate::machine::Machine;
use crate::trajectory::{self, FIELDS};

/// Reruns the part of the dump in `dir` from step `first` to `last` on `ranks` ranks, from the data file
/// or, where `first` is not 0, from the restart file of the part before; leaves a restart file.
fn part(dir: &Path, stream: &str, ranks: usize, first: i64, last: i64) {
    let start = if first == 0 { "read_data start.data" } else { "read_restart state.restart" };
    let script = format!(
        "units lj
{start}
{FORCES}
group a type 1
group b type 2
{}
thermo 100
rerun d.dump first {first} last {last} {FIELDS}
write_restart state.restart
",
        watch(10, &format!("record {stream} rdf yes label label.yaml"))
            .replace("reference 0.08", "reference 0.16")
    );
    Machine::current().run(ranks, dir, &script).ok();
}

#[test]
fn a_rerun_split_by_restarts_equals_the_unbroken_one() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let dir = dir.path();
    trajectory::slabs(dir);
    std::fs::write(
        dir.join("label.yaml"),
        "bonds:\n  - {types: [1, 2], form: 1.3, break: 1.6}\nsites:\n  - {type: 1, leave: 0.5, return: 0.3}\n\
         contacts:\n  - {types: [2, 1], touch: 1.3, lose: 1.5}\n",
    )
    .expect("writable");
    part(dir, "whole.jsonl", 1, 0, 600);
    let whole = Recorded::read(&dir.join("whole.jsonl"));
    let alarm = whole.alarms.first().expect("the melt raises an alarm").0 as i64 * 10;
    for kind in ["bond_formed", "site_left", "contact_lost", "contact_regained"] {
        assert!(whole.events.iter().any(|e| e.2 == kind), "the melt has no {kind}");
    }
    // The reference takes samples 0 to 3, the baseline 7 to 27.
    for (name, splits) in [
        ("reference", vec![(1, 20), (1, 600)]),
        ("end of the reference", vec![(1, 30), (2, 40), (1, 600)]),
        ("baseline", vec![(1, 150), (2, 600)]),
        ("alarm", vec![(2, alarm + 20), (1, 600)]),
        ("often", vec![(2, 10), (4, 60), (1, 130), (2, 260), (2, alarm), (1, 600)]),
    ] {
        let stream = format!("{}.jsonl", name.replace(' ', "_"));
        let mut first = 0;
        for (ranks, last) in splits {
            part(dir, &stream, ranks, first, last);
            first = last + 10;
        }
        println!("split in: {name}");
        let split = Recorded::read(&dir.join(stream));
        whole.agrees(&split, 1e-10);
        assert_eq!(whole.events, split.events);
    }
}

#[test]
fn work_after_the_last_restart_file_is_superseded() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let dir = dir.path();
    trajectory::slabs(dir);
    std::fs::write(dir.join("label.yaml"), "bonds:\n  - {types: [1, 2], form: 1.3, break: 1.6}\n")
        .expect("writable");
    part(dir, "whole.jsonl", 1, 0, 600);
    part(dir, "again.jsonl", 1, 0, 300);
    std::fs::copy(dir.join("state.restart"), dir.join("kept.restart")).expect("written just now");
    // A run that was killed long after its last restart file.
    part(dir, "again.jsonl", 1, 310, 450);
    std::fs::copy(dir.join("kept.restart"), dir.join("state.restart")).expect("written just now");
    part(dir, "again.jsonl", 2, 310, 600);
    let (whole, again) = (Recorded::read(&dir.join("whole.jsonl")), Recorded::read(&dir.join("again.jsonl")));
    whole.agrees(&again, 1e-10);
}

#[test]
fn ten_short_runs_equal_one_long_one() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let dir = dir.path();
    let run = |stream: &str, runs: &str| {
        let script = format!(
            "{SLABS}{FORCES}
velocity all scale 0.3
fix move all nve
{}
thermo_style custom step temp pe
thermo_modify format float %.15g
{runs}
",
            watch(20, &format!("record {stream}"))
        );
        Machine::current().run(1, dir, &script).ok();
        Recorded::read(&dir.join(stream))
    };
    let long = run("long.jsonl", "run 1300");
    assert_eq!(long.samples.len(), 2 * 66);
    let short = run("short.jsonl", &"run 130\n".repeat(10));
    let quick = run("quick.jsonl", &format!("run 130\n{}", "run 130 pre no post no\n".repeat(9)));
    let judged = long.verdicts.values().filter(|v| v.index.is_finite()).count();
    assert!(judged > 20, "{judged} judged windows");
    // Every new run sorts atoms anew, so that sums differ in their last bits.
    long.agrees(&short, 1e-9);
    long.agrees(&quick, 1e-9);
}

#[test]
fn a_rerun_of_a_dump_equals_the_live_run() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let dir = dir.path();
    trajectory::record(dir, SLABS, 10, &watch(10, "record live.jsonl rdf yes"));
    for ranks in [1, 2] {
        let script = format!(
            "units lj
read_data start.data
{FORCES}
group a type 1
group b type 2
{}
rerun d.dump {FIELDS}
",
            watch(10, &format!("record rerun{ranks}.jsonl rdf yes"))
        );
        Machine::current().run(ranks, dir, &script).ok();
        let (live, again) = (
            Recorded::read(&dir.join("live.jsonl")),
            Recorded::read(&dir.join(format!("rerun{ranks}.jsonl"))),
        );
        live.agrees(&again, 1e-9);
    }
}
