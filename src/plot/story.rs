//! What a picture needs of a recorded stream.

use std::path::Path;

use super::{Halt, Track, Watched};
use crate::error::{Error, Result};
use crate::frame::Condition;
use crate::stream::{Line, Reader};

impl Watched {
    /// Reads a stream; damaged lines are skipped, as the picture is for the eye.
    ///
    /// # Errors
    /// [`Error::File`] when the file is no stream, [`Error::Input`] when it has no thickness.
    pub fn read(path: &Path) -> Result<Self> {
        let reader = Reader::open(path)?;
        let header = reader.header().clone();
        let thickness = header
            .descriptors
            .iter()
            .position(|name| name == "thickness")
            .ok_or_else(|| Error::file(path, "the stream has no descriptor 'thickness'"))?;
        let [a, b] = &header.groups;
        let names = [format!("{a} → {b}"), format!("{b} → {a}")];
        let settings = &header.settings;
        let mut run = Self {
            title: format!("{a} | {b}"),
            time_unit: if header.units == "lj" { "tau" } else { "ps" },
            tracks: names
                .into_iter()
                .take(settings.interfaces)
                .map(|name| Track { name, ..Track::default() })
                .collect(),
            warn: (header.detector == "model").then_some(header.threshold),
            learned_ps: settings.reference_ps + settings.baseline_start_ps + settings.baseline_length_ps,
            alarm_ps: None,
            end_ps: 0.0,
            planned_steps: 0,
            halt: None,
            dt_ps: header.dt_ps,
        };
        let mut first_step = None;
        for line in reader.flatten() {
            match line {
                Line::Run { step, steps } => {
                    first_step.get_or_insert(step);
                    run.planned_steps += steps;
                }
                Line::Halt { step, reason, .. } => {
                    let done = step - first_step.unwrap_or(step);
                    run.halt = Some(Halt { steps: u64::try_from(done).unwrap_or(0), reason });
                }
                other => run.take(&other, thickness),
            }
        }
        Ok(run)
    }

    fn take(&mut self, line: &Line, thickness: usize) {
        match line {
            Line::Sample { time_ps, interface, condition, values, .. } => {
                self.end_ps = self.end_ps.max(*time_ps);
                let value = if *condition == Condition::Measured { values[thickness] } else { f64::NAN };
                self.tracks[*interface].thickness.push((*time_ps, value));
            }
            Line::Verdict { verdict, .. } => {
                let track = &mut self.tracks[verdict.interface];
                track.index.push((verdict.time_ps, verdict.index));
                if self.warn.is_some() {
                    track.warning.push((verdict.time_ps, verdict.p_warning));
                }
            }
            Line::Alarm { alarm, .. } if self.alarm_ps.is_none() => self.alarm_ps = Some(alarm.time_ps),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::{Alarm, StateCode, Verdict};
    use crate::stream::Header;

    fn header() -> Header {
        Header { descriptors: vec!["gap".into(), "thickness".into()], ..Header::example() }
    }

    fn sample(frame: u64, interface: usize, condition: Condition, thickness: f64) -> Line {
        let time_ps = frame as f64 * 0.1;
        let values = vec![0.0, thickness];
        Line::Sample { frame, step: 1000 + 50 * frame as i64, time_ps, interface, condition, values }
    }

    fn read(lines: &[Line]) -> Result<Watched> {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("run.jsonl");
        let bytes: Vec<u8> = lines.iter().flat_map(Line::to_bytes).collect();
        std::fs::write(&path, bytes).expect("writable");
        Watched::read(&path)
    }

    #[test]
    fn tracks_alarm_and_saved_steps_come_from_the_stream() {
        let verdict = Verdict { interface: 1, frame: 80, time_ps: 8.0, index: 1.5, ..Verdict::none(1) };
        let alarm = |time_ps| Alarm {
            interface: 1,
            frame: 80,
            window_end_step: 5000,
            time_ps,
            score: 2.0,
            threshold: 1.0,
            windows: 3,
            index: 1.5,
            top: Vec::new(),
        };
        let alarm_line =
            |time_ps| Line::Alarm { decision_step: 5050, reason: "r".into(), alarm: alarm(time_ps) };
        let run = read(&[
            Line::Header(Box::new(header())),
            Line::Run { step: 1000, steps: 20_000 },
            sample(79, 0, Condition::Measured, 3.0),
            sample(80, 0, Condition::NoSurface, 3.0),
            sample(80, 1, Condition::Measured, 4.0),
            Line::Verdict { decision_step: 5050, verdict: Verdict { state: StateCode::Alarm, ..verdict } },
            alarm_line(8.0),
            alarm_line(9.0),
            Line::Halt { frame: 81, step: 5050, mode: "soft".into(), reason: "because".into() },
        ])
        .expect("a stream");
        assert_eq!(run.title, "silicate | oxide");
        assert_eq!(run.tracks[0].name, "silicate → oxide");
        assert_eq!(run.tracks[0].thickness[0], (7.9, 3.0));
        assert!(run.tracks[0].thickness[1].1.is_nan(), "no surface, no thickness");
        assert_eq!(run.tracks[1].index, [(8.0, 1.5)]);
        assert_eq!((run.learned_ps, run.alarm_ps, run.end_ps), (7.5, Some(8.0), 8.0));
        assert!(run.warn.is_none() && run.tracks[1].warning.is_empty(), "no model spoke");
        assert_eq!(run.planned_steps, 20_000);
        assert_eq!(run.halt, Some(Halt { steps: 4050, reason: "because".into() }));
    }

    #[test]
    fn a_models_probabilities_are_shown_with_its_threshold() {
        let header = Header { detector: "model".into(), threshold: 0.7, ..header() };
        let verdict = Verdict { frame: 80, time_ps: 8.0, p_warning: 0.4, ..Verdict::none(0) };
        let run = read(&[
            Line::Header(Box::new(header)),
            sample(80, 0, Condition::Measured, 3.0),
            Line::Verdict { decision_step: 5050, verdict },
        ])
        .expect("a stream");
        assert_eq!((run.warn, run.tracks[0].warning.as_slice()), (Some(0.7), [(8.0, 0.4)].as_slice()));
    }

    #[test]
    fn stream_without_thickness_is_refused_by_name() {
        let mut header = header();
        header.descriptors = vec!["gap".into()];
        let error = read(&[Line::Header(Box::new(header))]).expect_err("nothing to draw");
        assert!(error.to_string().ends_with("the stream has no descriptor 'thickness'"), "{error}");
    }
}
