//! Bond lengths in the region, the share of foreign bonds, and bonds broken and formed since the
//! reference.
//!
//! A bond is a pair within its cutoff of unlike roles (or any framework pair without roles). The
//! list of the reference comes from averaged positions. From then on a bond forms inside the
//! cutoff and breaks beyond 1.2 times it, so that vibration about the cutoff is not a reaction.
//! `bonds_broken`, `bonds_formed` are per framework atom that was interfacial at the reference
//! (each bond is seen from both its atoms); `cn_loss` is the share of those atoms that lost one.
//! `foreign_neighbors` = N_AB / N_bonds in the region, minus the reference's.

use super::{Values, deviation, mean};

const CHANGE_AT: usize = 9;

/// Length of the family's section: n, sum, squares for aa, ab, bb; atoms, broken, formed, lossy.
pub const WIDTH: usize = 13;

/// Bond classes by the sides of its atoms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Both on side A.
    Aa = 0,
    /// Across.
    Ab = 1,
    /// Both on side B.
    Bb = 2,
}

/// Adds a bond seen from one of its atoms to the sums of its class; `length` in angstrom.
#[inline]
pub fn add(sums: &mut [f64; 3], length: f64) {
    sums[0] += 1.0;
    sums[1] += length;
    sums[2] += length * length;
}

/// Adds an atom's bonds: sums per [`Class`].
#[inline]
pub fn add_lengths(section: &mut [f64], classes: &[[f64; 3]; 3]) {
    section.iter_mut().zip(classes.as_flattened()).for_each(|(sum, value)| *sum += value);
}

/// Adds a tracked framework atom's bonds broken and formed since the reference.
#[inline]
pub fn add_change(section: &mut [f64], broken: usize, formed: usize) {
    let s = &mut section[CHANGE_AT..];
    s[0] += 1.0;
    s[1] += broken as f64;
    s[2] += formed as f64;
    s[3] += f64::from(u8::from(broken > 0));
}

/// Share of A-B pairs among the bonds; NaN without bonds.
#[must_use]
pub fn foreign_share(section: &[f64]) -> f64 {
    mean(section[0] + section[3] + section[6], section[3])
}

/// Turns the summed section into values; `reference` is the foreign share at the reference.
pub fn finish(section: &[f64], reference: f64, values: &mut Values) {
    for (class, name) in ["aa", "ab", "bb"].into_iter().enumerate() {
        let s = &section[3 * class..3 * class + 3];
        values.set(&format!("bond_mean_{name}"), mean(s[0], s[1]));
        values.set(&format!("bond_std_{name}"), deviation(s[0], s[1], s[2]));
    }
    values.set("foreign_neighbors", foreign_share(section) - reference);
    let s = &section[CHANGE_AT..];
    values.set("bonds_broken", mean(s[0], s[1]));
    values.set("bonds_formed", mean(s[0], s[2]));
    values.set("cn_loss", mean(s[0], s[3]));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_and_lengths() {
        let mut section = vec![0.0; WIDTH];
        let mut lengths = [[0.0; 3]; 3];
        add(&mut lengths[Class::Aa as usize], 2.0);
        add(&mut lengths[Class::Aa as usize], 2.2);
        add(&mut lengths[Class::Ab as usize], 3.0);
        add_lengths(&mut section, &lengths);
        add_change(&mut section, 2, 1);
        add_change(&mut section, 0, 0);
        let mut values = Values::new(false);
        finish(&section, 0.25, &mut values);
        let v = values.into_vec();
        let get = |name: &str| v[crate::registry::index_of(name).expect("name")];
        assert!((get("bond_mean_aa") - 2.1).abs() < 1e-15);
        assert!((get("bond_std_aa") - 0.1).abs() < 1e-12);
        assert!((get("foreign_neighbors") - (1.0 / 3.0 - 0.25)).abs() < 1e-15);
        assert!((get("bonds_broken") - 1.0).abs() < 1e-15);
        assert!((get("cn_loss") - 0.5).abs() < 1e-15);
        assert!(get("bond_mean_bb").is_nan());
    }
}
