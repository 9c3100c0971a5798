//! Slabs on top of each other, and the checks of what came out.

use super::charges::NEUTRAL;
use super::elements::radius;
use super::matching::Plane;
use super::slab::{SlabAtom, extent};
use super::spec::Charges;
use crate::error::{Error, Result};

/// Atoms of one slab closer than this multiple of the sum of their radii are an error of its crystal.
/// The closest pair of the prototypes, O-O of a phosphate tetrahedron aside, is Si-O with 0.91.
const COLLISION: f64 = 0.6;

/// Which layer of the cell an atom was put in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Layer {
    /// The lower slab.
    A,
    /// Between both.
    Coating,
    /// The upper slab.
    B,
}

impl Layer {
    /// As in messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::A => "side A",
            Self::Coating => "coating",
            Self::B => "side B",
        }
    }

    /// As in the groups include.
    #[must_use]
    pub fn group(self) -> &'static str {
        match self {
            Self::A => "side_a",
            Self::Coating => "coating",
            Self::B => "side_b",
        }
    }
}

/// An atom of the cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Atom {
    /// Element symbol.
    pub element: &'static str,
    /// Its layer.
    pub layer: Layer,
    /// Which slab from below; a coated cell has four.
    pub slab: usize,
    /// Position, angstrom, inside the box.
    pub position: [f64; 3],
    /// Distance to the nearer face of its slab, angstrom.
    pub depth: f64,
}

/// A slab ready to be put on the pile.
pub(super) struct Part {
    pub(super) layer: Layer,
    pub(super) atoms: Vec<SlabAtom>,
    /// Shift in the plane, fractions of the box.
    pub(super) offset: [f64; 2],
    /// Factor on heights.
    pub(super) stretch: f64,
}

/// The box: in-plane vectors and height.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cell {
    /// In-plane vectors, the first along x.
    pub plane: Plane,
    /// Height, angstrom.
    pub height: f64,
}

/// Puts slabs on top of each other with a gap between them, and closes the cell with another gap or, if
/// it is larger than zero, the vacuum.
pub(super) fn pile(parts: &[Part], plane: Plane, gap: f64, vacuum: f64) -> (Vec<Atom>, Cell) {
    let closing = if vacuum > 0.0 { vacuum } else { gap };
    // Half of the closing space below, so that no atom sits on the boundary.
    let mut bottom = 0.5 * closing;
    let mut atoms = Vec::new();
    for (slab, part) in parts.iter().enumerate() {
        let thickness = extent(&part.atoms) * part.stretch;
        for atom in &part.atoms {
            let [s, t]: [f64; 2] =
                std::array::from_fn(|k| super::crystal::wrap(atom.lateral[k] + part.offset[k]));
            let height = atom.height * part.stretch;
            atoms.push(Atom {
                element: atom.element,
                layer: part.layer,
                slab,
                position: [s * plane[0][0] + t * plane[1][0], t * plane[1][1], bottom + height],
                depth: height.min(thickness - height).max(0.0),
            });
        }
        bottom += thickness + gap;
    }
    let height = bottom - gap + 0.5 * closing;
    (atoms, Cell { plane, height })
}

/// Sum of all charges of a layer and of the cell.
///
/// # Errors
/// [`Error::Input`] when the cell is charged, with the charge of each layer.
pub(super) fn check_neutral(
    atoms: &[Atom],
    charge: &impl Fn(&Atom) -> Result<f64>,
    set: &Charges,
) -> Result<()> {
    let mut sums = [(Layer::A, 0.0), (Layer::Coating, 0.0), (Layer::B, 0.0)];
    for atom in atoms {
        for (layer, sum) in &mut sums {
            if *layer == atom.layer {
                *sum += charge(atom)?;
            }
        }
    }
    let total: f64 = sums.iter().map(|(_, sum)| sum).sum();
    if total.abs() <= NEUTRAL {
        return Ok(());
    }
    let parts: Vec<String> = sums
        .iter()
        .filter(|(_, sum)| sum.abs() > NEUTRAL)
        .map(|(layer, sum)| format!("{} {sum:+.3} e", layer.name()))
        .collect();
    let name = match set {
        Charges::Named(super::spec::ChargeSet::Formal) => "formal",
        Charges::Named(super::spec::ChargeSet::Pedone) => "pedone",
        Charges::Table(_) => "given",
    };
    Err(Error::input(
        "charges",
        name,
        format!("a neutral cell, not one of {total:+.3} e ({})", parts.join(", ")),
    ))
}

