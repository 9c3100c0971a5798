//! Other conditions than those trained on: as trained, and after a few runs of local calibration.
//!
//! Calibration is cross-fitted: each lineage of the shifted set is scored by a calibration that was fitted
//! on other lineages of it, so that all of them are scored, with and without, and the two can be paired. A
//! few parts share a calibration each, and warnings are ranked within a part: scores of as many regressions
//! as lineages, ranked together, would rank the regressions. As a calibration never turns the order, what
//! ranks cannot gain by it; what can are states, probabilities and thresholds.

use std::collections::BTreeMap;

use serde::Serialize;

use super::paper::PAPER_SHIFTS;
use super::{Method, Prepared, used};
use crate::error::{Error, Result};
use crate::learn::calibrate::{self, logits_of};
use crate::learn::folds::{Fold, IN_DOMAIN};
use crate::learn::measures::Measured;
use crate::learn::random::Random;
use crate::learn::run::{PERSIST, RATE, alarm_level};
use crate::learn::score::bootstrap::Interval;
use crate::learn::scored::Scored;
use crate::learn::verdicts::{Spoken, Verdicts};

/// Lineages of a shifted test set that a local calibration may use.
pub const LOCAL_LINEAGES: usize = 20;
/// Lineages that a shifted test set must have for any.
pub const LEAST_LINEAGES: usize = 6;
/// Parts that share a calibration each.
const PARTS: usize = 5;

/// A method on a test set of other conditions.
#[derive(Debug, Clone, Serialize)]
pub struct Shift {
    /// Name of the test set.
    pub test: String,
    /// The method.
    pub method: String,
    /// Lineages in it.
    pub lineages: usize,
    /// Classes that macro-F1 and AUC of the states are means over.
    pub classes: Vec<String>,
    /// As trained.
    pub zero_shot: BTreeMap<String, Interval>,
    /// In-domain minus here, drawn independently; none for the in-domain set itself. NaN for means over
    /// classes where other classes occur.
    pub drop: Option<BTreeMap<String, Interval>>,
    /// After local calibration; none for the in-domain set and where lineages are too few.
    pub calibrated: Option<Calibrated>,
    /// Why there is none.
    pub note: Option<String>,
    /// The paper's placeholders, beside the method that they are of.
    pub paper: Option<BTreeMap<&'static str, f64>>,
}

/// A method after local calibration, on all lineages of the set.
#[derive(Debug, Clone, Serialize)]
pub struct Calibrated {
    /// Lineages that a calibration was fitted on, the fewest.
    pub fitted_on_lineages: usize,
    /// Their runs, the mean over calibrations.
    pub fitted_on_runs: f64,
    /// Calibrations, each for a part of the set.
    pub calibrations: usize,
    /// False-alarm rate that the fewest of their stable lineages support; none where one had none of them.
    pub supported: Option<f64>,
    /// Scores; what ranks is compared within each calibration's part, and no threshold is common to them.
    pub scores: BTreeMap<String, Interval>,
    /// Calibrated minus zero-shot, compared in the same way on the same resampled lineages.
    pub difference: BTreeMap<String, Interval>,
}

