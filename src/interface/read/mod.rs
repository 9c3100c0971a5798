//! Periodic crystals from files: CIF, POSCAR, extended XYZ, LAMMPS data.
//!
//! Enters: a path, and for LAMMPS data optionally the elements of the atom types. Leaves: a [`Crystal`].
//! The readers are our own: of the crates for these formats one rests on an abandoned error library, one
//! brings the search engine of a command line tool, one is a young dictionary of 58 000 lines, and one
//! binds a C++ library.

mod cif;
mod data;
mod poscar;
mod xyz;

use std::path::Path;

use super::crystal::Crystal;
use crate::error::{Error, Result};

/// What a reader leaves: cell vectors (rows, angstrom), atoms with fractional coordinates.
struct Raw {
    vectors: [[f64; 3]; 3],
    atoms: Vec<(String, [f64; 3])>,
}

/// Which format a file has, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Cif,
    Poscar,
    Xyz,
    Data,
}

impl Format {
    fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?.to_ascii_lowercase();
        let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
        match ending {
            "cif" => Some(Self::Cif),
            "vasp" | "poscar" => Some(Self::Poscar),
            "xyz" | "extxyz" => Some(Self::Xyz),
            "data" | "lmp" | "lammps" => Some(Self::Data),
            _ if name.starts_with("poscar") || name.starts_with("contcar") => Some(Self::Poscar),
            _ if name.starts_with("data.") => Some(Self::Data),
            _ => None,
        }
    }
}

/// Reads a crystal. `elements` names the atom types of a LAMMPS data file, or the species of a POSCAR
/// file without their line.
///
/// # Errors
/// [`Error::File`] when the file cannot be read, its name tells no format, or it holds no usable crystal.
pub fn crystal(path: &Path, elements: Option<&[String]>) -> Result<Crystal> {
    let format = Format::of(path).ok_or_else(|| {
        Error::file(
            path,
            "expected a name ending in .cif, .vasp, .poscar, .xyz, .extxyz, .data or .lmp, or POSCAR",
        )
    })?;
    let text = std::fs::read_to_string(path).map_err(|error| Error::file(path, error))?;
    let raw = match format {
        Format::Cif => cif::read(&text),
        Format::Poscar => poscar::read(&text, elements),
        Format::Xyz => xyz::read(&text),
        Format::Data => data::read(&text, elements),
    };
    let raw = raw.map_err(|message| Error::file(path, message))?;
    let name = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or("crystal");
    let atoms: Vec<(&str, [f64; 3])> = raw.atoms.iter().map(|(element, s)| (element.as_str(), *s)).collect();
    Crystal::new(name, raw.vectors, &atoms).map_err(|error| Error::file(path, error))
}

/// Fractional coordinates of a Cartesian position.
fn fractional(vectors: &[[f64; 3]; 3], place: &[f64; 3]) -> [f64; 3] {
    let frame = Crystal { name: String::new(), vectors: *vectors, sites: Vec::new() };
    frame.reciprocal().map(|row| crate::geometry::dot(&row, place))
}

