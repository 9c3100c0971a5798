//! Everything behind the extractor, as one object: window stage, inference thread, decision, stream.
//!
//! Enters: the frames of one sample. Leaves: what thermo shows, what the log says, and whether the run
//! is to stop. Lives on rank 0, on the thread that samples.
//!
//! # Threads and ordering
//! Frames are recorded and windowed before anything is scored. With [`Mode::Sync`] a sample's own
//! verdicts are in its output; with [`Mode::Async`] they arrive at a later sample, in window order.
//! Recorded verdicts depend on the frames, on dropped windows and on changes of the decision alone,
//! all of which the stream holds, in this order: samples, drops, verdicts.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::Instant;

pub use crate::config::Change;
use crate::config::{FixConfig, Halt, Mode};
use crate::decision::{Alarm, Decision, StateCode, Verdict, worst};
use crate::error::{Error, Result};
use crate::frame::Frame;
use crate::model::detector::{self, Learned};
use crate::registry;
use crate::restart::{Decoder, Encoder};
use crate::stream::schema::VERSION;
use crate::stream::{Header, Line, Writer};
use crate::units::UnitStyle;
use crate::window::{Settings, WindowMessage, WindowStage};
use crate::worker::{Answer, Cusum, Detector, Submitted, Worker};

/// A verdict older than this many samples is shown as stale.
pub const STALE_SAMPLES: u64 = 10;

const STATE_KIND: &str = "pipeline";
const STATE_VERSION: u32 = 4;

/// What the run is, beyond its fix line.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// LAMMPS version.
    pub lammps: String,
    /// Unit style.
    pub units: UnitStyle,
    /// Time step, ps (tau in lj units).
    pub dt_ps: f64,
    /// Atoms in the cell.
    pub atoms: u64,
    /// Interfaces, 1 or 2.
    pub interfaces: usize,
    /// The fix's configuration as it is to be recorded.
    pub config: serde_json::Value,
}

/// Seconds and counts since the pipeline was made.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Timing {
    /// Seconds the sampling thread spent in the window stage.
    pub window_s: f64,
    /// Seconds the sampling thread spent writing the stream.
    pub stream_s: f64,
    /// Seconds windows waited in the queue, summed.
    pub queue_s: f64,
    /// Seconds of inference, on its own thread (on the sampling thread's time with `mode sync`).
    pub inference_s: f64,
    /// Windows scored.
    pub inferred: u64,
}

/// What a sample led to.
#[derive(Debug, Clone, PartialEq)]
pub struct PipelineOutput {
    /// What is shown of each interface: the latest verdict, or `worker_dead` or `stale` in its place.
    pub verdicts: Vec<Verdict>,
    /// The worse interface.
    pub worst: usize,
    /// Age of each interface's verdict in steps.
    pub age_steps: Vec<u64>,
    /// Windows dropped so far.
    pub dropped: u64,
    /// Alarms raised by verdicts that arrived with this sample.
    pub alarms: Vec<Alarm>,
    /// Why the run is to stop, while it is to.
    pub halt: Option<String>,
    /// Faults to be printed, each given once.
    pub messages: Vec<String>,
}

impl PipelineOutput {
    /// Columns 1-10 of the fix's vector (for the worse interface) or of an array row.
    ///
    /// # Panics
    /// If there is no such interface.
    #[must_use]
    pub fn columns(&self, interface: usize) -> [f64; 10] {
        let verdict = &self.verdicts[interface];
        let [stable, reconstructing, unstable] = verdict.p_states;
        [
            verdict.p_warning,
            stable,
            reconstructing,
            unstable,
            f64::from(u8::from(verdict.alarm)),
            verdict.index,
            verdict.ood_p,
            self.age_steps[interface] as f64,
            self.dropped as f64,
            f64::from(verdict.state.number()),
        ]
    }
}

