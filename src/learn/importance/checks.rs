//! Whether a map of importance says something about the model: deleting and inserting in its order
//! (Petsiuk et al., arXiv:1806.07421), maps of random weights (Adebayo et al., arXiv:1810.03292), maps of
//! other training seeds.

use serde::Serialize;

use super::occlusion::{map, spread};
use super::windows::{Windows, mask, replaced, say};
use crate::error::Result;
use crate::learn::correlation::{Group, spearman};
use crate::learn::inputs::Standardised;
use crate::learn::random::Random;
use crate::learn::score::bootstrap::{Interval, resamples};
use crate::model::Model;
use crate::model::stream::{Stream, stream};

/// Windows that are deleted from and inserted into, at most.
const WINDOWS: usize = 120;
/// Random orders per window.
const ORDERS: usize = 3;
/// Draws of random weights.
const DRAWS: u64 = 5;

/// Areas under the curve of the true state's probability over the share of groups deleted or inserted.
#[derive(Debug, Clone, Serialize)]
pub struct Deletion {
    /// Windows, of reconstructing and unstable interfaces with two counterparts or more.
    pub windows: usize,
    /// Deleting the most important first: low is good.
    pub deletion: Interval,
    /// Random order minus that: above 0 is good.
    pub deletion_gain: Interval,
    /// Inserting the most important first into a stable window: high is good.
    pub insertion: Interval,
    /// That minus random order: above 0 is good.
    pub insertion_gain: Interval,
}

/// Deletion and insertion. One counterpart ranks the groups of each window, another one stands in for what
/// is deleted.
pub fn deletion(
    stream: &mut dyn Stream,
    windows: &Windows,
    standardised: &Standardised,
    groups: &[Group],
    draws: usize,
) -> Option<Deletion> {
    let masks: Vec<Vec<bool>> =
        groups.iter().map(|group| mask(standardised, |column| group.columns.contains(column))).collect();
    let mut random = Random::new(1, 0xDE1E);
    let mut chosen: Vec<_> = windows.all.iter().filter(|w| w.state > 0 && w.others.len() > 1).collect();
    random.shuffle(&mut chosen);
    chosen.truncate(WINDOWS);
    if chosen.is_empty() || groups.len() < 2 {
        return None;
    }
    // Per window: its run, and areas of [deletion, insertion] in the map's and in random order.
    let mut areas: Vec<(usize, [f64; 2], [f64; 2])> = Vec::new();
    for window in &chosen {
        let mut p = |rows: &[f32]| f64::from(say(stream, rows, windows.channels).states[window.state]);
        let hidden: Vec<f64> =
            masks.iter().map(|mask| p(&replaced(&window.own, &window.others[0], mask))).collect();
        let mut order: Vec<usize> = (0..groups.len()).collect();
        order.sort_by(|&a, &b| hidden[a].total_cmp(&hidden[b]));
        let other = &window.others[1];
        let mut area = |order: &[usize]| {
            let walk = |from: &[f32], to: &[f32], p: &mut dyn FnMut(&[f32]) -> f64| {
                let mut rows = from.to_vec();
                let mut sum = 0.0;
                for &group in order {
                    rows = replaced(&rows, to, &masks[group]);
                    sum += p(&rows);
                }
                sum / order.len() as f64
            };
            [walk(&window.own, other, &mut p), walk(other, &window.own, &mut p)]
        };
        let ranked = area(&order);
        let mut shuffled = [0.0; 2];
        for _ in 0..ORDERS {
            random.shuffle(&mut order);
            let found = area(&order);
            shuffled.iter_mut().zip(found).for_each(|(s, a)| *s += a / ORDERS as f64);
        }
        areas.push((window.run, ranked, shuffled));
    }
    let drawn = resamples(windows.runs, draws, 1);
    let lineages = areas.iter().map(|(run, ..)| run).collect::<std::collections::BTreeSet<_>>().len();
    let of = |value: fn(&[f64; 2], &[f64; 2]) -> f64| {
        spread(&drawn, lineages, windows.runs, &|weights| {
            let (sum, total) = areas.iter().fold((0.0, 0.0), |(sum, total), (run, ranked, random)| {
                (sum + weights[*run] * value(ranked, random), total + weights[*run])
            });
            sum / total
        })
    };
    Some(Deletion {
        windows: areas.len(),
        deletion: of(|ranked, _| ranked[0]),
        deletion_gain: of(|ranked, random| random[0] - ranked[0]),
        insertion: of(|ranked, _| ranked[1]),
        insertion_gain: of(|ranked, random| ranked[1] - random[1]),
    })
}

