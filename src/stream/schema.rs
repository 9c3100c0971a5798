//! The lines of a stream. Every line is a JSON object whose `type` names it; undefined numbers are
//! null; numbers are written so that they read back to the same bits. Times are in ps (tau in lj
//! units).

use serde::{Deserialize, Serialize};

use super::nan;
use crate::decision::{Alarm, Verdict};
use crate::error::{Error, Result};
use crate::frame::{Condition, Frame};
use crate::window::Settings;

/// Version of the stream's schema that this build writes and reads.
pub const VERSION: u32 = 1;

/// First line: what was run and how it was watched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// Schema version.
    pub schema: u32,
    /// Version of Foreshock.
    pub foreshock: String,
    /// Version of LAMMPS.
    pub lammps: String,
    /// LAMMPS unit style.
    pub units: String,
    /// Time step, ps.
    pub dt_ps: f64,
    /// Steps between samples.
    pub every: u64,
    /// Atoms in the cell.
    pub atoms: u64,
    /// Groups of side A and side B.
    pub groups: [String; 2],
    /// Element per atom type, empty where not given.
    pub elements: Vec<String>,
    /// Names of a sample's values, in order.
    pub descriptors: Vec<String>,
    /// Hash of the model, if one is loaded.
    pub model_hash: Option<String>,
    /// Name of the detector.
    pub detector: String,
    /// Warning threshold at the start.
    pub threshold: f64,
    /// Windows in a row before an alarm, at the start.
    pub persist: u32,
    /// What the window stage was told.
    pub settings: Settings,
    /// The fix's whole configuration, for the reader's eyes.
    pub config: serde_json::Value,
}

impl Header {
    /// The header of a plausible run: two interfaces of an oxide cell, sampled every 0.1 ps. For examples,
    /// tests and benches of whatever reads streams.
    ///
    /// ```
    /// use foreshock::stream::{Header, Line};
    ///
    /// let header = Header { groups: ["anode".into(), "sse".into()], ..Header::example() };
    /// assert!(header.check().is_ok());
    /// assert!(Line::Header(Box::new(header)).to_bytes().starts_with(b"{\"type\":\"header\""));
    /// ```
    #[must_use]
    pub fn example() -> Self {
        Self {
            schema: VERSION,
            foreshock: "0.1.0".to_owned(),
            lammps: "22 Jul 2025".to_owned(),
            units: "metal".to_owned(),
            dt_ps: 0.002,
            every: 50,
            atoms: 1152,
            groups: ["silicate".to_owned(), "oxide".to_owned()],
            elements: Vec::new(),
            descriptors: crate::registry::frame_names(false),
            model_hash: None,
            detector: "cusum".to_owned(),
            threshold: 1.0,
            persist: 3,
            settings: Settings {
                interfaces: 2,
                sample_ps: 0.1,
                reference_ps: 0.5,
                baseline_start_ps: 2.0,
                baseline_length_ps: 5.0,
                lag_ps: 1.0,
                window: 64,
                rdf: false,
            },
            config: serde_json::json!({"halt": "soft", "detector": "cusum"}),
        }
    }

