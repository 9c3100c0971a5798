//! `foreshock watch` as it is used: lines for logs, JSON for scripts, and the dashboard in a real
//! pseudo-terminal while another thread writes the stream.
#![cfg(feature = "watch")]

mod streams;

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use foreshock::stream::Line;

const EXE: &str = env!("CARGO_BIN_EXE_foreshock");

fn watch(args: &[&str]) -> Output {
    Command::new(EXE).arg("watch").args(args).output().expect("the program runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

fn append(path: &Path, bytes: &[u8]) {
    let file = OpenOptions::new().append(true).create(true).open(path);
    file.and_then(|mut file| file.write_all(bytes)).expect("writable");
}

#[test]
fn once_prints_what_is_there_and_the_alarm_is_the_exit_code() {
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::write(dir.path().join("calm.jsonl"), streams::run(120, 1000)).expect("writable");
    std::fs::write(dir.path().join("bad.jsonl"), streams::run(150, 110)).expect("writable");
    std::fs::create_dir(dir.path().join("sub")).expect("a directory");
    std::fs::write(dir.path().join("sub/alien.jsonl"), "{\"a\":1}\n").expect("writable");
    let folder = dir.path().to_str().expect("UTF-8");
    let output = watch(&["--once", folder]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stdout);
    let alarm = said.lines().find(|line| line.contains("ALARM")).expect("the alarm");
    assert!(alarm.starts_with("bad.jsonl: ALARM: interface 2 at step 7500"), "{alarm}");
    assert!(alarm.ends_with("; atoms 17 402"), "{alarm}");
    assert!(
        said.contains("bad.jsonl: running, step 8450, 14.900 ps, oxide → silicate: alarm, index"),
        "{said}"
    );
    assert!(said.contains("calm.jsonl: running, step 6950, 11.900 ps"), "{said}");
    assert!(said.contains("sub/alien.jsonl: unusable: line 1 is not a stream's header"), "{said}");
    let calm = dir.path().join("calm.jsonl");
    assert_eq!(watch(&["--once", calm.to_str().expect("UTF-8")]).status.code(), Some(0));
}

#[test]
fn json_is_one_object_per_line_with_null_for_undefined() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("bad.jsonl");
    std::fs::write(&path, streams::run(150, 110)).expect("writable");
    append(&path, b"not json\n{\"type\":\"sample\"");
    let output = watch(&["--once", "--json", path.to_str().expect("UTF-8")]);
    let lines: Vec<serde_json::Value> =
        text(&output.stdout).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["alarm"]["atoms"], serde_json::json!([17, 402]));
    assert_eq!(lines[1]["state"], "alarm");
    assert_eq!(lines[1]["p_warning"], serde_json::Value::Null);
    assert_eq!((&lines[1]["damaged"], &lines[1]["steps_left"]), (&1.into(), &12_550.into()));
}

#[test]
fn neither_there_nor_a_stream_s_name_is_refused() {
    let output = watch(&["--once", "nowhere.txt"]);
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output.stderr);
    assert!(
        said.contains("FILE = 'nowhere.txt': expected a folder, a file, or the name of a stream"),
        "{said}"
    );
}

#[test]
fn plain_lines_follow_a_stream_that_starts_later() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("later.jsonl");
    let mut child = Command::new(EXE)
        .args(["watch", "--plain", "--interval", "0.2"])
        .arg(&path)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program runs");
    let said = collect(child.stdout.take().expect("piped"));
    wait(&said, "later.jsonl: waiting");
    append(&path, &streams::bytes(&[streams::header(["A", "B"]), Line::Run { step: 1000, steps: 20_000 }]));
    wait(&said, "later.jsonl: running");
    for frame in 0..140 {
        append(&path, &streams::bytes(&streams::sample(frame, 100)));
    }
    wait(&said, "later.jsonl: ALARM: interface 2");
    append(
        &path,
        &streams::bytes(&[Line::Halt { frame: 140, step: 8000, mode: "soft".into(), reason: "r".into() }]),
    );
    wait(&said, "later.jsonl: halted");
    end(&mut child);
}

/// Everything that is written to `from`, as it comes.
fn collect(mut from: impl Read + Send + 'static) -> Arc<Mutex<Vec<u8>>> {
    let said = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&said);
    std::thread::spawn(move || {
        let mut block = [0; 4096];
        while let Ok(count @ 1..) = from.read(&mut block) {
            kept.lock().expect("no panic").extend_from_slice(&block[..count]);
        }
    });
    said
}

/// Generous: the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(60);

fn wait(said: &Mutex<Vec<u8>>, words: &str) {
    let start = Instant::now();
    loop {
        let now = String::from_utf8_lossy(&said.lock().expect("no panic")).into_owned();
        if now.lines().any(|line| line.contains(words)) {
            return;
        }
        assert!(start.elapsed() < PATIENCE, "'{words}' did not come; said: {now}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn end(child: &mut Child) {
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).expect("a process id"));
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).expect("alive");
    let status = child.wait().expect("it ends");
    assert_eq!(status.code(), Some(1), "an alarm was seen");
}

