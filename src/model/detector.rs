//! A learned model as the fix's detector.
//!
//! Enters: windows. Leaves: scores. Lives on the inference thread. Each interface has a stream of its
//! own; from window to window only the new rows are standardised and pushed. After dropped windows the
//! rows in between come from the next window, so that a drop does not change later scores; after a
//! pause longer than the window the stream begins anew with the window at hand.

use std::path::Path;

use super::meta::AlarmLevel;
use super::stream::{Stream, stream};
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

/// Largest relative difference of sampling intervals that passes for none.
const SAME_INTERVAL: f64 = 1e-3;

/// Reads the built-in model.
///
/// # Errors
/// As [`Model::from_bytes`]; a test shows that there is none.
pub fn builtin() -> Result<Model> {
    Model::from_bytes(BUILTIN)
}

/// Whether the built-in model may speak unasked: it fits the fix, and its training set has all elements
/// of the run.
///
/// # Errors
/// [`Error::Input`] naming what differs.
pub fn suits(config: &FixConfig, units: UnitStyle, dt_ps: f64) -> Result<()> {
    let meta = builtin()?.meta;
    check(&meta, config, units, dt_ps)?;
    if config.elements.is_empty() {
        return Err(Error::input("elements", "none", "those of the run, to compare with the training set's"));
    }
    match config.elements.iter().find(|element| !meta.elements.contains(element)) {
        Some(other) => {
            let expected = format!("one of {}, which the model was trained on", meta.elements.join(", "));
            Err(Error::input("elements", other, expected))
        }
        None => Ok(()),
    }
}

/// What the log says about who speaks in a run of `steps` steps, and what its threshold means.
///
/// # Errors
/// As [`of`].
pub fn introduction(config: &FixConfig, units: UnitStyle, dt_ps: f64, steps: u64) -> Result<String> {
    let Some(model) = of(config, units, dt_ps)? else {
        let unasked = match suits(config, units, dt_ps) {
            Err(Error::Input { key, value, expected }) if config.model == ModelSpec::None => {
                format!(" (not the built-in model: {key} = '{value}', expected {expected})")
            }
            _ => String::new(),
        };
        return Ok(format!("detector cusum, calibrated on this run's own baseline{unasked}"));
    };
    let meta = &model.meta;
    let name = match config.model {
        ModelSpec::Builtin => format!("built-in model '{}'", meta.name),
        _ => format!("model '{}'", meta.name),
    };
    let foreign: Vec<&str> =
        config.elements.iter().filter(|e| !meta.elements.contains(e)).map(String::as_str).collect();
    let strange = if foreign.is_empty() || meta.elements.is_empty() {
        String::new()
    } else {
        format!("; never trained on {}: nothing is known about its false alarms here", foreign.join(", "))
    };
    let Some(alarm) = meta.alarm.as_ref().filter(|_| config.warn.is_none()) else {
        return Ok(format!("{name}{strange}"));
    };
    Ok(format!("{name} warns at {:.4}: {}{strange}", alarm.threshold, meaning(alarm, steps as f64 * dt_ps)))
}

/// What a threshold was chosen for, and what that comes to in a longer run: a run of k times the exposure
/// is k runs, of which none may alarm.
fn meaning(alarm: &AlarmLevel, planned_ps: f64) -> String {
    let said = format!(
        "{} of {} stable runs of {:.0} ps alarmed, which supports a false-alarm rate of {:.1} %",
        alarm.false_alarms,
        alarm.stable_runs,
        alarm.exposure_ps,
        100.0 * alarm.rate
    );
    if alarm.exposure_ps > 0.0 && planned_ps > alarm.exposure_ps {
        let share = 1.0 - (1.0 - alarm.rate).powf(planned_ps / alarm.exposure_ps);
        format!("{said}; at that rate up to {:.0} % in a stable run of {planned_ps:.0} ps", 100.0 * share)
    } else {
        said
    }
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

/// Checks that a model fits a fix before anything runs: units, descriptors, sampling interval, window,
/// lag, reference and baseline. `dt_ps` is the time step.
///
/// # Errors
/// [`Error::Input`] naming what differs and what would fit.
pub fn check(meta: &Meta, config: &FixConfig, units: UnitStyle, dt_ps: f64) -> Result<()> {
    if units == UnitStyle::Lj {
        return Err(Error::input("units", "lj", "units with a time, as the model was trained in ps"));
    }
    let trained = meta
        .settings
        .as_ref()
        .ok_or_else(|| Error::input("model", &meta.name, "a model of recorded interfaces"))?;
    let here = config.every as f64 * dt_ps;
    if (here / meta.sample_ps - 1.0).abs() > SAME_INTERVAL {
        let fitting = (meta.sample_ps / dt_ps).round().max(1.0);
        let fits = (fitting * dt_ps / meta.sample_ps - 1.0).abs() <= SAME_INTERVAL;
        let expected = if fits {
            format!("{fitting}, as the model was trained on a sample every {} ps", meta.sample_ps)
        } else {
            format!("a time step that divides the model's sampling interval of {} ps", meta.sample_ps)
        };
        return Err(Error::input("N", config.every, expected));
    }
    let same = [
        ("window", config.window as f64, meta.window as f64),
        ("lag", config.lag, trained.lag_ps),
        ("reference", config.reference, trained.reference_ps),
        ("baseline start", config.baseline_start, trained.baseline_start_ps),
        ("baseline length", config.baseline_length, trained.baseline_length_ps),
    ];
    for (key, value, expected) in same {
        if (value - expected).abs() > 1e-9 * expected.abs().max(1.0) {
            return Err(Error::input(key, value, format!("{expected}, as the model was trained")));
        }
    }
    if let Some(warn) = config.warn
        && warn > 1.0
    {
        return Err(Error::input("warn", warn, "auto or a probability, as a model speaks"));
    }
    let settings = Settings::new(config, here, 1)?;
    columns(meta, &settings).map(drop)
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

    /// A model warns of the event that it was trained on, and a lost surface foretells none: in the reference
    /// data set it came before no event, but in interfaces whose oxygen mixes while their network holds.
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
        let said = interface.stream.say();
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
