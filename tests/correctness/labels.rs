//! Label-only events against distances that this test works out itself from LAMMPS's positions.

use std::collections::BTreeSet;

use foreshock::inprocess::Lammps;

use crate::lab::{FORCES, Recorded, SLABS, lammps, watch};

const TOUCH: f64 = 1.3;
const LOSE: f64 = 1.9;

/// Ids of the atoms of type 1 that have one of type 2 nearer than `radius`.
fn touching(lammps: &Lammps, radius: f64) -> BTreeSet<i64> {
    let x = lammps.atoms("x", 3).expect("a property");
    let x = x.as_chunks::<3>().0;
    let kind = lammps.atom_integers("type", 1).expect("a property");
    let edges = ["lx", "ly", "lz"].map(|name| lammps.thermo(name).expect("a keyword"));
    let near = |i: usize, j: usize| {
        let square = |k: usize| {
            let d = x[i][k] - x[j][k];
            (d - (d / edges[k]).round() * edges[k]).powi(2)
        };
        kind[j] == 2 && (0..3).map(square).sum::<f64>() < radius * radius
    };
    let ids = (0..x.len()).filter(|&i| kind[i] == 1 && (0..x.len()).any(|j| near(i, j)));
    ids.map(|i| i as i64 + 1).collect()
}

#[test]
fn a_contact_is_lost_and_regained_with_hysteresis() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let label = dir.path().join("label.yaml");
    std::fs::write(&label, format!("contacts:\n  - {{types: [1, 2], touch: {TOUCH}, lose: {LOSE}}}\n"))
        .expect("writable");
    let stream = dir.path().join("s.jsonl");
    let mut lammps = lammps();
    let words = format!("stress no record {} label {}", stream.display(), label.display());
    lammps
        .commands(&format!("{SLABS}{FORCES}{}run 40 post no\n", watch(10, &words)))
        .expect("the input is correct");
    let at_reference = touching(&lammps, TOUCH);
    // Nothing integrates: atoms move when they are told to. Upwards the lower interface opens, first to
    // between the two radii, then beyond them.
    let lift = |lammps: &mut Lammps, by: f64| {
        lammps.command(&format!("displace_atoms b move 0 0 {by} units box")).expect("the input is correct");
        lammps.command("run 20 post no").expect("the input is correct");
    };
    lift(&mut lammps, 0.5);
    let between = touching(&lammps, LOSE);
    assert!(at_reference.is_subset(&between), "the first lift stays within {LOSE}");
    lift(&mut lammps, 0.6);
    let gone: Vec<i64> = at_reference.difference(&touching(&lammps, LOSE)).copied().collect();
    lift(&mut lammps, -0.6);
    lift(&mut lammps, -0.5);
    drop(lammps);
    assert_eq!(gone.len(), 50, "one layer of 5 x 5 cells has opened");
    let recorded = Recorded::read(&stream);
    let told = |kind: &str, frame: u64| -> Vec<i64> {
        let events = recorded.events.iter().filter(|e| e.2 == kind && e.0 == frame);
        let mut ids: Vec<i64> = events.map(|e| e.3[0]).collect();
        ids.sort_unstable();
        ids
    };
    // Samples every 10 steps; the runs end at samples 4, 6, 8, 10 and 12.
    assert_eq!(told("contact_lost", 7), gone);
    assert_eq!(told("contact_regained", 11), gone);
    assert_eq!(recorded.events.len(), 2 * gone.len(), "{:?}", recorded.events);
}
