//! The page's words on ablations, and on which descriptors are nearly the label.

use std::fmt::Write as _;

use super::page::differences;
use crate::learn::correlation::KIN;
use crate::learn::evaluate::Report;
use crate::learn::evaluate::ablation::Ablated;

/// Columns that are listed beside those above the limit.
const LISTED: usize = 5;

/// What stands between heading and table; `picture` is SVG.
pub fn section(html: &mut String, report: &Report, picture: &str) {
    let of = report.ablations.first().map_or("Methods", |a| a.difference.winner.as_str());
    let _ = write!(
        html,
        "<p>{of} without something, trained anew. A descriptor or a category takes the channels made of it with \
         it.</p>{picture}"
    );
    kin(html, report);
    let heading = format!(
        "{of} minus its ablations: equal seeds{}, same resampled lineages, at the times at which both speak",
        seeds(&report.ablations)
    );
    let all: Vec<_> = report.ablations.iter().map(|a| a.difference.clone()).collect();
    differences(html, &heading, "without", &all);
}

/// The seeds in words where all ablations have the same.
fn seeds(all: &[Ablated]) -> String {
    match all.first() {
        Some(first) if all.iter().all(|a| a.seeds == first.seeds) => {
            let numbers: Vec<String> = first.seeds.iter().map(u64::to_string).collect();
            format!(" ({})", numbers.join(", "))
        }
        _ => String::new(),
    }
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
