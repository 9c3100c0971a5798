//! Vacancies and exchanges in charge-neutral units.

use std::collections::BTreeMap;

use serde::Serialize;

use super::charges::{NEUTRAL, formula};
use super::crystal::symbol_of;
use super::random::Random;
use super::spec::{Charges, Defect, DefectSide};
use super::stack::{Atom, Layer};
use crate::error::{Error, Result};

/// What was done for one entry of the specification.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Made {
    /// What a unit is, in words.
    pub unit: String,
    /// Units on side A.
    pub side_a: usize,
    /// Units on side B.
    pub side_b: usize,
}

/// Elements that a unit takes from a slab, and what some of them turn into.
struct Unit {
    remove: Vec<(&'static str, usize)>,
    replace: Vec<(&'static str, &'static str)>,
}

impl Unit {
    fn new(key: &str, defect: &Defect) -> Result<Self> {
        let remove = match &defect.remove {
            Some(text) => formula(&format!("{key}.remove"), text)?,
            None => Vec::new(),
        };
        let mut replace = Vec::new();
        for (from, to) in &defect.replace {
            replace.push((symbol_of(from)?, symbol_of(to)?));
        }
        Ok(Self { remove, replace })
    }

    /// Atoms of each element that a unit needs.
    fn needs(&self) -> BTreeMap<&'static str, usize> {
        let mut needs = BTreeMap::new();
        let replaced = self.replace.iter().map(|(from, _)| (*from, 1));
        for (element, count) in self.remove.iter().copied().chain(replaced) {
            *needs.entry(element).or_insert(0) += count;
        }
        needs
    }

    fn words(&self) -> String {
        let count = |n: usize| if n == 1 { String::new() } else { n.to_string() };
        let removed: String = self.remove.iter().map(|(e, n)| format!("{e}{}", count(*n))).collect();
        let mut words = Vec::new();
        if !removed.is_empty() {
            words.push(format!("{removed} removed"));
        }
        words.extend(self.replace.iter().map(|(from, to)| format!("{from} replaced by {to}")));
        words.join(", ")
    }

    /// Charge that a unit adds to a slab, e.
    fn charge(&self, charges: &Charges, elements: &[&str]) -> Result<f64> {
        let mut sum = 0.0;
        for (element, count) in &self.remove {
            sum -= charges.of(element, elements)? * *count as f64;
        }
        for (from, to) in &self.replace {
            sum += charges.of(to, elements)? - charges.of(from, elements)?;
        }
        Ok(sum)
    }
}

/// Makes all defects of a specification, in its order.
///
/// # Errors
/// [`Error::Input`] when a unit is charged, no side holds its elements, or more units are asked for than
/// there are.
pub fn make(
    atoms: &mut Vec<Atom>,
    defects: &[Defect],
    charges: &Charges,
    random: &mut Random,
) -> Result<Vec<Made>> {
    let mut made = Vec::new();
    for (k, defect) in defects.iter().enumerate() {
        made.push(make_one(atoms, &format!("defects[{k}]"), defect, charges, random)?);
    }
    Ok(made)
}

/// Places of a slab where a unit's atoms can be taken from, by element.
type Places = BTreeMap<&'static str, Vec<usize>>;

