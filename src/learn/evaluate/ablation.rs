//! What is lost without something: each ablation of the winner against the winner, on the same lineages.

use serde::Serialize;

use super::{Difference, IN_DOMAIN_STREAM, Method};
use crate::learn::measures::Measured;
use crate::learn::score::bootstrap::Interval;
use crate::learn::scored::Scored;

/// What is compared.
const COMPARED: [&str; 4] = ["macro_f1", "auroc", "auroc_within", "auprc"];

/// An ablation and the whole method where both can be scored.
#[derive(Debug, Clone, Serialize)]
pub struct Ablated {
    /// Whole method minus ablation.
    #[serde(flatten)]
    pub difference: Difference,
    /// Training seeds of both: the mean is over them.
    pub seeds: Vec<u64>,
    /// The whole method there.
    pub whole: Interval,
    /// The ablation there.
    pub without: Interval,
}

/// Whole method minus ablation, equal seeds joined, at the times at which both speak: other windows and
/// sampling intervals have other baselines. `scored` are the verdicts of all methods on the same series; an
/// ablation that was judged on others, or with other seeds only, is left out.
pub(super) fn differences(methods: &[Method<'_>], scored: &[Vec<Scored>], draws: usize) -> Vec<Ablated> {
    let mut result = Vec::new();
    for (k, method) in methods.iter().enumerate() {
        let is_whole = |other: &Method<'_>| Some(&other.recipe.name) == method.recipe.whole.as_ref();
        let Some(whole) = methods.iter().position(is_whole) else { continue };
        let (mut seeds, mut full, mut part) = (Vec::new(), Vec::new(), Vec::new());
        for (seed, place, other) in joined(&methods[whole].seeds, &method.seeds) {
            if let Some((a, b)) = scored[whole][place].in_common(&scored[k][other]) {
                seeds.push(seed);
                full.push(a);
                part.push(b);
            }
        }
        if seeds.is_empty() {
            continue;
        }
        let [full, part] = [full, part].map(|of| Measured::new(&of, draws, IN_DOMAIN_STREAM));
        let (all, whole_scores, without) = (full.minus(&part), full.scores(), part.scores());
        result.extend(COMPARED.map(|measure| Ablated {
            difference: Difference {
                winner: methods[whole].recipe.name.clone(),
                other: method.recipe.name.clone(),
                measure: measure.to_owned(),
                difference: all[measure],
            },
            seeds: seeds.clone(),
            whole: whole_scores[measure],
            without: without[measure],
        }));
    }
    result
}

/// Seeds that two methods share, with their places in both.
fn joined(a: &[u64], b: &[u64]) -> Vec<(u64, usize, usize)> {
    let other = |seed: &u64| b.iter().position(|found| found == seed);
    a.iter().enumerate().filter_map(|(place, seed)| Some((*seed, place, other(seed)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::joined;

    #[test]
    fn seeds_are_joined_by_number_not_by_place() {
        assert_eq!(joined(&[1, 2, 3], &[3, 5, 1]), [(1, 0, 2), (3, 2, 0)]);
        assert!(joined(&[1], &[2]).is_empty());
    }
}
