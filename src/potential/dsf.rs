//! Damped shifted-force Coulomb sum.
//!
//! For charges q_i, q_j closer than R_c (Fennell & Gezelter 2006, doi:10.1063/1.2206581, eq. 19):
//!
//! ```text
//! E(r) = K q_i q_j [ erfc(a r)/r - erfc(a R_c)/R_c
//!                    + ( erfc(a R_c)/R_c^2 + 2a/sqrt(pi) exp(-a^2 R_c^2)/R_c ) (r - R_c) ]
//! ```
//!
//! Energy and force both reach zero at R_c. The self term of each ion, constant while charges and
//! composition are, is left out: it moves no atom and cancels in every energy difference.

use super::PairValue;

/// Coulomb's constant e^2 / (4 pi eps_0), eV angstrom: the value of LAMMPS's metal units.
pub const COULOMB_EV_ANGSTROM: f64 = 14.399_645;

/// The damped shifted-force sum for one damping and one cutoff.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dsf {
    damping: f64,
    cutoff: f64,
    energy_at_cutoff: f64,
    force_at_cutoff: f64,
}

impl Dsf {
    /// Damping `a` in 1/angstrom, `cutoff` R_c in angstrom.
    #[must_use]
    pub fn new(damping: f64, cutoff: f64) -> Self {
        let bare = damped(damping, cutoff);
        Self { damping, cutoff, energy_at_cutoff: bare.energy, force_at_cutoff: bare.force }
    }

    /// R_c, angstrom.
    #[must_use]
    pub fn cutoff(&self) -> f64 {
        self.cutoff
    }

    /// Energy and force of two ions whose charges, in e, have the product `charges`, at distance
    /// `r` in angstrom.
    #[must_use]
    pub fn evaluate(&self, charges: f64, r: f64) -> PairValue {
        if r >= self.cutoff {
            return PairValue::default();
        }
        let bare = damped(self.damping, r);
        let scale = COULOMB_EV_ANGSTROM * charges;
        PairValue {
            energy: scale * (bare.energy - self.energy_at_cutoff + self.force_at_cutoff * (r - self.cutoff)),
            force: scale * (bare.force - self.force_at_cutoff),
        }
    }
}

/// erfc(a r)/r and its negative derivative.
fn damped(damping: f64, r: f64) -> PairValue {
    let energy = libm::erfc(damping * r) / r;
    let gauss = std::f64::consts::FRAC_2_SQRT_PI * damping * (-(damping * r).powi(2)).exp();
    PairValue { energy, force: (energy + gauss) / r }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::potential::worst_force_error;

    #[test]
    fn force_is_minus_the_derivative_of_the_energy() {
        let dsf = Dsf::new(0.25, 8.0);
        assert!(worst_force_error(|r| dsf.evaluate(-1.44, r), (0.7, 7.999), None) < 1e-8);
    }

    #[test]
    fn energy_and_force_vanish_at_the_cutoff() {
        let dsf = Dsf::new(0.25, 8.0);
        let near = dsf.evaluate(1.44, 8.0 - 1e-6);
        assert!(near.energy.abs() < 1e-10 && near.force.abs() < 1e-6, "{near:?}");
        assert_eq!(dsf.evaluate(1.44, 8.0), PairValue::default());
    }

    #[test]
    fn without_damping_it_is_the_shifted_force_coulomb_law() {
        // a = 0: E = K q q' (1/r - 2/R + r/R^2)
        let (r, cutoff) = (2.0, 10.0);
        let value = Dsf::new(0.0, cutoff).evaluate(1.0, r);
        let expected = COULOMB_EV_ANGSTROM * (1.0 / r - 2.0 / cutoff + r / (cutoff * cutoff));
        assert!((value.energy - expected).abs() < 1e-12, "{} {expected}", value.energy);
    }

    #[test]
    fn known_value() {
        // erfc(0.5) = 0.479500122186953, erfc(2) = 0.004677734981047266
        let value = Dsf::new(0.25, 8.0).evaluate(1.0, 2.0);
        let at = |erfc: f64, r: f64, exp: f64| {
            (erfc / r, (erfc / r + 0.5 / std::f64::consts::PI.sqrt() * exp) / r)
        };
        let (near, _) = at(0.479_500_122_186_953, 2.0, (-0.25_f64).exp());
        let (far, slope) = at(0.004_677_734_981_047_266, 8.0, (-4.0_f64).exp());
        let expected = COULOMB_EV_ANGSTROM * (near - far + slope * (2.0 - 8.0));
        assert!((value.energy - expected).abs() < 1e-12, "{} {expected}", value.energy);
    }
}
