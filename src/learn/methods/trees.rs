//! Boosted trees on summaries of windows, and the same on labels of other runs.

use crate::error::Result;
use crate::learn::boost::{self, Rows};
use crate::learn::folds::Fold;
use crate::learn::inputs::{Standardised, of_fold, samples};
use crate::learn::methods::Lesson;
use crate::learn::plan::Boosting;
use crate::learn::prepare::Set;
use crate::learn::random::Random;
use crate::learn::sequence::Sequence;
use crate::model::forest::Forest;
use crate::model::summary::{NUMBERS, summarise};

/// Trains; with `shuffled`, every training series carries the targets of another one.
pub fn fit(
    lesson: Lesson<'_>,
    standardised: &Standardised,
    settings: &Boosting,
    shuffled: bool,
) -> Result<Forest> {
    let Lesson { set, folds, recipe, seed } = lesson;
    let mut donor: Vec<usize> = (0..set.series.len()).collect();
    if shuffled {
        // Within a fold: validation must be as blind as training.
        for fold in [Fold::Train, Fold::Valid] {
            let members: Vec<usize> = of_fold(set, folds, &fold).collect();
            let mut drawn = members.clone();
            Random::new(seed, 0x5F1E).shuffle(&mut drawn);
            members.iter().zip(drawn).for_each(|(&k, other)| donor[k] = other);
        }
    }
    let rows = |fold: Fold| {
        let mut rows = Rows::default();
        for (k, frame) in samples(set, of_fold(set, folds, &fold), recipe.stride) {
            let summary = summary(set, standardised, (k, frame));
            rows.width = summary.channels;
            rows.x.extend(summary.inputs);
            let other = &set.series[donor[k]];
            rows.state.push(other.state.get(frame).copied().flatten());
            rows.warning.push(other.warning.get(frame).copied().flatten());
        }
        rows
    };
    boost::fit(&rows(Fold::Train), &rows(Fold::Valid), set.classes.len(), settings, seed)
}

/// The window that ends at a frame as one row.
pub fn summary(set: &Set, standardised: &Standardised, (series, frame): (usize, usize)) -> Sequence {
    let (one, sequence) = (&set.series[series], &standardised.sequences[series]);
    let start = (frame + 1).saturating_sub(set.window).max(one.first);
    let channels = sequence.channels;
    let rows = sequence.inputs[start * channels..(frame + 1) * channels].chunks_exact(channels);
    let mut inputs = Vec::with_capacity(NUMBERS * channels);
    summarise(rows, channels, &mut inputs);
    Sequence {
        channels: inputs.len(),
        inputs,
        state: vec![one.state[frame]],
        warning: vec![one.warning[frame]],
    }
}
