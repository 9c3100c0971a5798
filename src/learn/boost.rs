//! Gradient boosting of complete trees over histograms (Friedman, doi:10.1214/aos/1013203451; second
//! order as in Chen and Guestrin, doi:10.1145/2939672.2939785). Our own, small and deterministic,
//! because the fix scores with it: its trees are stored beside a network's arrays.
//!
//! Enters: rows of features with a class and a warning target each. Leaves: a [`Forest`] with one sum
//! of trees per class (softmax) and one for the warning (logistic).

use super::random::Random;
use super::settings::Boosting;
use crate::error::{Error, Result};
use crate::model::forest::{Forest, ForestSpec};
use crate::model::stream::Said;

/// Bins of a feature's histogram.
const BINS: usize = 64;

/// Rows with their targets.
#[derive(Debug, Clone, Default)]
pub struct Rows {
    /// Features per row.
    pub width: usize,
    /// Rows x features, row-major.
    pub x: Vec<f32>,
    /// Class of each row.
    pub state: Vec<Option<u8>>,
    /// Warning target of each row.
    pub warning: Vec<Option<bool>>,
}

impl Rows {
    /// Rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.state.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.state.is_empty()
    }

    /// A row's features.
    #[must_use]
    pub fn row(&self, row: usize) -> &[f32] {
        &self.x[row * self.width..(row + 1) * self.width]
    }
}

/// Features as bins, column by column.
struct Binned {
    /// Upper edge of each bin but the last, per feature.
    edges: Vec<Vec<f32>>,
    /// Columns x rows.
    bins: Vec<u8>,
    rows: usize,
}

impl Binned {
    /// Bins of equal mass.
    fn new(rows: &Rows) -> Self {
        let n = rows.len();
        let mut edges = Vec::with_capacity(rows.width);
        let mut bins = vec![0u8; n * rows.width];
        let mut column = Vec::with_capacity(n);
        for feature in 0..rows.width {
            column.clear();
            column.extend((0..n).map(|row| rows.x[row * rows.width + feature]));
            let mut sorted: Vec<f32> = column.iter().copied().filter(|x| !x.is_nan()).collect();
            sorted.sort_by(f32::total_cmp);
            let known = sorted.len();
            let mut of: Vec<f32> =
                if known > 0 { (1..BINS).map(|k| sorted[k * known / BINS]).collect() } else { Vec::new() };
            of.dedup();
            // A value above all edges of its own bin's left side; the largest value needs no edge. What is
            // undefined goes left everywhere.
            of.retain(|&edge| edge < sorted[known - 1]);
            for (slot, &value) in bins[feature * n..(feature + 1) * n].iter_mut().zip(&column) {
                *slot = of.partition_point(|&edge| edge < value) as u8;
            }
            edges.push(of);
        }
        Self { edges, bins, rows: n }
    }

    fn column(&self, feature: usize) -> &[u8] {
        &self.bins[feature * self.rows..(feature + 1) * self.rows]
    }
}

/// Fits trees; ends when the validation loss no longer falls, with the trees of its minimum.
///
/// # Errors
/// [`Error::Input`] without rows to train on.
pub fn fit(train: &Rows, valid: &Rows, classes: usize, settings: &Boosting, seed: u64) -> Result<Forest> {
    if train.is_empty() {
        return Err(Error::input("training windows", 0, "at least 1"));
    }
    let warned = train.warning.iter().any(Option::is_some);
    let outputs = classes + usize::from(warned);
    let spec = ForestSpec { depth: settings.depth, outputs, classes };
    let mut forest = Forest::new(spec, start(train, classes, outputs));
    let binned = Binned::new(train);
    let mut logits: Vec<Vec<f32>> = forest.start.iter().map(|&s| vec![s; train.len()]).collect();
    let mut held: Vec<Vec<f32>> = forest.start.iter().map(|&s| vec![s; valid.len()]).collect();
    let mut best = (f64::INFINITY, 0);
    let mut random = Random::new(seed, 0xB005);
    for round in 0..settings.rounds {
        let probabilities = probabilities(&logits, classes);
        for output in 0..outputs {
            let (mut rows, mut slopes) = (Vec::new(), Vec::new());
            for row in 0..train.len() {
                // Drawn for every row, so that a target more or less does not shift the others.
                let drawn = random.uniform() < settings.rows;
                let target = if output < classes {
                    train.state[row].map(|s| usize::from(s) == output)
                } else {
                    train.warning[row]
                };
                if let (true, Some(target)) = (drawn, target) {
                    let p = probabilities[output][row];
                    rows.push(row as u32);
                    slopes.push([p - f32::from(u8::from(target)), (p * (1.0 - p)).max(1e-6)]);
                }
            }
            let count = ((settings.features * train.width as f64).ceil() as usize).clamp(1, train.width);
            let mut features: Vec<usize> = (0..train.width).collect();
            random.shuffle(&mut features);
            features.truncate(count);
            features.sort_unstable();
            grow(&mut forest, &binned, output, &rows, &slopes, &features, settings);
            let tree = forest.output.len() - 1;
            for (rows, logits) in [(train, &mut logits), (valid, &mut held)] {
                for (row, logit) in logits[output].iter_mut().enumerate() {
                    *logit += forest.leaf[(tree << settings.depth) + forest.leaf_of(tree, rows.row(row))];
                }
            }
        }
        let loss = loss(valid, &held, classes);
        if loss < best.0 || loss.is_nan() {
            best = (loss, round + 1);
        } else if round + 1 - best.1 >= settings.patience {
            break;
        }
    }
    let trees = best.1 * outputs;
    forest.output.truncate(trees);
    forest.feature.truncate(trees * ((1 << settings.depth) - 1));
    forest.above.truncate(trees * ((1 << settings.depth) - 1));
    forest.leaf.truncate(trees << settings.depth);
    Ok(forest)
}

