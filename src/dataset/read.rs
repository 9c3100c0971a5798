//! Parquet files to a [`Table`], checked on the way.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use ndarray::Array2;
use serde_json::Value;

use super::columns::{Column, Columns};
use super::feature::{Feature, KEYS, LABEL_PREFIX, is_label};
use super::series::{CLASSES, FRAMES, RUNS, Series, Table};
use super::shard;
use super::target::SLACK_PS;
use super::{labels, leakage};
use crate::error::{Error, Result};
use crate::frame::Condition;
use crate::onset::Outcome;
use crate::window::Settings;

/// Columns of the table of runs that are no factors; `meta:` is the prefix of further ones.
const RUN_COLUMNS: [&str; 4] = ["run", "lineage", "sample_ps", "settings"];
/// Prefix of columns of the table of runs that describe the record, not the run.
pub(crate) const META_PREFIX: &str = "meta:";

/// What the table of runs says about one run.
#[derive(Debug, Clone, Default)]
struct Run {
    lineage: Option<String>,
    sample_ps: Option<f64>,
    settings: Option<Settings>,
    elements: Vec<String>,
    atoms: Option<u64>,
    condition: BTreeMap<String, Value>,
}

/// What is read of a stream's header.
#[derive(serde::Deserialize)]
struct Recorded {
    #[serde(default)]
    elements: Vec<String>,
    atoms: Option<u64>,
}

/// Columns, classes and series, before they are one table.
type Part = (Vec<Feature>, Vec<String>, Vec<Series>);

/// The data sets of a path: itself, or the folders in it that are data sets.
pub(super) fn data_sets(path: &Path) -> Result<Vec<PathBuf>> {
    if !path.is_dir() || !frame_files(path)?.is_empty() {
        return Ok(vec![path.to_owned()]);
    }
    let mut folders = Vec::new();
    for folder in subfolders(path)? {
        if !frame_files(&folder)?.is_empty() {
            folders.push(folder);
        }
    }
    if folders.is_empty() {
        return Err(Error::file(path, format!("no data set: expected {FRAMES} or folders with it")));
    }
    Ok(folders)
}

/// The files with frames of one data set. A shard that has lost a file is refused here: it must not pass for
/// a folder that is none.
fn frame_files(path: &Path) -> Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let single = path.join(FRAMES);
    if single.is_file() {
        return Ok(vec![single]);
    }
    shard::shards(path)?;
    Ok(subfolders(path)?
        .into_iter()
        .map(|folder| folder.join(FRAMES))
        .filter(|file| file.is_file())
        .collect())
}

/// Folders in a folder, in order. One that is being written has another name.
fn subfolders(path: &Path) -> Result<Vec<PathBuf>> {
    let mut folders: Vec<PathBuf> = std::fs::read_dir(path)
        .map_err(|error| Error::file(path, error))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|folder| folder.is_dir() && folder.extension().is_none_or(|extension| extension != "part"))
        .collect();
    folders.sort();
    Ok(folders)
}

pub(super) fn table(path: &Path) -> Result<Table> {
    let mut all: Option<Part> = None;
    let sets = data_sets(path)?;
    for data in &sets {
        let mut whole = data_set(data, sets.len() == 1)?;
        if labels::apply(data, &whole.0, &mut whole.2)? {
            whole.1 = Outcome::CLASSES.map(|outcome| outcome.name().to_owned()).to_vec();
        }
        merge(&mut all, whole).map_err(|message| Error::file(data, message))?;
    }
    finish(path, all)
}

/// Reads one data set without the labels of a rule that lie beside it.
pub(super) fn unlabelled(data: &Path) -> Result<Table> {
    finish(data, Some(data_set(data, true)?))
}

fn finish(path: &Path, part: Option<Part>) -> Result<Table> {
    let (features, classes, series) = part.ok_or_else(|| Error::file(path, "no data set"))?;
    leakage::check(&series).map_err(|error| Error::file(path, error))?;
    Table::new(features, classes, series).map_err(|error| Error::file(path, error))
}

/// All parts of one data set; `alone` is whether it is the only one that is read.
fn data_set(data: &Path, alone: bool) -> Result<Part> {
    let mut whole: Option<Part> = None;
    let files = frame_files(data)?;
    for file in &files {
        let part = one(file, alone && files.len() == 1)?;
        merge(&mut whole, part).map_err(|message| Error::file(file, message))?;
    }
    whole.ok_or_else(|| Error::file(data, "no data set"))
}

