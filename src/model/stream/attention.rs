//! Temporal transformer on the window at hand. Attention over a sliding window cannot be continued from
//! the window before: every layer's past changes when its oldest frame leaves. What a row is before the
//! first block's attention depends on itself alone and is kept; the last block is spared all frames but
//! the one that is read out.

use std::collections::VecDeque;

use super::dense::{Dense, Heads, Norm, Readout, exp, gelu};
use super::window::count_of_rows;
use super::{Logits, Stream};
use crate::error::{Error, Result};
use crate::model::spec::{self, EncoderSpec, NetworkSpec, alibi_slope};
use crate::model::tensors::Tensors;
use crate::restart::{Decoder, Encoder};

struct Block {
    attention_norm: Norm,
    query: Dense,
    /// Key, then value.
    key_value: Dense,
    output: Dense,
    feed_norm: Norm,
    feed_in: Dense,
    feed_out: Dense,
}

/// A frame as the first block's attention takes it.
struct Row {
    x: Vec<f32>,
    query: Vec<f32>,
    key_value: Vec<f32>,
}

/// What a verdict is computed in, for all frames of the window.
struct Work {
    /// Frames x width.
    x: Vec<f32>,
    /// Frames x width.
    query: Vec<f32>,
    /// Width x frames: scores of one frame with all others are sums of whole rows.
    key: Vec<f32>,
    /// Frames x width.
    value: Vec<f32>,
    scores: Vec<f32>,
    normed: Vec<f32>,
    mixed: Vec<f32>,
    /// Key and value of one frame; inner layer of one frame: both twice the width.
    double: Vec<f32>,
}

/// The last rows and the parameters.
pub struct AttentionWindow {
    input: Dense,
    blocks: Vec<Block>,
    norm: Norm,
    heads: Heads,
    spec: NetworkSpec,
    slopes: Vec<f32>,
    width: usize,
    capacity: usize,
    /// Oldest first.
    rows: VecDeque<Row>,
    work: Work,
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
                let qkv = Dense::new(tensors, &name("qkv"), width, 3 * width, true)?;
                Ok(Block {
                    attention_norm: Norm::new(tensors, &name("attention_norm"), width)?,
                    query: qkv.outputs_of(0..width),
                    key_value: qkv.outputs_of(width..3 * width),
                    output: Dense::new(tensors, &name("output"), width, width, true)?,
                    feed_norm: Norm::new(tensors, &name("feed_norm"), width)?,
                    feed_in: Dense::new(tensors, &name("feed_in"), width, 2 * width, true)?,
                    feed_out: Dense::new(tensors, &name("feed_out"), 2 * width, width, true)?,
                })
            })
            .collect::<Result<_>>()?;
        let all = || vec![0.0; capacity * width];
        Ok(Self {
            input: Dense::new(tensors, "encoder.Transformer.input", spec.channels, width, true)?,
            blocks,
            norm: Norm::new(tensors, "encoder.Transformer.norm", width)?,
            heads: Heads::new(tensors, spec)?,
            spec: spec.clone(),
            slopes: (0..heads).map(|head| alibi_slope(head, heads)).collect(),
            width,
            capacity,
            rows: VecDeque::with_capacity(capacity),
            work: Work {
                x: all(),
                query: all(),
                key: all(),
                value: all(),
                scores: vec![0.0; capacity],
                normed: vec![0.0; width],
                mixed: vec![0.0; width],
                double: vec![0.0; 2 * width],
            },
        })
    }

    /// Completes a row whose `x` is set.
    fn prepare(&mut self, row: &mut Row) {
        let block = &self.blocks[0];
        self.work.normed.copy_from_slice(&row.x);
        block.attention_norm.apply(&mut self.work.normed);
        block.query.set(&self.work.normed, &mut row.query);
        block.key_value.set(&self.work.normed, &mut row.key_value);
    }

    fn row(&self) -> Row {
        let width = self.width;
        Row { x: vec![0.0; width], query: vec![0.0; width], key_value: vec![0.0; 2 * width] }
    }
}

impl Work {
    /// Keeps key and value of frame `t`, which are one after the other in `double`.
    fn spread(&mut self, t: usize, frames: usize) {
        let (key, value) = self.double.split_at(self.normed.len());
        for (channel, &k) in key.iter().enumerate() {
            self.key[channel * frames + t] = k;
        }
        self.value[t * value.len()..(t + 1) * value.len()].copy_from_slice(value);
    }

