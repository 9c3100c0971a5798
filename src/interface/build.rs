//! From a specification to a cell.

use sha2::{Digest as _, Sha256};

use super::crystal::Crystal;
use super::defects;
use super::elements::{bond_reach, mass, type_rank};
use super::matching::{self, Plane, Supercell};
use super::orient::{Layered, Orientation, layers};
use super::prototypes::prototype;
use super::random::{Purpose, Random};
use super::read;
use super::report::{Report, SlabReport, TypeReport};
use super::slab::{SlabAtom, area, extent, slab};
use super::spec::{ChargeSet, Charges, Offset, SCHEMA, Side, Spec, Termination, Which};
use super::stack::{Atom, Cell, Layer, Part, check_neutral, check_overlaps, pile};
use super::termination::{Cut, best_cut, cut_at};
use crate::error::{Error, Result};
use crate::potential::pedone::Pedone;

/// A finished cell.
#[derive(Debug, Clone, PartialEq)]
pub struct Built {
    /// What it was built from.
    pub spec: Spec,
    /// Atoms, sorted by type.
    pub atoms: Vec<Atom>,
    /// The box.
    pub cell: Cell,
    /// The record.
    pub report: Report,
}

impl Built {
    /// Element symbols in the order of the atom types.
    #[must_use]
    pub fn elements(&self) -> Vec<&'static str> {
        self.report.types.iter().map(|kind| kind.element).collect()
    }

    /// Atom type, counted from 1, of an atom of this cell.
    ///
    /// # Panics
    /// If the atom is not of this cell.
    #[must_use]
    pub fn type_of(&self, atom: &Atom) -> usize {
        let same = |kind: &TypeReport| kind.element == atom.element && kind.layer == atom.layer.group();
        1 + self.report.types.iter().position(same).expect("every atom of the cell has a type")
    }

    /// Types, counted from 1, of the atoms that belong to a side; a coating belongs to one of them.
    #[must_use]
    pub fn types_of(&self, side: Which) -> Vec<usize> {
        let coated = self.spec.coating.as_ref().is_some_and(|coating| coating.group == side);
        let own = match side {
            Which::A => Layer::A.group(),
            Which::B => Layer::B.group(),
        };
        let member =
            |kind: &TypeReport| kind.layer == own || (coated && kind.layer == Layer::Coating.group());
        (1..=self.report.types.len()).filter(|k| member(&self.report.types[k - 1])).collect()
    }
}

/// A crystal turned and cut, before it is repeated.
struct Prepared<'a> {
    side: &'a Side,
    layered: Layered,
    cut: Cut,
    layers: usize,
}

