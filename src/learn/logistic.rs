//! Multinomial logistic regression on few features: turns a score into probabilities, so that methods
//! that only rank can be compared with those that classify.

use super::boost::Rows;
use crate::model::stream::Said;

/// A fitted regression.
#[derive(Debug, Clone, PartialEq)]
pub struct Logistic {
    mean: Vec<f32>,
    deviation: Vec<f32>,
    /// Outputs x (features + 1).
    weights: Vec<Vec<f64>>,
    classes: usize,
}

const STEPS: usize = 400;

impl Logistic {
    /// Fits by gradient descent with momentum on standardised features; a weak penalty keeps separable
    /// data finite.
    #[must_use]
    pub fn fit(rows: &Rows, classes: usize) -> Self {
        let (n, width) = (rows.len().max(1) as f32, rows.width);
        let mut mean = vec![0.0; width];
        let mut deviation = vec![0.0; width];
        for row in 0..rows.len() {
            mean.iter_mut().zip(rows.row(row)).for_each(|(m, x)| *m += x / n);
        }
        for row in 0..rows.len() {
            for k in 0..width {
                deviation[k] += (rows.row(row)[k] - mean[k]).powi(2) / n;
            }
        }
        deviation.iter_mut().for_each(|d: &mut f32| *d = if *d > 1e-12 { d.sqrt() } else { 1.0 });
        let warned = rows.warning.iter().any(Option::is_some);
        let outputs = classes + usize::from(warned);
        let mut fitted = Self { mean, deviation, weights: vec![vec![0.0; width + 1]; outputs], classes };
        let known = rows.state.iter().flatten().count().max(1) as f64;
        let asked = rows.warning.iter().flatten().count().max(1) as f64;
        let mut speed = fitted.weights.clone();
        for _ in 0..STEPS {
            let mut slope: Vec<Vec<f64>> =
                fitted.weights.iter().map(|w| w.iter().map(|v| 1e-4 * v).collect()).collect();
            for row in 0..rows.len() {
                let x = fitted.standard(rows.row(row));
                let said = fitted.say_standard(&x);
                let mut add = |output: usize, error: f64| {
                    slope[output].iter_mut().zip(&x).for_each(|(s, x)| *s += error * x);
                };
                if let Some(state) = rows.state[row] {
                    for (class, p) in said.states.iter().enumerate() {
                        let target = f64::from(u8::from(usize::from(state) == class));
                        add(class, (f64::from(*p) - target) / known);
                    }
                }
                if let Some(target) = rows.warning[row] {
                    add(classes, (f64::from(said.warning) - f64::from(u8::from(target))) / asked);
                }
            }
            for ((weights, speed), slope) in fitted.weights.iter_mut().zip(&mut speed).zip(&slope) {
                for ((w, v), s) in weights.iter_mut().zip(speed).zip(slope) {
                    *v = 0.9 * *v - 0.3 * s;
                    *w += *v;
                }
            }
        }
        fitted
    }

    /// Probabilities for a row.
    #[must_use]
    pub fn say(&self, row: &[f32]) -> Said {
        self.say_standard(&self.standard(row))
    }

    /// Standardised features and a one.
    fn standard(&self, row: &[f32]) -> Vec<f64> {
        let mut x: Vec<f64> = row
            .iter()
            .zip(&self.mean)
            .zip(&self.deviation)
            .map(|((x, m), d)| f64::from((x - m) / d).clamp(-20.0, 20.0))
            .collect();
        x.push(1.0);
        x
    }

    fn say_standard(&self, x: &[f64]) -> Said {
        let logits: Vec<f32> =
            self.weights.iter().map(|w| w.iter().zip(x).map(|(w, x)| w * x).sum::<f64>() as f32).collect();
        Said::from_logits(&logits[..self.classes], logits.get(self.classes).copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::random::Random;

    #[test]
    fn recovers_the_chance_at_a_score() {
        let mut random = Random::new(2, 2);
        let mut rows = Rows { width: 1, ..Rows::default() };
        for _ in 0..4000 {
            let x = random.normal();
            let yes = random.uniform() < 1.0 / (1.0 + (-(1.5 * x - 0.5)).exp());
            rows.x.push(x as f32);
            rows.state.push(Some(u8::from(yes)));
            rows.warning.push(Some(yes));
        }
        let fitted = Logistic::fit(&rows, 2);
        for x in [-1.0f32, 0.0, 1.0] {
            let truth = 1.0 / (1.0 + (-(1.5 * x - 0.5)).exp());
            let said = fitted.say(&[x]);
            assert!((said.warning - truth).abs() < 0.05, "{x}: {} {truth}", said.warning);
            assert!((said.states[1] - truth).abs() < 0.05);
        }
    }
}
