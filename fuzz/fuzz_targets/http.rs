//! Any method, path, headers and body against the web server's routes, with and without a token. No
//! answer may be a server error, and without the token none may tell of the run.
#![no_main]

use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{Request, StatusCode};
use foreshock::serve::{Published, Token, router};
use foreshock::stream::{Header, Line};
use foreshock::watch::Fleet;
use futures_util::StreamExt;
use libfuzzer_sys::fuzz_target;
use tower::ServiceExt;

const TOKEN: &str = "0123456789abcdef0123";
const SECRET: &str = "classified";
/// The fuzzer need not guess these letter by letter; what follows them is its own.
const PATHS: [&str; 8] =
    ["", "/", "/api/runs", "/api/runs/", "/api/events", "/api/events/", "/login", "/metrics"];
const METHODS: [&str; 4] = ["GET", "POST", "HEAD", "OPTIONS"];

static RUNTIME: LazyLock<tokio::runtime::Runtime> = LazyLock::new(|| {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    // Waits after a wrong token pass at once.
    builder.enable_time().start_paused(true).build().expect("a runtime")
});

/// One run, as the following thread publishes it.
static RUN: LazyLock<Arc<Published>> = LazyLock::new(|| {
    let file = tempfile::Builder::new().suffix(".jsonl").tempfile().expect("a file");
    let header = Header { groups: [SECRET.into(), "b".into()], ..Header::example() };
    std::fs::write(file.path(), Line::Header(Box::new(header)).to_bytes()).expect("writable");
    let mut fleet = Fleet::new(&[file.path().to_owned()]).expect("a stream");
    let now = Instant::now();
    fleet.look(now);
    let published = Published::of(&fleet, now, &Published::default());
    assert!(published.list.contains(SECRET));
    Arc::new(published)
});

fuzz_target!(|data: &[u8]| {
    let Some((&how, data)) = data.split_first() else { return };
    let how = usize::from(how);
    let mut parts = data.splitn(4, |&byte| byte == 0);
    let mut next = || parts.next().unwrap_or_default();
    let (path, name, value, body) = (next(), next(), next(), next().to_vec());
    let secured = how & 1 == 1;
    let path = [PATHS[how >> 1 & 7].as_bytes(), path].concat();
    let request = Request::builder().method(METHODS[how >> 4 & 3]).uri(path).header("host", "localhost");
    let request = match how >> 6 {
        0 => request,
        1 => request.header("authorization", format!("Bearer {TOKEN}")),
        2 => request.header("content-type", "application/x-www-form-urlencoded"),
        _ => request.header(name, value),
    };
    let Ok(request) = request.body(Body::from(body)) else { return };
    let (_sender, published) = tokio::sync::watch::channel(Arc::clone(&RUN));
    let token = secured.then(|| Token::new(TOKEN).expect("long enough"));
    let known = token.as_ref().is_none_or(|token| token.admits(request.headers()));
    RUNTIME.block_on(async {
        let answer = router(published, token).oneshot(request).await.expect("infallible");
        let status = answer.status();
        assert!(!status.is_server_error() || status == StatusCode::SERVICE_UNAVAILABLE, "{status}");
        for guarded in ["content-security-policy", "x-content-type-options"] {
            assert!(answer.headers().contains_key(guarded), "{guarded}");
        }
        // An event stream has no end.
        let mut body = answer.into_body().into_data_stream();
        let mut told = Vec::new();
        while let Ok(Some(Ok(bytes))) = tokio::time::timeout(Duration::from_millis(1), body.next()).await {
            told.extend_from_slice(&bytes);
        }
        let tells = told.windows(SECRET.len()).any(|part| part == SECRET.as_bytes());
        assert!(known || !tells, "{}", String::from_utf8_lossy(&told));
        assert!(status != StatusCode::UNAUTHORIZED || !tells);
    });
});
