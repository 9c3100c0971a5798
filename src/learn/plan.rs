//! The YAML file of `foreshock train`: which data, which methods, which seeds.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::methods::rocket;
use super::prepare::Task;
use super::settings::{Boosting, Rocket, Svm, at_least_one};
use super::training::Training;
use crate::dataset::{self, target::Horizon};
use crate::error::{Error, Result};
use crate::model::spec::{EncoderSpec, Inputs, Readout};
use crate::registry::{self, Category};

/// The whole file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// What is learned from.
    pub data: Data,
    /// Folder of the results, relative to the file.
    pub out: PathBuf,
    /// Seeds of every method.
    #[serde(default = "one_seed")]
    pub seeds: Vec<u64>,
    /// The methods.
    pub methods: Vec<Recipe>,
}

fn one_seed() -> Vec<u64> {
    vec![1]
}

/// The data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// A data set, relative to the file.
    pub path: PathBuf,
    /// What is to be told apart.
    #[serde(default)]
    pub task: Task,
    /// What is warned of.
    #[serde(default)]
    pub horizon: Horizon,
    /// Which runs are for what.
    #[serde(default)]
    pub split: Split,
    /// Cross-validation for choosing settings: the lineages that are not for testing take turns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn: Option<Turn>,
}

/// Turn `number` of `of`: every `of`-th lineage validates, the next ones calibrate, the rest trains.
/// Test lineages are not used at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Turn {
    /// From 1.
    pub number: usize,
    /// At least 3.
    pub of: usize,
}

impl std::str::FromStr for Turn {
    type Err = String;

    /// From `2/5`.
    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let expected = || "expected NUMBER/OF, e.g. 2/5, with OF at least 3".to_owned();
        let (number, of) = text.split_once('/').ok_or_else(expected)?;
        let turn =
            Self { number: number.parse().map_err(|_| expected())?, of: of.parse().map_err(|_| expected())? };
        if turn.of >= 3 && (1..=turn.of).contains(&turn.number) { Ok(turn) } else { Err(expected()) }
    }
}

/// Which runs train, choose and judge. A factor `fold` of a run (`train`, `valid`, `calibrate`,
/// `test` or `test NAME`) decides by itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", untagged)]
pub enum Split {
    /// A file made by `foreshock dataset split`, relative to the plan.
    File(PathBuf),
    /// As that command would make it.
    Plan(dataset::split::Plan),
}

impl Default for Split {
    fn default() -> Self {
        Self::Plan(dataset::split::Plan::default())
    }
}

/// One method with its settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Its name in folders and tables.
    pub name: String,
    /// What it is.
    pub method: Method,
    /// How values enter.
    #[serde(default)]
    pub inputs: Inputs,
    /// Which columns enter.
    #[serde(default)]
    pub columns: Choice,
    /// Frames of a window, where not the fix's.
    #[serde(default)]
    pub window: Option<usize>,
    /// Every how many frames a window trains models that see one window at a time.
    #[serde(default = "every_fifth")]
    pub stride: usize,
    /// How a network is trained.
    #[serde(default)]
    pub training: Training,
    /// Seeds of this method, where not the plan's.
    #[serde(default)]
    pub seeds: Option<Vec<u64>>,
    /// Every how many frames of the recording are seen, for the ablation of the sampling interval.
    #[serde(default = "every_frame")]
    pub every: usize,
    /// Which table it belongs to.
    #[serde(default)]
    pub group: Group,
    /// The method that an ablation of the winner is to be compared with.
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub whole: Option<String>,
}

/// Tables of the report.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// The comparison of methods.
    #[default]
    Comparison,
    /// What is lost without something.
    Ablation,
}

fn every_frame() -> usize {
    1
}

impl Recipe {
    /// A recipe of the comparison with the default of everything else.
    #[must_use]
    pub fn new(name: &str, method: Method) -> Self {
        Self {
            name: name.to_owned(),
            method,
            inputs: Inputs::default(),
            columns: Choice::default(),
            window: None,
            stride: every_fifth(),
            training: Training::default(),
            seeds: None,
            every: every_frame(),
            group: Group::Comparison,
            whole: None,
        }
    }

    /// Whether the fix can load what this trains.
    #[must_use]
    pub fn ships(&self) -> bool {
        matches!(self.method, Method::Network { .. } | Method::Boosting(_))
    }
}

