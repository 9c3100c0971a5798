//! One in-plane box for two slabs.
//!
//! Each slab contributes a supercell of its in-plane lattice; the box is the weighted mean of both, and
//! either slab is strained into it.

use super::orient::Layered;
use super::spec::Lateral;
use crate::error::{Error, Result};

/// Two in-plane vectors in LAMMPS form: the first along x, the second with positive y.
pub type Plane = [[f64; 2]; 2];

/// Integer combinations of a slab's in-plane vectors, one a row.
pub type Supercell = [[i32; 2]; 2];

/// What the search prefers: this much strain less is worth an area larger by `min_length` squared.
const STRAIN_PER_AREA: f64 = 0.02;

/// A search looks at so many supercells of a slab at most: a few seconds.
const MOST_SUPERCELLS: u64 = 50_000;

/// Both supercells and the box they share.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Match {
    /// Supercell of side A.
    pub a: Supercell,
    /// Supercell of side B.
    pub b: Supercell,
    /// The common box.
    pub plane: Plane,
    /// Strain of A along x and y, and its shear.
    pub strain_a: [f64; 3],
    /// The same of B.
    pub strain_b: [f64; 3],
}

impl Match {
    fn worst(&self) -> f64 {
        self.strain_a.iter().chain(&self.strain_b).fold(0.0, |worst, v| worst.max(v.abs()))
    }

    fn area(&self) -> f64 {
        self.plane[0][0] * self.plane[1][1]
    }
}

/// A supercell's vectors, turned so that the first lies along x.
#[must_use]
pub fn plane_of(layered: &Layered, supercell: &Supercell) -> Plane {
    let [a, b] = vectors(layered, supercell);
    let length = a[0].hypot(a[1]);
    let along = (a[0] * b[0] + a[1] * b[1]) / length;
    let across = (a[0] * b[1] - a[1] * b[0]) / length;
    [[length, 0.0], [along, across]]
}

/// A supercell's vectors in the layer's own frame.
#[must_use]
pub fn vectors(layered: &Layered, supercell: &Supercell) -> [[f64; 2]; 2] {
    supercell.map(|[i, j]| {
        std::array::from_fn(|k| f64::from(i) * layered.plane[0][k] + f64::from(j) * layered.plane[1][k])
    })
}

/// Strain that brings `own` into `box`: along x, along y, and the shear of the second vector.
#[must_use]
pub fn strain(own: &Plane, target: &Plane) -> [f64; 3] {
    [
        target[0][0] / own[0][0] - 1.0,
        target[1][1] / own[1][1] - 1.0,
        target[1][0] / target[1][1] - own[1][0] / own[1][1],
    ]
}

fn combine(a: (&Layered, Supercell), b: (&Layered, Supercell), lateral: &Lateral) -> Match {
    let (own_a, own_b) = (plane_of(a.0, &a.1), plane_of(b.0, &b.1));
    let weight = lateral.weight_b;
    let mean = |i: usize, k: usize| (own_a[i][k] * (1.0 - weight) + own_b[i][k] * weight) * lateral.expand;
    let plane = std::array::from_fn(|i| std::array::from_fn(|k| mean(i, k)));
    Match { a: a.1, b: b.1, plane, strain_a: strain(&own_a, &plane), strain_b: strain(&own_b, &plane) }
}

/// The box of two given supercells.
///
/// # Errors
/// [`Error::Input`] with all strains when one is larger than allowed.
pub fn given(a: (&Layered, Supercell), b: (&Layered, Supercell), lateral: &Lateral) -> Result<Match> {
    let found = combine(a, b, lateral);
    if found.worst() <= lateral.max_strain {
        return Ok(found);
    }
    let [own_a, own_b] = [plane_of(a.0, &a.1), plane_of(b.0, &b.1)].map(|p| edges(&p));
    Err(Error::input(
        "lateral.max_strain",
        lateral.max_strain,
        format!(
            "at least {:.4}: {} of {own_a} is strained by {}, {} of {own_b} by {}",
            found.worst(),
            a.0.name,
            percent(&found.strain_a),
            b.0.name,
            percent(&found.strain_b),
        ),
    ))
}

