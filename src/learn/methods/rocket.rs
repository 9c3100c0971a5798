//! Random convolutions and a ridge classifier, after MiniRocket (Dempster, Schmidt, Webb,
//! doi:10.1145/3447548.3467231): kernels of nine taps with three weights of 2 and six of -1, dilated,
//! on a few channels; a feature is the share of places where the response exceeds a bias, which is
//! drawn from the responses to a training window.

use crate::error::{Error, Result};
use crate::learn::boost::Rows;
use crate::learn::folds::Fold;
use crate::learn::inputs::{Standardised, of_fold, samples};
use crate::learn::logistic::Logistic;
use crate::learn::methods::Lesson;
use crate::learn::prepare::{Prepared, Set};
use crate::learn::random::Random;
use crate::learn::sequence::Sequence;
use crate::learn::settings::Rocket as Settings;
use crate::model::stream::Said;

/// Frames under a kernel.
pub const TAPS: usize = 9;

struct Kernel {
    /// Taps with weight 2.
    strong: [usize; 3],
    dilation: usize,
    channels: Vec<usize>,
    bias: f32,
}

/// Kernels and their classifier.
pub struct Rocket {
    kernels: Vec<Kernel>,
    window: usize,
    mean: Vec<f64>,
    deviation: Vec<f64>,
    /// Outputs x (features + 1).
    weights: Vec<Vec<f64>>,
    logistic: Logistic,
}

/// Rows of a window, oldest first, padded with zeros in front.
fn window(set_window: usize, first: usize, sequence: &Sequence, frame: usize) -> Vec<f32> {
    let channels = sequence.channels;
    let start = (frame + 1).saturating_sub(set_window).max(first);
    let known = &sequence.inputs[start * channels..(frame + 1) * channels];
    let mut rows = vec![0.0; set_window * channels - known.len()];
    rows.extend_from_slice(known);
    rows
}

impl Kernel {
    /// Sums over taps at every place where the kernel fits.
    fn responses(&self, rows: &[f32], channels: usize) -> Vec<f32> {
        let frames = rows.len() / channels;
        let single: Vec<f32> =
            (0..frames).map(|t| self.channels.iter().map(|c| rows[t * channels + c]).sum()).collect();
        let span = (TAPS - 1) * self.dilation;
        (0..frames - span)
            .map(|t| {
                let all: f32 = (0..TAPS).map(|k| single[t + k * self.dilation]).sum();
                let strong: f32 = self.strong.iter().map(|k| single[t + k * self.dilation]).sum();
                3.0 * strong - all
            })
            .collect()
    }

    fn share(&self, rows: &[f32], channels: usize) -> f32 {
        let responses = self.responses(rows, channels);
        responses.iter().filter(|&&r| r > self.bias).count() as f32 / responses.len() as f32
    }
}