/// The first three words as numbers.
fn three(words: &[&str], what: &str) -> std::result::Result<[f64; 3], String> {
    let number = |k: usize| words.get(k).and_then(|word| word.parse::<f64>().ok()).filter(|v| v.is_finite());
    match [number(0), number(1), number(2)] {
        [Some(x), Some(y), Some(z)] => Ok([x, y, z]),
        _ => Err(format!("{what}: expected three numbers, not '{}'", words.join(" "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interface::prototype;

    /// Writes the text under a name and reads it.
    fn read(name: &str, text: &str, elements: Option<&[String]>) -> Result<Crystal> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("writable");
        crystal(&path, elements)
    }

    fn message(name: &str, text: &str) -> String {
        let shown = read(name, text, None).expect_err("refused").to_string();
        shown.rsplit_once(&format!("{name}: ")).map_or(shown.clone(), |(_, m)| m.to_owned())
    }

    /// Same cell volume, composition and neighbour shells.
    fn alike(found: &Crystal, expected: &Crystal) {
        assert!((found.volume() - expected.volume()).abs() < 1e-3 * expected.volume());
        assert_eq!(found.sites.len(), expected.sites.len());
        for element in expected.elements() {
            let shells = |c: &Crystal| {
                let mut all: Vec<Vec<f64>> = (0..c.sites.len())
                    .filter(|i| c.sites[*i].element == element)
                    .map(|i| c.neighbors(i, "O", 3.2).iter().map(crate::geometry::norm).collect())
                    .collect();
                all.sort_by(|a, b| a.iter().sum::<f64>().total_cmp(&b.iter().sum()));
                all
            };
            for (a, b) in shells(found).iter().zip(&shells(expected)) {
                assert_eq!(a.len(), b.len(), "{element}");
                assert!(a.iter().zip(b).all(|(r, q)| (r - q).abs() < 2e-3), "{element}: {a:?} {b:?}");
            }
        }
    }

    const LI2SIO3_CIF: &str = "data_Li2SiO3\n# a comment\n_cell_length_a 9.392(2)\n_cell_length_b   5.397\n\
        _cell_length_c 4.660\n_cell_angle_alpha 90\n_cell_angle_beta 90.00\n_cell_angle_gamma 90\n\
        _symmetry_space_group_name_H-M 'C m c 21'\n_publ_section_title\n;\n a title over\n two lines\n;\n\
        loop_\n_symmetry_equiv_pos_site_id\n_symmetry_equiv_pos_as_xyz\n1 'x, y, z'\n2 '-x, -y, 1/2+z'\n\
        3 \"x,-y,z+1/2\"\n4 -x,y,z\n5 'x+1/2, y+1/2, z'\n6 '-x+1/2, -y+1/2, 1/2+z'\n7 '1/2+x,1/2-y,z+0.5'\n\
        8 '-x+1/2,y+1/2,z'\n\
        loop_\n_atom_site_label\n_atom_site_type_symbol\n_atom_site_fract_x\n_atom_site_fract_y\n\
        _atom_site_fract_z\n_atom_site_occupancy\n\
        Li1 Li1+ 0.174(1) 0.345 0.0 1\nSi1 Si4+ 0 0.1703(2) 0.4936 1.0\nO1 O2- .1446 0.3077 0.4113 .\n\
        O2 O2- 0.0 0.1140 0.8453 1\n";

    #[test]
    fn a_cif_is_expanded_by_its_symmetry() {
        let found = read("a.cif", LI2SIO3_CIF, None).expect("valid");
        alike(&found, &prototype("Li2SiO3").expect("there"));
    }

    #[test]
    fn a_cif_of_a_skewed_cell_keeps_its_angles() {
        // Corundum in its hexagonal cell, with the operations of R-3c.
        let centre = ["", "+2/3,+1/3,+1/3", "+1/3,+2/3,+2/3"];
        let point = [
            "x,y,z",
            "-y,x-y,z",
            "-x+y,-x,z",
            "y,x,-z+1/2",
            "x-y,-y,-z+1/2",
            "-x,-x+y,-z+1/2",
            "-x,-y,-z",
            "y,-x+y,-z",
            "x-y,x,-z",
            "-y,-x,z+1/2",
            "-x+y,y,z+1/2",
            "x,x-y,z+1/2",
        ];
        let mut text = String::from(
            "data_x\n_cell_length_a 4.76\n_cell_length_b 4.76\n_cell_length_c 12.99\n_cell_angle_alpha 90\n\
             _cell_angle_beta 90\n_cell_angle_gamma 120\nloop_\n_space_group_symop_operation_xyz\n",
        );
        for operation in point {
            for shift in centre {
                let shifts: Vec<&str> =
                    if shift.is_empty() { vec![""; 3] } else { shift.split(',').collect() };
                let moved: Vec<String> =
                    operation.split(',').zip(shifts).map(|(o, s)| format!("{o}{s}")).collect();
                text.push_str(&format!("'{}'\n", moved.join(",")));
            }
        }
        text.push_str(
            "loop_\n_atom_site_label\n_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\n\
             Al1 0 0 0.3521\nO1 0.3063 0 0.25\n",
        );
        alike(&read("a.cif", &text, None).expect("valid"), &prototype("Al2O3-corundum").expect("there"));
    }

    #[test]
    fn faulty_cifs_are_refused() {
        let half = LI2SIO3_CIF.replace("0.3077 0.4113 .", "0.3077 0.4113 0.5");
        assert_eq!(
            message("a.cif", &half),
            "atom O1: expected a fully occupied site, not one of occupancy 0.5"
        );
        let begin = LI2SIO3_CIF.find("loop_\n_symmetry").expect("there");
        let end = LI2SIO3_CIF.find("loop_\n_atom").expect("there");
        let without = format!("{}{}", &LI2SIO3_CIF[..begin], &LI2SIO3_CIF[end..]);
        assert_eq!(
            message("a.cif", &without),
            "space group C m c 21: expected a list of its operations (_symmetry_equiv_pos_as_xyz)"
        );
        let wrong = LI2SIO3_CIF.replace("4 -x,y,z", "4 -x,y,w");
        assert_eq!(
            message("a.cif", &wrong),
            "symmetry operation '-x,y,w': expected three sums of x, y, z and fractions"
        );
        let short = LI2SIO3_CIF.replace("_cell_length_c 4.660\n", "");
        assert_eq!(message("a.cif", &short), "_cell_length_c is missing");
        assert_eq!(message("a.cif", "hello"), "no atom sites (_atom_site_fract_x)");

        // Without operations any name of a group but P 1 is refused, and so is no name at all.
        let named = |tag: &str| without.replace("_symmetry_space_group_name_H-M 'C m c 21'", tag);
        for tag in ["_space_group_name_Hall 'C 2c -2'", "_symmetry_space_group_name_Hall 'C 2c -2'"] {
            assert!(message("a.cif", &named(tag)).starts_with("space group C 2c -2: expected"), "{tag}");
        }
        for tag in ["", "_symmetry_space_group_name_H-M ?"] {
            assert!(message("a.cif", &named(tag)).starts_with("no symmetry: expected"), "{tag}");
        }
        for tag in ["_symmetry_space_group_name_H-M 'P 1'", "_space_group_name_Hall 'P 1'"] {
            assert_eq!(read("a.cif", &named(tag), None).expect(tag).sites.len(), 4);
        }
    }

    #[test]
    fn labels_in_capitals_are_elements() {
        let text = "data_x\n_cell_length_a 5.6\n_cell_length_b 5.6\n_cell_length_c 5.6\n_cell_angle_alpha 90\n\
                    _cell_angle_beta 90\n_cell_angle_gamma 90\n_space_group_name_H-M_alt 'P 1'\nloop_\n\
                    _atom_site_label\n_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\n\
                    NA1 0 0 0\nCL1 0.5 0.5 0.5\nOW 0.25 0 0\nLi1 0 0.5 0\n";
        let found = read("a.cif", text, None).expect("valid");
        assert_eq!(found.elements(), ["Na", "Cl", "O", "Li"]);
    }

    #[test]
    fn poscars_direct_and_cartesian() {
        let crystal = prototype("Li2SiO3").expect("there");
        let mut direct =
            String::from("title\n1.0\n9.392 0 0\n0 5.397 0\n0 0 4.660\nLi Si O\n8 4 12\nDirect\n");
        let mut cartesian = String::from(
            "title\n-236.2104\n2 0 0\n0 1.149276 0\n0 0 0.99233\nLi Si O\n8 4 12\nSelective\nC\n",
        );
        let scale = 9.392 / 2.0;
        for element in ["Li", "Si", "O"] {
            for site in crystal.sites.iter().filter(|s| s.element == element) {
                let [x, y, z] = site.fractional;
                direct.push_str(&format!("{x} {y} {z} {element}\n"));
                let [x, y, z] = crystal.cartesian(&site.fractional).map(|v| v / scale);
                cartesian.push_str(&format!("{x} {y} {z} T T F\n"));
            }
        }
        alike(&read("POSCAR", &direct, None).expect("valid"), &crystal);
        alike(&read("cell.vasp", &cartesian, None).expect("valid"), &crystal);
        // Without a line of species the elements have to be given.
        let old = direct.replace("Li Si O\n8", "8");
        assert_eq!(
            message("POSCAR", &old),
            "line 6: expected element symbols; give them as elements in the specification"
        );
        let given = ["Li", "Si", "O"].map(String::from);
        alike(&read("POSCAR", &old, Some(&given)).expect("valid"), &crystal);
        let short: Vec<&str> = direct.lines().take(20).collect();
        assert_eq!(message("POSCAR", &short.join("\n")), "expected 24 atoms, found 12");
        let huge = direct.replace("8 4 12", &format!("8 {} 12", usize::MAX));
        assert!(message("POSCAR", &huge).ends_with(" atoms, found 24"));
    }

    #[test]
    fn extended_xyz_by_its_properties() {
        let crystal = prototype("Li2O").expect("there");
        let mut text = format!(
            "{}\nProperties=id:I:1:pos:R:3:species:S:1:forces:R:3 Lattice=\"4.62 0 0 0 4.62 0.0 0 0 4.62\" energy=-1\n",
            crystal.sites.len()
        );
        for (k, site) in crystal.sites.iter().enumerate() {
            let [x, y, z] = crystal.cartesian(&site.fractional);
            text.push_str(&format!("{k} {x} {y} {z} {} 0 0 0\n", site.element));
        }
        alike(&read("a.xyz", &text, None).expect("valid"), &crystal);
        assert_eq!(
            message("a.xyz", &text.replace("Lattice", "Box")),
            "line 2: expected Lattice=\"nine numbers\""
        );
        assert_eq!(
            message("a.xyz", "2\nLattice=\"1 0 0 0 1 0 0 0 1\"\nLi 0 0 0\n"),
            "expected 2 atoms, found 1"
        );
        let flat = text.replace("energy=-1", "pbc=\"T T F\"");
        assert!(message("a.xyz", &flat).starts_with("line 2: pbc=\"T T F\": expected a crystal"));
        alike(&read("a.xyz", &text.replace("energy=-1", "pbc=\"T T T\""), None).expect("valid"), &crystal);
    }

    #[test]
    fn lammps_data_with_elements_by_mass_comment_or_list() {
        let crystal = prototype("Li2O").expect("there");
        let header = "title\n\n12 atoms\n2 atom types\n1 1 1 extra things\n\n-1.0 3.62 xlo xhi\n0 4.62 ylo yhi\n\
                      0 4.62 zlo zhi\n0.0 0 0.0 xy xz yz\n\nMasses\n\n1 6.94\n2 15.9994\n\nAtoms # charge\n\n";
        let mut text = header.replace("1 1 1 extra things\n", "");
        for (k, site) in crystal.sites.iter().enumerate() {
            let [x, y, z] = crystal.cartesian(&site.fractional);
            let kind = if site.element == "Li" { 1 } else { 2 };
            text.push_str(&format!("{} {kind} 0.5 {} {y} {z} 0 0 -1\n", k + 1, x - 1.0));
        }
        text.push_str("\nVelocities\n\n1 0 0 0\n");
        alike(&read("a.data", &text, None).expect("valid"), &crystal);
        // The unit of mass need not be g/mol.
        let odd = text.replace("1 6.94", "1 2.0").replace("2 15.9994", "2 2.0");
        assert_eq!(
            message("a.data", &odd),
            "mass 2 of type 1 is no element's; give the types' elements in the specification"
        );
        let given = ["Li", "O"].map(String::from);
        alike(&read("a.data", &odd, Some(&given)).expect("valid"), &crystal);
        let bare = text.replace("Atoms # charge", "Atoms");
        assert_eq!(
            message("a.data", &bare),
            "expected 'Atoms # atomic', charge, molecular or full, not 'Atoms'"
        );
        let error = message("a.data", &text.replace("12 atoms", "13 atoms"));
        assert_eq!(error, "expected 13 atoms, found 12");
    }

    #[test]
    fn unknown_names_are_refused() {
        assert!(message("crystal.pdb", "").starts_with("expected a name ending in .cif"));
        assert!(crystal(Path::new("no such folder/a.cif"), None).is_err());
    }
}
