//! Parameters by name, and the safetensors files that hold them.
//!
//! The format is a JSON header and raw values. It is read and written here because the format's own
//! crate is Apache-2.0 alone, which must not be linked into a plugin of the GPLv2-licensed LAMMPS.

use std::collections::BTreeMap;
use std::path::Path;

use crate::error::{Error, Result};

/// An array of 32-bit numbers, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// Lengths of the axes.
    pub shape: Vec<usize>,
    /// Values.
    pub data: Vec<f32>,
}

impl Array {
    /// An array.
    ///
    /// # Panics
    /// If the shape does not hold the values.
    #[must_use]
    pub fn new(shape: &[usize], data: Vec<f32>) -> Self {
        assert_eq!(shape.iter().product::<usize>(), data.len(), "shape and values disagree");
        Self { shape: shape.to_vec(), data }
    }
}

/// Arrays by name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tensors(pub BTreeMap<String, Array>);

impl Tensors {
    /// An array by name and shape.
    ///
    /// # Errors
    /// [`Error::Input`] when it is missing or has another shape.
    pub fn get(&self, name: &str, shape: &[usize]) -> Result<&[f32]> {
        let array =
            self.0.get(name).ok_or_else(|| Error::input("tensor", name, "to be in the model file"))?;
        if array.shape != shape {
            return Err(Error::input(
                format!("shape of '{name}'"),
                format!("{:?}", array.shape),
                format!("{shape:?}"),
            ));
        }
        Ok(&array.data)
    }

    /// A one-dimensional array of any length.
    ///
    /// # Errors
    /// [`Error::Input`] when it is missing or has more axes.
    pub fn list(&self, name: &str) -> Result<&[f32]> {
        let length = self.0.get(name).map_or(0, |array| array.data.len());
        self.get(name, &[length])
    }

    /// Adds an array.
    pub fn insert(&mut self, name: impl Into<String>, shape: &[usize], data: Vec<f32>) {
        self.0.insert(name.into(), Array::new(shape, data));
    }

    /// Writes a safetensors file with one metadata entry per pair; the same arrays and one entry give the
    /// same bytes.
    ///
    /// # Errors
    /// [`Error::File`] when it cannot be written.
    pub fn write(&self, path: &Path, metadata: &BTreeMap<String, String>) -> Result<()> {
        let bytes = self.to_bytes(metadata).map_err(|error| Error::file(path, error))?;
        std::fs::write(path, bytes).map_err(|error| Error::file(path, error))
    }

    /// The bytes of a safetensors file: length of the header, header, values. Arrays stand in the order
    /// of their names, and the header is padded so that values are aligned to 8 bytes.
    ///
    /// # Errors
    /// [`Error::Limit`] when the header cannot be written.
    pub fn to_bytes(&self, metadata: &BTreeMap<String, String>) -> Result<Vec<u8>> {
        let mut header = serde_json::Map::new();
        if !metadata.is_empty() {
            header.insert(METADATA.to_owned(), serde_json::json!(metadata));
        }
        let mut at = 0;
        for (name, array) in &self.0 {
            let end = at + 4 * array.data.len();
            let entry = serde_json::json!({"dtype": "F32", "shape": array.shape, "data_offsets": [at, end]});
            header.insert(name.clone(), entry);
            at = end;
        }
        let mut text = serde_json::to_string(&header).map_err(|error| Error::Limit(error.to_string()))?;
        while text.len() % 8 != 0 {
            text.push(' ');
        }
        let mut bytes = (text.len() as u64).to_le_bytes().to_vec();
        bytes.extend_from_slice(text.as_bytes());
        for array in self.0.values() {
            bytes.extend(array.data.iter().flat_map(|v| v.to_le_bytes()));
        }
        Ok(bytes)
    }

