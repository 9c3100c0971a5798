//! The report: tables and figures as JSON, SVG, PNG and one HTML page.

pub mod chart;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use serde::Serialize;

use super::evaluate::{PAPER, PAPER_SHIFTS, Report, Row};
use super::figures::{Curve, Early, Importance, Index};
use super::plan::Group;
use super::score::bootstrap::Interval;
use crate::error::{Error, Result};
use crate::plot::raster;
use chart::{Bars, Line, Lines};

/// Everything that the figures show.
#[derive(Debug, Clone)]
pub struct Figures {
    /// Fig. 1.
    pub index: Index,
    /// Fig. 3, of the winner and of the CUSUM or what else was asked for.
    pub early: Vec<Early>,
    /// Fig. 4.
    pub importance: Vec<Importance>,
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
    thresholds: &'a [f64],
    paper: Option<BTreeMap<&'static str, f64>>,
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
        thresholds: &row.thresholds,
        paper: paper(&row.method)
            .map(|p| ["accuracy", "macro_f1", "auc", "lead_ps_median"].into_iter().zip(p).collect()),
    }
}

/// The paper's placeholder for a method.
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
    json(folder, "differences", &report.differences)?;
    json(folder, "data", &(&report.counts, &report.data_hash, &report.winner))?;
    json(folder, "fig1", &figures.index)?;
    json(folder, "fig2", &rows)?;
    json(folder, "fig3", &figures.early)?;
    json(folder, "fig4", &figures.importance)?;
    let confusions: BTreeMap<&str, &Vec<Vec<f64>>> =
        group(Group::Comparison).map(|r| (r.method.as_str(), &r.confusion)).collect();
    json(folder, "confusion", &confusions)?;
    let reliability: BTreeMap<&str, _> =
        group(Group::Comparison).map(|r| (r.method.as_str(), &r.reliability)).collect();
    json(folder, "reliability", &reliability)?;
    let pictures = pictures(report, figures)?;
    for (name, svg) in &pictures {
        put(&folder.join(format!("{name}.svg")), svg.as_bytes())?;
        put(&folder.join(format!("{name}.png")), &raster::png(svg)?)?;
    }
    put(&folder.join("index.html"), page(report, figures, &pictures).as_bytes())
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

fn line(curve: &Curve) -> Line {
    let points = curve.points.iter().map(|p| p.map(|v| v.unwrap_or(f64::NAN))).collect();
    Line { name: curve.name.clone(), points }
}

fn pictures(report: &Report, figures: &Figures) -> Result<Vec<(&'static str, String)>> {
    let mut pictures = Vec::new();
    let index = [
        Lines {
            title: "Instability index: median and quartiles".into(),
            x: "time since the baseline, ps".into(),
            y: "index (1: baseline 99 %)".into(),
            lines: figures.index.since_baseline.iter().map(line).collect(),
            ..Lines::default()
        },
        Lines {
            title: "Unstable interfaces, aligned".into(),
            x: "time to the event, ps".into(),
            y: "index".into(),
            lines: figures.index.before_event.iter().map(line).collect(),
            marks: vec![(0.0, "event".into())],
            ..Lines::default()
        },
    ];
    pictures.push(("fig1", chart::lines(&index)?));
    let rows: Vec<&Row> = report.rows.iter().filter(|r| r.group == Group::Comparison).collect();
    let names: Vec<String> = rows.iter().map(|r| r.method.clone()).collect();
    let bar = |title: &str, measure: &str| {
        let of = |r: &&Row| r.scores.get(measure).map_or([f64::NAN; 3], |i| [i.value, i.low, i.high]);
        (title.to_owned(), rows.iter().map(of).collect::<Vec<_>>())
    };
    let bars = [
        Bars {
            title: "State and warning on unseen lineages, 95 % intervals over runs".into(),
            y: "score".into(),
            groups: names.clone(),
            bars: vec![
                bar("accuracy", "accuracy"),
                bar("macro-F1", "macro_f1"),
                bar("AUC of states", "auc"),
                bar("AUROC of the warning", "auroc"),
                bar("AUROC within condition", "auroc_within"),
            ],
        },
        Bars {
            title: format!(
                "Lead time, misses count 0, at {} % false alarms on validation",
                100.0 * report.rate
            ),
            y: "ps".into(),
            groups: names,
            bars: vec![
                bar("median, all events", "lead_ps_median"),
                bar("mean, all events", "lead_ps_mean"),
                bar("median, warnable", "lead_ps_median_warnable"),
            ],
        },
    ];
    pictures.push(("fig2", chart::bars(&bars)?));
    let early: Vec<Lines> = figures
        .early
        .iter()
        .take(1)
        .flat_map(|e| {
            [
                Lines {
                    title: format!("{}: unstable or not, from the start", e.method),
                    x: "observed share of the trajectory".into(),
                    y: "precision, recall".into(),
                    range: Some([0.0, 1.02]),
                    lines: e.by_fraction.iter().map(line).collect(),
                    marks: defined(e.turning_point.value)
                        .map(|x| (x, "turning point".into()))
                        .into_iter()
                        .collect(),
                },
                Lines {
                    title: "before the event".into(),
                    x: "time left to the event, ps".into(),
                    y: "precision, recall".into(),
                    range: Some([0.0, 1.02]),
                    lines: e.by_time.iter().map(line).collect(),
                    ..Lines::default()
                },
            ]
        })
        .collect();
    pictures.push(("fig3", chart::lines(&early)?));
    let mut categories: Vec<&str> = figures.importance.iter().map(|i| i.category.as_str()).collect();
    categories.dedup();
    categories.truncate(3);
    let bars = Bars {
        title: "Fall of the true state's probability without a category".into(),
        y: "probability".into(),
        groups: report.classes.clone(),
        bars: categories
            .iter()
            .map(|category| {
                let of = |stage: &String| {
                    let found =
                        figures.importance.iter().find(|i| i.stage == *stage && i.category == *category);
                    found.map_or([f64::NAN; 3], |i| [i.fall.value, i.fall.low, i.fall.high])
                };
                ((*category).to_owned(), report.classes.iter().map(of).collect())
            })
            .collect(),
    };
    pictures.push(("fig4", chart::bars(&[bars])?));
    let reliability = Lines {
        title: "Reliability of the warning".into(),
        x: "probability said".into(),
        y: "share that happened".into(),
        lines: rows
            .iter()
            .filter(|r| Some(&r.method) == report.winner.as_ref() || r.method == "boosting")
            .map(|r| Line {
                name: r.method.clone(),
                points: r.reliability.iter().map(|b| [b.said, b.happened, f64::NAN, f64::NAN]).collect(),
            })
            .chain([Line {
                name: "perfect".into(),
                points: vec![[0.0, 0.0, f64::NAN, f64::NAN], [1.0, 1.0, f64::NAN, f64::NAN]],
            }])
            .collect(),
        ..Lines::default()
    };
    pictures.push(("reliability", chart::lines(&[reliability])?));
    Ok(pictures)
}

