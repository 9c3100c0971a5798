//! Kinds of picture for the report: lines with bands, bars with whiskers, grids of shares.

use plotters::prelude::*;

use crate::error::{Error, Result};
use crate::plot::raster::FONT;

/// Okabe and Ito's colours, which the colour-blind can tell apart.
pub const COLOURS: [RGBColor; 8] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(230, 159, 0),
    RGBColor(90, 90, 90),
    RGBColor(0, 0, 0),
];
const INK: RGBColor = RGBColor(38, 38, 38);
const GRID: RGBColor = RGBColor(225, 225, 225);
/// Width of the margin with the names, pixels.
const LEGEND: u32 = 230;

/// A line with an optional band; points that are not numbers break it.
#[derive(Debug, Clone, Default)]
pub struct Line {
    /// In the legend.
    pub name: String,
    /// x, y, and the band's low and high (NaN without).
    pub points: Vec<[f64; 4]>,
}

/// A panel of lines.
#[derive(Debug, Clone, Default)]
pub struct Lines {
    /// Heading.
    pub title: String,
    /// Axes.
    pub x: String,
    /// Axes.
    pub y: String,
    /// Range of y; `None` takes what the lines need.
    pub range: Option<[f64; 2]>,
    /// Lines.
    pub lines: Vec<Line>,
    /// Vertical marks.
    pub marks: Vec<Mark>,
}

/// A vertical mark with an optional band.
#[derive(Debug, Clone, Default)]
pub struct Mark {
    /// In the legend.
    pub name: String,
    /// Its place, and the band's ends (NaN without).
    pub at: [f64; 3],
}

/// Bars in groups.
#[derive(Debug, Clone, Default)]
pub struct Bars {
    /// Heading.
    pub title: String,
    /// Axis.
    pub y: String,
    /// Names of the groups along x.
    pub groups: Vec<String>,
    /// One per bar of a group: its name, and per group value, low and high.
    pub bars: Vec<(String, Vec<[f64; 3]>)>,
}

/// A square table of shares, dark where much is.
#[derive(Debug, Clone, Default)]
pub struct Grid {
    /// Heading.
    pub title: String,
    /// Of rows and columns.
    pub names: Vec<String>,
    /// Rows of shares from 0 to 1; NaN is left white.
    pub shares: Vec<Vec<f64>>,
}

type Outcome = std::result::Result<(), Box<dyn std::error::Error>>;

