//! Methods without learning worth the name: a threshold on one descriptor, the fix's CUSUM, early
//! warning signals, and the nulls. A regression on the training series turns what they look at into
//! probabilities.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::error::Result;
use crate::learn::boost::{self, Rows};
use crate::learn::folds::Fold;
use crate::learn::inputs::{Standardised, of_fold, samples};
use crate::learn::logistic::Logistic;
use crate::learn::methods::Lesson;
use crate::learn::plan::Method;
use crate::learn::prepare::{Prepared, Set};
use crate::learn::score::ranking::auroc;
use crate::learn::sequence::Sequence;
use crate::learn::settings::Boosting;
use crate::model::forest::Forest;
use crate::model::stream::Said;

/// What a method looks at.
enum View {
    /// A channel, averaged over some frames.
    Channel { channel: usize, frames: usize },
    /// CUSUM and index of the fix.
    ModelFree,
    /// Rise of variance and autocorrelation over a window of some frames.
    Trend { frames: usize },
    /// Factors of the run: numbers as they are, texts one-hot.
    Condition { numbers: Vec<String>, texts: Vec<(String, String)> },
    /// Time since the first verdict.
    Elapsed,
}

enum Judge {
    Logistic(Logistic),
    Trees(Forest),
}

/// A view with its judge.
pub struct Plain {
    view: View,
    judge: Judge,
}

/// Fits.
pub fn fit(lesson: Lesson<'_>, standardised: &Standardised) -> Result<Plain> {
    let Lesson { set, folds, recipe, seed } = lesson;
    let view = match recipe.method {
        Method::Cusum => View::ModelFree,
        Method::Trend => View::Trend { frames: set.window },
        Method::Condition => condition(set, folds),
        Method::Elapsed => View::Elapsed,
        _ => best_channel(lesson, standardised),
    };
    let rows = |fold: Fold| {
        let mut rows = Rows::default();
        for (k, frame) in samples(set, of_fold(set, folds, &fold), recipe.stride) {
            let seen = view.see(&standardised.sequences[k], &set.series[k], frame);
            rows.width = seen.len();
            rows.x.extend(seen);
            rows.state.push(set.series[k].state[frame]);
            rows.warning.push(set.series[k].warning[frame]);
        }
        rows
    };
    let classes = set.classes.len();
    let judge = match view {
        // Chances may go up and down with temperature or time.
        View::Condition { .. } | View::Elapsed => {
            let settings = Boosting { depth: 3, features: 1.0, ..Boosting::default() };
            Judge::Trees(boost::fit(&rows(Fold::Train), &rows(Fold::Valid), classes, &settings, seed)?)
        }
        _ => Judge::Logistic(Logistic::fit(&rows(Fold::Train), classes)),
    };
    Ok(Plain { view, judge })
}

/// The single channel, averaged over ten frames, that ranks training warnings best, either way round.
fn best_channel(lesson: Lesson<'_>, standardised: &Standardised) -> View {
    const FRAMES: usize = 10;
    let Lesson { set, folds, recipe, .. } = lesson;
    let drawn = samples(set, of_fold(set, folds, &Fold::Train), recipe.stride);
    let mut best = (0.0, 0);
    for channel in 0..standardised.scaler.channels() {
        let view = View::Channel { channel, frames: FRAMES };
        let scored: Vec<(f64, bool)> = drawn
            .iter()
            .filter_map(|&(k, frame)| {
                let target = set.series[k].warning[frame]?;
                let seen = view.see(&standardised.sequences[k], &set.series[k], frame);
                Some((f64::from(seen[0]), target))
            })
            .collect();
        let distance = (auroc(&scored) - 0.5).abs();
        if distance > best.0 {
            best = (distance, channel);
        }
    }
    View::Channel { channel: best.1, frames: FRAMES }
}

fn condition(set: &Set, folds: &[Fold]) -> View {
    const OWN: [&str; 6] = ["seed", "replica", "role", "fold", "name", "lineage"];
    let mut values: BTreeMap<&String, Vec<&Value>> = BTreeMap::new();
    for k in of_fold(set, folds, &Fold::Train) {
        for (key, value) in &set.series[k].condition {
            if !OWN.contains(&key.as_str()) {
                values.entry(key).or_default().push(value);
            }
        }
    }
    let (mut numbers, mut texts) = (Vec::new(), Vec::new());
    for (key, of) in values {
        if of.iter().all(|v| v.is_number()) {
            numbers.push(key.clone());
        } else {
            let mut names: Vec<String> = of.iter().map(|v| as_text(v)).collect();
            names.sort();
            names.dedup();
            texts.extend(names.into_iter().map(|name| (key.clone(), name)));
        }
    }
    View::Condition { numbers, texts }
}

