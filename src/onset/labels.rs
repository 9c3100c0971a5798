//! Labels of a data set: one row per interface, made by one rule from one set of runs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::count::Count;
use super::decide::{Onsets, Outcome};
use super::event::Event;
use super::rule::Rule;
use crate::dataset::columns::{Column, Columns};
use crate::dataset::series::{Series, hex};
use crate::error::{Error, Result};

/// File of the labels, beside the shards.
pub const LABELS: &str = "labels.parquet";
const RULE: &str = "foreshock.rule";
const RULE_HASH: &str = "foreshock.rule_sha256";
const LABELS_HASH: &str = "foreshock.labels_sha256";
const CONTENT_HASH: &str = "foreshock.content_sha256";
const EVENTS_HASH: &str = "foreshock.events_sha256";
/// Tolerance of times, ps.
const SLACK_PS: f64 = 1e-6;

/// One interface's record as far as labels need it.
#[derive(Debug, Clone, PartialEq)]
pub struct Watched {
    /// Name of the run.
    pub run: String,
    /// The interface.
    pub interface: usize,
    /// Times of its frames, ps.
    pub time_ps: Vec<f64>,
    /// End of the fix's baseline, ps: of a run that is not known beyond it there is nothing to tell.
    pub baseline_end_ps: f64,
    /// Events of the run.
    pub events: std::sync::Arc<Vec<Event>>,
}

impl Watched {
    /// The count that a rule looks at.
    #[must_use]
    pub fn count(&self, rule: &Rule) -> Count {
        Count::new(&self.events, self.interface, &self.time_ps, rule.observable, rule.persistence)
    }
}

/// An interface's label.
#[derive(Debug, Clone, PartialEq)]
pub struct Label {
    /// Name of the run.
    pub run: String,
    /// The interface.
    pub interface: usize,
    /// Onset times.
    pub onsets: Onsets,
    /// Largest count.
    pub largest: u32,
    /// Mean of the count over the last 5 ps at which it is known.
    pub last: f64,
}

/// What labels were made from, by hashes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Of runs, factors and frames, as splits have it.
    pub content_sha256: String,
    /// Of the label-only events.
    pub events_sha256: String,
}

/// Labels of a set of runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Labels {
    /// The rule that made them.
    pub rule: Rule,
    /// One per interface, by run.
    pub rows: Vec<Label>,
    /// The data set that they were made from; none for labels of runs that are not packed, which no data
    /// set takes.
    pub origin: Option<Origin>,
}

impl Labels {
    /// Labels all interfaces by a rule.
    #[must_use]
    pub fn new(rule: &Rule, watched: &[Watched]) -> Self {
        let mut rows: Vec<Label> = watched
            .iter()
            .map(|one| {
                let count = one.count(rule);
                let end = count.time_ps.last().copied().unwrap_or(0.0);
                Label {
                    run: one.run.clone(),
                    interface: one.interface,
                    onsets: Onsets::decide(&count, rule, one.baseline_end_ps),
                    largest: count.count.iter().copied().max().unwrap_or(0),
                    last: count.mean(end - 5.0, end).unwrap_or(0.0),
                }
            })
            .collect();
        rows.sort_by(|a, b| (&a.run, a.interface).cmp(&(&b.run, b.interface)));
        Self { rule: rule.clone(), rows, origin: None }
    }