fn every_fifth() -> usize {
    5
}

/// A choice of columns.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Choice {
    /// These only.
    pub only: Option<Vec<String>>,
    /// All but these; a base descriptor's name stands for its anomalous channels, too.
    pub without: Vec<String>,
    /// All but a category: `global_dynamics`, `local_structure`, with the channels made of their
    /// descriptors; or `anomalous_dynamics`, those channels and the jumps.
    pub without_category: Option<CategoryName>,
    /// All but what correlates with the count that labels are made from, over training series.
    pub without_kin: bool,
    /// Radial distribution functions, too.
    pub radial: bool,
}

impl Choice {
    /// Limits this choice to what another one leaves.
    pub fn within(&mut self, other: &Self) {
        self.only = self.only.take().or_else(|| other.only.clone());
        self.without.extend(other.without.iter().cloned());
        self.without_category = self.without_category.or(other.without_category);
        self.without_kin |= other.without_kin;
        self.radial |= other.radial;
    }
}

/// The paper's scales as written in a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CategoryName {
    /// Motion, thickness, stress, energy.
    GlobalDynamics,
    /// Coordination, bonds, order.
    LocalStructure,
    /// Jumps and the channels made in the window stage.
    AnomalousDynamics,
}

/// Category of a window's column; `None` for what is no descriptor.
#[must_use]
pub fn category_of(column: &str) -> Option<Category> {
    if let Some(position) = registry::index_of(column) {
        return Some(registry::BASE[position].category);
    }
    if column.starts_with("rdf_") {
        return Some(Category::Radial);
    }
    registry::anomalous_names().iter().any(|name| name == column).then_some(Category::AnomalousDynamics)
}

impl From<CategoryName> for Category {
    fn from(name: CategoryName) -> Self {
        match name {
            CategoryName::GlobalDynamics => Self::GlobalDynamics,
            CategoryName::LocalStructure => Self::LocalStructure,
            CategoryName::AnomalousDynamics => Self::AnomalousDynamics,
        }
    }
}

/// The descriptor that an anomalous channel is made of; `None` for all other columns.
#[must_use]
pub fn parent_of(column: &str) -> Option<&'static str> {
    let made_of = |base: &str| {
        let suffix = column.strip_prefix(base);
        suffix.is_some_and(|suffix| registry::ANOMALOUS_SUFFIXES.contains(&suffix))
    };
    registry::ANOMALOUS.into_iter().find(|base| made_of(base))
}

/// Whether a column shows anything of a category: it is of it, or made of a descriptor that is. To hide
/// motion and leave its differences and its CUSUM would hide little.
#[must_use]
pub fn shows(column: &str, category: Category) -> bool {
    let is = |name: &str| category_of(name) == Some(category);
    is(column) || parent_of(column).is_some_and(is)
}

impl Choice {
    /// The chosen of `all` columns, in order.
    ///
    /// # Errors
    /// [`Error::Input`] for a name that does not exist and when nothing is left.
    pub fn of(&self, all: &[String]) -> Result<Vec<String>> {
        let named = self.only.iter().flatten().chain(&self.without);
        for name in named {
            if !all.contains(name) {
                return Err(Error::input("columns", name, "a column of the data set"));
            }
        }
        let dropped = |column: &String| {
            let parent = parent_of(column);
            self.without.iter().any(|name| name == column || parent.is_some_and(|p| p == name))
                || self.without_category.is_some_and(|category| shows(column, category.into()))
                || (category_of(column) == Some(Category::Radial) && !self.radial && self.only.is_none())
        };
        let kept: Vec<String> = all
            .iter()
            .filter(|column| self.only.as_ref().is_none_or(|only| only.contains(column)) && !dropped(column))
            .cloned()
            .collect();
        if kept.is_empty() {
            return Err(Error::input("columns", "none left", "at least one"));
        }
        Ok(kept)
    }
}

