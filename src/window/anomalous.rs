//! Anomalous-dynamics channels: how a descriptor changes, not what it is.
//!
//! Enters: one interface's base values, sample by sample. Leaves: four channels for each descriptor of
//! [`crate::registry::ANOMALOUS`], in the order of [`crate::registry::anomalous_names`]. Runs on the
//! thread that samples. Every channel depends on the past alone.
//!
//! With x_t the descriptor at sample t and m the samples of one lag (at least [`MIN_VARIANCE`]):
//! - first difference x_t - x_{t-1} (eq. 5 of doi:10.31881/TLR.2026.4070);
//! - second difference x_t - 2 x_{t-1} + x_{t-2};
//! - short-time variance: unbiased variance of the defined values among the last m;
//! - CUSUM response (Page, doi:10.1093/biomet/41.1-2.100; self-starting form: Hawkins,
//!   doi:10.2307/2348827): z_t = (x_t - mean) / sd with mean and sd of all *earlier* samples,
//!   C+ = max(0, C+ + z_t - k), C- = max(0, C- - z_t - k), response max(C+, C-).
//!
//! An undefined (NaN) sample makes its own channels NaN, and the differences that reach over it; the
//! variance and the CUSUM go on with the next defined sample.

use std::collections::VecDeque;

use crate::error::Result;
use crate::registry;
use crate::restart::{Decoder, Encoder};

/// Fewest samples of a short-time variance.
pub const MIN_VARIANCE: usize = 4;
/// Samples of the running reference before the CUSUM response speaks.
pub const MIN_REFERENCE: u64 = 8;
/// Slack of the CUSUM response, in standard deviations.
pub const SLACK: f64 = 0.5;
/// Largest standardised step of the CUSUM response: one outlier, or a reference that was constant so
/// far, must not drown the rest of the run.
pub const MAX_STEP: f64 = 5.0;

/// Channels of one descriptor.
#[derive(Debug, Clone)]
struct Channel {
    recent: VecDeque<f64>,
    samples: usize,
    count: u64,
    mean: f64,
    squares: f64,
    up: f64,
    down: f64,
}

impl Channel {
    fn new(samples: usize) -> Self {
        let recent = VecDeque::with_capacity(samples);
        Self { recent, samples, count: 0, mean: 0.0, squares: 0.0, up: 0.0, down: 0.0 }
    }

    /// Takes the next sample and gives its four channels.
    fn push(&mut self, x: f64) -> [f64; 4] {
        let back = |n: usize| self.recent.len().checked_sub(n).map_or(f64::NAN, |i| self.recent[i]);
        let (last, before) = (back(1), back(2));
        if self.recent.len() == self.samples {
            self.recent.pop_front();
        }
        self.recent.push_back(x);
        if x.is_nan() {
            return [f64::NAN; 4];
        }
        [x - last, x - 2.0 * last + before, self.variance(), self.respond(x)]
    }

    /// Two passes over the ring: no running sums, hence no drift and nothing more to save.
    fn variance(&self) -> f64 {
        let defined = || self.recent.iter().copied().filter(|v| !v.is_nan());
        let count = defined().count();
        if count < MIN_VARIANCE {
            return f64::NAN;
        }
        let mean = defined().sum::<f64>() / count as f64;
        defined().map(|v| (v - mean) * (v - mean)).sum::<f64>() / (count - 1) as f64
    }

    fn respond(&mut self, x: f64) -> f64 {
        let mut response = f64::NAN;
        if self.count >= MIN_REFERENCE {
            let sd = (self.squares / (self.count - 1) as f64).sqrt();
            let away = x - self.mean;
            let z = if away == 0.0 { 0.0 } else { (away / sd).clamp(-MAX_STEP, MAX_STEP) };
            self.up = (self.up + z - SLACK).max(0.0);
            self.down = (self.down - z - SLACK).max(0.0);
            response = self.up.max(self.down);
        }
        // Welford's update, after the response: the reference is made of earlier samples only.
        self.count += 1;
        let away = x - self.mean;
        self.mean += away / self.count as f64;
        self.squares += away * (x - self.mean);
        response
    }

    fn encode(&self, out: &mut Encoder) {
        out.f64s(&self.recent.iter().copied().collect::<Vec<_>>());
        out.u64(self.count);
        for value in [self.mean, self.squares, self.up, self.down] {
            out.f64(value);
        }
    }

    fn decode(&mut self, input: &mut Decoder<'_>) -> Result<()> {
        self.recent = input.f64s()?.into();
        self.count = input.u64()?;
        for value in [&mut self.mean, &mut self.squares, &mut self.up, &mut self.down] {
            *value = input.f64()?;
        }
        Ok(())
    }
}

