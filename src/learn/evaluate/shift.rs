//! Other conditions than those trained on: as trained, and after a few runs of local calibration.
//!
//! Calibration is cross-fitted: each lineage of the shifted set is scored by a calibration that was fitted
//! on other lineages of it, so that all of them are scored, with and without, and the two can be paired.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Method, Prepared, used};
use crate::error::Result;
use crate::learn::boost::Rows;
use crate::learn::folds::{Fold, IN_DOMAIN};
use crate::learn::logistic::Logistic;
use crate::learn::measures::Measured;
use crate::learn::random::Random;
use crate::learn::run::{PERSIST, RATE, alarm_level};
use crate::learn::score::bootstrap::Interval;
use crate::learn::scored::{Scored, THIN};
use crate::learn::verdicts::Verdicts;

/// Lineages of a shifted test set that a local calibration may use.
pub const LOCAL_LINEAGES: usize = 20;
/// Lineages that a shifted test set must have for any.
pub const LEAST_LINEAGES: usize = 6;

/// A method on a test set of other conditions.
#[derive(Debug, Clone, Serialize)]
pub struct Shift {
    /// Name of the test set.
    pub test: String,
    /// The method.
    pub method: String,
    /// Lineages in it.
    pub lineages: usize,
    /// As trained.
    pub zero_shot: BTreeMap<String, Interval>,
    /// In-domain minus here, drawn independently; none for the in-domain set itself.
    pub drop: Option<BTreeMap<String, Interval>>,
    /// After local calibration; none for the in-domain set and where lineages are too few.
    pub calibrated: Option<Calibrated>,
    /// Why there is none.
    pub note: Option<String>,
}

/// A method after local calibration, on all lineages of the set.
#[derive(Debug, Clone, Serialize)]
pub struct Calibrated {
    /// Lineages that each calibration was fitted on.
    pub fitted_on_lineages: usize,
    /// Their runs, the mean over calibrations.
    pub fitted_on_runs: f64,
    /// Calibrations, each for a part of the set.
    pub calibrations: usize,
    /// False-alarm rate that the fewest of their stable runs support; none where one had none of them.
    pub supported: Option<f64>,
    /// Scores.
    pub scores: BTreeMap<String, Interval>,
    /// Calibrated minus zero-shot, on the same resampled lineages.
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
    let zero_shot = Measured::new(&scored, draws, stream);
    let set = &method.data.set;
    let mut lineages: Vec<&str> =
        scored[0].judged.iter().map(|j| set.series[j.series].lineage.as_str()).collect();
    lineages.sort_unstable();
    lineages.dedup();
    let shifted = test != IN_DOMAIN;
    let mut shift = Shift {
        test: test.to_owned(),
        method: method.recipe.name.clone(),
        lineages: lineages.len(),
        zero_shot: zero_shot.scores(),
        drop: shifted.then(|| in_domain.minus(&zero_shot)),
        calibrated: None,
        note: None,
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
        for (part, local) in &parts {
            let (scored, rate) = recalibrated(method.data, verdicts, test, part, local)?;
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
    let measured = Measured::new(&seeds, draws, stream);
    shift.calibrated = Some(Calibrated {
        fitted_on_lineages: parts[0].1.len(),
        fitted_on_runs: parts.iter().map(|(_, local)| runs(local)).sum::<f64>() / parts.len() as f64,
        calibrations: parts.len(),
        supported,
        scores: measured.scores(),
        difference: measured.minus(&zero_shot),
    });
    Ok(shift)
}

/// Lineages to score, and those that their calibration is fitted on: [`LOCAL_LINEAGES`] others, or all
/// others where there are not as many.
fn parts<'a>(lineages: &[&'a str]) -> Vec<(Vec<&'a str>, Vec<&'a str>)> {
    let mut order = lineages.to_vec();
    Random::new(1, 0x10CA).shuffle(&mut order);
    let n = order.len();
    let size = n.saturating_sub(LOCAL_LINEAGES).max(1);
    (0..n.div_ceil(size))
        .map(|part| {
            let (start, end) = (part * size, ((part + 1) * size).min(n));
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

/// Verdicts on the lineages `part` after a logistic regression on log-probabilities and a new threshold,
/// both from the lineages `local`, and the false-alarm rate that these support.
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
    let log = |p: f32| p.clamp(1e-6, 1.0 - 1e-6).ln();
    let logit = |p: f32| log(p) - log(1.0 - p);
    let mut rows = Rows { width: set.classes.len() + 1, ..Rows::default() };
    for spoken in verdicts.series.iter().filter(|s| among(s.series, local)) {
        let one = &set.series[spoken.series];
        for (frame, said) in one.verdicts().zip(&spoken.said).step_by(THIN) {
            rows.x.extend(said.states.iter().map(|&p| log(p)));
            rows.x.push(if said.warning.is_nan() { 0.0 } else { logit(said.warning) });
            rows.state.push(one.state[frame]);
            rows.warning.push(one.warning[frame]);
        }
    }
    let logistic = Logistic::fit(&rows, set.classes.len());
    let mut changed = verdicts.clone();
    changed.series.retain(|s| among(s.series, part) || among(s.series, local));
    for said in changed.series.iter_mut().flat_map(|s| &mut s.said) {
        let mut x: Vec<f32> = said.states.iter().map(|&p| log(p)).collect();
        x.push(if said.warning.is_nan() { 0.0 } else { logit(said.warning) });
        *said = logistic.say(&x);
    }
    // The local runs stand in for calibration runs.
    let level = alarm_level(set, &|k| among(k, local), &changed, PERSIST, RATE);
    let scored = Scored::new(set, &changed, used(level.as_ref()), &|k| among(k, part))?;
    Ok((scored, level.map(|level| level.rate)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lineage_is_scored_once_and_never_by_a_calibration_that_saw_it() {
        for n in [6, 18, 20, 21, 24, 33, 60] {
            let names: Vec<String> = (0..n).map(|k| format!("l{k:02}")).collect();
            let lineages: Vec<&str> = names.iter().map(String::as_str).collect();
            let parts = parts(&lineages);
            let mut scored: Vec<&str> = parts.iter().flat_map(|(part, _)| part.clone()).collect();
            scored.sort_unstable();
            assert_eq!(scored, lineages, "{n} lineages");
            for (part, local) in &parts {
                assert_eq!(local.len(), (n - part.len()).min(LOCAL_LINEAGES), "{n} lineages");
                assert_eq!(local.len(), (n - 1).min(LOCAL_LINEAGES), "{n} lineages");
                assert!(part.iter().all(|lineage| !local.contains(lineage)));
                let unique: std::collections::BTreeSet<_> = local.iter().collect();
                assert_eq!(unique.len(), local.len());
            }
        }
    }
}
