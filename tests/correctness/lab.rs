//! Small systems, recorded streams and how two of them are compared.

#![allow(clippy::missing_panics_doc)]

use std::collections::BTreeMap;
use std::path::Path;

use foreshock::decision::Verdict;
use foreshock::frame::Condition;
use foreshock::inprocess::Lammps;
use foreshock::registry;
use foreshock::stream::{Line, Reader};

use crate::machine::Machine;

/// Two Lennard-Jones crystals on top of each other in a periodic cell of 5 x 5 x 10 fcc cells (1000
/// atoms, two interfaces), hot enough to move, not to melt.
pub const SLABS: &str = "
units lj
lattice fcc 1.0
region box block 0 5 0 5 0 10
create_box 2 box
create_atoms 1 box
region upper block INF INF INF INF 4.75 INF
set region upper type 2
mass 1 1.0
mass 2 1.7
group a type 1
group b type 2
velocity all create 0.9 4711 loop geom
";

/// The interactions of [`SLABS`], given again after `read_restart` or `read_data`.
pub const FORCES: &str = "
pair_style lj/cut 2.5
pair_coeff 1 1 1.0 1.0
pair_coeff 1 2 0.7 1.0
pair_coeff 2 2 1.2 1.0
timestep 0.004
";

/// A fix line for [`SLABS`], sampling every `every` steps of 0.004 tau; `more` are further words. The low
/// threshold lets a melt raise its alarm within a short run.
pub fn watch(every: u32, more: &str) -> String {
    let interval = f64::from(every) * 0.004;
    format!(
        "fix w all foreshock {every} a b region 2.0 cutoff 1 1 1.4 1 2 1.4 2 2 1.4 reference {} baseline {} {} \
         lag {} warn 0.3 mode sync {more}\n",
        2.0 * interval,
        3.0 * interval,
        20.0 * interval,
        4.0 * interval
    )
}

/// LAMMPS in this process, with our plugin.
pub fn lammps() -> Lammps {
    lammps_with(&[])
}

/// [`lammps`] with further command line words.
pub fn lammps_with(args: &[&str]) -> Lammps {
    let mut lammps = Lammps::open(args).expect("`make test` provides LAMMPS");
    lammps
        .command(&format!("plugin load {}", Machine::current().plugin.display()))
        .expect("the plugin fits this LAMMPS");
    lammps
}

/// Value of a descriptor at interface `row` (from 1) from the fix's array.
pub fn descriptor(lammps: &Lammps, row: usize, name: &str) -> f64 {
    let column = 11 + registry::index_of(name).unwrap_or_else(|| panic!("no descriptor {name}"));
    lammps.fix_array("w", row, column).expect("fix w has its array")
}

/// Numbers below this one are compared as if they were this large.
pub const SMALL: f64 = 1e-3;

/// Asserts that two numbers agree to `relative`, or to a thousandth of it near zero.
pub fn close(what: &str, got: f64, want: f64, relative: f64) {
    assert!(same(got, want, relative, SMALL), "{what}: {got:e}, expected {want:e}");
}

/// Whether two numbers agree to `relative`, below `small` to `relative` times `small`.
pub fn same(a: f64, b: f64, relative: f64, small: f64) -> bool {
    if a.is_nan() || b.is_nan() {
        return a.is_nan() == b.is_nan();
    }
    a == b || (a - b).abs() <= relative * a.abs().max(b.abs()).max(small)
}

/// One interface at one sample, as recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    pub step: i64,
    pub time_ps: f64,
    pub condition: Condition,
    pub values: Vec<f64>,
}

/// A stream in memory, superseded lines left out.
#[derive(Debug)]
pub struct Recorded {
    pub names: Vec<String>,
    /// By sample number and interface.
    pub samples: BTreeMap<(u64, usize), Sample>,
    pub verdicts: BTreeMap<(u64, usize), Verdict>,
    /// Sample number and interface of each alarm.
    pub alarms: Vec<(u64, usize)>,
    pub events: Vec<(u64, usize, String, Vec<i64>)>,
}

