//! Potential energy and stress of the interfacial region.
//!
//! - `pe` = (1/N) sum e_i over all N atoms of the region, minus the reference's, eV
//! - `stress_n` = (1/V) sum S_i,nn and `stress_t` = (1/2V) sum (tr S_i - S_i,nn), GPa, tension
//!   positive, with S_i the per-atom virial plus kinetic part of LAMMPS's `compute stress/atom`
//!   (Thompson et al., doi:10.1063/1.3245303) and V = 2 x area x half-width
//! - `stress_max` = largest |p_i - p| over atoms, p_i = tr S_i / (3 V/N), GPa

use super::{Values, mean};

/// Length of the family's summed section.
pub const WIDTH: usize = 8;

/// Length of the family's section of maxima.
pub const MAXIMA: usize = 2;

/// Adds an atom's energy (eV) and stress x volume (GPa A^3, `xx yy zz xy xz yz`).
#[inline]
pub fn add(sums: &mut [f64], maxima: &mut [f64], pe: f64, stress: &[f64; 6]) {
    sums[0] += 1.0;
    sums[1] += pe;
    for k in 0..6 {
        sums[2 + k] += stress[k];
    }
    let trace = stress[0] + stress[1] + stress[2];
    maxima[0] = maxima[0].max(trace);
    maxima[1] = maxima[1].max(-trace);
}

/// Mean energy per atom of the region, eV; NaN for none.
#[must_use]
pub fn mean_energy(sums: &[f64]) -> f64 {
    mean(sums[0], sums[1])
}

/// Turns the reduced sections into values; `volume` is the region's, cubic angstrom, `reference`
/// the mean energy at the reference, eV.
pub fn finish(
    sums: &[f64],
    maxima: &[f64],
    normal: &[f64; 3],
    volume: f64,
    reference: f64,
    values: &mut Values,
) {
    if sums[0] == 0.0 {
        return;
    }
    values.set("pe", mean_energy(sums) - reference);
    let s = &sums[2..8];
    let n = normal;
    let normal_sum = s[0] * n[0] * n[0]
        + s[1] * n[1] * n[1]
        + s[2] * n[2] * n[2]
        + 2.0 * (s[3] * n[0] * n[1] + s[4] * n[0] * n[2] + s[5] * n[1] * n[2]);
    let trace = s[0] + s[1] + s[2];
    values.set("stress_n", normal_sum / volume);
    values.set("stress_t", 0.5 * (trace - normal_sum) / volume);
    let average = trace / sums[0];
    let largest = (maxima[0] - average).max(maxima[1] + average);
    values.set("stress_max", largest * sums[0] / (3.0 * volume));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uniform_stress_has_no_deviation_and_splits_by_direction() {
        let (mut sums, mut maxima) = (vec![0.0; WIDTH], vec![f64::NEG_INFINITY; MAXIMA]);
        for _ in 0..4 {
            add(&mut sums, &mut maxima, -2.0, &[1.0, 2.0, 3.0, 0.0, 0.0, 0.0]);
        }
        let mut values = Values::new(false);
        finish(&sums, &maxima, &[0.0, 0.0, 1.0], 8.0, -2.5, &mut values);
        let v = values.into_vec();
        let get = |name: &str| v[crate::registry::index_of(name).expect("name")];
        assert!((get("stress_n") - 1.5).abs() < 1e-15);
        assert!((get("stress_t") - 0.75).abs() < 1e-15);
        assert!(get("stress_max").abs() < 1e-15);
        assert!((get("pe") - 0.5).abs() < 1e-15);
    }
}
