//! Curves over one common time axis, one panel each: for descriptors and probabilities in reports.

use plotters::prelude::*;

use super::raster::FONT;
use super::run::{BLUE, GREY, GRID, INK, ORANGE, format_number};
use crate::error::{Error, Result};

/// Width of the picture and height of one panel, pixels.
pub const SIZE: (u32, u32) = (1200, 300);

/// One panel.
#[derive(Debug, Clone, PartialEq)]
pub struct Panel {
    /// What the vertical axis says.
    pub axis: String,
    /// One curve per interface: (time in ps, value), NaN where undefined.
    pub curves: Vec<Vec<(f64, f64)>>,
    /// Level marked by a thin line.
    pub level: Option<f64>,
}

/// The picture as SVG; `alarms` are times in ps.
///
/// # Errors
/// [`Error::Input`] without any panel, [`Error::Limit`] when drawing fails.
pub fn svg(panels: &[Panel], alarms: &[f64], time_unit: &str) -> Result<String> {
    if panels.is_empty() {
        return Err(Error::input("panels", 0, "at least one"));
    }
    let mut text = String::new();
    draw(panels, alarms, time_unit, &mut text).map_err(|error| Error::Limit(format!("picture: {error}")))?;
    Ok(text
        .replace(&format!("font-family=\"{FONT}\""), &format!("font-family=\"{FONT}, Verdana, sans-serif\"")))
}

fn draw(
    panels: &[Panel],
    alarms: &[f64],
    time_unit: &str,
    text: &mut String,
) -> std::result::Result<(), Box<dyn std::error::Error>> {
    let count = panels.len();
    let height = SIZE.1 * u32::try_from(count).unwrap_or(1) + 60;
    let root = SVGBackend::with_string(text, (SIZE.0, height)).into_drawing_area();
    root.fill(&WHITE)?;
    let end = panels.iter().flat_map(|p| &p.curves).flatten().map(|point| point.0).fold(1e-9, f64::max);
    let mut rest = root.clone();
    for (at, panel) in panels.iter().enumerate() {
        let last = at + 1 == count;
        let (area, below) = rest.split_vertically(SIZE.1 + if last { 60 } else { 0 });
        rest = below;
        let (low, high) = range(panel);
        let mut chart = ChartBuilder::on(&area)
            .margin_left(30)
            .margin_right(40)
            .margin_top(20)
            .set_label_area_size(LabelAreaPosition::Left, 130)
            .set_label_area_size(LabelAreaPosition::Bottom, if last { 90 } else { 20 })
            .build_cartesian_2d(0.0..1.02 * end, low..high)?;
        let number = |value: &f64| format_number(*value);
        let mut mesh = chart.configure_mesh();
        mesh.x_labels(7)
            .y_labels(4)
            .bold_line_style(GRID)
            .light_line_style(TRANSPARENT)
            .axis_style(GREY)
            .y_desc(panel.axis.as_str())
            .axis_desc_style((FONT, 28, &INK))
            .label_style((FONT, 26, &INK))
            .y_label_formatter(&number)
            .x_label_formatter(&number);
        if last {
            mesh.x_desc(format!("time since the fix's first step, {time_unit}"));
        } else {
            mesh.x_label_formatter(&|_| String::new());
        }
        mesh.draw()?;
        if let Some(level) = panel.level {
            chart.draw_series([PathElement::new(
                vec![(0.0, level), (1.02 * end, level)],
                GREY.stroke_width(2),
            )])?;
        }
        for (k, curve) in panel.curves.iter().enumerate() {
            for part in curve.split(|point| !point.1.is_finite()).filter(|part| part.len() > 1) {
                let points = part.iter().copied();
                if k == 0 {
                    chart.draw_series(LineSeries::new(points, BLUE.stroke_width(3)))?;
                } else {
                    chart.draw_series(DashedLineSeries::new(points, 14, 8, ORANGE.stroke_width(3)))?;
                }
            }
        }
        for &alarm in alarms {
            chart.draw_series([PathElement::new(vec![(alarm, low), (alarm, high)], INK.stroke_width(3))])?;
        }
    }
    root.present()?;
    Ok(())
}

fn range(panel: &Panel) -> (f64, f64) {
    let values = panel.curves.iter().flatten().map(|point| point.1).filter(|value| value.is_finite());
    let (low, high) = values
        .chain(panel.level)
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    if low > high {
        return (0.0, 1.0);
    }
    let margin = 0.08 * (high - low).max(0.1 * high.abs()).max(1e-9);
    (low - margin, high + margin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panels_name_their_axes_and_share_the_time() {
        let curve =
            |k: usize| (0..100).map(|i| (f64::from(i), (f64::from(i) * 0.1).sin() + k as f64)).collect();
        let panel =
            |axis: &str| Panel { axis: axis.into(), curves: vec![curve(0), curve(1)], level: Some(0.5) };
        let text = svg(&[panel("thickness"), panel("<gap>")], &[42.0], "ps").expect("drawable");
        assert!(text.contains("thickness") && text.contains("step, ps") && !text.contains("<gap>"));
        assert!(super::super::raster::png(&text).is_ok());
        assert!(svg(&[], &[], "ps").is_err());
    }

    #[test]
    fn undefined_and_constant_values_have_a_range() {
        let panel = |curve| Panel { axis: String::new(), curves: vec![curve], level: None };
        assert_eq!(range(&panel(vec![(0.0, f64::NAN)])), (0.0, 1.0));
        let (low, high) = range(&panel(vec![(0.0, 2.0), (1.0, 2.0)]));
        assert!(low < 2.0 && high > 2.0);
    }
}
