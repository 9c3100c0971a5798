//! The description of an interface cell, as written by the user in YAML.
//!
//! Unknown keys are refused everywhere. Lengths are angstrom, fractions are of one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::orient::Orientation;
use crate::error::{Error, Result};

/// The version of the format that this program reads.
pub const SCHEMA: u32 = 1;

/// A cell of two slabs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Version of the format: 1.
    pub schema: u32,
    /// Shown on the picture and in the data file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The lower slab.
    pub side_a: Side,
    /// The upper slab.
    pub side_b: Side,
    /// A layer between both, at each interface of the cell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coating: Option<Coating>,
    /// How both slabs share their in-plane box.
    #[serde(default)]
    pub lateral: Lateral,
    /// Distance between the outermost atoms of facing slabs.
    #[serde(default = "default_gap")]
    pub gap: f64,
    /// Empty space between B and the next image of A, half of it below A; 0 makes a cell of two
    /// interfaces, periodic across both.
    #[serde(default)]
    pub vacuum: f64,
    /// Vacancies and other defects, in the order in which they are made.
    #[serde(default)]
    pub defects: Vec<Defect>,
    /// Charges of the ions.
    #[serde(default)]
    pub charges: Charges,
    /// Layout of the data file's atom lines.
    #[serde(default)]
    pub atom_style: AtomStyle,
    /// Names that the potential's files use for elements, where they differ (`I: Id` in `ffield.eim`).
    #[serde(default)]
    pub potential_names: BTreeMap<String, String>,
    /// Least distance allowed between atoms of different slabs.
    #[serde(default = "default_min_distance")]
    pub min_distance: f64,
    /// Seed of everything random here: lateral offset and defects.
    #[serde(default = "default_seed")]
    pub seed: u64,
}

/// One slab.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Side {
    /// Name of a crystal that comes with the program; this or `file`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prototype: Option<String>,
    /// A file that holds a periodic crystal, relative to the specification's folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// Elements of the atom types of a LAMMPS data file, whose masses do not tell them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elements: Option<Vec<String>>,
    /// Factor on all lengths of the crystal (thermal expansion, another lattice constant).
    #[serde(default = "one")]
    pub scale: f64,
    /// Which cell vector becomes x, y and z; this or `miller`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub axes: Option<[usize; 3]>,
    /// Miller indices of the plane that is the interface.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub miller: Option<[i32; 3]>,
    /// Oriented cells along x, y and z; both sides or none. Without it the in-plane numbers are searched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeat: Option<[usize; 3]>,
    /// Layers times their period are at least this much; instead of `repeat`. The atoms extend over less, by
    /// the room at the cut.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thickness: Option<f64>,
    /// Where the crystal is cut.
    #[serde(default)]
    pub termination: Termination,
    /// Stretch or shrink the slab along z so that the lateral strain leaves its volume as it is.
    #[serde(default)]
    pub conserve_volume: bool,
}

/// A layer between both sides, at each interface of the cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Coating {
    /// Its crystal; the in-plane repeat is searched to fit the box of the other two.
    pub slab: Side,
    /// The side whose group its atoms join, besides the group `coating` of their own.
    pub group: Which,
}

/// One of the two sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Which {
    /// The lower slab.
    A,
    /// The upper slab.
    B,
}

/// How both slabs share their in-plane box.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Lateral {
    /// Weight of side B in the mean of both in-plane cells: 0 keeps A as it is, 1 keeps B.
    pub weight_b: f64,
    /// Factor on the mean (thermal expansion).
    pub expand: f64,
    /// Largest strain of either slab along either axis, and largest shear.
    pub max_strain: f64,
    /// Shortest in-plane edge, where the repeats are searched.
    pub min_length: f64,
    /// Largest in-plane area, square angstrom, where the repeats are searched.
    pub max_area: f64,
    /// Shift of side B in the plane, in fractions of the box.
    pub offset: Offset,
}

impl Default for Lateral {
    fn default() -> Self {
        Self {
            weight_b: 0.5,
            expand: 1.0,
            max_strain: 0.05,
            min_length: 16.0,
            max_area: 900.0,
            offset: Offset::default(),
        }
    }
}

/// Where a slab is cut: `auto` or a fraction of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "termination: expected auto, or the fraction of a layer at which to cut, from 0 to 1"
)]
pub enum Termination {
    /// Where the fewest network bonds break.
    Named(Auto),
    /// At this fraction of a layer.
    Fraction(f64),
}

