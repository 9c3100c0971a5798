//! Exact binary encoding of state that goes through LAMMPS restart files.
//!
//! Enters: numbers, texts and arrays of a rank's state. Leaves: bytes that decode to the same bits,
//! NaN included, on any machine (little endian). A sealed block carries a kind, a format version, its
//! length and a checksum, so that a damaged or foreign block is refused by name instead of being
//! misread.

use sha2::{Digest, Sha256};

use crate::error::{Error, Result};

const MAGIC: &[u8; 4] = b"FSHK";
const CHECK_BYTES: usize = 8;

/// Writes values one after the other.
#[derive(Debug, Default)]
pub struct Encoder {
    bytes: Vec<u8>,
}

impl Encoder {
    /// An empty encoder.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends an unsigned number.
    pub fn u64(&mut self, value: u64) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    /// Appends a signed number.
    pub fn i64(&mut self, value: i64) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    /// Appends a truth value.
    pub fn bool(&mut self, value: bool) {
        self.bytes.push(u8::from(value));
    }

    /// Appends a number bit by bit.
    pub fn f64(&mut self, value: f64) {
        self.u64(value.to_bits());
    }

    /// Appends a count and that many numbers.
    pub fn f64s(&mut self, values: &[f64]) {
        self.u64(values.len() as u64);
        for &value in values {
            self.f64(value);
        }
    }

    /// Appends a count and that many numbers of single precision.
    pub fn f32s(&mut self, values: &[f32]) {
        self.u64(values.len() as u64);
        self.bytes.extend(values.iter().flat_map(|value| value.to_bits().to_le_bytes()));
    }

    /// Appends a text.
    pub fn text(&mut self, value: &str) {
        self.block(value.as_bytes());
    }

    /// Appends a count and that many bytes, such as a sealed block.
    pub fn block(&mut self, bytes: &[u8]) {
        self.u64(bytes.len() as u64);
        self.bytes.extend_from_slice(bytes);
    }

    /// Closes the block: magic, kind, version, length, checksum, then everything appended.
    #[must_use]
    pub fn seal(self, kind: &str, version: u32) -> Vec<u8> {
        let mut head = Encoder::new();
        head.text(kind);
        head.u64(u64::from(version));
        head.u64(self.bytes.len() as u64);
        let mut out = MAGIC.to_vec();
        out.extend_from_slice(&head.bytes);
        out.extend_from_slice(&checksum(&self.bytes));
        out.extend_from_slice(&self.bytes);
        out
    }
}

/// Reads values back in the order in which they were written.
#[derive(Debug)]
pub struct Decoder<'a> {
    bytes: &'a [u8],
}

impl<'a> Decoder<'a> {
    /// Opens a sealed block; bytes behind it are ignored (LAMMPS pads restart records).
    ///
    /// # Errors
    /// [`Error::State`] when the block is of another kind or version, cut short or damaged.
    pub fn open(bytes: &'a [u8], kind: &str, version: u32) -> Result<Self> {
        let mut head = Decoder { bytes };
        if head.take(MAGIC.len())? != MAGIC {
            return Err(Error::State(format!("does not start with a {kind} block")));
        }
        let found = head.text()?;
        if found != kind {
            return Err(Error::State(format!("block '{found}' where '{kind}' was expected")));
        }
        let found = head.u64()?;
        if found != u64::from(version) {
            return Err(Error::State(format!("{kind} block of version {found}, expected {version}")));
        }
        let length = head.count(1)?;
        let sum = head.take(CHECK_BYTES)?;
        let body = head.take(length)?;
        if checksum(body) != sum {
            return Err(Error::State(format!("{kind} block is damaged (checksum)")));
        }
        Ok(Decoder { bytes: body })
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let (head, tail) = self
            .bytes
            .split_at_checked(count)
            .ok_or_else(|| Error::State("block ends before its last value".to_owned()))?;
        self.bytes = tail;
        Ok(head)
    }

    /// The next unsigned number.
    ///
    /// # Errors
    /// [`Error::State`] at the end of the block (so for every reading method).
    pub fn u64(&mut self) -> Result<u64> {
        let mut word = [0; 8];
        word.copy_from_slice(self.take(8)?);
        Ok(u64::from_le_bytes(word))
    }

    /// The next signed number.
    ///
    /// # Errors
    /// As [`Decoder::u64`].
    pub fn i64(&mut self) -> Result<i64> {
        Ok(self.u64()?.cast_signed())
    }

    /// The next truth value.
    ///
    /// # Errors
    /// As [`Decoder::u64`], and for a byte that is neither 0 nor 1.
    pub fn bool(&mut self) -> Result<bool> {
        match self.take(1)?[0] {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(Error::State(format!("truth value {other}, expected 0 or 1"))),
        }
    }

