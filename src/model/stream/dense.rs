//! Dense layers and normalisation on single rows.

use std::ops::Range;

use crate::error::Result;
use crate::model::spec::NetworkSpec;
use crate::model::stream::Logits;
use crate::model::tensors::Tensors;
use crate::restart::{Decoder, Encoder};

/// x W + b, W stored [inputs x outputs].
#[derive(Debug, Clone)]
pub struct Dense {
    weight: Vec<f32>,
    bias: Vec<f32>,
}

impl Dense {
    /// Reads `name.weight` and, where there is one, `name.bias`.
    pub fn new(tensors: &Tensors, name: &str, inputs: usize, outputs: usize, bias: bool) -> Result<Self> {
        Ok(Self {
            weight: tensors.get(&format!("{name}.weight"), &[inputs, outputs])?.to_vec(),
            bias: if bias {
                tensors.get(&format!("{name}.bias"), &[outputs])?.to_vec()
            } else {
                vec![0.0; outputs]
            },
        })
    }

    /// The layer that gives some of the outputs only, each summed in the same order.
    pub fn outputs_of(&self, range: Range<usize>) -> Self {
        let rows = self.weight.chunks_exact(self.bias.len());
        Self {
            weight: rows.flat_map(|row| &row[range.clone()]).copied().collect(),
            bias: self.bias[range].to_vec(),
        }
    }

    /// Puts the result into `out`.
    pub fn set(&self, x: &[f32], out: &mut [f32]) {
        out.copy_from_slice(&self.bias);
        accumulate(&self.weight, x, out);
    }

    /// Adds the result to `out`.
    pub fn add(&self, x: &[f32], out: &mut [f32]) {
        for (o, b) in out.iter_mut().zip(&self.bias) {
            *o += b;
        }
        accumulate(&self.weight, x, out);
    }

    /// Outputs.
    pub fn outputs(&self) -> usize {
        self.bias.len()
    }
}

/// out += x W, four rows of W at a time: independent sums keep the arithmetic units busy.
pub fn accumulate(weight: &[f32], x: &[f32], out: &mut [f32]) {
    let n = out.len();
    let (fours, rest) = x.as_chunks::<4>();
    for (rows, x) in weight.chunks_exact(4 * n).zip(fours) {
        let (a, b) = rows.split_at(2 * n);
        let ((a0, a1), (b0, b1)) = (a.split_at(n), b.split_at(n));
        for ((((o, w0), w1), w2), w3) in out.iter_mut().zip(a0).zip(a1).zip(b0).zip(b1) {
            *o += x[0] * w0 + x[1] * w1 + x[2] * w2 + x[3] * w3;
        }
    }
    for (row, x) in weight[4 * n * fours.len()..].chunks_exact(n).zip(rest) {
        for (o, w) in out.iter_mut().zip(row) {
            *o += x * w;
        }
    }
}

/// Normalisation over the channels of a row.
#[derive(Debug, Clone)]
pub struct Norm {
    gamma: Vec<f32>,
    beta: Vec<f32>,
}

impl Norm {
    /// Reads `name.gamma` and `name.beta`.
    pub fn new(tensors: &Tensors, name: &str, width: usize) -> Result<Self> {
        Ok(Self {
            gamma: tensors.get(&format!("{name}.gamma"), &[width])?.to_vec(),
            beta: tensors.get(&format!("{name}.beta"), &[width])?.to_vec(),
        })
    }

    /// Normalises in place.
    pub fn apply(&self, x: &mut [f32]) {
        let n = x.len() as f32;
        let mean = x.iter().sum::<f32>() / n;
        let variance = x.iter().map(|v| (v - mean) * (v - mean)).sum::<f32>() / n;
        let scale = 1.0 / (variance + 1e-5).sqrt();
        for ((v, g), b) in x.iter_mut().zip(&self.gamma).zip(&self.beta) {
            *v = (*v - mean) * scale * g + b;
        }
    }
}

/// exp(x) to single precision, of arguments limited to +-87: x = n ln 2 + r, 2^n from the bits, e^r as its series.
/// Plain arithmetic, so that loops over it become vectors and every machine gives the same bits, which the C
/// library's does not.
pub fn exp(x: f32) -> f32 {
    // Adding 1.5 x 2^23 rounds to the nearest integer, which then stands in the lowest bits.
    const ROUND: f32 = 12_582_912.0;
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let x = x.clamp(-87.0, 87.0);
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = (x - n * LN2_HIGH) - n * LN2_LOW;
    let series = 1.0 / 5040.0;
    let series = 1.0 / 720.0 + r * series;
    let series = 1.0 / 120.0 + r * series;
    let series = 1.0 / 24.0 + r * series;
    let series = 1.0 / 6.0 + r * series;
    let series = 0.5 + r * series;
    let series = 1.0 + r * (1.0 + r * series);
    series * f32::from_bits((shifted.to_bits() << 23).wrapping_add(0x3F80_0000))
}

/// Hyperbolic tangent.
pub fn tanh(x: f32) -> f32 {
    1.0 - 2.0 / (exp(2.0 * x) + 1.0)
}

/// GELU, x (1 + erf(x / sqrt 2)) / 2, with erf by Abramowitz and Stegun 7.1.26 (absolute error 1.5e-7,
/// about that of single precision).
pub fn gelu(x: f32) -> f32 {
    let z = x * std::f32::consts::FRAC_1_SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * z.abs());
    let poly =
        t * (0.254_829_6 + t * (-0.284_496_74 + t * (1.421_413_7 + t * (-1.453_152 + t * 1.061_405_4))));
    let erf = (1.0 - poly * exp(-z * z)).copysign(z);
    x * 0.5 * (1.0 + erf)
}

