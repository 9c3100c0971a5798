//! Boxes of every kind and what users do between runs.

use std::path::Path;

use foreshock::inprocess::Lammps;

use crate::lab::{FORCES, Recorded, SLABS, SMALL, close, descriptor, lammps, lammps_with, watch};
use crate::machine::Machine;
use crate::trajectory::{self, FIELDS, Row, Snapshot};

fn rerun(dir: &Path, stream: &str, box_lines: &str, normal: &str) -> Recorded {
    let script = format!(
        "units lj
box tilt large
{box_lines}
read_data start.data
{FORCES}
group a type 1
group b type 2
{}
rerun d.dump {FIELDS}
",
        watch(10, &format!("record {stream} {normal}"))
    );
    Machine::current().run(1, dir, &script).ok();
    Recorded::read(&dir.join(stream))
}

#[test]
fn a_tilted_cell_of_the_same_crystal_gives_the_same() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let dir = dir.path();
    let mut snapshots = trajectory::read(&trajectory::slabs(dir));
    let plain = rerun(dir, "plain.jsonl", "", "");
    // The same periodic crystal with the cell vectors b + a and c - b + a.
    for s in &mut snapshots {
        let [lx, ly, lz] = s.edges();
        assert!(s.bounds.iter().all(|b| b[0] == 0.0));
        s.tilt = Some([lx, lx, -ly]);
        let [xy, xz, yz] = [lx, lx, -ly];
        for Row { x, image, .. } in &mut s.rows {
            let mut n = *image;
            // Unwrapped, then fractional in the new vectors.
            let r = [x[0] + n[0] as f64 * lx, x[1] + n[1] as f64 * ly, x[2] + n[2] as f64 * lz];
            let c = r[2] / lz;
            let b = (r[1] - yz * c) / ly;
            let a = (r[0] - xy * b - xz * c) / lx;
            n = [a, b, c].map(|q| q.floor() as i64);
            *x = [
                r[0] - n[0] as f64 * lx - n[1] as f64 * xy - n[2] as f64 * xz,
                r[1] - n[1] as f64 * ly - n[2] as f64 * yz,
                r[2] - n[2] as f64 * lz,
            ];
            *image = n;
        }
    }
    trajectory::write(dir, &snapshots);
    let tilted = rerun(dir, "tilted.jsonl", "", "");
    // Lateral columns lean with the cell.
    plain.agrees_in_samples(&tilted, 1e-9, SMALL, &["roughness", "contact"]);
}

#[test]
fn the_normal_may_be_any_axis() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let dir = dir.path();
    let upright = trajectory::read(&trajectory::slabs(dir));
    let plain = rerun(dir, "z.jsonl", "", "");
    let turned = |shift: usize| -> Vec<Snapshot> {
        let turn = |v: &mut [f64; 3]| v.rotate_right(shift);
        let mut snapshots = upright.clone();
        for s in &mut snapshots {
            s.bounds.rotate_right(shift);
            for row in &mut s.rows {
                turn(&mut row.x);
                turn(&mut row.v);
                row.image.rotate_right(shift);
            }
        }
        snapshots
    };
    for (shift, axis) in [(1, "x"), (2, "y")] {
        trajectory::write(dir, &turned(shift));
        plain.agrees(&rerun(dir, &format!("{axis}.jsonl"), "", &format!("normal {axis}")), 1e-9);
    }
}

/// A small live system in this process: the geometry with `change` applied to its text.
fn live(change: impl Fn(String) -> String, args: &[&str], more: &str) -> Lammps {
    let mut lammps = if args.is_empty() { lammps() } else { lammps_with(args) };
    let input = format!("{SLABS}{FORCES}\nfix move all nve\n{}\nthermo 100\n", watch(10, more));
    lammps.commands(&change(input)).expect("the input is correct");
    lammps
}

fn go(lammps: &mut Lammps, lines: &str) {
    lammps.commands(lines).unwrap_or_else(|error| panic!("{lines}: {error}"));
}

/// All descriptors that such a run defines are numbers; `interfaces` rows of them.
fn healthy(lammps: &Lammps, interfaces: usize) {
    for row in 1..=2 {
        for name in ["msd_a", "diffusion_b", "thickness", "cn_ab", "q6", "turnover", "stress_n", "pe", "gap"]
        {
            let value = descriptor(lammps, row, name);
            assert_eq!(value.is_finite(), row <= interfaces, "{name} of interface {row} is {value}");
        }
    }
}