    /// The next number.
    ///
    /// # Errors
    /// As [`Decoder::u64`].
    pub fn f64(&mut self) -> Result<f64> {
        Ok(f64::from_bits(self.u64()?))
    }

    /// The next counted numbers.
    ///
    /// # Errors
    /// As [`Decoder::u64`].
    pub fn f64s(&mut self) -> Result<Vec<f64>> {
        let count = self.count(8)?;
        (0..count).map(|_| self.f64()).collect()
    }

    /// Fills `values` with the next counted numbers of single precision.
    ///
    /// # Errors
    /// As [`Decoder::u64`], and when there are more or fewer of them.
    pub fn f32s(&mut self, values: &mut [f32]) -> Result<()> {
        let count = self.count(4)?;
        if count != values.len() {
            return Err(Error::State(format!("{count} numbers, expected {}", values.len())));
        }
        let (words, _) = self.take(4 * count)?.as_chunks::<4>();
        for (value, word) in values.iter_mut().zip(words) {
            *value = f32::from_bits(u32::from_le_bytes(*word));
        }
        Ok(())
    }

    /// The next text.
    ///
    /// # Errors
    /// As [`Decoder::u64`], and for bytes that are not UTF-8.
    pub fn text(&mut self) -> Result<String> {
        String::from_utf8(self.block()?.to_vec()).map_err(|_| Error::State("text is not UTF-8".to_owned()))
    }

    /// The next counted bytes.
    ///
    /// # Errors
    /// As [`Decoder::u64`].
    pub fn block(&mut self) -> Result<&'a [u8]> {
        let count = self.count(1)?;
        self.take(count)
    }

    /// The next count of items that take at least `item_bytes` each: a damaged count cannot make the
    /// reader reserve more than the block holds.
    ///
    /// # Errors
    /// As [`Decoder::u64`], and for a count that the rest of the block cannot hold.
    pub fn count(&mut self, item_bytes: usize) -> Result<usize> {
        let count = self.u64()?;
        usize::try_from(count)
            .ok()
            .filter(|c| c.checked_mul(item_bytes).is_some_and(|b| b <= self.bytes.len()))
            .ok_or_else(|| Error::State(format!("count {count} exceeds the block")))
    }

    /// Checks that nothing is left.
    ///
    /// # Errors
    /// [`Error::State`] naming the number of bytes left.
    pub fn finish(self) -> Result<()> {
        if self.bytes.is_empty() {
            Ok(())
        } else {
            Err(Error::State(format!("{} bytes behind the last value", self.bytes.len())))
        }
    }
}

fn checksum(bytes: &[u8]) -> [u8; CHECK_BYTES] {
    let mut sum = [0; CHECK_BYTES];
    sum.copy_from_slice(&Sha256::digest(bytes)[..CHECK_BYTES]);
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed() -> Vec<u8> {
        let mut out = Encoder::new();
        out.u64(7);
        out.i64(-3);
        out.bool(true);
        out.f64s(&[1.5, f64::NAN, -0.0, f64::MIN_POSITIVE]);
        out.text("thickness");
        out.f32s(&[0.1, f32::NAN, -0.0]);
        out.block(&[1, 2]);
        out.seal("test", 2)
    }

    #[test]
    fn every_bit_comes_back() {
        let bytes = sealed();
        let mut input = Decoder::open(&bytes, "test", 2).expect("valid block");
        assert_eq!(input.u64().expect("u64"), 7);
        assert_eq!(input.i64().expect("i64"), -3);
        assert!(input.bool().expect("bool"));
        let bits: Vec<u64> = input.f64s().expect("f64s").into_iter().map(f64::to_bits).collect();
        assert_eq!(bits, [1.5, f64::NAN, -0.0, f64::MIN_POSITIVE].map(f64::to_bits));
        assert_eq!(input.text().expect("text"), "thickness");
        let mut singles = [0.0; 3];
        input.f32s(&mut singles).expect("f32s");
        assert_eq!(singles.map(f32::to_bits), [0.1, f32::NAN, -0.0].map(f32::to_bits));
        assert_eq!(input.block().expect("block"), [1, 2]);
        input.finish().expect("nothing left");
    }

    #[test]
    fn every_cut_and_every_flipped_byte_is_refused() {
        let bytes = sealed();
        for cut in 0..bytes.len() {
            assert!(Decoder::open(&bytes[..cut], "test", 2).is_err(), "cut at {cut}");
        }
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x41;
            assert!(Decoder::open(&damaged, "test", 2).is_err(), "byte {at}");
        }
    }

    #[test]
    fn kind_and_version_are_named() {
        let bytes = sealed();
        let message = |kind, version| Decoder::open(&bytes, kind, version).expect_err("refused").to_string();
        assert!(message("window", 2).contains("'test' where 'window'"), "{}", message("window", 2));
        assert!(message("test", 3).contains("version 2, expected 3"), "{}", message("test", 3));
    }
}
