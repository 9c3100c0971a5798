//! Causal temporal convolutions: residual blocks of two dilated convolutions, each normalised over
//! its channels (arXiv:1803.01271 with layer normalisation, arXiv:1607.06450, in place of weight
//! normalisation: it needs no statistics over time, hence streams).

use burn::module::Module;
use burn::nn::conv::{Conv1d, Conv1dConfig};
use burn::nn::{Dropout, DropoutConfig, LayerNorm, LayerNormConfig, Linear, LinearConfig};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};

use super::chance::dropped;

/// One block: x + f(f(x)), f = dropout(relu(norm(conv))).
#[derive(Module, Debug)]
pub struct Block {
    first: Conv1d,
    first_norm: LayerNorm,
    second: Conv1d,
    second_norm: LayerNorm,
}

/// Projection to the width, then blocks.
#[derive(Module, Debug)]
pub struct Tcn {
    input: Linear,
    blocks: Vec<Block>,
    dropout: Dropout,
}

impl Tcn {
    /// A network with random parameters.
    #[must_use]
    pub fn new(
        channels: usize,
        width: usize,
        kernel: usize,
        dilations: &[usize],
        dropout: f64,
        device: &Device,
    ) -> Self {
        let convolution =
            |dilation: usize| Conv1dConfig::new(width, width, kernel).with_dilation(dilation).init(device);
        let norm = || LayerNormConfig::new(width).init(device);
        let blocks = dilations
            .iter()
            .map(|&d| Block {
                first: convolution(d),
                first_norm: norm(),
                second: convolution(d),
                second_norm: norm(),
            })
            .collect();
        let input = LinearConfig::new(channels, width).init(device);
        Self { input, blocks, dropout: DropoutConfig::new(dropout).init() }
    }

    /// [batch, frames, channels] to [batch, frames, width]; `mask` is 1 for frames and 0 for padding.
    /// Padding is zero in every layer, as if the series began there.
    #[must_use]
    pub fn forward(&self, x: Tensor<3>, mask: &Tensor<2>) -> Tensor<3> {
        let real: Tensor<3> = mask.clone().unsqueeze_dim(2);
        let mut x = self.input.forward(x) * real.clone();
        for block in &self.blocks {
            let step = |x: Tensor<3>, convolution: &Conv1d, norm: &LayerNorm| {
                let x = causal(x, convolution);
                dropped(&self.dropout, relu(norm.forward(x)) * real.clone())
            };
            let inner = step(x.clone(), &block.first, &block.first_norm);
            x = x + step(inner, &block.second, &block.second_norm);
        }
        x
    }
}

/// Causal convolution of [batch, frames, channels]: the frames under each tap side by side, times one matrix.
/// Several times faster than burn's convolution, whose weight gradient has a kernel as long as the series.
fn causal(x: Tensor<3>, convolution: &Conv1d) -> Tensor<3> {
    let [batch, frames, channels] = x.dims();
    let weight = convolution.weight.val();
    let [outputs, _, kernel] = weight.dims();
    let past = (kernel - 1) * convolution.dilation;
    let zeros = Tensor::<3>::zeros([batch, past, channels], &x.device());
    let padded = Tensor::cat(vec![zeros, x], 1);
    let taps = (0..kernel).map(|tap| padded.clone().narrow(1, tap * convolution.dilation, frames)).collect();
    let weight: Tensor<2> = weight.permute([2, 1, 0]).reshape([kernel * channels, outputs]);
    let rows: Tensor<2> = Tensor::cat(taps, 2).reshape([batch * frames, kernel * channels]);
    let y = rows.matmul(weight).reshape([batch, frames, outputs]);
    match &convolution.bias {
        Some(bias) => y + bias.val().reshape([1, 1, outputs]),
        None => y,
    }
}
