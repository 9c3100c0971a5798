//! Runs the CMake project through the `cmake` crate.
//!
//! The crate is made for build scripts: it prints to stdout and panics on failure. It therefore runs
//! in a child process of this same program, whose output is the log and whose exit code is the verdict.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus, Stdio};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// What CMake is to do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Recipe {
    /// Directory of `CMakeLists.txt`.
    pub project: PathBuf,
    /// Where the plugin goes; the build tree is `build` in it.
    pub out: PathBuf,
    /// The CMake program.
    pub cmake: PathBuf,
    /// CMake generator.
    pub generator: String,
    /// Target triple of rustc, also the host.
    pub triple: String,
    /// CMake cache variables.
    pub defines: Vec<(String, String)>,
}

impl Recipe {
    /// Saves the recipe and starts the child, output into `log` or, without one, to the terminal.
    pub fn spawn(&self, log: Option<&Path>) -> Result<ExitStatus> {
        std::fs::create_dir_all(&self.out)
            .with_context(|| format!("cannot create {}", self.out.display()))?;
        let file = self.out.join("recipe.json");
        let text = serde_json::to_string_pretty(self)?;
        // Left alone where nothing changed.
        if std::fs::read_to_string(&file).ok().as_deref() != Some(&text) {
            std::fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
        }
        let mut command = Command::new(std::env::current_exe().context("cannot find this program itself")?);
        command.args(["plugin", "drive"]).arg(&file).stdin(Stdio::null()).env("CMAKE", &self.cmake);
        // Handles of an enclosing make's or cargo's job server are not open in our grandchildren, and an
        // enclosing cargo's flags must not enter the plugin.
        for name in ["MAKEFLAGS", "MFLAGS", "CARGO_MAKEFLAGS", "NUM_JOBS", "CFLAGS", "CXXFLAGS"] {
            command.env_remove(name);
        }
        if let Some(log) = log {
            let file =
                std::fs::File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
            command.stdout(file.try_clone()?).stderr(file);
        }
        command.status().context("cannot start the build")
    }
}

/// The child's part.
pub fn drive(recipe: &Path) -> Result<ExitCode> {
    let text =
        std::fs::read_to_string(recipe).with_context(|| format!("cannot read {}", recipe.display()))?;
    let recipe: Recipe = serde_json::from_str(&text).with_context(|| format!("{}", recipe.display()))?;
    let mut config = cmake::Config::new(&recipe.project);
    config
        .generator(&recipe.generator)
        .target(&recipe.triple)
        .host(&recipe.triple)
        .out_dir(&recipe.out)
        .profile("Release")
        // The CMakeLists decides about flags; what build scripts default to is not wanted here.
        .no_default_flags(true);
    for (key, value) in &recipe.defines {
        config.define(key, value);
    }
    config.build();
    Ok(ExitCode::SUCCESS)
}

/// The last lines of a build log, without the backtrace and the advice of the `cmake` crate's panic.
pub fn tail(log: &str) -> String {
    let lines: Vec<&str> = log
        .lines()
        .take_while(|line| !line.starts_with("thread 'main'"))
        .filter(|line| !line.is_empty())
        .collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_ends_before_the_panic() {
        let log =
            format!("{}error: broken\n\nthread 'main' (1) panicked at x\nnote: y\n", "line\n".repeat(100));
        let tail = tail(&log);
        assert!(tail.ends_with("line\nerror: broken"), "{tail}");
        assert_eq!(tail.lines().count(), 40);
    }

    #[test]
    fn an_incomplete_recipe_is_an_error() {
        let root = tempfile::tempdir().expect("a temporary directory");
        let recipe = root.path().join("recipe.json");
        std::fs::write(&recipe, "{}").expect("own directory");
        let error = drive(&recipe).expect_err("fields are missing");
        assert!(format!("{error:#}").contains("missing field `project`"), "{error:#}");
    }
}
