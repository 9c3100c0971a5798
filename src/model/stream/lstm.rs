//! LSTM, one frame at a time: its state is all it needs of the past.

use super::dense::{Dense, Heads, Readout, sigmoid, tanh};
use super::{Logits, Stream};
use crate::error::Result;
use crate::model::spec::{EncoderSpec, FORGET_BIAS, NetworkSpec};
use crate::model::tensors::Tensors;
use crate::restart::{Decoder, Encoder};

struct Layer {
    input: Dense,
    hidden: Dense,
    h: Vec<f32>,
    c: Vec<f32>,
}

/// State of all layers.
pub struct LstmStream {
    layers: Vec<Layer>,
    gates: Vec<f32>,
    readout: Readout,
    heads: Heads,
}

impl LstmStream {
    /// A stream that has seen nothing.
    pub fn new(tensors: &Tensors, spec: &NetworkSpec) -> Result<Self> {
        let EncoderSpec::Lstm { width, layers } = spec.encoder else {
            return Err(crate::Error::input("encoder", format!("{:?}", spec.encoder), "lstm"));
        };
        let layers = (0..layers)
            .map(|k| {
                let name = format!("encoder.Lstm.layers.{k}");
                let inputs = if k == 0 { spec.channels } else { width };
                Ok(Layer {
                    input: Dense::new(tensors, &format!("{name}.input"), inputs, 4 * width, true)?,
                    hidden: Dense::new(tensors, &format!("{name}.hidden"), width, 4 * width, false)?,
                    h: vec![0.0; width],
                    c: vec![0.0; width],
                })
            })
            .collect::<Result<_>>()?;
        Ok(Self {
            layers,
            gates: vec![0.0; 4 * width],
            readout: Readout::new(spec),
            heads: Heads::new(tensors, spec)?,
        })
    }
}

impl Stream for LstmStream {
    fn reset(&mut self) {
        for layer in &mut self.layers {
            layer.h.fill(0.0);
            layer.c.fill(0.0);
        }
        self.readout.reset();
    }

    fn push(&mut self, row: &[f32]) {
        let mut below: Option<usize> = None;
        for k in 0..self.layers.len() {
            let (done, rest) = self.layers.split_at_mut(k);
            let layer = &mut rest[0];
            let x = below.map_or(row, |b| &done[b].h);
            layer.input.set(x, &mut self.gates);
            layer.hidden.add(&layer.h, &mut self.gates);
            let w = layer.h.len();
            for j in 0..w {
                let [i, f, g, o] = [0, 1, 2, 3].map(|gate| self.gates[gate * w + j]);
                layer.c[j] = sigmoid(f + FORGET_BIAS) * layer.c[j] + sigmoid(i) * tanh(g);
                layer.h[j] = sigmoid(o) * tanh(layer.c[j]);
            }
            below = Some(k);
        }
        let last = self.layers.len() - 1;
        self.readout.push(&self.layers[last].h);
    }

    fn logits(&mut self) -> Logits {
        self.heads.logits(&self.readout.value())
    }

    fn encode(&self, out: &mut Encoder) {
        for layer in &self.layers {
            out.f32s(&layer.h);
            out.f32s(&layer.c);
        }
        self.readout.encode(out);
    }

    fn decode(&mut self, input: &mut Decoder<'_>) -> Result<()> {
        for layer in &mut self.layers {
            input.f32s(&mut layer.h)?;
            input.f32s(&mut layer.c)?;
        }
        self.readout.decode(input)
    }
}
