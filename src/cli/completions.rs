//! `foreshock completions`: a shell's completion script, made from the command line's definition.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::CommandFactory as _;
use clap_complete::Shell;

/// Print the completion script of a shell.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  foreshock completions bash > ~/.local/share/bash-completion/completions/foreshock
  foreshock completions zsh > ~/.zfunc/_foreshock
  foreshock completions fish > ~/.config/fish/completions/foreshock.fish")]
pub struct Args {
    /// The shell.
    shell: Shell,
}

/// Runs the command.
///
/// # Errors
/// Standard output cannot be written.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    std::io::stdout().write_all(&script(args.shell)).context("cannot write to standard output")?;
    Ok(ExitCode::SUCCESS)
}

fn script(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut super::Cli::command(), "foreshock", &mut script);
    script
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::*;

    #[test]
    fn every_shell_completes_every_command() {
        for &shell in Shell::value_variants() {
            let script = String::from_utf8(script(shell)).expect("scripts are text");
            for command in super::super::Cli::command().get_subcommands() {
                assert!(script.contains(command.get_name()), "{shell}: {}", command.get_name());
            }
            assert!(script.contains("load-check"), "{shell}: options of nested commands");
        }
    }

    #[test]
    fn bash_completes_with_the_script() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("foreshock");
        std::fs::write(&file, script(Shell::Bash)).expect("writable");
        let typed = "COMP_WORDS=(foreshock plugin bu); COMP_CWORD=2; _foreshock foreshock bu plugin; echo ${COMPREPLY[@]}";
        let output = std::process::Command::new("bash")
            .args(["--norc", "-c", &format!("source {} && {typed}", file.display())])
            .output()
            .expect("bash is a prerequisite of make");
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "build", "{output:?}");
    }
}
