//! Label noise: what runs of one equilibrated configuration, with other velocities, say of each other.
//!
//! Enters: labels of replicas; no model has a part in it. Leaves: how often their outcomes differ, how
//! far their events lie apart, how well the others of a configuration foretell one of them at every time,
//! and a ceiling. The forecast is a lower estimate: it knows the chances of a configuration from a handful of
//! runs. The ceiling is none on methods that watch the run, but on those that know everything about
//! the start and nothing of what follows, and it holds for the conditions that were replicated and no others.
//!
//! Of the ceiling: let p be the chance that a configuration's run has an event. Two of its runs agree with
//! probability q = E[p^2 + (1-p)^2], so that E[(2p-1)^2] = 2q - 1. The best that can be said of a run is its
//! likelier outcome, right with E[max(p, 1-p)] = 1/2 + 1/2 E|2p-1| <= 1/2 + 1/2 sqrt(2q-1), by Jensen. Pairs
//! give q without bias, each interface of a configuration counting once.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::evaluate::{On, Prepared};
use super::measures::Measured;
use super::prepare;
use super::random::Random;
use super::score::alarms::Trace;
use super::score::bootstrap::{Interval, resamples};
use super::scored::{Judged, Lineages, Point, Scored, THIN};

/// Replicas of all configurations.
#[derive(Debug, Clone, Serialize)]
pub struct Replicas {
    /// Configurations with at least two runs: what is resampled.
    pub lineages: usize,
    /// Their interfaces.
    pub interfaces: usize,
    /// Their runs' interfaces.
    pub series: usize,
    /// Share of pairs of one configuration with different outcomes.
    pub other_outcome: Interval,
    /// q: chance that two runs of one configuration agree on whether there is an event.
    pub agreement: Interval,
    /// The best possible accuracy of "there will be an event" from the start alone is at most this.
    pub ceiling: Interval,
    /// Standard deviation of t_U within a configuration, ps, over those with two events or more. Runs that end
    /// before their event are not in it: it understates the scatter.
    pub event_deviation_ps: Interval,
    /// Scores of the other runs' states and warnings as a forecast: a lower estimate of what can be foretold.
    /// Runs that have failed are no longer at risk, and have no say in the warning.
    pub forecast: BTreeMap<String, Interval>,
}

type Group<'a> = Vec<(usize, &'a prepare::Prepared)>;

