//! The report: tables and figures as JSON, SVG, PNG and one HTML page.

mod ablations;
pub mod card;
mod cell;
pub mod chart;
mod fig4;
mod page;
mod pictures;
pub mod record;

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use super::evaluate::census::Count;
use super::evaluate::paper::PAPER;
use super::evaluate::{On, Report, Row, order};
use super::figures::{Early, Index};
use super::importance::Figure4;
use super::plan::Group;
use crate::error::{Error, Result};
use crate::plot::raster;

/// Everything that the figures show.
#[derive(Debug, Clone)]
pub struct Figures {
    /// Fig. 1.
    pub index: Index,
    /// Fig. 3, of the winner, without one of the first method, and of the CUSUM where it is in the plan.
    pub early: Vec<Early>,
    /// Fig. 4, where the method has a model.
    pub importance: Option<Figure4>,
}

/// A row of table1.json.
#[derive(Debug, Serialize)]
struct Table1<'a> {
    method: &'a str,
    accuracy: Option<f64>,
    macro_f1: Option<f64>,
    auc: Option<f64>,
    auprc: Option<f64>,
    lead_ps_median: Option<f64>,
    false_alarms_per_100: Option<f64>,
    /// 95 % intervals over runs, by name; everything else that was measured is in here, too.
    ci: BTreeMap<&'a str, [Option<f64>; 2]>,
    more: BTreeMap<&'a str, Option<f64>>,
    seed_deviation: &'a BTreeMap<String, f64>,
    validation: &'a BTreeMap<String, f64>,
    /// Lineages that each measure rests on, and classes that macro_f1 and auc are means over.
    lineages: &'a BTreeMap<String, usize>,
    classes: &'a [String],
    thresholds: &'a [f64],
    supported_false_alarm_rate: Option<f64>,
    paper: Option<BTreeMap<&'static str, f64>>,
}

/// data.json: what was there to learn from and to score.
#[derive(Debug, Serialize)]
struct Data<'a> {
    hash: &'a str,
    split_hash: &'a str,
    on: On,
    winner: &'a Option<String>,
    winner_seed: Option<u64>,
    counts: &'a [Count],
}

fn defined(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

fn table1(row: &Row) -> Table1<'_> {
    let value = |name: &str| row.scores.get(name).and_then(|i| defined(i.value));
    const OWN: [&str; 6] = ["accuracy", "macro_f1", "auc", "auprc", "lead_ps_median", "false_alarms_per_100"];
    Table1 {
        method: &row.method,
        accuracy: value("accuracy"),
        macro_f1: value("macro_f1"),
        auc: value("auc"),
        auprc: value("auprc"),
        lead_ps_median: value("lead_ps_median"),
        false_alarms_per_100: value("false_alarms_per_100"),
        ci: row.scores.iter().map(|(k, i)| (k.as_str(), [defined(i.low), defined(i.high)])).collect(),
        more: row
            .scores
            .iter()
            .filter(|(k, _)| !OWN.contains(&k.as_str()))
            .map(|(k, i)| (k.as_str(), defined(i.value)))
            .chain([("calibration_error", defined(row.calibration_error))])
            .collect(),
        seed_deviation: &row.seed_deviation,
        validation: &row.validation,
        lineages: &row.lineages,
        classes: &row.classes,
        thresholds: &row.thresholds,
        supported_false_alarm_rate: row.supported,
        paper: paper(&row.method).map(|p| PAPER_MEASURES.into_iter().zip(p).collect()),
    }
}

/// What the paper's placeholders are of, in their order.
const PAPER_MEASURES: [&str; 4] = ["accuracy", "macro_f1", "auc", "lead_ps_median"];

/// The paper's placeholders for a method.
fn paper(method: &str) -> Option<[f64; 4]> {
    PAPER.iter().find(|(name, _)| *name == method).map(|(_, values)| *values)
}

/// Writes all files of the report into a folder.
///
/// # Errors
/// [`Error::File`] when a file cannot be written, [`Error::Limit`] when drawing fails.
pub fn write(folder: &Path, report: &Report, figures: &Figures) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(|error| Error::file(folder, error))?;
    let group = |group: Group| report.rows.iter().filter(move |r| r.group == group);
    let rows: Vec<Table1<'_>> = group(Group::Comparison).map(table1).collect();
    json(folder, "table1", &rows)?;
    json(folder, "table2", &report.shifts)?;
    let ablations: Vec<Table1<'_>> = group(Group::Ablation).map(table1).collect();
    json(folder, "ablations", &ablations)?;
    json(folder, "ablation_differences", &report.ablations)?;
    json(folder, "kin", &report.kin)?;
    json(folder, "differences", &report.differences)?;
    let sentences = order::sentences(&report.order);
    json(folder, "order", &serde_json::json!({"sentences": sentences, "pairs": report.order}))?;
    json(folder, "nulls", &report.nulls)?;
    json(folder, "replicas", &report.replicas)?;
    json(folder, "targets", &report.targets)?;
    json(
        folder,
        "data",
        &Data {
            hash: &report.data_hash,
            split_hash: &report.split_hash,
            on: report.on,
            winner: &report.winner,
            winner_seed: report.winner_seed,
            counts: &report.counts,
        },
    )?;
    json(folder, "fig1", &figures.index)?;
    json(folder, "fig2", &rows)?;
    json(folder, "fig3", &figures.early)?;
    json(folder, "fig4", &figures.importance)?;
    let shown = |of: fn(&Row) -> serde_json::Value| -> BTreeMap<&str, serde_json::Value> {
        group(Group::Comparison).map(|r| (r.method.as_str(), of(r))).collect()
    };
    let confusions = shown(|r| serde_json::json!({"seed": r.shown_seed, "counts": r.confusion}));
    json(folder, "confusion", &confusions)?;
    let reliability = shown(|r| serde_json::json!({"seed": r.shown_seed, "bins": r.reliability}));
    json(folder, "reliability", &reliability)?;
    if !report.test_evaluations.is_empty() {
        record::copy(&report.test_evaluations, folder)?;
    }
    let pictures = pictures::pictures(report, figures)?;
    for (name, svg) in &pictures {
        put(&folder.join(format!("{name}.svg")), svg.as_bytes())?;
        put(&folder.join(format!("{name}.png")), &raster::png(svg)?)?;
    }
    put(&folder.join("index.html"), page::page(report, figures, &pictures).as_bytes())
}

fn put(path: &Path, bytes: &[u8]) -> Result<()> {
    std::fs::write(path, bytes).map_err(|error| Error::file(path, error))
}

fn json<T: Serialize>(folder: &Path, name: &str, value: &T) -> Result<()> {
    let path = folder.join(format!("{name}.json"));
    let mut text = serde_json::to_string_pretty(value).map_err(|error| Error::file(&path, error))?;
    text.push('\n');
    put(&path, text.as_bytes())
}