/// One method on one test set, as it is and after local calibration. `in_domain` are the same method's
/// measures on unseen lineages of the training conditions, drawn in another stream.
pub(super) fn shift(
    method: &Method<'_>,
    test: &str,
    in_domain: &Measured,
    draws: usize,
    stream: u64,
) -> Result<Shift> {
    let scored = method.scored(&|fold, _| *fold == Fold::Test(test.to_owned()))?;
    let shifted = test != IN_DOMAIN;
    let zero_shot = if shifted { &Measured::new(&scored, draws, stream) } else { in_domain };
    let set = &method.data.set;
    let mut lineages: Vec<&str> =
        scored[0].judged.iter().map(|j| set.series[j.series].lineage.as_str()).collect();
    lineages.sort_unstable();
    lineages.dedup();
    let mut shift = Shift {
        test: test.to_owned(),
        method: method.recipe.name.clone(),
        lineages: lineages.len(),
        classes: zero_shot.classes.iter().map(|&class| set.classes[class].clone()).collect(),
        zero_shot: zero_shot.scores(),
        drop: shifted.then(|| in_domain.minus(zero_shot)),
        calibrated: None,
        note: None,
        paper: placeholders(test, &method.recipe.name),
    };
    if !shifted {
        return Ok(shift);
    }
    if lineages.len() < LEAST_LINEAGES {
        shift.note = Some(format!(
            "{test}: {} lineages are too few for a local calibration, which needs {LEAST_LINEAGES}",
            lineages.len()
        ));
        return Ok(shift);
    }
    let parts = parts(&lineages);
    let mut supported = Some(RATE);
    let mut seeds = Vec::new();
    for (verdicts, _) in &method.spoken {
        let mut all: Option<Scored> = None;
        for (number, (part, local)) in parts.iter().enumerate() {
            let (mut scored, rate) = recalibrated(method.data, verdicts, test, part, local)?;
            scored.judged.iter_mut().for_each(|judged| judged.part = number);
            supported = supported.zip(rate).map(|(a, b)| f64::max(a, b));
            match &mut all {
                None => all = Some(scored),
                Some(all) => all.judged.extend(scored.judged),
            }
        }
        seeds.extend(all.map(|all| in_order_of(all, &scored[0])));
    }
    let runs = |local: &[&str]| {
        let of = set.series.iter().filter(|s| local.contains(&s.lineage.as_str()));
        of.map(|s| s.run.as_str()).collect::<std::collections::BTreeSet<_>>().len() as f64
    };
    let mut before = scored;
    for (before, after) in before.iter_mut().zip(&seeds) {
        let parts = after.judged.iter().map(|judged| judged.part);
        before.judged.iter_mut().zip(parts).for_each(|(judged, part)| judged.part = part);
    }
    let [before, after] = [&before, &seeds].map(|of| Measured::new(of, draws, stream));
    // One threshold for scores of several calibrations would be nobody's.
    let own = |mut of: BTreeMap<String, Interval>| {
        of.retain(|name, _| !name.ends_with("_matched"));
        of
    };
    shift.calibrated = Some(Calibrated {
        fitted_on_lineages: parts.iter().map(|(_, local)| local.len()).min().unwrap_or(0),
        fitted_on_runs: parts.iter().map(|(_, local)| runs(local)).sum::<f64>() / parts.len() as f64,
        calibrations: parts.len(),
        supported,
        scores: own(after.scores()),
        difference: own(after.minus(&before)),
    });
    Ok(shift)
}

/// The paper's placeholders for a test set: of its transformer.
fn placeholders(test: &str, method: &str) -> Option<BTreeMap<&'static str, f64>> {
    let found = PAPER_SHIFTS.iter().find(|(name, _)| *name == test && method == "transformer");
    found.map(|(_, values)| ["macro_f1", "auc"].into_iter().zip(*values).collect())
}

/// Lineages to score, of two or more each, and those that their calibration is fitted on: the next
/// [`LOCAL_LINEAGES`] others, or all others where there are not as many.
fn parts<'a>(lineages: &[&'a str]) -> Vec<(Vec<&'a str>, Vec<&'a str>)> {
    let mut order = lineages.to_vec();
    Random::new(1, 0x10CA).shuffle(&mut order);
    let n = order.len();
    let count = PARTS.min(n / 2).max(1);
    (0..count)
        .map(|part| {
            let (start, end) = (part * n / count, (part + 1) * n / count);
            let others = (end..n).chain(0..start).take(LOCAL_LINEAGES);
            (order[start..end].to_vec(), others.map(|k| order[k]).collect())
        })
        .collect()
}

/// The same series in the order and with the numbers of lineages of `like`, so that resamples pair.
fn in_order_of(mut scored: Scored, like: &Scored) -> Scored {
    let place: BTreeMap<usize, (usize, usize)> =
        like.judged.iter().enumerate().map(|(at, j)| (j.series, (at, j.run))).collect();
    for judged in &mut scored.judged {
        judged.run = place[&judged.series].1;
    }
    scored.judged.sort_by_key(|judged| place[&judged.series].0);
    scored.runs = like.runs;
    scored
}

