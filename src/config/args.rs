//! Splits the words of `fix` and `fix_modify` into settings.

use super::keyword::{Arity, Given, Keyword, Place};
use super::settings::{self, EVERY_WORD, STYLE_WORD};
use super::value::{looks_numeric, parse_integer};
use super::{FixConfig, Halt, yaml};
use crate::elements;
use crate::units::UnitStyle;

/// What the fix line is checked against.
#[derive(Debug, Clone)]
pub struct Context {
    /// The run's unit style: lengths and times on the line are in it.
    pub units: UnitStyle,
    /// Number of atom types.
    pub ntypes: usize,
    /// Number of atoms.
    pub atoms: u64,
    /// Timestep, ps (tau in lj units).
    pub dt_ps: f64,
    /// 2 or 3.
    pub dimension: usize,
    /// Names of all existing groups.
    pub groups: Vec<String>,
}

impl Context {
    /// An ordinary context: metal units, 1200 atoms, a timestep of 2 fs, three dimensions. For checking lines without
    /// LAMMPS, as the documentation's tests do.
    #[must_use]
    pub fn metal(ntypes: usize, groups: &[&str]) -> Self {
        Self {
            units: UnitStyle::Metal,
            ntypes,
            atoms: 1200,
            dt_ps: 0.002,
            dimension: 3,
            groups: groups.iter().map(|&group| group.to_owned()).collect(),
        }
    }
}

/// A wrong word.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ArgError {
    /// Index of the word to mark, as LAMMPS counts: for `fix` 0 is the fix ID, for `fix_modify` the
    /// keyword. For a fault inside the YAML file it is the file's name.
    pub word: usize,
    /// One line that names the key, the value and what was expected.
    pub message: String,
}

impl ArgError {
    /// An error of the `fix` command. A quoted word may hold line breaks; the message may not.
    pub(super) fn fix(word: usize, message: &str) -> Self {
        Self { word, message: format!("fix foreshock: {message}").replace(char::is_control, " ") }
    }
}

/// A change made by `fix_modify` between runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Change {
    /// A new warning threshold; `None` is `auto`.
    Warn(Option<f64>),
    /// Consecutive windows over the threshold before an alarm.
    Persist(u32),
    /// What an alarm does.
    Halt(Halt),
}

impl FixConfig {
    /// Applies a change of `fix_modify`.
    pub fn apply(&mut self, change: Change) {
        match change {
            Change::Warn(threshold) => self.warn = threshold,
            Change::Persist(windows) => self.persist = windows,
            Change::Halt(halt) => self.halt = halt,
        }
    }
}

const LARGEST_EVERY: u64 = i32::MAX as u64;

/// Reads a whole fix line, from the fix ID on, and the YAML file it names.
///
/// # Errors
/// [`ArgError`] with the index of the offending word.
pub fn parse(words: &[String], context: &Context) -> Result<FixConfig, ArgError> {
    for (index, name) in [(3, "N"), (4, "sideA"), (5, "sideB")] {
        if words.len() <= index {
            let message =
                format!("{name} is missing, expected 'N sideA sideB [keyword value ...]' after the style");
            return Err(ArgError::fix(STYLE_WORD.min(words.len().saturating_sub(1)), &message));
        }
    }
    let every = parse_integer(&words[EVERY_WORD], 1, LARGEST_EVERY).ok_or_else(|| {
        let expected = format!("an integer from 1 to {LARGEST_EVERY}, the steps between samples");
        ArgError::fix(EVERY_WORD, &format!("N = '{}': expected {expected}", words[EVERY_WORD]))
    })?;
    let sides = sides(words, context)?;

    let mut given = split(words, context.ntypes)?;
    if let Some(position) = given.iter().position(|g| g.keyword == Keyword::Config) {
        let config = given.remove(position);
        let (Place::Line { word }, [file]) = (&config.place, config.values.as_slice()) else {
            return Err(config.error("config: expected 'config FILE', found no value"));
        };
        // The command line wins.
        let fresh = |g: &Given| !given.iter().any(|known| known.keyword == g.keyword);
        let from_file: Vec<Given> = yaml::read(file, word + 1)?.into_iter().filter(fresh).collect();
        given.extend(from_file);
    }
    settings::build(every, sides, &given, context)
}

