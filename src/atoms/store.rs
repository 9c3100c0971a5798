//! State that belongs to an atom and travels with it between ranks, through sorting and restarts.
//!
//! Every atom of the fix's group has its side, its reference position and flags. Atoms that were
//! interfacial at the reference ("tracked") also have a motion row (positions over the lag), and
//! framework atoms among them a topology row (reference neighbours and neighbours over the lag).
//! Indexed by LAMMPS's local index; LAMMPS calls `copy`, `pack` and `unpack` as it moves atoms.

use super::list::{self, LIST_WORDS};
use super::pool::{NONE, RowPool};
use crate::error::{Error, Result};

/// Which slab an atom belonged to when the fix was created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u8)]
pub enum Side {
    /// In neither side group, or not in the fix's group.
    #[default]
    None = 0,
    /// Side A.
    A = 1,
    /// Side B.
    B = 2,
}

impl Side {
    /// The side stored under a number.
    #[must_use]
    pub fn from_code(code: u8) -> Self {
        match code {
            1 => Self::A,
            2 => Self::B,
            _ => Self::None,
        }
    }
}

/// What a label-only contact rule says of an atom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u8)]
pub enum Contact {
    /// It had no contact at the reference.
    #[default]
    None = 0,
    /// It touches the other side.
    Kept = 1,
    /// It did at the reference.
    Lost = 2,
}

impl Contact {
    fn from_code(code: u8) -> Self {
        match code {
            1 => Self::Kept,
            2 => Self::Lost,
            _ => Self::None,
        }
    }
}

/// Fixed-size state of one atom.
#[derive(Debug, Clone, Copy)]
pub struct Header {
    /// Unwrapped fractional reference position.
    pub reference: [f64; 3],
    /// Initial side.
    pub side: Side,
    /// Atom id when tracking began: a guard against ids that change under the fix.
    pub id: u32,
    /// The interface it belonged to at the reference; meaningful where tracked.
    pub interface: u8,
    /// It has a reference position (atoms added later have none).
    pub referenced: bool,
    /// At the reference it lay on side A of the surface (mobile ions).
    pub home_a: bool,
    /// A label-only rule says it has left its site.
    pub away: bool,
    /// Label-only: its contact with the other side.
    pub contact: Contact,
    /// Motion row.
    motion: u32,
    /// Topology row.
    topology: u32,
    /// Label row.
    label: u32,
}

impl Default for Header {
    fn default() -> Self {
        Self {
            reference: [0.0; 3],
            side: Side::None,
            id: 0,
            interface: 0,
            referenced: false,
            home_a: false,
            away: false,
            contact: Contact::None,
            motion: NONE,
            topology: NONE,
            label: NONE,
        }
    }
}

impl Header {
    /// Whether the atom was interfacial at the reference.
    #[inline]
    #[must_use]
    pub fn tracked(&self) -> bool {
        self.motion != NONE
    }

    /// Whether it has a topology row.
    #[inline]
    #[must_use]
    pub fn has_topology(&self) -> bool {
        self.topology != NONE
    }
}

/// All atoms' state on one rank.
#[derive(Debug)]
pub struct AtomStore {
    headers: Vec<Header>,
    motion: RowPool,
    topology: RowPool,
    label: RowPool,
}

/// Words of a header in exchange and restart buffers.
const HEADER_WORDS: usize = 4;

impl AtomStore {
    /// A store for a lag of `lag` samples; `labels` reserves label rows.
    #[must_use]
    pub fn new(lag: usize, labels: bool) -> Self {
        Self {
            headers: Vec::new(),
            motion: RowPool::new(3 * lag),
            topology: RowPool::new(LIST_WORDS * (lag + 1)),
            label: RowPool::new(if labels { LIST_WORDS } else { 0 }),
        }
    }

    /// Makes room for `nmax` atoms.
    pub fn grow(&mut self, nmax: usize) {
        if self.headers.len() < nmax {
            self.headers.resize(nmax, Header::default());
        }
    }

    /// A new atom, not tracked and without a reference position.
    pub fn set(&mut self, i: usize, side: Side) {
        self.grow(i + 1);
        self.headers[i] = Header { side, ..Header::default() };
    }

    /// State of atom `i`.
    #[inline]
    #[must_use]
    pub fn header(&self, i: usize) -> &Header {
        &self.headers[i]
    }

    /// State of atom `i`, mutably.
    #[inline]
    pub fn header_mut(&mut self, i: usize) -> &mut Header {
        &mut self.headers[i]
    }

    /// Gives atom `i` its rows.
    pub fn track(&mut self, i: usize, topology: bool) {
        self.headers[i].motion = self.motion.allocate();
        if topology {
            self.headers[i].topology = self.topology.allocate();
        }
    }

    /// Gives atom `i` a label row, where label rules are in use.
    pub fn track_label(&mut self, i: usize) {
        self.headers[i].label = self.label.allocate();
    }

