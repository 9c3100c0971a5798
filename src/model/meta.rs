//! What a model file says about itself: everything that loading checks and `foreshock model show`
//! prints. One JSON entry of the file's metadata.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::calibration::Calibration;
use super::forest::ForestSpec;
use super::spec::{Inputs, NetworkSpec};
use crate::window::Settings;

/// Version of the metadata that this build writes and reads.
pub const FORMAT: u32 = 2;

/// What scores.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Kind {
    /// Encoder and heads.
    Network(NetworkSpec),
    /// Boosted trees on the window's summary.
    Forest(ForestSpec),
}

/// The alarm threshold and what is known about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AlarmLevel {
    /// Threshold on the warning probability.
    pub threshold: f64,
    /// Scores in a row that it was chosen for.
    pub persist: u32,
    /// Probability that a further stable run like those alarms, at most: 5 % where there were enough of
    /// them, else what they support, (alarms + 1) / (runs + 1).
    pub rate: f64,
    /// Stable calibration runs it was chosen on; replicas of one lineage count as one.
    pub stable_runs: usize,
    /// How many of them alarm.
    pub false_alarms: usize,
    /// Median time that verdicts were given in them, ps.
    pub exposure_ps: f64,
}

/// What an event is and how far ahead it is to be warned of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// Horizon of the warning, ps.
    pub horizon_ps: f64,
    /// Shortest useful warning, ps.
    pub gap_ps: f64,
}

/// How the fix measured the descriptors of the training runs, beyond its [`Settings`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Half-width of the interfacial region, angstrom.
    #[serde(rename = "region")]
    pub region_angstrom: f64,
    /// Whether neighbour cutoffs were found by the fix itself (*cutoff auto*).
    pub cutoff_auto: bool,
}

impl Measured {
    /// From the configuration in a stream's header; `None` where it does not say.
    #[must_use]
    pub fn of(config: &serde_json::Value) -> Option<Self> {
        let cutoff = &config["cutoff"];
        let cutoff_auto = *cutoff == "auto";
        if !cutoff_auto && !cutoff["pairs"].is_array() {
            return None;
        }
        Some(Self { region_angstrom: config["region"].as_f64()?, cutoff_auto })
    }
}

/// A model's description.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Meta {
    /// [`FORMAT`].
    pub format: u32,
    /// Name, e.g. `tcn`.
    pub name: String,
    /// What scores.
    #[serde(rename = "model")]
    pub kind: Kind,
    /// Columns it reads, in order.
    pub columns: Vec<String>,
    /// How they enter.
    pub inputs: Inputs,
    /// Names of the classes.
    pub classes: Vec<String>,
    /// Elements of the interfaces that it was trained on, where known.
    #[serde(default)]
    pub elements: Vec<String>,
    /// Least and most atoms of a run that it was trained on, where known.
    #[serde(default)]
    pub atoms: Option<[u64; 2]>,
    /// Frames of a window.
    pub window: usize,
    /// Time between frames, ps; NaN (null) for series that have none.
    #[serde(with = "crate::stream::nan")]
    pub sample_ps: f64,
    /// How the fix was set in the training runs; `None` for series that it did not record.
    pub settings: Option<Settings>,
    /// How descriptors were measured in them, where all of them say the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<Measured>,
    /// What the warning means.
    pub target: Option<Target>,
    /// What is done to logits before they become probabilities.
    pub calibration: Calibration,
    /// Threshold of `warn auto`, on calibrated probabilities.
    pub alarm: Option<AlarmLevel>,
    /// Hash of the data set.
    pub data_hash: String,
    /// Series trained on and validated with.
    pub series: [usize; 2],
    /// Seed of the training.
    pub seed: u64,
    /// Validation scores.
    pub scores: BTreeMap<String, f64>,
    /// Licence of the parameters.
    pub licence: String,
}
