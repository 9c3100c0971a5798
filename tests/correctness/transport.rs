//! State stays with its atom while atoms move between ranks, are sorted, rebalanced and replaced.

use std::collections::BTreeMap;
use std::path::Path;

use crate::lab::{FORCES, SLABS, watch};
use crate::machine::Machine;
use crate::trajectory::FIELDS;

/// Per-atom output and unwrapped positions at one step: by id, type, then `xu yu zu f_w[1..3]`.
type Rows = BTreeMap<usize, (usize, [f64; 6])>;

fn dump(path: &Path) -> BTreeMap<i64, Rows> {
    let text = std::fs::read_to_string(path).expect("the run wrote it");
    let mut steps = BTreeMap::new();
    for snapshot in text.split("ITEM: TIMESTEP\n").skip(1) {
        let step = snapshot.lines().next().and_then(|l| l.parse().ok()).expect("a step");
        let rows = snapshot.lines().skip_while(|l| !l.starts_with("ITEM: ATOMS")).skip(1);
        let rows = rows.map(|line| {
            let row: Vec<f64> = line.split_whitespace().map(|w| w.parse().expect("a number")).collect();
            (row[0] as usize, (row[1] as usize, std::array::from_fn(|k| row[2 + k])))
        });
        steps.insert(step, rows.collect());
    }
    steps
}

/// Checks the fix's displacements against those of the unwrapped positions about the centre of mass of
/// the atoms that were there from the start; returns how many atoms are tracked.
fn check(steps: &BTreeMap<i64, Rows>) -> usize {
    let first = &steps[&0];
    let mut tracked = 0;
    for (step, rows) in steps.iter().filter(|(step, _)| **step > 0) {
        let moved = |id: &usize| -> [f64; 3] { std::array::from_fn(|k| rows[id].1[k] - first[id].1[k]) };
        let mut centre = [0.0; 4];
        for id in rows.keys().filter(|id| first.contains_key(id)) {
            let mass = if rows[id].0 == 1 { 1.0 } else { 1.7 };
            centre[3] += mass;
            (0..3).for_each(|k| centre[k] += mass * moved(id)[k]);
        }
        let mut count = 0;
        for (id, (_, values)) in rows.iter().filter(|(_, row)| row.1[3] != 0.0) {
            let d = moved(id);
            let want = (0..3).map(|k| (d[k] - centre[k] / centre[3]).powi(2)).sum::<f64>().sqrt();
            assert!(
                (values[3] - want).abs() < 1e-9 * want.max(1.0),
                "atom {id} at step {step}: moved by {}, expected {want}",
                values[3]
            );
            count += 1;
        }
        assert!(tracked == 0 || tracked == count, "{count} atoms tracked at step {step}, {tracked} before");
        tracked = count;
    }
    tracked
}

fn run(ranks: usize, input: &str) -> BTreeMap<i64, Rows> {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let script = format!(
        "{input}
dump d all custom 100 d.dump id type xu yu zu f_w[1] f_w[2] f_w[3]
dump_modify d format float %.17g
neigh_modify every 1 delay 0 check yes
thermo 500
run 500
{}
run 500
",
        if ranks > 1 { "balance 1.0 shift xyz 20 1.0" } else { "" }
    );
    Machine::current().run(ranks, dir.path(), &script).ok();
    dump(&dir.path().join("d.dump"))
}

/// A thousand steps of a melt in which every atom changes its neighbours, with its reference at step 0.
fn melt(more: &str) -> String {
    format!(
        "{}{FORCES}
velocity all scale 4.0
velocity all set 0.3 -0.2 0.1 sum yes
fix move all nve
{}
{more}
",
        SLABS.replace("units lj", "units lj\natom_modify sort 30 1.0"),
        watch(10, "").replace("reference 0.08", "reference 0.04")
    )
}

