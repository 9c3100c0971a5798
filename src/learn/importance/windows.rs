//! Windows with their counterparts: what a model saw, and what it would have seen of a stable interface of
//! the same condition at the same time.

use crate::learn::evaluate::{On, Prepared};
use crate::learn::inputs::Standardised;
use crate::learn::random::Random;
use crate::learn::scored::Lineages;
use crate::model::stream::{Said, Stream};

/// Windows per series and stage, spread evenly.
const PER_STAGE: usize = 4;
/// Counterparts of a series at most.
pub const DONORS: usize = 5;

/// A window and its counterparts, rows of standardised channels, oldest first.
#[derive(Debug, Clone)]
pub struct Window {
    /// Position of its lineage among those that are resampled.
    pub run: usize,
    /// True state of its last frame.
    pub state: usize,
    /// What the model saw.
    pub own: Vec<f32>,
    /// The same times of stable series of the same condition, at least one.
    pub others: Vec<Vec<f32>>,
}

/// Windows of a scored fold.
#[derive(Debug, Clone)]
pub struct Windows {
    /// The windows.
    pub all: Vec<Window>,
    /// Channels per row.
    pub channels: usize,
    /// Lineages.
    pub runs: usize,
    /// Series with verdicts in the fold.
    pub series: usize,
    /// Of them, those without a stable series of the same condition: nothing can stand in for what they
    /// show, and they are left out.
    pub unmatched: usize,
}

impl Windows {
    /// Windows of the series that `on` scores. With `memory`, a model that remembers more than its window,
    /// they begin with the first frame.
    #[must_use]
    pub fn of(data: &Prepared, standardised: &Standardised, on: On, memory: bool, seed: u64) -> Self {
        let set = &data.set;
        let said = |k: usize| set.series[k].verdicts().next().is_some();
        let stable: Vec<usize> = (0..set.series.len())
            .filter(|&k| {
                let one = &set.series[k];
                on.shows(&data.folds[k]) && one.event_ps.is_none() && one.onset_ps.is_none() && said(k)
            })
            .collect();
        let mut random = Random::new(seed, 0x0CC1);
        let mut runs = Lineages::default();
        let mut found = Self {
            all: Vec::new(),
            channels: standardised.scaler.channels(),
            runs: 0,
            series: 0,
            unmatched: 0,
        };
        for k in (0..set.series.len()).filter(|&k| on.scores(&data.folds[k]) && said(k)) {
            let series = &set.series[k];
            found.series += 1;
            // The other interface of the same cell is no stranger.
            let matches = |d: &usize| {
                set.series[*d].lineage != series.lineage && set.series[*d].stratum() == series.stratum()
            };
            let mut donors: Vec<usize> = stable.iter().copied().filter(matches).collect();
            random.shuffle(&mut donors);
            donors.truncate(DONORS);
            if donors.is_empty() {
                found.unmatched += 1;
                continue;
            }
            let run = runs.place(&series.lineage);
            for state in 0..set.classes.len() {
                let is = |frame: &usize| series.state[*frame].map(usize::from) == Some(state);
                let frames: Vec<usize> = series.verdicts().filter(is).collect();
                for frame in spread(&frames) {
                    let start = if memory {
                        series.first
                    } else {
                        (frame + 1).saturating_sub(set.window).max(series.first)
                    };
                    let cut = |k: usize, from: usize, to: usize| {
                        let sequence = &standardised.sequences[k];
                        // A stable series that ends earlier goes on as it ended.
                        let rows = (from..to).map(|frame| frame.min(sequence.frames() - 1));
                        rows.flat_map(|f| {
                            &sequence.inputs[f * sequence.channels..(f + 1) * sequence.channels]
                        })
                        .copied()
                        .collect::<Vec<f32>>()
                    };
                    let others = donors.iter().map(|&d| {
                        let shift = |frame: usize| frame - series.first + set.series[d].first;
                        cut(d, shift(start), shift(frame + 1))
                    });
                    let others = others.collect();
                    found.all.push(Window { run, state, own: cut(k, start, frame + 1), others });
                }
            }
        }
        found.runs = runs.count();
        found
    }

    /// Lineages of the windows that `of` chooses.
    pub fn lineages(&self, of: impl Fn(&Window) -> bool) -> usize {
        let runs = self.all.iter().filter(|window| of(window)).map(|window| window.run);
        runs.collect::<std::collections::BTreeSet<usize>>().len()
    }
}

/// At most [`PER_STAGE`] of some frames, evenly.
fn spread(frames: &[usize]) -> Vec<usize> {
    let count = frames.len().min(PER_STAGE);
    (0..count).map(|k| frames[(2 * k + 1) * frames.len() / (2 * count)]).collect()
}

/// What a model says of rows that it has not seen before.
pub fn say(stream: &mut dyn Stream, rows: &[f32], channels: usize) -> Said {
    stream.reset();
    rows.chunks_exact(channels).for_each(|row| stream.push(row));
    stream.say()
}

/// Rows with the masked channels taken from others.
#[must_use]
pub fn replaced(own: &[f32], other: &[f32], mask: &[bool]) -> Vec<f32> {
    own.iter().zip(other).zip(mask.iter().cycle()).map(|((a, b), &hide)| if hide { *b } else { *a }).collect()
}

/// Channels of columns that `hides` names; channels repeat the columns, levels first, then shifts.
#[must_use]
pub fn mask(standardised: &Standardised, hides: impl Fn(&String) -> bool) -> Vec<bool> {
    let columns = standardised.columns.iter().map(hides).collect::<Vec<bool>>();
    columns.iter().copied().cycle().take(standardised.scaler.channels()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masked_channels_come_from_the_other_window() {
        let (own, other) = ([1.0, 2.0, 3.0, 4.0], [10.0, 20.0, 30.0, 40.0]);
        assert_eq!(replaced(&own, &other, &[false, true]), [1.0, 20.0, 3.0, 40.0]);
    }

    #[test]
    fn frames_are_spread_over_the_stage() {
        assert_eq!(spread(&[]), [0_usize; 0]);
        assert_eq!(spread(&[7, 8]), [7, 8]);
        assert_eq!(spread(&(0..80).collect::<Vec<_>>()), [10, 30, 50, 70]);
    }
}
