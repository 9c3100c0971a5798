//! From events to a count over time: new bonds, left sites or lost contacts of one interface.

use std::collections::BTreeMap;

use super::event::Event;
use super::rule::{Observable, Persistence};

/// How much of a window may be missing for rounding of times, in samples.
const SLACK: f64 = 1e-6;

/// A count at the frames of one interface.
#[derive(Debug, Clone, PartialEq)]
pub struct Count {
    /// Times of the frames at which it is known, ps: those whose persistence window is recorded.
    pub time_ps: Vec<f64>,
    /// Units that are there and persist.
    pub count: Vec<u32>,
    /// Units that are there, persistent or not, at the same frames.
    pub passing: Vec<u32>,
}

impl Count {
    /// Counts at the frames `time_ps` of `interface`. A unit is what one atom or pair of atoms does: it
    /// begins with an event of the observable's first kind and ends with one of its second. What ends
    /// first was there at the reference (a bond of the reference that breaks), and is not counted
    /// when it returns.
    #[must_use]
    pub fn new(
        events: &[Event],
        interface: usize,
        time_ps: &[f64],
        observable: Observable,
        persistence: Persistence,
    ) -> Self {
        let [begin, end] = observable.kinds();
        let mut units: BTreeMap<&[i64], Vec<(f64, bool)>> = BTreeMap::new();
        for event in events.iter().filter(|e| e.interface == interface) {
            if event.kind == begin || event.kind == end {
                units.entry(&event.tags).or_default().push((event.time_ps, event.kind == begin));
            }
        }
        let rows = time_ps.len();
        let last = time_ps.last().copied().unwrap_or(0.0);
        let slack = SLACK * time_ps.get(1).map_or(1.0, |&t| t - time_ps[0]);
        let known = time_ps.partition_point(|&t| t + persistence.window_ps <= last + slack);
        // First row behind each row's window; a window of no length holds the row itself.
        let behind: Vec<usize> = (0..known)
            .map(|row| {
                let until = time_ps[row] + persistence.window_ps - slack;
                time_ps.partition_point(|&t| t < until).max(row + 1)
            })
            .collect();
        let (mut count, mut passing) = (vec![0; known], vec![0; known]);
        for changes in units.values_mut() {
            changes.sort_by(|a, b| a.0.total_cmp(&b.0));
            if !changes.first().is_some_and(|&(_, begins)| begins) {
                continue;
            }
            let there = presence(changes, time_ps, slack);
            let mut sums = vec![0_u32; rows + 1];
            for row in 0..rows {
                sums[row + 1] = sums[row] + u32::from(there[row]);
            }
            for row in (0..known).filter(|&row| there[row]) {
                passing[row] += 1;
                let share = f64::from(sums[behind[row]] - sums[row]) / (behind[row] - row) as f64;
                count[row] += u32::from(share >= persistence.share - 1e-9);
            }
        }
        Self { time_ps: time_ps[..known].to_vec(), count, passing }
    }

    /// Mean of the count over [`from`, `to`] ps; none when no frame falls into it.
    #[must_use]
    pub fn mean(&self, from: f64, to: f64) -> Option<f64> {
        let first = self.time_ps.partition_point(|&t| t < from - 1e-9);
        let behind = self.time_ps.partition_point(|&t| t <= to + 1e-9);
        let part = self.count.get(first..behind).filter(|part| !part.is_empty())?;
        Some(part.iter().map(|&n| f64::from(n)).sum::<f64>() / part.len() as f64)
    }
}

/// Whether a unit is there at each frame.
fn presence(changes: &[(f64, bool)], time_ps: &[f64], slack: f64) -> Vec<bool> {
    let mut there = Vec::with_capacity(time_ps.len());
    let (mut next, mut now) = (0, false);
    for &t in time_ps {
        while let Some(&(at, begins)) = changes.get(next).filter(|(at, _)| *at <= t + slack) {
            debug_assert!(at.is_finite());
            now = begins;
            next += 1;
        }
        there.push(now);
    }
    there
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn event(time_ps: f64, kind: &str, tags: [i64; 2]) -> Event {
        Event { interface: 0, time_ps, kind: kind.into(), tags: tags.to_vec(), data: String::new() }
    }

    pub(crate) fn times(n: usize) -> Vec<f64> {
        (0..n).map(|i| 0.5 * i as f64).collect()
    }

    const PERSISTENCE: Persistence = Persistence { window_ps: 2.0, share: 0.75 };

    fn count(events: &[Event], persistence: Persistence) -> Count {
        Count::new(events, 0, &times(13), Observable::NewBonds, persistence)
    }

    #[test]
    fn a_new_bond_counts_from_its_formation_to_its_end() {
        let events = [event(1.0, "bond_formed", [1, 2]), event(4.5, "bond_broken", [1, 2])];
        let c = count(&events, Persistence { window_ps: 0.0, share: 1.0 });
        assert_eq!(c.count, [0, 0, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0]);
        // With persistence it counts as long as 3 of the 4 samples from now on have it, and only
        // where the 2 ps are recorded.
        let c = count(&events, PERSISTENCE);
        assert_eq!(c.count, [0, 0, 1, 1, 1, 1, 1, 0, 0]);
        assert_eq!(c.passing, [0, 0, 1, 1, 1, 1, 1, 1, 1]);
    }

    #[test]
    fn a_bond_of_the_reference_that_returns_is_not_new() {
        let events = [event(1.0, "bond_broken", [1, 2]), event(2.0, "bond_formed", [1, 2])];
        assert_eq!(count(&events, PERSISTENCE).passing, [0; 9]);
    }

    #[test]
    fn a_passing_contact_does_not_count() {
        let events = [event(1.0, "bond_formed", [1, 2]), event(1.5, "bond_broken", [1, 2])];
        let c = count(&events, PERSISTENCE);
        assert_eq!((c.count.iter().sum::<u32>(), c.passing.iter().sum::<u32>()), (0, 1));
    }

    #[test]
    fn other_interfaces_and_other_kinds_do_not_count() {
        let mut other = event(0.0, "bond_formed", [1, 2]);
        other.interface = 1;
        let events = [other, event(0.0, "site_left", [3, 0])];
        assert_eq!(count(&events, PERSISTENCE).passing, [0; 9]);
        let c = Count::new(&events, 0, &times(13), Observable::LeftSites, PERSISTENCE);
        assert_eq!(c.count, [1; 9]);
    }

    #[test]
    fn what_comes_after_the_window_changes_nothing() {
        let mut events = vec![event(1.0, "bond_formed", [1, 2])];
        let before = count(&events, PERSISTENCE);
        events.push(event(6.0, "bond_broken", [1, 2]));
        let later = Count::new(&events, 0, &times(21), Observable::NewBonds, PERSISTENCE);
        // The windows of the first 9 frames end at 6 ps and do not hold the sample at 6 ps.
        assert_eq!(later.count[..9], before.count[..]);
    }
}
