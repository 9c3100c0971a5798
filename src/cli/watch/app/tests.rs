use std::path::{Path, PathBuf};

use foreshock::stream::Line as Record;
use foreshock::watch::Fleet;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::style::Color;

use super::*;

#[path = "../../../../tests/streams/mod.rs"]
mod streams;

/// A run of `frames` samples; from `failing` on its second interface leaves the baseline.
fn write(path: &Path, frames: u64, failing: u64) {
    std::fs::write(path, streams::run(frames, failing)).expect("writable");
}

fn looked(paths: &[PathBuf]) -> (Fleet, Instant) {
    let mut fleet = Fleet::new(paths).expect("streams");
    let now = Instant::now();
    for _ in 0..100 {
        fleet.look(now);
    }
    assert!(fleet.caught_up(now));
    (fleet, now)
}

/// One stream with an alarm, under a name that does not depend on the machine.
fn failing() -> (tempfile::TempDir, Fleet, Instant) {
    let dir = tempfile::tempdir().expect("a directory");
    write(&dir.path().join("run.jsonl"), 200, 140);
    let (fleet, now) = looked(&[dir.path().to_owned()]);
    (dir, fleet, now)
}

fn screen(app: &App, fleet: &Fleet, now: Instant, size: (u16, u16), paint: Paint) -> Terminal<TestBackend> {
    let mut terminal = Terminal::new(TestBackend::new(size.0, size.1)).expect("a screen");
    terminal.draw(|frame| app.draw(frame, fleet, now, paint)).expect("drawn");
    terminal
}

fn opened(fleet: &Fleet) -> App {
    let mut app = App::new(fleet);
    app.update(fleet);
    app.key(KeyCode::Enter, false);
    app
}

#[test]
fn one_run_at_80_by_24_without_colours() {
    let (_dir, fleet, now) = failing();
    let terminal = screen(&opened(&fleet), &fleet, now, (80, 24), Paint::new(false));
    insta::assert_snapshot!(terminal.backend());
    let buffer = terminal.backend().buffer();
    assert!(buffer.content().iter().all(|cell| cell.fg == Color::Reset && cell.bg == Color::Reset));
}

#[test]
fn one_run_at_200_by_60() {
    let (_dir, fleet, now) = failing();
    let terminal = screen(&opened(&fleet), &fleet, now, (200, 60), Paint::new(true));
    insta::assert_snapshot!(terminal.backend());
    let buffer = terminal.backend().buffer();
    assert!(buffer.content().iter().any(|cell| cell.fg == Color::Red));
}

#[test]
fn many_runs_most_urgent_first() {
    let dir = tempfile::tempdir().expect("a directory");
    write(&dir.path().join("a-stable.jsonl"), 150, 1000);
    write(&dir.path().join("b-learning.jsonl"), 50, 1000);
    write(&dir.path().join("c-alarm.jsonl"), 200, 140);
    std::fs::write(dir.path().join("d-other.jsonl"), "{}\n").expect("writable");
    std::fs::write(dir.path().join("e-empty.jsonl"), "").expect("writable");
    let mut ended = streams::run(402, 1000);
    let halt = Record::Halt { frame: 401, step: 21_050, mode: "soft".into(), reason: "r".into() };
    ended.extend(halt.to_bytes());
    std::fs::write(dir.path().join("f-halted.jsonl"), ended).expect("writable");
    let (fleet, now) = looked(&[dir.path().to_owned()]);
    let mut app = App::new(&fleet);
    app.update(&fleet);
    insta::assert_snapshot!("table_80x24", screen(&app, &fleet, now, (80, 24), Paint::new(false)).backend());
    insta::assert_snapshot!("table_200x20", screen(&app, &fleet, now, (200, 20), Paint::new(true)).backend());
    app.key(KeyCode::Enter, false);
    assert!(screen(&app, &fleet, now, (80, 24), Paint::new(true)).backend().to_string().contains("c-alarm"));
    app.key(KeyCode::Char('n'), false);
    app.key(KeyCode::Esc, false);
    app.key(KeyCode::Char('?'), false);
    insta::assert_snapshot!("help_80x24", screen(&app, &fleet, now, (80, 24), Paint::new(false)).backend());
}

#[test]
fn selection_stays_with_its_run_and_keys_end_at_the_ends() {
    let dir = tempfile::tempdir().expect("a directory");
    for name in ["a", "b", "c"] {
        write(&dir.path().join(format!("{name}.jsonl")), 20, 1000);
    }
    let (mut fleet, now) = looked(&[dir.path().to_owned()]);
    let mut app = App::new(&fleet);
    app.update(&fleet);
    app.key(KeyCode::Home, false);
    app.key(KeyCode::Up, false);
    assert_eq!(app.selected, Some(app.order[0]));
    app.key(KeyCode::End, false);
    app.key(KeyCode::PageDown, false);
    let chosen = app.selected;
    assert_eq!(chosen, Some(app.order[2]));
    write(&dir.path().join("c.jsonl"), 200, 120);
    for _ in 0..3 {
        fleet.look(now);
    }
    app.update(&fleet);
    assert_eq!(app.order[0], 2, "the run with the alarm comes first");
    assert_eq!(app.selected, chosen);
    app.key(KeyCode::Char('c'), false);
    assert!(!app.quit, "c alone is no Ctrl-C");
    app.key(KeyCode::Char('c'), true);
    assert!(app.quit);
}

#[test]
fn tiny_screens_do_not_panic() {
    let (_dir, fleet, now) = failing();
    for size in [(1, 1), (10, 3), (20, 8), (40, 12), (79, 10)] {
        let mut app = opened(&fleet);
        screen(&app, &fleet, now, size, Paint::new(true));
        app.key(KeyCode::Esc, false);
        app.key(KeyCode::Char('?'), false);
        screen(&app, &fleet, now, size, Paint::new(true));
    }
}
