//! A learned model as the fix's detector.
//!
//! Enters: windows. Leaves: scores. Lives on the inference thread. Each interface has a stream of its
//! own; from window to window only the new rows are standardised and pushed. After dropped windows the
//! rows in between come from the next window, so that a drop does not change later scores; after a
//! pause longer than the window the stream begins anew with the window at hand. Evaluation does the same.

mod fit;

use std::path::Path;

pub use fit::{check, introduction, suits};

use super::meta::AlarmLevel;
use super::scaler::mostly_undefined;
use super::stream::{Said, Stream, stream};
use super::{Model, meta::Meta};
use crate::config::{DetectorKind, FixConfig, ModelSpec};
use crate::decision::Score;
use crate::error::{Error, Result};
use crate::restart::{Decoder, Encoder};
use crate::units::UnitStyle;
use crate::window::{Settings, WindowMessage};
use crate::worker::Detector;

/// The model inside this library: what `foreshock evaluate --ship` wrote last.
const BUILTIN: &[u8] = include_bytes!("../../models/builtin.safetensors");

/// Reads the built-in model.
///
/// # Errors
/// As [`Model::from_bytes`]; a test shows that there is none.
pub fn builtin() -> Result<Model> {
    Model::from_bytes(BUILTIN)
}

/// Reads the model that a fix line names; `None` for `model none`.
///
/// # Errors
/// [`Error::File`] when a file cannot be used.
pub fn read(spec: &ModelSpec) -> Result<Option<Model>> {
    match spec {
        ModelSpec::None => Ok(None),
        ModelSpec::Builtin => builtin().map(Some),
        ModelSpec::File(path) => Model::read(Path::new(path)).map(Some),
    }
}

/// Reads and checks the model of a fix line whose verdicts it is to speak; `None` where the CUSUM does.
///
/// # Errors
/// As [`read`] and [`check`].
pub fn of(config: &FixConfig, units: UnitStyle, dt_ps: f64) -> Result<Option<Model>> {
    if config.detector != DetectorKind::Model {
        return Ok(None);
    }
    let model = read(&config.model)?
        .ok_or_else(|| Error::input("detector", "model", "cusum, as no model is loaded"))?;
    check(&model.meta, config, units, dt_ps)?;
    Ok(Some(model))
}

/// Positions of the model's columns in a window.
fn columns(meta: &Meta, settings: &Settings) -> Result<Vec<usize>> {
    let names = settings.window_names();
    meta.columns
        .iter()
        .map(|column| {
            names.iter().position(|name| name == column).ok_or_else(|| {
                let hint = if column.starts_with("rdf_") { " (rdf yes records it)" } else { "" };
                Error::input("model", &meta.name, format!("the descriptor '{column}' from the fix{hint}"))
            })
        })
        .collect()
}

/// What is kept of an interface.
struct Interface {
    stream: Box<dyn Stream>,
    last: Option<u64>,
}

/// A model on the inference thread.
pub struct Learned {
    model: Model,
    columns: Vec<usize>,
    interfaces: Vec<Interface>,
    row: Vec<f32>,
}

impl Learned {
    /// A detector for a window stage.
    ///
    /// # Errors
    /// [`Error::Input`] when the window lacks a column of the model, or the model has no warning.
    pub fn new(model: Model, settings: &Settings) -> Result<Self> {
        if model.meta.classes.len() != 3 || model.meta.target.is_none() {
            return Err(Error::input("model", &model.meta.name, "three states and a warning"));
        }
        if settings.window != model.meta.window {
            let expected = format!("{}, as the model was trained", model.meta.window);
            return Err(Error::input("window", settings.window, expected));
        }
        let columns = columns(&model.meta, settings)?;
        let interfaces = (0..settings.interfaces)
            .map(|_| Ok(Interface { stream: stream(&model)?, last: None }))
            .collect::<Result<_>>()?;
        Ok(Self { columns, interfaces, row: Vec::with_capacity(model.scaler.channels()), model })
    }

    /// What is known about the threshold.
    #[must_use]
    pub fn alarm_level(&self) -> Option<&AlarmLevel> {
        self.model.meta.alarm.as_ref()
    }
}

impl Detector for Learned {
    fn name(&self) -> &'static str {
        "model"
    }

    fn threshold(&self) -> f64 {
        self.model.meta.alarm.as_ref().map_or(0.5, |alarm| alarm.threshold)
    }

    /// A model warns of the event that it was trained on, and a lost surface hardly foretells one: in the reference
    /// data set it came before 7 of 323 events, and in 44 interfaces whose oxygen mixes while their network holds.
    fn alarms_without_surface(&self) -> bool {
        false
    }

    fn infer(&mut self, window: &WindowMessage) -> Score {
        let interface = &mut self.interfaces[window.interface];
        let rows = window.features.nrows();
        let since = interface.last.map_or(u64::MAX, |last| window.frame - last);
        let new = usize::try_from(since).unwrap_or(usize::MAX);
        // A window that does not reach back to the last one tells nothing of what lies between.
        let first = rows.saturating_sub(new);
        if new > rows {
            interface.stream.reset();
        }
        for row in window.features.rows().into_iter().skip(first) {
            self.row.clear();
            self.model.scaler.push(
                // Training sees 32-bit recordings.
                |k| f64::from(row[self.columns[k]] as f32),
                |k| window.baseline.get(self.columns[k]).map_or(f64::NAN, |level| level[0]),
                &mut self.row,
            );
            interface.stream.push(&self.row);
        }
        interface.last = Some(window.frame);
        let newest = window.features.row(rows - 1);
        let said = if mostly_undefined(self.columns.iter().map(|&column| newest[column])) {
            Said::nothing(self.model.meta.classes.len())
        } else {
            interface.stream.say()
        };
        let p_warning = f64::from(said.warning);
        let p_states = std::array::from_fn(|k| f64::from(said.states[k]));
        Score { score: p_warning, p_warning, p_states, ood_p: f64::NAN }
    }

    fn encode(&self, out: &mut Encoder) {
        out.u64(self.interfaces.len() as u64);
        for interface in &self.interfaces {
            out.bool(interface.last.is_some());
            out.u64(interface.last.unwrap_or(0));
            interface.stream.encode(out);
        }
    }

    fn decode(&mut self, input: &mut Decoder<'_>) -> Result<()> {
        let (here, saved) = (self.interfaces.len(), input.u64()?);
        if saved != here as u64 {
            return Err(Error::State(format!("interfaces = {saved} when it was saved, {here} now")));
        }
        for interface in &mut self.interfaces {
            let any = input.bool()?;
            let last = input.u64()?;
            interface.last = any.then_some(last);
            interface.stream.decode(input)?;
        }
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests;
