//! Values over time, and the state bar.

use foreshock::watch::RunView;
use foreshock::watch::history::{Bucket, Extent};
use foreshock::watch::show::number;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::symbols::Marker;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Axis, Block, Chart, Dataset, GraphType};

use super::paint::{Paint, letter};

/// What a chart shows.
pub struct Curve<'a> {
    /// Heading.
    pub title: &'a str,
    /// The value of a bucket.
    pub value: fn(&Bucket) -> &Extent,
    /// Level drawn across.
    pub level: f64,
    /// Least upper end of the vertical axis.
    pub top: f64,
}

/// Unbroken stretches of one interface's envelope.
fn stretches(buckets: &[Bucket], value: fn(&Bucket) -> &Extent) -> Vec<Vec<(f64, f64)>> {
    let mut parts = vec![Vec::new()];
    for bucket in buckets {
        let extent = value(bucket);
        if extent.max.is_nan() {
            parts.push(Vec::new());
        } else if let Some(part) = parts.last_mut() {
            let middle = 0.5 * (bucket.from_ps + bucket.to_ps);
            part.push((middle, extent.min));
            if extent.max > extent.min {
                part.push((middle, extent.max));
            }
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

/// Draws a chart of all interfaces.
pub fn chart(frame: &mut Frame<'_>, area: Rect, view: &RunView, curve: &Curve<'_>, paint: Paint) {
    let parts: Vec<(usize, Vec<(f64, f64)>)> = view
        .interfaces
        .iter()
        .enumerate()
        .flat_map(|(k, i)| stretches(i.history.buckets(), curve.value).into_iter().map(move |part| (k, part)))
        .collect();
    let end = view.latest.map_or(0.0, |latest| latest.2).max(1e-9);
    let highest = parts.iter().flat_map(|(_, part)| part).map(|point| point.1).fold(curve.top, f64::max);
    let across = [(0.0, curve.level), (end, curve.level)];
    let mut sets = vec![
        Dataset::default()
            .marker(Marker::Braille)
            .graph_type(GraphType::Line)
            .style(paint.faint())
            .data(&across),
    ];
    sets.extend(parts.iter().map(|(k, part)| {
        Dataset::default()
            .marker(if *k == 0 { Marker::Braille } else { Marker::Dot })
            .graph_type(GraphType::Line)
            .style(paint.interface(*k))
            .data(part)
    }));
    let last = format!("{} {}", number(end), view.facts.time_unit);
    let middle = number(0.5 * highest);
    let block =
        Block::bordered().border_style(paint.faint()).title(Span::styled(curve.title, paint.strong()));
    let widget = Chart::new(sets)
        .block(block)
        .legend_position(None)
        .x_axis(Axis::default().style(paint.faint()).bounds([0.0, end]).labels(["0".to_owned(), last]))
        .y_axis(Axis::default().style(paint.faint()).bounds([0.0, highest]).labels([
            "0".to_owned(),
            middle,
            number(highest),
        ]));
    frame.render_widget(widget, area);
}

/// An interface's states over time in `width` letters: the worst of each stretch.
pub fn bar(buckets: &[Bucket], end_ps: f64, width: u16, paint: Paint) -> Line<'static> {
    let width = usize::from(width);
    let mut cells = vec![None; width];
    for bucket in buckets {
        let place =
            |time: f64| ((time / end_ps.max(1e-9) * width as f64) as usize).min(width.saturating_sub(1));
        for cell in &mut cells[place(bucket.from_ps)..=place(bucket.to_ps)] {
            let worse =
                cell.is_none_or(|s: foreshock::decision::StateCode| bucket.state.severity() > s.severity());
            if worse {
                *cell = Some(bucket.state);
            }
        }
    }
    // Fewer verdicts than letters: a letter holds until the next.
    let mut last = None;
    let spans = cells.into_iter().map(|cell| {
        last = cell.or(last);
        last.map_or_else(
            || Span::raw(" "),
            |state| Span::styled(letter(state).to_string(), paint.state(state)),
        )
    });
    Line::from(spans.collect::<Vec<_>>())
}
