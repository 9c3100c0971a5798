//! One physical system in every unit style gives the same descriptors.

use std::fmt::Write;
use std::path::Path;

use foreshock::registry::BASE;

use crate::lab::{Recorded, same};
use crate::machine::Machine;

const AMU_KG: f64 = 1.660_539_066_60e-27;
const EV_J: f64 = 1.602_176_634e-19;

/// LAMMPS's own constants differ by up to 2e-7 between styles.
const EQUAL: f64 = 1e-6;

/// Differences of large numbers (stress: virial and kinetic part) are as exact as those are.
const SMALL: f64 = 0.1;

/// Argon.
const EPSILON_EV: f64 = 0.010_3;
const SIGMA: f64 = 3.405;
const MASS_AMU: f64 = 39.948;
const LATTICE: f64 = 5.4;
const CELLS: [usize; 3] = [4, 4, 8];

/// angstrom, ps, eV, amu per unit.
struct Style {
    name: &'static str,
    length: f64,
    time: f64,
    energy: f64,
    mass: f64,
}

const fn style(name: &'static str, length: f64, time: f64, energy: f64, mass: f64) -> Style {
    Style { name, length, time, energy, mass }
}

const STYLES: [Style; 7] = [
    style("metal", 1.0, 1.0, 1.0, 1.0),
    style("real", 1.0, 1e-3, 4184.0 / 6.022_140_76e23 / EV_J, 1.0),
    style("si", 1e10, 1e12, 1.0 / EV_J, 1.0 / AMU_KG),
    style("cgs", 1e8, 1e12, 1e-7 / EV_J, 1e-3 / AMU_KG),
    // Its velocities are integrated as bohr per femtosecond.
    style("electron", 0.529_177_210_903, 1e-3, 27.211_386_245_988, 1.0),
    style("micro", 1e4, 1e6, 1e-15 / EV_J, 1e-15 / AMU_KG),
    style("nano", 10.0, 1e3, 1e-21 / EV_J, 1e-21 / AMU_KG),
];

/// A number in [-1, 1) that is the same on every machine.
fn noise(state: &mut u64) -> f64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
}

/// Argon in a data file of this style.
fn data(style: &Style) -> String {
    let mut text = String::from("argon\n\n");
    let n = CELLS.iter().product::<usize>() * 4;
    let _ = writeln!(text, "{n} atoms\n2 atom types\n");
    for (axis, cells) in ["x", "y", "z"].into_iter().zip(CELLS) {
        let _ = writeln!(text, "0 {:.17e} {axis}lo {axis}hi", cells as f64 * LATTICE / style.length);
    }
    let mass = MASS_AMU / style.mass;
    let _ = writeln!(text, "\nMasses\n\n1 {mass:.17e}\n2 {mass:.17e}\n\nAtoms # atomic\n");
    let mut velocities = String::from("\nVelocities\n\n");
    let (mut state, mut id) = (11, 0);
    for cell in 0..n / 4 {
        let at = [cell % CELLS[0], cell / CELLS[0] % CELLS[1], cell / (CELLS[0] * CELLS[1])];
        for basis in [[0.25, 0.25, 0.25], [0.75, 0.75, 0.25], [0.75, 0.25, 0.75], [0.25, 0.75, 0.75]] {
            id += 1;
            let kind = if at[2] < CELLS[2] / 2 { 1 } else { 2 };
            let _ = write!(text, "{id} {kind}");
            let _ = write!(velocities, "{id}");
            for k in 0..3 {
                let x = (at[k] as f64 + basis[k]) * LATTICE + 0.15 * noise(&mut state);
                let v = 2.5 * noise(&mut state);
                let _ = write!(text, " {:.17e}", x / style.length);
                let _ = write!(velocities, " {:.17e}", v / style.length * style.time);
            }
            text.push('\n');
            velocities.push('\n');
        }
    }
    text + &velocities
}

fn run(dir: &Path, style: &Style) -> Recorded {
    std::fs::write(dir.join("argon.data"), data(style)).expect("writable");
    let length = |angstrom: f64| format!("{:.17e}", angstrom / style.length);
    let time = |ps: f64| format!("{:.17e}", ps / style.time);
    let energy = EPSILON_EV / style.energy;
    let (sigma, cutoff) = (length(SIGMA), length(4.6));
    let name = style.name;
    let script = format!(
        "units {name}
read_data argon.data
pair_style lj/cut {}
pair_coeff 1 1 {energy:.17e} {sigma}
pair_coeff 1 2 {:.17e} {sigma}
pair_coeff 2 2 {energy:.17e} {sigma}
neighbor {} bin
timestep {}
group a type 1
group b type 2
fix move all nve
fix w all foreshock 5 a b region {} cutoff 1 1 {cutoff} 1 2 {cutoff} 2 2 {cutoff} reference {} baseline {} {} \
lag {} mode sync record {name}.jsonl
run 150
",
        length(8.0),
        0.8 * energy,
        length(1.5),
        time(0.004),
        length(5.0),
        time(0.04),
        time(0.04),
        time(0.4),
        time(0.08),
    );
    Machine::current().run(1, dir, &script).ok();
    Recorded::read(&dir.join(format!("{name}.jsonl")))
}

/// Argon in metal units as a data file, two slabs of 256 atoms.
pub fn metal_argon() -> String {
    data(&STYLES[0])
}

#[test]
fn all_styles_give_the_same_internal_units() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let metal = run(dir.path(), &STYLES[0]);
    assert!(metal.measured() > 50);
    for style in &STYLES[1..] {
        println!("{}", style.name);
        metal.agrees_in_samples(&run(dir.path(), style), EQUAL, SMALL, &[]);
    }
}

#[test]
fn lj_stays_reduced() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let metal = run(dir.path(), &STYLES[0]);
    let tau = SIGMA * 1e-10 * (MASS_AMU * AMU_KG / (EPSILON_EV * EV_J)).sqrt() * 1e12;
    let lj = run(dir.path(), &style("lj", SIGMA, tau, EPSILON_EV, MASS_AMU));
    let gpa = EPSILON_EV * EV_J / (SIGMA * 1e-10).powi(3) * 1e-9;
    for (&(frame, interface), sample) in &lj.samples {
        let other = &metal.samples[&(frame, interface)];
        assert_eq!(sample.condition, other.condition);
        assert!((sample.time_ps * tau - other.time_ps).abs() < 1e-9);
        for (k, row) in BASE.iter().enumerate() {
            let factor = match row.unit {
                "A" => SIGMA,
                "A^2" => SIGMA * SIGMA,
                "A^2/ps" => SIGMA * SIGMA / tau,
                "GPa" => gpa,
                "eV" => EPSILON_EV,
                "-" | "nat" => 1.0,
                // Clusters: none here, in whatever unit.
                "nm^-2" => 0.0,
                other => panic!("{}: unit {other}", row.name),
            };
            // Lateral columns are 5 sigma wide here, 5 angstrom there.
            if !matches!(row.name, "roughness" | "contact") {
                let what = format!("{} at sample {frame}", row.name);
                let (got, want) = (sample.values[k] * factor, other.values[k]);
                assert!(same(got, want, EQUAL, SMALL), "{what}: {got:e}, expected {want:e}");
            }
        }
    }
}