    /// Writes them as a table that carries the rule, what it was applied to, and hashes of all.
    ///
    /// # Errors
    /// [`Error::File`] when it cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let rows = &self.rows;
        let times = |of: &dyn Fn(&Onsets) -> Option<f64>| {
            Column::F64(rows.iter().map(|row| of(&row.onsets).unwrap_or(f64::NAN)).collect())
        };
        let mut table = Columns::default();
        table.push("run", Column::Text(rows.iter().map(|row| row.run.clone()).collect()));
        table.push("interface", Column::I64(rows.iter().map(|row| row.interface as i64).collect()));
        let outcomes = rows.iter().map(|row| row.onsets.outcome().name().to_owned()).collect();
        table.push("outcome", Column::Text(outcomes));
        table.push("t_r_ps", times(&|o| o.t_r_ps));
        table.push("t_u_ps", times(&|o| o.t_u_ps));
        table.push("until_ps", times(&|o| Some(o.until_ps)));
        table.push("largest_count", Column::I64(rows.iter().map(|row| i64::from(row.largest)).collect()));
        table.push("last_count", Column::F64(rows.iter().map(|row| row.last).collect()));
        let rule = serde_json::to_string(&self.rule)
            .map_err(|error| Error::input("rule", &self.rule.name, error.to_string()))?;
        table.metadata.insert(RULE.to_owned(), rule);
        table.metadata.insert(RULE_HASH.to_owned(), self.rule.hash()?);
        table.metadata.insert(LABELS_HASH.to_owned(), self.hash());
        if let Some(origin) = &self.origin {
            table.metadata.insert(CONTENT_HASH.to_owned(), origin.content_sha256.clone());
            table.metadata.insert(EVENTS_HASH.to_owned(), origin.events_sha256.clone());
        }
        table.write(path)
    }

    /// Reads labels back.
    ///
    /// # Errors
    /// [`Error::File`] when it is no table of labels, rule or labels are not those of their hashes, or times
    /// are not in order.
    pub fn read(path: &Path) -> Result<Self> {
        let table = Columns::read(path)?;
        let refuse = |message: String| Error::file(path, message);
        let stated = |key: &str| table.metadata.get(key).ok_or_else(|| refuse(format!("no '{key}'")));
        let rule: Rule =
            serde_json::from_str(stated(RULE)?).map_err(|error| refuse(format!("rule: {error}")))?;
        if rule.hash()? != *stated(RULE_HASH)? {
            return Err(refuse("the rule is not the one of its hash".to_owned()));
        }
        let column = |name: &str| table.get(name).ok_or_else(|| refuse(format!("no column '{name}'")));
        let numbers = |name: &str| {
            column(name)?.numbers().ok_or_else(|| refuse(format!("column '{name}': expected numbers")))
        };
        let runs = column("run")?.texts();
        let outcomes = column("outcome")?.texts();
        let (interface, t_r, t_u, until) =
            (numbers("interface")?, numbers("t_r_ps")?, numbers("t_u_ps")?, numbers("until_ps")?);
        let (largest, last) = (numbers("largest_count")?, numbers("last_count")?);
        let known = |t: f64| t.is_finite().then_some(t);
        let mut rows = Vec::with_capacity(runs.len());
        for (row, run) in runs.into_iter().enumerate() {
            let onsets = Onsets {
                t_r_ps: known(t_r[row]),
                t_u_ps: known(t_u[row]),
                until_ps: until[row],
                judged: Outcome::of(&outcomes[row]) != Some(Outcome::Unknown),
            };
            check_order(&onsets).map_err(|message| refuse(format!("run '{run}': {message}")))?;
            if Outcome::of(&outcomes[row]) != Some(onsets.outcome()) {
                let message =
                    format!("run '{run}': outcome '{}' does not follow from its onsets", outcomes[row]);
                return Err(refuse(message));
            }
            rows.push(Label {
                run,
                interface: interface[row] as usize,
                onsets,
                largest: largest[row] as u32,
                last: last[row],
            });
        }
        let origin = table
            .metadata
            .get(CONTENT_HASH)
            .zip(table.metadata.get(EVENTS_HASH))
            .map(|(a, b)| Origin { content_sha256: a.clone(), events_sha256: b.clone() });
        let labels = Self { rule, rows, origin };
        // Labels of earlier versions have neither hash, and are refused by `check_origin`.
        if table.metadata.get(LABELS_HASH).is_some_and(|stated| *stated != labels.hash()) {
            return Err(refuse("the labels are not those of their hash".to_owned()));
        }
        Ok(labels)
    }

    /// Refuses labels that were made from other data than `here`, or do not say from which.
    ///
    /// # Errors
    /// [`Error::Input`] naming the hash that differs.
    pub fn check_origin(&self, here: &Origin) -> Result<()> {
        let again = |hash: &str| {
            format!("{hash}, of this data set: make the labels anew, foreshock label RULE.yaml DATA")
        };
        let Some(origin) = &self.origin else {
            return Err(Error::input("labels content_sha256", "none", again(&here.content_sha256)));
        };
        for (key, stated, found) in [
            ("labels content_sha256", &origin.content_sha256, &here.content_sha256),
            ("labels events_sha256", &origin.events_sha256, &here.events_sha256),
        ] {
            if stated != found {
                return Err(Error::input(key, stated, again(found)));
            }
        }
        Ok(())
    }

    /// Puts the labels on series. An unknown outcome leaves its series without a label.
    ///
    /// # Errors
    /// [`Error::Input`] when a series has no label, or a label no series, or knows of times after the last
    /// frame.
    pub fn apply(&self, series: &mut [Series]) -> Result<()> {
        let mut left: BTreeMap<(String, usize), &Label> =
            self.rows.iter().map(|row| ((row.run.clone(), row.interface), row)).collect();
        for one in series {
            let label = left.remove(&(one.run.clone(), one.interface)).ok_or_else(|| {
                Error::input(
                    format!("labels of run {}", one.run),
                    format!("interface {}", one.interface),
                    "a label for every interface: run foreshock label again",
                )
            })?;
            let onsets = &label.onsets;
            let last = one.time_ps.last().copied().unwrap_or(0.0);
            if onsets.until_ps > last + SLACK_PS {
                let key = format!("until_ps of run {}, interface {}", one.run, one.interface);
                return Err(Error::input(
                    key,
                    onsets.until_ps,
                    format!("at most {last}, the time of the last frame"),
                ));
            }
            one.set_onsets(onsets.t_r_ps, onsets.t_u_ps, onsets.until_ps);
            if !onsets.judged {
                one.state.fill(None);
            }
        }
        match left.keys().next() {
            None => Ok(()),
            Some((run, _)) => Err(Error::input("labels of run", run, "a run of the data set")),
        }
    }

    /// Number of interfaces of each outcome, those of an unknown one apart.
    #[must_use]
    pub fn outcomes(&self) -> BTreeMap<Outcome, usize> {
        let mut counts: BTreeMap<Outcome, usize> = Outcome::ALL.map(|outcome| (outcome, 0)).into();
        for row in &self.rows {
            *counts.entry(row.onsets.outcome()).or_default() += 1;
        }
        counts
    }

    /// What is worth knowing at a glance, as JSON.
    ///
    /// # Errors
    /// Never for a rule that was checked.
    pub fn summary(&self) -> Result<serde_json::Value> {
        let runs: BTreeSet<&str> = self.rows.iter().map(|row| row.run.as_str()).collect();
        let outcomes: serde_json::Map<String, serde_json::Value> =
            self.outcomes().into_iter().map(|(o, n)| (o.name().to_owned(), n.into())).collect();
        let rows: Vec<serde_json::Value> = self
            .rows
            .iter()
            .map(|row| {
                serde_json::json!({
                    "run": row.run,
                    "interface": row.interface,
                    "outcome": row.onsets.outcome(),
                    "t_r_ps": row.onsets.t_r_ps,
                    "t_u_ps": row.onsets.t_u_ps,
                    "until_ps": row.onsets.until_ps,
                    "largest_count": row.largest,
                    "last_count": row.last,
                })
            })
            .collect();
        Ok(serde_json::json!({
            "rule": self.rule,
            "rule_sha256": self.rule.hash()?,
            "labels_sha256": self.hash(),
            "content_sha256": self.origin.as_ref().map(|origin| &origin.content_sha256),
            "events_sha256": self.origin.as_ref().map(|origin| &origin.events_sha256),
            "runs": runs.len(),
            "interfaces": outcomes,
            "labels": rows,
        }))
    }

    /// SHA-256 of outcomes and times, without the rule.
    #[must_use]
    pub fn hash(&self) -> String {
        let mut hash = Sha256::new();
        for row in &self.rows {
            let o = &row.onsets;
            hash.update(format!(
                "{} {} {} {:?} {:?} {}\n",
                row.run,
                row.interface,
                o.outcome().name(),
                o.t_r_ps,
                o.t_u_ps,
                o.until_ps
            ));
        }
        hex(&hash.finalize())
    }
}