/// A number with its interval.
fn cell(interval: Option<&Interval>, digits: usize) -> String {
    match interval {
        Some(i) if i.value.is_finite() && i.low.is_finite() => {
            format!("{:.digits$} <small>[{:.digits$}, {:.digits$}]</small>", i.value, i.low, i.high)
        }
        Some(i) if i.value.is_finite() => format!("{:.digits$}", i.value),
        _ => "–".to_owned(),
    }
}

fn page(report: &Report, figures: &Figures, pictures: &[(&str, String)]) -> String {
    let mut html = String::from(
        "<!doctype html><html lang='en'><meta charset='utf-8'><title>Foreshock: report</title>\
         <style>body{font:16px/1.5 sans-serif;max-width:1200px;margin:2em auto;padding:0 1em;color:#222}\
         table{border-collapse:collapse;margin:1em 0;display:block;overflow-x:auto}td,th{padding:.25em .6em;border-bottom:1px solid #ddd;text-align:right;white-space:nowrap}\
         td:first-child,th:first-child{text-align:left}small{color:#777}svg{max-width:100%;height:auto}.paper{color:#999}</style>\
         <h1>Foreshock: report</h1>",
    );
    let _ = write!(
        html,
        "<p>Data set {}. Thresholds are chosen on validation and calibration runs for at most {} % of stable \
         runs with a false alarm. Intervals: 95 %, bootstrap over lineages. The paper's numbers are its own \
         illustrative placeholders.</p>",
        &report.data_hash[..report.data_hash.len().min(12)],
        100.0 * report.rate
    );
    html.push_str("<h2>Data</h2><table><tr><th>fold<th>lineages<th>interfaces<th>with event<th>warnable<th>verdicts</tr>");
    for c in &report.counts {
        let _ = write!(
            html,
            "<tr><td>{}<td>{}<td>{}<td>{}<td>{}<td>{}</tr>",
            c.fold, c.lineages, c.series, c.unstable, c.warnable, c.frames
        );
    }
    html.push_str("</table><h2>Table 1. Methods on unseen lineages</h2>");
    if let Some(winner) = &report.winner {
        let _ = write!(html, "<p>Best on validation among what the fix can load: <b>{winner}</b>.</p>");
    }
    methods(&mut html, report, Group::Comparison);
    html.push_str("<h3>Best on validation minus the others, first seed</h3><table><tr><th>other<th>measure<th>difference</tr>");
    for d in &report.differences {
        let difference = cell(Some(&d.difference), 3);
        let _ = write!(html, "<tr><td>{}<td>{}<td>{difference}</tr>", d.other, d.measure);
    }
    html.push_str("</table><h2>Table 2. Other conditions</h2><table><tr><th>test set<th>method<th>runs<th>macro-F1<th>AUC of states<th>AUROC of the warning<th>after local calibration: macro-F1<th>AUC<th class=paper>paper: macro-F1, AUC</tr>");
    for s in &report.shifts {
        let placeholder = PAPER_SHIFTS
            .iter()
            .find(|(name, _)| *name == s.test && s.method == "transformer")
            .map_or(String::new(), |(_, [f1, auc])| format!("{f1} {auc}"));
        let after = |name: &str| cell(s.calibrated.as_ref().and_then(|c| c.get(name)), 3);
        let _ = write!(
            html,
            "<tr><td>{}<td>{}<td>{}<td>{}<td>{}<td>{}<td>{}<td>{}<td class=paper>{placeholder}</tr>",
            s.test,
            s.method,
            s.runs,
            cell(s.zero_shot.get("macro_f1"), 3),
            cell(s.zero_shot.get("auc"), 3),
            cell(s.zero_shot.get("auroc"), 3),
            after("macro_f1"),
            after("auc")
        );
    }
    html.push_str("</table>");
    let titles = [
        ("fig1", "Fig. 1. Instability index"),
        ("fig2", "Fig. 2. Methods"),
        ("fig3", "Fig. 3. How early"),
        ("fig4", "Fig. 4. What matters when"),
        ("reliability", "Reliability"),
    ];
    for (name, svg) in pictures {
        let title = titles.iter().find(|(n, _)| n == name).map_or(*name, |(_, t)| *t);
        let _ = write!(html, "<h2>{title}</h2>{svg}");
        if *name == "fig3" {
            for e in &figures.early {
                let _ = write!(
                    html,
                    "<p>{}: turning point at {} of the trajectory; harmonic mean of accuracy and earliness {}. The paper's placeholder: near 0.40.</p>",
                    e.method,
                    cell(Some(&e.turning_point), 2),
                    cell(Some(&e.harmonic_mean), 3)
                );
            }
        }
    }
    html.push_str("<h2>Confusion matrices</h2><p>Rows: truth, columns: verdict; share of the row.</p>");
    for row in report.rows.iter().filter(|r| r.group == Group::Comparison) {
        let _ = write!(html, "<table><tr><th>{}", row.method);
        report.classes.iter().for_each(|class| {
            let _ = write!(html, "<th>{class}");
        });
        html.push_str("</tr>");
        for (class, counts) in report.classes.iter().zip(&row.confusion) {
            let total: f64 = counts.iter().sum();
            let _ = write!(html, "<tr><td>{class}");
            for count in counts {
                let _ = if total > 0.0 {
                    write!(html, "<td>{:.3}", count / total)
                } else {
                    write!(html, "<td>–")
                };
            }
            html.push_str("</tr>");
        }
        html.push_str("</table>");
    }
    html.push_str("<h2>Ablations</h2>");
    methods(&mut html, report, Group::Ablation);
    html.push_str("</html>\n");
    html
}

