//! Confidence intervals by resampling whole runs: frames of a run and interfaces of a cell are not
//! independent, runs are (Efron, doi:10.1214/aos/1176344552).

use serde::Serialize;

use super::alarms::quantile;
use crate::learn::random::Random;

/// A value with its 95 % interval; NaN is written as null.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Interval {
    /// On the runs as they are.
    #[serde(with = "crate::stream::nan")]
    pub value: f64,
    /// 2.5 % quantile over resamples.
    #[serde(with = "crate::stream::nan")]
    pub low: f64,
    /// 97.5 % quantile.
    #[serde(with = "crate::stream::nan")]
    pub high: f64,
}

/// How often each of `runs` runs is drawn, for each of `count` resamples. Equal seeds draw the same runs:
/// for paired differences.
#[must_use]
pub fn resamples(runs: usize, count: usize, seed: u64) -> Vec<Vec<f64>> {
    let mut random = Random::new(seed, 0xB007);
    (0..count)
        .map(|_| {
            let mut drawn = vec![0.0; runs];
            for _ in 0..runs {
                drawn[random.below(runs)] += 1.0;
            }
            drawn
        })
        .collect()
}

impl Interval {
    /// Of a value and what resamples say. Those where it is undefined are left out.
    #[must_use]
    pub fn of(value: f64, drawn: &[f64]) -> Self {
        Self { value, low: quantile(drawn, 0.025), high: quantile(drawn, 0.975) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interval_of_a_mean_has_the_width_of_its_standard_error() {
        let mut random = Random::new(5, 1);
        let xs: Vec<f64> = (0..200).map(|_| random.normal()).collect();
        let draws = resamples(xs.len(), 1000, 1);
        let mean = |weights: &[f64]| {
            weights.iter().zip(&xs).map(|(w, x)| w * x).sum::<f64>() / weights.iter().sum::<f64>()
        };
        let found =
            Interval::of(mean(&vec![1.0; xs.len()]), &draws.iter().map(|w| mean(w)).collect::<Vec<_>>());
        let half = 0.5 * (found.high - found.low);
        assert!((half - 1.96 / 200f64.sqrt()).abs() < 0.02, "{half}");
        assert!(found.low < found.value && found.value < found.high);
    }

    #[test]
    fn every_resample_draws_as_many_runs() {
        assert!(resamples(7, 50, 2).iter().all(|drawn| drawn.iter().sum::<f64>() == 7.0));
    }
}
