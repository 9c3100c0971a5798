//! Steinhardt bond order Q_6 (Steinhardt, Nelson, Ronchetti, doi:10.1103/PhysRevB.28.784) over
//! the framework neighbours within the cutoff.
//!
//! Q_6^2 = (4 pi / 13) sum_m |(1/N) sum_j Y_6m(r_ij)|^2. By the addition theorem of spherical
//! harmonics this is (1/N^2) sum_jk P_6(cos gamma_jk) with the Legendre polynomial P_6: no complex
//! arithmetic, and for the few neighbours of a network former far less work.

use super::{Values, deviation, mean};

/// Length of the family's section.
pub const WIDTH: usize = 3;

/// Scratch for unit vectors.
#[derive(Debug, Default)]
pub struct Directions {
    len: usize,
    x: Vec<f64>,
    y: Vec<f64>,
    z: Vec<f64>,
}

const LANES: usize = 4;

#[inline]
fn p6(c: f64) -> f64 {
    let c2 = c * c;
    (((231.0 * c2 - 315.0) * c2 + 105.0) * c2 - 5.0) * 0.0625
}

impl Directions {
    /// Forgets all neighbours and makes room for `most` of them.
    #[inline]
    pub fn clear(&mut self, most: usize) {
        self.len = 0;
        if self.x.len() < most + LANES {
            for v in [&mut self.x, &mut self.y, &mut self.z] {
                v.resize(2 * (most + LANES), 0.0);
            }
        }
    }

    /// Adds a neighbour at difference `d` and distance `r`.
    ///
    /// # Panics
    /// If there are more than [`Directions::clear`] made room for.
    #[inline]
    pub fn push(&mut self, d: &[f64; 3], r: f64) {
        let inverse = 1.0 / r;
        self.x[self.len] = d[0] * inverse;
        self.y[self.len] = d[1] * inverse;
        self.z[self.len] = d[2] * inverse;
        self.len += 1;
    }

    /// Q_6 of the neighbours; 0 without any.
    #[must_use]
    pub fn q6(&mut self) -> f64 {
        let n = self.len;
        if n == 0 {
            return 0.0;
        }
        // Zero vectors fill the last lanes; each adds P_6(0), taken off again below.
        for v in [&mut self.x, &mut self.y, &mut self.z] {
            v[n..n + LANES].fill(0.0);
        }
        let mut sums = [0.0; LANES];
        let mut padded = 0;
        for j in 0..n - 1 {
            let (a, b, c) = (self.x[j], self.y[j], self.z[j]);
            let chunks = (n - j - 1).div_ceil(LANES);
            padded += chunks * LANES - (n - j - 1);
            let (xs, ys, zs) = (
                &self.x[j + 1..][..chunks * LANES],
                &self.y[j + 1..][..chunks * LANES],
                &self.z[j + 1..][..chunks * LANES],
            );
            for ((x, y), z) in xs.chunks_exact(LANES).zip(ys.chunks_exact(LANES)).zip(zs.chunks_exact(LANES))
            {
                for k in 0..LANES {
                    sums[k] += p6(a * x[k] + b * y[k] + c * z[k]);
                }
            }
        }
        let pairs = sums.iter().sum::<f64>() - padded as f64 * p6(0.0);
        ((n as f64 + 2.0 * pairs).max(0.0)).sqrt() / n as f64
    }
}

/// Adds an atom.
#[inline]
pub fn add(section: &mut [f64], q6: f64) {
    section[0] += 1.0;
    section[1] += q6;
    section[2] += q6 * q6;
}

/// Turns the summed section into values.
pub fn finish(section: &[f64], values: &mut Values) {
    values.set("q6", mean(section[0], section[1]));
    values.set("q6_std", deviation(section[0], section[1], section[2]));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn q6_of(neighbours: &[[f64; 3]]) -> f64 {
        let mut directions = Directions::default();
        directions.clear(neighbours.len());
        for d in neighbours {
            directions.push(d, crate::geometry::norm(d));
        }
        directions.q6()
    }

    fn permutations(v: [f64; 3]) -> Vec<[f64; 3]> {
        let mut out: Vec<[f64; 3]> = Vec::new();
        for order in [[0, 1, 2], [1, 2, 0], [2, 0, 1], [0, 2, 1], [2, 1, 0], [1, 0, 2]] {
            for signs in 0..8 {
                let p: [f64; 3] =
                    std::array::from_fn(|k| v[order[k]] * if signs >> k & 1 == 1 { -1.0 } else { 1.0 });
                if !out.iter().any(|q| (0..3).all(|k| (q[k] - p[k]).abs() < 1e-12)) {
                    out.push(p);
                }
            }
        }
        out
    }

    #[test]
    fn perfect_crystals_have_the_published_values() {
        // Table I of Steinhardt et al. and Mickel et al., doi:10.1063/1.4774084.
        let fcc = permutations([1.0, 1.0, 0.0]);
        let sc = permutations([1.0, 0.0, 0.0]);
        let mut bcc = permutations([1.0, 1.0, 1.0]);
        bcc.extend(permutations([2.0, 0.0, 0.0]));
        assert_eq!((fcc.len(), sc.len(), bcc.len()), (12, 6, 14));
        assert!((q6_of(&fcc) - 0.574_524_259_7).abs() < 1e-9, "{}", q6_of(&fcc));
        assert!((q6_of(&sc) - 0.353_553_390_6).abs() < 1e-9, "{}", q6_of(&sc));
        assert!((q6_of(&bcc) - 0.510_688_230_9).abs() < 1e-9, "{}", q6_of(&bcc));
    }

    #[test]
    fn does_not_change_under_rotation() {
        let fcc = permutations([1.0, 1.0, 0.0]);
        let (s, c) = (0.3_f64.sin(), 0.3_f64.cos());
        let turned: Vec<[f64; 3]> =
            fcc.iter().map(|v| [c * v[0] - s * v[1], s * v[0] + c * v[1], v[2]]).collect();
        assert!((q6_of(&fcc) - q6_of(&turned)).abs() < 1e-13);
    }

    #[test]
    fn one_neighbour_is_fully_ordered_and_none_is_zero() {
        assert!((q6_of(&[[0.3, -0.2, 0.9]]) - 1.0).abs() < 1e-14);
        assert!(q6_of(&[]).abs() < 1e-15);
    }
}
