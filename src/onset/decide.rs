//! From a count to the onset times and the outcome of one interface.
//!
//! A count of n is *held* from time t when it is at least n at t and at least n in a share of the samples
//! of [t, t + tau] (0.9 in the presets). The reconstruction begins at the first such time for n_R, the
//! instability at the first such time for n_U, or earlier, at the first time from the begin of the
//! reconstruction on from which the count grows by at least the rate: its mean over the last 2 ps of the
//! span exceeds that over the first 2 ps after t by rate x span. An onset is looked for only where all
//! that the rule looks ahead is recorded, so no state depends on how long the run goes on.

use serde::{Deserialize, Serialize};

use super::count::Count;
use super::rule::{Growth, Rule, Threshold};

/// Means over this time make a growth, ps.
const GROWTH_MEAN_PS: f64 = 2.0;
/// Tolerance of times and shares.
const SLACK: f64 = 1e-9;

/// What became of an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Neither onset.
    Stable,
    /// Reconstruction without instability.
    Reconstructing,
    /// The event: instability.
    Unstable,
    /// The run is too short to tell: nothing is known of the time after the baseline.
    Unknown,
}

impl Outcome {
    /// Outcomes that are the classes of frames.
    pub const CLASSES: [Self; 3] = [Self::Stable, Self::Reconstructing, Self::Unstable];
    /// All outcomes.
    pub const ALL: [Self; 4] = [Self::Stable, Self::Reconstructing, Self::Unstable, Self::Unknown];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Stable => "stable",
            Self::Reconstructing => "reconstructing",
            Self::Unstable => "unstable",
            Self::Unknown => "unknown",
        }
    }

    /// The outcome of that name.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.name() == name)
    }
}

/// Onset times of an interface.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Onsets {
    /// Begin of the reconstruction, ps.
    pub t_r_ps: Option<f64>,
    /// Begin of the instability, ps.
    pub t_u_ps: Option<f64>,
    /// Last time at which an onset could have been seen, ps; negative for a run that is too short.
    pub until_ps: f64,
    /// Whether that is long enough to tell the outcome. Where it is not there are no onsets either: were
    /// early events of short runs kept and their quiet interfaces not, short runs would all be unstable.
    pub judged: bool,
}

impl Onsets {
    /// Applies a rule to the count of an interface that is watched from `baseline_end_ps` on.
    #[must_use]
    pub fn decide(count: &Count, rule: &Rule, baseline_end_ps: f64) -> Self {
        let last = count.time_ps.last().copied().unwrap_or(0.0);
        let until_ps = last - (rule.look_ahead_ps() - rule.persistence.window_ps);
        if until_ps < baseline_end_ps.max(0.0) - SLACK {
            return Self { t_r_ps: None, t_u_ps: None, until_ps, judged: false };
        }
        let times: Vec<f64> = count.time_ps.iter().copied().take_while(|&t| t <= until_ps + SLACK).collect();
        let first = |test: &dyn Fn(usize) -> bool| (0..times.len()).find(|&row| test(row));
        let reconstructs = first(&|row| held(count, row, &rule.reconstructing));
        let reaches = first(&|row| held(count, row, &rule.unstable));
        let grows = rule.growth.as_ref().and_then(|growth| {
            first(&|row| reconstructs.is_some_and(|from| row >= from) && grows(count, row, growth))
        });
        let unstable = [reaches, grows].into_iter().flatten().min();
        let reconstructs = [reconstructs, unstable].into_iter().flatten().min();
        let at = |row: usize| times[row];
        Self { t_r_ps: reconstructs.map(at), t_u_ps: unstable.map(at), until_ps, judged: true }
    }

    /// The outcome.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        if !self.judged {
            return Outcome::Unknown;
        }
        match (self.t_r_ps, self.t_u_ps) {
            (_, Some(_)) => Outcome::Unstable,
            (Some(_), None) => Outcome::Reconstructing,
            (None, None) => Outcome::Stable,
        }
    }
}

fn held(count: &Count, row: usize, threshold: &Threshold) -> bool {
    if count.count[row] < threshold.count {
        return false;
    }
    let end = count.time_ps[row] + threshold.hold_ps;
    let behind = count.time_ps.partition_point(|&t| t <= end + SLACK);
    let part = &count.count[row..behind];
    let above = part.iter().filter(|&&n| n >= threshold.count).count();
    above as f64 >= threshold.share * part.len() as f64 - SLACK
}

