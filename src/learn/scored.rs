//! Verdicts beside the truth, with runs as the unit of resampling.

use std::collections::BTreeMap;

use super::prepare::Set;
use super::run::trace;
use super::score::alarms::Trace;
use super::score::calibration::{expected_error, reliability};
use super::score::classes::Confusion;
use super::verdicts::{Spoken, Verdicts};
use crate::error::{Error, Result};
use crate::learn::training::largest;

/// Every how many judged frames are scored: neighbours are nearly equal. Alarms see every frame.
pub const THIN: usize = 5;

/// One scored frame.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// Class.
    pub state: Option<u8>,
    /// Warning target.
    pub warning: Option<bool>,
    /// Probability of each class.
    pub p_states: Vec<f32>,
    /// Probability of a warning.
    pub p_warning: f64,
    /// When, ps.
    pub time_ps: f64,
}

/// One series with its verdicts.
#[derive(Debug, Clone)]
pub struct Judged {
    /// Position in the prepared set.
    pub series: usize,
    /// Position of its lineage among those of the test set: what is resampled.
    pub run: usize,
    /// Name of its run, whose interfaces alarm together.
    pub name: String,
    /// Whether it only reconstructs: an alarm is false, but not out of the blue.
    pub reconstructs: bool,
    /// What all runs of its condition share.
    pub stratum: String,
    /// Scored frames.
    pub points: Vec<Point>,
    /// Warning over time.
    pub trace: Trace,
    /// Alarm threshold.
    pub threshold: f64,
}

/// A method's verdicts on one test set.
#[derive(Debug, Clone)]
pub struct Scored {
    /// Series.
    pub judged: Vec<Judged>,
    /// Lineages: what is resampled.
    pub runs: usize,
    /// Classes.
    pub classes: usize,
    /// What is warned of.
    pub gap_ps: f64,
    /// How far ahead.
    pub horizon_ps: f64,
    /// Time from the first verdict that makes an event warnable.
    pub warnable_ps: f64,
}

impl Scored {
    /// The verdicts on chosen series.
    ///
    /// # Errors
    /// [`Error::Input`] when verdicts and data do not fit each other, or a wanted series has none.
    pub fn new(
        set: &Set,
        verdicts: &Verdicts,
        threshold: f64,
        wanted: &dyn Fn(usize) -> bool,
    ) -> Result<Self> {
        let mut lineages: Vec<&str> = Vec::new();
        let mut judged = Vec::new();
        let all: BTreeMap<usize, &Spoken> = verdicts.series.iter().map(|s| (s.series, s)).collect();
        for (series, one) in set.series.iter().enumerate().filter(|(k, _)| wanted(*k)) {
            // What is to be scored must have been judged: nothing may be left out in silence.
            let spoken = all
                .get(&series)
                .filter(|spoken| one.run == spoken.run && one.interface == spoken.interface)
                .ok_or_else(|| {
                    let what = format!("verdicts on run {}, interface {}", one.run, one.interface);
                    Error::input(what, "none", "those of a method that was not trained on it")
                })?;
            let frames: Vec<usize> = one.verdicts().collect();
            if frames.len() != spoken.said.len() {
                let expected = format!("{}, the judged frames of run {}", frames.len(), one.run);
                return Err(Error::input("verdicts", spoken.said.len(), expected));
            }
            // An interface that was never judged stays: its event is missed.
            let run = lineages.iter().position(|l| *l == one.lineage).unwrap_or_else(|| {
                lineages.push(&one.lineage);
                lineages.len() - 1
            });
            // A single verdict on a series counts whatever its place.
            let thin = if frames.len() < 4 * THIN { 1 } else { THIN };
            // By place in the recording, so that every sampling interval is scored at the same times.
            let points = frames
                .iter()
                .zip(&spoken.said)
                .filter(|(frame, _)| (*frame * set.every).is_multiple_of(thin))
                .map(|(&frame, said)| Point {
                    state: one.state[frame],
                    warning: one.warning[frame],
                    p_states: said.states.clone(),
                    p_warning: f64::from(said.warning),
                    time_ps: one.time_ps[frame],
                })
                .collect();
            let trace = trace(one, spoken);
            judged.push(Judged {
                series,
                run,
                name: one.run.clone(),
                reconstructs: one.event_ps.is_none() && one.onset_ps.is_some(),
                stratum: one.stratum(),
                points,
                trace,
                threshold,
            });
        }
        Ok(Self {
            judged,
            runs: lineages.len(),
            classes: set.classes.len(),
            gap_ps: set.horizon.gap_ps,
            horizon_ps: set.horizon.horizon_ps,
            warnable_ps: set.horizon.least_lead_ps,
        })
    }

    /// Confusion matrix of the states.
    #[must_use]
    pub fn confusion(&self) -> Confusion {
        let mut confusion = Confusion::new(self.classes);
        for point in self.judged.iter().flat_map(|j| &j.points) {
            if let Some(state) = point.state {
                confusion.add(usize::from(state), largest(&point.p_states));
            }
        }
        confusion
    }

    /// Warnings with their targets.
    #[must_use]
    pub fn warnings(&self) -> Vec<(f64, bool)> {
        let all = self.judged.iter().flat_map(|j| &j.points);
        all.filter_map(|p| Some((p.p_warning, p.warning?))).filter(|w| !w.0.is_nan()).collect()
    }

    /// Reliability of the warning: bins of equal mass, and the expected calibration error.
    #[must_use]
    pub fn calibration(&self) -> (Vec<super::score::calibration::Bin>, f64) {
        let bins = reliability(&self.warnings(), 15);
        let error = expected_error(&bins);
        (bins, error)
    }
}
