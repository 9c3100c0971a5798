//! Which lineage is for what: training, validation, calibration, test, and what is held out.
//!
//! A lineage stays whole. Its fold follows from a hash of its name and a seed, so that it keeps its
//! place when the data set grows. Held-out sets come first: runs whose role is `heldout_...`, and runs
//! with a factor's value that is named. Runs of the pilot, on which thresholds were chosen, are for
//! nothing else. Neither are nulls, one crystal cut in name only, which nobody would watch: as training
//! or calibration runs they would make stable runs look quieter than they are.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::series::{Series, Table, hex};
use crate::error::{Error, Result};

/// Version of the file's schema.
const SCHEMA: u32 = 2;
/// Folds that a hash decides.
pub const FOLDS: [&str; 4] = ["train", "validation", "calibration", "test"];
/// Fold of the runs that thresholds were chosen on.
pub const PILOT: &str = "pilot";
/// Fold of the nulls, whose false alarms are counted apart.
pub const NULL: &str = "null";
/// Prefix of held-out test sets.
pub const HELD_OUT: &str = "heldout_";

/// What to split by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Changes all places at once.
    pub seed: u64,
    /// Shares of the folds, in the order of [`FOLDS`]; their sum is 1.
    pub shares: [f64; 4],
    /// Further held-out sets: name without prefix, factor, values.
    pub held_out: Vec<HeldOut>,
}

/// A held-out set by a factor's values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldOut {
    /// Its name, without the prefix.
    pub name: String,
    /// The factor.
    pub factor: String,
    /// Values of runs that belong to it.
    pub values: Vec<String>,
}

impl Default for Plan {
    fn default() -> Self {
        Self { seed: 1, shares: [0.55, 0.15, 0.15, 0.15], held_out: Vec::new() }
    }
}

impl std::str::FromStr for HeldOut {
    type Err = String;

    /// From `name=factor:value,value`.
    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let parts = text.split_once('=').and_then(|(name, rest)| Some((name, rest.split_once(':')?)));
        match parts {
            Some((name, (factor, values)))
                if !name.is_empty() && !factor.is_empty() && !values.is_empty() =>
            {
                Ok(Self {
                    name: name.strip_prefix(HELD_OUT).unwrap_or(name).to_owned(),
                    factor: factor.to_owned(),
                    values: values.split(',').map(str::to_owned).collect(),
                })
            }
            _ => {
                Err("expected NAME=FACTOR:VALUE[,VALUE ...], e.g. temperature=temperature_k:1275".to_owned())
            }
        }
    }
}

/// A split of a data set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Split {
    schema: u32,
    /// Content hash of the data set that it belongs to.
    pub data_sha256: String,
    /// How it was made.
    pub plan: Plan,
    /// Lineages of each fold.
    pub folds: BTreeMap<String, BTreeSet<String>>,
    /// Hash of all the above.
    pub sha256: String,
}

impl Split {
    /// Splits a data set.
    ///
    /// # Errors
    /// [`Error::Input`] when shares do not add up, or a held-out set is empty or meets another one.
    pub fn new(table: &Table, plan: Plan) -> Result<Self> {
        let sum: f64 = plan.shares.iter().sum();
        if plan.shares.iter().any(|&share| !(0.0..=1.0).contains(&share)) || (sum - 1.0).abs() > 1e-9 {
            let shares = plan.shares.map(|share| share.to_string()).join(", ");
            return Err(Error::input("shares", shares, "four numbers from 0 to 1 whose sum is 1"));
        }
        let mut places: BTreeMap<&str, String> = BTreeMap::new();
        for series in &table.series {
            let Some(fold) = set_aside(series, &plan)? else {
                continue;
            };
            if let Some(other) = places.insert(&series.lineage, fold.clone())
                && other != fold
            {
                return Err(Error::input(
                    "lineage",
                    &series.lineage,
                    format!("one fold, not {other} and {fold}"),
                ));
            }
        }
        for set in &plan.held_out {
            let name = format!("{HELD_OUT}{}", set.name);
            if !places.values().any(|fold| *fold == name) {
                let value = format!("{}: {}", set.factor, set.values.join(", "));
                return Err(Error::input(name, value, "values of at least one run"));
            }
        }
        let mut folds: BTreeMap<String, BTreeSet<String>> =
            FOLDS.iter().map(|fold| ((*fold).to_owned(), BTreeSet::new())).collect();
        for series in &table.series {
            let fold = match places.get(series.lineage.as_str()) {
                Some(fold) => fold.clone(),
                None => by_hash(&series.lineage, &plan).to_owned(),
            };
            folds.entry(fold).or_default().insert(series.lineage.clone());
        }
        let mut split =
            Self { schema: SCHEMA, data_sha256: table.content_hash(), plan, folds, sha256: String::new() };
        split.sha256 = split.hash()?;
        Ok(split)
    }

