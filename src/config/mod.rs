//! What a fix line or its YAML file asks for, checked before any step runs.
//!
//! Enters: the words of the `fix` command and the box's facts. Leaves: a [`FixConfig`] in internal
//! units. Runs on every rank alike, in the fix's constructor.
//!
//! The command line and `config FILE.yaml` are two sources of the same settings;
//! `settings` is the one place that checks them.

pub mod args;
mod describe;
mod keyword;
mod settings;
mod timing;
mod value;
mod yaml;

pub use args::{ArgError, Change, Context, modify, parse};
pub use timing::{MAX_LAG_SAMPLES, MIN_BASELINE_SAMPLES, Timing, TimingFault};

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Axis across the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Axis {
    /// First box vector's reciprocal direction.
    X,
    /// Second.
    Y,
    /// Third.
    Z,
}

/// What an atom type does in the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Moves in normal operation (Li, Na, ...): reported apart from the framework.
    Mobile,
    /// Network former or metal of the framework.
    Network,
    /// Anion of the framework.
    Anion,
    /// No roles were given: framework, bonds to everything.
    Neutral,
}

/// Where neighbour cutoffs come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CutoffSpec {
    /// First minimum of g(r) per type pair, averaged over the topology reference.
    Auto,
    /// `(type, type, angstrom)`, types counted from 1; pairs not named take no part.
    Pairs(Vec<(usize, usize, f64)>),
}

/// Where the model comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ModelSpec {
    /// The model embedded in the plugin.
    Builtin,
    /// A model file.
    File(#[serde(serialize_with = "describe::lossy_path")] PathBuf),
    /// No model.
    None,
}

/// Who speaks the verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DetectorKind {
    /// The learned model.
    Model,
    /// The CUSUM on the instability index.
    Cusum,
}

/// What an alarm does to the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Halt {
    /// Nothing: shadow mode.
    No,
    /// Ends the run and skips later ones; exit code 0.
    Soft,
    /// Ends with an error; exit code 1.
    Hard,
    /// Ends the run; later ones go on.
    Continue,
}

/// Whether a step may wait for a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Never: a full queue drops the inference of a window.
    Async,
    /// Always: the alarm's step is reproducible.
    Sync,
}

/// Everything the fix line and its YAML file say, in internal units (angstrom, ps).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FixConfig {
    /// Steps between samples.
    pub every: u64,
    /// Group names of side A and side B.
    pub sides: [String; 2],
    /// Axis across the interface.
    pub normal: Axis,
    /// Element symbol per atom type, empty where not given.
    pub elements: Vec<String>,
    /// Role per atom type, index 0 is type 1.
    pub roles: Vec<Role>,
    /// Half-width of the interfacial region, angstrom.
    pub region: f64,
    /// Neighbour cutoffs.
    pub cutoff: CutoffSpec,
    /// Length of the topology reference, ps.
    pub reference: f64,
    /// Start of the statistics baseline after the reference, ps.
    pub baseline_start: f64,
    /// Length of the statistics baseline, ps.
    pub baseline_length: f64,
    /// Time over which jumps, diffusion and turnover are measured, ps.
    pub lag: f64,
    /// Frames per window.
    pub window: usize,
    /// The model.
    pub model: ModelSpec,
    /// Who speaks the verdict.
    pub detector: DetectorKind,
    /// Whether the model is the default where it suits, which nobody asked for; no setting of its own.
    #[serde(skip)]
    pub model_unasked: bool,
    /// Warning threshold; `None` is `auto`.
    pub warn: Option<f64>,
    /// Consecutive windows over the threshold before an alarm.
    pub persist: u32,
    /// What an alarm does.
    pub halt: Halt,
    /// Whether a step waits for its verdict.
    pub mode: Mode,
    /// Stream file.
    #[serde(serialize_with = "describe::lossy_option")]
    pub record: Option<PathBuf>,
    /// Label-only observables file.
    #[serde(serialize_with = "describe::lossy_option")]
    pub label: Option<PathBuf>,
    /// Flight recorder: frames kept and file prefix.
    pub blackbox: Option<(usize, String)>,
    /// Per-atom stress and energy; `None` decides by the pair style.
    pub stress: Option<bool>,
    /// Partial radial distribution functions too.
    pub rdf: bool,
    /// Log lines.
    pub message: bool,
}
