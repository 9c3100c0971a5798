//! Sorted lists of neighbour ids and how two of them differ.
//!
//! A list in a row of 64-bit words is a count and up to [`NEIGHBOR_CAP`] ids of 32 bits. Stored lists
//! are read where they lie: a sample compares several per atom, and most are much shorter than their
//! row.

/// Most neighbours of an atom that its topology row can hold.
pub const NEIGHBOR_CAP: usize = 31;

/// Words of one list.
pub const LIST_WORDS: usize = NEIGHBOR_CAP.div_ceil(2);

/// Marks a neighbour id in a list as a bond. Whether a pair is a bond follows from its species alone,
/// so that an id has the same flag in every list of an atom.
pub const BOND: u32 = 1 << 31;

/// A list being filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct List {
    len: usize,
    ids: [u32; NEIGHBOR_CAP],
}

impl Default for List {
    fn default() -> Self {
        Self { len: 0, ids: [0; NEIGHBOR_CAP] }
    }
}

impl List {
    /// Appends an id (with its [`BOND`] flag); false when the list is full.
    #[inline]
    pub fn push(&mut self, id: u32) -> bool {
        if self.len == NEIGHBOR_CAP {
            return false;
        }
        self.ids[self.len] = id;
        self.len += 1;
        true
    }

    /// Sorts the ids. Every id must be there once.
    ///
    /// Each id's place is the number of smaller ones: for so few that is a handful of vector
    /// comparisons, where sorting by exchange would guess wrong at every other step.
    #[inline]
    pub fn sort(&mut self) {
        let unsorted = *self;
        let ids = unsorted.ids();
        for &id in ids {
            let key = (id & !BOND) as i32;
            let smaller: i32 = ids.iter().map(|&v| i32::from(((v & !BOND) as i32) < key)).sum();
            self.ids[smaller as usize] = id;
        }
    }

    /// The ids, flags included.
    #[inline]
    #[must_use]
    pub fn ids(&self) -> &[u32] {
        &self.ids[..self.len]
    }
}

/// The ids stored in `words`, sorted, flags included.
#[inline]
pub(super) fn load(words: &[u64]) -> &[u32] {
    let numbers: &[u32] = bytemuck::cast_slice(words);
    &numbers[1..][..(numbers[0] as usize).min(NEIGHBOR_CAP)]
}

/// Stores `ids` in `words`.
#[inline]
pub(super) fn save(ids: &[u32], words: &mut [u64]) {
    let numbers: &mut [u32] = bytemuck::cast_slice_mut(words);
    numbers[0] = ids.len() as u32;
    numbers[1..=ids.len()].copy_from_slice(ids);
}

/// Whether `id` is in the list, whatever its flag.
#[inline]
#[must_use]
pub fn contains(ids: &[u32], id: u32) -> bool {
    // All of them, without an early end: that is a few vector comparisons.
    ids.iter().fold(false, |found, &v| found | ((v ^ id) & !BOND == 0))
}

/// Neighbours in both lists, and bonds among them.
#[inline]
#[must_use]
pub fn common(a: &[u32], b: &[u32]) -> (usize, usize) {
    if a == b {
        return (a.len(), bonds(a));
    }
    let (mut i, mut j) = (0, 0);
    let (mut neighbors, mut bonds) = (0, 0);
    // Without a branch that depends on the ids: which comes next cannot be predicted.
    while i < a.len() && j < b.len() {
        let (u, v) = (a[i] & !BOND, b[j] & !BOND);
        let same = usize::from(u == v);
        neighbors += same;
        bonds += same & (a[i] >> 31) as usize;
        i += usize::from(u <= v);
        j += usize::from(v <= u);
    }
    (neighbors, bonds)
}

/// Bonds of `before` that `after` lacks, and the other way round.
#[inline]
#[must_use]
pub fn bond_changes(before: &[u32], after: &[u32]) -> (usize, usize) {
    let kept = common(before, after).1;
    (bonds(before) - kept, bonds(after) - kept)
}

#[inline]
fn bonds(ids: &[u32]) -> usize {
    ids.iter().map(|v| v >> 31).sum::<u32>() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_compared_as_sets() {
        let list = |ids: &[u32]| {
            let mut l = List::default();
            ids.iter().for_each(|&id| assert!(l.push(id)));
            l.sort();
            l
        };
        let (a, b) = (list(&[3 | BOND, 1, 2 | BOND]), list(&[5, 3 | BOND, 2 | BOND, 4 | BOND]));
        assert_eq!(a.ids(), [1, 2 | BOND, 3 | BOND]);
        assert_eq!(common(a.ids(), b.ids()), (2, 2));
        assert_eq!(common(a.ids(), a.ids()), (3, 2));
        assert_eq!(bond_changes(a.ids(), b.ids()), (0, 1));
        assert_eq!(bond_changes(b.ids(), a.ids()), (1, 0));
        assert!(contains(a.ids(), 3) && contains(a.ids(), 1 | BOND) && !contains(a.ids(), 4));
    }

    #[test]
    fn a_full_list_takes_no_more_and_is_stored_whole() {
        let mut full = List::default();
        for id in 0..NEIGHBOR_CAP as u32 {
            assert!(full.push(id));
        }
        assert!(!full.push(99));
        let mut words = [u64::MAX; LIST_WORDS];
        save(full.ids(), &mut words);
        assert_eq!(load(&words), full.ids());
    }
}
