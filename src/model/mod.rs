//! Learned models: what a model file holds and how windows are scored with it.
//!
//! Enters: a window of an interface's frames. Leaves: probabilities of the states and of a warning.
//! The same code scores in the fix, in `foreshock replay` and in `foreshock evaluate`.

pub mod calibration;
mod card;
pub mod detector;
pub mod forest;
pub mod meta;
pub mod scaler;
pub mod spec;
pub mod stream;
pub mod summary;
pub mod tensors;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::error::{Error, Result};
use crate::window::{MAX_WINDOW, MIN_WINDOW};
use meta::{FORMAT, Kind, Meta};
use scaler::Scaler;
use tensors::Tensors;

/// Most frames of a window of series that the fix did not record: a damaged file must not ask for any memory.
const LONGEST_SERIES: usize = 1 << 16;

/// Name of the metadata entry of a model file.
pub const ENTRY: &str = "foreshock";

/// A model: one safetensors file.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// Its description.
    pub meta: Meta,
    /// Statistics of the training set.
    pub scaler: Scaler,
    /// All arrays, the scaler's among them.
    pub tensors: Tensors,
    /// SHA-256 of the file, hexadecimal.
    pub hash: String,
}

impl Model {
    /// A model from its parts.
    ///
    /// # Errors
    /// [`Error::Input`] when the parts do not fit each other.
    pub fn new(meta: Meta, scaler: &Scaler, mut tensors: Tensors) -> Result<Self> {
        scaler.save(&mut tensors);
        let metadata = BTreeMap::from([(
            ENTRY.to_owned(),
            serde_json::to_string(&meta).map_err(|error| Error::Limit(error.to_string()))?,
        )]);
        Self::from_bytes(&tensors.to_bytes(&metadata)?)
    }

    /// Reads a model file.
    ///
    /// # Errors
    /// [`Error::File`] saying what cannot be used.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).map_err(|error| Error::file(path, error))?;
        Self::from_bytes(&bytes).map_err(|error| Error::file(path, error))
    }

    /// Reads the bytes of a model file.
    ///
    /// # Errors
    /// [`Error::Limit`] or [`Error::Input`] saying what cannot be used.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let (tensors, metadata) = Tensors::from_bytes(bytes)?;
        let text = metadata
            .get(ENTRY)
            .ok_or_else(|| Error::Limit(format!("not a model of Foreshock: no metadata '{ENTRY}'")))?;
        let version: serde_json::Value =
            serde_json::from_str(text).map_err(|error| Error::Limit(format!("metadata: {error}")))?;
        if version["format"] != FORMAT {
            return Err(Error::input("format of the model", &version["format"], format!("version {FORMAT}")));
        }
        let meta: Meta =
            serde_json::from_value(version).map_err(|error| Error::Limit(format!("metadata: {error}")))?;
        let scaler = Scaler::load(&tensors, meta.inputs, meta.columns.len())?;
        let digest = Sha256::digest(bytes);
        let hash = digest.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        });
        let model = Self { meta, scaler, tensors, hash };
        model.check()?;
        Ok(model)
    }

    /// Writes the model file.
    ///
    /// # Errors
    /// [`Error::File`] when it cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let metadata = BTreeMap::from([(
            ENTRY.to_owned(),
            serde_json::to_string(&self.meta).map_err(|error| Error::file(path, error))?,
        )]);
        self.tensors.write(path, &metadata)
    }

    /// Numbers in the arrays.
    #[must_use]
    pub fn parameters(&self) -> usize {
        self.tensors.0.values().map(|array| array.data.len()).sum()
    }

    fn check(&self) -> Result<()> {
        let meta = &self.meta;
        if meta.columns.is_empty() || meta.classes.is_empty() {
            return Err(Error::Limit("a model without columns or classes".to_owned()));
        }
        // A model for the fix has a window of the fix; one of tables from elsewhere may see whole series.
        let windows = if meta.settings.is_some() { MIN_WINDOW..=MAX_WINDOW } else { 1..=LONGEST_SERIES };
        if !windows.contains(&meta.window) {
            let expected = format!("{} to {} frames", windows.start(), windows.end());
            return Err(Error::input("window of the model", meta.window, expected));
        }
        let (channels, classes) = match &meta.kind {
            Kind::Network(spec) => {
                spec.encoder.check()?;
                let summarised = matches!(spec.encoder, spec::EncoderSpec::Mlp { .. });
                (spec.channels / if summarised { summary::NUMBERS } else { 1 }, spec.classes)
            }
            Kind::Forest(spec) => (self.scaler.channels(), spec.classes),
        };
        if channels != self.scaler.channels() {
            return Err(Error::input("channels of the model", channels, self.scaler.channels().to_string()));
        }
        if classes != meta.classes.len() {
            return Err(Error::input("classes of the model", classes, meta.classes.len().to_string()));
        }
        meta.calibration.check(classes)?;
        stream::stream(self).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_that_no_fix_has_is_refused() {
        let model = detector::builtin().expect("a model");
        for window in [0, MIN_WINDOW - 1, MAX_WINDOW + 1, 1_000_000_000_000_000_000] {
            let meta = Meta { window, ..model.meta.clone() };
            let error = Model::new(meta, &model.scaler, model.tensors.clone()).expect_err("refused");
            let expected = format!("window of the model = '{window}': expected 8 to 1024 frames");
            assert_eq!(error.to_string(), expected);
        }
    }
}
