//! Where labels get their events from: packed data sets, or folders of finished runs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use super::event;
use super::labels::Watched;
use super::rule::Rule;
use crate::dataset::META_PREFIX;
use crate::dataset::columns::{Column, Columns};
use crate::dataset::recorded::{self, Recorded};
use crate::dataset::series::{FRAMES, RUNS};
use crate::dataset::shard::{self, EVENTS};
use crate::error::{Error, Result};
use crate::window::Settings;

/// All interfaces of a data set, or of the finished runs below a folder.
///
/// # Errors
/// [`Error::File`] when there is neither, something cannot be read, events are those of other runs, or a
/// run was recorded without rules of label-only events: that nothing was seen then means nothing.
pub fn watched(path: &Path) -> Result<Vec<Watched>> {
    let shards = if path.is_dir() { shard::shards(path)? } else { Vec::new() };
    let mut all = Vec::new();
    for shard in &shards {
        all.extend(of_shard(shard)?);
    }
    if shards.is_empty() {
        for folder in recorded::folders(path)? {
            let run = Recorded::read(&folder)?;
            check_recorded(&run.record.id, &run.header.config)
                .map_err(|error| Error::file(&folder, error))?;
            let events = Arc::new(run.events);
            for interface in 0..run.header.settings.interfaces {
                let frames = run.frames.iter().filter(|frame| frame.interface == interface);
                all.push(Watched {
                    run: run.record.id.clone(),
                    interface,
                    time_ps: frames.map(|frame| frame.time_ps).collect(),
                    baseline_end_ps: run.header.settings.baseline_end_ps(),
                    events: Arc::clone(&events),
                });
            }
        }
    }
    all.sort_by(|a, b| (&a.run, a.interface).cmp(&(&b.run, b.interface)));
    Ok(all)
}

/// Refuses a rule none of whose events is in any of the runs: they watched something else. The header of a
/// stream names the file of label rules, not what it asks for, so nothing can be said of a single run.
///
/// # Errors
/// [`Error::Input`] naming the observable, and the kinds of events that there are.
pub fn check_observable(rule: &Rule, watched: &[Watched]) -> Result<()> {
    let kinds: BTreeSet<&str> =
        watched.iter().flat_map(|one| one.events.iter()).map(|event| event.kind.as_str()).collect();
    let wanted = rule.observable.kinds();
    if watched.is_empty() || wanted.iter().any(|kind| kinds.contains(kind)) {
        return Ok(());
    }
    let found = if kinds.is_empty() { "none at all".to_owned() } else { Vec::from_iter(kinds).join(", ") };
    Err(Error::input(
        format!("observable of rule {}", rule.name),
        wanted.join(", "),
        format!("events of these kinds in at least one run; the runs recorded {found}"),
    ))
}

/// Refuses the configuration of a fix that had no file of label rules. Streams of other programs may say
/// nothing about it.
fn check_recorded(run: &str, config: &Value) -> Result<()> {
    match config.get("label") {
        Some(Value::Null) => Err(Error::input(
            format!("label of run {run}"),
            "none",
            "a run that was recorded with a file of label rules (keyword label of the fix)",
        )),
        _ => Ok(()),
    }
}

/// What is read of a stream's header.
#[derive(serde::Deserialize)]
struct Header {
    #[serde(default)]
    config: Value,
    settings: Settings,
}

fn of_shard(shard: &Path) -> Result<Vec<Watched>> {
    shard::verify(shard)?;
    let baselines = headers(&shard.join(RUNS))?;
    let file = shard.join(FRAMES);
    let frames = Columns::read(&file)?;
    let column =
        |name: &str| frames.get(name).ok_or_else(|| Error::file(&file, format!("no column '{name}'")));
    let numbers = |name: &str| {
        column(name)?
            .numbers()
            .ok_or_else(|| Error::file(&file, format!("column '{name}': expected numbers")))
    };
    let (runs, interfaces, times) = (column("run")?.texts(), numbers("interface")?, numbers("time_ps")?);
    let mut series: BTreeMap<(String, usize), Vec<f64>> = BTreeMap::new();
    for ((run, interface), time) in runs.into_iter().zip(interfaces).zip(times) {
        series.entry((run, interface as usize)).or_default().push(time);
    }
    let file = shard.join(EVENTS);
    let events: BTreeMap<String, Arc<Vec<event::Event>>> =
        event::read(&file)?.into_iter().map(|(run, events)| (run, Arc::new(events))).collect();
    for (run, events) in &events {
        let foreign = |event: &&event::Event| !series.contains_key(&(run.clone(), event.interface));
        if let Some(event) = events.iter().find(foreign) {
            let message = format!(
                "event of run '{run}', interface {}: expected events of the runs of this shard",
                event.interface
            );
            return Err(Error::file(&file, message));
        }
    }
    series
        .into_iter()
        .map(|((run, interface), time_ps)| {
            let events = events.get(&run).cloned().unwrap_or_default();
            let baseline_end_ps = *baselines
                .get(&run)
                .ok_or_else(|| Error::file(shard.join(RUNS), format!("no run '{run}', which has frames")))?;
            Ok(Watched { run, interface, time_ps, baseline_end_ps, events })
        })
        .collect()
}

