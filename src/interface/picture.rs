//! Side view of a cell: the interface's normal from left to right, x upwards, y into the paper.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::build::Built;
use super::elements::{bond_reach, colour, is_anion, is_network};
use super::stack::{Atom, Layer};
use crate::error::{Error, Result};
use crate::plot::raster::FONT;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const WIDTH: f64 = 1400.0;
/// The cell's picture is at most this high, pixels.
const HIGHEST: f64 = 760.0;
const MARGIN: f64 = 50.0;
const HEAD: f64 = 150.0;
const FOOT: f64 = 120.0;
/// Depth shown, angstrom: what lies deeper would hide the structure.
const DEPTH: f64 = 7.0;
/// Atoms drawn at most.
const MOST: usize = 4000;
/// What lies deeper is seen from slightly above: angstrom upwards per angstrom of depth.
const RISE: f64 = 0.15;

const INK: RGBColor = RGBColor(38, 38, 38);
const GREY: RGBColor = RGBColor(110, 110, 110);
const SIDE_A: RGBColor = RGBColor(226, 238, 247);
const SIDE_B: RGBColor = RGBColor(252, 238, 224);
const COATING: RGBColor = RGBColor(231, 243, 230);

/// Places on the paper.
struct View<'a> {
    built: &'a Built,
    /// Pixels per angstrom.
    scale: f64,
    left: f64,
    top: f64,
    /// Depth shown, angstrom.
    depth: f64,
}

impl View<'_> {
    fn new(built: &Built) -> View<'_> {
        let [x, y, z] = built.report.lengths;
        let depth = (y * MOST as f64 / built.atoms.len() as f64).min(DEPTH).min(y);
        let scale = ((WIDTH - 2.0 * MARGIN) / z).min(HIGHEST / (x + RISE * depth));
        View { built, scale, left: 0.5 * (WIDTH - z * scale), top: HEAD, depth }
    }

    /// Height of what is seen, angstrom.
    fn rise(&self) -> f64 {
        self.built.report.lengths[0] + RISE * self.depth
    }

    fn height(&self) -> f64 {
        self.rise() * self.scale
    }

    fn column(&self, z: f64) -> i32 {
        (self.left + z * self.scale).round() as i32
    }

    fn row(&self, x: f64) -> i32 {
        (self.top + self.height() - x * self.scale).round() as i32
    }

    /// Position on the paper, angstrom: along the normal and upwards. The latter is wrapped into the
    /// box: a tilted one is drawn straight.
    fn place(&self, atom: &Atom) -> [f64; 2] {
        let [x, y, z] = atom.position;
        [z, x.rem_euclid(self.built.report.lengths[0]) + RISE * y]
    }

    /// A colour seen through the haze between it and the front.
    fn hazy(&self, [r, g, b]: [u8; 3], y: f64) -> RGBColor {
        let haze = 0.75 * (y / self.depth.max(1e-9)).clamp(0.0, 1.0);
        let mix = |channel: u8| (f64::from(channel) * (1.0 - haze) + 250.0 * haze).round() as u8;
        RGBColor(mix(r), mix(g), mix(b))
    }
}

/// The picture as SVG.
///
/// # Errors
/// [`Error::Limit`] when drawing fails.
pub fn svg(built: &Built) -> Result<String> {
    let view = View::new(built);
    let mut text = String::new();
    draw(&view, &mut text).map_err(|error| Error::Limit(format!("picture: {error}")))?;
    // A browser without this font falls back to one of like width.
    Ok(text
        .replace(&format!("font-family=\"{FONT}\""), &format!("font-family=\"{FONT}, Verdana, sans-serif\"")))
}

fn draw(view: &View<'_>, text: &mut String) -> Drawn<()> {
    let size = (WIDTH as u32, (HEAD + view.height() + FOOT) as u32);
    let area = SVGBackend::with_string(text, size).into_drawing_area();
    area.fill(&WHITE)?;
    bands(view, &area)?;
    atoms(view, &area)?;
    heading(view, &area)?;
    legend(view, &area)?;
    area.present()?;
    Ok(())
}

/// Lower and upper end of every slab, from left to right.
fn slabs(view: &View<'_>) -> Vec<(Layer, f64, f64)> {
    let mut found: Vec<(Layer, f64, f64)> = Vec::new();
    let count = view.built.atoms.iter().map(|atom| atom.slab + 1).max().unwrap_or(0);
    for slab in 0..count {
        let members: Vec<&Atom> = view.built.atoms.iter().filter(|atom| atom.slab == slab).collect();
        let Some(first) = members.first() else { continue };
        let heights = members.iter().map(|atom| atom.position[2]);
        let (low, high) = heights.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), z| (l.min(z), h.max(z)));
        found.push((first.layer, low, high));
    }
    found
}

