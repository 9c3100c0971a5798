//! Whether probabilities mean what they say: expected calibration error, reliability.

use serde::Serialize;

/// One bin of a reliability diagram.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Bin {
    /// Mean probability said.
    pub said: f64,
    /// Share that happened.
    pub happened: f64,
    /// Items.
    pub count: usize,
}

/// Reliability diagram over at most `bins` bins of equal mass, in order of probability.
#[must_use]
pub fn reliability(scored: &[(f64, bool)], bins: usize) -> Vec<Bin> {
    let mut sorted = scored.to_vec();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    (0..bins)
        .filter_map(|bin| {
            let part = &sorted[bin * sorted.len() / bins..(bin + 1) * sorted.len() / bins];
            let count = part.len();
            (count > 0).then(|| Bin {
                said: part.iter().map(|i| i.0).sum::<f64>() / count as f64,
                happened: part.iter().filter(|i| i.1).count() as f64 / count as f64,
                count,
            })
        })
        .collect()
}

/// Expected calibration error: mean over items of |said - happened| of their bin. NaN without items.
#[must_use]
pub fn expected_error(bins: &[Bin]) -> f64 {
    let total: usize = bins.iter().map(|b| b.count).sum();
    bins.iter().map(|b| b.count as f64 * (b.said - b.happened).abs()).sum::<f64>() / total as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_items_in_two_bins() {
        let scored = [(0.9, true), (0.1, false), (0.3, true), (0.7, false)];
        let bins = reliability(&scored, 2);
        assert_eq!((bins.len(), bins[0].count, bins[0].happened), (2, 2, 0.5));
        assert!((bins[0].said - 0.2).abs() < 1e-12 && (bins[1].said - 0.8).abs() < 1e-12);
        assert!((expected_error(&bins) - 0.3).abs() < 1e-12);
    }

    #[test]
    fn more_bins_than_items_leave_no_empty_ones() {
        assert_eq!(reliability(&[(0.5, true), (0.6, false)], 15).len(), 2);
    }
}
