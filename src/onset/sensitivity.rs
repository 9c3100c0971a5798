//! How much labels depend on the numbers of their rule: each is changed by 10 % or by what makes one
//! sample of difference, each count by one.

use serde::Serialize;

use super::labels::{Labels, Watched};
use super::rule::Rule;

/// Relative change of times, shares and rates.
const CHANGE: f64 = 0.1;

/// What one changed number does.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// The number and its new value.
    pub variation: String,
    /// Interfaces whose outcome changes.
    pub outcomes: usize,
    /// Of so many.
    pub interfaces: usize,
    /// Interfaces of each outcome: stable, reconstructing, unstable, unknown.
    pub counts: Vec<usize>,
    /// What happens to the begins of reconstruction.
    pub t_r: Shift,
    /// What happens to the begins of instability.
    pub t_u: Shift,
}

/// What happens to the onset times of one kind.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Shift {
    /// Onsets that appear.
    pub gained: usize,
    /// Onsets that disappear.
    pub lost: usize,
    /// Onsets at another time.
    pub moved: usize,
    /// Median of how far those move, ps; later is positive.
    pub median_ps: Option<f64>,
    /// Largest distance that one moves, ps.
    pub largest_ps: f64,
}

/// All rules that differ from `rule` in one number, for frames every `sample_ps`. A change that asks the
/// same of the samples would change nothing: times change by at least one sample, shares by so much that
/// at least one sample more or less is required. Shares stay at most 1; rules that make no sense (n_U not
/// above n_R) are left out.
///
/// Not varied are g and H, which change no label but what a warning is scored by, and the radii of the
/// label-only events, which the fix has applied already.
#[must_use]
pub fn variations(rule: &Rule, sample_ps: f64) -> Vec<(String, Rule)> {
    let mut all = Vec::new();
    for up in [false, true] {
        let sign = if up { 1.0 } else { -1.0 };
        let mut number = |name: &str, of: &dyn Fn(&mut Rule) -> Option<&mut f64>| {
            let mut changed = rule.clone();
            if let Some(value) = of(&mut changed) {
                let least = if name.ends_with("_per_ps") { 0.0 } else { sample_ps };
                *value += sign * (CHANGE * *value).max(least);
                let value = *value;
                all.push((format!("{name} = {value:.4}"), changed));
            }
        };
        number("persistence window_ps", &|r| Some(&mut r.persistence.window_ps));
        number("reconstructing hold_ps", &|r| Some(&mut r.reconstructing.hold_ps));
        number("unstable hold_ps", &|r| Some(&mut r.unstable.hold_ps));
        number("growth span_ps", &|r| r.growth.as_mut().map(|g| &mut g.span_ps));
        number("growth rate_per_ps", &|r| r.growth.as_mut().map(|g| &mut g.rate_per_ps));

        // A window is open at its end, the time of holding is closed: it has one sample more.
        let samples = |span_ps: f64, more: usize| ((span_ps / sample_ps).round() as usize + more).max(1);
        let mut share = |name: &str, samples: usize, of: &dyn Fn(&mut Rule) -> &mut f64| {
            let mut changed = rule.clone();
            let value = of(&mut changed);
            if let Some((share, required)) = other_share(*value, samples, up) {
                *value = share;
                all.push((format!("{name} = {share:.4} ({required} of {samples} samples)"), changed));
            }
        };
        let window = samples(rule.persistence.window_ps, 0);
        share("persistence share", window, &|r| &mut r.persistence.share);
        let held = samples(rule.reconstructing.hold_ps, 1);
        share("reconstructing share", held, &|r| &mut r.reconstructing.share);
        share("unstable share", samples(rule.unstable.hold_ps, 1), &|r| &mut r.unstable.share);
    }
    for up in [false, true] {
        let step = |n: u32| if up { n + 1 } else { n.saturating_sub(1) };
        let mut changed = rule.clone();
        changed.reconstructing.count = step(changed.reconstructing.count);
        all.push((format!("reconstructing count = {}", changed.reconstructing.count), changed));
        let mut changed = rule.clone();
        changed.unstable.count = step(changed.unstable.count);
        all.push((format!("unstable count = {}", changed.unstable.count), changed));
    }
    all.retain(|(_, changed)| changed.check().is_ok() && changed != rule);
    all
}

/// Samples of so many that a share requires.
fn required(share: f64, samples: usize) -> usize {
    (share * samples as f64 - 1e-9).ceil().max(1.0) as usize
}

/// A share changed by 10 %, or by as much as it takes to require another number of samples, and that
/// number; none where it requires all or one of them already.
fn other_share(share: f64, samples: usize, up: bool) -> Option<(f64, usize)> {
    let before = required(share, samples);
    let changed = (share * if up { 1.0 + CHANGE } else { 1.0 - CHANGE }).min(1.0);
    let after = required(changed, samples);
    if after != before {
        return Some((changed, after));
    }
    let after = if up { before + 1 } else { before - 1 };
    (1..=samples).contains(&after).then(|| (after as f64 / samples as f64, after))
}