/// Verdicts on the lineages `part` after a calibration and with a new threshold, both from the lineages
/// `local`, and the false-alarm rate that these support.
fn recalibrated(
    data: &Prepared,
    verdicts: &Verdicts,
    test: &str,
    part: &[&str],
    local: &[&str],
) -> Result<(Scored, Option<f64>)> {
    let (set, folds) = (&data.set, &data.folds);
    let of_test = |k: usize| folds[k] == Fold::Test(test.to_owned());
    let among =
        |k: usize, lineages: &[&str]| of_test(k) && lineages.contains(&set.series[k].lineage.as_str());
    let said: BTreeMap<usize, &Spoken> = verdicts.series.iter().map(|s| (s.series, s)).collect();
    let members = (0..set.series.len()).filter(|&k| among(k, local) && said.contains_key(&k));
    let calibration = calibrate::fit_on(set, members, |k, _| {
        Ok::<_, Error>(said[&k].said.iter().map(logits_of).collect())
    })?;
    let mut changed = verdicts.clone();
    changed.series.retain(|s| among(s.series, part) || among(s.series, local));
    for said in changed.series.iter_mut().flat_map(|s| &mut s.said) {
        *said = calibration.apply(logits_of(said)).said();
    }
    // The local lineages stand in for those of calibration.
    let level = alarm_level(set, &|k| among(k, local), &changed, PERSIST, RATE);
    let scored = Scored::new(set, &changed, used(level.as_ref()), &|k| among(k, part))?;
    Ok((scored, level.map(|level| level.rate)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::label_count::oracle_recipe;
    use crate::learn::replicas::tests::{constant, data, series};

    #[test]
    fn a_score_that_says_nothing_says_nothing_after_calibration() {
        let names: Vec<String> = (0..20).map(|k| format!("l{k:02}")).collect();
        let event = |k: usize| k.is_multiple_of(2).then_some(30.0);
        let mut data = data(names.iter().enumerate().map(|(k, name)| series(name, name, event(k))).collect());
        data.folds = vec![Fold::Test("defects".to_owned()); 20];
        let verdicts = constant(&data, &[0.3; 20]);
        let recipe = oracle_recipe();
        let method = Method { recipe: &recipe, data: &data, spoken: vec![(verdicts, None)], seeds: vec![1] };
        let whole = Measured::new(&method.scored(&|_, _| true).expect("scored"), 100, 1);
        let found = shift(&method, "defects", &whole, 100, 2).expect("scored");
        let after = found.calibrated.expect("20 lineages");
        assert_eq!((after.calibrations, after.fitted_on_lineages), (5, 16));
        // Ten of them are stable, four at most in a part.
        assert!(after.supported.is_some_and(|rate| rate <= 1.0 / 7.0), "{:?}", after.supported);
        for scores in [&found.zero_shot, &after.scores] {
            assert_eq!(scores["auroc"].value, 0.5, "and not less, as regressions ranked together would");
        }
        assert_eq!((after.difference["auroc"].value, after.difference["auprc"].value), (0.0, 0.0));
        // Positives are rarer than was said: probabilities gain.
        assert!(after.difference["brier"].value < 0.0, "{:?}", after.difference["brier"]);
    }

    #[test]
    fn every_lineage_is_scored_once_and_never_by_a_calibration_that_saw_it() {
        for n in [6, 7, 18, 20, 21, 24, 33, 60, 200] {
            let names: Vec<String> = (0..n).map(|k| format!("l{k:03}")).collect();
            let lineages: Vec<&str> = names.iter().map(String::as_str).collect();
            let parts = parts(&lineages);
            let mut scored: Vec<&str> = parts.iter().flat_map(|(part, _)| part.clone()).collect();
            scored.sort_unstable();
            assert_eq!(scored, lineages, "{n} lineages");
            assert_eq!(parts.len(), if n < 10 { 3 } else { 5 }, "{n} lineages");
            for (part, local) in &parts {
                assert_eq!(local.len(), (n - part.len()).min(LOCAL_LINEAGES), "{n} lineages");
                assert!(part.len() >= 2, "nothing can be ranked within a part of one: {n} lineages");
                assert!(part.iter().all(|lineage| !local.contains(lineage)));
                let unique: std::collections::BTreeSet<_> = local.iter().collect();
                assert_eq!(unique.len(), local.len());
            }
        }
    }
}
