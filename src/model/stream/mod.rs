//! Scoring frame by frame, without burn: what runs inside LAMMPS is small and links nothing.
//!
//! Enters: standardised rows, one per frame. Leaves: what the model says after the last one. Live runs,
//! replays and evaluation all score through here.

pub(crate) mod attention;
mod dense;
pub(crate) mod lstm;
pub(crate) mod tcn;
pub(crate) mod window;

use super::Model;
use super::calibration::Calibration;
use super::meta::Kind;
use super::spec::EncoderSpec;
use crate::error::Result;
use crate::restart::{Decoder, Encoder};

/// What a model says of a frame.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    /// Probability of each class.
    pub states: Vec<f32>,
    /// Probability of an event within the horizon; NaN without a warning head.
    pub warning: f32,
}

impl Said {
    /// From logits: softmax of the classes, logistic of the warning.
    #[must_use]
    pub fn from_logits(states: &[f32], warning: Option<f32>) -> Self {
        let most = states.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let raised: Vec<f32> = states.iter().map(|z| (z - most).exp()).collect();
        let sum: f32 = raised.iter().sum();
        Self {
            states: raised.iter().map(|e| e / sum).collect(),
            warning: warning.map_or(f32::NAN, |z| 1.0 / (1.0 + (-z).exp())),
        }
    }

    /// What is said where too little is defined to say anything.
    #[must_use]
    pub fn nothing(classes: usize) -> Self {
        Self { states: vec![f32::NAN; classes], warning: f32::NAN }
    }
}

/// What a model's heads give, before it becomes probabilities.
#[derive(Debug, Clone, PartialEq)]
pub struct Logits {
    /// One per class.
    pub states: Vec<f32>,
    /// Of the warning, where there is such a head.
    pub warning: Option<f32>,
}

impl Logits {
    /// The same as probabilities.
    #[must_use]
    pub fn said(&self) -> Said {
        Said::from_logits(&self.states, self.warning)
    }

    /// Of outputs in a row, the warning after the classes.
    #[must_use]
    pub fn split(outputs: &[f32], classes: usize) -> Self {
        Self { states: outputs[..classes].to_vec(), warning: outputs.get(classes).copied() }
    }
}

/// A model that takes frames one by one.
pub trait Stream: Send {
    /// Forgets all frames.
    fn reset(&mut self);

    /// Takes the next frame's standardised row.
    fn push(&mut self, row: &[f32]);

    /// What its heads give now; frames must have been pushed.
    fn logits(&mut self) -> Logits;

    /// What the model says now; frames must have been pushed.
    fn say(&mut self) -> Said {
        self.logits().said()
    }

    /// Saves what it remembers for a restart. Whatever [`stream`] gives remembers something; the default is
    /// for streams that no fix serves.
    fn encode(&self, _out: &mut Encoder) {}

    /// Replaces what it remembers by what the same model saved.
    ///
    /// # Errors
    /// [`crate::Error::State`] when it does not fit the model.
    fn decode(&mut self, _input: &mut Decoder<'_>) -> Result<()> {
        Ok(())
    }
}

/// A stream with its model's calibration.
struct Calibrated {
    inner: Box<dyn Stream>,
    calibration: Calibration,
}

impl Stream for Calibrated {
    fn reset(&mut self) {
        self.inner.reset();
    }

    fn push(&mut self, row: &[f32]) {
        self.inner.push(row);
    }

    fn logits(&mut self) -> Logits {
        self.calibration.apply(self.inner.logits())
    }

    fn encode(&self, out: &mut Encoder) {
        self.inner.encode(out);
    }

    fn decode(&mut self, input: &mut Decoder<'_>) -> Result<()> {
        self.inner.decode(input)
    }
}

/// A stream for a model, calibrated.
///
/// # Errors
/// [`crate::Error::Input`] when the model's arrays do not fit its description.
pub fn stream(model: &Model) -> Result<Box<dyn Stream>> {
    let meta = &model.meta;
    let inner: Box<dyn Stream> = match &meta.kind {
        Kind::Network(spec) => match &spec.encoder {
            EncoderSpec::Lstm { .. } => Box::new(lstm::LstmStream::new(&model.tensors, spec)?),
            EncoderSpec::Tcn { .. } => Box::new(tcn::TcnStream::new(&model.tensors, spec)?),
            EncoderSpec::Transformer { .. } => {
                Box::new(attention::AttentionWindow::new(&model.tensors, spec, meta.window)?)
            }
            EncoderSpec::Mlp { .. } => {
                Box::new(window::SummaryMlp::new(&model.tensors, spec, meta.window, model.scaler.channels())?)
            }
        },
        Kind::Forest(spec) => {
            Box::new(window::SummaryForest::new(&model.tensors, *spec, meta.window, model.scaler.channels())?)
        }
    };
    Ok(Box::new(Calibrated { inner, calibration: meta.calibration.clone() }))
}
