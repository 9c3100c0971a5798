//! The page. maud escapes every text.

use std::collections::BTreeMap;
use std::time::Instant;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::figures::{Figure, figures};
use super::{Entry, FULL, Overhead, Sources};
use crate::watch::show::{number, percent, seconds};
use crate::watch::text::{SENTENCE, clean};
use crate::watch::{Follower, RunView, Status};

/// Characters of a list of columns.
const COLUMNS: usize = 20_000;

const STYLE: &str = include_str!("style.css");

/// The whole page.
pub fn page(entries: &[Entry<'_>], sources: &Sources, ignored: usize, now: Instant) -> String {
    let title = match entries {
        [one] => format!("Foreshock: {}", one.run.name()),
        many => format!("Foreshock: {} runs", many.len()),
    };
    let shown = entries.iter().filter(|entry| entry.run.view().is_some()).take(FULL);
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy"
                    content="default-src 'none'; img-src data:; style-src 'unsafe-inline'";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    h1 { (title) }
                    p.soft { "Made by foreshock " (env!("CARGO_PKG_VERSION")) " from recorded streams." }
                    @if entries.len() > 1 {
                        (conditions(entries))
                        (table(entries, now))
                    }
                    @if ignored > 0 { p { (ignored) " more streams were not read." } }
                    @for entry in shown { (run(entry, sources, now)) }
                    @if entries.len() > FULL { p { "Only the first " (FULL) " runs are shown in full." } }
                    (overheads(&sources.overhead))
                }
            }
        }
    };
    markup.into_string()
}

