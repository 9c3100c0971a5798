//! `foreshock watch`: runs at a glance in the terminal.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use foreshock::watch::Fleet;
use signal_hook::consts::{SIGINT, SIGTERM};

use super::WARNING;

mod app;
mod charts;
mod detail;
mod lines;
mod paint;
mod table;

/// Time between two looks at the streams.
const LOOK: Duration = Duration::from_millis(250);

/// Watch runs while they are being written: state, index, alarms, speed, time left.
///
/// Reads the streams that fix foreshock records (`record FILE.jsonl`); needs no connection to the
/// machine that computes beyond a shared file system. Folders are searched for *.jsonl, also for ones
/// that appear later; a file that does not exist yet is waited for. One stream shows its charts, many a
/// table sorted by risk. Where standard output is no terminal, lines are printed as with --plain.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Keys: up/down select, Enter open, Esc back, n/p next and previous run, ? help, q quit.
Colours are left out with NO_COLOR set or TERM=dumb.

Exit codes: 0 no alarm seen, 1 an alarm was seen, 2 failure.

Example:
  foreshock watch run.jsonl
  foreshock watch --plain runs/ >> watch.log"
)]
pub struct Args {
    /// Streams, or folders that hold some
    #[arg(required = true, value_name = "FILE|DIR")]
    paths: Vec<PathBuf>,
    /// Print lines instead of a dashboard: changes of state, alarms, and progress now and then
    #[arg(long)]
    plain: bool,
    /// The same as one JSON object per line
    #[arg(long, conflicts_with = "plain")]
    json: bool,
    /// Read what is there, print it and end
    #[arg(long)]
    once: bool,
    /// Seconds between lines of progress
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0, value_parser = interval)]
    interval: f64,
}

fn interval(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if (0.1..=86400.0).contains(&value) => Ok(value),
        _ => Err("expected 0.1 to 86400 seconds".to_owned()),
    }
}

/// Runs the command.
///
/// # Errors
/// When a path is neither there nor named like a stream, or the terminal fails.
pub fn run(args: Args) -> Result<ExitCode> {
    let mut fleet = Fleet::new(&args.paths)?;
    let stop = stop_flag()?;
    let screen = std::io::stdout().is_terminal() && !args.plain && !args.json && !args.once;
    if screen {
        app::run(&mut fleet, &stop)?;
    } else {
        let mut lines = lines::Lines::new(args.json, Duration::from_secs_f64(args.interval));
        let mut out = std::io::stdout().lock();
        follow(&mut fleet, &mut lines, &mut out, args.once, &stop)?;
    }
    let alarms = fleet.runs().values().filter_map(|run| run.view()).any(|view| view.alarm_count > 0);
    Ok(if alarms { ExitCode::from(WARNING) } else { ExitCode::SUCCESS })
}

/// A flag that Ctrl-C and a batch system's request to end raise.
pub(super) fn stop_flag() -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&stop)).context("cannot listen to signals")?;
    }
    Ok(stop)
}

fn follow(
    fleet: &mut Fleet,
    lines: &mut lines::Lines,
    out: &mut dyn Write,
    once: bool,
    stop: &AtomicBool,
) -> Result<()> {
    while !stop.load(Ordering::Relaxed) {
        let now = Instant::now();
        fleet.look(now);
        let settled = fleet.caught_up(now);
        if once && !settled {
            continue;
        }
        lines.write(fleet, now, out)?;
        out.flush()?;
        if once {
            break;
        }
        if settled {
            std::thread::sleep(LOOK);
        }
    }
    Ok(())
}