    /// Checks a header that comes from a file.
    ///
    /// # Errors
    /// [`Error::Input`] naming the first value that cannot be used.
    pub fn check(&self) -> Result<()> {
        if self.schema != VERSION {
            return Err(Error::input("schema", self.schema, format!("version {VERSION}")));
        }
        let mut names: Vec<&str> = self.descriptors.iter().map(String::as_str).collect();
        names.sort_unstable();
        if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(Error::input("descriptors", pair[0], "every name once"));
        }
        self.settings.check()
    }

    /// Checks that a run with header `other` may continue this stream. Versions, threshold,
    /// persistence and free text may differ.
    ///
    /// # Errors
    /// [`Error::Input`] naming the first difference.
    pub fn fits(&self, other: &Self) -> Result<()> {
        fn same<T: PartialEq + std::fmt::Debug>(key: &str, old: &T, new: &T) -> Result<()> {
            if old == new {
                return Ok(());
            }
            Err(Error::input(key, format!("{new:?}"), format!("{old:?} as in the stream to be continued")))
        }
        same("units", &self.units, &other.units)?;
        same("dt_ps", &self.dt_ps, &other.dt_ps)?;
        same("every", &self.every, &other.every)?;
        same("groups", &self.groups, &other.groups)?;
        same("elements", &self.elements, &other.elements)?;
        same("descriptors", &self.descriptors, &other.descriptors)?;
        same("detector", &self.detector, &other.detector)?;
        same("model_hash", &self.model_hash, &other.model_hash)?;
        same("settings", &self.settings, &other.settings)
    }
}

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Line {
    /// First line.
    Header(Box<Header>),
    /// A `run` starts.
    Run {
        /// Its first step.
        step: i64,
        /// Steps planned.
        steps: u64,
    },
    /// The run continues from a restart file: lines of `frame` and later that stand above this one
    /// are superseded.
    Restart {
        /// First sample after the restart.
        frame: u64,
        /// Its step.
        step: i64,
        /// Warning threshold from here on.
        threshold: f64,
        /// Windows in a row before an alarm from here on.
        persist: u32,
    },
    /// `fix_modify` changed the decision; holds for windows after `frame`.
    Change {
        /// Last sample before the change.
        frame: u64,
        /// Warning threshold from here on.
        threshold: f64,
        /// Windows in a row before an alarm from here on.
        persist: u32,
    },
    /// One interface's descriptors.
    Sample {
        /// Sample number.
        frame: u64,
        /// LAMMPS step.
        step: i64,
        /// Time since the first sample, ps.
        time_ps: f64,
        /// The interface.
        interface: usize,
        /// Where the interface stands.
        condition: Condition,
        /// Values in the header's order.
        #[serde(with = "nan::list")]
        values: Vec<f64>,
    },
    /// A window that was not scored (full queue or dead worker).
    Drop {
        /// Sample number of the window's last frame.
        frame: u64,
        /// The interface.
        interface: usize,
    },
    /// A verdict.
    Verdict {
        /// Step at which it was known.
        decision_step: i64,
        /// The verdict.
        #[serde(flatten)]
        verdict: Verdict,
    },
    /// A label-only observation; never an input of anything.
    Event {
        /// Sample number.
        frame: u64,
        /// LAMMPS step.
        step: i64,
        /// The interface.
        interface: usize,
        /// What happened, e.g. `bond_formed`.
        kind: String,
        /// Tags of the atoms concerned.
        tags: Vec<i64>,
        /// Anything else.
        data: serde_json::Map<String, serde_json::Value>,
    },
    /// An alarm was raised.
    Alarm {
        /// Step at which it was known.
        decision_step: i64,
        /// In words.
        reason: String,
        /// The alarm.
        #[serde(flatten)]
        alarm: Alarm,
    },
    /// The run was asked to stop.
    Halt {
        /// Sample number at which it was.
        frame: u64,
        /// Step.
        step: i64,
        /// `soft`, `hard` or `continue`.
        mode: String,
        /// In words.
        reason: String,
    },
}

impl Line {
    /// The line of a frame.
    #[must_use]
    pub fn sample(frame: &Frame) -> Self {
        Self::Sample {
            frame: frame.index,
            step: frame.step,
            time_ps: frame.time_ps,
            interface: frame.interface,
            condition: frame.condition,
            values: frame.values.clone(),
        }
    }

    /// The sample that a line belongs to, where it belongs to one: such lines can be superseded.
    #[must_use]
    pub fn frame(&self) -> Option<u64> {
        match self {
            Self::Header(_) | Self::Run { .. } | Self::Restart { .. } => None,
            Self::Change { frame, .. }
            | Self::Sample { frame, .. }
            | Self::Drop { frame, .. }
            | Self::Event { frame, .. }
            | Self::Halt { frame, .. } => Some(*frame),
            Self::Verdict { verdict, .. } => Some(verdict.frame),
            Self::Alarm { alarm, .. } => Some(alarm.frame),
        }
    }

    /// The line as bytes, newline included.
    ///
    /// # Panics
    /// Never: every key is a text and every number is finite or null.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec(self).expect("keys are texts");
        bytes.push(b'\n');
        bytes
    }
}
