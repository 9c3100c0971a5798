//! Alarms of whole series: threshold for a false-alarm rate, first alarms, lead times.
//!
//! An alarm is raised by the last of `persist` scores in a row that reach the threshold, as in
//! [`crate::decision`]; one alarm per series.

use crate::dataset::target::SLACK_PS;

/// Score over time of one series.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    /// Times of the verdicts, ps.
    pub time_ps: Vec<f64>,
    /// Their scores, NaN where there is none.
    pub score: Vec<f64>,
    /// Begin of the instability, ps.
    pub event_ps: Option<f64>,
    /// Up to here the outcome is known and verdicts count, ps.
    pub end_ps: f64,
    /// Time of the first verdict, ps; where there is none, when it was due.
    pub ready_ps: f64,
    /// When verdicts are due, ps: the end of the baseline, whether or not there was a surface then.
    pub due_ps: f64,
}

impl Trace {
    /// Forgets what was said before a time.
    pub fn begin(&mut self, from_ps: f64) {
        let first = self.time_ps.partition_point(|&time| time < from_ps - SLACK_PS);
        self.time_ps.drain(..first);
        self.score.drain(..first);
        self.ready_ps = from_ps;
        self.due_ps = self.due_ps.max(from_ps);
    }

    /// The largest threshold at which there is an alarm: the maximum over time of the least of `persist`
    /// scores in a row. Negative infinity without as many scores.
    #[must_use]
    pub fn maximum(&self, persist: usize) -> f64 {
        // As in the fix, a score that is not defined neither counts nor resets.
        let known: Vec<f64> = self.score.iter().copied().filter(|score| !score.is_nan()).collect();
        let least = |row: &[f64]| row.iter().copied().fold(f64::INFINITY, f64::min);
        known.windows(persist).map(least).fold(f64::NEG_INFINITY, f64::max)
    }

    /// Time of the first alarm, ps.
    #[must_use]
    pub fn alarm(&self, threshold: f64, persist: usize) -> Option<f64> {
        let mut row = 0;
        for (&time, &score) in self.time_ps.iter().zip(&self.score).filter(|(_, score)| !score.is_nan()) {
            row = if score >= threshold { row + 1 } else { 0 };
            if row >= persist {
                return Some(time);
            }
        }
        None
    }

    /// Time that was watched up to `until_ps`, ps: pauses, in which there is no surface to judge, do not count.
    #[must_use]
    pub fn watched_ps(&self, until_ps: f64) -> f64 {
        let said = self.time_ps.iter().zip(&self.score).filter(|(_, score)| !score.is_nan());
        let times: Vec<f64> =
            said.map(|(&time, _)| time).filter(|time| *time <= until_ps + SLACK_PS).collect();
        let steps = || times.windows(2).map(|pair| pair[1] - pair[0]);
        let interval = steps().fold(f64::INFINITY, f64::min);
        steps().filter(|step| *step < 1.5 * interval).sum::<f64>().max(0.0)
    }

    /// Lead of an alarm before the event, ps: 0 without an alarm, without an event, and where the alarm
    /// comes less than `gap_ps` before the event or after it.
    #[must_use]
    pub fn lead(&self, alarm_ps: Option<f64>, gap_ps: f64) -> f64 {
        match alarm_ps.zip(self.event_ps) {
            Some((alarm, event)) if event - alarm >= gap_ps - SLACK_PS => event - alarm,
            _ => 0.0,
        }
    }

    /// Whether the event leaves time for a warning: it begins at least `least_lead_ps` after verdicts are due.
    #[must_use]
    pub fn warnable(&self, least_lead_ps: f64) -> bool {
        self.event_ps.is_some_and(|event| event - self.due_ps >= least_lead_ps - SLACK_PS)
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

/// As [`quantile`] of ascending (value, unit), each as often as its unit was drawn.
#[must_use]
pub fn quantile_drawn(sorted: &[(f64, usize)], weights: &[f64], q: f64) -> f64 {
    let total: f64 = sorted.iter().map(|&(_, unit)| weights[unit]).sum();
    if total == 0.0 {
        return f64::NAN;
    }
    let place = q * (total - 1.0);
    let at = |rank: f64| {
        let mut behind = 0.0;
        for &(value, unit) in sorted {
            behind += weights[unit];
            if behind > rank {
                return value;
            }
        }
        f64::NAN
    };
    let (low, high) = (at(place.floor()), at((place.floor() + 1.0).min(total - 1.0)));
    low + (place - place.floor()) * (high - low)
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
            ready_ps: 0.0,
            due_ps: 0.0,
        }
    }