    /// Writes it, whole or not at all.
    ///
    /// # Errors
    /// [`Error::File`] when it cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let mut text = serde_json::to_string_pretty(self).map_err(|error| Error::file(path, error))?;
        text.push('\n');
        let partial = path.with_extension("part");
        std::fs::write(&partial, text)
            .and_then(|()| std::fs::rename(&partial, path))
            .map_err(|error| Error::file(path, error))
    }

    /// Reads the split of `table`.
    ///
    /// # Errors
    /// [`Error::File`] when it is no split, was changed, belongs to other data, has a lineage in two
    /// folds, or one of the table's in none.
    pub fn read(path: &Path, table: &Table) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|error| Error::file(path, error))?;
        let split: Self = serde_json::from_str(&text).map_err(|error| Error::file(path, error))?;
        split.check(table).map_err(|error| Error::file(path, error))?;
        Ok(split)
    }

    fn check(&self, table: &Table) -> Result<()> {
        if self.schema != SCHEMA {
            return Err(Error::input("schema", self.schema, SCHEMA.to_string()));
        }
        let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
        for (fold, lineages) in &self.folds {
            for lineage in lineages {
                if let Some(other) = seen.insert(lineage, fold) {
                    return Err(Error::input(
                        "lineage",
                        lineage,
                        format!("one fold, not {other} and {fold}"),
                    ));
                }
            }
        }
        let data = table.content_hash();
        if self.data_sha256 != data {
            return Err(Error::input(
                "data_sha256",
                &self.data_sha256,
                format!("{data}, the hash of this data set"),
            ));
        }
        if let Some(series) = table.series.iter().find(|s| !seen.contains_key(s.lineage.as_str())) {
            return Err(Error::input("lineage", &series.lineage, "a fold"));
        }
        if self.sha256 != self.hash()? {
            return Err(Error::input("sha256", &self.sha256, "the hash of this split: the file was changed"));
        }
        Ok(())
    }

    /// The fold of a lineage.
    #[must_use]
    pub fn fold(&self, lineage: &str) -> Option<&str> {
        self.folds.iter().find(|(_, lineages)| lineages.contains(lineage)).map(|(fold, _)| fold.as_str())
    }

    /// Positions of a fold's series in the table.
    #[must_use]
    pub fn select(&self, table: &Table, fold: &str) -> Vec<usize> {
        let Some(lineages) = self.folds.get(fold) else {
            return Vec::new();
        };
        (0..table.series.len()).filter(|&at| lineages.contains(&table.series[at].lineage)).collect()
    }

    /// Names of the held-out sets.
    pub fn held_out(&self) -> impl Iterator<Item = &str> {
        self.folds.keys().map(String::as_str).filter(|fold| fold.starts_with(HELD_OUT))
    }

    fn hash(&self) -> Result<String> {
        let bare = Self { sha256: String::new(), ..self.clone() };
        let text = serde_json::to_string(&bare)
            .map_err(|error| Error::input("split", &self.data_sha256, error.to_string()))?;
        Ok(hex(&Sha256::digest(text.as_bytes())))
    }
}

/// The fold of a series that no hash decides.
fn set_aside(series: &Series, plan: &Plan) -> Result<Option<String>> {
    let role = series.factor("role");
    if [PILOT, NULL].contains(&role.as_str()) {
        return Ok(Some(role));
    }
    let mut sets: BTreeSet<String> = BTreeSet::new();
    if role.starts_with(HELD_OUT) {
        sets.insert(role);
    }
    for set in &plan.held_out {
        if set.values.contains(&series.factor(&set.factor)) {
            sets.insert(format!("{HELD_OUT}{}", set.name));
        }
    }
    if sets.len() > 1 {
        let sets: Vec<String> = sets.into_iter().collect();
        return Err(Error::input(
            "run",
            &series.run,
            format!("one held-out set, not {}", sets.join(" and ")),
        ));
    }
    Ok(sets.pop_first())
}

fn by_hash(lineage: &str, plan: &Plan) -> &'static str {
    let hash = Sha256::digest(format!("{} {lineage}", plan.seed).as_bytes());
    let number = u64::from_be_bytes(std::array::from_fn(|i| hash[i]));
    let mut place = number as f64 / 2.0_f64.powi(64);
    for (fold, share) in FOLDS.iter().zip(plan.shares) {
        if place < share {
            return fold;
        }
        place -= share;
    }
    FOLDS[0]
}

#[cfg(test)]
mod tests {
    use super::super::tests::{classes, features, series};
    use super::*;

    fn table(runs: usize) -> Table {
        let all = (0..runs).flat_map(|run| {
            [0, 1].map(|interface| {
                let mut one = series(&format!("r{run}"), interface, 6);
                one.values.mapv_inplace(|v| v + 100.0 * run as f32);
                one.condition.insert("temperature_k".into(), (1000 + 50 * (run as i64 % 4)).into());
                one.lineage = format!("l{}", run / 2);
                one
            })
        });
        Table::new(features(), classes(), all.collect()).expect("consistent")
    }

    fn lineages_of(table: &Table) -> BTreeSet<String> {
        table.series.iter().map(|s| s.lineage.clone()).collect()
    }

