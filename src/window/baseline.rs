//! The healthy interface's statistics: mean, scale and shrunken correlation of the index's features
//! over the run's own baseline, and the distance that the index is measured in.
//!
//! Enters: the features of the baseline's frames. Leaves: a [`Baseline`]. Runs once per interface, on
//! the thread that samples.
//!
//! A baseline is short: some 50 frames, smoothed over a lag of some 10, for some 40 features. What is
//! done about it:
//! - **Effective samples.** n_eff = n / tau per feature, tau = 1 + 2 sum rho_k up to the first
//!   correlation that is not positive (Sokal's integrated autocorrelation time), never more than one
//!   sample per lag (the smoothing's memory), never less than [`MIN_EFFECTIVE`].
//! - **Scale.** The sample variance of correlated frames is too small by 1 - 1/n_eff and a new frame
//!   also differs from the *estimated* mean, so a feature's variance is multiplied by
//!   (n_eff + 1) / (n_eff - 1), the prediction variance.
//! - **Correlation** shrunk towards the identity with the oracle-approximating intensity (Chen et al.,
//!   doi:10.1109/TSP.2010.2053029; like Ledoit and Wolf, doi:10.1016/S0047-259X(03)00096-4, without
//!   needing fourth moments), at the median n_eff, and at least [`MIN_SHRINKAGE`].
//! - **One feature cannot shout.** Beyond [`MAX_Z`] standardised values count by half their logarithm.
//! - **Unit.** A frame's distance from statistics that it helped to make is too small. The baseline is
//!   cut into [`FOLDS`] blocks, each measured by statistics of the others without the lag next to it.
//!   A gamma distribution with the mean and the (n_eff-corrected) variance of these squared distances,
//!   quantile after Wilson and Hilferty (doi:10.1073/pnas.17.12.684), extrapolates their 99th
//!   percentile: index 1.

use ndarray::{Array1, Array2};

/// Fewest frames of a baseline; a shorter one is extended until it has them.
pub const MIN_FRAMES: usize = 20;
/// Share of the baseline's frames in which a feature must be defined.
pub const MIN_DEFINED: f64 = 0.75;
/// Largest standardised value that counts in full. Low on purpose: a short baseline underestimates the
/// scale of some feature now and then, and a failing interface changes many features at once. Half a
/// logarithm is left above it, so that a wholly changed interface (a melt) reads higher than a slightly
/// changed one.
pub const MAX_Z: f64 = 3.0;
/// Least weight of the identity in the correlation.
pub const MIN_SHRINKAGE: f64 = 0.2;
/// Least number of independent samples assumed.
pub const MIN_EFFECTIVE: f64 = 2.5;
/// Blocks of the cross-fit.
pub const FOLDS: usize = 5;
/// Share of the features that must be defined for a frame to have a distance.
pub const MIN_FEATURES: f64 = 0.75;
/// Standard normal quantile of 0.99.
const Z99: f64 = 2.326_347_874_040_841;

/// Mean, scale and correlation of some frames.
#[derive(Debug, Clone)]
struct Statistics {
    mean: Array1<f64>,
    scale: Array1<f64>,
    correlation: Array2<f64>,
    /// Lower Cholesky factor of `correlation`, row by row.
    factor: Vec<Vec<f64>>,
}

/// The healthy interface, ready to measure frames.
#[derive(Debug, Clone)]
pub struct Baseline {
    kept: Vec<usize>,
    statistics: Statistics,
    unit: f64,
    effective: f64,
    shrinkage: f64,
}

/// A frame measured by a baseline.
#[derive(Debug, Clone, PartialEq)]
pub struct Distance {
    /// Distance in units where the baseline's extrapolated 99th percentile is 1.
    pub index: f64,
    /// Features that the baseline has and the frame lacks.
    pub missing: usize,
    /// One part per defined feature.
    pub parts: Vec<Part>,
}

/// A feature's part in a distance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Part {
    /// Position in the plan.
    pub feature: usize,
    /// Share of the squared distance; all shares sum to 1.
    pub share: f64,
    /// Standardised value, compressed beyond [`MAX_Z`].
    pub sigmas: f64,
}

