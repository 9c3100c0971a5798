//! Calibration of a trained method on lineages that had no part in its training.
//!
//! Enters: logits at the calibration lineages' verdicts, and their targets. Leaves: a [`Calibration`].
//! Class weights and early stopping leave probabilities that only rank; this makes them mean shares.
//!
//! Least penalised cross-entropy over a scale and a shift per class of each head. Windows that overlap
//! say nearly the same, so as many verdicts as a window has frames count as one; the penalty is a
//! Gaussian of deviation 1 around "no change", which a few lineages move a little and many at will.

use super::folds::Fold;
use super::inputs::of_fold;
use super::prepare::{Prepared, Set};
use crate::model::calibration::Calibration;
use crate::model::stream::{Logits, Said};

/// Every how many verdicts one is looked at: neighbours say nearly the same.
const STRIDE: usize = 5;
/// Least scale: the order stays even if the calibration lineages would turn it.
const LEAST_SCALE: f64 = 0.05;
const STEPS: usize = 60;

/// A verdict's logits, class and weight.
struct Row {
    z: Vec<f64>,
    class: usize,
    weight: f64,
}

/// Fits to what `say` gives for the verdicts of the calibration series.
///
/// # Errors
/// What `say` returns.
pub fn fit<E>(
    set: &Set,
    folds: &[Fold],
    say: impl FnMut(usize, &Prepared) -> Result<Vec<Logits>, E>,
) -> Result<Calibration, E> {
    fit_on(set, of_fold(set, folds, &Fold::Calibrate), say)
}

/// Fits to what `say` gives for the verdicts of `chosen` series.
///
/// # Errors
/// What `say` returns.
pub fn fit_on<E>(
    set: &Set,
    chosen: impl Iterator<Item = usize>,
    mut say: impl FnMut(usize, &Prepared) -> Result<Vec<Logits>, E>,
) -> Result<Calibration, E> {
    let classes = set.classes.len();
    let (mut states, mut warnings) = (Vec::new(), Vec::new());
    let mut lineages: Vec<&str> = Vec::new();
    for k in chosen {
        let one = &set.series[k];
        lineages.push(&one.lineage);
        let said = say(k, one)?;
        // A single verdict on a series counts for itself.
        let weight = if said.len() < STRIDE { 1.0 } else { (STRIDE as f64 / set.window as f64).min(1.0) };
        for (frame, logits) in one.verdicts().zip(said).step_by(STRIDE) {
            if let (Some(warning), Some(z)) = (one.warning[frame], logits.warning) {
                let z = vec![0.0, f64::from(z)];
                warnings.push(Row { z, class: usize::from(warning), weight });
            }
            let z: Vec<f64> = logits.states.iter().map(|&z| f64::from(z)).collect();
            // Where nothing was said there is nothing to calibrate.
            if let Some(state) = one.state[frame].filter(|_| z.iter().all(|z| z.is_finite())) {
                states.push(Row { z, class: usize::from(state), weight });
            }
        }
    }
    lineages.sort_unstable();
    lineages.dedup();
    if lineages.is_empty() {
        return Ok(Calibration::none(classes));
    }
    let state = least(&states, classes);
    let warning = least(&warnings, 2);
    Ok(Calibration {
        lineages: lineages.len(),
        state_scale: state[0] as f32,
        state_shift: state[1..].iter().map(|&shift| shift as f32).collect(),
        warning_scale: warning[0] as f32,
        // Two logits, 0 and z: what counts is their difference.
        warning_shift: (warning[2] - warning[1]) as f32,
    })
}

/// Log-probabilities as logits: for methods that give nothing else. Nothing said stays nothing.
#[must_use]
pub fn logits_of(said: &Said) -> Logits {
    let log = |p: f32| p.clamp(1e-7, 1.0).ln();
    let warning = (!said.warning.is_nan()).then(|| log(said.warning) - log(1.0 - said.warning));
    Logits { states: said.states.iter().map(|&p| log(p)).collect(), warning }
}

