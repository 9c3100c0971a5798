//! Ablations of the winner: which method they are of is known only when the comparison is trained.

use super::evaluate;
use super::plan::{Group, Method, Plan, Recipe};
use crate::dataset::Table;
use crate::error::Result;

/// Whether a recipe is an ablation of whatever wins.
#[must_use]
pub fn is_of_winner(recipe: &Recipe) -> bool {
    matches!(recipe.method, Method::Winner { .. })
}

/// The method of the comparison that the fix can load and that is best on validation; none before any is
/// trained.
///
/// # Errors
/// What preparing and reading verdicts return.
pub fn find(plan: &Plan, table: &Table) -> Result<Option<Recipe>> {
    let mut comparison = plan.clone();
    comparison.methods.retain(|recipe| recipe.group == Group::Comparison && recipe.ships());
    let prepared = evaluate::prepare(table, &comparison)?;
    let (methods, _) = evaluate::load(&comparison, table, &prepared)?;
    Ok(evaluate::winner(&methods)?.map(|k| methods[k].recipe.clone()))
}

/// The plan with a method in the place of `kind: winner`: its inputs, training, stride, columns, window and
/// sampling, too, but for what the ablation says otherwise.
#[must_use]
pub fn resolved(plan: &Plan, whole: &Recipe) -> Plan {
    let mut plan = plan.clone();
    for recipe in &mut plan.methods {
        if let Method::Winner { inputs } = recipe.method {
            recipe.method = whole.method.clone();
            recipe.inputs = inputs.unwrap_or(whole.inputs);
            recipe.training = whole.training.clone();
            recipe.stride = whole.stride;
            recipe.window = recipe.window.or(whole.window);
            recipe.every = recipe.every.max(whole.every);
            recipe.columns.within(&whole.columns);
            recipe.whole = Some(whole.name.clone());
        }
    }
    plan
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::spec::Inputs;

    #[test]
    fn the_winner_takes_its_place_with_its_settings() {
        let text = "data: {path: d}\nout: o\nmethods:\n  - {name: gb, method: {kind: boosting, depth: 3}, inputs: both, stride: 2}\n  - {name: no-gap, group: ablation, window: 16, method: {kind: winner}, columns: {without: [gap]}}\n  - {name: shifts, group: ablation, method: {kind: winner, inputs: shift}}\n";
        let plan: Plan = serde_yaml::from_str(text).expect("a plan");
        assert_eq!(plan.methods.iter().filter(|r| is_of_winner(r)).count(), 2);
        let resolved = resolved(&plan, &plan.methods[0]);
        assert_eq!(resolved.methods[0], plan.methods[0]);
        let (without, shifts) = (&resolved.methods[1], &resolved.methods[2]);
        assert_eq!((&without.method, without.stride), (&plan.methods[0].method, 2));
        assert_eq!((without.inputs, shifts.inputs), (Inputs::Both, Inputs::Shift));
        assert_eq!((without.window, without.columns.without.len()), (Some(16), 1));
        assert_eq!(without.whole.as_deref(), Some("gb"));
    }
}
