//! Raw columns to what a network sees: standardised by the training set's statistics.
//!
//! A level is (value - mean) / deviation over the training set. A shift is the difference from the
//! run's own baseline over its deviation in the training set. Never the statistics of the window: that
//! would throw the level away. Clipped to +-8; what is undefined becomes 0, the mean. A row that is mostly
//! undefined would pass for an average one: there a model says nothing ([`mostly_undefined`]).

use super::spec::Inputs;
use super::tensors::Tensors;
use crate::error::Result;

/// Largest standardised value.
pub const CLIP: f32 = 8.0;

/// Whether more than half of a row's values are undefined.
#[must_use]
pub fn mostly_undefined(values: impl ExactSizeIterator<Item = f64>) -> bool {
    let all = values.len();
    2 * values.filter(|value| value.is_nan()).count() > all
}

/// Statistics of the training set.
#[derive(Debug, Clone, PartialEq)]
pub struct Scaler {
    /// What is made of each column.
    pub inputs: Inputs,
    /// Mean and deviation of each column.
    pub level: Vec<[f32; 2]>,
    /// Deviation of each column's difference from the run's baseline.
    pub shift: Vec<f32>,
}

impl Scaler {
    /// Columns read.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.level.len()
    }

    /// Channels made.
    #[must_use]
    pub fn channels(&self) -> usize {
        if self.inputs == Inputs::Both { 2 * self.columns() } else { self.columns() }
    }

    /// Standardises one frame: `value(k)` is column k, `baseline(k)` its mean over the run's baseline.
    /// Appends [`Scaler::channels`] numbers to `out`.
    pub fn push(&self, value: impl Fn(usize) -> f64, baseline: impl Fn(usize) -> f64, out: &mut Vec<f32>) {
        let clip = |x: f64| if x.is_nan() { 0.0 } else { (x as f32).clamp(-CLIP, CLIP) };
        if self.inputs != Inputs::Shift {
            out.extend(
                self.level.iter().enumerate().map(|(k, [mean, deviation])| {
                    clip((value(k) - f64::from(*mean)) / f64::from(*deviation))
                }),
            );
        }
        if self.inputs != Inputs::Level {
            out.extend(
                self.shift
                    .iter()
                    .enumerate()
                    .map(|(k, deviation)| clip((value(k) - baseline(k)) / f64::from(*deviation))),
            );
        }
    }

    /// Adds the statistics to a model's arrays.
    pub fn save(&self, tensors: &mut Tensors) {
        let n = self.columns();
        tensors.insert("scaler.level", &[n, 2], self.level.as_flattened().to_vec());
        tensors.insert("scaler.shift", &[n], self.shift.clone());
    }

    /// Reads the statistics of `columns` columns.
    ///
    /// # Errors
    /// As [`Tensors::get`].
    pub fn load(tensors: &Tensors, inputs: Inputs, columns: usize) -> Result<Self> {
        let level = tensors.get("scaler.level", &[columns, 2])?.as_chunks::<2>().0.to_vec();
        Ok(Self { inputs, level, shift: tensors.get("scaler.shift", &[columns])?.to_vec() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_then_shifts_clipped_and_defined() {
        let scaler =
            Scaler { inputs: Inputs::Both, level: vec![[1.0, 2.0], [0.0, 1.0]], shift: vec![0.5, 1.0] };
        let mut out = Vec::new();
        scaler.push(|k| [5.0, f64::NAN][k], |k| [4.0, 0.0][k], &mut out);
        assert_eq!(out, [2.0, 0.0, 2.0, 0.0]);
        out.clear();
        scaler.push(|_| 1e9, |_| f64::NAN, &mut out);
        assert_eq!(out, [CLIP, CLIP, 0.0, 0.0]);
        let mut tensors = Tensors::default();
        scaler.save(&mut tensors);
        assert_eq!(Scaler::load(&tensors, Inputs::Both, 2).expect("saved"), scaler);
    }
}
