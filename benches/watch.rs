//! What watching costs: 100 streams that are written at 10 lines a second each, followed by the
//! dashboard and by the web server with one page open; then, once per length, 100 streams that are
//! there already, up to 16 times as long; then one stream of 2 GB. `make bench-watch` runs it and
//! writes `target/bench/watch.json`; 2 GB of disk are needed for a while.
//!
//! CPU is the process's own user and system time over the clock's; memory is its resident set, here
//! after each fifth of the time, there when all was read.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Read, Write};
use std::net::TcpStream;
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
/// Samples of the streams that are there already. At 512 a history is full for the first time.
const LENGTHS: [u64; 4] = [600, 1200, 4800, 9600];
/// Longest wait for reading them.
const PATIENCE: Duration = Duration::from_secs(600);
/// Bytes of the one long stream.
const HUGE: u64 = 2_000_000_000;

fn main() {
    if std::env::args().any(|a| a == "--test") {
        return;
    }
    let seconds = std::env::var("BENCH_WATCH_SECONDS").ok().and_then(|s| s.parse().ok()).unwrap_or(60_u64);
    let programs = ["watch", "serve"];
    let live: Vec<serde_json::Value> = programs.iter().map(|what| measure(what, seconds)).collect();
    let lengths: Vec<serde_json::Value> =
        LENGTHS.iter().flat_map(|&samples| programs.map(|what| whole(what, samples))).collect();
    let target =
        Path::new(env!("CARGO_BIN_EXE_foreshock")).ancestors().nth(2).expect("target/profile/program");
    let folder = target.join("bench");
    std::fs::create_dir_all(&folder).expect("a folder");
    let report = serde_json::json!({"live": live, "whole": lengths, "huge": huge(&folder)});
    let text = serde_json::to_string_pretty(&report).expect("plain data");
    println!("{text}");
    std::fs::write(folder.join("watch.json"), text + "\n").expect("writable");
}

/// A program that watches; ended when dropped.
struct Program {
    child: Child,
    /// Of the web server.
    address: String,
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself, which the next look at it says better than we.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
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
    let program = if what == "watch" { dashboard(folder.path()) } else { server(folder.path()) };
    // Until what was there is read.
    let mut last = 0.0;
    for _ in 0..60 {
        writers.write(Instant::now() + Duration::from_secs(1));
        let now = cpu_s(&program);
        if now > 0.0 && now - last < 0.3 {
            break;
        }
        last = now;
    }
    let (start, before) = (Instant::now(), cpu_s(&program));
    let mut resident = Vec::new();
    for fifth in 1..=5 {
        writers.write(start + Duration::from_secs(seconds) * fifth / 5);
        resident.push(resident_mb(&program));
    }
    let (used, clock) = (cpu_s(&program) - before, start.elapsed().as_secs_f64());
    serde_json::json!({
        "program": what,
        "profile": if cfg!(debug_assertions) { "dev" } else { "release" },
        "streams": STREAMS,
        "lines_per_s_each": LINES_PER_S,
        "seconds": clock,
        "cpu_percent_of_a_core": 100.0 * used / clock,
        "resident_mb": resident,
    })
}

/// Memory of a program that has read streams of `samples` samples: one file under 100 names.
fn whole(what: &str, samples: u64) -> serde_json::Value {
    let folder = tempfile::tempdir().expect("a directory");
    let text = streams::run(samples, u64::MAX);
    let path = |k: usize| folder.path().join(format!("run{k:03}.jsonl"));
    std::fs::write(path(0), &text).expect("writable");
    (1..STREAMS).for_each(|k| std::fs::hard_link(path(0), path(k)).expect("a link"));
    let program = if what == "watch" { dashboard(folder.path()) } else { server(folder.path()) };
    let start = Instant::now();
    while read_bytes(&program) < (STREAMS * text.len()) as u64 {
        assert!(start.elapsed() < PATIENCE, "{what} is slow: {} bytes", read_bytes(&program));
        std::thread::sleep(Duration::from_millis(100));
    }
    // What was read last is yet to be shown, and the page to be told.
    std::thread::sleep(Duration::from_secs(5));
    let (resident, most) = (resident_mb(&program), status_mb(&program, "VmHWM:"));
    serde_json::json!({
        "program": what,
        "streams": STREAMS,
        "samples_each": samples,
        "mb_each": text.len() as f64 / 1e6,
        "resident_mb": resident,
        "resident_mb_most": most,
    })
}

