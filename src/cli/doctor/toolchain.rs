//! What building the plugin needs.

use crate::cli::doctor::Finding;
use crate::cli::lammps::WHEEL;
use crate::cli::tools::{self, Python};

/// Oldest rustc that builds this crate: `rust-version` of Cargo.toml.
const RUST: &str = env!("CARGO_PKG_RUST_VERSION");

/// rustc and its version.
pub fn rust() -> Finding {
    const CHECK: &str = "rust";
    let fix = format!("install Rust {RUST} or newer from https://rustup.rs");
    let Some(rustc) = tools::which("rustc") else {
        return Finding::fail(CHECK, "no rustc in PATH", fix);
    };
    match tools::version_line(&rustc) {
        Some(line) if tools::version_number(&line) >= tools::version_number(RUST) => Finding::ok(CHECK, line),
        Some(line) => Finding::fail(CHECK, format!("{line} is older than {RUST}"), fix),
        None => Finding::fail(CHECK, format!("{} does not run", rustc.display()), fix),
    }
}

/// The C++ compiler, with a program that needs C++17.
pub fn compiler() -> Finding {
    const CHECK: &str = "c++17";
    let fix = "install a compiler with C++17 (`apt install g++`, or a module of your cluster) or set CXX";
    let Some(compiler) = tools::cxx_compiler() else {
        return Finding::fail(CHECK, "no C++ compiler in PATH", fix);
    };
    match tools::compiles_cxx17(&compiler) {
        Ok(()) => Finding::ok(
            CHECK,
            tools::version_line(&compiler).unwrap_or_else(|| compiler.display().to_string()),
        ),
        Err(error) => Finding::fail(CHECK, format!("{error:#}"), fix),
    }
}

/// The Python environment and the wheel in it.
pub fn environment(python: &Python) -> Finding {
    let what = format!("Python {} in {}", python.python_version, python.prefix.display());
    match &python.lammps_version {
        Some(version) if python.in_venv => Finding::ok("python", format!("{what}, lammps {version}")),
        Some(version) => Finding::warn(
            "python",
            format!("{what}, lammps {version}, not a virtual environment"),
            "use an environment of its own, so that other packages cannot change LAMMPS: `make setup`",
        ),
        None => Finding::warn(
            "python",
            format!("{what}, no LAMMPS wheel"),
            format!("`make setup`, or `{} -m pip install {WHEEL} mpich`", python.python.display()),
        ),
    }
}

/// CMake, from the environment or PATH.
pub fn cmake(python: Option<&Python>) -> Finding {
    const CHECK: &str = "cmake";
    let fix = "`pip install cmake` into the environment, or install CMake 3.20 or newer";
    let Some(cmake) = python.and_then(|python| python.cmake.clone()).or_else(|| tools::which("cmake")) else {
        return Finding::fail(CHECK, "not found", fix);
    };
    match tools::version_line(&cmake) {
        Some(line) if tools::version_number(&line) >= Some((3, 20)) => Finding::ok(CHECK, line),
        Some(line) => Finding::fail(CHECK, format!("{line} is older than 3.20"), fix),
        None => Finding::fail(CHECK, format!("{} does not run", cmake.display()), fix),
    }
}

/// Ninja, which make can stand in for.
pub fn ninja(python: Option<&Python>) -> Finding {
    const CHECK: &str = "ninja";
    let fix = "`pip install ninja` into the environment";
    match python.and_then(|python| python.ninja.clone()).or_else(|| tools::which("ninja")) {
        Some(ninja) => Finding::ok(CHECK, tools::version_line(&ninja).unwrap_or_default()),
        None if tools::which("make").is_some() => Finding::warn(CHECK, "not found, make will be used", fix),
        None => Finding::fail(CHECK, "neither ninja nor make was found", fix),
    }
}
