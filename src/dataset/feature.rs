//! Names of feature columns, as a type of their own: label-only columns cannot become one.

use std::fmt;
use std::ops::Deref;

use crate::error::{Error, Result};

/// Prefix of columns that only labels are made from.
pub const LABEL_PREFIX: &str = "label:";

/// Columns that say which frame a row is.
pub const KEYS: [&str; 6] = ["run", "lineage", "interface", "frame", "time_ps", "condition"];

/// Names that mean a label, whoever writes them without the prefix: what is written beside frames, and the
/// columns of the table of labels.
const LABELS: [&str; 5] = ["state", "class", "end_ps", "largest_count", "last_count"];

/// Beginnings of such names, as they are commonly written: `label_state`, `t_R`, `until_ps`, `event_ps`.
const BEGINNINGS: [&str; 6] = ["label", "outcome", "t_r", "t_u", "until", "event"];

/// Whether a name means something that is known from the whole run only.
pub(super) fn is_label(name: &str) -> bool {
    let bare = name.trim().to_ascii_lowercase();
    LABELS.contains(&bare.as_str()) || BEGINNINGS.iter().any(|begin| bare.starts_with(begin))
}

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
        if is_label(&name) {
            return Err(Error::input(
                "feature",
                name,
                format!(
                    "a measured column: what labels are made from has the prefix '{LABEL_PREFIX}' and is never an input"
                ),
            ));
        }
        let bare = name.trim().to_ascii_lowercase();
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
        for name in [
            "label:state",
            " Label:events",
            "t_u_ps",
            "T_R",
            "Outcome",
            "State",
            "until_ps",
            "last_count",
            "largest_count",
            "label_state",
            "labels",
            "event_ps",
        ] {
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
