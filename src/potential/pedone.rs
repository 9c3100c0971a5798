//! Rigid-ion potential for oxides and silicates (PMMCS).
//!
//! Every ion pair feels the Coulomb force of partial charges, here by [`Dsf`]; every pair with an
//! oxygen also a Morse well and a repulsive wall (Pedone et al. 2006, doi:10.1021/jp0611018,
//! eq. 1), cut at 5.5 angstrom and shifted to zero there:
//!
//! ```text
//! U(r) = D [ (1 - exp(-a (r - r0)))^2 - 1 ] + C / r^12
//! ```
//!
//! Charges are fixed: no redox, no metal. The Coulomb sum is not the paper's Ewald sum; lattice
//! constants of the crystals used in the examples stay within about 2 % of experiment.

use super::PairValue;
use super::dsf::Dsf;
use crate::error::{Error, Result};

/// Distance where the short-ranged part ends, angstrom.
pub const SHORT_CUTOFF: f64 = 5.5;
/// Damping of the Coulomb sum, 1/angstrom.
pub const COULOMB_DAMPING: f64 = 0.25;
/// Distance where the Coulomb sum ends, angstrom.
pub const COULOMB_CUTOFF: f64 = 8.0;

/// One element: its charge and its interaction with oxygen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ion {
    /// Element symbol.
    pub symbol: &'static str,
    /// Partial charge, e.
    pub charge: f64,
    depth: f64,
    width: f64,
    position: f64,
    wall: f64,
}

macro_rules! ions {
    ($($symbol:ident $charge:literal $depth:literal $width:literal $position:literal $wall:literal;)*) => {
        &[$(Ion {
            symbol: stringify!($symbol), charge: $charge,
            depth: $depth, width: $width, position: $position, wall: $wall,
        }),*]
    };
}

/// The elements on offer. Columns: symbol, charge (e), then the pair with oxygen: D (eV),
/// a (1/angstrom), r0 (angstrom), C (eV angstrom^12).
pub const IONS: &[Ion] = ions! {
    Li  0.6  0.001114  3.429506  2.681360  1.0;
    Na  0.6  0.023363  1.763867  3.006315  5.0;
    Al  1.8  0.361581  1.900442  2.164818  0.9;
    Si  2.4  0.340554  2.006700  2.100000  1.0;
    P   3.0  0.831326  2.585833  1.800790  1.0;
    Ti  2.4  0.024235  2.254703  2.708943  1.0;
    Zr  2.4  0.206237  2.479675  2.436997  1.0;
    O  -1.2  0.042395  1.379316  3.618701 22.0;
};

/// The ion of an element.
///
/// # Errors
/// [`Error::Input`] listing the elements on offer when `symbol` is not one of them.
pub fn ion(symbol: &str) -> Result<&'static Ion> {
    IONS.iter().find(|ion| ion.symbol == symbol).ok_or_else(|| {
        let offered: Vec<&str> = IONS.iter().map(|ion| ion.symbol).collect();
        Error::input("elements", symbol, format!("one of {}", offered.join(", ")))
    })
}

/// The complete potential.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pedone {
    coulomb: Dsf,
}

impl Default for Pedone {
    fn default() -> Self {
        Self { coulomb: Dsf::new(COULOMB_DAMPING, COULOMB_CUTOFF) }
    }
}

impl Pedone {
    /// Distance where the last interaction ends, angstrom.
    #[must_use]
    pub fn cutoff(&self) -> f64 {
        self.coulomb.cutoff()
    }

    /// Energy and force of a pair at distance `r`, angstrom.
    #[must_use]
    pub fn evaluate(&self, a: &Ion, b: &Ion, r: f64) -> PairValue {
        let coulomb = self.coulomb.evaluate(a.charge * b.charge, r);
        match (a.symbol, b.symbol) {
            ("O", _) => coulomb + b.short_ranged(r),
            (_, "O") => coulomb + a.short_ranged(r),
            _ => coulomb,
        }
    }
}

impl Ion {
    /// The shifted Morse well and wall between this ion and an oxygen.
    fn short_ranged(&self, r: f64) -> PairValue {
        if r >= SHORT_CUTOFF {
            return PairValue::default();
        }
        let here = self.unshifted(r);
        PairValue { energy: here.energy - self.unshifted(SHORT_CUTOFF).energy, force: here.force }
    }

    fn unshifted(&self, r: f64) -> PairValue {
        let decay = (-self.width * (r - self.position)).exp();
        let wall = self.wall / r.powi(12);
        PairValue {
            energy: self.depth * ((1.0 - decay).powi(2) - 1.0) + wall,
            force: -2.0 * self.depth * self.width * decay * (1.0 - decay) + 12.0 * wall / r,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::potential::worst_force_error;

    #[test]
    fn force_is_minus_the_derivative_of_the_energy_for_every_pair() {
        let pedone = Pedone::default();
        for a in IONS {
            for b in IONS {
                let worst = worst_force_error(|r| pedone.evaluate(a, b, r), (0.8, 7.999), Some(SHORT_CUTOFF));
                assert!(worst < 1e-6, "{}-{}: {worst}", a.symbol, b.symbol);
            }
        }
    }

    #[test]
    fn energies_are_continuous_and_end_at_zero() {
        let pedone = Pedone::default();
        for a in IONS {
            for b in IONS {
                let step =
                    |r: f64| pedone.evaluate(a, b, r - 1e-7).energy - pedone.evaluate(a, b, r + 1e-7).energy;
                assert!(step(SHORT_CUTOFF).abs() < 1e-6, "{}-{}", a.symbol, b.symbol);
                assert!(step(COULOMB_CUTOFF).abs() < 1e-6, "{}-{}", a.symbol, b.symbol);
            }
        }
    }

    #[test]
    fn well_depth_and_position_are_the_published_ones() {
        // At r0 the Morse part is -D and its force vanishes; only the wall is left.
        for ion in IONS {
            let at = ion.unshifted(ion.position);
            let wall = ion.wall / ion.position.powi(12);
            assert!((at.energy - (wall - ion.depth)).abs() < 1e-14, "{}", ion.symbol);
            assert!((at.force - 12.0 * wall / ion.position).abs() < 1e-14, "{}", ion.symbol);
        }
    }

    #[test]
    fn pair_is_symmetric_and_charges_sum_to_neutral_compounds() {
        let pedone = Pedone::default();
        let (si, o) = (ion("Si").expect("listed"), ion("O").expect("listed"));
        assert_eq!(pedone.evaluate(si, o, 1.62), pedone.evaluate(o, si, 1.62));
        let charge = |symbol: &str| ion(symbol).expect("listed").charge;
        for formula in [
            vec![("Li", 2.0), ("Si", 1.0), ("O", 3.0)],
            vec![("Li", 3.0), ("P", 1.0), ("O", 4.0)],
            vec![("Al", 2.0), ("O", 3.0)],
            vec![("Zr", 1.0), ("O", 2.0)],
            vec![("Ti", 1.0), ("O", 2.0)],
            vec![("Na", 2.0), ("O", 1.0)],
        ] {
            let total: f64 = formula.iter().map(|(symbol, count)| count * charge(symbol)).sum();
            assert!(total.abs() < 1e-12, "{formula:?}: {total}");
        }
    }

    #[test]
    fn unknown_element_is_named_with_what_is_on_offer() {
        let message = ion("Xx").expect_err("not an element").to_string();
        assert_eq!(message, "elements = 'Xx': expected one of Li, Na, Al, Si, P, Ti, Zr, O");
    }
}
