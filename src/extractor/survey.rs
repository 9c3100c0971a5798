//! The first look at a system: where the two sides meet along the normal.
//!
//! Every rank counts its atoms in bins along the normal by type and side, one reduction sums them,
//! and every rank finds the same surfaces in the sums.

use super::plan::{Chemistry, NO_SPECIES, Plan};
use super::shared::Surface;
use crate::atoms::{AtomStore, AtomsView, Side};
use crate::error::{Error, Result};
use crate::geometry::Cell;

/// Bins along the normal.
const BINS: usize = 512;

/// A layer of a side is somewhere at least this pure; sides that lie beside each other are nowhere,
/// though thermal motion makes now one and now the other more frequent.
const PURE: f64 = 0.75;

/// Length of the survey's buffer.
#[must_use]
pub fn width(ntypes: usize) -> usize {
    2 * ntypes * BINS
}

/// Counts this rank's atoms.
#[must_use]
pub fn count(plan: &Plan, view: &AtomsView, store: &AtomStore) -> Vec<f64> {
    let mut counts = vec![0.0; width(plan.ntypes)];
    for i in 0..view.nlocal {
        let side = store.header(i).side;
        if side == Side::None || view.mask[i] & view.groupbit == 0 {
            continue;
        }
        let q = view.cell.fractional(&view.x[i])[plan.axis];
        let q = if view.cell.periodic[plan.axis] { q - q.floor() } else { q.clamp(0.0, 1.0) };
        let bin = ((q * BINS as f64) as usize).min(BINS - 1);
        let row = 2 * (view.kind[i] as usize - 1) + usize::from(side == Side::B);
        counts[row * BINS + bin] += 1.0;
    }
    counts
}

/// Atoms of each type on each side, from the summed survey.
#[must_use]
pub fn totals(plan: &Plan, counts: &[f64]) -> Vec<[f64; 2]> {
    let row = |r: usize| counts[r * BINS..(r + 1) * BINS].iter().sum::<f64>();
    (0..plan.ntypes).map(|t| [row(2 * t), row(2 * t + 1)]).collect()
}

