//! A cell as files for LAMMPS.

use std::fmt::Write as _;
use std::path::Path;

use super::build::Built;
use super::elements::type_rank;
use super::picture;
use super::report::TypeReport;
use super::spec::{AtomStyle, ChargeSet, Charges, Which};
use super::stack::Layer;
use crate::error::{Error, Result};
use crate::potential::pedone::{IONS, Pedone};

/// Name of the data file.
pub const DATA: &str = "interface.data";
/// Name of the include with groups and variables.
pub const GROUPS: &str = "groups.in";
/// Name of the include with the table potential's coefficients, where its charges are used.
pub const PAIRS: &str = "pair_coeff.in";
/// Name of the picture.
pub const PICTURE: &str = "interface.svg";
/// Name of the record.
pub const RECORD: &str = "interface.json";

impl Built {
    /// Writes all files into a folder, which is made if it does not exist.
    ///
    /// # Errors
    /// [`Error::File`] when a file cannot be written, [`Error::Limit`] when the picture fails.
    pub fn write(&self, folder: &Path) -> Result<()> {
        std::fs::create_dir_all(folder).map_err(|error| Error::file(folder, error))?;
        let mut files = vec![
            (DATA, self.data()),
            (GROUPS, self.groups()),
            (RECORD, self.record()),
            (PICTURE, picture::svg(self)?),
        ];
        if let Some(pairs) = self.pairs() {
            files.push((PAIRS, pairs));
        }
        for (name, text) in files {
            let path = folder.join(name);
            std::fs::write(&path, text).map_err(|error| Error::file(&path, error))?;
        }
        Ok(())
    }

    /// The data file's text.
    #[must_use]
    pub fn data(&self) -> String {
        let report = &self.report;
        let mut text = format!("{}, written by foreshock interface build\n\n", one_line(&report.title));
        let [x, y, z] = report.lengths;
        let mut line = |line: String| {
            text.push_str(&line);
            text.push('\n');
        };
        line(format!("{} atoms\n{} atom types\n", self.atoms.len(), report.types.len()));
        line(format!("0 {x:.6} xlo xhi\n0 {y:.6} ylo yhi\n0 {z:.6} zlo zhi"));
        if report.tilt_xy.abs() > 1e-6 {
            line(format!("{:.6} 0 0 xy xz yz", report.tilt_xy));
        }
        line("\nMasses\n".to_owned());
        for (k, kind) in report.types.iter().enumerate() {
            line(format!("{} {} # {} {}", k + 1, kind.mass, kind.element, kind.layer));
        }
        line(format!("\nAtoms # {}\n", self.spec.atom_style.name()));
        for (k, atom) in self.atoms.iter().enumerate() {
            let kind = self.type_of(atom);
            let charge = match self.spec.atom_style {
                AtomStyle::Charge => format!(" {}", report.types[kind - 1].charge),
                AtomStyle::Atomic => String::new(),
            };
            let [x, y, z] = atom.position;
            line(format!("{} {kind}{charge} {x:.6} {y:.6} {z:.6}", k + 1));
        }
        text
    }

    /// The include with groups and variables.
    #[must_use]
    pub fn groups(&self) -> String {
        let list = |types: &[usize]| types.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        let (a, b) = (list(&self.types_of(Which::A)), list(&self.types_of(Which::B)));
        let names =
            |name: fn(&TypeReport) -> &str| self.report.types.iter().map(name).collect::<Vec<_>>().join(" ");
        let mut text = format!(
            "# {}, written by foreshock interface build; include it after read_data.\n\
             # Every element of every layer is an atom type of its own.\n\
             group side_a type {a}\n\
             group side_b type {b}\n",
            one_line(&self.report.title)
        );
        let coating: Vec<usize> = (1..=self.report.types.len())
            .filter(|k| self.report.types[k - 1].layer == Layer::Coating.group())
            .collect();
        if !coating.is_empty() {
            writeln!(text, "group coating type {}", list(&coating)).expect("a String takes all");
        }
        let variables = [
            ("elements", names(|kind| kind.element)),
            ("potential_names", names(|kind| &kind.potential_name)),
            ("types_a", a),
            ("types_b", b),
        ];
        writeln!(text, "variable ntypes index {}", self.report.types.len()).expect("a String takes all");
        for (name, value) in variables {
            writeln!(text, "variable {name} string \"{value}\"").expect("a String takes all");
        }
        text
    }

    /// Lines for `pair_style table` with the file of `foreshock table pedone` as variable `table`; none
    /// where other charges are used. The file may hold more elements, in the potential's own order.
    #[must_use]
    pub fn pairs(&self) -> Option<String> {
        if self.spec.charges != Charges::Named(ChargeSet::Pedone) {
            return None;
        }
        let cutoff = Pedone::default().cutoff();
        let order = self.table_elements();
        let rank = |element: &str| order.iter().position(|known| *known == element);
        let elements = self.elements();
        let mut text = format!(
            "# foreshock table pedone --elements {} -o FILE; variable table is that FILE.\n",
            order.join(",")
        );
        for i in 0..elements.len() {
            for j in i..elements.len() {
                let (mut one, mut other) = (elements[i], elements[j]);
                if rank(one) > rank(other) {
                    (one, other) = (other, one);
                }
                writeln!(text, "pair_coeff {} {} ${{table}} {one}-{other} {cutoff:.1}", i + 1, j + 1)
                    .expect("a String takes all");
            }
        }
        Some(text)
    }

    /// Elements of the cell that the table potential knows, each once, in that potential's order.
    #[must_use]
    pub fn table_elements(&self) -> Vec<&'static str> {
        let present = self.elements();
        IONS.iter().map(|ion| ion.symbol).filter(|symbol| present.contains(symbol)).collect()
    }

    /// Elements of the cell, each once.
    #[must_use]
    pub(super) fn table_of_elements(&self) -> Vec<&'static str> {
        let mut found = self.elements();
        found.sort_by_key(|element| type_rank(element));
        found.dedup();
        found
    }

    /// The record's text.
    #[must_use]
    pub fn record(&self) -> String {
        let text = serde_json::to_string_pretty(&self.report);
        text.expect("numbers, strings, lists and maps of strings") + "\n"
    }
}

/// Titles are written into comment lines.
fn one_line(title: &str) -> String {
    title.split_whitespace().collect::<Vec<_>>().join(" ")
}
