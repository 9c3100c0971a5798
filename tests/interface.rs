//! Interface cells: the reference cells have the numbers of an independent script, all examples build,
//! faulty specifications are refused word for word, and LAMMPS runs what was written.

mod machine;

use std::path::{Path, PathBuf};

use foreshock::elements::SYMBOLS;
use foreshock::interface::{Built, Spec, Which, build};
use foreshock::potential::table;
use machine::Machine;
use serde::Deserialize;

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/interfaces")
}

fn example(name: &str) -> Built {
    let path = examples().join(name).with_extension("yaml");
    build(&Spec::read(&path).expect("valid")).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Name, atoms, edges, strain of A, strain of B.
type Reference = (&'static str, usize, [f64; 3], [f64; 2], [f64; 2]);

/// What a script independent of this code (Python, its own structures, matching and cuts) makes of
/// the reference cells: atoms, edges in angstrom, strains of A and B along x and y in per cent.
const REFERENCE: [Reference; 6] = [
    ("lpo_lsoL", 1152, [18.750145, 19.2203, 32.675268], [2.20847642, -1.02832132], [-0.18023318, 3.11319742]),
    ("lso_l2oL", 1152, [18.81832, 18.7456, 31.465484], [0.18270869, 0.56652361], [1.83073593, 1.43722944]),
    (
        "lpoc_sio2L",
        1344,
        [20.802364, 19.082334, 43.2030428],
        [-0.84669209, 3.93428105],
        [4.61860793, -4.03171394],
    ),
    ("l2o_sio2", 516, [14.1905, 14.1905, 29.855], [2.38455988, 2.38455988], [-0.34761236, -0.34761236]),
    ("lpo_lso", 384, [18.750145, 9.61015, 22.039268], [2.20847642, -1.02832132], [-0.18023318, 3.11319742]),
    ("lso_l2o", 384, [9.40916, 18.7456, 21.448484], [0.18270869, 0.56652361], [1.83073593, 1.43722944]),
];

#[test]
fn reference_cells_have_the_numbers_of_an_independent_script() {
    for (name, atoms, lengths, strain_a, strain_b) in REFERENCE {
        let report = example(name).report;
        assert_eq!(report.atoms, atoms, "{name}");
        for k in 0..3 {
            assert!((report.lengths[k] - lengths[k]).abs() < 1e-5, "{name}: {:?}", report.lengths);
        }
        for k in 0..2 {
            let (a, b) = (report.side_a.strain_percent[k], report.side_b.strain_percent[k]);
            assert!((a - strain_a[k]).abs() < 1e-5 && (b - strain_b[k]).abs() < 1e-5, "{name}: {a} {b}");
        }
        assert_eq!(report.tilt_xy, 0.0);
    }
}

#[test]
fn halides_have_the_numbers_of_an_independent_script() {
    // Halide, its plane and repeats; metal and its repeats; gap; atoms and edges of the script.
    let cases = [
        (
            "NaCl, miller: [0, 0, 1], repeat: [5, 5, 8]",
            "Na, miller: [0, 0, 1], repeat: [5, 5, 10]",
            3.226_424,
            650,
            [19.908_591, 19.908_591, 49.897_476],
        ),
        (
            "LiF, miller: [1, 1, 1], repeat: [7, 4, 9]",
            "Li, miller: [0, 0, 1], repeat: [5, 5, 12]",
            2.019_716,
            1308,
            [19.888_085, 19.684_100, 44.432_554],
        ),
    ];
    for (halide, metal, gap, atoms, lengths) in cases {
        let spec = Spec::parse(&format!(
            "{{schema: 1, side_a: {{prototype: {halide}}}, side_b: {{prototype: {metal}, conserve_volume: true}}, \
             lateral: {{weight_b: 0, max_strain: 0.1}}, gap: {gap}, atom_style: atomic, min_distance: 1.2}}"
        ));
        let report = build(&spec.expect("valid")).expect("built").report;
        assert_eq!(report.atoms, atoms, "{halide}");
        // The metal keeps its volume: what the plane takes away, z gives back, in all lengths reported.
        let metal_side = &report.side_b;
        let [x, y, _] = metal_side.strain_percent.map(|v| 1.0 + v / 100.0);
        let z = 1.0 + metal_side.strain_z_percent / 100.0;
        assert!((x * y * z - 1.0).abs() < 1e-9, "{metal}: {x} {y} {z}");
        assert!((metal_side.thickness - metal_side.layers as f64 * metal_side.cell[2] * z).abs() < 1e-9);
        let built = report.side_a.extent + metal_side.extent + 2.0 * report.gap;
        assert!((built - report.lengths[2]).abs() < 1e-6, "{metal}: {built}");
        assert_eq!(report.side_a.strain_z_percent, 0.0);
        for k in 0..3 {
            assert!((report.lengths[k] - lengths[k]).abs() < 1e-5, "{halide}: {:?}", report.lengths);
        }
    }
}

#[test]
fn a_crystal_from_a_file_beside_the_specification() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let crystal = foreshock::interface::prototype("Li2SiO3").expect("there");
    let mut poscar = String::from("Li2SiO3\n1\n9.392 0 0\n0 5.397 0\n0 0 4.660\nLi Si O\n8 4 12\nDirect\n");
    for element in ["Li", "Si", "O"] {
        for site in crystal.sites.iter().filter(|site| site.element == element) {
            let [x, y, z] = site.fractional;
            poscar.push_str(&format!("{x:.12} {y:.12} {z:.12}\n"));
        }
    }
    std::fs::write(folder.path().join("silicate.vasp"), poscar).expect("writable");
    let text = std::fs::read_to_string(examples().join("lso_l2oL.yaml")).expect("there");
    let text = text.replace("prototype: Li2SiO3", "file: silicate.vasp");
    let path = folder.path().join("spec.yaml");
    std::fs::write(&path, text).expect("writable");
    let spec = Spec::read(&path).expect("valid");
    let (built, own) = (build(&spec).expect("built"), example("lso_l2oL"));
    assert_eq!(built.report.side_a.crystal, "silicate");
    assert_eq!(built.report.types, own.report.types);
    assert_eq!((built.report.lengths, built.report.closest), (own.report.lengths, own.report.closest));
    // Another crystal under the same name is another cell.
    let changed = std::fs::read_to_string(folder.path().join("silicate.vasp")).expect("there");
    std::fs::write(folder.path().join("silicate.vasp"), changed.replace("9.392", "9.393")).expect("writable");
    assert_ne!(built.report.spec_sha256, build(&spec).expect("built").report.spec_sha256);
}

#[test]
fn every_example_is_a_sound_cell() {
    let mut names: Vec<String> = std::fs::read_dir(examples())
        .expect("the examples are there")
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.strip_suffix(".yaml").map(str::to_owned))
        .collect();
    names.sort();
    assert!(names.len() >= 15, "{names:?}");
    for name in names {
        let built = example(&name);
        let report = &built.report;
        assert_eq!(report.types.iter().map(|kind| kind.count).sum::<usize>(), built.atoms.len(), "{name}");
        let charge: f64 = report.types.iter().map(|kind| kind.charge * kind.count as f64).sum();
        assert!(charge.abs() < 1e-3, "{name}: {charge} e");
        // Both groups together are the cell, and no type is in both.
        let mut types = [built.types_of(Which::A), built.types_of(Which::B)].concat();
        types.sort_unstable();
        assert_eq!(types, (1..=report.types.len()).collect::<Vec<_>>(), "{name}");
        for atom in &built.atoms {
            assert!((0.0..report.lengths[2]).contains(&atom.position[2]), "{name}: {atom:?}");
            assert!((0.0..report.lengths[1]).contains(&atom.position[1]), "{name}: {atom:?}");
            assert!(SYMBOLS.contains(&atom.element), "{name}");
        }
        let largest = built.spec.lateral.max_strain * 100.0;
        for strain in report.side_a.strain_percent.iter().chain(&report.side_b.strain_percent) {
            assert!(strain.abs() <= largest, "{name}: {strain} %");
        }
        if built.spec.side_a.repeat.is_none() {
            for side in [&report.side_a, &report.side_b] {
                assert!(side.thickness >= 13.0, "{name}: {}", side.thickness);
            }
        }
    }
}

