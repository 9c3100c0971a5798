//! The library's one error type. A message names the key, the value and what was expected.

use std::path::PathBuf;

/// Shorthand for results of this library.
pub type Result<T> = std::result::Result<T, Error>;

/// Everything that can go wrong in the library.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A value given by the user is not usable.
    #[error("{key} = '{value}': expected {expected}")]
    Input {
        /// The keyword, column or field.
        key: String,
        /// What was given.
        value: String,
        /// What would have been accepted.
        expected: String,
    },
    /// A file could not be read, written or understood.
    #[error("{}: {message}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// A limit of the implementation was exceeded while running.
    #[error("{0}")]
    Limit(String),
    /// The saved state of a restart does not fit this fix.
    #[error("restart state of fix foreshock: {0}")]
    State(String),
    /// What LAMMPS itself said when it was driven in-process.
    #[cfg(feature = "inprocess")]
    #[error("LAMMPS: {0}")]
    Lammps(String),
}

impl Error {
    /// An [`Error::Input`] from its three parts.
    pub fn input(key: impl Into<String>, value: impl ToString, expected: impl Into<String>) -> Self {
        Self::Input { key: key.into(), value: value.to_string(), expected: expected.into() }
    }

    /// Refuses a number that is not positive.
    ///
    /// # Errors
    /// [`Error::Input`] that names `key`.
    pub(crate) fn unless_positive(key: &str, value: f64) -> Result<()> {
        if value.is_finite() && value > 0.0 {
            Ok(())
        } else {
            Err(Self::input(key, value, "a positive number"))
        }
    }

    /// An [`Error::File`] from a path and a message.
    pub fn file(path: impl Into<PathBuf>, message: impl ToString) -> Self {
        Self::File { path: path.into(), message: message.to_string() }
    }
}
