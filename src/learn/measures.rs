//! All scores of verdicts beside the truth, for any number of resamples.
//!
//! Enters: a [`Scored`] per training seed. Leaves: [`Measured`], the value of every measure on the runs as
//! they are and on each resample. Everything that does not depend on which runs were drawn (orders,
//! confusion matrices, alarms) is worked out once, in a `Sheet`.

use std::collections::BTreeMap;

use super::run::{PERSIST, RATE};
use super::score::alarms::{Trace, quantile_drawn};
use super::score::bootstrap::{Interval, resamples};
use super::score::classes::Confusion;
use super::score::ranking::{Ranking, within};
use super::scored::{Judged, Point, Scored};
use super::training::largest;
use crate::dataset::target::SLACK_PS;

/// Resamples for an interval, unless others are asked for.
pub const DRAWS: usize = 2000;
/// Times closer than this share a stratum of `auroc_within_time`, ps.
const TIME_BIN_PS: f64 = 5.0;

/// Names of what is measured, in order.
///
/// `auroc_within` compares runs of one condition only, `auroc_within_time` those of one condition within
/// the same 5 ps only, where neither temperature nor elapsed time can help. Leads count a miss as 0.
/// `lead_over_onset` is the mean of the lead as a share of the event's time. `event_recall_within` counts
/// only alarms at most the horizon ahead. False alarms per 100 are per 100 runs without an event on any
/// interface, an alarm of any of them counted once; `..._reconstructing` are those of them that only
/// reconstruct. Per ns is per interface. `..._matched` are at the threshold at which at most 5 % of the
/// scored runs without an event alarm: that compares methods at equal false alarms, but is known only
/// afterwards and cannot be had beforehand.
pub const MEASURES: [&str; 27] = [
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
    "event_recall_matched",
    "false_alarms_per_100_matched",
];

/// Position of a measure.
///
/// # Panics
/// When there is none of that name: an error of the calling code.
#[must_use]
pub fn position(name: &str) -> usize {
    MEASURES.iter().position(|measure| *measure == name).expect("a name of MEASURES")
}

/// An interface with an event.
struct Event {
    unit: usize,
    lead_ps: f64,
    alarmed: bool,
    event_ps: f64,
    warnable: bool,
    within: bool,
}

/// A run without an event on any interface.
struct Quiet {
    unit: usize,
    reconstructs: bool,
    alarmed: bool,
    /// The largest threshold at which it alarms.
    maximum: f64,
}

/// What is worked out once.
struct Sheet {
    /// Per lineage.
    confusion: Vec<Confusion>,
    /// Per class against the rest.
    classes: Vec<Ranking>,
    warning: Ranking,
    by_condition: Vec<Ranking>,
    by_time: Vec<Ranking>,
    /// Per lineage: warnings, positives, sum of squared errors.
    warned: Vec<[f64; 3]>,
    events: Vec<Event>,
    /// Leads of events and of the warnable ones, ascending, with their lineage.
    leads: [Vec<(f64, usize)>; 2],
    /// Per lineage: false alarms of interfaces without an event, and their time, ns.
    stable: Vec<[f64; 2]>,
    /// By falling maximum.
    quiet: Vec<Quiet>,
    /// Per quiet run: leads at the threshold just above its maximum, ascending.
    matched: Vec<Vec<(f64, usize)>>,
}

