//! A finite number of layers of a crystal, in a given in-plane box.

use super::matching::{Plane, Supercell, vectors};
use super::orient::Layered;
use super::termination::Cut;
use crate::error::{Error, Result};

/// An atom of a slab.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SlabAtom {
    /// Element symbol.
    pub element: &'static str,
    /// Position in the plane, in fractions of the box, in [0, 1).
    pub lateral: [f64; 2],
    /// Height over the slab's lowest atom, angstrom.
    pub height: f64,
}

/// Layers in an in-plane supercell, not yet strained: `lateral` are fractions.
///
/// # Errors
/// [`Error::Limit`] when the number of atoms is not the one that the areas imply.
pub fn slab(layered: &Layered, supercell: &Supercell, layers: usize, cut: &Cut) -> Result<Vec<SlabAtom>> {
    let [a, b] = vectors(layered, supercell);
    let determinant = a[0] * b[1] - a[1] * b[0];
    let cells = supercell[0][0] * supercell[1][1] - supercell[0][1] * supercell[1][0];
    // In-plane images of the small cell that touch the large one.
    let corner = |k: usize| {
        let (u, v) = (supercell[0][k], supercell[1][k]);
        (u.min(0) + v.min(0) - 1, u.max(0) + v.max(0) + 1)
    };
    let ((i_low, i_high), (j_low, j_high)) = (corner(0), corner(1));
    let thickness = layered.stack[2];
    let mut atoms = Vec::with_capacity(layers * layered.atoms.len() * cells.unsigned_abs() as usize);
    let inside = |value: f64| (-1e-6..1.0 - 1e-6).contains(&value);
    for layer in 0..layers {
        for i in i_low..=i_high {
            for j in j_low..=j_high {
                // Of the lattice points, those of the supercell; each then carries all atoms of a layer.
                let (x, y) = point(layered, i, j);
                let s = [(x * b[1] - y * b[0]) / determinant, (y * a[0] - x * a[1]) / determinant];
                if !(inside(s[0]) && inside(s[1])) {
                    continue;
                }
                for (element, place) in &layered.atoms {
                    let below = (place[2] / thickness - cut.fraction + 1e-9).floor();
                    let steps = layer as f64 - below;
                    let at: [f64; 3] = std::array::from_fn(|k| place[k] + steps * layered.stack[k]);
                    let (px, py) = (at[0] + x, at[1] + y);
                    let lateral =
                        [(px * b[1] - py * b[0]) / determinant, (py * a[0] - px * a[1]) / determinant];
                    let lateral = lateral.map(super::crystal::wrap);
                    atoms.push(SlabAtom { element, lateral, height: at[2] });
                }
            }
        }
    }
    let expected = layers * layered.atoms.len() * cells.unsigned_abs() as usize;
    if atoms.len() != expected || cells <= 0 {
        return Err(Error::Limit(format!(
            "{}: supercell {supercell:?} of {layers} layers has {} atoms instead of {expected}",
            layered.name,
            atoms.len()
        )));
    }
    let lowest = atoms.iter().map(|atom| atom.height).fold(f64::INFINITY, f64::min);
    for atom in &mut atoms {
        atom.height -= lowest;
    }
    Ok(atoms)
}

fn point(layered: &Layered, i: i32, j: i32) -> (f64, f64) {
    let at = |k: usize| f64::from(i) * layered.plane[0][k] + f64::from(j) * layered.plane[1][k];
    (at(0), at(1))
}

/// Distance between a slab's lowest and highest atom, angstrom.
#[must_use]
pub fn extent(atoms: &[SlabAtom]) -> f64 {
    atoms.iter().map(|atom| atom.height).fold(0.0, f64::max)
}

/// Area of an in-plane box, square angstrom.
#[must_use]
pub fn area(plane: &Plane) -> f64 {
    plane[0][0] * plane[1][1]
}
