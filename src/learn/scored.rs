//! Verdicts beside the truth, with runs as the unit of resampling.

use std::collections::BTreeMap;

use super::prepare::Set;
use super::run::{PERSIST, trace};
use super::score::alarms::{Alarms, Trace, quantile};
use super::score::calibration::{brier, expected_error, reliability};
use super::score::classes::Confusion;
use super::score::ranking::{auprc_weighted, auroc_weighted, auroc_within};
use super::verdicts::{Spoken, Verdicts};
use crate::error::{Error, Result};
use crate::learn::training::largest;

/// Every how many judged frames are scored: neighbours are nearly equal, and tables are resampled a
/// few hundred times. Alarms see every frame.
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
    /// Alarm threshold.
    pub threshold: f64,
    /// What is warned of.
    pub gap_ps: f64,
    /// How far ahead.
    pub horizon_ps: f64,
    /// Time from the first verdict that makes an event warnable.
    pub warnable_ps: f64,
}

/// Names of what [`Scored::measure`] gives, in order.
///
/// Leads count a miss as 0. `lead_over_onset` is the mean of the lead as a share of the event's time.
/// `event_recall_within` counts only alarms at most the horizon ahead. False alarms per 100 are per 100
/// runs without an event on any interface, an alarm of any of them counted once;
/// `..._reconstructing` are those of them that only reconstruct. Per ns is per interface.
pub const MEASURES: [&str; 22] = [
    "accuracy",
    "macro_f1",
    "auc",
    "auroc",
    "auroc_within",
    "auprc",
    "prevalence",
    "brier",
    "lead_ps_median",
    "lead_ps_q25",
    "lead_ps_q75",
    "lead_ps_mean",
    "lead_ps_median_warnable",
    "lead_over_onset",
    "lead_over_5ps",
    "event_recall",
    "event_recall_within",
    "event_recall_warnable",
    "alarm_precision",
    "false_alarms_per_100",
    "false_alarms_per_100_reconstructing",
    "false_alarms_per_ns",
];

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
            if frames.is_empty() {
                continue;
            }
            let run = lineages.iter().position(|l| *l == one.lineage).unwrap_or_else(|| {
                lineages.push(&one.lineage);
                lineages.len() - 1
            });
            // A single verdict on a series counts whatever its place.
            let thin = if frames.len() < 4 * THIN { 1 } else { THIN };
            let points = frames
                .iter()
                .zip(&spoken.said)
                .step_by(thin)
                .map(|(&frame, said)| Point {
                    state: one.state[frame],
                    warning: one.warning[frame],
                    p_states: said.states.clone(),
                    p_warning: f64::from(said.warning),
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
            });
        }
        Ok(Self {
            judged,
            runs: lineages.len(),
            classes: set.classes.len(),
            threshold,
            gap_ps: set.horizon.gap_ps,
            horizon_ps: set.horizon.horizon_ps,
            warnable_ps: set.horizon.least_lead_ps,
        })
    }

    /// Points with their run's weight.
    fn points<'a>(&'a self, weights: &'a [f64]) -> impl Iterator<Item = (&'a Judged, &'a Point, f64)> {
        self.judged
            .iter()
            .filter(|j| weights[j.run] > 0.0)
            .flat_map(move |j| j.points.iter().map(move |p| (j, p, weights[j.run])))
    }

    /// Confusion matrix of the states.
    #[must_use]
    pub fn confusion(&self, weights: &[f64]) -> Confusion {
        let mut confusion = Confusion::new(self.classes);
        for (_, point, weight) in self.points(weights) {
            if let Some(state) = point.state {
                confusion.counts[usize::from(state)][largest(&point.p_states)] += weight;
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

    /// Alarms of the series, each as often as its run was drawn.
    #[must_use]
    pub fn alarms(&self, weights: &[f64]) -> Alarms {
        let traces: Vec<&Trace> =
            self.judged.iter().flat_map(|j| std::iter::repeat_n(&j.trace, weights[j.run] as usize)).collect();
        Alarms::of(&traces, self.threshold, PERSIST, self.gap_ps, self.horizon_ps, self.warnable_ps)
    }

    /// False alarms per 100 runs without an event, and per 100 of those that only reconstruct.
    fn false_alarms(&self, weights: &[f64]) -> [f64; 2] {
        struct Run {
            quiet: bool,
            reconstructs: bool,
            alarmed: bool,
            weight: f64,
        }
        let mut runs: BTreeMap<&str, Run> = BTreeMap::new();
        for judged in &self.judged {
            let weight = weights[judged.run];
            let first = Run { quiet: true, reconstructs: false, alarmed: false, weight };
            let run = runs.entry(&judged.name).or_insert(first);
            run.quiet &= judged.trace.event_ps.is_none();
            run.reconstructs |= judged.reconstructs;
            run.alarmed |= judged.trace.alarm(self.threshold, PERSIST).is_some();
        }
        let share = |of: &dyn Fn(&Run) -> bool| {
            let chosen = || runs.values().filter(|run| of(run));
            let alarmed: f64 = chosen().filter(|run| run.alarmed).map(|run| run.weight).sum();
            // A sum of nothing is -0.
            100.0 * (alarmed + 0.0) / chosen().map(|run| run.weight).sum::<f64>()
        };
        [share(&|run| run.quiet), share(&|run| run.quiet && run.reconstructs)]
    }

    /// All of [`MEASURES`] with runs weighted; NaN where undefined.
    #[must_use]
    pub fn measure(&self, weights: &[f64]) -> Vec<f64> {
        let confusion = self.confusion(weights);
        let warned: Vec<(&str, f64, bool, f64)> = self
            .points(weights)
            .filter_map(|(j, p, w)| Some((j.stratum.as_str(), p.p_warning, p.warning?, w)))
            .filter(|item| !item.1.is_nan())
            .collect();
        let flat: Vec<(f64, bool, f64)> = warned.iter().map(|i| (i.1, i.2, i.3)).collect();
        let total: f64 = flat.iter().map(|i| i.2).sum();
        let mean =
            |of: &dyn Fn(&(f64, bool, f64)) -> f64| flat.iter().map(|i| i.2 * of(i)).sum::<f64>() / total;
        let outcome = |yes: bool| f64::from(u8::from(yes));
        let alarms = self.alarms(weights);
        let false_alarms = self.false_alarms(weights);
        let (leads, warnable) = (&alarms.leads_ps, alarms.warnable_leads());
        let share =
            |of: &[f64], least: f64| of.iter().filter(|&&l| l >= least).count() as f64 / of.len() as f64;
        vec![
            confusion.accuracy(),
            confusion.macro_f1(),
            self.one_against_rest(weights),
            auroc_weighted(&flat),
            auroc_within(&warned),
            auprc_weighted(&flat),
            mean(&|i| outcome(i.1)),
            mean(&|i| (i.0 - outcome(i.1)).powi(2)),
            quantile(leads, 0.5),
            quantile(leads, 0.25),
            quantile(leads, 0.75),
            leads.iter().sum::<f64>() / leads.len() as f64,
            quantile(&warnable, 0.5),
            alarms.leads_over_onset.iter().sum::<f64>() / leads.len() as f64,
            share(leads, 5.0),
            share(leads, f64::MIN_POSITIVE),
            alarms.within_horizon as f64 / leads.len() as f64,
            share(&warnable, f64::MIN_POSITIVE),
            alarms.in_time as f64 / alarms.alarms as f64,
            false_alarms[0],
            false_alarms[1],
            alarms.false_alarms as f64 / alarms.stable_ns,
        ]
    }

    /// Mean over classes of the AUROC of a class against the rest.
    fn one_against_rest(&self, weights: &[f64]) -> f64 {
        let areas: Vec<f64> = (0..self.classes)
            .map(|class| {
                let items: Vec<(f64, bool, f64)> = self
                    .points(weights)
                    .filter_map(|(_, p, w)| {
                        Some((f64::from(p.p_states[class]), usize::from(p.state?) == class, w))
                    })
                    .collect();
                auroc_weighted(&items)
            })
            .filter(|area| !area.is_nan())
            .collect();
        areas.iter().sum::<f64>() / areas.len() as f64
    }

    /// Reliability of the warning: bins of equal mass, expected calibration error, Brier score.
    #[must_use]
    pub fn calibration(&self) -> (Vec<super::score::calibration::Bin>, f64, f64) {
        let warnings = self.warnings();
        let bins = reliability(&warnings, 15);
        let error = expected_error(&bins);
        (bins, error, brier(&warnings))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(name: &str, run: usize, event_ps: Option<f64>, reconstructs: bool, alarms: bool) -> Judged {
        let score = if alarms { 0.9 } else { 0.1 };
        Judged {
            series: 0,
            run,
            name: name.into(),
            reconstructs,
            stratum: String::new(),
            points: Vec::new(),
            trace: Trace {
                time_ps: (0..20).map(f64::from).collect(),
                score: vec![score; 20],
                event_ps,
                end_ps: 19.0,
            },
        }
    }

    #[test]
    fn false_alarms_are_counted_by_run_and_only_where_nothing_fails() {
        let scored = Scored {
            judged: vec![
                // Both interfaces alarm: one false alarm.
                judged("a", 0, None, false, true),
                judged("a", 0, None, true, true),
                judged("b", 1, None, false, false),
                // Its other interface fails: no run without an event.
                judged("c", 2, None, false, true),
                judged("c", 2, Some(15.0), false, true),
                judged("d", 3, None, true, false),
            ],
            runs: 4,
            classes: 3,
            threshold: 0.5,
            gap_ps: 1.0,
            horizon_ps: 10.0,
            warnable_ps: 5.0,
        };
        assert_eq!(scored.false_alarms(&[1.0; 4]), [100.0 / 3.0, 50.0]);
        assert_eq!(scored.false_alarms(&[2.0, 0.0, 1.0, 0.0]), [100.0, 100.0]);
        let measured = scored.measure(&[1.0; 4]);
        let of = |name: &str| measured[MEASURES.iter().position(|m| *m == name).expect("a measure")];
        // The alarm comes with the third score, 13 ps before the event: in time, not within the horizon.
        assert_eq!((of("lead_ps_median"), of("event_recall"), of("event_recall_within")), (13.0, 1.0, 0.0));
        assert_eq!(of("alarm_precision"), 0.25);
    }
}
