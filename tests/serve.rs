//! `foreshock serve` over real sockets: what it hands out, to whom, and that nothing stalls it.
#![cfg(feature = "watch")]

mod streams;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use foreshock::serve::{Server, Token};
use foreshock::watch::Fleet;
use serde_json::Value;

/// Generous: the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(60);
const TOKEN: &str = "correct-horse-battery";

struct Running {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<foreshock::Result<()>>>,
}

impl Running {
    fn start(paths: &[PathBuf], token: Option<&str>) -> Self {
        let token = token.map(|text| Token::new(text).expect("long enough"));
        let server = Server::bind("127.0.0.1:0".parse().expect("an address"), token).expect("a free port");
        let address = server.address().expect("bound");
        let fleet = Fleet::new(paths).expect("streams");
        let stop = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&stop);
        let thread = Some(std::thread::spawn(move || server.run(fleet, flag)));
        Self { address, stop, thread }
    }

    fn connect(&self, request: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        stream.write_all(request.as_bytes()).expect("open");
        stream
    }

    /// Head and body of the answer.
    fn ask(&self, method: &str, path: &str, headers: &str, body: &str) -> (String, String) {
        let host =
            if headers.contains("Host:") { String::new() } else { format!("Host: {}\r\n", self.address) };
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\n{host}{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        );
        let mut answer = Vec::new();
        self.connect(&request).read_to_end(&mut answer).expect("an answer");
        let answer = String::from_utf8(answer).expect("UTF-8");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        (head.to_lowercase(), body.to_owned())
    }

    fn get(&self, path: &str) -> (String, String) {
        self.ask("GET", path, "", "")
    }

    /// The list of runs, once `ready` likes it.
    fn runs(&self, ready: impl Fn(&Value) -> bool) -> Value {
        let start = Instant::now();
        loop {
            let body = self.get("/api/runs").1;
            let value: Value = serde_json::from_str(&body).unwrap_or_default();
            if ready(&value) {
                return value;
            }
            assert!(start.elapsed() < PATIENCE, "{body}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let result = self.thread.take().expect("once").join();
        if !std::thread::panicking() {
            result.expect("no panic").expect("served to the end");
        }
    }
}

fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::write(dir.path().join("bad.jsonl"), streams::run(150, 110)).expect("writable");
    std::fs::write(dir.path().join("calm.jsonl"), streams::run(120, 1000)).expect("writable");
    std::fs::write(dir.path().join("secret.txt"), "classified").expect("writable");
    dir
}

fn append(path: &Path, bytes: &[u8]) {
    let file = std::fs::OpenOptions::new().append(true).create(true).open(path);
    file.and_then(|mut file| file.write_all(bytes)).expect("writable");
}

#[test]
fn runs_are_listed_by_risk_and_asked_for_by_number_only() {
    let dir = folder();
    let server = Running::start(&[dir.path().to_owned()], None);
    let list = server.runs(|list| list["runs"][0]["frame"] == 149 && list["runs"][1]["frame"] == 119);
    assert_eq!(list["runs"][0]["name"], "bad.jsonl");
    assert_eq!(list["runs"][0]["state"], "alarm");
    assert_eq!(list["runs"][1]["state"], "stable");
    let (head, body) = server.get("/api/runs/0");
    assert!(head.starts_with("http/1.1 200"), "{head}");
    let run: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(run["run"]["recent_alarms"][0]["atoms"], serde_json::json!([17, 402]));
    assert_eq!(run["run"]["recent_alarms"][0]["top"][0]["descriptor"], "slip");
    assert_eq!(run["history"][1]["points"]["time_ps"].as_array().map(Vec::len), Some(150));
    for path in [
        "/api/runs/7",
        "/api/runs/-1",
        "/api/runs/bad.jsonl",
        "/api/runs/..%2fsecret.txt",
        "/../secret.txt",
        "/secret.txt",
        "/bad.jsonl",
        "//etc/passwd",
        "/api/runs/99999999999999999999999999",
    ] {
        let (head, body) = server.get(path);
        assert!(head.starts_with("http/1.1 40"), "{path}: {head}");
        assert!(!body.contains("classified") && !body.contains("header"), "{path}: {body}");
    }
    for method in ["POST", "PUT", "DELETE", "PATCH"] {
        assert!(server.ask(method, "/api/runs/0", "", "").0.starts_with("http/1.1 405"), "{method}");
    }
}

#[test]
fn every_answer_forbids_scripts_from_elsewhere() {
    let dir = folder();
    let server = Running::start(&[dir.path().to_owned()], None);
    for path in ["/", "/app.js", "/chart.js", "/uplot.js", "/style.css", "/metrics", "/api/runs", "/nothing"]
    {
        let (head, body) = server.get(path);
        assert!(
            head.contains("content-security-policy: default-src 'none'; script-src 'self'"),
            "{path}: {head}"
        );
        assert!(head.contains("x-content-type-options: nosniff"), "{path}");
        let elsewhere =
            body.contains("src=\"http") || body.contains("href=\"http") || body.contains("url(http");
        assert!(!elsewhere, "{path} loads from elsewhere");
    }
    let own = ["/app.js", "/chart.js"].map(|path| server.get(path).1);
    for sink in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("] {
        assert!(own.iter().all(|script| !script.contains(sink)), "{sink}");
    }
}

