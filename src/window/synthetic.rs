//! Synthetic descriptor streams for the tests of the window stage and of what follows it.

use crate::frame::{Condition, Frame};
use crate::registry::{self, Trend};

/// Reproducible standard normal numbers (splitmix64, Box and Muller).
pub(crate) struct Normal(u64);

impl Normal {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x2545_F491_4F6C_DD1D).wrapping_add(0x9E37_79B9))
    }

    pub(crate) fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub(crate) fn draw(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

/// A stationary AR(1) series of unit variance.
pub(crate) fn ar1(normal: &mut Normal, n: usize, phi: f64) -> Vec<f64> {
    let mut x = normal.draw();
    let innovation = (1.0 - phi * phi).sqrt();
    (0..n)
        .map(|_| {
            let now = x;
            x = phi * x + innovation * normal.draw();
            now
        })
        .collect()
}

/// A healthy interface: every descriptor an AR(1) about its own level and in its own units, some of
/// them driven by a common mode, cumulative ones growing steadily as well. The first `reference`
/// frames are undefined. 0.1 ps and 50 steps between samples.
pub(crate) fn healthy(seed: u64, interface: usize, n: usize, phi: f64, reference: usize) -> Vec<Frame> {
    let mut normal = Normal::new(seed.wrapping_mul(31).wrapping_add(interface as u64));
    let common = ar1(&mut normal, n, phi);
    let columns: Vec<Vec<f64>> = registry::BASE
        .iter()
        .enumerate()
        .map(|(j, row)| {
            let own = ar1(&mut normal, n, phi);
            let mix = if j % 3 == 0 { 0.6 } else { 0.0 };
            let (level, unit) = (1.0 + j as f64, 0.01 * (1 + j % 5) as f64);
            let slope = if row.trend == Trend::Cumulative { unit * 0.1 } else { 0.0 };
            (0..n)
                .map(|t| {
                    level
                        + slope * t as f64
                        + unit * (mix * common[t] + (1.0_f64 - mix * mix).sqrt() * own[t])
                })
                .collect()
        })
        .collect();
    (0..n)
        .map(|t| Frame {
            index: t as u64,
            step: 50 * t as i64,
            time_ps: 0.1 * t as f64,
            interface,
            condition: if t < reference { Condition::Reference } else { Condition::Measured },
            values: columns.iter().map(|c| if t < reference { f64::NAN } else { c[t] }).collect(),
        })
        .collect()
}

/// Adds `sigmas(t)` standard deviations to two of three stationary descriptors: a failing interface changes many.
pub(crate) fn disturb(frames: &mut [Frame], sigmas: impl Fn(u64) -> f64) {
    for frame in frames {
        for (j, row) in registry::BASE.iter().enumerate() {
            if j % 3 > 0 && row.trend == Trend::Stationary {
                frame.values[j] += sigmas(frame.index) * 0.01 * (1 + j % 5) as f64;
            }
        }
    }
}