/// Adds a part whose columns and classes are those of the parts before.
fn merge(all: &mut Option<Part>, part: Part) -> std::result::Result<(), String> {
    let Some((features, classes, series)) = all else {
        *all = Some(part);
        return Ok(());
    };
    if *features != part.0 {
        return Err(different(features, &part.0));
    }
    if classes.is_empty() {
        *classes = part.1;
    } else if !part.1.is_empty() && *classes != part.1 {
        return Err(format!(
            "classes {}, but {} in other files of the data set",
            part.1.join(", "),
            classes.join(", ")
        ));
    }
    series.extend(part.2);
    Ok(())
}

fn different(first: &[Feature], here: &[Feature]) -> String {
    let missing = first.iter().find(|f| !here.contains(f));
    let added = here.iter().find(|f| !first.contains(f));
    match (missing, added) {
        (Some(name), _) => format!("column '{name}' is missing, which other files of the data set have"),
        (None, Some(name)) => format!("column '{name}', which other files of the data set do not have"),
        (None, None) => "columns in another order than in other files of the data set".to_owned(),
    }
}

/// One file of frames and the runs beside it. Only a table that is read `alone`, and is no shard, may leave
/// lineages out: the runs of others could share one.
fn one(file: &Path, alone: bool) -> Result<Part> {
    let shard = file.parent().filter(|folder| shard::number(folder).is_some());
    if let Some(shard) = shard {
        shard::verify(shard)?;
    }
    let frames = Columns::read(file)?;
    let runs_file = file.with_file_name(RUNS);
    let runs = if runs_file.is_file() { Some(read_runs(&runs_file)?) } else { None };
    if shard.is_some() && runs.iter().flatten().any(|(_, run)| run.lineage.is_none()) {
        return Err(Error::file(&runs_file, "expected a column 'lineage' with a name for every run"));
    }
    let default = alone && shard.is_none();
    series_of(&frames, runs.as_ref(), default).map_err(|error| Error::file(file, error))
}

fn read_runs(file: &Path) -> Result<BTreeMap<String, Run>> {
    let table = Columns::read(file)?;
    let names = table.get("run").ok_or_else(|| Error::file(file, "no column 'run'"))?.texts();
    if let Some((name, _)) = table.iter().find(|(name, _)| !name.starts_with(META_PREFIX) && is_label(name)) {
        let message =
            format!("column '{name}': expected factors; what is known of the whole run only is none");
        return Err(Error::file(file, message));
    }
    let mut runs = BTreeMap::new();
    for (row, name) in names.iter().enumerate() {
        let mut run = Run::default();
        for (key, column) in table.iter() {
            let value = value_at(column, row);
            match (key, &value) {
                ("lineage", Value::Null) => {
                    return Err(Error::file(file, format!("lineage of run '{name}': expected a name")));
                }
                ("lineage", Value::String(lineage)) => run.lineage = Some(lineage.clone()),
                ("lineage", number) => run.lineage = Some(number.to_string()),
                ("sample_ps", value) => run.sample_ps = value.as_f64(),
                ("settings", Value::String(text)) => {
                    let settings = serde_json::from_str(text)
                        .map_err(|error| Error::file(file, format!("settings of run '{name}': {error}")))?;
                    run.settings = Some(settings);
                }
                ("meta:header", Value::String(text)) => {
                    let header: Recorded = serde_json::from_str(text)
                        .map_err(|error| Error::file(file, format!("header of run '{name}': {error}")))?;
                    run.elements = header.elements;
                    run.atoms = header.atoms;
                }
                _ if RUN_COLUMNS.contains(&key) || key.starts_with(META_PREFIX) || value.is_null() => {}
                _ => {
                    run.condition.insert(key.to_owned(), value);
                }
            }
        }
        if runs.insert(name.clone(), run).is_some() {
            return Err(Error::file(file, format!("run '{name}' stands there twice")));
        }
    }
    Ok(runs)
}

/// A cell of a table; missing values are null, whole numbers integers.
pub(super) fn value_at(column: &Column, row: usize) -> Value {
    let number = |v: f64| {
        if v.fract() == 0.0 && v.abs() < 9e15 { Value::from(v as i64) } else { Value::from(v) }
    };
    match column {
        Column::Text(v) if v[row].is_empty() => Value::Null,
        Column::Text(v) => Value::from(v[row].as_str()),
        Column::I64(v) => Value::from(v[row]),
        Column::F32(v) if v[row].is_nan() => Value::Null,
        Column::F32(v) => number(f64::from(v[row])),
        Column::F64(v) if v[row].is_nan() => Value::Null,
        Column::F64(v) => number(v[row]),
    }
}

