//! `foreshock dataset`: packing, counting and splitting of recorded runs.

use std::fmt;
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;

use anyhow::{Context as _, Result};
use foreshock::dataset::pack::{self, Options};
use foreshock::dataset::split::{HeldOut, Plan, Split};
use foreshock::dataset::summary::Summary;
use foreshock::dataset::{Table, labels};
use indicatif::{ProgressBar, ProgressStyle};

/// Pack recorded runs into tables, show what they hold, split them by lineage.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  foreshock dataset show data/oxides")]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    Pack(PackArgs),
    Show(ShowArgs),
    Split(SplitArgs),
}

/// Pack finished runs of campaigns into shards of Parquet tables.
///
/// Reads run folders (run.json and stream.jsonl, compressed or not) and writes new folders
/// shard-NNN of up to 50 runs. Finished shards are never touched again and no run is packed twice,
/// so this can be repeated while a campaign goes on. Values are rounded to a power of two far below
/// their own fluctuation; what this does to the instability index of these runs is reported.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  foreshock dataset pack campaigns/oxides -o data/oxides")]
struct PackArgs {
    /// Folders of campaigns, of runs, or runs
    #[arg(required = true, value_name = "RUNS")]
    runs: Vec<PathBuf>,
    /// Folder of the data set
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Leave runs that do not fill a shard for later
    #[arg(long)]
    full_only: bool,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

/// Show classes by factor, events, sizes and hashes of a data set.
///
/// Reading a data set checks it: a run that is there twice, under one name or two, a run of two
/// lineages and label-only columns among the features are refused. Any table of the open schema will
/// do.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  foreshock dataset show data/oxides --json")]
struct ShowArgs {
    /// The data set: a folder of shards, a folder with frames.parquet, a folder of such folders, or a Parquet file
    data: PathBuf,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

/// Split a data set by lineage.
///
/// A hash of each lineage's name decides between training, validation, calibration and test, so
/// that lineages keep their place when the data set grows. Runs whose role is heldout_... and runs
/// with a factor's value that is named with --heldout are separate test sets; runs of the pilot are
/// for nothing else. The file carries the hash of the data set that it belongs to.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  foreshock dataset split data/oxides --heldout temperature=temperature_k:1275 -o data/oxides/split.json"
)]
struct SplitArgs {
    /// The data set
    data: PathBuf,
    /// File to write [default: split.json in the data set's folder]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Shares of training, validation, calibration and test
    #[arg(long, value_name = "A,B,C,D", default_value_t = Shares(Plan::default().shares))]
    shares: Shares,
    /// A further held-out set, by a factor's values
    #[arg(long, value_name = "NAME=FACTOR:VALUE,...")]
    heldout: Vec<HeldOut>,
    /// Changes all places at once
    #[arg(long, default_value_t = Plan::default().seed)]
    seed: u64,
}

/// Four numbers with commas between them: spaces would leave open where the shares end.
#[derive(Debug, Clone, Copy)]
struct Shares([f64; 4]);

impl FromStr for Shares {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let numbers: Vec<f64> = text.split(',').map_while(|word| word.trim().parse().ok()).collect();
        <[f64; 4]>::try_from(numbers).map(Self).map_err(|_| {
            "expected four numbers with commas between them, e.g. 0.55,0.15,0.15,0.15".to_owned()
        })
    }
}

impl fmt::Display for Shares {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.map(|share| share.to_string()).join(","))
    }
}

/// Runs the command.
///
/// # Errors
/// When runs or data cannot be read, are refused, or files not be written.
pub fn run(args: Args) -> Result<ExitCode> {
    match args.action {
        Action::Pack(args) => pack_runs(&args),
        Action::Show(args) => show(&args),
        Action::Split(args) => split(args),
    }
}

