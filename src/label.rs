//! Label-only observables: what an offline label is made from, recorded as raw events beside the
//! frames and never used as a model's input.
//!
//! The rules come from a YAML file. Radii are in angstrom (sigma in lj units):
//!
//! ```yaml
//! bonds:                      # formed below `form`, broken above `break`
//!   - {types: [2, 4], form: 2.0, break: 2.6}
//! sites:                      # left beyond `leave` from the reference site, regained below `return`
//!   - {type: 4, leave: 1.6, return: 0.8}
//! ```
//!
//! Only bonds and sites of atoms that were interfacial at the reference are watched. What needs
//! the future (persistence, onset) is not decided here.

use crate::error::{Error, Result};
use serde::Deserialize;
use std::path::Path;

/// A bond rule with hysteresis radii.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BondRule {
    /// Atom types, from 1.
    pub types: [usize; 2],
    /// A bond forms below this distance.
    pub form: f64,
    /// And breaks above this one.
    #[serde(rename = "break")]
    pub break_: f64,
}

/// A site rule with hysteresis radii.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SiteRule {
    /// Atom type, from 1.
    #[serde(rename = "type")]
    pub kind: usize,
    /// The site is left beyond this displacement.
    pub leave: f64,
    /// And regained below this one.
    #[serde(rename = "return")]
    pub return_: f64,
}

/// All label-only observables of a run.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// Bonds to watch.
    #[serde(default)]
    pub bonds: Vec<BondRule>,
    /// Sites to watch.
    #[serde(default)]
    pub sites: Vec<SiteRule>,
}

impl Rules {
    /// Reads and checks a rule file for a system of `ntypes` atom types.
    ///
    /// # Errors
    /// [`Error::File`] when it cannot be read or is not such a file, [`Error::Input`] when a value
    /// in it makes no sense.
    pub fn read(path: &Path, ntypes: usize) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|e| Error::file(path, e))?;
        let rules: Self = serde_yaml::from_str(&text).map_err(|e| Error::file(path, e))?;
        if rules.is_empty() {
            return Err(Error::file(path, "expected at least one entry under bonds or sites"));
        }
        let types = rules.bonds.iter().flat_map(|b| b.types).chain(rules.sites.iter().map(|s| s.kind));
        for kind in types {
            if kind < 1 || kind > ntypes {
                return Err(Error::input("label type", kind, format!("an atom type from 1 to {ntypes}")));
            }
        }
        for b in &rules.bonds {
            if !(b.form > 0.0 && b.break_ >= b.form && b.break_.is_finite()) {
                return Err(Error::input(
                    "label bonds",
                    format!("form {} break {}", b.form, b.break_),
                    "0 < form <= break",
                ));
            }
        }
        for s in &rules.sites {
            if !(s.return_ > 0.0 && s.leave >= s.return_ && s.leave.is_finite()) {
                return Err(Error::input(
                    "label sites",
                    format!("leave {} return {}", s.leave, s.return_),
                    "0 < return <= leave",
                ));
            }
        }
        Ok(rules)
    }

    /// Whether nothing is watched.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bonds.is_empty() && self.sites.is_empty()
    }

    /// Largest break radius, angstrom; 0 without bond rules.
    #[must_use]
    pub fn reach(&self) -> f64 {
        self.bonds.iter().map(|b| b.break_).fold(0.0, f64::max)
    }

    /// The bond rule of atoms of types `a` and `b` (from 1), seen from the atom of type `a`: a
    /// bond between unlike types belongs to the rule's first type.
    #[must_use]
    pub fn bond(&self, a: usize, b: usize) -> Option<&BondRule> {
        self.bonds.iter().find(|r| r.types == [a, b])
    }

    /// Whether atoms of type `kind` hold bonds.
    #[must_use]
    pub fn holds_bonds(&self, kind: usize) -> bool {
        self.bonds.iter().any(|r| r.types[0] == kind)
    }

    /// The site rule of a type.
    #[must_use]
    pub fn site(&self, kind: usize) -> Option<&SiteRule> {
        self.sites.iter().find(|r| r.kind == kind)
    }

    /// Checks that bonds can be seen as far as they reach.
    ///
    /// # Errors
    /// [`Error::Input`] when a break radius exceeds what ghost atoms cover.
    pub fn check_coverage(&self, coverage: f64) -> Result<()> {
        if self.reach() > coverage {
            return Err(Error::input(
                "label bonds break",
                self.reach(),
                format!("at most the {coverage:.4} angstrom that ghost atoms cover"),
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Rules> {
        let dir = tempfile::tempdir().expect("temporary folder");
        let path = dir.path().join("label.yaml");
        std::fs::write(&path, text).expect("writes");
        Rules::read(&path, 4)
    }

    #[test]
    fn reads_bonds_and_sites() {
        let rules = read(
            "bonds:\n  - {types: [2, 4], form: 2.0, break: 2.6}\nsites:\n  - {type: 4, leave: 1.6, return: 0.8}\n",
        )
        .expect("valid");
        assert_eq!(rules.bond(2, 4).map(|r| r.break_), Some(2.6));
        assert!(rules.bond(4, 2).is_none() && rules.holds_bonds(2) && !rules.holds_bonds(4));
        assert!((rules.reach() - 2.6).abs() < 1e-15);
        assert!(rules.check_coverage(2.5).is_err());
    }

    #[test]
    fn bad_rules_are_named() {
        for (text, part) in [
            ("bonds: []\n", "at least one entry"),
            ("bonds:\n  - {types: [2, 9], form: 2.0, break: 2.6}\n", "from 1 to 4"),
            ("bonds:\n  - {types: [2, 4], form: 2.6, break: 2.0}\n", "form <= break"),
            ("sites:\n  - {type: 4, leave: 0.1, return: 0.8}\n", "return <= leave"),
            ("bond:\n  - 3\n", "unknown field"),
        ] {
            let message = read(text).expect_err("bad").to_string();
            assert!(message.contains(part), "{message}");
        }
    }
}