/// Builds the cell of a specification.
///
/// # Errors
/// [`Error::Input`] with the key, the value and the numbers when the specification makes no sense, the
/// slabs fit no common box, the cell is charged, or atoms are too close; [`Error::File`] for a crystal's
/// file.
pub fn build(spec: &Spec) -> Result<Built> {
    spec.check()?;
    let a = prepare("side_a", &spec.side_a)?;
    let b = prepare("side_b", &spec.side_b)?;
    let shared = match (a.side.repeat, b.side.repeat) {
        (Some(of_a), Some(of_b)) => {
            matching::given((&a.layered, repeated(of_a)?), (&b.layered, repeated(of_b)?), &spec.lateral)?
        }
        _ => matching::search(&a.layered, &b.layered, &spec.lateral)?,
    };
    check_tilt(&shared.plane)?;
    let coating = match &spec.coating {
        Some(coating) => {
            let prepared = prepare("coating.slab", &coating.slab)?;
            let (supercell, strain) =
                matching::fit(&prepared.layered, &shared.plane, spec.lateral.max_strain)?;
            Some((prepared, supercell, strain))
        }
        None => None,
    };

    let atoms_a = slab(&a.layered, &shared.a, a.layers, &a.cut)?;
    let atoms_b = slab(&b.layered, &shared.b, b.layers, &b.cut)?;
    let offset = match spec.lateral.offset {
        Offset::Fractions(offset) => offset,
        Offset::Named(_) => {
            let mut random = Random::new(spec.seed, Purpose::Offset);
            [random.uniform(), random.uniform()]
        }
    };
    let mut parts = vec![
        part(Layer::A, a.side, atoms_a.clone(), [0.0; 2], &shared.strain_a),
        part(Layer::B, b.side, atoms_b.clone(), offset, &shared.strain_b),
    ];
    let mut atoms_c = Vec::new();
    if let Some((prepared, supercell, strain)) = &coating {
        let mut random = Random::new(spec.seed, Purpose::Coating);
        atoms_c = slab(&prepared.layered, supercell, prepared.layers, &prepared.cut)?;
        let mut coat = || {
            let shift = match spec.lateral.offset {
                Offset::Fractions(_) => [0.0; 2],
                Offset::Named(_) => [random.uniform(), random.uniform()],
            };
            part(Layer::Coating, prepared.side, atoms_c.clone(), shift, strain)
        };
        parts.insert(1, coat());
        if spec.vacuum == 0.0 {
            parts.push(coat());
        }
    }
    let (mut atoms, cell) = pile(&parts, shared.plane, spec.gap, spec.vacuum);

    let mut random = Random::new(spec.seed, Purpose::Defects);
    let made = defects::make(&mut atoms, &spec.defects, &spec.charges, &mut random)?;
    check_sides(&atoms)?;
    check_vacuum(spec, &atoms)?;
    let elements_of = |layer: Layer| -> Vec<&'static str> {
        let mut found = Vec::new();
        for atom in atoms.iter().filter(|atom| atom.layer == layer) {
            if !found.contains(&atom.element) {
                found.push(atom.element);
            }
        }
        // Mobile ions, network, anions: the same order for every cut and seed.
        found.sort_by_key(|element| type_rank(element));
        found
    };
    let by_layer = [Layer::A, Layer::Coating, Layer::B].map(|layer| (layer, elements_of(layer)));
    let charge = |atom: &Atom| -> Result<f64> {
        let elements = &by_layer.iter().find(|(layer, _)| *layer == atom.layer).expect("all layers").1;
        spec.charges.of(atom.element, elements)
    };
    check_neutral(&atoms, &charge, &spec.charges)?;
    let closest = check_overlaps(&atoms, &cell, spec.min_distance)?;

    let mut types = Vec::new();
    for (layer, elements) in &by_layer {
        for element in elements {
            let members: Vec<&Atom> =
                atoms.iter().filter(|atom| atom.layer == *layer && atom.element == *element).collect();
            let no_mass = || Error::input("element", element, "an element of known mass");
            types.push(TypeReport {
                element,
                potential_name: spec
                    .potential_names
                    .get(*element)
                    .map_or(*element, String::as_str)
                    .to_owned(),
                layer: layer.group(),
                mass: mass(element).ok_or_else(no_mass)?,
                charge: charge(members[0])?,
                count: members.len(),
            });
        }
    }
    let title = spec.title.clone().unwrap_or_else(|| format!("{} | {}", a.layered.name, b.layered.name));
    let describe = |p: &Prepared<'_>, layer: Layer, supercell, strain: [f64; 3], slab: &[SlabAtom]| {
        describe(p, supercell, strain, slab, &atoms, layer)
    };
    let report = Report {
        schema: SCHEMA,
        foreshock: env!("CARGO_PKG_VERSION"),
        title,
        spec_sha256: fingerprint(spec)?,
        seed: spec.seed,
        atoms: atoms.len(),
        lengths: [shared.plane[0][0], shared.plane[1][1], cell.height],
        tilt_xy: shared.plane[1][0],
        area: area(&shared.plane),
        interfaces: if spec.vacuum > 0.0 { 1 } else { 2 },
        gap: spec.gap,
        vacuum: spec.vacuum,
        offset,
        closest,
        side_a: describe(&a, Layer::A, shared.a, shared.strain_a, &atoms_a),
        side_b: describe(&b, Layer::B, shared.b, shared.strain_b, &atoms_b),
        coating: coating
            .as_ref()
            .map(|(p, supercell, strain)| describe(p, Layer::Coating, *supercell, *strain, &atoms_c)),
        defects: made,
        types,
    };
    let mut built = Built { spec: spec.clone(), atoms, cell, report };
    let mut sorted = built.atoms.clone();
    sorted.sort_by_key(|atom| built.type_of(atom));
    built.atoms = sorted;
    Ok(built)
}

/// Refuses a cell one side of which the defects have taken away.
fn check_sides(atoms: &[Atom]) -> Result<()> {
    for layer in [Layer::A, Layer::B] {
        if !atoms.iter().any(|atom| atom.layer == layer) {
            return Err(Error::input(
                "defects",
                format!("no atom left on {}", layer.name()),
                "some on both sides",
            ));
        }
    }
    Ok(())
}

/// Refuses a vacuum across which both sides still interact: a second interface that is reported as none.
fn check_vacuum(spec: &Spec, atoms: &[Atom]) -> Result<()> {
    let widest = atoms.iter().map(|atom| bond_reach(atom.element, atom.element)).fold(0.0, f64::max);
    let (least, what) = match spec.charges {
        Charges::Named(ChargeSet::Pedone) => (Pedone::default().cutoff(), "the cutoff of the potential"),
        _ => (widest, "the longest bond of the largest atoms"),
    };
    if spec.vacuum > 0.0 && spec.vacuum < least {
        return Err(Error::input(
            "vacuum",
            spec.vacuum,
            format!("0, or at least {least:.2} angstrom, {what}"),
        ));
    }
    Ok(())
}

