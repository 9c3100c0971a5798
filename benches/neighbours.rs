//! Where neighbours of interfacial atoms should come from: a cell list of our own over the atoms near
//! the interfaces, or the list that the pair style has built already.
//!
//! Both are timed on the positions of a running LAMMPS, owned atoms and ghosts, and must find the
//! same pairs of owned atoms. The pair style's half list has to be walked for all atoms, and each pair entered at
//! both its ends (ghost ends would also need a reverse communication, which is not even counted).

mod measure;

use foreshock::inprocess::Lammps;
use foreshock::neighbors::{CellList, Neighbors};
use measure::{INPUTS, cpu_seconds, cutoff, region, spread, system, variable};
use nix::sys::resource::UsageWho;

const REPEATS: usize = 21;

/// Breaking radius over cutoff, as the fix searches.
const REACH: f64 = 1.2;

fn main() {
    if std::env::args().any(|a| a == "--test") {
        return;
    }
    variable("FORESHOCK_VENV");
    for input in INPUTS {
        let mut lammps = Lammps::open(&[]).expect("`make bench` sets LAMMPS up");
        lammps.commands(&system(input, 20)).expect("the input is correct");
        lammps.command("run 200 post no").expect("the run goes on");
        let height = lammps.thermo("lz").expect("a known keyword");
        let x = lammps.positions_with_ghosts().expect("positions");
        let owned = lammps.atom_count();
        let style = if input == "in.lj" { "lj/cut" } else { "eam" };
        let pairs = lammps.pair_list(style).expect("the pair style has a list");
        let reach = REACH * cutoff(input);
        let half_width = region(input);
        let depth = |p: &[f64; 3]| {
            let q = (p[2] / height).rem_euclid(1.0);
            let apart = |s: f64| ((q - s).abs()).min(1.0 - (q - s).abs()) * height;
            apart(0.0).min(apart(0.5))
        };

        let (mut own, mut theirs) = (Vec::new(), Vec::new());
        let (mut found_own, mut found_theirs) = (0_usize, 0_usize);
        let mut cells = CellList::default();
        let mut found = Neighbors::default();
        let mut partners: Vec<Vec<u32>> = vec![Vec::with_capacity(32); x.len()];
        for _ in 0..REPEATS {
            let start = cpu_seconds(UsageWho::RUSAGE_SELF);
            let near: Vec<u32> =
                (0..x.len() as u32).filter(|&i| depth(&x[i as usize]) < half_width + reach).collect();
            let positions: Vec<[f64; 3]> = near.iter().map(|&i| x[i as usize]).collect();
            cells.build(&positions, reach);
            found_own = 0;
            for (k, &i) in near.iter().enumerate() {
                if (i as usize) < owned && depth(&x[i as usize]) < half_width {
                    cells.query(&positions[k], k as u32, &mut found);
                    found_own += found.list.len();
                }
            }
            own.push(cpu_seconds(UsageWho::RUSAGE_SELF) - start);

            let start = cpu_seconds(UsageWho::RUSAGE_SELF);
            partners.iter_mut().for_each(Vec::clear);
            for (i, list) in &pairs {
                let p = x[*i as usize];
                for &j in *list {
                    let j = (j & 0x1FFF_FFFF) as usize;
                    let q = x[j];
                    let r2 = (0..3).map(|k| (p[k] - q[k]).powi(2)).sum::<f64>();
                    if r2 < reach * reach {
                        partners[*i as usize].push(j as u32);
                        partners[j].push(*i as u32);
                    }
                }
            }
            found_theirs = (0..owned).filter(|&i| depth(&x[i]) < half_width).map(|i| partners[i].len()).sum();
            theirs.push(cpu_seconds(UsageWho::RUSAGE_SELF) - start);
        }
        check(&x, owned, reach, |p| depth(p) < half_width, &partners);
        let (a, b) = (spread(own), spread(theirs));
        println!(
            "{input}: cell list {:.2} ms ({:.2}-{:.2}), {found_own} neighbours; pair style's half list {:.2} ms \
             ({:.2}-{:.2}), {found_theirs} without those that only a ghost end knows; ratio {:.2}",
            1e3 * a[1],
            1e3 * a[0],
            1e3 * a[2],
            1e3 * b[1],
            1e3 * b[0],
            1e3 * b[2],
            b[1] / a[1]
        );
    }
}

/// Panics unless a cell list over all atoms finds the owned partners of every interfacial atom that the
/// pair style's list gave.
fn check(
    x: &[[f64; 3]],
    owned: usize,
    reach: f64,
    interfacial: impl Fn(&[f64; 3]) -> bool,
    partners: &[Vec<u32>],
) {
    let mut cells = CellList::default();
    cells.build(x, reach);
    let mut found = Neighbors::default();
    for i in (0..owned).filter(|&i| interfacial(&x[i])) {
        cells.query(&x[i], i as u32, &mut found);
        let sorted = |ids: &mut dyn Iterator<Item = u32>| {
            let mut ids: Vec<u32> = ids.filter(|&j| (j as usize) < owned).collect();
            ids.sort_unstable();
            ids
        };
        let own = sorted(&mut found.list.iter().map(|near| near.index));
        assert_eq!(own, sorted(&mut partners[i].iter().copied()), "partners of atom {i}");
    }
}
