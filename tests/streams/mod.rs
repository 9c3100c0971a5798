//! Streams for the tests of what watches them: a calm run, or one that fails.

use foreshock::decision::{Alarm, StateCode, Verdict};
use foreshock::frame::Condition;
use foreshock::stream::{Header, Line};
use foreshock::window::instability::Contribution;

/// The header of a run between two groups.
pub fn header(groups: [&str; 2]) -> Line {
    Line::Header(Box::new(Header { groups: groups.map(Into::into), ..Header::example() }))
}

/// Lines of sample `frame`; from `fails` on the second interface leaves the baseline, and the alarm
/// comes 20 samples later.
pub fn sample(frame: u64, fails: u64) -> Vec<Line> {
    let (t, step, time_ps) = (frame as f64, 1000 + 50 * frame as i64, 0.1 * frame as f64);
    let width = foreshock::registry::frame_names(false).len();
    let mut lines = Vec::new();
    for interface in 0..2 {
        let excess = if interface == 1 { frame.saturating_sub(fails) as f64 } else { 0.0 };
        let calm =
            |j: usize| (0.7 * t + 3.1 * j as f64).sin() + 0.3 * (1.9 * t * (1.0 + 0.1 * j as f64)).cos();
        let values = (0..width).map(|j| calm(j) + if j == 10 { 0.3 * excess } else { 0.0 }).collect();
        lines.push(Line::Sample { frame, step, time_ps, interface, condition: Condition::Measured, values });
        let learning = time_ps < 7.5;
        let known = |value: f64| if learning { f64::NAN } else { value };
        let cusum = known((0.05 * excess).min(2.0));
        let alarm = cusum >= 1.0;
        let state = match (learning, alarm) {
            (true, _) => StateCode::Learning,
            (_, true) => StateCode::Alarm,
            _ => StateCode::Stable,
        };
        let index = known(0.6 + 0.2 * (0.3 * t).sin() + 0.05 * excess);
        let at = Verdict { frame, window_end_step: step, time_ps, ..Verdict::none(interface) };
        let verdict = Verdict { state, alarm, index, cusum, ..at };
        lines.push(Line::Verdict { decision_step: step, verdict });
        if excess == 20.0 {
            lines.push(Line::Event {
                frame,
                step,
                interface,
                kind: "bond_broken".into(),
                tags: vec![17, 402],
                data: serde_json::Map::new(),
            });
            let part = |name: &str, share, sigmas| Contribution { descriptor: name.into(), share, sigmas };
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
            lines.push(Line::Alarm { decision_step: step, reason: alarm.reason(), alarm });
        }
    }
    lines
}

/// A whole run of `frames` samples out of 400 planned.
pub fn run(frames: u64, fails: u64) -> Vec<u8> {
    let mut lines = vec![header(["silicate", "oxide"]), Line::Run { step: 1000, steps: 20_000 }];
    lines.extend((0..frames).flat_map(|frame| sample(frame, fails)));
    bytes(&lines)
}

/// Lines as they stand in a file.
pub fn bytes(lines: &[Line]) -> Vec<u8> {
    lines.iter().flat_map(Line::to_bytes).collect()
}
