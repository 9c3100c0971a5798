//! Networks: whole series for encoders that read frame by frame, windows for attention, summaries for
//! the perceptron.

use std::path::Path;

use crate::error::Result;
use crate::learn::folds::Fold;
use crate::learn::inputs::{Standardised, of_fold, samples, whole, windows};
use crate::learn::methods::Lesson;
use crate::learn::methods::trees::summary;
use crate::learn::network::fit::{self, Part};
use crate::learn::plan::Method;
use crate::learn::sequence::Stretch;
use crate::learn::training::{Epoch, Observer, Training};
use crate::model::spec::{EncoderSpec, NetworkSpec};
use crate::model::summary::NUMBERS;
use crate::model::tensors::Tensors;

/// Trains; gives parameters, network, epochs and whether training came to its end.
pub fn fit(
    lesson: Lesson<'_>,
    standardised: &Standardised,
    checkpoint: Option<(&Path, &str)>,
    observer: &mut dyn Observer,
) -> Result<(Tensors, NetworkSpec, Vec<Epoch>, bool)> {
    let Lesson { set, folds, recipe, seed } = lesson;
    let Method::Network { model, projection, readout } = &recipe.method else {
        return Err(super::nothing("network"));
    };
    let training = Training { seed, ..recipe.training.clone() };
    let summarised = matches!(model, EncoderSpec::Mlp { .. });
    let spec = NetworkSpec {
        encoder: model.clone(),
        channels: standardised.scaler.channels() * if summarised { NUMBERS } else { 1 },
        projection: *projection,
        classes: set.classes.len(),
        warning: set.series.iter().any(|s| s.warning.iter().any(Option::is_some)),
        readout: *readout,
        dropout: training.dropout,
    };
    let summaries;
    let (sequences, parts) = if summarised {
        let parts =
            [Fold::Train, Fold::Valid].map(|fold| samples(set, of_fold(set, folds, &fold), recipe.stride));
        let first = parts[0].len();
        summaries = parts.iter().flatten().map(|&at| summary(set, standardised, at)).collect::<Vec<_>>();
        let single = |k| Stretch { sequence: k, start: 0, from: 0, end: 1 };
        let stretches = [0..first, first..summaries.len()].map(|range| range.map(single).collect::<Vec<_>>());
        (&summaries, stretches)
    } else {
        let stretches = [Fold::Train, Fold::Valid].map(|fold| {
            let series = of_fold(set, folds, &fold);
            if matches!(model, EncoderSpec::Transformer { .. }) {
                windows(set, series)
            } else {
                whole(set, series)
            }
        });
        (&standardised.sequences, stretches)
    };
    let [train, valid] = &parts;
    let fitted = fit::fit(
        &spec,
        &training,
        Part { sequences, stretches: train },
        Part { sequences, stretches: valid },
        checkpoint,
        observer,
    )?;
    Ok((fitted.tensors, spec, fitted.history, fitted.finished))
}
