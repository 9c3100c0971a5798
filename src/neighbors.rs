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
    /// Cartesian positions, angstrom, in cell order, one array per axis.
    x: [Vec<f64>; 3],
    /// Index of each sorted entry in the input.
    order: Vec<u32>,
    reach_squared: f64,
}

/// Cells per reach along each axis. Cells along x follow each other in memory and are read as one
/// row, so that finer ones there test fewer pairs at no cost; finer ones along y and z mean more and
/// shorter rows. This was the fastest on the bench systems.
const CELLS_PER_REACH: [f64; 3] = [3.0, 1.0, 1.0];

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

/// What a query found, with its workspace.
#[derive(Debug, Default)]
pub struct Neighbors {
    /// The neighbours, in no particular order.
    pub list: Vec<Found>,
    near: Vec<u32>,
}

impl CellList {
    /// Sorts `positions` (angstrom) into cells for neighbours within `reach`.
    pub fn build(&mut self, positions: &[[f64; 3]], reach: f64) {
        self.reach_squared = reach * reach;
        if reach <= 0.0 {
            // No pair takes part.
            self.order.clear();
            return;
        }
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
        let mut width = CELLS_PER_REACH.map(|n| reach / n);
        loop {
            let mut cells = 1.0_f64;
            for k in 0..3 {
                let extent = (hi[k] - lo[k]).max(0.0);
                cells *= (extent / width[k]).floor() + 1.0;
            }
            if !cells.is_finite() || cells <= 4.0 * positions.len() as f64 + 4096.0 {
                break;
            }
            width = width.map(|w| 1.5 * w);
        }
        for k in 0..3 {
            let extent = (hi[k] - lo[k]).max(0.0);
            self.count[k] = if positions.is_empty() { 1 } else { (extent / width[k]) as usize + 1 };
            self.inverse[k] = 1.0 / width[k];
            // Rounded: a width of reach / 3 must not make four cells of three.
            self.span[k] = (reach / width[k] - 1e-9).ceil() as isize;
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
        self.x.iter_mut().for_each(|x| x.resize(positions.len(), 0.0));
        self.order.resize(positions.len(), 0);
        let mut next = std::mem::take(&mut self.start);
        for (i, &flat) in self.cell_of.iter().enumerate() {
            let at = next[flat as usize] as usize;
            next[flat as usize] += 1;
            (0..3).for_each(|k| self.x[k][at] = positions[i][k]);
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
    pub fn query(&self, p: &[f64; 3], itself: u32, found: &mut Neighbors) {
        found.list.clear();
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
        // About one candidate in five is near enough, in no order that a processor could predict:
        // first all that are, without a branch, then their vectors.
        let mut count = 0;
        for cz in z0..=z1 {
            for cy in y0..=y1 {
                let row = (cz * self.count[1] + cy) * self.count[0];
                let (from, to) = (self.start[row + x0] as usize, self.start[row + x1 + 1] as usize);
                if found.near.len() < count + to - from {
                    found.near.resize(2 * (count + to - from), 0);
                }
                let [x, y, z] = &self.x;
                let (x, y, z) = (&x[from..to], &y[from..to], &z[from..to]);
                for (at, ((x, y), z)) in x.iter().zip(y).zip(z).enumerate() {
                    let d = [x - p[0], y - p[1], z - p[2]];
                    let r2 = d[0] * d[0] + d[1] * d[1] + d[2] * d[2];
                    found.near[count] = (from + at) as u32;
                    count += usize::from(r2 < self.reach_squared);
                }
            }
        }
        for &at in &found.near[..count] {
            let index = self.order[at as usize];
            if index != itself {
                let at = at as usize;
                let d = [self.x[0][at] - p[0], self.x[1][at] - p[1], self.x[2][at] - p[2]];
                let r2 = d[0] * d[0] + d[1] * d[1] + d[2] * d[2];
                found.list.push(Found { d, r2, index });
            }
        }
    }

    /// Bytes held.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.x.iter().map(|x| x.capacity() * 8).sum::<usize>()
            + (self.start.capacity() + self.order.capacity() + self.cell_of.capacity()) * 4
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
            let mut found = Neighbors::default();
            for (i, p) in positions.iter().enumerate() {
                list.query(p, i as u32, &mut found);
                let mut got: Vec<u32> = found.list.iter().map(|n| n.index).collect();
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
    fn nothing_is_within_no_reach() {
        let mut list = CellList::default();
        list.build(&scattered(40, [4.0; 3]), 1.0);
        list.build(&scattered(40, [4.0; 3]), 0.0);
        let mut found = Neighbors::default();
        list.query(&[0.0; 3], 0, &mut found);
        assert!(found.list.is_empty());
    }

    #[test]
    fn an_empty_list_finds_nothing() {
        let mut list = CellList::default();
        list.build(&[], 2.0);
        let mut found = Neighbors::default();
        list.query(&[0.0; 3], 0, &mut found);
        assert!(found.list.is_empty());
    }
}
