//! The object behind one `fix foreshock` on one rank.
//!
//! Everything but [`Engine::finish`] and the pipeline happens alike on every rank. Rank 0 also
//! holds the pipeline (windows, inference thread, decision, stream).

mod keeping;
mod sampling;

use super::bridge::border::{Checked, Host};
use crate::blackbox::{self, Ring};
use crate::config::{Context, DetectorKind, FixConfig, Halt, ModelSpec, modify, parse};
use crate::decision::Alarm;
use crate::error::{Error, Result};
use crate::extractor::{Extractor, Plan};
use crate::label::Rules;
use crate::pipeline::{Facts, Pipeline};
use crate::registry;
use crate::units::UnitStyle;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Values of an interface row before its descriptors: the columns of the vector.
const COLUMNS: usize = 10;

/// Rows of the output array.
const ROWS: usize = 2;

/// Where a fix line has its style.
const STYLE_WORD: usize = 2;

/// Words of the packet before the control words: status, halt, dump of the flight recorder.
const PACKET_HEAD: usize = 3;

/// The engine. See the module's documentation.
pub struct Engine {
    config: FixConfig,
    units: UnitStyle,
    facts: HostFacts,
    extractor: Extractor,
    pipeline: Option<Pipeline>,
    /// Saved pipeline of a restart, until the pipeline exists.
    saved: Option<Vec<u8>>,
    stress: bool,
    failure: Option<String>,
    packet: Vec<f64>,
    outputs: Vec<f64>,
    log: Vec<String>,
    /// Faults, which `message no` does not silence.
    warnings: Vec<String>,
    alarm: Option<Alarm>,
    /// An alarm came with the verdicts that the end of a run waited for.
    late_alarm: bool,
    halt_reason: Option<String>,
    ring: Ring,
    run: RunTimes,
}

struct HostFacts {
    id: String,
    ntypes: usize,
    dimension: usize,
    periodic: [bool; 3],
    rank: usize,
    ranks: usize,
    version: String,
    dt: f64,
    natoms: u64,
}

/// Seconds of the current run on this rank.
#[derive(Default)]
struct RunTimes {
    /// First step and number of steps.
    span: (i64, u64),
    samples: u64,
    local: f64,
    finish: f64,
    pipeline_before: crate::pipeline::Timing,
    dropped_before: u64,
    dropped: u64,
}

fn context(host: &Host) -> Result<Context> {
    let units = UnitStyle::parse(&host.units)?;
    Ok(Context {
        units,
        ntypes: host.ntypes,
        atoms: u64::try_from(host.natoms).unwrap_or(0),
        dt_ps: host.dt * units.time(),
        dimension: host.dimension,
        groups: host.groups.clone(),
    })
}

/// Checks the words of a fix command.
#[allow(clippy::ptr_arg)] // the type that cxx hands over
pub fn check_fix(words: &Vec<String>, host: &Host) -> Checked {
    let bad = |word: i32, message: String| Checked { word, message };
    let outcome = guard(|| {
        let context = context(host)?;
        let config = match parse(words, &context) {
            Ok(config) => config,
            Err(e) => return Ok(bad(e.word as i32, e.message)),
        };
        Ok(match check_files(&config, &context) {
            Ok(()) => bad(-1, String::new()),
            Err((keyword, e)) => {
                // The file's name, or the style where the settings file gave it.
                let word = words.iter().position(|word| word == keyword).map_or(STYLE_WORD, |at| at + 1);
                bad(word as i32, format!("fix foreshock: {keyword}: {e}"))
            }
        })
    });
    outcome.unwrap_or_else(|e| bad(0, e.to_string()))
}

/// Reads the files that the configuration names, before anything runs; an error goes with its keyword.
fn check_files(config: &FixConfig, context: &Context) -> std::result::Result<(), (&'static str, Error)> {
    if let Some(path) = &config.label {
        Rules::read(path, context.ntypes).map_err(|e| ("label", e))?;
    }
    crate::model::detector::of(config, context.units, context.dt_ps).map_err(|e| ("model", e))?;
    Ok(())
}