    /// Swaps in the position of this sample and returns the one of a lag ago.
    #[inline]
    pub fn swap_position(&mut self, i: usize, slot: usize, s: [f64; 3]) -> [f64; 3] {
        let row = self.motion.row_mut(self.headers[i].motion);
        let cell = &mut row[3 * slot..3 * slot + 3];
        let old = [f64::from_bits(cell[0]), f64::from_bits(cell[1]), f64::from_bits(cell[2])];
        for k in 0..3 {
            cell[k] = s[k].to_bits();
        }
        old
    }

    /// The reference's neighbours of atom `i`, ids with [`list::BOND`] flags, sorted.
    #[inline]
    #[must_use]
    pub fn reference_neighbors(&self, i: usize) -> &[u32] {
        list::load(&self.topology.row(self.headers[i].topology)[..LIST_WORDS])
    }

    /// Stores the reference's neighbours of atom `i`.
    pub fn set_reference_neighbors(&mut self, i: usize, ids: &[u32]) {
        list::save(ids, &mut self.topology.row_mut(self.headers[i].topology)[..LIST_WORDS]);
    }

    /// The neighbours stored in lag slot `slot`.
    #[inline]
    #[must_use]
    pub fn neighbors(&self, i: usize, slot: usize) -> &[u32] {
        list::load(&self.topology.row(self.headers[i].topology)[LIST_WORDS * (slot + 1)..][..LIST_WORDS])
    }

    /// Stores the neighbours of this sample in lag slot `slot`.
    #[inline]
    pub fn set_neighbors(&mut self, i: usize, slot: usize, ids: &[u32]) {
        let row = self.topology.row_mut(self.headers[i].topology);
        list::save(ids, &mut row[LIST_WORDS * (slot + 1)..][..LIST_WORDS]);
    }

    /// Copies the neighbours of lag slot `from` to slot `to`.
    pub fn carry_neighbors(&mut self, i: usize, from: usize, to: usize) {
        let row = self.topology.row_mut(self.headers[i].topology);
        row.copy_within(LIST_WORDS * (from + 1)..LIST_WORDS * (from + 2), LIST_WORDS * (to + 1));
    }

    /// The label bonds of atom `i`, or `None` where it has no label row.
    #[must_use]
    pub fn label_bonds(&self, i: usize) -> Option<&[u32]> {
        let row = self.headers[i].label;
        (row != NONE).then(|| list::load(self.label.row(row)))
    }

    /// Stores the label bonds of atom `i`.
    pub fn set_label_bonds(&mut self, i: usize, ids: &[u32]) {
        list::save(ids, self.label.row_mut(self.headers[i].label));
    }

    /// Returns rows of atoms that have left this rank to the pools.
    pub fn sweep(&mut self, nlocal: usize) {
        let live = &self.headers[..nlocal.min(self.headers.len())];
        self.motion.keep_only(live.iter().map(|h| h.motion));
        self.topology.keep_only(live.iter().map(|h| h.topology));
        self.label.keep_only(live.iter().map(|h| h.label));
    }

    /// Moves atom `from` to index `to` (LAMMPS's sorting and compaction, which never use the source
    /// again): its rows go with it instead of being copied.
    pub fn copy(&mut self, from: usize, to: usize) {
        self.grow(from.max(to) + 1);
        if from != to {
            self.headers[to] = std::mem::take(&mut self.headers[from]);
        }
    }

    /// Most words an atom can need in [`AtomStore::pack`].
    #[must_use]
    pub fn max_words(&self) -> usize {
        HEADER_WORDS + self.motion.stride() + self.topology.stride() + self.label.stride()
    }

    /// Words atom `i` needs in [`AtomStore::pack`].
    #[must_use]
    pub fn words(&self, i: usize) -> usize {
        let h = &self.headers[i];
        HEADER_WORDS
            + if h.motion == NONE { 0 } else { self.motion.stride() }
            + if h.topology == NONE { 0 } else { self.topology.stride() }
            + if h.label == NONE { 0 } else { self.label.stride() }
    }

    /// Writes atom `i` into `buffer`; returns the number of words.
    ///
    /// # Panics
    /// If `buffer` is shorter than [`AtomStore::words`].
    pub fn pack(&self, i: usize, buffer: &mut [f64]) -> usize {
        let h = &self.headers[i];
        let flags = u64::from(h.side as u8)
            | u64::from(h.interface) << 8
            | u64::from(h.referenced) << 16
            | u64::from(h.home_a) << 17
            | u64::from(h.away) << 18
            | u64::from(h.motion != NONE) << 19
            | u64::from(h.topology != NONE) << 20
            | u64::from(h.label != NONE) << 21
            | u64::from(h.contact as u8) << 22
            | u64::from(h.id) << 32;
        buffer[0] = f64::from_bits(flags);
        buffer[1..HEADER_WORDS].copy_from_slice(&h.reference);
        let mut used = HEADER_WORDS;
        for (pool, row) in [(&self.motion, h.motion), (&self.topology, h.topology), (&self.label, h.label)] {
            if row != NONE {
                for &word in pool.row(row) {
                    buffer[used] = f64::from_bits(word);
                    used += 1;
                }
            }
        }
        used
    }