fn pack_runs(args: &PackArgs) -> Result<ExitCode> {
    let bar = ProgressBar::new(0).with_style(
        ProgressStyle::with_template("{bar:40} {pos}/{len} runs, {eta} left").context("progress bar")?,
    );
    let options = Options { full_only: args.full_only };
    let report = pack::pack(&args.runs, &args.output, options, &mut |done, of| {
        bar.set_length(of as u64);
        bar.set_position(done as u64);
    });
    bar.finish_and_clear();
    let mut report = report?;
    let fidelity = &mut report.fidelity;
    let [median, most] = [0.5, 1.0].map(|share| fidelity.quantile(share));
    if args.json {
        let value = serde_json::json!({
            "shards": report.shards,
            "runs": report.runs,
            "packed_before": report.before,
            "left": report.left,
            "frames": report.frames,
            "events": report.events,
            "bytes": report.bytes,
            "index_difference": {"median": median, "largest": most, "frames": fidelity.frames},
            "cusum_alarms": {
                "interfaces": fidelity.interfaces,
                "moved": fidelity.alarms_moved,
                "moved_by_frames": fidelity.alarms_moved_by,
                "gained_or_lost": fidelity.alarms_changed,
            },
        });
        println!("{value}");
        return Ok(ExitCode::SUCCESS);
    }
    println!(
        "{} runs were packed before, {} new, {} left for later",
        report.before, report.runs, report.left
    );
    for shard in &report.shards {
        println!("  {}", shard.display());
    }
    if report.runs > 0 {
        println!(
            "{} frames, {} events, {:.2} MB: {:.1} kB per run",
            report.frames,
            report.events,
            report.bytes as f64 / 1e6,
            report.bytes as f64 / 1e3 / report.runs as f64
        );
        println!(
            "rounding changes the instability index by {median:.4} (median of {} frames), at most {most:.3}; of {} \
             interfaces, {} have their first CUSUM alarm at another frame (at most {} frames away), {} have one in \
             one version only",
            fidelity.frames,
            fidelity.interfaces,
            fidelity.alarms_moved,
            fidelity.alarms_moved_by,
            fidelity.alarms_changed
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn show(args: &ShowArgs) -> Result<ExitCode> {
    let table = Table::read(&args.data)?;
    let horizon = labels::horizon(&args.data)?.unwrap_or_default();
    let summary = Summary::new(&table, &args.data, &horizon)?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&summary)?);
        return Ok(ExitCode::SUCCESS);
    }
    print!("{}", summary.text());
    for rule in labels::rules(&args.data)? {
        println!("\nlabels by rule '{}', sha256 {}", rule.name, rule.hash()?);
    }
    Ok(ExitCode::SUCCESS)
}

fn split(args: SplitArgs) -> Result<ExitCode> {
    let table = Table::read(&args.data)?;
    let split = Split::new(&table, Plan { seed: args.seed, shares: args.shares.0, held_out: args.heldout })?;
    let output = match args.output {
        Some(output) => output,
        None if args.data.is_dir() => args.data.join("split.json"),
        None => args.data.with_extension("split.json"),
    };
    split.write(&output)?;
    println!("{:<24} {:>9} {:>11} {:>8} {:>7}", "fold", "lineages", "interfaces", "frames", "events");
    for (fold, lineages) in &split.folds {
        let series: Vec<_> = split.select(&table, fold).into_iter().map(|at| &table.series[at]).collect();
        let frames: usize = series.iter().map(|one| one.time_ps.len()).sum();
        let events = series.iter().filter(|one| one.t_u_ps.is_some()).count();
        println!("{fold:<24} {:>9} {:>11} {frames:>8} {events:>7}", lineages.len(), series.len());
    }
    println!("{}: sha256 {}", output.display(), split.sha256);
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_four_numbers_with_commas() {
        let shares: Shares = "0.4,0.2, 0.2,0.2".parse().expect("valid");
        assert_eq!((shares.0, shares.to_string().as_str()), ([0.4, 0.2, 0.2, 0.2], "0.4,0.2,0.2,0.2"));
        for wrong in ["0.4,0.2,0.4", "0.4,0.2,0.2,0.1,0.1", "0.4,x,0.2,0.2", ""] {
            assert!(wrong.parse::<Shares>().is_err(), "{wrong}");
        }
    }
}
