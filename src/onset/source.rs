//! Where labels get their events from: packed data sets, or folders of finished runs.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::event;
use super::labels::Watched;
use crate::dataset::columns::Columns;
use crate::dataset::pack::{self, EVENTS};
use crate::dataset::recorded::{self, Recorded};
use crate::dataset::series::FRAMES;
use crate::error::{Error, Result};

/// All interfaces of a data set, or of the finished runs below a folder.
///
/// # Errors
/// [`Error::File`] when there is neither, or something cannot be read.
pub fn watched(path: &Path) -> Result<Vec<Watched>> {
    let shards = if path.is_dir() { pack::shards(path)? } else { Vec::new() };
    let mut all = Vec::new();
    for shard in &shards {
        all.extend(of_shard(shard)?);
    }
    if shards.is_empty() {
        for folder in recorded::folders(path)? {
            let run = Recorded::read(&folder)?;
            let events = Arc::new(run.events);
            for interface in 0..run.header.settings.interfaces {
                let frames = run.frames.iter().filter(|frame| frame.interface == interface);
                all.push(Watched {
                    run: run.record.id.clone(),
                    interface,
                    time_ps: frames.map(|frame| frame.time_ps).collect(),
                    events: Arc::clone(&events),
                });
            }
        }
    }
    all.sort_by(|a, b| (&a.run, a.interface).cmp(&(&b.run, b.interface)));
    Ok(all)
}

fn of_shard(shard: &Path) -> Result<Vec<Watched>> {
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
    let events: BTreeMap<String, Arc<Vec<event::Event>>> =
        event::read(&shard.join(EVENTS))?.into_iter().map(|(run, events)| (run, Arc::new(events))).collect();
    Ok(series
        .into_iter()
        .map(|((run, interface), time_ps)| {
            let events = events.get(&run).cloned().unwrap_or_default();
            Watched { run, interface, time_ps, events }
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::onset::{Labels, Outcome, Rule};

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
        let outcomes = [(Outcome::Stable, 42), (Outcome::Reconstructing, 6), (Outcome::Unstable, 14)];
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
        let outcomes = [(Outcome::Stable, 4), (Outcome::Reconstructing, 1), (Outcome::Unstable, 11)];
        assert_eq!(labels.outcomes(), BTreeMap::from(outcomes));
        assert!(PAGE.contains("4 stable, 1\n  reconstructing, 11 unstable"));
    }
}
