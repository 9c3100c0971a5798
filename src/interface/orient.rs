//! Turning a crystal so that a plane of it lies in the plane of the interface.
//!
//! A slab is periodic in its plane only. What it needs is therefore two in-plane lattice vectors,
//! the atoms of one layer, and the vector that leads from a layer to the next, which need not be
//! perpendicular to the plane.

use super::crystal::Crystal;
use crate::error::{Error, Result};
use crate::geometry::{cross, dot, norm};

/// A rectangular in-plane cell may have up to this many times the area of the smallest one.
const LARGEST_RECTANGLE: i64 = 12;

/// How a crystal is turned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Orientation {
    /// Which cell vector becomes the first in-plane one, the second, and the stacking one.
    Axes([usize; 3]),
    /// Miller indices, with respect to the cell as given, of the plane that is the interface.
    Miller([i32; 3]),
}

/// A crystal as a stack of layers along z.
#[derive(Debug, Clone)]
pub struct Layered {
    /// Name of the crystal.
    pub name: String,
    /// In-plane lattice vectors, angstrom: the first along x, the second with positive y.
    pub plane: [[f64; 2]; 2],
    /// From a layer to the next, angstrom; z is the layer's thickness.
    pub stack: [f64; 3],
    /// Elements and Cartesian positions, angstrom, of the atoms of one layer.
    pub atoms: Vec<(&'static str, [f64; 3])>,
    /// In-plane vectors and stacking vector in fractions of the cell that was given.
    pub rows: [[f64; 3]; 3],
}

impl Layered {
    /// Whether the in-plane vectors are perpendicular.
    #[must_use]
    pub fn is_rectangular(&self) -> bool {
        let [a, b] = &self.plane;
        b[0].abs() < 1e-6 * a[0].hypot(a[1])
    }

    /// Area of the in-plane cell, square angstrom.
    #[must_use]
    pub fn area(&self) -> f64 {
        self.plane[0][0] * self.plane[1][1]
    }

