//! One run on the screen.

use std::time::Instant;

use foreshock::watch::show::{number, percent, seconds};
use foreshock::watch::{Follower, RunView, Status};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Paragraph, Wrap};

use super::charts::{Curve, bar, chart};
use super::paint::Paint;

/// Draws a run.
pub fn draw(frame: &mut Frame<'_>, area: Rect, run: &Follower, now: Instant, paint: Paint) {
    let status = run.status(now);
    let Some(view) = run.view() else {
        let [head, body] = Layout::vertical([Constraint::Length(1), Constraint::Min(0)]).areas(area);
        frame.render_widget(title(run, &status, paint), head);
        let text = match &status {
            Status::Unusable(message) => message.clone(),
            Status::Reading => format!("reading, {} MB to go", run.behind() >> 20),
            _ => "no header yet: the run has not started, or records elsewhere".to_owned(),
        };
        frame.render_widget(Paragraph::new(text).wrap(Wrap { trim: true }).block(Block::bordered()), body);
        return;
    };
    let rows = 2 * view.interfaces.len() as u16;
    let lower = if area.height >= 40 { 14 } else { 7 };
    let [head, facts, states, charts, below] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Length(rows),
        Constraint::Min(4),
        Constraint::Length(lower),
    ])
    .areas(area);
    frame.render_widget(title(run, &status, paint), head);
    frame.render_widget(progress(run, view, now), facts);
    interfaces(frame, states, view, paint);
    let [left, right] = Layout::horizontal([Constraint::Fill(1), Constraint::Fill(1)]).areas(charts);
    let index = Curve { title: " instability index ", value: |b| &b.index, level: 1.0, top: 1.25 };
    chart(frame, left, view, &index, paint);
    let judged =
        view.interfaces.iter().flat_map(|i| i.history.buckets()).any(|b| !b.probability.max.is_nan());
    let second = if judged {
        Curve { title: " warning probability ", value: |b| &b.probability, level: view.threshold, top: 1.0 }
    } else {
        Curve { title: " CUSUM / alarm level ", value: |b| &b.cusum, level: view.threshold, top: 1.25 }
    };
    chart(frame, right, view, &second, paint);
    let narrow = Constraint::Length(if area.width >= 120 { 50 } else { 34 });
    let [drivers, alarms] = Layout::horizontal([narrow, Constraint::Fill(1)]).areas(below);
    frame.render_widget(descriptors(view, paint), drivers);
    frame.render_widget(said(run, view, &status, usize::from(below.height), paint), alarms);
}

fn title(run: &Follower, status: &Status, paint: Paint) -> Line<'static> {
    let mut spans = vec![
        Span::styled("foreshock ", paint.faint()),
        Span::styled(end(run.name(), 36), paint.strong()),
        Span::raw("  "),
        Span::styled(status.word(), paint.status(status)),
    ];
    if let Status::Silent(quiet) = status {
        spans.push(Span::raw(format!(" for {}", seconds(*quiet))));
    }
    if let Some(view) = run.view() {
        let facts = &view.facts;
        spans.push(Span::raw(format!(
            "  {} atoms, {}, warn {}, persist {}",
            facts.atoms,
            facts.detector,
            number(view.threshold),
            view.persist
        )));
    }
    Line::from(spans)
}

/// How far the run is, in one line of at most 80 characters in usual cases.
fn progress(run: &Follower, view: &RunView, now: Instant) -> Line<'static> {
    let mut parts = Vec::new();
    if let Some((_, step, time)) = view.latest {
        parts.push(format!("step {step}, {time:.1} {}", view.facts.time_unit));
    }
    if let Some(rate) = run.rate().frames_per_s() {
        parts.push(format!("{} frames/s", number(rate)));
    }
    if let Some(left) = view.steps_left() {
        let time = run.left_s(now).map(|time| format!(", {}", seconds(time))).unwrap_or_default();
        parts.push(format!("{left} steps left{time}"));
    }
    parts.push(format!("dropped {}", view.dropped()));
    if run.damages().count > 0 {
        parts.push(format!("damaged {}", run.damages().count));
    }
    Line::from(parts.join(" | "))
}

