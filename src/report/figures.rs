//! A run's figures. Each stream is read once more, in full, with at most some thousand points kept per
//! curve.

use std::path::Path;

use crate::error::Result;
use crate::frame::Condition;
use crate::plot::panels::{Panel, svg};
use crate::plot::{Watched, run};
use crate::stream::{Line, Reader};
use crate::watch::RunView;

/// Points per curve: more than a printer resolves.
const POINTS: usize = 2000;
/// Descriptors that are drawn.
const DESCRIPTORS: usize = 5;

/// A figure and what it shows, in words.
#[derive(Debug)]
pub struct Figure {
    /// The picture, as a `data:` address.
    pub address: String,
    /// In words.
    pub caption: String,
}

impl Figure {
    fn new(svg: &str, caption: String) -> Self {
        Self { address: address(svg), caption }
    }
}

/// An SVG as an address: every byte that means something in an attribute or an address is encoded.
fn address(svg: &str) -> String {
    let mut text = String::with_capacity(svg.len() * 5 / 4);
    text.push_str("data:image/svg+xml;charset=utf-8,");
    for byte in svg.bytes() {
        match byte {
            b'a'..=b'z'
            | b'A'..=b'Z'
            | b'0'..=b'9'
            | b' '
            | b'='
            | b','
            | b'.'
            | b'-'
            | b'/'
            | b':'
            | b';'
            | b'('
            | b')'
            | b'_' => text.push(char::from(byte)),
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

/// At most [`POINTS`] points: the extremes of each stretch, in order, and the gaps.
fn thin(points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    if points.len() <= POINTS {
        return points;
    }
    let stretch = points.len().div_ceil(POINTS / 2);
    let mut kept = Vec::with_capacity(POINTS);
    for part in points.chunks(stretch) {
        let defined = || part.iter().filter(|point| point.1.is_finite());
        let least = defined().min_by(|a, b| a.1.total_cmp(&b.1));
        let most = defined().max_by(|a, b| a.1.total_cmp(&b.1));
        match (least, most) {
            (Some(a), Some(b)) if a.0 <= b.0 => kept.extend([*a, *b]),
            (Some(a), Some(b)) => kept.extend([*b, *a]),
            _ => kept.push(part[0]),
        }
    }
    kept
}

/// The run at a glance, probabilities where there are any, and the descriptors that mattered.
///
/// # Errors
/// The stream cannot be read or drawn.
pub fn figures(path: &Path, view: &RunView) -> Result<Vec<Figure>> {
    let mut watched = Watched::read(path)?;
    for track in &mut watched.tracks {
        track.index = thin(std::mem::take(&mut track.index));
        track.thickness = thin(std::mem::take(&mut track.thickness));
    }
    let glance = run::svg(&watched)?;
    let what = "Instability index and thickness of the interface against time; the grey time is the baseline's, \
                the vertical line the first alarm.";
    let mut figures = vec![Figure::new(&glance, what.to_owned())];
    let names = chosen(view);
    let (probability, values) = read(path, view, &names)?;
    let alarms: Vec<f64> = view.alarms.iter().map(|alarm| alarm.alarm.time_ps).collect();
    let unit = view.facts.time_unit;
    let lines = "Solid: first interface, dashed: second; vertical lines: alarms.";
    if probability.iter().flatten().any(|point| point.1.is_finite()) {
        let panel = Panel { axis: "P(warning)".into(), curves: probability, level: Some(view.threshold) };
        let caption = format!("Warning probability against time; thin line: threshold. {lines}");
        figures.push(Figure::new(&svg(&[panel], &alarms, unit)?, caption));
    }
    if !names.is_empty() {
        let panels: Vec<Panel> = names
            .iter()
            .zip(values)
            .map(|(name, curves)| Panel { axis: name.clone(), curves, level: None })
            .collect();
        let why =
            if view.alarms.is_empty() { "that drive the index at the end" } else { "named by the alarms" };
        let caption = format!("Descriptors {why}: {}. {lines}", names.join(", "));
        figures.push(Figure::new(&svg(&panels, &alarms, unit)?, caption));
    }
    Ok(figures)
}

/// Descriptors that alarms name, else those that drive the index now.
fn chosen(view: &RunView) -> Vec<String> {
    let alarms = view.alarms.iter().flat_map(|alarm| &alarm.alarm.top);
    let now = view.interfaces.iter().flat_map(|interface| &interface.drivers);
    let all: Vec<_> = if view.alarms.is_empty() { now.collect() } else { alarms.collect() };
    let mut names: Vec<String> = Vec::new();
    for part in all {
        let name = part.descriptor.strip_prefix("rate of ").unwrap_or(&part.descriptor);
        let known = view.header.descriptors.iter().any(|descriptor| descriptor == name);
        if known && names.len() < DESCRIPTORS && !names.iter().any(|other| other == name) {
            names.push(name.to_owned());
        }
    }
    names
}

type Curve = Vec<(f64, f64)>;

/// Warning probability per interface, and per name the values per interface.
fn read(path: &Path, view: &RunView, names: &[String]) -> Result<(Vec<Curve>, Vec<Vec<Curve>>)> {
    let count = view.interfaces.len();
    let mut probability = vec![Curve::new(); count];
    let mut values = vec![vec![Curve::new(); count]; names.len()];
    let columns: Vec<usize> =
        names.iter().filter_map(|name| view.header.descriptors.iter().position(|d| d == name)).collect();
    for line in Reader::open(path)?.flatten() {
        match line {
            Line::Verdict { verdict, .. } => {
                probability[verdict.interface].push((verdict.time_ps, verdict.p_warning));
            }
            Line::Sample { time_ps, interface, condition, values: row, .. } => {
                for (curves, &column) in values.iter_mut().zip(&columns) {
                    let value = if condition == Condition::Measured { row[column] } else { f64::NAN };
                    curves[interface].push((time_ps, value));
                }
            }
            _ => {}
        }
    }
    let values = values.into_iter().map(|curves| curves.into_iter().map(thin).collect()).collect();
    Ok((probability.into_iter().map(thin).collect(), values))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinning_keeps_extremes_and_gaps() {
        let mut points: Curve = (0..100_000).map(|i| (f64::from(i), 0.0)).collect();
        points[55_555].1 = 9.0;
        for point in &mut points[70_000..80_000] {
            point.1 = f64::NAN;
        }
        let kept = thin(points);
        assert!(kept.len() <= POINTS);
        assert!(kept.contains(&(55_555.0, 9.0)));
        assert!(kept.iter().any(|point| point.1.is_nan()));
        assert!(kept.windows(2).all(|pair| pair[0].0 <= pair[1].0));
    }

    #[test]
    fn addresses_hold_nothing_that_ends_an_attribute() {
        let text = address("<svg a='1' b=\"2\">#%&Å</svg>");
        assert_eq!(
            text,
            "data:image/svg+xml;charset=utf-8,%3Csvg a=%271%27 b=%222%22%3E%23%25%26%C3%85%3C/svg%3E"
        );
    }
}
