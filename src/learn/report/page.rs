//! The report as one HTML page, pictures inside.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::cell::{beside, html as cell};
use super::record::{self, Evaluation};
use super::{Figures, PAPER_MEASURES, ablations, fig4, paper};
use crate::learn::evaluate::census::Shown;
use crate::learn::evaluate::paper::CONDITIONS;
use crate::learn::evaluate::shift::{LOCAL_LINEAGES, Shift};
use crate::learn::evaluate::{Difference, On, Report, Row, order};
use crate::learn::figures::Early;
use crate::learn::plan::Group;
use crate::learn::score::bootstrap::{Interval, LEAST_LINEAGES};

const STYLE: &str = "body{font:16px/1.5 sans-serif;max-width:1200px;margin:2em auto;padding:0 1em;color:#222}\
    table{border-collapse:collapse;margin:1em 0;display:block;overflow-x:auto}\
    td,th{padding:.25em .6em;border-bottom:1px solid #ddd;text-align:right;white-space:nowrap}\
    td:first-child,th:first-child{text-align:left}td:nth-child(2).name{text-align:left}\
    small{color:#666}svg{max-width:100%;height:auto}.paper{color:#777}.note{background:#fff6dd;padding:.5em 1em}";

/// Columns of the tables of methods: measure, heading, digits.
const COLUMNS: [(&str, &str, usize); 25] = [
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
    ("lead_ps_q25", "lower quartile", 1),
    ("lead_ps_q75", "upper quartile", 1),
    ("lead_ps_mean", "mean", 1),
    ("lead_ps_median_warnable", "median if warnable", 1),
    ("lead_over_5ps", "lead &ge; 5 ps", 2),
    ("event_recall", "recall", 2),
    ("event_recall_within", "within horizon", 2),
    ("event_recall_warnable", "if warnable", 2),
    ("alarm_precision", "precision", 2),
    ("false_alarms_per_100", "false alarms / 100 runs", 1),
    ("lead_ps_mean_matched", "lead at matched false alarms, mean, ps", 1),
    ("lead_ps_median_warnable_matched", "median if warnable, matched", 1),
    ("lead_over_5ps_matched", "lead &ge; 5 ps, matched", 2),
    ("event_recall_matched", "recall, matched", 2),
    ("event_recall_warnable_matched", "recall if warnable, matched", 2),
];

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
    targets(&mut html, report);
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
            "<p>{}, seed {}: turning point at {} of the trajectory (two straight lines fitted to the recall; none \
             where one line fits nearly as well); harmonic mean of accuracy and earliness {}. Of {} events, {} take \
             part 10 ps before them and {} 20 ps; runs without an event count as much less there.</p>",
            e.method,
            e.seed,
            beside(Some(&e.turning_point), 2, e.paper.get("turning_point").copied()),
            cell(Some(&e.harmonic_mean), 3),
            events_at(e, 0.0),
            events_at(e, 10.0),
            events_at(e, 20.0)
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

/// Events that take part in Fig. 3 so long before them.
fn events_at(early: &Early, before_ps: f64) -> usize {
    let places = early.by_time[0].points.iter().zip(&early.events_by_time);
    let mut near = places.filter(|(point, _)| point[0].is_some_and(|t| (t - before_ps).abs() < 1e-9));
    near.next().map_or(0, |(_, &events)| events)
}