/// Rank 0's path from frames to verdicts.
#[derive(Debug)]
pub struct Pipeline {
    header: Header,
    record: Option<PathBuf>,
    mode: Mode,
    halt: Halt,
    auto_threshold: f64,
    stage: WindowStage,
    decision: Decision,
    worker: Worker,
    writer: Option<Writer>,
    opened: bool,
    resumed: bool,
    latest: Vec<Verdict>,
    last: Option<(u64, i64)>,
    /// Frames without a verdict yet, in order: `None` is a window that the thread has, the others
    /// wait for the windows before them, so that verdicts do not depend on the thread's pace.
    pending: VecDeque<Option<Verdict>>,
    /// A `run` that has no sample yet.
    run: Option<(i64, u64)>,
    halting: Option<String>,
    halt_recorded: bool,
    death_told: bool,
    alarms: Vec<Alarm>,
    messages: Vec<String>,
    timing: Timing,
}

impl Pipeline {
    /// A pipeline with the detector that the configuration asks for.
    ///
    /// # Errors
    /// [`Error::Input`] for settings that cannot be used and for a model that does not fit them,
    /// [`Error::File`] for one that cannot be read, [`Error::Limit`] when no thread can be started.
    pub fn new(config: &FixConfig, facts: &Facts) -> Result<Self> {
        match detector::of(config, facts.units, facts.dt_ps)? {
            None => Self::with_detector(config, facts, Box::new(Cusum), None),
            Some(model) => {
                let settings = Settings::new(config, facts.dt_ps * config.every as f64, facts.interfaces)?;
                let hash = model.hash.clone();
                let learned = Learned::new(model, &settings)?;
                Self::with_detector(config, facts, Box::new(learned), Some(hash))
            }
        }
    }

    /// A pipeline with the given detector and the hash of its model.
    ///
    /// # Errors
    /// As [`Pipeline::new`].
    pub fn with_detector(
        config: &FixConfig,
        facts: &Facts,
        detector: Box<dyn Detector>,
        model_hash: Option<String>,
    ) -> Result<Self> {
        let sample_ps = facts.dt_ps * config.every as f64;
        let settings = Settings::new(config, sample_ps, facts.interfaces)?;
        let auto_threshold = detector.threshold();
        let threshold = config.warn.unwrap_or(auto_threshold);
        let lost_counts = detector.alarms_without_surface();
        let decision = Decision::new(threshold, config.persist, facts.interfaces, lost_counts)?;
        let header = Header {
            schema: VERSION,
            foreshock: env!("CARGO_PKG_VERSION").to_owned(),
            lammps: facts.lammps.clone(),
            units: facts.units.name().to_owned(),
            dt_ps: facts.dt_ps,
            every: config.every,
            atoms: facts.atoms,
            groups: config.sides.clone(),
            elements: config.elements.clone(),
            descriptors: registry::frame_names(config.rdf),
            model_hash,
            detector: detector.name().to_owned(),
            threshold,
            persist: config.persist,
            settings: settings.clone(),
            config: facts.config.clone(),
        };
        Ok(Self {
            header,
            record: config.record.clone(),
            mode: config.mode,
            halt: config.halt,
            auto_threshold,
            stage: WindowStage::new(settings),
            decision,
            worker: Worker::start(detector)?,
            writer: None,
            opened: false,
            resumed: false,
            latest: (0..facts.interfaces).map(Verdict::none).collect(),
            last: None,
            pending: VecDeque::new(),
            run: None,
            halting: None,
            halt_recorded: false,
            death_told: false,
            alarms: Vec::new(),
            messages: Vec::new(),
            timing: Timing::default(),
        })
    }

    /// Opens the stream, if there is to be one: a new file, or the end of the one that a restart
    /// continues. The first [`Pipeline::push`] does it too, where a failure is only reported.
    ///
    /// # Errors
    /// [`Error::File`] when the file cannot be written or belongs to another set-up.
    pub fn open_stream(&mut self) -> Result<()> {
        if self.opened {
            return Ok(());
        }
        let Some(path) = &self.record else { return Ok(()) };
        self.opened = true;
        self.writer = Some(if self.resumed {
            Writer::append(path, &self.header)?
        } else {
            Writer::create(path, &self.header)?
        });
        Ok(())
    }

