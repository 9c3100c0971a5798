//! What a method said of a test set, worked out once for any number of resamples.

use std::collections::{BTreeMap, BTreeSet};

use crate::dataset::target::SLACK_PS;
use crate::learn::run::{PERSIST, RATE};
use crate::learn::score::alarms::{Trace, quantile_drawn};
use crate::learn::score::classes::Confusion;
use crate::learn::score::ranking::{Ranking, precision_within, units, within};
use crate::learn::scored::{Judged, Point, Scored};
use crate::learn::training::largest;

/// Times closer than this share a stratum of `auroc_within_time`, ps.
const TIME_BIN_PS: f64 = 5.0;
/// A lead that leaves time to act, ps: `lead_over_5ps`, whatever makes an event warnable.
const LONG_LEAD_PS: f64 = 5.0;

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

/// Leads at one threshold, ascending, with their lineage: of all events, and of the warnable ones.
type Leads = [Vec<(f64, usize)>; 2];

/// What is worked out once.
pub struct Sheet {
    /// Per lineage.
    confusion: Vec<Confusion>,
    /// Classes that occur.
    pub classes: Vec<usize>,
    /// Per class that occurs, against the rest: a ranking per part.
    against_rest: Vec<Vec<Ranking>>,
    /// Per part.
    warning: Vec<Ranking>,
    by_condition: Vec<Ranking>,
    by_time: Vec<Ranking>,
    /// Per lineage: warnings, positives, sum of squared errors.
    warned: Vec<[f64; 3]>,
    events: Vec<Event>,
    leads: Leads,
    /// Per lineage: false alarms of interfaces without an event, and their time until then, ns.
    stable: Vec<[f64; 2]>,
    /// By falling maximum.
    quiet: Vec<Quiet>,
    /// Per quiet run: leads at the threshold just above its maximum.
    matched: Vec<Leads>,
}

