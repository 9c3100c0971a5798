//! Neighbour-identity turnover over the lag, the local descriptor of LENS (Crippa et al., PNAS
//! 2023, doi:10.1073/pnas.2300565120): delta = (|C1 u C2| - |C1 n C2|) / (|C1| + |C2|), 0 when the
//! neighbours are the same, 1 when all have changed. C are neighbours with hysteresis (in at the
//! cutoff, out at 1.2 times it). `turnover` is the mean over framework atoms that were interfacial
//! at the reference, `turnover_p95` the 95th percentile.

use super::{Values, mean, percentile};

const BINS: usize = 50;

/// Length of the family's section.
pub const WIDTH: usize = 2 + BINS;

/// Turnover of an atom with `then` and `now` neighbours, `common` of them the same.
#[inline]
#[must_use]
pub fn turnover(then: usize, now: usize, common: usize) -> f64 {
    if then + now == 0 { 0.0 } else { (then + now - 2 * common) as f64 / (then + now) as f64 }
}

/// Adds an atom.
#[inline]
pub fn add(section: &mut [f64], delta: f64) {
    section[0] += 1.0;
    section[1] += delta;
    section[2 + ((delta * BINS as f64) as usize).min(BINS - 1)] += 1.0;
}

/// Turns the summed section into values.
pub fn finish(section: &[f64], values: &mut Values) {
    if section[0] > 0.0 {
        values.set("turnover", mean(section[0], section[1]));
        // Bin 0 holds atoms without any change: a percentile inside it is 0, not half a bin.
        let p95 = percentile(&section[2..WIDTH], 1.0, 0.95);
        values.set("turnover_p95", if p95 < 1.0 / BINS as f64 { 0.0 } else { p95 });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_of_the_turnover() {
        assert!(turnover(12, 12, 12).abs() < 1e-15);
        assert!((turnover(12, 12, 0) - 1.0).abs() < 1e-15);
        assert!((turnover(4, 5, 4) - 1.0 / 9.0).abs() < 1e-15);
        assert!(turnover(0, 0, 0).abs() < 1e-15);
    }
}
