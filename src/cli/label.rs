//! `foreshock label`: states, outcomes and onset times by a rule, from the events of whole runs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use foreshock::dataset::{self, shard};
use foreshock::onset::labels::{LABELS, Labels, Watched};
use foreshock::onset::{Rule, sensitivity, source};

/// Label interfaces by a rule over their whole runs.
///
/// Reads the label-only events that the fix recorded beside the frames (bonds formed and broken, sites
/// left, contacts lost), counts per interface, and decides when each begins to reconstruct and to
/// become unstable. Labels of a data set go into its folder as labels.parquet and labels.json, with the
/// rule and its hash.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  foreshock label examples/labels/oxides.yaml data/oxides --sensitivity")]
pub struct Args {
    /// The rule (YAML)
    rule: PathBuf,
    /// Data sets, or folders of finished runs
    #[arg(required = true, value_name = "DATA")]
    data: Vec<PathBuf>,
    /// File to write, a .json beside it [default: labels.parquet in the data set's folder, if one is given]
    #[arg(short, long, value_name = "FILE.parquet")]
    output: Option<PathBuf>,
    /// Report what changes when each number of the rule changes by 10 %, or by one sample, and each count by
    /// one
    #[arg(long)]
    sensitivity: bool,
    /// Print the count of every interface every so many ps
    #[arg(long, value_name = "PS")]
    history: Option<f64>,
    /// Refuse unless the rule has this hash: labels by a frozen rule
    #[arg(long, value_name = "SHA256")]
    frozen: Option<String>,
}

/// Runs the command.
///
/// # Errors
/// When rule or runs cannot be read, or labels not be written.
pub fn run(args: Args) -> Result<ExitCode> {
    let rule = Rule::read(&args.rule)?;
    let hash = rule.hash()?;
    if let Some(frozen) = &args.frozen
        && *frozen != hash
    {
        bail!("{}: the rule's hash is {hash}, expected {frozen}", args.rule.display());
    }
    if args.history.is_some_and(|every| !(every.is_finite() && every > 0.0)) {
        bail!("--history: expected a positive number of ps");
    }
    let output = match (&args.output, args.data.as_slice()) {
        (Some(output), _) => Some(output.clone()),
        (None, [data]) if is_packed(data)? => Some(data.join(LABELS)),
        _ => None,
    };
    let mut watched = Vec::new();
    for data in &args.data {
        watched.extend(source::watched(data)?);
    }
    watched.sort_by(|a, b| (&a.run, a.interface).cmp(&(&b.run, b.interface)));
    if let Some(pair) =
        watched.windows(2).find(|w| (&w[0].run, w[0].interface) == (&w[1].run, w[1].interface))
    {
        bail!("run '{}' stands there twice", pair[0].run);
    }
    source::check_observable(&rule, &watched)?;
    let mut labels = Labels::new(&rule, &watched);
    if let ([data], Some(output)) = (args.data.as_slice(), &output)
        && is_packed(data)?
        && lies_in(output, data)
    {
        labels.origin = Some(dataset::labels::origin(data)?);
    }

    let report = args.sensitivity.then(|| sensitivity::report(&rule, &watched));
    // Files first: who reads what is printed may stop reading, which ends the program.
    if let Some(output) = &output {
        let mut summary = labels.summary()?;
        if let Some(report) = &report {
            summary["sensitivity"] = serde_json::to_value(report)?;
        }
        labels.write(output)?;
        let json = output.with_extension("json");
        // Whole or not at all, like the table.
        let partial = output.with_extension("json.part");
        std::fs::write(&partial, serde_json::to_string_pretty(&summary)? + "\n")
            .and_then(|()| std::fs::rename(&partial, &json))
            .with_context(|| format!("cannot write {}", json.display()))?;
        println!("{} and {}", output.display(), json.display());
    }
    println!("rule '{}', sha256 {hash}, looks {} ps ahead", rule.name, rule.look_ahead_ps());
    if let Some(every) = args.history {
        print_histories(&rule, &watched, &labels, every);
    }
    print_counts(&labels);
    if let Some(report) = &report {
        print_sensitivity(report);
    }
    Ok(ExitCode::SUCCESS)
}

/// Whether a path is a data set of shards, and no folder of runs.
fn is_packed(data: &Path) -> Result<bool> {
    Ok(data.is_dir() && !shard::shards(data)?.is_empty())
}

/// Whether a file is the labels of the data set in a folder; others belong to no data set.
fn lies_in(output: &Path, data: &Path) -> bool {
    let parent = output.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let [parent, data] = [parent, data].map(std::fs::canonicalize);
    output.file_name() == Some(LABELS.as_ref())
        && parent.is_ok_and(|parent| data.is_ok_and(|data| data == parent))
}

/// Outcomes, and how many interfaces of each outcome end at which count.
fn print_counts(labels: &Labels) {
    for (outcome, n) in labels.outcomes() {
        let mut ends: BTreeMap<u32, usize> = BTreeMap::new();
        for row in labels.rows.iter().filter(|row| row.onsets.outcome() == outcome) {
            *ends.entry(row.last.round() as u32).or_default() += 1;
        }
        let ends: Vec<String> = ends.iter().map(|(count, n)| format!("{count}: {n}")).collect();
        println!("{:<15} {n:>5} interfaces; last count: how many  {}", outcome.name(), ends.join(", "));
    }
}

fn print_histories(rule: &Rule, watched: &[Watched], labels: &Labels, every: f64) {
    println!("count every {every} ps:");
    for (one, label) in watched.iter().zip(&labels.rows) {
        let count = one.count(rule);
        let end = count.time_ps.last().copied().unwrap_or(0.0);
        let steps = (end / every).floor() as usize;
        let at: Vec<String> = (0..=steps)
            .filter_map(|step| {
                let row = count.time_ps.partition_point(|&t| t < step as f64 * every - 1e-9);
                count.count.get(row).map(|n| format!("{n:>3}"))
            })
            .collect();
        let time = |t: Option<f64>| t.map_or_else(|| "-".to_owned(), |t| format!("{t:.1}"));
        println!(
            "{:<40} {} {:<14} t_R {:>5} t_U {:>5} {}",
            one.run,
            one.interface,
            label.onsets.outcome().name(),
            time(label.onsets.t_r_ps),
            time(label.onsets.t_u_ps),
            at.join("")
        );
    }
}

fn print_sensitivity(report: &[sensitivity::Difference]) {
    println!(
        "\n{:<52} {:>17} {:<18} {:<36} begin of instability",
        "changed", "outcomes changed", "S / R / U / ?", "begin of reconstruction"
    );
    let shift = |s: &sensitivity::Shift| {
        let median = s.median_ps.map_or_else(String::new, |m| format!(", median {m:+.1} ps"));
        format!("+{} -{} moved {}{median}", s.gained, s.lost, s.moved)
    };
    for row in report {
        let counts: Vec<String> = row.counts.iter().map(ToString::to_string).collect();
        println!(
            "{:<52} {:>8} of {:>5} {:<18} {:<36} {}",
            row.variation,
            row.outcomes,
            row.interfaces,
            counts.join(" / "),
            shift(&row.t_r),
            shift(&row.t_u)
        );
    }
}
