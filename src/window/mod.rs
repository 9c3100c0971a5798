//! The window stage: history of one interface's frames.
//!
//! Enters: [`Frame`]s in sampling order. Leaves: a [`WindowOutput`] per frame and, once the interface
//! can be judged, the [`WindowMessage`] that a detector scores. Runs on rank 0, on the thread that
//! samples: a detector that is slow or dead costs verdicts, never the state of later windows.
//!
//! Live run, `rerun` and `replay` go through this same code. All of it is causal. The rows of a window
//! hold values as data sets are packed ([`rounding`]), so that a model is served what it was trained on.

pub mod anomalous;
pub mod baseline;
pub mod features;
pub mod instability;
pub mod level;
pub mod rounding;
#[cfg(test)]
pub(crate) mod synthetic;

use std::collections::VecDeque;

use ndarray::Array2;

use crate::config::FixConfig;
use crate::error::{Error, Result};
use crate::frame::{Condition, Frame};
use crate::registry;
use crate::restart::{Decoder, Encoder};
use anomalous::Anomalous;
use features::{Feature, History};
use instability::{Contribution, Index};
use level::{Level, Levels};

/// Frames with any value that a window needs before it is judged.
pub const MIN_WINDOW: usize = 8;
/// Most frames of a window that a fix line can ask for.
pub const MAX_WINDOW: usize = 1024;
/// Descriptors named in an alarm.
const TOP: usize = 3;

/// What the window stage needs to know, in ps and samples.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Settings {
    /// Interfaces of the cell, 1 or 2.
    pub interfaces: usize,
    /// Time between samples, ps.
    pub sample_ps: f64,
    /// Length of the topology reference, ps.
    pub reference_ps: f64,
    /// Start of the baseline after the reference, ps.
    pub baseline_start_ps: f64,
    /// Length of the baseline, ps.
    pub baseline_length_ps: f64,
    /// The lag, ps.
    pub lag_ps: f64,
    /// Frames per window.
    pub window: usize,
    /// Whether frames carry radial distribution functions.
    pub rdf: bool,
}

impl Settings {
    /// Settings of a fix that samples every `sample_ps`.
    ///
    /// # Errors
    /// As [`Settings::check`].
    pub fn new(config: &FixConfig, sample_ps: f64, interfaces: usize) -> Result<Self> {
        let settings = Self {
            interfaces,
            sample_ps,
            reference_ps: config.reference,
            baseline_start_ps: config.baseline_start,
            baseline_length_ps: config.baseline_length,
            lag_ps: config.lag,
            window: config.window,
            rdf: config.rdf,
        };
        settings.check()?;
        Ok(settings)
    }

    /// Checks values that come from outside (a fix line, a stream's header).
    ///
    /// # Errors
    /// [`Error::Input`] naming the first value that cannot be used.
    pub fn check(&self) -> Result<()> {
        let positive = Error::unless_positive;
        let not_negative = |key: &str, value: f64| {
            if value.is_finite() && value >= 0.0 {
                Ok(())
            } else {
                Err(Error::input(key, value, "a number that is not negative"))
            }
        };
        if !(1..=2).contains(&self.interfaces) {
            return Err(Error::input("interfaces", self.interfaces, "1 or 2"));
        }
        positive("sampling interval (ps)", self.sample_ps)?;
        not_negative("reference (ps)", self.reference_ps)?;
        not_negative("baseline start (ps)", self.baseline_start_ps)?;
        positive("baseline length (ps)", self.baseline_length_ps)?;
        positive("lag (ps)", self.lag_ps)?;
        if !(MIN_WINDOW..=4096).contains(&self.window) {
            return Err(Error::input("window", self.window, format!("{MIN_WINDOW} to 4096 frames")));
        }
        for (key, length) in [("lag", self.lag_ps), ("baseline length", self.baseline_length_ps)] {
            if length / self.sample_ps > 1e5 {
                return Err(Error::input(
                    format!("{key} (ps)"),
                    length,
                    format!("at most 100000 samples of {} ps", self.sample_ps),
                ));
            }
        }
        Ok(())
    }

    /// Samples of one lag, at least 1.
    #[must_use]
    pub fn lag_samples(&self) -> usize {
        (self.lag_ps / self.sample_ps).round().max(1.0) as usize
    }

    /// First and last time of the baseline, ps since the first sample. Half a sample of tolerance
    /// keeps rounding of the time from moving a frame across.
    fn baseline(&self) -> (f64, f64) {
        let start = self.reference_ps + self.baseline_start_ps;
        (start - 0.5 * self.sample_ps, start + self.baseline_length_ps - 0.5 * self.sample_ps)
    }

    /// End of the baseline, ps since the first sample: what happens earlier nobody can be warned of.
    #[must_use]
    pub fn baseline_end_ps(&self) -> f64 {
        self.reference_ps + self.baseline_start_ps + self.baseline_length_ps
    }

