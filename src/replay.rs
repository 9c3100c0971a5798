//! Replays a recorded stream through the live run's window stage, detector and decision.
//!
//! Enters: a [`Reader`]. Leaves: the verdicts, one by one, and a [`Report`] that says whether they are
//! the recorded ones bit for bit. Dropped windows and changes of the decision are in the stream, so
//! also an asynchronous run replays to its own verdicts. A restart changes nothing but the decision's
//! settings: all that windows and detector remember is in the restart file.

use std::collections::BTreeMap;
use std::path::Path;

use crate::decision::{Alarm, Decision, Verdict};
use crate::error::{Error, Result};
use crate::frame::Frame;
use crate::model::Model;
use crate::model::detector::{self, Learned};
use crate::registry;
use crate::stream::{Damage, Header, Line, Reader};
use crate::window::{WindowMessage, WindowStage};
use crate::worker::{Cusum, Detector};

/// What a replay found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report {
    /// Samples read (one per interface).
    pub samples: u64,
    /// Verdicts made.
    pub verdicts: u64,
    /// Alarms raised.
    pub alarms: Vec<Alarm>,
    /// Recorded verdicts.
    pub recorded: u64,
    /// How many recorded verdicts are not the replayed ones.
    pub different: u64,
    /// The first of them, in words.
    pub differences: Vec<String>,
    /// The first lines that could not be used.
    pub damaged: Vec<Damage>,
    /// Lines left out because a restart superseded them.
    pub superseded: u64,
    /// Whether the last line was not finished.
    pub truncated: bool,
}

/// What a replay makes on its way.
#[derive(Debug, Clone, PartialEq)]
pub enum Replayed {
    /// A frame, as recorded.
    Frame(Frame),
    /// A verdict.
    Verdict(Verdict),
    /// An alarm.
    Alarm(Alarm),
    /// A line that replay takes as it is: drops, changes, restarts, runs, events, halts.
    Other(Line),
}

/// Differences and damaged lines that a report keeps; more are only worth a count.
const KEPT: usize = 1000;

/// A frame to be judged.
enum Waiting {
    Window(Box<WindowMessage>),
    Unscored(Verdict),
}

/// Verdicts and windows in the making.
struct Replay<'a> {
    stage: WindowStage,
    decision: Decision,
    detector: Box<dyn Detector>,
    /// The last sample: which of its windows were dropped is known at the next line.
    waiting: Vec<Waiting>,
    frame: Option<u64>,
    /// Number of the line being read.
    line: u64,
    /// Replayed verdicts that the stream has not confirmed yet.
    open: BTreeMap<(u64, usize), Verdict>,
    report: Report,
    sink: &'a mut dyn FnMut(Replayed) -> Result<()>,
}

/// Replays a stream with the detector that its header names, giving everything made to `sink`.
///
/// # Errors
/// [`Error::Input`] when the stream cannot be replayed by this build (other descriptors, a model
/// that is not where the run found it), and whatever `sink` returns.
pub fn replay(reader: Reader, sink: &mut dyn FnMut(Replayed) -> Result<()>) -> Result<Report> {
    replay_with(reader, None, sink)
}

/// As [`replay`], with the model that spoke in the run read from `model` and not from where the run
/// found it.
///
/// # Errors
/// As [`replay`].
pub fn replay_with(
    mut reader: Reader,
    model: Option<&Path>,
    sink: &mut dyn FnMut(Replayed) -> Result<()>,
) -> Result<Report> {
    let header = reader.header().clone();
    let detector = detector_of(&header, model)?;
    let mut replay = Replay {
        decision: Decision::new(
            header.threshold,
            header.persist,
            header.settings.interfaces,
            detector.alarms_without_surface(),
        )?,
        stage: WindowStage::new(header.settings),
        detector,
        waiting: Vec::new(),
        frame: None,
        line: 1,
        open: BTreeMap::new(),
        report: Report::default(),
        sink,
    };
    while let Some(line) = reader.next() {
        replay.line = reader.line();
        match line {
            Ok(line) => replay.take(line)?,
            Err(damage) => replay.damaged(damage),
        }
    }
    replay.flush()?;
    let mut report = replay.report;
    report.superseded = reader.superseded();
    report.truncated = reader.truncated();
    Ok(report)
}

fn detector_of(header: &Header, model: Option<&Path>) -> Result<Box<dyn Detector>> {
    let names = registry::frame_names(header.settings.rdf);
    if header.descriptors.len() != names.len() {
        return Err(Error::input("descriptors", header.descriptors.len(), format!("{} names", names.len())));
    }
    for (recorded, here) in header.descriptors.iter().zip(&names) {
        if recorded != here {
            return Err(Error::input("descriptors", recorded, format!("'{here}' at its place")));
        }
    }
    match header.detector.as_str() {
        "cusum" => Ok(Box::new(Cusum)),
        "model" => Ok(Box::new(Learned::new(model_of(header, model)?, &header.settings)?)),
        other => Err(Error::input("detector", other, "cusum or model")),
    }
}

