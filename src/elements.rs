//! Element symbols and the role each plays in an interface unless the fix line says otherwise.

use crate::config::Role;

/// Symbols of the elements in the order of their atomic number, hydrogen first.
#[rustfmt::skip]
pub const SYMBOLS: [&str; 118] = [
    "H", "He", "Li", "Be", "B", "C", "N", "O", "F", "Ne", "Na", "Mg", "Al", "Si", "P", "S", "Cl", "Ar",
    "K", "Ca", "Sc", "Ti", "V", "Cr", "Mn", "Fe", "Co", "Ni", "Cu", "Zn", "Ga", "Ge", "As", "Se", "Br", "Kr",
    "Rb", "Sr", "Y", "Zr", "Nb", "Mo", "Tc", "Ru", "Rh", "Pd", "Ag", "Cd", "In", "Sn", "Sb", "Te", "I", "Xe",
    "Cs", "Ba", "La", "Ce", "Pr", "Nd", "Pm", "Sm", "Eu", "Gd", "Tb", "Dy", "Ho", "Er", "Tm", "Yb", "Lu",
    "Hf", "Ta", "W", "Re", "Os", "Ir", "Pt", "Au", "Hg", "Tl", "Pb", "Bi", "Po", "At", "Rn",
    "Fr", "Ra", "Ac", "Th", "Pa", "U", "Np", "Pu", "Am", "Cm", "Bk", "Cf", "Es", "Fm", "Md", "No", "Lr",
    "Rf", "Db", "Sg", "Bh", "Hs", "Mt", "Ds", "Rg", "Cn", "Nh", "Fl", "Mc", "Lv", "Ts", "Og",
];

/// Working ions of solid electrolytes. Zn and Ag are here because as cations they are the working
/// ion (zinc batteries, AgI); copper is not: it is met as a current collector far more often than as
/// Cu+. As a metal slab each of them is framework anyway, since a mobile type counts as framework on
/// a side that consists of it alone.
const MOBILE: [&str; 9] = ["Li", "Na", "K", "Rb", "Cs", "Mg", "Ca", "Zn", "Ag"];

/// Anions of electrolytes and oxide or halide coatings.
const ANIONS: [&str; 9] = ["N", "O", "F", "S", "Cl", "Se", "Br", "Te", "I"];

/// The role of an element, `None` where `symbol` is not an element's. Case matters: `Co` is cobalt.
#[must_use]
pub fn role(symbol: &str) -> Option<Role> {
    if !SYMBOLS.contains(&symbol) {
        None
    } else if MOBILE.contains(&symbol) {
        Some(Role::Mobile)
    } else if ANIONS.contains(&symbol) {
        Some(Role::Anion)
    } else {
        Some(Role::Network)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn the_table_holds_each_element_once_at_its_atomic_number() {
        assert_eq!(SYMBOLS.iter().collect::<HashSet<_>>().len(), 118);
        for (number, symbol) in
            [(1, "H"), (3, "Li"), (16, "S"), (30, "Zn"), (53, "I"), (57, "La"), (79, "Au"), (118, "Og")]
        {
            assert_eq!(SYMBOLS[number - 1], symbol);
        }
    }

    #[test]
    fn every_listed_ion_is_an_element_and_has_one_role() {
        for symbol in MOBILE {
            assert_eq!(role(symbol), Some(Role::Mobile), "{symbol}");
        }
        for symbol in ANIONS {
            assert_eq!(role(symbol), Some(Role::Anion), "{symbol}");
        }
    }

    #[test]
    fn the_rest_is_network_and_nonsense_is_nothing() {
        for symbol in ["P", "Si", "Zr", "Al", "Cu", "H"] {
            assert_eq!(role(symbol), Some(Role::Network), "{symbol}");
        }
        for symbol in ["li", "LI", "Id", "", "X"] {
            assert_eq!(role(symbol), None, "{symbol}");
        }
    }
}
