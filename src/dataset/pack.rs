//! Finished runs of campaigns into shards of Parquet tables.
//!
//! A shard is a folder `shard-NNN` with `frames.parquet`, `events.parquet` and `runs.parquet` of up to 50
//! runs, and a manifest of their hashes. It is written under another name and renamed as a last act, and
//! never touched again; what is packed already is known from the shards themselves. So packing can be stopped and repeated at any
//! time, while the campaign goes on.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::columns::{Column, Columns};
use super::fidelity::Fidelity;
use super::read::META_PREFIX;
use super::recorded::{self, Record, Recorded};
use super::rounding;
use super::series::{FRAMES, RUNS, factor_column, standing_name};
use super::shard::{self, EVENTS, FILES, shards};
use crate::error::{Error, Result};
use crate::onset::event;

/// Runs per shard.
pub const SHARD: usize = 50;
/// A name's last part is the beginning of a hash if it is one and has so many digits.
const LEAST_HASH: usize = 8;
/// The factor that says what a run is for.
const ROLE: &str = "role";

/// A run that is packed already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// The shard.
    pub shard: String,
    /// Hash of its inputs.
    pub hash: String,
    /// Hash of its frames as they were recorded.
    pub stream: String,
    /// What it is for, where that was said.
    pub role: String,
}

/// What packing did.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Shards written.
    pub shards: Vec<PathBuf>,
    /// Runs packed.
    pub runs: usize,
    /// Runs that were packed before.
    pub before: usize,
    /// Finished runs left for a later, fuller shard.
    pub left: usize,
    /// Frames, all interfaces.
    pub frames: usize,
    /// Label-only events.
    pub events: usize,
    /// Bytes of the new shards.
    pub bytes: u64,
    /// What rounding does.
    pub fidelity: Fidelity,
}

/// How to pack.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Leave runs that do not fill a shard for later.
    pub full_only: bool,
}

/// Runs of a data set's shards, by name.
///
/// # Errors
/// [`Error::File`] when a shard cannot be read or a run is in two of them.
pub fn packed(data: &Path) -> Result<BTreeMap<String, Packed>> {
    let mut runs = BTreeMap::new();
    for shard in shards(data)? {
        shard::verify(&shard)?;
        let file = shard.join(RUNS);
        let table = Columns::read(&file)?;
        let texts = |name: &str| {
            let column = table.get(name).ok_or_else(|| Error::file(&file, format!("no column '{name}'")))?;
            Ok::<_, Error>(column.texts())
        };
        let hashes = texts(&format!("{META_PREFIX}input_sha256"))?;
        let streams = texts(&format!("{META_PREFIX}stream_sha256"))?;
        let roles = table.get(ROLE).map_or_else(|| vec![String::new(); hashes.len()], Column::texts);
        let shard = shard.file_name().unwrap_or_default().to_string_lossy().into_owned();
        for (((run, hash), stream), role) in texts("run")?.into_iter().zip(hashes).zip(streams).zip(roles) {
            let entry = Packed { shard: shard.clone(), hash, stream, role };
            if let Some(other) = runs.insert(run.clone(), entry) {
                return Err(Error::file(&file, format!("run '{run}' is in {} too", other.shard)));
            }
        }
    }
    Ok(runs)
}

/// What a run is for; nothing where that is not said.
fn role(record: &Record) -> String {
    record.columns.get(ROLE).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Name of a run without the beginning of its inputs' hash that a campaign appends.
fn key_of<'a>(run: &'a str, hash: &str) -> &'a str {
    match run.rsplit_once('-') {
        Some((key, short)) if short.len() >= LEAST_HASH && hash.starts_with(short) => key,
        _ => run,
    }
}

