//! One run at a glance: warning probability or, without a model, instability index above, interface
//! thickness below, the alarm across both.
//!
//! Colours are from the Okabe-Ito set, which the colour-blind can tell apart, and the interfaces also
//! differ in line style; letters are large enough for a picture that is shown at phone width.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::raster::FONT;
use super::{Track, Watched};
use crate::error::{Error, Result};

/// Width and height, pixels.
pub const SIZE: (u32, u32) = (1200, 1200);

pub(super) const BLUE: RGBColor = RGBColor(0, 114, 178);
pub(super) const ORANGE: RGBColor = RGBColor(213, 94, 0);
pub(super) const INK: RGBColor = RGBColor(38, 38, 38);
pub(super) const GREY: RGBColor = RGBColor(110, 110, 110);
pub(super) const GRID: RGBColor = RGBColor(225, 225, 225);
const LEARNING: RGBColor = RGBColor(238, 238, 238);
const HEADING: i32 = 40;
const LABEL: i32 = 32;
const SMALL: i32 = 28;

type Area<'a, 'b> = DrawingArea<SVGBackend<'a>, Shift>;
type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<Numbers, Numbers>>;
type Numbers = plotters::coord::types::RangedCoordf64;

/// What a panel shows of a track.
struct Panel<'a> {
    axis: &'a str,
    values: fn(&Track) -> &[(f64, f64)],
    /// Level marked by a thin line, with its meaning.
    level: Option<(f64, &'a str)>,
    /// Whether the vertical axis starts at zero.
    from_zero: bool,
    /// Time over which the bold line averages; the single samples are then drawn pale.
    smooth_ps: f64,
    last: bool,
}

/// The picture as SVG.
///
/// # Errors
/// [`Error::Input`] when the run has no sample to show, [`Error::Limit`] when drawing fails.
pub fn svg(run: &Watched) -> Result<String> {
    if run.tracks.iter().all(|track| track.thickness.is_empty() && track.index.is_empty()) {
        return Err(Error::input("stream", &run.title, "at least one measured sample"));
    }
    let mut text = String::new();
    draw(run, &mut text).map_err(|error| Error::Limit(format!("picture: {error}")))?;
    // A browser without this font falls back to one of like width.
    Ok(text
        .replace(&format!("font-family=\"{FONT}\""), &format!("font-family=\"{FONT}, Verdana, sans-serif\"")))
}

