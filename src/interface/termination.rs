//! Where a crystal is cut.
//!
//! Bonds from network elements (P, Si, Al, Zr, ...) to anions hold a solid electrolyte together; a slab
//! is cut where the plane crosses the fewest of them, and among equals where the gap between the atoms
//! on both sides is widest.

use super::crystal::Crystal;
use super::elements::{bond_reach, is_anion, is_network};
use super::orient::Layered;
use crate::geometry::norm;

/// Atoms whose heights differ by less, angstrom, lie in one plane: no cut goes between them.
const SAME_PLANE: f64 = 0.02;

/// A cut through every layer of a slab.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cut {
    /// Height of the cut over the layer's origin as a fraction of the layer's thickness, in [0, 1).
    pub fraction: f64,
    /// Network bonds crossed per in-plane cell.
    pub bonds: usize,
    /// Distance between the atoms just below and just above, angstrom.
    pub gap: f64,
}

/// The network bonds of a layered crystal, as heights of both ends.
fn bond_heights(layered: &Layered) -> Vec<[f64; 2]> {
    let vectors = layered.vectors();
    let frame = Crystal { name: layered.name.clone(), vectors, sites: Vec::new() };
    let normals = frame.reciprocal();
    let mut bonds = Vec::new();
    for (center, from) in layered.atoms.iter().filter(|(element, _)| is_network(element)) {
        for (anion, to) in layered.atoms.iter().filter(|(element, _)| is_anion(element)) {
            let cutoff = bond_reach(center, anion);
            let apart: [f64; 3] = std::array::from_fn(|k| to[k] - from[k]);
            // Images that can be within the cutoff: along each vector, its height decides.
            let fractional: [f64; 3] = normals.map(|n| (0..3).map(|k| n[k] * apart[k]).sum());
            let range = |k: usize| {
                let reach = cutoff * norm(&normals[k]);
                (-fractional[k] - reach).ceil() as i32..=(-fractional[k] + reach).floor() as i32
            };
            for i in range(0) {
                for j in range(1) {
                    for l in range(2) {
                        let shift = frame.cartesian(&[f64::from(i), f64::from(j), f64::from(l)]);
                        let bond: [f64; 3] = std::array::from_fn(|k| apart[k] + shift[k]);
                        if norm(&bond) < cutoff {
                            bonds.push([from[2], from[2] + bond[2]]);
                        }
                    }
                }
            }
        }
    }
    bonds
}

/// What a cut at this fraction of the layer crosses.
#[must_use]
pub fn cut_at(layered: &Layered, fraction: f64) -> Cut {
    describe(layered, &bond_heights(layered), fraction)
}

fn describe(layered: &Layered, bonds: &[[f64; 2]], fraction: f64) -> Cut {
    let thickness = layered.stack[2];
    let level = |z: f64| ((z / thickness - fraction) + 1e-9).floor();
    let crossed = bonds.iter().map(|[from, to]| (level(*to) - level(*from)).abs() as usize).sum();
    let above = |z: f64| (z / thickness - fraction + 1e-9).rem_euclid(1.0);
    let (low, high) = layered.atoms.iter().fold((1.0_f64, 0.0_f64), |(low, high), (_, place)| {
        let height = above(place[2]);
        (low.min(height), high.max(height))
    });
    Cut { fraction, bonds: crossed, gap: (low + 1.0 - high) * thickness }
}

/// The best cut: fewest network bonds, then the widest gap, then the lowest.
#[must_use]
pub fn best_cut(layered: &Layered) -> Cut {
    let thickness = layered.stack[2];
    let bonds = bond_heights(layered);
    let mut heights: Vec<f64> =
        layered.atoms.iter().map(|(_, place)| (place[2] / thickness).rem_euclid(1.0)).collect();
    heights.sort_by(f64::total_cmp);
    let first_above = heights[0] + 1.0;
    heights.push(first_above);
    let between = heights.windows(2).filter(|pair| (pair[1] - pair[0]) * thickness > SAME_PLANE);
    let cuts = between.map(|pair| describe(layered, &bonds, (0.5 * (pair[0] + pair[1])).rem_euclid(1.0)));
    cuts.min_by(|a, b| {
        let tied = (a.gap - b.gap).abs() < 1e-6;
        let wider = if tied { std::cmp::Ordering::Equal } else { b.gap.total_cmp(&a.gap) };
        a.bonds.cmp(&b.bonds).then(wider).then(a.fraction.total_cmp(&b.fraction))
    })
    // Every layer is thicker than the atoms of one plane, so there is a gap; a layer without one would
    // be cut at its origin.
    .unwrap_or_else(|| describe(layered, &bonds, 0.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interface::orient::{Orientation, layers};
    use crate::interface::prototypes::prototype;

    fn best(name: &str, orientation: Orientation) -> Cut {
        best_cut(&layers(&prototype(name).expect(name), orientation).expect("valid"))
    }

    #[test]
    fn phosphates_are_cut_between_their_tetrahedra() {
        for orientation in [Orientation::Axes([0, 2, 1]), Orientation::Axes([0, 1, 2])] {
            assert_eq!(best("Li3PO4-beta", orientation).bonds, 0, "{orientation:?}");
        }
        assert_eq!(best("Li3PO4-gamma", Orientation::Axes([0, 2, 1])).bonds, 0);
    }

    #[test]
    fn chains_and_networks_lose_the_fewest_bonds_possible() {
        // Two chains of the silicate interlock along b; along its own axis every chain is cut once.
        assert_eq!(best("Li2SiO3", Orientation::Axes([0, 2, 1])).bonds, 2);
        assert_eq!(best("Li2SiO3", Orientation::Axes([0, 1, 2])).bonds, 2);
        assert_eq!(best("SiO2-alpha-cristobalite", Orientation::Axes([0, 1, 2])).bonds, 2);
        assert_eq!(best("SiO2-beta-cristobalite", Orientation::Axes([0, 1, 2])).bonds, 4);
        assert_eq!(best("Li2O", Orientation::Axes([0, 1, 2])).bonds, 0);
    }

    #[test]
    fn no_cut_of_a_fine_scan_is_better() {
        for (name, orientation) in [
            ("Li3PO4-gamma", Orientation::Axes([0, 1, 2])),
            ("Li2SiO3", Orientation::Axes([0, 2, 1])),
            ("Al2O3-corundum", Orientation::Miller([0, 0, 1])),
            ("SiO2-alpha-cristobalite", Orientation::Miller([1, 0, 1])),
        ] {
            let layered = layers(&prototype(name).expect(name), orientation).expect("valid");
            let best = best_cut(&layered);
            for k in 0..400 {
                let cut = cut_at(&layered, f64::from(k) / 400.0);
                assert!(cut.bonds >= best.bonds, "{name}: {cut:?} beats {best:?}");
                assert!(
                    cut.bonds > best.bonds || cut.gap <= best.gap + 1e-6,
                    "{name}: {cut:?} is as good as {best:?} with more room"
                );
            }
        }
    }

    #[test]
    fn a_cut_in_the_middle_of_a_tetrahedron_breaks_bonds() {
        let crystal = prototype("Li3PO4-beta").expect("there");
        let layered = layers(&crystal, Orientation::Axes([0, 2, 1])).expect("valid");
        // P lies at y = 0.8243 of the stacking axis, its lowest oxygen at 0.6868.
        assert!(cut_at(&layered, 0.76).bonds > 0);
    }
}