impl Baseline {
    /// Statistics of `frames` (each one value per feature of the plan, NaN where undefined), smoothed
    /// over `lag_samples` frames; `None` when no feature varies.
    #[must_use]
    pub fn fit(frames: &[Vec<f64>], lag_samples: usize) -> Option<Self> {
        let width = frames.first()?.len();
        let kept: Vec<usize> = (0..width).filter(|&j| usable(frames, j)).collect();
        if kept.is_empty() {
            return None;
        }
        let n = frames.len();
        let table: Vec<Vec<f64>> =
            frames.iter().map(|frame| kept.iter().map(|&j| frame[j]).collect()).collect();
        let effective: Vec<f64> =
            (0..kept.len()).map(|j| effective_samples(&column(&table, j), lag_samples)).collect();
        let overall = median(&effective);
        let all: Vec<usize> = (0..n).collect();
        let (statistics, shrinkage) = Statistics::fit(&table, &all, &effective, overall, None);
        let squares = out_of_fold(&table, lag_samples, &effective, overall, &statistics.scale);
        let unit = percentile99(&squares, overall).sqrt();
        Some(Self { kept, statistics, unit, effective: overall, shrinkage })
    }

    /// Positions in the plan of the features in use.
    #[must_use]
    pub fn kept(&self) -> &[usize] {
        &self.kept
    }

    /// Median number of independent samples among the baseline's frames.
    #[must_use]
    pub fn effective(&self) -> f64 {
        self.effective
    }

    /// The baseline's extrapolated 99th percentile of the distance, before it becomes 1.
    #[must_use]
    pub fn unit(&self) -> f64 {
        self.unit
    }

    /// Weight of the identity in the correlation, 0 to 1.
    #[must_use]
    pub fn shrinkage(&self) -> f64 {
        self.shrinkage
    }

    /// Measures one frame's features (one value per feature of the plan). Undefined features are left
    /// out of the distance; `None` when fewer than [`MIN_FEATURES`] of the baseline's are defined.
    #[must_use]
    pub fn distance(&self, features: &[f64]) -> Option<Distance> {
        let values: Vec<f64> = self.kept.iter().map(|&j| features[j]).collect();
        let (square, parts) = self.statistics.square(&values)?;
        Some(Distance {
            index: square.sqrt() / self.unit,
            missing: self.kept.len() - parts.len(),
            parts: parts.into_iter().map(|p| Part { feature: self.kept[p.feature], ..p }).collect(),
        })
    }
}

impl Statistics {
    /// Statistics of the rows `used` of `table`. A feature that is constant among them takes its
    /// scale from `fallback`. Also gives the shrinkage.
    fn fit(
        table: &[Vec<f64>],
        used: &[usize],
        effective: &[f64],
        overall: f64,
        fallback: Option<&Array1<f64>>,
    ) -> (Self, f64) {
        let p = effective.len();
        let share = used.len() as f64 / table.len() as f64;
        let mut mean = Array1::zeros(p);
        let mut scale = Array1::ones(p);
        for j in 0..p {
            let defined: Vec<f64> = used.iter().map(|&t| table[t][j]).filter(|v| !v.is_nan()).collect();
            let (m, variance) = moments(&defined);
            let n_eff = (effective[j] * share).max(MIN_EFFECTIVE);
            let prediction = (variance * (n_eff + 1.0) / (n_eff - 1.0)).sqrt();
            mean[j] = m;
            scale[j] = match fallback {
                Some(other) if !varies(m, variance) => other[j],
                _ => prediction,
            };
        }
        // Standardised, clipped, undefined values at the mean.
        let z = Array2::from_shape_fn((used.len(), p), |(i, j)| {
            let v = (table[used[i]][j] - mean[j]) / scale[j];
            if v.is_nan() { 0.0 } else { compressed(v) }
        });
        let mut correlation = z.t().dot(&z);
        let norm: Vec<f64> =
            (0..p).map(|j| correlation[[j, j]].sqrt()).map(|d| if d > 0.0 { d } else { 1.0 }).collect();
        for ((i, j), c) in correlation.indexed_iter_mut() {
            *c = if i == j { 1.0 } else { *c / (norm[i] * norm[j]) };
        }
        let rho = shrinkage(&correlation, (overall * share).max(MIN_EFFECTIVE));
        for ((i, j), c) in correlation.indexed_iter_mut() {
            if i != j {
                *c *= 1.0 - rho;
            }
        }
        let factor = cholesky(&correlation);
        (Self { mean, scale, correlation, factor }, rho)
    }

