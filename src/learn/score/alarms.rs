//! Alarms of whole series: threshold for a false-alarm rate, first alarms, lead times.
//!
//! An alarm is raised by the last of `persist` scores in a row that reach the threshold, as in
//! [`crate::decision`]; one alarm per series.

use serde::Serialize;

/// Score over time of one series.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    /// Times of the verdicts, ps.
    pub time_ps: Vec<f64>,
    /// Their scores, NaN where there is none.
    pub score: Vec<f64>,
    /// Begin of the instability, ps.
    pub event_ps: Option<f64>,
    /// Time of the last verdict, ps.
    pub end_ps: f64,
}

impl Trace {
    /// The largest threshold at which there is an alarm before `until_ps`: the maximum over time of the
    /// least of `persist` scores in a row. Negative infinity without as many scores.
    #[must_use]
    pub fn maximum(&self, persist: usize, until_ps: f64) -> f64 {
        let (mut best, mut run) = (f64::NEG_INFINITY, Vec::<f64>::new());
        for (&time, &score) in self.time_ps.iter().zip(&self.score) {
            if time >= until_ps {
                break;
            }
            if score.is_nan() {
                run.clear();
                continue;
            }
            run.push(score);
            if run.len() >= persist {
                let least = run[run.len() - persist..].iter().copied().fold(f64::INFINITY, f64::min);
                best = best.max(least);
            }
        }
        best
    }

    /// Time of the first alarm, ps.
    #[must_use]
    pub fn alarm(&self, threshold: f64, persist: usize) -> Option<f64> {
        let mut run = 0;
        for (&time, &score) in self.time_ps.iter().zip(&self.score) {
            run = if score >= threshold { run + 1 } else { 0 };
            if run >= persist {
                return Some(time);
            }
        }
        None
    }
}

/// A threshold and what it rests on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Level {
    /// The threshold, a probability above 0 that can be reached.
    pub threshold: f64,
    /// How many of the stable runs reach it.
    pub false_alarms: usize,
    /// The false-alarm rate that the runs support: the wanted one, or where they are too few for it,
    /// (alarms + 1) / (runs + 1).
    pub rate: f64,
}

/// The smallest threshold for which a further stable run, exchangeable with those of `maxima`, alarms
/// with a probability of at most `rate`: k = floor(rate (n + 1)) - 1 of n maxima may lie at or above it,
/// as the new run's is as likely in any of n + 1 places (conformal, Vovk et al.,
/// doi:10.1007/978-3-031-06649-8). Where k is negative no threshold supports the rate: the one above
/// all maxima is taken, which supports 1 / (n + 1). `None` without stable runs.
#[must_use]
pub fn threshold(maxima: &[f64], rate: f64) -> Option<Level> {
    if maxima.is_empty() {
        return None;
    }
    let mut sorted = maxima.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let places = sorted.len() as f64 + 1.0;
    let allowed = ((rate * places + 1e-9).floor() as usize).saturating_sub(1).min(sorted.len() - 1);
    // Just above the largest maximum that is not allowed to alarm. A probability of 1 can be reached,
    // nothing above it can: alarms are counted at what is used.
    let threshold = sorted[allowed].next_up().clamp(f64::MIN_POSITIVE, 1.0);
    let false_alarms = sorted.iter().filter(|&&m| m >= threshold).count();
    Some(Level { threshold, false_alarms, rate: rate.max((false_alarms + 1) as f64 / places) })
}

/// What the alarms of a set of series came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Alarms {
    /// Lead of each unstable series, ps; a miss counts 0.
    pub leads_ps: Vec<f64>,
    /// Each lead as a share of the event's time.
    pub leads_over_onset: Vec<f64>,
    /// Whether each unstable series is warnable.
    pub warnable: Vec<bool>,
    /// Unstable series with an alarm in time (at least `gap` before the event), any lead.
    pub in_time: usize,
    /// Among them, alarms within the horizon.
    pub within_horizon: usize,
    /// Alarms in series without an event.
    pub false_alarms: usize,
    /// Alarms in all.
    pub alarms: usize,
    /// Series without an event.
    pub stable: usize,
    /// Their verdicts' time, ns.
    pub stable_ns: f64,
}

