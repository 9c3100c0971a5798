//! What the label counts, at every frame: for telling how much of a result is the label itself.
//!
//! No model can see it: it is read apart from the tables that models learn from, and used in two places
//! only, to find descriptors that are nearly the label ([`ranked`]), whose loss is an ablation, and for the
//! oracle, a method that evaluation makes up and no plan can ask for ([`oracle`]).

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use super::boost::Rows;
use super::calibrate::{self, logits_of};
use super::correlation::{KIN, spearman};
use super::evaluate::{Method, Prepared};
use super::folds::Fold;
use super::inputs::{of_fold, samples};
use super::logistic::Logistic;
use super::plan::{self, Recipe};
use super::prepare::{self, Set};
use super::run::{PERSIST, RATE, alarm_level};
use super::verdicts::Verdicts;
use crate::error::{Error, Result};
use crate::model::stream::Said;
use crate::onset::labels::LABELS;
use crate::onset::{Labels, source};

/// Name of the oracle in tables.
pub const ORACLE: &str = "null-oracle";

/// Times and counts of interfaces.
#[derive(Debug, Clone, Default)]
pub struct LabelCounts(BTreeMap<(String, usize), (Vec<f64>, Vec<f64>)>);

/// A column that goes with the label's count.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Kin {
    /// The column.
    pub column: String,
    /// Rank correlation with the count over the training series.
    pub rho: f64,
}