/// The closest pair of atoms of different slabs.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Contact {
    /// Elements of both.
    pub elements: [&'static str; 2],
    /// Their distance, angstrom.
    pub distance: f64,
}

/// Looks for atoms that are too close; returns the closest contact of different slabs.
///
/// # Errors
/// [`Error::Input`] naming both atoms when two of different slabs are closer than `min_distance`, or two
/// of the same slab so close that its crystal must be wrong.
pub(super) fn check_overlaps(atoms: &[Atom], cell: &Cell, min_distance: f64) -> Result<Option<Contact>> {
    let size = |atom: &Atom| radius(atom.element).unwrap_or(1.0);
    let widest = atoms.iter().map(size).fold(0.0, f64::max);
    // A look-out of 3 angstrom finds the closest contact of any cell that deserves the name.
    let reach = (2.0 * COLLISION * widest).max(min_distance).max(3.0);
    let mut order: Vec<usize> = (0..atoms.len()).collect();
    order.sort_by(|i, j| atoms[*i].position[2].total_cmp(&atoms[*j].position[2]));
    let mut closest: Option<Contact> = None;
    for (at, &i) in order.iter().enumerate() {
        for step in 1..order.len() {
            let j = order[(at + step) % order.len()];
            let image = if at + step < order.len() { 0.0 } else { cell.height };
            let dz = atoms[j].position[2] + image - atoms[i].position[2];
            if dz > reach {
                break;
            }
            let distance = in_plane(&atoms[i], &atoms[j], &cell.plane).hypot(dz);
            if distance > reach {
                continue;
            }
            let (a, b) = (&atoms[i], &atoms[j]);
            // The same slab across the periodic boundary is not its own neighbour.
            if a.slab == b.slab && image == 0.0 {
                let limit = COLLISION * (size(a) + size(b));
                if distance < limit {
                    return Err(Error::input(
                        a.layer.name(),
                        format!("{} and {}, {distance:.2} angstrom apart", a.element, b.element),
                        format!("{limit:.2} angstrom or more in one crystal"),
                    ));
                }
            } else if distance < min_distance {
                return Err(Error::input(
                    "min_distance",
                    min_distance,
                    format!(
                        "a gap that keeps it: {} of {} and {} of {} are {distance:.2} angstrom apart",
                        a.element,
                        a.layer.name(),
                        b.element,
                        b.layer.name()
                    ),
                ));
            } else if closest.is_none_or(|known| distance < known.distance) {
                closest = Some(Contact { elements: [a.element, b.element], distance });
            }
        }
    }
    Ok(closest)
}