impl Alarms {
    /// Judges series at a threshold. A lead below `gap_ps` is a miss.
    #[must_use]
    pub fn of(
        traces: &[&Trace],
        threshold: f64,
        persist: usize,
        gap_ps: f64,
        horizon_ps: f64,
        warnable_ps: f64,
    ) -> Self {
        let mut result = Self {
            leads_ps: Vec::new(),
            leads_over_onset: Vec::new(),
            warnable: Vec::new(),
            in_time: 0,
            within_horizon: 0,
            false_alarms: 0,
            alarms: 0,
            stable: 0,
            stable_ns: 0.0,
        };
        for trace in traces {
            let alarm = trace.alarm(threshold, persist);
            result.alarms += usize::from(alarm.is_some());
            let Some(event) = trace.event_ps else {
                result.stable += 1;
                result.false_alarms += usize::from(alarm.is_some());
                result.stable_ns += 1e-3 * (trace.end_ps - trace.time_ps.first().unwrap_or(&trace.end_ps));
                continue;
            };
            let lead = alarm.map_or(0.0, |a| event - a);
            let lead = if lead >= gap_ps { lead } else { 0.0 };
            result.in_time += usize::from(lead > 0.0);
            result.within_horizon += usize::from(lead > 0.0 && lead <= horizon_ps + gap_ps);
            result.leads_ps.push(lead);
            result.leads_over_onset.push(lead / event);
            result.warnable.push(trace.time_ps.first().is_some_and(|first| event - first >= warnable_ps));
        }
        result
    }

    /// Leads of warnable events.
    #[must_use]
    pub fn warnable_leads(&self) -> Vec<f64> {
        self.leads_ps.iter().zip(&self.warnable).filter(|(_, w)| **w).map(|(l, _)| *l).collect()
    }
}

