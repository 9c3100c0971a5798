//! One file per descriptor family: equation, unit, source, partial sums and what they become.
//!
//! Every family is mergeable. Each rank adds its atoms to the family's section of the payload
//! (`add...`), the payload is summed over ranks in one reduction, and rank 0 turns the sums into
//! values (`finish`). Sections are plain slices of `f64`; counts and histograms in them are exact
//! integers, so the order of summation does not matter to them.

pub mod bonds;
pub mod clusters;
pub mod coordination;
pub mod energy;
pub mod environment;
pub mod mixing;
pub mod motion;
pub mod order;
pub mod radial;
pub mod surface;
pub mod turnover;

use crate::registry;

/// A frame's values under construction: everything is NaN until set.
#[derive(Debug, Clone)]
pub struct Values(Vec<f64>);

impl Values {
    /// All NaN, `rdf` adds the radial bins.
    #[must_use]
    pub fn new(rdf: bool) -> Self {
        let extra = if rdf { registry::RDF_PAIRS.len() * registry::RDF_BINS } else { 0 };
        Self(vec![f64::NAN; registry::BASE.len() + extra])
    }

    /// Sets a descriptor of the registry.
    ///
    /// # Panics
    /// If the registry has no such name.
    pub fn set(&mut self, name: &str, value: f64) {
        let at = registry::index_of(name).expect("descriptor is in the registry");
        self.0[at] = value;
    }

    /// Sets the radial bins of pair `pair` (order of [`registry::RDF_PAIRS`]).
    pub fn set_radial(&mut self, pair: usize, bins: &[f64]) {
        let at = registry::BASE.len() + pair * registry::RDF_BINS;
        self.0[at..at + registry::RDF_BINS].copy_from_slice(bins);
    }

    /// The finished values.
    #[must_use]
    pub fn into_vec(self) -> Vec<f64> {
        self.0
    }
}

/// Mean of `n` values with sum `sum`; NaN for none.
#[must_use]
pub fn mean(n: f64, sum: f64) -> f64 {
    if n > 0.0 { sum / n } else { f64::NAN }
}

/// Standard deviation (population) of `n` values from their sum and sum of squares; NaN for none.
#[must_use]
pub fn deviation(n: f64, sum: f64, squares: f64) -> f64 {
    if n > 0.0 {
        let m = sum / n;
        (squares / n - m * m).max(0.0).sqrt()
    } else {
        f64::NAN
    }
}

/// Value below which `share` of a histogram over `[0, top)` lies, interpolated inside its bin;
/// 0 for an empty histogram.
#[must_use]
pub fn percentile(histogram: &[f64], top: f64, share: f64) -> f64 {
    let total: f64 = histogram.iter().sum();
    let mut left = share * total;
    for (bin, &count) in histogram.iter().enumerate() {
        if count > 0.0 && left <= count {
            return (bin as f64 + left / count) * top / histogram.len() as f64;
        }
        left -= count;
    }
    0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentile_interpolates_and_survives_emptiness() {
        assert!((percentile(&[0.0, 10.0, 10.0, 0.0], 4.0, 0.75) - 2.5).abs() < 1e-15);
        assert!(percentile(&[0.0; 4], 4.0, 0.95).abs() < 1e-15);
    }

    #[test]
    fn deviation_of_known_numbers() {
        assert!((deviation(4.0, 10.0, 30.0) - 1.25_f64.sqrt()).abs() < 1e-15);
        assert!(deviation(0.0, 0.0, 0.0).is_nan());
    }
}
