//! What a model is made of, as written in a training file and in a model's metadata.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Added to an LSTM's forget gate, so that a fresh network remembers.
pub const FORGET_BIAS: f32 = 1.0;

/// By how much an attention score falls per frame of distance, 2^(-8 (head + 1) / heads)
/// (arXiv:2108.12409).
#[must_use]
pub fn alibi_slope(head: usize, heads: usize) -> f32 {
    2f32.powf(-8.0 * (head + 1) as f32 / heads as f32)
}

/// How values enter a model.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Inputs {
    /// As they are: (value - training mean) / training deviation.
    #[default]
    Level,
    /// Relative to the run's own baseline: (value - baseline mean) / training deviation of that.
    Shift,
    /// Both, levels first.
    Both,
}

/// What of an encoder's outputs over time is read out at a frame.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Readout {
    /// The output at that frame.
    #[default]
    Last,
    /// The mean over the frames up to it.
    Mean,
}

/// An encoder: [frames x channels] to [frames x `width`], causal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "encoder", deny_unknown_fields)]
pub enum EncoderSpec {
    /// Long short-term memory with fused gates (Hochreiter and Schmidhuber,
    /// doi:10.1162/neco.1997.9.8.1735).
    Lstm {
        /// Units.
        width: usize,
        /// Layers.
        layers: usize,
    },
    /// Causal temporal convolutions in residual blocks (Bai, Kolter, Koltun, arXiv:1803.01271).
    Tcn {
        /// Channels of a block.
        width: usize,
        /// Frames under a kernel.
        kernel: usize,
        /// Dilation of each block, two convolutions each.
        dilations: Vec<usize>,
    },
    /// Causal self-attention whose scores fall linearly with the distance in time (Vaswani et al.,
    /// arXiv:1706.03762; Press, Smith, Lewis, arXiv:2108.12409).
    Transformer {
        /// Model width.
        width: usize,
        /// Attention heads.
        heads: usize,
        /// Blocks.
        layers: usize,
    },
    /// A multilayer perceptron on summaries of a window.
    Mlp {
        /// Units of each of the two hidden layers.
        width: usize,
    },
}

impl EncoderSpec {
    /// Width of the output.
    #[must_use]
    pub fn width(&self) -> usize {
        match *self {
            Self::Lstm { width, .. }
            | Self::Tcn { width, .. }
            | Self::Transformer { width, .. }
            | Self::Mlp { width } => width,
        }
    }

    /// Frames that an output depends on, where that is bounded.
    #[must_use]
    pub fn receptive_field(&self) -> Option<usize> {
        match self {
            Self::Tcn { kernel, dilations, .. } => {
                Some(1 + 2 * (kernel - 1) * dilations.iter().sum::<usize>())
            }
            Self::Mlp { .. } => Some(1),
            Self::Lstm { .. } | Self::Transformer { .. } => None,
        }
    }

    /// Checks values that come from a file.
    ///
    /// # Errors
    /// [`Error::Input`] naming the first that cannot be used.
    pub fn check(&self) -> Result<()> {
        let within = |key: &str, value: usize, low: usize, high: usize| {
            if (low..=high).contains(&value) {
                Ok(())
            } else {
                Err(Error::input(key, value, format!("{low} to {high}")))
            }
        };
        within("width", self.width(), 1, 4096)?;
        match self {
            Self::Lstm { layers, .. } => within("layers", *layers, 1, 16),
            Self::Tcn { kernel, dilations, .. } => {
                within("kernel", *kernel, 2, 64)?;
                within("number of dilations", dilations.len(), 1, 32)?;
                dilations.iter().try_for_each(|&d| within("dilations", d, 1, 4096))
            }
            Self::Transformer { width, heads, layers } => {
                within("layers", *layers, 1, 32)?;
                within("heads", *heads, 1, 64)?;
                if width % heads == 0 {
                    Ok(())
                } else {
                    Err(Error::input("width", width, format!("a multiple of the {heads} heads")))
                }
            }
            Self::Mlp { .. } => Ok(()),
        }
    }
}

/// A network: encoder, projection, heads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NetworkSpec {
    /// The encoder.
    pub encoder: EncoderSpec,
    /// Input channels.
    pub channels: usize,
    /// Width of the shared projection.
    pub projection: usize,
    /// Classes of the state head.
    pub classes: usize,
    /// Whether there is a warning head.
    pub warning: bool,
    /// What is read out.
    pub readout: Readout,
    /// Dropout while training.
    pub dropout: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn receptive_field_counts_both_convolutions_of_a_block() {
        let spec = EncoderSpec::Tcn { width: 8, kernel: 3, dilations: vec![1, 2, 4, 8] };
        assert_eq!(spec.receptive_field(), Some(61));
    }

    #[test]
    fn a_width_that_the_heads_do_not_divide_is_refused_by_name() {
        let spec = EncoderSpec::Transformer { width: 30, heads: 4, layers: 1 };
        let error = spec.check().expect_err("30 / 4").to_string();
        assert_eq!(error, "width = '30': expected a multiple of the 4 heads");
    }
}
