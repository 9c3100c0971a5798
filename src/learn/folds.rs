//! Which series train, choose and judge: by lineage, never by window.

use super::plan;
use super::prepare::Prepared;
use crate::dataset::Table;
use crate::dataset::split::{HELD_OUT, PILOT, Split};
use crate::error::{Error, Result};

/// What a series is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fold {
    /// Parameters and statistics are fitted on it.
    Train,
    /// Early stopping and choices between methods.
    Valid,
    /// Thresholds, together with validation.
    Calibrate,
    /// Scored at the end; the name of the test set.
    Test(String),
    /// For nothing: the pilot, on which labels were chosen.
    Unused,
}

/// Name of the test set of unseen lineages.
pub const IN_DOMAIN: &str = "in-domain";

impl Fold {
    /// Whether thresholds are chosen on it.
    #[must_use]
    pub fn is_chosen_on(&self) -> bool {
        matches!(self, Self::Valid | Self::Calibrate)
    }
}

/// Assigns every series of a prepared table.
///
/// # Errors
/// [`Error::Input`] when a run's `fold` factor is none, when only some runs have one, or when runs of
/// one lineage would be torn apart; what reading or making the split returns.
pub fn assign(series: &[Prepared], table: &Table, split: &plan::Split) -> Result<Vec<Fold>> {
    let given = series.iter().filter(|s| s.condition.contains_key("fold")).count();
    if given == 0 {
        let split = match split {
            plan::Split::File(path) => Split::read(path, table)?,
            plan::Split::Plan(plan) => Split::new(table, plan.clone())?,
        };
        return series.iter().map(|one| by_split(one, &split)).collect();
    }
    if given < series.len() {
        return Err(Error::input("fold", format!("{given} of {} series", series.len()), "all or none"));
    }
    let folds = series.iter().map(by_factor).collect::<Result<Vec<_>>>()?;
    let mut of_lineage = std::collections::BTreeMap::new();
    for (one, fold) in series.iter().zip(&folds) {
        if of_lineage.insert(&one.lineage, fold).is_some_and(|other| other != fold) {
            let expected = "all its runs in one fold: they share their initial structure";
            return Err(Error::input("lineage", &one.lineage, expected));
        }
    }
    Ok(folds)
}

fn by_split(series: &Prepared, split: &Split) -> Result<Fold> {
    let fold = split.fold(&series.lineage);
    Ok(match fold {
        Some("train") => Fold::Train,
        Some("validation") => Fold::Valid,
        Some("calibration") => Fold::Calibrate,
        Some("test") => Fold::Test(IN_DOMAIN.to_owned()),
        Some(PILOT) => Fold::Unused,
        Some(other) => match other.strip_prefix(HELD_OUT) {
            Some(name) => Fold::Test(name.to_owned()),
            None => return Err(Error::input("fold", other, "a fold of `foreshock dataset split`")),
        },
        None => return Err(Error::input("lineage", &series.lineage, "a fold in the split")),
    })
}

fn by_factor(series: &Prepared) -> Result<Fold> {
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
