//! The borrowed view of one rank's atoms, and the state that travels with each atom.

pub mod list;
mod pool;
pub mod store;

pub use store::{AtomStore, Side};

use crate::geometry::Cell;

/// LAMMPS `tagint` arrays: 32 bits in the default build, 64 bits in BIGBIG builds.
#[derive(Debug, Clone, Copy)]
pub enum Ids<'a> {
    /// SMALLBIG and SMALLSMALL.
    Narrow(&'a [i32]),
    /// BIGBIG.
    Wide(&'a [i64]),
}

impl Ids<'_> {
    /// Atom id of atom `i`.
    #[inline]
    #[must_use]
    pub fn get(&self, i: usize) -> i64 {
        match self {
            Self::Narrow(v) => i64::from(v[i]),
            Self::Wide(v) => v[i],
        }
    }
}

/// LAMMPS `imageint` arrays: three box counts packed into one integer.
#[derive(Debug, Clone, Copy)]
pub enum Images<'a> {
    /// Ten bits each.
    Narrow(&'a [i32]),
    /// Twenty-one bits each.
    Wide(&'a [i64]),
}

impl Images<'_> {
    /// Box counts along the three axes.
    #[inline]
    #[must_use]
    pub fn get(&self, i: usize) -> [f64; 3] {
        match self {
            Self::Narrow(v) => {
                let w = v[i];
                [w & 1023, (w >> 10) & 1023, (w >> 20) & 1023].map(|k| f64::from(k - 512))
            }
            Self::Wide(v) => {
                let w = v[i];
                let mask = (1 << 21) - 1;
                [w & mask, (w >> 21) & mask, (w >> 42) & mask].map(|k| (k - (1 << 20)) as f64)
            }
        }
    }
}

/// Masses, LAMMPS units (only ratios matter).
#[derive(Debug, Clone, Copy)]
pub enum Masses<'a> {
    /// Indexed by type, entry 0 unused.
    PerType(&'a [f64]),
    /// One per atom.
    PerAtom(&'a [f64]),
}

/// One rank's atoms, borrowed from LAMMPS for one call. Nothing of it may be kept.
#[derive(Debug, Clone, Copy)]
pub struct AtomsView<'a> {
    /// Atoms owned by this rank; they come first in every array.
    pub nlocal: usize,
    /// Cartesian positions of owned and ghost atoms, LAMMPS length units, length `nlocal + nghost`.
    pub x: &'a [[f64; 3]],
    /// Atom ids, owned and ghost.
    pub id: Ids<'a>,
    /// Box counts, owned atoms.
    pub image: Images<'a>,
    /// Atom types from 1, owned and ghost.
    pub kind: &'a [i32],
    /// Group bits, owned atoms.
    pub mask: &'a [i32],
    /// Bit of the fix's group.
    pub groupbit: i32,
    /// Masses.
    pub mass: Masses<'a>,
    /// The simulation cell now.
    pub cell: Cell,
    /// Per-atom potential energy, LAMMPS energy unit, owned atoms; `None` when stress is off.
    pub pe: Option<&'a [f64]>,
    /// Per-atom stress x volume, LAMMPS pressure x length^3, `xx yy zz xy xz yz`, owned atoms.
    pub stress: Option<&'a [[f64; 6]]>,
}

impl AtomsView<'_> {
    /// Mass of owned atom `i`.
    #[inline]
    #[must_use]
    pub fn mass_of(&self, i: usize) -> f64 {
        match self.mass {
            Masses::PerType(m) => m[self.kind[i] as usize],
            Masses::PerAtom(m) => m[i],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn image_flags_decode_as_lammps_packs_them() {
        let pack = |x: i32, y: i32, z: i32| ((z + 512) << 20) | ((y + 512) << 10) | (x + 512);
        let words = [pack(0, 0, 0), pack(-3, 2, 511), pack(5, -512, -1)];
        let images = Images::Narrow(&words);
        assert_eq!(images.get(0), [0.0, 0.0, 0.0]);
        assert_eq!(images.get(1), [-3.0, 2.0, 511.0]);
        assert_eq!(images.get(2), [5.0, -512.0, -1.0]);
        let wide =
            |x: i64, y: i64, z: i64| ((z + (1 << 20)) << 42) | ((y + (1 << 20)) << 21) | (x + (1 << 20));
        let words = [wide(-70_000, 1, 99)];
        assert_eq!(Images::Wide(&words).get(0), [-70_000.0, 1.0, 99.0]);
    }
}