impl Sheet {
    fn new(scored: &Scored) -> Self {
        let judged = &scored.judged;
        let points = || judged.iter().flat_map(|j| j.points.iter().map(move |p| (j, p)));
        let mut confusion = vec![Confusion::new(scored.classes); scored.runs];
        for (j, point) in points() {
            if let Some(state) = point.state {
                confusion[j.run].add(usize::from(state), largest(&point.p_states));
            }
        }
        let classes = (0..scored.classes).map(|class| {
            Ranking::new(points().filter_map(|(j, p)| {
                Some((f64::from(p.p_states[class]), usize::from(p.state?) == class, j.run))
            }))
        });
        let mut warned = vec![[0.0; 3]; scored.runs];
        let warnings = || points().filter_map(|(j, p)| Some((j, p, p.warning?)));
        for (j, p, yes) in warnings().filter(|(_, p, _)| !p.p_warning.is_nan()) {
            let outcome = f64::from(u8::from(yes));
            let add = [1.0, outcome, (p.p_warning - outcome).powi(2)];
            warned[j.run].iter_mut().zip(add).for_each(|(slot, v)| *slot += v);
        }
        let strata = |of: &dyn Fn(&Judged, &Point) -> (String, i64)| {
            type Items = Vec<(f64, bool, usize)>;
            let mut strata: BTreeMap<(String, i64), Items> = BTreeMap::new();
            for (j, p, yes) in warnings() {
                strata.entry(of(j, p)).or_default().push((p.p_warning, yes, j.run));
            }
            strata.into_values().map(Ranking::new).filter(Ranking::is_mixed).collect::<Vec<_>>()
        };
        let bin = |time_ps: f64| ((time_ps + SLACK_PS) / TIME_BIN_PS).floor() as i64;
        let events: Vec<Event> = judged.iter().filter_map(|j| event(j, scored)).collect();
        let leads = [false, true].map(|only| {
            ascending(events.iter().filter(|e| e.warnable || !only).map(|e| (e.lead_ps, e.unit)).collect())
        });
        let mut stable = vec![[0.0; 2]; scored.runs];
        for j in judged.iter().filter(|j| j.trace.event_ps.is_none()) {
            let alarmed = j.trace.alarm(j.threshold, PERSIST).is_some();
            stable[j.run][0] += f64::from(u8::from(alarmed));
            stable[j.run][1] += 1e-3 * (j.trace.end_ps - j.trace.time_ps.first().unwrap_or(&j.trace.end_ps));
        }
        let quiet = quiet(judged);
        let traces: Vec<(&Trace, usize)> =
            judged.iter().filter(|j| j.trace.event_ps.is_some()).map(|j| (&j.trace, j.run)).collect();
        let leads_above = |maximum: f64| {
            let lead = |trace: &Trace| trace.lead(trace.alarm(maximum.next_up(), PERSIST), scored.gap_ps);
            ascending(traces.iter().map(|&(trace, unit)| (lead(trace), unit)).collect())
        };
        Self {
            confusion,
            classes: classes.collect(),
            warning: Ranking::new(warnings().map(|(j, p, yes)| (p.p_warning, yes, j.run))),
            by_condition: strata(&|j, _| (j.stratum.clone(), 0)),
            by_time: strata(&|j, p| (j.stratum.clone(), bin(p.time_ps))),
            warned,
            leads,
            stable,
            matched: quiet.iter().map(|q| leads_above(q.maximum)).collect(),
            quiet,
            events,
        }
    }