/// Runs of a campaign by condition.
fn conditions(entries: &[Entry<'_>]) -> Markup {
    #[derive(Default)]
    struct Count {
        runs: usize,
        alarmed: usize,
        halted: usize,
        hours: f64,
    }
    let mut counts: BTreeMap<&str, Count> = BTreeMap::new();
    for entry in entries {
        let Some(record) = &entry.record else { continue };
        let count = counts.entry(&record.condition).or_default();
        count.runs += 1;
        count.hours += record.cpu_seconds / 3600.0;
        let view = entry.run.view();
        count.alarmed += usize::from(view.is_some_and(|view| view.alarm_count > 0));
        count.halted += usize::from(view.is_some_and(|view| view.halt.is_some()));
    }
    html! {
        @if !counts.is_empty() {
            h2 { "Conditions" }
            div.scroll tabindex="0" role="region" aria-label="Conditions" { table {
                thead { tr {
                    th scope="col" { "condition" } th.n scope="col" { "runs" } th.n scope="col" { "with an alarm" }
                    th.n scope="col" { "halted" } th.n scope="col" { "CPU hours" }
                } }
                tbody { @for (name, count) in &counts { tr {
                    th scope="row" { (clean(name, SENTENCE)) }
                    td.n { (count.runs) }
                    td.n { (count.alarmed) " (" (percent(count.alarmed as f64 / count.runs as f64)) ")" }
                    td.n { (count.halted) }
                    td.n { (number(count.hours)) }
                } } }
            } }
        }
    }
}

/// All runs, one line each.
fn table(entries: &[Entry<'_>], now: Instant) -> Markup {
    let recorded = entries.iter().any(|entry| entry.record.is_some());
    html! {
        h2 { "Runs" }
        div.scroll tabindex="0" role="region" aria-label="Runs" { table {
            thead { tr {
                th scope="col" { "run" }
                @if recorded { th scope="col" { "condition" } }
                th scope="col" { "status" }
                th scope="col" { "state at the end" } th.n scope="col" { "time" } th.n scope="col" { "alarms" }
                th.n scope="col" { "first alarm" } th.n scope="col" { "largest index" }
            } }
            tbody { @for entry in entries {
                @let view = entry.run.view();
                @let record = entry.record.as_ref();
                tr {
                    th scope="row" { (record.map_or_else(|| entry.run.name().to_owned(), |r| clean(&r.key, SENTENCE))) }
                    @if recorded { td { (record.map_or_else(|| "-".to_owned(), |r| clean(&r.condition, SENTENCE))) } }
                    td { (status(entry.run, now)) }
                    td { (view.map_or("-", |_| entry.run.state().name())) }
                    td.n { (view.map_or_else(|| "-".to_owned(), time)) }
                    td.n { (view.map_or(0, |view| view.alarm_count)) }
                    td.n { (view.and_then(first_alarm).map_or_else(|| "-".to_owned(), number)) }
                    td.n { (view.map_or_else(|| "-".to_owned(), |view| number(largest(view)))) }
                }
            } }
        } }
    }
}

/// Where a run stands; what is not written now counts as it was left.
fn status(run: &Follower, now: Instant) -> String {
    match run.status(now) {
        Status::Unusable(message) => format!("unusable: {message}"),
        // Without a `run` line nobody knows where the end is.
        Status::Silent(_) if run.view().is_some_and(|view| view.run.is_none()) => "end not known".to_owned(),
        Status::Silent(quiet) => format!("not finished, silent for {}", seconds(quiet)),
        other => other.word().to_owned(),
    }
}

fn time(view: &RunView) -> String {
    let (_, _, time) = view.latest.unwrap_or_default();
    format!("{} {}", number(time), view.facts.time_unit)
}

fn first_alarm(view: &RunView) -> Option<f64> {
    view.alarms.front().map(|alarm| alarm.alarm.time_ps)
}

fn largest(view: &RunView) -> f64 {
    let buckets = view.interfaces.iter().flat_map(|interface| interface.history.buckets());
    buckets.map(|bucket| bucket.index.max).fold(f64::NAN, f64::max)
}

fn run(entry: &Entry<'_>, sources: &Sources, now: Instant) -> Markup {
    let Some(view) = entry.run.view() else { return html! {} };
    let drawn = figures(&entry.run.path(), view);
    html! {
        section.run {
            h2 { (entry.run.name()) }
            (facts(entry, view, now))
            @if let Some(halt) = &view.halt {
                p.bad { "Stopped (" (halt.mode) ") at step " (halt.step) ": " (halt.reason) }
            }
            @match &drawn {
                Ok(all) => @for one in all { (figure(one)) },
                Err(error) => p.bad { "No figure: " (clean(&error.to_string(), SENTENCE)) },
            }
            (alarms(view))
            (events(entry.run, view))
            (model(entry.run, view, sources))
            (settings(view))
        }
    }
}

fn figure(one: &Figure) -> Markup {
    html! { figure { img src=(one.address) alt=(one.caption); figcaption { (one.caption) } } }
}

fn facts(entry: &Entry<'_>, view: &RunView, now: Instant) -> Markup {
    let facts = &view.facts;
    let mut pairs = vec![
        ("status", status(entry.run, now)),
        ("simulated", time(view)),
        ("atoms", facts.atoms.to_string()),
        ("interfaces", view.interfaces.iter().map(|i| i.name.clone()).collect::<Vec<_>>().join(", ")),
        (
            "states at the end",
            view.interfaces.iter().map(|i| i.verdict.state.name()).collect::<Vec<_>>().join(", "),
        ),
        ("alarms", view.alarm_count.to_string()),
        ("detector", facts.detector.clone()),
        ("warn, persist", format!("{}, {}", number(view.threshold), view.persist)),
        ("sampled every", format!("{} steps ({} {})", facts.every, facts.sample_ps, facts.time_unit)),
        ("LAMMPS, Foreshock", format!("{}, {}", facts.lammps, facts.foreshock)),
    ];
    if let Some(record) = &entry.record {
        pairs.push(("campaign", clean(&record.campaign, SENTENCE)));
        pairs.push(("condition", clean(&record.condition, SENTENCE)));
        pairs.push(("CPU hours", number(record.cpu_seconds / 3600.0)));
    }
    html! { dl { @for (name, value) in pairs { div { dt { (name) } dd { (value) } } } } }
}

fn alarms(view: &RunView) -> Markup {
    html! {
        h3 { "Alarms" }
        @if view.alarms.is_empty() { p { "None." } }
        @if view.alarm_count > view.alarms.len() as u64 {
            p { "The last " (view.alarms.len()) " of " (view.alarm_count) ":" }
        }
        @for alarm in &view.alarms {
            div.alarm {
                p { strong { (number(alarm.alarm.time_ps)) " " (view.facts.time_unit) ": " } (alarm.reason) }
                @if !alarm.alarm.top.is_empty() { table {
                    thead { tr {
                        th scope="col" { "descriptor" } th.n scope="col" { "against the baseline" }
                        th.n scope="col" { "share of the index" }
                    } }
                    tbody { @for part in &alarm.alarm.top { tr {
                        th scope="row" { (part.descriptor) }
                        td.n { (format!("{:+.1} σ", part.sigmas)) }
                        td.n { (percent(part.share)) }
                    } } }
                } }
                @if !alarm.atoms.is_empty() {
                    p { "Atoms of events within one lag before: "
                        (alarm.atoms.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")) }
                }
            }
        }
    }
}

fn events(run: &Follower, view: &RunView) -> Markup {
    let mut lines: Vec<(String, u64)> =
        view.events.iter().map(|(kind, count)| (kind.clone(), *count)).collect();
    for (name, count) in [
        ("continued from a restart", view.restarts),
        ("lines superseded by a restart", run.superseded()),
        ("windows not scored", view.dropped()),
        ("damaged lines", run.damages().count),
        ("lines of a later version", run.unknown()),
        ("unfinished last line", u64::from(run.unfinished())),
    ] {
        if count > 0 {
            lines.push((name.to_owned(), count));
        }
    }
    html! {
        h3 { "Events" }
        @if lines.is_empty() { p { "None recorded." } } @else {
            table { tbody { @for (kind, count) in lines { tr { th scope="row" { (kind) } td.n { (count) } } } } }
        }
    }
}

/// The card of the model that judged.
fn model(run: &Follower, view: &RunView, sources: &Sources) -> Markup {
    let facts = &view.facts;
    let Some(hash) = &facts.model_hash else {
        return html! {
            h3 { "Model" }
            p { "No learned model: the run was judged by its own baseline (" (facts.detector)
                "), which is complete at " (number(facts.learned_ps)) " " (facts.time_unit) "." }
        };
    };
    html! {
        h3 { "Model" }
        @match sources.model(run, &view.header) {
            Ok(found) => {
                table { tbody { @for (name, value) in found.card() { tr {
                    th scope="row" { (name) } td.any { (clean(&value, SENTENCE)) }
                } } } }
                details {
                    summary { (found.meta.columns.len()) " columns that it reads" }
                    p { (clean(&found.meta.columns.join(", "), COLUMNS)) }
                }
            }
            Err(error) => p { "The run names a model with hash " code.any { (hash) } ", of which no more is known here: "
                (clean(&error.to_string(), SENTENCE)) },
        }
    }
}

fn text(value: Option<&serde_json::Value>) -> String {
    match value {
        None | Some(serde_json::Value::Null) => "-".to_owned(),
        Some(serde_json::Value::String(text)) => clean(text, SENTENCE),
        Some(other) => clean(&other.to_string(), SENTENCE),
    }
}

fn settings(view: &RunView) -> Markup {
    let config = view.header.config.as_object();
    html! {
        details open {
            summary { "Settings of the fix" }
            @if let Some(config) = config {
                dl { @for (key, value) in config.iter().take(100) { div {
                    dt { (clean(key, SENTENCE)) } dd { (text(Some(value))) }
                } } }
            }
        }
    }
}

fn overheads(list: &[Overhead]) -> Markup {
    html! {
        section {
            h2 { "Overhead" }
            @if list.is_empty() {
                p { "Not given. " code { "make bench" } " measures it, and " code { "--overhead" } " shows it here." }
            } @else {
            p { "CPU time with the fix beyond that without it, as measured in pairs by " code { "make bench" } "." }
            div.scroll tabindex="0" role="region" aria-label="Overhead" { table {
                thead { tr {
                    th scope="col" { "input" } th scope="col" { "against" } th.n scope="col" { "atoms" }
                    th.n scope="col" { "ranks" } th.n scope="col" { "every" } th scope="col" { "stress" }
                    th.n scope="col" { "median" } th.n scope="col" { "range" } th.n scope="col" { "pairs" }
                } }
                tbody { @for row in list { tr {
                    th scope="row" { (row.input) } td { (row.comparison) } td.n { (row.atoms) } td.n { (row.ranks) }
                    td.n { (row.n_every) } td { (if row.stress { "yes" } else { "no" }) }
                    td.n { (format!("{:+.1} %", 100.0 * (row.ratio_median - 1.0))) }
                    td.n { (format!("{:+.1} to {:+.1} %", 100.0 * (row.ratio_min - 1.0), 100.0 * (row.ratio_max - 1.0))) }
                    td.n { (row.repeats) }
                } } }
            } }
            }
        }
    }
}
