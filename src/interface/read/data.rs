//! LAMMPS data files of the atom styles atomic, charge, molecular and full.

use super::{Raw, fractional, three};
use crate::interface::elements::by_mass;

/// Section names that may follow `Atoms`, and what they hold is of no interest here.
const SECTIONS: [&str; 12] = [
    "Atoms",
    "Velocities",
    "Masses",
    "Bonds",
    "Angles",
    "Dihedrals",
    "Impropers",
    "Pair",
    "PairIJ",
    "Bond",
    "Angle",
    "Ellipsoids",
];

pub(super) fn read(text: &str, elements: Option<&[String]>) -> Result<Raw, String> {
    let mut header = Header::default();
    // Masses and the comments behind them, by type.
    let mut masses: Vec<(usize, f64, Option<String>)> = Vec::new();
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut section = String::new();
    let mut style: Option<usize> = None;
    for line in text.lines().skip(1) {
        let (body, comment) = line.split_once('#').map_or((line, None), |(b, c)| (b, Some(c.trim())));
        let words: Vec<&str> = body.split_whitespace().collect();
        let Some(first) = words.first() else { continue };
        if SECTIONS.contains(first) {
            section = (*first).to_owned();
            if section == "Atoms" {
                style = Some(columns_of(comment).ok_or_else(|| {
                    format!("expected 'Atoms # atomic', charge, molecular or full, not '{}'", line.trim())
                })?);
            }
            continue;
        }
        match section.as_str() {
            "" => header.read(&words)?,
            "Masses" => {
                let [kind, mass] = words[..] else { return Err(format!("Masses: '{line}'")) };
                let wrong = || format!("Masses: expected a type and a mass, not '{body}'");
                masses.push((
                    kind.parse().map_err(|_| wrong())?,
                    mass.parse().map_err(|_| wrong())?,
                    comment.and_then(|c| c.split_whitespace().next()).map(str::to_owned),
                ));
            }
            "Atoms" => rows.push(words.iter().map(|word| (*word).to_owned()).collect()),
            _ => {}
        }
    }
    let before = style.ok_or("no section Atoms")?;
    if rows.len() != header.atoms {
        return Err(format!("expected {} atoms, found {}", header.atoms, rows.len()));
    }
    let vectors = header.vectors()?;
    let origin = header.bounds.map(|[low, _]| low);
    let mut atoms = Vec::with_capacity(rows.len());
    for row in &rows {
        let words: Vec<&str> = row.iter().map(String::as_str).collect();
        // The type stands right after the id, or after id and molecule.
        let at = if before >= MOLECULAR { 2 } else { 1 };
        let kind: usize = words
            .get(at)
            .and_then(|word| word.parse().ok())
            .filter(|kind| *kind >= 1)
            .ok_or_else(|| format!("Atoms: expected an atom type in '{}'", words.join(" ")))?;
        let place = three(words.get(COLUMNS[before]..).unwrap_or_default(), "Atoms")?;
        let place = std::array::from_fn(|k| place[k] - origin[k]);
        atoms.push((element(kind, elements, &masses)?, fractional(&vectors, &place)));
    }
    Ok(Raw { vectors, atoms })
}

/// Column of x for atomic, charge, molecular, full.
const COLUMNS: [usize; 4] = [2, 3, 3, 4];
/// From this index on, a molecule's number stands before the type.
const MOLECULAR: usize = 2;

fn columns_of(style: Option<&str>) -> Option<usize> {
    ["atomic", "charge", "molecular", "full"].iter().position(|known| style == Some(*known))
}

fn element(
    kind: usize,
    given: Option<&[String]>,
    masses: &[(usize, f64, Option<String>)],
) -> Result<String, String> {
    if let Some(given) = given {
        let symbol = given.get(kind - 1);
        return symbol
            .cloned()
            .ok_or_else(|| format!("elements: expected one of every type, none of type {kind}"));
    }
    let found = masses.iter().find(|(known, ..)| *known == kind);
    let (_, mass, comment) = found
        .ok_or_else(|| format!("type {kind} has no mass; give the types' elements in the specification"))?;
    if let Some(symbol) = comment.as_deref().filter(|c| crate::elements::SYMBOLS.contains(c)) {
        return Ok(symbol.to_owned());
    }
    by_mass(*mass).map(str::to_owned).ok_or_else(|| {
        format!("mass {mass} of type {kind} is no element's; give the types' elements in the specification")
    })
}

/// What stands before the first section.
#[derive(Default)]
struct Header {
    atoms: usize,
    bounds: [[f64; 2]; 3],
    tilt: [f64; 3],
}

impl Header {
    fn read(&mut self, words: &[&str]) -> Result<(), String> {
        let number = |k: usize| -> Result<f64, String> {
            words[k].parse().map_err(|_| format!("header: expected a number in '{}'", words.join(" ")))
        };
        match words {
            [count, "atoms"] => {
                self.atoms = count.parse().map_err(|_| format!("header: '{count} atoms'"))?;
            }
            [_, _, low, _] if ["xlo", "ylo", "zlo"].contains(low) => {
                let axis = usize::from(low.as_bytes()[0] - b'x');
                self.bounds[axis] = [number(0)?, number(1)?];
            }
            [_, _, _, "xy", "xz", "yz"] => self.tilt = [number(0)?, number(1)?, number(2)?],
            _ => {}
        }
        Ok(())
    }

    fn vectors(&self) -> Result<[[f64; 3]; 3], String> {
        let [x, y, z] = self.bounds.map(|[low, high]| high - low);
        if !(x > 0.0 && y > 0.0 && z > 0.0) {
            return Err(format!(
                "header: expected a box with xlo xhi, ylo yhi, zlo zhi, not {x} x {y} x {z}"
            ));
        }
        let [xy, xz, yz] = self.tilt;
        Ok([[x, 0.0, 0.0], [xy, y, 0.0], [xz, yz, z]])
    }
}
