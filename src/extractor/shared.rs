//! What every rank knows alike between two samples: broadcast by rank 0 after each sample and
//! saved in restarts.

use crate::geometry::Cell;

/// A dividing surface.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Surface {
    /// Fractional coordinate along the normal, in [0, 1) where periodic.
    pub position: f64,
    /// +1 where side A lies below, -1 where it lies above.
    pub orientation: f64,
    /// Where a periodic cell with one surface is cut open, fractional: the middle of its vacuum. With
    /// two surfaces an atom belongs to the nearer one, and nothing is cut.
    pub cut: Option<f64>,
    /// The last fit found no crossing.
    pub lost: bool,
}

/// State shared by all ranks.
#[derive(Debug, Clone, Default)]
pub struct Shared {
    /// Samples taken so far; the next sample has this index.
    pub index: u64,
    /// Interfaces, the A-to-B crossing along +normal first.
    pub surfaces: Vec<Surface>,
    /// Half-width of the region in force, angstrom.
    pub region: f64,
    /// Columns of the lateral grid.
    pub grid: [usize; 2],
    /// Atoms of each type on each side at the first sample.
    pub counts: Vec<[f64; 2]>,
    /// Pair cutoffs, `ntypes x ntypes`, angstrom; empty until known.
    pub cutoffs: Vec<f64>,
    /// The cell of the first sample.
    pub reference_cell: Option<Cell>,
    /// Fractional shift of the centre of mass from the reference, at the last sample.
    pub com: [f64; 3],
    /// The one expected at the next sample.
    pub com_expected: [f64; 3],
    /// Shifts over the lag, by slot.
    pub com_ring: Vec<[f64; 3]>,
}

impl Shared {
    /// Takes in the centre of mass measured at the sample just finished.
    pub fn record_com(&mut self, com: [f64; 3], slot: usize) {
        for k in 0..3 {
            self.com_expected[k] = 2.0 * com[k] - self.com[k];
        }
        self.com = com;
        self.com_ring[slot] = com;
    }

    /// Nearest interface and signed depth beyond its surface, angstrom, positive towards side B,
    /// for a fractional coordinate `q` along the normal of a cell of height `height`.
    #[inline]
    #[must_use]
    pub fn depth(&self, q: f64, height: f64, periodic: bool) -> (usize, f64) {
        let mut best = (0, f64::INFINITY);
        for (f, surface) in self.surfaces.iter().enumerate() {
            let mut d = q - surface.position;
            if periodic {
                // Furthest fraction above the surface; the other way it is one box less.
                let upper = match surface.cut {
                    None => 0.5,
                    Some(cut) if cut > surface.position => cut - surface.position,
                    Some(cut) => cut - surface.position + 1.0,
                };
                // Fractions near the box: no rounding function, which is a call on plain x86-64. In a
                // run that blows up they can be anything.
                if d.abs() > 4.0 {
                    d -= d.round();
                }
                while d > upper {
                    d -= 1.0;
                }
                while d < upper - 1.0 {
                    d += 1.0;
                }
            }
            let depth = d * height * surface.orientation;
            if depth.abs() < best.1.abs() {
                best = (f, depth);
            }
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shared(cut: Option<f64>) -> Shared {
        let surface = Surface { position: 0.6, orientation: 1.0, cut, lost: false };
        Shared { surfaces: vec![surface], ..Shared::default() }
    }

    #[test]
    fn a_thick_slab_with_vacuum_is_cut_in_the_vacuum() {
        // A from 0.0 to 0.6, B from 0.6 to 0.8, vacuum above.
        let shared = shared(Some(0.9));
        for (q, depth) in [(0.02, -58.0), (0.59, -1.0), (0.79, 19.0), (-0.05, -65.0), (1.02, -58.0)] {
            assert!((shared.depth(q, 100.0, true).1 - depth).abs() < 1e-9, "{q}");
        }
    }

    #[test]
    fn a_position_far_outside_ends_the_search_for_its_image() {
        for q in [1e300, -1e17, f64::INFINITY, f64::NAN] {
            let (_, depth) = shared(None).depth(q, 100.0, true);
            assert!(depth.is_nan() || depth.is_infinite() || depth.abs() <= 50.0, "{q}: {depth}");
        }
    }
}
