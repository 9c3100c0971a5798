//! Confidence intervals by resampling whole runs: frames of a run and interfaces of a cell are not
//! independent, runs are (Efron, doi:10.1214/aos/1176344552). Where resampling can say nothing, there is no
//! interval, and none is made up.

use serde::Serialize;

use super::alarms::quantile;
use crate::learn::random::Random;

/// Fewest lineages that resampling gives an interval for: of one, every resample is the same.
pub const LEAST_LINEAGES: usize = 5;
/// Largest share of resamples in which a value may be undefined: leaving out more would leave out, of all
/// resamples, those of a kind.
const UNDEFINED: f64 = 0.05;

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
    /// Of a value that rests on so many `lineages` and what resamples say of it. Without an interval where
    /// these are fewer than [`LEAST_LINEAGES`], or where the value is undefined in more than 5 % of the
    /// resamples.
    #[must_use]
    pub fn of(value: f64, drawn: &[f64], lineages: usize) -> Self {
        let undefined = drawn.iter().filter(|v| v.is_nan()).count() as f64;
        if value.is_nan() || lineages < LEAST_LINEAGES || undefined > UNDEFINED * drawn.len() as f64 {
            return Self::bare(value);
        }
        Self { value, low: quantile(drawn, 0.025), high: quantile(drawn, 0.975) }
    }

    /// A value that nothing is known about the scatter of.
    #[must_use]
    pub fn bare(value: f64) -> Self {
        Self { value, low: f64::NAN, high: f64::NAN }
    }

    /// Of a share that was none or all (`most`) of what `lineages` showed: no resample differs, and the
    /// interval is Clopper and Pearson's (doi:10.1093/biomet/26.4.404), which needs no tables at its ends.
    /// `None` for any other share.
    #[must_use]
    pub fn at_the_end(value: f64, most: f64, lineages: usize) -> Option<Self> {
        let beyond = most * 0.025_f64.powf(1.0 / lineages as f64);
        if lineages == 0 {
            None
        } else if value == 0.0 {
            Some(Self { value, low: 0.0, high: most - beyond })
        } else if value == most {
            Some(Self { value, low: beyond, high: most })
        } else {
            None
        }
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
        let drawn: Vec<f64> = draws.iter().map(|w| mean(w)).collect();
        let found = Interval::of(mean(&vec![1.0; xs.len()]), &drawn, xs.len());
        let half = 0.5 * (found.high - found.low);
        assert!((half - 1.96 / 200f64.sqrt()).abs() < 0.02, "{half}");
        assert!(found.low < found.value && found.value < found.high);
    }

    #[test]
    fn a_value_of_few_lineages_or_of_few_resamples_has_no_interval() {
        let drawn = [7.9; 100];
        let bare = |found: Interval| found.value == 7.9 && found.low.is_nan() && found.high.is_nan();
        assert!(bare(Interval::of(7.9, &drawn, 1)) && bare(Interval::of(7.9, &drawn, 4)));
        assert_eq!(Interval::of(7.9, &drawn, 5).low, 7.9);
        let mut some = drawn;
        some[..5].fill(f64::NAN);
        assert_eq!(Interval::of(7.9, &some, 5).high, 7.9, "5 % may be undefined");
        some[5] = f64::NAN;
        assert!(bare(Interval::of(7.9, &some, 5)));
        assert!(bare(Interval::of(7.9, &[], 9)), "nothing was drawn");
    }

    #[test]
    fn none_and_all_have_the_interval_of_clopper_and_pearson() {
        let none = Interval::at_the_end(0.0, 100.0, 4).expect("none");
        // 1 - 0.025^(1/4), from tables: 0.6024.
        assert!(none.low == 0.0 && (none.high - 60.24).abs() < 0.01, "{none:?}");
        let all = Interval::at_the_end(1.0, 1.0, 20).expect("all");
        assert!(all.high == 1.0 && (all.low - 0.8316).abs() < 1e-4, "{all:?}");
        assert_eq!(Interval::at_the_end(0.5, 1.0, 20), None);
        assert_eq!(Interval::at_the_end(0.0, 1.0, 0), None);
    }

    #[test]
    fn every_resample_draws_as_many_runs() {
        assert!(resamples(7, 50, 2).iter().all(|drawn| drawn.iter().sum::<f64>() == 7.0));
    }
}