fn grows(count: &Count, row: usize, growth: &Growth) -> bool {
    let start = count.time_ps[row];
    let end = start + growth.span_ps;
    let mean = GROWTH_MEAN_PS.min(0.5 * growth.span_ps);
    match (count.mean(start, start + mean), count.mean(end - mean, end)) {
        (Some(before), Some(after)) => after - before >= growth.rate_per_ps * growth.span_ps - SLACK,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::rule::tests::rule;
    use super::*;

    /// A count that has the given values from the given times on, every 0.5 ps up to `end`.
    fn steps(changes: &[(f64, u32)], end: f64) -> Count {
        let time_ps: Vec<f64> = (0..).map(|i| 0.5 * f64::from(i)).take_while(|&t| t <= end).collect();
        let at = |t: f64| changes.iter().rev().find(|(from, _)| *from <= t).map_or(0, |c| c.1);
        let count: Vec<u32> = time_ps.iter().map(|&t| at(t)).collect();
        Count { passing: count.clone(), time_ps, count }
    }

    fn decide(changes: &[(f64, u32)], end: f64) -> Onsets {
        Onsets::decide(&steps(changes, end), &rule(), 0.0)
    }

    #[test]
    fn stable_reconstructing_unstable() {
        let o = decide(&[(3.0, 1)], 40.0);
        assert_eq!((o.t_r_ps, o.t_u_ps, o.outcome()), (None, None, Outcome::Stable));
        let o = decide(&[(3.0, 2)], 40.0);
        assert_eq!((o.t_r_ps, o.t_u_ps, o.outcome()), (Some(3.0), None, Outcome::Reconstructing));
        let o = decide(&[(3.0, 2), (16.0, 5)], 40.0);
        assert_eq!((o.t_r_ps, o.t_u_ps, o.outcome()), (Some(3.0), Some(16.0), Outcome::Unstable));
    }

    #[test]
    fn a_visit_above_the_count_is_not_held() {
        // 5 ps are 11 samples, of which 10 must hold the count: 9 do.
        let o = decide(&[(3.0, 2), (7.5, 1), (8.5, 2), (9.0, 0)], 40.0);
        assert_eq!(o.outcome(), Outcome::Stable);
        // One missing sample is forgiven.
        let o = decide(&[(3.0, 2), (7.5, 1), (8.0, 2), (9.0, 0)], 40.0);
        assert_eq!(o.t_r_ps, Some(3.0));
    }

    #[test]
    fn growth_is_an_instability_below_the_count() {
        let mut r = rule();
        r.unstable.count = 100;
        let growing: Vec<(f64, u32)> = (0..30).map(|i| (f64::from(i), i as u32)).collect();
        let o = Onsets::decide(&steps(&growing, 29.0), &r, 0.0);
        // One per ps from the begin of the reconstruction on.
        assert_eq!((o.t_r_ps, o.t_u_ps), (Some(2.0), Some(2.0)));
        r.growth = None;
        assert_eq!(Onsets::decide(&steps(&growing, 29.0), &r, 0.0).t_u_ps, None);
    }

    #[test]
    fn a_jump_straight_to_the_instability_begins_both() {
        let o = decide(&[(16.0, 7)], 40.0);
        assert_eq!((o.t_r_ps, o.t_u_ps), (Some(16.0), Some(16.0)));
    }

    #[test]
    fn no_onset_depends_on_the_length_of_the_run() {
        let changes = [(3.0, 2), (8.0, 1), (12.0, 3), (20.0, 5), (22.0, 4), (23.5, 6), (31.0, 9)];
        let whole = decide(&changes, 60.0);
        for end in 10..60 {
            let part = decide(&changes, f64::from(end));
            for (short, long) in [(part.t_r_ps, whole.t_r_ps), (part.t_u_ps, whole.t_u_ps)] {
                assert_eq!(short, long.filter(|&t| t <= part.until_ps), "end {end}");
            }
        }
    }

    #[test]
    fn a_run_too_short_for_the_rule_has_no_onset_and_an_unknown_outcome() {
        let o = decide(&[(0.0, 9)], 4.0);
        assert_eq!((o.t_u_ps, o.until_ps, o.outcome()), (None, -6.0, Outcome::Unknown));
        // Known up to 10 ps: of a baseline that ends at 10.5 ps there is nothing to tell.
        for changes in [&[(0.0, 0)], &[(3.0, 9)]] {
            let short = Onsets::decide(&steps(changes, 20.0), &rule(), 10.5);
            assert_eq!((short.t_u_ps, short.outcome()), (None, Outcome::Unknown));
            assert_ne!(Onsets::decide(&steps(changes, 20.0), &rule(), 10.0).outcome(), Outcome::Unknown);
        }
    }
}
