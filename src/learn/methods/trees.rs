//! Boosted trees on summaries of windows, and the same on labels of other runs.

use std::collections::BTreeMap;

use crate::error::Result;
use crate::learn::boost::{self, Rows};
use crate::learn::folds::Fold;
use crate::learn::inputs::{Standardised, of_fold, samples};
use crate::learn::methods::Lesson;
use crate::learn::prepare::Set;
use crate::learn::random::Random;
use crate::learn::sequence::Sequence;
use crate::learn::settings::Boosting;
use crate::model::forest::Forest;
use crate::model::summary::{NUMBERS, summarise};

/// Trains; with `shuffled`, every training series carries the targets of another one, from another time on.
pub fn fit(
    lesson: Lesson<'_>,
    standardised: &Standardised,
    settings: &Boosting,
    shuffled: bool,
) -> Result<Forest> {
    let Lesson { set, folds, recipe, seed } = lesson;
    // Series and verdicts that their targets are taken from; within a fold, as validation must be as blind
    // as training.
    let mut loans = BTreeMap::new();
    if shuffled {
        for fold in [Fold::Train, Fold::Valid] {
            let members: Vec<usize> = of_fold(set, folds, &fold).collect();
            loans.extend(borrowed(set, &members, &mut Random::new(seed, 0x5F1E)));
        }
    }
    let rows = |fold: Fold| {
        let mut rows = Rows::default();
        for (k, frame) in samples(set, of_fold(set, folds, &fold), recipe.stride) {
            let summary = summary(set, standardised, (k, frame));
            rows.width = summary.channels;
            rows.x.extend(summary.inputs);
            let (other, frame) = loans.get(&k).map_or((k, frame), |loan| loan.from(set, k, frame));
            rows.state.push(set.series[other].state[frame]);
            rows.warning.push(set.series[other].warning[frame]);
        }
        rows
    };
    boost::fit(&rows(Fold::Train), &rows(Fold::Valid), set.classes.len(), settings, seed)
}

/// Whose targets a series carries, and by how many verdicts they are turned round in time.
struct Loan {
    donor: usize,
    turn: usize,
}

impl Loan {
    /// Series and frame that give the target of series `k` at `frame`, one of its verdicts.
    fn from(&self, set: &Set, k: usize, frame: usize) -> (usize, usize) {
        let number = set.series[k].verdicts().take_while(|&f| f < frame).count();
        let frames: Vec<usize> = set.series[self.donor].verdicts().collect();
        (self.donor, frames[(number + self.turn) % frames.len()])
    }
}

/// A derangement: no series keeps its own targets, nor gets those of its lineage unless that is more than
/// half of all. The turn in time takes away what the mere place in a run tells.
fn borrowed(set: &Set, members: &[usize], random: &mut Random) -> BTreeMap<usize, Loan> {
    let mut lineages: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for &k in members {
        lineages.entry(&set.series[k].lineage).or_default().push(k);
    }
    let mut groups: Vec<Vec<usize>> = lineages.into_values().collect();
    groups.iter_mut().for_each(|group| random.shuffle(group));
    random.shuffle(&mut groups);
    // Lineages in a row, each series takes from the one as many places on as the largest lineage has.
    let step = groups.iter().map(Vec::len).max().unwrap_or(0);
    let order: Vec<usize> = groups.into_iter().flatten().collect();
    let loan = |place: usize, random: &mut Random| {
        let donor = order[(place + step) % order.len()];
        let count = set.series[donor].verdicts().count();
        // At least a quarter of the run away from where it was, where there is room.
        let turn = (count / 4 + random.below((count / 2).max(1))) % count;
        Loan { donor, turn }
    };
    (0..order.len()).map(|place| (order[place], loan(place, random))).collect()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::target::Horizon;
    use crate::learn::replicas::tests::series;

    #[test]
    fn shuffled_targets_come_from_other_lineages_and_other_times() {
        // Lineages of one, two and three series.
        let names = ["a", "b", "b", "c", "c", "c", "d", "e"];
        let all = names.iter().enumerate().map(|(k, lineage)| series(&format!("run{k}"), lineage, None));
        let set = Set {
            columns: vec!["x".into()],
            classes: ["stable", "reconstructing", "unstable"].map(str::to_owned).to_vec(),
            series: all.collect(),
            window: 8,
            every: 1,
            sample_ps: 1.0,
            settings: None,
            horizon: Horizon::default(),
            hash: String::new(),
        };
        let members: Vec<usize> = (0..names.len()).collect();
        for seed in 1..20 {
            let loans = borrowed(&set, &members, &mut Random::new(seed, 1));
            let mut donors: Vec<usize> = loans.values().map(|loan| loan.donor).collect();
            donors.sort_unstable();
            assert_eq!(donors, members, "everyone gives once");
            for (&k, loan) in &loans {
                assert_ne!(names[k], names[loan.donor], "seed {seed}");
                let moved = loan.from(&set, k, 20).1.abs_diff(20);
                assert!((15..=45).contains(&moved), "{moved} of 60 frames");
            }
        }
    }
}
