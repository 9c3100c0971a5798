//! Evaluation: from what every method said to the numbers of tables and figures.
//!
//! Enters: a plan whose methods are trained. Leaves: a [`Report`], all of it plain data; drawing and
//! writing are in [`super::report`].

pub mod paper;
pub mod shift;

use std::collections::BTreeMap;

use serde::Serialize;

use super::folds::{self, Fold, IN_DOMAIN, assign};
use super::plan::{Group, Plan, Recipe};
use super::prepare::Set;
use super::replicas::Replicas;
use super::run::{PERSIST, RATE, VERDICTS, alarm_level};
use super::score::bootstrap::{Interval, resamples};
use super::score::calibration::Bin;
use super::scored::{MEASURES, Scored};
use super::verdicts::Verdicts;
use crate::dataset::Table;
use crate::error::{Error, Result};
use crate::model::meta::AlarmLevel;
use shift::{Shift, shift};

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
            (_, Fold::Unused) | (Self::Validation, Fold::Test(_)) => false,
            (Self::Test, Fold::Test(name)) => name == IN_DOMAIN,
            (_, Fold::Train | Fold::Valid | Fold::Calibrate) => true,
        }
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
    /// Standard deviation over seeds by name; none with one seed.
    pub seed_deviation: BTreeMap<String, f64>,
    /// Scores on validation, by which the winner is chosen.
    pub validation: BTreeMap<String, f64>,
    /// Alarm threshold of each seed, chosen on stable calibration runs.
    pub thresholds: Vec<f64>,
    /// The false-alarm rate that these runs support, the largest of the seeds; [`RATE`] where they are
    /// enough, none where there are none.
    pub supported: Option<f64>,
    /// Confusion matrix of the first seed.
    pub confusion: Vec<Vec<f64>>,
    /// Reliability of the first seed's warning.
    pub reliability: Vec<Bin>,
    /// Expected calibration error of it.
    #[serde(with = "crate::stream::nan")]
    pub calibration_error: f64,
}

/// A difference between two methods on the same runs.
#[derive(Debug, Clone, Serialize)]
pub struct Difference {
    /// The better on validation.
    pub winner: String,
    /// The other.
    pub other: String,
    /// What is compared.
    pub measure: String,
    /// Winner minus other.
    pub difference: Interval,
}

/// How many series there are of what.
#[derive(Debug, Clone, Serialize)]
pub struct Count {
    /// Fold or test set.
    pub fold: String,
    /// Lineages.
    pub lineages: usize,
    /// Interfaces.
    pub series: usize,
    /// Interfaces with an event.
    pub unstable: usize,
    /// Events that leave time for a warning.
    pub warnable: usize,
    /// Judged frames.
    pub frames: usize,
}

/// Everything.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Hash of the data set.
    pub data_hash: String,
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
    /// Methods on other conditions.
    pub shifts: Vec<Shift>,
    /// What runs of one configuration say of each other.
    pub replicas: Option<Replicas>,
}

