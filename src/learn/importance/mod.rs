//! Fig. 4: which descriptors matter at which stage, and what that map is worth.
//!
//! Enters: trained methods and the series to score. Leaves: a [`Figure4`]. A category or a group of
//! descriptors is hidden by the values of stable series of the same condition at the same time; series
//! that have no such counterpart are left out and counted. Descriptors that correlate are hidden together,
//! and channels that are made of a descriptor with it.

pub mod checks;
#[cfg(feature = "train")]
pub mod gradients;
pub mod occlusion;
pub mod windows;

use serde::Serialize;

use super::correlation::{Group, groups};
use super::evaluate::{Method, On, Row};
use super::inputs::{Standardised, standardise};
use super::plan::{self, Plan};
use super::run::MODEL;
use crate::error::Result;
use crate::model::Model;
use crate::model::spec::EncoderSpec;
use crate::model::stream::stream;
use checks::{Deletion, Stability, deletion, stability};
pub use occlusion::Importance;
use occlusion::{map, stages};
use windows::{DONORS, Windows};

/// A group of descriptors and what is lost without it.
#[derive(Debug, Clone, Serialize)]
pub struct Fall {
    /// The descriptors.
    pub group: String,
    /// Mean fall of the true state's probability in windows that are no longer stable.
    #[serde(with = "crate::stream::nan")]
    pub fall: f64,
}

/// Integrated gradients of the best network.
#[derive(Debug, Clone, Serialize)]
pub struct Gradients {
    /// The network.
    pub method: String,
    /// Seed of its model.
    pub seed: u64,
    /// Windows, points and completeness.
    #[cfg(feature = "train")]
    pub quality: gradients::Quality,
    /// Share of all |attributions| by stage and category; the channels made of a descriptor count for its
    /// category, so that shares of a stage sum to 1.
    pub shares: Vec<Share>,
    /// Rank correlation of the attributed and the occluded map over groups of descriptors.
    pub agreement: Option<f64>,
}

/// A share of the attributions.
#[derive(Debug, Clone, Serialize)]
pub struct Share {
    /// Stage of the evolution.
    pub stage: String,
    /// Category.
    pub category: String,
    /// Share.
    #[serde(with = "crate::stream::nan")]
    pub share: f64,
}

/// Fig. 4 with its checks.
#[derive(Debug, Clone, Serialize)]
pub struct Figure4 {
    /// Method.
    pub method: String,
    /// Seed of its model.
    pub seed: u64,
    /// Scored series.
    pub series: usize,
    /// Of them, those without a stable series of the same condition in another lineage: left out.
    pub unmatched: usize,
    /// Stable series that stand in for each, at most.
    pub donors: usize,
    /// Windows.
    pub windows: usize,
    /// Stage x category.
    pub stages: Vec<Importance>,
    /// Groups of descriptors, the most important first.
    pub groups: Vec<Fall>,
    /// Deletion and insertion against random order.
    pub deletion: Option<Deletion>,
    /// Maps of other counterparts, random weights and other seeds.
    pub stability: Option<Stability>,
    /// Integrated gradients; none without networks.
    pub gradients: Option<Gradients>,
}

/// A method's models, the one that is shown first, and what they see.
struct Look {
    models: Vec<Model>,
    standardised: Standardised,
    groups: Vec<Group>,
    windows: Windows,
}

impl Look {
    fn of(method: &Method<'_>, rows: &[Row], plan: &Plan, on: On) -> Result<Option<Self>> {
        let data = method.data;
        let mut models = Vec::new();
        let row = rows.iter().find(|row| row.method == method.recipe.name);
        let mut seeds = method.seeds.clone();
        seeds.sort_by_key(|&seed| row.is_none_or(|row| row.shown_seed != seed));
        for seed in seeds {
            let path = plan.folder(method.recipe, seed).join(MODEL);
            if path.is_file() {
                models.push(Model::read(&path)?);
            }
        }
        let standardised = standardise(&data.set, &data.folds, method.recipe)?;
        let groups = groups(&data.set, &data.folds, &standardised.columns);
        let memory =
            matches!(method.recipe.method, plan::Method::Network { model: EncoderSpec::Lstm { .. }, .. });
        let windows = Windows::of(data, &standardised, on, memory, 1);
        Ok((!models.is_empty()).then_some(Self { models, standardised, groups, windows }))
    }
}

