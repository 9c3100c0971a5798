//! Rankings: areas under the ROC and the precision-recall curve, overall and within strata.

/// Area under the ROC curve: the chance that a positive scores above a negative, ties counted half.
/// NaN where one of the two is absent.
#[must_use]
pub fn auroc(scored: &[(f64, bool)]) -> f64 {
    let weighted: Vec<(f64, bool, f64)> = scored.iter().map(|&(s, y)| (s, y, 1.0)).collect();
    auroc_weighted(&weighted)
}

/// As [`auroc`] with a weight per item.
#[must_use]
pub fn auroc_weighted(scored: &[(f64, bool, f64)]) -> f64 {
    let mut sorted = scored.to_vec();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut below, mut area, mut positives) = (0.0, 0.0, 0.0);
    for tied in sorted.chunk_by(|a, b| a.0 == b.0) {
        let sum = |of: bool| tied.iter().filter(|i| i.1 == of).map(|i| i.2).sum::<f64>();
        let (negative, positive) = (sum(false), sum(true));
        area += positive * (below + 0.5 * negative);
        below += negative;
        positives += positive;
    }
    if below > 0.0 && positives > 0.0 { area / (below * positives) } else { f64::NAN }
}

/// Area under the precision-recall curve as average precision, sum of (recall step) x precision, ties
/// taken together. NaN without positives.
#[must_use]
pub fn auprc(scored: &[(f64, bool)]) -> f64 {
    let weighted: Vec<(f64, bool, f64)> = scored.iter().map(|&(s, y)| (s, y, 1.0)).collect();
    auprc_weighted(&weighted)
}

/// As [`auprc`] with a weight per item.
#[must_use]
pub fn auprc_weighted(scored: &[(f64, bool, f64)]) -> f64 {
    let mut sorted = scored.to_vec();
    sorted.sort_by(|a, b| b.0.total_cmp(&a.0));
    let positives: f64 = sorted.iter().filter(|i| i.1).map(|i| i.2).sum();
    let (mut right, mut all, mut area) = (0.0, 0.0, 0.0);
    for tied in sorted.chunk_by(|a, b| a.0 == b.0) {
        let found: f64 = tied.iter().filter(|i| i.1).map(|i| i.2).sum();
        right += found;
        all += tied.iter().map(|i| i.2).sum::<f64>();
        if all > 0.0 {
            area += found * right / all;
        }
    }
    if positives > 0.0 { area / positives } else { f64::NAN }
}

/// AUROC where only items of one stratum are compared: the mean over strata with both outcomes,
/// weighted by their pairs. NaN where no stratum has both.
#[must_use]
pub fn auroc_within<S: Ord>(scored: &[(S, f64, bool, f64)]) -> f64 {
    let mut order: Vec<&(S, f64, bool, f64)> = scored.iter().collect();
    order.sort_by(|a, b| a.0.cmp(&b.0));
    let (mut sum, mut pairs) = (0.0, 0.0);
    for stratum in order.chunk_by(|a, b| a.0 == b.0) {
        let items: Vec<(f64, bool, f64)> = stratum.iter().map(|i| (i.1, i.2, i.3)).collect();
        let area = auroc_weighted(&items);
        if !area.is_nan() {
            let weigh = |of: bool| items.iter().filter(|i| i.1 == of).map(|i| i.2).sum::<f64>();
            let weight = weigh(true) * weigh(false);
            sum += weight * area;
            pairs += weight;
        }
    }
    if pairs > 0.0 { sum / pairs } else { f64::NAN }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas_by_hand_with_a_tie() {
        let scored = [(0.9, true), (0.8, false), (0.5, true), (0.5, false), (0.1, false)];
        // Positive 0.9 beats 3 of 3; positive 0.5 beats 1 and ties 1.
        assert!((auroc(&scored) - (3.0 + 1.5) / 6.0).abs() < 1e-12);
        // 0.9: precision 1, recall step 1/2. The tie: precision 2/4, recall step 1/2.
        assert!((auprc(&scored) - 0.75).abs() < 1e-12);
        assert!(auroc(&scored[..1]).is_nan() && auprc(&scored[1..2]).is_nan());
    }

    #[test]
    fn a_weight_of_two_is_an_item_twice() {
        let once = [(0.9, true, 2.0), (0.4, false, 1.0), (0.3, true, 1.0), (0.2, false, 3.0)];
        let many: Vec<(f64, bool)> =
            once.iter().flat_map(|&(s, y, n)| std::iter::repeat_n((s, y), n as usize)).collect();
        assert!((auroc_weighted(&once) - auroc(&many)).abs() < 1e-12);
        assert!((auprc_weighted(&once) - auprc(&many)).abs() < 1e-12);
    }

    #[test]
    fn a_score_that_only_knows_the_condition_is_worthless_within_it() {
        // Hot runs fail more often and score higher, all alike.
        let scored = [
            ("hot", 0.8, true, 1.0),
            ("hot", 0.8, true, 1.0),
            ("hot", 0.8, false, 1.0),
            ("cold", 0.1, true, 1.0),
            ("cold", 0.1, false, 1.0),
            ("cold", 0.1, false, 1.0),
        ];
        let all: Vec<(f64, bool)> = scored.iter().map(|&(_, s, y, _)| (s, y)).collect();
        assert!(auroc(&all) > 0.6);
        assert_eq!(auroc_within(&scored), 0.5);
    }
}
