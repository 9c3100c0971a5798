//! How much there is of what, and what the data lack for some of the numbers.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{On, Prepared};
use crate::learn::folds::Fold;
use crate::learn::prepare;
use crate::learn::run::RATE;
use crate::learn::score::bootstrap::LEAST_LINEAGES;
use crate::model::meta::AlarmLevel;

/// How many series there are of what.
#[derive(Debug, Clone, Serialize)]
pub struct Count {
    /// Fold or test set.
    pub fold: String,
    /// Lineages.
    pub lineages: usize,
    /// What they show; none where it must not be looked at.
    #[serde(flatten)]
    pub shown: Option<Shown>,
}

/// What the series of a fold show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Shown {
    /// Interfaces.
    pub series: usize,
    /// Interfaces with an event.
    pub unstable: usize,
    /// Their lineages: what intervals of leads and recalls rest on.
    pub unstable_lineages: usize,
    /// Events that leave time for a warning.
    pub warnable: usize,
    /// Judged frames.
    pub frames: usize,
}

/// What the data lack for some of the numbers; `level` is a method's, chosen on the calibration lineages.
pub(super) fn notes(data: &Prepared, level: Option<&AlarmLevel>, on: On) -> Vec<String> {
    let mut notes = Vec::new();
    let members = |of: &dyn Fn(&Fold) -> bool| -> Vec<&prepare::Prepared> {
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
        let failing: BTreeSet<&str> =
            scored.iter().filter(|s| s.event_ps.is_some()).map(|s| s.lineage.as_str()).collect();
        if events > 0 && failing.len() < LEAST_LINEAGES {
            notes.push(format!(
                "The {events} events that are scored are of {} lineages: too few for intervals of leads, recall and \
                 AUROC, which need {LEAST_LINEAGES}.",
                failing.len()
            ));
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
    for test in data.tests().into_iter().filter(|_| on == On::Test) {
        let members = members(&|fold| *fold == Fold::Test(test.clone()));
        let failing: BTreeSet<&str> =
            members.iter().filter(|s| s.event_ps.is_some()).map(|s| s.run.as_str()).collect();
        let conditions = |fails: bool| -> BTreeSet<String> {
            let runs = members.iter().filter(|s| failing.contains(s.run.as_str()) == fails);
            runs.map(|s| s.stratum()).collect()
        };
        let (with, without) = (conditions(true), conditions(false));
        if !with.is_empty() && !without.is_empty() && with.is_disjoint(&without) {
            notes.push(format!(
                "Test set {test}: no condition has runs with and runs without an event. AUROC over all of it compares \
                 conditions; within them it is auroc_within."
            ));
        }
    }
    match level {
        None => notes.push(
            "No stable calibration lineage: thresholds are 0.5 and support no false-alarm rate.".to_owned(),
        ),
        Some(level) if level.rate > RATE => notes.push(format!(
            "Thresholds rest on {} stable calibration lineages, of which {} alarm: that supports a false-alarm rate of \
             {:.1} %, not the {} % that are wanted (at least {} lineages).",
            level.stable_runs,
            level.false_alarms,
            100.0 * level.rate,
            100.0 * RATE,
            (1.0 / RATE).round() - 1.0
        )),
        Some(_) => {}
    }
    notes
}

/// What there is of every fold.
pub(super) fn counts(data: &Prepared, on: On) -> Vec<Count> {
    let name = |fold: &Fold| match fold {
        Fold::Train => "train".to_owned(),
        Fold::Valid => "validation".to_owned(),
        Fold::Calibrate => "calibration".to_owned(),
        Fold::Test(name) => format!("test: {name}"),
        Fold::Null => "null, counted apart".to_owned(),
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
            let lineages = |of: &dyn Fn(&prepare::Prepared) -> bool| {
                let chosen = members.iter().filter(|s| of(s)).map(|s| s.lineage.as_str());
                chosen.collect::<BTreeSet<&str>>().len()
            };
            let fails = |s: &prepare::Prepared| s.event_ps.is_some();
            let warnable = members.iter().filter(|s| data.set.horizon.warnable(s.event_ps, s.due_ps));
            Count {
                fold: name(fold),
                lineages: lineages(&|_| true),
                shown: on.counts(fold).then(|| Shown {
                    series: members.len(),
                    unstable: members.iter().filter(|s| fails(s)).count(),
                    unstable_lineages: lineages(&fails),
                    warnable: warnable.count(),
                    frames: members.iter().map(|s| s.verdicts().count()).sum(),
                }),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::folds::IN_DOMAIN;
    use crate::learn::replicas::tests::{data, series};

    #[test]
    fn on_validation_nothing_but_the_size_of_the_test_set_is_told() {
        let mut data = data(vec![
            series("a0", "a", Some(30.0)),
            series("b0", "b", None),
            series("c0", "c", Some(30.0)),
            series("d0", "d", None),
        ]);
        data.folds =
            vec![Fold::Valid, Fold::Test(IN_DOMAIN.into()), Fold::Test("defects".into()), Fold::Null];
        let shown = |on: On| counts(&data, on).iter().map(|c| c.shown.is_some()).collect::<Vec<_>>();
        assert_eq!(shown(On::Validation), [true, false, false, false]);
        assert_eq!(shown(On::Test), [true; 4]);
        let valid = &counts(&data, On::Validation)[0];
        assert_eq!((valid.lineages, valid.shown.map(|s| s.unstable_lineages)), (1, Some(1)));
        let words = notes(&data, None, On::Validation).join(" ");
        assert!(words.contains("of 1 lineages: too few for intervals"), "{words}");
        assert!(words.contains("No stable calibration lineage"), "{words}");
    }

    #[test]
    fn a_test_set_whose_conditions_tell_the_outcome_is_named() {
        let at = |run: &str, size: &str, event_ps| {
            let condition = [("size".to_owned(), size.into())].into();
            prepare::Prepared { condition, ..series(run, run, event_ps) }
        };
        let said = |third: &str| {
            let all = vec![at("a", "small", None), at("b", "large", Some(30.0)), at("c", third, None)];
            let mut data = data(all);
            data.folds = vec![Fold::Test("size".into()); 3];
            notes(&data, None, On::Test).join(" ").contains("Test set size: no condition")
        };
        assert!(said("small") && !said("large"));
    }
}
