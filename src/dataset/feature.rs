//! Names of feature columns, as a type of their own: label-only columns cannot become one.

use std::fmt;
use std::ops::Deref;

use crate::error::{Error, Result};

/// Prefix of columns that only labels are made from.
pub const LABEL_PREFIX: &str = "label:";

/// Columns that say which frame a row is.
pub const KEYS: [&str; 6] = ["run", "lineage", "interface", "frame", "time_ps", "condition"];

/// Names that mean a label, whoever writes them without the prefix.
const LABELS: [&str; 7] = ["state", "class", "label", "outcome", "t_r_ps", "t_u_ps", "end_ps"];

/// Name of a numeric column that may be a model's input.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Feature(String);

impl Feature {
    /// Checks a column's name.
    ///
    /// # Errors
    /// [`Error::Input`] for a label-only column and for the columns that identify a row.
    pub fn new(name: impl Into<String>) -> Result<Self> {
        let name = name.into();
        let bare = name.trim().to_ascii_lowercase();
        if bare.starts_with(LABEL_PREFIX) || LABELS.contains(&bare.as_str()) {
            return Err(Error::input(
                "feature",
                name,
                format!(
                    "a measured column: what labels are made from has the prefix '{LABEL_PREFIX}' and is never an input"
                ),
            ));
        }
        if bare.is_empty() || KEYS.contains(&bare.as_str()) {
            return Err(Error::input("feature", name, "a measured column, not one that identifies the row"));
        }
        Ok(Self(name))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Deref for Feature {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Feature {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl PartialEq<str> for Feature {
    fn eq(&self, other: &str) -> bool {
        self.0 == other
    }
}

impl PartialEq<&str> for Feature {
    fn eq(&self, other: &&str) -> bool {
        self.0 == *other
    }
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_only_columns_can_not_become_features() {
        for name in ["label:state", "label:t_u_ps", " Label:events", "t_u_ps", "t_r_ps", "outcome", "State"] {
            let message = Feature::new(name).expect_err(name).to_string();
            assert!(message.contains("never an input"), "{message}");
        }
        for name in ["run", "time_ps", "interface", ""] {
            let message = Feature::new(name).expect_err(name).to_string();
            assert!(message.contains("identifies the row"), "{message}");
        }
        assert_eq!(Feature::new("msd_a").expect("a descriptor"), "msd_a");
    }

    #[test]
    fn every_descriptor_is_a_feature() {
        for name in crate::registry::frame_names(true) {
            Feature::new(name).expect("a descriptor");
        }
    }
}
