//! The page's words on ablations, and on which descriptors are nearly the label.

use std::fmt::Write as _;

use super::page::differences;
use crate::learn::correlation::KIN;
use crate::learn::evaluate::Report;

/// Columns that are listed beside those above the limit.
const LISTED: usize = 5;

/// What stands between heading and table; `picture` is SVG.
pub fn section(html: &mut String, report: &Report, picture: &str) {
    let of = report.ablations.first().map_or("Methods", |d| d.winner.as_str());
    let _ = write!(
        html,
        "<p>{of} without something, trained anew. A descriptor or a category takes the channels made of it with \
         it.</p>{picture}"
    );
    kin(html, report);
    let heading = format!(
        "{of} minus its ablations, equal seeds, same resampled lineages, at the times at which both speak"
    );
    differences(html, &heading, "without", &report.ablations);
}

fn kin(html: &mut String, report: &Report) {
    let near = report.kin.iter().filter(|kin| kin.rho.abs() > KIN).count();
    if report.kin.is_empty() {
        return;
    }
    let listed: Vec<String> = report
        .kin
        .iter()
        .take(near.max(LISTED))
        .map(|kin| format!("{} {:+.2}", kin.column, kin.rho))
        .collect();
    let _ = write!(
        html,
        "<p>Columns by their rank correlation with the count that labels are made from, over training lineages: {}. \
         {near} of them are above {KIN}, and left out where an ablation says so. The oracle in Table 1 sees that \
         count and nothing else: so much is the label itself worth.</p>",
        listed.join(", ")
    );
}
