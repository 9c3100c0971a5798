//! Label-only events as the fix recorded them, and their table.

use std::collections::BTreeMap;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::dataset::columns::{Column, Columns};
use crate::dataset::series::hex;
use crate::error::{Error, Result};

/// A label-only observation. Not convertible into a feature.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// The interface.
    pub interface: usize,
    /// Time since the first sample, ps.
    pub time_ps: f64,
    /// What happened, e.g. `bond_formed`.
    pub kind: String,
    /// Tags of the atoms concerned.
    pub tags: Vec<i64>,
    /// Anything else, a JSON object.
    pub data: String,
}

/// Events of several runs, by run, as a table.
///
/// # Panics
/// Never: the columns are of one length.
#[must_use]
pub fn to_columns(events: &BTreeMap<String, Vec<Event>>) -> Columns {
    let all = || events.iter().flat_map(|(run, events)| events.iter().map(move |event| (run, event)));
    let tags = |event: &Event| event.tags.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    let mut table = Columns::default();
    table.push("run", Column::Text(all().map(|(run, _)| run.clone()).collect()));
    table.push("interface", Column::I64(all().map(|(_, e)| e.interface as i64).collect()));
    table.push("time_ps", Column::F64(all().map(|(_, e)| e.time_ps).collect()));
    table.push("kind", Column::Text(all().map(|(_, e)| e.kind.clone()).collect()));
    table.push("tags", Column::Text(all().map(|(_, e)| tags(e)).collect()));
    table.push("data", Column::Text(all().map(|(_, e)| e.data.clone()).collect()));
    table
}

/// Reads a table of events back.
///
/// # Errors
/// [`Error::File`] when it is no such table.
pub fn read(path: &Path) -> Result<BTreeMap<String, Vec<Event>>> {
    let table = Columns::read(path)?;
    let refuse = |message: String| Error::file(path, message);
    let column = |name: &str| table.get(name).ok_or_else(|| refuse(format!("no column '{name}'")));
    let numbers = |name: &str| {
        column(name)?.numbers().ok_or_else(|| refuse(format!("column '{name}': expected numbers")))
    };
    let (runs, kinds, tags, data) =
        (column("run")?.texts(), column("kind")?.texts(), column("tags")?.texts(), column("data")?.texts());
    let (interfaces, times) = (numbers("interface")?, numbers("time_ps")?);
    let mut events: BTreeMap<String, Vec<Event>> = BTreeMap::new();
    for row in 0..table.rows() {
        let tags = tags[row]
            .split_ascii_whitespace()
            .map(str::parse)
            .collect::<std::result::Result<Vec<i64>, _>>()
            .map_err(|error| refuse(format!("tags '{}': {error}", tags[row])))?;
        events.entry(runs[row].clone()).or_default().push(Event {
            interface: interfaces[row] as usize,
            time_ps: times[row],
            kind: kinds[row].clone(),
            tags,
            data: data[row].clone(),
        });
    }
    Ok(events)
}

/// SHA-256 of the events of several runs, hexadecimal; independent of how they are cut into files.
#[must_use]
pub fn hash(events: &BTreeMap<String, Vec<Event>>) -> String {
    let mut hash = Sha256::new();
    for (run, events) in events {
        hash.update(format!("{run} {}\n", events.len()));
        for event in events {
            let Event { interface, time_ps, kind, tags, data } = event;
            hash.update(format!("{interface} {time_ps:?} {kind:?} {tags:?} {data:?}\n"));
        }
    }
    hex(&hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_read_back_as_they_were_written() {
        let event = |time_ps: f64, tags: &[i64]| Event {
            interface: 1,
            time_ps,
            kind: "bond_formed".into(),
            tags: tags.to_vec(),
            data: String::new(),
        };
        let events = BTreeMap::from([
            ("a".to_owned(), vec![event(0.1 + 0.2, &[923, 9])]),
            ("b".to_owned(), vec![event(1.0, &[1]), event(2.0, &[])]),
        ]);
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("events.parquet");
        to_columns(&events).write(&path).expect("writes");
        assert_eq!(read(&path).expect("reads"), events);
        let mut other = events.clone();
        other.entry("b".to_owned()).or_default()[0].tags = vec![2];
        assert_eq!(hash(&events), hash(&read(&path).expect("reads")));
        assert_ne!(hash(&events), hash(&other));
    }
}
