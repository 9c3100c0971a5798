//! What the project set out to reach, and whether it did.

use serde::Serialize;

use super::shift::Shift;
use super::{IN_DOMAIN, Row};
use crate::learn::score::bootstrap::Interval;

/// Which side of its aim a value should lie on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// A score.
    AtLeast,
    /// What is lost against unseen lineages of the trained conditions.
    LossAtMost,
}

/// A number to reach.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Target {
    /// Test set.
    pub test: &'static str,
    /// Measure.
    pub measure: &'static str,
    /// Which side is good.
    pub bound: Bound,
    /// The number.
    pub aim: f64,
}

const fn score(measure: &'static str, aim: f64) -> Target {
    Target { test: IN_DOMAIN, measure, bound: Bound::AtLeast, aim }
}

const fn loss(test: &'static str, measure: &'static str, aim: f64) -> Target {
    Target { test, measure, bound: Bound::LossAtMost, aim }
}

/// The project's targets, set before any evaluation on the test set.
pub const TARGETS: [Target; 11] = [
    score("macro_f1", 0.90),
    score("auroc", 0.95),
    score("auroc_within", 0.85),
    loss("temperature", "macro_f1", 0.03),
    loss("temperature", "auroc", 0.03),
    loss("orientation", "macro_f1", 0.05),
    loss("orientation", "auroc", 0.05),
    loss("defects", "macro_f1", 0.06),
    loss("defects", "auroc", 0.06),
    loss("material", "macro_f1", 0.09),
    loss("material", "auroc", 0.09),
];

/// A target and what was measured.
#[derive(Debug, Clone, Serialize)]
pub struct Outcome {
    /// The target.
    #[serde(flatten)]
    pub target: Target,
    /// The method that wins on validation.
    pub method: String,
    /// Its value, mean over seeds.
    pub value: Interval,
    /// `met`, `missed by x`, or that it was not scored.
    pub finding: String,
}

impl Target {
    /// The target in words.
    #[must_use]
    pub fn words(&self) -> String {
        let measure = match self.measure {
            "macro_f1" => "macro-F1 of the states",
            "auroc" => "AUROC of the warning",
            "auroc_within" => "AUROC of the warning within a condition",
            other => other,
        };
        match self.bound {
            Bound::AtLeast => format!("{measure}, {}: at least {:.2}", self.test, self.aim),
            Bound::LossAtMost => format!("{measure}, lost in other {}: at most {:.2}", self.test, self.aim),
        }
    }

    /// What a value says of it. Intervals have no say: a target is met or missed by the number.
    fn finding(&self, value: f64) -> String {
        let short = match self.bound {
            Bound::AtLeast => self.aim - value,
            Bound::LossAtMost => value - self.aim,
        };
        if value.is_nan() {
            "not scored".to_owned()
        } else if short <= 1e-12 {
            "met".to_owned()
        } else {
            format!("missed by {short:.3}")
        }
    }
}

/// All targets beside what the winner reached; empty without one.
pub(super) fn outcomes(winner: Option<&Row>, shifts: &[Shift]) -> Vec<Outcome> {
    let Some(winner) = winner else { return Vec::new() };
    let value = |target: &Target| match target.bound {
        Bound::AtLeast => winner.scores.get(target.measure).copied(),
        Bound::LossAtMost => {
            let found = shifts.iter().find(|s| s.test == target.test && s.method == winner.method);
            found.and_then(|s| s.drop.as_ref()?.get(target.measure).copied())
        }
    };
    TARGETS
        .iter()
        .map(|target| {
            let value = value(target).unwrap_or(Interval::bare(f64::NAN));
            let finding = target.finding(value.value);
            Outcome { target: *target, method: winner.method.clone(), value, finding }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_is_met_above_its_aim_and_a_loss_below() {
        let found = |target: Target, value: f64| target.finding(value);
        assert_eq!(found(score("auroc", 0.95), 0.95), "met");
        assert_eq!(found(score("auroc", 0.95), 0.912), "missed by 0.038");
        assert_eq!(found(loss("defects", "auroc", 0.06), -0.01), "met");
        assert_eq!(found(loss("defects", "auroc", 0.06), 0.1), "missed by 0.040");
        assert_eq!(found(loss("defects", "auroc", 0.06), f64::NAN), "not scored");
    }

    #[test]
    fn nothing_is_met_without_a_winner() {
        assert!(outcomes(None, &[]).is_empty());
        assert_eq!(score("auroc", 0.95).words(), "AUROC of the warning, in-domain: at least 0.95");
    }
}