/// The model that spoke in a run: the file given, the built-in one, or the file that the run named.
///
/// # Errors
/// [`Error::File`] when it cannot be read, [`Error::Input`] when it is another one than the run's.
pub fn model_of(header: &Header, given: Option<&Path>) -> Result<Model> {
    let named = header.config["model"]["file"].as_str().map(Path::new);
    let found = match (given, named) {
        (Some(path), _) | (None, Some(path)) => Model::read(path)?,
        (None, None) => detector::builtin()?,
    };
    match &header.model_hash {
        Some(hash) if *hash != found.hash => {
            Err(Error::input("model", &found.hash, format!("{hash}, the model of the recording (--model)")))
        }
        _ => Ok(found),
    }
}

impl Replay<'_> {
    fn take(&mut self, line: Line) -> Result<()> {
        match line {
            Line::Sample { frame, step, time_ps, interface, condition, values } => {
                if self.frame != Some(frame) {
                    self.flush()?;
                    self.frame = Some(frame);
                }
                self.sample(Frame { index: frame, step, time_ps, interface, condition, values })
            }
            Line::Drop { frame, interface } => {
                self.waiting.retain(|waiting| match waiting {
                    Waiting::Window(w) => (w.frame, w.interface) != (frame, interface),
                    Waiting::Unscored(_) => true,
                });
                (self.sink)(Replayed::Other(line))
            }
            Line::Verdict { verdict, .. } => {
                self.flush()?;
                self.compare(&verdict);
                Ok(())
            }
            Line::Restart { threshold, persist, .. } | Line::Change { threshold, persist, .. } => {
                self.flush()?;
                self.decision.set_threshold(threshold)?;
                self.decision.set_persist(persist)?;
                (self.sink)(Replayed::Other(line))
            }
            Line::Run { .. } | Line::Event { .. } | Line::Halt { .. } => (self.sink)(Replayed::Other(line)),
            // Alarms are replayed; the reader lets no second header through.
            Line::Alarm { .. } | Line::Header(_) => Ok(()),
        }
    }

    fn sample(&mut self, frame: Frame) -> Result<()> {
        let output = match self.stage.push(&frame) {
            Ok(output) => output,
            // A stream that was edited or put together: say so and go on with what fits.
            Err(error) => {
                self.damaged(Damage { line: self.line, message: error.to_string() });
                return Ok(());
            }
        };
        self.report.samples += 1;
        let unscored = Verdict::unscored(&frame, &output);
        self.waiting.push(match output.message {
            Some(window) => Waiting::Window(Box::new(window)),
            None => Waiting::Unscored(unscored),
        });
        (self.sink)(Replayed::Frame(frame))
    }

    /// Judges the last sample, whose dropped windows are known by now.
    fn flush(&mut self) -> Result<()> {
        for waiting in std::mem::take(&mut self.waiting) {
            let (verdict, alarm) = match waiting {
                Waiting::Window(window) => {
                    let score = self.detector.infer(&window);
                    self.decision.judge(&window, &score)
                }
                Waiting::Unscored(unscored) => self.decision.pass(unscored),
            };
            self.publish(verdict)?;
            if let Some(alarm) = alarm {
                self.report.alarms.push(alarm.clone());
                (self.sink)(Replayed::Alarm(alarm))?;
            }
        }
        Ok(())
    }

    fn publish(&mut self, verdict: Verdict) -> Result<()> {
        self.report.verdicts += 1;
        self.open.insert((verdict.frame, verdict.interface), verdict.clone());
        (self.sink)(Replayed::Verdict(verdict))
    }

    fn compare(&mut self, recorded: &Verdict) {
        self.report.recorded += 1;
        let replayed = self.open.remove(&(recorded.frame, recorded.interface));
        let difference = match replayed {
            Some(replayed) if replayed.same_bits(recorded) => return,
            Some(replayed) => format!("recorded {recorded:?}, replayed {replayed:?}"),
            None => format!("recorded {recorded:?}, replayed none"),
        };
        self.report.different += 1;
        if self.report.differences.len() < KEPT {
            self.report
                .differences
                .push(format!("frame {} of interface {}: {difference}", recorded.frame, recorded.interface));
        }
    }

    fn damaged(&mut self, damage: Damage) {
        if self.report.damaged.len() < KEPT {
            self.report.damaged.push(damage);
        }
    }
}
