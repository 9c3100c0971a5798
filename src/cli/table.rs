//! `foreshock table`: writes a potential's table file and the input lines that use it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;

use foreshock::potential::table;

/// Write a potential as a LAMMPS pair_style table file.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  foreshock table pedone --elements Li,Si,O -o pedone.table")]
pub struct Args {
    #[command(subcommand)]
    potential: Potential,
}

#[derive(Debug, clap::Subcommand)]
enum Potential {
    /// Oxides and silicates: Pedone et al. 2006 with damped shifted-force Coulomb.
    #[command(after_help = "Example:\n  foreshock table pedone --elements Li,Si,O -o pedone.table")]
    Pedone(Pedone),
}

#[derive(Debug, clap::Args)]
struct Pedone {
    /// Element symbols in the order of the atom types, separated by commas.
    #[arg(long, value_delimiter = ',', required = true)]
    elements: Vec<String>,
    /// File to write; an existing one is replaced.
    #[arg(short, long)]
    output: PathBuf,
    /// Points per pair of elements.
    #[arg(long, default_value_t = table::DEFAULT_POINTS)]
    points: usize,
}

/// Runs the command; the lines to paste go to standard output.
///
/// # Errors
/// When the request is faulty or the file cannot be written.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let Potential::Pedone(request) = args.potential;
    let text = table::pedone(&request.elements, request.points)?;
    write_whole(&request.output, &text)?;
    let file = request.output.display().to_string();
    for line in table::pair_coeffs(&request.elements, request.points, &file)? {
        println!("{line}");
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes beside the target and renames, so that an interrupted run leaves no half table that
/// looks whole.
fn write_whole(path: &Path, text: &str) -> anyhow::Result<()> {
    if let Some(folder) = path.parent().filter(|f| !f.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    }
    let mut partial = path.as_os_str().to_owned();
    partial.push(".part");
    std::fs::write(&partial, text)
        .and_then(|()| std::fs::rename(&partial, path))
        .with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    #[derive(clap::Parser)]
    struct Command {
        #[command(flatten)]
        args: Args,
    }

    fn call(words: &[&str]) -> anyhow::Result<ExitCode> {
        run(Command::try_parse_from(words)?.args)
    }

    #[test]
    fn writes_the_table_and_nothing_else() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let file = folder.path().join("new/pedone.table");
        let path = file.to_str().expect("UTF-8");
        call(&["t", "pedone", "--elements", "Li,O", "--points", "100", "-o", path]).expect("valid");
        let text = std::fs::read_to_string(&file).expect("written");
        assert_eq!(text, table::pedone(&["Li".into(), "O".into()], 100).expect("valid"));
        assert_eq!(std::fs::read_dir(folder.path().join("new")).expect("folder").count(), 1);
    }

    #[test]
    fn faulty_element_leaves_no_file() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let file = folder.path().join("pedone.table");
        let error = call(&["t", "pedone", "--elements", "Li,Q", "-o", file.to_str().expect("UTF-8")])
            .expect_err("Q is no element");
        assert!(error.to_string().starts_with("elements = 'Q'"), "{error}");
        assert!(!file.exists());
    }
}
