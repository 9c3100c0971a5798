//! Models that look at a summary of the window, made anew at every verdict.

use std::collections::VecDeque;

use super::dense::{Dense, Heads, gelu};
use super::{Logits, Stream};
use crate::error::{Error, Result};
use crate::model::forest::{Forest, ForestSpec};
use crate::model::spec::NetworkSpec;
use crate::model::summary::{NUMBERS, summarise};
use crate::model::tensors::Tensors;
use crate::restart::{Decoder, Encoder};

/// The last rows.
#[derive(Debug, Clone)]
struct Rows {
    rows: VecDeque<Vec<f32>>,
    capacity: usize,
}

impl Rows {
    fn new(capacity: usize) -> Self {
        Self { rows: VecDeque::with_capacity(capacity), capacity }
    }

    fn push(&mut self, row: &[f32]) {
        // The oldest row's memory becomes the newest's.
        let mut slot =
            if self.rows.len() == self.capacity { self.rows.pop_front() } else { None }.unwrap_or_default();
        slot.clear();
        slot.extend_from_slice(row);
        self.rows.push_back(slot);
    }

    fn encode(&self, out: &mut Encoder) {
        out.u64(self.rows.len() as u64);
        self.rows.iter().for_each(|row| out.f32s(row));
    }

    fn decode(&mut self, input: &mut Decoder<'_>, channels: usize) -> Result<()> {
        self.rows.clear();
        for _ in 0..count_of_rows(input, self.capacity)? {
            let mut row = vec![0.0; channels];
            input.f32s(&mut row)?;
            self.rows.push_back(row);
        }
        Ok(())
    }

    fn summary(&self, channels: usize) -> Vec<f32> {
        let mut out = Vec::with_capacity(NUMBERS * channels);
        summarise(self.rows.iter().map(Vec::as_slice), channels, &mut out);
        out
    }
}

/// Reads how many of at most `capacity` rows were saved.
pub(super) fn count_of_rows(input: &mut Decoder<'_>, capacity: usize) -> Result<usize> {
    let count = input.count(4)?;
    if count > capacity {
        return Err(Error::State(format!("{count} rows in a window of {capacity}")));
    }
    Ok(count)
}

/// The perceptron on the window's summary.
pub struct SummaryMlp {
    rows: Rows,
    channels: usize,
    first: Dense,
    second: Dense,
    heads: Heads,
}

impl SummaryMlp {
    /// A stream that has seen nothing; `channels` per frame.
    pub fn new(tensors: &Tensors, spec: &NetworkSpec, window: usize, channels: usize) -> Result<Self> {
        let width = spec.encoder.width();
        Ok(Self {
            rows: Rows::new(window),
            channels,
            first: Dense::new(tensors, "encoder.Mlp.first", NUMBERS * channels, width, true)?,
            second: Dense::new(tensors, "encoder.Mlp.second", width, width, true)?,
            heads: Heads::new(tensors, spec)?,
        })
    }
}

impl Stream for SummaryMlp {
    fn reset(&mut self) {
        self.rows.rows.clear();
    }

    fn push(&mut self, row: &[f32]) {
        self.rows.push(row);
    }

    fn logits(&mut self) -> Logits {
        let layer = |dense: &Dense, x: &[f32]| {
            let mut out = vec![0.0; dense.outputs()];
            dense.set(x, &mut out);
            out.iter_mut().for_each(|v| *v = gelu(*v));
            out
        };
        let hidden = layer(&self.first, &self.rows.summary(self.channels));
        let hidden = layer(&self.second, &hidden);
        self.heads.logits(&hidden)
    }

    fn encode(&self, out: &mut Encoder) {
        self.rows.encode(out);
    }

    fn decode(&mut self, input: &mut Decoder<'_>) -> Result<()> {
        self.rows.decode(input, self.channels)
    }
}

/// Boosted trees on the window's summary.
pub struct SummaryForest {
    rows: Rows,
    channels: usize,
    forest: Forest,
}

impl SummaryForest {
    /// A stream that has seen nothing; `channels` per frame.
    pub fn new(tensors: &Tensors, spec: ForestSpec, window: usize, channels: usize) -> Result<Self> {
        let forest = Forest::load(tensors, spec, NUMBERS * channels)?;
        Ok(Self { rows: Rows::new(window), channels, forest })
    }
}

impl Stream for SummaryForest {
    fn reset(&mut self) {
        self.rows.rows.clear();
    }

    fn push(&mut self, row: &[f32]) {
        self.rows.push(row);
    }

    fn logits(&mut self) -> Logits {
        let outputs = self.forest.logits(&self.rows.summary(self.channels));
        Logits::split(&outputs, self.forest.spec.classes)
    }

    fn encode(&self, out: &mut Encoder) {
        self.rows.encode(out);
    }

    fn decode(&mut self, input: &mut Decoder<'_>) -> Result<()> {
        self.rows.decode(input, self.channels)
    }
}