fn edges(plane: &Plane) -> String {
    let tilt = if plane[1][0].abs() > 1e-6 { format!(", tilt {:.3}", plane[1][0]) } else { String::new() };
    format!("{:.3} x {:.3} angstrom{tilt}", plane[0][0], plane[1][1])
}

fn percent(strain: &[f64; 3]) -> String {
    let shear =
        if strain[2].abs() > 1e-6 { format!(", shear {:+.2} %", 100.0 * strain[2]) } else { String::new() };
    format!("{:+.2} % and {:+.2} %{shear}", 100.0 * strain[0], 100.0 * strain[1])
}

/// The best pair of supercells: edges of at least `min_length`, an area of at most `max_area`, strains of
/// at most `max_strain`; among those, little strain and a small area.
///
/// Supercells along the in-plane vectors of both slabs come first, B also turned by a right angle. Only
/// where none of them fits, all supercells are searched, at any angle to each other.
///
/// # Errors
/// [`Error::Input`] with the best strain found when there is no such pair, or with the number of supercells
/// when there are too many to try.
pub fn search(a: &Layered, b: &Layered, lateral: &Lateral) -> Result<Match> {
    let mut closest: Option<Match> = None;
    if a.is_rectangular() && b.is_rectangular() {
        let own = aligned(a, lateral, false)?;
        let mut other = aligned(b, lateral, false)?;
        other.extend(aligned(b, lateral, true)?);
        if let Some(found) = best((a, &own), (b, &other), lateral, &mut closest) {
            return Ok(found);
        }
    }
    let (own, other) = (all(a, lateral)?, all(b, lateral)?);
    if let Some(found) = best((a, &own), (b, &other), lateral, &mut closest) {
        return Ok(found);
    }
    let found = closest.map_or_else(
        || "there is no pair of like size at all".to_owned(),
        |m| {
            format!(
                "the closest, {}, strains {} by {} and {} by {}",
                edges(&m.plane),
                a.name,
                percent(&m.strain_a),
                b.name,
                percent(&m.strain_b)
            )
        },
    );
    Err(Error::input(
        "lateral.max_strain",
        lateral.max_strain,
        format!(
            "a strain at which {} and {} fit a common cell with edges of {} angstrom or more (min_length) and an \
             area of at most {} square angstrom (max_area); {found}",
            a.name, b.name, lateral.min_length, lateral.max_area
        ),
    ))
}

/// Supercells along the in-plane vectors, turned by a right angle if asked.
fn aligned(layered: &Layered, lateral: &Lateral, turned: bool) -> Result<Vec<(Supercell, Plane)>> {
    let [x, y] = [layered.plane[0][0], layered.plane[1][1]];
    let most = |edge: f64| (margin(lateral) * lateral.max_area / lateral.min_length / edge).floor() as i32;
    let count = |edge: f64| u64::try_from(most(edge)).unwrap_or(0);
    check_size(layered, lateral, count(x).saturating_mul(count(y)))?;
    let mut found = Vec::new();
    for i in 1..=most(x) {
        for j in 1..=most(y) {
            let supercell = if turned { [[0, j], [-i, 0]] } else { [[i, 0], [0, j]] };
            found.push((supercell, plane_of(layered, &supercell)));
        }
    }
    Ok(found)
}

/// Refuses a search that would take minutes to years.
fn check_size(layered: &Layered, lateral: &Lateral, supercells: u64) -> Result<()> {
    if supercells <= MOST_SUPERCELLS {
        return Ok(());
    }
    let expected = format!(
        "an area in which {} has at most {MOST_SUPERCELLS} supercells to try, not {supercells}; repeat on both \
         sides searches nothing",
        layered.name
    );
    Err(Error::input("lateral.max_area", lateral.max_area, expected))
}

/// Before the mean is taken, a cell may exceed the limits by what strain can take away.
fn margin(lateral: &Lateral) -> f64 {
    (1.0 + lateral.max_strain).powi(2)
}

