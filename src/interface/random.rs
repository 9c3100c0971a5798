//! Random numbers that depend on the seed and on what they are for, and on nothing else.
//!
//! ChaCha8 gives the same numbers on every machine and in every version; one stream per purpose means
//! that a defect more does not move the slabs.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

/// What a stream of random numbers is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Lateral offset of side B.
    Offset = 1,
    /// Lateral offset of the coating.
    Coating = 2,
    /// Sites of defects.
    Defects = 3,
}

/// One stream of random numbers.
#[derive(Debug)]
pub struct Random(ChaCha8Rng);

impl Random {
    /// The stream of a seed for a purpose.
    #[must_use]
    pub fn new(seed: u64, purpose: Purpose) -> Self {
        let mut generator = ChaCha8Rng::seed_from_u64(seed);
        generator.set_stream(purpose as u64);
        Self(generator)
    }

    /// Uniform in [0, 1).
    pub fn uniform(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Uniform among 0 .. `below`.
    ///
    /// # Panics
    /// If `below` is zero.
    pub fn below(&mut self, below: usize) -> usize {
        assert!(below > 0, "there is something to choose from");
        // The bias of a 53-bit fraction is far below what a few thousand atoms could show.
        ((self.uniform() * below as f64) as usize).min(below - 1)
    }
}
