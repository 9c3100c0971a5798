//! LAMMPS unit styles and their factors to Foreshock's internal units.
//!
//! Internal units are angstrom, ps, eV and GPa (lj stays reduced: every factor is 1). Used where
//! LAMMPS data enters (the fix's arguments and arrays) and nowhere else.
//!
//! Source of the definitions: LAMMPS manual, command `units`; constants: CODATA 2018.

use crate::error::{Error, Result};

/// A LAMMPS unit style.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnitStyle {
    /// Reduced Lennard-Jones units; nothing is converted.
    Lj,
    /// Angstrom, fs, kcal/mol, atm.
    Real,
    /// Angstrom, ps, eV, bar.
    Metal,
    /// m, s, J, Pa.
    Si,
    /// cm, s, erg, dyn/cm^2.
    Cgs,
    /// Bohr, fs, Hartree, Pa.
    Electron,
    /// micrometre, microsecond, pg um^2/us^2, pg/(um us^2).
    Micro,
    /// nm, ns, ag nm^2/ns^2, ag/(nm ns^2).
    Nano,
}

const EV_IN_J: f64 = 1.602_176_634e-19;

impl UnitStyle {
    /// Parses the name LAMMPS uses in `units`.
    ///
    /// # Errors
    /// [`Error::Input`] naming the style when it is unknown.
    pub fn parse(name: &str) -> Result<Self> {
        Ok(match name {
            "lj" => Self::Lj,
            "real" => Self::Real,
            "metal" => Self::Metal,
            "si" => Self::Si,
            "cgs" => Self::Cgs,
            "electron" => Self::Electron,
            "micro" => Self::Micro,
            "nano" => Self::Nano,
            other => {
                return Err(Error::input(
                    "units",
                    other,
                    "one of lj, real, metal, si, cgs, electron, micro, nano",
                ));
            }
        })
    }

    /// The name LAMMPS uses.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Lj => "lj",
            Self::Real => "real",
            Self::Metal => "metal",
            Self::Si => "si",
            Self::Cgs => "cgs",
            Self::Electron => "electron",
            Self::Micro => "micro",
            Self::Nano => "nano",
        }
    }

    /// Angstrom per length unit.
    #[must_use]
    pub fn length(self) -> f64 {
        match self {
            Self::Lj | Self::Real | Self::Metal => 1.0,
            Self::Si => 1e10,
            Self::Cgs => 1e8,
            Self::Electron => 0.529_177_210_903,
            Self::Micro => 1e4,
            Self::Nano => 10.0,
        }
    }

    /// ps per time unit.
    #[must_use]
    pub fn time(self) -> f64 {
        match self {
            Self::Lj | Self::Metal => 1.0,
            Self::Real | Self::Electron => 1e-3,
            Self::Si | Self::Cgs => 1e12,
            Self::Micro => 1e6,
            Self::Nano => 1e3,
        }
    }

    /// eV per energy unit.
    #[must_use]
    pub fn energy(self) -> f64 {
        match self {
            Self::Lj | Self::Metal => 1.0,
            Self::Real => 4184.0 / 6.022_140_76e23 / EV_IN_J,
            Self::Si => 1.0 / EV_IN_J,
            Self::Cgs => 1e-7 / EV_IN_J,
            Self::Electron => 27.211_386_245_988,
            // pg um^2/us^2 = 1e-15 kg * 1e-12 m^2 / 1e-12 s^2
            Self::Micro => 1e-15 / EV_IN_J,
            // ag nm^2/ns^2 = 1e-21 kg * 1e-18 m^2 / 1e-18 s^2
            Self::Nano => 1e-21 / EV_IN_J,
        }
    }

    /// GPa per pressure unit.
    #[must_use]
    pub fn pressure(self) -> f64 {
        match self {
            Self::Lj => 1.0,
            Self::Real => 1.013_25e-4,
            Self::Metal => 1e-4,
            Self::Si | Self::Electron => 1e-9,
            Self::Cgs => 1e-10,
            // pg/(um us^2) = 1e-15 kg / (1e-6 m * 1e-12 s^2) = 1e3 Pa
            Self::Micro => 1e-6,
            // ag/(nm ns^2) = 1e-21 kg / (1e-9 m * 1e-18 s^2) = 1e6 Pa
            Self::Nano => 1e-3,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn energy_is_pressure_times_volume_in_every_mechanical_style() {
        // In si, cgs, micro and nano the energy unit is the pressure unit times length^3, so the
        // three factors must agree: 1 GPa A^3 = 6.2415e-3 eV.
        for style in [UnitStyle::Si, UnitStyle::Cgs, UnitStyle::Micro, UnitStyle::Nano] {
            let ev = style.pressure() * 1e9 * (style.length() * 1e-10).powi(3) / EV_IN_J;
            assert!((ev / style.energy() - 1.0).abs() < 1e-9, "{}", style.name());
        }
    }

    #[test]
    fn unknown_style_is_named() {
        let message = UnitStyle::parse("metric").expect_err("not a style").to_string();
        assert!(message.contains("metric") && message.contains("lj, real"), "{message}");
    }
}
