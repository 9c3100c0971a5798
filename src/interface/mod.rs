//! Interface cells for LAMMPS: two crystals cut, strained into one box and put on top of each other.
//!
//! Enters: a [`Spec`]. Leaves: a [`Built`] cell, which writes a LAMMPS data file, an include with its
//! groups, a record and a picture. Runs before a simulation, never while one runs.
//!
//! ```text
//! prototypes, read -> crystal -> orient -> termination -> matching -> slab -> stack -> defects -> write
//! ```
//!
//! Every element of every layer is an atom type of its own (`Li` of side A, `Li` of side B, ...), so that
//! groups by type name each atom's initial side exactly, whatever moves later.

mod build;
mod charges;
mod crystal;
mod defects;
mod elements;
mod matching;
mod orient;
mod picture;
mod prototypes;
mod random;
mod read;
mod report;
mod slab;
mod spec;
mod stack;
mod termination;
mod write;

pub use build::{Built, build};
pub use crystal::{Crystal, Site};
pub use defects::Made;
pub use matching::{Match, Plane, Supercell};
pub use orient::{Layered, Orientation, layers};
pub use prototypes::{names as prototype_names, prototype};
pub use read::crystal as read_crystal;
pub use report::{Report, SlabReport, TypeReport};
pub use spec::{
    AtomStyle, Charges, Coating, Defect, DefectSide, Lateral, Offset, SCHEMA, Side, Spec, Termination, Which,
};
pub use stack::{Atom, Cell, Contact, Layer};
pub use termination::{Cut, best_cut, cut_at};