fn draw(run: &Watched, text: &mut String) -> std::result::Result<(), Box<dyn std::error::Error>> {
    let root = SVGBackend::with_string(text, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let (head, body) = root.split_vertically(200);
    heading(run, &head)?;
    let (upper, lower) = body.split_vertically(470);
    let index = Panel {
        axis: "instability index",
        values: |track| &track.index,
        level: Some((1.0, "baseline 99 %")),
        from_zero: true,
        smooth_ps: 0.0,
        last: false,
    };
    let index = match run.warn {
        Some(threshold) => Panel {
            axis: "warning probability",
            values: |track| &track.warning,
            level: Some((threshold, "threshold")),
            ..index
        },
        None => index,
    };
    let thickness = Panel {
        axis: "thickness, Å",
        values: |track| &track.thickness,
        level: None,
        from_zero: false,
        smooth_ps: 1.0,
        last: true,
    };
    panel(run, &index, &upper)?;
    panel(run, &thickness, &lower)?;
    root.present()?;
    Ok(())
}

fn heading(run: &Watched, area: &Area<'_, '_>) -> std::result::Result<(), Box<dyn std::error::Error>> {
    let bold = (FONT, HEADING, FontStyle::Bold, &INK).into_text_style(area);
    area.draw_text(&run.title, &bold, (40, 24))?;
    let label = (FONT, LABEL, &INK).into_text_style(area);
    area.draw_text(&outcome(run), &label, (40, 84))?;
    // Direct legend: a stroke of each interface's line in front of its name.
    let mut x = 40;
    for (k, track) in run.tracks.iter().enumerate() {
        let style = stroke(k, 6);
        let ends = [(x, 162), (x + 70, 162)];
        if k == 0 {
            area.draw(&PathElement::new(ends.to_vec(), style))?;
        } else {
            for start in [x, x + 28, x + 56] {
                area.draw(&PathElement::new(vec![(start, 162), (start + 16, 162)], style))?;
            }
        }
        area.draw_text(&track.name, &label.pos(Pos::new(HPos::Left, VPos::Center)), (x + 88, 162))?;
        x += 110 + 17 * i32::try_from(track.name.chars().count()).unwrap_or(0) + 40;
    }
    Ok(())
}

/// How far the run went, in words.
fn outcome(run: &Watched) -> String {
    let time = |steps: u64| format_number((steps as f64 * run.dt_ps * 10.0).round() / 10.0);
    let (planned, unit) = (time(run.planned_steps), run.time_unit);
    match &run.halt {
        Some(halt) => format!("stopped after {} of {planned} {unit}", time(halt.steps)),
        None if run.planned_steps > 0 => format!("ran its {planned} {unit}"),
        None => String::new(),
    }
}

fn panel(
    run: &Watched,
    panel: &Panel<'_>,
    area: &Area<'_, '_>,
) -> std::result::Result<(), Box<dyn std::error::Error>> {
    let (low, high) = vertical_range(run, panel);
    let right = run.end_ps.max(f64::MIN_POSITIVE) * 1.02;
    let mut chart = ChartBuilder::on(area)
        .margin_left(30)
        .margin_right(40)
        .margin_top(20)
        .margin_bottom(if panel.last { 20 } else { 0 })
        .set_label_area_size(LabelAreaPosition::Left, 120)
        .set_label_area_size(LabelAreaPosition::Bottom, if panel.last { 100 } else { 20 })
        .build_cartesian_2d(0.0..right, low..high)?;

    let learned = run.learned_ps.min(right);
    chart.draw_series([Rectangle::new([(0.0, low), (learned, high)], LEARNING.filled())])?;
    let number = |value: &f64| format_number(*value);
    let mut mesh = chart.configure_mesh();
    mesh.x_labels(7)
        .y_labels(6)
        .bold_line_style(GRID)
        .light_line_style(TRANSPARENT)
        .axis_style(GREY)
        .y_desc(panel.axis)
        .axis_desc_style((FONT, LABEL, &INK))
        .label_style((FONT, SMALL, &INK))
        .y_label_formatter(&number)
        .x_label_formatter(&number);
    let time = format!("time since the fix's first step, {}", run.time_unit);
    if panel.last {
        mesh.x_desc(time);
    } else {
        mesh.x_label_formatter(&|_| String::new());
    }
    mesh.draw()?;

    if let Some((level, meaning)) = panel.level {
        chart.draw_series([PathElement::new(vec![(0.0, level), (right, level)], GREY.stroke_width(2))])?;
        annotate(&chart, meaning, (0.0, level), GREY, Pos::new(HPos::Left, VPos::Bottom), (12, -8))?;
    }
    if !panel.last && learned > 0.12 * right {
        // Away from the level, whose meaning is written at the same edge.
        let (at, anchor, shift) = match panel.level {
            Some((level, _)) if level > 0.5 * (low + high) => (low, VPos::Bottom, -12),
            _ => (high, VPos::Top, 12),
        };
        annotate(&chart, "learning", (0.01 * right, at), GREY, Pos::new(HPos::Left, anchor), (6, shift))?;
    }
    for (k, track) in run.tracks.iter().enumerate() {
        curve(&mut chart, k, (panel.values)(track), panel.smooth_ps)?;
    }
    if let Some(alarm) = run.alarm_ps {
        let line = vec![(alarm, low), (alarm, high)];
        chart.draw_series([PathElement::new(line, INK.stroke_width(4))])?;
        if !panel.last {
            let text = format!("alarm {} {}", format_number((alarm * 10.0).round() / 10.0), run.time_unit);
            let (anchor, shift) = if alarm > 0.5 * right { (HPos::Right, -12) } else { (HPos::Left, 12) };
            annotate(&chart, &text, (alarm, high), INK, Pos::new(anchor, VPos::Top), (shift, 12))?;
        }
    }
    Ok(())
}

/// Text beside a point of the chart, on white so that lines below do not strike it through.
fn annotate(
    chart: &Chart<'_, '_>,
    text: &str,
    at: (f64, f64),
    colour: RGBColor,
    anchor: Pos,
    (dx, dy): (i32, i32),
) -> std::result::Result<(), Box<dyn std::error::Error>> {
    let area = chart.plotting_area();
    let (x, y) = area.map_coordinate(&at);
    let style = (FONT, SMALL, &colour).into_text_style(area).pos(anchor);
    // `map_coordinate` is absolute; the stripped area draws relative to its own corner.
    let plain = area.strip_coord_spec();
    let (left, top) = plain.get_base_pixel();
    plain.draw_text(text, &style, (x + dx - left, y + dy - top))?;
    Ok(())
}

fn curve(
    chart: &mut Chart<'_, '_>,
    which: usize,
    points: &[(f64, f64)],
    smooth_ps: f64,
) -> std::result::Result<(), Box<dyn std::error::Error>> {
    let bold = if smooth_ps > 0.0 {
        for part in unbroken(points) {
            let pale = colour(which).mix(0.25).stroke_width(2);
            chart.draw_series(LineSeries::new(part.iter().copied(), pale))?;
        }
        running_mean(points, smooth_ps)
    } else {
        points.to_vec()
    };
    for part in unbroken(&bold) {
        let points = part.iter().copied();
        if which == 0 {
            chart.draw_series(LineSeries::new(points, stroke(which, 4)))?;
        } else {
            chart.draw_series(DashedLineSeries::new(points, 16, 10, stroke(which, 4)))?;
        }
    }
    Ok(())
}

fn colour(which: usize) -> RGBColor {
    if which == 0 { BLUE } else { ORANGE }
}

fn stroke(which: usize, width: u32) -> ShapeStyle {
    colour(which).stroke_width(width)
}

/// The stretches between undefined values.
fn unbroken(points: &[(f64, f64)]) -> Vec<&[(f64, f64)]> {
    points.split(|(_, value)| !value.is_finite()).filter(|part| part.len() > 1).collect()
}

/// Centred mean over `width` of the defined values; undefined where the point itself is.
fn running_mean(points: &[(f64, f64)], width: f64) -> Vec<(f64, f64)> {
    let (mut from, mut to) = (0, 0);
    let mut means = Vec::with_capacity(points.len());
    for &(time, value) in points {
        while points[from].0 < time - width / 2.0 {
            from += 1;
        }
        while to < points.len() && points[to].0 <= time + width / 2.0 {
            to += 1;
        }
        let near = points[from..to].iter().map(|p| p.1).filter(|v| v.is_finite());
        let (sum, count) = near.fold((0.0, 0.0), |(sum, count), v| (sum + v, count + 1.0));
        means.push((time, if value.is_finite() { sum / count } else { f64::NAN }));
    }
    means
}

fn vertical_range(run: &Watched, panel: &Panel<'_>) -> (f64, f64) {
    let values = run.tracks.iter().flat_map(|t| (panel.values)(t)).map(|p| p.1).filter(|v| v.is_finite());
    let (mut low, mut high) =
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
    if let Some((level, _)) = panel.level {
        low = low.min(level);
        high = high.max(level);
    }
    if low > high {
        return (0.0, 1.0);
    }
    let margin = 0.08 * (high - low).max(0.1 * high.abs()).max(1e-9);
    // Room at the top for what is written there.
    (if panel.from_zero { 0.0 } else { low - margin }, high + 2.0 * margin)
}

/// A number with no more digits than it needs; a real minus sign.
pub(super) fn format_number(value: f64) -> String {
    let rounded = (value * 1e4).round() / 1e4;
    let text = format!("{}", if rounded == 0.0 { 0.0 } else { rounded });
    text.replace('-', "−")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::{Halt, raster};

    fn watched() -> Watched {
        let index =
            |k: usize| (75..300).map(|i| f64::from(i) * 0.1).map(move |t| (t, 0.4 + 0.1 * t * k as f64));
        let thickness = |k: usize| {
            (5..300).map(|i| f64::from(i) * 0.1).map(move |t| (t, 3.0 + (9.0 * t).sin() * 0.2 + k as f64))
        };
        Watched {
            title: "silicate | oxide".into(),
            time_unit: "ps",
            tracks: (0..2)
                .map(|k| Track {
                    name: format!("interface {}", k + 1),
                    index: index(k).collect(),
                    warning: Vec::new(),
                    thickness: thickness(k).collect(),
                })
                .collect(),
            warn: None,
            learned_ps: 7.5,
            alarm_ps: Some(21.4),
            end_ps: 29.9,
            planned_steps: 25_000,
            halt: Some(Halt { steps: 14_950, reason: "alarm".into() }),
            dt_ps: 0.002,
        }
    }

    #[test]
    fn picture_names_its_axes_units_and_alarm() {
        let text = svg(&watched()).expect("drawable");
        let expected = [
            "silicate | oxide",
            "interface 2",
            "instability index",
            "thickness, Å",
            "alarm 21.4 ps",
            "learning",
            "stopped after 29.9 of 50 ps",
        ];
        for words in expected {
            assert!(text.contains(words), "{words} is missing");
        }
        assert!(
            text.contains("time since the fix's first step, ps")
                || text.contains("fix&apos;s first step, ps")
        );
    }

    #[test]
    fn with_a_model_the_picture_shows_its_probability() {
        let mut run = watched();
        run.warn = Some(0.6);
        run.tracks[0].warning = (75..300).map(|i| (f64::from(i) * 0.1, f64::from(i) / 300.0)).collect();
        let text = svg(&run).expect("drawable");
        assert!(text.contains("warning probability") && text.contains("threshold"));
        assert!(!text.contains("instability index"));
    }

    #[test]
    fn png_shows_both_colours_and_the_alarm_line_where_it_is() {
        let run = watched();
        let png = raster::png(&svg(&run).expect("drawable")).expect("a picture");
        let image = resvg::tiny_skia::Pixmap::decode_png(&png).expect("a PNG");
        let is = |x: u32, y: u32, c: RGBColor| {
            image.pixel(x, y).is_some_and(|p| (p.red(), p.green(), p.blue()) == (c.0, c.1, c.2))
        };
        let count = |c| {
            (0..SIZE.0).flat_map(|x| (0..SIZE.1).map(move |y| (x, y))).filter(|&(x, y)| is(x, y, c)).count()
        };
        assert!(count(BLUE) > 1000 && count(ORANGE) > 1000);
        let inked = |x: u32| (250..1000).filter(|&y| is(x, y, INK)).count();
        let column = (0..SIZE.0).max_by_key(|&x| inked(x)).expect("columns");
        // Chart from x = 150 to 1160, time from 0 to 1.02 * 29.9 ps.
        let expected = 150.0 + 1010.0 * 21.4 / (1.02 * 29.9);
        assert!((f64::from(column) - expected).abs() < 4.0, "{column} {expected}");
    }

    #[test]
    fn undefined_values_break_the_line_and_do_not_spread() {
        let points = [(0.0, 1.0), (0.1, f64::NAN), (0.2, 3.0), (0.3, 5.0)];
        assert_eq!(unbroken(&points), [&points[2..]]);
        let means = running_mean(&points, 0.25);
        assert!(means[1].1.is_nan());
        assert_eq!(means[0].1, 1.0);
        assert_eq!(means[3].1, 4.0);
    }

    #[test]
    fn run_without_samples_is_refused() {
        let mut run = watched();
        for track in &mut run.tracks {
            track.index.clear();
            track.thickness.clear();
        }
        let message = svg(&run).expect_err("nothing to draw").to_string();
        assert_eq!(message, "stream = 'silicate | oxide': expected at least one measured sample");
    }

    #[test]
    fn numbers_are_short_and_have_a_minus_sign() {
        assert_eq!(format_number(0.300_000_000_000_000_04), "0.3");
        assert_eq!(format_number(-2.0), "−2");
        assert_eq!(format_number(-0.0), "0");
    }
}
