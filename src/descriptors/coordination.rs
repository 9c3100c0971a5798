//! Coordination numbers of framework atoms in the region (paper, eq. 4).
//!
//! CN_i = number of bonded neighbours within the pair's cutoff. `cn_aa` averages neighbours of
//! side A over atoms of side A, `cn_bb` likewise for B, `cn_ab` neighbours of the other side over
//! all framework atoms; `_std` is the standard deviation over the same atoms.

use super::{Values, deviation, mean};

/// Length of the family's section: n, sum, sum of squares for aa, ab, bb.
pub const WIDTH: usize = 9;

/// Adds an atom of side A or B with its bonded neighbours on its own and on the other side.
#[inline]
pub fn add(section: &mut [f64], side_b: bool, own: f64, other: f64) {
    let at = if side_b { 6 } else { 0 };
    for (at, count) in [(at, own), (3, other)] {
        section[at] += 1.0;
        section[at + 1] += count;
        section[at + 2] += count * count;
    }
}

/// Turns the summed section into values.
pub fn finish(section: &[f64], values: &mut Values) {
    for (class, name) in ["aa", "ab", "bb"].into_iter().enumerate() {
        let s = &section[3 * class..3 * class + 3];
        values.set(&format!("cn_{name}"), mean(s[0], s[1]));
        values.set(&format!("cn_{name}_std"), deviation(s[0], s[1], s[2]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sides_are_kept_apart() {
        let mut section = vec![0.0; WIDTH];
        add(&mut section, false, 4.0, 0.0);
        add(&mut section, false, 2.0, 1.0);
        add(&mut section, true, 6.0, 1.0);
        let mut values = Values::new(false);
        finish(&section, &mut values);
        let v = values.into_vec();
        let get = |name: &str| v[crate::registry::index_of(name).expect("name")];
        assert!((get("cn_aa") - 3.0).abs() < 1e-15);
        assert!((get("cn_aa_std") - 1.0).abs() < 1e-15);
        assert!((get("cn_bb") - 6.0).abs() < 1e-15);
        assert!((get("cn_ab") - 2.0 / 3.0).abs() < 1e-15);
    }
}
