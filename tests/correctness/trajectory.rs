//! Dumps in memory: made by a live run, changed in known ways, written back for `rerun`.

use std::path::{Path, PathBuf};

use crate::lab::{FORCES, SLABS};
use crate::machine::Machine;

/// Columns of every dump here.
pub const COLUMNS: &str = "id type x y z vx vy vz ix iy iz";

/// Fields of a dump that `rerun` takes over.
pub const FIELDS: &str = "dump x y z vx vy vz ix iy iz box yes";

/// One atom of a snapshot.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    pub id: usize,
    pub kind: usize,
    pub x: [f64; 3],
    pub v: [f64; 3],
    pub image: [i64; 3],
}

/// One snapshot.
#[derive(Debug, Clone)]
pub struct Snapshot {
    pub step: i64,
    /// As in the dump's `BOX BOUNDS` line.
    pub boundary: String,
    pub bounds: [[f64; 2]; 3],
    /// `xy xz yz` of a triclinic cell.
    pub tilt: Option<[f64; 3]>,
    pub rows: Vec<Row>,
}

impl Snapshot {
    /// Edge lengths.
    pub fn edges(&self) -> [f64; 3] {
        self.bounds.map(|[lo, hi]| hi - lo)
    }
}

/// Runs [`SLABS`] (or another `geometry`) with a dump of full precision every `every` steps: 300 quiet
/// steps, then as many of a hot and melting system. `watch` is put before the run.
pub fn record(dir: &Path, geometry: &str, every: u32, watch: &str) -> PathBuf {
    let script = format!(
        "{geometry}{FORCES}
write_data start.data nocoeff
fix move all nve
dump d all custom {every} d.dump {COLUMNS}
dump_modify d format float %.17g sort id
{watch}
thermo 100
run 300
velocity all scale 6.0
run 300
"
    );
    Machine::current().run(1, dir, &script).ok();
    dir.join("d.dump")
}

/// [`record`] of the slabs without the fix.
pub fn slabs(dir: &Path) -> PathBuf {
    record(dir, SLABS, 10, "")
}

/// Reads a dump of ours.
pub fn read(path: &Path) -> Vec<Snapshot> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut lines = text.lines();
    let mut snapshots = Vec::new();
    let numbers = |line: &str| -> Vec<f64> {
        line.split_whitespace().map(|word| word.parse().expect("a number")).collect()
    };
    while let Some(line) = lines.next() {
        assert_eq!(line, "ITEM: TIMESTEP");
        let mut next = || lines.next().expect("a whole snapshot");
        let step = next().parse().expect("a step");
        assert_eq!(next(), "ITEM: NUMBER OF ATOMS");
        let count: usize = next().parse().expect("a count");
        let boundary = next().to_owned();
        let bounds = [(); 3].map(|()| {
            let pair = numbers(next());
            [pair[0], pair[1]]
        });
        assert_eq!(next().trim_end(), format!("ITEM: ATOMS {COLUMNS}"));
        let rows = (0..count)
            .map(|_| {
                let row = numbers(next());
                Row {
                    id: row[0] as usize,
                    kind: row[1] as usize,
                    x: [row[2], row[3], row[4]],
                    v: [row[5], row[6], row[7]],
                    image: [row[8] as i64, row[9] as i64, row[10] as i64],
                }
            })
            .collect();
        snapshots.push(Snapshot { step, boundary, bounds, tilt: None, rows });
    }
    snapshots
}

/// Writes `d.dump` and, from its first snapshot, `start.data` into `dir`.
pub fn write(dir: &Path, snapshots: &[Snapshot]) {
    use std::fmt::Write;
    let mut dump = String::new();
    for s in snapshots {
        let _ = writeln!(dump, "ITEM: TIMESTEP\n{}\nITEM: NUMBER OF ATOMS\n{}", s.step, s.rows.len());
        match s.tilt {
            None => {
                let _ = writeln!(dump, "{}", s.boundary);
                for [lo, hi] in s.bounds {
                    let _ = writeln!(dump, "{lo} {hi}");
                }
            }
            Some([xy, xz, yz]) => {
                let boundary = s.boundary.replace("BOUNDS", "BOUNDS xy xz yz");
                let _ = writeln!(dump, "{boundary}");
                let [x, y, z] = s.bounds;
                let low = [0.0, xy, xz, xy + xz].into_iter().fold(0.0, f64::min);
                let high = [0.0, xy, xz, xy + xz].into_iter().fold(0.0, f64::max);
                let _ = writeln!(dump, "{} {} {xy}", x[0] + low, x[1] + high);
                let _ = writeln!(dump, "{} {} {xz}", y[0] + yz.min(0.0), y[1] + yz.max(0.0));
                let _ = writeln!(dump, "{} {} {yz}", z[0], z[1]);
            }
        }
        let _ = writeln!(dump, "ITEM: ATOMS {COLUMNS} ");
        for Row { id, kind, x, v, image } in &s.rows {
            let _ = writeln!(
                dump,
                "{id} {kind} {} {} {} {} {} {} {} {} {}",
                x[0], x[1], x[2], v[0], v[1], v[2], image[0], image[1], image[2]
            );
        }
    }
    std::fs::write(dir.join("d.dump"), dump).expect("the test's own directory is writable");

    let first = &snapshots[0];
    let mut data = format!("made by a test\n\n{} atoms\n2 atom types\n\n", first.rows.len());
    for (axis, [lo, hi]) in ["x", "y", "z"].into_iter().zip(first.bounds) {
        let _ = writeln!(data, "{lo} {hi} {axis}lo {axis}hi");
    }
    if let Some([xy, xz, yz]) = first.tilt {
        let _ = writeln!(data, "{xy} {xz} {yz} xy xz yz");
    }
    data.push_str("\nMasses\n\n1 1.0\n2 1.7\n\nAtoms # atomic\n\n");
    for Row { id, kind, x, image, .. } in &first.rows {
        let _ =
            writeln!(data, "{id} {kind} {} {} {} {} {} {}", x[0], x[1], x[2], image[0], image[1], image[2]);
    }
    data.push_str("\nVelocities\n\n");
    for Row { id, v, .. } in &first.rows {
        let _ = writeln!(data, "{id} {} {} {}", v[0], v[1], v[2]);
    }
    std::fs::write(dir.join("start.data"), data).expect("the test's own directory is writable");
}
