//! Causal temporal transformer: pre-normalised blocks of self-attention and a feed-forward layer
//! (arXiv:1706.03762, arXiv:2002.04745). A score falls linearly with the distance in time
//! (arXiv:2108.12409), so a frame's output depends on what came before it and not on its place in the
//! window: every frame of a training window is a sample of its own.

use burn::module::Module;
use burn::nn::{Dropout, DropoutConfig, LayerNorm, LayerNormConfig, Linear, LinearConfig};
use burn::tensor::activation::{gelu, softmax};
use burn::tensor::{Device, Tensor, TensorData};

use super::chance::dropped;
use crate::model::spec::alibi_slope;

/// Score of what must not be seen.
const MASKED: f32 = -1e4;

/// One block.
#[derive(Module, Debug)]
pub struct Block {
    attention_norm: LayerNorm,
    qkv: Linear,
    output: Linear,
    feed_norm: LayerNorm,
    feed_in: Linear,
    feed_out: Linear,
}

/// Projection to the width, blocks, normalisation.
#[derive(Module, Debug)]
pub struct Transformer {
    input: Linear,
    blocks: Vec<Block>,
    norm: LayerNorm,
    dropout: Dropout,
    heads: usize,
}

impl Transformer {
    /// A network with random parameters. `width` is a multiple of `heads`.
    #[must_use]
    pub fn new(
        channels: usize,
        width: usize,
        heads: usize,
        layers: usize,
        dropout: f64,
        device: &Device,
    ) -> Self {
        let norm = || LayerNormConfig::new(width).init(device);
        let blocks = (0..layers)
            .map(|_| Block {
                attention_norm: norm(),
                qkv: LinearConfig::new(width, 3 * width).init(device),
                output: LinearConfig::new(width, width).init(device),
                feed_norm: norm(),
                feed_in: LinearConfig::new(width, 2 * width).init(device),
                feed_out: LinearConfig::new(2 * width, width).init(device),
            })
            .collect();
        Self {
            input: LinearConfig::new(channels, width).init(device),
            blocks,
            norm: norm(),
            dropout: DropoutConfig::new(dropout).init(),
            heads,
        }
    }

    /// [batch, frames, channels] to [batch, frames, width]; `mask` is 1 for frames and 0 for padding.
    #[must_use]
    pub fn forward(&self, x: Tensor<3>, mask: &Tensor<2>) -> Tensor<3> {
        self.forward_with_attention(x, mask).0
    }

    /// As [`Transformer::forward`], with every block's attention weights [batch, heads, frames, frames]
    /// for display.
    #[must_use]
    pub fn forward_with_attention(&self, x: Tensor<3>, mask: &Tensor<2>) -> (Tensor<3>, Vec<Tensor<4>>) {
        let [batch, frames, _] = x.dims();
        let bias = self.bias(frames, &x.device());
        let unseen = mask.clone().sub_scalar(1.0).mul_scalar(-MASKED).reshape([batch, 1, 1, frames]);
        let mut x = self.input.forward(x);
        let mut maps = Vec::with_capacity(self.blocks.len());
        for block in &self.blocks {
            let (mixed, map) = self.attend(block, block.attention_norm.forward(x.clone()), &bias, &unseen);
            maps.push(map);
            x = x + dropped(&self.dropout, mixed);
            let inner = gelu(block.feed_in.forward(block.feed_norm.forward(x.clone())));
            x = x + dropped(&self.dropout, block.feed_out.forward(dropped(&self.dropout, inner)));
        }
        (self.norm.forward(x), maps)
    }

    fn attend(
        &self,
        block: &Block,
        x: Tensor<3>,
        bias: &Tensor<4>,
        unseen: &Tensor<4>,
    ) -> (Tensor<3>, Tensor<4>) {
        let [batch, frames, width] = x.dims();
        let depth = width / self.heads;
        let qkv = block.qkv.forward(x);
        let part = |k: usize| -> Tensor<4> {
            qkv.clone()
                .narrow(2, k * width, width)
                .reshape([batch, frames, self.heads, depth])
                .swap_dims(1, 2)
        };
        let scores = part(0).matmul(part(1).swap_dims(2, 3)).mul_scalar(1.0 / (depth as f32).sqrt());
        let weights = softmax(scores + bias.clone() + unseen.clone(), 3);
        let mixed = dropped(&self.dropout, weights.clone()).matmul(part(2));
        let mixed = mixed.swap_dims(1, 2).reshape([batch, frames, width]);
        (block.output.forward(mixed), weights)
    }

    /// What is added to scores, [1, heads, frames, frames]: linear in the distance; the
    /// future is masked.
    fn bias(&self, frames: usize, device: &Device) -> Tensor<4> {
        let mut data = Vec::with_capacity(self.heads * frames * frames);
        for head in 0..self.heads {
            let slope = alibi_slope(head, self.heads);
            for query in 0..frames {
                data.extend(
                    (0..frames).map(|key| if key > query { MASKED } else { -slope * (query - key) as f32 }),
                );
            }
        }
        Tensor::from_data(TensorData::new(data, [1, self.heads, frames, frames]), device)
    }
}