/// Makes the engine of a fix command that [`check_fix`] accepts.
#[allow(clippy::ptr_arg)] // the type that cxx hands over
pub fn new_engine(words: &Vec<String>, host: &Host) -> Result<Box<Engine>> {
    guard(|| {
        let context = context(host)?;
        let config = parse(words, &context).map_err(|e| Error::Limit(e.message))?;
        let timing = config
            .timing(context.dt_ps, context.units)
            .map_err(|fault| Error::Limit(format!("fix foreshock: {}", fault.message)))?;
        let plan = Plan::new(&config, &timing, context.units, host.ntypes, host.dimension);
        let rules = match &config.label {
            Some(path) => Rules::read(path, host.ntypes)?,
            None => Rules::default(),
        };
        let extractor = Extractor::new(plan, config.sides.clone(), rules);
        let columns = COLUMNS + registry::frame_names(config.rdf).len();
        let ring = config.blackbox.as_ref().map_or(0, |(frames, _)| *frames);
        Ok(Box::new(Engine {
            stress: false,
            outputs: blank_outputs(columns),
            packet: Vec::new(),
            units: context.units,
            facts: HostFacts {
                id: words[0].clone(),
                ntypes: host.ntypes,
                dimension: host.dimension,
                periodic: host.periodic,
                rank: host.rank,
                ranks: host.ranks,
                version: host.version.clone(),
                dt: host.dt,
                natoms: 0,
            },
            config,
            extractor,
            pipeline: None,
            saved: None,
            failure: None,
            log: Vec::new(),
            warnings: Vec::new(),
            alarm: None,
            late_alarm: false,
            halt_reason: None,
            ring: Ring::new(ring),
            run: RunTimes::default(),
        }))
    })
}

/// What is shown before the first sample: unknown, but for the alarm (off), dropped windows (none) and
/// the state (`no_sample`) of the vector.
fn blank_outputs(columns: usize) -> Vec<f64> {
    let mut outputs = vec![f64::NAN; 1 + COLUMNS + ROWS * columns];
    for column in [5, 9, 10] {
        outputs[column] = 0.0;
    }
    outputs
}

/// Runs `f`, turning a panic into an error.
fn guard<T>(f: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(f)).unwrap_or_else(|payload| {
        let message = payload
            .downcast_ref::<&str>()
            .map(|s| (*s).to_owned())
            .or_else(|| payload.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "no message".to_owned());
        Err(Error::Limit(format!("internal error (panic): {message}")))
    })
}

impl Engine {
    pub fn every(&self) -> i32 {
        i32::try_from(self.config.every).unwrap_or(i32::MAX)
    }

    pub fn side(&self, which: usize) -> String {
        self.config.sides[which].clone()
    }

    /// 0 no, 1 yes, 2 where the pair style can.
    pub fn stress_wanted(&self) -> i32 {
        match self.config.stress {
            Some(false) => 0,
            Some(true) => 1,
            None => 2,
        }
    }

    pub fn set_stress(&mut self, on: bool) {
        self.stress = on;
    }

    pub fn columns(&self) -> i32 {
        (COLUMNS + registry::frame_names(self.config.rdf).len()) as i32
    }

    #[allow(clippy::ptr_arg)] // the type that cxx hands over
    pub fn modify(&mut self, words: &Vec<String>) -> Checked {
        let outcome = guard(|| {
            let change = match modify(words) {
                Ok(change) => change,
                Err(e) => return Ok(Checked { word: e.word as i32, message: e.message }),
            };
            self.config.apply(change);
            if let Some(pipeline) = &mut self.pipeline {
                pipeline.change(change)?;
            }
            Ok(Checked { word: -1, message: String::new() })
        });
        outcome.unwrap_or_else(|e| Checked { word: 0, message: e.to_string() })
    }

    /// A run starts; `coverage` is the distance that ghosts cover, LAMMPS length units.
    pub fn begin_run(&mut self, dt: f64, coverage: f64, natoms: i64, step: i64, steps: i64) -> Result<()> {
        guard(|| {
            if dt != self.facts.dt {
                let timing = self
                    .config
                    .timing(dt * self.units.time(), self.units)
                    .map_err(|fault| Error::Limit(fault.message))?;
                let plan =
                    Plan::new(&self.config, &timing, self.units, self.facts.ntypes, self.facts.dimension);
                self.extractor.replan(plan)?;
                self.facts.dt = dt;
            }
            if !self.stress {
                self.without_stress()?;
            }
            // A host program may have caught the last run's error.
            self.failure = None;
            self.facts.natoms = natoms as u64;
            self.extractor.set_coverage(coverage * self.units.length())?;
            self.run = RunTimes { span: (step, steps as u64), ..RunTimes::default() };
            if !self.extractor.needs_survey() {
                self.ready_pipeline()?;
            }
            if let Some(pipeline) = &mut self.pipeline {
                pipeline.start_run(step, steps as u64);
                self.run.pipeline_before = pipeline.timing();
                self.run.dropped_before = pipeline.dropped();
            }
            Ok(())
        })
    }

