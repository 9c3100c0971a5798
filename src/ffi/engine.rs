//! The object behind one `fix foreshock` on one rank.
//!
//! Everything but [`Engine::finish`] and the pipeline happens alike on every rank. Rank 0 also
//! holds the pipeline (windows, inference thread, decision, stream).

use super::bridge::border::{Atoms, Checked, Host};
use crate::blackbox::{self, Ring};
use crate::config::{Context, FixConfig, Halt, modify, parse};
use crate::decision::Alarm;
use crate::error::{Error, Result};
use crate::extractor::{Extractor, Plan};
use crate::label::Rules;
use crate::pipeline::{Facts, Pipeline, PipelineOutput};
use crate::registry;
use crate::units::UnitStyle;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

/// Values of an interface row before its descriptors: the columns of the vector.
const COLUMNS: usize = 10;

/// Rows of the output array.
const ROWS: usize = 2;

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
    alarm: Option<Alarm>,
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
        dt_ps: host.dt * units.time(),
        dimension: host.dimension,
        periodic: host.periodic,
        groups: host.groups.clone(),
    })
}

/// Checks the words of a fix command.
#[allow(clippy::ptr_arg)] // the type that cxx hands over
pub fn check_fix(words: &Vec<String>, host: &Host) -> Checked {
    let bad = |word: i32, message: String| Checked { word, message };
    let outcome = guard(|| {
        let context = context(host)?;
        Ok(match parse(words, &context) {
            Ok(_) => bad(-1, String::new()),
            Err(e) => bad(e.word as i32, e.message),
        })
    });
    outcome.unwrap_or_else(|e| bad(0, e.to_string()))
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
            outputs: vec![f64::NAN; 1 + COLUMNS + ROWS * columns],
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
            alarm: None,
            halt_reason: None,
            ring: Ring::new(ring),
            run: RunTimes::default(),
        }))
    })
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
        let mut pipeline = Pipeline::new(&self.config, &facts)?;
        if let Some(bytes) = self.saved.take() {
            pipeline.deserialize(&bytes)?;
        }
        // The run began before there was a pipeline to tell.
        let (step, steps) = self.run.span;
        pipeline.start_run(step, steps);
        self.pipeline = Some(pipeline);
        Ok(())
    }

    pub fn needs_survey(&self) -> bool {
        self.extractor.needs_survey()
    }

    pub fn survey(&mut self, atoms: &Atoms) -> Vec<f64> {
        let view = atoms.view(self.units.length(), self.facts.ntypes);
        match guard(|| Ok(self.extractor.survey(&view))) {
            Ok(counts) => counts,
            Err(e) => {
                self.failure = Some(e.to_string());
                vec![0.0; self.extractor.survey_length()]
            }
        }
    }

    pub fn locate(&mut self, counts: &[f64], atoms: &Atoms) -> Result<()> {
        let view = atoms.view(self.units.length(), self.facts.ntypes);
        guard(|| {
            self.extractor.locate(counts, &view.cell)?;
            self.ready_pipeline()
        })
    }

    pub fn prepare(&mut self, atoms: &Atoms) -> usize {
        let view = atoms.view(self.units.length(), self.facts.ntypes);
        self.extractor.prepare(&view)
    }

    pub fn pack_ghosts(&self, atoms: &[i32], width: usize, buffer: &mut [f64]) -> usize {
        self.extractor.pack_ghosts(atoms, width, buffer)
    }

    pub fn unpack_ghosts(&mut self, first: usize, width: usize, buffer: &[f64]) {
        self.extractor.unpack_ghosts(first, width, buffer);
    }

    pub fn local(&mut self, atoms: &Atoms, dt: f64, step: i64) {
        let started = Instant::now();
        let view = atoms.view(self.units.length(), self.facts.ntypes);
        let outcome = guard(|| {
            if dt != self.facts.dt {
                return Err(Error::input(
                    "timestep",
                    dt,
                    format!(
                        "{} as at the start of the run; variable timesteps are not supported",
                        self.facts.dt
                    ),
                ));
            }
            crate::faults::strike("descriptor", self.extractor.shared().index, self.facts.rank);
            self.extractor.local(&view)?;
            if self.ring.on() {
                let time = self.extractor.shared().index as f64 * self.extractor.plan().interval_ps;
                self.extractor.record_atoms(&view, self.ring.open(step, time, &view.cell));
            }
            Ok(())
        });
        if let Err(e) = outcome {
            self.failure.get_or_insert(e.to_string());
        }
        if self.failure.is_some() {
            self.extractor.fail();
        }
        self.run.local += started.elapsed().as_secs_f64();
    }

    pub fn payload(&mut self) -> &mut [f64] {
        self.extractor.payload_mut()
    }

    /// Words of mail on all ranks, after the reduction.
    pub fn mail_length(&mut self) -> usize {
        self.extractor.payload_mut()[crate::extractor::MAIL] as usize
    }

    pub fn mail(&self) -> &[f64] {
        self.extractor.mail()
    }

    /// Whether any rank failed, after the reduction.
    pub fn failed(&mut self) -> bool {
        self.extractor.payload_mut()[crate::extractor::ERRORS] > 0.0
    }

    pub fn failure(&self) -> String {
        self.failure.clone().unwrap_or_default()
    }

    pub fn finish(&mut self, mail: &[f64], step: i64, atoms: &Atoms) {
        let started = Instant::now();
        self.size_packet();
        let view = atoms.view(self.units.length(), self.facts.ntypes);
        let outcome = guard(|| {
            crate::faults::strike("finish", self.extractor.shared().index, self.facts.rank);
            let finished = self.extractor.finish(mail, step, &view.cell);
            self.log.extend(finished.notes);
            let pipeline = self.pipeline.as_mut().ok_or_else(|| Error::State("no pipeline".into()))?;
            let output = pipeline.push(finished.frames.clone())?;
            let frame = finished.frames[0].index;
            for event in &finished.events {
                let ids = [event.id, event.partner].into_iter().filter(|&id| id > 0).map(i64::from);
                pipeline.record_event(
                    frame,
                    step,
                    event.interface,
                    event.kind.name(),
                    ids.collect(),
                    serde_json::Map::new(),
                );
            }
            let controls = finished.control.len();
            self.packet[PACKET_HEAD..PACKET_HEAD + controls].copy_from_slice(&finished.control);
            fill_outputs(&mut self.packet[PACKET_HEAD + controls..], &output, &finished.frames);
            self.packet[1] = f64::from(u8::from(output.halt.is_some() && self.config.halt != Halt::No));
            self.packet[2] = f64::from(u8::from(self.ring.on() && !output.alarms.is_empty()));
            self.report(output);
            Ok(())
        });
        match outcome {
            Ok(()) => self.packet[0] = 1.0,
            Err(e) => {
                self.failure.get_or_insert(e.to_string());
                self.packet[0] = 0.0;
            }
        }
        self.run.finish += started.elapsed().as_secs_f64();
    }

    /// Keeps what a sample, or the end of a run, has to tell.
    fn report(&mut self, output: PipelineOutput) {
        self.run.dropped = output.dropped;
        self.log.extend(output.messages);
        for alarm in output.alarms {
            self.log.push(format!("ALARM: {}", alarm.reason()));
            self.alarm = Some(alarm);
        }
        self.halt_reason = output.halt;
    }

    fn size_packet(&mut self) {
        self.packet.clear();
        self.packet.resize(PACKET_HEAD + self.extractor.control_length() + self.outputs.len(), 0.0);
    }

    /// The words that rank 0 broadcasts at the end of a sample.
    pub fn packet(&mut self) -> &mut [f64] {
        if self.facts.rank != 0 {
            self.size_packet();
        }
        &mut self.packet
    }

    /// Ends the sample with the broadcast packet; true when the run is to stop.
    pub fn accept(&mut self) -> Result<bool> {
        if self.packet[0] != 1.0 {
            return Err(Error::Limit(self.failure.clone().unwrap_or_else(|| "failure on rank 0".to_owned())));
        }
        let controls = self.extractor.control_length();
        let (control, outputs) = self.packet[PACKET_HEAD..].split_at(controls);
        guard(|| self.extractor.accept(control))?;
        self.outputs.copy_from_slice(outputs);
        self.run.samples += 1;
        Ok(self.packet[1] > 0.5)
    }

    /// Whether the flight recorder is to be dumped at this sample; the same on every rank.
    pub fn dump_due(&self) -> bool {
        self.packet[2] > 0.5
    }

    /// This rank's part of the flight recorder.
    pub fn dump_message(&self) -> Vec<f64> {
        self.ring.message()
    }

    /// Writes the gathered flight recorder (rank 0).
    pub fn dump(&mut self, words: &[f64], step: i64) {
        let prefix = self.config.blackbox.as_ref().map_or("blackbox", |(_, prefix)| prefix.as_str());
        let file = format!("{prefix}.{step}.xyz");
        match std::fs::write(&file, blackbox::extended_xyz(words, &self.config.elements)) {
            Ok(()) => self.log.push(format!("flight recorder written to {file}")),
            Err(e) => self.log.push(format!("WARNING: cannot write {file}: {e}")),
        }
    }

    /// The restart file that belongs to a flight recorder dumped at `step`.
    pub fn restart_file(&self, step: i64) -> String {
        let prefix = self.config.blackbox.as_ref().map_or("blackbox", |(_, prefix)| prefix.as_str());
        format!("{prefix}.{step}.restart")
    }

    pub fn take_log(&mut self) -> Vec<String> {
        let lines = std::mem::take(&mut self.log);
        if self.config.message { lines } else { Vec::new() }
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
            self.log.push(format!("WARNING: cannot write {file}: {e}"));
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

    /// Waits for the verdicts still on their way, so that the record of the run is whole, and makes
    /// the table of where the time went; rank 0's own times.
    pub fn end_run(&mut self, loop_seconds: f64, communication: f64) -> Vec<String> {
        if let Some(output) = self.pipeline.as_mut().and_then(Pipeline::end_run) {
            self.report(output);
        }
        let n = self.run.samples;
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

    pub fn grow(&mut self, nmax: usize) {
        self.extractor.store_mut().grow(nmax);
    }

    pub fn copy(&mut self, from: usize, to: usize) {
        self.extractor.store_mut().copy(from, to);
    }

    pub fn set(&mut self, i: usize, side: u8) {
        self.extractor.store_mut().set(i, crate::atoms::Side::from_code(side));
    }

    pub fn max_words(&self) -> usize {
        self.extractor.store().max_words()
    }

    pub fn words(&self, i: usize) -> usize {
        self.extractor.store().words(i)
    }

    pub fn pack(&self, i: usize, buffer: &mut [f64]) -> usize {
        self.extractor.store().pack(i, buffer)
    }

    pub fn unpack(&mut self, i: usize, buffer: &[f64]) -> Result<usize> {
        guard(|| self.extractor.store_mut().unpack(i, buffer))
    }

    /// Rank 0's global state for a restart file.
    pub fn save(&mut self) -> Vec<u8> {
        let extractor = self.extractor.save();
        let pipeline = self.pipeline.as_mut().map(Pipeline::serialize).unwrap_or_default();
        let mut bytes = Vec::new();
        for part in [self.setup().to_string().into_bytes(), extractor] {
            bytes.extend((part.len() as u64).to_le_bytes());
            bytes.extend(part);
        }
        bytes.extend(pipeline);
        bytes
    }

    /// What the atoms' saved state means something under, by keyword.
    fn setup(&self) -> serde_json::Value {
        let config = &self.config;
        serde_json::json!({
            "sides": config.sides,
            "normal": config.normal,
            "elements": config.elements,
            "roles": config.roles,
            "region": config.region,
            "cutoff": config.cutoff,
            "baseline": [config.baseline_start, config.baseline_length],
            "rdf": config.rdf,
        })
    }

    /// Takes up a state written by [`Engine::save`], on every rank.
    pub fn restore(&mut self, bytes: &[u8]) -> Result<()> {
        guard(|| {
            let part = |bytes: &'_ [u8]| -> Option<(usize, usize)> {
                let length = u64::from_le_bytes(*bytes.first_chunk::<8>()?) as usize;
                Some((8, 8_usize.checked_add(length).filter(|&end| end <= bytes.len())?))
            };
            let truncated = || Error::State("is truncated".into());
            let (from, to) = part(bytes).ok_or_else(truncated)?;
            let setup: serde_json::Value =
                serde_json::from_slice(&bytes[from..to]).map_err(|e| Error::State(e.to_string()))?;
            if let serde_json::Value::Object(own) = self.setup() {
                let other = own.iter().find(|(key, value)| setup[key.as_str()] != **value);
                if let Some((key, value)) = other {
                    let saved = &setup[key.as_str()];
                    return Err(Error::State(format!(
                        "{key} is {value} here, but {saved} in the restart file"
                    )));
                }
            }
            let bytes = &bytes[to..];
            let (from, to) = part(bytes).ok_or_else(truncated)?;
            let (extractor, pipeline) = (&bytes[from..to], &bytes[to..]);
            self.extractor.restore(extractor, self.facts.periodic)?;
            self.saved = (!pipeline.is_empty()).then(|| pipeline.to_vec());
            Ok(())
        })
    }

    /// Joins the inference thread.
    pub fn shutdown(&mut self) {
        self.pipeline = None;
    }
}

/// Scalar, vector and array rows of a sample.
fn fill_outputs(outputs: &mut [f64], output: &PipelineOutput, frames: &[crate::frame::Frame]) {
    outputs.fill(f64::NAN);
    let worst = output.columns(output.worst);
    outputs[0] = worst[0];
    outputs[1..=COLUMNS].copy_from_slice(&worst);
    let width = (outputs.len() - 1 - COLUMNS) / ROWS;
    for (frame, row) in frames.iter().zip(outputs[1 + COLUMNS..].chunks_exact_mut(width)) {
        row[..COLUMNS].copy_from_slice(&output.columns(frame.interface));
        row[COLUMNS..].copy_from_slice(&frame.values);
    }
}
