//! Rankings: areas under the ROC and the precision-recall curve, overall and within strata.
//!
//! Items belong to units (lineages) that are resampled: each counts as often as its unit was drawn. They
//! are sorted once, so that a resample costs one pass.

/// Items in order of their score.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Ranking {
    /// Ascending.
    items: Vec<Item>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Item {
    unit: u32,
    yes: bool,
    /// Whether the next item has the same score.
    tied: bool,
}

impl Ranking {
    /// Of (score, whether it is a positive, unit). Scores that are not numbers are left out.
    #[must_use]
    pub fn new(scored: impl IntoIterator<Item = (f64, bool, usize)>) -> Self {
        let mut sorted: Vec<(f64, bool, usize)> =
            scored.into_iter().filter(|(score, ..)| !score.is_nan()).collect();
        sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
        let tied = |k: usize| sorted.get(k + 1).is_some_and(|next| next.0 == sorted[k].0);
        let items = sorted.iter().enumerate();
        Self {
            items: items.map(|(k, &(_, yes, unit))| Item { unit: unit as u32, yes, tied: tied(k) }).collect(),
        }
    }

    /// Whether there are positives and negatives.
    #[must_use]
    pub fn is_mixed(&self) -> bool {
        self.items.iter().any(|i| i.yes) && self.items.iter().any(|i| !i.yes)
    }

    /// Weighted pairs that are ordered rightly, ties counted half, and all pairs.
    fn pairs(&self, weights: &[f64]) -> (f64, f64) {
        let (mut below, mut positives, mut right) = (0.0, 0.0, 0.0);
        let (mut no, mut yes) = (0.0, 0.0);
        for item in &self.items {
            let weight = weights[item.unit as usize];
            if item.yes {
                yes += weight;
            } else {
                no += weight;
            }
            if !item.tied {
                right += yes * (below + 0.5 * no);
                below += no;
                positives += yes;
                (no, yes) = (0.0, 0.0);
            }
        }
        (right, below * positives)
    }

    /// Area under the ROC curve: the chance that a positive scores above a negative. NaN where one of the
    /// two is absent.
    #[must_use]
    pub fn auroc(&self, weights: &[f64]) -> f64 {
        within(std::slice::from_ref(self), weights)
    }

    /// Area under the precision-recall curve as average precision, sum of (recall step) x precision, ties
    /// taken together. NaN without positives.
    #[must_use]
    pub fn auprc(&self, weights: &[f64]) -> f64 {
        precision_within(std::slice::from_ref(self), weights)
    }

    /// The area under the precision-recall curve times the positives, and these.
    fn precision(&self, weights: &[f64]) -> (f64, f64) {
        let weight = |item: &Item| weights[item.unit as usize];
        let positives: f64 = self.items.iter().filter(|i| i.yes).map(weight).sum();
        let (mut right, mut all, mut area) = (0.0, 0.0, 0.0);
        for tied in self.items.chunk_by(|a, _| a.tied).rev() {
            let found: f64 = tied.iter().filter(|i| i.yes).map(weight).sum();
            right += found;
            all += tied.iter().map(weight).sum::<f64>();
            if all > 0.0 {
                area += found * right / all;
            }
        }
        (area, positives)
    }
}

/// Units with a positive or with a negative, whichever are fewer: what an area within strata rests on.
#[must_use]
pub fn units(strata: &[Ranking]) -> usize {
    let of = |yes: bool| {
        let items = strata.iter().filter(|s| s.is_mixed()).flat_map(|s| &s.items);
        items.filter(|i| i.yes == yes).map(|i| i.unit).collect::<std::collections::BTreeSet<u32>>().len()
    };
    of(true).min(of(false))
}

/// AUROC where only items of one stratum are compared: the mean over strata with both outcomes, weighted
/// by their pairs. NaN where no stratum has both.
#[must_use]
pub fn within(strata: &[Ranking], weights: &[f64]) -> f64 {
    let (right, pairs) = strata
        .iter()
        .map(|s| s.pairs(weights))
        .fold((0.0, 0.0), |(a, b), (right, pairs)| (a + right, b + pairs));
    if pairs > 0.0 { right / pairs } else { f64::NAN }
}

