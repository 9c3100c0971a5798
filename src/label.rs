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
//! contacts:                   # an atom that touches the other side; lost beyond `lose`
//!   - {types: [1, 2], touch: 3.5, lose: 4.5}
//! ```
//!
//! Only bonds, sites and contacts of atoms that were interfacial at the reference are watched, and
//! contacts only where there was one: an atom of the rule's first type with an atom of the second
//! type, of the other side, nearer than `touch`. The contact is lost when none is nearer than
//! `lose`, and regained below `touch`. What needs the future (persistence, onset) is not decided
//! here.

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

/// A contact rule with hysteresis radii.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContactRule {
    /// Atom types, from 1: whose contact is watched, and with what of the other side.
    pub types: [usize; 2],
    /// There is contact below this distance.
    pub touch: f64,
    /// And none when nothing is nearer than this one.
    pub lose: f64,
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
    /// Contacts to watch.
    #[serde(default)]
    pub contacts: Vec<ContactRule>,
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
            return Err(Error::file(path, "expected at least one entry under bonds, sites or contacts"));
        }
        let types = rules
            .bonds
            .iter()
            .flat_map(|b| b.types)
            .chain(rules.sites.iter().map(|s| s.kind))
            .chain(rules.contacts.iter().flat_map(|c| c.types));
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
        for c in &rules.contacts {
            if !(c.touch > 0.0 && c.lose >= c.touch && c.lose.is_finite()) {
                return Err(Error::input(
                    "label contacts",
                    format!("touch {} lose {}", c.touch, c.lose),
                    "0 < touch <= lose",
                ));
            }
        }
        Ok(rules)
    }

    /// Whether nothing is watched.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bonds.is_empty() && self.sites.is_empty() && self.contacts.is_empty()
    }

    /// Largest radius between two atoms, angstrom; 0 where only sites are watched.
    #[must_use]
    pub fn reach(&self) -> f64 {
        let radii = self.bonds.iter().map(|b| b.break_).chain(self.contacts.iter().map(|c| c.lose));
        radii.fold(0.0, f64::max)
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

    /// The contact rule of an atom of type `a` with one of type `b` (from 1).
    #[must_use]
    pub fn contact(&self, a: usize, b: usize) -> Option<&ContactRule> {
        self.contacts.iter().find(|r| r.types == [a, b])
    }

    /// The site rule of a type.
    #[must_use]
    pub fn site(&self, kind: usize) -> Option<&SiteRule> {
        self.sites.iter().find(|r| r.kind == kind)
    }

    /// Checks that the atoms of bonds and contacts are framework, whose neighbours are known.
    ///
    /// # Errors
    /// [`Error::Input`] naming the first type (from 1) that is not.
    pub fn check_framework(&self, framework: impl Fn(usize) -> bool) -> Result<()> {
        let bonds = self.bonds.iter().map(|b| ("label bonds types", b.types));
        let contacts = self.contacts.iter().map(|c| ("label contacts types", c.types));
        for (key, types) in bonds.chain(contacts) {
            if let Some(kind) = types.into_iter().find(|&kind| !framework(kind)) {
                return Err(Error::input(
                    key,
                    kind,
                    "types of the framework; mobile ions can be watched by sites only",
                ));
            }
        }
        Ok(())
    }

    /// Checks that bonds and contacts can be seen as far as they reach.
    ///
    /// # Errors
    /// [`Error::Input`] when a radius exceeds what ghost atoms cover.
    pub fn check_coverage(&self, coverage: f64) -> Result<()> {
        if self.reach() > coverage {
            return Err(Error::input(
                "label break or lose radius",
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
    fn mobile_ions_have_sites_only() {
        let rules = read("bonds:\n  - {types: [2, 4], form: 2.0, break: 2.6}\nsites:\n  - {type: 1, leave: 1.6, return: 0.8}\n")
            .expect("valid");
        assert!(rules.check_framework(|kind| kind != 1).is_ok());
        let message = rules.check_framework(|kind| kind != 4).expect_err("mobile").to_string();
        assert!(message.contains("label bonds types = '4'"), "{message}");
    }

    #[test]
    fn bad_rules_are_named() {
        for (text, part) in [
            ("bonds: []\n", "at least one entry"),
            ("bonds:\n  - {types: [2, 9], form: 2.0, break: 2.6}\n", "from 1 to 4"),
            ("bonds:\n  - {types: [2, 4], form: 2.6, break: 2.0}\n", "form <= break"),
            ("sites:\n  - {type: 4, leave: 0.1, return: 0.8}\n", "return <= leave"),
            ("contacts:\n  - {types: [1, 2], touch: 4.5, lose: 3.5}\n", "touch <= lose"),
            ("contacts:\n  - {types: [1, 5], touch: 3.5, lose: 4.5}\n", "from 1 to 4"),
            ("bond:\n  - 3\n", "unknown field"),
        ] {
            let message = read(text).expect_err("bad").to_string();
            assert!(message.contains(part), "{message}");
        }
    }
}
