//! A periodic crystal: cell vectors, elements, fractional coordinates.

use crate::elements::SYMBOLS;
use crate::error::{Error, Result};
use crate::geometry::{cross, dot, norm};

/// Atoms closer than this, angstrom, are one atom written twice; translations that map every atom on
/// one of its kind within this distance are the lattice's own.
pub const SAME_ATOM: f64 = 0.05;

/// A crystal. The vectors may form any non-degenerate cell, left-handed ones included.
#[derive(Debug, Clone, PartialEq)]
pub struct Crystal {
    /// Name shown in messages and in what was built.
    pub name: String,
    /// Cell vectors a, b, c, one a row, angstrom.
    pub vectors: [[f64; 3]; 3],
    /// Atoms of one cell.
    pub sites: Vec<Site>,
}

/// An atom of a cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Site {
    /// Element symbol.
    pub element: &'static str,
    /// Fractional coordinates in [0, 1).
    pub fractional: [f64; 3],
}

impl Crystal {
    /// A crystal from its parts; coordinates are wrapped into the cell, doubles are dropped.
    ///
    /// # Errors
    /// [`Error::Input`] with the key `name` when the cell is flat, there is no atom, a symbol is no
    /// element, or two different elements share a place.
    pub fn new(name: &str, vectors: [[f64; 3]; 3], atoms: &[(&str, [f64; 3])]) -> Result<Self> {
        let volume = dot(&vectors[0], &cross(&vectors[1], &vectors[2])).abs();
        let product: f64 = vectors.iter().map(norm).product();
        let flat = volume.partial_cmp(&(1e-3 * product)) != Some(std::cmp::Ordering::Greater);
        if flat || !product.is_finite() {
            let expected = format!("a cell with a volume, not {volume:.3} cubic angstrom");
            return Err(Error::input("crystal", name, expected));
        }
        let mut crystal = Self { name: name.to_owned(), vectors, sites: Vec::with_capacity(atoms.len()) };
        for (symbol, fractional) in atoms {
            let element = symbol_of(symbol)?;
            if fractional.iter().any(|value| !value.is_finite()) {
                return Err(Error::input("crystal", name, format!("finite coordinates of every {symbol}")));
            }
            let site = Site { element, fractional: fractional.map(wrap) };
            match crystal.at(&site.fractional) {
                Some(other) if other.element == element => {}
                Some(other) => {
                    let expected =
                        format!("one atom a site; {} and {element} share {fractional:.3?}", other.element);
                    return Err(Error::input("crystal", name, expected));
                }
                None => crystal.sites.push(site),
            }
        }
        if crystal.sites.is_empty() {
            return Err(Error::input("crystal", name, "at least one atom"));
        }
        Ok(crystal)
    }

    /// A crystal whose vectors are orthogonal, of these lengths.
    pub(super) fn orthogonal(name: &str, [a, b, c]: [f64; 3], atoms: &[(&str, [f64; 3])]) -> Result<Self> {
        Self::new(name, [[a, 0.0, 0.0], [0.0, b, 0.0], [0.0, 0.0, c]], atoms)
    }

    /// Cartesian vector, angstrom, of a fractional one.
    #[must_use]
    pub fn cartesian(&self, s: &[f64; 3]) -> [f64; 3] {
        std::array::from_fn(|k| (0..3).map(|i| s[i] * self.vectors[i][k]).sum())
    }

    /// Volume of the cell, cubic angstrom.
    #[must_use]
    pub fn volume(&self) -> f64 {
        dot(&self.vectors[0], &cross(&self.vectors[1], &self.vectors[2])).abs()
    }

    /// Reciprocal vectors, one a row, 1/angstrom (no factor 2 pi): `r[i] . a[j] = 1` if i = j, else 0.
    #[must_use]
    pub fn reciprocal(&self) -> [[f64; 3]; 3] {
        let [a, b, c] = &self.vectors;
        let volume = dot(a, &cross(b, c));
        [cross(b, c), cross(c, a), cross(a, b)].map(|v| v.map(|x| x / volume))
    }

    /// The site within [`SAME_ATOM`] of a fractional position or one of its images.
    fn at(&self, fractional: &[f64; 3]) -> Option<&Site> {
        self.sites.iter().find(|site| self.separation(&site.fractional, fractional) < SAME_ATOM)
    }

    /// Distance, angstrom, between two nearly coincident sites or images of them.
    fn separation(&self, one: &[f64; 3], other: &[f64; 3]) -> f64 {
        let difference: [f64; 3] = std::array::from_fn(|k| {
            let d = one[k] - other[k];
            d - d.round()
        });
        norm(&self.cartesian(&difference))
    }