/// The methods.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", deny_unknown_fields)]
pub enum Method {
    /// Encoder, shared projection, two heads.
    Network {
        /// The encoder.
        model: EncoderSpec,
        /// Width of the projection.
        #[serde(default = "projection")]
        projection: usize,
        /// What is read out.
        #[serde(default)]
        readout: Readout,
    },
    /// Boosted trees on summaries of windows.
    Boosting(Boosting),
    /// Support vectors on single frames.
    Svm(Svm),
    /// Random convolutions and a ridge classifier.
    Rocket(Rocket),
    /// The smoothed channel that ranks training warnings best, by a regression.
    Threshold,
    /// The fix's own CUSUM.
    Cusum,
    /// Rise of variance and lag-1 autocorrelation.
    Trend,
    /// Null: knows the run's factors and nothing else.
    Condition,
    /// Null: knows the time since the first verdict and nothing else.
    Elapsed,
    /// Null: boosted trees on labels of other runs.
    Shuffled(Boosting),
    /// In an ablation: the method that wins the comparison, with its settings.
    Winner {
        /// How values enter, where not as in the winner.
        #[serde(default)]
        inputs: Option<Inputs>,
    },
    /// What knows the label's own count: made by evaluation, for no plan to ask for.
    #[serde(skip)]
    Oracle,
}

fn projection() -> usize {
    32
}

impl Plan {
    /// The same plan on one turn of a cross-validation, with results in a folder of their own.
    pub fn take_turn(&mut self, turn: Turn) {
        self.out.push(format!("turn-{}-of-{}", turn.number, turn.of));
        self.data.turn = Some(turn);
    }

