//! What a data set is in memory: one [`Series`] per run and interface.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use ndarray::Array2;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::columns::{Column, Columns};
use super::feature::{Feature, LABEL_PREFIX};
use super::read;
use super::target::SLACK_PS;
pub(crate) use crate::campaign::hex;
use crate::error::{Error, Result};
use crate::frame::{Condition, Frame};
use crate::window::Settings;

/// File of the frames, one row per run, interface and frame.
pub const FRAMES: &str = "frames.parquet";
/// File of the runs, one row per run.
pub const RUNS: &str = "runs.parquet";
/// Metadata key of the class names, a JSON list.
pub const CLASSES: &str = "foreshock.classes";

/// One interface of one run.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Name of the run.
    pub run: String,
    /// Runs of one lineage share an initial structure or an equilibration: they stay in one fold.
    pub lineage: String,
    /// The interface, 0 or 1.
    pub interface: usize,
    /// Factors of the run: family, system, temperature_k, vacancies, orientation, size, seed, role ...
    pub condition: BTreeMap<String, Value>,
    /// Time between frames, ps; NaN where frames are not equally spaced.
    pub sample_ps: f64,
    /// Time of each frame since the first sample, ps, increasing.
    pub time_ps: Vec<f64>,
    /// Raw values, shape [frames x features], NaN where undefined.
    pub values: Array2<f32>,
    /// What the extractor could say at each frame.
    pub standing: Vec<Condition>,
    /// Class per frame; of interfaces 0 stable, 1 reconstructing, 2 unstable. None is not labelled.
    pub state: Vec<Option<u8>>,
    /// Begin of the reconstruction, ps.
    pub t_r_ps: Option<f64>,
    /// Begin of the instability, ps: the event.
    pub t_u_ps: Option<f64>,
    /// Up to here it is known whether the event has happened, ps: the time of the last frame, less what
    /// the rule of the labels looks ahead. Frames after it have no class, whatever the outcome.
    pub end_ps: f64,
    /// How the fix sampled; with it, raw frames can be pushed through the window stage of the fix.
    pub settings: Option<Settings>,
    /// Elements of its atoms, where the fix was told.
    pub elements: Vec<String>,
    /// Atoms of its run, where recorded.
    pub atoms: Option<u64>,
}

impl Series {
    /// Frame `row` as the extractor made it, for [`crate::window::WindowStage::push`]. The sample number
    /// follows from the time, so that frames that are missing are noticed there.
    ///
    /// # Panics
    /// When there is no such row.
    #[must_use]
    pub fn frame(&self, row: usize) -> Frame {
        let time_ps = self.time_ps[row];
        let index = if self.sample_ps > 0.0 { (time_ps / self.sample_ps).round() as u64 } else { row as u64 };
        Frame {
            index,
            step: index as i64,
            time_ps,
            interface: self.interface,
            condition: self.standing[row],
            values: self.values.row(row).iter().map(|&v| f64::from(v)).collect(),
        }
    }

    /// Frames in order.
    pub fn frames(&self) -> impl Iterator<Item = Frame> {
        (0..self.time_ps.len()).map(|row| self.frame(row))
    }

    /// The event: begin of the instability.
    #[must_use]
    pub fn event_ps(&self) -> Option<f64> {
        self.t_u_ps
    }

    /// Whether any frame has a class.
    #[must_use]
    pub fn labelled(&self) -> bool {
        self.state.iter().any(Option::is_some)
    }

