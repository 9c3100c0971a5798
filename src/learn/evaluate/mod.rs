//! Evaluation: from what every method said to the numbers of tables and figures.
//!
//! Enters: a plan whose methods are trained. Leaves: a [`Report`], all of it plain data; drawing and
//! writing are in [`super::report`].

pub mod ablation;
pub mod census;
pub mod order;
pub mod paper;
pub mod shift;
pub mod targets;

use std::collections::BTreeMap;

use serde::Serialize;

use super::folds::{self, Fold, IN_DOMAIN, assign};
use super::label_count::Kin;
use super::measures::{MEASURES, Measured};
use super::plan::{Group, Plan, Recipe};
use super::prepare::Set;
use super::replicas::Replicas;
use super::report::record::Evaluation;
use super::run::{PERSIST, RATE, VERDICTS, alarm_level, is_done};
use super::score::bootstrap::Interval;
use super::score::calibration::Bin;
use super::scored::Scored;
use super::verdicts::Verdicts;
use crate::dataset::Table;
use crate::error::{Error, Result};
use crate::model::meta::AlarmLevel;
use ablation::Ablated;
use census::{Count, counts, notes};
use order::{Order, order};
use shift::{Shift, shift};
use targets::Outcome;

/// What differences between methods are given of.
pub(super) const COMPARED: [&str; 8] = [
    "accuracy",
    "macro_f1",
    "auc",
    "auroc",
    "auprc",
    "lead_ps_median",
    "lead_ps_mean",
    "lead_ps_mean_matched",
];

/// Which lineages are scored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum On {
    /// Unseen ones, and other conditions.
    #[default]
    Test,
    /// Those of validation: for choosing settings, while the test set stays untouched. Early stopping has
    /// seen these lineages.
    Validation,
}

impl On {
    /// Whether a fold is scored.
    #[must_use]
    pub fn scores(self, fold: &Fold) -> bool {
        match self {
            Self::Test => matches!(fold, Fold::Test(name) if name == IN_DOMAIN),
            Self::Validation => *fold == Fold::Valid,
        }
    }

    /// Whether a fold may be looked at in any way, as in a figure of all runs.
    #[must_use]
    pub fn shows(self, fold: &Fold) -> bool {
        match (self, fold) {
            (_, Fold::Null | Fold::Unused) | (Self::Validation, Fold::Test(_)) => false,
            (Self::Test, Fold::Test(name)) => name == IN_DOMAIN,
            (_, Fold::Train | Fold::Valid | Fold::Calibrate) => true,
        }
    }

    /// Whether the outcomes of a fold may be counted: on validation not those of test sets and nulls, which
    /// settings must not be chosen by.
    #[must_use]
    pub fn counts(self, fold: &Fold) -> bool {
        self.shows(fold) || (self == Self::Test && !matches!(fold, Fold::Unused))
    }
}

/// A method's verdicts, one per seed.
pub struct Method<'a> {
    /// Its recipe.
    pub recipe: &'a Recipe,
    /// Prepared data and folds that its verdicts belong to.
    pub data: &'a Prepared,
    /// Per seed: verdicts and alarm threshold, if there were stable runs to choose it on.
    pub spoken: Vec<(Verdicts, Option<AlarmLevel>)>,
    /// The seeds, in that order.
    pub seeds: Vec<u64>,
}

/// Prepared data with folds.
pub struct Prepared {
    /// Series.
    pub set: Set,
    /// What each is for.
    pub folds: Vec<Fold>,
}

impl Prepared {
    /// Hash of what every lineage is for.
    #[must_use]
    pub fn split_hash(&self) -> String {
        folds::hash(self.set.series.iter().map(|s| s.lineage.as_str()), &self.folds)
    }

    /// Names of the test sets, in-domain first.
    #[must_use]
    pub fn tests(&self) -> Vec<String> {
        let mut names: Vec<String> = self
            .folds
            .iter()
            .filter_map(|fold| if let Fold::Test(name) = fold { Some(name.clone()) } else { None })
            .collect();
        names.sort();
        names.dedup();
        names.sort_by_key(|name| name != IN_DOMAIN);
        names
    }
}

