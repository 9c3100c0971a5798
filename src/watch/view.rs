//! What is known of one run: header facts, the latest verdict of each interface, its past, alarms.
//!
//! Enters: a stream's lines in order. Leaves: a [`RunView`] that dashboards, pages and reports show.
//! Its size is bounded, whatever the stream holds, and its texts are [`clean`].

use std::collections::{BTreeMap, VecDeque};

use super::drivers::Drivers;
use super::history::History;
use super::text::{NAME, SENTENCE, clean};
use crate::decision::{Alarm, StateCode, Verdict};
use crate::frame::Frame;
use crate::pipeline::STALE_SAMPLES;
use crate::stream::{Header, Line};
use crate::window::instability::Contribution;

/// Alarms that are kept, the latest ones.
pub const ALARMS: usize = 64;
/// Kinds of events that are counted by name.
pub const KINDS: usize = 16;
/// Recorded events of an interface that may explain its next alarm.
const RECENT: usize = 64;
/// Atoms named beside an alarm.
const ATOMS: usize = 24;

/// What a stream's header says.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// Version of Foreshock.
    pub foreshock: String,
    /// Version of LAMMPS.
    pub lammps: String,
    /// "ps", or "tau" in lj units.
    pub time_unit: &'static str,
    /// Time step, ps.
    pub dt_ps: f64,
    /// Steps between samples.
    pub every: u64,
    /// Atoms in the cell.
    pub atoms: u64,
    /// Groups of side A and side B.
    pub groups: [String; 2],
    /// Name of the detector.
    pub detector: String,
    /// Hash of the model.
    pub model_hash: Option<String>,
    /// Time at which the baseline is complete, ps.
    pub learned_ps: f64,
    /// Time between samples, ps.
    pub sample_ps: f64,
    /// What an alarm does to the run: `no`, `soft`, `hard` or `continue`.
    pub halt: String,
    /// Prefix of the flight recorder's files.
    pub blackbox: Option<String>,
}

/// An interface.
#[derive(Debug, Clone)]
pub struct InterfaceView {
    /// "A → B" or "B → A".
    pub name: String,
    /// The latest verdict.
    pub verdict: Verdict,
    /// All verdicts.
    pub history: History,
    /// What the index is made of, largest share first; empty where unknown.
    pub drivers: Vec<Contribution>,
    /// Windows that were not scored.
    pub dropped: u64,
    /// Recent events: time of the sample, atoms.
    recent: VecDeque<(u64, Vec<i64>)>,
}

/// An alarm with what stands around it.
#[derive(Debug, Clone, PartialEq)]
pub struct AlarmView {
    /// Step at which it was known.
    pub decision_step: i64,
    /// In words.
    pub reason: String,
    /// The alarm.
    pub alarm: Alarm,
    /// Atoms of events that were recorded within one lag before, where events are recorded.
    pub atoms: Vec<i64>,
}

/// The run was asked to stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HaltView {
    /// Step.
    pub step: i64,
    /// `soft`, `hard` or `continue`.
    pub mode: String,
    /// In words.
    pub reason: String,
}

/// One run.
#[derive(Debug)]
pub struct RunView {
    /// What the header says.
    pub facts: Facts,
    /// The header's configuration and settings, for reports.
    pub header: Header,
    /// Warning threshold now.
    pub threshold: f64,
    /// Windows in a row before an alarm, now.
    pub persist: u32,
    /// One per interface, one or two.
    pub interfaces: Vec<InterfaceView>,
    /// The latest sample: number, step, time in ps.
    pub latest: Option<(u64, i64, f64)>,
    /// First step and number of steps of the latest `run`.
    pub run: Option<(i64, u64)>,
    /// The latest alarms, oldest first.
    pub alarms: VecDeque<AlarmView>,
    /// All alarms.
    pub alarm_count: u64,
    /// Recorded events by kind.
    pub events: BTreeMap<String, u64>,
    /// Why the run was stopped, until another `run`.
    pub halt: Option<HaltView>,
    /// Restarts.
    pub restarts: u64,
    drivers: Drivers,
}

