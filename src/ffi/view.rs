//! Borrowed slices over LAMMPS's arrays.

use super::bridge::border::Atoms;
use crate::atoms::{AtomsView, Ids, Images, Masses};
use crate::geometry::Cell;
use std::slice::from_raw_parts;

/// A slice of `n` elements; empty for a null pointer or no elements, which LAMMPS uses on ranks
/// without atoms.
///
/// # Safety
/// `data` must be null or point to at least `n` elements that stay valid and unwritten for `'a`.
unsafe fn slice<'a, T>(data: *const T, n: usize) -> &'a [T] {
    if data.is_null() || n == 0 {
        return &[];
    }
    // SAFETY: not null, and the caller promises `n` valid elements.
    unsafe { from_raw_parts(data, n) }
}

impl Atoms {
    /// The atoms as slices; `scale` is angstrom per LAMMPS length unit, `ntypes` the number of types.
    pub(super) fn view(&self, scale: f64, ntypes: usize) -> AtomsView<'_> {
        let (own, all) = (self.nlocal, self.nlocal + self.nghost);
        // SAFETY: C++ fills these from LAMMPS's per-atom arrays, whose lengths are nmax >= nlocal +
        // nghost (mass: ntypes + 1), right before the call, and LAMMPS does not touch them until
        // the call returns. Element types follow the width flags.
        unsafe {
            AtomsView {
                nlocal: own,
                x: slice(self.x.cast::<[f64; 3]>(), all),
                id: if self.wide_tag {
                    Ids::Wide(slice(self.tag.cast::<i64>(), all))
                } else {
                    Ids::Narrow(slice(self.tag.cast::<i32>(), all))
                },
                image: if self.wide_image {
                    Images::Wide(slice(self.image.cast::<i64>(), own))
                } else {
                    Images::Narrow(slice(self.image.cast::<i32>(), own))
                },
                kind: slice(self.kind, all),
                mask: slice(self.mask, own),
                groupbit: self.groupbit,
                mass: if self.rmass.is_null() {
                    Masses::PerType(slice(self.mass, ntypes + 1))
                } else {
                    Masses::PerAtom(slice(self.rmass, own))
                },
                cell: Cell::new(self.lo, self.h, self.periodic, scale),
                pe: (!self.pe.is_null()).then(|| slice(self.pe, own)),
                stress: (!self.stress.is_null()).then(|| slice(self.stress.cast::<[f64; 6]>(), own)),
            }
        }
    }
}
