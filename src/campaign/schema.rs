//! The campaign file as it is written: YAML to structures, nothing resolved yet.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// A value of a factor, a variable or a column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Scalar {
    /// A whole number.
    Int(i64),
    /// Another number.
    Float(f64),
    /// Text.
    Text(String),
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(value) => value.fmt(f),
            Self::Float(value) => value.fmt(f),
            Self::Text(value) => value.fmt(f),
        }
    }
}

/// Named values, in the order of their names.
pub type Values = BTreeMap<String, Scalar>;

/// One value or a list of them.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum OneOrMany {
    /// One.
    One(Scalar),
    /// A list.
    Many(Vec<Scalar>),
}

impl OneOrMany {
    /// The values, in order.
    #[must_use]
    pub fn values(&self) -> &[Scalar] {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::Many(values) => values,
        }
    }
}

/// Numbers of runs: `3`, `[1, 2, 5]` or `1..6`, both ends included.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "NumbersText")]
pub struct Numbers(pub Vec<u32>);

#[derive(Deserialize)]
#[serde(untagged)]
enum NumbersText {
    One(u32),
    Many(Vec<u32>),
    Range(String),
}

impl TryFrom<NumbersText> for Numbers {
    type Error = String;

    fn try_from(text: NumbersText) -> std::result::Result<Self, String> {
        Ok(Self(match text {
            NumbersText::One(one) => vec![one],
            NumbersText::Many(many) => many,
            NumbersText::Range(text) => text
                .split_once("..")
                .and_then(|(first, last)| Some((first.trim().parse().ok()?, last.trim().parse().ok()?)))
                .filter(|(first, last)| first <= last)
                .map(|(first, last): (u32, u32)| (first..=last).collect())
                .ok_or_else(|| format!("'{text}': expected a number, a list, or a range like 1..6"))?,
        }))
    }
}

/// What a level, or the campaign itself, brings to a run.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Level {
    /// Specification of the cell to build.
    pub interface: Option<PathBuf>,
    /// Or a finished data file; the run finds it as `interface.data`.
    pub data: Option<PathBuf>,
    /// Values to put into the specification, by dotted path.
    #[serde(default)]
    pub spec: BTreeMap<String, serde_yaml::Value>,
    /// LAMMPS variables.
    #[serde(default)]
    pub variables: Values,
    /// Columns of the condition table.
    #[serde(default)]
    pub columns: Values,
    /// Files to copy into the run's folder, under their own names.
    #[serde(default)]
    pub files: Vec<PathBuf>,
}

/// A factor: named levels, or one number (or word) that goes to the places named here.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Factor {
    /// Named levels.
    #[serde(default)]
    pub levels: BTreeMap<String, Level>,
    /// LAMMPS variable that takes the value.
    pub variable: Option<String>,
    /// Dotted path in the specification that takes it.
    pub spec: Option<String>,
    /// Column that takes it.
    pub column: Option<String>,
    /// Put before the value in the names of folders.
    #[serde(default)]
    pub prefix: String,
}

/// One LAMMPS run of a run.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// Its name, for logs and messages.
    pub name: String,
    /// Its input script.
    pub input: PathBuf,
}

/// A block of runs: all combinations of the levels named, times seeds, times replicas.
#[derive(Debug, Clone, Deserialize)]
pub struct Block {
    /// `train`, `pilot`, `replica`, `null` or `heldout_...`.
    pub role: String,
    /// Numbers of the lineages.
    pub seeds: Numbers,
    /// Numbers of the velocities drawn for each lineage; 0 is the parent.
    #[serde(default = "parent_only")]
    pub replicas: Numbers,
    /// Round in which the first of them is run.
    #[serde(default = "first")]
    pub round: usize,
    /// Combinations to leave out: those that have all levels of an entry.
    #[serde(default)]
    pub exclude: Vec<BTreeMap<String, OneOrMany>>,
    /// LAMMPS variables of this block.
    #[serde(default)]
    pub variables: Values,
    /// Columns of this block.
    #[serde(default)]
    pub columns: Values,
    /// Levels, by factor.
    #[serde(flatten)]
    pub levels: BTreeMap<String, OneOrMany>,
}

fn parent_only() -> Numbers {
    Numbers(vec![0])
}

fn first() -> usize {
    1
}

/// A campaign file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Campaign {
    /// Its name.
    pub name: String,
    /// What all runs have in common.
    #[serde(default)]
    pub common: Level,
    /// Whether each run gets `pedone.table` and `potential.in` for its elements.
    #[serde(default)]
    pub pedone: bool,
    /// Potential files that come with LAMMPS, to copy into the run's folder.
    #[serde(default)]
    pub potentials: Vec<String>,
    /// Further words of the LAMMPS command line.
    #[serde(default)]
    pub lammps: Vec<String>,
    /// Input scripts, in order.
    pub stages: Vec<Stage>,
    /// Files that a run must leave and that are kept; all others are deleted.
    pub keep: Vec<String>,
    /// Which of them are compressed (zstd, `.zst` added to the name).
    #[serde(default)]
    pub compress: Vec<String>,
    /// Factors, in the order in which they appear in names.
    #[serde(deserialize_with = "in_order")]
    pub factors: Vec<(String, Factor)>,
    /// Blocks of runs.
    pub runs: Vec<Block>,
    /// Folder of the file: other paths are relative to it.
    #[serde(skip)]
    pub folder: PathBuf,
    /// Folder of LAMMPS's potential files.
    #[serde(skip)]
    pub potentials_folder: Option<PathBuf>,
}