    /// Tells that a `run` of `steps` steps starts at `step`. A halt that ended an earlier run (`halt
    /// continue`) is over: the next one takes a new alarm.
    pub fn start_run(&mut self, step: i64, steps: u64) {
        self.clear_halt();
        self.run = Some((step, steps));
    }

    /// Forgets a halt that has done its work.
    pub fn clear_halt(&mut self) {
        self.halting = None;
        self.halt_recorded = false;
    }

    /// Takes the frames of one sample, one per interface.
    ///
    /// # Errors
    /// [`Error::Input`] when a frame does not fit the settings or is not newer than the last.
    pub fn push(&mut self, frames: Vec<Frame>) -> Result<PipelineOutput> {
        let Some(first) = frames.first() else {
            return Err(Error::input("frames", 0, "at least one per sample"));
        };
        let (number, step) = (first.index, first.step);
        self.open_or_report();
        if self.resumed {
            self.resumed = false;
            let (threshold, persist) = (self.decision.threshold(), self.decision.persist());
            self.write(&Line::Restart { frame: number, step, threshold, persist });
        }
        if let Some((step, steps)) = self.run.take() {
            self.write(&Line::Run { step, steps });
        }
        for frame in &frames {
            self.write(&Line::sample(frame));
        }
        self.last = Some((number, step));
        for frame in &frames {
            let started = Instant::now();
            let output = self.stage.push(frame)?;
            self.timing.window_s += started.elapsed().as_secs_f64();
            let unscored = Verdict::unscored(frame, &output);
            match output.message {
                Some(window) => self.submit(window),
                None => self.pending.push_back(Some(unscored)),
            }
        }
        let answers = match self.mode {
            Mode::Async => self.worker.poll(),
            Mode::Sync => self.worker.drain(),
        };
        self.apply(answers, step);
        Ok(self.output(step))
    }

    /// Waits for everything outstanding at the end of a run; `None` before the first sample.
    pub fn end_run(&mut self) -> Option<PipelineOutput> {
        self.last.map(|(_, step)| self.drain(step))
    }

    /// Waits for everything outstanding (end of a run, before a restart is written).
    pub fn drain(&mut self, step: i64) -> PipelineOutput {
        let answers = self.worker.drain();
        self.apply(answers, step);
        self.output(step)
    }

    /// What is shown at a step, without waiting for anything and without new verdicts.
    #[must_use]
    pub fn shown(&self, step: i64) -> (Vec<Verdict>, Vec<u64>) {
        let (mut shown, mut ages) = (self.latest.clone(), Vec::with_capacity(self.latest.len()));
        for verdict in &mut shown {
            if verdict.state == StateCode::NoSample {
                ages.push(0);
            } else {
                // Counted in samples, not as a difference of steps: `reset_timestep` moves those.
                let (number, sampled) = self.last.unwrap_or((verdict.frame, step));
                let samples = number.saturating_sub(verdict.frame);
                let since = u64::try_from(step.saturating_sub(sampled)).unwrap_or(0);
                ages.push(samples * self.header.every + since);
                let replaced = match self.worker.dead() {
                    Some(_) => Some(StateCode::WorkerDead),
                    None if samples > STALE_SAMPLES => Some(StateCode::Stale),
                    None => None,
                };
                if let Some(state) = replaced {
                    let known = verdict.clone();
                    *verdict = Verdict {
                        frame: known.frame,
                        window_end_step: known.window_end_step,
                        time_ps: known.time_ps,
                        state,
                        alarm: known.alarm,
                        ..Verdict::none(known.interface)
                    };
                }
            }
        }
        (shown, ages)
    }