/// Scale and shifts of least penalised cross-entropy, by Newton's method with halved steps; convex.
fn least(rows: &[Row], classes: usize) -> Vec<f64> {
    let width = classes + 1;
    let mut at = vec![0.0; width];
    at[0] = 1.0;
    let (mut value, mut slope, mut curvature) = cross_entropy(rows, &at);
    for _ in 0..STEPS {
        let step = solve(&curvature, &slope);
        let mut share = 1.0;
        let next = loop {
            let there: Vec<f64> = at.iter().zip(&step).map(|(a, s)| a - share * s).collect();
            let found = cross_entropy(rows, &there);
            if found.0 <= value {
                break Some((there, found));
            }
            share *= 0.5;
            if share < 1e-9 {
                break None;
            }
        };
        let Some((there, found)) = next else { break };
        let gained = value - found.0;
        at = there;
        (value, slope, curvature) = found;
        if gained < 1e-12 * (1.0 + value) {
            break;
        }
    }
    at[0] = at[0].max(LEAST_SCALE);
    at
}

/// Penalised cross-entropy, its slope and its curvature.
fn cross_entropy(rows: &[Row], at: &[f64]) -> (f64, Vec<f64>, Vec<Vec<f64>>) {
    let width = at.len();
    let away = |k: usize| at[k] - f64::from(u8::from(k == 0));
    let mut value: f64 = (0..width).map(|k| 0.5 * away(k).powi(2)).sum();
    let mut slope: Vec<f64> = (0..width).map(away).collect();
    let mut curvature: Vec<Vec<f64>> =
        (0..width).map(|i| (0..width).map(|j| f64::from(u8::from(i == j))).collect()).collect();
    for row in rows {
        let z: Vec<f64> = row.z.iter().zip(&at[1..]).map(|(z, shift)| at[0] * z + shift).collect();
        let most = z.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = z.iter().map(|z| (z - most).exp()).sum();
        let p: Vec<f64> = z.iter().map(|z| (z - most).exp() / sum).collect();
        value += row.weight * (most + sum.ln() - z[row.class]);
        // Each class's derivatives are (its logit, the unit vector of its shift).
        let mean: f64 = p.iter().zip(&row.z).map(|(p, z)| p * z).sum();
        slope[0] += row.weight * (mean - row.z[row.class]);
        let square: f64 = p.iter().zip(&row.z).map(|(p, z)| p * z * z).sum();
        curvature[0][0] += row.weight * (square - mean * mean);
        for (k, (p_k, z_k)) in p.iter().zip(&row.z).enumerate() {
            slope[k + 1] += row.weight * (p_k - f64::from(u8::from(k == row.class)));
            let mixed = row.weight * p_k * (z_k - mean);
            curvature[0][k + 1] += mixed;
            curvature[k + 1][0] += mixed;
            for (j, p_j) in p.iter().enumerate() {
                curvature[k + 1][j + 1] += row.weight * (f64::from(u8::from(j == k)) * p_k - p_k * p_j);
            }
        }
    }
    (value, slope, curvature)
}

