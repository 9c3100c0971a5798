//! Pictures of recorded runs, as SVG and PNG.
//!
//! Enters: a recorded stream. Leaves: two files that look the same. Used by the command line tool
//! only, after a run; the letters come from a font inside the executable, since the machines that
//! run simulations often have none.

pub mod panels;
pub mod raster;
pub mod run;
mod story;

/// One interface over time. Points are (time in ps, value); NaN where undefined.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Track {
    /// What the legend calls it.
    pub name: String,
    /// Instability index.
    pub index: Vec<(f64, f64)>,
    /// Warning probability; empty where no model speaks.
    pub warning: Vec<(f64, f64)>,
    /// 10-90 % width of the composition profile, angstrom.
    pub thickness: Vec<(f64, f64)>,
}

/// A run that was watched.
#[derive(Debug, Clone, PartialEq)]
pub struct Watched {
    /// Heading.
    pub title: String,
    /// "ps", or "tau" in lj units.
    pub time_unit: &'static str,
    /// One per interface, one or two.
    pub tracks: Vec<Track>,
    /// Threshold of the warning probability, where a model speaks.
    pub warn: Option<f64>,
    /// Time at which the baseline is complete, ps.
    pub learned_ps: f64,
    /// End of the window that raised the first alarm, ps.
    pub alarm_ps: Option<f64>,
    /// Time of the last sample, ps.
    pub end_ps: f64,
    /// Steps that the `run` commands asked for.
    pub planned_steps: u64,
    /// What stopped the run before that.
    pub halt: Option<Halt>,
    /// Time step, ps.
    pub dt_ps: f64,
}

/// How a run was stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Halt {
    /// Steps done by then.
    pub steps: u64,
    /// Why, in words.
    pub reason: String,
}
