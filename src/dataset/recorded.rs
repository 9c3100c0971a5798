//! A finished run of a campaign, as its folder holds it.
//!
//! Enters: a folder with `run.json` and `stream.jsonl`, as it was written or compressed by zstd.
//! Leaves: frames, and apart from them the events that only labels are made from.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::series::hex;
use crate::error::{Error, Result};
use crate::frame::Frame;
use crate::onset::Event;
use crate::stream::{Header, Line, Reader};

/// The record of a run, as far as it is needed here.
#[derive(Debug, Clone, Deserialize)]
pub struct Record {
    /// Name of the run.
    pub id: String,
    /// `finished` or `failed`.
    pub status: String,
    /// Hash of everything that went in.
    pub hash: String,
    /// Its row of the condition table, `lineage` included.
    pub columns: BTreeMap<String, Value>,
    /// CPU seconds of all stages.
    #[serde(default)]
    pub cpu_seconds: f64,
}

/// A run.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// Its record.
    pub record: Record,
    /// First line of its stream.
    pub header: Header,
    /// SHA-256 of the stream's lines as they were written.
    pub stream_hash: String,
    /// Frames, by sample and interface.
    pub frames: Vec<Frame>,
    /// Label-only events, in order.
    pub events: Vec<Event>,
}

/// Name of a run's record in its folder.
const RECORD: &str = "run.json";
/// Names of a run's stream.
const STREAMS: [&str; 2] = ["stream.jsonl", "stream.jsonl.zst"];

/// Folders of runs below `folder`: itself, its subfolders, or those of its `runs`, which may be none
/// yet.
///
/// # Errors
/// [`Error::File`] when nothing of that kind is there.
pub fn folders(folder: &Path) -> Result<Vec<PathBuf>> {
    if folder.join(RECORD).is_file() {
        return Ok(vec![folder.to_owned()]);
    }
    let runs = folder.join("runs");
    let campaign = runs.is_dir();
    let root = if campaign { runs } else { folder.to_owned() };
    let mut found: Vec<PathBuf> = std::fs::read_dir(&root)
        .map_err(|error| Error::file(&root, error))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.join(RECORD).is_file())
        .collect();
    found.sort();
    if found.is_empty() && !campaign {
        return Err(Error::file(&root, format!("no finished run: expected folders with {RECORD}")));
    }
    Ok(found)
}

impl Record {
    /// Reads a run's record.
    ///
    /// # Errors
    /// [`Error::File`] when it cannot be read or understood.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(RECORD);
        let text = std::fs::read_to_string(&path).map_err(|error| Error::file(&path, error))?;
        serde_json::from_str(&text).map_err(|error| Error::file(&path, error))
    }

    /// Name of the lineage: the run's own where none is given.
    #[must_use]
    pub fn lineage(&self) -> String {
        match self.columns.get("lineage") {
            Some(Value::String(lineage)) => lineage.clone(),
            _ => self.id.clone(),
        }
    }

    /// Factors of the run.
    #[must_use]
    pub fn condition(&self) -> BTreeMap<String, Value> {
        self.columns
            .iter()
            .filter(|(key, _)| *key != "lineage")
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect()
    }
}

impl Recorded {
    /// Reads a run.
    ///
    /// # Errors
    /// [`Error::File`] when a file is missing or damaged: what goes into a data set is whole.
    pub fn read(folder: &Path) -> Result<Self> {
        let record = Record::read(folder)?;
        let stream = STREAMS
            .iter()
            .map(|name| folder.join(name))
            .find(|path| path.is_file())
            .ok_or_else(|| Error::file(folder, format!("no {}", STREAMS.join(" or "))))?;
        let mut reader = Reader::open(&stream)?;
        let header = reader.header().clone();
        let mut hash = Sha256::new();
        let (mut frames, mut events) = (Vec::new(), Vec::new());
        for line in reader.by_ref() {
            let line = line.map_err(|damage| Error::file(&stream, damage))?;
            match line {
                Line::Sample { frame, step, time_ps, interface, condition, values } => {
                    hash.update(time_ps.to_bits().to_le_bytes());
                    values.iter().for_each(|v| hash.update(v.to_bits().to_le_bytes()));
                    frames.push(Frame { index: frame, step, time_ps, interface, condition, values });
                }
                Line::Event { frame, interface, kind, tags, data, .. } => {
                    let time_ps = frame as f64 * header.settings.sample_ps;
                    let data = if data.is_empty() { String::new() } else { Value::Object(data).to_string() };
                    events.push(Event { interface, time_ps, kind, tags, data });
                }
                _ => {}
            }
        }
        if reader.truncated() {
            return Err(Error::file(&stream, "the last line is not finished: the run was not"));
        }
        if frames.is_empty() {
            return Err(Error::file(&stream, "holds no samples"));
        }
        frames.sort_by_key(|frame| (frame.interface, frame.index));
        Ok(Self { record, header, stream_hash: hex(&hash.finalize()), frames, events })
    }
}
