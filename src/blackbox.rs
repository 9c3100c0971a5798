//! The flight recorder: the last K samples' interfacial atoms, kept on the ranks that own them and
//! gathered only when an alarm is raised.
//!
//! Enters: atoms within the region of an interface, every sample. Leaves: an extended XYZ file of the
//! last K samples, atoms in the order of their ids. The ring is not part of a restart: a continued run
//! starts with an empty one.

use crate::geometry::Cell;
use std::collections::VecDeque;
use std::fmt::Write;

/// Words of one atom: id, type, side, x, y, z (unwrapped, angstrom), then the per-atom outputs.
pub const RECORD: usize = 9;

/// Words before the atoms of a sample: step, time (ps), number of atoms, cell vectors.
const HEAD: usize = 12;

/// One rank's ring.
#[derive(Debug, Default)]
pub struct Ring {
    capacity: usize,
    samples: VecDeque<Vec<f64>>,
}

impl Ring {
    /// A ring of `capacity` samples; 0 records nothing.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { capacity, samples: VecDeque::with_capacity(capacity) }
    }

    /// Whether anything is recorded at all.
    #[must_use]
    pub fn on(&self) -> bool {
        self.capacity > 0
    }

    /// Opens a sample and returns its buffer, to which [`RECORD`] words per atom are appended. The
    /// oldest sample's memory is used again.
    pub fn open(&mut self, step: i64, time_ps: f64, cell: &Cell) -> &mut Vec<f64> {
        let mut buffer = if self.samples.len() == self.capacity {
            self.samples.pop_front().unwrap_or_default()
        } else {
            Vec::new()
        };
        buffer.clear();
        buffer.extend([step as f64, time_ps, 0.0]);
        for axis in 0..3 {
            buffer.extend(cell.vector(axis));
        }
        self.samples.push_back(buffer);
        self.samples.back_mut().expect("a sample was just pushed")
    }

    /// All samples of this rank in one message.
    #[must_use]
    pub fn message(&self) -> Vec<f64> {
        let mut words = Vec::new();
        for sample in &self.samples {
            let start = words.len();
            words.extend(sample);
            words[start + 2] = ((sample.len() - HEAD) / RECORD) as f64;
        }
        words
    }

    /// Bytes held.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.samples.iter().map(|s| s.capacity() * 8).sum()
    }
}

/// Merges all ranks' messages into extended XYZ text; `elements` may be empty.
#[must_use]
pub fn extended_xyz(mut words: &[f64], elements: &[String]) -> String {
    struct Sample<'a> {
        time_ps: f64,
        cell: &'a [f64],
        atoms: Vec<&'a [f64]>,
    }
    let mut samples: Vec<(i64, Sample)> = Vec::new();
    while words.len() >= HEAD {
        let (head, rest) = words.split_at(HEAD);
        let (atoms, next) = rest.split_at((head[2] as usize * RECORD).min(rest.len()));
        let step = head[0] as i64;
        let at = samples.iter().position(|s| s.0 == step).unwrap_or_else(|| {
            samples.push((step, Sample { time_ps: head[1], cell: &head[3..], atoms: Vec::new() }));
            samples.len() - 1
        });
        samples[at].1.atoms.extend(atoms.chunks_exact(RECORD));
        words = next;
    }
    let mut text = String::new();
    for (step, mut sample) in samples {
        sample.atoms.sort_by(|a, b| a[0].total_cmp(&b[0]));
        let cell: Vec<String> = sample.cell.iter().map(f64::to_string).collect();
        let _ = writeln!(
            text,
            "{}\nLattice=\"{}\" Properties=species:S:1:id:I:1:type:I:1:side:S:1:pos:R:3:displacement:R:1:\
             bond_change:R:1:turnover:R:1 Step={step} Time={}",
            sample.atoms.len(),
            cell.join(" "),
            sample.time_ps
        );
        for atom in sample.atoms {
            let kind = atom[1] as usize;
            let species = elements.get(kind.wrapping_sub(1)).cloned().unwrap_or_else(|| format!("T{kind}"));
            let side = ["-", "A", "B"][(atom[2] as usize).min(2)];
            let _ = writeln!(
                text,
                "{species} {} {kind} {side} {} {} {} {} {} {}",
                atom[0], atom[3], atom[4], atom[5], atom[6], atom[7], atom[8]
            );
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell() -> Cell {
        Cell::new([0.0; 3], [2.0, 3.0, 4.0, 0.0, 0.0, 0.0], [true; 3], 1.0)
    }

    fn atom(id: f64) -> [f64; RECORD] {
        [id, 1.0, 2.0, 0.5, 0.25, id, 0.0, 0.0, 0.0]
    }

    #[test]
    fn keeps_the_last_samples_and_merges_ranks_by_id() {
        let (mut one, mut two) = (Ring::new(2), Ring::new(2));
        for step in 0..5_i64 {
            one.open(step, step as f64, &cell()).extend(atom(7.0));
            two.open(step, step as f64, &cell()).extend(atom(3.0));
        }
        let words = [one.message(), two.message()].concat();
        let text = extended_xyz(&words, &["Li".to_owned()]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2 * 4, "{text}");
        assert_eq!(lines[0], "2");
        assert!(lines[1].contains("Lattice=\"2 0 0 0 3 0 0 0 4\"") && lines[1].contains("Step=3"));
        assert!(lines[2].starts_with("Li 3 1 B 0.5 0.25 3 ") && lines[3].starts_with("Li 7 1 B "));
        assert!(lines[5].contains("Step=4"));
    }

    #[test]
    fn a_rank_without_atoms_adds_nothing() {
        let mut ring = Ring::new(1);
        ring.open(10, 1.0, &cell());
        assert_eq!(extended_xyz(&ring.message(), &[]).lines().next(), Some("0"));
        assert_eq!(extended_xyz(&[], &[]), "");
    }
}
