//! Other conditions than those trained on: as trained, and after a few runs of local calibration.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Method, Prepared, summarise, used};
use crate::error::Result;
use crate::learn::boost::Rows;
use crate::learn::folds::{Fold, IN_DOMAIN};
use crate::learn::logistic::Logistic;
use crate::learn::random::Random;
use crate::learn::run::{PERSIST, RATE, alarm_level};
use crate::learn::score::bootstrap::Interval;
use crate::learn::scored::{Scored, THIN};
use crate::learn::verdicts::Verdicts;

/// Runs of a shifted test set that a local calibration may use.
pub const LOCAL_RUNS: usize = 20;
/// Runs that must be left to score a calibration on.
const LEFT: usize = 5;

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

/// One method on one test set, as it is and after local calibration.
pub(super) fn shift(method: &Method<'_>, test: &str, draws: usize) -> Result<Shift> {
    let of_test = |fold: &Fold| *fold == Fold::Test(test.to_owned());
    let scored = method.scored(&|fold, _| of_test(fold))?;
    let (zero_shot, _) = summarise(&scored, draws);
    let set = &method.data.set;
    let mut lineages: Vec<&str> =
        scored[0].judged.iter().map(|j| set.series[j.series].lineage.as_str()).collect();
    lineages.sort_unstable();
    lineages.dedup();
    Random::new(1, 0x10CA).shuffle(&mut lineages);
    let calibrated = if lineages.len() >= LOCAL_RUNS + LEFT && test != IN_DOMAIN {
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
        for (frame, said) in one.verdicts().zip(&spoken.said).step_by(THIN) {
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
    let level = alarm_level(set, &|k| of_test(k) && is_local(k), &changed, PERSIST, RATE);
    Scored::new(set, &changed, used(level.as_ref()), &|k| of_test(k) && !is_local(k))
}