fn crystal(side: &Side) -> Result<Crystal> {
    let mut crystal = match (&side.prototype, &side.file) {
        (Some(name), _) => prototype(name)?,
        (None, Some(file)) => read::crystal(file, side.elements.as_deref())?,
        (None, None) => return Err(Error::input("prototype", "", "either prototype or file")),
    };
    for vector in &mut crystal.vectors {
        *vector = vector.map(|v| v * side.scale);
    }
    Ok(crystal)
}

fn prepare<'a>(key: &str, side: &'a Side) -> Result<Prepared<'a>> {
    let named = |error| match error {
        Error::Input { key: inner, value, expected } => {
            Error::Input { key: format!("{key}.{inner}"), value, expected }
        }
        other => other,
    };
    let layered = layers(&crystal(side).map_err(named)?, side.orientation()).map_err(named)?;
    let cut = match side.termination {
        Termination::Named(_) => best_cut(&layered),
        Termination::Fraction(fraction) => cut_at(&layered, fraction),
    };
    let count = match (side.repeat, side.thickness) {
        (Some([_, _, layers]), _) => layers,
        (None, Some(thickness)) => (thickness / layered.stack[2] - 1e-6).ceil().max(1.0) as usize,
        (None, None) => 1,
    };
    Ok(Prepared { side, layered, cut, layers: count })
}

fn repeated([x, y, _]: [usize; 3]) -> Result<Supercell> {
    let whole = |n: usize| i32::try_from(n).map_err(|_| Error::input("repeat", n, "a number up to 1000"));
    Ok([[whole(x)?, 0], [0, whole(y)?]])
}

/// LAMMPS wants a tilt of at most half the box; a crystal's own axes may be steeper than that.
fn check_tilt(plane: &Plane) -> Result<()> {
    let [along, tilt] = [plane[0][0], plane[1][0].abs()];
    if tilt <= 0.5 * along * (1.0 + 1e-9) {
        return Ok(());
    }
    let expected =
        format!("a tilt of at most half the edge of {along:.3} angstrom; miller finds compact cells");
    Err(Error::input("axes", format!("tilt xy of {tilt:.3} angstrom"), expected))
}

fn part(layer: Layer, side: &Side, atoms: Vec<SlabAtom>, offset: [f64; 2], strain: &[f64; 3]) -> Part {
    Part { layer, atoms, offset, stretch: stretch(side, strain) }
}

/// Factor on a slab's heights.
fn stretch(side: &Side, strain: &[f64; 3]) -> f64 {
    if side.conserve_volume { 1.0 / ((1.0 + strain[0]) * (1.0 + strain[1])) } else { 1.0 }
}

fn describe(
    prepared: &Prepared<'_>,
    supercell: Supercell,
    strain: [f64; 3],
    slab: &[SlabAtom],
    atoms: &[Atom],
    layer: Layer,
) -> SlabReport {
    let Prepared { side, layered, cut, layers } = prepared;
    let stretch = stretch(side, &strain);
    let mut composition = std::collections::BTreeMap::new();
    for atom in atoms.iter().filter(|atom| atom.layer == layer) {
        *composition.entry(atom.element).or_insert(0) += 1;
    }
    SlabReport {
        crystal: layered.name.clone(),
        orientation: match side.orientation() {
            Orientation::Axes([x, y, z]) => format!("axes {x} {y} {z}"),
            Orientation::Miller([h, k, l]) => format!("miller {h} {k} {l}"),
        },
        cell_vectors: layered.rows,
        cell: [layered.plane[0][0], layered.plane[1][1], layered.stack[2]],
        supercell,
        layers: *layers,
        thickness: *layers as f64 * layered.stack[2] * stretch,
        extent: extent(slab) * stretch,
        termination: cut.fraction,
        termination_auto: matches!(side.termination, Termination::Named(_)),
        cut_bonds: cut.bonds * supercell_cells(&supercell),
        cut_gap: cut.gap,
        strain_percent: strain.map(|v| 100.0 * v),
        strain_z_percent: 100.0 * (stretch - 1.0),
        composition,
    }
}

fn supercell_cells(supercell: &Supercell) -> usize {
    let cells = supercell[0][0] * supercell[1][1] - supercell[0][1] * supercell[1][0];
    cells.unsigned_abs() as usize
}

/// SHA-256 over the specification, with the content of the files that it names instead of their paths.
fn fingerprint(spec: &Spec) -> Result<String> {
    let mut spec = spec.clone();
    let mut hash = Sha256::new();
    let coating = spec.coating.as_mut().map(|coating| &mut coating.slab);
    for side in [&mut spec.side_a, &mut spec.side_b].into_iter().chain(coating) {
        if let Some(file) = side.file.take() {
            let bytes = std::fs::read(&file).map_err(|error| Error::file(&file, error))?;
            hash.update(Sha256::digest(&bytes));
        }
    }
    let text = serde_json::to_string(&spec).expect("numbers, strings, lists and maps of strings");
    hash.update(text.as_bytes());
    Ok(crate::campaign::hex(&hash.finalize()))
}
