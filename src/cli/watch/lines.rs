//! Runs as lines of text or JSON, for logs and pipes.

use std::collections::BTreeMap;
use std::io::{Result, Write};
use std::time::{Duration, Instant};

use foreshock::watch::show::{number, seconds};
use foreshock::watch::{Fleet, Follower, json};
use serde_json::json;

/// What was last said of a run.
#[derive(Default)]
struct Said {
    state: String,
    alarms: u64,
    resets: u64,
    changes: u64,
    at: Option<Instant>,
}

/// Says what has changed.
pub struct Lines {
    json: bool,
    interval: Duration,
    said: BTreeMap<usize, Said>,
}

impl Lines {
    /// Lines of text or JSON, with progress every `interval`.
    pub fn new(json: bool, interval: Duration) -> Self {
        Self { json, interval, said: BTreeMap::new() }
    }

    /// Writes what is new since the last call.
    pub fn write(&mut self, fleet: &Fleet, now: Instant, out: &mut dyn Write) -> Result<()> {
        self.said.retain(|number, _| fleet.runs().contains_key(number));
        for (&number, run) in fleet.runs() {
            let said = self.said.entry(number).or_default();
            if said.resets != run.resets() {
                said.resets = run.resets();
                said.alarms = 0;
            }
            let count = run.view().map_or(0, |view| view.alarm_count);
            // A restart may have superseded alarms.
            said.alarms = said.alarms.min(count);
            if count > said.alarms {
                let fresh = usize::try_from(count - said.alarms).unwrap_or(usize::MAX);
                said.alarms = count;
                alarms(self.json, number, run, fresh, out)?;
            }
            let state = format!("{} {}", run.status(now).word(), run.state().name());
            let due = said.at.is_none_or(|at| now.saturating_duration_since(at) >= self.interval);
            if state != said.state || (due && run.changes() != said.changes) {
                said.state = state;
                said.changes = run.changes();
                said.at = Some(now);
                if self.json {
                    writeln!(out, "{}", json::summary(number, run, now))?;
                } else {
                    writeln!(out, "{}", line(run, now))?;
                }
            }
        }
        Ok(())
    }
}

fn alarms(as_json: bool, id: usize, run: &Follower, fresh: usize, out: &mut dyn Write) -> Result<()> {
    let Some(view) = run.view() else { return Ok(()) };
    for alarm in view.alarms.iter().skip(view.alarms.len().saturating_sub(fresh)) {
        if as_json {
            writeln!(out, "{}", json!({"id": id, "name": run.name(), "alarm": json::alarm(alarm)}))?;
        } else {
            write!(out, "{}: ALARM: {}", run.name(), alarm.reason)?;
            if !alarm.atoms.is_empty() {
                let atoms: Vec<String> = alarm.atoms.iter().map(ToString::to_string).collect();
                write!(out, "; atoms {}", atoms.join(" "))?;
            }
            writeln!(out)?;
        }
    }
    Ok(())
}

/// One run in one line.
fn line(run: &Follower, now: Instant) -> String {
    let status = run.status(now);
    let mut text = format!("{}: {}", run.name(), status.word());
    match &status {
        foreshock::watch::Status::Unusable(message) => text += &format!(": {message}"),
        foreshock::watch::Status::Silent(quiet) => text += &format!(" for {}", seconds(*quiet)),
        _ => {}
    }
    let Some(view) = run.view() else { return text };
    if let Some((_, step, time)) = view.latest {
        text += &format!(", step {step}, {time:.3} {}", view.facts.time_unit);
    }
    let worst = view.worst();
    let verdict = &worst.verdict;
    text += &format!(", {}: {}", worst.name, view.state(worst).name());
    for (name, value) in
        [("index", verdict.index), ("CUSUM", verdict.cusum), ("P(warning)", verdict.p_warning)]
    {
        if value.is_finite() {
            text += &format!(", {name} {}", number(value));
        }
    }
    if let Some(rate) = run.rate().frames_per_s() {
        text += &format!(", {} frames/s", number(rate));
    }
    if let Some(left) = view.steps_left() {
        text += &format!(", {left} steps left");
        if let Some(time) = run.left_s(now) {
            text += &format!(" ({})", seconds(time));
        }
    }
    for (name, count) in [
        ("alarms", view.alarm_count),
        ("dropped windows", view.dropped()),
        ("steps of verdict age", view.age_steps(worst)),
        ("damaged lines", run.damages().count),
    ] {
        if count > 0 {
            text += &format!(", {count} {name}");
        }
    }
    if let Some(halt) = &view.halt {
        text += &format!(", halt {} at step {}", halt.mode, halt.step);
    }
    text
}
