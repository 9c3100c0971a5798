//! `foreshock evaluate`: scores, tables and figures of everything that a plan has trained.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use foreshock::dataset::Table;
use foreshock::learn::evaluate::{self, Method, On};
use foreshock::learn::figures;
use foreshock::learn::folds::Fold;
use foreshock::learn::importance;
use foreshock::learn::label_count::{self, LabelCounts};
use foreshock::learn::measures::DRAWS;
use foreshock::learn::plan::{Plan, Turn};
use foreshock::learn::report::record::Evaluation;
use foreshock::learn::report::{self, Figures, card};
use foreshock::learn::run::MODEL;
use foreshock::learn::winner;
use foreshock::model::Model;
use indicatif::ProgressBar;

use super::WARNING;

/// Score everything that a plan has trained: tables and figures as JSON, SVG, PNG and one HTML page.
///
/// Every method goes through the same code. Thresholds are chosen on calibration runs,
/// intervals are 95 % over resampled lineages. The model that is best on validation is copied beside the
/// report. Evaluations on the test set are noted in test_evaluations.jsonl beside the data, with date and hashes
/// of data, split and plan; the report has a copy. Exit code 1 says that something of the plan is not trained yet.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  foreshock evaluate examples/learn/paper.yaml --on validation -o report")]
pub struct Args {
    /// The plan
    plan: PathBuf,
    /// Cross-validation for choosing settings, e.g. 2/5: lineages take turns, none for testing is used
    #[arg(long, value_name = "TURN/OF")]
    turn: Option<Turn>,
    /// Folder of the report
    #[arg(short, long, default_value = "report", value_name = "DIR")]
    output: PathBuf,
    /// Make the best model on validation the built-in one: write it and its card into this folder
    #[arg(long, value_name = "DIR", conflicts_with = "turn")]
    ship: Option<PathBuf>,
    /// Lineages to score: those of validation, for choosing settings, or at the end the test set, which is noted
    #[arg(long, value_enum, default_value_t = Scored::Validation)]
    on: Scored,
    /// Resamples for intervals
    #[arg(long, default_value_t = DRAWS, value_name = "N")]
    draws: usize,
    /// Print scores as JSON instead of text
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Scored {
    /// Lineages of validation
    Validation,
    /// Unseen lineages and other conditions
    Test,
}

/// Runs the command.
///
/// # Errors
/// When nothing is trained or files cannot be read or written.
pub fn run(args: Args) -> Result<ExitCode> {
    let mut plan = Plan::read(&args.plan)?;
    if let Some(turn) = args.turn {
        plan.take_turn(turn);
    }
    let on = match args.on {
        Scored::Test => On::Test,
        Scored::Validation => On::Validation,
    };
    let spinner = ProgressBar::new_spinner();
    spinner.enable_steady_tick(Duration::from_millis(120));
    spinner.set_message("reading the data");
    let table = plan.table()?;
    let plan = with_ablations(&plan, &table)?;
    let prepared = evaluate::prepare(&table, &plan)?;
    let (mut methods, missing) = evaluate::load(&plan, &table, &prepared)?;
    let counts = LabelCounts::read(&plan.data.path)?;
    let recipe = label_count::oracle_recipe();
    let mut kin = Vec::new();
    if let Some(data) = methods.first().map(|method| method.data) {
        kin = label_count::ranked(&counts, &data.set, &data.folds);
        methods.extend(label_count::oracle(&recipe, &counts, data)?);
    }
    let mut report =
        evaluate::evaluate(&methods, on, args.draws, kin, &mut |what| spinner.set_message(what.to_owned()))?;
    if on == On::Test {
        let evaluation = Evaluation::now(&report.data_hash, &report.split_hash, &plan);
        report.test_evaluations = evaluation.append(&plan.data.path)?;
    }
    spinner.set_message("figures");
    let winner = methods.iter().find(|m| Some(&m.recipe.name) == report.winner.as_ref());
    let figures = figures_of(&plan, &methods, &report, winner, args.draws)?;
    report::write(&args.output, &report, &figures)?;
    if let Some((winner, seed)) = winner.zip(report.winner_seed) {
        let model = plan.folder(winner.recipe, seed).join(MODEL);
        copy(&model, &args.output.join("best.safetensors"))?;
        if let Some(folder) = &args.ship {
            ship(&model, folder, &report, winner)?;
        }
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

/// The plan with the winner in its ablations, if there is one; those of another winner are not trained.
fn with_ablations(plan: &Plan, table: &Table) -> Result<Plan> {
    if !plan.methods.iter().any(winner::is_of_winner) {
        return Ok(plan.clone());
    }
    let whole = winner::find(plan, table)?;
    Ok(whole.map_or_else(|| plan.clone(), |whole| winner::resolved(plan, &whole)))
}

fn figures_of(
    plan: &Plan,
    methods: &[Method<'_>],
    report: &evaluate::Report,
    winner: Option<&Method<'_>>,
    draws: usize,
) -> Result<Figures> {
    let on = report.on;
    let in_domain = |fold: &Fold, _: usize| on.scores(fold);
    let shown = winner.or(methods.first()).context("no method")?;
    let cusum = methods.iter().find(|m| m.recipe.name == "cusum");
    let mut early = Vec::new();
    for method in [Some(shown), cusum].into_iter().flatten() {
        let name = &method.recipe.name;
        let row = report.rows.iter().find(|row| row.method == *name);
        let place = row.and_then(|row| method.seeds.iter().position(|seed| *seed == row.shown_seed));
        let (scored, place) = (method.scored(&in_domain)?, place.unwrap_or(0));
        early.push(figures::early(name, method.seeds[place], &scored[place], draws));
    }
    let importance = importance::figure4(shown, methods, &report.rows, plan, on, draws)?;
    Ok(Figures { index: figures::index(shown.data, on), early, importance })
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::copy(from, to).with_context(|| format!("{} to {}", from.display(), to.display()))?;
    Ok(())
}

/// Puts a model where the plugin's build embeds it from, with its card.
fn ship(model: &Path, folder: &Path, report: &evaluate::Report, winner: &Method<'_>) -> Result<()> {
    std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    copy(model, &folder.join("builtin.safetensors"))?;
    let path = folder.join("MODEL_CARD.md");
    let text = card::card(&Model::read(model)?, report, winner.data);
    std::fs::write(&path, text).with_context(|| path.display().to_string())
}
