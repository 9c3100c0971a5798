//! What was built, as `interface.json` holds it. Lengths are angstrom.

use std::collections::BTreeMap;

use serde::Serialize;

use super::defects::Made;
use super::matching::Supercell;
use super::stack::Contact;

/// The record of a cell.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Version of this file's format.
    pub schema: u32,
    /// Version of the program.
    pub foreshock: &'static str,
    /// Title of the specification.
    pub title: String,
    /// SHA-256 of the specification and of the files that it names.
    pub spec_sha256: String,
    /// Seed.
    pub seed: u64,
    /// Number of atoms.
    pub atoms: usize,
    /// Edges along x, y, z.
    pub lengths: [f64; 3],
    /// Tilt factor xy.
    pub tilt_xy: f64,
    /// Area of one interface, square angstrom.
    pub area: f64,
    /// 2, or 1 with vacuum.
    pub interfaces: usize,
    /// Distance between facing slabs.
    pub gap: f64,
    /// Empty space between B and the next image of A.
    pub vacuum: f64,
    /// Shift of side B in fractions of the box.
    pub offset: [f64; 2],
    /// Closest atoms of different slabs.
    pub closest: Option<Contact>,
    /// The lower slab.
    pub side_a: SlabReport,
    /// The upper slab.
    pub side_b: SlabReport,
    /// The coating of each interface.
    pub coating: Option<SlabReport>,
    /// Defects, in the order of the specification.
    pub defects: Vec<Made>,
    /// Atom types, the first being type 1.
    pub types: Vec<TypeReport>,
}

/// One slab as built.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SlabReport {
    /// Name of the crystal.
    pub crystal: String,
    /// `axes` or `miller` and the numbers.
    pub orientation: String,
    /// In-plane vectors and stacking vector in fractions of the crystal's cell.
    pub cell_vectors: [[f64; 3]; 3],
    /// Edges of the oriented cell: in-plane, and thickness of a layer.
    pub cell: [f64; 3],
    /// Combinations of the in-plane vectors.
    pub supercell: Supercell,
    /// Layers.
    pub layers: usize,
    /// Layers times their thickness, as built: with the strain along z.
    pub thickness: f64,
    /// Distance between the outermost atoms, which is less, as built.
    pub extent: f64,
    /// Cut as a fraction of a layer.
    pub termination: f64,
    /// Whether the cut was chosen by the program.
    pub termination_auto: bool,
    /// Network bonds that each face lost.
    pub cut_bonds: usize,
    /// Room between the atoms at the cut.
    pub cut_gap: f64,
    /// Strain along x and y, and shear, per cent.
    pub strain_percent: [f64; 3],
    /// Strain along z, per cent: other than 0 where the slab conserves its volume. No limit applies to it.
    pub strain_z_percent: f64,
    /// Atoms of each element, defects included.
    pub composition: BTreeMap<&'static str, usize>,
}

/// One atom type.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TypeReport {
    /// Element symbol.
    pub element: &'static str,
    /// Name in the potential's files.
    pub potential_name: String,
    /// `side_a`, `coating` or `side_b`.
    pub layer: &'static str,
    /// Mass, g/mol.
    pub mass: f64,
    /// Charge, e.
    pub charge: f64,
    /// Atoms.
    pub count: usize,
}