/// Logistic function.
pub fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// Projection and heads.
#[derive(Debug, Clone)]
pub struct Heads {
    project: Dense,
    state: Dense,
    warning: Option<Dense>,
    hidden: Vec<f32>,
    logits: Vec<f32>,
}

impl Heads {
    /// Reads the heads of a network.
    pub fn new(tensors: &Tensors, spec: &NetworkSpec) -> Result<Self> {
        let p = spec.projection;
        Ok(Self {
            project: Dense::new(tensors, "project", spec.encoder.width(), p, true)?,
            state: Dense::new(tensors, "state", p, spec.classes, true)?,
            warning: spec.warning.then(|| Dense::new(tensors, "warning", p, 1, true)).transpose()?,
            hidden: vec![0.0; p],
            logits: vec![0.0; spec.classes],
        })
    }

    /// What the heads make of an encoder's output.
    pub fn logits(&mut self, encoded: &[f32]) -> Logits {
        self.project.set(encoded, &mut self.hidden);
        for v in &mut self.hidden {
            *v = gelu(*v);
        }
        self.state.set(&self.hidden, &mut self.logits);
        let warning = self.warning.as_ref().map(|head| {
            let mut z = [0.0];
            head.set(&self.hidden, &mut z);
            z[0]
        });
        Logits { states: self.logits.clone(), warning }
    }
}

/// The encoder's output, or its mean over all frames since the last reset.
#[derive(Debug, Clone)]
pub struct Readout {
    mean: bool,
    sum: Vec<f32>,
    count: f32,
}

impl Readout {
    /// A readout of nothing yet.
    pub fn new(spec: &NetworkSpec) -> Self {
        let mean = spec.readout == crate::model::spec::Readout::Mean;
        Self { mean, sum: vec![0.0; spec.encoder.width()], count: 0.0 }
    }

    /// Forgets all frames.
    pub fn reset(&mut self) {
        self.sum.fill(0.0);
        self.count = 0.0;
    }

    /// Takes an output.
    pub fn push(&mut self, encoded: &[f32]) {
        if self.mean {
            self.count += 1.0;
            self.sum.iter_mut().zip(encoded).for_each(|(s, e)| *s += e);
        } else {
            self.sum.copy_from_slice(encoded);
        }
    }

    /// What is read out.
    pub fn value(&self) -> Vec<f32> {
        if self.mean { self.sum.iter().map(|s| s / self.count).collect() } else { self.sum.clone() }
    }

    /// Saves what was pushed.
    pub fn encode(&self, out: &mut Encoder) {
        out.f32s(&self.sum);
        out.f32s(&[self.count]);
    }

    /// Replaces what was pushed by what was saved.
    ///
    /// # Errors
    /// [`crate::Error::State`] when it does not fit.
    pub fn decode(&mut self, input: &mut Decoder<'_>) -> Result<()> {
        input.f32s(&mut self.sum)?;
        let mut count = [0.0];
        input.f32s(&mut count)?;
        [self.count] = count;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same in double precision.
    fn precise(x: f64) -> f64 {
        let z = x / std::f64::consts::SQRT_2;
        let t = 1.0 / (1.0 + 0.327_591_1 * z.abs());
        let poly = t
            * (0.254_829_592
                + t * (-0.284_496_736 + t * (1.421_413_741 + t * (-1.453_152_027 + t * 1.061_405_429))));
        x * 0.5 * (1.0 + (1.0 - poly * (-z * z).exp()).copysign(z))
    }

    #[test]
    fn gelu_is_right_to_single_precision() {
        for k in -4000..4000 {
            let x = 0.005 * k as f32;
            let error = (f64::from(gelu(x)) - precise(f64::from(x))).abs();
            assert!(error < 4e-7 * f64::from(x.abs()).max(1.0), "{x}: {error}");
        }
        assert_eq!((gelu(0.0), gelu(30.0), gelu(-30.0)), (0.0, 30.0, 0.0));
    }

    #[test]
    fn exponentials_are_right_to_single_precision() {
        for k in -86_900..=86_900 {
            let x = 1e-3 * k as f32;
            let truth = f64::from(x).exp();
            assert!((f64::from(exp(x)) / truth - 1.0).abs() < 3e-7, "{x}: {} {truth}", exp(x));
            assert!((f64::from(tanh(x)) - f64::from(x).tanh()).abs() < 3e-7, "{x}");
        }
        assert_eq!((exp(0.0), exp(-1e4) < 2e-38, tanh(0.0)), (1.0, true, 0.0));
        assert!(exp(f32::NAN).is_nan() && tanh(f32::NAN).is_nan());
        assert_eq!((tanh(100.0), tanh(-100.0), sigmoid(0.0)), (1.0, -1.0, 0.5));
    }

    #[test]
    fn part_of_a_layer_gives_the_same_bits() {
        let mut tensors = Tensors::default();
        let numbers = |n: usize| (0..n).map(|k| (k as f32 * 0.7).sin()).collect::<Vec<_>>();
        tensors.insert("a.weight", &[5, 6], numbers(30));
        tensors.insert("a.bias", &[6], numbers(6));
        let whole = Dense::new(&tensors, "a", 5, 6, true).expect("fits");
        let (mut all, mut part) = ([0.0; 6], [0.0; 3]);
        let x = [0.3, -1.0, 2.0, 0.1, 0.7];
        whole.set(&x, &mut all);
        whole.outputs_of(2..5).set(&x, &mut part);
        assert_eq!(part.map(f32::to_bits), [all[2], all[3], all[4]].map(f32::to_bits));
    }
}
