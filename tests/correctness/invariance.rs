//! The same positions give the same frames and verdicts: on any number of ranks, rotated, renumbered,
//! moved by whole cells.

use std::path::Path;

use crate::lab::{FORCES, Recorded, SLABS, watch};
use crate::machine::Machine;
use crate::trajectory::{self, FIELDS, Row, Snapshot};
use crate::unit_styles::metal_argon;

/// What is demanded of identical positions.
const IDENTICAL: f64 = 1e-10;

/// Reruns the dump in `dir` on `ranks` ranks; `first` are lines before the box.
fn rerun(dir: &Path, ranks: usize, first: &str, more: &str) -> Recorded {
    let file = format!("run{ranks}.jsonl");
    let _ = std::fs::remove_file(dir.join(&file));
    let script = format!(
        "units lj
{first}
read_data start.data
{FORCES}
group a type 1
group b type 2
{}
thermo 100
rerun d.dump {FIELDS}
",
        watch(10, &format!("record {file} {more}"))
    );
    Machine::current().run(ranks, dir, &script).ok();
    Recorded::read(&dir.join(file))
}

fn changed(snapshots: &[Snapshot], change: impl Fn(&mut Snapshot)) -> Vec<Snapshot> {
    let mut snapshots = snapshots.to_vec();
    snapshots.iter_mut().for_each(change);
    snapshots
}

#[test]
fn one_two_and_four_ranks_agree() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    trajectory::slabs(dir.path());
    let one = rerun(dir.path(), 1, "", "rdf yes");
    assert_eq!(one.samples.len(), 2 * 61);
    assert!(!one.alarms.is_empty(), "the melt must raise an alarm for verdicts to mean anything");
    for (ranks, processors) in [(2, ""), (4, ""), (4, "processors 1 1 4")] {
        one.agrees(&rerun(dir.path(), ranks, processors, "rdf yes"), IDENTICAL);
    }
}

#[test]
fn a_rank_without_interfacial_atoms_takes_part() {
    // One interface at the middle of the second of four domains along z; the last is empty.
    let geometry = SLABS.replace("units lj", "units lj\nboundary p p f").replace(
        "region box block 0 5 0 5 0 10\ncreate_box 2 box\ncreate_atoms 1 box",
        "region box block 0 4 0 4 -1 15\ncreate_box 2 box\nregion slab block INF INF INF INF -0.1 9.9\ncreate_atoms 1 region slab",
    );
    let dir = tempfile::tempdir().expect("a temporary directory");
    trajectory::record(dir.path(), &geometry, 10, "fix bottom all wall/reflect zlo EDGE zhi EDGE");
    let one = rerun(dir.path(), 1, "boundary p p f", "");
    assert_eq!(one.samples.len(), 61, "one interface");
    for (ranks, processors) in [(2, "processors 1 1 2"), (4, "processors 1 1 4")] {
        one.agrees(&rerun(dir.path(), ranks, &format!("boundary p p f\n{processors}"), ""), IDENTICAL);
    }
}

#[test]
fn mobile_ions_and_automatic_cutoffs_agree_on_all_ranks() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let dir = dir.path();
    std::fs::write(dir.join("argon.data"), metal_argon()).expect("writable");
    let run = |ranks: usize| {
        let script = format!(
            "units metal
read_data argon.data extra/atom/types 1
group a type 1
group b type 2
mass 3 20.0
set group all type/fraction 3 0.2 777
pair_style lj/cut 8.0
pair_coeff * * 0.0103 3.405
pair_coeff 3 3 0.002 2.6
neighbor 1.5 bin
timestep 0.004
fix move all nve
fix w all foreshock 5 a b mobile 3 region 5 reference 0.08 baseline 0.04 0.4 lag 0.08 mode sync &
  record run{ranks}.jsonl
run 100
"
        );
        let outcome = Machine::current().run(ranks, dir, &script).ok();
        let cutoffs: Vec<String> = outcome.lines("cutoffs from").map(str::to_owned).collect();
        assert_eq!(cutoffs.len(), 1, "{}", outcome.text);
        (cutoffs, Recorded::read(&dir.join(format!("run{ranks}.jsonl"))))
    };
    let (cutoffs, one) = run(1);
    for name in ["msd_mobile", "diffusion_mobile", "mobile_exchange", "jumps_mobile", "cn_ab", "turnover"] {
        assert!(one.value(20, 1, name).is_finite(), "{name}");
    }
    for ranks in [2, 4] {
        let (same_cutoffs, other) = run(ranks);
        assert_eq!(cutoffs, same_cutoffs);
        // Trajectories on other ranks differ by rounding, and stresses are small differences.
        one.agrees_in_samples(&other, 1e-9, 0.1, &[]);
    }
}

#[test]
fn rotation_renumbering_and_translation_change_nothing() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let snapshots = trajectory::read(&trajectory::slabs(dir.path()));
    let plain = rerun(dir.path(), 1, "", "");
    assert!(!plain.alarms.is_empty());
    let [edge, _, height] = snapshots[0].edges();
    let again = |what: &str, snapshots: &[Snapshot]| {
        let dir = tempfile::tempdir().expect("a temporary directory");
        trajectory::write(dir.path(), snapshots);
        println!("{what}");
        plain.agrees(&rerun(dir.path(), 1, "", ""), 1e-9);
    };

    again("unchanged, through our reader and writer", &snapshots);

    // A quarter turn about z: (x, y) becomes (edge - y, x).
    again(
        "rotated",
        &changed(&snapshots, |s| {
            for Row { x, v, image, .. } in &mut s.rows {
                *x = [edge - x[1], x[0], x[2]];
                *v = [-v[1], v[0], v[2]];
                *image = [-image[1], image[0], image[2]];
            }
        }),
    );

    // Other ids, in another order of rows.
    let count = snapshots[0].rows.len();
    again(
        "renumbered",
        &changed(&snapshots, |s| {
            s.rows.iter_mut().for_each(|row| row.id = (row.id * 37) % count + 1);
            s.rows.sort_by_key(|row| (row.id * 613) % 1009);
        }),
    );

    // Other images of all atoms, and other images of each: what counts is the displacement since the
    // reference, so each atom's offset stays the same.
    again(
        "whole cells",
        &changed(&snapshots, |s| {
            for row in &mut s.rows {
                let n = row.id as i64;
                (0..3).for_each(|k| row.image[k] += 3 + (n * (k as i64 + 1)) % 5);
            }
        }),
    );

    // Across the boundary: half a lateral grid of two columns, and 37 bins of the first look along z.
    let step = [edge / 2.0, 0.0, height * 37.0 / 512.0];
    again(
        "translated",
        &changed(&snapshots, |s| {
            for Row { x, image, .. } in &mut s.rows {
                for k in 0..3 {
                    x[k] += step[k];
                    if x[k] >= s.bounds[k][1] {
                        x[k] -= s.bounds[k][1] - s.bounds[k][0];
                        image[k] += 1;
                    }
                }
            }
        }),
    );
}