/// A table of methods with the paper's placeholders beside ours.
fn methods(html: &mut String, report: &Report, group: Group) {
    const COLUMNS: [(&str, &str, usize); 13] = [
        ("accuracy", "accuracy", 3),
        ("macro_f1", "macro-F1", 3),
        ("auc", "AUC of states", 3),
        ("auroc", "AUROC of the warning", 3),
        ("auroc_within", "within condition", 3),
        ("auprc", "AUPRC", 3),
        ("prevalence", "prevalence", 3),
        ("brier", "Brier", 3),
        ("lead_ps_median", "lead, ps", 1),
        ("lead_ps_median_warnable", "lead if warnable, ps", 1),
        ("event_recall_warnable", "recall if warnable", 2),
        ("alarm_precision", "precision", 2),
        ("false_alarms_per_100", "false alarms / 100", 1),
    ];
    html.push_str("<table><tr><th>method");
    for (_, title, _) in COLUMNS {
        let _ = write!(html, "<th>{title}");
    }
    html.push_str("<th class=paper>paper: accuracy, macro-F1, AUC, lead</tr>");
    for row in report.rows.iter().filter(|r| r.group == group) {
        let _ = write!(html, "<tr><td>{}", row.method);
        for (name, _, digits) in COLUMNS {
            let _ = write!(html, "<td>{}", cell(row.scores.get(name), digits));
        }
        let placeholder = paper(&row.method).map_or(String::new(), |p| p.map(|v| v.to_string()).join(" "));
        let _ = write!(html, "<td class=paper>{placeholder}</tr>");
    }
    html.push_str("</table>");
}
