//! From logits to logits whose probabilities mean what they say: a scale and shifts per head (Platt;
//! temperature and bias, Guo et al., arXiv:1706.04599), fitted after training on lineages of their own.
//!
//! Scales are positive, so the order of warnings stays what it was.

use serde::{Deserialize, Serialize};

use super::stream::Logits;
use crate::error::{Error, Result};

/// Scales and shifts of a model's heads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Lineages that it was fitted on; 0 leaves logits as they are.
    pub lineages: usize,
    /// Factor on all classes' logits, above 0.
    pub state_scale: f32,
    /// Added to each class's logit.
    pub state_shift: Vec<f32>,
    /// Factor on the warning's logit, above 0.
    pub warning_scale: f32,
    /// Added to it.
    pub warning_shift: f32,
}

impl Calibration {
    /// One that changes nothing.
    #[must_use]
    pub fn none(classes: usize) -> Self {
        Self {
            lineages: 0,
            state_scale: 1.0,
            state_shift: vec![0.0; classes],
            warning_scale: 1.0,
            warning_shift: 0.0,
        }
    }

    /// Calibrated logits.
    #[must_use]
    pub fn apply(&self, mut logits: Logits) -> Logits {
        for (z, shift) in logits.states.iter_mut().zip(&self.state_shift) {
            *z = self.state_scale * *z + shift;
        }
        logits.warning = logits.warning.map(|z| self.warning_scale * z + self.warning_shift);
        logits
    }

    /// Checks values that come from a file.
    ///
    /// # Errors
    /// [`Error::Input`] naming what cannot be used.
    pub fn check(&self, classes: usize) -> Result<()> {
        if self.state_shift.len() != classes {
            let shifts = self.state_shift.len();
            return Err(Error::input("shifts of the calibration", shifts, format!("{classes}, the classes")));
        }
        for (key, scale) in [("state_scale", self.state_scale), ("warning_scale", self.warning_scale)] {
            if !(scale.is_finite() && scale > 0.0) {
                return Err(Error::input(key, scale, "a number above 0"));
            }
        }
        match self.state_shift.iter().chain([&self.warning_shift]).find(|shift| !shift.is_finite()) {
            Some(shift) => Err(Error::input("shift of the calibration", shift, "a number")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logits_are_scaled_and_shifted_head_by_head() {
        let logits = Logits { states: vec![1.0, -2.0], warning: Some(3.0) };
        assert_eq!(Calibration::none(2).apply(logits.clone()), logits);
        let calibration = Calibration {
            lineages: 4,
            state_scale: 0.5,
            state_shift: vec![0.25, 0.0],
            warning_scale: 2.0,
            warning_shift: -1.0,
        };
        assert_eq!(calibration.apply(logits), Logits { states: vec![0.75, -1.0], warning: Some(5.0) });
    }

    #[test]
    fn what_would_turn_the_order_or_fit_no_class_is_refused() {
        Calibration::none(3).check(3).expect("nothing changes");
        let wrong = Calibration { warning_scale: -1.0, ..Calibration::none(3) };
        assert_eq!(
            wrong.check(3).expect_err("turned").to_string(),
            "warning_scale = '-1': expected a number above 0"
        );
        assert!(Calibration::none(2).check(3).is_err());
        let wrong = Calibration { state_shift: vec![f32::NAN; 3], ..Calibration::none(3) };
        assert!(wrong.check(3).is_err());
    }
}
