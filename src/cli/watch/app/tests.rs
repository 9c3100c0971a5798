use std::path::{Path, PathBuf};

use foreshock::decision::{Alarm, StateCode, Verdict};
use foreshock::frame::Condition;
use foreshock::stream::{Header, Line as Record};
use foreshock::watch::Fleet;
use foreshock::window::Settings;
use foreshock::window::instability::Contribution;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::style::Color;

use super::*;

fn header(groups: [&str; 2]) -> Record {
    Record::Header(Box::new(Header {
        schema: foreshock::stream::schema::VERSION,
        foreshock: "0.1.0".into(),
        lammps: "22 Jul 2025".into(),
        units: "metal".into(),
        dt_ps: 0.002,
        every: 50,
        atoms: 1152,
        groups: groups.map(Into::into),
        elements: Vec::new(),
        descriptors: foreshock::registry::frame_names(false),
        model_hash: None,
        detector: "cusum".into(),
        threshold: 1.0,
        persist: 3,
        settings: Settings {
            interfaces: 2,
            sample_ps: 0.1,
            reference_ps: 0.5,
            baseline_start_ps: 2.0,
            baseline_length_ps: 5.0,
            lag_ps: 1.0,
            window: 64,
            rdf: false,
        },
        config: serde_json::json!({"halt": "soft"}),
    }))
}

/// A run of `frames` samples; from `failing` on its second interface leaves the baseline.
fn stream(frames: u64, failing: u64) -> Vec<Record> {
    let width = foreshock::registry::frame_names(false).len();
    let mut lines = vec![header(["silicate", "oxide"]), Record::Run { step: 1000, steps: 20_000 }];
    let mut raised = false;
    for frame in 0..frames {
        let (time_ps, step) = (0.1 * frame as f64, 1000 + 50 * frame as i64);
        for interface in 0..2 {
            let t = frame as f64;
            let excess = if interface == 1 { 0.25 * (t - failing as f64).max(0.0) } else { 0.0 };
            let value = |j: usize| {
                let calm = (0.7 * t + 3.1 * j as f64).sin() + 0.3 * (1.9 * t * (1.0 + 0.1 * j as f64)).cos();
                if j == 10 { calm + excess } else { calm }
            };
            let values = (0..width).map(value).collect();
            lines.push(Record::Sample {
                frame,
                step,
                time_ps,
                interface,
                condition: Condition::Measured,
                values,
            });
            let learning = time_ps < 7.5;
            let index = if learning { f64::NAN } else { 0.6 + 0.2 * (0.3 * t).sin() + 0.1 * excess };
            let cusum = if learning { f64::NAN } else { (0.1 * excess * excess).min(2.0) };
            let alarm = cusum >= 1.0;
            let state = match (learning, alarm) {
                (true, _) => StateCode::Learning,
                (_, true) => StateCode::Alarm,
                _ => StateCode::Stable,
            };
            let verdict = Verdict {
                frame,
                window_end_step: step,
                time_ps,
                state,
                alarm,
                index,
                cusum,
                ..Verdict::none(interface)
            };
            lines.push(Record::Verdict { decision_step: step, verdict });
            if alarm && !raised {
                raised = true;
                let part =
                    |name: &str, share, sigmas| Contribution { descriptor: name.into(), share, sigmas };
                let alarm = Alarm {
                    interface,
                    frame,
                    window_end_step: step,
                    time_ps,
                    score: cusum,
                    threshold: 1.0,
                    windows: 3,
                    index,
                    top: vec![part("slip", 0.31, 9.3), part("rate of gap", 0.12, -4.0)],
                };
                lines.push(Record::Event {
                    frame,
                    step,
                    interface,
                    kind: "bond_broken".into(),
                    tags: vec![17, 402],
                    data: serde_json::Map::new(),
                });
                lines.push(Record::Alarm { decision_step: step, reason: "slip".into(), alarm });
            }
        }
    }
    lines
}

fn write(path: &Path, lines: &[Record]) {
    std::fs::write(path, lines.iter().flat_map(Record::to_bytes).collect::<Vec<u8>>()).expect("writable");
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
    write(&dir.path().join("run.jsonl"), &stream(200, 140));
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
    write(&dir.path().join("a-stable.jsonl"), &stream(150, 1000));
    write(&dir.path().join("b-learning.jsonl"), &stream(50, 1000));
    write(&dir.path().join("c-alarm.jsonl"), &stream(200, 140));
    std::fs::write(dir.path().join("d-other.jsonl"), "{}\n").expect("writable");
    std::fs::write(dir.path().join("e-empty.jsonl"), "").expect("writable");
    let mut ended = stream(402, 1000);
    ended.push(Record::Halt { frame: 401, step: 21_050, mode: "soft".into(), reason: "r".into() });
    write(&dir.path().join("f-halted.jsonl"), &ended);
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
        write(&dir.path().join(format!("{name}.jsonl")), &stream(20, 1000));
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
    write(&dir.path().join("c.jsonl"), &stream(200, 120));
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
