//! A potential as the text of a LAMMPS `pair_style table` file.
//!
//! Points are evenly spaced in r^2 (keyword RSQ), which is how LAMMPS looks them up: with
//! `pair_style table linear N` and this file's own N, inner and outer distance, LAMMPS takes the
//! points as they are and interpolates only once, at run time.

use std::fmt::Write as _;

use super::pedone::{Ion, Pedone, ion};
use crate::error::{Error, Result};

/// Points per table unless asked otherwise. Measured on 1152 atoms of Li2SiO3 | Li2O at 1200 K with
/// `pair_style table linear N`, against 64000 points:
///
/// | N | energy, eV/atom | pressure, bar | largest force error, eV/A | file of 6 pairs, MB |
/// |---|---|---|---|---|
/// | 1000 | 2.9e-4 | 271 | 0.016 | 0.3 |
/// | 2000 | 7.1e-5 | 75 | 0.0046 | 0.6 |
/// | 4000 | 1.7e-5 | 21 | 0.0048 | 1.2 |
/// | 8000 | 4.4e-6 | 3 | 0.0035 | 2.4 |
///
/// What is left of the force error sits in the one cell that holds the kink at 5.5 angstrom. `spline`
/// reaches 3 bar with 2000 points and costs 7 % more time than `linear 8000`.
pub const DEFAULT_POINTS: usize = 8000;

/// Innermost distance, angstrom. No ion pair comes as close below many thousand kelvin; LAMMPS
/// stops with "Pair distance < table inner cutoff" if one does.
pub const INNER: f64 = 0.7;

/// Fewest and most points that make sense.
const POINTS: std::ops::RangeInclusive<usize> = 100..=1_000_000;

/// The table file for a list of elements: one section `A-B` for each unordered pair, in the order
/// of the list, which is also the order of the atom types in [`pair_coeffs`].
///
/// # Errors
/// [`Error::Input`] when the list is empty or repeats an element, an element is not on offer, or
/// the number of points makes no sense.
pub fn pedone(elements: &[String], points: usize) -> Result<String> {
    let ions = ions(elements)?;
    if !POINTS.contains(&points) {
        let expected = format!("a number from {} to {}", POINTS.start(), POINTS.end());
        return Err(Error::input("points", points, expected));
    }
    let potential = Pedone::default();
    let mut text = String::from(
        "# UNITS: metal CITATION: Pedone et al., J. Phys. Chem. B 110, 11780 (2006), doi:10.1021/jp0611018,\n\
         # with damped shifted-force Coulomb, doi:10.1063/1.2206581 (damping 0.25/A, cutoff 8 A).\n\
         # Written by foreshock table pedone.\n",
    );
    for (first, second) in pairs(&ions) {
        write_section(&mut text, &potential, first, second, points);
    }
    Ok(text)
}

/// The input script's lines that use a table file: `pair_style`, then one `pair_coeff` for each
/// pair of atom types, where type 1 is the first element.
///
/// # Errors
/// As [`pedone`].
pub fn pair_coeffs(elements: &[String], points: usize, file: &str) -> Result<Vec<String>> {
    let ions = ions(elements)?;
    let cutoff = Pedone::default().cutoff();
    let mut lines = vec![format!("pair_style table linear {points}")];
    for i in 0..ions.len() {
        for j in i..ions.len() {
            let section = section_name(ions[i], ions[j]);
            lines.push(format!("pair_coeff {} {} {file} {section} {cutoff:.1}", i + 1, j + 1));
        }
    }
    Ok(lines)
}

fn ions(elements: &[String]) -> Result<Vec<&'static Ion>> {
    if elements.is_empty() {
        return Err(Error::input("elements", "", "at least one element symbol"));
    }
    let mut ions: Vec<&'static Ion> = Vec::with_capacity(elements.len());
    for symbol in elements {
        let next = ion(symbol)?;
        if ions.iter().any(|known| known.symbol == next.symbol) {
            return Err(Error::input("elements", symbol, "every element once"));
        }
        ions.push(next);
    }
    Ok(ions)
}

fn pairs(ions: &[&'static Ion]) -> Vec<(&'static Ion, &'static Ion)> {
    (0..ions.len()).flat_map(|i| (i..ions.len()).map(move |j| (ions[i], ions[j]))).collect()
}

fn section_name(a: &Ion, b: &Ion) -> String {
    format!("{}-{}", a.symbol, b.symbol)
}

fn write_section(text: &mut String, potential: &Pedone, a: &Ion, b: &Ion, points: usize) {
    let outer = potential.cutoff();
    let section = section_name(a, b);
    let header = format!("\n{section}\nN {points} RSQ {INNER:.1} {outer:.1}\n\n");
    text.push_str(&header);
    let (low, high) = (INNER * INNER, outer * outer);
    for k in 0..points {
        let share = k as f64 / (points - 1) as f64;
        let r = (low + (high - low) * share).sqrt();
        let value = potential.evaluate(a, b, r);
        writeln!(text, "{} {r:.9} {:.10e} {:.10e}", k + 1, value.energy, value.force)
            .expect("writing to a String cannot fail");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(symbols: &[&str]) -> Vec<String> {
        symbols.iter().map(|s| (*s).to_owned()).collect()
    }

    #[test]
    fn sections_hold_the_points_that_the_header_announces() {
        let text = pedone(&list(&["Li", "O"]), 200).expect("valid");
        let names: Vec<&str> =
            text.lines().filter(|l| l.contains('-') && !l.contains(' ') && !l.is_empty()).collect();
        assert_eq!(names, ["Li-Li", "Li-O", "O-O"]);
        assert_eq!(text.matches("N 200 RSQ 0.7 8.0").count(), 3);
        let rows: Vec<Vec<f64>> = text
            .lines()
            .filter(|l| l.split_whitespace().count() == 4 && !l.starts_with('#'))
            .map(|l| l.split_whitespace().map(|w| w.parse().expect("a number")).collect())
            .collect();
        assert_eq!(rows.len(), 600);
        assert_eq!((rows[0][0], rows[0][1]), (1.0, 0.7));
        assert_eq!(&rows[199][..], [200.0, 8.0, 0.0, 0.0]);
        // Evenly spaced in r^2, as the keyword RSQ promises.
        let spacing = (64.0 - 0.49) / 199.0;
        for pair in rows[..200].windows(2) {
            let step = pair[1][1].powi(2) - pair[0][1].powi(2);
            assert!((step - spacing).abs() < 1e-6, "{step} {spacing}");
        }
    }

    #[test]
    fn lines_to_paste_name_every_pair_of_types_once() {
        let lines = pair_coeffs(&list(&["Li", "Si", "O"]), 4000, "t.table").expect("valid");
        assert_eq!(lines[0], "pair_style table linear 4000");
        assert_eq!(lines[5], "pair_coeff 2 3 t.table Si-O 8.0");
        assert_eq!(lines.len(), 7);
    }

    #[test]
    fn faulty_requests_are_named() {
        let message =
            |symbols: &[&str], points| pedone(&list(symbols), points).expect_err("faulty").to_string();
        assert_eq!(message(&["Li", "Li"], 4000), "elements = 'Li': expected every element once");
        assert_eq!(message(&[], 4000), "elements = '': expected at least one element symbol");
        assert_eq!(message(&["Li"], 3), "points = '3': expected a number from 100 to 1000000");
        assert!(message(&["Pb"], 4000).starts_with("elements = 'Pb': expected one of Li, Na,"));
    }
}
