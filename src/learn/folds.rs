//! Which series train, choose and judge: by lineage, never by window.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest as _, Sha256};

use super::plan;
use crate::dataset::series::hex;
use crate::dataset::split::{HELD_OUT, NULL, PILOT, Split};
use crate::dataset::{Series, Table};
use crate::error::{Error, Result};

/// What a series is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fold {
    /// Parameters and statistics are fitted on it.
    Train,
    /// Early stopping and choices between methods.
    Valid,
    /// Thresholds, and probabilities that mean shares, which leaves their order as it is. Validation has
    /// chosen the model, so its runs are too quiet for that.
    Calibrate,
    /// Scored at the end; the name of the test set.
    Test(String),
    /// One crystal cut in name only: its false alarms are counted apart from all others.
    Null,
    /// For nothing: the pilot, on which labels were chosen.
    Unused,
}

/// Name of the test set of unseen lineages.
pub const IN_DOMAIN: &str = "in-domain";
/// Name of the test set of temperatures below or above all trained ones of the same system.
pub const BEYOND: &str = "temperature-beyond";

/// SHA-256 of what every lineage is for: verdicts and models of one split must not pass for those of
/// another. `lineages` has one entry per fold.
#[must_use]
pub fn hash<'a>(lineages: impl Iterator<Item = &'a str>, folds: &[Fold]) -> String {
    let lines: BTreeSet<String> =
        lineages.zip(folds).map(|(lineage, fold)| format!("{lineage} {fold:?}\n")).collect();
    hex(&Sha256::digest(lines.into_iter().collect::<String>().as_bytes()))
}

/// [`hash`] of a plan's split of a table.
///
/// # Errors
/// As [`assign`].
pub fn hash_of(table: &Table, data: &plan::Data) -> Result<String> {
    Ok(hash(table.labelled().map(|s| s.lineage.as_str()), &assign(table, data)?))
}

/// Assigns every labelled series of a table.
///
/// # Errors
/// [`Error::Input`] when a run's `fold` factor is none, when only some runs have one, or when runs of
/// one lineage would be torn apart; what reading or making the split returns.
pub fn assign(table: &Table, data: &plan::Data) -> Result<Vec<Fold>> {
    let series: Vec<&Series> = table.labelled().collect();
    let folds = by_plan(&series, table, &data.split)?;
    Ok(match data.turn {
        Some(turn) => take_turn(&series, folds, turn),
        None => folds,
    })
}

/// Neighbours in order of condition and name get different folds, so that every turn has all conditions.
fn take_turn(series: &[&Series], folds: Vec<Fold>, turn: plan::Turn) -> Vec<Fold> {
    let mut lineages: Vec<(String, &str)> = series
        .iter()
        .zip(&folds)
        .filter(|(_, fold)| matches!(fold, Fold::Train | Fold::Valid | Fold::Calibrate))
        .map(|(one, _)| (one.stratum(), one.lineage.as_str()))
        .collect();
    lineages.sort();
    // Replicas and parents of one lineage may differ in a factor, but not in their fold.
    let mut order: Vec<&str> = Vec::new();
    for (_, lineage) in lineages {
        if !order.contains(&lineage) {
            order.push(lineage);
        }
    }
    series
        .iter()
        .map(|one| match order.iter().position(|lineage| *lineage == one.lineage) {
            None => Fold::Unused,
            Some(place) => match (place + turn.of + 1 - turn.number) % turn.of {
                0 => Fold::Valid,
                1 => Fold::Calibrate,
                _ => Fold::Train,
            },
        })
        .collect()
}

fn by_plan(series: &[&Series], table: &Table, split: &plan::Split) -> Result<Vec<Fold>> {
    let given = series.iter().filter(|s| s.condition.contains_key("fold")).count();
    if given == 0 {
        let split = match split {
            plan::Split::File(path) => Split::read(path, table)?,
            plan::Split::Plan(plan) => Split::new(table, plan.clone())?,
        };
        let mut folds =
            series.iter().copied().map(|one| by_split(one, &split)).collect::<Result<Vec<_>>>()?;
        tell_ends_apart(series, &mut folds);
        return Ok(folds);
    }
    if given < series.len() {
        return Err(Error::input("fold", format!("{given} of {} series", series.len()), "all or none"));
    }
    let folds = series.iter().copied().map(by_factor).collect::<Result<Vec<_>>>()?;
    let mut of_lineage = BTreeMap::new();
    for (one, fold) in series.iter().zip(&folds) {
        if of_lineage.insert(&one.lineage, fold).is_some_and(|other| other != fold) {
            let expected = "all its runs in one fold: they share their initial structure";
            return Err(Error::input("lineage", &one.lineage, expected));
        }
    }
    Ok(folds)
}

/// An unseen temperature between trained ones asks for less than one beyond them: the two are different
/// test sets.
fn tell_ends_apart(series: &[&Series], folds: &mut [Fold]) {
    let temperature = |one: &Series| one.condition.get("temperature_k").and_then(serde_json::Value::as_f64);
    let mut trained: BTreeMap<String, (f64, f64)> = BTreeMap::new();
    for (one, _) in series.iter().zip(folds.iter()).filter(|(_, fold)| **fold == Fold::Train) {
        if let Some(t) = temperature(one) {
            let range = trained.entry(one.factor("system")).or_insert((t, t));
            *range = (range.0.min(t), range.1.max(t));
        }
    }
    for (one, fold) in series.iter().zip(folds) {
        let of_set = matches!(fold, Fold::Test(name) if name == "temperature");
        let range = temperature(one).zip(trained.get(&one.factor("system")));
        if of_set && range.is_some_and(|(t, (low, high))| t < *low || t > *high) {
            *fold = Fold::Test(BEYOND.to_owned());
        }
    }
}