/// Logits of the frequencies.
fn start(train: &Rows, classes: usize, outputs: usize) -> Vec<f32> {
    let known = train.state.iter().flatten().count() as f64;
    let mut start: Vec<f32> = (0..classes)
        .map(|class| {
            let count = train.state.iter().flatten().filter(|&&s| usize::from(s) == class).count();
            (((count as f64 + 1.0) / (known + classes as f64)).ln()) as f32
        })
        .collect();
    if outputs > classes {
        let (yes, all) = (
            train.warning.iter().flatten().filter(|&&w| w).count() as f64,
            train.warning.iter().flatten().count() as f64,
        );
        start.push(((yes + 1.0) / (all - yes + 1.0)).ln() as f32);
    }
    start
}

fn probabilities(logits: &[Vec<f32>], classes: usize) -> Vec<Vec<f32>> {
    let n = logits[0].len();
    let mut result = vec![vec![0.0; n]; logits.len()];
    let mut states = vec![0.0; classes];
    for row in 0..n {
        states.iter_mut().zip(logits).for_each(|(s, l)| *s = l[row]);
        let said = Said::from_logits(&states, logits.get(classes).map(|l| l[row]));
        for (class, &p) in said.states.iter().enumerate() {
            result[class][row] = p;
        }
        if logits.len() > classes {
            result[classes][row] = said.warning;
        }
    }
    result
}

/// Mean negative log-likelihood of classes and warnings.
fn loss(rows: &Rows, logits: &[Vec<f32>], classes: usize) -> f64 {
    if rows.is_empty() {
        return f64::NAN;
    }
    let probabilities = probabilities(logits, classes);
    let (mut state, mut states, mut warning, mut warnings) = (0.0, 0.0, 0.0, 0.0_f64);
    let surprise = |p: f32| -f64::from(p.max(1e-7)).ln();
    for row in 0..rows.len() {
        if let Some(class) = rows.state[row] {
            state += surprise(probabilities[usize::from(class)][row]);
            states += 1.0;
        }
        if let (Some(target), Some(p)) = (rows.warning[row], probabilities.get(classes)) {
            warning += surprise(if target { p[row] } else { 1.0 - p[row] });
            warnings += 1.0;
        }
    }
    state / f64::max(states, 1.0) + warning / warnings.max(1.0)
}

