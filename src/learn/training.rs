//! What training is told and what it tells, whatever trains.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// How a network is trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Training {
    /// Largest number of passes.
    pub epochs: usize,
    /// Stretches per step.
    pub batch: usize,
    /// Stretches per epoch, drawn anew each time; 0 is all.
    pub per_epoch: usize,
    /// Largest learning rate, reached after a tenth of the steps and falling as a cosine.
    pub rate: f64,
    /// Decoupled weight decay.
    pub weight_decay: f64,
    /// Share that is dropped of an encoder's hidden units, between its layers, of attention weights and of the
    /// shared projection; an LSTM of one layer has no layers to drop between.
    pub dropout: f64,
    /// Standard deviation of the noise added to standardised inputs.
    pub noise: f64,
    /// Share of a target's weight that is spread over all classes.
    pub smoothing: f64,
    /// Epochs without a better validation score before training ends; 0 trains to the end.
    pub patience: usize,
    /// Whether rare classes count more.
    pub balance: bool,
    /// Weight of the state in the loss.
    pub lambda_state: f64,
    /// Weight of the warning in the loss.
    pub lambda_warning: f64,
    /// Seed of everything random.
    pub seed: u64,
}

impl Default for Training {
    fn default() -> Self {
        Self {
            epochs: 30,
            batch: 32,
            per_epoch: 0,
            rate: 2e-3,
            weight_decay: 1e-2,
            dropout: 0.1,
            noise: 0.0,
            smoothing: 0.0,
            patience: 6,
            balance: true,
            lambda_state: 1.0,
            lambda_warning: 1.0,
            seed: 1,
        }
    }
}

impl Training {
    /// Checks values that come from a file.
    ///
    /// # Errors
    /// [`Error::Input`] naming the first that cannot be used.
    pub fn check(&self) -> Result<()> {
        let positive = [("epochs", self.epochs), ("batch", self.batch)];
        if let Some((key, value)) = positive.iter().find(|(_, value)| *value == 0) {
            return Err(Error::input(*key, value, "at least 1"));
        }
        if !(self.rate > 0.0 && self.rate < 1.0) {
            return Err(Error::input("rate", self.rate, "a number between 0 and 1"));
        }
        for (key, value) in [("dropout", self.dropout), ("smoothing", self.smoothing)] {
            if !(0.0..1.0).contains(&value) {
                return Err(Error::input(key, value, "0 or more, less than 1"));
            }
        }
        let numbers = [
            ("weight_decay", self.weight_decay),
            ("noise", self.noise),
            ("lambda_state", self.lambda_state),
            ("lambda_warning", self.lambda_warning),
        ];
        match numbers.iter().find(|(_, value)| !(value.is_finite() && *value >= 0.0)) {
            Some((key, value)) => Err(Error::input(*key, value, "a number that is not negative")),
            None => Ok(()),
        }
    }
}

/// What an epoch came to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// Its number, from 1.
    pub number: usize,
    /// Mean training loss.
    #[serde(with = "crate::stream::nan")]
    pub train_loss: f64,
    /// Validation loss.
    #[serde(with = "crate::stream::nan")]
    pub valid_loss: f64,
    /// Macro-F1 of the states in validation.
    #[serde(with = "crate::stream::nan")]
    pub macro_f1: f64,
    /// Accuracy of the states in validation.
    #[serde(with = "crate::stream::nan")]
    pub accuracy: f64,
    /// AUROC of the warning in validation; NaN without one.
    #[serde(with = "crate::stream::nan")]
    pub auroc: f64,
    /// What decides: the mean of macro-F1 and AUROC, or macro-F1 alone.
    #[serde(with = "crate::stream::nan")]
    pub score: f64,
    /// Whether it is the best so far.
    pub best: bool,
}

/// Watches training; ends it by returning `false`.
pub trait Observer {
    /// A training step is done.
    fn step(&mut self, epoch: usize, step: usize, steps: usize, loss: f64) -> bool;
    /// An epoch is done.
    fn epoch(&mut self, epoch: &Epoch) -> bool;
}

/// Position of the largest value, the first of equals.
#[must_use]
pub fn largest(values: &[f32]) -> usize {
    (1..values.len()).fold(0, |best, k| if values[k] > values[best] { k } else { best })
}