/// Area under the precision-recall curve where only items of one stratum are compared: the mean weighted by
/// positives. NaN without any.
#[must_use]
pub fn precision_within(strata: &[Ranking], weights: &[f64]) -> f64 {
    let all = strata.iter().map(|s| s.precision(weights));
    let (area, positives) = all.fold((0.0, 0.0), |(a, b), (area, positives)| (a + area, b + positives));
    if positives > 0.0 { area / positives } else { f64::NAN }
}

/// Area under the ROC curve of items that count once each.
#[must_use]
pub fn auroc(scored: &[(f64, bool)]) -> f64 {
    Ranking::new(scored.iter().map(|&(score, yes)| (score, yes, 0))).auroc(&[1.0])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn auprc(scored: &[(f64, bool)]) -> f64 {
        Ranking::new(scored.iter().map(|&(score, yes)| (score, yes, 0))).auprc(&[1.0])
    }

    #[test]
    fn areas_by_hand_with_a_tie() {
        let scored = [(0.9, true), (0.8, false), (0.5, true), (0.5, false), (0.1, false)];
        // Positive 0.9 beats 3 of 3; positive 0.5 beats 1 and ties 1.
        assert!((auroc(&scored) - (3.0 + 1.5) / 6.0).abs() < 1e-12);
        // 0.9: precision 1, recall step 1/2. The tie: precision 2/4, recall step 1/2.
        assert!((auprc(&scored) - 0.75).abs() < 1e-12);
        assert!(auroc(&scored[..1]).is_nan() && auprc(&scored[1..2]).is_nan());
        assert_eq!(auroc(&[(f64::NAN, true), (0.2, true), (0.1, false)]), 1.0, "no score, no item");
    }

    #[test]
    fn an_area_rests_on_the_rarer_outcome_of_strata_that_have_both() {
        let mixed = Ranking::new([(0.9, true, 0), (0.8, true, 0), (0.1, false, 1), (0.2, false, 2)]);
        let pure = Ranking::new([(0.9, true, 3)]);
        assert_eq!((units(&[mixed, pure]), units(&[])), (1, 0));
    }

    #[test]
    fn a_unit_drawn_twice_is_its_items_twice() {
        let once = [(0.9, true, 0), (0.4, false, 1), (0.4, true, 2), (0.3, true, 1), (0.2, false, 3)];
        let weights = [2.0, 1.0, 0.0, 3.0];
        let many: Vec<(f64, bool)> = once
            .iter()
            .flat_map(|&(s, y, unit)| std::iter::repeat_n((s, y), weights[unit] as usize))
            .collect();
        let ranking = Ranking::new(once);
        assert!((ranking.auroc(&weights) - auroc(&many)).abs() < 1e-12);
        assert!((ranking.auprc(&weights) - auprc(&many)).abs() < 1e-12);
    }

    #[test]
    fn a_score_that_only_knows_the_condition_is_worthless_within_it() {
        // Hot runs fail more often and score higher, all alike.
        let hot = [(0.8, true, 0), (0.8, true, 0), (0.8, false, 0)];
        let cold = [(0.1, true, 0), (0.1, false, 0), (0.1, false, 0)];
        assert!(Ranking::new(hot.into_iter().chain(cold)).auroc(&[1.0]) > 0.6);
        assert_eq!(within(&[Ranking::new(hot), Ranking::new(cold)], &[1.0]), 0.5);
        // The pair of the cold ones counts 1, that of the hot ones 2.
        let cold = [(0.2, true, 0), (0.1, false, 0)];
        assert_eq!(within(&[Ranking::new(hot), Ranking::new(cold)], &[1.0]), (1.0 + 1.0) / 3.0);
    }
}