/// Quantile by linear interpolation between order statistics; NaN without values.
#[must_use]
pub fn quantile(values: &[f64], q: f64) -> f64 {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|v| !v.is_nan()).collect();
    if sorted.is_empty() {
        return f64::NAN;
    }
    sorted.sort_by(f64::total_cmp);
    let place = q * (sorted.len() - 1) as f64;
    let low = place.floor() as usize;
    let high = (low + 1).min(sorted.len() - 1);
    sorted[low] + (place - low as f64) * (sorted[high] - sorted[low])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::random::Random;

    fn trace(score: &[f64], event_ps: Option<f64>) -> Trace {
        Trace {
            time_ps: (0..score.len()).map(|t| t as f64).collect(),
            score: score.to_vec(),
            event_ps,
            end_ps: (score.len() - 1) as f64,
        }
    }

    #[test]
    fn the_maximum_is_the_threshold_at_which_the_alarm_just_sounds() {
        let one = trace(&[0.1, 0.9, 0.3, 0.6, 0.7, f64::NAN, 0.9, 0.8], None);
        assert_eq!(one.maximum(1, f64::INFINITY), 0.9);
        assert_eq!(one.maximum(2, f64::INFINITY), 0.8);
        assert_eq!(one.maximum(2, 7.0), 0.6, "only what is before 7 ps");
        assert_eq!(one.maximum(5, f64::INFINITY), 0.1);
        for persist in 1..=5 {
            let maximum = one.maximum(persist, f64::INFINITY);
            assert!(one.alarm(maximum, persist).is_some());
            assert!(one.alarm(maximum.next_up(), persist).is_none());
        }
        assert_eq!(one.alarm(0.6, 2), Some(4.0));
    }

    #[test]
    fn the_threshold_allows_the_stated_share_and_not_more() {
        let maxima: Vec<f64> = (0..19).map(|m| 0.05 * f64::from(m)).collect();
        // Of 20 places two are above: one known alarm and the next run's.
        let found = threshold(&maxima, 0.1).expect("19 stable runs");
        assert_eq!(found, Level { threshold: maxima[17].next_up(), false_alarms: 1, rate: 0.1 });
        let found = threshold(&maxima, 0.05).expect("19 stable runs");
        assert_eq!((found.false_alarms, found.rate), (0, 0.05), "19 are just enough for 5 %");
        let found = threshold(&maxima[..18], 0.05).expect("18 stable runs");
        assert_eq!((found.threshold, found.false_alarms), (maxima[17].next_up(), 0));
        assert_eq!(found.rate, 1.0 / 19.0, "what they support, not what was wanted");
        let tied = threshold(&[0.5; 9], 0.4).expect("9");
        assert_eq!(tied.false_alarms, 0, "ties alarm together or not at all");
        assert_eq!(threshold(&[], 0.1), None);
    }

    #[test]
    fn a_run_that_reaches_certainty_alarms_at_any_threshold_and_is_counted() {
        let found = threshold(&[1.0, 0.2, f64::INFINITY, 0.1], 0.25).expect("4 stable runs");
        assert_eq!((found.threshold, found.false_alarms, found.rate), (1.0, 2, 0.6));
        let found = threshold(&[f64::NEG_INFINITY; 3], 0.25).expect("3 stable runs");
        assert_eq!((found.threshold, found.false_alarms), (f64::MIN_POSITIVE, 0));
    }

    /// The promise itself: over many draws of runs, the share of further runs that alarm is at most the
    /// stated rate, and not far below it where the runs are enough.
    #[test]
    fn further_runs_alarm_at_the_stated_rate() {
        let mut random = Random::new(3, 0xA1A2);
        for (runs, rate) in [(39, 0.05), (10, 0.05), (30, 0.2)] {
            let (mut alarms, mut stated, draws) = (0, 0.0, 4000);
            for _ in 0..draws {
                let maxima: Vec<f64> = (0..runs).map(|_| random.uniform()).collect();
                let level = threshold(&maxima, rate).expect("runs");
                stated = level.rate;
                alarms += usize::from(random.uniform() >= level.threshold);
            }
            let found = alarms as f64 / f64::from(draws);
            assert!((found - stated).abs() < 0.02, "{runs} runs, {rate}: {found}, stated {stated}");
        }
    }

    #[test]
    fn misses_and_late_alarms_count_zero() {
        let early = trace(&[0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0], Some(7.0));
        let late = trace(&[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0], Some(7.5));
        let missed = trace(&[0.0; 8], Some(3.0));
        let fooled = trace(&[1.0; 8], None);
        let quiet = trace(&[0.0; 8], None);
        let traces = [&early, &late, &missed, &fooled, &quiet];
        let alarms = Alarms::of(&traces, 0.5, 2, 1.0, 3.0, 5.0);
        assert_eq!(alarms.leads_ps, [4.0, 0.0, 0.0]);
        assert_eq!(alarms.warnable, [true, true, false]);
        assert_eq!((alarms.in_time, alarms.within_horizon, alarms.alarms), (1, 1, 3));
        assert_eq!((alarms.false_alarms, alarms.stable), (1, 2));
        assert_eq!(alarms.leads_over_onset, [4.0 / 7.0, 0.0, 0.0]);
        assert!((alarms.stable_ns - 0.014).abs() < 1e-12);
        assert_eq!(alarms.warnable_leads(), [4.0, 0.0]);
    }

    #[test]
    fn quantiles_interpolate() {
        assert_eq!(quantile(&[4.0, 1.0, 3.0, 2.0], 0.5), 2.5);
        assert_eq!(quantile(&[4.0, 1.0], 1.0), 4.0);
        assert!(quantile(&[], 0.5).is_nan());
    }
}