/// Finds the surfaces, the A-to-B crossing along +normal first.
///
/// # Errors
/// [`Error::Input`] when a side has no framework, or the sides meet nowhere or more than once.
pub fn locate(
    plan: &Plan,
    chemistry: &Chemistry,
    counts: &[f64],
    cell: &Cell,
    sides: &[String; 2],
) -> Result<Vec<Surface>> {
    let periodic = cell.periodic[plan.axis];
    let height = cell.height(plan.axis);
    let mut profile = [vec![0.0; BINS], vec![0.0; BINS]];
    for t in 0..plan.ntypes {
        for (s, side) in [Side::A, Side::B].into_iter().enumerate() {
            if chemistry.species(t as i32 + 1, side) != NO_SPECIES {
                let row = 2 * t + s;
                for (sum, n) in profile[s].iter_mut().zip(&counts[row * BINS..(row + 1) * BINS]) {
                    *sum += n;
                }
            }
        }
    }
    for (s, word) in ["sideA", "sideB"].into_iter().enumerate() {
        if profile[s].iter().sum::<f64>() == 0.0 {
            return Err(Error::input(word, &sides[s], "a group with framework atoms inside the fix's group"));
        }
    }
    let width = plan.region / 6.0 / height * BINS as f64;
    let smooth = profile.each_ref().map(|p| smoothed(p, width, periodic));
    let density: Vec<f64> = smooth[0].iter().zip(&smooth[1]).map(|(a, b)| a + b).collect();
    let dense = 0.1 * density.iter().copied().fold(0.0, f64::max);
    let occupied: Vec<(usize, bool)> =
        (0..BINS).filter(|&b| density[b] > dense).map(|b| (b, smooth[1][b] > smooth[0][b])).collect();
    // A wide region smooths thin slabs into each other: purity is looked for in finer detail.
    let fine = profile.each_ref().map(|p| smoothed(p, width.min(BINS as f64 / 40.0), periodic));
    let total: Vec<f64> = fine[0].iter().zip(&fine[1]).map(|(a, b)| a + b).collect();
    let enough = 0.1 * total.iter().copied().fold(0.0, f64::max);
    let purest = fine
        .each_ref()
        .map(|side| (0..BINS).filter(|&b| total[b] > enough).map(|b| side[b] / total[b]).fold(0.0, f64::max));
    let layered = purest.iter().all(|&share| share >= PURE);
    let widest_gap = (plan.region / 2.0 / height * BINS as f64).max(2.0) as usize;
    let mut surfaces = Vec::new();
    let last = occupied.len();
    for k in 0..if periodic { last } else { last.saturating_sub(1) } {
        let ((from, from_b), (to, to_b)) = (occupied[k], occupied[(k + 1) % last]);
        let distance = (to + BINS - from) % BINS;
        if layered && from_b != to_b && distance <= widest_gap {
            let position = (from as f64 + 0.5 * distance as f64 + 0.5) / BINS as f64;
            surfaces.push(Surface {
                position: if periodic { position.fract() } else { position },
                orientation: if to_b { 1.0 } else { -1.0 },
                lost: false,
                cut: None,
            });
        }
    }
    surfaces.sort_by(|a, b| b.orientation.total_cmp(&a.orientation));
    let found = |orientation: f64| surfaces.iter().filter(|s| s.orientation == orientation).count();
    let axis = ["x", "y", "z"][plan.axis];
    if surfaces.is_empty() {
        return Err(Error::input(
            "normal",
            axis,
            format!(
                "the axis along which '{}' and '{}' meet; they meet nowhere along it",
                sides[0], sides[1]
            ),
        ));
    }
    if found(1.0) > 1 || found(-1.0) > 1 {
        return Err(Error::input(
            "normal",
            axis,
            format!(
                "one or two interfaces between '{}' and '{}' along it, found {}; a sandwich of three \
                 layers takes two fixes",
                sides[0],
                sides[1],
                surfaces.len()
            ),
        ));
    }
    if let ([surface], true) = (surfaces.as_mut_slice(), periodic) {
        surface.cut = Some(middle_of_vacuum(&density, dense));
    }
    Ok(surfaces)
}

/// Middle of the longest stretch without atoms, fractional.
fn middle_of_vacuum(density: &[f64], dense: f64) -> f64 {
    let (mut longest, mut end, mut empty) = (0, 0, 0);
    // Twice around, for a stretch across the boundary.
    for k in 0..2 * BINS {
        empty = if density[k % BINS] > dense { 0 } else { empty + 1 };
        if empty > longest && empty <= BINS {
            (longest, end) = (empty, k);
        }
    }
    ((end as f64 + 1.0 - 0.5 * longest as f64) / BINS as f64).fract()
}

/// Half-width of the region in force: the requested one, at most a quarter of the distance
/// between interfaces.
#[must_use]
pub fn region(plan: &Plan, surfaces: &[Surface], cell: &Cell) -> f64 {
    match surfaces {
        [a, b] => {
            let apart = (a.position - b.position).abs();
            let apart = if cell.periodic[plan.axis] { apart.min(1.0 - apart) } else { apart };
            plan.region.min(0.25 * apart * cell.height(plan.axis))
        }
        _ => plan.region,
    }
}

fn smoothed(values: &[f64], width: f64, periodic: bool) -> Vec<f64> {
    let reach = (3.0 * width).ceil() as isize;
    let n = values.len() as isize;
    (0..n)
        .map(|b| {
            (-reach..=reach)
                .filter_map(|k| {
                    let c = if periodic { (b + k).rem_euclid(n) } else { b + k };
                    (0..n)
                        .contains(&c)
                        .then(|| values[c as usize] * (-0.5 * (k as f64 / width).powi(2)).exp())
                })
                .sum()
        })
        .collect()
}