impl LabelCounts {
    /// Counts of all labelled data sets at a path: one, or a folder of such. None are there for tables of
    /// other origin.
    ///
    /// # Errors
    /// [`Error::File`] when labels or events cannot be read.
    pub fn read(path: &Path) -> Result<Self> {
        let mut folders = vec![path.to_owned()];
        if let Ok(entries) = std::fs::read_dir(path) {
            folders.extend(entries.flatten().map(|entry| entry.path()));
        }
        folders.sort();
        let mut counts = BTreeMap::new();
        for folder in folders.iter().filter(|folder| folder.join(LABELS).is_file()) {
            let rule = Labels::read(&folder.join(LABELS))?.rule;
            for one in source::watched(folder)? {
                // What is there now: whether it persists only the future knows.
                let count = one.count(&rule);
                let now = count.passing.iter().map(|&n| f64::from(n)).collect();
                counts.insert((one.run, one.interface), (count.time_ps, now));
            }
        }
        Ok(Self(counts))
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The count of an interface at a time; `None` where it is not known.
    fn at(&self, series: &prepare::Prepared, time_ps: f64) -> Option<f64> {
        let (times, counts) = self.0.get(&(series.run.clone(), series.interface))?;
        let next = times.partition_point(|&t| t <= time_ps + 1e-6);
        // Counts end before the frames do, by what persistence looks ahead.
        (next > 0).then(|| counts[next - 1])
    }
}

/// Columns of a set by how they go with the count over training series, the closest first; empty where
/// there is no count.
#[must_use]
pub fn ranked(counts: &LabelCounts, set: &Set, folds: &[Fold]) -> Vec<Kin> {
    let total = of_fold(set, folds, &Fold::Train).map(|k| set.series[k].verdicts().count()).sum::<usize>();
    let stride = total.div_ceil(4000).max(1);
    let mut places: Vec<(usize, usize)> = Vec::new();
    let mut truth = Vec::new();
    for k in of_fold(set, folds, &Fold::Train) {
        let one = &set.series[k];
        for frame in one.verdicts().step_by(stride) {
            if let Some(count) = counts.at(one, one.time_ps[frame]) {
                places.push((k, frame));
                truth.push(count);
            }
        }
    }
    let mut ranked: Vec<Kin> = set
        .columns
        .iter()
        .enumerate()
        .map(|(place, column)| {
            let values: Vec<f64> =
                places.iter().map(|&(k, frame)| f64::from(set.series[k].row(frame)[place])).collect();
            Kin { column: column.clone(), rho: spearman(&values, &truth) }
        })
        .filter(|kin| kin.rho.is_finite())
        .collect();
    ranked.sort_by(|a, b| b.rho.abs().total_cmp(&a.rho.abs()));
    ranked
}

/// The recipe with the names of the columns that are nearly the label, |rho| above [`KIN`], among those that
/// it is to do without.
///
/// # Errors
/// [`Error::Input`] where the data set has no counts; what reading them returns.
pub fn without_kin(recipe: &Recipe, data: &Path, set: &Set, folds: &[Fold]) -> Result<Recipe> {
    let mut recipe = recipe.clone();
    if recipe.columns.without_kin {
        let counts = LabelCounts::read(data)?;
        if counts.is_empty() {
            return Err(Error::input("without_kin", &recipe.name, "a data set with labels and their events"));
        }
        let near = ranked(&counts, set, folds).into_iter().filter(|kin| kin.rho.abs() > KIN);
        recipe.columns.without.extend(near.map(|kin| kin.column));
    }
    Ok(recipe)
}

/// What the oracle is called and counts as; no plan file can name its kind.
#[must_use]
pub fn oracle_recipe() -> Recipe {
    Recipe::new(ORACLE, plan::Method::Oracle)
}

/// The oracle: a logistic regression on the label's own count at the frame. What it scores is what kinship
/// with the label is worth; none where there are no counts.
///
/// # Errors
/// [`Error::Input`] when nothing can be trained on.
pub fn oracle<'a>(
    recipe: &'a Recipe,
    counts: &LabelCounts,
    data: &'a Prepared,
) -> Result<Option<Method<'a>>> {
    let Prepared { set, folds } = data;
    let mut rows = Rows { width: 1, ..Rows::default() };
    for (k, frame) in samples(set, of_fold(set, folds, &Fold::Train), recipe.stride) {
        let one = &set.series[k];
        if let Some(count) = counts.at(one, one.time_ps[frame]) {
            rows.x.push(count as f32);
            rows.state.push(one.state[frame]);
            rows.warning.push(one.warning[frame]);
        }
    }
    if rows.state.is_empty() {
        return Ok(None);
    }
    let logistic = Logistic::fit(&rows, set.classes.len());
    let say = |series: &prepare::Prepared| -> Vec<Said> {
        let seen = |frame: usize| counts.at(series, series.time_ps[frame]).unwrap_or(0.0) as f32;
        series.verdicts().map(|frame| logistic.say(&[seen(frame)])).collect()
    };
    let calibration =
        calibrate::fit(set, folds, |_, series| Ok::<_, Error>(say(series).iter().map(logits_of).collect()))?;
    let verdicts = Verdicts::of(set, folds, &mut |_, series| {
        Ok(say(series).iter().map(|said| calibration.apply(logits_of(said)).said()).collect())
    })?;
    let level = alarm_level(set, &|k| folds[k] == Fold::Calibrate, &verdicts, PERSIST, RATE);
    Ok(Some(Method { recipe, data, spoken: vec![(verdicts, level)], seeds: vec![1] }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::replicas::tests::series;

    #[test]
    fn no_plan_can_ask_for_the_oracle() {
        let text = "data: {path: d}\nout: o\nmethods:\n  - {name: cheat, method: {kind: oracle}}\n";
        let error = serde_yaml::from_str::<plan::Plan>(text).expect_err("not a method of plans").to_string();
        assert!(error.contains("oracle"), "{error}");
    }

    #[test]
    fn the_column_that_is_the_count_is_found_and_left_out() {
        // Column 0 is the count with another unit, column 1 goes its own way.
        let all: Vec<prepare::Prepared> = ["a", "b", "c"]
            .iter()
            .map(|name| {
                let mut one = series(name, name, None);
                one.width = 2;
                one.rows =
                    (0..60).flat_map(|t| [3.0 * f32::floor(t as f32 / 9.0), (t * 37 % 11) as f32]).collect();
                one
            })
            .collect();
        let counts = LabelCounts(
            all.iter()
                .map(|one| {
                    let counts = one.time_ps.iter().map(|t| (t / 9.0).floor()).collect();
                    ((one.run.clone(), one.interface), (one.time_ps.clone(), counts))
                })
                .collect(),
        );
        let set = Set {
            columns: vec!["bonds_formed".into(), "gap".into()],
            classes: ["stable", "reconstructing", "unstable"].map(str::to_owned).to_vec(),
            series: all,
            window: 8,
            every: 1,
            sample_ps: 1.0,
            settings: None,
            horizon: crate::dataset::target::Horizon::default(),
            hash: String::new(),
        };
        let ranked = ranked(&counts, &set, &vec![Fold::Train; 3]);
        assert_eq!(ranked[0].column, "bonds_formed");
        assert!((ranked[0].rho - 1.0).abs() < 1e-12 && ranked[1].rho.abs() < KIN, "{ranked:?}");
        assert!(super::ranked(&LabelCounts::default(), &set, &vec![Fold::Train; 3]).is_empty());
    }
}
