//! The paper's order of methods, confirmed or refuted pair by pair.

use serde::Serialize;

use super::paper::PAPER;
use super::{COMPARED, Difference, Method, paired};
use crate::learn::measures::Measured;

/// What the data say of one pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// The interval lies above zero: the paper's better one is better.
    Confirmed,
    /// It lies below zero.
    Refuted,
    /// It holds zero, or there is none.
    Undecided,
}

/// The paper's better method minus its worse one.
#[derive(Debug, Clone, Serialize)]
pub struct Order {
    /// The difference, on the same resampled lineages.
    #[serde(flatten)]
    pub difference: Difference,
    /// What it says.
    pub finding: Finding,
}

/// All pairs of the paper's five methods that are there, the paper's better one first.
pub(super) fn order(methods: &[Method<'_>], measured: &[Measured]) -> Vec<Order> {
    let place = |name: &str| methods.iter().position(|m| m.recipe.name == name);
    // The paper lists them from the worst to the best.
    let present: Vec<usize> = PAPER.iter().rev().filter_map(|(name, _)| place(name)).collect();
    let mut result = Vec::new();
    for (k, &better) in present.iter().enumerate() {
        for &worse in &present[k + 1..] {
            for difference in paired(methods, measured, better, worse, &COMPARED) {
                let finding = finding(&difference);
                result.push(Order { difference, finding });
            }
        }
    }
    result
}

fn finding(difference: &Difference) -> Finding {
    let interval = &difference.difference;
    if interval.low > 0.0 {
        Finding::Confirmed
    } else if interval.high < 0.0 {
        Finding::Refuted
    } else {
        Finding::Undecided
    }
}

/// One sentence per measure: of how many pairs the data say what, and so of the order as a whole. Each pair
/// has its own 95 %: of ten pairs some are refuted by chance more often than one is, and the sentence says
/// that it counts them without correction.
#[must_use]
pub fn sentences(order: &[Order]) -> Vec<String> {
    let sentence = |measure: &&str| {
        let pairs: Vec<&Order> = order.iter().filter(|o| o.difference.measure == *measure).collect();
        let count = |of: Finding| pairs.iter().filter(|o| o.finding == of).count();
        let [yes, no, open] = [Finding::Confirmed, Finding::Refuted, Finding::Undecided].map(count);
        let verdict = match (yes, no, open) {
            (0, 0, 0) => return None,
            (_, 0, 0) => "confirmed in every pair",
            (_, 0, _) => "undecided",
            _ => "refuted in at least one pair",
        };
        Some(format!(
            "By {measure} the paper's order is {verdict}: of {} pairs {yes} confirmed, {no} refuted, {open} undecided \
             (95 % each, not corrected for their number).",
            pairs.len()
        ))
    };
    COMPARED.iter().filter_map(sentence).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::score::bootstrap::Interval;

    fn pair(low: f64, high: f64) -> Order {
        let difference = Difference {
            winner: "tcn".into(),
            other: "lstm".into(),
            measure: "auroc".into(),
            difference: Interval { value: 0.5 * (low + high), low, high },
        };
        Order { finding: finding(&difference), difference }
    }

    #[test]
    fn an_interval_that_holds_zero_decides_nothing() {
        assert_eq!(pair(0.01, 0.2).finding, Finding::Confirmed);
        assert_eq!(pair(-0.2, -0.01).finding, Finding::Refuted);
        assert_eq!(pair(-0.01, 0.2).finding, Finding::Undecided);
        assert_eq!(pair(f64::NAN, f64::NAN).finding, Finding::Undecided);
    }

    #[test]
    fn one_refuted_pair_refutes_the_order_and_an_open_one_leaves_it_open() {
        let say = |pairs: &[Order]| sentences(pairs).join(" ");
        assert!(say(&[pair(0.1, 0.2)]).contains("order is confirmed in every pair: of 1 pairs 1"));
        assert!(say(&[pair(0.1, 0.2), pair(-0.1, 0.2)]).contains("is undecided"));
        let refuted = say(&[pair(0.1, 0.2), pair(-0.2, -0.1), pair(-0.1, 0.1)]);
        assert!(refuted.contains("refuted in at least one pair: of 3 pairs"), "{refuted}");
        assert!(refuted.contains("not corrected"), "{refuted}");
        assert_eq!(say(&[]), "");
    }
}
