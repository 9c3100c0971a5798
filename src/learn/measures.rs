//! All scores of verdicts beside the truth, for any number of resamples.
//!
//! Enters: a [`Scored`] per training seed. Leaves: [`Measured`], the value of every measure on the runs as
//! they are and on each resample. Everything that does not depend on which runs were drawn (orders,
//! confusion matrices, alarms) is worked out once, in a `Sheet`.

mod sheet;

use std::collections::BTreeMap;

use super::score::bootstrap::{Interval, resamples};
use super::scored::Scored;
use sheet::Sheet;

/// Resamples for an interval, unless others are asked for.
pub const DRAWS: usize = 2000;

/// Names of what is measured, in order.
///
/// `macro_f1` and `auc` are means over the classes that occur in the scored set, the same for every method
/// and resample; a resample without one of them has neither. `auroc_within` compares runs of one condition
/// only, `auroc_within_time` those of one condition within the same 5 ps only, where neither temperature nor
/// elapsed time can help. `brier` is the mean squared difference of the warning's probability and outcome
/// (doi:10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2). Leads count a miss as 0. `lead_over_onset` is the
/// mean of the lead as a share of the event's time. `event_recall_within` counts only alarms at most the
/// horizon ahead. False alarms per 100 are per 100 runs without an event on any interface, an alarm of any of
/// them counted once, and a run without any verdict not at all; `..._reconstructing` are those of them that
/// only reconstruct. Per ns is per interface, over the time until its alarm. `..._matched` are at the
/// threshold at which at most 5 % of the scored runs without an event alarm: that compares methods at equal
/// false alarms, but is known only afterwards and cannot be had beforehand.
pub const MEASURES: [&str; 30] = [
    "accuracy",
    "macro_f1",
    "auc",
    "auroc",
    "auroc_within",
    "auroc_within_time",
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
    "lead_ps_median_matched",
    "lead_ps_mean_matched",
    "lead_ps_median_warnable_matched",
    "lead_over_5ps_matched",
    "event_recall_matched",
    "event_recall_warnable_matched",
    "false_alarms_per_100_matched",
];

/// What a share is at most; `None` for what is no share of runs or events, or chosen to be what it is.
fn most(measure: &str) -> Option<f64> {
    match measure {
        "alarm_precision" | "lead_over_5ps" | "lead_over_5ps_matched" => Some(1.0),
        "false_alarms_per_100" | "false_alarms_per_100_reconstructing" => Some(100.0),
        _ => measure.starts_with("event_recall").then_some(1.0),
    }
}

/// A method's measures on a set of runs, mean over the training seeds that define them.
#[derive(Debug, Clone)]
pub struct Measured {
    /// On the runs as they are.
    pub whole: Vec<f64>,
    /// Of each seed on the runs as they are.
    single: Vec<Vec<f64>>,
    /// Measure x resample.
    drawn: Vec<Vec<f64>>,
    /// Per measure: lineages that it rests on.
    lineages: Vec<usize>,
    /// Classes that `macro_f1` and `auc` are means over.
    pub classes: Vec<usize>,
}

impl Measured {
    /// Measures with `draws` resamples of the lineages. What has the same lineages and the same `stream` is
    /// resampled alike, for paired differences; another stream is independent.
    #[must_use]
    pub fn new(seeds: &[Scored], draws: usize, stream: u64) -> Self {
        let sheets: Vec<Sheet> = seeds.iter().map(Sheet::new).collect();
        let runs = seeds.first().map_or(0, |s| s.runs);
        let each = |weights: &[f64]| sheets.iter().map(|s| s.measure(weights)).collect::<Vec<_>>();
        let mean = |of: &[Vec<f64>]| -> Vec<f64> {
            let mean = |k: usize| {
                let defined = || of.iter().map(|m| m[k]).filter(|value| !value.is_nan());
                defined().sum::<f64>() / defined().count() as f64
            };
            (0..MEASURES.len()).map(mean).collect()
        };
        let single = each(&vec![1.0; runs]);
        let mut drawn = vec![Vec::with_capacity(draws); MEASURES.len()];
        if runs > 0 {
            for weights in resamples(runs, draws, stream) {
                mean(&each(&weights))
                    .into_iter()
                    .zip(&mut drawn)
                    .for_each(|(value, column)| column.push(value));
            }
        }
        let fewest = |name: &&str| sheets.iter().map(|s| s.lineages(name)).min().unwrap_or(0);
        Self {
            whole: mean(&single),
            single,
            drawn,
            lineages: MEASURES.iter().map(fewest).collect(),
            classes: sheets.first().map_or_else(Vec::new, |s| s.classes.clone()),
        }
    }

    /// All measures with their intervals, by name.
    #[must_use]
    pub fn scores(&self) -> BTreeMap<String, Interval> {
        self.named(|k| {
            let value = self.whole[k];
            if let Some(found) =
                most(MEASURES[k]).and_then(|m| Interval::at_the_end(value, m, self.lineages[k]))
            {
                return found;
            }
            if MEASURES[k] == "false_alarms_per_ns" && value == 0.0 {
                // No resample differs, and none of them says what the rate could be.
                return Interval::bare(value);
            }
            Interval::of(value, &self.drawn[k], self.lineages[k])
        })
    }

