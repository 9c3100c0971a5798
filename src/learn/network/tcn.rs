//! Causal temporal convolutions: residual blocks of two dilated convolutions, each normalised over
//! its channels (arXiv:1803.01271 with layer normalisation, arXiv:1607.06450, in place of weight
//! normalisation: it needs no statistics over time, hence streams).

use burn::module::Module;
use burn::nn::conv::{Conv1d, Conv1dConfig};
use burn::nn::{Dropout, DropoutConfig, LayerNorm, LayerNormConfig, Linear, LinearConfig, PaddingConfig1d};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};

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
        // `PaddingConfig1d::Same` ignores the dilation and sees the future.
        let convolution = |dilation: usize| {
            Conv1dConfig::new(width, width, kernel)
                .with_dilation(dilation)
                .with_padding(PaddingConfig1d::Explicit((kernel - 1) * dilation, 0))
                .init(device)
        };
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
                let x = convolution.forward(x.swap_dims(1, 2)).swap_dims(1, 2);
                self.dropout.forward(relu(norm.forward(x)) * real.clone())
            };
            let inner = step(x.clone(), &block.first, &block.first_norm);
            x = x + step(inner, &block.second, &block.second_norm);
        }
        x
    }
}