    /// A run without stress, by the fix line or for want of a pair style, which its check could not know: a
    /// model that reads stress is refused, or was nobody's wish and leaves the word to the CUSUM.
    fn without_stress(&mut self) -> Result<()> {
        let fits =
            crate::model::detector::of(&self.resolved(), self.units, self.facts.dt * self.units.time());
        if fits.is_err() && self.config.model_unasked && self.pipeline.is_none() {
            (self.config.model, self.config.detector) = (ModelSpec::None, DetectorKind::Cusum);
            return Ok(());
        }
        fits.map(drop)
    }

    /// The configuration with what LAMMPS decides of it.
    fn resolved(&self) -> FixConfig {
        FixConfig { stress: Some(self.stress), ..self.config.clone() }
    }

    /// Makes rank 0's pipeline once the interfaces are known.
    fn ready_pipeline(&mut self) -> Result<()> {
        if self.facts.rank != 0 || self.pipeline.is_some() {
            return Ok(());
        }
        let facts = Facts {
            lammps: self.facts.version.clone(),
            units: self.units,
            dt_ps: self.facts.dt * self.units.time(),
            atoms: self.facts.natoms,
            interfaces: self.extractor.shared().surfaces.len(),
            config: self.config.to_json(),
        };
        let config = self.resolved();
        let mut pipeline = Pipeline::new(&config, &facts)?;
        self.log.push(format!("settings: {}", self.config.describe()));
        let steps = self.run.span.1;
        self.log.push(crate::model::detector::introduction(&config, &facts, steps)?);
        if let Some(bytes) = self.saved.take() {
            pipeline.deserialize(&bytes)?;
        }
        // The run began before there was a pipeline to tell.
        let (step, steps) = self.run.span;
        pipeline.start_run(step, steps);
        self.pipeline = Some(pipeline);
        Ok(())
    }

    /// Whether the flight recorder is to be dumped at this sample; the same on every rank.
    pub fn dump_due(&self) -> bool {
        self.packet[2] > 0.5
    }

    /// Whether an alarm came after the run's last sample (rank 0), so that the flight recorder is still
    /// to be dumped.
    pub fn late_dump(&self) -> bool {
        self.late_alarm && self.ring.on()
    }

    /// This rank's part of the flight recorder.
    pub fn dump_message(&self) -> Vec<f64> {
        self.ring.message()
    }

    /// Writes the gathered flight recorder (rank 0); false where its files cannot be written, so that
    /// LAMMPS must not be asked for the restart file: it would end the run.
    pub fn dump(&mut self, words: &[f64], step: i64) -> bool {
        let prefix = self.config.blackbox.as_ref().map_or("blackbox", |(_, prefix)| prefix.as_str());
        let file = format!("{prefix}.{step}.xyz");
        let written = guard(|| {
            let text = blackbox::extended_xyz(words, &self.config.elements);
            std::fs::write(&file, text).map_err(|e| Error::file(&file, e))
        });
        match written {
            Ok(()) => self.log.push(format!("flight recorder written to {file}")),
            Err(e) => self.warnings.push(format!("WARNING: cannot write the flight recorder: {e}")),
        }
        let restart = self.restart_file(step);
        let writable = std::fs::File::create(&restart);
        if let Err(e) = &writable {
            self.warnings.push(format!("WARNING: cannot write {restart}: {e}"));
        }
        writable.is_ok()
    }

    /// The restart file that belongs to a flight recorder dumped at `step`.
    pub fn restart_file(&self, step: i64) -> String {
        let prefix = self.config.blackbox.as_ref().map_or("blackbox", |(_, prefix)| prefix.as_str());
        format!("{prefix}.{step}.restart")
    }

    pub fn take_log(&mut self) -> Vec<String> {
        let lines = std::mem::take(&mut self.log);
        let mut shown = std::mem::take(&mut self.warnings);
        if self.config.message {
            shown.extend(lines);
        }
        shown
    }

    /// 0 no, 1 soft, 2 hard, 3 continue.
    pub fn halt_style(&self) -> i32 {
        match self.config.halt {
            Halt::No => 0,
            Halt::Soft => 1,
            Halt::Hard => 2,
            Halt::Continue => 3,
        }
    }