#[test]
fn events_bring_the_list_the_run_and_then_only_what_is_new() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("live.jsonl");
    std::fs::write(&path, streams::run(100, 100)).expect("writable");
    let server = Running::start(std::slice::from_ref(&path), None);
    server.runs(|list| list["runs"][0]["frame"] == 99);
    let request = format!("GET /api/events/0 HTTP/1.1\r\nHost: {}\r\n\r\n", server.address);
    let mut lines = BufReader::new(server.connect(&request)).lines();
    let mut next = |kind: &str| -> Value {
        let wanted = format!("event: {kind}");
        lines.by_ref().map_while(Result::ok).find(|line| *line == wanted).expect("it comes");
        let data = lines.next().expect("data").expect("open");
        serde_json::from_str(data.strip_prefix("data: ").expect("data")).expect("JSON")
    };
    assert_eq!(next("runs")["runs"][0]["name"].as_str().map(|name| name.ends_with("live.jsonl")), Some(true));
    let first = next("run");
    assert_eq!(first["history"][0]["from"], 0);
    for frame in 100..140 {
        append(&path, &streams::bytes(&streams::sample(frame, 100)));
    }
    let alarmed = (0..60).map(|_| next("run")).find(|news| news["run"]["alarms"] == 1).expect("the alarm");
    assert!(alarmed["history"][0]["from"].as_u64() >= Some(99), "{}", alarmed["history"][0]["from"]);
}

#[test]
fn pages_of_other_hosts_get_nothing_through_the_visitor_s_browser() {
    let dir = folder();
    let server = Running::start(&[dir.path().to_owned()], None);
    let (head, body) = server.ask("GET", "/api/runs", "Host: evil.example\r\n", "");
    assert!(head.starts_with("http/1.1 403"), "{head}");
    assert!(!body.contains("bad.jsonl"));
    assert!(!head.contains("access-control-allow-origin"));
}

#[test]
fn a_token_is_asked_for_and_kept_in_a_cookie() {
    let dir = folder();
    let server = Running::start(&[dir.path().to_owned()], Some(TOKEN));
    let (head, body) = server.get("/");
    assert!(head.starts_with("http/1.1 401") && body.contains("name=\"token\""), "{head}");
    for path in ["/api/runs", "/api/runs/0", "/api/events", "/metrics", "/app.js"] {
        assert!(server.get(path).0.starts_with("http/1.1 401"), "{path}");
    }
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    assert!(server.ask("POST", "/login", form, "token=wrong-horse-battery-x").0.starts_with("http/1.1 401"));
    let (head, _) = server.ask("POST", "/login", form, &format!("token={TOKEN}"));
    assert!(head.starts_with("http/1.1 303") && head.contains("httponly; samesite=strict"), "{head}");
    let cookie = head.lines().find_map(|line| line.strip_prefix("set-cookie: ")).expect("a cookie");
    assert!(!cookie.contains(TOKEN));
    let pair = cookie.split(';').next().expect("a pair");
    let (head, _) = server.ask("GET", "/", &format!("Cookie: {pair}\r\n"), "");
    assert!(head.starts_with("http/1.1 200"), "{head}");
    let bearer = format!("Authorization: Bearer {TOKEN}\r\nHost: any.name\r\n");
    let (head, body) = server.ask("GET", "/metrics", &bearer, "");
    assert!(head.starts_with("http/1.1 200") && body.contains("foreshock_up"), "{head}");
}

#[test]
fn other_addresses_need_a_token() {
    let message =
        Server::bind("0.0.0.0:0".parse().expect("an address"), None).expect_err("refused").to_string();
    assert_eq!(
        message,
        "--bind = '0.0.0.0:0': expected a loopback address, or a token as well (--token-file)"
    );
}

#[test]
fn metrics_are_what_prometheus_reads() {
    let dir = folder();
    let server = Running::start(&[dir.path().to_owned()], None);
    server.runs(|list| list["runs"][0]["state"] == "alarm");
    let (head, body) = server.get("/metrics");
    assert!(head.contains("content-type: text/plain; version=0.0.4"), "{head}");
    assert!(body.contains("foreshock_alarm{run=\"0\",name=\"bad.jsonl\",interface=\"2\"} 1\n"), "{body}");
    assert!(
        body.contains("foreshock_warning_probability{run=\"0\",name=\"bad.jsonl\",interface=\"1\"} NaN\n")
    );
    for line in body.lines().filter(|line| !line.starts_with('#')) {
        let (series, value) = line.rsplit_once(' ').expect("a value");
        assert!(series.starts_with("foreshock_") && series.ends_with('}'), "{line}");
        assert!(value == "NaN" || value.parse::<f64>().is_ok(), "{line}");
    }
}

#[test]
fn hostile_and_huge_streams_stall_nobody() {
    let dir = folder();
    let hostile = dir.path().join("\"><script>alert(1)<script>.jsonl");
    let evil = "<img src=x onerror=alert(1)>\u{1b}[31m";
    std::fs::write(&hostile, streams::bytes(&[streams::header([evil, "</script>"])])).expect("writable");
    append(&hostile, "{\"type\":\"sample\",\"frame\":18446744073709551615}\n".repeat(200_000).as_bytes());
    append(&hostile, &vec![b'['; 5 << 20]);
    // Sparse: nothing but holes, and no line ever ends.
    let huge = std::fs::File::create(dir.path().join("huge.jsonl")).expect("writable");
    huge.set_len(2 << 30).expect("a sparse file");
    let server = Running::start(&[dir.path().to_owned()], None);
    let start = Instant::now();
    let mut slowest = Duration::ZERO;
    while start.elapsed() < Duration::from_secs(3) {
        let asked = Instant::now();
        assert!(server.get("/api/runs").0.starts_with("http/1.1 200"));
        slowest = slowest.max(asked.elapsed());
    }
    assert!(slowest < Duration::from_secs(2), "an answer took {slowest:?}");
    let list = server.runs(|list| {
        list["runs"][0]["state"] == "alarm" && list["runs"].as_array().is_some_and(|l| l.len() == 4)
    });
    assert!(!list.to_string().contains('\u{1b}'), "control characters are gone");
}
