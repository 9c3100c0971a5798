//! `foreshock model show`: what a model file says about itself.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use foreshock::model::Model;

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
    model.card().into_iter().map(|(name, value)| format!("{name:<12}{value}\n")).collect()
}