/// The dashboard in a terminal of its own.
struct Screen {
    child: Child,
    keys: File,
    said: Arc<Mutex<Vec<u8>>>,
    size: (u16, u16),
}

impl Screen {
    fn open(path: &Path, size: (u16, u16), colours: bool) -> Self {
        let window = nix::pty::Winsize { ws_row: size.1, ws_col: size.0, ws_xpixel: 0, ws_ypixel: 0 };
        let pair = nix::pty::openpty(&window, None).expect("a pseudo-terminal");
        let end = || Stdio::from(pair.slave.try_clone().expect("a descriptor"));
        // A session of its own, so that /dev/tty is this terminal and not that of the tests.
        let mut command = Command::new("setsid");
        command.args(["--ctty", "--wait", EXE, "watch"]).arg(path);
        command.env("TERM", "xterm-256color").env_remove("NO_COLOR");
        if !colours {
            command.env("NO_COLOR", "1");
        }
        let child = command.stdin(end()).stdout(end()).stderr(end()).spawn().expect("the program runs");
        drop(command);
        let keys = File::from(pair.master);
        let said = collect(keys.try_clone().expect("a descriptor"));
        Self { child, keys, said, size }
    }

    fn parsed(&self) -> vt100::Parser {
        let mut parser = vt100::Parser::new(self.size.1, self.size.0, 0);
        parser.process(&self.said.lock().expect("no panic"));
        parser
    }

    fn wait(&self, words: &str) -> String {
        let start = Instant::now();
        loop {
            let shown = self.parsed().screen().contents();
            if shown.contains(words) {
                return shown;
            }
            assert!(start.elapsed() < PATIENCE, "'{words}' did not come; shown:\n{shown}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).expect("open");
    }
}

#[test]
fn the_dashboard_follows_a_stream_that_another_thread_writes() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("live.jsonl");
    let mut screen = Screen::open(&path, (80, 24), false);
    screen.wait("no header yet");
    let writer = {
        let path = path.clone();
        std::thread::spawn(move || {
            append(
                &path,
                &streams::bytes(&[streams::header(["A", "B"]), Line::Run { step: 1000, steps: 20_000 }]),
            );
            for frame in 0..140 {
                append(&path, &streams::bytes(&streams::sample(frame, 100)));
                std::thread::sleep(Duration::from_millis(15));
            }
        })
    };
    screen.wait("LEARNING");
    let shown = screen.wait("ALARM");
    assert!(shown.contains("frames/s") && shown.contains("steps left"), "{shown}");
    writer.join().expect("written");
    let shown = screen.wait("alarms: 1");
    assert!(shown.lines().count() <= 24 && shown.contains("instability index"), "{shown}");
    let parser = screen.parsed();
    for row in 0..24 {
        for column in 0..80 {
            let cell = parser.screen().cell(row, column).expect("on the screen");
            assert_eq!(cell.fgcolor(), vt100::Color::Default, "a colour in spite of NO_COLOR");
        }
    }
    // Cut and written anew: the run starts again.
    std::fs::write(&path, streams::run(30, 1000)).expect("writable");
    let shown = screen.wait("alarms: 0");
    assert!(shown.contains("LEARNING"), "{shown}");
    screen.press("?");
    screen.wait("any key closes");
    screen.press("xq");
    let status = screen.child.wait().expect("it ends");
    assert_eq!(status.code(), Some(0), "of what is there now, nothing is an alarm");
}

#[test]
fn a_folder_of_runs_is_a_table_in_colour() {
    let dir = tempfile::tempdir().expect("a directory");
    for k in 0..30 {
        let fails = if k == 17 { 100 } else { 1000 };
        std::fs::write(dir.path().join(format!("run{k:02}.jsonl")), streams::run(130, fails))
            .expect("writable");
    }
    let mut screen = Screen::open(dir.path(), (200, 60), true);
    let shown = screen.wait("30 runs, 30 running | 1 with an alarm");
    let first = shown.lines().nth(2).expect("a row");
    assert!(first.starts_with("> run17.jsonl") && first.contains("alarm"), "{first}");
    let parser = screen.parsed();
    let coloured =
        (0..200).any(|c| parser.screen().cell(2, c).is_some_and(|x| x.fgcolor() != vt100::Color::Default));
    assert!(coloured);
    std::fs::write(dir.path().join("new.jsonl"), streams::run(10, 1000)).expect("writable");
    screen.wait("31 runs");
    screen.press("\r");
    screen.wait("driven by");
    screen.press("q");
    assert_eq!(screen.child.wait().expect("it ends").code(), Some(1));
}