/// Rank correlations (Spearman) of maps over groups of descriptors, each with the model's own.
#[derive(Debug, Clone, Serialize)]
pub struct Stability {
    /// The same model with other counterparts: as alike as maps can be.
    #[serde(with = "crate::stream::nan")]
    pub repeated: f64,
    /// The model with every array of weights shuffled within itself, one per draw: should be near 0.
    pub random_weights: Vec<Option<f64>>,
    /// The same method trained with other seeds.
    pub seeds: Vec<Option<f64>>,
}

/// Compares the map of the first of a method's models with maps that should and should not be like it.
///
/// # Errors
/// What streams of the models return.
pub fn stability(
    models: &[Model],
    windows: &Windows,
    standardised: &Standardised,
    groups: &[Group],
) -> Result<Option<Stability>> {
    let Some((first, others)) = models.split_first() else { return Ok(None) };
    if !windows.all.iter().any(|window| window.state > 0) {
        return Ok(None);
    }
    let map_of = |model: &Model, donor: usize| -> Result<Vec<f64>> {
        Ok(map(stream(model)?.as_mut(), windows, standardised, groups, donor))
    };
    let own = map_of(first, 0)?;
    let defined = |value: f64| value.is_finite().then_some(value);
    let random_weights = (1..=DRAWS)
        .map(|seed| Ok(defined(spearman(&own, &map_of(&randomised(first, seed), 0)?))))
        .collect::<Result<_>>()?;
    let seeds =
        others.iter().map(|model| Ok(defined(spearman(&own, &map_of(model, 0)?)))).collect::<Result<_>>()?;
    Ok(Some(Stability { repeated: spearman(&own, &map_of(first, 1)?), random_weights, seeds }))
}

/// The model with the values of each array in random order: what it has learned is gone, and the
/// distribution of its weights is not.
fn randomised(model: &Model, seed: u64) -> Model {
    let mut model = model.clone();
    for (number, (_, array)) in
        model.tensors.0.iter_mut().filter(|(name, _)| !name.starts_with("scaler.")).enumerate()
    {
        Random::new(seed, 0x4A2D + number as u64).shuffle(&mut array.data);
    }
    model
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::importance::windows::Window;
    use crate::model::scaler::Scaler;
    use crate::model::spec::Inputs;
    use crate::model::stream::Logits;

    /// Says class 1 by the last row, 4 x first channel + second channel - 2; the third means nothing.
    struct Linear(Vec<f32>);

    impl Stream for Linear {
        fn reset(&mut self) {
            self.0.clear();
        }

        fn push(&mut self, row: &[f32]) {
            self.0 = row.to_vec();
        }

        fn logits(&mut self) -> Logits {
            Logits { states: vec![0.0, 4.0 * self.0[0] + self.0[1] - 2.0], warning: None }
        }
    }

    fn windows() -> Windows {
        let window = |run: usize| Window {
            run,
            state: 1,
            own: vec![0.0, 0.0, 0.0, 1.0, 1.0, 0.1 * run as f32],
            others: vec![vec![0.0; 6], vec![0.0; 6]],
        };
        Windows { all: (0..6).map(window).collect(), channels: 3, runs: 6, series: 6, unmatched: 0 }
    }

    fn standardised() -> (Standardised, Vec<Group>) {
        let columns: Vec<String> = ["a", "b", "c"].map(str::to_owned).to_vec();
        let groups = columns.iter().map(|c| Group { name: c.clone(), columns: vec![c.clone()] }).collect();
        let scaler = Scaler { inputs: Inputs::Level, level: vec![[0.0, 1.0]; 3], shift: vec![1.0; 3] };
        (Standardised { columns, scaler, sequences: Vec::new() }, groups)
    }

    #[test]
    fn the_order_of_importance_beats_random_order() {
        let (standardised, groups) = standardised();
        let found =
            deletion(&mut Linear(Vec::new()), &windows(), &standardised, &groups, 50).expect("windows");
        assert_eq!(found.windows, 6);
        assert!(found.deletion_gain.low > 0.0, "{found:?}");
        assert!(found.insertion_gain.low > 0.0 && found.insertion.value > found.deletion.value);
    }

    #[test]
    fn the_map_knows_what_counts() {
        let (standardised, groups) = standardised();
        let map = map(&mut Linear(Vec::new()), &windows(), &standardised, &groups, 0);
        assert!(map[0] > map[1] && map[1] > 0.01 && map[2] == 0.0, "{map:?}");
    }

    #[test]
    fn random_weights_are_the_same_numbers_elsewhere() {
        for model in crate::model::detector::tests::models() {
            let other = randomised(&model, 1);
            assert_ne!(other.tensors, model.tensors);
            for (name, array) in &model.tensors.0 {
                let sorted = |data: &[f32]| {
                    let mut data = data.to_vec();
                    data.sort_by(f32::total_cmp);
                    data
                };
                assert_eq!(sorted(&array.data), sorted(&other.tensors.0[name].data), "{name}");
            }
            stream(&other).expect("still a model");
        }
    }
}