/// Adds one tree, level by level.
fn grow(
    forest: &mut Forest,
    binned: &Binned,
    output: usize,
    rows: &[u32],
    slopes: &[[f32; 2]],
    features: &[usize],
    settings: &Boosting,
) {
    let depth = settings.depth;
    let mut node = vec![0_usize; rows.len()];
    let mut splits: Vec<(usize, f32)> = Vec::with_capacity((1 << depth) - 1);
    for level in 0..depth {
        let nodes = 1 << level;
        let mut totals = vec![[0.0f64; 2]; nodes];
        for (&at, slope) in node.iter().zip(slopes) {
            totals[at][0] += f64::from(slope[0]);
            totals[at][1] += f64::from(slope[1]);
        }
        // Gain, feature, last bin that goes left.
        let mut best = vec![(1e-9, usize::MAX, 0_usize); nodes];
        let mut histogram = vec![[0.0f64; 2]; nodes * BINS];
        for &feature in features {
            let bins = binned.edges[feature].len();
            if bins == 0 {
                continue;
            }
            histogram.fill([0.0; 2]);
            let column = binned.column(feature);
            for ((&row, &at), slope) in rows.iter().zip(&node).zip(slopes) {
                let slot = &mut histogram[at * BINS + usize::from(column[row as usize])];
                slot[0] += f64::from(slope[0]);
                slot[1] += f64::from(slope[1]);
            }
            for at in 0..nodes {
                let [g, h] = totals[at];
                let (mut left_g, mut left_h) = (0.0, 0.0);
                for bin in 0..bins {
                    left_g += histogram[at * BINS + bin][0];
                    left_h += histogram[at * BINS + bin][1];
                    let (right_g, right_h) = (g - left_g, h - left_h);
                    if left_h < settings.leaf || right_h < settings.leaf {
                        continue;
                    }
                    let gain = left_g * left_g / (left_h + settings.ridge)
                        + right_g * right_g / (right_h + settings.ridge)
                        - g * g / (h + settings.ridge);
                    if gain > best[at].0 {
                        best[at] = (gain, feature, bin);
                    }
                }
            }
        }
        for &(_, feature, bin) in &best {
            // Without a gain everything goes left.
            splits.push(if feature == usize::MAX {
                (0, f32::INFINITY)
            } else {
                (feature, binned.edges[feature][bin])
            });
        }
        for (at, &row) in node.iter_mut().zip(rows) {
            let (_, feature, bin) = best[*at];
            let right = feature != usize::MAX && usize::from(binned.column(feature)[row as usize]) > bin;
            *at = 2 * *at + usize::from(right);
        }
    }
    let mut leaves = vec![[0.0f64; 2]; 1 << depth];
    for (&at, slope) in node.iter().zip(slopes) {
        leaves[at][0] += f64::from(slope[0]);
        leaves[at][1] += f64::from(slope[1]);
    }
    forest.output.push(output);
    forest.feature.extend(splits.iter().map(|s| s.0 as u32));
    forest.above.extend(splits.iter().map(|s| s.1));
    let value = |[g, h]: [f64; 2]| (-settings.rate * g / (h + settings.ridge)) as f32;
    forest.leaf.extend(leaves.into_iter().map(value));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three classes that need two features together; the warning follows a third.
    fn rows(n: usize, seed: u64) -> Rows {
        let mut random = Random::new(seed, 9);
        let mut rows = Rows { width: 4, ..Rows::default() };
        for _ in 0..n {
            let x: Vec<f32> = (0..4).map(|_| random.normal() as f32).collect();
            let class = if x[0] * x[1] > 0.0 {
                0
            } else if x[0] > 0.0 {
                1
            } else {
                2
            };
            rows.state.push(Some(class));
            rows.warning.push((x[3] > -1.0).then_some(x[2] > 0.5));
            rows.x.extend(x);
        }
        rows
    }

    #[test]
    fn learns_an_interaction_and_a_masked_warning() {
        let settings = Boosting { rounds: 60, rate: 0.2, features: 1.0, ..Boosting::default() };
        let forest = fit(&rows(3000, 1), &rows(500, 2), 3, &settings, 1).expect("rows");
        let test = rows(500, 3);
        let (mut right, mut warned) = (0, 0);
        for row in 0..test.len() {
            let logits = forest.logits(test.row(row));
            let class = crate::learn::training::largest(&logits[..3]);
            right += usize::from(test.state[row] == Some(class as u8));
            warned += usize::from((logits[3] > 0.0) == (test.row(row)[2] > 0.5));
        }
        assert!(right > 460 && warned > 460, "{right} {warned}");
        let again = fit(&rows(3000, 1), &rows(500, 2), 3, &settings, 1).expect("rows");
        assert_eq!(forest, again, "equal seeds give equal trees");
    }

    #[test]
    fn noise_ends_early_and_near_the_frequencies() {
        let mut train = rows(600, 4);
        let mut random = Random::new(8, 8);
        train.state.iter_mut().for_each(|s| *s = Some(random.below(3) as u8));
        let mut valid = rows(300, 5);
        valid.state.iter_mut().for_each(|s| *s = Some(random.below(3) as u8));
        valid.warning.fill(None);
        train.warning.fill(None);
        let settings = Boosting { patience: 5, ..Boosting::default() };
        let forest = fit(&train, &valid, 3, &settings, 1).expect("rows");
        assert_eq!(forest.spec.outputs, 3, "no warning targets, no warning");
        assert!(forest.output.len() < 3 * 60, "{} trees", forest.output.len());
    }
}
