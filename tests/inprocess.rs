//! LAMMPS driven through its C library agrees with what is known of a small crystal.

#![cfg(feature = "inprocess")]

use foreshock::Error;
use foreshock::inprocess::Lammps;

const CRYSTAL: &str = "
units lj
lattice fcc 1.0
region box block 0 3 0 3 0 3
create_box 1 box
create_atoms 1 box
mass 1 1.0
pair_style lj/cut 2.5
pair_coeff 1 1 1.0 1.0
compute neighbours all coord/atom cutoff 0.8
compute spread all msd
fix still all nve
run 0
";

fn crystal() -> Lammps {
    let mut lammps = Lammps::open(&[]).expect("`make test` provides LAMMPS");
    lammps.commands(CRYSTAL).expect("the input is correct");
    lammps
}

#[test]
fn a_perfect_crystal_is_read_back() {
    let lammps = crystal();
    assert_eq!(lammps.version(), 20_250_722);
    assert_eq!(lammps.atom_count(), 108);
    assert_eq!(lammps.setting("ntypes").expect("a known setting"), 1);
    assert_eq!(lammps.thermo("atoms").expect("a known keyword"), 108.0);
    let positions = lammps.atoms("x", 3).expect("a known property");
    assert_eq!(positions.len(), 324);
    // Four atoms to a cell, in half lattice constants.
    assert!(positions.iter().all(|x| (2.0 * x * 4f64.powf(-1.0 / 3.0)).fract().abs() < 1e-9));
    assert_eq!(lammps.atom_integers("id", 1).expect("a known property"), (1..=108).collect::<Vec<_>>());
    assert_eq!(lammps.atoms("c_neighbours", 1).expect("a known compute"), vec![0.0; 108]);
    assert_eq!(lammps.compute_vector("spread").expect("a known compute"), [0.0; 4]);
}

#[test]
fn errors_come_back_in_lammps_words() {
    let mut lammps = crystal();
    let error = lammps.command("fix wrong all no/such/style").expect_err("there is no such style");
    assert!(matches!(&error, Error::Lammps(text) if text.contains("no/such/style")), "{error}");
    // One error does not stick to the next call.
    lammps.command("run 1").expect("the instance goes on");
    assert!(lammps.compute_scalar("absent").is_err());
}

#[test]
fn two_instances_live_side_by_side() {
    let (mut first, second) = (crystal(), crystal());
    first.command("displace_atoms all move 0.1 0 0 units box").expect("the input is correct");
    first.command("run 0 post no").expect("the input is correct");
    let (moved, still) = (first.atoms("x", 3).expect("x"), second.atoms("x", 3).expect("x"));
    assert!((moved[0] - still[0] - 0.1).abs() < 1e-12);
}
