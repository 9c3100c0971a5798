//! `foreshock train`: train the methods of a plan.

mod progress;

use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail};

use foreshock::dataset::Table;
use foreshock::learn::folds;
use foreshock::learn::plan::{Plan, Recipe, Turn};
use foreshock::learn::run;
use foreshock::learn::winner::{self, is_of_winner};

/// Train the methods of a plan: networks, boosted trees, baselines and nulls.
///
/// Every method and seed has a folder OUT/NAME/seed-N with its model, what it says of the validation
/// and test series, and its epochs. What is there already is not trained again; an interrupted training
/// goes on after its last epoch. Equal seeds give equal models, bit for bit.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  foreshock train examples/learn/paper.yaml --only tcn -j 2")]
pub struct Args {
    /// The plan
    plan: PathBuf,
    /// Cross-validation for choosing settings, e.g. 2/5: lineages take turns, none for testing is used
    #[arg(long, value_name = "TURN/OF")]
    turn: Option<Turn>,
    /// Train these methods only
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Train these seeds only
    #[arg(long, value_name = "N")]
    seed: Vec<u64>,
    /// Methods and seeds trained at once, each in a process of its own
    #[arg(short, long, default_value_t = 1, value_name = "N")]
    jobs: usize,
    /// Train again what is there already
    #[arg(long)]
    again: bool,
}

/// Runs the command.
///
/// # Errors
/// When the plan or the data cannot be used, or a training fails.
pub fn run(args: Args) -> Result<ExitCode> {
    let mut plan = Plan::read(&args.plan)?;
    if let Some(turn) = args.turn {
        plan.take_turn(turn);
    }
    for name in &args.only {
        if !plan.methods.iter().any(|recipe| recipe.name == *name) {
            let known: Vec<&str> = plan.methods.iter().map(|recipe| recipe.name.as_str()).collect();
            bail!("--only {name}: expected one of {}", known.join(", "));
        }
    }
    let table = plan.table()?;
    let chosen = |recipe: &Recipe| args.only.is_empty() || args.only.contains(&recipe.name);
    let mut trained = train(&args, &plan, &table, &|recipe| chosen(recipe) && !is_of_winner(recipe))?;
    // Who wins is known only now.
    if plan.methods.iter().any(|recipe| chosen(recipe) && is_of_winner(recipe)) {
        let whole = winner::find(&plan, &table)?;
        let whole = whole.context("ablations of the winner: no method of the comparison is trained")?;
        let plan = winner::resolved(&plan, &whole);
        trained += train(&args, &plan, &table, &|recipe| chosen(recipe) && recipe.whole.is_some())?;
    }
    if trained == 0 {
        println!("nothing to train: {} is complete", plan.out.display());
    }
    Ok(ExitCode::SUCCESS)
}

/// Trains what is wanted and not there yet; gives how much that was.
fn train(args: &Args, plan: &Plan, table: &Table, wanted: &dyn Fn(&Recipe) -> bool) -> Result<usize> {
    let split = folds::hash_of(table, &plan.data)?;
    let mut work: Vec<(&Recipe, u64)> = Vec::new();
    for recipe in plan.methods.iter().filter(|recipe| wanted(recipe)) {
        for &seed in plan.seeds_of(recipe) {
            let wanted = args.seed.is_empty() || args.seed.contains(&seed);
            if wanted && (args.again || !run::is_done(table, plan, recipe, seed, &split)) {
                work.push((recipe, seed));
            }
        }
    }
    let count = work.len();
    if args.jobs > 1 && count > 1 {
        parallel(args, &work)?;
        return Ok(count);
    }
    for (recipe, seed) in work {
        let mut progress = progress::watch(&recipe.name, seed, recipe.training.epochs);
        let done = run::run(table, plan, recipe, seed, progress.as_mut())
            .with_context(|| format!("{} with seed {seed}", recipe.name))?;
        drop(progress);
        let folder = plan.folder(recipe, seed);
        if !done {
            bail!("{}: interrupted; the same command goes on", folder.display());
        }
        println!("{} seed {seed}: {}", recipe.name, folder.display());
    }
    Ok(count)
}

/// One process per method and seed: burn's generator of random numbers is one per process.
fn parallel(args: &Args, work: &[(&Recipe, u64)]) -> Result<()> {
    let program = std::env::current_exe().context("own path")?;
    let mut waiting = work.iter();
    let mut running: Vec<(String, Child)> = Vec::new();
    let mut failed = Vec::new();
    let bar = indicatif::ProgressBar::new(work.len() as u64).with_style(
        indicatif::ProgressStyle::with_template("{bar:30} {pos}/{len} trained, {msg} [{elapsed}]")
            .context("progress bar")?,
    );
    loop {
        while running.len() < args.jobs
            && let Some((recipe, seed)) = waiting.next()
        {
            let mut command = Command::new(&program);
            command.arg("train").arg(&args.plan).args(["--only", &recipe.name]);
            command.args(["--seed", &seed.to_string()]).stdout(Stdio::null());
            if args.again {
                command.arg("--again");
            }
            if let Some(turn) = args.turn {
                command.args(["--turn", &format!("{}/{}", turn.number, turn.of)]);
            }
            let child = command.spawn().context("starting a process of its own")?;
            running.push((format!("{} seed {seed}", recipe.name), child));
        }
        if running.is_empty() {
            break;
        }
        let names: Vec<&str> = running.iter().map(|(name, _)| name.as_str()).collect();
        bar.set_message(names.join(", "));
        std::thread::sleep(std::time::Duration::from_millis(200));
        let mut still = Vec::new();
        for (name, mut child) in running {
            match child.try_wait().with_context(|| name.clone())? {
                None => still.push((name, child)),
                Some(status) => {
                    bar.inc(1);
                    if !status.success() {
                        failed.push(name);
                    }
                }
            }
        }
        running = still;
    }
    bar.finish_and_clear();
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    println!("trained {}", work.len());
    Ok(())
}