/// `default` is whether a run without a lineage may be one of its own.
fn series_of(frames: &Columns, runs: Option<&BTreeMap<String, Run>>, default: bool) -> Result<Part> {
    let need = |name: &str| {
        frames.get(name).ok_or_else(|| Error::input("columns", "frames", format!("a column '{name}'")))
    };
    let numbers = |name: &str, column: &Column| {
        column.numbers().ok_or_else(|| Error::input(format!("column {name}"), "text", "numbers"))
    };
    let run = need("run")?.texts();
    let time = numbers("time_ps", need("time_ps")?)?;
    let interface = match frames.get("interface") {
        Some(column) => numbers("interface", column)?,
        None => vec![0.0; run.len()],
    };
    let lineage = frames.get("lineage").map(Column::texts);
    let standing = frames.get("condition").map(Column::texts);
    let mut features = Vec::new();
    let mut inputs: Vec<Vec<f32>> = Vec::new();
    for (name, column) in frames.iter() {
        if KEYS.contains(&name) || name.starts_with(LABEL_PREFIX) {
            continue;
        }
        features.push(Feature::new(name)?);
        inputs.push(match column {
            Column::F32(values) => values.clone(),
            other => numbers(name, other)?.iter().map(|&v| v as f32).collect(),
        });
    }
    if features.is_empty() {
        return Err(Error::input(
            "columns",
            "frames",
            "at least one numeric column besides the keys and labels",
        ));
    }
    let (classes, state) = classes_of(frames, run.len())?;
    let onset = |name: &str| match frames.get(&format!("{LABEL_PREFIX}{name}")) {
        Some(column) => numbers(name, column).map(Some),
        None => Ok(None),
    };
    let (t_r, t_u, end) = (onset("t_r_ps")?, onset("t_u_ps")?, onset("end_ps")?);

    let mut rows: BTreeMap<(&str, u64), Vec<usize>> = BTreeMap::new();
    for (row, (run, &interface)) in run.iter().zip(&interface).enumerate() {
        if !(interface >= 0.0 && interface.fract() == 0.0) {
            return Err(Error::input("interface", interface, "a whole number from 0"));
        }
        rows.entry((run, interface as u64)).or_default().push(row);
    }
    let named: BTreeSet<&str> = rows.keys().map(|(name, _)| *name).collect();
    if let Some(name) =
        runs.into_iter().flatten().map(|(name, _)| name).find(|name| !named.contains(name.as_str()))
    {
        return Err(Error::input(format!("run of {RUNS}"), name, "frames of every run"));
    }
    let nothing = Run::default();
    let mut series = Vec::with_capacity(rows.len());
    for ((name, interface), rows) in rows {
        let about = match runs {
            None => &nothing,
            Some(runs) => {
                runs.get(name).ok_or_else(|| Error::input("run", name, format!("a run of {RUNS}")))?
            }
        };
        let own = |what: &str| format!("{what} of run {name}, interface {interface}");
        let lineage =
            match (constant(&own("lineage"), lineage.as_deref(), &rows, |a, b| a == b)?, &about.lineage) {
                (Some(own), _) if own.is_empty() => {
                    return Err(Error::input("lineage of run", name, "a name"));
                }
                (Some(own), Some(other)) if own != *other => {
                    return Err(Error::input(
                        format!("lineage of run {name}"),
                        own,
                        format!("{other}, as in {RUNS}"),
                    ));
                }
                (Some(lineage), _) => lineage,
                (None, Some(lineage)) => lineage.clone(),
                (None, None) if default => name.to_owned(),
                (None, None) => {
                    let expected =
                        format!("a column 'lineage' in {FRAMES} or {RUNS}, as in every part of a data set");
                    return Err(Error::input("lineage of run", name, expected));
                }
            };
        let time_ps: Vec<f64> = rows.iter().map(|&row| time[row]).collect();
        let onset = |name: &str, times: &Option<Vec<f64>>| -> Result<Option<f64>> {
            let key = own(&format!("{LABEL_PREFIX}{name}"));
            let same = |a: &f64, b: &f64| a == b || (a.is_nan() && b.is_nan());
            Ok(constant(&key, times.as_deref(), &rows, same)?.filter(|t| t.is_finite()))
        };
        let (t_r, t_u, end) = (onset("t_r_ps", &t_r)?, onset("t_u_ps", &t_u)?, onset("end_ps", &end)?);
        if let (Some(t_r), Some(t_u)) = (t_r, t_u)
            && t_r > t_u + SLACK_PS
        {
            let expected = format!("at most {LABEL_PREFIX}t_u_ps = {t_u}");
            return Err(Error::input(own(&format!("{LABEL_PREFIX}t_r_ps")), t_r, expected));
        }
        let standing = match &standing {
            None => vec![Condition::Measured; rows.len()],
            Some(names) => rows.iter().map(|&row| standing_of(&names[row])).collect::<Result<_>>()?,
        };
        series.push(Series {
            run: name.to_owned(),
            lineage,
            interface: interface as usize,
            condition: about.condition.clone(),
            sample_ps: about.sample_ps.unwrap_or_else(|| spacing(&time_ps)),
            values: Array2::from_shape_fn((rows.len(), features.len()), |(i, j)| inputs[j][rows[i]]),
            standing,
            // As in `Series::set_onsets`: what is not known of all series is not known.
            state: rows
                .iter()
                .map(|&row| state[row].filter(|_| end.is_none_or(|end| time[row] <= end + SLACK_PS)))
                .collect(),
            t_r_ps: t_r,
            t_u_ps: t_u,
            end_ps: end.or_else(|| time_ps.last().copied()).unwrap_or(0.0),
            settings: about.settings.clone(),
            elements: about.elements.clone(),
            atoms: about.atoms,
            time_ps,
        });
    }
    Ok((features, classes, series))
}