    #[test]
    fn pauses_are_not_watched() {
        let mut one = trace(&[0.1; 10], None);
        assert_eq!([9.0, 4.0, 0.0].map(|until| one.watched_ps(until)), [9.0, 4.0, 0.0]);
        one.score[3..6].fill(f64::NAN);
        assert_eq!(one.watched_ps(9.0), 5.0, "2 ps before the pause, 3 after it");
        one.time_ps.drain(3..6);
        one.score.drain(3..6);
        assert_eq!(one.watched_ps(9.0), 5.0);
    }

    #[test]
    fn what_is_warnable_is_told_by_the_baseline_and_not_by_the_first_verdict() {
        let late = Trace { ready_ps: 12.0, due_ps: 7.5, ..trace(&[0.1; 30], Some(14.0)) };
        assert!(late.warnable(5.0) && !late.warnable(7.0));
    }

    #[test]
    fn the_maximum_is_the_threshold_at_which_the_alarm_just_sounds() {
        // What is not defined neither counts nor resets.
        let one = trace(&[0.1, 0.9, 0.3, 0.6, 0.7, f64::NAN, 0.9, 0.8], None);
        assert_eq!([1, 2, 3, 4, 8].map(|n| one.maximum(n)), [0.9, 0.8, 0.7, 0.6, f64::NEG_INFINITY]);
        for persist in 1..=5 {
            let maximum = one.maximum(persist);
            assert!(one.alarm(maximum, persist).is_some());
            assert!(one.alarm(maximum.next_up(), persist).is_none());
        }
        assert_eq!((one.alarm(0.6, 2), one.alarm(0.6, 3)), (Some(4.0), Some(6.0)));
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
        let found = threshold(&[1.0, 0.2, 1.0, 0.1], 0.25).expect("4 stable runs");
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
        let scores = |first: usize| {
            trace(&(0..8).map(|t| f64::from(u8::from(t >= first))).collect::<Vec<_>>(), Some(7.0))
        };
        let lead = |of: &Trace| of.lead(of.alarm(0.5, 2), 1.0);
        assert_eq!([2, 5, 6, 7].map(|first| lead(&scores(first))), [4.0, 1.0, 0.0, 0.0]);
        let mut sums = scores(5);
        sums.event_ps = Some(7.0 - 1e-12);
        assert!(lead(&sums) > 0.0, "a rounded time is not too late");
        assert_eq!(lead(&trace(&[1.0; 8], None)), 0.0);
        assert!(scores(0).warnable(7.0) && !scores(0).warnable(7.1) && !trace(&[1.0], None).warnable(0.0));
    }

    #[test]
    fn quantiles_interpolate() {
        assert_eq!(quantile(&[4.0, 1.0, 3.0, 2.0], 0.5), 2.5);
        assert_eq!(quantile(&[4.0, 1.0], 1.0), 4.0);
        assert!(quantile(&[], 0.5).is_nan());
        let sorted = [(1.0, 0), (2.0, 1), (3.0, 2), (4.0, 0)];
        let weights = [2.0, 0.0, 1.0];
        for q in [0.0, 0.25, 0.5, 0.6, 1.0] {
            let many = quantile(&[1.0, 1.0, 3.0, 4.0, 4.0], q);
            assert!((quantile_drawn(&sorted, &weights, q) - many).abs() < 1e-12, "{q}");
        }
        assert!(quantile_drawn(&sorted, &[0.0; 3], 0.5).is_nan());
    }
}
