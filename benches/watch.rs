//! What watching costs: 100 streams that are written at 10 lines a second each, followed by the
//! dashboard and by the web server with one page open. `make bench-watch` runs it and writes
//! `target/bench/watch.json`.
//!
//! CPU is the process's own user and system time over the clock's; memory is its resident set a fifth
//! of the way in and at the end.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use foreshock::stream::Line;

#[path = "../tests/streams/mod.rs"]
mod streams;

const STREAMS: usize = 100;
const LINES_PER_S: u32 = 10;
/// Samples that each stream holds before the clock starts: some 1 MB.
const BEFORE: u64 = 600;

fn main() {
    if std::env::args().any(|a| a == "--test") {
        return;
    }
    let seconds = std::env::var("BENCH_WATCH_SECONDS").ok().and_then(|s| s.parse().ok()).unwrap_or(60_u64);
    let rows: Vec<serde_json::Value> = ["watch", "serve"].iter().map(|what| measure(what, seconds)).collect();
    let text = serde_json::to_string_pretty(&rows).expect("plain data");
    println!("{text}");
    let target =
        Path::new(env!("CARGO_BIN_EXE_foreshock")).ancestors().nth(2).expect("target/profile/program");
    let folder = target.join("bench");
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("watch.json"), text + "\n").expect("writable");
}

struct Writers {
    files: Vec<File>,
    /// Lines to come of every stream, the same for all.
    lines: Vec<Vec<u8>>,
    next: usize,
}

impl Writers {
    fn new(folder: &Path, seconds: u64) -> Self {
        let text = streams::run(BEFORE, u64::MAX);
        let files = (0..STREAMS).map(|k| {
            let path = folder.join(format!("run{k:03}.jsonl"));
            std::fs::write(&path, &text).expect("writable");
            OpenOptions::new().append(true).open(&path).expect("there")
        });
        let files = files.collect();
        let count = (seconds + 120) * u64::from(LINES_PER_S) / 4 + 1;
        let lines = (BEFORE..BEFORE + count).flat_map(|frame| streams::sample(frame, u64::MAX));
        Self { files, lines: lines.map(|line| Line::to_bytes(&line)).collect(), next: 0 }
    }

    /// Writes at the rate until `until`.
    fn write(&mut self, until: Instant) {
        let step = Duration::from_secs(1) / LINES_PER_S;
        let mut due = Instant::now();
        while Instant::now() < until {
            let line = &self.lines[self.next];
            self.next += 1;
            for file in &mut self.files {
                file.write_all(line).expect("writable");
            }
            due += step;
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        }
    }
}

fn measure(what: &str, seconds: u64) -> serde_json::Value {
    let folder = tempfile::tempdir().expect("a directory");
    let mut writers = Writers::new(folder.path(), seconds);
    let mut child = if what == "watch" { dashboard(folder.path()) } else { server(folder.path()) };
    // Until what was there is read.
    let mut last = 0.0;
    for _ in 0..60 {
        writers.write(Instant::now() + Duration::from_secs(1));
        let now = cpu_s(&child);
        if now > 0.0 && now - last < 0.3 {
            break;
        }
        last = now;
    }
    let (start, before) = (Instant::now(), cpu_s(&child));
    writers.write(start + Duration::from_secs(seconds) / 5);
    let early = resident_kb(&child);
    writers.write(start + Duration::from_secs(seconds));
    let (used, clock) = (cpu_s(&child) - before, start.elapsed().as_secs_f64());
    let late = resident_kb(&child);
    child.kill().expect("alive");
    child.wait().expect("killed");
    serde_json::json!({
        "program": what,
        "profile": if cfg!(debug_assertions) { "dev" } else { "release" },
        "streams": STREAMS,
        "lines_per_s_each": LINES_PER_S,
        "seconds": clock,
        "cpu_percent_of_a_core": 100.0 * used / clock,
        "resident_mb_early": early / 1024.0,
        "resident_mb_late": late / 1024.0,
    })
}

/// The dashboard in a pseudo-terminal of 200 x 60.
fn dashboard(folder: &Path) -> Child {
    let size = nix::pty::Winsize { ws_row: 60, ws_col: 200, ws_xpixel: 0, ws_ypixel: 0 };
    let pair = nix::pty::openpty(&size, None).expect("a pseudo-terminal");
    let end = || Stdio::from(pair.slave.try_clone().expect("a descriptor"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_foreshock"));
    command.arg("watch").arg(folder).env("TERM", "xterm-256color");
    let child = command.stdin(end()).stdout(end()).stderr(end()).spawn().expect("the program runs");
    read_all(File::from(pair.master));
    child
}

/// The server with one page's event stream open.
fn server(folder: &Path) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_foreshock"));
    command.arg("serve").arg(folder).args(["--bind", "127.0.0.1:0"]).stdout(Stdio::piped());
    let mut child = command.spawn().expect("the program runs");
    let mut said = [0; 200];
    let count = child.stdout.as_mut().expect("piped").read(&mut said).expect("it says where");
    let said = String::from_utf8_lossy(&said[..count]).into_owned();
    let address = said.trim_start_matches("http://").split('/').next().unwrap_or_default();
    let mut page = std::net::TcpStream::connect(address).expect("it listens");
    write!(page, "GET /api/events/3 HTTP/1.1\r\nHost: {address}\r\n\r\n").expect("open");
    read_all(page);
    child
}

fn read_all(mut from: impl Read + Send + 'static) {
    std::thread::spawn(move || {
        let mut block = [0; 1 << 16];
        while matches!(from.read(&mut block), Ok(1..)) {}
    });
}

/// User and system time so far, seconds (proc(5): fields 14 and 15, in ticks of 1/100 s).
fn cpu_s(child: &Child) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).expect("alive");
    let fields: Vec<&str> = text.rsplit(") ").next().expect("a state").split(' ').collect();
    let ticks = |at: usize| fields[at].parse::<f64>().expect("a number");
    (ticks(11) + ticks(12)) / 100.0
}

fn resident_kb(child: &Child) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{}/status", child.id())).expect("alive");
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("resident memory");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}