    /// Reads an atom into index `i`; returns the number of words.
    ///
    /// # Errors
    /// [`Error::State`] when `buffer` is too short for what its flags announce.
    pub fn unpack(&mut self, i: usize, buffer: &[f64]) -> Result<usize> {
        let short = || Error::State(format!("atom record of {} words is too short", buffer.len()));
        if buffer.len() < HEADER_WORDS {
            return Err(short());
        }
        let flags = buffer[0].to_bits();
        let mut header = Header {
            reference: [buffer[1], buffer[2], buffer[3]],
            side: Side::from_code((flags & 0xff) as u8),
            interface: (flags >> 8) as u8,
            referenced: flags >> 16 & 1 == 1,
            home_a: flags >> 17 & 1 == 1,
            away: flags >> 18 & 1 == 1,
            contact: Contact::from_code((flags >> 22 & 3) as u8),
            id: (flags >> 32) as u32,
            ..Header::default()
        };
        let mut used = HEADER_WORDS;
        for (bit, pool, row) in [
            (19, &mut self.motion, &mut header.motion),
            (20, &mut self.topology, &mut header.topology),
            (21, &mut self.label, &mut header.label),
        ] {
            if flags >> bit & 1 == 1 {
                let words = buffer.get(used..used + pool.stride()).ok_or_else(short)?;
                *row = pool.allocate();
                for (target, word) in pool.row_mut(*row).iter_mut().zip(words) {
                    *target = word.to_bits();
                }
                used += pool.stride();
            }
        }
        self.grow(i + 1);
        self.headers[i] = header;
        Ok(used)
    }

    /// Changes the lag while no atom is tracked.
    pub fn set_lag(&mut self, lag: usize) {
        self.motion = RowPool::new(3 * lag);
        self.topology = RowPool::new(LIST_WORDS * (lag + 1));
    }

    /// Bytes held.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.headers.capacity() * size_of::<Header>()
            + self.motion.bytes()
            + self.topology.bytes()
            + self.label.bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use list::{BOND, List};

    fn filled() -> AtomStore {
        let mut store = AtomStore::new(3, true);
        store.set(0, Side::A);
        store.set(1, Side::B);
        store.track(1, true);
        store.track_label(1);
        store.header_mut(1).reference = [0.25, -1.5, f64::MIN_POSITIVE];
        store.header_mut(1).interface = 1;
        store.header_mut(1).contact = Contact::Lost;
        store.header_mut(1).id = 4_000_000_000;
        let mut list = List::default();
        for id in [9, 2 | BOND, 400, 7] {
            assert!(list.push(id));
        }
        list.sort();
        store.set_reference_neighbors(1, list.ids());
        store.set_label_bonds(1, list.ids());
        store.swap_position(1, 2, [1.0, 2.0, 3.0]);
        store
    }

    #[test]
    fn state_survives_packing_and_copying() {
        let store = filled();
        let mut buffer = vec![0.0; store.max_words()];
        let used = store.pack(1, &mut buffer);
        assert_eq!(used, store.words(1));
        let mut other = AtomStore::new(3, true);
        assert_eq!(other.unpack(5, &buffer[..used]).expect("complete"), used);
        other.copy(5, 0);
        other.sweep(1);
        let mut again = vec![0.0; store.max_words()];
        assert_eq!(other.pack(0, &mut again), used);
        let bits = |v: &[f64]| v.iter().map(|w| w.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&buffer[..used]), bits(&again[..used]));
        assert_eq!(other.reference_neighbors(0), [2 | BOND, 7, 9, 400]);
        assert_eq!(other.swap_position(0, 2, [0.0; 3]), [1.0, 2.0, 3.0]);
    }

    #[test]
    fn a_truncated_record_is_an_error() {
        let store = filled();
        let mut buffer = vec![0.0; store.max_words()];
        let used = store.pack(1, &mut buffer);
        let error = AtomStore::new(3, true).unpack(0, &buffer[..used - 1]).expect_err("too short");
        assert!(error.to_string().contains("too short"), "{error}");
    }

    #[test]
    fn rows_of_departed_atoms_are_reused() {
        let mut store = filled();
        let before = store.bytes();
        let mut buffer = vec![0.0; store.max_words()];
        for _ in 0..1000 {
            // The atom leaves for another rank and comes back.
            let used = store.pack(1, &mut buffer);
            store.unpack(1, &buffer[..used]).expect("complete");
            store.sweep(2);
        }
        assert!(store.bytes() < before + 16 * store.max_words() * 8, "{} {}", before, store.bytes());
    }
}