/// Every supercell up to the largest area, as its most compact cells.
fn all(layered: &Layered, lateral: &Lateral) -> Result<Vec<(Supercell, Plane)>> {
    let most = (margin(lateral) * lateral.max_area / layered.area()).floor() as i32;
    // Of index n there are as many sublattices as the sum of the divisors of n; each divisor d is one of
    // most / d numbers.
    let largest = u64::try_from(most).unwrap_or(0);
    check_size(layered, lateral, (1..=largest).map(|d| d * (largest / d)).sum())?;
    let mut found: Vec<(Supercell, Plane)> = Vec::new();
    // Hermite normal forms: each sublattice of index n once.
    for n in 1..=most {
        for p in (1..=n).filter(|p| n % p == 0) {
            for q in 0..n / p {
                let [u, v] = compact(layered, [[p, q], [0, n / p]]);
                let minus = |w: [i32; 2]| w.map(|x| -x);
                let plus = |s: i32| [v[0] + s * u[0], v[1] + s * u[1]];
                // Where two cells are about equally compact, either may resemble the other slab's.
                for supercell in [[u, v], [v, minus(u)], [u, plus(1)], [u, plus(-1)]] {
                    let plane = plane_of(layered, &supercell);
                    let skewed = plane[1][0].abs() > 0.55 * plane[0][0];
                    if !skewed && plane[0][0].min(plane[1][1]) * margin(lateral) >= lateral.min_length {
                        found.push((supercell, plane));
                    }
                }
            }
        }
    }
    Ok(found)
}

/// Lagrange-Gauss reduction; the result is right-handed.
fn compact(layered: &Layered, supercell: Supercell) -> Supercell {
    let [mut u, mut v] = supercell;
    loop {
        let [a, b] = vectors(layered, &[u, v]);
        let (aa, bb, ab) = (a[0] * a[0] + a[1] * a[1], b[0] * b[0] + b[1] * b[1], a[0] * b[0] + a[1] * b[1]);
        if aa > bb * (1.0 + 1e-12) {
            (u, v) = (v, u.map(|x| -x));
            continue;
        }
        // Of two equally short choices either will do; see `orient::reduce_pair`.
        if (ab / aa).abs() <= 0.5 + 1e-9 {
            return [u, v];
        }
        let factor = (ab / aa).round() as i32;
        v = [v[0] - factor * u[0], v[1] - factor * u[1]];
    }
}

/// The best pair within all limits; `closest` remembers the least strained one that is not.
fn best(
    a: (&Layered, &[(Supercell, Plane)]),
    b: (&Layered, &[(Supercell, Plane)]),
    lateral: &Lateral,
    closest: &mut Option<Match>,
) -> Option<Match> {
    // Sorted by the first edge, candidates of like edge are neighbours.
    let mut others: Vec<&(Supercell, Plane)> = b.1.iter().collect();
    others.sort_by(|one, two| one.1[0][0].total_cmp(&two.1[0][0]));
    let reach = (1.0 + lateral.max_strain.max(0.1)).powi(2);
    let unit = lateral.min_length * lateral.min_length;
    let score = |m: &Match| m.worst() + STRAIN_PER_AREA * (m.area() / unit);
    let mut found: Option<Match> = None;
    for (supercell, plane) in a.1 {
        let from = others.partition_point(|other| other.1[0][0] * reach < plane[0][0]);
        for other in others[from..].iter().take_while(|other| other.1[0][0] <= plane[0][0] * reach) {
            let ratio = other.1[1][1] / plane[1][1];
            if !(1.0 / reach..=reach).contains(&ratio) {
                continue;
            }
            let pair = combine((a.0, *supercell), (b.0, other.0), lateral);
            let shortest = pair.plane[0][0].min(pair.plane[1][1]);
            if shortest < lateral.min_length || pair.area() > lateral.max_area {
                continue;
            }
            let tilted = |m: &Match| m.plane[1][0].abs() > 1e-6;
            if pair.worst() <= lateral.max_strain {
                // A box without tilt wins over any with one.
                let better = found
                    .as_ref()
                    .is_none_or(|known| (tilted(&pair), score(&pair) + 1e-9) < (tilted(known), score(known)));
                if better {
                    found = Some(pair);
                }
            } else if closest.as_ref().is_none_or(|known| pair.worst() < known.worst()) {
                *closest = Some(pair);
            }
        }
    }
    found
}

