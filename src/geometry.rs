//! The simulation cell: fractional coordinates, heights and normals of a triclinic box.
//!
//! Lengths are angstrom once a [`Cell`] exists; LAMMPS coordinates enter through
//! [`Cell::fractional`], which takes them in the run's own length unit.

/// A LAMMPS box, `a = (xx, 0, 0)`, `b = (xy, yy, 0)`, `c = (xz, yz, zz)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cell {
    /// Lower corner in LAMMPS length units.
    lo: [f64; 3],
    /// `xx, yy, zz, yz, xz, xy`, angstrom (LAMMPS's order of `domain->h`).
    h: [f64; 6],
    /// Which box dimensions are periodic.
    pub periodic: [bool; 3],
    /// Angstrom per LAMMPS length unit.
    scale: f64,
    /// One over the diagonal of `h` in LAMMPS units, and the tilts in them: multiplying is cheaper
    /// than dividing, and every atom is looked at.
    inverse: [f64; 3],
    tilt: [f64; 3],
}

impl Cell {
    /// A cell from LAMMPS's `boxlo` and `h` (both in LAMMPS length units).
    #[must_use]
    pub fn new(lo: [f64; 3], h: [f64; 6], periodic: [bool; 3], scale: f64) -> Self {
        Self { lo, h: h.map(|v| v * scale), periodic, scale, inverse: [0.0; 3], tilt: [0.0; 3] }
            .with_inverse()
    }

    fn with_inverse(mut self) -> Self {
        self.inverse = std::array::from_fn(|k| self.scale / self.h[k]);
        self.tilt = std::array::from_fn(|k| self.h[3 + k] / self.scale);
        self
    }

    /// The same cell with the extent of `reference` along non-periodic axes: a shrink-wrapped
    /// boundary follows the outermost atom and must not rescale displacements.
    #[must_use]
    pub fn pinned_to(mut self, reference: &Self) -> Self {
        for axis in 0..3 {
            if !self.periodic[axis] {
                self.lo[axis] = reference.lo[axis];
                self.h[axis] = reference.h[axis];
            }
        }
        self.with_inverse()
    }

    /// Angstrom per LAMMPS length unit.
    #[must_use]
    pub fn scale(&self) -> f64 {
        self.scale
    }

    /// Fractional coordinates of a position in LAMMPS length units; not wrapped.
    #[inline]
    #[must_use]
    pub fn fractional(&self, x: &[f64; 3]) -> [f64; 3] {
        let ([ix, iy, iz], [yz, xz, xy]) = (self.inverse, self.tilt);
        let c = (x[2] - self.lo[2]) * iz;
        let b = (x[1] - self.lo[1] - yz * c) * iy;
        let a = (x[0] - self.lo[0] - xy * b - xz * c) * ix;
        [a, b, c]
    }

    /// Cartesian vector, angstrom, of a fractional difference.
    #[inline]
    #[must_use]
    pub fn cartesian(&self, s: &[f64; 3]) -> [f64; 3] {
        let [xx, yy, zz, yz, xz, xy] = self.h;
        [xx * s[0] + xy * s[1] + xz * s[2], yy * s[1] + yz * s[2], zz * s[2]]
    }

    /// Whether `other` is this cell after LAMMPS has flipped it: a tilt that differs by more than half
    /// a box length.
    #[must_use]
    pub fn flipped_to(&self, other: &Self) -> bool {
        // yz is measured against y, xz and xy against x.
        [(3, 1), (4, 0), (5, 0)]
            .into_iter()
            .any(|(tilt, edge)| (other.h[tilt] - self.h[tilt]).abs() > 0.5 * self.h[edge].max(other.h[edge]))
    }

    /// Volume, cubic angstrom.
    #[must_use]
    pub fn volume(&self) -> f64 {
        self.h[0] * self.h[1] * self.h[2]
    }

    /// Area of the face that `axis` leaves through, square angstrom.
    #[must_use]
    pub fn area(&self, axis: usize) -> f64 {
        let [u, v] = [self.vector((axis + 1) % 3), self.vector((axis + 2) % 3)];
        norm(&cross(&u, &v))
    }

    /// Distance between the two faces that `axis` crosses, angstrom.
    #[must_use]
    pub fn height(&self, axis: usize) -> f64 {
        self.volume() / self.area(axis)
    }

    /// Unit normal of those faces, pointing along increasing fractional coordinate.
    #[must_use]
    pub fn normal(&self, axis: usize) -> [f64; 3] {
        let n = cross(&self.vector((axis + 1) % 3), &self.vector((axis + 2) % 3));
        let length = norm(&n);
        n.map(|v| v / length)
    }

    /// Box vector `axis`, angstrom.
    #[must_use]
    pub fn vector(&self, axis: usize) -> [f64; 3] {
        let mut s = [0.0; 3];
        s[axis] = 1.0;
        self.cartesian(&s)
    }

    /// The numbers needed to rebuild the cell: `lo`, `h`, scale.
    #[must_use]
    pub fn to_words(&self) -> [f64; 10] {
        let mut w = [0.0; 10];
        w[..3].copy_from_slice(&self.lo);
        w[3..9].copy_from_slice(&self.h);
        w[9] = self.scale;
        w
    }

    /// The inverse of [`Cell::to_words`].
    ///
    /// # Panics
    /// If `w` is shorter than ten numbers.
    #[must_use]
    pub fn from_words(w: &[f64], periodic: [bool; 3]) -> Self {
        let mut cell =
            Self { lo: [0.0; 3], h: [0.0; 6], periodic, scale: w[9], inverse: [0.0; 3], tilt: [0.0; 3] };
        cell.lo.copy_from_slice(&w[..3]);
        cell.h.copy_from_slice(&w[3..9]);
        cell.with_inverse()
    }
}

/// Scalar product.
#[inline]
#[must_use]
pub fn dot(a: &[f64; 3], b: &[f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

/// Vector product.
#[must_use]
pub fn cross(a: &[f64; 3], b: &[f64; 3]) -> [f64; 3] {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

/// Euclidean length.
#[must_use]
pub fn norm(a: &[f64; 3]) -> f64 {
    dot(a, a).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tilted() -> Cell {
        Cell::new([1.0, -2.0, 0.5], [10.0, 8.0, 6.0, 0.7, -1.1, 1.9], [true; 3], 2.0)
    }

    #[test]
    fn fractional_and_cartesian_are_inverse() {
        let cell = tilted();
        let s = [0.3, -0.7, 1.4];
        let d = cell.cartesian(&s);
        let x = [d[0] / 2.0 + 1.0, d[1] / 2.0 - 2.0, d[2] / 2.0 + 0.5];
        let back = cell.fractional(&x);
        for k in 0..3 {
            assert!((back[k] - s[k]).abs() < 1e-14);
        }
    }

    #[test]
    fn a_flip_is_told_from_a_strain() {
        let cell = |xy: f64| Cell::new([0.0; 3], [10.0, 8.0, 6.0, 0.0, 0.0, xy], [true; 3], 1.0);
        assert!(!cell(4.9).flipped_to(&cell(5.2)));
        assert!(cell(5.2).flipped_to(&cell(-4.8)));
    }

    #[test]
    fn height_is_the_projection_of_the_vector_on_the_normal() {
        let cell = tilted();
        for axis in 0..3 {
            let n = cell.normal(axis);
            assert!((dot(&n, &cell.vector(axis)) - cell.height(axis)).abs() < 1e-12);
            assert!((norm(&n) - 1.0).abs() < 1e-14);
            assert!(dot(&n, &cell.vector((axis + 1) % 3)).abs() < 1e-12);
        }
    }
}
