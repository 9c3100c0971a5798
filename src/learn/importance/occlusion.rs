//! Importance by occlusion: what is lost when something is as in stable interfaces of the same condition.

use serde::Serialize;

use super::windows::{Windows, mask, replaced, say};
use crate::learn::correlation::Group;
use crate::learn::inputs::Standardised;
use crate::learn::plan::shows;
use crate::learn::score::bootstrap::{Interval, resamples};
use crate::model::stream::Stream;
use crate::registry::Category;

/// The paper's scales.
pub const CATEGORIES: [(&str, Category); 3] = [
    ("global dynamics", Category::GlobalDynamics),
    ("local structure", Category::LocalStructure),
    ("anomalous dynamics", Category::AnomalousDynamics),
];

/// What is lost at a stage without a category of descriptors.
#[derive(Debug, Clone, Serialize)]
pub struct Importance {
    /// Method.
    pub method: String,
    /// Stage of the evolution, by the true state of the window's last frame.
    pub stage: String,
    /// The paper's scale, with the channels made of its descriptors.
    pub category: String,
    /// Mean fall of the true state's probability.
    pub fall: Interval,
}

/// Falls of the true state's probability per window, mean over the counterparts, with `mask` hidden.
pub fn falls(stream: &mut dyn Stream, windows: &Windows, mask: &[bool]) -> Vec<f64> {
    windows
        .all
        .iter()
        .map(|window| {
            let mut p = |rows: &[f32]| f64::from(say(stream, rows, windows.channels).states[window.state]);
            let whole = p(&window.own);
            let hidden: f64 = window.others.iter().map(|other| p(&replaced(&window.own, other, mask))).sum();
            whole - hidden / window.others.len() as f64
        })
        .collect()
}

/// Fig. 4: stage x category.
pub fn stages(
    method: &str,
    stream: &mut dyn Stream,
    windows: &Windows,
    standardised: &Standardised,
    classes: &[String],
    draws: usize,
) -> Vec<Importance> {
    let by_category: Vec<Vec<f64>> = CATEGORIES
        .iter()
        .map(|(_, category)| falls(stream, windows, &mask(standardised, |column| shows(column, *category))))
        .collect();
    let drawn = resamples(windows.runs, draws, 1);
    let mut result = Vec::new();
    for (state, stage) in classes.iter().enumerate() {
        for ((category, _), falls) in CATEGORIES.iter().zip(&by_category) {
            let mean = |weights: &[f64]| {
                let mine = windows.all.iter().zip(falls).filter(|(window, _)| window.state == state);
                let (sum, total) = mine.fold((0.0, 0.0), |(sum, total), (window, fall)| {
                    (sum + weights[window.run] * fall, total + weights[window.run])
                });
                sum / total
            };
            result.push(Importance {
                method: method.to_owned(),
                stage: stage.clone(),
                category: (*category).to_owned(),
                fall: spread(&drawn, windows.lineages(|window| window.state == state), windows.runs, &mean),
            });
        }
    }
    result
}

/// A mean over `runs`, of which so many `lineages` have a part in it, with its interval.
pub(super) fn spread(
    drawn: &[Vec<f64>],
    lineages: usize,
    runs: usize,
    mean: &dyn Fn(&[f64]) -> f64,
) -> Interval {
    let drawn: Vec<f64> = drawn.iter().map(|weights| mean(weights)).collect();
    Interval::of(mean(&vec![1.0; runs]), &drawn, lineages)
}

/// Mean fall per group of descriptors over windows that are no longer stable, with the counterpart that
/// `donor` counts, where there are so many: a map to be compared with others. NaN without such windows.
pub fn map(
    stream: &mut dyn Stream,
    windows: &Windows,
    standardised: &Standardised,
    groups: &[Group],
    donor: usize,
) -> Vec<f64> {
    let late: Vec<_> = windows.all.iter().filter(|w| w.state > 0 && w.others.len() > donor).collect();
    groups
        .iter()
        .map(|group| {
            let mask = mask(standardised, |column| group.columns.contains(column));
            let sum: f64 = late
                .iter()
                .map(|window| {
                    let other = &window.others[donor];
                    let mut p =
                        |rows: &[f32]| f64::from(say(stream, rows, windows.channels).states[window.state]);
                    p(&window.own) - p(&replaced(&window.own, other, &mask))
                })
                .sum();
            sum / late.len() as f64
        })
        .collect()
}
