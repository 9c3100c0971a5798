//! What is handed out, made once for all who ask.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use serde_json::json;

use super::metrics;
use crate::watch::history::History;
use crate::watch::{Fleet, Follower, json};

/// The state of all runs at one moment.
#[derive(Debug, Default)]
pub struct Published {
    /// JSON: the runs, most urgent first.
    pub list: String,
    /// Prometheus text.
    pub metrics: String,
    /// Each run by number.
    pub runs: BTreeMap<usize, Arc<Page>>,
}

/// One run.
#[derive(Debug)]
pub struct Page {
    changes: u64,
    status: &'static str,
    detail: serde_json::Value,
    histories: Vec<History>,
}

/// How much of each interface's history someone has: its epoch and the number of buckets.
pub type Had = Vec<(u64, usize)>;

impl Published {
    /// The fleet now; runs that have not changed since `before` are taken over.
    #[must_use]
    pub fn of(fleet: &Fleet, now: Instant, before: &Self) -> Self {
        let list: Vec<_> = fleet
            .by_risk()
            .into_iter()
            .filter_map(|number| Some(json::summary(number, fleet.runs().get(&number)?, now)))
            .collect();
        let list = json!({"runs": list, "ignored": fleet.ignored()}).to_string();
        let page = |number: usize, run: &Follower| match before.runs.get(&number) {
            Some(page) if page.changes == run.changes() && page.status == run.status(now).word() => {
                Arc::clone(page)
            }
            _ => Arc::new(Page::of(number, run, now)),
        };
        Self {
            list,
            metrics: metrics::text(fleet, now),
            runs: fleet.runs().iter().map(|(&number, run)| (number, page(number, run))).collect(),
        }
    }
}

impl Page {
    fn of(number: usize, run: &Follower, now: Instant) -> Self {
        let histories = run.view().map(|view| view.interfaces.iter().map(|i| i.history.clone()).collect());
        Self {
            changes: run.changes(),
            status: run.status(now).word(),
            detail: json::detail(number, run, now),
            histories: histories.unwrap_or_default(),
        }
    }

    /// The run as JSON with what is new in its history for someone who has `had`, which is updated. The
    /// last bucket had is sent again: it may have grown.
    #[must_use]
    pub fn news(&self, had: &mut Had) -> String {
        had.resize(self.histories.len(), (u64::MAX, 0));
        let parts = self.histories.iter().zip(had.iter_mut()).map(|(history, had)| {
            let same = had.0 == history.epoch();
            let from = if same { had.1.saturating_sub(1).min(history.buckets().len()) } else { 0 };
            *had = (history.epoch(), history.buckets().len());
            json!({"from": from, "points": json::points(&history.buckets()[from..])})
        });
        let parts: Vec<_> = parts.collect();
        json!({"run": self.detail, "history": parts}).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::{StateCode, Verdict};

    #[test]
    fn only_what_is_new_is_sent_and_the_last_bucket_again() {
        let push = |history: &mut History, frame: u64| {
            let verdict = Verdict { frame, index: 0.5, state: StateCode::Stable, ..Verdict::none(0) };
            history.push(&verdict);
        };
        let mut history = History::default();
        (0..10).for_each(|frame| push(&mut history, frame));
        let page = |history: &History| Page {
            changes: 0,
            status: "",
            detail: json!({}),
            histories: vec![history.clone()],
        };
        let mut had = Had::new();
        let mut sent = |history: &History| -> (u64, usize) {
            let news: serde_json::Value = serde_json::from_str(&page(history).news(&mut had)).expect("JSON");
            let part = &news["history"][0];
            let count = part["points"]["state"].as_array().expect("a column").len();
            (part["from"].as_u64().expect("a number"), count)
        };
        assert_eq!(sent(&history), (0, 10));
        assert_eq!(sent(&history), (9, 1));
        (10..13).for_each(|frame| push(&mut history, frame));
        assert_eq!(sent(&history), (9, 4));
        history.truncate(4);
        assert_eq!(sent(&history), (0, 4), "all of it after a change of the past");
    }
}
