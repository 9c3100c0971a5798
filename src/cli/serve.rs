//! `foreshock serve`: runs at a glance in a browser.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use foreshock::serve::{Server, Token};
use foreshock::watch::Fleet;

/// Show runs on a local web page while they are being written.
///
/// The page works without a network, in light and dark, on a phone and with a keyboard. Only this
/// machine can open it, unless --bind names another address, which needs a token: use an ssh tunnel
/// (ssh -L 8077:127.0.0.1:8077 cluster) or give one. Nothing can be changed through it, and no file but
/// the streams is read. /metrics speaks to Prometheus, /api/runs to scripts.
#[derive(Debug, clap::Args)]
#[command(after_help = "The token comes from --token-file or from the variable FORESHOCK_TOKEN, not from \
                        the command line, where other users of the machine could read it.

Example:
  foreshock serve runs/
  head -c 24 /dev/urandom | base64 > token && foreshock serve runs/ --bind 0.0.0.0:8077 --token-file token")]
pub struct Args {
    /// Streams, or folders that hold some
    #[arg(required = true, value_name = "FILE|DIR")]
    paths: Vec<PathBuf>,
    /// Address and port; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value_t = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8077))]
    bind: SocketAddr,
    /// File whose text is the token that whoever opens the page must give
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

/// Runs the command until Ctrl-C.
///
/// # Errors
/// When a path is not usable, the address cannot be had, or a token is missing or weak.
pub fn run(args: Args) -> Result<ExitCode> {
    let token = match &args.token_file {
        Some(path) => {
            Some(std::fs::read_to_string(path).with_context(|| format!("--token-file {}", path.display()))?)
        }
        None => std::env::var("FORESHOCK_TOKEN").ok(),
    };
    let token = token.map(|text| Token::new(&text)).transpose()?;
    let fleet = Fleet::new(&args.paths)?;
    let server = Server::bind(args.bind, token)?;
    let stop = super::watch::stop_flag()?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "http://{}/ (Ctrl-C ends)", server.address()?)?;
    out.flush()?;
    drop(out);
    server.run(fleet, stop)?;
    Ok(ExitCode::SUCCESS)
}
