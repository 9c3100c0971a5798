//! What the instability index looks at: the smoothed frame, cumulative descriptors as rates.
//!
//! Enters: base values sample by sample. Leaves: one feature per registry row that takes part. A
//! stationary descriptor is averaged over the last lag; a cumulative one enters as the difference of
//! two such averages one lag apart, per ps. Boxcars over a ring instead of a recursive filter: memory
//! ends after two lags, so an undefined sample is forgotten and a restart needs the ring alone.

use std::collections::VecDeque;

use crate::error::Result;
use crate::registry::{self, Trend};
use crate::restart::{Decoder, Encoder};

/// One feature of the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Feature {
    /// Position of the descriptor in [`registry::BASE`].
    pub column: usize,
    /// Whether it enters by its rate.
    pub rate: bool,
}

impl Feature {
    /// The descriptor's name, "rate of NAME" where it enters by its rate.
    #[must_use]
    pub fn name(self) -> String {
        let name = registry::BASE[self.column].name;
        if self.rate { format!("rate of {name}") } else { name.to_owned() }
    }
}

/// The features in registry order.
#[must_use]
pub fn plan() -> Vec<Feature> {
    registry::BASE
        .iter()
        .enumerate()
        .filter(|(_, row)| row.trend != Trend::Excluded)
        .map(|(column, row)| Feature { column, rate: row.trend == Trend::Cumulative })
        .collect()
}

/// The last two lags of base values of one interface.
#[derive(Debug, Clone)]
pub struct History {
    rows: VecDeque<Vec<f64>>,
    lag_samples: usize,
    lag_ps: f64,
}

impl History {
    /// An empty history.
    #[must_use]
    pub fn new(lag_samples: usize, lag_ps: f64) -> Self {
        Self { rows: VecDeque::with_capacity(2 * lag_samples), lag_samples, lag_ps }
    }

    /// Takes one sample's base values (the registry's rows; more columns are ignored).
    pub fn push(&mut self, values: &[f64]) {
        if self.rows.len() == 2 * self.lag_samples {
            self.rows.pop_front();
        }
        self.rows.push_back(values[..registry::BASE.len()].to_vec());
    }

    /// The features at the last sample pushed; NaN where the sample is undefined or where less than
    /// half of a lag is known.
    #[must_use]
    pub fn features(&self, plan: &[Feature]) -> Vec<f64> {
        plan.iter()
            .map(|feature| {
                if self.rows.back().is_none_or(|row| row[feature.column].is_nan()) {
                    return f64::NAN;
                }
                let now = self.average(feature.column, 0);
                if feature.rate { (now - self.average(feature.column, 1)) / self.lag_ps } else { now }
            })
            .collect()
    }

    /// Mean of the defined values of a column over one lag, `lags_back` lags ago; summed from old to
    /// new, so that equal rings give equal bits.
    fn average(&self, column: usize, lags_back: usize) -> f64 {
        let end = self.rows.len().saturating_sub(lags_back * self.lag_samples);
        let start = end.saturating_sub(self.lag_samples);
        let (mut sum, mut count) = (0.0, 0_usize);
        for row in self.rows.range(start..end) {
            if !row[column].is_nan() {
                sum += row[column];
                count += 1;
            }
        }
        if count == 0 || 2 * count < self.lag_samples { f64::NAN } else { sum / count as f64 }
    }

    /// Saves the ring for a restart.
    pub fn encode(&self, out: &mut Encoder) {
        out.u64(self.rows.len() as u64);
        for row in &self.rows {
            out.f64s(row);
        }
    }

    /// Replaces the ring by a saved one.
    ///
    /// # Errors
    /// [`crate::Error::State`] when the rows do not fit.
    pub fn decode(&mut self, input: &mut Decoder<'_>) -> Result<()> {
        self.rows = decode_rows(input, registry::BASE.len())?.into();
        Ok(())
    }
}

/// Reads counted rows of `width` numbers each.
///
/// # Errors
/// [`crate::Error::State`] when a row has another width.
pub fn decode_rows(input: &mut Decoder<'_>, width: usize) -> Result<Vec<Vec<f64>>> {
    let count = input.count(8)?;
    (0..count)
        .map(|_| {
            let row = input.f64s()?;
            if row.len() == width {
                Ok(row)
            } else {
                Err(crate::Error::State(format!("row of {} values, expected {width}", row.len())))
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(t: usize) -> Vec<f64> {
        vec![t as f64; registry::BASE.len()]
    }

    #[test]
    fn levels_are_averaged_and_cumulative_ones_become_rates() {
        let plan = plan();
        let mut history = History::new(4, 0.5);
        for t in 0..20 {
            history.push(&row(t));
        }
        for (feature, value) in plan.iter().zip(history.features(&plan)) {
            // Mean of 16..=19; 4 samples of slope 1 per 0.5 ps.
            assert_eq!(value, if feature.rate { 8.0 } else { 17.5 }, "{}", feature.name());
        }
        assert!(plan.iter().any(|f| f.rate) && plan.iter().any(|f| !f.rate));
    }

    #[test]
    fn half_a_lag_is_enough_and_an_undefined_sample_is_its_own() {
        let plan = plan();
        let mut history = History::new(4, 0.5);
        history.push(&row(0));
        assert!(history.features(&plan).iter().all(|v| v.is_nan()));
        for t in 1..8 {
            history.push(&row(t));
        }
        assert!(history.features(&plan).iter().all(|v| !v.is_nan()));
        history.push(&vec![f64::NAN; registry::BASE.len()]);
        assert!(history.features(&plan).iter().all(|v| v.is_nan()));
        history.push(&row(9));
        assert!(history.features(&plan).iter().all(|v| !v.is_nan()));
    }
}
