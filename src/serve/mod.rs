//! The same as the dashboard as a local web page.
//!
//! Enters: a [`Fleet`] of followed streams. Leaves: HTTP answers. Read-only: runs are asked for by
//! number, never by path, and no request changes anything.
//!
//! # Threads and ordering
//! One thread named `foreshock-follow` owns the fleet, looks at it four times a second and publishes
//! finished texts at most once a second. The server's own thread only hands those out, so that a huge
//! or hostile stream delays no request and a slow browser delays no stream.
//!
//! # Shutdown
//! Raising the flag ends the following thread; the event streams end with it, then the server.

pub mod access;
mod metrics;
mod pages;
mod publish;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::watch;

pub use access::Token;
pub use pages::router;
pub use publish::Published;

use crate::error::{Error, Result};
use crate::watch::Fleet;

/// Time between two looks at the streams.
const LOOK: Duration = Duration::from_millis(250);
/// Time between two publications.
const PUBLISH: Duration = Duration::from_secs(1);

/// A server that listens.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    token: Option<Token>,
}

impl Server {
    /// Listens at `address` (port 0 takes a free one).
    ///
    /// # Errors
    /// [`Error::Input`] for an address beyond this machine without a token, or one that cannot be had.
    pub fn bind(address: SocketAddr, token: Option<Token>) -> Result<Self> {
        if !address.ip().is_loopback() && token.is_none() {
            return Err(Error::input(
                "--bind",
                address,
                "a loopback address, or a token as well (--token-file)",
            ));
        }
        let fail =
            |error: std::io::Error| Error::input("--bind", address, format!("an address to be had: {error}"));
        let listener = TcpListener::bind(address).map_err(fail)?;
        listener.set_nonblocking(true).map_err(fail)?;
        Ok(Self { listener, token })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// The system does not say.
    pub fn address(&self) -> Result<SocketAddr> {
        self.listener.local_addr().map_err(|error| Error::Limit(format!("listening socket: {error}")))
    }

    /// Serves until `stop` is raised.
    ///
    /// # Errors
    /// [`Error::Limit`] when the system gives no thread or the socket fails.
    pub fn run(self, fleet: Fleet, stop: Arc<AtomicBool>) -> Result<()> {
        let fail = |error: std::io::Error| Error::Limit(format!("web server: {error}"));
        let (publish, published) = watch::channel(Arc::new(Published::default()));
        let flag = Arc::clone(&stop);
        let thread = std::thread::Builder::new()
            .name("foreshock-follow".to_owned())
            .spawn(move || follow(fleet, &publish, &flag))
            .map_err(fail)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(fail)?;
        let app = router(published.clone(), self.token);
        let served = runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(self.listener)?;
            axum::serve(listener, app).with_graceful_shutdown(ended(published)).await
        });
        stop.store(true, Ordering::Relaxed);
        if thread.join().is_err() {
            return Err(Error::Limit("web server: the following thread panicked".to_owned()));
        }
        served.map_err(fail)
    }
}

/// Until nothing is published any more.
async fn ended(mut published: watch::Receiver<Arc<Published>>) {
    while published.changed().await.is_ok() {}
}

fn follow(mut fleet: Fleet, publish: &watch::Sender<Arc<Published>>, stop: &AtomicBool) {
    let mut last: Option<Instant> = None;
    while !stop.load(Ordering::Relaxed) {
        let now = Instant::now();
        fleet.look(now);
        if last.is_none_or(|at| now.saturating_duration_since(at) >= PUBLISH) {
            last = Some(now);
            let before = Arc::clone(&publish.borrow());
            publish.send_replace(Arc::new(Published::of(&fleet, now, &before)));
        }
        if fleet.caught_up(now) {
            std::thread::sleep(LOOK);
        }
    }
}
