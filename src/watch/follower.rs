//! One stream, followed.
//!
//! Enters: a path and the time. Leaves: the [`RunView`], and where the run stands. A run that was
//! continued from a restart supersedes what it had written after that restart file: the stream is then
//! read again from the start without those lines, a bounded number of times.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::rate::Rate;
use super::tail::{Look, MAX_LINE, Piece, Tail};
use super::text::{NAME, SENTENCE, clean};
use super::view::RunView;
use crate::decision::StateCode;
use crate::stream::schema::VERSION;
use crate::stream::{Header, Line};

/// Restarts after which a stream is not read again from its start.
const REREADS: usize = 16;
/// Shortest silence that is worth a word.
const SILENCE: Duration = Duration::from_secs(30);

/// Types of lines that this build knows.
const TYPES: [&str; 10] =
    ["header", "run", "restart", "change", "sample", "drop", "verdict", "event", "alarm", "halt"];

/// Where a run stands.
#[derive(Debug, Clone, PartialEq)]
pub enum Status {
    /// There is no file, or no header in it yet.
    Waiting,
    /// The file cannot be read or is no stream.
    Unusable(String),
    /// What was there already is being read.
    Reading,
    /// New samples arrive.
    Running,
    /// Nothing new for this many seconds, though the run is not over.
    Silent(f64),
    /// Foreshock stopped it.
    Halted,
    /// All its steps are done.
    Ended,
}

impl Status {
    /// One word.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Unusable(_) => "unusable",
            Self::Reading => "reading",
            Self::Running => "running",
            Self::Silent(_) => "silent",
            Self::Halted => "halted",
            Self::Ended => "ended",
        }
    }
}

/// Lines that could not be used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Damages {
    /// How many.
    pub count: u64,
    /// The last one's position in the file and what is wrong with it.
    pub last: Option<(u64, String)>,
}

/// What was read of the stream so far.
#[derive(Debug, Default)]
struct Content {
    view: Option<RunView>,
    refused: Option<String>,
    damages: Damages,
    unknown: u64,
    superseded: u64,
    restarts: Vec<(u64, u64)>,
    rewind: bool,
}

/// A stream that is followed.
#[derive(Debug)]
pub struct Follower {
    name: String,
    tail: Tail,
    content: Content,
    rate: Rate,
    look: Option<Look>,
    error: Option<String>,
    /// When the stream last grew.
    grown: Option<Instant>,
    /// Its age when it was first seen.
    age_s: f64,
    resets: u64,
    changes: u64,
}

impl Follower {
    /// Follows the stream at `path`, which need not exist, under a name to be shown.
    #[must_use]
    pub fn new(path: &Path, name: &str) -> Self {
        Self {
            name: clean(name, NAME),
            tail: Tail::new(path),
            content: Content::default(),
            rate: Rate::default(),
            look: None,
            error: None,
            grown: None,
            age_s: 0.0,
            resets: 0,
            changes: 0,
        }
    }

