//! State detection: confusion matrix, accuracy, macro-F1.

use serde::Serialize;

/// Counts, truth x prediction.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Confusion {
    /// `counts[truth][prediction]`.
    pub counts: Vec<Vec<f64>>,
}

impl Confusion {
    /// No counts of `classes` classes.
    #[must_use]
    pub fn new(classes: usize) -> Self {
        Self { counts: vec![vec![0.0; classes]; classes] }
    }

    /// Counts one.
    pub fn add(&mut self, truth: usize, prediction: usize) {
        self.counts[truth][prediction] += 1.0;
    }

    /// Adds another matrix `times` times.
    pub fn merge(&mut self, other: &Self, times: f64) {
        for (row, more) in self.counts.iter_mut().zip(&other.counts) {
            for (count, more) in row.iter_mut().zip(more) {
                *count += times * more;
            }
        }
    }

    /// Share of right predictions; NaN without any.
    #[must_use]
    pub fn accuracy(&self) -> f64 {
        let right: f64 = (0..self.counts.len()).map(|k| self.counts[k][k]).sum();
        right / self.counts.iter().flatten().sum::<f64>()
    }

    /// F1 of a class, 2 TP / (2 TP + FP + FN); `None` where the class neither occurs nor is predicted.
    #[must_use]
    pub fn f1(&self, class: usize) -> Option<f64> {
        let right = self.counts[class][class];
        let occurs: f64 = self.counts[class].iter().sum();
        let predicted: f64 = self.counts.iter().map(|row| row[class]).sum();
        (occurs + predicted > 0.0).then(|| 2.0 * right / (occurs + predicted))
    }

    /// Mean F1 over given classes; NaN where one of them does not occur. Of fixed classes, so that resamples
    /// and methods are measured alike: what is taken for a class that never occurs is missed elsewhere.
    #[must_use]
    pub fn macro_f1_of(&self, classes: &[usize]) -> f64 {
        let f1 = |class: &usize| {
            let occurs: f64 = self.counts[*class].iter().sum();
            self.f1(*class).filter(|_| occurs > 0.0).unwrap_or(f64::NAN)
        };
        classes.iter().map(f1).sum::<f64>() / classes.len() as f64
    }

    /// Mean F1 over the classes that occur or are predicted; NaN without any.
    #[must_use]
    pub fn macro_f1(&self) -> f64 {
        let f1s: Vec<f64> = (0..self.counts.len()).filter_map(|class| self.f1(class)).collect();
        f1s.iter().sum::<f64>() / f1s.len() as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_counted_by_hand() {
        let mut confusion = Confusion::new(3);
        for (truth, prediction) in [(0, 0), (0, 0), (0, 1), (1, 1), (1, 0), (1, 1)] {
            confusion.add(truth, prediction);
        }
        assert!((confusion.accuracy() - 4.0 / 6.0).abs() < 1e-12);
        // Class 0: TP 2, FP 1, FN 1. Class 1: TP 2, FP 1, FN 1. Class 2 does not occur.
        assert_eq!(confusion.f1(0), Some(4.0 / 6.0));
        assert_eq!(confusion.f1(2), None);
        assert!((confusion.macro_f1() - 2.0 / 3.0).abs() < 1e-12);
        confusion.add(0, 2);
        assert_eq!(confusion.f1(2), Some(0.0), "predicted though it does not occur");
        // Class 0: TP 2, FP 1, FN 2.
        assert!((confusion.macro_f1_of(&[0, 1]) - 0.5 * (4.0 / 7.0 + 4.0 / 6.0)).abs() < 1e-12);
        assert!(confusion.macro_f1_of(&[0, 2]).is_nan() && confusion.macro_f1_of(&[]).is_nan());
    }
}