/// Trains.
pub fn fit(lesson: Lesson<'_>, standardised: &Standardised, settings: &Settings) -> Result<Rocket> {
    let Lesson { set, folds, recipe, seed } = lesson;
    let mut random = Random::new(seed, 0x20C4);
    let mut drawn = samples(set, of_fold(set, folds, &Fold::Train), recipe.stride);
    random.shuffle(&mut drawn);
    drawn.truncate(settings.windows);
    if drawn.is_empty() {
        return Err(super::nothing("training windows"));
    }
    if set.window < TAPS {
        return Err(Error::input("window", set.window, format!("at least {TAPS} frames")));
    }
    let channels = standardised.scaler.channels();
    let cut = |(k, frame): (usize, usize)| {
        window(set.window, set.series[k].first, &standardised.sequences[k], frame)
    };
    let most = (set.window.saturating_sub(1) / (TAPS - 1)).max(1);
    let kernels: Vec<Kernel> = (0..settings.features)
        .map(|_| {
            let mut taps: Vec<usize> = (0..TAPS).collect();
            random.shuffle(&mut taps);
            // Dilations spread evenly in their logarithm, channels too.
            let dilation = ((most as f64).powf(random.uniform()).floor() as usize).clamp(1, most);
            let count =
                (2f64.powf(random.uniform() * (channels.min(9) as f64).log2()).floor() as usize).max(1);
            let mut of: Vec<usize> = (0..channels).collect();
            random.shuffle(&mut of);
            of.truncate(count);
            let mut kernel =
                Kernel { strong: [taps[0], taps[1], taps[2]], dilation, channels: of, bias: 0.0 };
            let responses = kernel.responses(&cut(drawn[random.below(drawn.len())]), channels);
            kernel.bias = responses[random.below(responses.len())];
            kernel
        })
        .collect();
    let mut rocket = Rocket {
        kernels,
        window: set.window,
        mean: Vec::new(),
        deviation: Vec::new(),
        weights: Vec::new(),
        logistic: Logistic::fit(&Rows::default(), set.classes.len()),
    };
    let features: Vec<Vec<f64>> = drawn.iter().map(|&at| rocket.features(&cut(at), channels)).collect();
    rocket.ridge(set, &drawn, features);
    let mut rows = Rows { width: rocket.weights.len(), ..Rows::default() };
    for (k, frame) in samples(set, of_fold(set, folds, &Fold::Valid), recipe.stride) {
        rows.x.extend(rocket.scores(&cut((k, frame)), channels));
        rows.state.push(set.series[k].state[frame]);
        rows.warning.push(set.series[k].warning[frame]);
    }
    rocket.logistic = Logistic::fit(&rows, set.classes.len());
    Ok(rocket)
}

impl Rocket {
    fn features(&self, rows: &[f32], channels: usize) -> Vec<f64> {
        self.kernels.iter().map(|kernel| f64::from(kernel.share(rows, channels))).collect()
    }

    /// Ridge regression of +-1 per output on standardised features.
    fn ridge(&mut self, set: &Set, drawn: &[(usize, usize)], mut features: Vec<Vec<f64>>) {
        let (n, width) = (features.len() as f64, self.kernels.len());
        self.mean = vec![0.0; width];
        self.deviation = vec![0.0; width];
        for row in &features {
            self.mean.iter_mut().zip(row).for_each(|(m, x)| *m += x / n);
        }
        for row in &features {
            for k in 0..width {
                self.deviation[k] += (row[k] - self.mean[k]).powi(2) / n;
            }
        }
        self.deviation.iter_mut().for_each(|d| *d = if *d > 1e-12 { d.sqrt() } else { 1.0 });
        for row in &mut features {
            for k in 0..width {
                row[k] = (row[k] - self.mean[k]) / self.deviation[k];
            }
            row.push(1.0);
        }
        let classes = set.classes.len();
        let sign = |yes: bool| if yes { 1.0 } else { -1.0 };
        let targets = |output: usize| -> Vec<f64> {
            let of = |&(k, frame): &(usize, usize)| {
                let one = &set.series[k];
                if output < classes {
                    one.state[frame].map_or(0.0, |s| sign(usize::from(s) == output))
                } else {
                    one.warning[frame].map_or(0.0, sign)
                }
            };
            drawn.iter().map(of).collect()
        };
        // States and warnings are known at different windows: two systems.
        let warned = targets(classes).iter().any(|&y| y != 0.0);
        let groups = std::iter::once(0..classes).chain(warned.then_some(classes..classes + 1));
        for group in groups {
            let columns: Vec<Vec<f64>> = group.map(targets).collect();
            let known: Vec<bool> = (0..drawn.len()).map(|row| columns[0][row] != 0.0).collect();
            self.weights.extend(solve(&features, &known, &columns, 0.1 * n.sqrt() * 10.0));
        }
    }

