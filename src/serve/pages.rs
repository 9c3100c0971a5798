//! The routes.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Form, Path, Request, State};
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use futures_util::stream::{Stream, unfold};
use tokio::sync::watch::Receiver;

use super::access::{Token, is_local};
use super::publish::{Had, Page, Published};

/// Most event streams at a time: each open page has one.
const STREAMS: usize = 64;
/// Wait after a wrong token.
const WRONG: Duration = Duration::from_millis(500);

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const JSON: &str = "application/json";

/// Sent with every answer: nothing from elsewhere, no inline script, no framing, nothing kept.
const HEADERS: [(HeaderName, &str); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
         form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

#[derive(Clone)]
struct Shared {
    published: Receiver<Arc<Published>>,
    token: Option<Token>,
    streams: Arc<AtomicUsize>,
}

/// All routes over what is published.
pub fn router(published: Receiver<Arc<Published>>, token: Option<Token>) -> Router {
    let shared = Shared { published, token, streams: Arc::default() };
    Router::new()
        .route("/", get(|| file(HTML, include_str!("assets/index.html"))))
        .route("/app.js", get(|| file(SCRIPT, include_str!("assets/app.js"))))
        .route("/chart.js", get(|| file(SCRIPT, include_str!("assets/chart.js"))))
        .route("/style.css", get(|| file(STYLE, include_str!("assets/style.css"))))
        .route("/uplot.js", get(|| file(SCRIPT, include_str!("assets/uplot.js"))))
        .route("/uplot.css", get(|| file(STYLE, include_str!("assets/uplot.css"))))
        .route("/favicon.svg", get(|| file("image/svg+xml", include_str!("assets/favicon.svg"))))
        .route("/login", post(login))
        .route("/api/runs", get(runs))
        .route("/api/runs/{number}", get(run))
        .route("/api/events", get(|state: State<Shared>| events(state, None)))
        .route(
            "/api/events/{number}",
            get(|state: State<Shared>, Path(number): Path<usize>| events(state, Some(number))),
        )
        .route("/metrics", get(metrics))
        .layer(middleware::from_fn_with_state(shared.clone(), guard))
        .with_state(shared)
}

async fn file(kind: &'static str, text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}

/// Lets in who may come in and adds the headers.
async fn guard(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let free = matches!(path, "/login" | "/style.css" | "/favicon.svg");
    let mut response = match &shared.token {
        None if !is_local(request.headers()) => {
            (StatusCode::FORBIDDEN, "this address is not known by that name").into_response()
        }
        Some(token) if !free && !token.admits(request.headers()) => {
            if request.method() == Method::GET && path == "/" {
                let page = include_str!("assets/login.html");
                (StatusCode::UNAUTHORIZED, [(header::CONTENT_TYPE, HTML)], page).into_response()
            } else {
                (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Bearer")], "token needed")
                    .into_response()
            }
        }
        _ => next.run(request).await,
    };
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

#[derive(serde::Deserialize)]
struct Login {
    token: String,
}

async fn login(State(shared): State<Shared>, Form(login): Form<Login>) -> Response {
    match &shared.token {
        Some(token) if token.is(&login.token) => {
            let headers = [(header::SET_COOKIE, token.cookie()), (header::LOCATION, "/".to_owned())];
            (StatusCode::SEE_OTHER, headers).into_response()
        }
        Some(_) => {
            tokio::time::sleep(WRONG).await;
            let page = include_str!("assets/login.html");
            (StatusCode::UNAUTHORIZED, [(header::CONTENT_TYPE, HTML)], page).into_response()
        }
        None => (StatusCode::SEE_OTHER, [(header::LOCATION, "/")]).into_response(),
    }
}

async fn runs(State(shared): State<Shared>) -> Response {
    let list = shared.published.borrow().list.clone();
    ([(header::CONTENT_TYPE, JSON)], list).into_response()
}

async fn run(State(shared): State<Shared>, Path(number): Path<usize>) -> Response {
    let page = shared.published.borrow().runs.get(&number).cloned();
    match page {
        Some(page) => ([(header::CONTENT_TYPE, JSON)], page.news(&mut Had::new())).into_response(),
        None => (StatusCode::NOT_FOUND, "no such run").into_response(),
    }
}

async fn metrics(State(shared): State<Shared>) -> Response {
    let text = shared.published.borrow().metrics.clone();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

/// Counts an event stream while it lasts.
struct Seat(Arc<AtomicUsize>);

impl Seat {
    fn take(seats: &Arc<AtomicUsize>) -> Option<Self> {
        let seat = Self(Arc::clone(seats));
        (seats.fetch_add(1, Ordering::Relaxed) < STREAMS).then_some(seat)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn events(State(shared): State<Shared>, number: Option<usize>) -> Response {
    match Seat::take(&shared.streams) {
        Some(seat) => {
            let keep = KeepAlive::new().interval(Duration::from_secs(15));
            Sse::new(news(shared.published, number, seat)).keep_alive(keep).into_response()
        }
        None => {
            let text = Body::from("too many pages are open");
            (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "30")], text).into_response()
        }
    }
}

/// What an event stream has said.
struct Told {
    published: Receiver<Arc<Published>>,
    had: Had,
    page: Option<Arc<Page>>,
    waiting: Option<Event>,
    _seat: Seat,
}

/// The list of runs at every publication and, for a run, its news. Who reads slowly misses
/// publications in between; nothing is kept for them.
fn news(
    mut published: Receiver<Arc<Published>>,
    number: Option<usize>,
    seat: Seat,
) -> impl Stream<Item = Result<Event, Infallible>> {
    published.mark_changed();
    let told = Told { published, had: Had::new(), page: None, waiting: None, _seat: seat };
    unfold(told, move |mut told| async move {
        if let Some(event) = told.waiting.take() {
            return Some((Ok(event), told));
        }
        told.published.changed().await.ok()?;
        let now = Arc::clone(&told.published.borrow_and_update());
        if let Some(number) = number {
            let page = now.runs.get(&number);
            let same = matches!((page, &told.page), (Some(new), Some(old)) if Arc::ptr_eq(new, old));
            if !same {
                let data = page.map_or_else(|| "{}".to_owned(), |page| page.news(&mut told.had));
                told.waiting = Some(Event::default().event("run").data(data));
                told.page = page.cloned();
            }
        }
        Some((Ok(Event::default().event("runs").data(&now.list)), told))
    })
}
