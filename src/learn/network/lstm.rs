//! LSTM with fused gates: one product per step for the four gates.
//!
//! g = x_t W + h_{t-1} U + b; i, f, o = sigmoid, c~ = tanh; c_t = f c_{t-1} + i c~; h_t = o tanh(c_t)
//! (doi:10.1162/neco.1997.9.8.1735; forget gate of Gers et al., doi:10.1162/089976600300015015, its
//! bias raised by 1 so that a fresh network remembers).

use burn::module::Module;
use burn::nn::{Dropout, DropoutConfig, Linear, LinearConfig};
use burn::tensor::activation::{sigmoid, tanh};
use burn::tensor::{Device, Tensor};

use super::chance::dropped;
use crate::model::spec::FORGET_BIAS;

/// One layer. Gates in the order input, forget, candidate, output.
#[derive(Module, Debug)]
pub struct Layer {
    input: Linear,
    hidden: Linear,
}

/// Layers of memory cells.
#[derive(Module, Debug)]
pub struct Lstm {
    layers: Vec<Layer>,
    dropout: Dropout,
    width: usize,
}

impl Lstm {
    /// A network with random parameters.
    #[must_use]
    pub fn new(channels: usize, width: usize, layers: usize, dropout: f64, device: &Device) -> Self {
        let layers = (0..layers)
            .map(|layer| Layer {
                input: LinearConfig::new(if layer == 0 { channels } else { width }, 4 * width).init(device),
                hidden: LinearConfig::new(width, 4 * width).with_bias(false).init(device),
            })
            .collect();
        Self { layers, dropout: DropoutConfig::new(dropout).init(), width }
    }

    /// [batch, frames, channels] to [batch, frames, width]. `mask` is 1 for frames and 0 for padding,
    /// which stands in front, at most `padded` frames of it.
    #[must_use]
    pub fn forward(&self, x: Tensor<3>, mask: &Tensor<2>, padded: usize) -> Tensor<3> {
        let [batch, frames, _] = x.dims();
        let device = x.device();
        let w = self.width;
        let mut inputs: Vec<Tensor<2>> =
            (0..frames).map(|t| x.clone().narrow(1, t, 1).squeeze_dim(1)).collect();
        for (number, layer) in self.layers.iter().enumerate() {
            let mut h: Tensor<2> = Tensor::zeros([batch, w], &device);
            let mut c: Tensor<2> = Tensor::zeros([batch, w], &device);
            let mut outputs = Vec::with_capacity(frames);
            for (t, x_t) in inputs.into_iter().enumerate() {
                let x_t = if number > 0 { dropped(&self.dropout, x_t) } else { x_t };
                let gates = layer.input.forward(x_t) + layer.hidden.forward(h.clone());
                let gate = |k: usize| gates.clone().narrow(1, k * w, w);
                let new_c =
                    sigmoid(gate(1).add_scalar(FORGET_BIAS)) * c.clone() + sigmoid(gate(0)) * tanh(gate(2));
                let new_h = sigmoid(gate(3)) * tanh(new_c.clone());
                if t < padded {
                    let real = mask.clone().narrow(1, t, 1);
                    // Padding comes first, where the state is still zero.
                    c = new_c * real.clone();
                    h = new_h * real;
                } else {
                    c = new_c;
                    h = new_h;
                }
                outputs.push(h.clone());
            }
            inputs = outputs;
        }
        Tensor::stack(inputs, 1)
    }
}
