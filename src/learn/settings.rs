//! Settings of the methods that are no networks, with their defaults and what they must be.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Settings of boosted trees.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Boosting {
    /// Rounds; each adds a tree per output.
    pub rounds: usize,
    /// Splits of a tree in depth.
    pub depth: usize,
    /// Share of a tree that counts.
    pub rate: f64,
    /// Share of windows that a tree sees.
    pub rows: f64,
    /// Share of features that a tree may split on.
    pub features: f64,
    /// Least sum of second derivatives in a leaf.
    pub leaf: f64,
    /// Added to that sum.
    pub ridge: f64,
    /// Rounds without a better validation loss before it ends.
    pub patience: usize,
}

impl Default for Boosting {
    fn default() -> Self {
        Self {
            rounds: 200,
            depth: 4,
            rate: 0.08,
            rows: 0.6,
            features: 0.3,
            leaf: 5.0,
            ridge: 1.0,
            patience: 25,
        }
    }
}

impl Boosting {
    pub(super) fn check(&self) -> Result<()> {
        if !(1..=10).contains(&self.depth) {
            return Err(Error::input("depth", self.depth, "1 to 10"));
        }
        at_least_one(&[("rounds", self.rounds), ("patience", self.patience)])?;
        for (key, share) in [("rate", self.rate), ("rows", self.rows), ("features", self.features)] {
            if !(share > 0.0 && share <= 1.0) {
                return Err(Error::input(key, share, "above 0 and at most 1"));
            }
        }
        if !(self.leaf >= 0.0 && self.leaf.is_finite()) {
            return Err(Error::input("leaf", self.leaf, "0 or more"));
        }
        // Leaves that no window reaches are 0 / ridge.
        above_zero(&[("ridge", self.ridge)])
    }
}

pub(super) fn at_least_one(settings: &[(&str, usize)]) -> Result<()> {
    match settings.iter().find(|(_, value)| *value == 0) {
        Some((key, value)) => Err(Error::input(*key, value, "at least 1")),
        None => Ok(()),
    }
}

fn above_zero(settings: &[(&str, f64)]) -> Result<()> {
    match settings.iter().find(|(_, value)| !(*value > 0.0 && value.is_finite())) {
        Some((key, value)) => Err(Error::input(*key, value, "above 0")),
        None => Ok(()),
    }
}

/// Settings of the support vector machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Svm {
    /// Frames at most; time grows with the square and more.
    pub frames: usize,
    /// Cost of an error.
    pub cost: f64,
    /// Width of the kernel, exp(-|x - y|^2 / width), in multiples of the number of channels.
    pub width: f64,
}

impl Default for Svm {
    fn default() -> Self {
        Self { frames: 3000, cost: 1.0, width: 2.0 }
    }
}

/// Settings of the random convolutions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rocket {
    /// Features.
    pub features: usize,
    /// Windows at most.
    pub windows: usize,
}

impl Svm {
    pub(super) fn check(&self) -> Result<()> {
        at_least_one(&[("frames", self.frames)])?;
        above_zero(&[("cost", self.cost), ("width", self.width)])
    }
}

impl Rocket {
    pub(super) fn check(&self) -> Result<()> {
        at_least_one(&[("features", self.features), ("windows", self.windows)])
    }
}

impl Default for Rocket {
    fn default() -> Self {
        Self { features: 1000, windows: 12_000 }
    }
}
