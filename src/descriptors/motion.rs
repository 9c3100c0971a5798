//! Global dynamics of atoms that were interfacial at the reference: mean squared displacement,
//! diffusion, gap, slip, mobile exchange, non-Gaussian parameter, jumps.
//!
//! Displacements `d` are relative to the reference position carried along with the cell; the lag
//! displacement is `l = r(t) - r(t - lag)`. Both are taken relative to the cell's centre of mass:
//!
//! - MSD = (1/N) sum |d_i - c|^2 (paper, eq. 3), A^2
//! - D = (1/N) sum |l_i - c_l|^2 / (2 dim lag), A^2/ps (Einstein relation)
//! - alpha_2 = dim <l^4> / ((dim + 2) <l^2>^2) - 1, which is 3<r^4>/(5<r^2>^2) - 1 in three
//!   dimensions (Rahman, doi:10.1103/PhysRev.136.A405)
//! - gap = (mean d_B - mean d_A) . n, positive when opening; slip = length of its lateral part, A
//!
//! The centre of mass of a sample is known only after the reduction. Sums are therefore taken
//! relative to the expected one and moved to the exact one in [`finish`]: second and fourth
//! moments transform exactly under a shift.

use super::{Values, mean};
use crate::geometry::dot;

/// Groups of atoms with moments of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Population {
    /// Framework of side A.
    FrameworkA = 0,
    /// Framework of side B.
    FrameworkB = 1,
    /// Mobile ions.
    Mobile = 2,
}

// n, sum d (3), sum d^2, n_lag, sum l (3), sum l^2, jumps
const MOMENTS: usize = 11;
// n, sum l (3), sum l^2, sum l^4, sum l^2 l (3), sum l l (6)
const FOURTH: usize = 15;
const FOURTH_AT: usize = 3 * MOMENTS;
const EXCHANGE_AT: usize = FOURTH_AT + FOURTH;

/// Length of the family's section.
pub const WIDTH: usize = EXCHANGE_AT + 2;

/// Adds an atom's displacement from the reference, angstrom.
#[inline]
pub fn add_displacement(section: &mut [f64], population: Population, d: &[f64; 3]) {
    let s = &mut section[population as usize * MOMENTS..];
    s[0] += 1.0;
    for k in 0..3 {
        s[1 + k] += d[k];
    }
    s[4] += dot(d, d);
}

/// Adds an atom's displacement over the lag, angstrom; `jump` is half a bond length.
#[inline]
pub fn add_lag(section: &mut [f64], population: Population, l: &[f64; 3], jump: f64) {
    let l2 = dot(l, l);
    let s = &mut section[population as usize * MOMENTS..];
    s[5] += 1.0;
    for k in 0..3 {
        s[6 + k] += l[k];
    }
    s[9] += l2;
    s[10] += f64::from(u8::from(l2 > jump * jump));
    if population != Population::Mobile {
        let s = &mut section[FOURTH_AT..];
        s[0] += 1.0;
        for k in 0..3 {
            s[1 + k] += l[k];
            s[6 + k] += l2 * l[k];
        }
        s[4] += l2;
        s[5] += l2 * l2;
        for (n, (a, b)) in [(0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)].into_iter().enumerate() {
            s[9 + n] += l[a] * l[b];
        }
    }
}

/// Adds a mobile ion: is it on the other side of the surface than at the reference?
#[inline]
pub fn add_exchange(section: &mut [f64], crossed: bool) {
    section[EXCHANGE_AT] += 1.0;
    section[EXCHANGE_AT + 1] += f64::from(u8::from(crossed));
}

/// What [`finish`] needs beside the sums.
#[derive(Debug, Clone, Copy)]
pub struct Frame {
    /// Exact minus expected centre-of-mass displacement, angstrom.
    pub shift: [f64; 3],
    /// Unit normal pointing from side A to side B.
    pub normal: [f64; 3],
    /// Lag, ps.
    pub lag_ps: f64,
    /// 2 or 3.
    pub dimension: usize,
}

/// Turns the summed section into values.
pub fn finish(section: &[f64], frame: &Frame, values: &mut Values) {
    let c = &frame.shift;
    let dim = frame.dimension as f64;
    let moved = |n: f64, sum: &[f64], squares: f64| {
        mean(n, squares - 2.0 * (c[0] * sum[0] + c[1] * sum[1] + c[2] * sum[2]) + n * dot(c, c))
    };
    for (population, name) in ["a", "b", "mobile"].into_iter().enumerate() {
        let s = &section[population * MOMENTS..][..MOMENTS];
        values.set(&format!("msd_{name}"), moved(s[0], &s[1..4], s[4]));
        values.set(&format!("diffusion_{name}"), moved(s[5], &s[6..9], s[9]) / (2.0 * dim * frame.lag_ps));
    }
    let (a, b) = (&section[..MOMENTS], &section[MOMENTS..2 * MOMENTS]);
    if a[0] > 0.0 && b[0] > 0.0 {
        let apart: [f64; 3] = std::array::from_fn(|k| b[1 + k] / b[0] - a[1 + k] / a[0]);
        let gap = dot(&apart, &frame.normal);
        let lateral: [f64; 3] = std::array::from_fn(|k| apart[k] - gap * frame.normal[k]);
        values.set("gap", gap);
        values.set("slip", dot(&lateral, &lateral).sqrt());
    }
    let mobile = &section[2 * MOMENTS..3 * MOMENTS];
    values.set("jumps_framework", mean(a[5] + b[5], a[10] + b[10]));
    values.set("jumps_mobile", mean(mobile[5], mobile[10]));
    values.set("mobile_exchange", mean(section[EXCHANGE_AT], section[EXCHANGE_AT + 1]));
    values.set("nongauss", nongauss(&section[FOURTH_AT..][..FOURTH], c, dim));
}