impl RunView {
    /// The view of a stream that has only its header. The header must have been checked.
    #[must_use]
    pub fn new(header: Header) -> Self {
        let groups = [clean(&header.groups[0], NAME), clean(&header.groups[1], NAME)];
        let text = |key: &str| header.config.get(key).and_then(|v| v.as_str()).map(|s| clean(s, SENTENCE));
        let facts = Facts {
            foreshock: clean(&header.foreshock, NAME),
            lammps: clean(&header.lammps, NAME),
            time_unit: if header.units == "lj" { "tau" } else { "ps" },
            dt_ps: header.dt_ps,
            every: header.every,
            atoms: header.atoms,
            detector: clean(&header.detector, NAME),
            model_hash: header.model_hash.as_deref().map(|hash| clean(hash, NAME)),
            learned_ps: header.settings.baseline_end_ps(),
            sample_ps: header.settings.sample_ps,
            halt: text("halt").unwrap_or_else(|| "unknown".to_owned()),
            blackbox: header
                .config
                .pointer("/blackbox/1")
                .and_then(|v| v.as_str())
                .map(|s| clean(s, SENTENCE)),
            groups,
        };
        let [a, b] = &facts.groups;
        let names = [format!("{a} → {b}"), format!("{b} → {a}")];
        let interfaces = names.into_iter().take(header.settings.interfaces).enumerate();
        Self {
            interfaces: interfaces
                .map(|(k, name)| InterfaceView {
                    name,
                    verdict: Verdict::none(k),
                    history: History::default(),
                    drivers: Vec::new(),
                    dropped: 0,
                    recent: VecDeque::new(),
                })
                .collect(),
            threshold: header.threshold,
            persist: header.persist,
            latest: None,
            run: None,
            alarms: VecDeque::new(),
            alarm_count: 0,
            events: BTreeMap::new(),
            halt: None,
            restarts: 0,
            drivers: Drivers::new(&header),
            facts,
            header,
        }
    }

    /// Takes the next line.
    ///
    /// # Errors
    /// What does not fit the header, in words; the view is then as before.
    pub fn take(&mut self, line: Line) -> Result<(), String> {
        match line {
            Line::Header(_) => return Err("a second header".to_owned()),
            Line::Run { step, steps } => {
                self.run = Some((step, steps));
                self.halt = None;
            }
            Line::Restart { threshold, persist, .. } => {
                self.restarts += 1;
                (self.threshold, self.persist) = (threshold, persist);
            }
            Line::Change { threshold, persist, .. } => (self.threshold, self.persist) = (threshold, persist),
            Line::Sample { frame, step, time_ps, interface, condition, values } => {
                let expected = self.header.descriptors.len();
                if values.len() != expected {
                    return Err(format!("{} values, expected {expected}", values.len()));
                }
                self.interface(interface)?;
                self.latest = Some((frame, step, time_ps));
                let frame = Frame { index: frame, step, time_ps, interface, condition, values };
                self.interfaces[interface].drivers = self.drivers.push(&frame).unwrap_or_default();
            }
            Line::Drop { interface, .. } => self.interface(interface)?.dropped += 1,
            Line::Verdict { verdict, .. } => {
                let interface = self.interface(verdict.interface)?;
                interface.history.push(&verdict);
                interface.verdict = verdict;
            }
            Line::Event { frame, interface, kind, mut tags, .. } => {
                let recent = &mut self.interface(interface)?.recent;
                if recent.len() == RECENT {
                    recent.pop_front();
                }
                tags.truncate(ATOMS);
                recent.push_back((frame, tags));
                let known = self.events.len() < KINDS;
                let kind = clean(&kind, NAME);
                let kind = if known || self.events.contains_key(&kind) { kind } else { "other".to_owned() };
                *self.events.entry(kind).or_default() += 1;
            }
            Line::Alarm { decision_step, reason, alarm } => self.alarm(decision_step, &reason, alarm)?,
            Line::Halt { step, mode, reason, .. } => {
                self.halt =
                    Some(HaltView { step, mode: clean(&mode, NAME), reason: clean(&reason, SENTENCE) });
            }
        }
        Ok(())
    }