impl Recorded {
    pub fn read(path: &Path) -> Self {
        let mut reader = Reader::open(path).unwrap_or_else(|error| panic!("{error}"));
        let mut recorded = Self {
            names: reader.header().descriptors.clone(),
            samples: BTreeMap::new(),
            verdicts: BTreeMap::new(),
            alarms: Vec::new(),
            events: Vec::new(),
        };
        for line in reader.by_ref() {
            match line.unwrap_or_else(|damage| panic!("{}: {damage}", path.display())) {
                Line::Sample { frame, step, time_ps, interface, condition, values } => {
                    let sample = Sample { step, time_ps, condition, values };
                    let old = recorded.samples.insert((frame, interface), sample);
                    assert!(old.is_none(), "sample {frame} of interface {interface} is recorded twice");
                }
                Line::Verdict { verdict, .. } => {
                    recorded.verdicts.insert((verdict.frame, verdict.interface), verdict);
                }
                Line::Alarm { alarm, .. } => recorded.alarms.push((alarm.frame, alarm.interface)),
                Line::Event { frame, interface, kind, tags, .. } => {
                    recorded.events.push((frame, interface, kind, tags));
                }
                _ => {}
            }
        }
        assert!(!reader.truncated(), "{} ends in the middle of a line", path.display());
        recorded
    }

    /// Value of descriptor `name` at a sample.
    pub fn value(&self, frame: u64, interface: usize, name: &str) -> f64 {
        let column = self.names.iter().position(|n| n == name).unwrap_or_else(|| panic!("no {name}"));
        self.samples[&(frame, interface)].values[column]
    }

    /// Number of samples at which descriptors were measured.
    pub fn measured(&self) -> usize {
        self.samples.values().filter(|s| s.condition == Condition::Measured).count()
    }

    /// Asserts that both hold the same samples, with values equal to `relative` (below `small` to
    /// `relative` times `small`). Columns of `except` are not compared.
    pub fn agrees_in_samples(&self, other: &Self, relative: f64, small: f64, except: &[&str]) {
        assert_eq!(self.names, other.names);
        assert!(self.measured() > 0, "nothing was measured");
        assert_eq!(
            self.samples.keys().collect::<Vec<_>>(),
            other.samples.keys().collect::<Vec<_>>(),
            "samples"
        );
        let mut worst: BTreeMap<&str, (f64, f64, u64)> = BTreeMap::new();
        for ((key, a), b) in self.samples.iter().zip(other.samples.values()) {
            assert_eq!((a.step, a.condition), (b.step, b.condition), "sample {key:?}");
            assert!(same(a.time_ps, b.time_ps, 1e-12, SMALL), "time of sample {key:?}");
            for ((name, &x), &y) in self.names.iter().zip(&a.values).zip(&b.values) {
                if !same(x, y, relative, small) && !except.contains(&name.as_str()) {
                    worst.entry(name).or_insert((x, y, key.0));
                }
            }
        }
        assert!(worst.is_empty(), "descriptors that differ, at the first sample where they do: {worst:#?}");
    }

    /// Asserts that both hold the same samples, with values equal to `relative`, the same verdicts and the
    /// same alarms.
    pub fn agrees(&self, other: &Self, relative: f64) {
        self.agrees_in_samples(other, relative, SMALL, &[]);
        assert_eq!(
            self.verdicts.keys().collect::<Vec<_>>(),
            other.verdicts.keys().collect::<Vec<_>>(),
            "verdicts"
        );
        for (a, b) in self.verdicts.values().zip(other.verdicts.values()) {
            let frame = a.frame;
            assert_eq!((a.state, a.alarm), (b.state, b.alarm), "verdict on sample {frame}:\n{a:?}\n{b:?}");
            assert_eq!(a.window_end_step, b.window_end_step, "verdict on sample {frame}");
            // The covariance's inverse amplifies what is left of rounding.
            for (x, y) in [(a.index, b.index), (a.cusum, b.cusum)] {
                assert!(same(x, y, 1e4 * relative, SMALL), "verdict on sample {frame}:\n{a:?}\n{b:?}");
            }
        }
        assert_eq!(self.alarms, other.alarms, "alarms");
    }
}
