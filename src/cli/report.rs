//! `foreshock report`: runs as one page to keep.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use foreshock::model::Model;
use foreshock::report::{Overhead, Sources, html};

/// Write one self-contained HTML page about recorded runs, with figures that print.
///
/// Shows index, thickness and warning probability against time, the descriptors behind the alarms,
/// events, settings, the model's card and measured overhead; for several runs a summary first, by
/// condition where a campaign left its records beside the streams. The model is read from where the run
/// found it, beside the stream, or from --model, and shown only if its hash is the run's.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  foreshock report run.jsonl -o report.html
  foreshock report campaign/runs -o campaign.html --overhead target/bench/overhead.json")]
pub struct Args {
    /// Streams, or folders that hold some
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<PathBuf>,
    /// The page; an existing one is replaced
    #[arg(short, long, value_name = "FILE.html")]
    output: PathBuf,
    /// Model that judged, where it is no longer where the runs found it; may be given several times
    #[arg(long, value_name = "FILE")]
    model: Vec<PathBuf>,
    /// Measured overhead to be shown, as `make bench` writes it
    #[arg(long, value_name = "FILE.json")]
    overhead: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// When there is no stream or the page cannot be written.
pub fn run(args: Args) -> Result<ExitCode> {
    for run in &args.runs {
        if !run.exists() {
            bail!("RUN = '{}': expected a stream or a folder that holds some", run.display());
        }
    }
    let overhead = args.overhead.as_deref().map(Overhead::read).transpose()?.unwrap_or_default();
    let models = args.model.iter().map(|path| Model::read(path)).collect::<foreshock::Result<_>>()?;
    let page = html(&args.runs, &Sources { overhead, models })?;
    std::fs::write(&args.output, page).with_context(|| format!("{}", args.output.display()))?;
    Ok(ExitCode::SUCCESS)
}
