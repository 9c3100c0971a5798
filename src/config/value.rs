//! Reading single values: numbers, choices, lists of atom types.

use super::args::ArgError;
use super::keyword::Given;

/// Whether a word was meant as a number, right or wrong: `2.5`, `-3`, `nan`, `2.4A`.
pub(super) fn looks_numeric(word: &str) -> bool {
    word.parse::<f64>().is_ok() || word.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c))
}

/// A finite number that passes `accept`.
pub(super) fn number(
    given: &Given,
    index: usize,
    label: &str,
    expected: &str,
    accept: impl Fn(f64) -> bool,
) -> Result<f64, ArgError> {
    match given.values[index].parse::<f64>() {
        Ok(x) if x.is_finite() && accept(x) => Ok(x),
        _ => Err(given.refuse(index, label, expected)),
    }
}

/// An integer from `low` to `high`.
pub(super) fn integer(
    given: &Given,
    index: usize,
    label: &str,
    low: u64,
    high: u64,
) -> Result<u64, ArgError> {
    parse_integer(&given.values[index], low, high)
        .ok_or_else(|| given.refuse(index, label, &format!("an integer from {low} to {high}")))
}

/// An integer from `low` to `high`; a fraction or an exponent is not one.
pub(super) fn parse_integer(word: &str, low: u64, high: u64) -> Option<u64> {
    word.parse::<u64>().ok().filter(|n| (low..=high).contains(n))
}

/// One of several named values.
pub(super) fn choice<T: Copy>(given: &Given, options: &[(&str, T)]) -> Result<T, ArgError> {
    let found = options.iter().find(|(name, _)| *name == given.values[0]);
    found.map(|(_, value)| *value).ok_or_else(|| {
        let names: Vec<&str> = options.iter().map(|(name, _)| *name).collect();
        let (last, rest) = names.split_last().expect("options is a non-empty literal");
        given.refuse(0, given.keyword.name(), &format!("{} or {last}", rest.join(", ")))
    })
}

/// A logical value in the spellings LAMMPS takes.
pub(super) fn logical(given: &Given) -> Result<bool, ArgError> {
    match given.values[0].as_str() {
        "yes" | "on" | "true" => Ok(true),
        "no" | "off" | "false" => Ok(false),
        _ => Err(given.refuse(0, given.keyword.name(), "yes or no")),
    }
}

/// A name that is not empty.
pub(super) fn name(given: &Given, index: usize, label: &str) -> Result<String, ArgError> {
    let name = &given.values[index];
    if name.trim().is_empty() { Err(given.refuse(index, label, "a name")) } else { Ok(name.clone()) }
}

/// A list of atom types as one word: numbers and LAMMPS ranges (`*`, `2*`, `*3`, `1*3`) with commas
/// between them. Returned from 1, ascending, each once.
pub(super) fn types(given: &Given, ntypes: usize) -> Result<Vec<usize>, ArgError> {
    let mut found = vec![false; ntypes];
    for part in given.values[0].split(',') {
        let bounds = match part.split_once('*') {
            Some((low, high)) => bound(low, 1, ntypes).zip(bound(high, ntypes, ntypes)),
            None => bound(part, 0, ntypes).map(|n| (n, n)),
        };
        match bounds {
            Some((low, high)) if (1..=high).contains(&low) => found[low - 1..high].fill(true),
            _ => {
                let expected = format!("atom types from 1 to {ntypes} as one word such as 1,3 or 2*4");
                return Err(given.refuse(0, given.keyword.name(), &expected));
            }
        }
    }
    Ok((1..=ntypes).filter(|t| found[t - 1]).collect())
}

/// One end of a range: `open` where nothing is written.
fn bound(text: &str, open: usize, ntypes: usize) -> Option<usize> {
    if text.is_empty() {
        return Some(open);
    }
    text.parse().ok().filter(|n| (1..=ntypes).contains(n))
}

/// A number for people: six significant digits, no trailing zeros.
pub(super) fn show(x: f64) -> String {
    let rounded: f64 = format!("{x:.5e}").parse().unwrap_or(x);
    if rounded != 0.0 && !(1e-4..1e7).contains(&rounded.abs()) {
        format!("{rounded:e}")
    } else {
        format!("{rounded}")
    }
}

/// Number of insertions, deletions, substitutions and swaps of neighbours between two words
/// (optimal string alignment).
pub(super) fn edit_distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut d = vec![vec![0; b.len() + 1]; a.len() + 1];
    for (i, row) in d.iter_mut().enumerate() {
        row[0] = i;
    }
    d[0] = (0..=b.len()).collect();
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let substituted = d[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = substituted.min(d[i - 1][j] + 1).min(d[i][j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(d[i - 2][j - 2] + 1);
            }
            d[i][j] = best;
        }
    }
    d[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::super::keyword::{Keyword, Place};
    use super::*;

    fn list(word: &str) -> Option<Vec<usize>> {
        let given =
            Given { keyword: Keyword::Mobile, values: vec![word.to_owned()], place: Place::Line { word: 6 } };
        types(&given, 4).ok()
    }

    #[test]
    fn type_lists_follow_lammps_ranges() {
        assert_eq!(list("2"), Some(vec![2]));
        assert_eq!(list("3,1"), Some(vec![1, 3]));
        assert_eq!(list("2*3,3"), Some(vec![2, 3]));
        assert_eq!(list("*"), Some(vec![1, 2, 3, 4]));
        assert_eq!(list("3*"), Some(vec![3, 4]));
        assert_eq!(list("*2"), Some(vec![1, 2]));
        for wrong in ["", "0", "5", "1,", "3*2", "1*9", "1-3", "a", "1 3", "1**2", "-1"] {
            assert_eq!(list(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn swapped_letters_count_once() {
        assert_eq!(edit_distance("regoin", "region"), 1);
        assert_eq!(edit_distance("", "lag"), 3);
        assert_eq!(edit_distance("presist", "persist"), 1);
        assert_eq!(edit_distance("halt", "halt"), 0);
    }

    #[test]
    fn numbers_are_shown_short() {
        let shown: Vec<String> =
            [0.1 + 0.2, 8.0, 1.0 / 3.0, 499.999_999_999, 2e-13, 0.0, 3.2e9].into_iter().map(show).collect();
        assert_eq!(shown, ["0.3", "8", "0.333333", "500", "2e-13", "0", "3.2e9"]);
    }

    #[test]
    fn a_malformed_number_is_still_meant_as_one() {
        for word in ["1", "-2.5", ".5", "1e3", "2.4A", "nan", "-", "1_000"] {
            assert!(looks_numeric(word), "{word}");
        }
        for word in ["auto", "Li", "halt", ""] {
            assert!(!looks_numeric(word), "{word}");
        }
    }
}