/// The one value that a column has in the rows of a series; none where there is no such column.
fn constant<T: Clone + ToString>(
    key: &str,
    column: Option<&[T]>,
    rows: &[usize],
    same: impl Fn(&T, &T) -> bool,
) -> Result<Option<T>> {
    let Some(column) = column else {
        return Ok(None);
    };
    let first = &column[rows[0]];
    match rows.iter().find(|&&row| !same(&column[row], first)) {
        None => Ok(Some(first.clone())),
        Some(&row) => {
            let expected = format!("one value in all rows, not also {}", first.to_string());
            Err(Error::input(key, column[row].to_string(), expected))
        }
    }
}

/// Names of the classes and the class of each row.
fn classes_of(frames: &Columns, rows: usize) -> Result<(Vec<String>, Vec<Option<u8>>)> {
    let named: Option<Vec<String>> = match frames.metadata.get(CLASSES) {
        None => None,
        Some(text) => {
            Some(serde_json::from_str(text).map_err(|error| Error::input(CLASSES, text, error.to_string()))?)
        }
    };
    let Some(column) = frames.get(&format!("{LABEL_PREFIX}state")) else {
        return Ok((named.unwrap_or_default(), vec![None; rows]));
    };
    let too_many = |n: usize| Error::input("classes", n, "at most 255 classes");
    if let Column::Text(texts) = column {
        let names = named.unwrap_or_else(|| {
            let unique: std::collections::BTreeSet<&String> =
                texts.iter().filter(|t| !t.is_empty()).collect();
            unique.into_iter().cloned().collect()
        });
        if names.len() > 255 {
            return Err(too_many(names.len()));
        }
        let mut state = Vec::with_capacity(rows);
        for text in texts {
            let class = names.iter().position(|name| name == text);
            if class.is_none() && !text.is_empty() {
                return Err(Error::input("class", text, format!("one of {}", names.join(", "))));
            }
            state.push(class.map(|class| class as u8));
        }
        return Ok((names, state));
    }
    let mut state = Vec::with_capacity(rows);
    for value in column.numbers().unwrap_or_default() {
        state.push(match value {
            v if v.is_nan() || v == -1.0 => None,
            v if v.fract() == 0.0 && (0.0..255.0).contains(&v) => Some(v as u8),
            v => return Err(Error::input("class", v, "a whole number from 0 to 254, or -1 for none")),
        });
    }
    let largest = state.iter().flatten().max().map_or(0, |&class| usize::from(class) + 1);
    let names = named.unwrap_or_else(|| (0..largest).map(|class| class.to_string()).collect());
    Ok((names, state))
}

fn standing_of(name: &str) -> Result<Condition> {
    match name {
        "reference" => Ok(Condition::Reference),
        "measured" => Ok(Condition::Measured),
        "no_surface" => Ok(Condition::NoSurface),
        other => Err(Error::input("condition", other, "reference, measured or no_surface")),
    }
}

/// The common spacing of times; NaN where they differ by more than 1 %.
fn spacing(time: &[f64]) -> f64 {
    let mut steps: Vec<f64> = time.windows(2).map(|pair| pair[1] - pair[0]).collect();
    steps.sort_by(f64::total_cmp);
    match (steps.first(), steps.last()) {
        (Some(&least), Some(&most)) if most - least <= 0.01 * most => steps[steps.len() / 2],
        _ => f64::NAN,
    }
}