    /// Values per frame.
    #[must_use]
    pub fn base_width(&self) -> usize {
        registry::BASE.len() + if self.rdf { registry::RDF_PAIRS.len() * registry::RDF_BINS } else { 0 }
    }

    /// Columns of a window: the frame's values, then the anomalous channels.
    #[must_use]
    pub fn window_names(&self) -> Vec<String> {
        let mut names = registry::frame_names(self.rdf);
        names.extend(registry::anomalous_names());
        names
    }
}

/// Where an interface stands after a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The topology reference is being averaged.
    Reference,
    /// The statistics baseline is not complete.
    Learning,
    /// Fewer than [`MIN_WINDOW`] frames of the window hold any value.
    Filling,
    /// The frame can be judged.
    Ready,
    /// There is no interface left to measure.
    NoSurface,
    /// Too many descriptors that the baseline had are undefined.
    Nan,
}

/// What a detector scores.
#[derive(Debug, Clone, PartialEq)]
pub struct WindowMessage {
    /// The interface.
    pub interface: usize,
    /// Sample number of the window's last frame.
    pub frame: u64,
    /// LAMMPS step of the window's last frame.
    pub step: i64,
    /// Time of the window's last frame, ps.
    pub time_ps: f64,
    /// The last k <= `capacity` frames, rounded, oldest first, shape [k x columns] in the order of
    /// [`Settings::window_names`], NaN where undefined. A model that wants `capacity` rows pads in
    /// front and masks the padding.
    pub features: Array2<f64>,
    /// Frames of a full window.
    pub capacity: usize,
    /// Mean and standard deviation per column, rounded alike, over the run's own baseline.
    pub baseline: Levels,
    /// Instability index of the last frame.
    pub index: f64,
    /// CUSUM statistic over its alarm level.
    pub cusum: f64,
    /// The descriptors that the index is mostly made of, largest share first.
    pub top: Vec<Contribution>,
}

/// What a frame made of its interface.
#[derive(Debug, Clone, PartialEq)]
pub struct WindowOutput {
    /// Where the interface stands.
    pub phase: Phase,
    /// Instability index, NaN unless measured.
    pub index: f64,
    /// CUSUM statistic over its alarm level, NaN before the baseline is complete.
    pub cusum: f64,
    /// Descriptors that the baseline had and this frame lacks.
    pub missing: usize,
    /// The window to be scored; present exactly in [`Phase::Ready`].
    pub message: Option<WindowMessage>,
}

/// History of one interface.
#[derive(Debug, Clone)]
struct Interface {
    last: Option<u64>,
    anomalous: Anomalous,
    history: History,
    rows: VecDeque<Vec<f64>>,
    level: Level,
    index: Index,
}

/// The window stage of all interfaces.
#[derive(Debug, Clone)]
pub struct WindowStage {
    settings: Settings,
    plan: Vec<Feature>,
    /// Step of each value's rounding.
    steps: Vec<Option<f64>>,
    interfaces: Vec<Interface>,
}

impl WindowStage {
    /// A stage that has seen nothing.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let lag = settings.lag_samples();
        let interface = Interface {
            last: None,
            anomalous: Anomalous::new(lag),
            history: History::new(lag, settings.lag_ps),
            rows: VecDeque::new(),
            level: Level::default(),
            index: Index::new(lag),
        };
        let interfaces = vec![interface; settings.interfaces];
        let steps = registry::frame_names(settings.rdf).iter().map(|name| rounding::step(name)).collect();
        Self { settings, plan: features::plan(), steps, interfaces }
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The index of an interface, for reports.
    #[must_use]
    pub fn index(&self, interface: usize) -> Option<&Index> {
        self.interfaces.get(interface).map(|i| &i.index)
    }

    /// Takes an interface's next frame. Frames that are missing since its last one (a damaged stream)
    /// count as undefined, so that lags keep their length.
    ///
    /// # Errors
    /// [`Error::Input`] for an unknown interface, a wrong number of values, or a frame that is not
    /// newer than the last one.
    pub fn push(&mut self, frame: &Frame) -> Result<WindowOutput> {
        let width = self.settings.base_width();
        if frame.values.len() != width {
            return Err(Error::input("values of a frame", frame.values.len(), format!("{width} values")));
        }
        let count = self.settings.interfaces;
        let interface = self
            .interfaces
            .get_mut(frame.interface)
            .ok_or_else(|| Error::input("interface", frame.interface, format!("less than {count}")))?;
        if let Some(last) = interface.last {
            if frame.index <= last {
                return Err(Error::input("frame", frame.index, format!("a frame after {last}")));
            }
            let missing = usize::try_from(frame.index - last - 1).unwrap_or(usize::MAX);
            let undefined = vec![f64::NAN; width];
            for _ in 0..missing.min(self.settings.window.max(2 * self.settings.lag_samples())) {
                interface.record(&undefined, &self.steps, &self.settings);
            }
        }
        interface.last = Some(frame.index);
        // One NaN: streams hold no infinities and no payloads, and replay must see the same bits.
        let values: Vec<f64> =
            frame.values.iter().map(|&v| if v.is_finite() { v } else { f64::NAN }).collect();
        interface.record(&values, &self.steps, &self.settings);
        Ok(interface.judge(frame, &self.plan, &self.settings))
    }