/// The supercell of a third slab that fits a box best, and its strain.
///
/// # Errors
/// [`Error::Input`] with the best strain when none is within `max_strain`; as [`search`].
pub fn fit(layered: &Layered, plane: &Plane, max_strain: f64) -> Result<(Supercell, [f64; 3])> {
    let limits = Lateral {
        max_area: plane[0][0] * plane[1][1],
        min_length: 0.8 * plane[0][0].min(plane[1][1]),
        max_strain: max_strain.max(0.1),
        ..Lateral::default()
    };
    let worst = |s: &[f64; 3]| s.iter().fold(0.0_f64, |w, v| w.max(v.abs()));
    let best = |candidates: Vec<(Supercell, Plane)>| {
        let strained = candidates.into_iter().map(|(supercell, own)| (supercell, strain(&own, plane)));
        strained.min_by(|a, b| worst(&a.1).total_cmp(&worst(&b.1)))
    };
    // As in `search`: along the axes of the box if that is within the limit.
    let mut candidates = Vec::new();
    if layered.is_rectangular() {
        candidates.extend(aligned(layered, &limits, false)?);
        candidates.extend(aligned(layered, &limits, true)?);
    }
    let along = best(candidates).filter(|(_, strain)| worst(strain) <= max_strain);
    let found = match along {
        Some(along) => Some(along),
        None => best(all(layered, &limits)?),
    };
    match found {
        Some(best) if worst(&best.1) <= max_strain => Ok(best),
        other => {
            let closest =
                other.map_or_else(String::new, |(_, s)| format!("; the closest needs {}", percent(&s)));
            Err(Error::input(
                "lateral.max_strain",
                max_strain,
                format!("a strain at which {} fits the box of {}{closest}", layered.name, edges(plane)),
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interface::orient::{Orientation, layers};
    use crate::interface::prototypes::prototype;

    fn layered(name: &str, hkl: [i32; 3]) -> Layered {
        layers(&prototype(name).expect(name), Orientation::Miller(hkl)).expect("valid")
    }

    #[test]
    fn a_slab_matches_itself_without_strain() {
        for (name, hkl) in
            [("Li2O", [1, 1, 1]), ("Li2SiO3", [1, 1, 0]), ("SiO2-alpha-cristobalite", [1, 0, 1])]
        {
            let slab = layered(name, hkl);
            let found = search(&slab, &slab, &Lateral::default()).expect("itself");
            assert!(found.worst() < 1e-12, "{name}: {found:?}");
            assert_eq!(found.a, found.b, "{name}");
            assert!(
                found.plane[0][0] >= 16.0 && found.plane[1][1] >= 16.0 && found.area() <= 900.0,
                "{name}"
            );
        }
    }

    #[test]
    fn a_known_rotated_match_is_found() {
        // One square lattice is the other one, scaled by sqrt(5): it fits turned by atan(1/2) only.
        let square = layered("Li", [0, 0, 1]);
        let mut larger = square.clone();
        larger.plane = square.plane.map(|v| v.map(|x| x * 5.0_f64.sqrt()));
        let lateral = Lateral { max_strain: 0.002, max_area: 400.0, ..Lateral::default() };
        let found = search(&square, &larger, &lateral).expect("a match");
        assert!(found.worst() < 1e-9, "{found:?}");
        let [u, _] = vectors(&square, &found.a);
        assert!(u[0] != 0.0 && u[1] != 0.0, "turned: {found:?}");
        assert!(found.plane[1][0].abs() < 1e-9);
    }

    #[test]
    fn strain_is_shared_by_weight() {
        let (a, b) = (layered("NaCl", [0, 0, 1]), layered("NaBr", [0, 0, 1]));
        for weight_b in [0.0, 0.3, 1.0] {
            let lateral = Lateral { weight_b, max_strain: 0.2, ..Lateral::default() };
            let found = given((&a, [[5, 0], [0, 5]]), (&b, [[5, 0], [0, 5]]), &lateral).expect("within");
            let edge = (5.631 * (1.0 - weight_b) + 5.954 * weight_b) * 5.0 / 2.0_f64.sqrt();
            assert!((found.plane[0][0] - edge).abs() < 1e-9, "{weight_b}: {found:?}");
            assert!((found.strain_a[0] - (edge * 2.0_f64.sqrt() / (5.0 * 5.631) - 1.0)).abs() < 1e-9);
            assert!(weight_b != 1.0 || found.strain_b[0].abs() < 1e-12);
        }
    }

    #[test]
    fn every_found_supercell_of_an_oblique_lattice_keeps_to_the_limits() {
        // Without a rectangular cell the box is tilted, by at most half its edge.
        let mut oblique = layered("Li2O", [0, 0, 1]);
        oblique.plane = [[3.1, 0.0], [0.7, 4.3]];
        let square = layered("NaCl", [0, 0, 1]);
        let lateral = Lateral { max_strain: 0.04, max_area: 700.0, ..Lateral::default() };
        let found = search(&oblique, &square, &lateral).expect("a match");
        assert!(found.worst() <= 0.04, "{found:?}");
        assert!(found.plane[1][0].abs() <= 0.5 * found.plane[0][0], "{found:?}");
    }

    #[test]
    fn an_impossible_match_says_how_far_off_it_is() {
        let (a, b) = (layered("Li2O", [0, 0, 1]), layered("KI", [0, 0, 1]));
        let lateral = Lateral { max_strain: 1e-4, max_area: 300.0, ..Lateral::default() };
        let message = search(&a, &b, &lateral).expect_err("too strict").to_string();
        assert!(
            message.starts_with("lateral.max_strain = '0.0001': expected a strain at which Li2O and KI fit"),
            "{message}"
        );
        assert!(message.contains("the closest, ") && message.contains(" strains Li2O by "), "{message}");
        let given = given((&a, [[3, 0], [0, 3]]), (&b, [[3, 0], [0, 3]]), &lateral).expect_err("too strict");
        assert!(given.to_string().contains("expected at least 0.2"), "{given}");
    }

    #[test]
    fn a_search_that_would_not_end_is_refused_with_its_size() {
        let (a, b) = (layered("Li2O", [0, 0, 1]), layered("KI", [0, 0, 1]));
        let huge = Lateral { max_area: 1e6, min_length: 1.0, ..Lateral::default() };
        let message = search(&a, &b, &huge).expect_err("endless").to_string();
        assert!(
            message.starts_with("lateral.max_area = '1000000': expected") && message.contains("Li2O has"),
            "{message}"
        );
        // Sublattices of index 1 to 4: 1 + 3 + 4 + 7, up to four cells each.
        let lateral = Lateral { max_area: 4.5 * a.area() / 1.1025, min_length: 1.0, ..Lateral::default() };
        let indices = all(&a, &lateral).expect("few").len();
        assert!((15..=60).contains(&indices), "{indices}");
    }

    #[test]
    fn a_coating_prefers_the_axes_of_the_box() {
        let coat = layered("LiF", [0, 0, 1]);
        let plane = [[18.148, 0.0], [0.0, 18.148]];
        let (supercell, strain) = fit(&coat, &plane, 0.1).expect("fits");
        assert_eq!(supercell, [[6, 0], [0, 6]]);
        assert!((strain[0] - (18.148 / (6.0 * 4.018 / 2.0_f64.sqrt()) - 1.0)).abs() < 1e-9);
        let (turned, strain) = fit(&coat, &plane, 0.01).expect("fits turned");
        assert!(turned[0][1] != 0 && strain.iter().all(|s| s.abs() <= 0.01), "{turned:?} {strain:?}");
        assert!(fit(&coat, &plane, 1e-6).is_err());
    }
}