/// A method's scores on a test set: mean over seeds, interval over runs, deviation over seeds.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// The method.
    pub method: String,
    /// Group of the plan.
    pub group: Group,
    /// Values by name.
    pub scores: BTreeMap<String, Interval>,
    /// Lineages that each of them rests on.
    pub lineages: BTreeMap<String, usize>,
    /// Classes that macro-F1 and AUC of the states are means over.
    pub classes: Vec<String>,
    /// Standard deviation over seeds by name; none with one seed.
    pub seed_deviation: BTreeMap<String, f64>,
    /// Scores on validation, by which the winner is chosen.
    pub validation: BTreeMap<String, f64>,
    /// Alarm threshold of each seed, chosen on stable calibration lineages.
    pub thresholds: Vec<f64>,
    /// The false-alarm rate that these lineages support, the largest of the seeds; [`RATE`] where they are
    /// enough, none where there are none.
    pub supported: Option<f64>,
    /// Seed that matrices, curves and maps are of: of the winner the one that ships, else the first.
    pub shown_seed: u64,
    /// Its confusion matrix.
    pub confusion: Vec<Vec<f64>>,
    /// Reliability of its warning.
    pub reliability: Vec<Bin>,
    /// Expected calibration error of it.
    #[serde(with = "crate::stream::nan")]
    pub calibration_error: f64,
}

/// A difference between two methods on the same runs.
#[derive(Debug, Clone, Serialize)]
pub struct Difference {
    /// The better on validation, or in the paper.
    pub winner: String,
    /// The other.
    pub other: String,
    /// What is compared.
    pub measure: String,
    /// Winner minus other.
    pub difference: Interval,
}

/// A method on nulls: one crystal cut in name only, where every alarm is false. They have no part in any
/// other number.
#[derive(Debug, Clone, Serialize)]
pub struct Null {
    /// The method.
    pub method: String,
    /// Lineages.
    pub lineages: usize,
    /// False alarms per 100 runs, mean over seeds.
    pub false_alarms_per_100: Interval,
}

/// Everything.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Hash of the data set.
    pub data_hash: String,
    /// Hash of what every lineage is for.
    pub split_hash: String,
    /// Evaluations on the test set so far, this one included; empty on validation.
    pub test_evaluations: Vec<Evaluation>,
    /// What was scored.
    pub on: On,
    /// Names of the classes.
    pub classes: Vec<String>,
    /// Wanted share of stable runs that alarm falsely.
    pub rate: f64,
    /// What there is.
    pub counts: Vec<Count>,
    /// What is missing for some of the numbers, in words.
    pub notes: Vec<String>,
    /// Method with the best validation score among those that the fix can load.
    pub winner: Option<String>,
    /// Its seed with the best validation score: what ships.
    pub winner_seed: Option<u64>,
    /// Scores of that one model.
    pub shipped: BTreeMap<String, Interval>,
    /// All methods on unseen lineages.
    pub rows: Vec<Row>,
    /// Winner minus each other method.
    pub differences: Vec<Difference>,
    /// The paper's order of methods, pair by pair.
    pub order: Vec<Order>,
    /// Methods on nulls; empty where there are none or they are not to be looked at.
    pub nulls: Vec<Null>,
    /// Winner and each of its ablations.
    pub ablations: Vec<Ablated>,
    /// What was to be reached, and what the winner reaches.
    pub targets: Vec<Outcome>,
    /// Columns by how they go with the label's count in training series, the closest first.
    pub kin: Vec<Kin>,
    /// Methods on other conditions.
    pub shifts: Vec<Shift>,
    /// What runs of one configuration say of each other.
    pub replicas: Option<Replicas>,
}

