//! Standardised series with their targets, and stretches of them.

/// One series as a network sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Sequence {
    /// Channels per frame.
    pub channels: usize,
    /// Frames x channels, row-major.
    pub inputs: Vec<f32>,
    /// Class per frame; `None` is neither trained on nor scored.
    pub state: Vec<Option<u8>>,
    /// Warning target per frame; `None` where the frame is not at risk or its future is not known.
    pub warning: Vec<Option<bool>>,
}

impl Sequence {
    /// Frames.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.state.len()
    }
}

/// Frames `start..end` of a series, of which `from..end` are trained on or scored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// The series.
    pub sequence: usize,
    /// First frame seen.
    pub start: usize,
    /// First frame with a target.
    pub from: usize,
    /// One past the last frame.
    pub end: usize,
}

impl Stretch {
    /// Frames seen.
    #[must_use]
    pub fn length(&self) -> usize {
        self.end - self.start
    }
}

/// Weights of the classes and of the two warnings in the loss.
#[derive(Debug, Clone, PartialEq)]
pub struct Weights {
    /// Per class.
    pub state: Vec<f32>,
    /// Of negatives and positives.
    pub warning: [f32; 2],
}

impl Weights {
    /// Inverse to the square root of how often targets occur among stretches, mean 1 over what occurs:
    /// halfway between no weights and equal weight for every class.
    #[must_use]
    pub fn balanced(sequences: &[Sequence], stretches: &[Stretch], classes: usize) -> Self {
        let (mut states, mut warnings) = (vec![0_usize; classes], [0_usize; 2]);
        for stretch in stretches {
            let sequence = &sequences[stretch.sequence];
            for row in stretch.from..stretch.end {
                if let Some(state) = sequence.state[row] {
                    states[usize::from(state)] += 1;
                }
                if let Some(warning) = sequence.warning[row] {
                    warnings[usize::from(warning)] += 1;
                }
            }
        }
        let weights = |counts: &[usize]| -> Vec<f32> {
            let total: usize = counts.iter().sum();
            let raw: Vec<f64> =
                counts.iter().map(|&n| if n == 0 { 0.0 } else { (total as f64 / n as f64).sqrt() }).collect();
            let mean = raw.iter().zip(counts).map(|(w, &n)| w * n as f64).sum::<f64>() / total.max(1) as f64;
            raw.iter().map(|w| if mean > 0.0 { (w / mean) as f32 } else { 1.0 }).collect()
        };
        let warning = weights(&warnings);
        Self { state: weights(&states), warning: [warning[0], warning[1]] }
    }

    /// All ones.
    #[must_use]
    pub fn equal(classes: usize) -> Self {
        Self { state: vec![1.0; classes], warning: [1.0; 2] }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Two channels of growing numbers; classes 0 0 1 0 ..., one warning.
    pub fn sequence(frames: usize) -> Sequence {
        Sequence {
            channels: 2,
            inputs: (0..2 * frames).map(|v| v as f32 + 1.0).collect(),
            state: (0..frames).map(|t| (t > 0).then_some(u8::from(t == 2))).collect(),
            warning: (0..frames).map(|t| (t == 1).then_some(true)).collect(),
        }
    }

    #[test]
    fn balanced_weights_have_mean_one_and_favour_the_rare() {
        let mut one = sequence(10);
        one.state = (0..10).map(|t| Some(u8::from(t == 9))).collect();
        let weights = Weights::balanced(&[one], &[Stretch { sequence: 0, start: 0, from: 0, end: 10 }], 2);
        // Square roots of 10 / 9 and 10 / 1, ratio 3.
        assert!((weights.state[1] / weights.state[0] - 3.0).abs() < 1e-6);
        assert!((0.9 * weights.state[0] + 0.1 * weights.state[1] - 1.0).abs() < 1e-6);
    }
}
