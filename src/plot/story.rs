//! What a picture needs of a recorded stream.

use std::path::Path;

use super::{Track, Watched};
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
            learned_ps: settings.reference_ps + settings.baseline_start_ps + settings.baseline_length_ps,
            alarm_ps: None,
            end_ps: 0.0,
        };
        for line in reader.flatten() {
            run.take(&line, thickness);
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
                self.tracks[verdict.interface].index.push((verdict.time_ps, verdict.index));
            }
            Line::Alarm { alarm, .. } if self.alarm_ps.is_none() => self.alarm_ps = Some(alarm.time_ps),
            _ => {}
        }
    }
}
