//! One interface's past in bounded memory.
//!
//! Enters: verdicts in order. Leaves: at most [`CAPACITY`] buckets, each with the extremes of what
//! fell into it. When they are full, neighbours are merged and every bucket covers twice as many
//! verdicts from then on: the whole run stays visible, however long it is, and no peak is lost.

use crate::decision::{StateCode, Verdict};

/// Most buckets; even, so that pairs come out.
pub const CAPACITY: usize = 512;

/// Extremes and last value; NaN where nothing was defined.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Extent {
    /// Smallest value.
    pub min: f64,
    /// Largest value.
    pub max: f64,
    /// Last defined value.
    pub last: f64,
}

impl Extent {
    fn of(value: f64) -> Self {
        let value = if value.is_finite() { value } else { f64::NAN };
        Self { min: value, max: value, last: value }
    }

    /// Both together, `later` being the later one.
    fn and(self, later: Self) -> Self {
        // `f64::min` and `max` take the other where one is NaN.
        let last = if later.last.is_nan() { self.last } else { later.last };
        Self { min: self.min.min(later.min), max: self.max.max(later.max), last }
    }
}

/// Some verdicts in a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bucket {
    /// Verdicts in it.
    pub count: u64,
    /// Sample number of the first.
    pub frame: u64,
    /// Time of the first, ps.
    pub from_ps: f64,
    /// Time of the last, ps.
    pub to_ps: f64,
    /// Instability index.
    pub index: Extent,
    /// CUSUM statistic over its alarm level.
    pub cusum: Extent,
    /// Warning probability.
    pub probability: Extent,
    /// The state that needs most attention.
    pub state: StateCode,
}

impl Bucket {
    fn of(verdict: &Verdict) -> Self {
        Self {
            count: 1,
            frame: verdict.frame,
            from_ps: verdict.time_ps,
            to_ps: verdict.time_ps,
            index: Extent::of(verdict.index),
            cusum: Extent::of(verdict.cusum),
            probability: Extent::of(verdict.p_warning),
            state: verdict.state,
        }
    }

    /// Both together, `later` being the later one.
    fn and(self, later: Self) -> Self {
        let worse = later.state.severity() > self.state.severity();
        Self {
            count: self.count + later.count,
            frame: self.frame,
            from_ps: self.from_ps,
            to_ps: later.to_ps,
            index: self.index.and(later.index),
            cusum: self.cusum.and(later.cusum),
            probability: self.probability.and(later.probability),
            state: if worse { later.state } else { self.state },
        }
    }
}

/// The buckets.
#[derive(Debug, Clone)]
pub struct History {
    buckets: Vec<Bucket>,
    width: u64,
    epoch: u64,
}

impl Default for History {
    fn default() -> Self {
        Self { buckets: Vec::new(), width: 1, epoch: 0 }
    }
}

impl History {
    /// Adds the next verdict.
    pub fn push(&mut self, verdict: &Verdict) {
        let fresh = Bucket::of(verdict);
        match self.buckets.last_mut() {
            Some(last) if last.count < self.width => *last = last.and(fresh),
            _ => {
                if self.buckets.len() == CAPACITY {
                    self.merge();
                }
                self.buckets.push(fresh);
            }
        }
    }

    fn merge(&mut self) {
        self.buckets =
            self.buckets.chunks(2).map(|pair| pair[1..].iter().fold(pair[0], |a, b| a.and(*b))).collect();
        self.width *= 2;
        self.epoch += 1;
    }

    /// Forgets sample `frame` and later ones, up to a bucket's width.
    pub fn truncate(&mut self, frame: u64) {
        let keep = self.buckets.partition_point(|bucket| bucket.frame < frame);
        if keep < self.buckets.len() {
            self.buckets.truncate(keep);
            self.epoch += 1;
        }
    }

    /// The buckets in order of time.
    #[must_use]
    pub fn buckets(&self) -> &[Bucket] {
        &self.buckets
    }

    /// Changes whenever buckets other than the last one changed: who copies the history starts again.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.epoch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(frame: u64, index: f64, state: StateCode) -> Verdict {
        Verdict { frame, time_ps: frame as f64 * 0.1, index, state, ..Verdict::none(0) }
    }

    #[test]
    fn keeps_every_peak_of_a_long_run_in_bounded_memory() {
        let mut history = History::default();
        let peaks = [0, 77_777, 199_999];
        for frame in 0..200_000 {
            let peak = peaks.contains(&frame);
            let state = if peak { StateCode::Alarm } else { StateCode::Stable };
            history.push(&verdict(frame, if peak { 9.0 } else { 0.5 }, state));
        }
        let buckets = history.buckets();
        assert!(buckets.len() <= CAPACITY && buckets.len() >= CAPACITY / 2, "{}", buckets.len());
        assert_eq!(buckets.iter().map(|b| b.count).sum::<u64>(), 200_000);
        assert!(buckets.windows(2).all(|pair| pair[0].to_ps < pair[1].from_ps));
        let high: Vec<&Bucket> = buckets.iter().filter(|b| b.index.max == 9.0).collect();
        assert_eq!(high.len(), 3);
        assert!(high.iter().all(|b| b.state == StateCode::Alarm && b.index.min == 0.5 || b.count == 1));
        assert!(high.iter().zip(peaks).all(|(b, peak)| (b.frame..b.frame + b.count).contains(&peak)));
    }

    #[test]
    fn undefined_values_do_not_spread() {
        let both = Extent::of(f64::NAN).and(Extent::of(2.0)).and(Extent::of(f64::INFINITY));
        assert_eq!(both, Extent { min: 2.0, max: 2.0, last: 2.0 });
        assert!(Extent::of(f64::NAN).and(Extent::of(f64::NAN)).max.is_nan());
    }

    #[test]
    fn forgets_from_a_frame_on_and_says_so() {
        let mut history = History::default();
        for frame in 0..100 {
            history.push(&verdict(frame, 0.1, StateCode::Stable));
        }
        let epoch = history.epoch();
        history.truncate(100);
        assert_eq!((history.buckets().len(), history.epoch()), (100, epoch));
        history.truncate(40);
        assert_eq!(history.buckets().len(), 40);
        assert_ne!(history.epoch(), epoch);
    }
}
