//! Prepared series to standardised inputs.

use super::folds::Fold;
use super::plan::Recipe;
use super::prepare::{Prepared, Set};
use super::sequence::{Sequence, Stretch};
use crate::error::{Error, Result};
use crate::model::scaler::Scaler;
use crate::model::spec::Inputs;

/// Standardised inputs of all series.
#[derive(Debug, Clone)]
pub struct Standardised {
    /// Columns read, in order.
    pub columns: Vec<String>,
    /// Statistics of the training series.
    pub scaler: Scaler,
    /// One per series of the set.
    pub sequences: Vec<Sequence>,
}

/// Standardises a set by the statistics of its training series, over the frames that windows hold.
///
/// # Errors
/// [`Error::Input`] when columns do not exist, or shifts are asked of series without a baseline.
pub fn standardise(set: &Set, folds: &[Fold], recipe: &Recipe) -> Result<Standardised> {
    let columns = recipe.columns.of(&set.columns)?;
    let positions = set.positions(&columns)?;
    if recipe.inputs != Inputs::Level
        && let Some(bare) = set.series.iter().find(|s| s.baseline.is_none() && s.verdicts().next().is_some())
    {
        return Err(Error::input(
            "inputs",
            format!("{:?}", recipe.inputs),
            format!("level, as run {} has no baseline", bare.run),
        ));
    }
    let training: Vec<&Prepared> = set
        .series
        .iter()
        .zip(folds)
        .filter(|(s, fold)| **fold == Fold::Train && s.first < s.frames())
        .map(|(s, _)| s)
        .collect();
    if training.is_empty() {
        return Err(Error::input("training series", 0, "at least one with a verdict"));
    }
    let scaler = statistics(&training, &positions, recipe.inputs);
    let sequences = set.series.iter().map(|series| sequence(series, &positions, &scaler)).collect();
    Ok(Standardised { columns, scaler, sequences })
}

/// Mean and deviation of levels, deviation of shifts; a column that never varies, but for rounding, keeps
/// deviation 1. Whatever its unit: a length in metres varies by 1e-10.
fn statistics(training: &[&Prepared], positions: &[usize], inputs: Inputs) -> Scaler {
    let mut level = Vec::with_capacity(positions.len());
    let mut shift = Vec::with_capacity(positions.len());
    for &column in positions {
        let values = |shifted: bool| {
            training.iter().flat_map(move |series| {
                let from = match (&series.baseline, shifted) {
                    (Some(levels), true) => levels[column][0],
                    _ => 0.0,
                };
                (series.first..series.frames())
                    .map(move |frame| f64::from(series.row(frame)[column]) - from)
                    .filter(|v| v.is_finite())
            })
        };
        let (mean, variance) = moments(values(false));
        let least = f64::from(f32::EPSILON) * mean.abs();
        let deviation = |variance: f64| {
            let deviation = variance.sqrt() as f32;
            if variance.sqrt() > least && deviation.is_normal() { deviation } else { 1.0 }
        };
        level.push([mean as f32, deviation(variance)]);
        let (mean, variance) = if inputs == Inputs::Level { (0.0, 1.0) } else { moments(values(true)) };
        // About zero, not about its mean: no shift must stay no shift.
        shift.push(deviation(variance + mean * mean));
    }
    Scaler { inputs, level, shift }
}

fn moments(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (mut count, mut mean, mut squares) = (0.0, 0.0, 0.0);
    for value in values {
        count += 1.0;
        let before = value - mean;
        mean += before / count;
        squares += before * (value - mean);
    }
    if count > 1.0 { (mean, squares / (count - 1.0)) } else { (mean, 0.0) }
}

fn sequence(series: &Prepared, positions: &[usize], scaler: &Scaler) -> Sequence {
    let mut inputs = Vec::with_capacity(series.frames() * scaler.channels());
    for frame in 0..series.frames() {
        let row = series.row(frame);
        let baseline = |k: usize| series.baseline.as_ref().map_or(f64::NAN, |b| b[positions[k]][0]);
        scaler.push(|k| f64::from(row[positions[k]]), baseline, &mut inputs);
    }
    Sequence {
        channels: scaler.channels(),
        inputs,
        state: series.state.clone(),
        warning: series.warning.clone(),
    }
}

/// Series of a fold that have a verdict.
pub fn of_fold<'a>(set: &'a Set, folds: &'a [Fold], fold: &'a Fold) -> impl Iterator<Item = usize> + 'a {
    (0..set.series.len()).filter(move |&k| folds[k] == *fold && set.series[k].verdicts().next().is_some())
}

/// Whole series from the first frame that a window holds.
#[must_use]
pub fn whole(set: &Set, series: impl Iterator<Item = usize>) -> Vec<Stretch> {
    series
        .map(|k| {
            let one = &set.series[k];
            Stretch { sequence: k, start: one.first, from: one.first, end: one.frames() }
        })
        .collect()
}

/// Windows for encoders that see no more than a window: each is scored on the frames that have at
/// least half of it behind them, or everything there is.
#[must_use]
pub fn windows(set: &Set, series: impl Iterator<Item = usize>) -> Vec<Stretch> {
    let (window, half) = (set.window, set.window.div_ceil(2));
    let mut stretches = Vec::new();
    for k in series {
        let one = &set.series[k];
        let mut start = one.first;
        loop {
            let end = (start + window).min(one.frames());
            let from = if start == one.first { start } else { (start + window - half).min(end) };
            if (from..end).any(|frame| one.judged[frame]) {
                stretches.push(Stretch { sequence: k, start, from, end });
            }
            if end == one.frames() {
                break;
            }
            start += half;
        }
    }
    stretches
}

/// Judged frames with a target, every `stride`-th: (series, frame).
#[must_use]
pub fn samples(set: &Set, series: impl Iterator<Item = usize>, stride: usize) -> Vec<(usize, usize)> {
    series
        .flat_map(|k| {
            let one = &set.series[k];
            one.verdicts()
                .step_by(stride)
                .filter(|&frame| one.state[frame].is_some() || one.warning[frame].is_some())
                .map(move |frame| (k, frame))
        })
        .collect()
}