/// Reads the first `keyword value` pair of `fix_modify ID`; words from the keyword on.
///
/// # Errors
/// [`ArgError`] with the index of the offending word, the keyword being 0.
pub fn modify(words: &[String]) -> Result<Change, ArgError> {
    let changeable = [Keyword::Warn, Keyword::Persist, Keyword::Halt];
    let prefix = |mut error: ArgError| {
        error.message = error.message.replacen("fix foreshock", "fix_modify foreshock", 1);
        error
    };
    let Some(first) = words.first() else {
        return Err(prefix(ArgError::fix(0, "expected warn, persist or halt and a value, found nothing")));
    };
    let Some(keyword) = Keyword::parse(first).filter(|k| changeable.contains(k)) else {
        return Err(prefix(ArgError::fix(0, &Keyword::unknown(first, &changeable))));
    };
    let values = words[1..].iter().take(1).cloned().collect();
    let given = Given { keyword, values, place: Place::Line { word: 0 } };
    if given.values.is_empty() {
        return Err(prefix(settings::wrong_count(&given, 0)));
    }
    match keyword {
        Keyword::Warn => settings::warn(&given).map(Change::Warn),
        Keyword::Persist => settings::persist(&given).map(Change::Persist),
        _ => settings::halt(&given).map(Change::Halt),
    }
    .map_err(prefix)
}

/// The two sides: existing groups, different, neither of them everything.
fn sides(words: &[String], context: &Context) -> Result<[String; 2], ArgError> {
    for (index, label) in [(4, "sideA"), (5, "sideB")] {
        let name = &words[index];
        let refuse =
            |expected: &str| Err(ArgError::fix(index, &format!("{label} = '{name}': expected {expected}")));
        if !context.groups.contains(name) {
            return refuse(&format!("an existing group, one of {}", context.groups.join(", ")));
        }
        if name == "all" {
            return refuse("a group of one side's atoms, all holds both sides");
        }
    }
    if words[4] == words[5] {
        let message = format!("sideB = '{}': expected another group than sideA", words[5]);
        return Err(ArgError::fix(5, &message));
    }
    Ok([words[4].clone(), words[5].clone()])
}

/// Splits the words after the sides into settings, each keyword once.
fn split(words: &[String], ntypes: usize) -> Result<Vec<Given>, ArgError> {
    let mut found: Vec<Given> = Vec::new();
    let mut at = 6;
    while at < words.len() {
        let word = &words[at];
        let Some(keyword) = Keyword::parse(word) else {
            let message = match found.last() {
                Some(last) if looks_numeric(word) => format!(
                    "unexpected value '{word}' after '{0} {1}', expected '{0} {2}'",
                    last.keyword.name(),
                    last.values.join(" "),
                    last.keyword.usage()
                ),
                _ => Keyword::unknown(word, Keyword::ALL),
            };
            return Err(ArgError::fix(at, &message));
        };
        if let Some(first) = found.iter().find(|g| g.keyword == keyword) {
            let value = first.values.join(" ");
            return Err(ArgError::fix(
                at,
                &format!("{word} is given twice, expected once (first as '{word} {value}')"),
            ));
        }
        let count = count_values(keyword, &words[at + 1..], ntypes);
        let values = words[at + 1..=at + count].to_vec();
        found.push(Given { keyword, values, place: Place::Line { word: at } });
        at += 1 + count;
    }
    Ok(found)
}

/// How many of the following words belong to a keyword, right or wrong.
fn count_values(keyword: Keyword, following: &[String], ntypes: usize) -> usize {
    let is_value = |word: &&String| keyword.takes_name() || Keyword::parse(word).is_none();
    let wanted = match keyword.arity() {
        Arity::One | Arity::Types => 1,
        Arity::Two => 2,
        Arity::TwoOrNone if following.first().is_some_and(|w| w == "none") => 1,
        Arity::TwoOrNone => 2,
        // As many words as there are types, whatever they are, and then every further symbol: a
        // misspelt keyword behind a complete list is still taken for a keyword.
        Arity::Elements => {
            let further = following.iter().skip(ntypes).take_while(|w| elements::role(w).is_some()).count();
            ntypes + further
        }
        Arity::Cutoff if following.first().is_some_and(|w| looks_numeric(w)) => {
            following.iter().take_while(|w| looks_numeric(w)).count()
        }
        Arity::Cutoff => 1,
    };
    following.iter().take(wanted).take_while(is_value).count()
}