#[test]
fn displacements_belong_to_their_atoms_on_many_ranks() {
    for ranks in [1, 2, 4] {
        let more = if ranks > 1 { "fix balanced all balance 50 1.0 shift xyz 10 1.0" } else { "" };
        let steps = run(ranks, &melt(more));
        assert_eq!(steps.len(), 11);
        let tracked = check(&steps);
        assert!(tracked > 300, "{tracked} atoms tracked");
        let far = steps[&1000].values().map(|row| row.1[3]).fold(0.0, f64::max);
        assert!(far > 1.5, "atoms moved by {far} at most: nothing was mixed");
        // Turnover is a share; some atom has new neighbours.
        let turnover: Vec<f64> = steps[&1000].values().map(|row| row.1[5]).collect();
        assert!(turnover.iter().all(|t| (0.0..=1.0).contains(t)) && turnover.iter().any(|&t| t > 0.0));
    }
}

/// Neighbours and bonds travel apart from positions: what they give on four ranks, rebalanced all the
/// time, is what one rank makes of the same trajectory.
#[test]
fn bonds_and_neighbours_belong_to_their_atoms_on_many_ranks() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let columns = "dump d all custom 100 FILE id type xu yu zu f_w[1] f_w[2] f_w[3]
dump_modify d format float %.17g
thermo 500";
    let hot = format!(
        "{}
{}
dump t all custom 10 t.dump id type x y z vx vy vz ix iy iz
dump_modify t format float %.17g
neigh_modify every 1 delay 0 check yes
run 1000
",
        melt("fix balanced all balance 50 1.0 shift xyz 10 1.0"),
        columns.replace("FILE", "live.dump")
    );
    Machine::current().run(4, dir.path(), &hot).ok();
    let again = format!("{}\n{}\nrerun t.dump {FIELDS}\n", melt(""), columns.replace("FILE", "again.dump"));
    Machine::current().run(1, dir.path(), &again).ok();
    let [live, again] = ["live.dump", "again.dump"].map(|name| dump(&dir.path().join(name)));
    assert_eq!(live.len(), 11);
    let mut changed = 0;
    for (step, rows) in &live {
        for (id, (_, values)) in rows {
            let other = again[step][id].1;
            assert_eq!(values[4], other[4], "bonds of atom {id} at step {step}");
            assert!((values[5] - other[5]).abs() < 1e-12, "turnover of atom {id} at step {step}");
            changed += usize::from(values[4] != 0.0 && values[5] != 0.0);
        }
    }
    assert!(changed > 300, "only {changed} rows changed");
}

#[test]
fn shrink_wrapped_boxes_do_not_bend_displacements() {
    // A free cluster: all six faces follow its outermost atoms.
    let geometry = SLABS.replace("units lj", "units lj\nboundary s s s").replace("0.9 4711", "0.4 4711");
    let steps = run(
        1,
        &format!(
            "{geometry}{FORCES}
fix move all nve
{}
",
            watch(10, "").replace("reference 0.08", "reference 0.04")
        ),
    );
    assert!(check(&steps) > 100);
}

#[test]
fn atoms_that_come_and_go_leave_the_others_alone() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    for ranks in [1, 2] {
        let script = format!(
            "{}
dump d all custom 100 d.dump id type xu yu zu f_w[1] f_w[2] f_w[3]
dump_modify d format float %.17g
thermo 500
run 200
region some sphere 1.0 1.0 1.0 0.9 units lattice
delete_atoms region some compress no
undump d
unfix move
fix move all nve/limit 0.05
create_atoms 2 single 3.1 3.1 3.1
create_atoms 1 single 1.0 1.0 1.0
thermo_style custom step atoms f_w[1][11] f_w[2][12] f_w[1][30]
run 200
",
            melt("").replace("velocity all set 0.3 -0.2 0.1 sum yes", "")
        );
        let outcome = Machine::current().run(ranks, dir.path(), &script).ok();
        let (_, rows) = outcome.thermo();
        let last = rows.last().expect("a thermo line");
        assert!(last.iter().all(|v| v.is_finite()), "{rows:?}");
        check(&dump(&dir.path().join("d.dump")));
    }
}
