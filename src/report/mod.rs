//! What happened in one run or in a campaign, as one self-contained page that prints.
//!
//! Enters: finished or running streams, with the campaign's record beside them where there is one.
//! Leaves: HTML with figures inside; everything from files is escaped, and no script runs.

mod figures;
mod page;

use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::campaign::{RECORD, Record};
use crate::error::{Error, Result};
use crate::model::Model;
use crate::replay::model_of;
use crate::stream::Header;
use crate::watch::{Fleet, Follower, Status};

/// Runs that are shown in full; a campaign's others are lines of its table.
pub const FULL: usize = 24;
/// Bytes of the largest file that is taken for a model.
const LARGEST_MODEL: u64 = 1 << 28;

/// A run and the campaign's record of it.
#[derive(Debug)]
pub struct Entry<'a> {
    /// The run.
    pub run: &'a Follower,
    /// The record beside its stream.
    pub record: Option<Record>,
}

/// One measured overhead, as `make bench` writes it.
#[derive(Debug, Clone, PartialEq, serde::Deserialize)]
pub struct Overhead {
    /// LAMMPS input.
    pub input: String,
    /// What it is compared with.
    pub comparison: String,
    /// Atoms.
    pub atoms: u64,
    /// MPI ranks.
    pub ranks: u64,
    /// Steps between samples.
    pub n_every: u64,
    /// Whether stress is measured.
    pub stress: bool,
    /// CPU time with the fix over that without: median, least and largest of the pairs.
    pub ratio_median: f64,
    /// Least.
    pub ratio_min: f64,
    /// Largest.
    pub ratio_max: f64,
    /// Pairs.
    pub repeats: u64,
}

impl Overhead {
    /// Reads the list in `path`.
    ///
    /// # Errors
    /// [`Error::File`] when it cannot be read or understood.
    pub fn read(path: &Path) -> Result<Vec<Self>> {
        let text = std::fs::read_to_string(path).map_err(|error| Error::file(path, error))?;
        serde_json::from_str(&text).map_err(|error| Error::file(path, error))
    }
}

/// What is shown beside the streams.
#[derive(Debug, Default)]
pub struct Sources {
    /// Measured overhead.
    pub overhead: Vec<Overhead>,
    /// Models that may have judged, beside those that the runs name.
    pub models: Vec<Model>,
}

impl Sources {
    /// The model that judged a run: the one of these with the run's hash, else the file that the run
    /// names, as it stands or beside the stream, else the built-in one.
    fn model(&self, run: &Follower, header: &Header) -> Result<Model> {
        if let Some(model) = self.models.iter().find(|model| header.model_hash.as_ref() == Some(&model.hash))
        {
            return Ok(model.clone());
        }
        let named = header.config["model"]["file"].as_str().map(Path::new);
        let beside = named.and_then(Path::file_name).and_then(|name| Some(run.path().parent()?.join(name)));
        // A stream may name anything, also what has no end.
        let ordinary = |path: &&Path| {
            std::fs::metadata(path).is_ok_and(|found| found.is_file() && found.len() <= LARGEST_MODEL)
        };
        let mut found = [named, beside.as_deref()].into_iter().flatten().filter(ordinary);
        match (named, found.find_map(|path| model_of(header, Some(path)).ok())) {
            (_, Some(model)) => Ok(model),
            (None, None) => model_of(header, None),
            (Some(path), None) => {
                let expected = "the run's model there, beside the stream, or by --model";
                Err(Error::input("model", path.display(), expected))
            }
        }
    }
}

/// Makes the page of the streams at `paths` (files, or folders that hold some).
///
/// # Errors
/// [`Error::Input`] when there is no stream; what a stream itself lacks is said on the page.
pub fn html(paths: &[PathBuf], sources: &Sources) -> Result<String> {
    let mut fleet = Fleet::new(paths)?;
    let now = Instant::now();
    fleet.look(now);
    while !fleet.caught_up(now) {
        fleet.look(now);
    }
    let usable = |run: &&Follower| run.view().is_some();
    if !fleet.runs().values().any(|run| usable(&run)) {
        let why = fleet.runs().values().find_map(|run| match run.status(now) {
            Status::Unusable(message) => Some(format!("{}: {message}", run.name())),
            _ => None,
        });
        let given = paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" ");
        let expected = why.map_or_else(String::new, |why| format!(" ({why})"));
        return Err(Error::input("RUN", given, format!("at least one stream with a header{expected}")));
    }
    let entry = |run| Entry { run, record: record(run) };
    let mut entries: Vec<Entry<'_>> = fleet.by_risk().iter().map(|n| entry(&fleet.runs()[n])).collect();
    if entries.iter().all(|entry| entry.record.is_some()) {
        let key = |entry: &Entry<'_>| entry.record.as_ref().map(|r| (r.condition.clone(), r.key.clone()));
        entries.sort_by_key(key);
    }
    Ok(page::page(&entries, sources, fleet.ignored(), now))
}

fn record(run: &Follower) -> Option<Record> {
    let folder = run.path().parent()?.to_owned();
    folder.join(RECORD).is_file().then(|| Record::read(&folder).ok())?
}
