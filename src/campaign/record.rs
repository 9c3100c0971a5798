//! `run.json`: what a run was and what it cost. Its presence in `runs/NAME` says that the run is
//! finished.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::identity::{Inputs, Programs};
use super::schema::Values;
use crate::error::{Error, Result};

/// Name of the file.
pub const RECORD: &str = "run.json";

/// Version of its schema.
pub const SCHEMA: u32 = 1;

/// What became of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// All stages ended well.
    Finished,
    /// Something went wrong; the run is in quarantine.
    Failed,
}

/// What one stage cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StageCost {
    /// Name of the stage.
    pub name: String,
    /// CPU seconds.
    pub cpu_seconds: Option<f64>,
    /// Seconds by the clock.
    pub wall_seconds: f64,
}

/// A run's record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Version of this schema.
    pub schema: u32,
    /// Name of the run's folder, which is also its id.
    pub id: String,
    /// Name of the campaign.
    pub campaign: String,
    /// Readable name: levels, seed, replica.
    pub key: String,
    /// Name of the condition.
    pub condition: String,
    /// Its row of the condition table.
    pub columns: Values,
    /// What became of it.
    pub status: Status,
    /// Why it failed.
    pub message: Option<String>,
    /// Hash of the inputs.
    pub hash: String,
    /// Everything that went in.
    pub inputs: Inputs,
    /// Programs that made it.
    pub programs: Programs,
    /// What each stage cost.
    pub stages: Vec<StageCost>,
    /// CPU seconds of all stages.
    pub cpu_seconds: f64,
    /// Seconds by the clock of all stages.
    pub wall_seconds: f64,
    /// SHA-256 of files that were there at the end, kept or not, by name: equal
    /// `equilibrated.data` of two replicas proves their common start.
    pub outputs: BTreeMap<String, String>,
}

impl Record {
    /// Reads a run's record from its folder.
    ///
    /// # Errors
    /// [`Error::File`] when there is none or it cannot be understood.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(RECORD);
        let text = std::fs::read_to_string(&path).map_err(|error| Error::file(&path, error))?;
        serde_json::from_str(&text).map_err(|error| Error::file(&path, error))
    }

    /// Writes it into a run's folder, whole or not at all.
    ///
    /// # Errors
    /// [`Error::File`] when that fails.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let path = folder.join(RECORD);
        let part = folder.join(format!("{RECORD}.part"));
        let fail = |error: std::io::Error| Error::file(&path, error);
        let mut file = std::fs::File::create(&part).map_err(fail)?;
        serde_json::to_writer_pretty(&mut file, self).map_err(|error| Error::file(&path, error))?;
        file.write_all(b"\n").and_then(|()| file.sync_all()).map_err(fail)?;
        std::fs::rename(&part, &path).map_err(fail)
    }
}