    /// Changes the decision for windows after the last sample.
    ///
    /// # Errors
    /// [`Error::Input`] for a threshold or persistence that cannot be used; nothing changes then.
    pub fn change(&mut self, change: Change) -> Result<()> {
        // Windows sampled before the change are judged by what held then.
        let step = self.last.map_or(0, |(_, step)| step);
        let answers = self.worker.drain();
        self.apply(answers, step);
        match change {
            Change::Warn(warn) => self.decision.set_threshold(warn.unwrap_or(self.auto_threshold))?,
            Change::Persist(persist) => self.decision.set_persist(persist)?,
            Change::Halt(halt) => {
                self.halt = halt;
                if halt == Halt::No {
                    self.halting = None;
                }
            }
        }
        let (threshold, persist) = (self.decision.threshold(), self.decision.persist());
        if self.opened {
            let frame = self.last.map_or(0, |(frame, _)| frame);
            self.write(&Line::Change { frame, threshold, persist });
        } else {
            // A header that is not written yet says it, or the line of the restart.
            (self.header.threshold, self.header.persist) = (threshold, persist);
        }
        Ok(())
    }

    /// Records a label-only event of the sample `frame` at `step`.
    pub fn record_event(
        &mut self,
        frame: u64,
        step: i64,
        interface: usize,
        kind: &str,
        tags: Vec<i64>,
        data: serde_json::Map<String, serde_json::Value>,
    ) {
        self.write(&Line::Event { frame, step, interface, kind: kind.to_owned(), tags, data });
    }