/// Solution of a positive definite system, by elimination.
fn solve(matrix: &[Vec<f64>], right: &[f64]) -> Vec<f64> {
    let n = right.len();
    let mut rows: Vec<Vec<f64>> =
        matrix.iter().zip(right).map(|(row, b)| row.iter().copied().chain([*b]).collect()).collect();
    for pivot in 0..n {
        let (above, below) = rows.split_at_mut(pivot + 1);
        for row in below {
            let factor = row[pivot] / above[pivot][pivot];
            row[pivot..].iter_mut().zip(&above[pivot][pivot..]).for_each(|(a, b)| *a -= factor * b);
        }
    }
    let mut solved = vec![0.0; n];
    for i in (0..n).rev() {
        let known: f64 = (i + 1..n).map(|j| rows[i][j] * solved[j]).sum();
        solved[i] = (rows[i][n] - known) / rows[i][i];
    }
    solved
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::random::Random;
    use crate::learn::replicas::tests::{data, series};

    /// Rows whose class follows from true logits, of which the model says `said` of them.
    fn rows(count: usize, said: impl Fn(&[f64]) -> Vec<f64>) -> Vec<Row> {
        let mut random = Random::new(3, 4);
        (0..count)
            .map(|_| {
                let truth: Vec<f64> = (0..3).map(|_| 1.5 * random.normal()).collect();
                let sum: f64 = truth.iter().map(|z| z.exp()).sum();
                let mut left = random.uniform() * sum;
                let class = truth.iter().position(|z| {
                    left -= z.exp();
                    left <= 0.0
                });
                Row { z: said(&truth), class: class.unwrap_or(2), weight: 1.0 }
            })
            .collect()
    }

    #[test]
    fn scale_and_shifts_of_a_distorted_model_are_found() {
        // Twice as sure as it should be, and partial to class 1.
        let rows = rows(20_000, |z| vec![2.0 * z[0], 2.0 * z[1] + 1.0, 2.0 * z[2]]);
        let found = least(&rows, 3);
        assert!((found[0] - 0.5).abs() < 0.02, "{found:?}");
        assert!((found[2] - found[1] + 0.5).abs() < 0.06, "{found:?}");
        assert!((found[3] - found[1]).abs() < 0.06, "{found:?}");
    }

    #[test]
    fn what_says_nothing_is_not_calibrated_and_still_says_nothing() {
        let nothing = logits_of(&Said::nothing(3));
        assert!(nothing.states.iter().all(|z| z.is_nan()) && nothing.warning.is_none());
        let mut calibration = Calibration::none(3);
        (calibration.state_shift[0], calibration.warning_shift) = (1.0, 2.0);
        let said = calibration.apply(nothing.clone()).said();
        assert!(said.states.iter().all(|p| p.is_nan()) && said.warning.is_nan(), "{said:?}");

        let data = data(vec![series("a0", "a", Some(30.0)), series("b0", "b", None)]);
        let sure = Logits { states: vec![3.0, 0.0, 0.0], warning: Some(-3.0) };
        let fitted = |silent_from: usize| {
            let frames = |frame| if frame < silent_from { sure.clone() } else { nothing.clone() };
            let say = |_, one: &Prepared| Ok::<_, ()>(one.verdicts().map(frames).collect());
            fit_on(&data.set, 0..2, say).expect("fits")
        };
        let found = fitted(40);
        assert!(found.state_scale.is_finite() && found.warning_scale.is_finite(), "{found:?}");
        assert_eq!(fitted(0).state_scale, 1.0, "nothing to learn from");
    }

    #[test]
    fn nothing_changes_without_rows_and_the_order_is_never_turned() {
        assert_eq!(least(&[], 3), [1.0, 0.0, 0.0, 0.0]);
        let turned = rows(2000, |z| z.iter().map(|z| -z).collect());
        assert_eq!(least(&turned, 3)[0], LEAST_SCALE);
    }

    #[test]
    fn slope_and_curvature_are_those_of_the_value() {
        let rows = rows(50, <[f64]>::to_vec);
        let at = [0.7, 0.2, -0.4, 0.1];
        let (_, slope, curvature) = cross_entropy(&rows, &at);
        for k in 0..4 {
            let moved = |by: f64| {
                let mut there = at;
                there[k] += by;
                cross_entropy(&rows, &there)
            };
            let (after, before) = (moved(1e-5), moved(-1e-5));
            assert!(((after.0 - before.0) / 2e-5 - slope[k]).abs() < 1e-5, "slope {k}");
            for j in 0..4 {
                assert!(((after.1[j] - before.1[j]) / 2e-5 - curvature[k][j]).abs() < 1e-4, "{k} {j}");
            }
        }
    }

    #[test]
    fn log_probabilities_are_logits() {
        let logits = Logits { states: vec![1.0, -1.0, 0.3], warning: Some(0.7) };
        let (said, again) = (logits.said(), logits_of(&logits.said()).said());
        assert!((said.warning - again.warning).abs() < 1e-6);
        for (a, b) in said.states.iter().zip(&again.states) {
            assert!((a - b).abs() < 1e-6);
        }
        assert!(logits_of(&Said { states: vec![1.0], warning: 1.0 }).warning.expect("defined").is_finite());
    }
}