impl Replicas {
    /// From all series that may be shown; `None` without replicas.
    #[must_use]
    pub fn of(data: &Prepared, on: On, draws: usize) -> Option<Self> {
        // Runs of several conditions that began with one file are one lineage, but no replicas.
        let mut groups: BTreeMap<(&str, usize, String), Group<'_>> = BTreeMap::new();
        for (k, series) in data.set.series.iter().enumerate() {
            if on.shows(&data.folds[k]) && series.verdicts().next().is_some() {
                groups
                    .entry((&series.lineage, series.interface, series.stratum()))
                    .or_default()
                    .push((k, series));
            }
        }
        groups.retain(|_, members| members.len() > 1);
        if groups.is_empty() {
            return None;
        }
        let groups: Vec<Group<'_>> = groups.into_values().collect();
        // The two interfaces of a configuration are one lineage and are drawn together.
        let mut lineages: Vec<&str> = groups.iter().map(|members| members[0].1.lineage.as_str()).collect();
        lineages.dedup();
        let of_group: Vec<usize> = groups
            .iter()
            .filter_map(|members| lineages.iter().position(|l| *l == members[0].1.lineage))
            .collect();
        let each = |drawn: &[f64]| of_group.iter().map(|&lineage| drawn[lineage]).collect::<Vec<f64>>();
        let drawn: Vec<Vec<f64>> = resamples(lineages.len(), draws, 1).iter().map(|d| each(d)).collect();
        let spread = |of: &[(f64, f64)], statistic: &dyn Fn(&[f64]) -> f64| {
            let drawn: Vec<f64> = drawn.iter().map(|drawn| statistic(drawn)).collect();
            let resting_on: BTreeSet<usize> =
                of_group.iter().zip(of).filter(|(_, v)| v.1 > 0.0).map(|(&lineage, _)| lineage).collect();
            Interval::of(statistic(&vec![1.0; groups.len()]), &drawn, resting_on.len())
        };
        let outcome = |s: &prepare::Prepared| (s.onset_ps.is_some(), s.event_ps.is_some());
        let event = |s: &prepare::Prepared| (false, s.event_ps.is_some());
        let pairs: Vec<(f64, f64)> = groups.iter().map(|members| differing(members, &outcome)).collect();
        let agreeing: Vec<(f64, f64)> = groups
            .iter()
            .map(|members| differing(members, &event))
            .map(|(other, all)| (1.0 - other / all, 1.0))
            .collect();
        let squares: Vec<(f64, f64)> = groups.iter().map(|members| scatter(members)).collect();
        let ratio = |of: &[(f64, f64)], weights: &[f64]| {
            let sum = |part: &dyn Fn(&(f64, f64)) -> f64| -> f64 {
                of.iter().zip(weights).map(|(v, w)| w * part(v)).sum()
            };
            sum(&|v| v.0) / sum(&|v| v.1)
        };
        let forecast = forecast(data, &groups);
        Some(Self {
            lineages: lineages.len(),
            interfaces: groups.len(),
            series: groups.iter().map(Vec::len).sum(),
            other_outcome: spread(&pairs, &|weights| ratio(&pairs, weights)),
            agreement: spread(&agreeing, &|weights| ratio(&agreeing, weights)),
            ceiling: spread(&agreeing, &|weights| ceiling(ratio(&agreeing, weights))),
            event_deviation_ps: spread(&squares, &|weights| ratio(&squares, weights).sqrt()),
            forecast: Measured::new(&[forecast], draws, 1)
                .scores()
                .into_iter()
                .filter(|(name, _)| {
                    ["accuracy", "macro_f1", "auc", "auroc", "auroc_within", "auprc"].contains(&name.as_str())
                })
                .collect(),
        })
    }
}

/// Upper bound of the accuracy of a forecast whose outcomes agree in pairs with probability `q`. By chance
/// alone, few pairs may agree less often than any p allows: one half then.
fn ceiling(q: f64) -> f64 {
    0.5 + 0.5 * (2.0 * q - 1.0).max(0.0).sqrt()
}

/// Pairs with different outcomes, and all pairs.
fn differing(members: &Group<'_>, outcome: &dyn Fn(&prepare::Prepared) -> (bool, bool)) -> (f64, f64) {
    let (mut other, mut all) = (0.0, 0.0);
    for (k, (_, a)) in members.iter().enumerate() {
        for (_, b) in &members[k + 1..] {
            other += f64::from(u8::from(outcome(a) != outcome(b)));
            all += 1.0;
        }
    }
    (other, all)
}

/// Sum of squares of the events' times about their mean, and degrees of freedom.
fn scatter(members: &Group<'_>) -> (f64, f64) {
    let events: Vec<f64> = members.iter().filter_map(|(_, s)| s.event_ps).collect();
    let mean = events.iter().sum::<f64>() / events.len() as f64;
    if events.len() < 2 {
        return (0.0, 0.0);
    }
    (events.iter().map(|e| (e - mean).powi(2)).sum(), (events.len() - 1) as f64)
}