    /// All translations within the cell, fractional, that map the crystal on itself; the first is zero.
    /// A primitive cell has that one only.
    #[must_use]
    pub fn translations(&self) -> Vec<[f64; 3]> {
        let count = |element: &str| self.sites.iter().filter(|site| site.element == element).count();
        let Some(first) = self.sites.iter().min_by_key(|site| count(site.element)) else {
            return vec![[0.0; 3]];
        };
        let mut found = vec![[0.0; 3]];
        for site in self.sites.iter().filter(|site| site.element == first.element) {
            let shift: [f64; 3] = std::array::from_fn(|k| wrap(site.fractional[k] - first.fractional[k]));
            if norm(&shift) == 0.0 {
                continue;
            }
            let maps = self.sites.iter().all(|s| {
                let moved = std::array::from_fn(|k| s.fractional[k] + shift[k]);
                self.at(&moved).is_some_and(|other| other.element == s.element)
            });
            if maps {
                found.push(shift);
            }
        }
        found
    }

    /// The same crystal in another cell, whose vectors are given in fractions of this one's (rows).
    /// They must be lattice translations.
    ///
    /// # Errors
    /// [`Error::Limit`] when they are not, seen by the number of atoms.
    pub(super) fn in_cell(&self, rows: &[[f64; 3]; 3]) -> Result<Self> {
        let ratio = dot(&rows[0], &cross(&rows[1], &rows[2])).abs();
        let vectors = rows.map(|row| self.cartesian(&row));
        let mut cell = Self { name: self.name.clone(), vectors, sites: Vec::new() };
        let inverse = cell.reciprocal();
        // Every cell of the old lattice that the new one can touch: its corners' range, and one more.
        let reach: [i32; 3] =
            std::array::from_fn(|k| rows.iter().map(|row| row[k].abs()).sum::<f64>().ceil() as i32 + 1);
        for i in -reach[0]..=reach[0] {
            for j in -reach[1]..=reach[1] {
                for k in -reach[2]..=reach[2] {
                    for site in &self.sites {
                        let [x, y, z] = site.fractional;
                        let place = self.cartesian(&[x + f64::from(i), y + f64::from(j), z + f64::from(k)]);
                        let s: [f64; 3] = std::array::from_fn(|m| dot(&inverse[m], &place));
                        if s.iter().all(|v| (-0.01..1.01).contains(v)) {
                            let fractional = s.map(wrap);
                            if cell.at(&fractional).is_none() {
                                cell.sites.push(Site { element: site.element, fractional });
                            }
                        }
                    }
                }
            }
        }
        let expected = ratio * self.sites.len() as f64;
        if (cell.sites.len() as f64 - expected).abs() > 1e-6 * expected {
            return Err(Error::Limit(format!(
                "{}: a cell of {expected:.3} atoms came out with {}",
                self.name,
                cell.sites.len()
            )));
        }
        Ok(cell)
    }

    /// Elements in the order of their first atom.
    #[must_use]
    pub fn elements(&self) -> Vec<&'static str> {
        let mut found = Vec::new();
        for site in &self.sites {
            if !found.contains(&site.element) {
                found.push(site.element);
            }
        }
        found
    }

    /// Vectors from site `from` to all atoms of `element` within `cutoff`, angstrom, nearest first.
    #[must_use]
    pub fn neighbors(&self, from: usize, element: &str, cutoff: f64) -> Vec<[f64; 3]> {
        let reach: [i32; 3] = self.reciprocal().map(|row| (cutoff * norm(&row)).ceil() as i32 + 1);
        let origin = self.sites[from].fractional;
        let mut found = Vec::new();
        for site in self.sites.iter().filter(|site| site.element == element) {
            for i in -reach[0]..=reach[0] {
                for j in -reach[1]..=reach[1] {
                    for k in -reach[2]..=reach[2] {
                        let image = [f64::from(i), f64::from(j), f64::from(k)];
                        let s = std::array::from_fn(|m| site.fractional[m] - origin[m] + image[m]);
                        let d = self.cartesian(&s);
                        let r = norm(&d);
                        if r > 1e-6 && r <= cutoff {
                            found.push(d);
                        }
                    }
                }
            }
        }
        found.sort_by(|a, b| norm(a).total_cmp(&norm(b)));
        found
    }
}

/// The symbol as the table of elements has it.
///
/// # Errors
/// [`Error::Input`] when it is not there.
pub(super) fn symbol_of(symbol: &str) -> Result<&'static str> {
    let known = SYMBOLS.iter().find(|known| **known == symbol);
    known.copied().ok_or_else(|| Error::input("element", symbol, "the symbol of an element, such as Li"))
}

/// Into [0, 1), with what lies a rounding error below 1 at 0.
pub(super) fn wrap(value: f64) -> f64 {
    let wrapped = value.rem_euclid(1.0);
    if wrapped > 1.0 - 1e-9 { 0.0 } else { wrapped }
}
