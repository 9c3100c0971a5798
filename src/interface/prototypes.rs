//! The crystals that come with the builder.
//!
//! Oxides are experimental structures; the rocksalt halides and alkali metals have the lattice
//! constants of the `eim` potential (ffield.eim of LAMMPS) at 0 K, which they are there for: the
//! metals' are up to 11 % larger than nature's. `scale` of a side changes them.

use super::crystal::{Crystal, wrap};
use crate::error::{Error, Result};

/// Coordinates of the general position of a space group.
type Operations = fn(f64, f64, f64) -> Vec<[f64; 3]>;

/// Site of the asymmetric unit: element and coordinates.
type Unit<'a> = &'a [(&'a str, [f64; 3])];

const FACES: [[f64; 3]; 4] = [[0.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.5, 0.0, 0.5], [0.0, 0.5, 0.5]];
const BODY: [[f64; 3]; 2] = [[0.0, 0.0, 0.0], [0.5, 0.5, 0.5]];
const PRIMITIVE: [[f64; 3]; 1] = [[0.0; 3]];

/// Oxides by name.
const OXIDES: [&str; 7] = [
    "Li3PO4-gamma",
    "Li3PO4-beta",
    "Li2SiO3",
    "SiO2-alpha-cristobalite",
    "SiO2-beta-cristobalite",
    "Li2O",
    "Al2O3-corundum",
];

/// Rocksalt halides and their lattice constants, angstrom.
// The 6.280 of KCl is a length.
#[allow(clippy::approx_constant)]
const ROCKSALT: [(&str, &str, &str, f64); 12] = [
    ("LiF", "Li", "F", 4.018),
    ("LiCl", "Li", "Cl", 5.133),
    ("LiBr", "Li", "Br", 5.494),
    ("LiI", "Li", "I", 6.050),
    ("NaF", "Na", "F", 4.613),
    ("NaCl", "Na", "Cl", 5.631),
    ("NaBr", "Na", "Br", 5.954),
    ("NaI", "Na", "I", 6.455),
    ("KF", "K", "F", 5.325),
    ("KCl", "K", "Cl", 6.280),
    ("KBr", "K", "Br", 6.586),
    ("KI", "K", "I", 7.052),
];

/// Body-centred cubic metals and their lattice constants, angstrom.
const METALS: [(&str, f64); 3] = [("Li", 3.890), ("Na", 4.373), ("K", 5.099)];

/// Names of all prototypes.
#[must_use]
pub fn names() -> Vec<&'static str> {
    let halides = ROCKSALT.iter().map(|entry| entry.0);
    OXIDES.into_iter().chain(halides).chain(METALS.iter().map(|entry| entry.0)).collect()
}

/// The conventional cell of a prototype.
///
/// # Errors
/// [`Error::Input`] with the names on offer when there is none of this name.
pub fn prototype(name: &str) -> Result<Crystal> {
    match name {
        "Li3PO4-gamma" => li3po4_gamma(),
        "Li3PO4-beta" => li3po4_beta(),
        "Li2SiO3" => li2sio3(),
        "SiO2-alpha-cristobalite" => alpha_cristobalite(),
        "SiO2-beta-cristobalite" => beta_cristobalite(),
        "Li2O" => antifluorite(),
        "Al2O3-corundum" => corundum(),
        _ => {
            if let Some((_, cation, anion, a)) = ROCKSALT.iter().find(|entry| entry.0 == name) {
                let unit = [(*cation, [0.0; 3]), (*anion, [0.5; 3])];
                return Crystal::orthogonal(name, [*a; 3], &expand(&unit, identity, &FACES));
            }
            if let Some((metal, a)) = METALS.iter().find(|entry| entry.0 == name) {
                return Crystal::orthogonal(name, [*a; 3], &expand(&[(metal, [0.0; 3])], identity, &BODY));
            }
            Err(Error::input("prototype", name, format!("one of {}", names().join(", "))))
        }
    }
}

/// All atoms of a cell from its asymmetric unit; atoms on special positions come out several times.
fn expand<'a>(unit: Unit<'a>, operations: Operations, centring: &[[f64; 3]]) -> Vec<(&'a str, [f64; 3])> {
    let mut atoms = Vec::new();
    for (element, [x, y, z]) in unit {
        for place in operations(*x, *y, *z) {
            for shift in centring {
                atoms.push((*element, std::array::from_fn(|k| wrap(place[k] + shift[k]))));
            }
        }
    }
    atoms
}

fn identity(x: f64, y: f64, z: f64) -> Vec<[f64; 3]> {
    vec![[x, y, z]]
}

/// Space group Pnma.
fn li3po4_gamma() -> Result<Crystal> {
    let pnma: Operations = |x, y, z| {
        let half = [[x, y, z], [0.5 - x, -y, z + 0.5], [-x, y + 0.5, -z], [x + 0.5, 0.5 - y, 0.5 - z]];
        half.into_iter().chain(half.map(|p| p.map(|v| -v))).collect()
    };
    let unit = [
        ("Li", [0.1639, 0.5013, 0.3013]),
        ("Li", [0.4236, 0.75, 0.2060]),
        ("P", [0.4115, 0.25, 0.3083]),
        ("O", [0.3419, 0.0436, 0.2055]),
        ("O", [0.0501, 0.25, 0.2937]),
        ("O", [0.0893, 0.75, 0.1217]),
    ];
    Crystal::orthogonal("Li3PO4-gamma", [10.49, 6.12, 4.927], &expand(&unit, pnma, &PRIMITIVE))
}

