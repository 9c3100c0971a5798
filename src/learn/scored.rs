//! Verdicts beside the truth, with runs as the unit of resampling.

use std::collections::{BTreeMap, BTreeSet};

use super::prepare::Set;
use super::run::trace;
use super::score::alarms::Trace;
use super::score::calibration::{expected_error, reliability};
use super::score::classes::Confusion;
use super::verdicts::{Spoken, Verdicts};
use crate::dataset::target::SLACK_PS;
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
    /// Which of several calibrations it was scored by: scores are ranked within one.
    pub part: usize,
    /// Scored frames.
    pub points: Vec<Point>,
    /// Warning over time.
    pub trace: Trace,
    /// Alarm threshold.
    pub threshold: f64,
}

/// Lineages in the order in which they were met.
#[derive(Debug, Default)]
pub(super) struct Lineages<'a>(Vec<&'a str>);

impl<'a> Lineages<'a> {
    /// Place of a lineage, a new one behind all others.
    pub fn place(&mut self, lineage: &'a str) -> usize {
        self.0.iter().position(|known| *known == lineage).unwrap_or_else(|| {
            self.0.push(lineage);
            self.0.len() - 1
        })
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }
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
        let mut lineages = Lineages::default();
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
            let run = lineages.place(&one.lineage);
            // A single verdict on a series counts whatever its place.
            let thin = if frames.len() == 1 { 1 } else { THIN };
            // By place in the recording, so that every sampling interval is scored at the same times.
            let points = frames
                .iter()
                .zip(&spoken.said)
                .filter(|(frame, _)| (*frame * set.every).is_multiple_of(thin))
                .map(|(&frame, said)| Point {
                    // Nothing was said of a row that is mostly undefined.
                    state: one.state[frame].filter(|_| !said.states.iter().any(|p| p.is_nan())),
                    warning: one.warning[frame].filter(|_| !said.warning.is_nan()),
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
                part: 0,
                points,
                trace,
                threshold,
            });
        }
        Ok(Self {
            judged,
            runs: lineages.count(),
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

    /// Both where both can be scored: from when both have verdicts, at the points of both. A longer baseline
    /// or a coarser sampling is then compared for what it says, not for when it may speak. `None` where they
    /// are not of the same series.
    #[must_use]
    pub fn in_common(&self, other: &Self) -> Option<(Self, Self)> {
        let (mut a, mut b) = (self.clone(), other.clone());
        let series = |of: &Self| of.judged.iter().map(|j| j.series).collect::<Vec<_>>();
        if series(&a) != series(&b) {
            return None;
        }
        for (a, b) in a.judged.iter_mut().zip(&mut b.judged) {
            let from = a.trace.ready_ps.max(b.trace.ready_ps);
            let times = [a.times(), b.times()];
            for judged in [a, b] {
                judged.points.retain(|p| {
                    p.time_ps >= from - SLACK_PS && times.iter().all(|t| t.contains(&tick(p.time_ps)))
                });
                judged.trace.begin(from);
            }
        }
        Some((a, b))
    }
}

impl Judged {
    fn times(&self) -> BTreeSet<i64> {
        self.points.iter().map(|p| tick(p.time_ps)).collect()
    }
}

/// A time as a whole number, so that rounded sums compare equal.
fn tick(time_ps: f64) -> i64 {
    (1e4 * time_ps).round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scored(every: u32, ready: u32) -> Scored {
        let times = || (ready..=30).filter(|t| t.is_multiple_of(every)).map(f64::from);
        let point =
            |time_ps| Point { state: None, warning: None, p_states: Vec::new(), p_warning: 0.0, time_ps };
        let judged = Judged {
            series: 7,
            run: 0,
            name: "a".into(),
            reconstructs: false,
            stratum: String::new(),
            part: 0,
            points: times().filter(|t| t % 5.0 == 0.0).map(point).collect(),
            trace: Trace {
                time_ps: times().collect(),
                score: times().collect(),
                event_ps: Some(20.0),
                end_ps: 30.0,
                ready_ps: f64::from(ready),
                due_ps: f64::from(ready),
            },
            threshold: 0.5,
        };
        Scored { judged: vec![judged], runs: 1, classes: 3, gap_ps: 1.0, horizon_ps: 10.0, warnable_ps: 5.0 }
    }

    #[test]
    fn two_sampling_intervals_are_compared_where_both_speak() {
        let (fine, coarse) = scored(1, 7).in_common(&scored(2, 12)).expect("the same series");
        let (fine, coarse) = (&fine.judged[0], &coarse.judged[0]);
        let times = |of: &Judged| of.points.iter().map(|p| p.time_ps).collect::<Vec<_>>();
        assert_eq!((times(fine), times(coarse)), (vec![20.0, 30.0], vec![20.0, 30.0]));
        // Alarms see every frame of their own from the common begin on.
        assert_eq!((fine.trace.time_ps.len(), coarse.trace.time_ps.len()), (19, 10));
        assert_eq!((fine.trace.ready_ps, fine.trace.score[0]), (12.0, 12.0));
        let mut other = scored(1, 7);
        other.judged[0].series = 8;
        assert!(scored(1, 7).in_common(&other).is_none());
    }
}