/// A tinted band behind every slab with its name above, and the box.
fn bands(view: &View<'_>, area: &Area<'_>) -> Drawn<()> {
    let report = &view.built.report;
    let z = report.lengths[2];
    let room = 0.5 * report.gap;
    for (layer, low, high) in slabs(view) {
        let (tint, name, slab) = match layer {
            Layer::A => (SIDE_A, "A", Some(&report.side_a)),
            Layer::B => (SIDE_B, "B", Some(&report.side_b)),
            Layer::Coating => (COATING, "", report.coating.as_ref()),
        };
        let (from, to) = ((low - room).max(0.0), (high + room).min(z));
        let corners = [(view.column(from), view.row(view.rise())), (view.column(to), view.row(0.0))];
        area.draw(&Rectangle::new(corners, tint.filled()))?;
        let middle = view.column(0.5 * (from + to));
        let centred = Pos::new(HPos::Center, VPos::Bottom);
        let label = (FONT, 28, FontStyle::Bold, &INK).into_text_style(area).pos(centred);
        let crystal = slab.map_or("", |slab| slab.crystal.as_str());
        let title = if name.is_empty() { crystal.to_owned() } else { format!("{name}: {crystal}") };
        // Under a narrow band a long name would run into the next one.
        let fits = f64::from(view.column(to) - view.column(from)) > 16.0 * title.chars().count() as f64;
        let shown = if fits || name.is_empty() { title } else { name.to_owned() };
        area.draw_text(&shown, &label, (middle, view.row(view.rise()) - 8))?;
    }
    let corners = [(view.column(0.0), view.row(view.rise())), (view.column(z), view.row(0.0))];
    area.draw(&Rectangle::new(corners, GREY.stroke_width(2)))?;
    Ok(())
}

fn atoms(view: &View<'_>, area: &Area<'_>) -> Drawn<()> {
    let mut shown: Vec<&Atom> =
        view.built.atoms.iter().filter(|atom| atom.position[1] <= view.depth + 1e-9).collect();
    // What lies far behind is drawn first.
    shown.sort_by(|a, b| b.position[1].total_cmp(&a.position[1]));
    let anions: Vec<&Atom> = shown.iter().copied().filter(|atom| is_anion(atom.element)).collect();
    for atom in &shown {
        if is_network(atom.element) {
            for anion in &anions {
                bond(view, area, atom, anion)?;
            }
        }
        let [z, x] = view.place(atom);
        let centre = (view.column(z), view.row(x));
        let size = (size(atom.element) * view.scale).round().max(2.0) as i32;
        let y = atom.position[1];
        area.draw(&Circle::new(centre, size, view.hazy(colour(atom.element), y).filled()))?;
        area.draw(&Circle::new(centre, size, view.hazy([60, 60, 60], y).stroke_width(1)))?;
    }
    Ok(())
}

/// Radius on the paper, angstrom: anions large, working ions small, so that neither hides the other.
fn size(element: &str) -> f64 {
    if is_anion(element) {
        0.5
    } else if is_network(element) {
        0.42
    } else {
        0.36
    }
}

/// A bond of the network; those across the edge of the picture are left out.
fn bond(view: &View<'_>, area: &Area<'_>, centre: &Atom, anion: &Atom) -> Drawn<()> {
    if centre.slab != anion.slab {
        return Ok(());
    }
    let ([z, x], [to_z, to_x]) = (view.place(centre), view.place(anion));
    let dy = anion.position[1] - centre.position[1];
    let length = (to_x - x - RISE * dy).hypot(to_z - z).hypot(dy);
    if length > bond_reach(centre.element, anion.element) {
        return Ok(());
    }
    let y = 0.5 * (centre.position[1] + anion.position[1]);
    let width = (0.18 * view.scale).round().max(1.0) as u32;
    let ends = vec![(view.column(z), view.row(x)), (view.column(to_z), view.row(to_x))];
    area.draw(&PathElement::new(ends, view.hazy(colour(centre.element), y).stroke_width(width)))?;
    Ok(())
}

fn heading(view: &View<'_>, area: &Area<'_>) -> Drawn<()> {
    let report = &view.built.report;
    let bold = (FONT, 38, FontStyle::Bold, &INK).into_text_style(area);
    area.draw_text(&report.title, &bold, (MARGIN as i32, 20))?;
    let [x, y, z] = report.lengths;
    let strain = |s: [f64; 3]| format!("{:+.1} and {:+.1} %", s[0], s[1]);
    let line = format!(
        "{} atoms, {x:.1} × {y:.1} × {z:.1} Å, strain of A {}, of B {}",
        report.atoms,
        strain(report.side_a.strain_percent),
        strain(report.side_b.strain_percent),
    );
    let plain = (FONT, 26, &GREY).into_text_style(area);
    area.draw_text(&line, &plain, (MARGIN as i32, 68))?;
    Ok(())
}

/// Elements and their colours, how deep the view is, and a scale bar.
fn legend(view: &View<'_>, area: &Area<'_>) -> Drawn<()> {
    let middle = (view.top + view.height() + 0.5 * FOOT) as i32;
    let label = (FONT, 28, &INK).into_text_style(area).pos(Pos::new(HPos::Left, VPos::Center));
    let mut x = MARGIN as i32 + 16;
    for element in view.built.table_of_elements() {
        area.draw(&Circle::new((x, middle), 14, view.hazy(colour(element), 0.0).filled()))?;
        area.draw(&Circle::new((x, middle), 14, GREY.stroke_width(1)))?;
        area.draw_text(element, &label, (x + 24, middle))?;
        x += 110;
    }
    let [_, y, z] = view.built.report.lengths;
    if view.depth < y {
        area.draw_text(&format!("front {:.0} of {y:.0} Å", view.depth), &label, (x + 20, middle))?;
    }
    let bar = if z > 60.0 { 10.0 } else { 5.0 };
    let right = (WIDTH - MARGIN) as i32;
    let start = right - (bar * view.scale).round() as i32;
    area.draw(&PathElement::new(vec![(start, middle), (right, middle)], INK.stroke_width(5)))?;
    let before = label.pos(Pos::new(HPos::Right, VPos::Center));
    area.draw_text(&format!("{bar:.0} Å"), &before, (start - 14, middle))?;
    Ok(())
}