impl Default for Termination {
    fn default() -> Self {
        Self::Named(Auto::Auto)
    }
}

/// The word `auto`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Auto {
    /// The only one.
    Auto,
}

/// Shift of side B: `random` or fractions of the box.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "offset: expected random, or two fractions of the box")]
pub enum Offset {
    /// Uniform, from the seed.
    Named(Random),
    /// As given.
    Fractions([f64; 2]),
}

impl Default for Offset {
    fn default() -> Self {
        Self::Named(Random::Random)
    }
}

/// The word `random`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Random {
    /// The only one.
    Random,
}

/// Charge-neutral units taken out, exchanged, or both. Every unit lies wholly on one side.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Defect {
    /// Formula of what is removed, such as `Li2O`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remove: Option<String>,
    /// One atom of each element on the left turns into the element on the right.
    #[serde(default)]
    pub replace: BTreeMap<String, String>,
    /// Where: on side a, on side b, or on every side that holds the unit's elements.
    pub side: DefectSide,
    /// Share of the units that the side could give, by its scarcest element; at least one is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fraction: Option<f64>,
    /// Number of units; instead of `fraction`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<usize>,
    /// Only atoms within this distance of a face of their slab.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<f64>,
}

/// Where a defect may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DefectSide {
    /// The lower slab.
    A,
    /// The upper slab.
    B,
    /// Either, unit by unit at random.
    Both,
}

/// Charges of the ions; an element of a slab without anions (a metal) has none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "charges: expected formal, pedone, or a table of elements and charges")]
pub enum Charges {
    /// A set known by name.
    Named(ChargeSet),
    /// As given, e.
    Table(BTreeMap<String, f64>),
}

impl Default for Charges {
    fn default() -> Self {
        Self::Named(ChargeSet::Formal)
    }
}

/// Charge sets that the program knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChargeSet {
    /// Usual oxidation states.
    Formal,
    /// Partial charges of the potential of `foreshock table pedone`.
    Pedone,
}

/// LAMMPS atom styles that are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum AtomStyle {
    /// With charges.
    #[default]
    Charge,
    /// Without.
    Atomic,
}

impl AtomStyle {
    /// As in the input script.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Charge => "charge",
            Self::Atomic => "atomic",
        }
    }
}

fn default_gap() -> f64 {
    1.9
}

fn default_min_distance() -> f64 {
    1.5
}

fn default_seed() -> u64 {
    1
}

fn one() -> f64 {
    1.0
}

impl Spec {
    /// Reads a specification; `file` entries become relative to where it lies.
    ///
    /// # Errors
    /// [`Error::File`] when the file cannot be read or is no specification, otherwise as [`Spec::check`].
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|error| Error::file(path, error))?;
        let mut spec = Self::named(path, &text)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let coating = spec.coating.as_mut().map(|coating| &mut coating.slab);
        for side in [&mut spec.side_a, &mut spec.side_b].into_iter().chain(coating) {
            if let Some(file) = &mut side.file {
                *file = folder.join(&*file);
            }
        }
        Ok(spec)
    }

    /// A specification from YAML text.
    ///
    /// # Errors
    /// [`Error::File`] when the text is no specification, otherwise as [`Spec::check`].
    pub fn parse(text: &str) -> Result<Self> {
        Self::named(Path::new("specification"), text)
    }

    fn named(path: &Path, text: &str) -> Result<Self> {
        let spec: Self = serde_yaml::from_str(text).map_err(|error| Error::file(path, error))?;
        spec.check()?;
        Ok(spec)
    }

    /// Checks every value that can be judged without building.
    ///
    /// # Errors
    /// [`Error::Input`] with the key, the value and what was expected.
    pub fn check(&self) -> Result<()> {
        if self.schema != SCHEMA {
            return Err(Error::input("schema", self.schema, format!("{SCHEMA}")));
        }
        self.side_a.check("side_a", true)?;
        self.side_b.check("side_b", true)?;
        if let Some(coating) = &self.coating {
            coating.slab.check("coating.slab", false)?;
        }
        if self.side_a.repeat.is_some() != self.side_b.repeat.is_some() {
            let given = if self.side_a.repeat.is_some() { "side_a" } else { "side_b" };
            return Err(Error::input(
                "repeat",
                format!("of {given} only"),
                "repeat on both sides or on none",
            ));
        }
        let lateral = &self.lateral;
        within("lateral.weight_b", lateral.weight_b, 0.0, 1.0)?;
        within("lateral.expand", lateral.expand, 0.8, 1.25)?;
        within("lateral.max_strain", lateral.max_strain, 0.0, 0.5)?;
        within("lateral.min_length", lateral.min_length, 1.0, 1000.0)?;
        within("lateral.max_area", lateral.max_area, 1.0, 1e6)?;
        within("gap", self.gap, 0.0, 20.0)?;
        within("vacuum", self.vacuum, 0.0, 1000.0)?;
        within("min_distance", self.min_distance, 0.5, 5.0)?;
        if let Offset::Fractions(offset) = lateral.offset {
            for value in offset {
                within("lateral.offset", value, -1.0, 1.0)?;
            }
        }
        for (key, name) in
            self.potential_names.keys().map(|name| ("potential_names", name)).chain(match &self.charges {
                Charges::Table(table) => table.keys().map(|name| ("charges", name)).collect(),
                Charges::Named(_) => Vec::new(),
            })
        {
            super::crystal::symbol_of(name)
                .map_err(|_| Error::input(key, name, "symbols of elements, such as Li"))?;
        }
        for (k, defect) in self.defects.iter().enumerate() {
            defect.check(&format!("defects[{k}]"))?;
        }
        Ok(())
    }
}

