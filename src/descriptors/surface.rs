//! The dividing surface: its position and width from the framework's composition profile, its
//! lateral roughness and the share of columns in contact.
//!
//! The composition is modelled as P(B | z) = 1 / (1 + exp(-(z - z0)/tau)), which is
//! (1 + tanh((z - z0)/(2 tau)))/2, the mean-field profile of Buff, Lovett and Stillinger
//! (doi:10.1103/PhysRevLett.15.621). It is fitted by maximum likelihood to the binned counts of
//! side-A and side-B framework atoms inside the region (logistic regression: convex, one optimum).
//! z0 is the 50 % crossing, thickness = 2 ln 9 tau the 10-90 % width, angstrom.
//!
//! Roughness: in each lateral column, h = R (n_A - k n_B)/(n_A + k n_B) with k = N_A/N_B is the
//! local surface position that the column's counts imply; the standard deviation of h over the
//! columns is reported, angstrom. It includes the counting noise of the columns.

use super::Values;

/// Bins of the composition profile across the region.
pub const BINS: usize = 48;

/// Lateral columns along each axis are about this wide, angstrom (sigma in lj units).
pub const COLUMN_WIDTH: f64 = 5.0;

/// Most columns along one axis.
pub const MAX_COLUMNS: usize = 16;

/// Sharpest profile the fit reports, in units of the region's half-width: a sharper one is not
/// resolved by the bins.
const SHARPEST: f64 = 1.0 / 32.0;

/// Length of the family's section for `columns` lateral columns.
#[must_use]
pub fn width(columns: usize) -> usize {
    2 * BINS + 3 * columns
}

/// Adds a framework atom at `depth` (angstrom, positive towards B) in column `column`.
#[inline]
pub fn add(section: &mut [f64], side_b: bool, depth: f64, region: f64, column: usize) {
    let bin = ((depth + region) / (2.0 * region) * BINS as f64) as usize;
    if depth >= -region && bin < BINS {
        section[usize::from(side_b) * BINS + bin] += 1.0;
        let columns = (section.len() - 2 * BINS) / 3;
        section[2 * BINS + usize::from(side_b) * columns + column] += 1.0;
    }
}

/// Marks column `column` as one where A touches B.
#[inline]
pub fn add_contact(section: &mut [f64], column: usize) {
    let columns = (section.len() - 2 * BINS) / 3;
    section[2 * BINS + 2 * columns + column] = 1.0;
}

/// A fitted profile.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fit {
    /// Position relative to the surface the depths were measured from, angstrom.
    pub position: f64,
    /// 10-90 % width, angstrom.
    pub thickness: f64,
}

/// Fits the profile; `None` where it does not cross 50 % inside the region.
#[must_use]
pub fn fit(section: &[f64], region: f64) -> Option<Fit> {
    let z = |bin: usize| (bin as f64 + 0.5) / BINS as f64 * 2.0 - 1.0;
    let (a, b) = (&section[..BINS], &section[BINS..2 * BINS]);
    let (total_a, total_b) = (a.iter().sum::<f64>(), b.iter().sum::<f64>());
    if total_a < 2.0 || total_b < 2.0 {
        return None;
    }
    // eta = slope * z + offset, in units of the region.
    let steepest = 1.0 / SHARPEST;
    let (mut slope, mut offset) = (4.0, 0.0);
    let gradient = |slope: f64, offset: f64| {
        let (mut g, mut h) = ([0.0; 2], [0.0; 3]);
        for bin in 0..BINS {
            let n = a[bin] + b[bin];
            if n > 0.0 {
                let z = z(bin);
                let p = 1.0 / (1.0 + (-(slope * z + offset)).exp());
                let (r, w) = (b[bin] - n * p, n * p * (1.0 - p));
                g[0] += r * z;
                g[1] += r;
                h[0] += w * z * z;
                h[1] += w * z;
                h[2] += w;
            }
        }
        (g, h)
    };
    for _ in 0..60 {
        let (g, h) = gradient(slope, offset);
        // A little ridge keeps separable data (a perfectly sharp interface) finite.
        let (h0, h2) = (h[0] + 1e-9, h[2] + 1e-9);
        let det = h0 * h2 - h[1] * h[1];
        let (mut ds, mut doff) = ((h2 * g[0] - h[1] * g[1]) / det, (h0 * g[1] - h[1] * g[0]) / det);
        let longest = (ds.abs() / 4.0).max(doff.abs() / 4.0).max(1.0);
        ds /= longest;
        doff /= longest;
        slope += ds;
        offset += doff;
        if slope >= steepest {
            slope = steepest;
            return Some(at_fixed_slope(slope, |o| gradient(slope, o).0[1], region));
        }
        if ds.abs() < 1e-12 * slope.abs().max(1.0) && doff.abs() < 1e-12 * offset.abs().max(1.0) {
            break;
        }
    }
    let position = -offset / slope;
    // Wider than the region, or crossing outside it: there is no surface here.
    (slope > 2.0 * 9.0_f64.ln() / 2.0 && position.abs() < 1.0)
        .then(|| Fit { position: position * region, thickness: 2.0 * 9.0_f64.ln() / slope * region })
}

