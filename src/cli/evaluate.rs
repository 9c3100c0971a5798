//! `foreshock evaluate`: scores, tables and figures of everything that a plan has trained.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use foreshock::dataset::Table;
use foreshock::learn::evaluate::{self, Method};
use foreshock::learn::figures;
use foreshock::learn::folds::{Fold, IN_DOMAIN};
use foreshock::learn::plan::{Plan, Recipe};
use foreshock::learn::report::{self, Figures};
use foreshock::learn::run::MODEL;
use indicatif::ProgressBar;

use super::WARNING;

/// Score everything that a plan has trained: tables and figures as JSON, SVG, PNG and one HTML page.
///
/// Every method goes through the same code. Thresholds are chosen on validation and calibration runs,
/// intervals are 95 % over resampled lineages. The model that is best on validation is copied beside the
/// report. Exit code 1 says that something of the plan is not trained yet.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  foreshock evaluate examples/learn/paper.yaml -o report")]
pub struct Args {
    /// The plan
    plan: PathBuf,
    /// Folder of the report
    #[arg(short, long, default_value = "report", value_name = "DIR")]
    output: PathBuf,
    /// Resamples for intervals
    #[arg(long, default_value_t = 200, value_name = "N")]
    draws: usize,
    /// Print scores as JSON instead of text
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// When nothing is trained or files cannot be read or written.
pub fn run(args: Args) -> Result<ExitCode> {
    let plan = Plan::read(&args.plan)?;
    let spinner = ProgressBar::new_spinner();
    spinner.enable_steady_tick(Duration::from_millis(120));
    spinner.set_message("reading the data");
    let table = Table::read(&plan.data.path)?;
    let prepared = evaluate::prepare(&table, &plan)?;
    let (methods, missing) = evaluate::load(&plan, &prepared)?;
    let report = evaluate::evaluate(&methods, args.draws, &mut |what| spinner.set_message(what.to_owned()))?;
    spinner.set_message("figures");
    let winner = methods.iter().find(|m| Some(&m.recipe.name) == report.winner.as_ref());
    let figures = figures_of(&plan, &methods, winner, args.draws)?;
    report::write(&args.output, &report, &figures)?;
    if let Some(winner) = winner {
        copy_best(&plan, winner.recipe, &args.output)?;
    }
    spinner.finish_and_clear();
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        for row in &report.rows {
            let value = |name: &str| row.scores.get(name).map_or(f64::NAN, |i| i.value);
            println!(
                "{:24} accuracy {:.3}  macro-F1 {:.3}  AUC {:.3}  AUROC {:.3} (within {:.3})  lead {:5.1} ps  \
                 false alarms {:5.1} / 100",
                row.method,
                value("accuracy"),
                value("macro_f1"),
                value("auc"),
                value("auroc"),
                value("auroc_within"),
                value("lead_ps_median"),
                value("false_alarms_per_100")
            );
        }
        println!("{}", args.output.join("index.html").display());
    }
    if missing.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("not trained yet: {}", missing.join(", "));
    Ok(ExitCode::from(WARNING))
}

fn figures_of(
    plan: &Plan,
    methods: &[Method<'_>],
    winner: Option<&Method<'_>>,
    draws: usize,
) -> Result<Figures> {
    let in_domain = |fold: &Fold, _: usize| *fold == Fold::Test(IN_DOMAIN.to_owned());
    let shown = winner.or(methods.first()).context("no method")?;
    let cusum = methods.iter().find(|m| m.recipe.name == "cusum");
    let mut early = Vec::new();
    for method in [Some(shown), cusum].into_iter().flatten() {
        let scored = method.scored(&in_domain)?;
        early.push(figures::early(&method.recipe.name, &scored[0], draws));
    }
    let importance = figures::importance(shown, plan, draws)?;
    Ok(Figures { index: figures::index(shown.data), early, importance })
}

/// The winner's first seed, as the file that `model FILE` loads.
fn copy_best(plan: &Plan, recipe: &Recipe, output: &std::path::Path) -> Result<()> {
    let from = plan.folder(recipe, plan.seeds_of(recipe)[0]).join(MODEL);
    let to = output.join("best.safetensors");
    std::fs::copy(&from, &to).with_context(|| format!("{} to {}", from.display(), to.display()))?;
    Ok(())
}