    /// Windows dropped so far, restarts included.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.worker.dropped()
    }

    /// Why no window is scored any more, if the inference thread has died.
    #[must_use]
    pub fn dead(&self) -> Option<&str> {
        self.worker.dead()
    }

    /// Where the time went.
    #[must_use]
    pub fn timing(&self) -> Timing {
        self.timing
    }

    /// The complete state for a restart file, but for a halt: it ends the run that it belongs to. Waits for
    /// outstanding verdicts first; alarms among them are in the next output. A detector whose thread has
    /// died has no state to save.
    pub fn serialize(&mut self) -> Vec<u8> {
        let step = self.last.map_or(0, |(_, step)| step);
        let answers = self.worker.drain();
        self.apply(answers, step);
        let mut out = Encoder::new();
        out.text(&self.judge());
        self.stage.encode(&mut out);
        self.decision.encode(&mut out);
        for verdict in &self.latest {
            verdict.encode(&mut out);
        }
        let (frame, step) = self.last.unwrap_or((0, 0));
        out.bool(self.last.is_some());
        out.u64(frame);
        out.i64(step);
        out.u64(self.worker.dropped());
        let detector = self.worker.save();
        out.bool(detector.is_some());
        out.block(&detector.unwrap_or_default());
        out.seal(STATE_KIND, STATE_VERSION)
    }

    /// Continues from a saved state. Threshold, persistence and halt are the fix line's.
    ///
    /// # Errors
    /// [`Error::State`] when the state is damaged or was saved by another set-up; the pipeline must not
    /// be used then.
    pub fn deserialize(&mut self, bytes: &[u8]) -> Result<()> {
        let mut input = Decoder::open(bytes, STATE_KIND, STATE_VERSION)?;
        let (judge, before) = (self.judge(), input.text()?);
        if judge != before {
            return Err(Error::State(format!(
                "the detector is {judge} here, but {before} in the restart file"
            )));
        }
        self.stage.decode(&mut input)?;
        self.decision.decode(&mut input)?;
        for (interface, verdict) in self.latest.iter_mut().enumerate() {
            *verdict = Verdict { interface, ..Verdict::decode(&mut input)? };
        }
        let sampled = input.bool()?;
        let last = (input.u64()?, input.i64()?);
        self.last = sampled.then_some(last);
        self.worker.set_dropped(input.u64()?);
        let (alive, detector) = (input.bool()?, input.block()?);
        input.finish()?;
        if alive {
            self.worker.load(detector)?;
        }
        self.resumed = sampled;
        Ok(())
    }

    /// Whose scores the alarm's counters have seen.
    fn judge(&self) -> String {
        match &self.header.model_hash {
            Some(hash) => format!("{} {hash}", self.header.detector),
            None => self.header.detector.clone(),
        }
    }

    fn submit(&mut self, window: WindowMessage) {
        let (frame, interface) = (window.frame, window.interface);
        let submitted = match self.mode {
            Mode::Async => self.worker.submit(window),
            Mode::Sync => self.worker.submit_blocking(window),
        };
        if submitted == Submitted::Queued {
            self.pending.push_back(None);
        } else {
            self.write(&Line::Drop { frame, interface });
        }
    }

    fn apply(&mut self, answers: Vec<Answer>, step: i64) {
        for answer in answers {
            self.publish_unscored(step);
            self.pending.pop_front();
            self.timing.queue_s += answer.queue_s;
            self.timing.inference_s += answer.inference_s;
            self.timing.inferred += 1;
            let (verdict, alarm) = self.decision.judge(&answer.window, &answer.score);
            self.publish(verdict, alarm, step);
        }
        if self.worker.dead().is_some() {
            // Windows lost with the thread have no verdict.
            self.pending.retain(Option::is_some);
        }
        self.publish_unscored(step);
        if !self.death_told
            && let Some(cause) = self.worker.dead()
        {
            self.messages.push(format!("no more verdicts: {cause}"));
            self.death_told = true;
        }
    }

    /// Publishes frames without a window up to the next window that is not answered.
    fn publish_unscored(&mut self, step: i64) {
        while let Some(Some(unscored)) = self.pending.front() {
            let unscored = unscored.clone();
            self.pending.pop_front();
            let (verdict, alarm) = self.decision.pass(unscored);
            self.publish(verdict, alarm, step);
        }
    }

    /// Records a verdict and shows it, and the alarm that it raised.
    fn publish(&mut self, verdict: Verdict, alarm: Option<Alarm>, decision_step: i64) {
        self.write(&Line::Verdict { decision_step, verdict: verdict.clone() });
        let interface = verdict.interface;
        self.latest[interface] = verdict;
        if let Some(alarm) = alarm {
            let reason = alarm.reason();
            self.write(&Line::Alarm { decision_step, reason: reason.clone(), alarm: alarm.clone() });
            if self.halt != Halt::No {
                self.halting.get_or_insert(reason);
            }
            self.alarms.push(alarm);
        }
    }

    fn output(&mut self, step: i64) -> PipelineOutput {
        let (verdicts, age_steps) = self.shown(step);
        if let Some(reason) = self.halting.clone().filter(|_| !self.halt_recorded) {
            self.halt_recorded = true;
            let mode = match self.halt {
                Halt::No => "no",
                Halt::Soft => "soft",
                Halt::Hard => "hard",
                Halt::Continue => "continue",
            };
            let frame = self.last.map_or(0, |(frame, _)| frame);
            self.write(&Line::Halt { frame, step, mode: mode.to_owned(), reason });
        }
        PipelineOutput {
            worst: worst(&verdicts),
            verdicts,
            age_steps,
            dropped: self.worker.dropped(),
            alarms: std::mem::take(&mut self.alarms),
            halt: self.halting.clone(),
            messages: std::mem::take(&mut self.messages),
        }
    }

    fn open_or_report(&mut self) {
        if let Err(error) = self.open_stream() {
            self.messages.push(format!("{error}; recording stops, the run goes on"));
        }
    }

    fn write(&mut self, line: &Line) {
        if let Some(writer) = &mut self.writer {
            let started = Instant::now();
            self.messages.extend(writer.write(line));
            self.timing.stream_s += started.elapsed().as_secs_f64();
        }
    }
}

#[cfg(test)]
mod tests;
