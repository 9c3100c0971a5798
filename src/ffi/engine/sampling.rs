//! A sample, in the order in which C++ calls: survey, ghosts, this rank's part, rank 0's part, the
//! broadcast packet.

use super::{COLUMNS, Engine, PACKET_HEAD, ROWS, guard};
use crate::config::Halt;
use crate::error::{Error, Result};
use crate::ffi::bridge::border::Atoms;
use crate::pipeline::PipelineOutput;
use std::time::Instant;

impl Engine {
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

    /// Numbers that each ghost is told; the same on every rank, also where one fails.
    pub fn prepare(&mut self, atoms: &Atoms) -> usize {
        let view = atoms.view(self.units.length(), self.facts.ntypes);
        if let Err(e) = guard(|| {
            self.extractor.prepare(&view);
            Ok(())
        }) {
            self.failure.get_or_insert(e.to_string());
        }
        self.extractor.ghost_width()
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
            // Who asked for a halt must not be left unwatched without knowing.
            if self.config.halt != Halt::No
                && let Some(cause) = pipeline.dead()
            {
                return Err(Error::Limit(format!("no more verdicts, and halt is not no: {cause}")));
            }
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
    pub(super) fn report(&mut self, output: PipelineOutput) {
        self.run.dropped = output.dropped;
        self.warnings.extend(output.messages);
        self.log.extend(output.alarms.iter().map(|alarm| format!("ALARM: {}", alarm.reason())));
        // Several may come at once: the first is the one that halts.
        if self.halt_reason.is_none() {
            self.alarm = output.alarms.into_iter().next().or(self.alarm.take());
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