    /// What to call the run.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The stream.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.tail.path().to_owned()
    }

    /// The run, once its header was read.
    #[must_use]
    pub fn view(&self) -> Option<&RunView> {
        self.content.view.as_ref()
    }

    /// Lines that could not be used.
    #[must_use]
    pub fn damages(&self) -> &Damages {
        &self.content.damages
    }

    /// Lines of types that this build does not know.
    #[must_use]
    pub fn unknown(&self) -> u64 {
        self.content.unknown
    }

    /// Lines left out because a restart superseded them.
    #[must_use]
    pub fn superseded(&self) -> u64 {
        self.content.superseded
    }

    /// How often the file was cut or replaced.
    #[must_use]
    pub fn resets(&self) -> u64 {
        self.resets
    }

    /// Whether the file's last line has no end.
    #[must_use]
    pub fn unfinished(&self) -> bool {
        self.tail.unfinished()
    }

    /// Samples and steps per second, while the run is being written.
    #[must_use]
    pub fn rate(&self) -> &Rate {
        &self.rate
    }

    /// Counts every look that changed something.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// Whether all that is there was read.
    #[must_use]
    pub fn caught_up(&self) -> bool {
        self.look.is_some_and(|look| look.caught_up)
    }

    /// Whether the file is there.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.look.is_some_and(|look| look.exists)
    }

    /// Bytes not read yet.
    #[must_use]
    pub fn behind(&self) -> u64 {
        self.look.map_or(0, |look| look.behind)
    }

    /// Reads what is new, at most about `budget` bytes and not past `deadline`.
    pub fn look(&mut self, now: Instant, budget: u64, deadline: Instant) {
        let content = &mut self.content;
        let resets = &mut self.resets;
        let result = self.tail.look(budget, deadline, &mut |piece| {
            match piece {
                Piece::Reset => {
                    *content = Content::default();
                    *resets += 1;
                }
                Piece::TooLong(at) => content.damaged(at, format!("longer than {MAX_LINE} bytes")),
                Piece::Line(at, bytes) => content.line(at, bytes),
            }
            if content.rewind { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        let look = match result {
            Ok(look) => look,
            Err(error) => {
                self.changes += u64::from(self.error.is_none());
                self.error = Some(error.to_string());
                return;
            }
        };
        self.error = None;
        let first = self.look.is_none_or(|before| !before.exists) && look.exists;
        self.changes += u64::from(first || look.read > 0 || self.exists() != look.exists);
        let was_caught_up = self.caught_up();
        self.look = Some(look);
        if self.content.rewind {
            self.tail.rewind();
            self.content.begin_again();
            self.look = Some(Look { caught_up: false, ..look });
            self.rate.clear();
            return;
        }
        if first {
            self.age_s = look.written_s_ago;
            self.grown = Some(now);
        } else if look.read > 0 && was_caught_up {
            self.age_s = 0.0;
            self.grown = Some(now);
        }
        if look.read > 0
            && look.caught_up
            && let Some((frame, step, _)) = self.view().and_then(|view| view.latest)
        {
            self.rate.note(now, frame, step);
        }
    }

    /// Seconds since the stream last grew.
    #[must_use]
    pub fn quiet_s(&self, now: Instant) -> Option<f64> {
        self.grown.map(|grown| self.age_s + now.saturating_duration_since(grown).as_secs_f64())
    }

    /// Where the run stands.
    #[must_use]
    pub fn status(&self, now: Instant) -> Status {
        if let Some(message) = self.error.as_ref().or(self.content.refused.as_ref()) {
            return Status::Unusable(message.clone());
        }
        let Some(view) = self.view() else {
            return if self.behind() > 0 { Status::Reading } else { Status::Waiting };
        };
        if !self.caught_up() {
            return Status::Reading;
        }
        if view.halt.as_ref().is_some_and(|halt| halt.mode != "continue") {
            return Status::Halted;
        }
        if view.complete() {
            return Status::Ended;
        }
        let usual = self.rate.frames_per_s().map_or(0.0, |rate| 20.0 / rate);
        match self.quiet_s(now) {
            Some(quiet) if quiet > SILENCE.as_secs_f64().max(usual) => Status::Silent(quiet),
            _ => Status::Running,
        }
    }

    /// Estimated seconds to the end of the latest `run`, while samples arrive.
    #[must_use]
    pub fn left_s(&self, now: Instant) -> Option<f64> {
        let running = self.status(now) == Status::Running;
        let left = self.view().filter(|_| running)?.steps_left()?;
        Some(left as f64 / self.rate.steps_per_s()?)
    }

    /// For sorting, most urgent last: the state's severity, then warning probability, CUSUM, index.
    #[must_use]
    pub fn risk(&self) -> (u8, f64, f64, f64) {
        let known = |value: f64| if value.is_nan() { f64::NEG_INFINITY } else { value };
        self.view().map_or((0, f64::NEG_INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY), |view| {
            let worst = view.worst();
            let verdict = &worst.verdict;
            let severity = 1 + view.state(worst).severity();
            (severity, known(verdict.p_warning), known(verdict.cusum), known(verdict.index))
        })
    }

    /// The worse interface's state.
    #[must_use]
    pub fn state(&self) -> StateCode {
        self.view().map_or(StateCode::NoSample, |view| view.state(view.worst()))
    }
}

impl Content {
    fn damaged(&mut self, at: u64, message: String) {
        self.damages.count += 1;
        self.damages.last = Some((at, clean(&message, SENTENCE)));
    }

    /// Everything but the restarts, which say what to leave out this time.
    fn begin_again(&mut self) {
        *self = Self { restarts: std::mem::take(&mut self.restarts), ..Self::default() };
    }

    fn line(&mut self, at: u64, bytes: &[u8]) {
        if self.refused.is_some() || bytes.iter().all(u8::is_ascii_whitespace) {
            return;
        }
        let Some(view) = &mut self.view else {
            match header(bytes) {
                Ok(header) => self.view = Some(RunView::new(header)),
                Err(message) => self.refused = Some(clean(&message, SENTENCE)),
            }
            return;
        };
        let line: Line = match serde_json::from_slice(bytes) {
            Ok(line) => line,
            Err(_) if is_unknown(bytes) => {
                self.unknown += 1;
                return;
            }
            Err(error) => return self.damaged(at, error.to_string()),
        };
        if let Some(frame) = line.frame()
            && self.restarts.iter().any(|&(restart, first)| restart > at && frame >= first)
        {
            self.superseded += 1;
            return;
        }
        if let Line::Restart { frame, .. } = line
            && !self.restarts.iter().any(|&(known, _)| known == at)
            && view.latest.is_some_and(|(last, _, _)| last >= frame)
        {
            if self.restarts.len() < REREADS {
                self.restarts.push((at, frame));
                self.rewind = true;
                return;
            }
            view.truncate(frame);
        }
        if let Err(message) = view.take(line) {
            self.damaged(at, message);
        }
    }
}

/// A stream's first line.
fn header(bytes: &[u8]) -> Result<Header, String> {
    let value: serde_json::Value =
        serde_json::from_slice(bytes).map_err(|error| format!("line 1 is not a stream's header: {error}"))?;
    if value.get("type").and_then(|kind| kind.as_str()) != Some("header") {
        return Err("line 1 is not a stream's header: no \"type\":\"header\"".to_owned());
    }
    match value.get("schema").and_then(serde_json::Value::as_u64) {
        Some(version) if version == u64::from(VERSION) => {}
        Some(version) => return Err(format!("schema version {version}: this build reads version {VERSION}")),
        None => return Err("line 1 has no schema version".to_owned()),
    }
    let header: Header = serde_json::from_value(value).map_err(|error| format!("header: {error}"))?;
    header.check().map_err(|error| format!("header: {error}"))?;
    Ok(header)
}

/// Whether a line is sound JSON of a type that a later version may have added.
fn is_unknown(bytes: &[u8]) -> bool {
    #[derive(serde::Deserialize)]
    struct Kind {
        #[serde(rename = "type")]
        kind: String,
    }
    serde_json::from_slice::<Kind>(bytes).is_ok_and(|line| !TYPES.contains(&line.kind.as_str()))
}

#[cfg(test)]
mod tests;
