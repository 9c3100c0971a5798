//! Support vectors on single frames (linfa): the paper's static baseline.
//!
//! One machine per class against the rest and one for the warning, radial kernel, on a random part of
//! the training frames. Margins become probabilities by a logistic regression on validation frames
//! (Platt).

use linfa::prelude::{DatasetBase, Fit};
use linfa_svm::Svm as Machine;
use ndarray_linfa::{Array1, Array2};

use crate::error::{Error, Result};
use crate::learn::boost::Rows;
use crate::learn::folds::Fold;
use crate::learn::inputs::{Standardised, of_fold, samples};
use crate::learn::logistic::Logistic;
use crate::learn::methods::Lesson;
use crate::learn::prepare::Prepared;
use crate::learn::random::Random;
use crate::learn::sequence::Sequence;
use crate::learn::settings::Svm;
use crate::model::stream::Said;

/// All machines.
pub struct Support {
    machines: Vec<Machine<f64, bool>>,
    logistic: Logistic,
}

/// Trains.
pub fn fit(lesson: Lesson<'_>, standardised: &Standardised, settings: &Svm) -> Result<Support> {
    let Lesson { set, folds, seed, .. } = lesson;
    let classes = set.classes.len();
    let mut drawn = samples(set, of_fold(set, folds, &Fold::Train), 1);
    Random::new(seed, 0x57A7).shuffle(&mut drawn);
    let channels = standardised.scaler.channels();
    let row =
        |k: usize, frame: usize| &standardised.sequences[k].inputs[frame * channels..(frame + 1) * channels];
    let mut machines = Vec::new();
    for output in 0..=classes {
        let mut x = Vec::new();
        let mut y = Vec::new();
        for &(k, frame) in &drawn {
            let one = &set.series[k];
            let target = if output < classes {
                one.state[frame].map(|s| usize::from(s) == output)
            } else {
                one.warning[frame]
            };
            if let Some(target) = target
                && y.len() < settings.frames
            {
                x.extend(row(k, frame).iter().map(|&v| f64::from(v)));
                y.push(target);
            }
        }
        let positives = y.iter().filter(|&&t| t).count();
        if positives == 0 || positives == y.len() {
            if output == classes {
                continue;
            }
            return Err(super::nothing("training frames of a class"));
        }
        let x = Array2::from_shape_vec((y.len(), channels), x)
            .map_err(|error| Error::Limit(error.to_string()))?;
        // Errors on the rarer side cost more, by the square root of the imbalance.
        let balance = ((y.len() - positives) as f64 / positives as f64).sqrt();
        let machine = Machine::<f64, bool>::params()
            .pos_neg_weights(settings.cost * balance, settings.cost)
            .gaussian_kernel(settings.width * channels as f64)
            .fit(&DatasetBase::new(x, Array1::from(y)))
            .map_err(|error| Error::Limit(format!("support vectors: {error}")))?;
        machines.push(machine);
    }
    let mut support = Support { machines, logistic: Logistic::fit(&Rows::default(), classes) };
    let mut rows = Rows { width: support.machines.len(), ..Rows::default() };
    for (k, frame) in samples(set, of_fold(set, folds, &Fold::Valid), lesson.recipe.stride) {
        rows.x.extend(support.margins(row(k, frame)));
        rows.state.push(set.series[k].state[frame]);
        rows.warning.push(set.series[k].warning[frame]);
    }
    support.logistic = Logistic::fit(&rows, classes);
    Ok(support)
}

impl Support {
    fn margins(&self, row: &[f32]) -> Vec<f32> {
        let sample: Array1<f64> = row.iter().map(|&v| f64::from(v)).collect();
        self.machines.iter().map(|m| (m.weighted_sum(&sample) - m.rho) as f32).collect()
    }

    /// What is said at the judged frames of a series.
    pub fn say(&self, sequence: &Sequence, series: &Prepared) -> Vec<Said> {
        let row = |frame: usize| &sequence.inputs[frame * sequence.channels..(frame + 1) * sequence.channels];
        series.verdicts().map(|frame| self.logistic.say(&self.margins(row(frame)))).collect()
    }
}
