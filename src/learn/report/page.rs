//! The report as one HTML page, pictures inside.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::record::{self, Evaluation};
use super::{Figures, ablations, fig4, paper};
use crate::learn::evaluate::paper::{CONDITIONS, PAPER_SHIFTS};
use crate::learn::evaluate::shift::{LOCAL_LINEAGES, Shift};
use crate::learn::evaluate::{Difference, On, Report, Row, order};
use crate::learn::plan::Group;
use crate::learn::score::bootstrap::Interval;

const STYLE: &str = "body{font:16px/1.5 sans-serif;max-width:1200px;margin:2em auto;padding:0 1em;color:#222}\
    table{border-collapse:collapse;margin:1em 0;display:block;overflow-x:auto}\
    td,th{padding:.25em .6em;border-bottom:1px solid #ddd;text-align:right;white-space:nowrap}\
    td:first-child,th:first-child{text-align:left}td:nth-child(2).name{text-align:left}\
    small{color:#666}svg{max-width:100%;height:auto}.paper{color:#777}.note{background:#fff6dd;padding:.5em 1em}";

/// Columns of the tables of methods: measure, heading, digits.
const COLUMNS: [(&str, &str, usize); 20] = [
    ("accuracy", "accuracy", 3),
    ("macro_f1", "macro-F1", 3),
    ("auc", "AUC of states", 3),
    ("auroc", "AUROC of the warning", 3),
    ("auroc_within", "within condition", 3),
    ("auroc_within_time", "within condition and 5 ps", 3),
    ("auprc", "AUPRC", 3),
    ("prevalence", "prevalence", 3),
    ("brier", "Brier", 3),
    ("lead_ps_median", "lead, median, ps", 1),
    ("lead_ps_mean", "mean", 1),
    ("lead_ps_median_warnable", "median if warnable", 1),
    ("lead_over_5ps", "lead &ge; 5 ps", 2),
    ("event_recall", "recall", 2),
    ("event_recall_within", "within horizon", 2),
    ("event_recall_warnable", "if warnable", 2),
    ("alarm_precision", "precision", 2),
    ("false_alarms_per_100", "false alarms / 100 runs", 1),
    ("lead_ps_mean_matched", "lead at matched false alarms, mean, ps", 1),
    ("event_recall_matched", "recall", 2),
];

/// A number with its interval.
pub(super) fn cell(interval: Option<&Interval>, digits: usize) -> String {
    match interval {
        Some(i) if i.value.is_finite() && i.low.is_finite() => {
            format!("{:.digits$} <small>[{:.digits$}, {:.digits$}]</small>", i.value, i.low, i.high)
        }
        Some(i) if i.value.is_finite() => format!("{:.digits$}", i.value),
        _ => "–".to_owned(),
    }
}

/// Cells of some measures.
fn cells(html: &mut String, of: Option<&BTreeMap<String, Interval>>, names: &[(&str, usize)]) {
    for (name, digits) in names {
        let _ = write!(html, "<td>{}", cell(of.and_then(|scores| scores.get(*name)), *digits));
    }
}

