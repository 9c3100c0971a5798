//! What a data set holds, for people and as JSON.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use serde::Serialize;

use super::columns::Columns;
use super::read::{self, META_PREFIX};
use super::series::{RUNS, Series, Table};
use super::shard;
use super::target::Horizon;
use crate::error::{Error, Result};

/// Factors with more levels than this are not shown level by level.
const MOST_LEVELS: usize = 24;

/// Interfaces of each class at their end, for one group of series.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Balance {
    /// Interfaces.
    pub interfaces: usize,
    /// Of them without a label.
    pub unlabelled: usize,
    /// Interfaces by their last class.
    pub outcomes: Vec<usize>,
    /// Events.
    pub events: usize,
    /// Events that leave the least lead after the baseline.
    pub warnable: usize,
}

/// A data set in numbers.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// Hash of everything, labels included.
    pub sha256: String,
    /// Hash without labels: what a split belongs to.
    pub content_sha256: String,
    /// Runs.
    pub runs: usize,
    /// Lineages.
    pub lineages: usize,
    /// Frames, all interfaces.
    pub frames: usize,
    /// Simulated time, all runs, ps.
    pub simulated_ps: f64,
    /// Feature columns.
    pub features: usize,
    /// Names of the classes.
    pub classes: Vec<String>,
    /// Frames of each class.
    pub frames_by_class: Vec<usize>,
    /// CPU hours of the runs, where recorded.
    pub core_hours: Option<f64>,
    /// Size of the shards, bytes.
    pub bytes: u64,
    /// All interfaces.
    pub all: Balance,
    /// By factor and level.
    pub factors: BTreeMap<String, BTreeMap<String, Balance>>,
}

impl Balance {
    fn add(&mut self, series: &Series, classes: usize, horizon: &Horizon) {
        self.outcomes.resize(classes, 0);
        self.interfaces += 1;
        match series.state.iter().flatten().max() {
            Some(&class) => self.outcomes[usize::from(class)] += 1,
            None => self.unlabelled += 1,
        }
        self.events += usize::from(series.t_u_ps.is_some());
        let baseline_end = series.settings.as_ref().map_or(0.0, crate::window::Settings::baseline_end_ps);
        self.warnable += usize::from(horizon.warnable(series.t_u_ps, baseline_end));
    }
}

impl Summary {
    /// Counts a table that was read from `path`.
    ///
    /// # Errors
    /// [`Error::File`] when the shards' tables of runs cannot be read.
    pub fn new(table: &Table, path: &Path, horizon: &Horizon) -> Result<Self> {
        let classes = table.classes.len();
        let mut all = Balance::default();
        let mut factors: BTreeMap<String, BTreeMap<String, Balance>> = BTreeMap::new();
        let mut frames_by_class = vec![0; classes];
        let mut lengths: BTreeMap<&str, f64> = BTreeMap::new();
        for series in &table.series {
            all.add(series, classes, horizon);
            for key in series.condition.keys() {
                let level = factors.entry(key.clone()).or_default().entry(series.factor(key)).or_default();
                level.add(series, classes, horizon);
            }
            series.state.iter().flatten().for_each(|&class| frames_by_class[usize::from(class)] += 1);
            let length = series.time_ps.last().zip(series.time_ps.first()).map_or(0.0, |(b, a)| b - a);
            lengths.insert(&series.run, length);
        }
        factors.retain(|_, levels| levels.len() <= MOST_LEVELS);
        let lineages: std::collections::BTreeSet<&str> =
            table.series.iter().map(|series| series.lineage.as_str()).collect();
        let (core_hours, bytes) = costs(path)?;
        Ok(Self {
            sha256: table.hash.clone(),
            content_sha256: table.content_hash(),
            runs: lengths.len(),
            lineages: lineages.len(),
            frames: table.series.iter().map(|series| series.time_ps.len()).sum(),
            simulated_ps: lengths.values().sum(),
            features: table.features.len(),
            classes: table.classes.clone(),
            frames_by_class,
            core_hours,
            bytes,
            all,
            factors,
        })
    }

    /// As text.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = String::new();
        let classes = self.classes.join(" / ");
        let _ = writeln!(
            out,
            "{} runs of {} lineages, {} interfaces, {} frames, {} features, {:.1} ns simulated",
            self.runs,
            self.lineages,
            self.all.interfaces,
            self.frames,
            self.features,
            self.simulated_ps / 1000.0
        );
        if let Some(hours) = self.core_hours {
            let _ = writeln!(out, "{hours:.1} core hours, {:.2} MB", self.bytes as f64 / 1e6);
        }
        let frames: Vec<String> = self.frames_by_class.iter().map(ToString::to_string).collect();
        let _ = writeln!(out, "classes {classes}: frames {}", frames.join(" / "));
        let _ = writeln!(out, "sha256 {} (without labels {})\n", self.sha256, self.content_sha256);
        let _ = writeln!(
            out,
            "{:<36} {:>10}  {:<24} {:>8} {:>9}",
            "", "interfaces", classes, "events", "warnable"
        );
        let mut line = |name: &str, b: &Balance| {
            let outcomes: Vec<String> = b.outcomes.iter().map(ToString::to_string).collect();
            let mut outcomes = outcomes.join(" / ");
            if b.unlabelled > 0 {
                let _ = write!(outcomes, " ({} without label)", b.unlabelled);
            }
            let _ = writeln!(
                out,
                "{name:<36} {:>10}  {outcomes:<24} {:>8} {:>9}",
                b.interfaces, b.events, b.warnable
            );
        };
        line("all", &self.all);
        for (factor, levels) in &self.factors {
            for (level, balance) in levels {
                line(&format!("{factor} = {level}"), balance);
            }
        }
        out
    }
}

/// Core hours, where the tables of runs say so, and the size of all files.
fn costs(path: &Path) -> Result<(Option<f64>, u64)> {
    if !path.is_dir() {
        let bytes = std::fs::metadata(path).map_err(|error| Error::file(path, error))?.len();
        return Ok((None, bytes));
    }
    let mut folders = Vec::new();
    for data in read::data_sets(path)? {
        let shards = shard::shards(&data)?;
        folders.extend(if shards.is_empty() { vec![data] } else { shards });
    }
    let (mut seconds, mut bytes) = (None, 0);
    for folder in folders {
        let runs = folder.join(RUNS);
        if runs.is_file() {
            let table = Columns::read(&runs)?;
            if let Some(cpu) = table.get(&format!("{META_PREFIX}cpu_seconds")).and_then(|c| c.numbers()) {
                *seconds.get_or_insert(0.0) += cpu.iter().filter(|s| s.is_finite()).sum::<f64>();
            }
        }
        let entries = std::fs::read_dir(&folder).map_err(|error| Error::file(&folder, error))?;
        bytes += entries.filter_map(|entry| entry.ok()?.metadata().ok()).map(|data| data.len()).sum::<u64>();
    }
    Ok((seconds.map(|seconds: f64| seconds / 3600.0), bytes))
}