    /// Squared distance per defined feature, and each feature's part (by position in `values`).
    fn square(&self, values: &[f64]) -> Option<(f64, Vec<Part>)> {
        let present: Vec<usize> = (0..values.len()).filter(|&j| !values[j].is_nan()).collect();
        if present.is_empty() || (present.len() as f64) < MIN_FEATURES * values.len() as f64 {
            return None;
        }
        let z: Vec<f64> =
            present.iter().map(|&j| compressed((values[j] - self.mean[j]) / self.scale[j])).collect();
        let y = if present.len() == values.len() {
            solve(&self.factor, &z)
        } else {
            let part = Array2::from_shape_fn((present.len(), present.len()), |(i, j)| {
                self.correlation[[present[i], present[j]]]
            });
            solve(&cholesky(&part), &z)
        };
        let total: f64 = z.iter().zip(&y).map(|(a, b)| a * b).sum();
        let whole = if total > 0.0 { total } else { 1.0 };
        let parts = present
            .iter()
            .zip(z.iter().zip(&y))
            .map(|(&feature, (&a, &b))| Part { feature, share: a * b / whole, sigmas: a })
            .collect();
        Some((total.max(0.0) / present.len() as f64, parts))
    }
}

/// `z` up to [`MAX_Z`], slowly growing beyond.
fn compressed(z: f64) -> f64 {
    if z.abs() <= MAX_Z { z } else { (MAX_Z + 0.5 * (1.0 + z.abs() - MAX_Z).ln()).copysign(z) }
}

fn column(table: &[Vec<f64>], j: usize) -> Vec<f64> {
    table.iter().map(|row| row[j]).filter(|v| !v.is_nan()).collect()
}

/// Defined often enough and not constant.
fn usable(frames: &[Vec<f64>], j: usize) -> bool {
    let values = column(frames, j);
    if values.len() < 3 || (values.len() as f64) < MIN_DEFINED * frames.len() as f64 {
        return false;
    }
    let (mean, variance) = moments(&values);
    varies(mean, variance)
}

/// Whether a variance is more than rounding.
fn varies(mean: f64, variance: f64) -> bool {
    variance.sqrt() > 1e-9 * mean.abs() && variance > f64::MIN_POSITIVE
}

