//! Integrated gradients of a network (Sundararajan, Taly, Yan, arXiv:1703.01365): from a stable window of
//! the same condition to the window itself, along a straight line.
//!
//! What is attributed is the log-odds of the true state. All attributions of a window sum to the
//! difference of the log-odds at both ends; how far they are from it is the completeness error.

use burn::tensor::{Device, Tensor, TensorData};
use serde::Serialize;

use super::windows::{Window, Windows};
use crate::error::{Error, Result};
use crate::learn::network::{Network, params};
use crate::model::Model;
use crate::model::meta::Kind;
use crate::model::spec::{EncoderSpec, NetworkSpec};
use crate::model::summary::{NUMBERS, summarise};

/// Windows that are attributed, at most.
const WINDOWS: usize = 48;
/// Points on the line at first, and at most.
const STEPS: [usize; 2] = [32, 512];
/// Points that go through the network together.
const CHUNK: usize = 32;
/// Largest completeness error, as a share of the mean difference.
const COMPLETE: f64 = 0.01;

/// Attributions of some windows.
#[derive(Debug, Clone)]
pub struct Attributed {
    /// State of each window and its attributions by channel, summed over frames.
    pub windows: Vec<(usize, Vec<f64>)>,
    /// How they were made.
    pub quality: Quality,
}

/// How far attributions can be trusted.
#[derive(Debug, Clone, Serialize)]
pub struct Quality {
    /// Windows.
    pub windows: usize,
    /// Points on each line.
    pub steps: usize,
    /// Mean |sum of attributions - difference of log-odds| over the mean |difference|.
    #[serde(with = "crate::stream::nan")]
    pub completeness_error: f64,
    /// The largest of the windows' errors over the same mean.
    #[serde(with = "crate::stream::nan")]
    pub largest_error: f64,
}

/// Attributes windows spread evenly over all; the points are doubled until sums are complete to 1 %.
/// `None` where the model is no network or there are no windows.
///
/// # Errors
/// [`Error::Limit`] when burn fails.
pub fn attribute(model: &Model, windows: &Windows) -> Result<Option<Attributed>> {
    let Kind::Network(spec) = &model.meta.kind else { return Ok(None) };
    let count = windows.all.len().min(WINDOWS);
    if count == 0 {
        return Ok(None);
    }
    let device = Device::flex().autodiff();
    // Nothing is dropped: this is no training.
    let network = Network::new(&NetworkSpec { dropout: 0.0, ..spec.clone() }, &device);
    let network = params::load(&model.tensors, network)?;
    let chosen: Vec<&Window> = (0..count).map(|k| &windows.all[k * windows.all.len() / count]).collect();
    let mut steps = STEPS[0];
    loop {
        let (mut attributed, mut errors, mut differences) = (Vec::new(), Vec::new(), Vec::new());
        for window in &chosen {
            let line = Line::new(spec, window, windows.channels, model.meta.window);
            let (by_channel, difference) = line.integrate(&network, window.state, steps, &device)?;
            errors.push((by_channel.iter().sum::<f64>() - difference).abs());
            differences.push(difference.abs());
            attributed.push((window.state, by_channel));
        }
        let mean = |of: &[f64]| of.iter().sum::<f64>() / of.len() as f64;
        let unit = mean(&differences);
        let completeness_error = mean(&errors) / unit;
        if completeness_error < COMPLETE || steps >= STEPS[1] {
            let largest_error = errors.iter().copied().fold(0.0, f64::max) / unit;
            let quality = Quality { windows: count, steps, completeness_error, largest_error };
            return Ok(Some(Attributed { windows: attributed, quality }));
        }
        steps *= 2;
    }
}

/// Both ends of a line, as the network takes them.
struct Line {
    from: Vec<f32>,
    to: Vec<f32>,
    frames: usize,
    width: usize,
    channels: usize,
}

impl Line {
    fn new(spec: &NetworkSpec, window: &Window, channels: usize, most: usize) -> Self {
        // Of a longer past only the window: the cost grows with it, and what is old matters little.
        let last = |rows: &[f32]| rows[rows.len().saturating_sub(most * channels)..].to_vec();
        let (from, to) = (last(&window.others[0]), last(&window.own));
        if !matches!(spec.encoder, EncoderSpec::Mlp { .. }) {
            return Self { frames: to.len() / channels, width: channels, channels, from, to };
        }
        let summary = |rows: &[f32]| {
            let mut out = Vec::with_capacity(NUMBERS * channels);
            summarise(rows.chunks_exact(channels), channels, &mut out);
            out
        };
        Self { from: summary(&from), to: summary(&to), frames: 1, width: NUMBERS * channels, channels }
    }

