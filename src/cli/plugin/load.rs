//! Loads a plugin in the real `lmp`.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, bail};

use crate::cli::lammps::Lammps;

/// Loads `plugin` and asks LAMMPS which styles it now has.
///
/// # Errors
/// LAMMPS could not be run, refused the file, or the plugin refused LAMMPS; the message has its words.
pub fn check(lammps: &Lammps, plugin: &Path) -> Result<()> {
    let input = format!("plugin load \"{}\"\nplugin list\n", plugin.display());
    // Another plugin of the same name on LAMMPS_PLUGIN_PATH would be loaded first and hide this one's
    // failure.
    let output = run_input(lammps.command().env_remove("LAMMPS_PLUGIN_PATH"), &input)
        .with_context(|| format!("cannot run {}", lammps.lmp.display()))?;
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if output.status.success() && lists_fix(&text) {
        return Ok(());
    }
    bail!(
        "{} does not load {} ({}):\n{}",
        lammps.lmp.display(),
        plugin.display(),
        output.status,
        words(&text)
    )
}

/// Runs LAMMPS (or a launcher of it) on an input script given through stdin; writes no files.
pub fn run_input(command: &mut Command, input: &str) -> std::io::Result<Output> {
    let mut child = command
        .args(["-log", "none"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // A LAMMPS that stops before it has read everything says why in its output.
        let _ = stdin.write_all(input.as_bytes());
    }
    child.wait_with_output()
}

/// Whether `plugin list` names the fix.
fn lists_fix(output: &str) -> bool {
    output.lines().any(|line| line.trim_end().ends_with("fix style plugin foreshock"))
}

/// What is worth repeating of LAMMPS's output: errors and warnings, else everything.
fn words(output: &str) -> String {
    let telling: Vec<&str> = output
        .lines()
        .filter(|line| {
            ["ERROR", "WARNING", "foreshock", "cannot open"].iter().any(|word| line.contains(word))
        })
        .collect();
    if telling.is_empty() { output.trim().to_owned() } else { telling.join("\n") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_must_name_our_fix() {
        assert!(lists_fix("Currently loaded plugins: 1\n   1: fix style plugin foreshock\n"));
        assert!(!lists_fix("Currently loaded plugins: 1\n   1: fix style plugin other\n"));
        assert!(!lists_fix("Currently loaded plugins: 0\n"));
    }

    #[test]
    fn errors_are_repeated_without_the_banner() {
        assert_eq!(words("LAMMPS (22 Jul 2025)\nERROR: no such file\n"), "ERROR: no such file");
        assert_eq!(words("killed\n"), "killed");
    }
}