/// Draws into SVG text.
fn drawn(
    size: (u32, u32),
    draw: impl FnOnce(&DrawingArea<SVGBackend<'_>, plotters::coord::Shift>) -> Outcome,
) -> Result<String> {
    let mut text = String::new();
    {
        let root = SVGBackend::with_string(&mut text, size).into_drawing_area();
        let done = root.fill(&WHITE).map_err(Into::into).and_then(|()| draw(&root));
        done.and_then(|()| root.present().map_err(Into::into))
            .map_err(|error| Error::Limit(format!("picture: {error}")))?;
    }
    // A browser without this font falls back to one of like width.
    Ok(text
        .replace(&format!("font-family=\"{FONT}\""), &format!("font-family=\"{FONT}, Verdana, sans-serif\"")))
}

/// Names beside their colours in the margin to the right, where they hide nothing.
fn legend(
    area: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>,
    entries: &[(&str, RGBAColor)],
) -> Outcome {
    let left = area.dim_in_pixel().0 as i32 - LEGEND as i32 + 12;
    for (k, (name, colour)) in entries.iter().enumerate() {
        let top = 62 + 24 * k as i32;
        area.draw(&Rectangle::new([(left, top), (left + 16, top + 12)], colour.filled()))?;
        area.draw_text(name, &(FONT, 15, &INK).into_text_style(area), (left + 24, top - 1))?;
    }
    Ok(())
}

/// Panels of lines side by side.
///
/// # Errors
/// [`Error::Limit`] when drawing fails.
pub fn lines(panels: &[Lines]) -> Result<String> {
    drawn(((560 + LEGEND) * panels.len().max(1) as u32, 480), |root| {
        for (area, panel) in root.split_evenly((1, panels.len().max(1))).iter().zip(panels) {
            let defined = || {
                panel.lines.iter().flat_map(|l| &l.points).filter(|p| p[0].is_finite() && p[1].is_finite())
            };
            let low_x = defined().map(|p| p[0]).fold(f64::INFINITY, f64::min);
            let high_x = defined().map(|p| p[0]).fold(f64::NEG_INFINITY, f64::max);
            if low_x >= high_x {
                area.draw_text(&panel.title, &(FONT, 22, &INK).into_text_style(area), (20, 14))?;
                area.draw_text("no data", &(FONT, 18, &INK).into_text_style(area), (20, 60))?;
                continue;
            }
            let ys = || defined().flat_map(|p| [p[1], p[2], p[3]]).filter(|v| v.is_finite());
            let [low, high] = panel.range.unwrap_or_else(|| {
                let (low, high) =
                    (ys().fold(f64::INFINITY, f64::min), ys().fold(f64::NEG_INFINITY, f64::max));
                [low - 0.05 * (high - low), high + 0.05 * (high - low) + 1e-9]
            });
            let mut chart = ChartBuilder::on(area)
                .margin(14)
                .margin_right(LEGEND)
                .caption(&panel.title, (FONT, 22, &INK))
                .set_label_area_size(LabelAreaPosition::Left, 66)
                .set_label_area_size(LabelAreaPosition::Bottom, 52)
                .build_cartesian_2d(low_x..high_x, low..high)?;
            chart
                .configure_mesh()
                .x_desc(&panel.x)
                .y_desc(&panel.y)
                .label_style((FONT, 16, &INK))
                .axis_desc_style((FONT, 18, &INK))
                .light_line_style(TRANSPARENT)
                .bold_line_style(GRID)
                .draw()?;
            for Mark { at: [x, from, to], .. } in &panel.marks {
                if from.is_finite() && to.is_finite() {
                    let ends = [(from.clamp(low_x, high_x), low), (to.clamp(low_x, high_x), high)];
                    chart.draw_series([Rectangle::new(ends, INK.mix(0.12).filled())])?;
                }
                let line = vec![(*x, low), (*x, high)];
                chart.draw_series([PathElement::new(line, INK.mix(0.5).stroke_width(2))])?;
            }
            for (k, line) in panel.lines.iter().enumerate() {
                let colour = COLOURS[k % COLOURS.len()];
                let banded: Vec<&[f64; 4]> =
                    line.points.iter().filter(|p| p.iter().all(|v| v.is_finite())).collect();
                if banded.len() > 1 {
                    let outline: Vec<(f64, f64)> = banded
                        .iter()
                        .map(|p| (p[0], p[3].clamp(low, high)))
                        .chain(banded.iter().rev().map(|p| (p[0], p[2].clamp(low, high))))
                        .collect();
                    chart.draw_series([Polygon::new(outline, colour.mix(0.18))])?;
                }
                for part in line.points.split(|p| !p[1].is_finite()) {
                    let path: Vec<(f64, f64)> = part.iter().map(|p| (p[0], p[1].clamp(low, high))).collect();
                    chart.draw_series([PathElement::new(path, colour.stroke_width(3))])?;
                }
            }
            let marks = panel.marks.iter().map(|mark| (mark.name.as_str(), INK.mix(0.5)));
            let named = panel.lines.iter().enumerate();
            let entries: Vec<(&str, RGBAColor)> = named
                .map(|(k, line)| (line.name.as_str(), COLOURS[k % COLOURS.len()].to_rgba()))
                .chain(marks)
                .collect();
            legend(area, &entries)?;
        }
        Ok(())
    })
}

/// Panels of bars below each other.
///
/// # Errors
/// [`Error::Limit`] when drawing fails.
pub fn bars(panels: &[Bars]) -> Result<String> {
    // Room for the bars, and for the names below them.
    let wide = |p: &Bars| {
        let name = p.groups.iter().map(|g| g.chars().count()).max().unwrap_or(0);
        p.groups.len() * (26 * (p.bars.len() + 1)).max(9 * name + 14)
    };
    let widest = panels.iter().map(wide).max().unwrap_or(1);
    let width = (100 + LEGEND + widest as u32).clamp(640, 3000);
    drawn((width, 440 * panels.len().max(1) as u32), |root| {
        for (area, panel) in root.split_evenly((panels.len().max(1), 1)).iter().zip(panels) {
            let slots = panel.bars.len() + 1;
            let all = || panel.bars.iter().flat_map(|b| &b.1).flatten().copied().filter(|v| v.is_finite());
            let high = all().fold(0.0, f64::max).max(1e-6) * 1.08;
            let low = all().fold(0.0, f64::min) * 1.08;
            let mut chart = ChartBuilder::on(area)
                .margin(14)
                .margin_right(LEGEND)
                .caption(&panel.title, (FONT, 22, &INK))
                .set_label_area_size(LabelAreaPosition::Left, 66)
                .set_label_area_size(LabelAreaPosition::Bottom, 46)
                .build_cartesian_2d(0.0..(panel.groups.len() * slots) as f64, low..high)?;
            chart
                .configure_mesh()
                .disable_x_mesh()
                .x_labels(0)
                .y_desc(&panel.y)
                .label_style((FONT, 16, &INK))
                .axis_desc_style((FONT, 18, &INK))
                .light_line_style(TRANSPARENT)
                .bold_line_style(GRID)
                .draw()?;
            for (k, (_, values)) in panel.bars.iter().enumerate() {
                let colour = COLOURS[k % COLOURS.len()];
                for (group, &[value, least, most]) in values.iter().enumerate() {
                    if !value.is_finite() {
                        continue;
                    }
                    let left = (group * slots + k) as f64 + 0.5;
                    let bar = Rectangle::new([(left + 0.08, 0.0), (left + 0.92, value)], colour.filled());
                    chart.draw_series([bar])?;
                    if least.is_finite() && most.is_finite() {
                        let whisker = vec![(left + 0.5, least), (left + 0.5, most)];
                        chart.draw_series([PathElement::new(whisker, INK.stroke_width(2))])?;
                    }
                }
            }
            for (group, name) in panel.groups.iter().enumerate() {
                let (x, y) = chart.backend_coord(&((group * slots) as f64 + 0.5 * slots as f64, low));
                let style =
                    (FONT, 16, &INK).into_text_style(root).pos(plotters::style::text_anchor::Pos::new(
                        plotters::style::text_anchor::HPos::Center,
                        plotters::style::text_anchor::VPos::Top,
                    ));
                root.draw_text(name, &style, (x, y + 10))?;
            }
            let named = panel.bars.iter().enumerate();
            let entries: Vec<(&str, RGBAColor)> =
                named.map(|(k, (name, _))| (name.as_str(), COLOURS[k % COLOURS.len()].to_rgba())).collect();
            legend(area, &entries)?;
        }
        Ok(())
    })
}

/// Grids, five in a row.
///
/// # Errors
/// [`Error::Limit`] when drawing fails.
pub fn grids(grids: &[Grid]) -> Result<String> {
    const ACROSS: usize = 5;
    const SIZE: (u32, u32) = (310, 270);
    let rows = grids.len().div_ceil(ACROSS).max(1);
    let across = grids.len().clamp(1, ACROSS);
    drawn((SIZE.0 * across as u32, SIZE.1 * rows as u32), |root| {
        for (area, grid) in root.split_evenly((rows, across)).iter().zip(grids) {
            area.draw_text(&grid.title, &(FONT, 18, &INK).into_text_style(area), (112, 10))?;
            let side = 180 / grid.names.len().max(1) as i32;
            let small = (FONT, 12, &INK).into_text_style(area);
            let center = plotters::style::text_anchor::Pos::new(
                plotters::style::text_anchor::HPos::Center,
                plotters::style::text_anchor::VPos::Center,
            );
            for (row, shares) in grid.shares.iter().enumerate() {
                let top = 40 + side * row as i32;
                let name: String = grid.names[row].chars().take(14).collect();
                area.draw_text(&name, &small, (2, top + side / 2 - 7))?;
                let short: String = name.chars().take(9).collect();
                area.draw_text(&short, &small.pos(center), (112 + side * row as i32 + side / 2, 234))?;
                for (column, &share) in shares.iter().enumerate() {
                    let left = 112 + side * column as i32;
                    let colour =
                        if share.is_finite() { COLOURS[0].mix(share.clamp(0.0, 1.0)) } else { TRANSPARENT };
                    area.draw(&Rectangle::new([(left, top), (left + side, top + side)], colour.filled()))?;
                    area.draw(&Rectangle::new(
                        [(left, top), (left + side, top + side)],
                        GRID.stroke_width(1),
                    ))?;
                    let ink = if share > 0.6 { &WHITE } else { &INK };
                    let text = if share.is_finite() { format!("{share:.2}") } else { "–".to_owned() };
                    let style = (FONT, 15, ink).into_text_style(area).pos(center);
                    area.draw_text(&text, &style, (left + side / 2, top + side / 2))?;
                }
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_drawn_and_rasterised() {
        let line = Line {
            name: "a".into(),
            points: vec![[0.0, 1.0, 0.5, 1.5], [1.0, f64::NAN, 0.0, 0.0], [2.0, 2.0, 1.0, 3.0]],
        };
        let panel = Lines {
            title: "t".into(),
            lines: vec![line],
            marks: vec![Mark { name: "m".into(), at: [1.0, 0.8, 1.1] }],
            ..Lines::default()
        };
        let svg = lines(&[panel.clone(), Lines::default()]).expect("drawn");
        assert!(svg.contains("no data"), "an empty panel says so");
        crate::plot::raster::png(&svg).expect("a picture");
        let chart = Bars {
            title: "b".into(),
            groups: vec!["x".into(), "y".into()],
            bars: vec![("n".into(), vec![[0.5, 0.4, 0.6], [f64::NAN; 3]])],
            ..Bars::default()
        };
        crate::plot::raster::png(&bars(&[chart]).expect("drawn")).expect("a picture");
        let grid = Grid {
            title: "g".into(),
            names: vec!["x".into(), "y".into()],
            shares: vec![vec![0.25, 0.75], vec![f64::NAN; 2]],
        };
        let svg = grids(&vec![grid; 6]).expect("drawn");
        assert!(svg.contains("0.75") && svg.contains("–"), "shares, and a class that does not occur");
        crate::plot::raster::png(&svg).expect("a picture");
    }
}