fn make_one(
    atoms: &mut Vec<Atom>,
    key: &str,
    defect: &Defect,
    charges: &Charges,
    random: &mut Random,
) -> Result<Made> {
    let unit = Unit::new(key, defect)?;
    let needs = unit.needs();
    let layers: &[Layer] = match defect.side {
        DefectSide::A => &[Layer::A],
        DefectSide::B => &[Layer::B],
        DefectSide::Both => &[Layer::A, Layer::B],
    };
    let mut sides: Vec<(Layer, Places)> = Vec::new();
    for layer in layers {
        let places = places(atoms, *layer, &needs, defect.within);
        if capacity(&places, &needs) == 0 {
            continue;
        }
        let mut elements: Vec<&str> = Vec::new();
        elements.extend(atoms.iter().filter(|atom| atom.layer == *layer).map(|atom| atom.element));
        let charge = unit.charge(charges, &elements)?;
        if charge.abs() > NEUTRAL {
            let expected = format!("a neutral unit; it adds {charge:+.3} e each");
            return Err(Error::input(key, unit.words(), expected));
        }
        sides.push((*layer, places));
    }
    let available: usize = sides.iter().map(|(_, places)| capacity(places, &needs)).sum();
    let wanted = match (defect.count, defect.fraction) {
        (Some(count), _) => count,
        (None, Some(fraction)) if fraction > 0.0 => ((fraction * available as f64).round() as usize).max(1),
        (None, _) => 0,
    };
    if wanted > available {
        let expected = format!("at most the {available} units that the slabs can give, not {wanted}");
        return Err(Error::input(key, unit.words(), expected));
    }
    let mut taken: Vec<usize> = Vec::new();
    let mut made = Made { unit: unit.words(), side_a: 0, side_b: 0 };
    for _ in 0..wanted {
        // A side's chance is what it can still give.
        let mut ticket = random.below(sides.iter().map(|(_, places)| capacity(places, &needs)).sum());
        let (layer, places) = sides
            .iter_mut()
            .find(|(_, places)| {
                let here = capacity(places, &needs);
                let drawn = ticket < here;
                ticket = ticket.saturating_sub(here);
                drawn
            })
            .expect("the ticket is below the sum of all capacities");
        for (element, count) in &unit.remove {
            for _ in 0..*count {
                taken.push(draw(places, element, random));
            }
        }
        for (from, to) in &unit.replace {
            let index = draw(places, from, random);
            atoms[index].element = to;
        }
        match layer {
            Layer::A => made.side_a += 1,
            _ => made.side_b += 1,
        }
    }
    taken.sort_unstable();
    for index in taken.into_iter().rev() {
        atoms.remove(index);
    }
    Ok(made)
}

fn draw(places: &mut Places, element: &str, random: &mut Random) -> usize {
    let list = places.get_mut(element).expect("the capacity was counted over all elements of the unit");
    list.swap_remove(random.below(list.len()))
}

fn places(
    atoms: &[Atom],
    layer: Layer,
    needs: &BTreeMap<&'static str, usize>,
    within: Option<f64>,
) -> Places {
    let mut places: Places = needs.keys().map(|element| (*element, Vec::new())).collect();
    for (index, atom) in atoms.iter().enumerate().filter(|(_, atom)| atom.layer == layer) {
        if within.is_some_and(|depth| atom.depth > depth) {
            continue;
        }
        if let Some(list) = places.get_mut(atom.element) {
            list.push(index);
        }
    }
    places
}