    /// Lineages that each measure rests on, by name.
    #[must_use]
    pub fn lineages(&self) -> BTreeMap<String, usize> {
        MEASURES.iter().zip(&self.lineages).map(|(name, &count)| ((*name).to_owned(), count)).collect()
    }

    /// This minus another, by name: paired where both were drawn alike. Means over other classes cannot be
    /// compared, and of shares that are none or all on both sides resamples say nothing.
    #[must_use]
    pub fn minus(&self, other: &Self) -> BTreeMap<String, Interval> {
        self.named(|k| {
            let difference = self.whole[k] - other.whole[k];
            if ["macro_f1", "auc"].contains(&MEASURES[k]) && self.classes != other.classes {
                return Interval::bare(f64::NAN);
            }
            let is_end = |value: f64| most(MEASURES[k]).is_some_and(|most| value == 0.0 || value == most);
            if is_end(self.whole[k]) && is_end(other.whole[k]) {
                return Interval::bare(difference);
            }
            let pairs = self.drawn[k].iter().zip(&other.drawn[k]);
            let lineages = self.lineages[k].min(other.lineages[k]);
            Interval::of(difference, &pairs.map(|(a, b)| a - b).collect::<Vec<_>>(), lineages)
        })
    }

    fn named(&self, of: impl Fn(usize) -> Interval) -> BTreeMap<String, Interval> {
        MEASURES.iter().enumerate().map(|(k, name)| ((*name).to_owned(), of(k))).collect()
    }

    /// Standard deviations over seeds by name; none with one seed.
    #[must_use]
    pub fn deviations(&self) -> BTreeMap<String, f64> {
        let deviation = |k: usize| {
            let defined = || self.single.iter().map(|s| s[k]).filter(|value| !value.is_nan());
            let squares: f64 = defined().map(|value| (value - self.whole[k]).powi(2)).sum();
            (squares / (defined().count() as f64 - 1.0)).sqrt()
        };
        let all = MEASURES.iter().enumerate().map(|(k, name)| ((*name).to_owned(), deviation(k)));
        all.filter(|(_, deviation)| deviation.is_finite()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::sheet::tests::{judged, of, position, scored};
    use super::*;
    use crate::learn::scored::{Judged, Point};

    #[test]
    fn one_lineage_with_an_event_gives_no_interval_and_no_alarm_one_of_its_own() {
        let mut all: Vec<Judged> = (0..4).map(|k| judged(&format!("q{k}"), k, None, false, 0.1)).collect();
        all.push(judged("e", 4, Some(15.0), false, 0.9));
        let found = Measured::new(&[scored(all)], 200, 1);
        let scores = found.scores();
        assert!(scores["lead_ps_median"].value == 13.0 && scores["lead_ps_median"].low.is_nan());
        let alarms = scores["false_alarms_per_100"];
        assert!(alarms.value == 0.0 && (alarms.high - 60.24).abs() < 0.01, "{alarms:?}");
        assert_eq!((found.lineages()["lead_ps_median"], found.lineages()["false_alarms_per_100"]), (1, 4));
        let none = found.minus(&found);
        assert!(none["false_alarms_per_100"].low.is_nan() && none["lead_ps_mean"].low.is_nan());
    }

    #[test]
    fn classes_are_those_of_the_whole_set() {
        let with = |states: &[u8]| {
            let judged = states.iter().enumerate().map(|(run, &state)| {
                let mut one = judged(&format!("r{run}"), run, None, false, 0.1);
                let p_states = (0..3).map(|class| f32::from(u8::from(class == state))).collect();
                one.points =
                    vec![Point { state: Some(state), warning: None, p_states, p_warning: 0.1, time_ps: 0.0 }];
                one
            });
            scored(judged.collect())
        };
        let set = with(&[0, 1, 0, 1]);
        assert_eq!((of(&set, &[1.0; 4], "macro_f1"), of(&set, &[1.0; 4], "auc")), (1.0, 1.0));
        let without = [2.0, 0.0, 2.0, 0.0];
        assert!(of(&set, &without, "macro_f1").is_nan() && of(&set, &without, "auc").is_nan());
        let [two, three] = [&[0, 1, 0, 1][..], &[0, 1, 2, 1][..]].map(|s| Measured::new(&[with(s)], 10, 1));
        assert_eq!((&two.classes, &three.classes), (&vec![0, 1], &vec![0, 1, 2]));
        let lost = two.minus(&three);
        assert!(lost["macro_f1"].value.is_nan() && lost["accuracy"].value == 0.0);
    }

    #[test]
    fn seeds_that_do_not_define_a_measure_have_no_say_in_its_mean() {
        let silent = |score: f64| scored(vec![judged("a", 0, Some(15.0), false, score)]);
        // Without an alarm there is no precision.
        let found = Measured::new(&[silent(0.9), silent(0.1)], 0, 1);
        let value = |name: &str| found.whole[position(name)];
        assert_eq!((value("alarm_precision"), value("event_recall")), (1.0, 0.5));
    }
}