#[test]
fn a_seed_repeats_and_another_moves_the_upper_slab_and_the_vacancies() {
    let path = examples().join("lso_l2o_vacancies.yaml");
    let spec = Spec::read(&path).expect("valid");
    let (one, same) = (build(&spec).expect("built"), build(&spec).expect("built"));
    assert_eq!(one.data(), same.data());
    let mut other = spec.clone();
    other.seed += 1;
    let other = build(&other).expect("built");
    assert_ne!(one.report.offset, other.report.offset);
    assert_ne!(one.report.spec_sha256, other.report.spec_sha256);
    assert_eq!(one.report.lengths, other.report.lengths);
    let missing = |built: &Built| 1152 - built.atoms.len();
    assert_eq!((missing(&one), missing(&other)), (27, 27));
}

/// One faulty specification: keys that replace those of a good one, and the message.
#[derive(Deserialize)]
struct Case {
    change: serde_yaml::Value,
    message: String,
}

#[derive(Deserialize)]
struct Cases {
    good: serde_yaml::Value,
    cases: Vec<Case>,
}

/// Lays `change` over `base`; a null takes the key away.
fn overlay(base: &mut serde_yaml::Value, change: &serde_yaml::Value) {
    use serde_yaml::Value::Mapping;
    let (Mapping(base), Mapping(change)) = (base, change) else { panic!("mappings") };
    for (key, value) in change {
        match (base.get_mut(key), value) {
            (_, serde_yaml::Value::Null) => drop(base.remove(key)),
            (Some(inner @ Mapping(_)), Mapping(_)) => overlay(inner, value),
            _ => drop(base.insert(key.clone(), value.clone())),
        }
    }
}

