//! The instability index and its CUSUM: the model-free alarm.
//!
//! Enters: one interface's features, frame by frame. Leaves: the index (1 is the baseline's
//! extrapolated 99th percentile), the CUSUM statistic in units of its alarm level, and which
//! descriptors the index is made of. Runs on the thread that samples, so that no dropped inference
//! can lose state.
//!
//! CUSUM (Page, doi:10.1093/biomet/41.1-2.100): S = max(0, S + (min(index, cap) - k) dt / lag). Time
//! is counted in lags, over which the smoothed frames are correlated, so that the same excess gives
//! the same alarm at any sampling interval.

use crate::error::Result;
use crate::restart::{Decoder, Encoder};
use crate::window::baseline::{Baseline, Distance};
use crate::window::features::Feature;

/// Slack k: what is subtracted from the index. Above 1, because a healthy interface goes on to drift
/// after a baseline of a few ps.
pub const SLACK: f64 = 1.1;
/// Alarm level h, in index times lags: an index of 2.1 for one lag, or of 1.6 for two. Chosen with
/// [`SLACK`] on the pilot runs (see ARCHITECTURE.md).
pub const LEVEL: f64 = 1.0;
/// Largest index that counts: no single frame raises an alarm.
pub const INDEX_CAP: f64 = 8.0;
/// The statistic stays below this multiple of the alarm level, so that it can come down again when
/// the interface recovers.
pub const STATISTIC_CAP: f64 = 2.0;

/// Cumulative sum of the index's excess.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct CusumStatistic {
    sum: f64,
}

impl CusumStatistic {
    /// Adds one index, `lags` lags after the last one, and gives the statistic over the alarm level.
    pub fn update(&mut self, index: f64, lags: f64) -> f64 {
        let step = (index.min(INDEX_CAP) - SLACK) * lags;
        self.sum = (self.sum + step).clamp(0.0, STATISTIC_CAP * LEVEL);
        self.value()
    }

    /// The statistic over the alarm level.
    #[must_use]
    pub fn value(&self) -> f64 {
        self.sum / LEVEL
    }
}

/// A descriptor's part in the index.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Contribution {
    /// The descriptor, "rate of NAME" where its rate counts.
    pub descriptor: String,
    /// Share of the squared index (shares of all features sum to 1; correlation can make one negative).
    pub share: f64,
    /// Standard deviations above (or below) the baseline, clipped.
    pub sigmas: f64,
}

/// The largest `count` parts, largest first.
#[must_use]
pub fn top(distance: &Distance, plan: &[Feature], count: usize) -> Vec<Contribution> {
    let mut parts = distance.parts.clone();
    parts.sort_by(|a, b| b.share.total_cmp(&a.share));
    parts
        .into_iter()
        .take(count)
        .map(|p| Contribution { descriptor: plan[p.feature].name(), share: p.share, sigmas: p.sigmas })
        .collect()
}

/// The index of one interface: collects its baseline, then measures.
#[derive(Debug, Clone)]
pub struct Index {
    lag_samples: usize,
    frames: Vec<Vec<f64>>,
    complete: bool,
    baseline: Option<Baseline>,
    statistic: CusumStatistic,
}

impl Index {
    /// An index without a baseline.
    #[must_use]
    pub fn new(lag_samples: usize) -> Self {
        Self {
            lag_samples,
            frames: Vec::new(),
            complete: false,
            baseline: None,
            statistic: CusumStatistic::default(),
        }
    }

    /// Whether the baseline is complete.
    #[must_use]
    pub fn ready(&self) -> bool {
        self.complete
    }

    /// Frames collected.
    #[must_use]
    pub fn collected(&self) -> usize {
        self.frames.len()
    }

    /// The baseline, once complete and if any feature varied.
    #[must_use]
    pub fn baseline(&self) -> Option<&Baseline> {
        self.baseline.as_ref()
    }

    /// The CUSUM statistic over its alarm level.
    #[must_use]
    pub fn cusum(&self) -> f64 {
        self.statistic.value()
    }

    /// Adds a frame to the baseline.
    pub fn learn(&mut self, features: Vec<f64>) {
        self.frames.push(features);
    }

    /// Closes the baseline.
    pub fn complete(&mut self) {
        self.complete = true;
        self.baseline = Baseline::fit(&self.frames, self.lag_samples);
    }

    /// Measures a frame and updates the CUSUM; `None` (and an unchanged CUSUM) when too little of it
    /// is defined.
    pub fn measure(&mut self, features: &[f64]) -> Option<Distance> {
        let distance = self.baseline.as_ref()?.distance(features)?;
        self.statistic.update(distance.index, 1.0 / self.lag_samples as f64);
        Some(distance)
    }

    /// Saves the state for a restart. The baseline's frames are saved, not its statistics: the same
    /// frames give the same statistics.
    pub fn encode(&self, out: &mut Encoder) {
        out.u64(self.frames.len() as u64);
        for frame in &self.frames {
            out.f64s(frame);
        }
        out.bool(self.complete);
        out.f64(self.statistic.sum);
    }

    /// Replaces the state by a saved one of `width` features.
    ///
    /// # Errors
    /// [`crate::Error::State`] when the frames have another width.
    pub fn decode(&mut self, input: &mut Decoder<'_>, width: usize) -> Result<()> {
        self.frames = crate::window::features::decode_rows(input, width)?;
        self.complete = input.bool()?;
        self.statistic.sum = input.f64()?;
        self.baseline = if self.complete { Baseline::fit(&self.frames, self.lag_samples) } else { None };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistic_counts_time_in_lags_and_is_bounded_both_ways() {
        let (mut coarse, mut fine) = (CusumStatistic::default(), CusumStatistic::default());
        for _ in 0..2 {
            coarse.update(2.0, 1.0);
        }
        for _ in 0..20 {
            fine.update(2.0, 0.1);
        }
        assert!((coarse.value() - fine.value()).abs() < 1e-12);
        assert!(CusumStatistic::default().update(1e12, 0.1) < 1.0, "one frame raised the alarm");
        for _ in 0..100 {
            coarse.update(f64::INFINITY, 1.0);
        }
        assert_eq!(coarse.value(), STATISTIC_CAP);
        for _ in 0..100 {
            coarse.update(0.0, 1.0);
        }
        assert_eq!(coarse.value(), 0.0);
    }
}
