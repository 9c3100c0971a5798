//! One child process: started, watched, ended with everything it started, its CPU time taken.

use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::{Pid, SysconfVar, sysconf};

/// How often a child is looked at.
const POLL: Duration = Duration::from_millis(50);
/// Time between the request to end and the order to.
const GRACE: Duration = Duration::from_secs(3);

/// How a child ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit status.
    pub status: std::process::ExitStatus,
    /// CPU seconds of it and its threads, where the system tells.
    pub cpu_seconds: Option<f64>,
    /// Whether it was ended because of the stop flag.
    pub stopped: bool,
}

/// Runs `command` as the leader of a process group of its own, so that a signal to it reaches all of
/// its children, and a Ctrl-C on the terminal does not reach it before we decide.
///
/// # Errors
/// It cannot be started or waited for.
pub fn run(mut command: Command, stop: &AtomicBool) -> std::io::Result<Ended> {
    let mut child = command.process_group(0).spawn()?;
    let group = Pid::from_raw(i32::try_from(child.id()).map_err(std::io::Error::other)?);
    let mut asked: Option<Instant> = None;
    while still_alive(group)? {
        match asked {
            None if stop.load(Ordering::Relaxed) => {
                // A group that has just ended is what we want.
                let _ = killpg(group, Signal::SIGTERM);
                asked = Some(Instant::now());
            }
            Some(at) if at.elapsed() > GRACE => {
                let _ = killpg(group, Signal::SIGKILL);
            }
            _ => {}
        }
        std::thread::sleep(POLL);
    }
    let cpu_seconds = cpu_seconds(&child);
    // What the child itself may have left behind. Its number is nobody else's until it is waited for.
    let _ = killpg(group, Signal::SIGKILL);
    let status = child.wait()?;
    Ok(Ended { status, cpu_seconds, stopped: asked.is_some() && !status.success() })
}

/// Whether the process still runs; it stays a zombie, so that its times can be read.
fn still_alive(pid: Pid) -> std::io::Result<bool> {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT | WaitPidFlag::WNOHANG;
    match waitid(Id::Pid(pid), flags) {
        Ok(status) => Ok(status == WaitStatus::StillAlive),
        Err(nix::errno::Errno::EINTR) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

/// User and system time from `/proc`, which keeps them until the process is waited for.
fn cpu_seconds(child: &Child) -> Option<f64> {
    let text = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).ok()?;
    // The second field is the program's name in parentheses and may hold anything.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    let per_second = sysconf(SysconfVar::CLK_TCK).ok()??;
    Some(ticks as f64 / per_second as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn cpu_time_is_that_of_the_child() {
        let busy = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done";
        let ended = run(shell(busy), &AtomicBool::new(false)).expect("runs");
        assert!(ended.status.success() && !ended.stopped);
        assert!(ended.cpu_seconds.expect("Linux tells") > 0.05, "{ended:?}");
        let ended = run(shell("exit 3"), &AtomicBool::new(false)).expect("runs");
        assert_eq!(ended.status.code(), Some(3));
        assert!(ended.cpu_seconds.expect("Linux tells") < 0.05, "{ended:?}");
    }

    #[test]
    fn a_stop_ends_the_whole_group() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let file = dir.path().join("alive");
        // The grandchild does not hear the first signal.
        let script = format!("(trap '' TERM; sleep 5; touch {}) & wait", file.display());
        let stop = AtomicBool::new(false);
        let start = Instant::now();
        let ended = std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(Duration::from_millis(200));
                stop.store(true, Ordering::Relaxed);
            });
            run(shell(&script), &stop).expect("runs")
        });
        assert!(ended.stopped && start.elapsed() < Duration::from_secs(4), "{ended:?}");
        std::thread::sleep(Duration::from_secs(6).saturating_sub(start.elapsed()));
        assert!(!file.exists(), "the grandchild lived on");
    }
}