    fn scores(&self, rows: &[f32], channels: usize) -> Vec<f32> {
        let features = self.features(rows, channels);
        self.weights
            .iter()
            .map(|w| {
                let sum: f64 = features
                    .iter()
                    .enumerate()
                    .map(|(k, x)| w[k] * (x - self.mean[k]) / self.deviation[k])
                    .sum();
                (sum + w[self.kernels.len()]) as f32
            })
            .collect()
    }

    /// What is said at the judged frames of a series.
    pub fn say(&self, sequence: &Sequence, series: &Prepared) -> Vec<Said> {
        let cut = |frame| window(self.window, series.first, sequence, frame);
        series
            .verdicts()
            .map(|frame| self.logistic.say(&self.scores(&cut(frame), sequence.channels)))
            .collect()
    }
}

/// Weights of least squares with penalty, by Cholesky decomposition of the normal equations.
fn solve(features: &[Vec<f64>], known: &[bool], targets: &[Vec<f64>], penalty: f64) -> Vec<Vec<f64>> {
    let width = features.first().map_or(0, Vec::len);
    let mut normal = vec![vec![0.0; width]; width];
    let mut right = vec![vec![0.0; width]; targets.len()];
    for (row, x) in features.iter().enumerate().filter(|(row, _)| known[*row]) {
        for i in 0..width {
            let xi = x[i];
            normal[i][..=i].iter_mut().zip(x).for_each(|(a, xj)| *a += xi * xj);
        }
        for (b, y) in right.iter_mut().zip(targets) {
            b.iter_mut().zip(x).for_each(|(b, xi)| *b += y[row] * xi);
        }
    }
    for (i, row) in normal.iter_mut().enumerate() {
        row[i] += penalty;
    }
    for i in 0..width {
        for j in 0..=i {
            let (before, rest) = normal.split_at_mut(i);
            let row = &mut rest[0];
            let other: &[f64] = if j == i { &row.clone() } else { &before[j] };
            let sum = row[j] - row[..j].iter().zip(&other[..j]).map(|(a, b)| a * b).sum::<f64>();
            row[j] = if i == j { sum.max(1e-12).sqrt() } else { sum / other[j] };
        }
    }
    for b in &mut right {
        for i in 0..width {
            let sum: f64 = (0..i).map(|j| normal[i][j] * b[j]).sum();
            b[i] = (b[i] - sum) / normal[i][i];
        }
        for i in (0..width).rev() {
            let sum: f64 = (i + 1..width).map(|j| normal[j][i] * b[j]).sum();
            b[i] = (b[i] - sum) / normal[i][i];
        }
    }
    right
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn responses_by_hand() {
        let kernel = Kernel { strong: [0, 4, 8], dilation: 1, channels: vec![1], bias: 0.0 };
        // Second channel: a single one at frame 4 of ten; the first channel is ignored.
        let rows: Vec<f32> = (0..10).flat_map(|t| [9.0, f32::from(u8::from(t == 4))]).collect();
        // Place 0 has it under tap 4 (weight 2), place 1 under tap 3 (weight -1).
        assert_eq!(kernel.responses(&rows, 2), [2.0, -1.0]);
        assert_eq!(kernel.share(&rows, 2), 0.5);
    }

    #[test]
    fn the_penalised_solution_solves_its_equations() {
        let features =
            vec![vec![1.0, 2.0, 1.0], vec![0.0, 1.0, 1.0], vec![3.0, 1.0, 1.0], vec![9.0, 9.0, 1.0]];
        let target = vec![1.0, -1.0, 1.0, 0.0];
        let known = [true, true, true, false];
        let w = &solve(&features, &known, std::slice::from_ref(&target), 0.5)[0];
        for i in 0..3 {
            let left: f64 = (0..3)
                .map(|r| features[r][i] * (0..3).map(|j| features[r][j] * w[j]).sum::<f64>())
                .sum::<f64>()
                + 0.5 * w[i];
            let right: f64 = (0..3).map(|r| features[r][i] * target[r]).sum();
            assert!((left - right).abs() < 1e-10, "{left} {right}");
        }
    }
}