fn head(html: &mut String, report: &Report) {
    let _ = write!(
        html,
        "<p>Data set {}. Thresholds are chosen on stable calibration lineages so that a further one alarms with a \
         probability of at most {} %, three verdicts in a row, where they are enough for that; what they \
         support stands in the table. Leads at matched false alarms are at the threshold at which at most 5 % of \
         the scored stable runs alarm: it compares methods, but nobody knows it beforehand. A miss, and an alarm too late to be of use, leads by 0. Intervals: \
         95 %, bootstrap over lineages; none where fewer than {LEAST_LINEAGES} have a part in the number; Clopper and \
         Pearson's, over lineages, for shares of none or all. Behind our numbers, grey: the paper's own illustrative \
         placeholders.</p>",
        &report.data_hash[..report.data_hash.len().min(12)],
        100.0 * report.rate
    );
    if report.on == On::Test {
        let same = |e: &&Evaluation| e.data == report.data_hash && e.split == report.split_hash;
        let times = report.test_evaluations.iter().filter(same).count();
        let dates: Vec<&str> = report.test_evaluations.iter().filter(same).map(|e| e.date.as_str()).collect();
        let _ = write!(
            html,
            "<p>Evaluations on this test set of these data, by the record beside the data ({}): {times}. {}</p>",
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
        "<h2>Data</h2><table><tr><th>fold<th>lineages<th>interfaces<th>with event<th>their lineages\
         <th>warnable<th>verdicts</tr>",
    );
    for c in &report.counts {
        let shown = c.shown.map_or_else(
            || "not looked at".to_owned(),
            |s| {
                let Shown { series, unstable, unstable_lineages, warnable, frames } = s;
                format!("{series}<td>{unstable}<td>{unstable_lineages}<td>{warnable}<td>{frames}")
            },
        );
        let _ = write!(html, "<tr><td>{}<td>{}<td>{shown}</tr>", c.fold, c.lineages);
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
    for (_, title, _) in COLUMNS {
        let _ = write!(html, "<th>{title}");
    }
    html.push_str("<th>ECE of the warning, one seed<th>supported, %<th>sd over seeds: macro-F1, AUROC</tr>");
    for row in report.rows.iter().filter(|r| r.group == group) {
        let _ = write!(html, "<tr><td>{}", row.method);
        let placeholders = paper(&row.method).filter(|_| group == Group::Comparison);
        for (name, _, digits) in COLUMNS {
            let place = PAPER_MEASURES.iter().position(|measure| *measure == name);
            let placeholder = placeholders.zip(place).map(|(all, place)| all[place]);
            let _ = write!(html, "<td>{}", beside(row.scores.get(name), digits, placeholder));
        }
        let supported = row.supported.map_or_else(|| "–".to_owned(), |rate| format!("{:.1}", 100.0 * rate));
        let _ = write!(
            html,
            "<td>{} <small>seed {}</small><td>{supported}<td>{} {}</tr>",
            cell(Some(&Interval::bare(row.calibration_error)), 3),
            row.shown_seed,
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
         local calibration (a scale and shifts of the log-probabilities, and a new threshold): each lineage is \
         scored by a calibration that was fitted on at most {LOCAL_LINEAGES} other lineages of the same set. What \
         ranks is compared within the lineages of one calibration, before and after; as its order is never turned, \
         the AUROC of the warning cannot gain. Gains are paired. Macro-F1 and AUC are means over the classes that \
         occur in a set: none is lost where others occur.</p><table><tr><th>test set<th>method<th>lineages"
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
    html.push_str("<th>gain: macro-F1<th>Brier<th>false alarms / 100</tr>");
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
    let gained = [("macro_f1", 3), ("brier", 3), ("false_alarms_per_100", 1)];
    for (name, digits) in shown {
        let placeholder = shift.paper.as_ref().and_then(|paper| paper.get(name).copied());
        let _ = write!(html, "<td>{}", beside(shift.zero_shot.get(name), digits, placeholder));
    }
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
    cells(html, calibrated.map(|c| &c.difference), &gained);
    html.push_str("</tr>");
}

/// What was to be reached, and whether it was.
fn targets(html: &mut String, report: &Report) {
    let Some(first) = report.targets.first() else { return };
    let _ = write!(
        html,
        "<h3>Targets</h3><p>Of {}, the method that wins on validation, mean over seeds.</p>\
         <table><tr><th>target<th>value<th></tr>",
        first.method,
    );
    for outcome in &report.targets {
        let value = cell(Some(&outcome.value), 3);
        let _ = write!(html, "<tr><td>{}<td>{value}<td>{}</tr>", outcome.target.words(), outcome.finding);
    }
    html.push_str("</table>");
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
    let score = |name: &str| cell(replicas.forecast.get(name), 3);
    let _ = write!(
        html,
        "<p>{} equilibrated configurations with {} interfaces, each run with several velocities: {} interfaces in all. \
         Of pairs, a share of {} has another outcome; t_U scatters by {} ps (standard deviation of the events that \
         were seen; runs that end before theirs are not in it, and it understates the scatter). Two runs agree on \
         whether there is an event with a probability q of {}: from the start alone, no method can foretell it with \
         an accuracy above 1/2 + 1/2 &radic;(2q - 1) = {}. Forecast by replicas (a lower estimate): their states at the \
         same time give macro-F1 {}, AUC {}, AUROC of the warning {} (AUPRC {}); those that have failed are no longer \
         at risk and have no say in the warning. For these conditions, and no others; what watches the run may do \
         better than both.</p>",
        replicas.lineages,
        replicas.interfaces,
        replicas.series,
        cell(Some(&replicas.other_outcome), 2),
        cell(Some(&replicas.event_deviation_ps), 1),
        cell(Some(&replicas.agreement), 2),
        cell(Some(&replicas.ceiling), 2),
        score("macro_f1"),
        score("auc"),
        score("auroc"),
        score("auprc")
    );
}