/// Space group Pmn2_1.
fn li3po4_beta() -> Result<Crystal> {
    let pmn21: Operations =
        |x, y, z| vec![[x, y, z], [0.5 - x, -y, z + 0.5], [x + 0.5, -y, z + 0.5], [-x, y, z]];
    let unit = [
        ("Li", [0.248, 0.328, 0.986]),
        ("Li", [0.5, 0.843, 0.989]),
        ("P", [0.0, 0.8243, 0.0]),
        ("O", [0.2082, 0.6868, 0.8980]),
        ("O", [0.0, 0.1056, 0.8978]),
        ("O", [0.5, 0.1851, 0.8164]),
    ];
    Crystal::orthogonal("Li3PO4-beta", [6.115, 5.239, 4.855], &expand(&unit, pmn21, &PRIMITIVE))
}

/// Space group Cmc2_1, chains along c; Hesse 1977, Acta Crystallographica B33, 901.
fn li2sio3() -> Result<Crystal> {
    let cmc21: Operations = |x, y, z| vec![[x, y, z], [-x, -y, z + 0.5], [x, -y, z + 0.5], [-x, y, z]];
    let unit = [
        ("Li", [0.174, 0.345, 0.0]),
        ("Si", [0.0, 0.1703, 0.4936]),
        ("O", [0.1446, 0.3077, 0.4113]),
        ("O", [0.0, 0.1140, 0.8453]),
    ];
    let centring = [[0.0; 3], [0.5, 0.5, 0.0]];
    Crystal::orthogonal("Li2SiO3", [9.392, 5.397, 4.660], &expand(&unit, cmc21, &centring))
}

/// Space group P4_1 2_1 2.
fn alpha_cristobalite() -> Result<Crystal> {
    let p41212: Operations = |x, y, z| {
        vec![
            [x, y, z],
            [-x, -y, z + 0.5],
            [0.5 - y, x + 0.5, z + 0.25],
            [y + 0.5, 0.5 - x, z + 0.75],
            [0.5 - x, y + 0.5, 0.25 - z],
            [x + 0.5, 0.5 - y, 0.75 - z],
            [y, x, -z],
            [-y, -x, 0.5 - z],
        ]
    };
    let unit = [("Si", [0.3003, 0.3003, 0.0]), ("O", [0.2392, 0.1044, 0.1787])];
    Crystal::orthogonal("SiO2-alpha-cristobalite", [4.971, 4.971, 6.928], &expand(&unit, p41212, &PRIMITIVE))
}

/// Fd-3m with straight Si-O-Si bridges: the idealised high-temperature form.
fn beta_cristobalite() -> Result<Crystal> {
    let eighth = 0.125;
    let unit = [
        ("Si", [0.0; 3]),
        ("Si", [0.25; 3]),
        ("O", [eighth, eighth, eighth]),
        ("O", [eighth, -eighth, -eighth]),
        ("O", [-eighth, eighth, -eighth]),
        ("O", [-eighth, -eighth, eighth]),
    ];
    Crystal::orthogonal("SiO2-beta-cristobalite", [7.12; 3], &expand(&unit, identity, &FACES))
}

/// Fm-3m, lithium in the tetrahedra of an fcc oxygen lattice.
fn antifluorite() -> Result<Crystal> {
    let unit = [("Li", [0.25; 3]), ("Li", [0.75; 3]), ("O", [0.0; 3])];
    Crystal::orthogonal("Li2O", [4.62; 3], &expand(&unit, identity, &FACES))
}

