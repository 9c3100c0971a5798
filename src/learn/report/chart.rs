//! Two kinds of picture for the report: lines with bands, bars with whiskers.

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
    /// Vertical marks with a name.
    pub marks: Vec<(f64, String)>,
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

/// Panels of lines side by side.
///
/// # Errors
/// [`Error::Limit`] when drawing fails.
pub fn lines(panels: &[Lines]) -> Result<String> {
    drawn((640 * panels.len().max(1) as u32, 480), |root| {
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
            for (x, name) in &panel.marks {
                chart
                    .draw_series([PathElement::new(
                        vec![(*x, low), (*x, high)],
                        INK.mix(0.5).stroke_width(2),
                    )])?
                    .label(name)
                    .legend(|(x, y)| {
                        PathElement::new(vec![(x, y), (x + 20, y)], INK.mix(0.5).stroke_width(2))
                    });
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
                for (number, part) in line.points.split(|p| !p[1].is_finite()).enumerate() {
                    let path: Vec<(f64, f64)> = part.iter().map(|p| (p[0], p[1].clamp(low, high))).collect();
                    let drawn = chart.draw_series([PathElement::new(path, colour.stroke_width(3))])?;
                    if number == 0 {
                        drawn.label(&line.name).legend(move |(x, y)| {
                            PathElement::new(vec![(x, y), (x + 20, y)], colour.stroke_width(3))
                        });
                    }
                }
            }
            chart
                .configure_series_labels()
                .label_font((FONT, 15, &INK))
                .background_style(WHITE.mix(0.85))
                .border_style(GRID)
                .draw()?;
        }
        Ok(())
    })
}

/// Panels of bars below each other.
///
/// # Errors
/// [`Error::Limit`] when drawing fails.
pub fn bars(panels: &[Bars]) -> Result<String> {
    let widest = panels.iter().map(|p| p.groups.len() * (p.bars.len() + 1)).max().unwrap_or(1);
    let width = (180 + 26 * widest as u32).clamp(640, 2400);
    drawn((width, 440 * panels.len().max(1) as u32), |root| {
        for (area, panel) in root.split_evenly((panels.len().max(1), 1)).iter().zip(panels) {
            let slots = panel.bars.len() + 1;
            let all = || panel.bars.iter().flat_map(|b| &b.1).flatten().copied().filter(|v| v.is_finite());
            let high = all().fold(0.0, f64::max).max(1e-6) * 1.08;
            let low = all().fold(0.0, f64::min) * 1.08;
            let mut chart = ChartBuilder::on(area)
                .margin(14)
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
            for (k, (name, values)) in panel.bars.iter().enumerate() {
                let colour = COLOURS[k % COLOURS.len()];
                for (group, &[value, least, most]) in values.iter().enumerate() {
                    if !value.is_finite() {
                        continue;
                    }
                    let left = (group * slots + k) as f64 + 0.5;
                    let bar = Rectangle::new([(left + 0.08, 0.0), (left + 0.92, value)], colour.filled());
                    let drawn = chart.draw_series([bar])?;
                    if group == 0 {
                        drawn.label(name).legend(move |(x, y)| {
                            Rectangle::new([(x, y - 5), (x + 14, y + 5)], colour.filled())
                        });
                    }
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
            chart
                .configure_series_labels()
                .label_font((FONT, 15, &INK))
                .background_style(WHITE.mix(0.85))
                .border_style(GRID)
                .draw()?;
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
            marks: vec![(1.0, "m".into())],
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
    }
}
