//! The page's words on Fig. 4 and its checks.

use std::fmt::Write as _;

use super::cell::html as cell;
use crate::learn::importance::Figure4;

/// Groups of descriptors that are listed.
const LISTED: usize = 10;

/// The section after the heading; `picture` is SVG.
pub fn section(html: &mut String, figure: Option<&Figure4>, picture: &str) {
    let Some(figure) = figure else {
        html.push_str("<p>No method here has a model that could be asked.</p>");
        return;
    };
    let _ = write!(
        html,
        "<p>{}, seed {}. A category's values, and the channels made of its descriptors, are replaced by those of \
         stable interfaces of the same condition at the same time: fall of the true state's probability, mean over \
         up to {} such interfaces of other lineages, {} windows of {} interfaces. {} more have no stable \
         counterpart and are left out. The anomalous category alone hides those channels and the jumps: it overlaps \
         with the other two.</p>{picture}",
        figure.method,
        figure.seed,
        figure.donors,
        figure.windows,
        figure.series - figure.unmatched,
        figure.unmatched
    );
    if figure.groups.iter().any(|group| group.fall.is_finite()) {
        html.push_str("<p>Descriptors, those that correlate by more than 0.9 together, by the fall in reconstructing and unstable windows: ");
        let listed: Vec<String> =
            figure.groups.iter().take(LISTED).map(|g| format!("{} {:.3}", g.group, g.fall)).collect();
        let _ = write!(html, "{}.</p>", listed.join(", "));
    }
    if let Some(d) = &figure.deletion {
        let _ = write!(
            html,
            "<p>Deletion in the order of importance: area under the probability {}, below random order by {}; insertion \
             {}, above random order by {} ({} windows; a difference above 0 speaks for the map).</p>",
            cell(Some(&d.deletion), 3),
            cell(Some(&d.deletion_gain), 3),
            cell(Some(&d.insertion), 3),
            cell(Some(&d.insertion_gain), 3),
            d.windows
        );
    }
    if let Some(s) = &figure.stability {
        let _ = write!(
            html,
            "<p>Rank correlation (Spearman) with the map of the same model and other counterparts: {}; of models \
             with shuffled weights: {}; of other training seeds: {}.</p>",
            list(&[s.repeated.is_finite().then_some(s.repeated)]),
            list(&s.random_weights),
            list(&s.seeds)
        );
    }
    if let Some(g) = &figure.gradients {
        let _ = write!(html, "<p>Integrated gradients of {}, seed {}", g.method, g.seed);
        #[cfg(feature = "train")]
        let _ = write!(
            html,
            ": {} windows, {} points, completeness error {:.2} % of the mean difference (largest {:.1} %)",
            g.quality.windows,
            g.quality.steps,
            100.0 * g.quality.completeness_error,
            100.0 * g.quality.largest_error
        );
        let _ = write!(html, "; rank correlation with its occlusion map: {}. Shares: ", list(&[g.agreement]));
        let shares: Vec<String> = g
            .shares
            .iter()
            .filter(|s| s.share.is_finite())
            .map(|s| format!("{}, {} {:.2}", s.stage, s.category, s.share))
            .collect();
        let _ = write!(html, "{}.</p>", shares.join("; "));
    }
}

fn list(values: &[Option<f64>]) -> String {
    if values.is_empty() {
        return "none".to_owned();
    }
    let text = |v: &Option<f64>| v.map_or_else(|| "undefined".to_owned(), |v| format!("{v:.2}"));
    values.iter().map(text).collect::<Vec<_>>().join(", ")
}
