//! Temporal transformer on the window at hand. Attention over a sliding window cannot be continued from
//! the window before: every layer's past changes when its oldest frame leaves. Only the last block is
//! spared all frames but the one that is read out.

use std::collections::VecDeque;

use super::dense::{Dense, Heads, Norm, Readout, gelu};
use super::{Logits, Stream};
use crate::error::{Error, Result};
use crate::model::spec::{self, EncoderSpec, NetworkSpec, alibi_slope};
use crate::model::tensors::Tensors;

struct Block {
    attention_norm: Norm,
    qkv: Dense,
    output: Dense,
    feed_norm: Norm,
    feed_in: Dense,
    feed_out: Dense,
}

/// The last rows and the parameters.
pub struct AttentionWindow {
    input: Dense,
    blocks: Vec<Block>,
    norm: Norm,
    heads: Heads,
    spec: NetworkSpec,
    width: usize,
    attention_heads: usize,
    capacity: usize,
    /// Projected rows, oldest first: what a row is before any block depends on itself alone.
    rows: VecDeque<Vec<f32>>,
}

impl AttentionWindow {
    /// A stream that has seen nothing, for windows of `capacity` frames.
    pub fn new(tensors: &Tensors, spec: &NetworkSpec, capacity: usize) -> Result<Self> {
        let EncoderSpec::Transformer { width, heads, layers } = spec.encoder else {
            return Err(Error::input("encoder", format!("{:?}", spec.encoder), "transformer"));
        };
        let blocks = (0..layers)
            .map(|k| {
                let name = |part: &str| format!("encoder.Transformer.blocks.{k}.{part}");
                Ok(Block {
                    attention_norm: Norm::new(tensors, &name("attention_norm"), width)?,
                    qkv: Dense::new(tensors, &name("qkv"), width, 3 * width, true)?,
                    output: Dense::new(tensors, &name("output"), width, width, true)?,
                    feed_norm: Norm::new(tensors, &name("feed_norm"), width)?,
                    feed_in: Dense::new(tensors, &name("feed_in"), width, 2 * width, true)?,
                    feed_out: Dense::new(tensors, &name("feed_out"), 2 * width, width, true)?,
                })
            })
            .collect::<Result<_>>()?;
        Ok(Self {
            input: Dense::new(tensors, "encoder.Transformer.input", spec.channels, width, true)?,
            blocks,
            norm: Norm::new(tensors, "encoder.Transformer.norm", width)?,
            heads: Heads::new(tensors, spec)?,
            spec: spec.clone(),
            width,
            attention_heads: heads,
            capacity,
            rows: VecDeque::with_capacity(capacity),
        })
    }

    /// One block on all rows; gives rows `from..`.
    fn block(&self, block: &Block, x: &[Vec<f32>], from: usize) -> Vec<Vec<f32>> {
        let (width, heads) = (self.width, self.attention_heads);
        let depth = width / heads;
        let scale = 1.0 / (depth as f32).sqrt();
        let qkv: Vec<Vec<f32>> = x
            .iter()
            .map(|row| {
                let mut normed = row.clone();
                block.attention_norm.apply(&mut normed);
                let mut out = vec![0.0; 3 * width];
                block.qkv.set(&normed, &mut out);
                out
            })
            .collect();
        let mut scores = vec![0.0; x.len()];
        let mut mixed = vec![0.0; width];
        let mut hidden = vec![0.0; 2 * width];
        (from..x.len())
            .map(|query| {
                mixed.fill(0.0);
                for head in 0..heads {
                    let part = head * depth..(head + 1) * depth;
                    let q = &qkv[query][part.clone()];
                    let slope = alibi_slope(head, heads);
                    for key in 0..=query {
                        let k = &qkv[key][width + part.start..width + part.end];
                        let dot: f32 = q.iter().zip(k).map(|(a, b)| a * b).sum();
                        scores[key] = dot * scale - slope * (query - key) as f32;
                    }
                    let most = scores[..=query].iter().copied().fold(f32::NEG_INFINITY, f32::max);
                    let mut sum = 0.0;
                    for score in &mut scores[..=query] {
                        *score = (*score - most).exp();
                        sum += *score;
                    }
                    for key in 0..=query {
                        let weight = scores[key] / sum;
                        let v = &qkv[key][2 * width + part.start..2 * width + part.end];
                        mixed[part.clone()].iter_mut().zip(v).for_each(|(m, v)| *m += weight * v);
                    }
                }
                let mut row = x[query].clone();
                block.output.add(&mixed, &mut row);
                let mut normed = row.clone();
                block.feed_norm.apply(&mut normed);
                block.feed_in.set(&normed, &mut hidden);
                hidden.iter_mut().for_each(|v| *v = gelu(*v));
                block.feed_out.add(&hidden, &mut row);
                row
            })
            .collect()
    }
}

impl Stream for AttentionWindow {
    fn reset(&mut self) {
        self.rows.clear();
    }

    fn push(&mut self, row: &[f32]) {
        let oldest = if self.rows.len() == self.capacity { self.rows.pop_front() } else { None };
        let mut projected = oldest.unwrap_or_else(|| vec![0.0; self.width]);
        self.input.set(row, &mut projected);
        self.rows.push_back(projected);
    }

    fn logits(&mut self) -> Logits {
        let mut x: Vec<Vec<f32>> = self.rows.iter().cloned().collect();
        let last = self.blocks.len() - 1;
        for (k, block) in self.blocks.iter().enumerate() {
            let all = k < last || self.spec.readout == spec::Readout::Mean;
            x = self.block(block, &x, if all { 0 } else { x.len() - 1 });
        }
        let mut readout = Readout::new(&self.spec);
        for row in &mut x {
            self.norm.apply(row);
            readout.push(row);
        }
        self.heads.logits(&readout.value())
    }
}
