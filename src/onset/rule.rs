//! The rule of the labels: a YAML file whose every number is stated, and its hash.

use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::dataset::series::hex;
use crate::dataset::target::Horizon;
use crate::error::{Error, Result};

/// What is counted, per interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Observable {
    /// Bonds that the reference did not have.
    NewBonds,
    /// Atoms away from their reference site.
    LeftSites,
    /// Atoms that have lost the contact they had at the reference.
    LostContacts,
}

impl Observable {
    /// Kinds of the events that begin and end one unit of the count.
    #[must_use]
    pub fn kinds(self) -> [&'static str; 2] {
        match self {
            Self::NewBonds => ["bond_formed", "bond_broken"],
            Self::LeftSites => ["site_left", "site_regained"],
            Self::LostContacts => ["contact_lost", "contact_regained"],
        }
    }
}

/// Which units count: those that are there for most of the time that follows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Persistence {
    /// Length of the time that follows, ps.
    pub window_ps: f64,
    /// Least share of its samples.
    pub share: f64,
}

/// A count that is held.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Threshold {
    /// n: least count.
    pub count: u32,
    /// tau: how long it is held, ps.
    pub hold_ps: f64,
    /// Least share of the samples of that time with the count.
    pub share: f64,
}

/// A growth that makes a reconstruction an instability whatever its count.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Growth {
    /// Over this time, ps.
    pub span_ps: f64,
    /// The count grows by at least this rate, per ps.
    pub rate_per_ps: f64,
}

/// A rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Its name.
    pub name: String,
    /// What is counted.
    pub observable: Observable,
    /// Which units count.
    pub persistence: Persistence,
    /// Begin of the reconstruction: n_R, tau.
    pub reconstructing: Threshold,
    /// Begin of the instability: n_U, tau.
    pub unstable: Threshold,
    /// Or this growth; none leaves it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub growth: Option<Growth>,
    /// What a warning is asked for: g, H.
    pub horizon: Horizon,
}

impl Rule {
    /// Reads and checks a rule.
    ///
    /// # Errors
    /// [`Error::File`] when the file cannot be read or is no rule, naming the value.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|error| Error::file(path, error))?;
        let rule: Self = serde_yaml::from_str(&text).map_err(|error| Error::file(path, error))?;
        rule.check().map_err(|error| Error::file(path, error))?;
        Ok(rule)
    }

    /// Checks that the numbers make sense.
    ///
    /// # Errors
    /// [`Error::Input`] naming the value.
    pub fn check(&self) -> Result<()> {
        let positive = Error::unless_positive;
        let share = |key: &str, value: f64| {
            if value > 0.0 && value <= 1.0 {
                Ok(())
            } else {
                Err(Error::input(key, value, "a number above 0 and at most 1"))
            }
        };
        if !(self.persistence.window_ps.is_finite() && self.persistence.window_ps >= 0.0) {
            return Err(Error::input(
                "persistence window_ps",
                self.persistence.window_ps,
                "a number that is not negative",
            ));
        }
        share("persistence share", self.persistence.share)?;
        for (key, threshold) in [("reconstructing", &self.reconstructing), ("unstable", &self.unstable)] {
            if threshold.count == 0 {
                return Err(Error::input(format!("{key} count"), 0, "at least 1"));
            }
            positive(&format!("{key} hold_ps"), threshold.hold_ps)?;
            share(&format!("{key} share"), threshold.share)?;
        }
        if self.unstable.count <= self.reconstructing.count {
            return Err(Error::input(
                "unstable count",
                self.unstable.count,
                format!("more than the {} of reconstructing", self.reconstructing.count),
            ));
        }
        if let Some(growth) = &self.growth {
            positive("growth span_ps", growth.span_ps)?;
            positive("growth rate_per_ps", growth.rate_per_ps)?;
        }
        self.horizon.check()
    }

    /// How far the rule looks ahead, ps: what happens later cannot change the state at a time.
    #[must_use]
    pub fn look_ahead_ps(&self) -> f64 {
        let hold = self.reconstructing.hold_ps.max(self.unstable.hold_ps);
        self.persistence.window_ps + self.growth.map_or(hold, |growth| hold.max(growth.span_ps))
    }

    /// SHA-256 of all its values; comments and order in the file do not matter.
    ///
    /// # Errors
    /// Never for a rule that was checked: it holds finite numbers only.
    pub fn hash(&self) -> Result<String> {
        let text = serde_json::to_string(self)
            .map_err(|error| Error::input("rule", &self.name, error.to_string()))?;
        Ok(hex(&Sha256::digest(text.as_bytes())))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) const TEXT: &str = "
