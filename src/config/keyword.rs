//! The keywords of the fix and one setting as it was given, on the line or in the YAML file.

use super::args::ArgError;
use super::value;

/// How many words a keyword takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arity {
    /// One word.
    One,
    /// One word holding a list of atom types (`1,3*4`).
    Types,
    /// Two words.
    Two,
    /// Two words, or the single word `none`.
    TwoOrNone,
    /// One element symbol per atom type.
    Elements,
    /// `auto`, or numbers up to the next word that is none.
    Cutoff,
}

macro_rules! keywords {
    ($($variant:ident $name:literal $arity:ident $usage:literal;)*) => {
        /// A keyword of the fix.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Keyword { $($variant),* }

        impl Keyword {
            /// All keywords in documented order.
            pub(super) const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// As written on the fix line and in the YAML file.
            pub(super) fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            /// How many words follow.
            pub(super) fn arity(self) -> Arity {
                match self { $(Self::$variant => Arity::$arity),* }
            }

            /// What follows, as the documentation writes it.
            pub(super) fn usage(self) -> &'static str {
                match self { $(Self::$variant => $usage),* }
            }
        }
    };
}

keywords! {
    Elements "elements" Elements "SYMBOL ...";
    Mobile "mobile" Types "TYPES";
    Network "network" Types "TYPES";
    Anion "anion" Types "TYPES";
    Normal "normal" One "x|y|z";
    Region "region" One "R";
    Cutoff "cutoff" Cutoff "auto | TI TJ R ...";
    Reference "reference" One "LENGTH";
    Baseline "baseline" Two "START LENGTH";
    Lag "lag" One "TIME";
    Window "window" One "L";
    Model "model" One "builtin|FILE|none";
    Detector "detector" One "model|cusum";
    Warn "warn" One "auto|THRESHOLD";
    Persist "persist" One "K";
    Halt "halt" One "no|soft|hard|continue";
    Mode "mode" One "async|sync";
    Record "record" One "FILE|none";
    Label "label" One "FILE|none";
    Blackbox "blackbox" TwoOrNone "K PREFIX | none";
    Stress "stress" One "yes|no";
    Rdf "rdf" One "yes|no";
    Config "config" One "FILE";
    Message "message" One "yes|no";
}

impl Keyword {
    /// The keyword of that name.
    pub(super) fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|k| k.name() == name)
    }

    /// Whether its value is a free name, which may happen to be spelled like a keyword.
    pub(super) fn takes_name(self) -> bool {
        matches!(
            self,
            Self::Model | Self::Detector | Self::Record | Self::Label | Self::Blackbox | Self::Config
        )
    }

    /// How many values a well-formed setting may have, for `ntypes` atom types.
    pub(super) fn accepts(self, values: &[String], ntypes: usize) -> bool {
        match self.arity() {
            Arity::One | Arity::Types => values.len() == 1,
            Arity::Two => values.len() == 2,
            Arity::TwoOrNone => values.len() == 2 || is_none(values),
            Arity::Elements => values.len() == ntypes,
            Arity::Cutoff => {
                values.len() == 1 && !value::looks_numeric(&values[0])
                    || !values.is_empty() && values.len().is_multiple_of(3)
            }
        }
    }

    /// Says that a word is no keyword, with the nearest one or all of them.
    pub(super) fn unknown(word: &str, choices: &[Self]) -> String {
        let nearest = choices.iter().map(|k| (value::edit_distance(word, k.name()), k.name())).min();
        let hint = match nearest {
            Some((distance, name)) if distance <= 2 && 2 * distance < word.chars().count().max(3) => {
                format!("did you mean '{name}'?")
            }
            _ => {
                let names: Vec<&str> = choices.iter().map(|k| k.name()).collect();
                format!("expected one of {}", names.join(", "))
            }
        };
        format!("unknown keyword '{word}': {hint}")
    }
}

/// Whether the values are the single word `none`.
pub(super) fn is_none(values: &[String]) -> bool {
    values.len() == 1 && values[0] == "none"
}

/// Where a setting was written.
#[derive(Debug, Clone)]
pub(super) enum Place {
    /// On the fix line: the keyword's word; its values follow it.
    Line {
        /// Index of the keyword.
        word: usize,
    },
    /// In the YAML file.
    File {
        /// Index of the file's name on the fix line.
        word: usize,
        /// The file's name as given.
        name: String,
        /// Line in the file, from 1, where it could be told.
        line: Option<usize>,
    },
}

/// One setting as given.
#[derive(Debug, Clone)]
pub(super) struct Given {
    pub(super) keyword: Keyword,
    pub(super) values: Vec<String>,
    pub(super) place: Place,
}

impl Given {
    /// An error about the setting as a whole.
    pub(super) fn error(&self, message: &str) -> ArgError {
        self.error_at(None, message)
    }

    /// An error about one of its values, or about the setting as a whole.
    pub(super) fn error_at(&self, index: Option<usize>, message: &str) -> ArgError {
        match &self.place {
            Place::Line { word } => ArgError::fix(word + index.map_or(0, |i| i + 1), message),
            Place::File { word, name, line: Some(line) } => {
                ArgError::fix(*word, &format!("{name} line {line}: {message}"))
            }
            Place::File { word, name, line: None } => ArgError::fix(*word, &format!("{name}: {message}")),
        }
    }

    /// Refuses value `index`, called `label`, saying what would have been accepted.
    pub(super) fn refuse(&self, index: usize, label: &str, expected: &str) -> ArgError {
        let value = &self.values[index];
        self.error_at(Some(index), &format!("{label} = '{value}': expected {expected}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_keyword_is_found_by_its_name_and_no_element_is_one() {
        for keyword in Keyword::ALL {
            assert_eq!(Keyword::parse(keyword.name()), Some(*keyword));
        }
        for symbol in crate::elements::SYMBOLS {
            assert_eq!(Keyword::parse(symbol), None, "{symbol}");
        }
    }

    #[test]
    fn nearest_keyword_is_suggested_only_when_near() {
        assert_eq!(
            Keyword::unknown("regoin", Keyword::ALL),
            "unknown keyword 'regoin': did you mean 'region'?"
        );
        assert!(Keyword::unknown("temperature", Keyword::ALL).contains("expected one of elements, mobile,"));
        assert!(Keyword::unknown("la", Keyword::ALL).contains("did you mean 'lag'?"));
        assert!(Keyword::unknown("q", Keyword::ALL).contains("expected one of"));
    }
}