    /// A factor of the run as text; `-` where the run has none of that name.
    #[must_use]
    pub fn factor(&self, key: &str) -> String {
        match self.condition.get(key) {
            None | Some(Value::Null) => "-".to_owned(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        }
    }

    /// Everything that runs of one condition share: all factors but those that name the run.
    #[must_use]
    pub fn stratum(&self) -> String {
        stratum(&self.condition)
    }

    /// Puts classes of frames from the onset times: stable, then reconstructing, then unstable, up to
    /// `end_ps`. After it there is none even where the event came before: late frames of unstable series
    /// only would tell the outcome by being there.
    pub fn set_onsets(&mut self, t_r_ps: Option<f64>, t_u_ps: Option<f64>, end_ps: f64) {
        let class = |t: f64| (t <= end_ps + SLACK_PS).then(|| state_at(t, t_r_ps, t_u_ps));
        self.state = self.time_ps.iter().map(|&t| class(t)).collect();
        (self.t_r_ps, self.t_u_ps, self.end_ps) = (t_r_ps, t_u_ps, end_ps);
    }

    pub(crate) fn hash_into(&self, hash: &mut Sha256, labels: bool) {
        let mut text = format!("{}\n{}\n{}\n", self.run, self.lineage, self.interface);
        for (key, value) in &self.condition {
            let _ = writeln!(text, "{key} {value}");
        }
        hash.update(text.as_bytes());
        self.hash_frames(hash);
        if labels {
            let time = |t: Option<f64>| t.map_or(u64::MAX, f64::to_bits).to_le_bytes();
            hash.update(time(self.t_r_ps));
            hash.update(time(self.t_u_ps));
            hash.update(self.end_ps.to_bits().to_le_bytes());
            let states: Vec<u8> = self.state.iter().map(|s| s.unwrap_or(u8::MAX)).collect();
            hash.update(&states);
        }
    }

    /// Times and values alone: equal for the same frames under another name.
    pub(crate) fn hash_frames(&self, hash: &mut Sha256) {
        for t in &self.time_ps {
            hash.update(t.to_bits().to_le_bytes());
        }
        for &value in &self.values {
            let value = if value.is_nan() { f32::NAN } else { value };
            hash.update(value.to_bits().to_le_bytes());
        }
    }
}

/// Factors that runs of one condition share.
pub(crate) fn stratum(condition: &BTreeMap<String, Value>) -> String {
    const OWN: [&str; 5] = ["seed", "replica", "role", "fold", "name"];
    let factors = condition.iter().filter(|(key, _)| !OWN.contains(&key.as_str()));
    factors.map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ")
}

/// Class at a time, from the onset times.
#[must_use]
pub fn state_at(time_ps: f64, t_r_ps: Option<f64>, t_u_ps: Option<f64>) -> u8 {
    let begun = |onset: Option<f64>| onset.is_some_and(|t| time_ps >= t - SLACK_PS);
    if begun(t_u_ps) { 2 } else { u8::from(begun(t_r_ps)) }
}

/// A data set.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// Columns of every series' values, in order.
    pub features: Vec<Feature>,
    /// Names of the classes.
    pub classes: Vec<String>,
    /// All series, by run and interface.
    pub series: Vec<Series>,
    /// SHA-256 of everything above, hexadecimal; independent of how the files are cut and compressed.
    pub hash: String,
}

impl Table {
    /// A table of series, sorted by run and interface.
    ///
    /// # Errors
    /// [`Error::Input`] when a series does not fit the features or the classes, or stands there twice.
    pub fn new(features: Vec<Feature>, classes: Vec<String>, mut series: Vec<Series>) -> Result<Self> {
        for one in &series {
            check(one, features.len(), classes.len())?;
        }
        series.sort_by(|a, b| (&a.run, a.interface).cmp(&(&b.run, b.interface)));
        if let Some(pair) =
            series.windows(2).find(|p| (&p[0].run, p[0].interface) == (&p[1].run, p[1].interface))
        {
            return Err(Error::input("run", &pair[0].run, "every run and interface once"));
        }
        let mut table = Self { features, classes, series, hash: String::new() };
        table.hash = table.hash_with(true);
        Ok(table)
    }

    /// Reads a data set: a folder of shards with `labels.parquet`, a folder with `frames.parquet`, a
    /// folder of such folders, or one Parquet file with a `runs.parquet` beside it, if there is one.
    ///
    /// # Errors
    /// [`Error::File`] naming the column or run that cannot be used.
    pub fn read(path: &Path) -> Result<Self> {
        read::table(path)
    }

    /// Writes the data set as `frames.parquet` and `runs.parquet` into a folder.
    ///
    /// # Errors
    /// [`Error::File`] when they cannot be written.
    pub fn write(&self, folder: &Path) -> Result<()> {
        std::fs::create_dir_all(folder).map_err(|error| Error::file(folder, error))?;
        self.frames()?.write(&folder.join(FRAMES))?;
        runs(&self.series)?.write(&folder.join(RUNS))
    }

    /// Hash of runs, factors and frames without their labels: what a split belongs to.
    #[must_use]
    pub fn content_hash(&self) -> String {
        self.hash_with(false)
    }

    /// Series with a class: what can be trained on and scored.
    pub fn labelled(&self) -> impl Iterator<Item = &Series> {
        self.series.iter().filter(|series| series.labelled())
    }

    /// Position of a feature.
    #[must_use]
    pub fn position(&self, feature: &str) -> Option<usize> {
        self.features.iter().position(|f| f == feature)
    }

    fn hash_with(&self, labels: bool) -> String {
        let mut hash = Sha256::new();
        for feature in &self.features {
            hash.update(format!("{feature}\n").as_bytes());
        }
        if labels {
            hash.update(self.classes.join("\n").as_bytes());
        }
        self.series.iter().for_each(|series| series.hash_into(&mut hash, labels));
        hex(&hash.finalize())
    }