/// Position of the sharpest resolved profile: the residual falls monotonically with the offset.
fn at_fixed_slope(slope: f64, residual: impl Fn(f64) -> f64, region: f64) -> Fit {
    let (mut lo, mut hi) = (-slope, slope);
    for _ in 0..60 {
        let middle = 0.5 * (lo + hi);
        if residual(middle) > 0.0 { lo = middle } else { hi = middle }
    }
    Fit { position: -0.5 * (lo + hi) / slope * region, thickness: 2.0 * 9.0_f64.ln() / slope * region }
}

/// Turns the summed section and the fit into values.
pub fn finish(section: &[f64], region: f64, fit: &Fit, values: &mut Values) {
    values.set("thickness", fit.thickness);
    let columns = (section.len() - 2 * BINS) / 3;
    let (a, rest) = section[2 * BINS..].split_at(columns);
    let (b, touching) = rest.split_at(columns);
    let ratio = a.iter().sum::<f64>() / b.iter().sum::<f64>();
    let heights: Vec<f64> = (0..columns)
        .filter(|&c| a[c] + b[c] > 0.0)
        .map(|c| region * (a[c] - ratio * b[c]) / (a[c] + ratio * b[c]))
        .collect();
    let n = heights.len() as f64;
    values.set("roughness", super::deviation(n, heights.iter().sum(), heights.iter().map(|h| h * h).sum()));
    // A column's mark is a sum over ranks: any positive count is contact.
    values.set("contact", touching.iter().filter(|&&t| t > 0.0).count() as f64 / columns as f64);
}

#[cfg(test)]
mod tests {
    use super::*;

    const REGION: f64 = 8.0;

    fn tanh_section(z0: f64, tau: f64, n: f64) -> Vec<f64> {
        let mut section = vec![0.0; width(1)];
        for bin in 0..BINS {
            let z = (bin as f64 + 0.5) / BINS as f64 * 2.0 * REGION - REGION;
            let p = 1.0 / (1.0 + (-(z - z0) / tau).exp());
            section[bin] = n * (1.0 - p);
            section[BINS + bin] = n * p;
        }
        section
    }

    #[test]
    fn recovers_position_and_width_of_a_tanh_profile() {
        for (z0, tau) in [(0.0, 0.5), (1.3, 0.8), (-2.0, 1.5)] {
            let fit = fit(&tanh_section(z0, tau, 100.0), REGION).expect("crosses");
            assert!((fit.position - z0).abs() < 1e-6, "{fit:?}");
            assert!((fit.thickness - 2.0 * 9.0_f64.ln() * tau).abs() < 1e-5, "{fit:?}");
        }
    }

    #[test]
    fn a_sharp_interface_sits_midway_at_the_resolution_limit() {
        let mut section = vec![0.0; width(1)];
        for z in [-5.0, -3.0, -1.0] {
            add(&mut section, false, z + 0.5, REGION, 0);
            add(&mut section, false, z + 0.5, REGION, 0);
            add(&mut section, true, -z + 0.5, REGION, 0);
            add(&mut section, true, -z + 0.5, REGION, 0);
        }
        let fit = fit(&section, REGION).expect("crosses");
        assert!((fit.position - 0.5).abs() < 0.2, "{fit:?}");
        assert!((fit.thickness - 2.0 * 9.0_f64.ln() * SHARPEST * REGION).abs() < 1e-9, "{fit:?}");
    }

    #[test]
    fn one_side_only_or_a_flat_mixture_has_no_surface() {
        assert_eq!(fit(&tanh_section(40.0, 0.5, 100.0), REGION), None);
        let mut flat = vec![10.0; width(1)];
        flat[3] = 11.0;
        assert_eq!(fit(&flat, REGION), None);
    }

    #[test]
    fn a_step_of_known_height_has_its_roughness() {
        let mut section = vec![0.0; width(2)];
        // Two columns with the surface at +1 and -1: 9:7 and 7:9 atoms over +-8.
        for (column, (na, nb)) in [(9, 7), (7, 9)].into_iter().enumerate() {
            for _ in 0..na {
                add(&mut section, false, -1.0, REGION, column);
            }
            for _ in 0..nb {
                add(&mut section, true, 1.0, REGION, column);
            }
        }
        add_contact(&mut section, 1);
        let mut values = Values::new(false);
        finish(&section, REGION, &Fit { position: 0.0, thickness: 1.0 }, &mut values);
        let values = values.into_vec();
        let get = |name: &str| values[crate::registry::index_of(name).expect("name")];
        assert!((get("roughness") - 1.0).abs() < 1e-12);
        assert!((get("contact") - 0.5).abs() < 1e-15);
    }
}
