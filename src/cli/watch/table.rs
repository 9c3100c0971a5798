//! Many runs on the screen, most urgent first.

use std::time::Instant;

use foreshock::watch::show::{number, seconds};
use foreshock::watch::{Fleet, Follower, Status};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Cell, Row, Table, TableState};

use super::paint::Paint;

/// A column: heading, least width of the screen that shows it, width.
const COLUMNS: [(&str, u16, Constraint); 12] = [
    ("run", 0, Constraint::Fill(1)),
    ("status", 0, Constraint::Length(8)),
    ("state", 0, Constraint::Length(11)),
    ("index", 0, Constraint::Length(6)),
    ("CUSUM", 0, Constraint::Length(6)),
    ("P(warn)", 0, Constraint::Length(7)),
    ("time", 0, Constraint::Length(9)),
    ("left", 76, Constraint::Length(7)),
    ("alarms", 100, Constraint::Length(6)),
    ("frames/s", 110, Constraint::Length(8)),
    ("worse interface", 130, Constraint::Length(30)),
    ("dropped", 130, Constraint::Length(7)),
];

/// Draws the table.
pub fn draw(
    frame: &mut Frame<'_>,
    area: Rect,
    fleet: &Fleet,
    order: &[usize],
    selected: Option<usize>,
    now: Instant,
    paint: Paint,
) {
    let [head, body] = Layout::vertical([Constraint::Length(1), Constraint::Min(0)]).areas(area);
    frame.render_widget(summary(fleet, now, paint), head);
    let shown: Vec<usize> = (0..COLUMNS.len()).filter(|&c| COLUMNS[c].1 <= area.width).collect();
    let rows = order.iter().filter_map(|number| fleet.runs().get(number)).map(|run| {
        let cells = cells(run, now, paint);
        Row::new(shown.iter().map(|&c| cells[c].clone()).collect::<Vec<_>>())
    });
    let widths: Vec<Constraint> = shown.iter().map(|&c| COLUMNS[c].2).collect();
    let heading = Row::new(shown.iter().map(|&c| Cell::from(COLUMNS[c].0))).style(paint.strong());
    let table = Table::new(rows, widths)
        .header(heading)
        .highlight_symbol("> ")
        .row_highlight_style(Style::new().add_modifier(Modifier::UNDERLINED));
    let mut state = TableState::default()
        .with_selected(selected.and_then(|number| order.iter().position(|&other| other == number)));
    frame.render_stateful_widget(table, body, &mut state);
}

fn summary(fleet: &Fleet, now: Instant, paint: Paint) -> Line<'static> {
    let mut counts: Vec<(&'static str, usize)> = Vec::new();
    for run in fleet.runs().values() {
        let word = run.status(now).word();
        match counts.iter_mut().find(|(known, _)| *known == word) {
            Some((_, count)) => *count += 1,
            None => counts.push((word, 1)),
        }
    }
    let alarmed = fleet.runs().values().filter_map(Follower::view).filter(|v| v.alarm_count > 0).count();
    let mut text = format!("{} runs", fleet.runs().len());
    for (word, count) in counts {
        text += &format!(", {count} {word}");
    }
    text += &format!(" | {alarmed} with an alarm");
    if fleet.ignored() > 0 {
        text += &format!(" | {} more not followed", fleet.ignored());
    }
    Line::from(vec![Span::styled("foreshock ", paint.faint()), Span::styled(text, paint.strong())])
}

fn cells(run: &Follower, now: Instant, paint: Paint) -> Vec<Cell<'static>> {
    let status = run.status(now);
    let shown = Span::styled(status.word(), paint.status(&status));
    let mut cells = vec![Cell::from(run.name().to_owned()), Cell::from(shown)];
    let Some(view) = run.view() else {
        // The whole message stands where the run is opened.
        cells.push(Cell::from(if matches!(status, Status::Unusable(_)) { "no stream" } else { "" }));
        cells.resize(COLUMNS.len(), Cell::default());
        return cells;
    };
    let worst = view.worst();
    let state = view.state(worst);
    let verdict = &worst.verdict;
    let time = view.latest.map_or_else(String::new, |l| format!("{:.1} {}", l.2, view.facts.time_unit));
    let left = run.left_s(now).map_or_else(String::new, seconds);
    cells.extend([
        Cell::from(Span::styled(state.name(), paint.state(state))),
        Cell::from(number(verdict.index)),
        Cell::from(number(verdict.cusum)),
        Cell::from(number(verdict.p_warning)),
        Cell::from(time),
        Cell::from(left),
        Cell::from(view.alarm_count.to_string()),
        Cell::from(run.rate().frames_per_s().map_or_else(String::new, number)),
        Cell::from(worst.name.clone()),
        Cell::from(view.dropped().to_string()),
    ]);
    cells
}
