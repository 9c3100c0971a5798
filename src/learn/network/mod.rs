//! Networks as they are trained, in burn: encoder, shared projection, two heads.
//!
//! The fix scores with [`crate::model::stream`], which computes the same without burn.

pub mod batch;
mod chance;
pub mod fit;
pub mod lstm;
pub mod params;
pub mod tcn;
pub mod transformer;

use burn::module::Module;
use burn::nn::{Dropout, DropoutConfig, Linear, LinearConfig};
use burn::tensor::activation::gelu;
use burn::tensor::{Device, Tensor};

use crate::model::spec::{EncoderSpec, NetworkSpec, Readout};
pub use batch::Batch;
use chance::dropped;
use lstm::Lstm;
use tcn::Tcn;
use transformer::Transformer;

/// Two hidden layers on what is summarised already; frames do not see each other.
#[derive(Module, Debug)]
pub struct Mlp {
    first: Linear,
    second: Linear,
    dropout: Dropout,
}

/// One of the encoders.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant, reason = "one per process")]
pub enum Encoder {
    /// Memory cells.
    Lstm(Lstm),
    /// Convolutions.
    Tcn(Tcn),
    /// Attention.
    Transformer(Transformer),
    /// Perceptron.
    Mlp(Mlp),
}

/// The whole network.
#[derive(Module, Debug)]
pub struct Network {
    encoder: Encoder,
    project: Linear,
    dropout: Dropout,
    state: Linear,
    warning: Option<Linear>,
    mean: bool,
}

/// What a network says of every frame.
#[derive(Debug, Clone)]
pub struct Logits {
    /// Of the classes, [batch, frames, classes].
    pub state: Tensor<3>,
    /// Of the warning, [batch, frames, 1].
    pub warning: Option<Tensor<3>>,
}

impl Network {
    /// A network with random parameters, drawn from the device's generator.
    #[must_use]
    pub fn new(spec: &NetworkSpec, device: &Device) -> Self {
        let (channels, dropout) = (spec.channels, spec.dropout);
        let encoder = match &spec.encoder {
            EncoderSpec::Lstm { width, layers } => {
                Encoder::Lstm(Lstm::new(channels, *width, *layers, dropout, device))
            }
            EncoderSpec::Tcn { width, kernel, dilations } => {
                Encoder::Tcn(Tcn::new(channels, *width, *kernel, dilations, dropout, device))
            }
            EncoderSpec::Transformer { width, heads, layers } => {
                Encoder::Transformer(Transformer::new(channels, *width, *heads, *layers, dropout, device))
            }
            EncoderSpec::Mlp { width } => Encoder::Mlp(Mlp {
                first: LinearConfig::new(channels, *width).init(device),
                second: LinearConfig::new(*width, *width).init(device),
                dropout: DropoutConfig::new(dropout).init(),
            }),
        };
        Self {
            encoder,
            project: LinearConfig::new(spec.encoder.width(), spec.projection).init(device),
            dropout: DropoutConfig::new(dropout).init(),
            state: LinearConfig::new(spec.projection, spec.classes).init(device),
            warning: spec.warning.then(|| LinearConfig::new(spec.projection, 1).init(device)),
            mean: spec.readout == Readout::Mean,
        }
    }

    /// Scores every frame of [batch, frames, channels]. `mask` [batch, frames] is 1 for frames and 0
    /// for padding, which stands in front, at most `padded` frames of it.
    #[must_use]
    pub fn forward(&self, x: Tensor<3>, mask: &Tensor<2>, padded: usize) -> Logits {
        let mut h = match &self.encoder {
            Encoder::Lstm(lstm) => lstm.forward(x, mask, padded),
            Encoder::Tcn(tcn) => tcn.forward(x, mask),
            Encoder::Transformer(transformer) => transformer.forward(x, mask),
            Encoder::Mlp(mlp) => {
                let h = dropped(&mlp.dropout, gelu(mlp.first.forward(x)));
                dropped(&mlp.dropout, gelu(mlp.second.forward(h)))
            }
        };
        if self.mean {
            let real: Tensor<3> = mask.clone().unsqueeze_dim(2);
            let count = real.clone().cumsum(1).clamp_min(1.0);
            h = (h * real).cumsum(1) / count;
        }
        let z = dropped(&self.dropout, gelu(self.project.forward(h)));
        Logits { state: self.state.forward(z.clone()), warning: self.warning.as_ref().map(|w| w.forward(z)) }
    }

    /// The encoder, for display of its attention.
    #[must_use]
    pub fn encoder(&self) -> &Encoder {
        &self.encoder
    }
}

#[cfg(test)]
mod tests;
