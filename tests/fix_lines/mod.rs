//! Reads the tables of fix lines in `tests/inputs/`, for every test that runs them.

#![allow(dead_code)] // every test program uses its own part

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

/// A table of fix lines.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// What the lines are read in.
    pub context: Setting,
    /// The lines.
    pub cases: Vec<Case>,
}

/// The run in which a line stands.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setting {
    /// LAMMPS unit style.
    pub units: String,
    /// In the run's units.
    pub timestep: f64,
    /// Number of atom types.
    pub types: usize,
    /// 2 or 3.
    pub dimension: usize,
    /// Along x, y, z.
    pub periodic: [bool; 3],
    /// Existing groups.
    pub groups: Vec<String>,
}

/// One line with what is expected of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// The command.
    pub line: String,
    /// Unit style instead of the table's.
    pub units: Option<String>,
    /// Dimension instead of the table's.
    pub dimension: Option<usize>,
    /// Files beside the input, as text.
    #[serde(default)]
    pub files: BTreeMap<String, String>,
    /// Files beside the input, as hexadecimal bytes.
    #[serde(default)]
    pub hex: BTreeMap<String, String>,
    /// Marked word of a wrong line.
    pub word: Option<usize>,
    /// Message of a wrong line.
    pub message: Option<String>,
    /// Log line of a valid one.
    pub describe: Option<String>,
}

impl Table {
    /// Reads `tests/inputs/NAME`.
    pub fn read(name: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/inputs").join(name);
        let text = std::fs::read_to_string(&path).expect("the table is part of the repository");
        serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The run in which a case stands.
    pub fn setting(&self, case: &Case) -> Setting {
        let mut setting = self.context.clone();
        if let Some(units) = &case.units {
            setting.units.clone_from(units);
        }
        setting.dimension = case.dimension.unwrap_or(setting.dimension);
        setting
    }
}

impl Case {
    /// The words after the command's name.
    pub fn words(&self) -> Vec<String> {
        self.line.split_whitespace().skip(1).map(str::to_owned).collect()
    }

    /// Writes the case's files into `directory`.
    pub fn write_files(&self, directory: &Path) {
        for (name, text) in &self.files {
            std::fs::write(directory.join(name), text).expect("a writable directory");
        }
        for (name, hex) in &self.hex {
            let bytes: Vec<u8> = (0..hex.len())
                .step_by(2)
                .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("pairs of hexadecimal digits"))
                .collect();
            std::fs::write(directory.join(name), bytes).expect("a writable directory");
        }
    }
}
