//! The dashboard's life: keys in, screens out.
//!
//! One thread: looks at the streams, draws when something changed, waits for a key until the next
//! look. The terminal is put back at the end, also after a panic.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use foreshock::watch::Fleet;
use ratatui::Frame;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::Line;
use ratatui::widgets::{Block, Clear, Paragraph};

use super::paint::Paint;
use super::{LOOK, detail, table};

/// What the keys do.
const HELP: [&str; 12] = [
    "up, down, k, j   select a run",
    "PgUp, PgDn       ten runs up or down",
    "Home, End        first or last run",
    "Enter            open the selected run",
    "Esc, Backspace   back to the table",
    "n, p             next or previous run",
    "q, Ctrl-C        quit",
    "",
    "State bar: r reference, l learning, f filling,",
    "· stable, w warning, A ALARM, x no surface,",
    "n undefined, D dead worker, s stale verdict.",
    "Index 1 is the 99th percentile of the baseline.",
];

/// What is shown.
#[derive(Debug, Default)]
pub struct App {
    /// The run that is open or selected.
    selected: Option<usize>,
    /// Whether a key has chosen it; before, it is the most urgent one.
    chosen: bool,
    open: bool,
    help: bool,
    quit: bool,
    order: Vec<usize>,
}

impl App {
    /// One stream that was named is opened at once.
    pub fn new(fleet: &Fleet) -> Self {
        let single = fleet.runs().len() == 1 && !fleet.has_folders();
        let selected = fleet.runs().keys().next().copied().filter(|_| single);
        Self { selected, open: single, ..Self::default() }
    }

    /// Sorts the runs anew; the selection stays with its run.
    pub fn update(&mut self, fleet: &Fleet) {
        self.order = fleet.by_risk();
        let follows = !self.chosen && !self.open;
        if follows || self.selected.is_none_or(|number| !fleet.runs().contains_key(&number)) {
            self.selected = self.order.first().copied();
            self.open &= self.selected.is_some() && !fleet.has_folders();
        }
    }

    /// Takes a key; `control` is whether Ctrl was held.
    pub fn key(&mut self, code: KeyCode, control: bool) {
        if self.help {
            self.help = false;
            return;
        }
        self.chosen = true;
        match code {
            KeyCode::Char('c') if control => self.quit = true,
            KeyCode::Char('q') => self.quit = true,
            KeyCode::Char('?') | KeyCode::Char('h') => self.help = true,
            KeyCode::Up | KeyCode::Char('k' | 'p') => self.step(-1),
            KeyCode::Down | KeyCode::Char('j' | 'n') => self.step(1),
            KeyCode::PageUp => self.step(-10),
            KeyCode::PageDown => self.step(10),
            KeyCode::Home => self.step(isize::MIN),
            KeyCode::End => self.step(isize::MAX),
            KeyCode::Enter | KeyCode::Right => self.open = self.selected.is_some(),
            KeyCode::Esc | KeyCode::Backspace | KeyCode::Left => self.open = false,
            _ => {}
        }
    }

    fn step(&mut self, by: isize) {
        let Some(last) = self.order.len().checked_sub(1) else { return };
        let at = self.order.iter().position(|&number| Some(number) == self.selected).unwrap_or(0);
        self.selected = Some(self.order[at.saturating_add_signed(by).min(last)]);
    }

    /// Draws the whole screen.
    pub fn draw(&self, frame: &mut Frame<'_>, fleet: &Fleet, now: Instant, paint: Paint) {
        let [body, keys] = Layout::vertical([Constraint::Min(0), Constraint::Length(1)]).areas(frame.area());
        let open = self.selected.filter(|_| self.open).and_then(|number| fleet.runs().get(&number));
        match open {
            Some(run) => detail::draw(frame, body, run, now, paint),
            None => table::draw(frame, body, fleet, &self.order, self.selected, now, paint),
        }
        let hint = match (open.is_some(), fleet.runs().len()) {
            (true, 0 | 1) => "q quit   ? help",
            (true, _) => "n/p next, previous run   Esc table   q quit   ? help",
            (false, _) => "up/down select   Enter open   q quit   ? help",
        };
        frame.render_widget(Line::styled(hint, paint.faint()), keys);
        if self.help {
            help(frame, paint);
        }
    }
}

fn help(frame: &mut Frame<'_>, paint: Paint) {
    let all = frame.area();
    let (width, height) = (52.min(all.width), (HELP.len() as u16 + 2).min(all.height));
    let area = Rect::new((all.width - width) / 2, (all.height - height) / 2, width, height);
    frame.render_widget(Clear, area);
    let lines: Vec<Line<'_>> = HELP.iter().map(|text| Line::from(*text)).collect();
    let block = Block::bordered().title(Line::styled(" keys (any key closes) ", paint.strong()));
    frame.render_widget(Paragraph::new(lines).block(block), area);
}

/// Shows the dashboard until it is left.
///
/// # Errors
/// The terminal cannot be used.
pub fn run(fleet: &mut Fleet, stop: &AtomicBool) -> Result<()> {
    let mut terminal = ratatui::try_init().context("cannot take over the terminal; try --plain")?;
    let result = follow(&mut terminal, fleet, stop);
    ratatui::restore();
    result
}

fn follow(terminal: &mut ratatui::DefaultTerminal, fleet: &mut Fleet, stop: &AtomicBool) -> Result<()> {
    let paint = Paint::from_environment();
    let mut app = App::new(fleet);
    let mut drawn: Option<Instant> = None;
    let mut seen = u64::MAX;
    while !app.quit && !stop.load(Ordering::Relaxed) {
        let now = Instant::now();
        fleet.look(now);
        let changes = fleet.runs().values().fold(fleet.runs().len() as u64, |sum, run| sum + run.changes());
        // Ages and silences go on without any change.
        let old = drawn.is_none_or(|at| now.saturating_duration_since(at) >= Duration::from_secs(1));
        if changes != seen || old {
            (seen, drawn) = (changes, Some(now));
            app.update(fleet);
            terminal.draw(|frame| app.draw(frame, fleet, now, paint))?;
        }
        // A terminal that was closed under us reads as an endless end of file.
        if !std::io::stdout().is_terminal() {
            return Ok(());
        }
        let wait = if fleet.caught_up(now) { LOOK } else { Duration::ZERO };
        let mut pressed = event::poll(wait)?;
        while pressed {
            match event::read()? {
                Event::Key(key) if key.kind != KeyEventKind::Release => {
                    app.key(key.code, key.modifiers.contains(KeyModifiers::CONTROL));
                }
                _ => {}
            }
            drawn = None;
            pressed = event::poll(Duration::ZERO)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
