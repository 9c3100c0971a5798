//! The report's pictures as SVG text.

use super::Figures;
use super::chart::{self, Bars, Grid, Line, Lines, Mark};
use crate::error::Result;
use crate::learn::evaluate::paper::CONDITIONS;
use crate::learn::evaluate::{On, Report, Row};
use crate::learn::figures::Curve;
use crate::learn::importance::occlusion::CATEGORIES;
use crate::learn::plan::Group;
use crate::learn::score::bootstrap::Interval;

fn line(curve: &Curve) -> Line {
    let points = curve.points.iter().map(|p| p.map(|v| v.unwrap_or(f64::NAN))).collect();
    Line { name: curve.name.clone(), points }
}

/// All pictures by name.
///
/// # Errors
/// [`crate::error::Error::Limit`] when drawing fails.
pub fn pictures(report: &Report, figures: &Figures) -> Result<Vec<(&'static str, String)>> {
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
            marks: vec![Mark { name: "event".into(), at: [0.0, f64::NAN, f64::NAN] }],
            ..Lines::default()
        },
    ];
    pictures.push(("fig1", chart::lines(&index)?));
    let rows: Vec<&Row> = report.rows.iter().filter(|r| r.group == Group::Comparison).collect();
    let names: Vec<String> = rows.iter().map(|r| r.method.clone()).collect();
    let bar = |title: &str, measure: &str| {
        (title.to_owned(), rows.iter().map(|r| of(r.scores.get(measure))).collect::<Vec<_>>())
    };
    let bars = [
        Bars {
            title: format!(
                "State and warning on {}, 95 % intervals over lineages",
                if report.on == On::Test { "unseen lineages" } else { "validation" }
            ),
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
            title: "Lead time at each method's own threshold, misses count 0".into(),
            y: "ps".into(),
            groups: names,
            bars: vec![
                bar("median, all events", "lead_ps_median"),
                bar("mean, all events", "lead_ps_mean"),
                bar("median, warnable", "lead_ps_median_warnable"),
                bar("mean, matched alarms", "lead_ps_mean_matched"),
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
                    title: format!("{}, seed {}: unstable or not, from the start", e.method, e.seed),
                    x: "observed share of the trajectory".into(),
                    y: "precision, recall".into(),
                    range: Some([0.0, 1.02]),
                    lines: e.by_fraction.iter().map(line).collect(),
                    marks: Some(of(Some(&e.turning_point)))
                        .filter(|at| at[0].is_finite())
                        .map(|at| Mark { name: "turning point, 95 %".into(), at })
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
    let stages = figures.importance.as_ref().map_or(&[][..], |f| &f.stages);
    let bars = Bars {
        title: "Fall of the true state's probability without a category".into(),
        y: "probability".into(),
        groups: report.classes.clone(),
        bars: CATEGORIES
            .iter()
            .map(|(category, _)| {
                let of = |stage: &String| {
                    let found = stages.iter().find(|i| i.stage == *stage && i.category == *category);
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
                name: format!("{}, seed {}", r.method, r.shown_seed),
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
    pictures.push(("confusion", chart::grids(&confusions(&rows, &report.classes))?));
    let ablations = ablations(report);
    if !ablations.is_empty() {
        pictures.push(("ablations", chart::bars(&ablations)?));
    }
    if report.on == On::Test {
        pictures.push(("table2", chart::bars(&shifts(report))?));
    }
    Ok(pictures)
}

/// Shares of the true class, one grid per method.
fn confusions(rows: &[&Row], classes: &[String]) -> Vec<Grid> {
    rows.iter()
        .map(|row| Grid {
            title: format!("{}, seed {}", row.method, row.shown_seed),
            names: classes.to_vec(),
            shares: row
                .confusion
                .iter()
                .map(|counts| {
                    let total: f64 = counts.iter().sum();
                    counts.iter().map(|count| count / total).collect()
                })
                .collect(),
        })
        .collect()
}

/// The winner whole and without something, a panel per measure, where both can be scored.
fn ablations(report: &Report) -> Vec<Bars> {
    let Some(first) = report.ablations.first() else { return Vec::new() };
    let name = &first.difference.winner;
    [
        ("macro-F1 of the states", "macro_f1"),
        ("AUROC of the warning", "auroc"),
        ("AUROC of the warning within condition", "auroc_within"),
    ]
    .map(|(title, measure)| {
        let all: Vec<_> = report.ablations.iter().filter(|a| a.difference.measure == measure).collect();
        Bars {
            title: format!("{title}, at the times at which both speak"),
            y: "score".into(),
            groups: all.iter().map(|a| a.difference.other.clone()).collect(),
            bars: vec![
                (name.clone(), all.iter().map(|a| of(Some(&a.whole))).collect()),
                ("without".into(), all.iter().map(|a| of(Some(&a.without))).collect()),
            ],
        }
    })
    .to_vec()
}

/// Table 2: methods as bars over the test sets that have runs.
fn shifts(report: &Report) -> Vec<Bars> {
    let titles: Vec<(&str, &str)> = CONDITIONS
        .iter()
        .copied()
        .filter(|(name, _)| report.shifts.iter().any(|s| s.test == *name && s.lineages > 0))
        .collect();
    let usual = ["boosting", "tcn", "lstm", "transformer", "mlp"];
    let winner = report.winner.as_deref();
    let others = usual.into_iter().filter(|method| Some(*method) != winner);
    let mut shown: Vec<&str> = winner.into_iter().chain(others).collect();
    shown.retain(|m| report.shifts.iter().any(|s| s.method == *m));
    [("macro-F1 of the states", "macro_f1"), ("AUROC of the warning", "auroc")]
        .map(|(title, measure)| Bars {
            title: format!("{title} in other conditions, as trained"),
            y: "score".into(),
            groups: titles.iter().map(|(_, title)| (*title).to_owned()).collect(),
            bars: shown
                .iter()
                .map(|method| {
                    let values = titles.iter().map(|(test, _)| {
                        let found = report.shifts.iter().find(|s| s.test == *test && s.method == *method);
                        of(found.and_then(|s| s.zero_shot.get(measure)))
                    });
                    ((*method).to_owned(), values.collect())
                })
                .collect(),
        })
        .to_vec()
}

fn of(interval: Option<&Interval>) -> [f64; 3] {
    interval.map_or([f64::NAN; 3], |i| [i.value, i.low, i.high])
}