/// Reads all verdicts of a plan. Methods that are not trained are left out and named.
///
/// # Errors
/// What preparing returns; [`Error::File`] when verdicts belong to other data or another split of them.
pub fn load<'a>(
    plan: &'a Plan,
    prepared: &'a BTreeMap<(Option<usize>, usize), Prepared>,
) -> Result<(Vec<Method<'a>>, Vec<String>)> {
    let (mut methods, mut missing) = (Vec::new(), Vec::new());
    for recipe in &plan.methods {
        let Some(data) = prepared.get(&key(recipe)) else { continue };
        let (mut spoken, mut seeds) = (Vec::new(), Vec::new());
        for &seed in plan.seeds_of(recipe) {
            let path = plan.folder(recipe, seed).join(VERDICTS);
            if !path.is_file() {
                missing.push(format!("{} seed {seed}", recipe.name));
                continue;
            }
            let verdicts = Verdicts::read(&path)?;
            if verdicts.data_hash != data.set.hash {
                return Err(Error::file(&path, "made on another data set: train again"));
            }
            if verdicts.split_hash != data.split_hash() {
                return Err(Error::file(&path, "made with another split of the data: train again"));
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

/// Means over seeds of [`MEASURES`], with intervals over runs and deviations over seeds.
pub(super) fn summarise(
    seeds: &[Scored],
    draws: usize,
) -> (BTreeMap<String, Interval>, BTreeMap<String, f64>) {
    let Some(first) = seeds.first() else { return Default::default() };
    let mean = |weights: &[f64]| -> Vec<f64> {
        let all: Vec<Vec<f64>> = seeds.iter().map(|s| s.measure(weights)).collect();
        (0..MEASURES.len()).map(|k| all.iter().map(|m| m[k]).sum::<f64>() / all.len() as f64).collect()
    };
    // Every resample is measured once, all measures together.
    let drawn: Vec<Vec<f64>> = resamples(first.runs, draws, 1).iter().map(|weights| mean(weights)).collect();
    let whole = mean(&vec![1.0; first.runs]);
    let single: Vec<Vec<f64>> = seeds.iter().map(|s| s.measure(&vec![1.0; s.runs])).collect();
    let mut scores = BTreeMap::new();
    let mut deviations = BTreeMap::new();
    for (k, name) in MEASURES.iter().enumerate() {
        let column: Vec<f64> = drawn.iter().map(|d| d[k]).collect();
        let low = super::score::alarms::quantile(&column, 0.025);
        let high = super::score::alarms::quantile(&column, 0.975);
        scores.insert((*name).to_owned(), Interval { value: whole[k], low, high });
        if single.len() > 1 && whole[k].is_finite() {
            let variance =
                single.iter().map(|s| (s[k] - whole[k]).powi(2)).sum::<f64>() / (single.len() - 1) as f64;
            deviations.insert((*name).to_owned(), variance.sqrt());
        }
    }
    (scores, deviations)
}

/// Scores all methods. `draws` resamples per interval; `progress` hears of each step.
///
/// # Errors
/// As [`Scored::new`].
pub fn evaluate(
    methods: &[Method<'_>],
    on: On,
    draws: usize,
    progress: &mut dyn FnMut(&str),
) -> Result<Report> {
    let Some(any) = methods.first() else {
        return Err(Error::input("methods", "none trained", "at least one (foreshock train)"));
    };
    let base = any.data;
    let in_domain = |fold: &Fold, _: usize| on.scores(fold);
    let mut rows = Vec::new();
    let mut whole: Vec<Vec<Scored>> = Vec::new();
    for method in methods {
        progress(&method.recipe.name);
        let scored = method.scored(&in_domain)?;
        let (scores, seed_deviation) = summarise(&scored, draws);
        let chosen = method.scored(&|fold, _| *fold == Fold::Valid)?;
        let validation = validation(&chosen);
        let ones = vec![1.0; scored[0].runs];
        let (reliability, calibration_error, _) = scored[0].calibration();
        rows.push(Row {
            method: method.recipe.name.clone(),
            group: method.recipe.group,
            scores,
            seed_deviation,
            validation,
            thresholds: method.spoken.iter().map(|s| used(s.1.as_ref())).collect(),
            supported: method.spoken.iter().filter_map(|s| Some(s.1.as_ref()?.rate)).reduce(f64::max),
            confusion: scored[0].confusion(&ones).counts,
            reliability,
            calibration_error,
        });
        whole.push(scored);
    }
    let best = (0..methods.len())
        .filter(|&k| methods[k].recipe.group == Group::Comparison && methods[k].recipe.ships())
        .max_by(|&a, &b| rank(&rows[a]).total_cmp(&rank(&rows[b])));
    let shipped = best.map(|k| best_seed(&methods[k])).transpose()?;
    let scores = best.zip(shipped).map(|(k, (place, _))| summarise(&whole[k][place..=place], draws).0);
    progress("differences");
    let differences = best.map_or_else(Vec::new, |best| differences(methods, &whole, best, draws));
    let mut shifts = Vec::new();
    let tests = if on == On::Test { base.tests() } else { Vec::new() };
    for test in tests {
        for method in methods.iter().filter(|m| m.recipe.group == Group::Comparison) {
            progress(&format!("{test}: {}", method.recipe.name));
            shifts.push(shift(method, &test, draws)?);
        }
    }
    Ok(Report {
        data_hash: base.set.hash.clone(),
        on,
        classes: base.set.classes.clone(),
        rate: RATE,
        counts: counts(base),
        notes: notes(base, on),
        winner: best.map(|k| methods[k].recipe.name.clone()),
        winner_seed: shipped.map(|(_, seed)| seed),
        shipped: scores.unwrap_or_default(),
        rows,
        differences,
        shifts,
        replicas: Replicas::of(base, on, draws),
    })
}

/// Mean over seeds of what is measured on validation.
fn validation(seeds: &[Scored]) -> BTreeMap<String, f64> {
    let all: Vec<Vec<f64>> =
        seeds.iter().filter(|s| s.runs > 0).map(|s| s.measure(&vec![1.0; s.runs])).collect();
    MEASURES
        .iter()
        .enumerate()
        .map(|(k, name)| ((*name).to_owned(), all.iter().map(|m| m[k]).sum::<f64>() / all.len() as f64))
        .filter(|(_, value)| value.is_finite())
        .collect()
}

/// What decides between methods: the mean of macro-F1 and warning AUROC on validation.
fn rank(row: &Row) -> f64 {
    rank_of(&row.validation)
}

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

fn differences(methods: &[Method<'_>], whole: &[Vec<Scored>], best: usize, draws: usize) -> Vec<Difference> {
    const COMPARED: [&str; 4] = ["macro_f1", "auroc", "auprc", "lead_ps_mean"];
    let mut result = Vec::new();
    for (k, method) in methods.iter().enumerate() {
        // Only what was judged on the same runs can be paired.
        if k == best || whole[k][0].runs != whole[best][0].runs || method.recipe.group != Group::Comparison {
            continue;
        }
        let measures = |of: &[Scored], weights: &[f64]| -> Vec<f64> {
            let all: Vec<Vec<f64>> = of.iter().map(|s| s.measure(weights)).collect();
            (0..MEASURES.len()).map(|m| all.iter().map(|a| a[m]).sum::<f64>() / all.len() as f64).collect()
        };
        let runs = whole[best][0].runs;
        let pairs: Vec<(Vec<f64>, Vec<f64>)> = std::iter::once(vec![1.0; runs])
            .chain(resamples(runs, draws, 1))
            .map(|weights| (measures(&whole[best], &weights), measures(&whole[k], &weights)))
            .collect();
        for measure in COMPARED {
            let column = MEASURES.iter().position(|m| *m == measure).expect("a measure");
            let values: Vec<f64> = pairs.iter().map(|(a, b)| a[column] - b[column]).collect();
            result.push(Difference {
                winner: methods[best].recipe.name.clone(),
                other: method.recipe.name.clone(),
                measure: measure.to_owned(),
                difference: Interval {
                    value: values[0],
                    low: super::score::alarms::quantile(&values[1..], 0.025),
                    high: super::score::alarms::quantile(&values[1..], 0.975),
                },
            });
        }
    }
    result
}

/// What the data lack for some of the numbers.
fn notes(data: &Prepared, on: On) -> Vec<String> {
    let mut notes = Vec::new();
    let members = |of: &dyn Fn(&Fold) -> bool| -> Vec<&super::prepare::Prepared> {
        let all = data.set.series.iter().zip(&data.folds);
        all.filter(|(s, fold)| of(fold) && s.verdicts().next().is_some()).map(|(s, _)| s).collect()
    };
    let scored = members(&|fold| on.scores(fold));
    if scored.is_empty() {
        notes.push("Nothing to score: no interface of the scored lineages has a verdict.".to_owned());
    } else {
        let events = scored.iter().filter(|s| s.event_ps.is_some()).count();
        if events == 0 {
            notes.push(
                "No interface that is scored has an event: lead, recall and AUROC are undefined.".to_owned(),
            );
        }
        if events == scored.len() {
            notes.push(
                "Every interface that is scored has an event: there are no false alarms to count.".to_owned(),
            );
        }
        let missing: Vec<&str> = (0..data.set.classes.len())
            .filter(|&class| !scored.iter().any(|s| s.state.contains(&Some(class as u8))))
            .map(|class| data.set.classes[class].as_str())
            .collect();
        if !missing.is_empty() {
            notes.push(format!("No scored frame is {}.", missing.join(" or ")));
        }
    }
    let mut stable: Vec<&str> = Vec::new();
    let mut failing: Vec<&str> = Vec::new();
    for series in members(&|fold| *fold == Fold::Calibrate) {
        if series.event_ps.is_some() { &mut failing } else { &mut stable }.push(&series.run);
    }
    stable.retain(|run| !failing.contains(run));
    stable.dedup();
    let places = stable.len() as f64 + 1.0;
    if stable.is_empty() {
        notes.push(
            "No stable calibration run: thresholds are 0.5 and support no false-alarm rate.".to_owned(),
        );
    } else if RATE * places < 1.0 {
        notes.push(format!(
            "Thresholds rest on {} stable calibration runs: none of them may alarm, and that supports a \
             false-alarm rate of {:.1} %, not the {} % that are wanted (at least {} runs).",
            stable.len(),
            100.0 / places,
            100.0 * RATE,
            (1.0 / RATE).round() - 1.0
        ));
    }
    notes
}

fn counts(data: &Prepared) -> Vec<Count> {
    let name = |fold: &Fold| match fold {
        Fold::Train => "train".to_owned(),
        Fold::Valid => "validation".to_owned(),
        Fold::Calibrate => "calibration".to_owned(),
        Fold::Test(name) => format!("test: {name}"),
        Fold::Unused => "pilot, unused".to_owned(),
    };
    let mut order: Vec<&Fold> = data.folds.iter().collect();
    order.sort();
    order.dedup();
    order
        .into_iter()
        .map(|fold| {
            let members: Vec<_> =
                data.set.series.iter().zip(&data.folds).filter(|(_, f)| *f == fold).map(|(s, _)| s).collect();
            let mut lineages: Vec<&str> = members.iter().map(|s| s.lineage.as_str()).collect();
            lineages.sort_unstable();
            lineages.dedup();
            let first = |s: &super::prepare::Prepared| s.verdicts().next().map(|frame| s.time_ps[frame]);
            let warnable = members.iter().filter(|s| {
                s.event_ps.zip(first(s)).is_some_and(|(e, f)| e - f >= data.set.horizon.least_lead_ps)
            });
            Count {
                fold: name(fold),
                lineages: lineages.len(),
                series: members.len(),
                unstable: members.iter().filter(|s| s.event_ps.is_some()).count(),
                warnable: warnable.count(),
                frames: members.iter().map(|s| s.verdicts().count()).sum(),
            }
        })
        .collect()
}