/// The whole page.
pub fn page(report: &Report, figures: &Figures, pictures: &[(&'static str, String)]) -> String {
    let picture = |name: &str| pictures.iter().find(|(n, _)| *n == name).map_or("", |(_, svg)| svg.as_str());
    let mut html = format!(
        "<!doctype html><html lang='en'><meta charset='utf-8'>\
         <meta name='viewport' content='width=device-width'><title>Foreshock: report</title>\
         <style>{STYLE}</style><h1>Foreshock: report</h1>"
    );
    head(&mut html, report);
    data(&mut html, report);
    let scored = match report.on {
        On::Test => "unseen lineages",
        On::Validation => "validation lineages",
    };
    let _ = write!(html, "<h2>Table 1. Methods on {scored}</h2>");
    methods(&mut html, report, Group::Comparison);
    if let Some(best) = report.differences.first().map(|d| &d.winner) {
        let heading = format!("{best} minus the others, on the same resampled lineages");
        differences(&mut html, &heading, "other", &report.differences);
    }
    paper_order(&mut html, report);
    nulls(&mut html, report);
    let _ = write!(html, "<h2>Fig. 2. Methods</h2>{}", picture("fig2"));
    if report.on == On::Test {
        shifts(&mut html, report);
        html.push_str(picture("table2"));
    }
    let _ = write!(html, "<h2>Fig. 1. Instability index</h2>{}", picture("fig1"));
    let _ = write!(html, "<h2>Fig. 3. How early</h2>{}", picture("fig3"));
    for e in &figures.early {
        let _ = write!(
            html,
            "<p>{}: turning point at {} of the trajectory (two straight lines fitted to the recall); harmonic \
             mean of accuracy and earliness {}. The paper's placeholder for the turning point: near 0.40.</p>",
            e.method,
            cell(Some(&e.turning_point), 2),
            cell(Some(&e.harmonic_mean), 3)
        );
    }
    html.push_str("<h2>Fig. 4. What matters when</h2>");
    fig4::section(&mut html, figures.importance.as_ref(), picture("fig4"));
    html.push_str("<h2>Confusion matrices</h2><p>Rows: truth, columns: verdict; share of the row.</p>");
    html.push_str(picture("confusion"));
    let _ = write!(html, "<h2>Reliability</h2>{}", picture("reliability"));
    replicas(&mut html, report);
    if report.rows.iter().any(|row| row.group == Group::Ablation) {
        html.push_str("<h2>Ablations</h2>");
        ablations::section(&mut html, report, picture("ablations"));
        methods(&mut html, report, Group::Ablation);
    }
    html.push_str("</html>\n");
    html
}

fn head(html: &mut String, report: &Report) {
    let _ = write!(
        html,
        "<p>Data set {}. Thresholds are chosen on stable calibration runs so that a further one alarms with a \
         probability of at most {} %, three verdicts in a row, where they are enough for that; what they \
         support stands in the table. Leads at matched false alarms are at the threshold at which at most 5 % of \
         the scored stable runs alarm: it compares methods, but nobody knows it beforehand. A miss, and an alarm too late to be of use, leads by 0. Intervals: \
         95 %, bootstrap over lineages. The paper's numbers are its own illustrative placeholders.</p>",
        &report.data_hash[..report.data_hash.len().min(12)],
        100.0 * report.rate
    );
    if report.on == On::Test {
        let same = |e: &&Evaluation| e.data == report.data_hash && e.split == report.split_hash;
        let times = report.test_evaluations.iter().filter(same).count();
        let dates: Vec<&str> = report.test_evaluations.iter().filter(same).map(|e| e.date.as_str()).collect();
        let _ = write!(
            html,
            "<p>Evaluations on this test set of these data, by this report's own record ({}): {times}. {}</p>",
            record::FILE,
            dates.join(", ")
        );
    }
    if report.on == On::Validation {
        html.push_str(
            "<p class=note>Scored on validation, for choosing settings: early stopping and the choice of the \
             winner have seen these lineages. No result.</p>",
        );
    }
}

fn data(html: &mut String, report: &Report) {
    html.push_str(
        "<h2>Data</h2><table><tr><th>fold<th>lineages<th>interfaces<th>with event<th>warnable<th>verdicts</tr>",
    );
    for c in &report.counts {
        let _ = write!(
            html,
            "<tr><td>{}<td>{}<td>{}<td>{}<td>{}<td>{}</tr>",
            c.fold, c.lineages, c.series, c.unstable, c.warnable, c.frames
        );
    }
    html.push_str("</table>");
    for note in &report.notes {
        let _ = write!(html, "<p class=note>{note}</p>");
    }
}

/// A table of methods with the paper's placeholders beside ours.
fn methods(html: &mut String, report: &Report, group: Group) {
    if let (Some(winner), Group::Comparison) = (&report.winner, group) {
        let _ = write!(
            html,
            "<p>Best on validation among what the fix can load, by the mean of macro-F1 and AUROC of the warning: \
             <b>{winner}</b>.</p>"
        );
    }
    html.push_str("<table><tr><th>method");
    if group == Group::Comparison {
        html.push_str("<th class=paper>paper: accuracy, macro-F1, AUC, lead");
    }
    for (_, title, _) in COLUMNS {
        let _ = write!(html, "<th>{title}");
    }
    html.push_str("<th>supported, %<th>sd over seeds: macro-F1, AUROC</tr>");
    for row in report.rows.iter().filter(|r| r.group == group) {
        let _ = write!(html, "<tr><td>{}", row.method);
        if group == Group::Comparison {
            let placeholder =
                paper(&row.method).map_or(String::new(), |p| p.map(|v| v.to_string()).join(" / "));
            let _ = write!(html, "<td class=paper>{placeholder}");
        }
        for (name, _, digits) in COLUMNS {
            let _ = write!(html, "<td>{}", cell(row.scores.get(name), digits));
        }
        let supported = row.supported.map_or_else(|| "–".to_owned(), |rate| format!("{:.1}", 100.0 * rate));
        let _ = write!(
            html,
            "<td>{supported}<td>{} {}</tr>",
            deviation(row, "macro_f1"),
            deviation(row, "auroc")
        );
    }
    html.push_str("</table>");
}

fn deviation(row: &Row, measure: &str) -> String {
    row.seed_deviation.get(measure).map_or_else(|| "–".to_owned(), |d| format!("{d:.3}"))
}

/// A table of paired differences: a row per method that something is compared with, a column per measure.
pub(super) fn differences(html: &mut String, heading: &str, first: &str, list: &[Difference]) {
    if list.is_empty() {
        return;
    }
    let mut others: Vec<&str> = Vec::new();
    let mut measures: Vec<&str> = Vec::new();
    for difference in list {
        for (names, name) in [(&mut others, &difference.other), (&mut measures, &difference.measure)] {
            if !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
    }
    let _ = write!(html, "<h3>{heading}</h3><table><tr><th>{first}<th>{}</tr>", measures.join("<th>"));
    for other in others {
        let _ = write!(html, "<tr><td>{other}");
        for measure in &measures {
            let found = list.iter().find(|d| d.other == other && d.measure == *measure);
            let _ = write!(html, "<td>{}", cell(found.map(|d| &d.difference), 3));
        }
        html.push_str("</tr>");
    }
    html.push_str("</table>");
}

fn shifts(html: &mut String, report: &Report) {
    let _ = write!(
        html,
        "<h2>Table 2. Other conditions</h2><p>As trained; in-domain minus here, drawn independently; and after \
         local calibration (a logistic regression on the probabilities, and a new threshold): each lineage is \
         scored by a calibration that was fitted on at most {LOCAL_LINEAGES} other lineages of the same set, and \
         the gain is paired.</p><table><tr><th>test set<th>method<th>lineages"
    );
    for (_, title, _) in SHIFTED {
        let _ = write!(html, "<th>{title}");
    }
    html.push_str(
        "<th>in-domain minus here: macro-F1<th>AUROC<th>calibrated on lineages (runs)<th>supported, %",
    );
    for (_, title, _) in SHIFTED {
        let _ = write!(html, "<th>calibrated: {title}");
    }
    html.push_str("<th>gain: macro-F1<th>AUROC<th class=paper>paper: macro-F1, AUC</tr>");
    let known = |test: &str| CONDITIONS.iter().any(|(name, _)| *name == test);
    let mut tests: Vec<&str> = CONDITIONS.iter().map(|(name, _)| *name).collect();
    for shift in &report.shifts {
        if !known(&shift.test) && !tests.contains(&shift.test.as_str()) {
            tests.push(&shift.test);
        }
    }
    for test in tests {
        let title = CONDITIONS.iter().find(|(name, _)| *name == test).map_or(test, |(_, title)| *title);
        let rows: Vec<&Shift> = report.shifts.iter().filter(|s| s.test == test).collect();
        if rows.iter().all(|s| s.lineages == 0) {
            let _ = write!(html, "<tr><td>{title}<td class=name>no runs in this data set</tr>");
            continue;
        }
        rows.iter().for_each(|s| shift(html, s, title));
    }
    html.push_str("</table>");
    let notes: std::collections::BTreeSet<&String> =
        report.shifts.iter().filter(|s| s.lineages > 0).filter_map(|s| s.note.as_ref()).collect();
    for note in notes {
        let _ = write!(html, "<p class=note>{note}.</p>");
    }
}

/// Columns of Table 2: measure, heading, digits.
const SHIFTED: [(&str, &str, usize); 5] = [
    ("macro_f1", "macro-F1", 3),
    ("auc", "AUC of states", 3),
    ("auroc", "AUROC of the warning", 3),
    ("lead_ps_median", "lead, median, ps", 1),
    ("false_alarms_per_100", "false alarms / 100", 1),
];

/// A row of Table 2.
fn shift(html: &mut String, shift: &Shift, title: &str) {
    let _ = write!(html, "<tr><td>{title}<td class=name>{}<td>{}", shift.method, shift.lineages);
    let shown = SHIFTED.map(|(name, _, digits)| (name, digits));
    let compared = [("macro_f1", 3), ("auroc", 3)];
    cells(html, Some(&shift.zero_shot), &shown);
    cells(html, shift.drop.as_ref(), &compared);
    let calibrated = shift.calibrated.as_ref();
    let about = calibrated.map_or_else(
        || "–<td>–".to_owned(),
        |c| {
            let supported = c.supported.map_or_else(|| "–".to_owned(), |rate| format!("{:.1}", 100.0 * rate));
            format!("{} ({:.0})<td>{supported}", c.fitted_on_lineages, c.fitted_on_runs)
        },
    );
    let _ = write!(html, "<td>{about}");
    cells(html, calibrated.map(|c| &c.scores), &shown);
    cells(html, calibrated.map(|c| &c.difference), &compared);
    let placeholder = PAPER_SHIFTS
        .iter()
        .find(|(name, _)| *name == shift.test && shift.method == "transformer")
        .map_or(String::new(), |(_, [f1, auc])| format!("{f1} / {auc}"));
    let _ = write!(html, "<td class=paper>{placeholder}</tr>");
}

/// The paper's order of methods: a sentence per measure and the pairs.
fn paper_order(html: &mut String, report: &Report) {
    if report.order.is_empty() {
        return;
    }
    html.push_str("<h3>The paper's order of methods</h3><p>");
    for sentence in order::sentences(&report.order) {
        let _ = write!(html, "{sentence} ");
    }
    html.push_str("</p><table><tr><th>better in the paper<th>worse<th>measure<th>difference<th>finding</tr>");
    for pair in &report.order {
        let d = &pair.difference;
        let _ = write!(
            html,
            "<tr><td>{}<td>{}<td>{}<td>{}<td>{}</tr>",
            d.winner,
            d.other,
            d.measure,
            cell(Some(&d.difference), 3),
            format!("{:?}", pair.finding).to_lowercase()
        );
    }
    html.push_str("</table>");
}

/// False alarms on nulls, which are in no other number.
fn nulls(html: &mut String, report: &Report) {
    if report.nulls.is_empty() {
        return;
    }
    html.push_str(
        "<h3>Nulls: one crystal cut in name only</h3><p>In no other number: they are quieter than any interface.</p>\
         <table><tr><th>method<th>lineages<th>false alarms / 100 runs</tr>",
    );
    for null in &report.nulls {
        let alarms = cell(Some(&null.false_alarms_per_100), 1);
        let _ = write!(html, "<tr><td>{}<td>{}<td>{alarms}</tr>", null.method, null.lineages);
    }
    html.push_str("</table>");
}

fn replicas(html: &mut String, report: &Report) {
    html.push_str("<h2>What cannot be known beforehand</h2>");
    let Some(replicas) = &report.replicas else {
        html.push_str("<p>No configuration was run with several velocities.</p>");
        return;
    };
    let score = |name: &str| cell(replicas.scores.get(name), 3);
    let _ = write!(
        html,
        "<p>{} equilibrated configurations with {} interfaces, each run with several velocities: {} interfaces in all. \
         Of pairs, a share of {} has another outcome; t_U scatters by {} ps (standard deviation). The \
         replicas' states at the same time as a forecast: macro-F1 {}, AUC {}, AUROC of the warning {} \
         (AUPRC {}). For these conditions, and no others, that bounds what knows only the start; what watches the \
         run may do better.</p>",
        replicas.lineages,
        replicas.interfaces,
        replicas.series,
        cell(Some(&replicas.other_outcome), 2),
        cell(Some(&replicas.event_deviation_ps), 1),
        score("macro_f1"),
        score("auc"),
        score("auroc"),
        score("auprc")
    );
}