/// Reads all verdicts of a plan. What is not trained, or was by another recipe, is left out and named.
///
/// # Errors
/// What splitting returns; [`Error::File`] when verdicts belong to other data or another split of them.
pub fn load<'a>(
    plan: &'a Plan,
    table: &Table,
    prepared: &'a BTreeMap<(Option<usize>, usize), Prepared>,
) -> Result<(Vec<Method<'a>>, Vec<String>)> {
    let (mut methods, mut missing) = (Vec::new(), Vec::new());
    let split = folds::hash_of(table, &plan.data)?;
    for recipe in &plan.methods {
        let name = match &recipe.whole {
            Some(whole) => format!("{} of {whole}", recipe.name),
            None => recipe.name.clone(),
        };
        let Some(data) = prepared.get(&key(recipe)) else { continue };
        let (mut spoken, mut seeds) = (Vec::new(), Vec::new());
        for &seed in plan.seeds_of(recipe) {
            let path = plan.folder(recipe, seed).join(VERDICTS);
            if !path.is_file() {
                missing.push(format!("{name} seed {seed}"));
                continue;
            }
            let verdicts = Verdicts::read(&path)?;
            if verdicts.data_hash != data.set.hash {
                return Err(Error::file(&path, "made on another data set: train again"));
            }
            if verdicts.split_hash != data.split_hash() {
                return Err(Error::file(&path, "made with another split of the data: train again"));
            }
            // Verdicts of another recipe, or of an ablation of another winner, must not pass for this one's.
            if !is_done(table, plan, recipe, seed, &split) {
                missing.push(format!("{name} seed {seed}"));
                continue;
            }
            let sets = |k: usize| data.folds[k] == Fold::Calibrate;
            let level = alarm_level(&data.set, &sets, &verdicts, PERSIST, RATE);
            seeds.push(seed);
            spoken.push((verdicts, level));
        }
        if !spoken.is_empty() {
            methods.push(Method { recipe, data, spoken, seeds });
        }
    }
    Ok((methods, missing))
}

/// What decides how the data of a recipe are prepared: window and every how many frames.
#[must_use]
pub fn key(recipe: &Recipe) -> (Option<usize>, usize) {
    (recipe.window, recipe.every)
}

/// Prepares the data of all recipes, each kind once.
///
/// # Errors
/// What preparing and splitting return.
pub fn prepare(table: &Table, plan: &Plan) -> Result<BTreeMap<(Option<usize>, usize), Prepared>> {
    let mut all = BTreeMap::new();
    for recipe in &plan.methods {
        if let std::collections::btree_map::Entry::Vacant(slot) = all.entry(key(recipe)) {
            let set = Set::new(table, plan.data.task, recipe.window, recipe.every, plan.data.horizon)?;
            let folds = assign(table, &plan.data)?;
            slot.insert(Prepared { set, folds });
        }
    }
    Ok(all)
}

/// The threshold of a level; of none, that of a probability that is more likely than not.
pub(super) fn used(level: Option<&AlarmLevel>) -> f64 {
    level.map_or(0.5, |level| level.threshold)
}

impl Method<'_> {
    /// The verdicts on a test set, one per seed.
    ///
    /// # Errors
    /// As [`Scored::new`].
    pub fn scored(&self, wanted: &dyn Fn(&Fold, usize) -> bool) -> Result<Vec<Scored>> {
        self.spoken
            .iter()
            .map(|(verdicts, level)| {
                Scored::new(&self.data.set, verdicts, used(level.as_ref()), &|k| {
                    wanted(&self.data.folds[k], k)
                })
            })
            .collect()
    }
}

