//! `foreshock man`: manual pages, made from the command line's definition.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::CommandFactory as _;

/// Write the manual pages, one per command.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  foreshock man ~/.local/share/man/man1 && man foreshock-replay")]
pub struct Args {
    /// Folder for the pages; made if it is not there, files of the same names are replaced.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// Runs the command.
///
/// # Errors
/// The folder cannot be written.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let folder = &args.folder;
    std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    // `help` is a command of clap's own without anything to say.
    clap_mangen::generate_to(super::Cli::command().disable_help_subcommand(true), folder)
        .with_context(|| format!("cannot write into {}", folder.display()))?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_its_page() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        run(Args { folder: folder.path().join("man1") }).expect("a writable folder");
        let page = |name: &str| {
            std::fs::read_to_string(folder.path().join("man1").join(name))
                .unwrap_or_else(|error| panic!("{name}: {error}"))
        };
        for command in super::super::Cli::command().get_subcommands() {
            let text = page(&format!("foreshock-{}.1", command.get_name()));
            assert!(text.contains(".SH SYNOPSIS"), "{text}");
            assert!(text.contains("Example:"), "{text}");
        }
        assert!(page("foreshock.1").contains(".TH foreshock 1"));
        assert!(page("foreshock-plugin-build.1").contains(r"\-\-load\-check"));
    }
}