/// Time between frames, ps: the median over all interfaces.
fn sample_ps(watched: &[Watched]) -> f64 {
    let spacing = |one: &Watched| Some(one.time_ps.get(1)? - one.time_ps.first()?);
    let mut spacings: Vec<f64> = watched.iter().filter_map(spacing).collect();
    spacings.sort_by(f64::total_cmp);
    spacings.get(spacings.len() / 2).copied().unwrap_or(1.0)
}

/// Labels everything by every variation and compares with the labels of the rule itself.
#[must_use]
pub fn report(rule: &Rule, watched: &[Watched]) -> Vec<Difference> {
    let base = Labels::new(rule, watched);
    variations(rule, sample_ps(watched))
        .into_iter()
        .map(|(name, rule)| compare(name, &base, &Labels::new(&rule, watched)))
        .collect()
}

fn compare(variation: String, base: &Labels, other: &Labels) -> Difference {
    let pairs = || base.rows.iter().zip(&other.rows).map(|(a, b)| (&a.onsets, &b.onsets));
    Difference {
        variation,
        outcomes: pairs().filter(|(a, b)| a.outcome() != b.outcome()).count(),
        interfaces: base.rows.len(),
        counts: other.outcomes().into_values().collect(),
        t_r: shift(pairs().map(|(a, b)| (a.t_r_ps, b.t_r_ps))),
        t_u: shift(pairs().map(|(a, b)| (a.t_u_ps, b.t_u_ps))),
    }
}

fn shift(pairs: impl Iterator<Item = (Option<f64>, Option<f64>)>) -> Shift {
    let mut shift = Shift::default();
    let mut moves = Vec::new();
    for pair in pairs {
        match pair {
            (None, None) => {}
            (None, Some(_)) => shift.gained += 1,
            (Some(_), None) => shift.lost += 1,
            (Some(a), Some(b)) if (a - b).abs() > 1e-9 => moves.push(b - a),
            (Some(_), Some(_)) => {}
        }
    }
    moves.sort_by(f64::total_cmp);
    shift.moved = moves.len();
    shift.median_ps = (!moves.is_empty()).then(|| moves[moves.len() / 2]);
    shift.largest_ps = moves.iter().fold(0.0, |most: f64, d| most.max(d.abs()));
    shift
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::count::tests::event;
    use super::super::rule::tests::rule;
    use super::*;

    #[test]
    fn every_number_of_the_rule_is_changed_both_ways() {
        let names: Vec<String> = variations(&rule(), 0.2).into_iter().map(|(name, _)| name).collect();
        for name in [
            "persistence window_ps = 1.8000",
            "persistence share = 0.7000 (7 of 10 samples)",
            "persistence share = 0.8800 (9 of 10 samples)",
            "reconstructing hold_ps = 5.5000",
            "reconstructing share = 0.8100 (22 of 26 samples)",
            "unstable hold_ps = 4.5000",
            "unstable share = 0.9900 (26 of 26 samples)",
            "growth span_ps = 9.0000",
            "growth rate_per_ps = 0.5500",
            "reconstructing count = 1",
            "reconstructing count = 3",
            "unstable count = 4",
            "unstable count = 6",
        ] {
            assert!(names.iter().any(|n| n == name), "{name} is not in {names:?}");
        }
        assert_eq!(names.len(), 20);
        // Frames so far apart that 10 % of a time is no sample.
        let names: Vec<String> = variations(&rule(), 1.0).into_iter().map(|(name, _)| name).collect();
        assert!(names.iter().any(|n| n == "persistence window_ps = 3.0000"), "{names:?}");
    }

    #[test]
    fn a_changed_share_requires_another_number_of_samples() {
        // 0.72 of 10 samples are 8, as 0.80 are.
        assert_eq!(other_share(0.8, 10, false), Some((0.7, 7)));
        assert_eq!(other_share(0.8, 10, true).map(|(_, n)| n), Some(9));
        assert_eq!(other_share(0.9, 100, false).map(|(_, n)| n), Some(81));
        assert_eq!(other_share(1.0, 5, true), None);
        assert_eq!(other_share(0.1, 5, false), None);
    }

    #[test]
    fn one_bond_more_or_less_is_reported() {
        let mut r = rule();
        r.growth = None;
        // Five bonds, one every 2 ps from 4 ps on: unstable from 12 ps on.
        let events: Vec<_> = (0..5).map(|i| event(4.0 + 2.0 * i as f64, "bond_formed", [i, 100])).collect();
        let time_ps = (0..200).map(|i| 0.2 * f64::from(i)).collect();
        let events = Arc::new(events);
        let watched = [Watched { run: "a".into(), interface: 0, time_ps, baseline_end_ps: 0.0, events }];
        let all = report(&r, &watched);
        let of = |name: &str| all.iter().find(|d| d.variation == name).expect("made");
        let more = of("unstable count = 6");
        assert_eq!((more.outcomes, more.t_u.lost, more.t_r.moved), (1, 1, 0));
        assert_eq!(more.counts, [0, 1, 0, 0]);
        let less = of("unstable count = 4");
        assert_eq!((less.outcomes, less.t_u.moved), (0, 1));
        assert!((less.t_u.median_ps.expect("moved") + 2.0).abs() < 0.01);
    }
}