/// Units that a slab can give.
fn capacity(places: &Places, needs: &BTreeMap<&'static str, usize>) -> usize {
    needs.iter().map(|(element, count)| places[element].len() / count).min().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interface::random::Purpose;
    use crate::interface::spec::ChargeSet;

    /// Three formula units of Li2O on side A, four of Li2SiO3 on side B.
    fn cell() -> Vec<Atom> {
        let mut atoms = Vec::new();
        for (layer, elements, units) in [(Layer::A, "Li Li O", 3), (Layer::B, "Li Li Si O O O", 4)] {
            for unit in 0..units {
                for element in elements.split(' ') {
                    let element = symbol_of(element).expect("an element");
                    let depth = f64::from(unit);
                    atoms.push(Atom { element, layer, slab: 0, position: [0.0; 3], depth });
                }
            }
        }
        atoms
    }

    fn defect(text: &str) -> Defect {
        serde_yaml::from_str(text).expect("a defect")
    }

    fn run(text: &str, seed: u64) -> Result<(Vec<Atom>, Made)> {
        let mut atoms = cell();
        let formal = Charges::Named(ChargeSet::Formal);
        let mut random = Random::new(seed, Purpose::Defects);
        let made = make(&mut atoms, &[defect(text)], &formal, &mut random)?;
        Ok((atoms, made[0].clone()))
    }

    fn count(atoms: &[Atom], layer: Layer, element: &str) -> usize {
        atoms.iter().filter(|atom| atom.layer == layer && atom.element == element).count()
    }

    #[test]
    fn units_leave_one_side_at_a_time() {
        for seed in 0..20 {
            let (atoms, made) = run("{remove: Li2O, side: both, count: 4}", seed).expect("possible");
            assert_eq!(made.side_a + made.side_b, 4);
            assert_eq!(count(&atoms, Layer::A, "Li"), 6 - 2 * made.side_a);
            assert_eq!(count(&atoms, Layer::A, "O"), 3 - made.side_a);
            assert_eq!(count(&atoms, Layer::B, "Li"), 8 - 2 * made.side_b);
            assert_eq!(count(&atoms, Layer::B, "O"), 12 - made.side_b);
            assert_eq!(count(&atoms, Layer::B, "Si"), 4);
        }
    }

    #[test]
    fn both_sides_get_their_share_over_many_seeds() {
        let on_a: usize = (0..400)
            .map(|seed| run("{remove: Li2O, side: both, count: 1}", seed).expect("possible").1.side_a)
            .sum();
        // 3 of 7 units are on side A; the binomial deviation of 400 draws is 10.
        assert!((on_a as f64 - 400.0 * 3.0 / 7.0).abs() < 40.0, "{on_a}");
    }

    #[test]
    fn a_fraction_is_of_what_the_sides_can_give_and_at_least_one() {
        assert_eq!(run("{remove: Li2O, side: a, fraction: 0.67}", 1).expect("possible").1.side_a, 2);
        assert_eq!(run("{remove: Li2O, side: b, fraction: 0.01}", 1).expect("possible").1.side_b, 1);
        assert_eq!(run("{remove: Li2O, side: b, fraction: 0}", 1).expect("possible").1.side_b, 0);
    }

    #[test]
    fn a_seed_repeats_and_seeds_differ() {
        let text = "{remove: Li2O, side: b, count: 2}";
        let depths = |seed| -> Vec<f64> {
            let (atoms, _) = run(text, seed).expect("possible");
            atoms.iter().map(|atom| atom.depth).collect()
        };
        assert_eq!(depths(5), depths(5));
        assert!((1..9).any(|seed| depths(seed) != depths(0)));
    }

    #[test]
    fn defects_keep_to_the_depth_asked_for() {
        for seed in 0..10 {
            let (atoms, _) = run("{remove: Li2O, side: b, count: 1, within: 0.5}", seed).expect("possible");
            let deep = atoms.iter().filter(|a| a.layer == Layer::B && a.depth > 0.5).count();
            assert_eq!(deep, 18);
        }
    }

    #[test]
    fn neutral_exchanges_are_made() {
        // A phosphorus on a silicon site is compensated by a missing lithium.
        let (atoms, made) = run("{remove: Li, replace: {Si: P}, side: b, count: 2}", 1).expect("neutral");
        assert_eq!(made.unit, "Li removed, Si replaced by P");
        assert_eq!((count(&atoms, Layer::B, "P"), count(&atoms, Layer::B, "Si")), (2, 2));
        assert_eq!(count(&atoms, Layer::B, "Li"), 6);
    }

    #[test]
    fn impossible_defects_are_refused_with_numbers() {
        let message = |text: &str| run(text, 1).expect_err("refused").to_string();
        assert_eq!(
            message("{remove: LiO, side: a, count: 1}"),
            "defects[0] = 'LiO removed': expected a neutral unit; it adds +1.000 e each"
        );
        assert_eq!(
            message("{remove: Li2O, side: a, count: 4}"),
            "defects[0] = 'Li2O removed': expected at most the 3 units that the slabs can give, not 4"
        );
        assert_eq!(
            message("{remove: Al2O3, side: both, count: 1}"),
            "defects[0] = 'Al2O3 removed': expected at most the 0 units that the slabs can give, not 1"
        );
        for wrong in ["li2o", "Li2O0", "", "LiLi", "Li 2", "Li2.5O"] {
            let text = format!("{{remove: '{wrong}', side: a, count: 1}}");
            let expected = format!(
                "defects[0].remove = '{wrong}': expected a formula of elements and whole numbers, such as Li2O"
            );
            assert_eq!(message(&text), expected);
        }
    }
}