    fn interface(&mut self, number: usize) -> Result<&mut InterfaceView, String> {
        let count = self.interfaces.len();
        self.interfaces
            .get_mut(number)
            .ok_or_else(|| format!("interface {number}, expected less than {count}"))
    }

    fn alarm(&mut self, decision_step: i64, reason: &str, mut alarm: Alarm) -> Result<(), String> {
        let lag = self.header.settings.lag_samples() as u64;
        let since = alarm.frame.saturating_sub(lag);
        let recent = &self.interface(alarm.interface)?.recent;
        let within = recent.iter().filter(|(frame, _)| (since..=alarm.frame).contains(frame));
        let mut atoms: Vec<i64> = within.flat_map(|(_, tags)| tags.iter().copied()).collect();
        atoms.sort_unstable();
        atoms.dedup();
        atoms.truncate(ATOMS);
        alarm.top.truncate(8);
        for part in &mut alarm.top {
            part.descriptor = clean(&part.descriptor, NAME);
        }
        if self.alarms.len() == ALARMS {
            self.alarms.pop_front();
        }
        self.alarms.push_back(AlarmView { decision_step, reason: clean(reason, SENTENCE), alarm, atoms });
        self.alarm_count += 1;
        Ok(())
    }

    /// Forgets sample `frame` and later ones, up to the history's resolution.
    pub fn truncate(&mut self, frame: u64) {
        let before = self.alarms.len();
        self.alarms.retain(|alarm| alarm.alarm.frame < frame);
        self.alarm_count -= (before - self.alarms.len()) as u64;
        self.drivers = Drivers::default();
        for interface in &mut self.interfaces {
            interface.history.truncate(frame);
            interface.drivers.clear();
            interface.recent.retain(|(at, _)| *at < frame);
        }
        self.halt = None;
    }

    /// The interface that needs most attention.
    ///
    /// # Panics
    /// Never: there is one.
    #[must_use]
    pub fn worst(&self) -> &InterfaceView {
        let verdicts: Vec<Verdict> =
            self.interfaces.iter().map(|i| Verdict { state: self.state(i), ..i.verdict.clone() }).collect();
        &self.interfaces[crate::decision::worst(&verdicts)]
    }

    /// An interface's state as the run itself would show it: a verdict that lags behind is stale.
    #[must_use]
    pub fn state(&self, interface: &InterfaceView) -> StateCode {
        let verdict = &interface.verdict;
        let behind = self.latest.map_or(0, |(frame, _, _)| frame.saturating_sub(verdict.frame));
        if behind > STALE_SAMPLES && verdict.state != StateCode::NoSample {
            StateCode::Stale
        } else {
            verdict.state
        }
    }

    /// Steps between the latest sample and the window of the latest verdict.
    #[must_use]
    pub fn age_steps(&self, interface: &InterfaceView) -> u64 {
        let judged = interface.verdict.state != StateCode::NoSample;
        let latest = self.latest.filter(|_| judged);
        latest.map_or(0, |(_, step, _)| {
            u64::try_from(step.saturating_sub(interface.verdict.window_end_step)).unwrap_or(0)
        })
    }

    /// Windows that were not scored, of all interfaces.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.interfaces.iter().map(|i| i.dropped).sum()
    }

    /// Steps left of the latest `run`, where one was recorded.
    #[must_use]
    pub fn steps_left(&self) -> Option<u64> {
        let (first, steps) = self.run?;
        let done =
            self.latest.map_or(0, |(_, step, _)| u64::try_from(step.saturating_sub(first)).unwrap_or(0));
        Some(steps.saturating_sub(done))
    }

    /// Whether the latest `run` has come to its end: no further sample is due.
    #[must_use]
    pub fn complete(&self) -> bool {
        self.latest.is_some() && self.steps_left().is_some_and(|left| left < self.facts.every.max(1))
    }
}