/// In-plane distance to the nearest image.
fn in_plane(a: &Atom, b: &Atom, plane: &Plane) -> f64 {
    let dy = b.position[1] - a.position[1];
    let dx = b.position[0] - a.position[0];
    // A reduced box: the nearest image is among those that rounding finds, and their neighbours.
    let j = (dy / plane[1][1]).round();
    let mut best = f64::INFINITY;
    for step in [-1.0, 0.0, 1.0] {
        let y = dy - (j + step) * plane[1][1];
        let x = dx - (j + step) * plane[1][0];
        let x = x - (x / plane[0][0]).round() * plane[0][0];
        best = best.min(x.hypot(y));
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    fn atom(element: &'static str, slab: usize, position: [f64; 3]) -> Atom {
        let layer = if slab == 0 { Layer::A } else { Layer::B };
        Atom { element, layer, slab, position, depth: 0.0 }
    }

    const TILTED: Cell = Cell { plane: [[10.0, 0.0], [4.0, 9.0]], height: 12.0 };

    #[test]
    fn contacts_are_found_across_every_boundary() {
        for (place, expected) in [
            ([9.5, 0.5, 3.0], [0.5, 0.5, 5.0]),  // x
            ([4.5, 8.8, 3.0], [0.5, 0.2, 5.0]),  // y, with the tilt
            ([5.0, 4.0, 11.9], [5.0, 4.0, 1.9]), // z
        ] {
            let atoms = [atom("Li", 0, place), atom("O", 1, expected)];
            let contact = check_overlaps(&atoms, &TILTED, 1.0).expect("room").expect("within 3");
            assert!(contact.distance < 2.3, "{place:?}: {contact:?}");
        }
    }

    #[test]
    fn atoms_that_are_too_close_are_named_with_their_distance() {
        let atoms = [atom("Si", 0, [5.0, 4.0, 5.0]), atom("O", 1, [5.0, 4.0, 6.25])];
        assert_eq!(
            check_overlaps(&atoms, &TILTED, 1.5).expect_err("too close").to_string(),
            "min_distance = '1.5': expected a gap that keeps it: Si of side A and O of side B are 1.25 angstrom apart"
        );
        let atoms = [atom("Si", 0, [5.0, 4.0, 5.0]), atom("O", 0, [5.0, 4.0, 5.9])];
        assert_eq!(
            check_overlaps(&atoms, &TILTED, 1.5).expect_err("too close").to_string(),
            "side A = 'Si and O, 0.90 angstrom apart': expected 1.02 angstrom or more in one crystal"
        );
    }

    #[test]
    fn the_nearest_image_agrees_with_a_search_over_all() {
        let plane = TILTED.plane;
        let mut state = 1_u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as f64 / f64::from(1_u32 << 31)
        };
        for _ in 0..200 {
            let mut place = || {
                let (s, t) = (next(), next());
                [s * plane[0][0] + t * plane[1][0], t * plane[1][1], 0.0]
            };
            let (a, b) = (atom("Li", 0, place()), atom("Li", 1, place()));
            let mut best = f64::INFINITY;
            for i in -3..=3 {
                for j in -3..=3 {
                    let x = b.position[0] - a.position[0]
                        + f64::from(i) * plane[0][0]
                        + f64::from(j) * plane[1][0];
                    let y = b.position[1] - a.position[1] + f64::from(j) * plane[1][1];
                    best = best.min(x.hypot(y));
                }
            }
            assert!((in_plane(&a, &b, &plane) - best).abs() < 1e-12);
        }
    }

    #[test]
    fn a_pile_has_its_gaps_and_its_vacuum() {
        let slab = |layer, heights: &[f64]| Part {
            layer,
            atoms: heights
                .iter()
                .map(|h| SlabAtom { element: "Li", lateral: [0.9, 0.5], height: *h })
                .collect(),
            offset: [0.2, 0.0],
            stretch: 2.0,
        };
        let parts = [slab(Layer::A, &[0.0, 1.0, 3.0]), slab(Layer::B, &[0.0, 2.0])];
        let (atoms, cell) = pile(&parts, TILTED.plane, 1.5, 0.0);
        let z: Vec<f64> = atoms.iter().map(|atom| atom.position[2]).collect();
        assert_eq!(z, [0.75, 2.75, 6.75, 8.25, 12.25]);
        assert_eq!(cell.height, 13.0);
        assert_eq!(atoms[1].depth, 2.0);
        // Shifted by 0.2 over the edge of the box, along its tilted second vector.
        assert!((atoms[0].position[0] - (0.1 * 10.0 + 0.5 * 4.0)).abs() < 1e-9);
        let (atoms, cell) = pile(&parts, TILTED.plane, 1.5, 20.0);
        assert_eq!((atoms[0].position[2], cell.height), (10.0, 31.5));
    }
}
