//! Charges of the ions, and what a formula weighs in them.

use super::elements::{formal_charge, is_anion};
use super::spec::{ChargeSet, Charges};
use crate::error::{Error, Result};
use crate::potential::pedone;

/// Cells and defect units with more charge than this, e, are refused. Charges may be given with four
/// decimals; one missing ion is 0.6 e in the smallest set in use.
pub(super) const NEUTRAL: f64 = 1e-3;

impl Charges {
    /// Charge of an element in a slab that holds `elements`, e. A slab without anions is a metal, whose
    /// atoms are neutral.
    ///
    /// # Errors
    /// [`Error::Input`] when the set has no charge for the element.
    pub(super) fn of(&self, element: &str, elements: &[&str]) -> Result<f64> {
        if !elements.iter().any(|other| is_anion(other)) {
            return Ok(0.0);
        }
        match self {
            Self::Named(ChargeSet::Formal) => formal_charge(element).ok_or_else(|| {
                Error::input("charges", "formal", format!("a table of charges: {element} has no usual one"))
            }),
            Self::Named(ChargeSet::Pedone) => match pedone::ion(element) {
                Ok(ion) => Ok(ion.charge),
                Err(Error::Input { value, expected, .. }) => {
                    Err(Error::input("charges", format!("pedone for {value}"), expected))
                }
                Err(other) => Err(other),
            },
            Self::Table(table) => table.get(element).copied().ok_or_else(|| {
                let given: Vec<&str> = table.keys().map(String::as_str).collect();
                Error::input("charges", given.join(", "), format!("a charge of {element}, too"))
            }),
        }
    }
}

/// The atoms of a formula such as `Li2O`, in its order.
///
/// # Errors
/// [`Error::Input`] with the given key when it is no formula.
pub(super) fn formula(key: &str, text: &str) -> Result<Vec<(&'static str, usize)>> {
    let wrong = || Error::input(key, text, "a formula of elements and whole numbers, such as Li2O");
    let mut rest = text;
    let mut found: Vec<(&'static str, usize)> = Vec::new();
    while !rest.is_empty() {
        let lower = |c: char| !c.is_ascii_lowercase();
        let end = rest.char_indices().skip(1).find(|(_, c)| lower(*c)).map_or(rest.len(), |(at, _)| at);
        let element = super::crystal::symbol_of(&rest[..end]).map_err(|_| wrong())?;
        rest = &rest[end..];
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let count = if digits == 0 { 1 } else { rest[..digits].parse().map_err(|_| wrong())? };
        rest = &rest[digits..];
        if count == 0 || found.iter().any(|(known, _)| *known == element) {
            return Err(wrong());
        }
        found.push((element, count));
    }
    if found.is_empty() { Err(wrong()) } else { Ok(found) }
}
