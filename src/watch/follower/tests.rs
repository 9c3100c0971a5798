use super::*;
use crate::decision::{Alarm, Verdict};
use crate::frame::Condition;
use crate::watch::history::CAPACITY;
use std::io::Write;

fn header() -> Header {
    Header {
        groups: ["A".into(), "B\u{1b}[2J".into()],
        config: serde_json::json!({"halt": "soft", "blackbox": [20, "box"]}),
        ..Header::example()
    }
}

/// Place of the thickness among the descriptors.
const THICKNESS: usize = 10;

fn sample(frame: u64, interface: usize) -> Line {
    let width = header().descriptors.len();
    // Every descriptor at its own pace; the last 20 frames of 140 leave the baseline.
    let value = |j: usize| {
        let t = frame as f64;
        let calm = (0.7 * t + 3.1 * j as f64).sin() + 0.3 * (1.9 * t * (1.0 + 0.1 * j as f64)).cos();
        if frame > 120 && j == THICKNESS { calm + 0.8 * (t - 120.0) } else { calm }
    };
    Line::Sample {
        frame,
        step: 1000 + 50 * frame as i64,
        time_ps: 0.1 * frame as f64,
        interface,
        condition: Condition::Measured,
        values: (0..width).map(value).collect(),
    }
}

fn verdict(frame: u64, interface: usize, state: StateCode, index: f64) -> Line {
    let window_end_step = 1000 + 50 * frame as i64;
    let verdict = Verdict {
        frame,
        window_end_step,
        time_ps: 0.1 * frame as f64,
        state,
        index,
        cusum: 0.5 * index,
        alarm: state == StateCode::Alarm,
        ..Verdict::none(interface)
    };
    Line::Verdict { decision_step: window_end_step, verdict }
}

fn alarm(frame: u64) -> Line {
    let top =
        vec![crate::window::instability::Contribution { descriptor: "gap".into(), share: 0.5, sigmas: 7.0 }];
    let alarm = Alarm {
        interface: 1,
        frame,
        window_end_step: 1000 + 50 * frame as i64,
        time_ps: 0.1 * frame as f64,
        score: 1.2,
        threshold: 1.0,
        windows: 3,
        index: 2.0,
        top,
    };
    Line::Alarm { decision_step: 1000 + 50 * frame as i64, reason: "because\u{7}".into(), alarm }
}

struct Stream {
    _dir: tempfile::TempDir,
    path: PathBuf,
    follower: Follower,
    start: Instant,
}

impl Stream {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("run.jsonl");
        let follower = Follower::new(&path, "run");
        Self { _dir: dir, path, follower, start: Instant::now() }
    }

    fn write(&self, lines: &[Line]) {
        let bytes: Vec<u8> = lines.iter().flat_map(Line::to_bytes).collect();
        self.raw(&bytes);
    }

    fn raw(&self, bytes: &[u8]) {
        let file = std::fs::OpenOptions::new().append(true).create(true).open(&self.path);
        file.and_then(|mut file| file.write_all(bytes)).expect("writable");
    }

    /// Looks until everything is read, `seconds` after the start.
    fn look(&mut self, seconds: u64) -> Status {
        let now = self.start + Duration::from_secs(seconds);
        for _ in 0..100 {
            self.follower.look(now, u64::MAX, Instant::now() + Duration::from_secs(60));
            if self.follower.caught_up() {
                break;
            }
        }
        self.follower.status(now)
    }

    fn view(&self) -> &RunView {
        self.follower.view().expect("a header")
    }
}

fn head() -> Line {
    Line::Header(Box::new(header()))
}

