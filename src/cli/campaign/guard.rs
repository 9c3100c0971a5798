//! The first life of every simulation's process: it asks the kernel to be killed when the campaign
//! dies, however it dies, and then becomes LAMMPS.
//!
//! Setting this in the child between fork and exec would take unsafe code; a program of our own that
//! replaces itself does not.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, anyhow};

/// Become another program that ends with its parent.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  foreshock campaign guard --parent 1234 -- lmp -h")]
pub struct Args {
    /// The process to end with.
    #[arg(long, value_name = "PID")]
    parent: i32,
    /// The program and its arguments.
    #[arg(last = true, required = true)]
    words: Vec<OsString>,
}

/// The words that put the guard before a program.
///
/// # Errors
/// This program does not know where it is.
pub fn words() -> Result<Vec<OsString>> {
    let program = std::env::current_exe().context("cannot find this program's own file")?;
    let parent = std::process::id().to_string();
    Ok(vec![
        program.into_os_string(),
        "campaign".into(),
        "guard".into(),
        "--parent".into(),
        parent.into(),
        "--".into(),
    ])
}

/// Runs the command; comes back only when that fails.
///
/// # Errors
/// The program cannot be run.
pub fn run(args: Args) -> Result<ExitCode> {
    #[cfg(target_os = "linux")]
    nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL)
        .context("cannot ask to be ended with the campaign")?;
    // The campaign may have died before the line above.
    if nix::unistd::getppid().as_raw() != args.parent {
        return Ok(super::failure());
    }
    let error = Command::new(&args.words[0]).args(&args.words[1..]).exec();
    Err(anyhow!("cannot run {}: {error}", args.words[0].to_string_lossy()))
}
