//! How much labels depend on the numbers of their rule: each is changed by 10 %, each count by one.

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
    /// Interfaces of each outcome: stable, reconstructing, unstable.
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

/// All rules that differ from `rule` in one number. Shares stay at most 1; rules that make no sense
/// (n_U not above n_R) are left out.
#[must_use]
pub fn variations(rule: &Rule) -> Vec<(String, Rule)> {
    let mut all = Vec::new();
    for factor in [1.0 - CHANGE, 1.0 + CHANGE] {
        let mut number = |name: &str, of: &dyn Fn(&mut Rule) -> Option<&mut f64>| {
            let mut changed = rule.clone();
            if let Some(value) = of(&mut changed) {
                *value *= factor;
                if name.ends_with("share") {
                    *value = value.min(1.0);
                }
                let value = *value;
                all.push((format!("{name} = {value:.4}"), changed));
            }
        };
        number("persistence window_ps", &|r| Some(&mut r.persistence.window_ps));
        number("persistence share", &|r| Some(&mut r.persistence.share));
        number("reconstructing hold_ps", &|r| Some(&mut r.reconstructing.hold_ps));
        number("reconstructing share", &|r| Some(&mut r.reconstructing.share));
        number("unstable hold_ps", &|r| Some(&mut r.unstable.hold_ps));
        number("unstable share", &|r| Some(&mut r.unstable.share));
        number("growth span_ps", &|r| r.growth.as_mut().map(|g| &mut g.span_ps));
        number("growth rate_per_ps", &|r| r.growth.as_mut().map(|g| &mut g.rate_per_ps));
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

/// Labels everything by every variation and compares with the labels of the rule itself.
#[must_use]
pub fn report(rule: &Rule, watched: &[Watched]) -> Vec<Difference> {
    let base = Labels::new(rule, watched);
    variations(rule)
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
        let names: Vec<String> = variations(&rule()).into_iter().map(|(name, _)| name).collect();
        for name in [
            "persistence window_ps = 1.8000",
            "persistence share = 0.8800",
            "reconstructing hold_ps = 5.5000",
            "reconstructing share = 0.8100",
            "unstable hold_ps = 4.5000",
            "unstable share = 0.9900",
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
    }

    #[test]
    fn one_bond_more_or_less_is_reported() {
        let mut r = rule();
        r.growth = None;
        // Five bonds, one every 2 ps from 4 ps on: unstable from 12 ps on.
        let events: Vec<_> = (0..5).map(|i| event(4.0 + 2.0 * i as f64, "bond_formed", [i, 100])).collect();
        let time_ps = (0..200).map(|i| 0.2 * f64::from(i)).collect();
        let watched = [Watched { run: "a".into(), interface: 0, time_ps, events: Arc::new(events) }];
        let all = report(&r, &watched);
        let of = |name: &str| all.iter().find(|d| d.variation == name).expect("made");
        let more = of("unstable count = 6");
        assert_eq!((more.outcomes, more.t_u.lost, more.t_r.moved), (1, 1, 0));
        assert_eq!(more.counts, [0, 1, 0]);
        let less = of("unstable count = 4");
        assert_eq!((less.outcomes, less.t_u.moved), (0, 1));
        assert!((less.t_u.median_ps.expect("moved") + 2.0).abs() < 0.01);
    }
}