/// The web server on one stream of 2 GB: how long it reads, how long its answers take meanwhile, and its
/// memory at each quarter.
fn huge(target: &Path) -> serde_json::Value {
    let folder = tempfile::tempdir_in(target).expect("a directory");
    let path = folder.path().join("huge.jsonl");
    let mut file = BufWriter::new(File::create(&path).expect("writable"));
    file.write_all(&streams::run(0, u64::MAX)).expect("disk space");
    let mut size = 0;
    for frame in 0.. {
        let text = streams::bytes(&streams::sample(frame, u64::MAX));
        file.write_all(&text).expect("disk space");
        size += text.len() as u64;
        if size >= HUGE {
            break;
        }
    }
    file.into_inner().expect("disk space");
    let program = server(folder.path());
    let start = Instant::now();
    let (mut resident, mut slowest) = (Vec::new(), 0.0_f64);
    while resident.len() < 4 {
        assert!(start.elapsed() < PATIENCE, "slow: {} bytes", read_bytes(&program));
        let asked = Instant::now();
        let answer = ask(&program.address, "/api/runs/0");
        slowest = slowest.max(asked.elapsed().as_secs_f64());
        assert!(
            answer.starts_with("HTTP/1.1 200") || start.elapsed() < Duration::from_secs(2),
            "{answer:.200}"
        );
        if read_bytes(&program) >= size * (resident.len() as u64 + 1) / 4 {
            resident.push(resident_mb(&program));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    serde_json::json!({
        "program": "serve",
        "mb": size as f64 / 1e6,
        "seconds": start.elapsed().as_secs_f64(),
        "slowest_answer_s": slowest,
        "resident_mb": resident,
    })
}

/// The dashboard in a pseudo-terminal of 200 x 60.
fn dashboard(folder: &Path) -> Program {
    let size = nix::pty::Winsize { ws_row: 60, ws_col: 200, ws_xpixel: 0, ws_ypixel: 0 };
    let pair = nix::pty::openpty(&size, None).expect("a pseudo-terminal");
    let end = || Stdio::from(pair.slave.try_clone().expect("a descriptor"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_foreshock"));
    command.arg("watch").arg(folder).env("TERM", "xterm-256color");
    let child = command.stdin(end()).stdout(end()).stderr(end()).spawn().expect("the program runs");
    read_all(File::from(pair.master));
    Program { child, address: String::new() }
}

/// The server with one page's event stream open.
fn server(folder: &Path) -> Program {
    let mut command = Command::new(env!("CARGO_BIN_EXE_foreshock"));
    command.arg("serve").arg(folder).args(["--bind", "127.0.0.1:0"]).stdout(Stdio::piped());
    let mut child = command.spawn().expect("the program runs");
    let mut said = [0; 200];
    let count = child.stdout.as_mut().expect("piped").read(&mut said).expect("it says where");
    let said = String::from_utf8_lossy(&said[..count]).into_owned();
    let address = said.trim_start_matches("http://").split('/').next().unwrap_or_default().to_owned();
    let mut page = TcpStream::connect(&address).expect("it listens");
    write!(page, "GET /api/events/0 HTTP/1.1\r\nHost: {address}\r\n\r\n").expect("open");
    read_all(page);
    Program { child, address }
}

fn ask(address: &str, path: &str) -> String {
    let mut page = TcpStream::connect(address).expect("it listens");
    write!(page, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").expect("open");
    let mut answer = String::new();
    page.read_to_string(&mut answer).expect("an answer");
    answer
}

fn read_all(mut from: impl Read + Send + 'static) {
    std::thread::spawn(move || {
        let mut block = [0; 1 << 16];
        while matches!(from.read(&mut block), Ok(1..)) {}
    });
}

/// User and system time so far, seconds (proc(5): fields 14 and 15, in ticks of 1/100 s).
fn cpu_s(program: &Program) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{}/stat", program.child.id())).expect("alive");
    let fields: Vec<&str> = text.rsplit(") ").next().expect("a state").split(' ').collect();
    let ticks = |at: usize| fields[at].parse::<f64>().expect("a number");
    (ticks(11) + ticks(12)) / 100.0
}

/// Bytes that the program has read from anything, proc(5).
fn read_bytes(program: &Program) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{}/io", program.child.id())).expect("alive");
    let line = text.lines().find_map(|line| line.strip_prefix("rchar: ")).expect("bytes read");
    line.parse().expect("a number")
}

fn resident_mb(program: &Program) -> f64 {
    status_mb(program, "VmRSS:")
}

fn status_mb(program: &Program, key: &str) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{}/status", program.child.id())).expect("alive");
    let line = text.lines().find_map(|line| line.strip_prefix(key)).expect("resident memory");
    line.trim().trim_end_matches(" kB").parse::<f64>().expect("a number") / 1024.0
}
