//! Penetration of each side's framework into the other, angstrom.
//!
//! p_i = max(0, depth of atom i beyond the surface on the side that is not its own).
//! `mixing_depth` = sum p_i / N over the N framework atoms of the region; `mixing_max` = 95th
//! percentile of p_i among the atoms with p_i > 0, from a histogram over two regions.

use super::{Values, mean, percentile};

const BINS: usize = 64;

/// Length of the family's section.
pub const WIDTH: usize = 2 + BINS;

/// Deepest penetration the histogram resolves, in regions.
const TOP: f64 = 2.0;

/// Adds a framework atom of the region or beyond the surface; `beyond` is its depth on the other
/// side, negative on its own.
#[inline]
pub fn add(section: &mut [f64], beyond: f64, region: f64) {
    if beyond.abs() < region {
        section[0] += 1.0;
    }
    if beyond > 0.0 {
        section[1] += beyond;
        let bin = (beyond / (TOP * region) * BINS as f64) as usize;
        section[2 + bin.min(BINS - 1)] += 1.0;
    }
}

/// Turns the summed section into values.
pub fn finish(section: &[f64], region: f64, values: &mut Values) {
    values.set("mixing_depth", mean(section[0], section[1]));
    values.set("mixing_max", percentile(&section[2..WIDTH], TOP * region, 0.95));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_atoms_beyond_the_surface_count() {
        let mut section = vec![0.0; WIDTH];
        for beyond in [-3.0, -1.0, 2.0, -7.9] {
            add(&mut section, beyond, 8.0);
        }
        let mut values = Values::new(false);
        finish(&section, 8.0, &mut values);
        let values = values.into_vec();
        assert!((values[crate::registry::index_of("mixing_depth").expect("name")] - 0.5).abs() < 1e-15);
        let max = values[crate::registry::index_of("mixing_max").expect("name")];
        assert!((max - 2.0).abs() < 0.25, "{max}");
    }
}