#[test]
fn a_run_from_before_its_start_to_its_end() {
    let mut stream = Stream::new();
    assert_eq!(stream.look(0), Status::Waiting);
    let bytes = head().to_bytes();
    stream.raw(&bytes[..100]);
    assert_eq!(stream.look(1), Status::Waiting, "half a header");
    stream.raw(&bytes[100..]);
    stream.write(&[Line::Run { step: 1000, steps: 5000 }]);
    assert_eq!(stream.look(2), Status::Running);
    assert_eq!(stream.view().facts.groups[1], "B\u{fffd}[2J");
    assert_eq!(stream.view().facts.blackbox.as_deref(), Some("box"));
    for frame in 0..50 {
        stream.write(&[sample(frame, 0), sample(frame, 1), verdict(frame, 0, StateCode::Learning, f64::NAN)]);
        assert_eq!(stream.look(3 + frame), Status::Running);
    }
    let now = stream.start + Duration::from_secs(52);
    assert_eq!(stream.follower.rate().frames_per_s(), Some(1.0));
    assert_eq!(stream.view().steps_left(), Some(5000 - 49 * 50));
    assert_eq!(stream.follower.left_s(now), Some(51.0));
    assert_eq!(stream.view().age_steps(&stream.view().interfaces[0]), 0);
    assert_eq!(stream.view().state(&stream.view().interfaces[1]), StateCode::NoSample);
    let silent = stream.look(200);
    assert!(matches!(silent, Status::Silent(s) if (147.0..150.0).contains(&s)), "{silent:?}");
    assert_eq!(stream.follower.left_s(stream.start + Duration::from_secs(200)), None);
    stream.write(&[sample(100, 0)]);
    assert_eq!(stream.look(201), Status::Ended);
    assert_eq!(stream.view().state(&stream.view().interfaces[0]), StateCode::Stale);
    assert_eq!(stream.view().age_steps(&stream.view().interfaces[0]), 51 * 50);
}

#[test]
fn drivers_are_known_without_an_alarm() {
    let mut stream = Stream::new();
    stream.write(&[head()]);
    for frame in 0..140 {
        stream.write(&[sample(frame, 0)]);
    }
    stream.look(0);
    let drivers = &stream.view().interfaces[0].drivers;
    assert_eq!(drivers.len(), 3);
    let names: Vec<&str> = drivers.iter().map(|part| part.descriptor.as_str()).collect();
    assert!(names[0].contains("thickness"), "{names:?}");
    assert_eq!(stream.view().latest.map(|(frame, ..)| frame), Some(139));
}

#[test]
fn alarms_name_the_atoms_of_recent_events() {
    let mut stream = Stream::new();
    let event = |frame, tags: &[i64]| Line::Event {
        frame,
        step: 0,
        interface: 1,
        kind: "bond_broken".into(),
        tags: tags.to_vec(),
        data: serde_json::Map::new(),
    };
    stream.write(&[head(), event(40, &[1, 2]), event(75, &[31, 7]), event(80, &[7, 9]), alarm(80)]);
    stream.write(&[Line::Halt { frame: 81, step: 5050, mode: "soft".into(), reason: "because".into() }]);
    assert_eq!(stream.look(0), Status::Halted);
    let view = stream.view();
    assert_eq!(view.alarms[0].atoms, [7, 9, 31]);
    assert_eq!(view.alarms[0].reason, "because\u{fffd}");
    assert_eq!((view.alarm_count, view.events["bond_broken"]), (1, 3));
    // The job script goes on.
    stream.write(&[Line::Run { step: 5050, steps: 1000 }]);
    assert_eq!(stream.look(1), Status::Running);
}

#[test]
fn damaged_and_unknown_lines_are_counted_and_change_nothing() {
    let mut stream = Stream::new();
    stream.write(&[head(), verdict(0, 0, StateCode::Stable, 0.5)]);
    stream.raw(b"{\"type\":\"sample\",\"frame\":1}\n\nnot json\n\xff\xfe\n{\"type\":\"novelty\",\"x\":1}\n");
    stream.write(&[verdict(0, 7, StateCode::Alarm, 9.0), head(), verdict(1, 0, StateCode::Stable, 0.6)]);
    stream.raw(b"{\"type\":\"verdict\",\"inter");
    stream.look(0);
    assert_eq!((stream.follower.damages().count, stream.follower.unknown()), (5, 1));
    let last = stream.follower.damages().last.clone().expect("the second header");
    assert_eq!(last.1, "a second header");
    assert_eq!(stream.view().interfaces[0].verdict.index, 0.6);
    assert_eq!(stream.follower.state(), StateCode::NoSample, "of the other interface nothing is known");
    assert!(stream.follower.unfinished());
}