fn nongauss(s: &[f64], c: &[f64; 3], dim: f64) -> f64 {
    let n = s[0];
    let c2 = dot(c, c);
    let c_l = c[0] * s[1] + c[1] * s[2] + c[2] * s[3];
    let c_l3 = c[0] * s[6] + c[1] * s[7] + c[2] * s[8];
    let c_ll_c = c[0] * c[0] * s[9]
        + c[1] * c[1] * s[10]
        + c[2] * c[2] * s[11]
        + 2.0 * (c[1] * c[2] * s[12] + c[0] * c[2] * s[13] + c[0] * c[1] * s[14]);
    let second = (s[4] - 2.0 * c_l + n * c2) / n;
    let fourth = (s[5] + 4.0 * c_ll_c + n * c2 * c2 - 4.0 * c_l3 + 2.0 * c2 * s[4] - 4.0 * c2 * c_l) / n;
    if second > 0.0 { dim * fourth / ((dim + 2.0) * second * second) - 1.0 } else { f64::NAN }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(shift: [f64; 3]) -> Frame {
        Frame { shift, normal: [0.0, 0.0, 1.0], lag_ps: 0.5, dimension: 3 }
    }

    fn value(section: &[f64], f: &Frame, name: &str) -> f64 {
        let mut values = Values::new(false);
        finish(section, f, &mut values);
        values.into_vec()[crate::registry::index_of(name).expect("name")]
    }

    #[test]
    fn moments_are_exact_under_a_shift_of_the_centre_of_mass() {
        let vectors: Vec<[f64; 3]> =
            (0..40).map(|i| std::array::from_fn(|k| ((i * 7 + k * 3) as f64 * 0.618).sin())).collect();
        let shift = [0.31, -0.12, 0.07];
        let (mut plain, mut offset) = (vec![0.0; WIDTH], vec![0.0; WIDTH]);
        for v in &vectors {
            add_displacement(&mut plain, Population::FrameworkA, v);
            add_lag(&mut plain, Population::FrameworkA, v, 0.5);
            let moved = std::array::from_fn(|k| v[k] + shift[k]);
            add_displacement(&mut offset, Population::FrameworkA, &moved);
            add_lag(&mut offset, Population::FrameworkA, &moved, 0.5);
        }
        for name in ["msd_a", "diffusion_a", "nongauss"] {
            let (want, got) = (value(&plain, &frame([0.0; 3]), name), value(&offset, &frame(shift), name));
            assert!((want - got).abs() < 1e-12 * want.abs().max(1.0), "{name}: {want} {got}");
        }
        let direct = vectors.iter().map(|v| dot(v, v)).sum::<f64>() / 40.0;
        assert!((value(&plain, &frame([0.0; 3]), "msd_a") - direct).abs() < 1e-14);
        assert!((value(&plain, &frame([0.0; 3]), "diffusion_a") - direct / 3.0).abs() < 1e-14);
    }

    #[test]
    fn slabs_moving_apart_open_the_gap_and_slide() {
        let mut section = vec![0.0; WIDTH];
        add_displacement(&mut section, Population::FrameworkA, &[0.0, 0.0, -0.1]);
        add_displacement(&mut section, Population::FrameworkB, &[0.3, -0.4, 0.2]);
        let f = frame([0.0; 3]);
        assert!((value(&section, &f, "gap") - 0.3).abs() < 1e-15);
        assert!((value(&section, &f, "slip") - 0.5).abs() < 1e-15);
        assert!(value(&section, &f, "msd_mobile").is_nan());
    }

    #[test]
    fn jumps_and_exchange_are_shares() {
        let mut section = vec![0.0; WIDTH];
        add_lag(&mut section, Population::FrameworkA, &[0.9, 0.0, 0.0], 0.8);
        add_lag(&mut section, Population::FrameworkB, &[0.1, 0.0, 0.0], 0.8);
        add_exchange(&mut section, true);
        for _ in 0..3 {
            add_exchange(&mut section, false);
        }
        let f = frame([0.0; 3]);
        assert!((value(&section, &f, "jumps_framework") - 0.5).abs() < 1e-15);
        assert!((value(&section, &f, "mobile_exchange") - 0.25).abs() < 1e-15);
    }
}
