//! What is lost without something: each ablation of the winner against the winner, on the same lineages.

use super::{Difference, IN_DOMAIN_STREAM, Method};
use crate::learn::measures::Measured;
use crate::learn::scored::Scored;

/// What is compared.
const COMPARED: [&str; 4] = ["macro_f1", "auroc", "auroc_within", "auprc"];

/// Whole method minus ablation, of their first seeds, at the times at which both speak: other windows and
/// sampling intervals have other baselines. `scored` are the verdicts of all methods on the same series; an
/// ablation that was judged on others is left out.
pub(super) fn differences(methods: &[Method<'_>], scored: &[Vec<Scored>], draws: usize) -> Vec<Difference> {
    let measured = |one: Scored| Measured::new(&[one], draws, IN_DOMAIN_STREAM);
    let mut result = Vec::new();
    for (k, method) in methods.iter().enumerate() {
        let is_whole = |other: &Method<'_>| Some(&other.recipe.name) == method.recipe.whole.as_ref();
        let Some(whole) = methods.iter().position(is_whole) else { continue };
        let Some((full, part)) = scored[whole][0].in_common(&scored[k][0]) else { continue };
        let all = measured(full).minus(&measured(part));
        result.extend(COMPARED.map(|measure| Difference {
            winner: methods[whole].recipe.name.clone(),
            other: method.recipe.name.clone(),
            measure: measure.to_owned(),
            difference: all[measure],
        }));
    }
    result
}
