//! Interatomic potentials written out as LAMMPS `pair_style table` files.
//!
//! Enters: element symbols. Leaves: text that `pair_coeff` reads. Used by `foreshock table` before
//! a simulation starts, never while one runs.
//!
//! A table does what `hybrid/overlay coul/dsf pedone` does, at the price of one look-up per pair,
//! and needs no optional LAMMPS package.

pub mod dsf;
pub mod pedone;
pub mod table;

/// A pair's energy and force at one distance.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct PairValue {
    /// Pair energy, eV.
    pub energy: f64,
    /// -dE/dr, eV/angstrom; positive pushes the two atoms apart.
    pub force: f64,
}

impl std::ops::Add for PairValue {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { energy: self.energy + other.energy, force: self.force + other.force }
    }
}

/// Largest relative difference between `force` and the central difference of the energy over
/// `[from, to]`, skipping a neighbourhood of `skip` where the curve has a kink.
#[cfg(test)]
pub(crate) fn worst_force_error(
    evaluate: impl Fn(f64) -> PairValue,
    (from, to): (f64, f64),
    skip: Option<f64>,
) -> f64 {
    let h = 1e-5;
    let steps = 4000;
    (0..=steps)
        .map(|k| from + (to - from) * f64::from(k) / f64::from(steps))
        .filter(|r| skip.is_none_or(|kink| (r - kink).abs() > 2.0 * h))
        .map(|r| {
            let slope = (evaluate(r + h).energy - evaluate(r - h).energy) / (2.0 * h);
            let force = evaluate(r).force;
            (slope + force).abs() / (1.0 + force.abs())
        })
        .fold(0.0, f64::max)
}