    /// Reads a plan; its paths become relative to the working folder.
    ///
    /// # Errors
    /// [`Error::File`] when it cannot be read or used.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|error| Error::file(path, error))?;
        let mut plan: Self = serde_yaml::from_str(&text).map_err(|error| Error::file(path, error))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        plan.data.path = folder.join(&plan.data.path);
        plan.out = folder.join(&plan.out);
        if let Split::File(file) = &mut plan.data.split {
            *file = folder.join(&file);
        }
        plan.check().map_err(|error| Error::file(path, error))?;
        Ok(plan)
    }

    /// The plan's data set, whose labels must have been made for the plan's horizon.
    ///
    /// # Errors
    /// What reading returns, and [`Error::Input`] where the rule of the labels names another horizon.
    pub fn table(&self) -> Result<dataset::Table> {
        let table = dataset::Table::read(&self.data.path)?;
        dataset::labels::check_horizon(&self.data.path, &self.data.horizon)?;
        Ok(table)
    }

    fn check(&self) -> Result<()> {
        let mut names: Vec<&str> = self.methods.iter().map(|m| m.name.as_str()).collect();
        names.sort_unstable();
        if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(Error::input("methods", pair[0], "every name once"));
        }
        for recipe in &self.methods {
            let usable = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            if recipe.name.is_empty() || !recipe.name.chars().all(usable) {
                return Err(Error::input("name", &recipe.name, "letters, digits, - _ and ."));
            }
            at_least_one(&[("stride", recipe.stride), ("every", recipe.every)])?;
            if let Some(window) = recipe.window {
                let least = if matches!(recipe.method, Method::Rocket(_)) { rocket::TAPS } else { 1 };
                if window < least {
                    return Err(Error::input("window", window, format!("at least {least} frames")));
                }
            }
            recipe.training.check()?;
            if matches!(recipe.method, Method::Winner { .. }) && recipe.group != Group::Ablation {
                return Err(Error::input("kind: winner", &recipe.name, "group: ablation"));
            }
            if let Method::Network { model, .. } = &recipe.method {
                model.check()?;
            }
            match &recipe.method {
                Method::Boosting(settings) | Method::Shuffled(settings) => settings.check()?,
                Method::Svm(settings) => settings.check()?,
                Method::Rocket(settings) => settings.check()?,
                _ => {}
            }
        }
        self.data.horizon.check()
    }

    /// Seeds of a method.
    #[must_use]
    pub fn seeds_of<'a>(&'a self, recipe: &'a Recipe) -> &'a [u64] {
        recipe.seeds.as_deref().unwrap_or(&self.seeds)
    }

    /// Folder of a method and seed.
    #[must_use]
    pub fn folder(&self, recipe: &Recipe, seed: u64) -> PathBuf {
        self.out.join(&recipe.name).join(format!("seed-{seed}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::Settings;

    fn names() -> Vec<String> {
        let mut names = registry::frame_names(true);
        names.extend(registry::anomalous_names());
        names
    }

    #[test]
    fn radial_columns_enter_on_request_only() {
        let plain = Choice::default().of(&names()).expect("columns");
        assert!(plain.iter().all(|name| !name.starts_with("rdf_")));
        let radial = Choice { radial: true, ..Choice::default() }.of(&names()).expect("columns");
        assert_eq!(radial.len(), plain.len() + 60);
    }

    #[test]
    fn a_dropped_descriptor_takes_its_channels_with_it() {
        let choice = Choice { without: vec!["turnover".to_owned()], ..Choice::default() };
        let kept = choice.of(&names()).expect("columns");
        assert!(!kept.iter().any(|name| name == "turnover" || name == "turnover_cusum"));
        assert!(kept.iter().any(|name| name == "turnover_p95"), "another descriptor");
        let wrong = Choice { without: vec!["turnovr".to_owned()], ..Choice::default() };
        assert_eq!(
            wrong.of(&names()).expect_err("a typo").to_string(),
            "columns = 'turnovr': expected a column of the data set"
        );
    }

    #[test]
    fn a_dropped_category_takes_the_channels_of_its_descriptors_with_it() {
        let without = |category| {
            let choice = Choice { without_category: Some(category), ..Choice::default() };
            choice.of(&names()).expect("columns")
        };
        let kept = without(CategoryName::LocalStructure);
        assert!(!kept.iter().any(|name| name.starts_with("cn_ab") || name.starts_with("bonds_broken")));
        assert!(kept.iter().any(|name| name == "msd_a_cusum"), "a channel of global dynamics");
        let kept = without(CategoryName::GlobalDynamics);
        assert!(!kept.iter().any(|name| name.starts_with("msd_a") || name.starts_with("pe")));
        assert!(kept.iter().any(|name| name == "cn_ab_d1") && kept.iter().any(|name| name == "jumps_mobile"));
        let kept = without(CategoryName::AnomalousDynamics);
        assert!(kept.iter().all(|name| parent_of(name).is_none() && !name.starts_with("jumps")));
        assert!(kept.iter().any(|name| name == "msd_a") && kept.iter().any(|name| name == "cn_ab"));
    }

    #[test]
    fn every_window_column_has_a_category() {
        let settings: Settings = serde_json::from_value(serde_json::json!({
            "interfaces": 1, "sample_ps": 0.1, "reference_ps": 0.5, "baseline_start_ps": 2.0,
            "baseline_length_ps": 5.0, "lag_ps": 1.0, "window": 64, "rdf": true
        }))
        .expect("settings");
        assert!(settings.window_names().iter().all(|name| category_of(name).is_some()));
    }

    #[test]
    fn a_plan_reads_with_defaults_and_refuses_what_it_does_not_know() {
        let text = "data: {path: d}\nout: o\nmethods:\n  - name: tcn\n    method: {kind: network, model: {encoder: tcn, width: 8, kernel: 3, dilations: [1]}}\n  - name: gb\n    method: {kind: boosting, depth: 3}\n";
        let plan: Plan = serde_yaml::from_str(text).expect("a plan");
        assert_eq!(plan.seeds, [1]);
        assert!(matches!(&plan.methods[1].method, Method::Boosting(b) if b.depth == 3 && b.rounds == 200));
        let wrong = text.replace("depth", "dept");
        assert!(serde_yaml::from_str::<Plan>(&wrong).expect_err("a typo").to_string().contains("dept"));
        for (settings, expected) in [
            ("boosting, depth: 11", "depth = '11': expected 1 to 10"),
            ("boosting, ridge: 0", "ridge = '0': expected above 0"),
            ("boosting, rows: 0", "rows = '0': expected above 0 and at most 1"),
            ("boosting, rate: .nan", "rate = 'NaN': expected above 0 and at most 1"),
            ("shuffled, patience: 0", "patience = '0': expected at least 1"),
            ("svm, cost: -1", "cost = '-1': expected above 0"),
            ("rocket, features: 0", "features = '0': expected at least 1"),
        ] {
            let plan: Plan =
                serde_yaml::from_str(&text.replace("boosting, depth: 3", settings)).expect("a plan");
            assert_eq!(plan.check().expect_err(settings).to_string(), expected);
        }
    }
}