#[test]
fn what_is_no_stream_is_said_and_read_no_further() {
    for (text, expected) in [
        ("hello\n", "line 1 is not a stream's header: expected value"),
        ("{\"type\":\"header\",\"schema\":99}\n", "schema version 99: this build reads version 1"),
        ("{\"type\":\"header\"}\n", "line 1 has no schema version"),
        ("{\"type\":\"header\",\"schema\":1}\n", "header: missing field"),
    ] {
        let mut stream = Stream::new();
        stream.raw(text.as_bytes());
        let Status::Unusable(message) = stream.look(0) else { panic!("{text} was taken") };
        assert!(message.starts_with(expected), "{message}");
        std::fs::write(&stream.path, head().to_bytes()).expect("writable");
        assert_eq!(stream.look(1), Status::Running, "a good file in its place");
        assert_eq!(stream.follower.resets(), 1);
    }
}

#[test]
fn a_continued_run_supersedes_what_was_lost() {
    let mut stream = Stream::new();
    stream.write(&[head()]);
    for frame in 0..100 {
        stream.write(&[sample(frame, 0), verdict(frame, 0, StateCode::Stable, 0.5)]);
    }
    stream.write(&[alarm(99), Line::Drop { frame: 99, interface: 0 }]);
    stream.look(0);
    assert_eq!((stream.view().alarm_count, stream.view().dropped()), (1, 1));
    stream.write(&[Line::Restart { frame: 90, step: 5500, threshold: 2.0, persist: 3 }]);
    for frame in 90..130 {
        stream.write(&[sample(frame, 0), verdict(frame, 0, StateCode::Stable, 0.7)]);
    }
    stream.look(1);
    let view = stream.view();
    assert_eq!((view.alarm_count, view.dropped(), view.restarts), (0, 0, 1));
    assert_eq!(stream.follower.superseded(), 22);
    assert_eq!(view.interfaces[0].history.buckets().len(), 130);
    assert_eq!(view.interfaces[0].history.buckets()[90].index.last, 0.7);
    assert_eq!(view.threshold, 2.0);
    assert_eq!(view.interfaces[0].drivers.len(), 3, "the window stage was rebuilt");
}

#[test]
fn endless_restarts_do_not_read_the_stream_for_ever() {
    let mut stream = Stream::new();
    stream.write(&[head(), sample(0, 0)]);
    for _ in 0..200 {
        stream.write(&[
            Line::Restart { frame: 0, step: 1000, threshold: 1.0, persist: 3 },
            sample(0, 0),
            verdict(0, 0, StateCode::Stable, 0.5),
        ]);
    }
    stream.look(0);
    assert!(stream.follower.caught_up());
    assert_eq!(stream.follower.content.restarts.len(), REREADS);
    assert_eq!(stream.view().interfaces[0].history.buckets().len(), 1);
}

#[test]
fn a_hostile_stream_stays_small() {
    let mut stream = Stream::new();
    let mut hostile = header();
    hostile.settings.lag_ps = 5000.0;
    stream.write(&[Line::Header(Box::new(hostile))]);
    for i in 0..2000u64 {
        let event = Line::Event {
            frame: i,
            step: 0,
            interface: 0,
            kind: format!("kind {i}"),
            tags: vec![1; 1000],
            data: serde_json::Map::new(),
        };
        stream.write(&[event, alarm(u64::MAX - i), verdict(i << 40, 1, StateCode::Stable, 1e300)]);
    }
    stream.look(0);
    let view = stream.view();
    assert_eq!(view.alarm_count, 2000);
    assert!(view.alarms.len() == crate::watch::view::ALARMS && view.events.len() <= 17);
    assert!(view.interfaces[1].history.buckets().len() <= CAPACITY);
}
