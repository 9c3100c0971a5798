//! Evaluation: from what every method said to the numbers of tables and figures.
//!
//! Enters: a plan whose methods are trained. Leaves: a [`Report`], all of it plain data; drawing and
//! writing are in [`super::report`].

use std::collections::BTreeMap;

use serde::Serialize;

use super::boost::Rows;
use super::folds::{Fold, IN_DOMAIN, assign};
use super::logistic::Logistic;
use super::plan::{Group, Plan, Recipe};
use super::prepare::Set;
use super::random::Random;
use super::run::{PERSIST, RATE, VERDICTS, alarm_level};
use super::score::bootstrap::{Interval, interval, resamples};
use super::score::calibration::Bin;
use super::scored::{MEASURES, Scored};
use super::verdicts::Verdicts;
use crate::dataset::Table;
use crate::error::{Error, Result};

/// Runs of a shifted test set that a local calibration may use.
pub const LOCAL_RUNS: usize = 20;

/// The reference paper's illustrative placeholders (doi:10.31881/TLR.2026.4070): accuracy, macro-F1,
/// AUC, lead time in ps.
pub const PAPER: [(&str, [f64; 4]); 5] = [
    ("svm", [0.761, 0.742, 0.781, 7.4]),
    ("mlp", [0.803, 0.786, 0.829, 10.8]),
    ("lstm", [0.872, 0.865, 0.911, 18.6]),
    ("tcn", [0.891, 0.887, 0.931, 21.3]),
    ("transformer", [0.913, 0.906, 0.949, 24.7]),
];

/// Its placeholders for other conditions: macro-F1, AUC.
pub const PAPER_SHIFTS: [(&str, [f64; 2]); 5] = [
    ("in-domain", [0.906, 0.949]),
    ("temperature", [0.881, 0.926]),
    ("orientation", [0.862, 0.913]),
    ("defects", [0.851, 0.904]),
    ("material", [0.824, 0.887]),
];

/// A method's verdicts, one per seed.
pub struct Method<'a> {
    /// Its recipe.
    pub recipe: &'a Recipe,
    /// Prepared data and folds that its verdicts belong to.
    pub data: &'a Prepared,
    /// Per seed: verdicts and alarm threshold.
    pub spoken: Vec<(Verdicts, f64)>,
}

/// Prepared data with folds.
pub struct Prepared {
    /// Series.
    pub set: Set,
    /// What each is for.
    pub folds: Vec<Fold>,
}

impl Prepared {
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
    /// Alarm threshold of each seed, for at most [`RATE`] of stable runs.
    pub thresholds: Vec<f64>,
    /// Confusion matrix of the first seed.
    pub confusion: Vec<Vec<f64>>,
    /// Reliability of the first seed's warning.
    pub reliability: Vec<Bin>,
    /// Expected calibration error of it.
    #[serde(with = "crate::stream::nan")]
    pub calibration_error: f64,
}

/// A method on a test set of other conditions.
#[derive(Debug, Clone, Serialize)]
pub struct Shift {
    /// Name of the test set.
    pub test: String,
    /// The method.
    pub method: String,
    /// Lineages in it.
    pub runs: usize,
    /// As trained.
    pub zero_shot: BTreeMap<String, Interval>,
    /// After calibration on [`LOCAL_RUNS`] of its runs, scored on the others; none where too few.
    pub calibrated: Option<BTreeMap<String, Interval>>,
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
    /// Names of the classes.
    pub classes: Vec<String>,
    /// Largest share of stable runs that may alarm at a threshold.
    pub rate: f64,
    /// What there is.
    pub counts: Vec<Count>,
    /// Method with the best validation score among those that the fix can load.
    pub winner: Option<String>,
    /// All methods on unseen lineages.
    pub rows: Vec<Row>,
    /// Winner minus each other method.
    pub differences: Vec<Difference>,
    /// Methods on other conditions.
    pub shifts: Vec<Shift>,
}

/// Reads all verdicts of a plan. Methods that are not trained are left out and named.
///
/// # Errors
/// What preparing returns; [`Error::Input`] when verdicts belong to other data.
pub fn load<'a>(
    plan: &'a Plan,
    prepared: &'a BTreeMap<(Option<usize>, usize), Prepared>,
) -> Result<(Vec<Method<'a>>, Vec<String>)> {
    let (mut methods, mut missing) = (Vec::new(), Vec::new());
    for recipe in &plan.methods {
        let Some(data) = prepared.get(&key(recipe)) else { continue };
        let mut spoken = Vec::new();
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
            let level = alarm_level(&data.set, &data.folds, &verdicts, PERSIST, RATE);
            spoken.push((verdicts, level.map_or(0.5, |l| l.threshold)));
        }
        if !spoken.is_empty() {
            methods.push(Method { recipe, data, spoken });
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
            let folds = assign(&set.series, table, &plan.data.split)?;
            slot.insert(Prepared { set, folds });
        }
    }
    Ok(all)
}

impl Method<'_> {
    /// The verdicts on a test set, one per seed.
    ///
    /// # Errors
    /// As [`Scored::new`].
    pub fn scored(&self, wanted: &dyn Fn(&Fold, usize) -> bool) -> Result<Vec<Scored>> {
        self.spoken
            .iter()
            .map(|(verdicts, threshold)| {
                Scored::new(&self.data.set, verdicts, *threshold, &|k| wanted(&self.data.folds[k], k))
            })
            .collect()
    }
}

