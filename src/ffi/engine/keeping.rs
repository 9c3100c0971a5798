//! State that outlives a sample: per-atom records as LAMMPS moves atoms, and restarts.

use super::{Engine, guard};
use crate::error::{Error, Result};
use crate::pipeline::Pipeline;

impl Engine {
    pub fn grow(&mut self, nmax: usize) {
        self.extractor.store_mut().grow(nmax);
    }

    pub fn copy(&mut self, from: usize, to: usize) {
        self.extractor.store_mut().copy(from, to);
    }

    pub fn set(&mut self, i: usize, side: u8) {
        self.extractor.store_mut().set(i, crate::atoms::Side::from_code(side));
    }

    pub fn max_words(&self) -> usize {
        self.extractor.store().max_words()
    }

    pub fn words(&self, i: usize) -> usize {
        self.extractor.store().words(i)
    }

    pub fn pack(&self, i: usize, buffer: &mut [f64]) -> usize {
        self.extractor.store().pack(i, buffer)
    }

    pub fn unpack(&mut self, i: usize, buffer: &[f64]) -> Result<usize> {
        guard(|| self.extractor.store_mut().unpack(i, buffer))
    }

    /// Rank 0's global state for a restart file.
    pub fn save(&mut self) -> Result<Vec<u8>> {
        guard(|| Ok(self.state()))
    }

    fn state(&mut self) -> Vec<u8> {
        let extractor = self.extractor.save();
        let pipeline = self.pipeline.as_mut().map(Pipeline::serialize).unwrap_or_default();
        let shown: Vec<u8> = self.outputs.iter().flat_map(|value| value.to_le_bytes()).collect();
        let mut bytes = Vec::new();
        for part in [self.setup().to_string().into_bytes(), shown, extractor] {
            bytes.extend((part.len() as u64).to_le_bytes());
            bytes.extend(part);
        }
        bytes.extend(pipeline);
        bytes
    }

    /// What the atoms' saved state means something under, by keyword.
    fn setup(&self) -> serde_json::Value {
        let config = &self.config;
        serde_json::json!({
            "sides": config.sides,
            "normal": config.normal,
            "elements": config.elements,
            "roles": config.roles,
            "region": config.region,
            "cutoff": config.cutoff,
            "baseline": [config.baseline_start, config.baseline_length],
            "rdf": config.rdf,
        })
    }

    /// Takes up a state written by [`Engine::save`], on every rank.
    pub fn restore(&mut self, bytes: &[u8]) -> Result<()> {
        guard(|| {
            let mut rest = bytes;
            let mut part = || -> Result<&[u8]> {
                let truncated = || Error::State("is truncated".into());
                let (length, after) = rest.split_first_chunk::<8>().ok_or_else(truncated)?;
                let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| truncated())?;
                let (part, after) = after.split_at_checked(length).ok_or_else(truncated)?;
                rest = after;
                Ok(part)
            };
            let (setup, shown, extractor) = (part()?, part()?, part()?);
            let setup: serde_json::Value =
                serde_json::from_slice(setup).map_err(|e| Error::State(e.to_string()))?;
            if let serde_json::Value::Object(own) = self.setup() {
                let other = own.iter().find(|(key, value)| setup[key.as_str()] != **value);
                if let Some((key, value)) = other {
                    let saved = &setup[key.as_str()];
                    return Err(Error::State(format!(
                        "{key} is {value} here, but {saved} in the restart file"
                    )));
                }
            }
            let (shown, []) = shown.as_chunks::<8>() else {
                return Err(Error::State("is truncated".into()));
            };
            if shown.len() != self.outputs.len() {
                let (own, saved) = (self.outputs.len(), shown.len());
                return Err(Error::State(format!("has {own} outputs here, but {saved} in the restart file")));
            }
            self.extractor.restore(extractor, self.facts.periodic)?;
            // Until the next sample the output is what it was.
            self.outputs = shown.iter().map(|value| f64::from_le_bytes(*value)).collect();
            self.saved = (!rest.is_empty()).then(|| rest.to_vec());
            Ok(())
        })
    }
}
