//! `foreshock model show`: what a model file says about itself.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use foreshock::model::Model;
use foreshock::model::meta::Kind;

/// Look at model files.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  foreshock model show models/builtin.safetensors")]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    Show(ShowArgs),
}

/// Show what a model file says about itself: what it reads, what it was trained on, how it scored.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  foreshock model show models/builtin.safetensors --json")]
struct ShowArgs {
    /// The model
    file: PathBuf,
    /// Print its metadata as JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// When the file is no model.
pub fn run(args: Args) -> Result<ExitCode> {
    let Action::Show(args) = args.action;
    let model = Model::read(&args.file)?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&model.meta)?);
    } else {
        print!("{}", text(&model));
    }
    Ok(ExitCode::SUCCESS)
}

fn text(model: &Model) -> String {
    let meta = &model.meta;
    let what = match &meta.kind {
        Kind::Network(spec) => format!("network, {:?}, projection {}", spec.encoder, spec.projection),
        Kind::Forest(spec) => format!("boosted trees of depth {}", spec.depth),
    };
    let mut lines = vec![
        format!("name        {} (seed {})", meta.name, meta.seed),
        format!("kind        {what}"),
        format!("parameters  {}", model.parameters()),
        format!("classes     {}", meta.classes.join(", ")),
        format!("reads       {} columns as {:?}", meta.columns.len(), meta.inputs),
        format!("window      {} frames of {} ps", meta.window, meta.sample_ps),
    ];
    if let Some(settings) = &meta.settings {
        lines.push(format!(
            "fix         reference {} ps, baseline {} + {} ps, lag {} ps",
            settings.reference_ps, settings.baseline_start_ps, settings.baseline_length_ps, settings.lag_ps
        ));
    }
    if let Some(target) = &meta.target {
        lines.push(format!(
            "warns of    an event more than {} and at most {} ps ahead",
            target.gap_ps, target.horizon_ps
        ));
    }
    if let Some(alarm) = &meta.alarm {
        lines.push(format!(
            "threshold   {:.4} for {} verdicts in a row: {} of {} stable runs of {} ps alarm (at most {} %)",
            alarm.threshold,
            alarm.persist,
            alarm.false_alarms,
            alarm.stable_runs,
            alarm.exposure_ps,
            100.0 * alarm.rate
        ));
    }
    for (name, value) in &meta.scores {
        lines.push(format!("validation  {name} {value:.4}"));
    }
    lines.push(format!("trained on  {} series, {} for validation", meta.series[0], meta.series[1]));
    lines.push(format!("data        sha256 {}", meta.data_hash));
    lines.push(format!("file        sha256 {}", model.hash));
    lines.push(format!("licence     {}", meta.licence));
    lines.join("\n") + "\n"
}