    /// All of [`MEASURES`] with lineages weighted; NaN where undefined.
    fn measure(&self, weights: &[f64]) -> Vec<f64> {
        let classes = self.classes.len();
        let mut confusion = Confusion::new(classes);
        self.confusion.iter().zip(weights).for_each(|(part, &weight)| confusion.merge(part, weight));
        let areas: Vec<f64> =
            self.classes.iter().map(|c| c.auroc(weights)).filter(|area| !area.is_nan()).collect();
        let warned = |k: usize| self.warned.iter().zip(weights).map(|(w, weight)| w[k] * weight).sum::<f64>();
        let sum = |of: &dyn Fn(&Event) -> f64| -> f64 {
            // A sum of nothing is -0.
            0.0 + self.events.iter().map(|e| weights[e.unit] * of(e)).sum::<f64>()
        };
        let count = |of: &dyn Fn(&Event) -> bool| sum(&|e| f64::from(u8::from(of(e))));
        let total = count(&|_| true);
        let in_time = count(&|e| e.lead_ps > 0.0);
        let stable = |k: usize| self.stable.iter().zip(weights).map(|(s, weight)| s[k] * weight).sum::<f64>();
        let false_alarms = |of: &dyn Fn(&Quiet) -> bool, alarmed: &dyn Fn(&Quiet) -> bool| {
            let runs = |test: &dyn Fn(&Quiet) -> bool| -> f64 {
                0.0 + self.quiet.iter().filter(|q| test(q)).map(|q| weights[q.unit]).sum::<f64>()
            };
            100.0 * runs(&|q| of(q) && alarmed(q)) / runs(of)
        };
        let [leads, warnable] = &self.leads;
        let (level, matched) = self.matched(weights);
        let matched_sum = |of: &dyn Fn(f64) -> f64| -> f64 {
            if level.is_nan() {
                return f64::NAN;
            }
            0.0 + matched.iter().map(|&(lead, unit)| weights[unit] * of(lead)).sum::<f64>()
        };
        vec![
            confusion.accuracy(),
            confusion.macro_f1(),
            areas.iter().sum::<f64>() / areas.len() as f64,
            self.warning.auroc(weights),
            within(&self.by_condition, weights),
            within(&self.by_time, weights),
            self.warning.auprc(weights),
            warned(1) / warned(0),
            warned(2) / warned(0),
            quantile_drawn(leads, weights, 0.5),
            quantile_drawn(leads, weights, 0.25),
            quantile_drawn(leads, weights, 0.75),
            sum(&|e| e.lead_ps) / total,
            quantile_drawn(warnable, weights, 0.5),
            sum(&|e| e.lead_ps / e.event_ps) / total,
            count(&|e| e.lead_ps >= 5.0 - SLACK_PS) / total,
            in_time / total,
            count(&|e| e.within) / total,
            count(&|e| e.warnable && e.lead_ps > 0.0) / count(&|e| e.warnable),
            in_time / (count(&|e| e.alarmed) + stable(0)),
            false_alarms(&|_| true, &|q| q.alarmed),
            false_alarms(&|q| q.reconstructs, &|q| q.alarmed),
            stable(0) / stable(1),
            if level.is_nan() { f64::NAN } else { quantile_drawn(matched, weights, 0.5) },
            matched_sum(&|lead| lead) / total,
            matched_sum(&|lead| f64::from(u8::from(lead > 0.0))) / total,
            false_alarms(&|_| true, &|q| q.maximum > level),
        ]
    }

    /// The largest maximum that must not alarm so that at most [`RATE`] of the drawn quiet runs do, and the
    /// leads at the threshold just above it. NaN without quiet runs.
    fn matched(&self, weights: &[f64]) -> (f64, &[(f64, usize)]) {
        let allowed = RATE * self.quiet.iter().map(|q| weights[q.unit]).sum::<f64>() + 1e-9;
        let mut above = 0.0;
        for (same, k) in self.quiet.chunk_by(|a, b| a.maximum == b.maximum).scan(0, |k, same| {
            let at = *k;
            *k += same.len();
            Some((same, at))
        }) {
            above += same.iter().map(|q| weights[q.unit]).sum::<f64>();
            if above > allowed {
                return (same[0].maximum, &self.matched[k]);
            }
        }
        (f64::NAN, &[])
    }
}

fn event(judged: &Judged, scored: &Scored) -> Option<Event> {
    let event_ps = judged.trace.event_ps?;
    let alarm = judged.trace.alarm(judged.threshold, PERSIST);
    let lead_ps = judged.trace.lead(alarm, scored.gap_ps);
    Some(Event {
        unit: judged.run,
        lead_ps,
        alarmed: alarm.is_some(),
        event_ps,
        warnable: judged.trace.warnable(scored.warnable_ps),
        // As the warning's target: the event lies in (t + g, t + H].
        within: lead_ps > 0.0 && lead_ps <= scored.horizon_ps + SLACK_PS,
    })
}