/// Packs all finished runs below `sources` that the data set does not have. `progress` is told after
/// each run how many are done, and of how many.
///
/// # Errors
/// [`Error::File`] naming the run that cannot be read, was packed from other inputs or for another role, is another
/// run under a new name, or one run of a campaign from two versions of its inputs. Shards written until then stay.
pub fn pack(
    sources: &[PathBuf],
    data: &Path,
    options: Options,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Report> {
    std::fs::create_dir_all(data).map_err(|error| Error::file(data, error))?;
    let mut known = packed(data)?;
    let mut report = Report::default();
    let mut new: Vec<PathBuf> = Vec::new();
    let mut names: BTreeMap<String, PathBuf> = BTreeMap::new();
    let mut keys: BTreeMap<String, String> =
        known.iter().map(|(run, packed)| (key_of(run, &packed.hash).to_owned(), run.clone())).collect();
    for source in sources {
        for folder in recorded::folders(source)? {
            let record = Record::read(&folder)?;
            if record.status != "finished" {
                continue;
            }
            if let Some(other) = names.insert(record.id.clone(), folder.clone()) {
                let message = format!("run '{}' is in {} too", record.id, other.display());
                return Err(Error::file(&folder, message));
            }
            let key = key_of(&record.id, &record.hash);
            if let Some(other) = keys.insert(key.to_owned(), record.id.clone())
                && other != record.id
            {
                let message = format!(
                    "runs '{other}' and '{}' are one run, '{key}', from two versions of its inputs: a data set \
                     holds one version; move the other's folder away",
                    record.id
                );
                return Err(Error::file(&folder, message));
            }
            match known.get(&record.id) {
                None => new.push(folder),
                Some(packed) if packed.hash == record.hash && packed.role != role(&record) => {
                    let message = format!(
                        "role = '{}': expected '{}', as in {} of the data set, where it stays: choose test sets of packed \
                         runs by their factors (foreshock dataset split --heldout)",
                        role(&record),
                        packed.role,
                        packed.shard
                    );
                    return Err(Error::file(&folder, message));
                }
                Some(packed) if packed.hash == record.hash => report.before += 1,
                Some(packed) => {
                    let message = format!(
                        "run '{}' is in {} of the data set, but was made from other inputs (hash {}, here {})",
                        record.id, packed.shard, packed.hash, record.hash
                    );
                    return Err(Error::file(&folder, message));
                }
            }
        }
    }
    if options.full_only {
        report.left = new.len() % SHARD;
        new.truncate(new.len() - report.left);
    }
    let first = shards(data)?.iter().filter_map(|path| shard::number(path)).max().map_or(0, |n| n + 1);
    let mut done = 0;
    for (number, group) in (first..).zip(new.chunks(SHARD)) {
        let mut runs = Vec::with_capacity(group.len());
        for folder in group {
            let run = Recorded::read(folder)?;
            let same = known.iter().find(|(_, packed)| packed.stream == run.stream_hash);
            if let Some((name, packed)) = same {
                let message = format!(
                    "run '{}' has the very frames of run '{name}' in {}: one run under two names",
                    run.record.id, packed.shard
                );
                return Err(Error::file(folder, message));
            }
            let entry = Packed {
                shard: format!("shard-{number:03}"),
                hash: run.record.hash.clone(),
                stream: run.stream_hash.clone(),
                role: role(&run.record),
            };
            known.insert(run.record.id.clone(), entry);
            runs.push(run);
            done += 1;
            progress(done, new.len());
        }
        write_shard(&runs, data, number, &mut report)?;
    }
    Ok(report)
}

fn write_shard(runs: &[Recorded], data: &Path, number: usize, report: &mut Report) -> Result<()> {
    let Some(first) = runs.first() else {
        return Ok(());
    };
    let names = &first.header.descriptors;
    if let Some(other) = runs.iter().find(|run| run.header.descriptors != *names) {
        return Err(Error::input(
            format!("descriptors of run {}", other.record.id),
            other.header.descriptors.len(),
            format!("those of run {}, {} names", first.record.id, names.len()),
        ));
    }
    let steps: Vec<Option<f64>> = names.iter().map(|name| rounding::step(name)).collect();
    for run in runs {
        report.fidelity.add(run, &steps)?;
        report.frames += run.frames.len();
        report.events += run.events.len();
    }
    report.runs += runs.len();

    let shard = data.join(format!("shard-{number:03}"));
    let partial = data.join(format!("shard-{number:03}.part"));
    if partial.exists() {
        std::fs::remove_dir_all(&partial).map_err(|error| Error::file(&partial, error))?;
    }
    std::fs::create_dir(&partial).map_err(|error| Error::file(&partial, error))?;
    frames(runs, names, &steps).write(&partial.join(FRAMES))?;
    let events = runs.iter().map(|run| (run.record.id.clone(), run.events.clone())).collect();
    event::to_columns(&events).write(&partial.join(EVENTS))?;
    about(runs)?.write(&partial.join(RUNS))?;
    shard::seal(&partial)?;
    for file in FILES {
        report.bytes += std::fs::metadata(partial.join(file)).map_or(0, |data| data.len());
    }
    std::fs::rename(&partial, &shard).map_err(|error| Error::file(&shard, error))?;
    report.shards.push(shard);
    Ok(())
}

fn frames(runs: &[Recorded], names: &[String], steps: &[Option<f64>]) -> Columns {
    let rows = || runs.iter().flat_map(|run| run.frames.iter().map(move |frame| (run, frame)));
    let mut table = Columns::default();
    table.push("run", Column::Text(rows().map(|(run, _)| run.record.id.clone()).collect()));
    table.push("interface", Column::I64(rows().map(|(_, frame)| frame.interface as i64).collect()));
    table.push("time_ps", Column::F64(rows().map(|(_, frame)| frame.time_ps).collect()));
    let standing = rows().map(|(_, frame)| standing_name(frame.condition).to_owned()).collect();
    table.push("condition", Column::Text(standing));
    for (at, (name, &step)) in names.iter().zip(steps).enumerate() {
        let values = rows().map(|(_, frame)| rounding::round(frame.values[at], step)).collect();
        table.push(name.clone(), Column::F32(values));
    }
    table
}

/// The table of runs: factors as columns, and under `meta:` where the run comes from.
fn about(runs: &[Recorded]) -> Result<Columns> {
    let json = |run: &Recorded, value: serde_json::Result<String>| {
        value.map_err(|error| Error::input("header", &run.record.id, error.to_string()))
    };
    let mut table = Columns::default();
    table.push("run", Column::Text(runs.iter().map(|run| run.record.id.clone()).collect()));
    table.push("lineage", Column::Text(runs.iter().map(|run| run.record.lineage()).collect()));
    table.push("sample_ps", Column::F64(runs.iter().map(|run| run.header.settings.sample_ps).collect()));
    let settings = runs
        .iter()
        .map(|run| json(run, serde_json::to_string(&run.header.settings)))
        .collect::<Result<_>>()?;
    table.push("settings", Column::Text(settings));
    let conditions: Vec<BTreeMap<String, Value>> = runs.iter().map(|run| run.record.condition()).collect();
    let keys: std::collections::BTreeSet<&String> = conditions.iter().flat_map(BTreeMap::keys).collect();
    for key in keys {
        let values: Vec<&Value> =
            conditions.iter().map(|condition| condition.get(key).unwrap_or(&Value::Null)).collect();
        table.push(key.clone(), factor_column(&values));
    }
    let mut meta = |name: &str, column: Column| table.push(format!("{META_PREFIX}{name}"), column);
    meta("input_sha256", Column::Text(runs.iter().map(|run| run.record.hash.clone()).collect()));
    meta("stream_sha256", Column::Text(runs.iter().map(|run| run.stream_hash.clone()).collect()));
    meta("cpu_seconds", Column::F64(runs.iter().map(|run| run.record.cpu_seconds).collect()));
    meta("atoms", Column::I64(runs.iter().map(|run| run.header.atoms as i64).collect()));
    let headers =
        runs.iter().map(|run| json(run, serde_json::to_string(&run.header))).collect::<Result<_>>()?;
    meta("header", Column::Text(headers));
    Ok(table)
}
