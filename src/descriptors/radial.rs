//! Partial radial distribution functions: of type pairs, to find neighbour cutoffs during the
//! topology reference; of side pairs, as descriptors on request.

use super::Values;
use crate::registry::{RDF_BINS, RDF_PAIRS};

/// Bins of the reference's g(r) of each type pair.
pub const REFERENCE_BINS: usize = 140;

/// Furthest distance searched for a first minimum, angstrom.
pub const REFERENCE_RANGE: f64 = 7.0;

/// Number of unordered pairs of `n` types.
#[must_use]
pub fn type_pairs(n: usize) -> usize {
    n * (n + 1) / 2
}

/// Position of unordered pair `(i, j)` among [`type_pairs`].
#[inline]
#[must_use]
pub fn type_pair(i: usize, j: usize) -> usize {
    let (lo, hi) = if i < j { (i, j) } else { (j, i) };
    hi * (hi + 1) / 2 + lo
}

/// First minimum of g(r) from a histogram of pair distances over `[0, range)`; `None` where the
/// pair has no first shell in range.
///
/// The histogram is divided by r^2 and smoothed (Gaussian, two bins). The first shell is the
/// first maximum of at least a quarter of the highest; the minimum after it ends where g(r) rises
/// again by a tenth of the shell's height. In an empty stretch its middle is taken.
#[must_use]
pub fn first_minimum(histogram: &[f64], range: f64) -> Option<f64> {
    let n = histogram.len();
    if histogram.iter().sum::<f64>() < 8.0 {
        return None;
    }
    let width = range / n as f64;
    let raw: Vec<f64> =
        histogram.iter().enumerate().map(|(b, &c)| c / ((b as f64 + 0.5) * width).powi(2)).collect();
    let g: Vec<f64> = (0..n)
        .map(|b| {
            let (mut sum, mut weight) = (0.0, 0.0);
            for (c, &value) in raw.iter().enumerate().take((b + 7).min(n)).skip(b.saturating_sub(6)) {
                let w = (-((c as f64 - b as f64) / 2.0).powi(2) / 2.0).exp();
                sum += w * value;
                weight += w;
            }
            sum / weight
        })
        .collect();
    let highest = g.iter().copied().fold(0.0, f64::max);
    let peak = (1..n - 1).find(|&b| g[b] >= 0.25 * highest && g[b] >= g[b - 1] && g[b] > g[b + 1])?;
    let (mut lowest, mut at) = (g[peak], peak);
    let mut risen = false;
    for b in peak + 1..n {
        if g[b] < lowest {
            (lowest, at) = (g[b], b);
        } else if g[b] > lowest + 0.1 * g[peak] {
            risen = true;
            break;
        }
    }
    if lowest > 0.5 * g[peak] || (!risen && lowest > 0.02 * g[peak]) {
        return None;
    }
    // The middle of the stretch that is as good as the minimum.
    let flat = lowest + 0.01 * g[peak];
    let first = (peak..=at).find(|&b| g[b] <= flat).unwrap_or(at);
    let last = (at..n).take_while(|&b| g[b] <= flat).last().unwrap_or(at);
    // An open-ended gap (nothing beyond the shell in range) closes where the shell ends.
    let end = if risen { last } else { first };
    Some((0.5 * (first + end) as f64 + 0.5) * width)
}

/// Length of the descriptor family's section: atoms of A and B, then the pair counts.
pub const WIDTH: usize = 2 + RDF_PAIRS.len() * RDF_BINS;

/// Adds a framework atom of the region.
#[inline]
pub fn add_atom(section: &mut [f64], side_b: bool) {
    section[usize::from(side_b)] += 1.0;
}

/// Adds a pair seen from one atom; `class` 0 is aa, 1 ab, 2 bb; `r` below `range`.
#[inline]
pub fn add_pair(section: &mut [f64], class: usize, r: f64, range: f64) {
    let bin = (r / range * RDF_BINS as f64) as usize;
    if bin < RDF_BINS {
        section[2 + class * RDF_BINS + bin] += 1.0;
    }
}

/// Turns the summed section into g(r), normalised by the mean density of the pair's partners in
/// the region (`volume`, cubic angstrom).
pub fn finish(section: &[f64], range: f64, volume: f64, values: &mut Values) {
    let (a, b) = (section[0], section[1]);
    for (class, (centres, partners)) in
        [(a, a / volume), (a + b, 0.0), (b, b / volume)].into_iter().enumerate()
    {
        // ab pairs are seen from atoms of both sides, each with the other side's density.
        let expected = if class == 1 { 2.0 * a * b / volume } else { centres * partners };
        let bins: Vec<f64> = (0..RDF_BINS)
            .map(|bin| {
                let (r0, r1) = (bin as f64, bin as f64 + 1.0);
                let shell = 4.0 / 3.0
                    * std::f64::consts::PI
                    * (r1.powi(3) - r0.powi(3))
                    * (range / RDF_BINS as f64).powi(3);
                section[2 + class * RDF_BINS + bin] / (expected * shell)
            })
            .collect();
        values.set_radial(class, &bins);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shells(peaks: &[(f64, f64, f64)]) -> Vec<f64> {
        (0..REFERENCE_BINS)
            .map(|b| {
                let r = (b as f64 + 0.5) / REFERENCE_BINS as f64 * REFERENCE_RANGE;
                peaks.iter().map(|(c, w, n)| n * (-((r - c) / w).powi(2) / 2.0).exp()).sum::<f64>().round()
            })
            .collect()
    }

    #[test]
    fn finds_the_gap_behind_a_sharp_shell() {
        let cutoff = first_minimum(&shells(&[(1.62, 0.06, 400.0), (3.9, 0.3, 300.0)]), REFERENCE_RANGE);
        let cutoff = cutoff.expect("has a shell");
        assert!(cutoff > 1.9 && cutoff < 3.2, "{cutoff}");
    }

    #[test]
    fn finds_the_dip_between_broad_shells() {
        let cutoff = first_minimum(&shells(&[(2.7, 0.25, 300.0), (4.6, 0.45, 700.0)]), REFERENCE_RANGE);
        let cutoff = cutoff.expect("has a shell");
        assert!((cutoff - 3.4).abs() < 0.3, "{cutoff}");
    }

    #[test]
    fn a_pair_without_a_shell_has_no_cutoff() {
        assert_eq!(first_minimum(&[0.0; REFERENCE_BINS], REFERENCE_RANGE), None);
        let growing: Vec<f64> = (0..REFERENCE_BINS).map(|b| (b * b) as f64).collect();
        assert_eq!(first_minimum(&growing, REFERENCE_RANGE), None);
    }

    #[test]
    fn pair_numbers_are_a_bijection() {
        let mut seen = vec![false; type_pairs(5)];
        for i in 0..5 {
            for j in 0..=i {
                assert_eq!(type_pair(i, j), type_pair(j, i));
                assert!(!std::mem::replace(&mut seen[type_pair(i, j)], true));
            }
        }
        assert!(seen.iter().all(|&s| s));
    }
}