/// Fig. 4 for a method, with the integrated gradients of the best network; `None` where the method has no
/// model that the fix could load. `rows` tell which seed is shown and which network is best on validation.
///
/// # Errors
/// What reading models and standardising return.
pub fn figure4(
    method: &Method<'_>,
    methods: &[Method<'_>],
    rows: &[Row],
    plan: &Plan,
    on: On,
    draws: usize,
) -> Result<Option<Figure4>> {
    let Some(look) = Look::of(method, rows, plan, on)? else { return Ok(None) };
    let Look { models, standardised, groups, windows } = &look;
    let mut first = stream(&models[0])?;
    let classes = &method.data.set.classes;
    let name = &method.recipe.name;
    let falls = map(first.as_mut(), windows, standardised, groups, 0);
    let mut by_group: Vec<Fall> =
        groups.iter().zip(&falls).map(|(g, &fall)| Fall { group: g.name.clone(), fall }).collect();
    by_group.sort_by(|a, b| b.fall.total_cmp(&a.fall));
    Ok(Some(Figure4 {
        method: name.clone(),
        seed: models[0].meta.seed,
        series: windows.series,
        unmatched: windows.unmatched,
        donors: DONORS,
        windows: windows.all.len(),
        stages: stages(name, first.as_mut(), windows, standardised, classes, draws),
        groups: by_group,
        deletion: deletion(first.as_mut(), windows, standardised, groups, draws),
        stability: stability(models, windows, standardised, groups)?,
        gradients: best_network(methods, rows).map(|m| attributed(m, rows, plan, on)).transpose()?.flatten(),
    }))
}

/// The network of the comparison with the best validation.
fn best_network<'a, 'b>(methods: &'b [Method<'a>], rows: &[Row]) -> Option<&'b Method<'a>> {
    let rank = |method: &Method<'_>| {
        let row = rows.iter().find(|row| row.method == method.recipe.name);
        let value = |name: &str| row.and_then(|row| row.validation.get(name)).copied().unwrap_or(0.0);
        value("macro_f1") + value("auroc")
    };
    methods
        .iter()
        .filter(|m| {
            m.recipe.group == plan::Group::Comparison
                && matches!(m.recipe.method, plan::Method::Network { .. })
        })
        .max_by(|a, b| rank(a).total_cmp(&rank(b)))
}

#[cfg(not(feature = "train"))]
fn attributed(_: &Method<'_>, _: &[Row], _: &Plan, _: On) -> Result<Option<Gradients>> {
    Ok(None)
}

#[cfg(feature = "train")]
fn attributed(method: &Method<'_>, rows: &[Row], plan: &Plan, on: On) -> Result<Option<Gradients>> {
    let Some(look) = Look::of(method, rows, plan, on)? else { return Ok(None) };
    let Look { models, standardised, groups, windows } = &look;
    let Some(found) = gradients::attribute(&models[0], windows)? else { return Ok(None) };
    let columns = &standardised.columns;
    let mut shares = Vec::new();
    for (state, stage) in method.data.set.classes.iter().enumerate() {
        let of = |category: crate::registry::Category| -> f64 {
            let mine = found.windows.iter().filter(|(s, _)| *s == state);
            mine.flat_map(|(_, by_channel)| by_channel.iter().enumerate())
                .filter(|(channel, _)| {
                    let column = &columns[channel % columns.len()];
                    let head = plan::parent_of(column).unwrap_or(column.as_str());
                    plan::category_of(head) == Some(category)
                })
                .map(|(_, value)| value.abs())
                .sum()
        };
        let sums: Vec<f64> = occlusion::CATEGORIES.iter().map(|(_, category)| of(*category)).collect();
        let total: f64 = sums.iter().sum();
        shares.extend(occlusion::CATEGORIES.iter().zip(sums).map(|((category, _), sum)| Share {
            stage: stage.clone(),
            category: (*category).to_owned(),
            share: sum / total,
        }));
    }
    // Signed, as a fall is, over windows that are no longer stable.
    let by_group: Vec<f64> = groups
        .iter()
        .map(|group| {
            let late = found.windows.iter().filter(|(state, _)| *state > 0);
            late.flat_map(|(_, by_channel)| by_channel.iter().enumerate())
                .filter(|(channel, _)| group.columns.contains(&columns[channel % columns.len()]))
                .map(|(_, value)| value)
                .sum()
        })
        .collect();
    let falls = map(stream(&models[0])?.as_mut(), windows, standardised, groups, 0);
    let agreement = super::correlation::spearman(&by_group, &falls);
    Ok(Some(Gradients {
        method: method.recipe.name.clone(),
        seed: models[0].meta.seed,
        quality: found.quality,
        shares,
        agreement: agreement.is_finite().then_some(agreement),
    }))
}