/// Mean and unbiased variance (0 for fewer than two values).
fn moments(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    if values.len() < 2 {
        return (values.first().copied().unwrap_or(0.0), 0.0);
    }
    let mean = values.iter().sum::<f64>() / n;
    (mean, values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / (n - 1.0))
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// Number of independent samples among correlated ones.
fn effective_samples(values: &[f64], lag_samples: usize) -> f64 {
    let n = values.len();
    let mean = values.iter().sum::<f64>() / n as f64;
    let covariance =
        |k: usize| (k..n).map(|t| (values[t] - mean) * (values[t - k] - mean)).sum::<f64>() / n as f64;
    let variance = covariance(0);
    let mut tau = 1.0;
    for k in 1..n / 2 {
        let rho = covariance(k) / variance;
        if rho.is_nan() || rho <= 0.0 {
            break;
        }
        tau += 2.0 * rho;
    }
    (n as f64 / tau).min(n as f64 / lag_samples as f64).max(MIN_EFFECTIVE)
}

/// Oracle-approximating shrinkage intensity of a correlation matrix from `n` independent samples.
fn shrinkage(correlation: &Array2<f64>, n: f64) -> f64 {
    let p = correlation.nrows() as f64;
    let trace_of_square: f64 = correlation.iter().map(|c| c * c).sum();
    let square_of_trace = p * p;
    let above = (1.0 - 2.0 / p) * trace_of_square + square_of_trace;
    let below = (n + 1.0 - 2.0 / p) * (trace_of_square - square_of_trace / p);
    if below > 0.0 { (above / below).clamp(MIN_SHRINKAGE, 1.0) } else { 1.0 }
}

/// Squared distances of the baseline's frames, each from statistics without its block.
fn out_of_fold(
    table: &[Vec<f64>],
    lag_samples: usize,
    effective: &[f64],
    overall: f64,
    scale: &Array1<f64>,
) -> Vec<f64> {
    let n = table.len();
    let gap = lag_samples.min(n / FOLDS);
    let mut squares = Vec::with_capacity(n);
    for fold in 0..FOLDS {
        let (start, end) = (fold * n / FOLDS, (fold + 1) * n / FOLDS);
        let used: Vec<usize> = (0..n).filter(|&t| t + gap < start || t >= end + gap).collect();
        if used.len() < 3 {
            continue;
        }
        let (statistics, _) = Statistics::fit(table, &used, effective, overall, Some(scale));
        squares.extend((start..end).filter_map(|t| statistics.square(&table[t]).map(|(square, _)| square)));
    }
    squares
}

/// Extrapolated 99th percentile of squared distances, at least 1 (their expectation when the
/// statistics are exact).
fn percentile99(squares: &[f64], n_eff: f64) -> f64 {
    let (mean, variance) = moments(squares);
    let variance = variance * (n_eff + 1.0) / (n_eff - 1.0);
    if mean.is_nan() || mean <= 0.0 || variance <= 0.0 {
        return 1.0;
    }
    let (shape, scale) = (mean * mean / variance, variance / mean);
    let root = 1.0 - 1.0 / (9.0 * shape) + Z99 / (3.0 * shape.sqrt());
    (shape * scale * root.max(0.0).powi(3)).max(mean).max(1.0)
}

/// Lower Cholesky factor of a positive definite matrix, row by row.
fn cholesky(matrix: &Array2<f64>) -> Vec<Vec<f64>> {
    let mut factor: Vec<Vec<f64>> = Vec::with_capacity(matrix.nrows());
    for i in 0..matrix.nrows() {
        let mut row: Vec<f64> = Vec::with_capacity(i + 1);
        for j in 0..=i {
            let above = if j < i { &factor[j][..j] } else { &row[..] };
            let sum = matrix[[i, j]] - dot(&row[..j], above);
            // The shrinkage keeps every pivot above MIN_SHRINKAGE but for rounding.
            row.push(if i == j { sum.max(1e-6).sqrt() } else { sum / factor[j][j] });
        }
        factor.push(row);
    }
    factor
}

/// Solves (L L^T) y = z.
fn solve(factor: &[Vec<f64>], z: &[f64]) -> Vec<f64> {
    let mut y = z.to_vec();
    for (i, row) in factor.iter().enumerate() {
        y[i] = (y[i] - dot(&row[..i], &y[..i])) / row[i];
    }
    for (i, row) in factor.iter().enumerate().rev() {
        y[i] /= row[i];
        let solved = y[i];
        for (above, l) in y[..i].iter_mut().zip(row) {
            *above -= l * solved;
        }
    }
    y
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::synthetic::{Normal, ar1};

    /// `n` frames of `p` independent AR(1) features, averaged over `lag` samples as the stage does.
    fn frames(seed: u64, n: usize, p: usize, phi: f64, lag: usize) -> Vec<Vec<f64>> {
        let mut normal = Normal::new(seed);
        let columns: Vec<Vec<f64>> = (0..p)
            .map(|_| {
                let raw = ar1(&mut normal, n + lag, phi);
                (0..n).map(|t| raw[t + 1..=t + lag].iter().sum::<f64>() / lag as f64).collect()
            })
            .collect();
        (0..n).map(|t| columns.iter().map(|c| c[t]).collect()).collect()
    }

    #[test]
    fn cholesky_solves_a_known_system() {
        let matrix = ndarray::array![[4.0, 2.0, 0.6], [2.0, 3.0, 0.4], [0.6, 0.4, 2.0]];
        let x = ndarray::array![1.0, -2.0, 0.5];
        let z = matrix.dot(&x);
        let y = solve(&cholesky(&matrix), z.as_slice().expect("contiguous"));
        for (a, b) in y.iter().zip(&x) {
            assert!((a - b).abs() < 1e-12);
        }
    }

    #[test]
    fn correlated_frames_count_for_fewer() {
        let mut normal = Normal::new(3);
        let white = ar1(&mut normal, 400, 0.0);
        let slow = ar1(&mut normal, 400, 0.9);
        assert!(effective_samples(&white, 1) > 250.0, "{}", effective_samples(&white, 1));
        let n = effective_samples(&slow, 1);
        assert!((8.0..60.0).contains(&n), "{n}: tau of phi = 0.9 is 19");
        assert!(effective_samples(&white, 10) <= 40.0);
    }

    #[test]
    fn fresh_frames_rarely_exceed_the_unit() {
        let (mut over, mut total, mut sum) = (0, 0, 0.0);
        for seed in 0..60 {
            let all = frames(seed, 250, 30, 0.7, 10);
            let baseline = Baseline::fit(&all[..50], 10).expect("varies");
            for frame in &all[60..] {
                let index = baseline.distance(frame).expect("defined").index;
                total += 1;
                sum += index;
                over += usize::from(index > 1.0);
            }
        }
        let (share, mean) = (f64::from(over as u32) / f64::from(total), sum / f64::from(total));
        assert!(share < 0.10, "{share} of fresh frames over 1");
        assert!((0.4..0.95).contains(&mean), "mean index {mean}");
    }

    #[test]
    fn constant_and_undefined_features_take_no_part() {
        let mut all = frames(1, 50, 6, 0.5, 5);
        for (t, frame) in all.iter_mut().enumerate() {
            frame[1] = 2.5;
            frame[3] = f64::NAN;
            if t % 2 == 0 {
                frame[4] = f64::NAN;
            }
        }
        let baseline = Baseline::fit(&all, 5).expect("varies");
        assert_eq!(baseline.kept(), [0, 2, 5]);
        let mut frame = all[20].clone();
        frame[1] = 1e9;
        frame[3] = -1e9;
        assert_eq!(baseline.distance(&frame), baseline.distance(&all[20]));
        let constant = vec![vec![1.0; 4]; 50];
        assert!(Baseline::fit(&constant, 5).is_none());
    }

    #[test]
    fn a_missing_feature_is_left_out_and_many_are_refused() {
        let all = frames(2, 60, 8, 0.5, 5);
        let baseline = Baseline::fit(&all[..50], 5).expect("varies");
        let mut frame = all[55].clone();
        frame[0] = f64::NAN;
        let part = baseline.distance(&frame).expect("7 of 8 are defined");
        assert_eq!((part.missing, part.parts.len()), (1, 7));
        frame[1] = f64::NAN;
        assert!(baseline.distance(&frame).is_some());
        frame[2] = f64::NAN;
        assert!(baseline.distance(&frame).is_none());
    }

    #[test]
    fn parts_sum_to_one_and_name_the_moved_feature_but_one_feature_is_capped() {
        let all = frames(5, 60, 12, 0.5, 5);
        let baseline = Baseline::fit(&all[..50], 5).expect("varies");
        let mut frame = all[55].clone();
        frame[7] += 1e6;
        let distance = baseline.distance(&frame).expect("defined");
        assert!((distance.parts.iter().map(|p| p.share).sum::<f64>() - 1.0).abs() < 1e-9);
        let top = distance.parts.iter().max_by(|a, b| a.share.total_cmp(&b.share)).expect("parts");
        assert_eq!(top.feature, 7);
        assert!(top.sigmas > MAX_Z && top.sigmas < 4.0 * MAX_Z, "{}", top.sigmas);
        let before = distance.index;
        frame[7] += 1e6;
        assert!(baseline.distance(&frame).expect("defined").index < 1.05 * before);
    }

    #[test]
    fn more_features_than_frames_stay_positive_definite() {
        let all = frames(9, 20, 45, 0.9, 10);
        let baseline = Baseline::fit(&all, 10).expect("varies");
        for frame in &all {
            let index = baseline.distance(frame).expect("defined").index;
            assert!(index.is_finite() && index > 0.0);
        }
        assert!(baseline.shrinkage() > 0.5);
    }
}
