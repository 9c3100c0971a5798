//! A cell list over the framework atoms near the interfaces, owned and ghost.
//!
//! Enters: positions in angstrom of every atom that could be a neighbour. Leaves: for a position,
//! all candidates within the reach. Ghost atoms stand for periodic images, so no image is
//! computed here. Cost is linear in the candidates.

/// Candidates sorted by cell.
#[derive(Debug, Default)]
pub struct CellList {
    origin: [f64; 3],
    inverse: [f64; 3],
    count: [usize; 3],
    span: [isize; 3],
    start: Vec<u32>,
    cell_of: Vec<u32>,
    /// Cartesian positions, angstrom, in cell order.
    x: Vec<[f64; 3]>,
    /// Index of each sorted entry in the input.
    order: Vec<u32>,
    reach_squared: f64,
}

/// Cells per reach along each axis: smaller cells test fewer pairs but visit more cells; two was
/// the fastest of one to three on the bench systems.
const CELLS_PER_REACH: f64 = 2.0;

/// A neighbour of a queried position.
#[derive(Debug, Clone, Copy)]
pub struct Found {
    /// Difference vector to it, angstrom.
    pub d: [f64; 3],
    /// Squared distance, square angstrom.
    pub r2: f64,
    /// Index into the candidates the list was built from.
    pub index: u32,
}

impl CellList {
    /// Sorts `positions` (angstrom) into cells for neighbours within `reach`.
    pub fn build(&mut self, positions: &[[f64; 3]], reach: f64) {
        self.reach_squared = reach * reach;
        let (mut lo, mut hi) = ([f64::INFINITY; 3], [f64::NEG_INFINITY; 3]);
        for p in positions {
            for k in 0..3 {
                lo[k] = lo[k].min(p[k]);
                hi[k] = hi[k].max(p[k]);
            }
        }
        self.origin = lo;
        // A dilute, far-flung set (two thin bands in a long box) must not ask for more cells than
        // it has atoms: widen the cells until it does not.
        let mut width = reach / CELLS_PER_REACH;
        loop {
            let mut cells = 1.0_f64;
            for k in 0..3 {
                let extent = (hi[k] - lo[k]).max(0.0);
                cells *= (extent / width).floor() + 1.0;
            }
            if !cells.is_finite() || cells <= 4.0 * positions.len() as f64 + 4096.0 {
                break;
            }
            width *= 1.5;
        }
        for k in 0..3 {
            let extent = (hi[k] - lo[k]).max(0.0);
            self.count[k] = if positions.is_empty() { 1 } else { (extent / width) as usize + 1 };
            self.inverse[k] = 1.0 / width;
            self.span[k] = (reach / width).ceil() as isize;
        }
        let cells = self.count.iter().product::<usize>();
        self.start.clear();
        self.start.resize(cells + 1, 0);
        self.cell_of.clear();
        for p in positions {
            let c = self.cell(p);
            let flat = (c[2] * self.count[1] + c[1]) * self.count[0] + c[0];
            self.cell_of.push(flat as u32);
            self.start[flat + 1] += 1;
        }
        for c in 0..cells {
            self.start[c + 1] += self.start[c];
        }
        self.x.resize(positions.len(), [0.0; 3]);
        self.order.resize(positions.len(), 0);
        let mut next = std::mem::take(&mut self.start);
        for (i, &flat) in self.cell_of.iter().enumerate() {
            let at = next[flat as usize] as usize;
            next[flat as usize] += 1;
            self.x[at] = positions[i];
            self.order[at] = i as u32;
        }
        // Filling advanced each start to the next cell's; shift back.
        next.rotate_right(1);
        next[0] = 0;
        next[cells] = positions.len() as u32;
        self.start = next;
    }

    #[inline]
    fn cell(&self, p: &[f64; 3]) -> [usize; 3] {
        let mut c = [0; 3];
        for k in 0..3 {
            c[k] = (((p[k] - self.origin[k]) * self.inverse[k]) as usize).min(self.count[k] - 1);
        }
        c
    }

    /// Collects the neighbours of `p` within the reach, leaving out the candidate `itself`.
    pub fn query(&self, p: &[f64; 3], itself: u32, found: &mut Vec<Found>) {
        found.clear();
        if self.order.is_empty() {
            return;
        }
        let centre = self.cell(p);
        let range = |k: usize| {
            let lo = (centre[k] as isize - self.span[k]).max(0) as usize;
            let hi = (centre[k] as isize + self.span[k]).min(self.count[k] as isize - 1) as usize;
            (lo, hi)
        };
        let ((x0, x1), (y0, y1), (z0, z1)) = (range(0), range(1), range(2));
        for cz in z0..=z1 {
            for cy in y0..=y1 {
                let row = (cz * self.count[1] + cy) * self.count[0];
                let (from, to) = (self.start[row + x0] as usize, self.start[row + x1 + 1] as usize);
                for (q, &index) in self.x[from..to].iter().zip(&self.order[from..to]) {
                    let d = [q[0] - p[0], q[1] - p[1], q[2] - p[2]];
                    let r2 = d[0] * d[0] + d[1] * d[1] + d[2] * d[2];
                    if r2 < self.reach_squared && index != itself {
                        found.push(Found { d, r2, index });
                    }
                }
            }
        }
    }

    /// Bytes held.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.x.capacity() * 24 + (self.start.capacity() + self.order.capacity() + self.cell_of.capacity()) * 4
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scattered(n: usize, extent: [f64; 3]) -> Vec<[f64; 3]> {
        // Additive recurrence with irrational steps: evenly scattered, no generator needed.
        let step = [0.819_172_513_396, 0.671_043_606_703, 0.549_700_477_901];
        (0..n).map(|i| std::array::from_fn(|k| (i as f64 * step[k]).fract() * extent[k] - 3.0)).collect()
    }

    #[test]
    fn agrees_with_all_pairs() {
        for (n, extent, reach) in [
            (400, [12.0, 9.0, 7.0], 2.5),
            (300, [200.0, 3.0, 3.0], 1.0),
            (1, [1.0; 3], 1.0),
            (50, [2.0; 3], 5.0),
        ] {
            let positions = scattered(n, extent);
            let mut list = CellList::default();
            list.build(&positions, reach);
            let mut found = Vec::new();
            for (i, p) in positions.iter().enumerate() {
                list.query(p, i as u32, &mut found);
                let mut got: Vec<u32> = found.iter().map(|n| n.index).collect();
                got.sort_unstable();
                let want: Vec<u32> = (0..n as u32)
                    .filter(|&j| {
                        let q = positions[j as usize];
                        j as usize != i && (0..3).map(|k| (q[k] - p[k]).powi(2)).sum::<f64>() < reach * reach
                    })
                    .collect();
                assert_eq!(got, want);
            }
        }
    }

    #[test]
    fn an_empty_list_finds_nothing() {
        let mut list = CellList::default();
        list.build(&[], 2.0);
        let mut found = Vec::new();
        list.query(&[0.0; 3], 0, &mut found);
        assert!(found.is_empty());
    }
}