impl Sheet {
    pub fn new(scored: &Scored) -> Self {
        let judged = &scored.judged;
        let points = || judged.iter().flat_map(|j| j.points.iter().map(move |p| (j, p)));
        let mut confusion = vec![Confusion::new(scored.classes); scored.runs];
        for (j, point) in points() {
            if let Some(state) = point.state {
                confusion[j.run].add(usize::from(state), largest(&point.p_states));
            }
        }
        let occurs = |class: &usize| points().any(|(_, p)| p.state.map(usize::from) == Some(*class));
        let classes: Vec<usize> = (0..scored.classes).filter(occurs).collect();
        let parts = judged.iter().map(|j| j.part + 1).max().unwrap_or(0);
        let against_rest = classes.iter().map(|&class| {
            let of_part = |part: usize| {
                Ranking::new(points().filter(|(j, _)| j.part == part).filter_map(|(j, p)| {
                    Some((f64::from(p.p_states[class]), usize::from(p.state?) == class, j.run))
                }))
            };
            (0..parts).map(of_part).collect()
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
            let mut strata: BTreeMap<(usize, (String, i64)), Items> = BTreeMap::new();
            for (j, p, yes) in warnings() {
                strata.entry((j.part, of(j, p))).or_default().push((p.p_warning, yes, j.run));
            }
            strata.into_values().map(Ranking::new).collect::<Vec<_>>()
        };
        let bin = |time_ps: f64| ((time_ps + SLACK_PS) / TIME_BIN_PS).floor() as i64;
        let events: Vec<Event> = judged.iter().filter_map(|j| event(j, scored)).collect();
        let leads = [false, true].map(|only| {
            ascending(events.iter().filter(|e| e.warnable || !only).map(|e| (e.lead_ps, e.unit)).collect())
        });
        let mut stable = vec![[0.0; 2]; scored.runs];
        for j in judged.iter().filter(|j| j.trace.event_ps.is_none()) {
            let alarm = j.trace.alarm(j.threshold, PERSIST);
            stable[j.run][0] += f64::from(u8::from(alarm.is_some()));
            // There is one alarm per series: what comes after it is no more time to alarm in.
            stable[j.run][1] += 1e-3 * j.trace.watched_ps(alarm.unwrap_or(j.trace.end_ps));
        }
        let quiet = quiet(judged);
        let traces: Vec<(&Trace, usize)> =
            judged.iter().filter(|j| j.trace.event_ps.is_some()).map(|j| (&j.trace, j.run)).collect();
        let leads_above = |maximum: f64| {
            let lead = |trace: &Trace| trace.lead(trace.alarm(maximum.next_up(), PERSIST), scored.gap_ps);
            let leads: Vec<f64> = traces.iter().map(|(trace, _)| lead(trace)).collect();
            [false, true].map(|only| {
                let chosen = traces.iter().zip(&leads);
                let chosen = chosen.filter(|((t, _), _)| !only || t.warnable(scored.warnable_ps));
                ascending(chosen.map(|(&(_, unit), &lead)| (lead, unit)).collect())
            })
        };
        Self {
            confusion,
            against_rest: against_rest.collect(),
            classes,
            warning: strata(&|_, _| (String::new(), 0)),
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

    /// All of [`super::MEASURES`], in that order, with lineages weighted; NaN where undefined.
    pub fn measure(&self, weights: &[f64]) -> Vec<f64> {
        let mut confusion = Confusion::new(self.confusion.first().map_or(0, |c| c.counts.len()));
        self.confusion.iter().zip(weights).for_each(|(part, &weight)| confusion.merge(part, weight));
        let areas = self.against_rest.iter().map(|class| within(class, weights));
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
        let matched = self.matched(weights);
        let level = matched.map_or(f64::NAN, |(level, _)| level);
        let matched_median =
            |only: usize| matched.map_or(f64::NAN, |(_, leads)| quantile_drawn(&leads[only], weights, 0.5));
        let matched_mean = |only: usize, of: &dyn Fn(f64) -> f64| -> f64 {
            let Some((_, leads)) = matched else { return f64::NAN };
            let sum = |of: &dyn Fn(f64) -> f64| -> f64 {
                0.0 + leads[only].iter().map(|&(lead, unit)| weights[unit] * of(lead)).sum::<f64>()
            };
            sum(of) / sum(&|_| 1.0)
        };
        let is_long = |lead: f64| lead >= LONG_LEAD_PS - SLACK_PS;
        vec![
            confusion.accuracy(),
            confusion.macro_f1_of(&self.classes),
            areas.sum::<f64>() / self.classes.len() as f64,
            within(&self.warning, weights),
            within(&self.by_condition, weights),
            within(&self.by_time, weights),
            precision_within(&self.warning, weights),
            warned(1) / warned(0),
            warned(2) / warned(0),
            quantile_drawn(leads, weights, 0.5),
            quantile_drawn(leads, weights, 0.25),
            quantile_drawn(leads, weights, 0.75),
            sum(&|e| e.lead_ps) / total,
            quantile_drawn(warnable, weights, 0.5),
            sum(&|e| e.lead_ps / e.event_ps) / total,
            count(&|e| is_long(e.lead_ps)) / total,
            in_time / total,
            count(&|e| e.within) / total,
            count(&|e| e.warnable && e.lead_ps > 0.0) / count(&|e| e.warnable),
            in_time / (count(&|e| e.alarmed) + stable(0)),
            false_alarms(&|_| true, &|q| q.alarmed),
            false_alarms(&|q| q.reconstructs, &|q| q.alarmed),
            stable(0) / stable(1),
            matched_median(0),
            matched_mean(0, &|lead| lead),
            matched_median(1),
            matched_mean(0, &|lead| f64::from(u8::from(is_long(lead)))),
            matched_mean(0, &|lead| f64::from(u8::from(lead > 0.0))),
            matched_mean(1, &|lead| f64::from(u8::from(lead > 0.0))),
            false_alarms(&|_| true, &|q| q.maximum > level),
        ]
    }

    /// The largest maximum that must not alarm so that at most [`RATE`] of the drawn quiet runs do, and the
    /// leads at the threshold just above it. `None` without quiet runs.
    fn matched(&self, weights: &[f64]) -> Option<(f64, &Leads)> {
        let allowed = RATE * self.quiet.iter().map(|q| weights[q.unit]).sum::<f64>() + 1e-9;
        let mut above = 0.0;
        for (same, k) in self.quiet.chunk_by(|a, b| a.maximum == b.maximum).scan(0, |k, same| {
            let at = *k;
            *k += same.len();
            Some((same, at))
        }) {
            above += same.iter().map(|q| weights[q.unit]).sum::<f64>();
            if above > allowed {
                return Some((same[0].maximum, &self.matched[k]));
            }
        }
        None
    }

    /// Lineages that a measure rests on: those that show what it counts, and where it sets two kinds against
    /// each other, those of the rarer kind.
    pub fn lineages(&self, measure: &str) -> usize {
        let of_events = |test: &dyn Fn(&Event) -> bool| -> BTreeSet<usize> {
            self.events.iter().filter(|e| test(e)).map(|e| e.unit).collect()
        };
        let of_quiet = |test: &dyn Fn(&Quiet) -> bool| {
            self.quiet.iter().filter(|q| test(q)).map(|q| q.unit).collect::<BTreeSet<usize>>().len()
        };
        let of_stable = |k: usize| (0..self.stable.len()).filter(move |&unit| self.stable[unit][k] > 0.0);
        let occurs = |class: &usize| {
            self.confusion.iter().filter(|c| c.counts[*class].iter().sum::<f64>() > 0.0).count()
        };
        let leads = of_events(&|e| e.warnable || !measure.contains("warnable")).len();
        match measure {
            "accuracy" => self.confusion.iter().filter(|c| !c.accuracy().is_nan()).count(),
            "macro_f1" => self.classes.iter().map(occurs).min().unwrap_or(0),
            "auc" => self.against_rest.iter().map(|class| units(class)).min().unwrap_or(0),
            "auroc" | "auprc" => units(&self.warning),
            "auroc_within" => units(&self.by_condition),
            "auroc_within_time" => units(&self.by_time),
            "prevalence" | "brier" => self.warned.iter().filter(|w| w[0] > 0.0).count(),
            "alarm_precision" => {
                let mut alarmed = of_events(&|e| e.alarmed);
                alarmed.extend(of_stable(0));
                alarmed.len()
            }
            "false_alarms_per_100_reconstructing" => of_quiet(&|q| q.reconstructs),
            "false_alarms_per_100" | "false_alarms_per_100_matched" => of_quiet(&|_| true),
            "false_alarms_per_ns" => of_stable(1).count(),
            _ if measure.ends_with("_matched") => leads.min(of_quiet(&|_| true)),
            _ => leads,
        }
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

/// Runs without an event, an alarm of any interface counted once, by falling maximum. One without any
/// verdict could not alarm, and its silence is no evidence.
fn quiet(judged: &[Judged]) -> Vec<Quiet> {
    let mut runs: BTreeMap<&str, (bool, Quiet)> = BTreeMap::new();
    for j in judged {
        let first = Quiet { unit: j.run, reconstructs: false, alarmed: false, maximum: f64::NEG_INFINITY };
        let (fails, run) = runs.entry(&j.name).or_insert((false, first));
        *fails |= j.trace.event_ps.is_some();
        run.reconstructs |= j.reconstructs;
        run.alarmed |= j.trace.alarm(j.threshold, PERSIST).is_some();
        run.maximum = run.maximum.max(j.trace.maximum(PERSIST));
    }
    // One that never had the verdicts for an alarm was not watched.
    let quiet = |(fails, run): (bool, Quiet)| (!fails && run.maximum > f64::NEG_INFINITY).then_some(run);
    let mut runs: Vec<Quiet> = runs.into_values().filter_map(quiet).collect();
    runs.sort_by(|a, b| b.maximum.total_cmp(&a.maximum));
    runs
}

fn ascending(mut values: Vec<(f64, usize)>) -> Vec<(f64, usize)> {
    values.sort_by(|a, b| a.0.total_cmp(&b.0));
    values
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::MEASURES;
    use super::*;

    pub fn judged(name: &str, run: usize, event_ps: Option<f64>, reconstructs: bool, score: f64) -> Judged {
        Judged {
            series: 0,
            run,
            name: name.into(),
            reconstructs,
            stratum: String::new(),
            part: 0,
            points: Vec::new(),
            trace: Trace {
                time_ps: (0..20).map(f64::from).collect(),
                score: vec![score; 20],
                event_ps,
                end_ps: 19.0,
                ready_ps: 0.0,
                due_ps: 0.0,
            },
            threshold: 0.5,
        }
    }

    pub fn scored(judged: Vec<Judged>) -> Scored {
        let runs = judged.iter().map(|j| j.run + 1).max().unwrap_or(0);
        Scored { judged, runs, classes: 3, gap_ps: 1.0, horizon_ps: 10.0, warnable_ps: 5.0 }
    }

    pub fn position(name: &str) -> usize {
        MEASURES.iter().position(|measure| *measure == name).expect("a name of MEASURES")
    }

    pub fn of(scored: &Scored, weights: &[f64], name: &str) -> f64 {
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
        let more =
            ["lead_ps_median_warnable_matched", "event_recall_warnable_matched", "lead_over_5ps_matched"];
        assert_eq!(more.map(|name| of(&scored, &weights, name)), [13.0, 1.0, 1.0]);
        // Drawn twice, the run above it is too many.
        (weights[0], weights[19]) = (0.0, 2.0);
        assert_eq!(names.map(|name| of(&scored, &weights, name)), [0.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn a_run_that_was_never_judged_is_not_quiet_and_time_ends_at_the_alarm() {
        let mut blind = judged("b", 1, None, false, 0.9);
        (blind.trace.time_ps, blind.trace.score) = (Vec::new(), Vec::new());
        let scored = scored(vec![judged("a", 0, None, false, 0.9), blind]);
        assert_eq!(of(&scored, &[1.0; 2], "false_alarms_per_100"), 100.0);
        // One alarm after 2 ps.
        assert!((of(&scored, &[1.0; 2], "false_alarms_per_ns") - 500.0).abs() < 1e-9);
    }

    #[test]
    fn scores_of_two_calibrations_are_not_ranked_together() {
        let of_part = |part: usize, low: f64| {
            let mut one = judged(&format!("r{part}"), part, Some(15.0), false, 0.1);
            one.part = part;
            let point = |warning: bool| Point {
                state: None,
                warning: Some(warning),
                p_states: vec![0.0; 3],
                p_warning: low + 0.1 * f64::from(u8::from(warning)),
                time_ps: 0.0,
            };
            one.points = [false, true].map(point).to_vec();
            one
        };
        let scored = scored(vec![of_part(0, 0.1), of_part(1, 0.8)]);
        for name in ["auroc", "auprc", "auroc_within"] {
            assert_eq!(of(&scored, &[1.0; 2], name), 1.0, "{name}");
        }
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
