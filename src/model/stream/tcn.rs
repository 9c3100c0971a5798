//! Temporal convolutions, one frame at a time: a ring of past inputs per convolution. What comes out
//! is what the full window gives as long as the receptive field is not longer than the window.

use super::dense::{Dense, Heads, Norm, Readout, accumulate};
use super::{Logits, Stream};
use crate::error::{Error, Result};
use crate::model::spec::{EncoderSpec, NetworkSpec};
use crate::model::tensors::Tensors;
use crate::restart::{Decoder, Encoder};

/// One dilated convolution with its past.
struct Convolution {
    /// Taps x inputs x outputs, oldest tap first.
    weight: Vec<f32>,
    bias: Vec<f32>,
    norm: Norm,
    dilation: usize,
    kernel: usize,
    /// The last (kernel - 1) x dilation inputs, a ring of rows.
    ring: Vec<f32>,
    next: usize,
}

impl Convolution {
    fn new(
        tensors: &Tensors,
        block: &str,
        name: &str,
        width: usize,
        kernel: usize,
        dilation: usize,
    ) -> Result<Self> {
        let stored = tensors.get(&format!("{block}.{name}.weight"), &[width, width, kernel])?;
        let mut weight = Vec::with_capacity(stored.len());
        for tap in 0..kernel {
            for input in 0..width {
                weight.extend((0..width).map(|output| stored[(output * width + input) * kernel + tap]));
            }
        }
        Ok(Self {
            weight,
            bias: tensors.get(&format!("{block}.{name}.bias"), &[width])?.to_vec(),
            norm: Norm::new(tensors, &format!("{block}.{name}_norm"), width)?,
            dilation,
            kernel,
            ring: vec![0.0; (kernel - 1) * dilation * width],
            next: 0,
        })
    }

    /// relu(norm(conv)) of the frame `x`, which then enters the ring.
    fn step(&mut self, x: &[f32], out: &mut [f32]) {
        let width = x.len();
        let length = (self.kernel - 1) * self.dilation;
        out.copy_from_slice(&self.bias);
        let taps = self.weight.chunks_exact(width * width);
        for (tap, weight) in taps.enumerate() {
            if tap + 1 == self.kernel {
                accumulate(weight, x, out);
            } else {
                // `next` is the oldest row, length frames ago.
                let row = (self.next + tap * self.dilation) % length;
                accumulate(weight, &self.ring[row * width..(row + 1) * width], out);
            }
        }
        self.ring[self.next * width..(self.next + 1) * width].copy_from_slice(x);
        self.next = (self.next + 1) % length;
        self.norm.apply(out);
        for v in out {
            *v = v.max(0.0);
        }
    }
}

/// Rings of all convolutions.
pub struct TcnStream {
    input: Dense,
    blocks: Vec<[Convolution; 2]>,
    x: Vec<f32>,
    inner: Vec<f32>,
    outer: Vec<f32>,
    readout: Readout,
    heads: Heads,
}

impl TcnStream {
    /// A stream that has seen nothing.
    pub fn new(tensors: &Tensors, spec: &NetworkSpec) -> Result<Self> {
        let EncoderSpec::Tcn { width, kernel, ref dilations } = spec.encoder else {
            return Err(Error::input("encoder", format!("{:?}", spec.encoder), "tcn"));
        };
        let blocks = dilations
            .iter()
            .enumerate()
            .map(|(k, &dilation)| {
                let block = format!("encoder.Tcn.blocks.{k}");
                let convolution = |name| Convolution::new(tensors, &block, name, width, kernel, dilation);
                Ok([convolution("first")?, convolution("second")?])
            })
            .collect::<Result<_>>()?;
        Ok(Self {
            input: Dense::new(tensors, "encoder.Tcn.input", spec.channels, width, true)?,
            blocks,
            x: vec![0.0; width],
            inner: vec![0.0; width],
            outer: vec![0.0; width],
            readout: Readout::new(spec),
            heads: Heads::new(tensors, spec)?,
        })
    }
}

impl Stream for TcnStream {
    fn reset(&mut self) {
        for convolution in self.blocks.iter_mut().flatten() {
            convolution.ring.fill(0.0);
            convolution.next = 0;
        }
        self.readout.reset();
    }

    fn push(&mut self, row: &[f32]) {
        self.input.set(row, &mut self.x);
        for [first, second] in &mut self.blocks {
            first.step(&self.x, &mut self.inner);
            second.step(&self.inner, &mut self.outer);
            self.x.iter_mut().zip(&self.outer).for_each(|(x, o)| *x += o);
        }
        self.readout.push(&self.x);
    }

    fn logits(&mut self) -> Logits {
        self.heads.logits(&self.readout.value())
    }

    fn encode(&self, out: &mut Encoder) {
        for convolution in self.blocks.iter().flatten() {
            out.f32s(&convolution.ring);
            out.u64(convolution.next as u64);
        }
        self.readout.encode(out);
    }

    fn decode(&mut self, input: &mut Decoder<'_>) -> Result<()> {
        for convolution in self.blocks.iter_mut().flatten() {
            input.f32s(&mut convolution.ring)?;
            let (next, length) = (input.u64()?, (convolution.kernel - 1) * convolution.dilation);
            convolution.next = usize::try_from(next)
                .ok()
                .filter(|&next| next < length)
                .ok_or_else(|| Error::State(format!("place {next} in a ring of {length} rows")))?;
        }
        self.readout.decode(input)
    }
}