    /// Saves the state for a restart.
    pub fn encode(&self, out: &mut Encoder) {
        out.u64(self.settings.base_width() as u64);
        out.u64(self.settings.lag_samples() as u64);
        out.u64(self.settings.window as u64);
        out.u64(self.interfaces.len() as u64);
        for interface in &self.interfaces {
            out.bool(interface.last.is_some());
            out.u64(interface.last.unwrap_or(0));
            interface.anomalous.encode(out);
            interface.history.encode(out);
            out.u64(interface.rows.len() as u64);
            for row in &interface.rows {
                out.f64s(row);
            }
            interface.level.encode(out);
            interface.index.encode(out);
        }
    }

    /// Replaces the state by a saved one.
    ///
    /// # Errors
    /// [`Error::State`] naming what differs between the saved stage and this one.
    pub fn decode(&mut self, input: &mut Decoder<'_>) -> Result<()> {
        let expected = [
            ("descriptors", self.settings.base_width()),
            ("samples per lag", self.settings.lag_samples()),
            ("window", self.settings.window),
            ("interfaces", self.settings.interfaces),
        ];
        for (key, here) in expected {
            let saved = input.u64()?;
            if saved != here as u64 {
                return Err(Error::State(format!("{key} = {saved} when it was saved, {here} now")));
            }
        }
        let width = self.settings.base_width() + registry::anomalous_names().len();
        for interface in &mut self.interfaces {
            let any = input.bool()?;
            let last = input.u64()?;
            interface.last = any.then_some(last);
            interface.anomalous.decode(input)?;
            interface.history.decode(input)?;
            interface.rows = features::decode_rows(input, width)?.into();
            interface.level.decode(input, width)?;
            interface.index.decode(input, self.plan.len())?;
        }
        Ok(())
    }
}

impl Interface {
    /// Adds one sample's values to every history: rounded to the rows, as they are to the index.
    fn record(&mut self, values: &[f64], steps: &[Option<f64>], settings: &Settings) {
        let seen: Vec<f64> =
            values.iter().zip(steps).map(|(&v, &step)| f64::from(rounding::round(v, step))).collect();
        let mut row = seen.clone();
        self.anomalous.push(&seen, &mut row);
        if self.rows.len() == settings.window {
            self.rows.pop_front();
        }
        self.rows.push_back(row);
        self.history.push(values);
    }

    fn judge(&mut self, frame: &Frame, plan: &[Feature], settings: &Settings) -> WindowOutput {
        let mut output =
            WindowOutput { phase: Phase::Ready, index: f64::NAN, cusum: f64::NAN, missing: 0, message: None };
        match frame.condition {
            Condition::Reference => {
                // Nothing is defined yet: a window starts with the first measured frame.
                self.rows.clear();
                output.phase = Phase::Reference;
                return output;
            }
            Condition::NoSurface => {
                output.phase = Phase::NoSurface;
                if self.index.ready() {
                    output.cusum = self.index.cusum();
                }
                return output;
            }
            Condition::Measured => {}
        }
        let features = self.history.features(plan);
        if !self.index.ready() {
            let (start, end) = settings.baseline();
            if frame.time_ps >= start {
                self.index.learn(features);
                self.level.add(self.rows.back().expect("a row was recorded"));
            }
            if frame.time_ps >= end && self.index.collected() >= baseline::MIN_FRAMES {
                self.index.complete();
            }
            output.phase = Phase::Learning;
            return output;
        }
        let distance = self.index.measure(&features);
        output.cusum = self.index.cusum();
        let Some(distance) = distance else {
            output.phase = Phase::Nan;
            return output;
        };
        output.index = distance.index;
        output.missing = distance.missing;
        let width = settings.base_width();
        let defined = self.rows.iter().filter(|row| row[..width].iter().any(|v| !v.is_nan())).count();
        if defined < MIN_WINDOW {
            output.phase = Phase::Filling;
            return output;
        }
        let columns = self.rows[0].len();
        output.message = Some(WindowMessage {
            interface: frame.interface,
            frame: frame.index,
            step: frame.step,
            time_ps: frame.time_ps,
            features: Array2::from_shape_fn((self.rows.len(), columns), |(i, j)| self.rows[i][j]),
            capacity: settings.window,
            baseline: self.level.levels(columns),
            index: output.index,
            cusum: output.cusum,
            top: instability::top(&distance, plan, TOP),
        });
        output
    }
}

#[cfg(test)]
mod tests;