/// R-3c in its hexagonal cell.
fn corundum() -> Result<Crystal> {
    let (a, c): (f64, f64) = (4.76, 12.99);
    let aluminium: Operations =
        |_, _, z| vec![[0.0, 0.0, z], [0.0, 0.0, 0.5 - z], [0.0, 0.0, -z], [0.0, 0.0, z + 0.5]];
    let oxygen: Operations = |x, _, z| {
        let plane = [[x, 0.0, z], [0.0, x, z], [-x, -x, z]];
        plane.into_iter().chain(plane.map(|p| p.map(|v| -v))).collect()
    };
    let third = 1.0 / 3.0;
    let centring = [[0.0; 3], [2.0 * third, third, third], [third, 2.0 * third, 2.0 * third]];
    let mut atoms = expand(&[("Al", [0.0, 0.0, 0.3521])], aluminium, &centring);
    atoms.extend(expand(&[("O", [0.3063, 0.0, 0.25])], oxygen, &centring));
    let vectors = [[a, 0.0, 0.0], [-0.5 * a, 0.75_f64.sqrt() * a, 0.0], [0.0, 0.0, c]];
    Crystal::new("Al2O3-corundum", vectors, &atoms)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Atoms of each element, and for each atom of `center` the distances of its nearest `shell` of
    /// `around`, from the shortest to the longest over all of them, and the next one.
    fn shell(crystal: &Crystal, center: &str, around: &str, shell: usize) -> (f64, f64, f64) {
        let (mut least, mut most, mut next) = (f64::INFINITY, 0.0_f64, f64::INFINITY);
        for (i, site) in crystal.sites.iter().enumerate().filter(|(_, s)| s.element == center) {
            let found = crystal.neighbors(i, around, 8.0);
            let r: Vec<f64> = found.iter().map(crate::geometry::norm).collect();
            assert!(r.len() > shell, "{} {site:?}", crystal.name);
            least = least.min(r[0]);
            most = most.max(r[shell - 1]);
            next = next.min(r[shell]);
        }
        (least, most, next)
    }

    fn counts(crystal: &Crystal) -> Vec<(&'static str, usize)> {
        let of = |e: &str| crystal.sites.iter().filter(|s| s.element == e).count();
        crystal.elements().into_iter().map(|e| (e, of(e))).collect()
    }

    #[test]
    fn oxides_have_their_stoichiometry_and_polyhedra() {
        // name, atoms of the cell, (cation, coordination, shortest and longest bond, next not below)
        type Case<'a> = (&'a str, &'a [(&'a str, usize)], &'a [(&'a str, usize, f64, f64, f64)]);
        let cases: [Case; 7] = [
            (
                "Li3PO4-gamma",
                &[("Li", 12), ("P", 4), ("O", 16)],
                &[("P", 4, 1.50, 1.58, 3.0), ("Li", 4, 1.88, 2.20, 2.5)],
            ),
            (
                "Li3PO4-beta",
                &[("Li", 6), ("P", 2), ("O", 8)],
                &[("P", 4, 1.50, 1.58, 3.0), ("Li", 4, 1.88, 2.20, 2.5)],
            ),
            (
                "Li2SiO3",
                &[("Li", 8), ("Si", 4), ("O", 12)],
                &[("Si", 4, 1.55, 1.70, 2.8), ("Li", 4, 1.90, 2.20, 2.6)],
            ),
            ("SiO2-alpha-cristobalite", &[("Si", 4), ("O", 8)], &[("Si", 4, 1.58, 1.62, 3.2)]),
            ("SiO2-beta-cristobalite", &[("Si", 8), ("O", 16)], &[("Si", 4, 1.53, 1.55, 3.2)]),
            ("Li2O", &[("Li", 8), ("O", 4)], &[("Li", 4, 1.99, 2.01, 3.5)]),
            ("Al2O3-corundum", &[("Al", 12), ("O", 18)], &[("Al", 6, 1.84, 1.99, 3.0)]),
        ];
        for (name, stoichiometry, shells) in cases {
            let crystal = prototype(name).expect(name);
            assert_eq!(counts(&crystal), stoichiometry, "{name}");
            for (cation, coordination, shortest, longest, next) in shells {
                let (least, most, second) = shell(&crystal, cation, "O", *coordination);
                assert!(least >= *shortest && most <= *longest, "{name} {cation}: {least} to {most}");
                assert!(second >= *next, "{name} {cation}: second shell at {second}");
            }
        }
    }

    #[test]
    fn halides_are_rocksalt_and_metals_bcc() {
        for (name, cation, anion, a) in ROCKSALT {
            let crystal = prototype(name).expect(name);
            assert_eq!(counts(&crystal), [(cation, 4), (anion, 4)], "{name}");
            let (least, most, next) = shell(&crystal, cation, anion, 6);
            assert!(
                (least - a / 2.0).abs() < 1e-9 && (most - a / 2.0).abs() < 1e-9 && next > 0.8 * a,
                "{name}"
            );
            assert_eq!(crystal.translations().len(), 4, "{name}");
        }
        for (name, a) in METALS {
            let crystal = prototype(name).expect(name);
            let (least, most, next) = shell(&crystal, name, name, 8);
            let nearest = 0.75_f64.sqrt() * a;
            assert!((least - nearest).abs() < 1e-9 && (most - nearest).abs() < 1e-9, "{name}");
            assert!((next - a).abs() < 1e-9, "{name}");
            assert_eq!(crystal.translations().len(), 2, "{name}");
        }
    }

    #[test]
    fn centred_cells_know_their_translations() {
        for (name, expected) in [
            ("Li2O", 4),
            ("SiO2-beta-cristobalite", 4),
            ("Li2SiO3", 2),
            ("Al2O3-corundum", 3),
            ("Li3PO4-beta", 1),
        ] {
            assert_eq!(prototype(name).expect(name).translations().len(), expected, "{name}");
        }
    }

    #[test]
    fn every_name_on_the_list_exists_and_others_are_refused() {
        for name in names() {
            assert_eq!(prototype(name).expect(name).name, name);
        }
        let error = prototype("Li7P3S11").expect_err("not there").to_string();
        assert!(error.starts_with("prototype = 'Li7P3S11': expected one of Li3PO4-gamma, "), "{error}");
    }
}