    /// Keys and values of all frames, queries of `from..`.
    fn project(&mut self, block: &Block, frames: usize, from: usize) {
        let width = self.normed.len();
        for t in 0..frames {
            self.normed.copy_from_slice(&self.x[t * width..(t + 1) * width]);
            block.attention_norm.apply(&mut self.normed);
            if t >= from {
                block.query.set(&self.normed, &mut self.query[t * width..(t + 1) * width]);
            }
            block.key_value.set(&self.normed, &mut self.double);
            self.spread(t, frames);
        }
    }

    /// Frames `from..` after a block, in place: keys and values are of before it.
    fn attend(&mut self, block: &Block, slopes: &[f32], frames: usize, from: usize) {
        let width = self.normed.len();
        let depth = width / slopes.len();
        let scale = 1.0 / (depth as f32).sqrt();
        for t in from..frames {
            self.mixed.fill(0.0);
            for (head, slope) in slopes.iter().enumerate() {
                let scores = &mut self.scores[..=t];
                for channel in head * depth..(head + 1) * depth {
                    let q = self.query[t * width + channel];
                    let keys = &self.key[channel * frames..];
                    if channel == head * depth {
                        scores.iter_mut().zip(keys).for_each(|(score, k)| *score = q * k);
                    } else {
                        scores.iter_mut().zip(keys).for_each(|(score, k)| *score += q * k);
                    }
                }
                for (key, score) in scores.iter_mut().enumerate() {
                    *score = *score * scale - slope * (t - key) as f32;
                }
                let most = folded(scores, f32::NEG_INFINITY, |a, b| if b > a { b } else { a });
                scores.iter_mut().for_each(|score| *score = exp(*score - most));
                let share = 1.0 / folded(scores, 0.0, |a, b| a + b);
                let mixed = &mut self.mixed[head * depth..(head + 1) * depth];
                for (score, value) in scores.iter().zip(self.value.chunks_exact(width)) {
                    let weight = score * share;
                    let value = &value[head * depth..(head + 1) * depth];
                    mixed.iter_mut().zip(value).for_each(|(m, v)| *m += weight * v);
                }
            }
            let x = &mut self.x[t * width..(t + 1) * width];
            block.output.add(&self.mixed, x);
            self.normed.copy_from_slice(x);
            block.feed_norm.apply(&mut self.normed);
            block.feed_in.set(&self.normed, &mut self.double);
            self.double.iter_mut().for_each(|v| *v = gelu(*v));
            block.feed_out.add(&self.double, x);
        }
    }
}

/// Eight folds side by side, then one over them: a single one would wait for every step.
fn folded(values: &[f32], start: f32, fold: impl Fn(f32, f32) -> f32) -> f32 {
    let (eights, rest) = values.as_chunks::<8>();
    let mut lanes = [start; 8];
    for eight in eights {
        lanes.iter_mut().zip(eight).for_each(|(lane, value)| *lane = fold(*lane, *value));
    }
    lanes.iter().chain(rest).fold(start, |a, b| fold(a, *b))
}

impl Stream for AttentionWindow {
    fn reset(&mut self) {
        self.rows.clear();
    }

    fn push(&mut self, row: &[f32]) {
        let oldest = if self.rows.len() == self.capacity { self.rows.pop_front() } else { None };
        let mut slot = oldest.unwrap_or_else(|| self.row());
        self.input.set(row, &mut slot.x);
        self.prepare(&mut slot);
        self.rows.push_back(slot);
    }

    fn logits(&mut self) -> Logits {
        let (width, frames, last) = (self.width, self.rows.len(), self.blocks.len() - 1);
        let work = &mut self.work;
        for (t, row) in self.rows.iter().enumerate() {
            work.x[t * width..(t + 1) * width].copy_from_slice(&row.x);
            work.query[t * width..(t + 1) * width].copy_from_slice(&row.query);
            work.double.copy_from_slice(&row.key_value);
            work.spread(t, frames);
        }
        let mut from = 0;
        for (k, block) in self.blocks.iter().enumerate() {
            if k == last && self.spec.readout == spec::Readout::Last {
                from = frames - 1;
            }
            if k > 0 {
                work.project(block, frames, from);
            }
            work.attend(block, &self.slopes, frames, from);
        }
        let mut readout = Readout::new(&self.spec);
        for x in work.x[from * width..frames * width].chunks_exact_mut(width) {
            self.norm.apply(x);
            readout.push(x);
        }
        self.heads.logits(&readout.value())
    }

    fn encode(&self, out: &mut Encoder) {
        out.u64(self.rows.len() as u64);
        self.rows.iter().for_each(|row| out.f32s(&row.x));
    }

    fn decode(&mut self, input: &mut Decoder<'_>) -> Result<()> {
        self.rows.clear();
        for _ in 0..count_of_rows(input, self.capacity)? {
            let mut row = self.row();
            input.f32s(&mut row.x)?;
            self.prepare(&mut row);
            self.rows.push_back(row);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
