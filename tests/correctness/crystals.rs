//! Crystals whose descriptors are known without a simulation.

use crate::lab::{close, descriptor, lammps};

struct Crystal {
    lattice: &'static str,
    /// Unit cells along the three axes.
    cells: [usize; 3],
    /// Basis atoms that are anions, as words of create_atoms.
    basis: &'static str,
    /// Distance, number and Q_6 of the first neighbours.
    bond: f64,
    coordination: f64,
    q6: f64,
    /// Neighbours of an atom in the next plane along z.
    across: f64,
    /// Distance between planes along z.
    plane: f64,
}

/// Two slabs of one crystal: sides by height alone.
fn measure(crystal: &Crystal, motion: &str) -> foreshock::inprocess::Lammps {
    let mut lammps = lammps();
    let [nx, ny, nz] = crystal.cells;
    let middle = nz as f64 / 2.0 - 0.125;
    // Below bcc's second shell at 1.15 bonds.
    let cutoff = 1.1 * crystal.bond;
    let cutoffs: String = (1..=4)
        .flat_map(|i| (i..=4).map(move |j| (i, j)))
        .filter(|&(i, j)| crystal.basis.is_empty() || (i + j) % 2 == 1)
        .map(|(i, j)| format!(" {i} {j} {cutoff}"))
        .collect();
    let roles = if crystal.basis.is_empty() { "" } else { "network 1,3 anion 2,4" };
    lammps
        .commands(&format!(
            "units metal
lattice {}
region box block 0 {nx} 0 {ny} 0 {nz}
create_box 4 box
create_atoms 1 box {}
region upper block INF INF INF INF {middle} INF
group upper region upper
group anions type 2
group one intersect upper anions
group two subtract upper anions
set group two type 3
set group one type 4
group a type 1 2
group b type 3 4
mass * 40.0
pair_style zero 7.0
pair_coeff * *
fix w all foreshock 10 a b {roles} region 6 cutoff{cutoffs} reference 0.01 baseline 0.01 0.2 lag 0.04 stress no
{motion}
timestep 0.001
run 100 post no
",
            crystal.lattice, crystal.basis,
        ))
        .expect("the input is correct");
    lammps
}

fn known(crystal: &Crystal) {
    let lammps = measure(crystal, "");
    // Half-width in force: a quarter of the distance between the interfaces at most.
    let height = lammps.thermo("lz").expect("a keyword");
    let region = 6.0_f64.min(height / 8.0);
    // Surfaces lie midway between planes: planes at odd halves of the spacing.
    let planes = (region / crystal.plane + 0.5).floor();
    for interface in [1, 2] {
        let check = |name: &str, want: f64| {
            close(
                &format!("{name} of interface {interface}"),
                descriptor(&lammps, interface, name),
                want,
                1e-9,
            );
        };
        check("cn_aa", crystal.coordination - crystal.across / planes);
        check("cn_bb", crystal.coordination - crystal.across / planes);
        check("cn_ab", crystal.across / planes);
        check("q6", crystal.q6);
        for class in ["aa", "ab", "bb"] {
            check(&format!("bond_mean_{class}"), crystal.bond);
        }
        // Zero up to the square root of a rounding error.
        for name in ["q6_std", "bond_std_aa", "bond_std_ab", "bond_std_bb"] {
            let deviation = descriptor(&lammps, interface, name);
            assert!(deviation < 1e-6, "{name}: {deviation:e}");
        }
        // The sharpest profile the fit resolves: tau = region / 32.
        check("thickness", 2.0 * 9.0_f64.ln() * region / 32.0);
        check("contact", 1.0);
        for name in [
            "msd_a",
            "msd_b",
            "diffusion_a",
            "diffusion_b",
            "gap",
            "slip",
            "roughness",
            "mixing_depth",
            "mixing_max",
            "foreign_neighbors",
            "cn_loss",
            "bonds_broken",
            "bonds_formed",
            "turnover",
            "turnover_p95",
            "env_shift",
            "clusters",
            "cluster_max",
            "jumps_framework",
        ] {
            check(name, 0.0);
        }
    }
}

const FCC: Crystal = Crystal {
    lattice: "fcc 5.0",
    cells: [4, 4, 10],
    basis: "",
    bond: 3.535_533_905_932_738,
    coordination: 12.0,
    q6: 0.574_524_259_714_067,
    across: 4.0,
    plane: 2.5,
};

#[test]
fn face_centred_cubic() {
    known(&FCC);
}

#[test]
fn body_centred_cubic() {
    // First shell only: 8 neighbours, 4 of them in the next plane.
    let bond = 5.0 * 0.75_f64.sqrt();
    known(&Crystal {
        lattice: "bcc 5.0",
        bond,
        coordination: 8.0,
        q6: 0.628_539_361_054_709,
        plane: 2.5,
        ..FCC
    });
}

#[test]
fn rock_salt() {
    known(&Crystal {
        lattice: "custom 5.0 basis 0 0 0 basis 0.5 0.5 0 basis 0.5 0 0.5 basis 0 0.5 0.5 \
                  basis 0.5 0 0 basis 0 0.5 0 basis 0 0 0.5 basis 0.5 0.5 0.5",
        cells: [4, 4, 10],
        basis: "basis 5 2 basis 6 2 basis 7 2 basis 8 2",
        bond: 2.5,
        coordination: 6.0,
        q6: 0.353_553_390_593_274,
        across: 1.0,
        plane: 2.5,
    });
}

#[test]
fn slabs_pulled_apart_and_sheared_open_a_gap_and_slip() {
    // Constant velocities for 100 steps of 1 fs: b moves by 0.03 A along z and (0.04, -0.03) A laterally
    // against a. Two interfaces: one opens, the other closes.
    let lammps =
        measure(&FCC, "fix ma a move linear 0 0 0 units box\nfix mb b move linear 0.4 -0.3 0.3 units box");
    for (interface, gap) in [(1, 0.03), (2, -0.03)] {
        close("gap", descriptor(&lammps, interface, "gap"), gap, 1e-9);
        close("slip", descriptor(&lammps, interface, "slip"), 0.05, 1e-9);
        // Both sides weigh the same, so each moves by half of it about the centre of mass.
        let half = 0.015_f64.powi(2) + 0.025_f64.powi(2);
        close("msd_a", descriptor(&lammps, interface, "msd_a"), half, 1e-9);
        close("msd_b", descriptor(&lammps, interface, "msd_b"), half, 1e-9);
        close("bonds_broken", descriptor(&lammps, interface, "bonds_broken"), 0.0, 1e-9);
    }
}