#[test]
fn boundaries_of_every_kind() {
    let vacuum = |s: String| {
        s.replace("region box block 0 5 0 5 0 10\ncreate_box 2 box\ncreate_atoms 1 box",
            "region box block 0 5 0 5 -4 14\ncreate_box 2 box\nregion slab block INF INF INF INF -0.1 9.9\ncreate_atoms 1 region slab")
    };
    let free = |s: String| {
        s.replace("region box block 0 5 0 5 0 10\ncreate_box 2 box\ncreate_atoms 1 box",
            "region box block -1 6 -1 6 0 10\ncreate_box 2 box\nregion bar block -0.1 4.9 -0.1 4.9 INF 9.9\ncreate_atoms 1 region bar")
    };
    for (boundary, interfaces) in
        [("p p p", 1), ("p p f", 1), ("p p s", 1), ("p p m", 1), ("f s p", 2), ("s s s", 1)]
    {
        println!("{boundary}");
        // With vacuum the periodic image is no interface; without, it is.
        let change = |s: String| {
            let s = s
                .replace("units lj", &format!("units lj\nboundary {boundary}"))
                .replace("0.9 4711", "0.3 4711");
            match boundary {
                "p p p" | "p p f" | "p p s" | "p p m" => vacuum(s),
                _ => free(s),
            }
        };
        let mut lammps = live(change, &[], "");
        go(&mut lammps, "run 100");
        healthy(&lammps, interfaces);
        // A solid at low temperature stays what it is.
        for row in 1..=interfaces {
            close("bonds_broken", descriptor(&lammps, row, "bonds_broken"), 0.0, 1e-9);
            assert!(descriptor(&lammps, row, "msd_a") < 0.1);
        }
    }
}

#[test]
fn homogeneous_strain_is_no_displacement() {
    for deform in ["xz erate 0.05", "z erate 0.02", "x erate -0.01 y erate 0.01 xy erate 0.03"] {
        let change = |s: String| {
            s.replace("region box block 0 5 0 5 0 10", "region box prism 0 5 0 5 0 10 0 0 0")
                .replace("fix move all nve", "")
                .replace("velocity all create 0.9 4711 loop geom", "")
        };
        let mut lammps = live(change, &[], "");
        go(&mut lammps, &format!("fix strain all deform 1 {deform} remap x\nrun 100"));
        for row in [1, 2] {
            for name in ["msd_a", "msd_b", "diffusion_a", "gap", "slip", "jumps_framework", "turnover"] {
                close(&format!("{name} under {deform}"), descriptor(&lammps, row, name), 0.0, 1e-9);
            }
        }
    }
}

#[test]
fn two_dimensions() {
    let mut lammps = lammps();
    go(
        &mut lammps,
        &format!(
            "units lj
dimension 2
boundary p p p
lattice hex 0.93
region box block 0 12 0 12 -0.5 0.5
create_box 2 box
create_atoms 1 box
region upper block INF INF 5.9 INF INF INF
set region upper type 2
mass * 1.0
group a type 1
group b type 2
{FORCES}
velocity all create 0.05 4711 loop geom
fix move all nve
fix flat all enforce2d
{}
run 100",
            watch(10, "normal y")
        ),
    );
    for row in [1, 2] {
        // A triangular lattice: six neighbours, cos(6 phi) = 1 for all of them.
        let neighbours = descriptor(&lammps, row, "cn_aa") + descriptor(&lammps, row, "cn_ab");
        assert!(neighbours > 5.5 && neighbours < 6.5, "{neighbours}");
        let planar = 0.740_829;
        close("q6", descriptor(&lammps, row, "q6"), planar, 0.02);
        close("bonds_broken", descriptor(&lammps, row, "bonds_broken"), 0.0, 1e-9);
        close("contact", descriptor(&lammps, row, "contact"), 1.0, 1e-9);
        for name in ["msd_a", "diffusion_b", "nongauss", "stress_t", "gap", "turnover"] {
            assert!(descriptor(&lammps, row, name).is_finite(), "{name}");
        }
    }
}

#[test]
fn integrators_and_suffixes_agree_with_the_plain_run() {
    let plain = {
        let mut lammps = live(|s| s, &[], "");
        go(&mut lammps, "run 60");
        lammps
    };
    let names =
        ["msd_a", "diffusion_b", "gap", "slip", "thickness", "cn_ab", "q6", "stress_n", "stress_max", "pe"];
    let agree = |other: &Lammps, relative: f64| {
        for row in [1, 2] {
            for name in names {
                close(name, descriptor(other, row, name), descriptor(&plain, row, name), relative);
            }
        }
    };
    let mut omp = live(|s| s, &["-sf", "omp"], "");
    go(&mut omp, "run 60");
    agree(&omp, 1e-9);
    // respa with one level more that changes nothing; the outer step is the step of the fix.
    let mut respa =
        live(|s| s.replace("timestep 0.004", "timestep 0.004\nrun_style respa 2 1 pair 2"), &[], "");
    go(&mut respa, "run 60");
    agree(&respa, 1e-9);
    // Pairs that a user leaves out of the forces are still neighbours.
    let mut excluded = live(|s| s, &[], "");
    go(&mut excluded, "run 0\nneigh_modify exclude group a a\nrun 0");
    close("cn_aa", descriptor(&excluded, 1, "cn_aa"), descriptor(&excluded, 1, "cn_bb"), 0.2);
}