/// All anomalous channels of one interface.
#[derive(Debug, Clone)]
pub struct Anomalous {
    columns: Vec<usize>,
    channels: Vec<Channel>,
}

impl Anomalous {
    /// Channels with a short-time variance over `lag_samples` samples.
    ///
    /// # Panics
    /// If the registry lists an anomalous descriptor that is no base descriptor (its test excludes it).
    #[must_use]
    pub fn new(lag_samples: usize) -> Self {
        let columns: Vec<usize> = registry::ANOMALOUS
            .iter()
            .map(|name| registry::index_of(name).expect("the registry's test finds every base"))
            .collect();
        let channels = vec![Channel::new(lag_samples.max(MIN_VARIANCE)); columns.len()];
        Self { columns, channels }
    }

    /// Takes one sample's base values and appends its channels to `out`.
    pub fn push(&mut self, values: &[f64], out: &mut Vec<f64>) {
        for (&column, channel) in self.columns.iter().zip(&mut self.channels) {
            out.extend(channel.push(values[column]));
        }
    }

    /// Saves the state for a restart.
    pub fn encode(&self, out: &mut Encoder) {
        for channel in &self.channels {
            channel.encode(out);
        }
    }

    /// Replaces the state by a saved one.
    ///
    /// # Errors
    /// [`crate::Error::State`] when the bytes end early.
    pub fn decode(&mut self, input: &mut Decoder<'_>) -> Result<()> {
        self.channels.iter_mut().try_for_each(|channel| channel.decode(input))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(samples: usize, xs: &[f64]) -> Vec<[f64; 4]> {
        let mut channel = Channel::new(samples);
        xs.iter().map(|&x| channel.push(x)).collect()
    }

    #[test]
    fn differences_and_variance_of_a_parabola() {
        let xs: Vec<f64> = (0..12).map(|t| f64::from(t * t)).collect();
        let out = run(4, &xs);
        assert!(out[0][0].is_nan() && out[1][1].is_nan() && out[2][2].is_nan());
        for (t, channels) in out.iter().enumerate().skip(2) {
            assert_eq!(channels[..2], [(2 * t - 1) as f64, 2.0]);
        }
        // 64, 81, 100, 121: mean 91.5, squares 756.25 + 110.25 + 72.25 + 870.25, over 3.
        assert!((out[11][2] - 1809.0 / 3.0).abs() < 1e-9, "{}", out[11][2]);
    }

    #[test]
    fn cusum_is_quiet_on_alternation_and_rises_both_ways() {
        let mut xs: Vec<f64> = (0..60).map(|t| if t % 2 == 0 { 1.0 } else { -1.0 }).collect();
        let quiet = run(10, &xs).last().expect("60 samples")[3];
        assert!(quiet < 1.0, "{quiet}");
        for sign in [1.0, -1.0] {
            xs.truncate(60);
            xs.extend(std::iter::repeat_n(3.0 * sign, 10));
            let response = run(10, &xs).last().expect("70 samples")[3];
            assert!(response > 10.0, "{response}");
        }
    }

    #[test]
    fn constant_history_stays_finite() {
        let mut xs = vec![2.0; 20];
        xs.push(2.5);
        let out = run(5, &xs);
        assert_eq!(out[19], [0.0; 4]);
        assert_eq!(out[20][3], MAX_STEP - SLACK);
    }

    #[test]
    fn nan_gives_nan_and_recovers() {
        let mut xs: Vec<f64> = (0..40).map(|t| f64::from(t % 7)).collect();
        xs[30] = f64::NAN;
        let out = run(6, &xs);
        assert!(out[30].iter().all(|v| v.is_nan()));
        assert!(out[31][0].is_nan() && !out[31][2].is_nan() && !out[31][3].is_nan());
        assert!(out[32][1].is_nan() && !out[32][0].is_nan());
        assert!(out[33].iter().all(|v| !v.is_nan()));
    }

    #[test]
    fn a_prefix_does_not_see_what_follows() {
        let xs: Vec<f64> = (0..80).map(|t| (f64::from(t) * 0.37).sin()).collect();
        let whole = run(7, &xs);
        for cut in 0..xs.len() {
            let mut other = xs[..cut].to_vec();
            other.extend([1e6, f64::NAN, -1e6]);
            let changed = run(7, &other);
            for t in 0..cut {
                assert_eq!(whole[t].map(f64::to_bits), changed[t].map(f64::to_bits), "cut {cut} at {t}");
            }
        }
    }
}
