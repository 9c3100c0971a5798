//! One method, one seed: from the data set to the files of its folder.

use std::path::{Path, PathBuf};

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::folds::{self, Fold, assign};
use super::label_count::without_kin;
use super::methods::{self, Lesson};
use super::plan::{Plan, Recipe};
use super::prepare::{Prepared, Set};
use super::score::alarms::{Level, Trace, quantile, threshold};
use super::training::{Epoch, Observer};
use super::verdicts::{Spoken, Verdicts};
use crate::dataset::Table;
use crate::dataset::columns::Columns;
use crate::dataset::series::{RUNS, hex};
use crate::dataset::target::SLACK_PS;
use crate::error::{Error, Result};
use crate::model::meta::{AlarmLevel, Measured};

/// The model, where there is one.
pub const MODEL: &str = "model.safetensors";
/// What was said of validation and test series.
pub const VERDICTS: &str = "verdicts.safetensors";
/// Column of the table of runs with the header of each stream.
const HEADER: &str = "meta:header";
/// Settings and epochs.
pub const HISTORY: &str = "training.json";

/// Scores in a row that raise an alarm, as the fix's default.
pub const PERSIST: usize = 3;
/// Wanted share of stable runs that alarm falsely.
pub const RATE: f64 = 0.05;

/// What a folder says about its training.
#[derive(Debug, Serialize)]
struct History<'a> {
    key: String,
    recipe: &'a Recipe,
    seed: u64,
    data_hash: &'a str,
    split_hash: &'a str,
    seconds: f64,
    epochs: &'a [Epoch],
}

/// Data and folds of a plan's method.
///
/// # Errors
/// What preparing and splitting return.
pub fn prepare(table: &Table, plan: &Plan, recipe: &Recipe) -> Result<(Set, Vec<Fold>)> {
    let set = Set::new(table, plan.data.task, recipe.window, recipe.every, plan.data.horizon)?;
    Ok((set, assign(table, &plan.data)?))
}

/// Version of everything that trains. Raised with any change that makes other models of the same recipe and
/// data, so that results of older code do not pass for new ones.
const TRAINER: u32 = 2;

/// What a result depends on: another recipe, other data or another split of them must not continue, or
/// pass for, this one. `split` is [`folds::hash_of`] the data.
fn key(table: &Table, plan: &Plan, recipe: &Recipe, seed: u64, split: &str) -> String {
    let (data, format) = (&plan.data, crate::model::meta::FORMAT);
    let parts =
        serde_json::json!([recipe, seed, table.hash, split, data.task, data.horizon, format, TRAINER]);
    hex(&Sha256::digest(parts.to_string().as_bytes()))
}

/// Whether a method was trained with a seed already, by the same recipe on the same data in the same split,
/// which is [`folds::hash_of`] the data.
#[must_use]
pub fn is_done(table: &Table, plan: &Plan, recipe: &Recipe, seed: u64, split: &str) -> bool {
    let folder = plan.folder(recipe, seed);
    let said = std::fs::read_to_string(folder.join(HISTORY)).ok();
    let history = said.and_then(|text| serde_json::from_str::<serde_json::Value>(&text).ok());
    history.is_some_and(|h| h["key"] == key(table, plan, recipe, seed, split))
        && folder.join(VERDICTS).is_file()
        && (folder.join(MODEL).is_file() || !recipe.ships())
}