    fn frames(&self) -> Result<Columns> {
        let rows = || self.series.iter().flat_map(|s| (0..s.time_ps.len()).map(move |row| (s, row)));
        let mut frames = Columns::default();
        frames.push("run", Column::Text(rows().map(|(s, _)| s.run.clone()).collect()));
        frames.push("lineage", Column::Text(rows().map(|(s, _)| s.lineage.clone()).collect()));
        frames.push("interface", Column::I64(rows().map(|(s, _)| s.interface as i64).collect()));
        frames.push("time_ps", Column::F64(rows().map(|(s, row)| s.time_ps[row]).collect()));
        let standing = rows().map(|(s, row)| standing_name(s.standing[row]).to_owned()).collect();
        frames.push("condition", Column::Text(standing));
        for (at, feature) in self.features.iter().enumerate() {
            frames.push(feature.as_str(), Column::F32(rows().map(|(s, row)| s.values[[row, at]]).collect()));
        }
        if self.series.iter().any(Series::labelled) {
            let state = rows().map(|(s, row)| s.state[row].map_or(-1, i64::from)).collect();
            frames.push(format!("{LABEL_PREFIX}state"), Column::I64(state));
            for (name, time) in [
                ("t_r_ps", (|s| s.t_r_ps) as fn(&Series) -> Option<f64>),
                ("t_u_ps", |s| s.t_u_ps),
                ("end_ps", |s| Some(s.end_ps)),
            ] {
                let times = rows().map(|(s, _)| time(s).unwrap_or(f64::NAN)).collect();
                frames.push(format!("{LABEL_PREFIX}{name}"), Column::F64(times));
            }
        }
        let classes = serde_json::to_string(&self.classes)
            .map_err(|error| Error::input("classes", self.classes.join(", "), error.to_string()))?;
        frames.metadata.insert(CLASSES.to_owned(), classes);
        Ok(frames)
    }
}

fn check(series: &Series, features: usize, classes: usize) -> Result<()> {
    let rows = series.time_ps.len();
    let wrong = |what: &str, found: usize, expected: usize| {
        Error::input(
            format!("run {}, interface {}: {what}", series.run, series.interface),
            found,
            expected.to_string(),
        )
    };
    if series.values.dim() != (rows, features) {
        let (found, width) = series.values.dim();
        return Err(if found == rows {
            wrong("features", width, features)
        } else {
            wrong("rows", found, rows)
        });
    }
    if series.state.len() != rows {
        return Err(wrong("states", series.state.len(), rows));
    }
    if series.standing.len() != rows {
        return Err(wrong("conditions", series.standing.len(), rows));
    }
    if let Some(state) = series.state.iter().flatten().find(|&&state| usize::from(state) >= classes) {
        return Err(wrong("class", usize::from(*state), classes));
    }
    if let Some(pair) = series
        .time_ps
        .windows(2)
        .find(|pair| pair[1].partial_cmp(&pair[0]) != Some(std::cmp::Ordering::Greater))
    {
        return Err(Error::input(
            format!("run {}, interface {}: time_ps", series.run, series.interface),
            pair[1],
            format!("a time after {}", pair[0]),
        ));
    }
    Ok(())
}

/// The table of runs: name, lineage, interval, settings and one column per factor.
pub(crate) fn runs(series: &[Series]) -> Result<Columns> {
    let mut firsts: Vec<&Series> = Vec::new();
    for one in series {
        if firsts.last().is_none_or(|last| last.run != one.run) {
            firsts.push(one);
        }
    }
    let mut table = Columns::default();
    table.push("run", Column::Text(firsts.iter().map(|s| s.run.clone()).collect()));
    table.push("lineage", Column::Text(firsts.iter().map(|s| s.lineage.clone()).collect()));
    table.push("sample_ps", Column::F64(firsts.iter().map(|s| s.sample_ps).collect()));
    let mut settings = Vec::with_capacity(firsts.len());
    for one in &firsts {
        settings.push(match &one.settings {
            None => String::new(),
            Some(settings) => serde_json::to_string(settings)
                .map_err(|error| Error::input("settings", &one.run, error.to_string()))?,
        });
    }
    table.push("settings", Column::Text(settings));
    let keys: std::collections::BTreeSet<&String> = firsts.iter().flat_map(|s| s.condition.keys()).collect();
    for key in keys {
        let values: Vec<&Value> =
            firsts.iter().map(|s| s.condition.get(key).unwrap_or(&Value::Null)).collect();
        table.push(key.clone(), factor_column(&values));
    }
    Ok(table)
}

/// A factor's column: numbers where all values are, else text; a value that is missing is NaN or empty.
pub(crate) fn factor_column(values: &[&Value]) -> Column {
    if values.iter().all(|v| v.is_null() || v.is_number()) {
        return Column::F64(values.iter().map(|v| v.as_f64().unwrap_or(f64::NAN)).collect());
    }
    Column::Text(
        values
            .iter()
            .map(|v| match v {
                Value::Null => String::new(),
                Value::String(text) => text.clone(),
                other => other.to_string(),
            })
            .collect(),
    )
}

/// Name of a frame's condition in the file, as in the stream.
pub(crate) fn standing_name(condition: Condition) -> &'static str {
    match condition {
        Condition::Reference => "reference",
        Condition::Measured => "measured",
        Condition::NoSurface => "no_surface",
    }
}
