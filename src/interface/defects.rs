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
