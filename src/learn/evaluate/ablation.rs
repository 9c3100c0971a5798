//! What is lost without something: each ablation of the winner against the winner, on the same lineages.

use super::{Difference, IN_DOMAIN_STREAM, Method};
use crate::learn::measures::Measured;
use crate::learn::scored::Scored;

/// What is compared.
const COMPARED: [&str; 4] = ["macro_f1", "auroc", "auroc_within", "auprc"];

/// Whole method minus ablation, of their first seeds. `scored` are the verdicts of all methods on the same
/// series; an ablation that was judged on others is left out.
pub(super) fn differences(methods: &[Method<'_>], scored: &[Vec<Scored>], draws: usize) -> Vec<Difference> {
    let first = |k: usize| Measured::new(&scored[k][..1], draws, IN_DOMAIN_STREAM);
    let mut result = Vec::new();
    for (k, method) in methods.iter().enumerate() {
        let is_whole = |other: &Method<'_>| Some(&other.recipe.name) == method.recipe.whole.as_ref();
        let Some(whole) = methods.iter().position(is_whole) else { continue };
        if scored[whole][0].runs != scored[k][0].runs {
            continue;
        }
        let all = first(whole).minus(&first(k));
        result.extend(COMPARED.map(|measure| Difference {
            winner: methods[whole].recipe.name.clone(),
            other: method.recipe.name.clone(),
            measure: measure.to_owned(),
            difference: all[measure],
        }));
    }
    result
}