name: test
observable: new_bonds
persistence: {window_ps: 2.0, share: 0.8}
reconstructing: {count: 2, hold_ps: 5.0, share: 0.9}
unstable: {count: 5, hold_ps: 5.0, share: 0.9}
growth: {span_ps: 10.0, rate_per_ps: 0.5}
horizon: {gap_ps: 1.0, horizon_ps: 10.0, least_lead_ps: 5.0}
";

    pub(crate) fn rule() -> Rule {
        serde_yaml::from_str(TEXT).expect("valid")
    }

    #[test]
    fn the_hash_follows_every_value_and_no_comment() {
        let hash = rule().hash().expect("finite");
        let commented: Rule = serde_yaml::from_str(&format!("# frozen\n{TEXT}")).expect("valid");
        assert_eq!(commented.hash().expect("finite"), hash);
        for (from, to) in
            [("count: 2", "count: 3"), ("share: 0.8", "share: 0.7"), ("gap_ps: 1.0", "gap_ps: 0.5")]
        {
            let other: Rule = serde_yaml::from_str(&TEXT.replace(from, to)).expect("valid");
            assert_ne!(other.hash().expect("finite"), hash, "{to}");
        }
    }

    #[test]
    fn the_frozen_rules_are_the_ones_that_are_documented() {
        let makefile = include_str!("../../Makefile");
        let page = include_str!("../../docs/labels.md");
        for (name, text) in [
            ("oxides", include_str!("../../examples/labels/oxides.yaml")),
            ("halides", include_str!("../../examples/labels/halides.yaml")),
        ] {
            let rule: Rule = serde_yaml::from_str(text).expect(name);
            rule.check().expect(name);
            let hash = rule.hash().expect("finite");
            assert!(makefile.contains(&format!("RULE_{name} := {hash}")), "Makefile: {name} is {hash}");
            assert!(page.contains(&hash), "docs/labels.md: {name} is {hash}");
        }
    }

    #[test]
    fn the_look_ahead_covers_persistence_and_the_longest_span() {
        assert!((rule().look_ahead_ps() - 12.0).abs() < 1e-12);
        let without = Rule { growth: None, ..rule() };
        assert!((without.look_ahead_ps() - 7.0).abs() < 1e-12);
    }

    #[test]
    fn senseless_rules_are_refused_by_name() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("rule.yaml");
        for (from, to, part) in [
            ("count: 5", "count: 2", "unstable count = '2'"),
            ("count: 2", "count: 0", "reconstructing count = '0'"),
            ("share: 0.8", "share: 1.8", "persistence share = '1.8'"),
            ("hold_ps: 5.0", "hold_ps: 0.0", "reconstructing hold_ps = '0'"),
            ("rate_per_ps: 0.5", "rate_per_ps: -1.0", "growth rate_per_ps = '-1'"),
            ("horizon_ps: 10.0", "horizon_ps: 0.5", "horizon_ps = '0.5'"),
            ("new_bonds", "msd_a", "observable"),
            ("name: test", "name: test\nlength: 3", "unknown field"),
        ] {
            std::fs::write(&path, TEXT.replacen(from, to, 1)).expect("writes");
            let message = Rule::read(&path).expect_err(to).to_string();
            assert!(message.contains(part) && message.contains("rule.yaml"), "{to}: {message}");
        }
    }
}