    /// Reads a safetensors file of 32-bit arrays and its metadata.
    ///
    /// # Errors
    /// [`Error::File`] when it cannot be read or holds anything else.
    pub fn read(path: &Path) -> Result<(Self, BTreeMap<String, String>)> {
        let bytes = std::fs::read(path).map_err(|error| Error::file(path, error))?;
        Self::from_bytes(&bytes).map_err(|error| Error::file(path, error))
    }

    /// Reads the bytes of a safetensors file.
    ///
    /// # Errors
    /// [`Error::Limit`] when they are something else or damaged.
    pub fn from_bytes(bytes: &[u8]) -> Result<(Self, BTreeMap<String, String>)> {
        let failed = |what: &str| Error::Limit(format!("not a model file: {what}"));
        let (length, rest) = bytes.split_first_chunk::<8>().ok_or_else(|| failed("too short"))?;
        let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| failed("header too long"))?;
        let (text, values) = rest.split_at_checked(length).ok_or_else(|| failed("header cut off"))?;
        let header: serde_json::Map<String, serde_json::Value> =
            serde_json::from_slice(text).map_err(|error| failed(&error.to_string()))?;
        let mut metadata = BTreeMap::new();
        let mut tensors = Self::default();
        for (name, entry) in header {
            if name == METADATA {
                metadata = serde_json::from_value(entry).map_err(|error| failed(&error.to_string()))?;
                continue;
            }
            let entry: Entry = serde_json::from_value(entry).map_err(|error| failed(&error.to_string()))?;
            if entry.dtype != "F32" {
                return Err(Error::input(format!("type of '{name}'"), entry.dtype, "F32"));
            }
            let [start, end] = entry.data_offsets;
            let raw = values.get(start..end).ok_or_else(|| failed(&format!("'{name}' is cut off")))?;
            let (fours, odd) = raw.as_chunks::<4>();
            let held = entry.shape.iter().try_fold(1_usize, |n, &length| n.checked_mul(length));
            if !odd.is_empty() || held != Some(fours.len()) {
                return Err(failed(&format!("shape of '{name}' does not fit its values")));
            }
            tensors.insert(name, &entry.shape, fours.iter().map(|&b| f32::from_le_bytes(b)).collect());
        }
        Ok((tensors, metadata))
    }
}

/// Name of the header's entry that is no array.
const METADATA: &str = "__metadata__";

/// An array in the header.
#[derive(serde::Deserialize)]
struct Entry {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: [usize; 2],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_and_metadata_come_back_bit_for_bit() {
        let mut tensors = Tensors::default();
        tensors.insert("b.weight", &[2, 3], vec![1.0, -0.0, f32::NAN, 1e-40, f32::MAX, 0.1]);
        tensors.insert("a", &[0], Vec::new());
        let metadata = BTreeMap::from([("foreshock".to_owned(), "{\"x\": \"\u{e5}\"}".to_owned())]);
        let bytes = tensors.to_bytes(&metadata).expect("written");
        let (again, read) = Tensors::from_bytes(&bytes).expect("read");
        assert_eq!(read, metadata);
        let bits = |t: &Tensors| t.0["b.weight"].data.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&again), bits(&tensors));
        assert_eq!(again.to_bytes(&metadata).expect("written"), bytes);
        let length = u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes"));
        assert_eq!(length % 8, 0, "values are aligned");
    }

    #[test]
    fn damaged_files_are_refused_without_a_panic() {
        let mut tensors = Tensors::default();
        tensors.insert("w", &[4], vec![1.0; 4]);
        let bytes = tensors.to_bytes(&BTreeMap::new()).expect("written");
        for length in 0..bytes.len() {
            assert!(Tensors::from_bytes(&bytes[..length]).is_err(), "{length} bytes");
        }
        for at in 0..bytes.len() - 16 {
            let mut broken = bytes.clone();
            broken[at] ^= 0x15;
            // Some changes leave a valid file with another name; none may panic.
            let _ = Tensors::from_bytes(&broken);
        }
        let half = String::from_utf8_lossy(&bytes).replace("F32", "F16").into_bytes();
        assert!(Tensors::from_bytes(&half).is_err());
    }
}