/// End of the baseline of every run of a shard, all of which recorded events.
fn headers(file: &Path) -> Result<BTreeMap<String, f64>> {
    let table = Columns::read(file)?;
    let texts = |name: &str| {
        table.get(name).map(Column::texts).ok_or_else(|| Error::file(file, format!("no column '{name}'")))
    };
    let mut ends = BTreeMap::new();
    for (run, text) in texts("run")?.into_iter().zip(texts(&format!("{META_PREFIX}header"))?) {
        let header: Header = serde_json::from_str(&text)
            .map_err(|error| Error::file(file, format!("header of run '{run}': {error}")))?;
        check_recorded(&run, &header.config).map_err(|error| Error::file(file, error))?;
        ends.insert(run, header.settings.baseline_end_ps());
    }
    Ok(ends)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::onset::rule::Observable;
    use crate::onset::{Labels, Outcome};

    /// Labels of pilot runs by a preset.
    fn labels(rule: &str, runs: &str) -> Labels {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/labels");
        let rule = Rule::read(&folder.join(rule)).expect("valid");
        Labels::new(&rule, &watched(&folder.join(runs)).expect("reads"))
    }

    const PAGE: &str = include_str!("../../docs/labels.md");

    #[test]
    fn the_oxide_pilot_is_labelled_as_documented() {
        let labels = labels("oxides.yaml", "pilot-oxides");
        let outcomes = [
            (Outcome::Stable, 42),
            (Outcome::Reconstructing, 6),
            (Outcome::Unstable, 14),
            (Outcome::Unknown, 0),
        ];
        assert_eq!(labels.outcomes(), BTreeMap::from(outcomes));
        assert!(PAGE.contains("(42 stable, 6 reconstructing, 14 unstable)"));
        let mut ends: BTreeMap<u32, usize> = (0..=10).map(|count| (count, 0)).collect();
        labels.rows.iter().for_each(|row| *ends.entry(row.last.round() as u32).or_default() += 1);
        let ends: Vec<String> = ends.values().map(ToString::to_string).collect();
        let line = format!("| interfaces | {} |", ends.join(" | "));
        assert!(PAGE.contains(&line), "docs/labels.md: {line}");
    }

    #[test]
    fn the_halide_pilot_is_labelled_as_documented() {
        let labels = labels("halides.yaml", "pilot-halides");
        let outcomes = [
            (Outcome::Stable, 4),
            (Outcome::Reconstructing, 1),
            (Outcome::Unstable, 11),
            (Outcome::Unknown, 0),
        ];
        assert_eq!(labels.outcomes(), BTreeMap::from(outcomes));
        assert!(PAGE.contains("4 stable, 1\n  reconstructing, 11 unstable"));
    }
    #[test]
    fn a_rule_that_counts_what_no_run_watched_is_refused() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/labels");
        let oxides = watched(&folder.join("pilot-oxides")).expect("reads");
        let mut rule = Rule::read(&folder.join("oxides.yaml")).expect("valid");
        check_observable(&rule, &oxides).expect("bonds were watched");
        rule.observable = Observable::LostContacts;
        let message = check_observable(&rule, &oxides).expect_err("no contacts").to_string();
        assert!(message.contains("contact_lost") && message.contains("bond_formed"), "{message}");
    }

    #[test]
    fn a_run_without_label_rules_is_refused() {
        let message = check_recorded("a", &serde_json::json!({"label": null})).expect_err("none").to_string();
        assert!(message.contains("label of run a"), "{message}");
        check_recorded("a", &serde_json::json!({"label": "label.yaml"})).expect("watched");
    }
}