#[test]
fn minimizing_between_runs_is_not_sampled() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let file = dir.path().join("minimized.jsonl");
    let mut lammps = live(|s| s, &[], &format!("record {}", file.display()));
    go(&mut lammps, "run 40\nminimize 1e-4 1e-4 10 100\nrun 40");
    healthy(&lammps, 2);
    drop(lammps);
    let recorded = Recorded::read(&file);
    let steps: Vec<i64> =
        recorded.samples.iter().filter(|(key, _)| key.1 == 0).map(|(_, s)| s.step).collect();
    assert!(steps.iter().all(|step| step % 10 == 0), "{steps:?}");
    assert_eq!(steps[..5], [0, 10, 20, 30, 40]);
}

#[test]
fn the_step_may_be_reset_between_runs() {
    // On and off the sampling grid, forward and back, with the stress that is tallied step by step.
    for (before, to) in [(100, 0), (100, 1000), (95, 0), (100, 7), (100, 100), (95, 95)] {
        println!("{before} {to}");
        let mut lammps = live(|s| s, &[], "stress yes");
        go(&mut lammps, &format!("run {before}\nreset_timestep {to}\nrun 100"));
        healthy(&lammps, 2);
    }
}

#[test]
fn renumbering_atoms_is_refused_while_the_fix_knows_their_ids() {
    let mut lammps = live(|s| s, &[], "");
    go(&mut lammps, "run 40\ndelete_atoms random fraction 0.1 no all NULL 77 compress no\nrun 40");
    healthy(&lammps, 2);
    let error = lammps.command("reset_atoms id").expect_err("ids are in use").to_string();
    assert!(error.contains("fix foreshock storing atom IDs"), "{error}");
    // delete_atoms renumbers the remaining ones without asking.
    go(&mut lammps, "delete_atoms random fraction 0.1 no all NULL 77");
    let error = lammps.command("run 40").expect_err("atoms have other ids").to_string();
    assert!(error.contains("carries the state of atom") && error.contains("unfix"), "{error}");
    go(&mut lammps, "unfix w");
    go(&mut lammps, &format!("{}run 60", watch(10, "")));
    healthy(&lammps, 2);
}

#[test]
fn atoms_may_be_lost() {
    let change = |s: String| {
        s.replace("units lj", "units lj\nboundary p p f")
            .replace("region box block 0 5 0 5 0 10", "region box block 0 5 0 5 -0.5 10.5")
            .replace("0.9 4711", "4.0 4711")
    };
    let mut lammps = live(change, &[], "");
    go(&mut lammps, "thermo_modify lost ignore flush yes\nrun 300");
    assert!(lammps.atom_count() < 1000, "no atom was lost");
    healthy(&lammps, 1);
}

#[test]
fn the_observed_group_may_be_dynamic_the_sides_may_not() {
    let mut whole = live(|s| s, &[], "");
    go(&mut whole, "run 100");
    let change = |s: String| {
        s.replace("fix w all", "variable low atom z<9.0\ngroup low dynamic all every 10 var low\nfix w low")
    };
    let mut lammps = live(change, &[], "");
    go(&mut lammps, "run 100");
    // Around the interface at z = 7.9, atoms above 9 are left out.
    let fewer = descriptor(&lammps, 1, "cn_bb");
    assert!(fewer < descriptor(&whole, 1, "cn_bb") - 0.5, "{fewer}");
    assert!(descriptor(&lammps, 1, "diffusion_b").is_finite());
    assert!(descriptor(&lammps, 2, "cn_bb").is_nan(), "the other interface's side b is not observed");
    let error = lammps
        .commands("unfix w\ngroup moving dynamic a every 10\nfix w all foreshock 10 moving b region 2 cutoff 1 1 1.4 reference 0.1 baseline 0.1 1 lag 0.1")
        .expect_err("a dynamic side")
        .to_string();
    assert!(error.contains("sideA = 'moving': expected a static group"), "{error}");
}