/// Scores all methods. `draws` resamples per interval; `kin` is passed on; `progress` hears of each step.
///
/// # Errors
/// As [`Scored::new`].
pub fn evaluate(
    methods: &[Method<'_>],
    on: On,
    draws: usize,
    kin: Vec<Kin>,
    progress: &mut dyn FnMut(&str),
) -> Result<Report> {
    let Some(any) = methods.first() else {
        return Err(Error::input("methods", "none trained", "at least one (foreshock train)"));
    };
    let base = any.data;
    let in_domain = |fold: &Fold, _: usize| on.scores(fold);
    let mut rows = Vec::new();
    let (mut whole, mut measured): (Vec<Vec<Scored>>, Vec<Measured>) = Default::default();
    let mut nulls = Vec::new();
    for method in methods {
        progress(&method.recipe.name);
        let scored = method.scored(&in_domain)?;
        let own = Measured::new(&scored, draws, IN_DOMAIN_STREAM);
        let chosen = method.scored(&|fold, _| *fold == Fold::Valid)?;
        let validation = validation(&chosen);
        if on == On::Test && method.recipe.group == Group::Comparison {
            nulls.extend(null(method, draws)?);
        }
        rows.push(Row {
            method: method.recipe.name.clone(),
            group: method.recipe.group,
            scores: own.scores(),
            lineages: own.lineages(),
            classes: own.classes.iter().map(|&class| method.data.set.classes[class].clone()).collect(),
            seed_deviation: own.deviations(),
            validation,
            thresholds: method.spoken.iter().map(|s| used(s.1.as_ref())).collect(),
            supported: method.spoken.iter().filter_map(|s| Some(s.1.as_ref()?.rate)).reduce(f64::max),
            shown_seed: method.seeds[0],
            confusion: Vec::new(),
            reliability: Vec::new(),
            calibration_error: f64::NAN,
        });
        whole.push(scored);
        measured.push(own);
    }
    let best = best_of(methods, |k| Ok(rank_of(&rows[k].validation)))?;
    let shipped = best.map(|k| best_seed(&methods[k])).transpose()?;
    let scores = best
        .zip(shipped)
        .map(|(k, (place, _))| Measured::new(&whole[k][place..=place], draws, IN_DOMAIN_STREAM).scores());
    for (k, row) in rows.iter_mut().enumerate() {
        let shown = best.zip(shipped).filter(|(best, _)| *best == k).map_or(0, |(_, (place, _))| place);
        row.shown_seed = methods[k].seeds[shown];
        row.confusion = whole[k][shown].confusion().counts;
        (row.reliability, row.calibration_error) = whole[k][shown].calibration();
    }
    progress("differences");
    let differences = best.map_or_else(Vec::new, |best| differences(methods, &measured, best));
    let mut shifts = Vec::new();
    let tests = if on == On::Test { base.tests() } else { Vec::new() };
    for (test, stream) in tests.iter().zip(IN_DOMAIN_STREAM + 1..) {
        for (method, own) in methods.iter().zip(&measured) {
            if method.recipe.group == Group::Comparison {
                progress(&format!("{test}: {}", method.recipe.name));
                shifts.push(shift(method, test, own, draws, stream)?);
            }
        }
    }
    // They are of the test set.
    let targets =
        if on == On::Test { targets::outcomes(best.map(|k| &rows[k]), &shifts) } else { Vec::new() };
    Ok(Report {
        data_hash: base.set.hash.clone(),
        split_hash: base.split_hash(),
        test_evaluations: Vec::new(),
        on,
        classes: base.set.classes.clone(),
        rate: RATE,
        counts: counts(base, on),
        notes: notes(base, methods[0].spoken.first().and_then(|s| s.1.as_ref()), on),
        winner: best.map(|k| methods[k].recipe.name.clone()),
        winner_seed: shipped.map(|(_, seed)| seed),
        shipped: scores.unwrap_or_default(),
        rows,
        differences,
        order: order(methods, &measured),
        nulls,
        ablations: ablation::differences(methods, &whole, draws),
        targets,
        kin,
        shifts,
        replicas: Replicas::of(base, on, draws),
    })
}

/// The first stream of resamples: of the lineages that all methods are compared on.
const IN_DOMAIN_STREAM: u64 = 1;

/// A method's false alarms on nulls, if there are any.
fn null(method: &Method<'_>, draws: usize) -> Result<Option<Null>> {
    let mut scored = method.scored(&|fold, _| *fold == Fold::Null)?;
    // Of one crystal nothing can fail: what the label rule takes for an event there is none, and no alarm
    // is excused by it.
    for judged in scored.iter_mut().flat_map(|s| &mut s.judged) {
        (judged.trace.event_ps, judged.reconstructs) = (None, false);
    }
    let lineages = scored.first().map_or(0, |s| s.runs);
    let name = "false_alarms_per_100";
    Ok((lineages > 0).then(|| Null {
        method: method.recipe.name.clone(),
        lineages,
        false_alarms_per_100: Measured::new(&scored, draws, IN_DOMAIN_STREAM).scores()[name],
    }))
}

/// Mean over seeds of what is measured on validation.
fn validation(seeds: &[Scored]) -> BTreeMap<String, f64> {
    let all = Measured::new(seeds, 0, IN_DOMAIN_STREAM);
    let named = MEASURES.iter().zip(&all.whole).map(|(name, &value)| ((*name).to_owned(), value));
    named.filter(|(_, value)| value.is_finite()).collect()
}

/// Position of the method of the comparison that the fix can load and that is best on validation.
///
/// # Errors
/// As [`Scored::new`].
pub fn winner(methods: &[Method<'_>]) -> Result<Option<usize>> {
    best_of(methods, |k| Ok(rank_of(&validation(&methods[k].scored(&|fold, _| *fold == Fold::Valid)?))))
}

/// Position of the method of the comparison that the fix can load and that ranks best, the last of equals.
fn best_of(methods: &[Method<'_>], rank: impl Fn(usize) -> Result<f64>) -> Result<Option<usize>> {
    let mut best: Option<(usize, f64)> = None;
    for (k, method) in methods.iter().enumerate() {
        if method.recipe.group == Group::Comparison && method.recipe.ships() {
            let rank = rank(k)?;
            if best.is_none_or(|(_, other)| rank >= other) {
                best = Some((k, rank));
            }
        }
    }
    Ok(best.map(|(k, _)| k))
}

/// What decides between methods: the mean of macro-F1 and warning AUROC on validation.
fn rank_of(validation: &BTreeMap<String, f64>) -> f64 {
    let value = |name: &str| validation.get(name).copied().unwrap_or(0.0);
    0.5 * (value("macro_f1") + value("auroc"))
}

/// Place and number of the seed that is best on validation, the first of equals.
fn best_seed(method: &Method<'_>) -> Result<(usize, u64)> {
    let chosen = method.scored(&|fold, _| *fold == Fold::Valid)?;
    let ranks: Vec<f64> = chosen.iter().map(|s| rank_of(&validation(std::slice::from_ref(s)))).collect();
    let place = (1..ranks.len()).fold(0, |best, k| if ranks[k] > ranks[best] { k } else { best });
    Ok((place, method.seeds[place]))
}

/// Winner minus all others of the comparison, on the same resampled lineages.
fn differences(methods: &[Method<'_>], measured: &[Measured], best: usize) -> Vec<Difference> {
    let others = (0..methods.len()).filter(|&k| k != best && methods[k].recipe.group == Group::Comparison);
    others.flat_map(|k| paired(methods, measured, best, k, &COMPARED)).collect()
}

/// One method minus another, on the same resampled lineages.
fn paired(
    methods: &[Method<'_>],
    measured: &[Measured],
    first: usize,
    second: usize,
    measures: &[&str],
) -> Vec<Difference> {
    let all = measured[first].minus(&measured[second]);
    measures
        .iter()
        .map(|&measure| Difference {
            winner: methods[first].recipe.name.clone(),
            other: methods[second].recipe.name.clone(),
            measure: measure.to_owned(),
            difference: all[measure],
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::label_count::oracle_recipe;
    use crate::learn::replicas::tests::{constant, data, series};

    #[test]
    fn an_alarm_on_a_null_is_false_whatever_the_label_rule_says() {
        let mut data = data(vec![series("a0", "a", Some(30.0)), series("b0", "b", None)]);
        data.folds = vec![Fold::Null; 2];
        let verdicts = constant(&data, &[0.9, 0.1]);
        let recipe = oracle_recipe();
        let method = Method { recipe: &recipe, data: &data, spoken: vec![(verdicts, None)], seeds: vec![1] };
        let found = null(&method, 10).expect("scored").expect("nulls");
        assert_eq!((found.lineages, found.false_alarms_per_100.value), (2, 50.0));
    }
}