/// Trains one method with one seed and writes its folder. Gives whether it came to its end.
///
/// # Errors
/// What training returns, and [`Error::File`] when files cannot be written.
pub fn run(
    table: &Table,
    plan: &Plan,
    recipe: &Recipe,
    seed: u64,
    observer: &mut dyn Observer,
) -> Result<bool> {
    let started = std::time::Instant::now();
    let (set, folds) = prepare(table, plan, recipe)?;
    let folder = plan.folder(recipe, seed);
    std::fs::create_dir_all(&folder).map_err(|error| Error::file(&folder, error))?;
    let split_hash = folds::hash(set.series.iter().map(|s| s.lineage.as_str()), &folds);
    let key = key(table, plan, recipe, seed, &split_hash);
    let checkpoints = folder.join("checkpoint");
    let chosen = without_kin(recipe, &plan.data.path, &set, &folds)?;
    let lesson = Lesson { set: &set, folds: &folds, recipe: &chosen, seed };
    let trained = methods::train(lesson, Some((&checkpoints, &key)), observer)?;
    let Some(verdicts) = trained.verdicts else { return Ok(false) };
    if let Some(mut model) = trained.model {
        model.meta.measured = measured(&plan.data.path)?;
        model.meta.alarm = alarm_level(&set, &|k| folds[k] == Fold::Calibrate, &verdicts, PERSIST, RATE);
        model.write(&folder.join(MODEL))?;
    }
    verdicts.write(&folder.join(VERDICTS))?;
    let history = History {
        key,
        recipe,
        seed,
        data_hash: &table.hash,
        split_hash: &split_hash,
        seconds: started.elapsed().as_secs_f64(),
        epochs: &trained.history,
    };
    let path = folder.join(HISTORY);
    let text = serde_json::to_string_pretty(&history).map_err(|error| Error::file(&path, error))?;
    std::fs::write(&path, text).map_err(|error| Error::file(&path, error))?;
    remove(&checkpoints)?;
    Ok(true)
}

/// How descriptors were measured in the runs of all data sets at a path, one or a folder of such; `None` where
/// their headers are not kept or do not say the same.
fn measured(path: &Path) -> Result<Option<Measured>> {
    let mut common = None;
    for file in tables_of_runs(path, 2)? {
        let table = Columns::read(&file)?;
        let Some(headers) = table.get(HEADER) else { return Ok(None) };
        for text in headers.texts() {
            let header: serde_json::Value =
                serde_json::from_str(&text).map_err(|error| Error::file(&file, error))?;
            let here = Measured::of(&header["config"]);
            if here.is_none() || common.is_some_and(|common| Some(common) != here) {
                return Ok(None);
            }
            common = here;
        }
    }
    Ok(common)
}

/// The tables of runs beside a path, in it, and in folders in it down to `depth`: shards in data sets.
fn tables_of_runs(path: &Path, depth: usize) -> Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(Some(path.with_file_name(RUNS)).filter(|file| file.is_file()).into_iter().collect());
    }
    let mut tables: Vec<PathBuf> = Some(path.join(RUNS)).filter(|file| file.is_file()).into_iter().collect();
    if depth > 0 {
        for entry in std::fs::read_dir(path).map_err(|error| Error::file(path, error))? {
            let folder = entry.map_err(|error| Error::file(path, error))?.path();
            // A shard that is being written has another name.
            if folder.is_dir() && folder.extension().is_none_or(|extension| extension != "part") {
                tables.extend(tables_of_runs(&folder, depth - 1)?);
            }
        }
    }
    Ok(tables)
}

fn remove(folder: &Path) -> Result<()> {
    if folder.exists() {
        std::fs::remove_dir_all(folder).map_err(|error| Error::file(folder, error))?;
    }
    Ok(())
}

/// The warning probability of a series over time, as far as its outcome is known: near the end the
/// labels cannot tell a false alarm from an early one. All series end there, those with an event, too.
#[must_use]
pub fn trace(series: &Prepared, spoken: &Spoken) -> Trace {
    let (time_ps, score) = series
        .verdicts()
        .zip(&spoken.said)
        .map(|(frame, said)| (series.time_ps[frame], f64::from(said.warning)))
        .take_while(|(time, _)| *time <= series.end_ps + SLACK_PS)
        .unzip();
    Trace {
        time_ps,
        score,
        event_ps: series.event_ps,
        end_ps: series.end_ps,
        ready_ps: series.ready_ps,
        due_ps: series.due_ps,
    }
}