    /// Writes why the run stops at `step` to `file` (rank 0) and returns it in words.
    pub fn reason(&mut self, file: &str, step: i64) -> String {
        let reason = self.halt_reason.clone().unwrap_or_else(|| "alarm".to_owned());
        let mode = ["no", "soft", "hard", "continue"][self.halt_style() as usize];
        let document = serde_json::json!({
            "fix": self.facts.id,
            "halt": mode,
            "decision_step": step,
            "reason": reason,
            "alarm": self.alarm,
            "stream": self.config.record,
        });
        if self.config.halt != Halt::Hard {
            self.log.push(format!("halts the run at step {step}; see {file}"));
        }
        if let Err(e) = std::fs::write(file, format!("{document:#}\n")) {
            self.warnings.push(format!("WARNING: cannot write {file}: {e}"));
        }
        reason
    }

    pub fn output(&self, at: usize) -> f64 {
        self.outputs.get(at).copied().unwrap_or(f64::NAN)
    }

    pub fn per_atom(&self) -> &[f64] {
        self.extractor.per_atom().as_flattened()
    }

    /// Whether an alarm asks to stop (rank 0).
    pub fn halt_pending(&self) -> bool {
        self.halt_reason.is_some() && self.config.halt != Halt::No
    }

    /// A halt has ended this run and is not to end the next (`halt continue`).
    pub fn clear_halt(&mut self) {
        self.halt_reason = None;
        if let Some(pipeline) = &mut self.pipeline {
            pipeline.clear_halt();
        }
    }

    /// Waits for the verdicts still on their way, so that the record of the run is whole, and makes
    /// the table of where the time went; rank 0's own times.
    pub fn end_run(&mut self, loop_seconds: f64, communication: f64) -> Vec<String> {
        guard(|| Ok(self.close_run(loop_seconds, communication))).unwrap_or_else(|e| {
            self.failure.get_or_insert(e.to_string());
            Vec::new()
        })
    }

    fn close_run(&mut self, loop_seconds: f64, communication: f64) -> Vec<String> {
        crate::faults::strike("end", self.extractor.shared().index, self.facts.rank);
        self.late_alarm = false;
        if let Some(output) = self.pipeline.as_mut().and_then(Pipeline::end_run) {
            self.late_alarm = !output.alarms.is_empty();
            self.report(output);
        }
        let n = std::mem::take(&mut self.run.samples);
        if n == 0 || !self.config.message || self.facts.rank != 0 {
            return Vec::new();
        }
        let (mut window, mut stream, mut queue, mut inference) = (0.0, 0.0, 0.0, 0.0);
        if let Some(pipeline) = &self.pipeline {
            let (now, before) = (pipeline.timing(), self.run.pipeline_before);
            window = now.window_s - before.window_s;
            stream = now.stream_s - before.stream_s;
            queue = now.queue_s - before.queue_s;
            inference = now.inference_s - before.inference_s;
        }
        let share = |seconds: f64| {
            if loop_seconds > 0.0 { 100.0 * seconds / loop_seconds } else { 0.0 }
        };
        let mut lines = vec![format!(
            "Fix foreshock {}: {n} samples on {} ranks (times of rank 0)",
            self.facts.id, self.facts.ranks
        )];
        for (name, seconds) in [
            ("descriptors", self.run.local),
            ("communication", communication),
            ("windows", window),
            ("stream", stream),
            ("in the step, sum", self.run.local + communication + self.run.finish),
        ] {
            lines.push(format!(
                "  {name:<18} {seconds:>10.4} s {:>8.3} ms/sample {:>7.3} % of loop",
                1e3 * seconds / n as f64,
                share(seconds)
            ));
        }
        for (name, seconds) in [("inference thread", inference), ("waiting in queue", queue)] {
            lines.push(format!("  {name:<18} {seconds:>10.4} s off the critical path"));
        }
        lines.push(format!("  dropped windows    {:>10}", self.run.dropped - self.run.dropped_before));
        lines
    }

    pub fn bytes(&self) -> usize {
        self.extractor.bytes() + self.ring.bytes() + (self.packet.capacity() + self.outputs.capacity()) * 8
    }

    /// Joins the inference thread.
    pub fn shutdown(&mut self) {
        self.pipeline = None;
    }
}
