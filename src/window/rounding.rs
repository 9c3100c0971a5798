//! Rounding of values: what is far below a descriptor's own fluctuation is neither packed nor seen by a
//! learned model.
//!
//! A value is rounded to a multiple of a power of two. The steps are a quarter to an eighth of the
//! fluctuation between two frames of a healthy interface of about 250 atoms (the quietest tenth of 46
//! interfaces of oxide runs), so the error of rounding, step / sqrt(12), is below a tenth of it; where a
//! crystal is so still that there is no fluctuation, the step is far below one atom's share. Larger cells
//! fluctuate less: the steps then are a larger part of it. Columns without an entry, and data sets of other
//! origin, keep 32 bits.
//!
//! Data sets are packed so, and the window stage rounds alike before it makes the rows of a window:
//! a model that was trained on packed frames is served the very bits that packing would have left. To
//! round twice is to round once. Instability index and CUSUM are made from the exact values: they
//! are measured in the run's own units, in which the steps may be coarse (lj, large cells).
//! `foreshock dataset pack` reports what rounding would do to them in the very runs that it packs.

use crate::registry;

/// Exponents of two of the steps.
const STEPS: [(&str, i32); 45] = [
    ("msd_a", -8),
    ("msd_b", -8),
    ("msd_mobile", -6),
    ("diffusion_a", -10),
    ("diffusion_b", -10),
    ("diffusion_mobile", -9),
    ("gap", -8),
    ("slip", -7),
    ("mobile_exchange", -9),
    ("nongauss", -6),
    ("thickness", -8),
    ("roughness", -6),
    ("mixing_depth", -11),
    ("mixing_max", -8),
    ("foreign_neighbors", -13),
    ("stress_n", -4),
    ("stress_t", -4),
    ("stress_max", -1),
    ("pe", -8),
    ("cn_aa", -10),
    ("cn_ab", -11),
    ("cn_bb", -9),
    ("cn_aa_std", -10),
    ("cn_ab_std", -11),
    ("cn_bb_std", -10),
    ("cn_loss", -12),
    ("bonds_broken", -12),
    ("bonds_formed", -13),
    ("bond_mean_aa", -12),
    ("bond_mean_ab", -8),
    ("bond_mean_bb", -11),
    ("bond_std_aa", -12),
    ("bond_std_ab", -8),
    ("bond_std_bb", -11),
    ("turnover", -11),
    ("turnover_p95", -9),
    ("q6", -12),
    ("q6_std", -12),
    ("env_entropy", -10),
    ("env_shift", -14),
    ("clusters", -8),
    ("cluster_max", 0),
    ("contact", -8),
    ("jumps_framework", -9),
    ("jumps_mobile", -8),
];

/// Step of all bins of the radial distribution functions.
const RADIAL: i32 = -4;

/// The step of a column, a power of two; none where values are kept as they are.
#[must_use]
pub fn step(column: &str) -> Option<f64> {
    let exponent = STEPS.iter().find(|(name, _)| *name == column).map(|&(_, exponent)| exponent);
    let radial = || {
        let pair = registry::RDF_PAIRS.iter().find_map(|pair| column.strip_prefix(pair)?.strip_prefix('_'));
        pair.filter(|bin| bin.parse::<usize>().is_ok_and(|bin| bin < registry::RDF_BINS)).map(|_| RADIAL)
    };
    exponent.or_else(radial).map(|exponent| 2.0_f64.powi(exponent))
}

/// A value as it is packed and as a model sees it.
#[must_use]
pub fn round(value: f64, step: Option<f64>) -> f32 {
    match step {
        // Adding zero makes -0 and 0 one value.
        Some(step) => ((value / step).round() * step + 0.0) as f32,
        None => value as f32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_descriptor_has_a_step_and_nothing_else_has() {
        for name in registry::frame_names(true) {
            assert!(step(&name).is_some(), "{name}");
        }
        for name in ["rdf_aa", "rdf_aa_20", "rdf_aa_x", "coefficient 1"] {
            assert_eq!(step(name), None, "{name}");
        }
    }

    #[test]
    fn rounding_is_exact_in_single_precision_and_keeps_the_undefined() {
        let s = step("pe");
        for value in [0.0, 1.23456, -0.7, 1.0e3] {
            let rounded = f64::from(round(value, s));
            assert!((rounded - value).abs() <= 0.5 / 256.0, "{value}");
            assert_eq!((rounded * 256.0).fract(), 0.0, "{value}");
        }
        assert_eq!(round(-0.0001, s).to_bits(), 0.0_f32.to_bits());
        assert!(round(f64::NAN, s).is_nan());
        assert_eq!(round(0.1, None), 0.1);
    }

    #[test]
    fn to_round_twice_is_to_round_once() {
        for name in registry::frame_names(true) {
            let step = step(&name);
            for value in [0.0, 1.0 / 3.0, -17.123_456_7, 1.0e-9, 123_456.789, -3.0e12, f64::NAN] {
                let once = round(value, step);
                assert_eq!(round(f64::from(once), step).to_bits(), once.to_bits(), "{name} {value}");
            }
        }
    }
}
