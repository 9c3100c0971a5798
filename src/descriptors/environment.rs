//! Species-resolved coordination environments of framework atoms in the region.
//!
//! An environment is (type, bonds to side A, bonds to side B). With the shares p_e of all
//! environments, `env_entropy` = -sum p ln p (Shannon, nat) and `env_shift` = H((p+q)/2) -
//! H(p)/2 - H(q)/2, the Jensen-Shannon divergence from the reference's shares q (Lin,
//! doi:10.1109/18.61115; nat, at most ln 2).

use super::Values;

/// Types told apart; higher ones share the last.
const TYPES: usize = 8;

/// Bond counts told apart on each side; higher ones share the last.
const COUNTS: usize = 14;

/// Length of the family's section: a histogram of environments.
pub const WIDTH: usize = TYPES * COUNTS * COUNTS;

/// Adds an atom of type index `kind` (from 0) with its bonds to each side.
#[inline]
pub fn add(section: &mut [f64], kind: usize, to_a: usize, to_b: usize) {
    let kind = kind.min(TYPES - 1);
    let (a, b) = (to_a.min(COUNTS - 1), to_b.min(COUNTS - 1));
    section[(kind * COUNTS + a) * COUNTS + b] += 1.0;
}

fn entropy(shares: impl Iterator<Item = f64>) -> f64 {
    shares.filter(|&p| p > 0.0).map(|p| -p * p.ln()).sum()
}

/// Turns the summed section into values; `reference` is the reference's histogram, empty while
/// it is not known.
pub fn finish(section: &[f64], reference: &[f64], values: &mut Values) {
    let total: f64 = section.iter().sum();
    if total == 0.0 {
        return;
    }
    let own = entropy(section.iter().map(|n| n / total));
    values.set("env_entropy", own);
    let base: f64 = reference.iter().sum();
    if base > 0.0 {
        let mixed = entropy(section.iter().zip(reference).map(|(n, m)| 0.5 * (n / total + m / base)));
        let before = entropy(reference.iter().map(|m| m / base));
        values.set("env_shift", (mixed - 0.5 * (own + before)).max(0.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(section: &[f64], reference: &[f64]) -> (f64, f64) {
        let mut values = Values::new(false);
        finish(section, reference, &mut values);
        let v = values.into_vec();
        let get = |name: &str| v[crate::registry::index_of(name).expect("name")];
        (get("env_entropy"), get("env_shift"))
    }

    #[test]
    fn entropy_counts_environments_and_divergence_is_bounded() {
        let mut even = vec![0.0; WIDTH];
        for a in 0..4 {
            add(&mut even, 0, a, 0);
        }
        let (entropy, shift) = values(&even, &even);
        assert!((entropy - 4.0_f64.ln()).abs() < 1e-14);
        assert!(shift.abs() < 1e-14);
        let mut other = vec![0.0; WIDTH];
        add(&mut other, 1, 0, 0);
        assert!((values(&other, &even).1 - 2.0_f64.ln()).abs() < 1e-14);
        assert!(values(&other, &[]).1.is_nan());
    }
}