fn interfaces(frame: &mut Frame<'_>, area: Rect, view: &RunView, paint: Paint) {
    let mut lines = Vec::new();
    // What stands behind the name matters more than a long name's end.
    let room = usize::from(area.width.saturating_sub(56)).max(16);
    for (k, interface) in view.interfaces.iter().enumerate() {
        let state = view.state(interface);
        let verdict = &interface.verdict;
        let mut spans = vec![
            Span::styled(format!("{} {} ", Paint::sign(k), clip(&interface.name, room)), paint.interface(k)),
            Span::styled(format!(" {} ", state.name().to_uppercase()), paint.state(state)),
            Span::raw(format!("  index {}  CUSUM {}", number(verdict.index), number(verdict.cusum))),
        ];
        if verdict.p_warning.is_finite() {
            spans.push(Span::raw(format!("  P(warning) {}", number(verdict.p_warning))));
        }
        spans.push(Span::styled(format!("  verdict age {} steps", view.age_steps(interface)), paint.faint()));
        lines.push(Line::from(spans));
        let end = view.latest.map_or(0.0, |latest| latest.2);
        lines.push(bar(interface.history.buckets(), end, area.width, paint));
    }
    frame.render_widget(Paragraph::new(lines), area);
}

/// What the index of the worse interface is made of.
fn descriptors(view: &RunView, paint: Paint) -> Paragraph<'static> {
    let worst = view.worst();
    let title = Span::styled(format!(" driven by ({}) ", worst.name), paint.strong());
    let mut lines: Vec<Line<'static>> = worst
        .drivers
        .iter()
        .map(|part| {
            let name = clip(&part.descriptor, 18);
            Line::from(format!("{name:<18} {:>+5.1}σ {:>5}", part.sigmas, percent(part.share)))
        })
        .collect();
    if lines.is_empty() {
        lines.push(Line::styled("not known yet", paint.faint()));
    }
    Paragraph::new(lines).block(Block::bordered().border_style(paint.faint()).title(title))
}

/// The end of a path: where runs differ.
fn end(text: &str, width: usize) -> String {
    let count = text.chars().count();
    if count <= width {
        return text.to_owned();
    }
    std::iter::once('…').chain(text.chars().skip(count - width + 1)).collect()
}

fn clip(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let mut kept: String = text.chars().take(width - 1).collect();
    kept.push('…');
    kept
}

/// Alarms, newest first, and what else was said.
fn said(run: &Follower, view: &RunView, status: &Status, height: usize, paint: Paint) -> Paragraph<'static> {
    let mut lines = Vec::new();
    if let Some(halt) = view.halt.as_ref().filter(|_| *status == Status::Halted) {
        lines.push(Line::styled(format!("halt {} at step {}", halt.mode, halt.step), paint.status(status)));
    }
    for alarm in view.alarms.iter().rev().take(height) {
        let inner = &alarm.alarm;
        let name = view.interfaces.get(inner.interface).map_or("", |i| i.name.as_str());
        let parts: Vec<String> = inner
            .top
            .iter()
            .map(|part| format!("{} {:+.1}σ ({})", part.descriptor, part.sigmas, percent(part.share)))
            .collect();
        let head = format!(
            "{name} at step {} ({:.1} {}): score {}, index {}",
            inner.window_end_step,
            inner.time_ps,
            view.facts.time_unit,
            number(inner.score),
            number(inner.index)
        );
        lines.push(Line::styled(head, paint.strong()));
        if !parts.is_empty() {
            lines.push(Line::from(format!("  {}", parts.join(", "))));
        }
        if !alarm.atoms.is_empty() {
            let atoms: Vec<String> = alarm.atoms.iter().map(ToString::to_string).collect();
            lines.push(Line::from(format!("  atoms {}", atoms.join(" "))));
        }
    }
    if lines.is_empty() {
        lines.push(Line::styled("none", paint.faint()));
    }
    if let Some((at, message)) = &run.damages().last {
        lines.push(Line::styled(format!("damaged line at byte {at}: {message}"), paint.faint()));
    }
    let title = format!(" alarms: {} ", view.alarm_count);
    let block = Block::bordered().border_style(paint.faint()).title(Span::styled(title, paint.strong()));
    Paragraph::new(lines).wrap(Wrap { trim: false }).block(block)
}