/// Each replica's states and warnings beside the shares of the others'. A lineage is resampled whole.
fn forecast(data: &Prepared, groups: &[Group<'_>]) -> Scored {
    let classes = data.set.classes.len();
    let mut lineages = Lineages::default();
    let mut judged = Vec::new();
    for members in groups {
        for (k, one) in members {
            let run = lineages.place(&one.lineage);
            let mut random = Random::new(*k as u64, 0x71E5);
            let points = one.verdicts().step_by(THIN).filter_map(|frame| {
                let others = || members.iter().filter(|(o, _)| o != k).map(|(_, s)| s);
                let states: Vec<u8> =
                    others().filter_map(|s| s.state.get(frame).copied().flatten()).collect();
                let share = |c: usize| {
                    states.iter().filter(|&&s| usize::from(s) == c).count() as f32 / states.len() as f32
                };
                let mut p_states: Vec<f32> = (0..classes).map(share).collect();
                break_tie(&mut p_states, &mut random);
                let warnings: Vec<bool> =
                    others().filter_map(|s| s.warning.get(frame).copied().flatten()).collect();
                let positive = warnings.iter().filter(|w| **w).count() as f64;
                (!states.is_empty()).then(|| Point {
                    state: one.state[frame],
                    warning: one.warning[frame],
                    p_states,
                    p_warning: positive / warnings.len() as f64,
                    time_ps: one.time_ps[frame],
                })
            });
            judged.push(Judged {
                series: *k,
                run,
                name: one.run.clone(),
                reconstructs: false,
                stratum: one.stratum(),
                part: 0,
                points: points.collect(),
                trace: Trace {
                    time_ps: Vec::new(),
                    score: Vec::new(),
                    event_ps: one.event_ps,
                    end_ps: one.end_ps,
                    ready_ps: one.ready_ps,
                    due_ps: one.due_ps,
                },
                threshold: 1.0,
            });
        }
    }
    Scored {
        judged,
        runs: lineages.count(),
        classes,
        gap_ps: data.set.horizon.gap_ps,
        horizon_ps: data.set.horizon.horizon_ps,
        warnable_ps: data.set.horizon.least_lead_ps,
    }
}

/// Lifts one of the classes that share the most votes, drawn by lot, by less than any vote: the first of
/// them, which is stable, has no more right to it than the others.
fn break_tie(shares: &mut [f32], random: &mut Random) {
    let most = shares.iter().copied().fold(0.0, f32::max);
    let tied: Vec<usize> = (0..shares.len()).filter(|&class| shares[class] == most).collect();
    if tied.len() > 1 {
        shares[tied[random.below(tied.len())]] += 1e-4;
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::learn::folds::Fold;
    use crate::learn::prepare::Set;
    use crate::learn::verdicts::{Spoken, Verdicts};
    use crate::model::stream::Said;

    /// A series of 60 frames of 1 ps with its event.
    pub fn series(run: &str, lineage: &str, event_ps: Option<f64>) -> prepare::Prepared {
        let frames = 60;
        let time_ps: Vec<f64> = (0..frames).map(f64::from).collect();
        let horizon = crate::dataset::target::Horizon::default();
        let target = |t: &f64| horizon.target(*t, event_ps, 59.0).value().map(|v| v == 1);
        prepare::Prepared {
            run: run.into(),
            lineage: lineage.into(),
            interface: 0,
            condition: BTreeMap::new(),
            elements: Vec::new(),
            atoms: None,
            width: 1,
            rows: vec![0.0; 60],
            baseline: None,
            judged: vec![true; 60],
            ready_ps: 0.0,
            due_ps: 0.0,
            first: 0,
            model_free: vec![[0.0; 2]; 60],
            state: time_ps
                .iter()
                .map(|t| Some(if event_ps.is_some_and(|e| *t >= e) { 2 } else { 0 }))
                .collect(),
            warning: time_ps.iter().map(target).collect(),
            event_ps,
            onset_ps: event_ps,
            end_ps: 59.0,
            time_ps,
        }
    }

    /// Series of three classes, all for training.
    pub fn data(series: Vec<prepare::Prepared>) -> Prepared {
        let folds = vec![Fold::Train; series.len()];
        let set = Set {
            columns: vec!["x".into()],
            classes: ["stable", "reconstructing", "unstable"].map(str::to_owned).to_vec(),
            series,
            window: 8,
            sample_ps: 1.0,
            every: 1,
            settings: None,
            horizon: crate::dataset::target::Horizon::default(),
            hash: String::new(),
        };
        Prepared { set, folds }
    }

    /// The same warning at every frame of each series.
    pub fn constant(data: &Prepared, warnings: &[f32]) -> Verdicts {
        let said = |warning: f32| Said { states: vec![1.0, 0.0, 0.0], warning };
        let series = data.set.series.iter().zip(warnings).enumerate().map(|(k, (one, &warning))| Spoken {
            series: k,
            run: one.run.clone(),
            interface: one.interface,
            said: vec![said(warning); one.verdicts().count()],
        });
        Verdicts { data_hash: String::new(), split_hash: String::new(), series: series.collect() }
    }

    #[test]
    fn replicas_that_agree_foretell_each_other() {
        let data = data(vec![
            series("a0", "a", Some(30.0)),
            series("a1", "a", Some(30.0)),
            series("b0", "b", None),
            series("b1", "b", None),
            series("c0", "c", Some(20.0)),
        ]);
        let found = Replicas::of(&data, On::Test, 20).expect("replicas");
        assert_eq!((found.interfaces, found.series), (2, 4));
        assert_eq!((found.other_outcome.value, found.event_deviation_ps.value), (0.0, 0.0));
        assert_eq!((found.forecast["accuracy"].value, found.forecast["auroc"].value), (1.0, 1.0));
        assert_eq!((found.agreement.value, found.ceiling.value), (1.0, 1.0));
        assert!(found.ceiling.low.is_nan(), "two configurations are too few for an interval");
        assert!(Replicas::of(&data, On::Validation, 20).is_some(), "training lineages may be shown");
    }

    #[test]
    fn events_that_scatter_and_outcomes_that_differ() {
        let data =
            data(vec![series("a0", "a", Some(20.0)), series("a1", "a", Some(24.0)), series("a2", "a", None)]);
        let found = Replicas::of(&data, On::Test, 20).expect("replicas");
        assert!((found.other_outcome.value - 2.0 / 3.0).abs() < 1e-12);
        // 20 and 24: variance 8.
        assert!((found.event_deviation_ps.value - 8f64.sqrt()).abs() < 1e-12);
        assert!(found.forecast["accuracy"].value < 1.0);
        // One pair of three agrees, which no p allows on average: a half is the least.
        assert!((found.agreement.value - 1.0 / 3.0).abs() < 1e-12);
        assert_eq!(found.ceiling.value, 0.5);
    }

    #[test]
    fn runs_of_two_conditions_that_began_with_one_file_are_no_replicas() {
        let at = |run: &str, kelvin: u32, event_ps| {
            let condition = BTreeMap::from([("temperature_k".to_owned(), kelvin.into())]);
            prepare::Prepared { condition, ..series(run, "a", event_ps) }
        };
        let data = data(vec![at("a0", 900, None), at("a1", 900, None), at("a2", 1300, Some(20.0))]);
        let found = Replicas::of(&data, On::Test, 20).expect("replicas");
        assert_eq!((found.series, found.other_outcome.value), (2, 0.0));
    }

    #[test]
    fn the_ceiling_lies_above_the_best_possible_accuracy() {
        // Chances per configuration, all as likely.
        for chances in [&[0.0, 1.0][..], &[0.5], &[0.1, 0.6, 0.9], &[0.2, 0.8]] {
            let mean =
                |of: &dyn Fn(f64) -> f64| chances.iter().map(|&p| of(p)).sum::<f64>() / chances.len() as f64;
            let q = mean(&|p| p * p + (1.0 - p) * (1.0 - p));
            let best = mean(&|p| f64::max(p, 1.0 - p));
            assert!(ceiling(q) >= best - 1e-7 && ceiling(q) <= best + 0.1, "{chances:?}");
        }
    }

    #[test]
    fn ties_are_broken_by_lot_and_majorities_stay() {
        let mut random = Random::new(1, 1);
        let mut first = 0;
        for _ in 0..1000 {
            let mut shares = [0.5, 0.0, 0.5];
            break_tie(&mut shares, &mut random);
            first += usize::from(shares[0] > shares[2]);
        }
        assert!((400..600).contains(&first), "{first} of 1000");
        let mut clear = [0.25, 0.75, 0.0];
        break_tie(&mut clear, &mut random);
        assert_eq!(clear, [0.25, 0.75, 0.0]);
    }
}