impl View {
    fn see(&self, sequence: &Sequence, series: &Prepared, frame: usize) -> Vec<f32> {
        match self {
            Self::Channel { channel, frames } => {
                let start = (frame + 1).saturating_sub(*frames).max(series.first);
                let sum: f32 =
                    (start..=frame).map(|t| sequence.inputs[t * sequence.channels + channel]).sum();
                vec![sum / (frame + 1 - start) as f32]
            }
            Self::ModelFree => {
                let [index, cusum] = series.model_free[frame];
                let or_zero = |v: f64| if v.is_nan() { 0.0 } else { v as f32 };
                vec![or_zero(cusum), or_zero(index).min(20.0)]
            }
            Self::Trend { frames } => {
                let start = (frame + 1).saturating_sub(*frames).max(series.first);
                trend(sequence, start, frame + 1).to_vec()
            }
            Self::Condition { numbers, texts } => {
                let number = |key: &String| {
                    series.condition.get(key).and_then(Value::as_f64).unwrap_or(f64::NAN) as f32
                };
                let text = |(key, value): &(String, String)| {
                    f32::from(u8::from(series.condition.get(key).is_some_and(|v| as_text(v) == *value)))
                };
                let seen: Vec<f32> = numbers.iter().map(number).chain(texts.iter().map(text)).collect();
                if seen.is_empty() { vec![0.0] } else { seen }
            }
            Self::Elapsed => {
                let first = series.verdicts().next().unwrap_or(frame);
                vec![(series.time_ps[frame] - series.time_ps[first]) as f32]
            }
        }
    }
}

impl Plain {
    /// What is said at the judged frames of a series.
    pub fn say(&self, sequence: &Sequence, series: &Prepared) -> Vec<Said> {
        series
            .verdicts()
            .map(|frame| {
                let seen = self.view.see(sequence, series, frame);
                match &self.judge {
                    Judge::Logistic(logistic) => logistic.say(&seen),
                    Judge::Trees(forest) => {
                        let logits = forest.logits(&seen);
                        let classes = forest.spec.classes;
                        Said::from_logits(&logits[..classes], logits.get(classes).copied())
                    }
                }
            })
            .collect()
    }
}

/// Kendall's tau with time of the variance and of the lag-1 autocorrelation, in half-windows that slide
/// over frames `start..end`, mean over channels (Dakos et al., doi:10.1371/journal.pone.0041010).
fn trend(sequence: &Sequence, start: usize, end: usize) -> [f32; 2] {
    const PLACES: usize = 9;
    let half = (end - start) / 2;
    if half < 4 {
        return [0.0; 2];
    }
    let mut sums = [0.0f32; 2];
    for channel in 0..sequence.channels {
        let mut signals = [[0.0f32; PLACES]; 2];
        for place in 0..PLACES {
            let from = start + place * (end - start - half) / (PLACES - 1);
            let value = |t: usize| sequence.inputs[t * sequence.channels + channel];
            // Without the straight line through it: a drift is no fluctuation.
            let centre = from as f32 + 0.5 * (half - 1) as f32;
            let mean = (from..from + half).map(value).sum::<f32>() / half as f32;
            let (mut slope, mut spread) = (0.0, 0.0);
            for t in from..from + half {
                slope += (t as f32 - centre) * (value(t) - mean);
                spread += (t as f32 - centre).powi(2);
            }
            let rest = |t: usize| value(t) - mean - slope / spread * (t as f32 - centre);
            let (mut variance, mut product) = (0.0, 0.0);
            for t in from..from + half {
                variance += rest(t).powi(2);
                if t > from {
                    product += rest(t) * rest(t - 1);
                }
            }
            signals[0][place] = variance;
            signals[1][place] = if variance > 0.0 { product / variance } else { 0.0 };
        }
        for (sum, signal) in sums.iter_mut().zip(&signals) {
            *sum += kendall(signal);
        }
    }
    sums.map(|s| s / sequence.channels as f32)
}

/// A factor's value as the one-hot columns name it.
fn as_text(value: &Value) -> String {
    value.to_string()
}

/// Kendall's tau of a sequence with its order.
fn kendall(values: &[f32]) -> f32 {
    let n = values.len();
    let mut sum = 0.0;
    for i in 0..n {
        for j in i + 1..n {
            let difference = values[j] - values[i];
            sum += if difference > 0.0 {
                1.0
            } else if difference < 0.0 {
                -1.0
            } else {
                0.0
            };
        }
    }
    sum / (n * (n - 1) / 2) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kendall_of_order_reverse_and_mix() {
        assert_eq!(kendall(&[1.0, 2.0, 5.0]), 1.0);
        assert_eq!(kendall(&[3.0, 2.0, 1.0]), -1.0);
        // Pairs of 1, 3, 2: up, up, down.
        assert!((kendall(&[1.0, 3.0, 2.0]) - 1.0 / 3.0).abs() < 1e-6);
    }

    #[test]
    fn a_growing_oscillation_raises_the_variance_signal() {
        let inputs: Vec<f32> = (0..64).map(|t| t as f32 * if t % 2 == 0 { 1.0 } else { -1.0 }).collect();
        let sequence = Sequence { channels: 1, inputs, state: vec![None; 64], warning: vec![None; 64] };
        let [variance, _] = trend(&sequence, 0, 64);
        assert_eq!(variance, 1.0);
        // A drift that grows steeper, and fluctuations that do not grow.
        let inputs: Vec<f32> = (0..64).map(|t| 0.01 * (t * t) as f32 + [0.0, 3.0][t % 2]).collect();
        let sequence = Sequence { inputs, ..sequence };
        let [variance, _] = trend(&sequence, 0, 64);
        assert!(variance.abs() < 0.7, "{variance}");
    }
}
