//! What the builder needs to know of elements: mass, size, usual charge.

use mendeleev::Element;

use crate::config::Role;
use crate::elements::{SYMBOLS, role};

/// Bonds reach to this multiple of the sum of both atomic radii. With 1.3 the first shells of P-O
/// (1.5 angstrom), Si-O (1.6), Al-O (1.9 to 2.0), P-S (2.05), Ti-O (2.0) and Zr-O (2.1 to 2.3) lie
/// well inside, and no second shell does.
const BOND_REACH: f64 = 1.3;

/// Usual charges of ions, e. Elements with several common states (Fe, Mn, Co, ...) are left out on
/// purpose: their charge has to be given.
#[rustfmt::skip]
const FORMAL: [(&str, f64); 40] = [
    ("H", 1.0), ("Li", 1.0), ("Na", 1.0), ("K", 1.0), ("Rb", 1.0), ("Cs", 1.0), ("Ag", 1.0),
    ("Be", 2.0), ("Mg", 2.0), ("Ca", 2.0), ("Sr", 2.0), ("Ba", 2.0), ("Zn", 2.0), ("Cd", 2.0), ("Ni", 2.0),
    ("B", 3.0), ("Al", 3.0), ("Ga", 3.0), ("In", 3.0), ("Sc", 3.0), ("Y", 3.0), ("La", 3.0),
    ("C", 4.0), ("Si", 4.0), ("Ge", 4.0), ("Ti", 4.0), ("Zr", 4.0), ("Hf", 4.0), ("Sn", 4.0),
    ("P", 5.0), ("Nb", 5.0), ("Ta", 5.0),
    ("N", -3.0), ("O", -2.0), ("S", -2.0), ("Se", -2.0), ("F", -1.0), ("Cl", -1.0), ("Br", -1.0), ("I", -1.0),
];

/// The element's entry in the periodic table.
fn entry(symbol: &str) -> Option<Element> {
    let number = SYMBOLS.iter().position(|known| *known == symbol)?;
    Element::list().get(number).copied()
}

/// Standard atomic weight, g/mol; of a radioactive element the mass number of its longest-lived isotope.
pub(super) fn mass(symbol: &str) -> Option<f64> {
    Some(f64::from(&entry(symbol)?.atomic_weight()))
}

/// The element of a mass in g/mol, where exactly one is within 0.1 of it.
pub(super) fn by_mass(value: f64) -> Option<&'static str> {
    let mut near = SYMBOLS.iter().filter(|symbol| mass(symbol).is_some_and(|m| (m - value).abs() < 0.1));
    let found = near.next().copied();
    if near.next().is_some() { None } else { found }
}

/// Empirical atomic radius (Slater 1964, doi:10.1063/1.1725697), angstrom.
pub(super) fn radius(symbol: &str) -> Option<f64> {
    Some(entry(symbol)?.atomic_radius()?.0 / 100.0)
}

/// Largest length of a bond between two elements, angstrom; zero where a radius is unknown.
pub(super) fn bond_reach(one: &str, other: &str) -> f64 {
    match (radius(one), radius(other)) {
        (Some(a), Some(b)) => BOND_REACH * (a + b),
        _ => 0.0,
    }
}

/// Colour in pictures, red, green, blue: of the elements met most often, distinct ones that the
/// colour-blind can tell apart; of others the ones in common use.
pub(super) fn colour(symbol: &str) -> [u8; 3] {
    match symbol {
        "Li" => [146, 92, 196],
        "Na" => [0, 114, 178],
        "K" => [94, 60, 153],
        "O" => [213, 60, 40],
        "P" => [240, 160, 20],
        "Si" => [60, 140, 190],
        "Al" => [130, 140, 150],
        "S" => [240, 228, 66],
        "F" => [150, 210, 90],
        "Cl" => [0, 158, 115],
        "Br" => [160, 82, 45],
        "I" => [120, 30, 90],
        _ => entry(symbol)
            .and_then(|element| element.jmol_color())
            .map_or([128; 3], |colour| [colour.r, colour.g, colour.b]),
    }
}

/// Usual charge of the element's ion, e.
pub(super) fn formal_charge(symbol: &str) -> Option<f64> {
    FORMAL.iter().find(|(known, _)| *known == symbol).map(|(_, charge)| *charge)
}

/// Whether the element holds a network together: bonds from it to anions count when a slab is cut.
pub(super) fn is_network(symbol: &str) -> bool {
    role(symbol) == Some(Role::Network)
}

/// Whether the element is an anion wherever it is met here.
pub(super) fn is_anion(symbol: &str) -> bool {
    role(symbol) == Some(Role::Anion)
}

/// Sorts elements for atom types: mobile ions, network, anions, each by atomic number.
pub(super) fn type_rank(symbol: &str) -> (u8, Option<usize>) {
    let kind = match role(symbol) {
        Some(Role::Mobile) => 0,
        Some(Role::Anion) => 2,
        _ => 1,
    };
    (kind, SYMBOLS.iter().position(|known| *known == symbol))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_tables_count_the_elements_alike() {
        assert_eq!(Element::list().len(), SYMBOLS.len());
        for symbol in SYMBOLS {
            assert_eq!(entry(symbol).map(|e| e.symbol()), Some(symbol));
        }
    }

    #[test]
    fn known_masses_and_reaches() {
        assert!((mass("Si").expect("known") - 28.085).abs() < 0.01);
        assert!((mass("Li").expect("known") - 6.94).abs() < 0.01);
        assert!((2.0..2.4).contains(&bond_reach("Si", "O")), "{}", bond_reach("Si", "O"));
        assert!((1.9..2.2).contains(&bond_reach("P", "O")));
    }

    #[test]
    fn every_formal_charge_belongs_to_an_element_and_anions_are_negative() {
        for (symbol, charge) in FORMAL {
            assert!(SYMBOLS.contains(&symbol), "{symbol}");
            assert_eq!(charge < 0.0, is_anion(symbol), "{symbol}");
        }
    }
}