    #[test]
    fn every_lineage_is_in_one_fold_and_shares_are_kept() {
        let table = table(800);
        let split = Split::new(&table, Plan::default()).expect("splits");
        let all: Vec<&String> = split.folds.values().flatten().collect();
        assert_eq!(all.len(), 400);
        assert_eq!(all.into_iter().cloned().collect::<BTreeSet<_>>(), lineages_of(&table));
        for (fold, share) in FOLDS.iter().zip(split.plan.shares) {
            let found = split.folds[*fold].len() as f64 / 400.0;
            // Four standard deviations of a binomial share.
            assert!((found - share).abs() < 0.1, "{fold}: {found}");
        }
        let selected: usize = split.folds.keys().map(|fold| split.select(&table, fold).len()).sum();
        assert_eq!(selected, table.series.len());
    }

    #[test]
    fn lineages_keep_their_fold_when_the_data_set_grows() {
        let small = Split::new(&table(40), Plan::default()).expect("splits");
        let large = Split::new(&table(80), Plan::default()).expect("splits");
        for lineage in lineages_of(&table(40)) {
            assert_eq!(small.fold(&lineage), large.fold(&lineage));
        }
        let other = Split::new(&table(40), Plan { seed: 2, ..Plan::default() }).expect("splits");
        assert_ne!(other.folds, small.folds);
    }

    #[test]
    fn roles_and_factors_are_held_out_with_their_whole_lineage() {
        let mut all = table(8);
        for one in &mut all.series {
            let role = match one.run.as_str() {
                "r0" => "heldout_orientation",
                "r2" | "r3" => "pilot",
                "r4" | "r5" => "null",
                _ => "train",
            };
            one.condition.insert("role".into(), role.into());
        }
        let plan = Plan {
            held_out: vec!["temperature=temperature_k:1150".parse().expect("valid")],
            ..Plan::default()
        };
        // r3 is of 1150 K too, but of the pilot; r7 takes r6 of its lineage along.
        let split = Split::new(&all, plan.clone()).expect("splits");
        let of = |fold: &str| split.folds[fold].iter().map(String::as_str).collect::<Vec<_>>();
        assert_eq!(of("heldout_orientation"), ["l0"]);
        assert_eq!((of("pilot"), of("null")), (vec!["l1"], vec!["l2"]));
        assert_eq!(of("heldout_temperature"), ["l3"]);
        assert_eq!(split.held_out().collect::<Vec<_>>(), ["heldout_orientation", "heldout_temperature"]);

        all.series[0].condition.insert("temperature_k".into(), 1150.into());
        let message = Split::new(&all, plan).expect_err("in two sets").to_string();
        assert!(message.contains("one held-out set"), "{message}");
    }

    #[test]
    fn a_held_out_set_that_is_empty_and_odd_shares_are_refused() {
        let plan = Plan { held_out: vec!["x=size:3".parse().expect("valid")], ..Plan::default() };
        let message = Split::new(&table(4), plan).expect_err("empty").to_string();
        assert!(message.contains("heldout_x = 'size: 3'"), "{message}");
        let plan = Plan { shares: [0.5, 0.2, 0.2, 0.2], ..Plan::default() };
        assert!(Split::new(&table(4), plan).expect_err("1.1").to_string().contains("shares"));
        assert!("size:3".parse::<HeldOut>().is_err());
    }

    #[test]
    fn a_split_reads_back_and_refuses_other_data_and_leaks() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("split.json");
        let all = table(40);
        let split = Split::new(&all, Plan::default()).expect("splits");
        split.write(&path).expect("writes");
        assert_eq!(Split::read(&path, &all).expect("reads"), split);

        let message = Split::read(&path, &table(42)).expect_err("other data").to_string();
        assert!(message.contains("the hash of this data set"), "{message}");

        let leaky = |change: &dyn Fn(&mut Split)| {
            let mut leaky = split.clone();
            change(&mut leaky);
            leaky.write(&path).expect("writes");
            Split::read(&path, &all).expect_err("leaks").to_string()
        };
        let lineage = split.folds["train"].first().expect("not empty").clone();
        let message = leaky(&|s| {
            s.folds.entry("test".into()).or_default().insert(lineage.clone());
        });
        assert!(
            message.contains(&format!("lineage = '{lineage}'")) && message.contains("one fold"),
            "{message}"
        );
        let message = leaky(&|s| {
            s.folds.entry("train".into()).or_default().remove(&lineage);
        });
        assert!(message.contains("expected a fold"), "{message}");
        let message = leaky(&|s| {
            s.folds.entry("train".into()).or_default().remove(&lineage);
            s.folds.entry("test".into()).or_default().insert(lineage.clone());
        });
        assert!(message.contains("the file was changed"), "{message}");
    }

    #[test]
    fn labels_do_not_change_what_a_split_belongs_to() {
        let all = table(10);
        let mut relabelled = all.series.clone();
        relabelled.iter_mut().for_each(|one| one.set_onsets(None, None, 0.5));
        let relabelled = Table::new(features(), classes(), relabelled).expect("consistent");
        let split = Split::new(&all, Plan::default()).expect("splits");
        split.check(&relabelled).expect("the same data");
    }
}