/// A mapping that keeps the order in which it is written.
fn in_order<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<Vec<(String, Factor)>, D::Error> {
    use serde::de::Error as _;
    let mapping = serde_yaml::Mapping::deserialize(deserializer)?;
    mapping
        .into_iter()
        .map(|(name, factor)| {
            let name: String = serde_yaml::from_value(name).map_err(D::Error::custom)?;
            let factor = serde_yaml::from_value(factor)
                .map_err(|error| D::Error::custom(format!("factor '{name}': {error}")))?;
            Ok((name, factor))
        })
        .collect()
}

impl Campaign {
    /// Reads a campaign file; what its parts mean together is checked when the plan is made.
    ///
    /// # Errors
    /// [`Error::File`] when it cannot be read or is no campaign, [`Error::Input`] when a name in it
    /// cannot be used.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|error| Error::file(path, error))?;
        let mut campaign: Self = serde_yaml::from_str(&text).map_err(|error| Error::file(path, error))?;
        campaign.folder = path.parent().map(Path::to_path_buf).unwrap_or_default();
        campaign.check()?;
        Ok(campaign)
    }

    fn check(&self) -> Result<()> {
        plain_name("name", &self.name)?;
        if self.stages.is_empty() {
            return Err(Error::input("stages", "[]", "at least one input script"));
        }
        for (k, stage) in self.stages.iter().enumerate() {
            plain_name("stages name", &stage.name)?;
            if self.stages[..k].iter().any(|other| other.name == stage.name) {
                return Err(Error::input("stages name", &stage.name, "every name once"));
            }
        }
        // Also a folder's file would be deleted with its folder, and `..` leads out of the run's.
        for (key, names) in [("keep", &self.keep), ("potentials", &self.potentials)] {
            for name in names {
                plain_name(key, name)?;
            }
        }
        for file in &self.compress {
            if !self.keep.contains(file) {
                return Err(Error::input("compress", file, "a file named under keep"));
            }
        }
        for (name, factor) in &self.factors {
            let places = [&factor.variable, &factor.spec, &factor.column].iter().any(|place| place.is_some());
            if factor.levels.is_empty() != places {
                let expected = "either levels, or a variable, spec or column that takes the value";
                return Err(Error::input(format!("factors {name}"), "", expected));
            }
        }
        for block in &self.runs {
            let known = ["train", "pilot", "replica", "null"].contains(&block.role.as_str());
            if !known && block.role.strip_prefix("heldout_").is_none_or(str::is_empty) {
                let expected = "train, pilot, replica, null or heldout_ and a name";
                return Err(Error::input("runs role", &block.role, expected));
            }
            if block.round == 0 {
                return Err(Error::input("runs round", 0, "a number from 1"));
            }
        }
        Ok(())
    }
}

/// Checks that `value` can be part of a file name.
///
/// # Errors
/// [`Error::Input`] naming `key`.
pub fn plain_name(key: &str, value: &str) -> Result<()> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._+-".contains(c);
    if value.is_empty() || value.starts_with('.') || !value.chars().all(plain) {
        return Err(Error::input(key, value, "letters, digits and the signs . _ + -"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_every_form() {
        let read = |text: &str| serde_yaml::from_str::<Numbers>(text).map(|numbers| numbers.0);
        assert_eq!(read("3").expect("one"), [3]);
        assert_eq!(read("[4, 2]").expect("a list"), [4, 2]);
        assert_eq!(read("2..4").expect("a range"), [2, 3, 4]);
        for bad in ["4..2", "a..b", "-1", "x"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn files_to_keep_and_potentials_are_plain_names() {
        let text = "{name: a, stages: [{name: go, input: in.go}], keep: [k], potentials: [p], factors: {}, runs: []}";
        serde_yaml::from_str::<Campaign>(text).expect("YAML").check().expect("plain");
        for (from, to, part) in
            [("[k]", "[sub/k]", "keep = 'sub/k'"), ("[p]", "[../p]", "potentials = '../p'")]
        {
            let campaign: Campaign = serde_yaml::from_str(&text.replace(from, to)).expect("YAML");
            let message = campaign.check().expect_err(to).to_string();
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn names_stay_inside_the_folder() {
        for bad in ["", "..", ".hidden", "a/b", "a b"] {
            assert!(plain_name("name", bad).is_err(), "{bad}");
        }
        plain_name("name", "lpo_lso-T1300").expect("plain");
    }
}