    /// The crystal that repeats: in-plane vectors and stacking vector as cell.
    #[must_use]
    pub fn vectors(&self) -> [[f64; 3]; 3] {
        let [a, b] = self.plane;
        [[a[0], a[1], 0.0], [b[0], b[1], 0.0], self.stack]
    }
}

/// Cuts a crystal into layers.
///
/// With [`Orientation::Axes`] the layer is the cell itself; an odd permutation gives the mirror image of
/// the crystal, which has the same energy. With [`Orientation::Miller`] the layer is the thinnest that
/// repeats, and its in-plane cell the smallest rectangular one, or the smallest one where no rectangular
/// one exists within 12 times its area.
///
/// # Errors
/// [`Error::Input`] when the axes are no permutation of 0, 1, 2 or the Miller indices are all zero.
pub fn layers(crystal: &Crystal, orientation: Orientation) -> Result<Layered> {
    let rows = match orientation {
        Orientation::Axes(axes) => {
            let mut sorted = axes;
            sorted.sort_unstable();
            if sorted != [0, 1, 2] {
                return Err(Error::input("axes", format!("{axes:?}"), "a permutation of [0, 1, 2]"));
            }
            axes.map(|axis| std::array::from_fn(|k| if k == axis { 1.0 } else { 0.0 }))
        }
        Orientation::Miller([0, 0, 0]) => {
            return Err(Error::input("miller", "[0, 0, 0]", "indices that are not all zero"));
        }
        Orientation::Miller(hkl) => miller_rows(crystal, hkl),
    };
    let cell = crystal.in_cell(&rows)?;
    Ok(turn(&cell, rows))
}

/// Puts the first vector of a cell along x and the second into the xy plane.
fn turn(cell: &Crystal, rows: [[f64; 3]; 3]) -> Layered {
    let [a, b, c] = &cell.vectors;
    let x = scaled(a, 1.0 / norm(a));
    let along = dot(b, &x);
    let across: [f64; 3] = std::array::from_fn(|k| b[k] - along * x[k]);
    let y = scaled(&across, 1.0 / norm(&across));
    let normal = cross(&x, &y);
    // A left-handed cell is mirrored: z points along the stacking vector in any case.
    let z = if dot(&normal, c) < 0.0 { scaled(&normal, -1.0) } else { normal };
    let to_box = |v: &[f64; 3]| [dot(v, &x), dot(v, &y), dot(v, &z)];
    let atoms =
        cell.sites.iter().map(|site| (site.element, to_box(&cell.cartesian(&site.fractional)))).collect();
    Layered {
        name: cell.name.clone(),
        plane: [[norm(a), 0.0], [along, norm(&across)]],
        stack: to_box(c),
        atoms,
        rows,
    }
}

fn scaled(v: &[f64; 3], factor: f64) -> [f64; 3] {
    v.map(|x| x * factor)
}

/// In-plane vectors and stacking vector of a lattice plane, in fractions of the crystal's cell.
fn miller_rows(crystal: &Crystal, hkl: [i32; 3]) -> [[f64; 3]; 3] {
    // All lattice translations are integer multiples of 1/n of the cell's vectors.
    let translations = crystal.translations();
    let n = i64::try_from(translations.len()).unwrap_or(1);
    let scaled_translations = translations.iter().map(|t| t.map(|v| (v * n as f64).round() as i64));
    let cell = [[n, 0, 0], [0, n, 0], [0, 0, n]];
    let basis = lattice_basis(scaled_translations.chain(cell).collect());

    // Heights of the basis vectors over the plane, in units of 1/n of the reciprocal vector's inverse.
    let heights = basis.map(|row| (0..3).map(|k| i64::from(hkl[k]) * row[k]).sum::<i64>());
    let (unimodular, _) = descend(heights);
    let combine = |weights: [i64; 3]| -> [i64; 3] {
        std::array::from_fn(|k| (0..3).map(|i| weights[i] * basis[i][k]).sum())
    };
    let length = |v: &[i64; 3]| norm(&crystal.cartesian(&v.map(|x| x as f64 / n as f64)));
    let inner = |u: &[i64; 3], v: &[i64; 3]| {
        let at = |w: &[i64; 3]| crystal.cartesian(&w.map(|x| x as f64 / n as f64));
        dot(&at(u), &at(v))
    };
    // `descend` leaves the greatest common divisor first and zeros behind it.
    let step = combine(unimodular[0]);
    let (mut u, mut v) = reduce_pair(combine(unimodular[1]), combine(unimodular[2]), &inner);

    if let Some(rectangle) = smallest_rectangle(u, v, &inner) {
        (u, v) = rectangle;
        // The longer side along y, unless they are equal: rectangles of one lattice then agree.
        if length(&u) > length(&v) * (1.0 + 1e-9) {
            (u, v) = (v, u.map(|x| -x));
        }
    }
    let fraction = |w: [i64; 3]| w.map(|x| x as f64 / n as f64);
    // Right-handed, as seen along the plane's normal.
    let [uc, vc, sc] = [u, v, step].map(|w| crystal.cartesian(&fraction(w)));
    if dot(&cross(&uc, &vc), &sc) < 0.0 {
        v = v.map(|x| -x);
    }
    [fraction(u), fraction(v), fraction(step)]
}

/// A basis of the lattice that integer vectors generate (they must span all three dimensions), by
/// elimination to triangular form.
fn lattice_basis(mut rows: Vec<[i64; 3]>) -> [[i64; 3]; 3] {
    let mut basis = [[0; 3]; 3];
    for column in 0..3 {
        loop {
            rows.retain(|row| row.iter().any(|v| *v != 0));
            rows.sort_by_key(|row| match row[column] {
                0 => i64::MAX,
                v => v.abs(),
            });
            let pivot = rows[0];
            let mut done = true;
            for row in rows.iter_mut().skip(1).filter(|row| row[column] != 0) {
                let factor = row[column].div_euclid(pivot[column]);
                for k in 0..3 {
                    row[k] -= factor * pivot[k];
                }
                done &= row[column] == 0;
            }
            if done {
                basis[column] = pivot;
                rows.remove(0);
                break;
            }
        }
    }
    basis
}

/// Euclid's algorithm on three numbers, not all zero: integer weights of determinant +-1 whose first row
/// gives the greatest common divisor (second result) and whose other rows give zero.
fn descend(numbers: [i64; 3]) -> ([[i64; 3]; 3], i64) {
    let mut rows = [[1, 0, 0], [0, 1, 0], [0, 0, 1]];
    let mut values = numbers;
    loop {
        let mut order = [0, 1, 2];
        order.sort_by_key(|i| if values[*i] == 0 { i64::MAX } else { values[*i].abs() });
        values = order.map(|i| values[i]);
        rows = order.map(|i| rows[i]);
        if values[1] == 0 && values[2] == 0 {
            if values[0] < 0 {
                values[0] = -values[0];
                rows[0] = rows[0].map(|v| -v);
            }
            return (rows, values[0]);
        }
        for i in 1..3 {
            let factor = values[i].div_euclid(values[0]);
            values[i] -= factor * values[0];
            for k in 0..3 {
                rows[i][k] -= factor * rows[0][k];
            }
        }
    }
}

/// The two shortest vectors of a plane lattice (Lagrange-Gauss reduction), the shorter first.
fn reduce_pair(
    mut u: [i64; 3],
    mut v: [i64; 3],
    inner: &impl Fn(&[i64; 3], &[i64; 3]) -> f64,
) -> ([i64; 3], [i64; 3]) {
    loop {
        if inner(&u, &u) > inner(&v, &v) * (1.0 + 1e-12) {
            (u, v) = (v, u);
        }
        let overlap = inner(&u, &v) / inner(&u, &u);
        // A hexagonal lattice has two equally short choices; going from one to the other never ends.
        if overlap.abs() <= 0.5 + 1e-9 {
            return (u, v);
        }
        let factor = overlap.round() as i64;
        v = std::array::from_fn(|k| v[k] - factor * u[k]);
    }
}

/// The rectangular cell of smallest area of the lattice of `u` and `v`, if there is one.
fn smallest_rectangle(
    u: [i64; 3],
    v: [i64; 3],
    inner: &impl Fn(&[i64; 3], &[i64; 3]) -> f64,
) -> Option<([i64; 3], [i64; 3])> {
    let reach = 4_i64;
    let combine = |i: i64, j: i64| -> [i64; 3] { std::array::from_fn(|k| i * u[k] + j * v[k]) };
    let mut best: Option<(i64, f64, [i64; 3], [i64; 3])> = None;
    let range = || (-reach..=reach).flat_map(move |i| (-reach..=reach).map(move |j| (i, j)));
    for (i, j) in range().filter(|(i, j)| *i > 0 || (*i == 0 && *j > 0)) {
        for (p, q) in range() {
            let area = i * q - j * p;
            if !(1..=LARGEST_RECTANGLE).contains(&area) {
                continue;
            }
            let (a, b) = (combine(i, j), combine(p, q));
            let (aa, bb) = (inner(&a, &a), inner(&b, &b));
            if inner(&a, &b).abs() > 1e-6 * (aa * bb).sqrt() {
                continue;
            }
            let extent = aa + bb;
            let better = match &best {
                None => true,
                Some((known, size, ..)) => area < *known || (area == *known && extent < size - 1e-6),
            };
            if better {
                best = Some((area, extent, a, b));
            }
        }
    }
    best.map(|(_, _, a, b)| (a, b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interface::prototypes::prototype;

    fn oriented(name: &str, orientation: Orientation) -> Layered {
        layers(&prototype(name).expect(name), orientation).expect("valid")
    }

    /// Edge lengths of the plane, thickness of a layer, atoms.
    fn shape(name: &str, hkl: [i32; 3]) -> ([f64; 3], usize) {
        let l = oriented(name, Orientation::Miller(hkl));
        assert!(l.is_rectangular(), "{name} {hkl:?}: {:?}", l.plane);
        ([l.plane[0][0], l.plane[1][1], l.stack[2]], l.atoms.len())
    }

    fn close(found: [f64; 3], expected: [f64; 3], what: &str) {
        for k in 0..3 {
            assert!((found[k] - expected[k]).abs() < 1e-6, "{what}: {found:?}, not {expected:?}");
        }
    }

    #[test]
    fn planes_of_rocksalt_have_their_textbook_cells() {
        let a = 5.631_f64;
        let cases = [
            // (hkl), cell edges and layer thickness in units of a, atoms of the cell
            ([0, 0, 1], [0.5_f64.sqrt(), 0.5_f64.sqrt(), 0.5], 2),
            ([1, 1, 0], [0.5_f64.sqrt(), 1.0, 0.5_f64.sqrt() / 2.0], 2),
            ([1, 1, 1], [0.5_f64.sqrt(), 1.5_f64.sqrt(), 1.0 / 3.0_f64.sqrt()], 4),
            ([-1, 1, -1], [0.5_f64.sqrt(), 1.5_f64.sqrt(), 1.0 / 3.0_f64.sqrt()], 4),
            ([2, 2, 2], [0.5_f64.sqrt(), 1.5_f64.sqrt(), 1.0 / 3.0_f64.sqrt()], 4),
        ];
        for (hkl, edges, atoms) in cases {
            let (found, count) = shape("NaCl", hkl);
            close(found, edges.map(|v| v * a), &format!("{hkl:?}"));
            assert_eq!(count, atoms, "{hkl:?}");
        }
    }

    #[test]
    fn planes_of_bcc_and_corundum() {
        let a = 4.373;
        close(shape("Na", [0, 0, 1]).0, [a, a, a / 2.0], "bcc 001");
        close(shape("Na", [1, 1, 0]).0, [a, a * 2.0_f64.sqrt(), a * 0.5_f64.sqrt()], "bcc 110");
        let (edges, atoms) = shape("Al2O3-corundum", [0, 0, 1]);
        close(edges, [4.76, 4.76 * 3.0_f64.sqrt(), 12.99 / 3.0], "corundum 001");
        assert_eq!(atoms, 20);
    }

    #[test]
    fn turning_changes_no_distance_and_no_density() {
        for (name, orientation) in [
            ("Li2SiO3", Orientation::Axes([0, 2, 1])),
            ("Li2SiO3", Orientation::Miller([1, 1, 1])),
            ("Li3PO4-gamma", Orientation::Miller([2, 1, 0])),
            ("Al2O3-corundum", Orientation::Miller([1, -1, 2])),
            ("SiO2-alpha-cristobalite", Orientation::Miller([1, 0, 1])),
        ] {
            let crystal = prototype(name).expect(name);
            let layered = layers(&crystal, orientation).expect("valid");
            let turned = rebuilt(&layered);
            let density = |c: &Crystal| c.sites.len() as f64 / c.volume();
            assert!((density(&crystal) - density(&turned)).abs() < 1e-9, "{name} {orientation:?}");
            for element in crystal.elements() {
                let shells = |c: &Crystal| {
                    let mut all: Vec<Vec<f64>> = (0..c.sites.len())
                        .filter(|i| c.sites[*i].element == element)
                        .map(|i| c.neighbors(i, "O", 4.0).iter().map(norm).collect())
                        .collect();
                    all.sort_by(|a: &Vec<f64>, b| a.iter().sum::<f64>().total_cmp(&b.iter().sum()));
                    all
                };
                let (before, after) = (shells(&crystal), shells(&turned));
                for k in 0..before.len() {
                    let same = &after[k * after.len() / before.len()];
                    assert_eq!(before[k].len(), same.len(), "{name} {orientation:?} {element}");
                    for (r, q) in before[k].iter().zip(same) {
                        assert!((r - q).abs() < 1e-6, "{name} {orientation:?} {element}: {r} {q}");
                    }
                }
            }
        }
    }

    fn rebuilt(layered: &Layered) -> Crystal {
        let vectors = layered.vectors();
        let frame = Crystal { name: String::new(), vectors, sites: Vec::new() };
        let inverse = frame.reciprocal();
        let atoms: Vec<(&str, [f64; 3])> = layered
            .atoms
            .iter()
            .map(|(element, place)| (*element, std::array::from_fn(|k| dot(&inverse[k], place))))
            .collect();
        Crystal::new("turned", vectors, &atoms).expect("a crystal")
    }

    #[test]
    fn axes_permute_the_edges() {
        let l = oriented("Li2SiO3", Orientation::Axes([0, 2, 1]));
        close([l.plane[0][0], l.plane[1][1], l.stack[2]], [9.392, 4.660, 5.397], "Li2SiO3");
        assert_eq!(l.atoms.len(), 24);
    }

    #[test]
    fn nonsense_is_refused() {
        let crystal = prototype("Li2O").expect("there");
        let error = layers(&crystal, Orientation::Axes([0, 1, 1])).expect_err("no permutation");
        assert_eq!(error.to_string(), "axes = '[0, 1, 1]': expected a permutation of [0, 1, 2]");
        let error = layers(&crystal, Orientation::Miller([0; 3])).expect_err("no plane");
        assert_eq!(error.to_string(), "miller = '[0, 0, 0]': expected indices that are not all zero");
    }
}