/// t_R <= t_U <= the end of what is known; all onsets of what is not judged are unknown.
fn check_order(onsets: &Onsets) -> std::result::Result<(), String> {
    let Onsets { t_r_ps, t_u_ps, until_ps, judged } = *onsets;
    if !until_ps.is_finite() {
        return Err(format!("until_ps = '{until_ps}': expected a time"));
    }
    if let (None, Some(t_u)) = (t_r_ps, t_u_ps) {
        return Err(format!("t_r_ps = 'none': expected at most t_u_ps = {t_u}"));
    }
    if !judged && t_r_ps.is_some() {
        return Err("outcome = 'unknown': expected no onsets".to_owned());
    }
    let times = [("t_r_ps", t_r_ps), ("t_u_ps", t_u_ps), ("until_ps", Some(until_ps))];
    let mut known = times.iter().filter_map(|(name, time)| Some((*name, (*time)?)));
    let mut before = known.next();
    for (name, time) in known {
        if let Some((earlier, t)) = before.filter(|(_, t)| *t > time + SLACK_PS) {
            return Err(format!("{earlier} = '{t}': expected at most {name} = {time}"));
        }
        before = Some((name, time));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::count::tests::event;
    use super::super::rule::tests::rule;
    use super::*;

    fn watched() -> Vec<Watched> {
        let time_ps: Vec<f64> = (0..200).map(|i| 0.2 * f64::from(i)).collect();
        let events: Vec<Event> =
            (0..5).map(|i| event(4.0 + 2.0 * i as f64, "bond_formed", [i, 100])).collect();
        let events = Arc::new(events);
        let one = |interface| Watched {
            run: "a".into(),
            interface,
            time_ps: time_ps.clone(),
            baseline_end_ps: 7.5,
            events: Arc::clone(&events),
        };
        vec![one(1), one(0)]
    }

    #[test]
    fn labels_read_back_as_they_were_written() {
        let labels = Labels::new(&rule(), &watched());
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join(LABELS);
        labels.write(&path).expect("writes");
        let back = Labels::read(&path).expect("reads");
        assert_eq!(back, labels);
        assert_eq!(back.hash(), labels.hash());
        let outcomes: Vec<Outcome> = back.rows.iter().map(|row| row.onsets.outcome()).collect();
        assert_eq!(outcomes, [Outcome::Unstable, Outcome::Stable]);
        // The second bond forms at 6 ps; five are there from 12 ps on, but the count grows by 0.5 per
        // ps before.
        assert_eq!(back.rows[0].onsets.t_r_ps.map(|t| (t * 10.0).round()), Some(60.0));
    }

    #[test]
    fn labels_of_other_data_or_of_none_are_refused() {
        let origin = |content: &str, events: &str| Origin {
            content_sha256: content.to_owned(),
            events_sha256: events.to_owned(),
        };
        let mut labels = Labels::new(&rule(), &watched());
        let message = labels.check_origin(&origin("c", "e")).expect_err("unknown origin").to_string();
        assert!(message.contains("foreshock label"), "{message}");
        labels.origin = Some(origin("c", "e"));
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join(LABELS);
        labels.write(&path).expect("writes");
        let back = Labels::read(&path).expect("reads");
        back.check_origin(&origin("c", "e")).expect("the same data");
        for (here, key) in [(origin("x", "e"), "content_sha256"), (origin("c", "x"), "events_sha256")] {
            let message = back.check_origin(&here).expect_err(key).to_string();
            assert!(message.contains(key), "{message}");
        }
    }

    /// What is said about labels with one column changed in the file.
    fn changed(column: &str, change: impl Fn(&mut Column)) -> String {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join(LABELS);
        Labels::new(&rule(), &watched()).write(&path).expect("writes");
        let table = Columns::read(&path).expect("reads");
        let mut other = Columns::default();
        other.metadata.clone_from(&table.metadata);
        for (name, values) in table.iter() {
            let mut values = values.clone();
            if name == column {
                change(&mut values);
            }
            other.push(name, values);
        }
        other.write(&path).expect("writes");
        Labels::read(&path).expect_err("changed").to_string()
    }

    #[test]
    fn labels_that_were_changed_in_the_file_are_noticed() {
        for (column, value, part) in [
            ("t_r_ps", 30.0, "t_r_ps = '30': expected at most t_u_ps"),
            ("t_r_ps", f64::NAN, "t_r_ps = 'none'"),
            ("until_ps", 1.0, "expected at most until_ps = 1"),
            ("until_ps", f64::NAN, "until_ps = 'NaN'"),
            ("t_r_ps", 5.0, "not those of their hash"),
        ] {
            let message = changed(column, |values| {
                if let Column::F64(times) = values {
                    times[0] = value;
                }
            });
            assert!(message.contains(part), "{column} {value}: {message}");
        }
        let message = changed("outcome", |values| {
            let Column::Text(outcomes) = values else { panic!("outcomes are text") };
            let at = outcomes.iter().position(|outcome| outcome == "stable").expect("a stable interface");
            outcomes[at] = "unknown".to_owned();
        });
        assert!(message.contains("not those of their hash"), "{message}");
    }

    #[test]
    fn a_series_of_unknown_outcome_has_no_label() {
        let series = |interface| {
            let mut one = crate::dataset::tests::series("a", interface, 200);
            one.set_onsets(None, None, 0.0);
            one
        };
        let mut watched = watched();
        watched[1].baseline_end_ps = 35.0;
        let labels = Labels::new(&rule(), &watched);
        assert_eq!(labels.outcomes()[&Outcome::Unknown], 1);
        let mut all = [series(0), series(1)];
        labels.apply(&mut all).expect("of these series");
        assert_eq!(all.each_ref().map(Series::labelled), [false, true]);
        let mut short = [crate::dataset::tests::series("a", 0, 20), series(1)];
        let message = labels.apply(&mut short).expect_err("ends before").to_string();
        assert!(message.contains("until_ps of run a, interface 0"), "{message}");
    }

    #[test]
    fn a_rule_that_was_changed_in_the_file_is_noticed() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join(LABELS);
        Labels::new(&rule(), &watched()).write(&path).expect("writes");
        let mut table = Columns::read(&path).expect("reads");
        let text = table.metadata[RULE].replace("\"count\":5", "\"count\":6");
        table.metadata.insert(RULE.to_owned(), text);
        table.write(&path).expect("writes");
        let message = Labels::read(&path).expect_err("changed").to_string();
        assert!(message.contains("not the one of its hash"), "{message}");
    }
}