    /// Attributions by channel, and the difference of the log-odds between the ends.
    fn integrate(
        &self,
        network: &Network,
        state: usize,
        steps: usize,
        device: &Device,
    ) -> Result<(Vec<f64>, f64)> {
        let at = |share: f32| self.from.iter().zip(&self.to).map(move |(a, b)| a + share * (b - a));
        let mut sums = vec![0.0f64; self.to.len()];
        for start in (0..steps).step_by(CHUNK) {
            let count = CHUNK.min(steps - start);
            // The middle of each step.
            let points = (start..start + count).flat_map(|k| at((k as f32 + 0.5) / steps as f32)).collect();
            let x = self.tensor(points, count, device).require_grad();
            let gradients = self.odds(network, x.clone(), count, state).sum().backward();
            let slopes = x.grad(&gradients).ok_or_else(|| Error::Limit("no gradient".to_owned()))?;
            for row in numbers(slopes.into_data())?.chunks_exact(sums.len()) {
                sums.iter_mut().zip(row).for_each(|(sum, slope)| *sum += f64::from(*slope));
            }
        }
        let ends = self.from.iter().chain(&self.to).copied().collect();
        let odds = self.odds(network, self.tensor(ends, 2, device), 2, state);
        let odds = numbers(odds.into_data())?;
        let mut by_channel = vec![0.0; self.channels];
        for (k, sum) in sums.iter().enumerate() {
            by_channel[k % self.channels] += f64::from(self.to[k] - self.from[k]) * sum / steps as f64;
        }
        Ok((by_channel, f64::from(odds[1]) - f64::from(odds[0])))
    }

    fn tensor(&self, data: Vec<f32>, count: usize, device: &Device) -> Tensor<3> {
        Tensor::from_data(TensorData::new(data, [count, self.frames, self.width]), device)
    }

    /// Log-odds of a state at the last frame, one per row: its logit less the others' together.
    fn odds(&self, network: &Network, x: Tensor<3>, count: usize, state: usize) -> Tensor<1> {
        let mask = Tensor::ones([count, self.frames], &x.device());
        let logits = network.forward(x, &mask, 0).state.narrow(1, self.frames - 1, 1);
        let classes = logits.dims()[2];
        let logits: Tensor<2> = logits.reshape([count, classes]);
        let own = logits.clone().narrow(1, state, 1);
        let rest: Vec<Tensor<2>> =
            (0..classes).filter(|&k| k != state).map(|k| logits.clone().narrow(1, k, 1)).collect();
        let rest = Tensor::cat(rest, 1);
        let most = rest.clone().detach().max_dim(1);
        let together = (rest - most.clone()).exp().sum_dim(1).log() + most;
        (own - together).reshape([count])
    }
}

fn numbers(data: TensorData) -> Result<Vec<f32>> {
    data.try_to_vec::<f32>().map_err(|error| Error::Limit(format!("{error:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::network::params;
    use crate::model::spec::Readout;

    #[test]
    fn attributions_sum_to_the_difference_and_leave_out_what_does_not_differ() {
        let encoders = [
            EncoderSpec::Lstm { width: 6, layers: 1 },
            EncoderSpec::Tcn { width: 6, kernel: 3, dilations: vec![1, 2] },
            EncoderSpec::Transformer { width: 8, heads: 2, layers: 1 },
            EncoderSpec::Mlp { width: 8 },
        ];
        let channels = 4;
        for encoder in encoders {
            let summarised = matches!(encoder, EncoderSpec::Mlp { .. });
            let spec = NetworkSpec {
                encoder,
                channels: channels * if summarised { NUMBERS } else { 1 },
                projection: 6,
                classes: 3,
                warning: true,
                readout: Readout::Last,
                dropout: 0.3,
            };
            let device = Device::flex().autodiff();
            device.seed(7);
            let network = Network::new(&NetworkSpec { dropout: 0.0, ..spec.clone() }, &device);
            assert!(!params::of(&network).0.is_empty());
            let own: Vec<f32> = (0..12 * channels).map(|k| (k as f32 * 0.7).sin()).collect();
            let mut other: Vec<f32> = (0..12 * channels).map(|k| (k as f32 * 0.3).cos()).collect();
            // The last channel is the same in both.
            (0..12).for_each(|t| other[t * channels + 3] = own[t * channels + 3]);
            let window = Window { run: 0, state: 1, own, others: vec![other] };
            let line = Line::new(&spec, &window, channels, 64);
            let (by_channel, difference) = line.integrate(&network, 1, 256, &device).expect("gradients");
            let sum: f64 = by_channel.iter().sum();
            assert!((sum - difference).abs() < 0.01 * difference.abs() + 1e-4, "{sum} {difference}");
            assert!(by_channel[3].abs() < 1e-9 && by_channel[0].abs() > 1e-6, "{by_channel:?}");
        }
    }
}