impl Side {
    fn check(&self, key: &str, may_repeat: bool) -> Result<()> {
        exactly_one(key, [("prototype", self.prototype.is_some()), ("file", self.file.is_some())])?;
        if self.axes.is_some() && self.miller.is_some() {
            return Err(Error::input(format!("{key}.axes, miller"), "both", "at most one of them"));
        }
        if !may_repeat && self.repeat.is_some() {
            let expected = "thickness instead: the in-plane repeat of a coating is searched";
            return Err(Error::input(
                format!("{key}.repeat"),
                format!("{:?}", self.repeat.unwrap_or_default()),
                expected,
            ));
        }
        exactly_one(key, [("repeat", self.repeat.is_some()), ("thickness", self.thickness.is_some())])?;
        if let Some(repeat) = self.repeat.filter(|repeat| repeat.iter().any(|n| !(1..=1000).contains(n))) {
            return Err(Error::input(
                format!("{key}.repeat"),
                format!("{repeat:?}"),
                "numbers from 1 to 1000",
            ));
        }
        if let Some(thickness) = self.thickness {
            within(&format!("{key}.thickness"), thickness, 0.5, 1000.0)?;
        }
        within(&format!("{key}.scale"), self.scale, 0.5, 2.0)?;
        if let Termination::Fraction(fraction) = self.termination {
            within(&format!("{key}.termination"), fraction, 0.0, 1.0)?;
        }
        Ok(())
    }

    /// How the crystal is turned; along its own axes where nothing is said.
    #[must_use]
    pub fn orientation(&self) -> Orientation {
        match self.miller {
            Some(hkl) => Orientation::Miller(hkl),
            None => Orientation::Axes(self.axes.unwrap_or([0, 1, 2])),
        }
    }
}

impl Defect {
    fn check(&self, key: &str) -> Result<()> {
        if self.remove.is_none() && self.replace.is_empty() {
            return Err(Error::input(
                format!("{key}.remove"),
                "",
                "a formula to remove, or atoms to replace",
            ));
        }
        exactly_one(key, [("fraction", self.fraction.is_some()), ("count", self.count.is_some())])?;
        if let Some(fraction) = self.fraction {
            within(&format!("{key}.fraction"), fraction, 0.0, 1.0)?;
        }
        if let Some(depth) = self.within {
            within(&format!("{key}.within"), depth, 0.1, 1000.0)?;
        }
        Ok(())
    }
}

/// Checks that one of two keys is there, and the other is not.
fn exactly_one(key: &str, [(one, has_one), (other, has_other)]: [(&str, bool); 2]) -> Result<()> {
    if has_one != has_other {
        return Ok(());
    }
    let found = if has_one { "both" } else { "neither" };
    Err(Error::input(format!("{key}.{one}, {other}"), found, "exactly one of them"))
}

/// Checks that a number lies in a closed range.
fn within(key: &str, value: f64, low: f64, high: f64) -> Result<()> {
    if (low..=high).contains(&value) {
        Ok(())
    } else {
        Err(Error::input(key, value, format!("a number from {low} to {high}")))
    }
}