/// The threshold at which a further stable run alarms with a probability of at most `rate`, from the stable
/// lineages among `chosen` series, or the next best, with the rate that they support. Replicas of one
/// lineage are no independent draws and count as one: a lineage is stable when none of its runs' interfaces
/// has an event, alarms when any of them does, and was watched as long as the longest of them. Lineages
/// with fewer verdicts than an alarm needs are no evidence.
#[must_use]
pub fn alarm_level(
    set: &Set,
    chosen: &dyn Fn(usize) -> bool,
    verdicts: &Verdicts,
    persist: usize,
    rate: f64,
) -> Option<AlarmLevel> {
    let mut lineages: std::collections::BTreeMap<&str, (bool, f64, f64)> = std::collections::BTreeMap::new();
    for spoken in verdicts.series.iter().filter(|s| chosen(s.series)) {
        let series = &set.series[spoken.series];
        let trace = trace(series, spoken);
        let lineage = lineages.entry(&series.lineage).or_insert((true, f64::NEG_INFINITY, 0.0));
        lineage.0 &= trace.event_ps.is_none();
        lineage.1 = lineage.1.max(trace.maximum(persist));
        lineage.2 = lineage.2.max(trace.watched_ps(trace.end_ps));
    }
    let stable: Vec<(f64, f64)> = lineages
        .values()
        .filter(|(stable, maximum, _)| *stable && *maximum > f64::NEG_INFINITY)
        .map(|&(_, maximum, exposure)| (maximum, exposure))
        .collect();
    let maxima: Vec<f64> = stable.iter().map(|r| r.0).collect();
    let exposures: Vec<f64> = stable.iter().map(|r| r.1).collect();
    let Level { threshold, false_alarms, rate } = threshold(&maxima, rate)?;
    Some(AlarmLevel {
        threshold,
        persist: persist as u32,
        rate,
        stable_runs: maxima.len(),
        false_alarms,
        exposure_ps: quantile(&exposures, 0.5),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::columns::Column;
    use crate::learn::replicas::tests::{constant, data, series};

    #[test]
    fn replicas_of_a_lineage_are_one_calibration_run_and_fail_together() {
        let data = data(vec![
            series("a0", "a", None),
            series("a1", "a", None),
            series("b0", "b", None),
            series("c0", "c", None),
            series("c1", "c", Some(30.0)),
        ]);
        // The replica of what fails is the loudest, and has no say.
        let verdicts = constant(&data, &[0.25, 0.75, 0.5, 0.875, 1.0]);
        let found = alarm_level(&data.set, &|_| true, &verdicts, PERSIST, RATE).expect("stable lineages");
        assert_eq!((found.stable_runs, found.false_alarms), (2, 0));
        assert_eq!((found.threshold, found.rate), (0.75_f64.next_up(), 1.0 / 3.0));
        assert_eq!(found.exposure_ps, 59.0);
    }

    #[test]
    fn what_all_headers_say_of_the_measurement_goes_into_the_model() {
        let folder = tempfile::tempdir().expect("a folder");
        let shard = |name: &str, configs: &[serde_json::Value]| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(&path).expect("a folder");
            let mut table = Columns::default();
            let headers = configs.iter().map(|config| serde_json::json!({"config": config}).to_string());
            table.push(HEADER, Column::Text(headers.collect()));
            table.write(&path.join(RUNS)).expect("written");
        };
        let found = || measured(folder.path()).expect("readable");
        assert_eq!(found(), None, "no data set");
        let usual = serde_json::json!({"region": 8.0, "cutoff": "auto"});
        shard("data/shard-000", &[usual.clone(), usual.clone()]);
        shard("more/shard-000", std::slice::from_ref(&usual));
        assert_eq!(found(), Some(Measured { region_angstrom: 8.0, cutoff_auto: true }));
        shard("more/shard-001.part", &[serde_json::json!({})]);
        assert!(found().is_some(), "not finished");
        shard("more/shard-001", &[usual, serde_json::json!({"region": 9.0, "cutoff": "auto"})]);
        assert_eq!(found(), None, "not the same");
    }
}
