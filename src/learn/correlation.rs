//! Rank correlation (Spearman, doi:10.2307/1412159), and descriptors that go together.

use super::folds::Fold;
use super::inputs::of_fold;
use super::plan::parent_of;
use super::prepare::Set;

/// Above this, two descriptors are taken for one.
pub const KIN: f64 = 0.9;

/// Ranks, ties sharing their mean.
#[must_use]
pub fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut start = 0;
    for tied in order.chunk_by(|&a, &b| values[a] == values[b]) {
        let rank = start as f64 + 0.5 * (tied.len() - 1) as f64;
        tied.iter().for_each(|&k| ranks[k] = rank);
        start += tied.len();
    }
    ranks
}

/// Correlation of ranks over the places where both are defined; NaN where one does not vary.
///
/// # Panics
/// If the lengths differ.
#[must_use]
pub fn spearman(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len(), "pairs");
    let (a, b): (Vec<f64>, Vec<f64>) =
        a.iter().zip(b).filter(|(a, b)| a.is_finite() && b.is_finite()).unzip();
    let (a, b) = (ranks(&a), ranks(&b));
    // Ranks with shared ties keep their mean.
    let middle = 0.5 * (a.len() as f64 - 1.0);
    let product =
        |x: &[f64], y: &[f64]| -> f64 { x.iter().zip(y).map(|(x, y)| (x - middle) * (y - middle)).sum() };
    product(&a, &b) / (product(&a, &a) * product(&b, &b)).sqrt()
}

/// Columns that are hidden together.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Group {
    /// Descriptors, joined by a plus.
    pub name: String,
    /// Columns: the descriptors' own and the channels made of them.
    pub columns: Vec<String>,
}

/// Values of a column at every `stride`-th verdict of the training series.
#[must_use]
pub fn training_values(set: &Set, folds: &[Fold], column: usize, stride: usize) -> Vec<f64> {
    of_fold(set, folds, &Fold::Train)
        .flat_map(|k| {
            let one = &set.series[k];
            one.verdicts().step_by(stride).map(move |frame| f64::from(one.row(frame)[column]))
        })
        .collect()
}

/// Groups of `columns`: a descriptor with its channels, and descriptors together that correlate by more than
/// [`KIN`] in either direction over the training series, directly or through others.
#[must_use]
pub fn groups(set: &Set, folds: &[Fold], columns: &[String]) -> Vec<Group> {
    let head = |column: &String| parent_of(column).map_or_else(|| column.clone(), str::to_owned);
    let mut heads: Vec<String> = columns.iter().map(head).collect();
    let mut seen = std::collections::BTreeSet::new();
    heads.retain(|name| seen.insert(name.clone()));
    let total = of_fold(set, folds, &Fold::Train).map(|k| set.series[k].verdicts().count()).sum::<usize>();
    let stride = total.div_ceil(4000).max(1);
    let values: Vec<Vec<f64>> = heads
        .iter()
        .map(|name| {
            let place = set.columns.iter().position(|column| column == name);
            place.map_or_else(Vec::new, |place| training_values(set, folds, place, stride))
        })
        .collect();
    let mut of: Vec<usize> = (0..heads.len()).collect();
    for a in 0..heads.len() {
        for b in a + 1..heads.len() {
            if of[a] != of[b] && spearman(&values[a], &values[b]).abs() > KIN {
                let (kept, merged) = (of[a].min(of[b]), of[a].max(of[b]));
                of.iter_mut().filter(|group| **group == merged).for_each(|group| *group = kept);
            }
        }
    }
    (0..heads.len())
        .filter(|&first| of[first] == first)
        .map(|first| {
            let members: Vec<&str> =
                (0..heads.len()).filter(|&k| of[k] == first).map(|k| heads[k].as_str()).collect();
            let mine = |column: &&String| members.contains(&head(column).as_str());
            Group { name: members.join(" + "), columns: columns.iter().filter(mine).cloned().collect() }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_and_correlation_by_hand() {
        assert_eq!(ranks(&[3.0, 1.0, 3.0, 9.0]), [1.5, 0.0, 1.5, 3.0]);
        assert!((spearman(&[1.0, 2.0, 3.0], &[10.0, 20.0, 21.0]) - 1.0).abs() < 1e-12);
        assert!((spearman(&[1.0, 2.0, 3.0], &[5.0, 0.0, -9.0]) + 1.0).abs() < 1e-12);
        // 1 - 6 (1 + 1) / (3 x 8).
        assert!((spearman(&[1.0, 2.0, 3.0], &[2.0, 1.0, 3.0]) - 0.5).abs() < 1e-12);
        let gap = spearman(&[1.0, f64::NAN, 2.0, 3.0], &[1.0, -100.0, 2.0, 3.0]);
        assert!((gap - 1.0).abs() < 1e-12 && spearman(&[1.0, 1.0], &[0.0, 1.0]).is_nan());
    }
}
