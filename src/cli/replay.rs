//! `foreshock replay`: a recording through the live run's window, detector and decision code.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use foreshock::decision::{Alarm, StateCode, Verdict};
use foreshock::replay::{Replayed, Report, replay_with};
use foreshock::stream::{Header, Line, Reader, Writer};
use serde_json::json;

use super::{FAILURE, WARNING};

/// Replay a recorded stream and compare its verdicts bit for bit.
///
/// Feeds the recorded frames through the code that the running fix uses, from the window stage on.
/// Prints every change of an interface's state and every alarm. Works on streams of runs that were
/// killed or continued from a restart.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit codes: 0 no alarm, 1 an alarm was raised, 2 failure or, with --check, a \
                        verdict that is not the recorded one.

Example:
  foreshock replay run.jsonl --check")]
pub struct Args {
    /// The recording (`record FILE.jsonl` of the fix)
    file: PathBuf,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
    /// Fail unless every recorded verdict is replayed bit for bit
    #[arg(long)]
    check: bool,
    /// The model that spoke in the run, where it is no longer where the run found it
    #[arg(long, value_name = "FILE.safetensors")]
    model: Option<PathBuf>,
    /// Write the stream again with the replayed verdicts in place of the recorded ones
    #[arg(short, long, value_name = "OUT.jsonl")]
    output: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// When the recording cannot be read or replayed or the output not be written.
pub fn run(args: Args) -> Result<ExitCode> {
    let reader = Reader::open(&args.file)?;
    let header = reader.header().clone();
    let mut out = std::io::stdout().lock();
    let mut nowhere = std::io::sink();
    let text: &mut dyn Write = if args.json { &mut nowhere } else { &mut out };
    title(text, &args.file, &header)?;
    let mut copy = args.output.as_deref().map(|path| start_copy(path, &args.file, &header)).transpose()?;
    let mut watch = Watch::default();
    let mut failure = None;
    let report = replay_with(reader, args.model.as_deref(), &mut |item| {
        let written = match &mut copy {
            Some(copy) => copy_item(copy, &item),
            None => Ok(()),
        };
        if let Err(error) = written.and_then(|()| watch.take(&item, text)) {
            // The library's error type is not ours: keep ours and stop.
            failure = Some(error);
            return Err(foreshock::Error::Limit("stopped".to_owned()));
        }
        Ok(())
    });
    if let Some(error) = failure {
        return Err(error);
    }
    let report = report.with_context(|| format!("{}", args.file.display()))?;
    summary(text, &report)?;
    if args.json {
        writeln!(out, "{}", as_json(&args.file, &report, &watch.changes))?;
    }
    for damage in &report.damaged {
        eprintln!("foreshock: {}: {damage}", args.file.display());
    }
    if args.check && report.recorded == 0 {
        bail!("{}: no recorded verdicts to check", args.file.display());
    }
    Ok(if args.check && !report.differences.is_empty() {
        ExitCode::from(FAILURE)
    } else if report.alarms.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(WARNING)
    })
}

fn title(out: &mut dyn Write, file: &Path, header: &Header) -> Result<()> {
    writeln!(
        out,
        "{}: {} | {}, {} interface{}, a sample every {} ps, detector {}, warn {}, persist {}",
        file.display(),
        header.groups[0],
        header.groups[1],
        header.settings.interfaces,
        if header.settings.interfaces == 1 { "" } else { "s" },
        header.settings.sample_ps,
        header.detector,
        header.threshold,
        header.persist
    )?;
    writeln!(
        out,
        "{:>10} {:>10} {:>9}  {:<10} {:>8} {:>8}",
        "step", "ps", "interface", "state", "index", "CUSUM"
    )?;
    Ok(())
}

/// Starts the copy, unless it would replace the recording that is being read.
fn start_copy(path: &Path, file: &Path, header: &Header) -> Result<Writer> {
    let same = std::fs::canonicalize(path).ok().zip(std::fs::canonicalize(file).ok());
    if same.is_some_and(|(a, b)| a == b) {
        bail!("--output = '{}': expected another file than the recording", path.display());
    }
    Ok(Writer::create(path, header)?)
}

fn copy_item(copy: &mut Writer, item: &Replayed) -> Result<()> {
    let line = match item {
        Replayed::Frame(frame) => Line::sample(frame),
        Replayed::Verdict(verdict) => {
            Line::Verdict { decision_step: verdict.window_end_step, verdict: verdict.clone() }
        }
        Replayed::Alarm(alarm) => {
            Line::Alarm { decision_step: alarm.window_end_step, reason: alarm.reason(), alarm: alarm.clone() }
        }
        Replayed::Other(line) => line.clone(),
    };
    match copy.write(&line) {
        Some(message) => bail!(message),
        None => Ok(()),
    }
}

/// Changes of state so far.
#[derive(Default)]
struct Watch {
    states: BTreeMap<usize, StateCode>,
    changes: Vec<Verdict>,
}

impl Watch {
    fn take(&mut self, item: &Replayed, out: &mut dyn Write) -> Result<()> {
        match item {
            Replayed::Frame(_) | Replayed::Other(_) => {}
            Replayed::Verdict(verdict) => {
                let before = self.states.insert(verdict.interface, verdict.state);
                if before != Some(verdict.state) {
                    change(out, verdict)?;
                    self.changes.push(verdict.clone());
                }
            }
            Replayed::Alarm(alarm) => writeln!(out, "ALARM: {}", alarm.reason())?,
        }
        Ok(())
    }
}

fn change(out: &mut dyn Write, verdict: &Verdict) -> Result<()> {
    let number = |value: f64| if value.is_nan() { "-".to_owned() } else { format!("{value:.3}") };
    writeln!(
        out,
        "{:>10} {:>10.3} {:>9}  {:<10} {:>8} {:>8}",
        verdict.window_end_step,
        verdict.time_ps,
        verdict.interface + 1,
        verdict.state.name(),
        number(verdict.index),
        number(verdict.cusum)
    )?;
    Ok(())
}

fn summary(out: &mut dyn Write, report: &Report) -> Result<()> {
    writeln!(
        out,
        "{} samples, {} verdicts, {} alarm{}",
        report.samples,
        report.verdicts,
        report.alarms.len(),
        if report.alarms.len() == 1 { "" } else { "s" }
    )?;
    if report.superseded > 0 {
        writeln!(out, "{} lines superseded by a restart", report.superseded)?;
    }
    if report.truncated {
        writeln!(out, "the last line was not finished")?;
    }
    let different = report.different;
    writeln!(
        out,
        "recorded verdicts: {} equal bit for bit, {different} different",
        report.recorded - different
    )?;
    for difference in report.differences.iter().take(10) {
        writeln!(out, "  {difference}")?;
    }
    Ok(())
}

fn as_json(file: &Path, report: &Report, changes: &[Verdict]) -> serde_json::Value {
    let alarm = |alarm: &Alarm| json!({"alarm": alarm, "reason": alarm.reason()});
    json!({
        "file": file,
        "samples": report.samples,
        "verdicts": report.verdicts,
        "alarms": report.alarms.iter().map(alarm).collect::<Vec<_>>(),
        "changes": changes,
        "recorded": report.recorded,
        "different": report.different,
        "differences": report.differences,
        "damaged": report.damaged.iter().map(|d| json!({"line": d.line, "message": d.message})).collect::<Vec<_>>(),
        "superseded": report.superseded,
        "truncated": report.truncated,
    })
}
