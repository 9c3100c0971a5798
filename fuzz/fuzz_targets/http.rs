//! Any method, path, header and body against the web server's routes, with and without a token. No
//! answer may be a server error, and without the token none may hold a run.
#![no_main]

use std::sync::{Arc, LazyLock};

use axum::body::Body;
use axum::http::{Request, StatusCode};
use foreshock::serve::{Published, Token, router};
use libfuzzer_sys::fuzz_target;
use tower::ServiceExt;

static RUNTIME: LazyLock<tokio::runtime::Runtime> = LazyLock::new(|| {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    // Waits after a wrong token pass at once.
    builder.enable_time().start_paused(true).build().expect("a runtime")
});

fuzz_target!(|data: &[u8]| {
    let mut parts = data.splitn(5, |&byte| byte == 0);
    let mut next = || parts.next().unwrap_or_default();
    let (how, path, name, value) = (next(), next(), next(), next());
    let body = next().to_vec();
    let first = how.first().copied().unwrap_or_default();
    let method = if first & 1 == 1 { "POST" } else { "GET" };
    let secured = first & 2 == 2;
    let request = Request::builder().method(method).uri(path).header("host", "localhost").header(name, value);
    let Ok(request) = request.body(Body::from(body)) else { return };
    let (_sender, published) = tokio::sync::watch::channel(Arc::new(Published::default()));
    let token = secured.then(|| Token::new("0123456789abcdef0123").expect("long enough"));
    let answer = RUNTIME.block_on(router(published, token).oneshot(request)).expect("infallible");
    assert!(!answer.status().is_server_error() || answer.status() == StatusCode::SERVICE_UNAVAILABLE);
});