#[test]
fn faulty_specifications_are_refused_word_for_word() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/inputs/bad/interface.yaml");
    let text = std::fs::read_to_string(path).expect("the table is there");
    let table: Cases = serde_yaml::from_str(&text).expect("a table of cases");
    let run = |value: &serde_yaml::Value| {
        let text = serde_yaml::to_string(value).expect("YAML");
        Spec::parse(&text).and_then(|spec| build(&spec))
    };
    run(&table.good).expect("the good one is good");
    let mut wrong = Vec::new();
    for case in &table.cases {
        let mut value = table.good.clone();
        overlay(&mut value, &case.change);
        let message = match run(&value) {
            Ok(_) => "accepted".to_owned(),
            Err(error) => error.to_string(),
        };
        // Where a message comes from the YAML reader, its line and column are not ours to fix.
        let shown = message.split(" at line ").next().unwrap_or(&message).to_owned();
        if shown != case.message {
            let change = serde_yaml::to_string(&case.change).expect("YAML");
            wrong.push(format!("{change}  expected {}\n  found    {shown}", case.message));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(table.cases.len() >= 30, "{} cases", table.cases.len());
}

#[test]
fn the_picture_shows_both_sides_and_every_element() {
    let built = example("lso_l2oL");
    let folder = tempfile::tempdir().expect("a temporary folder");
    built.write(folder.path()).expect("writable");
    let svg = std::fs::read_to_string(folder.path().join("interface.svg")).expect("written");
    for word in ["A: Li2SiO3", "B: Li2O", ">Li<", ">Si<", ">O<", "1152 atoms"] {
        let plain: String =
            svg.split_whitespace().collect::<Vec<_>>().join(" ").replace("> ", ">").replace(" <", "<");
        assert!(plain.contains(word), "{word} is missing");
    }
    // To look at.
    let png = foreshock::plot::raster::png(&svg).expect("a picture");
    std::fs::write(Path::new(env!("CARGO_TARGET_TMPDIR")).join("interface.png"), png).expect("writable");
}

#[test]
fn lammps_reads_and_minimises_what_was_written() {
    let machine = Machine::current();
    for name in ["lso_l2o", "lso_111_lpo_tilted"] {
        let built = example(name);
        let folder = tempfile::tempdir().expect("a temporary folder");
        built.write(folder.path()).expect("writable");
        let elements: Vec<String> = built.table_elements().into_iter().map(str::to_owned).collect();
        let text = table::pedone(&elements, table::DEFAULT_POINTS).expect("on offer");
        std::fs::write(folder.path().join("pedone.table"), text).expect("writable");
        let script = "units metal\natom_style charge\nread_data interface.data\ninclude groups.in\n\
             variable table string pedone.table\npair_style table linear 8000\ninclude pair_coeff.in\n\
             neighbor 1.5 bin\ngroup both intersect side_a side_b\n\
             variable a equal count(side_a)\nvariable b equal count(side_b)\nvariable both equal count(both)\n\
             thermo 100\nminimize 1e-6 1e-3 200 600\n\
             print \"sides $a $b ${both}, ${ntypes} types: ${elements}\"\n";
        let outcome = machine.run_plain(1, folder.path(), script, &["-sf", "omp"]).ok();
        let count = |side| -> usize {
            built.types_of(side).iter().map(|kind| built.report.types[kind - 1].count).sum()
        };
        let line = format!(
            "sides {} {} 0, {} types: {}",
            count(Which::A),
            count(Which::B),
            built.report.types.len(),
            built.elements().join(" ")
        );
        assert_eq!(outcome.lines("sides ").filter(|l| *l == line).count(), 1, "{line}\n{}", outcome.text);
        let (names, rows) = outcome.thermo();
        let energy = names.iter().position(|n| n == "E_pair").expect("printed");
        let change = (rows[rows.len() - 1][energy] - rows[0][energy]) / built.atoms.len() as f64;
        assert!((-1.0..0.0).contains(&change), "{name}: {change} eV per atom");
    }
}

#[test]
fn lammps_runs_a_halide_with_its_own_names() {
    let machine = Machine::current();
    let built = example("na_nai");
    let folder = tempfile::tempdir().expect("a temporary folder");
    built.write(folder.path()).expect("writable");
    std::fs::copy(machine.potentials().join("ffield.eim"), folder.path().join("ffield.eim")).expect("there");
    let script = "units metal\natom_style atomic\nread_data interface.data\ninclude groups.in\npair_style eim\n\
         pair_coeff * * Na Id ffield.eim ${potential_names}\nthermo 50\nminimize 1e-6 1e-3 100 400\n";
    let outcome = machine.run_plain(1, folder.path(), script, &["-sf", "omp"]).ok();
    let (names, rows) = outcome.thermo();
    let energy = names.iter().position(|n| n == "E_pair").expect("printed");
    assert!(rows[rows.len() - 1][energy] < rows[0][energy], "{}", outcome.text);
}

#[test]
fn the_command_writes_a_folder_and_says_what_it_built() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let output = folder.path().join("new/cell");
    let run = |arguments: &[&str]| {
        std::process::Command::new(env!("CARGO_BIN_EXE_foreshock"))
            .args(["interface", "build"])
            .args(arguments)
            .output()
            .expect("the program runs")
    };
    let spec = examples().join("lso_l2o.yaml");
    let words = [spec.to_str().expect("UTF-8"), "-o", output.to_str().expect("UTF-8"), "--seed", "3"];
    let done = run(&words);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let text = String::from_utf8_lossy(&done.stdout);
    assert!(text.contains("384 atoms, 9.409 x 18.746 x 21.448 angstrom"), "{text}");
    for file in ["interface.data", "groups.in", "pair_coeff.in", "interface.json", "interface.svg"] {
        assert!(output.join(file).is_file(), "{file}");
    }
    let record = std::fs::read_to_string(output.join("interface.json")).expect("written");
    let record: serde_json::Value = serde_json::from_str(&record).expect("JSON");
    assert_eq!(record["seed"], 3);
    assert_eq!(record["side_a"]["composition"]["Si"], 32);

    let missing = run(&["no-such.yaml"]);
    assert_eq!(missing.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("no-such.yaml: "));
}