fn by_split(series: &Series, split: &Split) -> Result<Fold> {
    let fold = split.fold(&series.lineage);
    Ok(match fold {
        Some("train") => Fold::Train,
        Some("validation") => Fold::Valid,
        Some("calibration") => Fold::Calibrate,
        Some("test") => Fold::Test(IN_DOMAIN.to_owned()),
        Some(NULL) => Fold::Null,
        Some(PILOT) => Fold::Unused,
        Some(other) => match other.strip_prefix(HELD_OUT) {
            Some(name) => Fold::Test(name.to_owned()),
            None => return Err(Error::input("fold", other, "a fold of `foreshock dataset split`")),
        },
        None => return Err(Error::input("lineage", &series.lineage, "a fold in the split")),
    })
}

fn by_factor(series: &Series) -> Result<Fold> {
    let fold = series.condition.get("fold").and_then(|v| v.as_str()).unwrap_or("");
    Ok(match fold {
        "train" => Fold::Train,
        "valid" => Fold::Valid,
        "calibrate" => Fold::Calibrate,
        "test" => Fold::Test(IN_DOMAIN.to_owned()),
        other => match other.strip_prefix("test ") {
            Some(name) => Fold::Test(name.to_owned()),
            None => {
                return Err(Error::input(
                    format!("fold of run {}", series.run),
                    other,
                    "train, valid, calibrate, test or test NAME",
                ));
            }
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::tests::series;
    use crate::learn::plan::Turn;

    #[test]
    fn turns_take_every_lineage_once_for_validation_and_none_for_testing() {
        // Two interfaces each; every sixth lineage is for testing.
        let all: Vec<Series> =
            (0..24).flat_map(|k| [0, 1].map(|interface| series(&format!("r{k:02}"), interface, 6))).collect();
        let all: Vec<&Series> = all.iter().collect();
        let folds =
            |k: usize| if k.is_multiple_of(6) { Fold::Test(IN_DOMAIN.to_owned()) } else { Fold::Train };
        let folds: Vec<Fold> = (0..24_usize).flat_map(|k| [folds(k), folds(k)]).collect();
        let mut validated = vec![0; all.len()];
        for number in 1..=5 {
            let turned = take_turn(&all, folds.clone(), Turn { number, of: 5 });
            for (k, fold) in turned.iter().enumerate() {
                assert_eq!(*fold == Fold::Unused, matches!(folds[k], Fold::Test(_)), "series {k}");
                assert_eq!(*fold, turned[k ^ 1], "both interfaces of a lineage");
                validated[k] += usize::from(*fold == Fold::Valid);
            }
            let count = |of: &Fold| turned.iter().filter(|fold| *fold == of).count();
            assert_eq!((count(&Fold::Valid), count(&Fold::Calibrate), count(&Fold::Train)), (8, 8, 24));
        }
        let tested = |k: usize| matches!(folds[k], Fold::Test(_));
        assert!((0..all.len()).all(|k| validated[k] == usize::from(!tested(k))));
    }

    #[test]
    fn temperatures_beyond_the_trained_ones_of_a_system_are_a_set_of_their_own() {
        let at = |run: &str, system: &str, t: i64| {
            let mut one = series(run, 0, 6);
            one.condition.extend([("system".into(), system.into()), ("temperature_k".into(), t.into())]);
            one
        };
        let all = [
            at("a", "x", 1000),
            at("b", "x", 1200),
            at("c", "x", 1100),
            at("d", "x", 1250),
            at("e", "y", 1250),
        ];
        let unseen = || Fold::Test("temperature".into());
        let mut folds = vec![Fold::Train, Fold::Train, unseen(), unseen(), unseen()];
        tell_ends_apart(&all.iter().collect::<Vec<_>>(), &mut folds);
        assert_eq!(folds[2..], [unseen(), Fold::Test(BEYOND.into()), unseen()]);
    }

    #[test]
    fn the_hash_follows_every_lineages_fold_and_not_the_number_of_its_runs() {
        let hash = |lineages: &[&str], folds: &[Fold]| hash(lineages.iter().copied(), folds);
        let one = hash(&["a", "b"], &[Fold::Train, Fold::Valid]);
        assert_eq!(one, hash(&["b", "a", "a"], &[Fold::Valid, Fold::Train, Fold::Train]));
        assert_ne!(one, hash(&["a", "b"], &[Fold::Valid, Fold::Train]));
        assert_ne!(one, hash(&["a", "c"], &[Fold::Train, Fold::Valid]));
        assert_ne!(one, hash(&["a", "b"], &[Fold::Train, Fold::Test("b".into())]));
    }

    #[test]
    fn a_turn_is_read_and_refused() {
        assert_eq!("2/5".parse(), Ok(Turn { number: 2, of: 5 }));
        for wrong in ["2", "0/5", "6/5", "1/2", "a/b"] {
            assert!(wrong.parse::<Turn>().is_err(), "{wrong}");
        }
    }
}