/// Means over seeds of [`MEASURES`], with intervals over runs and deviations over seeds.
fn summarise(seeds: &[Scored], draws: usize) -> (BTreeMap<String, Interval>, BTreeMap<String, f64>) {
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
pub fn evaluate(methods: &[Method<'_>], draws: usize, progress: &mut dyn FnMut(&str)) -> Result<Report> {
    let Some(any) = methods.first() else {
        return Err(Error::input("methods", "none trained", "at least one (foreshock train)"));
    };
    let base = any.data;
    let in_domain = |fold: &Fold, _: usize| *fold == Fold::Test(IN_DOMAIN.to_owned());
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
            thresholds: method.spoken.iter().map(|s| s.1).collect(),
            confusion: scored[0].confusion(&ones).counts,
            reliability,
            calibration_error,
        });
        whole.push(scored);
    }
    let best = (0..methods.len())
        .filter(|&k| methods[k].recipe.group == Group::Comparison && methods[k].recipe.ships())
        .max_by(|&a, &b| rank(&rows[a]).total_cmp(&rank(&rows[b])));
    progress("differences");
    let differences = best.map_or_else(Vec::new, |best| differences(methods, &whole, best, draws));
    let mut shifts = Vec::new();
    for test in base.tests() {
        for method in methods.iter().filter(|m| m.recipe.group == Group::Comparison) {
            progress(&format!("{test}: {}", method.recipe.name));
            shifts.push(shift(method, &test, draws)?);
        }
    }
    Ok(Report {
        data_hash: base.set.hash.clone(),
        classes: base.set.classes.clone(),
        rate: RATE,
        counts: counts(base),
        winner: best.map(|k| methods[k].recipe.name.clone()),
        rows,
        differences,
        shifts,
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
    let value = |name: &str| row.validation.get(name).copied().unwrap_or(0.0);
    0.5 * (value("macro_f1") + value("auroc"))
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
            .map(|weights| (measures(&whole[best][..1], &weights), measures(&whole[k][..1], &weights)))
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

/// One method on one test set, as it is and after local calibration.
fn shift(method: &Method<'_>, test: &str, draws: usize) -> Result<Shift> {
    let of_test = |fold: &Fold| *fold == Fold::Test(test.to_owned());
    let scored = method.scored(&|fold, _| of_test(fold))?;
    let (zero_shot, _) = summarise(&scored, draws);
    let set = &method.data.set;
    let mut lineages: Vec<&str> =
        scored[0].judged.iter().map(|j| set.series[j.series].lineage.as_str()).collect();
    lineages.sort_unstable();
    lineages.dedup();
    Random::new(1, 0x10CA).shuffle(&mut lineages);
    let calibrated = if lineages.len() >= LOCAL_RUNS + 5 && test != IN_DOMAIN {
        let local = &lineages[..LOCAL_RUNS];
        let seeds = method
            .spoken
            .iter()
            .map(|(verdicts, _)| recalibrated(method.data, verdicts, test, local))
            .collect::<Result<Vec<_>>>()?;
        Some(summarise(&seeds, draws).0)
    } else {
        None
    };
    Ok(Shift {
        test: test.to_owned(),
        method: method.recipe.name.clone(),
        runs: lineages.len(),
        zero_shot,
        calibrated,
    })
}

/// Verdicts after a logistic regression on log-probabilities and a new threshold, both from local runs,
/// on the other runs of the test set.
fn recalibrated(data: &Prepared, verdicts: &Verdicts, test: &str, local: &[&str]) -> Result<Scored> {
    let (set, folds) = (&data.set, &data.folds);
    let is_local = |k: usize| local.contains(&set.series[k].lineage.as_str());
    let of_test = |k: usize| folds[k] == Fold::Test(test.to_owned());
    let log = |p: f32| p.clamp(1e-6, 1.0 - 1e-6).ln();
    let logit = |p: f32| log(p) - log(1.0 - p);
    let mut rows = Rows { width: set.classes.len() + 1, ..Rows::default() };
    for spoken in verdicts.series.iter().filter(|s| of_test(s.series) && is_local(s.series)) {
        let one = &set.series[spoken.series];
        for (frame, said) in one.verdicts().zip(&spoken.said).step_by(super::scored::THIN) {
            rows.x.extend(said.states.iter().map(|&p| log(p)));
            rows.x.push(if said.warning.is_nan() { 0.0 } else { logit(said.warning) });
            rows.state.push(one.state[frame]);
            rows.warning.push(one.warning[frame]);
        }
    }
    let logistic = Logistic::fit(&rows, set.classes.len());
    let mut changed = verdicts.clone();
    changed.series.retain(|s| of_test(s.series));
    for said in changed.series.iter_mut().flat_map(|s| &mut s.said) {
        let mut x: Vec<f32> = said.states.iter().map(|&p| log(p)).collect();
        x.push(if said.warning.is_nan() { 0.0 } else { logit(said.warning) });
        *said = logistic.say(&x);
    }
    // The local runs stand in for calibration runs.
    let as_folds: Vec<Fold> = (0..set.series.len())
        .map(|k| if of_test(k) && is_local(k) { Fold::Calibrate } else { Fold::Unused })
        .collect();
    let level = alarm_level(set, &as_folds, &changed, PERSIST, RATE);
    Scored::new(set, &changed, level.map_or(0.5, |l| l.threshold), &|k| !is_local(k))
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

/// A statistic of one seed's verdicts with its interval, for the figures.
#[must_use]
pub fn with_interval(scored: &Scored, draws: usize, statistic: impl Fn(&Scored, &[f64]) -> f64) -> Interval {
    interval(&resamples(scored.runs, draws, 1), scored.runs, |weights| statistic(scored, weights))
}