/// Runs without an event, an alarm of any interface counted once, by falling maximum.
fn quiet(judged: &[Judged]) -> Vec<Quiet> {
    let mut runs: BTreeMap<&str, (bool, Quiet)> = BTreeMap::new();
    for j in judged {
        let first = Quiet { unit: j.run, reconstructs: false, alarmed: false, maximum: f64::NEG_INFINITY };
        let (quiet, run) = runs.entry(&j.name).or_insert((true, first));
        *quiet &= j.trace.event_ps.is_none();
        run.reconstructs |= j.reconstructs;
        run.alarmed |= j.trace.alarm(j.threshold, PERSIST).is_some();
        run.maximum = run.maximum.max(j.trace.maximum(PERSIST));
    }
    let mut runs: Vec<Quiet> = runs.into_values().filter(|(quiet, _)| *quiet).map(|(_, run)| run).collect();
    runs.sort_by(|a, b| b.maximum.total_cmp(&a.maximum));
    runs
}

fn ascending(mut values: Vec<(f64, usize)>) -> Vec<(f64, usize)> {
    values.sort_by(|a, b| a.0.total_cmp(&b.0));
    values
}

/// A method's measures on a set of runs, mean over training seeds.
#[derive(Debug, Clone)]
pub struct Measured {
    /// On the runs as they are.
    pub whole: Vec<f64>,
    /// Of each seed on the runs as they are.
    single: Vec<Vec<f64>>,
    /// Measure x resample.
    drawn: Vec<Vec<f64>>,
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
            (0..MEASURES.len()).map(|k| of.iter().map(|m| m[k]).sum::<f64>() / of.len() as f64).collect()
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
        Self { whole: mean(&single), single, drawn }
    }

    /// A measure.
    #[must_use]
    pub fn value(&self, measure: &str) -> f64 {
        self.whole[position(measure)]
    }

    /// All measures with their intervals, by name.
    #[must_use]
    pub fn scores(&self) -> BTreeMap<String, Interval> {
        self.named(|k| Interval::of(self.whole[k], &self.drawn[k]))
    }

    /// This minus another, by name: paired where both were drawn alike.
    #[must_use]
    pub fn minus(&self, other: &Self) -> BTreeMap<String, Interval> {
        self.named(|k| {
            let pairs = self.drawn[k].iter().zip(&other.drawn[k]);
            Interval::of(self.whole[k] - other.whole[k], &pairs.map(|(a, b)| a - b).collect::<Vec<_>>())
        })
    }

    fn named(&self, of: impl Fn(usize) -> Interval) -> BTreeMap<String, Interval> {
        MEASURES.iter().enumerate().map(|(k, name)| ((*name).to_owned(), of(k))).collect()
    }

    /// Standard deviations over seeds by name; none with one seed.
    #[must_use]
    pub fn deviations(&self) -> BTreeMap<String, f64> {
        let n = self.single.len() as f64;
        let deviation = |k: usize| {
            let squares: f64 = self.single.iter().map(|s| (s[k] - self.whole[k]).powi(2)).sum();
            (squares / (n - 1.0)).sqrt()
        };
        let all = MEASURES.iter().enumerate().map(|(k, name)| ((*name).to_owned(), deviation(k)));
        all.filter(|(_, deviation)| n > 1.0 && deviation.is_finite()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(name: &str, run: usize, event_ps: Option<f64>, reconstructs: bool, score: f64) -> Judged {
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
                ready_ps: 0.0,
            },
            threshold: 0.5,
        }
    }

    fn scored(judged: Vec<Judged>) -> Scored {
        let runs = judged.iter().map(|j| j.run + 1).max().unwrap_or(0);
        Scored { judged, runs, classes: 3, gap_ps: 1.0, horizon_ps: 10.0, warnable_ps: 5.0 }
    }

    fn of(scored: &Scored, weights: &[f64], name: &str) -> f64 {
        Sheet::new(scored).measure(weights)[position(name)]
    }

    #[test]
    fn false_alarms_are_counted_by_run_and_only_where_nothing_fails() {
        let scored = scored(vec![
            // Both interfaces alarm: one false alarm.
            judged("a", 0, None, false, 0.9),
            judged("a", 0, None, true, 0.9),
            judged("b", 1, None, false, 0.1),
            // Its other interface fails: no run without an event.
            judged("c", 2, None, false, 0.9),
            judged("c", 2, Some(15.0), false, 0.9),
            judged("d", 3, None, true, 0.1),
        ]);
        let ones = [1.0; 4];
        assert_eq!(of(&scored, &ones, "false_alarms_per_100"), 100.0 / 3.0);
        assert_eq!(of(&scored, &ones, "false_alarms_per_100_reconstructing"), 50.0);
        assert_eq!(of(&scored, &[2.0, 0.0, 1.0, 0.0], "false_alarms_per_100"), 100.0);
        // The alarm comes with the third score, 13 ps before the event: in time, not within the horizon.
        let events = ["lead_ps_median", "event_recall", "event_recall_within"];
        assert_eq!(events.map(|name| of(&scored, &ones, name)), [13.0, 1.0, 0.0]);
        assert_eq!(of(&scored, &ones, "alarm_precision"), 0.25);
    }

    #[test]
    fn the_horizon_ends_after_its_length_not_a_gap_later() {
        let within = |event: f64| {
            let scored = scored(vec![judged("a", 0, Some(event), false, 0.9)]);
            of(&scored, &[1.0], "event_recall_within")
        };
        // The alarm comes at 2 ps.
        assert_eq!([11.0, 12.0, 12.5].map(within), [1.0, 1.0, 0.0]);
    }

    #[test]
    fn an_interface_that_was_never_judged_is_a_miss() {
        let mut blind = judged("b", 1, Some(15.0), false, 0.9);
        (blind.trace.time_ps, blind.trace.score) = (Vec::new(), Vec::new());
        let scored = scored(vec![judged("a", 0, Some(15.0), false, 0.9), blind]);
        let measures = ["event_recall", "event_recall_warnable", "lead_ps_mean"];
        assert_eq!(measures.map(|name| of(&scored, &[1.0; 2], name)), [0.5, 0.5, 6.5]);
    }

    #[test]
    fn matched_leads_are_at_equal_false_alarms_whatever_the_own_threshold() {
        // Twenty quiet runs: one may alarm. The event's score lies between the two highest of them.
        let mut all: Vec<Judged> =
            (0..20).map(|k| judged(&format!("q{k}"), k, None, false, 0.01 * k as f64)).collect();
        all.push(judged("e", 20, Some(15.0), false, 0.185));
        let scored = scored(all);
        let mut weights = vec![1.0; 21];
        let names =
            ["lead_ps_mean", "lead_ps_mean_matched", "event_recall_matched", "false_alarms_per_100_matched"];
        assert_eq!(names.map(|name| of(&scored, &weights, name)), [0.0, 13.0, 1.0, 5.0]);
        // Drawn twice, the run above it is too many.
        (weights[0], weights[19]) = (0.0, 2.0);
        assert_eq!(names.map(|name| of(&scored, &weights, name)), [0.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn time_tells_nothing_within_a_bin_of_time() {
        // The score is the time; positives are late.
        let mut one = judged("a", 0, Some(30.0), false, 0.9);
        let point = |t: u32| Point {
            state: None,
            warning: Some(t >= 20),
            p_states: vec![0.0; 3],
            p_warning: f64::from(t / 5),
            time_ps: f64::from(t),
        };
        one.points = (0..29).map(point).collect();
        let mut other = judged("b", 1, None, false, 0.1);
        other.points = (0..29).map(|t| Point { warning: Some(false), ..point(t) }).collect();
        let scored = scored(vec![one, other]);
        assert!(of(&scored, &[1.0; 2], "auroc") > 0.7);
        assert_eq!(of(&scored, &[1.0; 2], "auroc_within_time"), 0.5);
    }
}
