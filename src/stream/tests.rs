use std::path::{Path, PathBuf};

use super::*;
use crate::decision::{Alarm, StateCode, Verdict};
use crate::frame::Condition;
use crate::window::instability::Contribution;

/// A header with two descriptors only.
fn header() -> Header {
    let descriptors = vec!["gap".to_owned(), "slip".to_owned()];
    Header { descriptors, ..Header::example() }
}

fn sample(frame: u64, value: f64) -> Line {
    Line::Sample {
        frame,
        step: 50 * frame as i64,
        time_ps: 0.1 * frame as f64,
        interface: 0,
        condition: Condition::Measured,
        values: vec![value, f64::NAN],
    }
}

fn restart(frame: u64) -> Line {
    Line::Restart { frame, step: 50 * frame as i64, threshold: 1.0, persist: 3 }
}

fn write(path: &Path, lines: &[Line]) {
    let mut writer = Writer::create(path, &header()).expect("writable");
    for line in lines {
        assert_eq!(writer.write(line), None);
    }
}

/// A directory with a stream in it.
fn stream(lines: &[Line]) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("s.jsonl");
    write(&path, lines);
    (dir, path)
}

fn frames(path: &Path) -> Vec<u64> {
    Reader::open(path).expect("a stream").filter_map(|line| line.expect("not damaged").frame()).collect()
}

fn append_text(path: &Path, text: &[u8]) {
    let mut bytes = std::fs::read(path).expect("readable");
    bytes.extend_from_slice(text);
    std::fs::write(path, bytes).expect("writable");
}

#[test]
fn every_line_reads_back_as_it_was_written() {
    let verdict = Verdict { state: StateCode::Alarm, alarm: true, index: 1.0 / 3.0, ..Verdict::none(1) };
    let alarm = Alarm {
        interface: 1,
        frame: 9,
        window_end_step: 450,
        time_ps: 0.9,
        score: 1.1,
        threshold: 1.0,
        windows: 3,
        index: 2.0,
        top: vec![Contribution { descriptor: "rate of gap".to_owned(), share: 0.7, sigmas: -3.0 }],
    };
    let mut data = serde_json::Map::new();
    data.insert("distance".to_owned(), 2.61.into());
    let lines = [
        Line::Run { step: -3, steps: 1000 },
        restart(9),
        Line::Change { frame: 9, threshold: 0.1 + 0.2, persist: 4 },
        Line::Drop { frame: 9, interface: 1 },
        Line::Event {
            frame: 9,
            step: 450,
            interface: 0,
            kind: "bond_formed".to_owned(),
            tags: vec![3, 1 << 53],
            data,
        },
        Line::Alarm { decision_step: 500, reason: alarm.reason(), alarm },
        Line::Halt { frame: 9, step: 450, mode: "soft".to_owned(), reason: "because \"it\" is\n".to_owned() },
    ];
    let (_dir, path) = stream(&lines);
    let read: Vec<Line> = Reader::open(&path).expect("a stream").map(|line| line.expect("whole")).collect();
    assert_eq!(read, lines);

    // Undefined numbers are not equal to themselves: compare their bits.
    let (_dir, path) =
        stream(&[Line::Verdict { decision_step: 7, verdict: verdict.clone() }, sample(3, 0.1 + 0.2)]);
    let mut reader = Reader::open(&path).expect("a stream");
    assert_eq!(reader.header(), &header());
    match reader.next() {
        Some(Ok(Line::Verdict { decision_step: 7, verdict: read })) => assert!(read.same_bits(&verdict)),
        other => panic!("{other:?}"),
    }
    match reader.next() {
        Some(Ok(Line::Sample { values, .. })) => {
            assert_eq!(values[0].to_bits(), (0.1_f64 + 0.2).to_bits());
            assert!(values[1].is_nan());
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn random_bits_survive_the_stream() {
    let mut normal = crate::window::synthetic::Normal::new(11);
    let values: Vec<f64> = (0..2000)
        .map(|_| f64::from_bits((normal.uniform() * u64::MAX as f64) as u64 ^ normal.draw().to_bits()))
        .filter(|v| v.is_finite())
        .collect();
    let lines: Vec<Line> = values.iter().enumerate().map(|(t, &v)| sample(t as u64, v)).collect();
    let (_dir, path) = stream(&lines);
    let read: Vec<u64> = Reader::open(&path)
        .expect("a stream")
        .map(|line| match line {
            Ok(Line::Sample { values, .. }) => values[0].to_bits(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(read, values.iter().map(|v| v.to_bits()).collect::<Vec<_>>());
}

#[test]
fn a_stream_cut_at_any_byte_gives_its_whole_lines() {
    let lines: Vec<Line> = (0..6).map(|t| sample(t, 0.5)).collect();
    let (_dir, path) = stream(&lines);
    let whole = std::fs::read(&path).expect("readable");
    let header_end = whole.iter().position(|&b| b == b'\n').expect("a header");
    for cut in header_end..whole.len() {
        std::fs::write(&path, &whole[..cut]).expect("writable");
        let mut reader = Reader::open(&path).expect("the header is whole");
        let read = reader.by_ref().inspect(|line| assert!(line.is_ok(), "cut at {cut}: {line:?}")).count();
        let newlines = whole[..cut].iter().filter(|&&b| b == b'\n').count();
        let last_is_whole = whole[cut] == b'\n';
        assert_eq!(
            read,
            newlines.saturating_sub(1) + usize::from(last_is_whole && newlines > 0),
            "cut at {cut}"
        );
        assert_eq!(reader.truncated(), !last_is_whole && whole[cut - 1] != b'\n', "cut at {cut}");
    }
    for cut in 0..header_end {
        std::fs::write(&path, &whole[..cut]).expect("writable");
        assert!(Reader::open(&path).is_err(), "cut at {cut}");
    }
}

#[test]
fn damaged_lines_are_named_and_the_rest_is_read() {
    let (_dir, path) = stream(&[sample(0, 1.0)]);
    let nested = [b"{\"type\":\"event\",\"data\":".as_slice(), &[b'['; 5000]].concat();
    let hostile: [(&[u8], &str); 12] = [
        (b"{\"type\":\"sample\",\"frame\":1", "EOF"),
        (b"\xff\xfe\x00garbage", "expected value"),
        (b"[1,2,3]", "invalid"),
        (b"{\"type\":\"surprise\"}", "unknown variant `surprise`"),
        (b"{\"type\":\"sample\",\"frame\":-1,\"step\":0,\"time_ps\":0,\"interface\":0,\"condition\":\"measured\",\"values\":[1,2]}", "invalid value"),
        (b"{\"type\":\"sample\",\"frame\":1,\"step\":0,\"time_ps\":0,\"interface\":0,\"condition\":\"measured\",\"values\":[1]}", "1 values, expected 2"),
        (b"{\"type\":\"sample\",\"frame\":1,\"step\":0,\"time_ps\":0,\"interface\":9,\"condition\":\"measured\",\"values\":[1,2]}", "interface 9, expected less than 2"),
        (b"{\"type\":\"sample\",\"frame\":1,\"step\":0,\"time_ps\":0,\"interface\":0,\"condition\":\"melted\",\"values\":[1,2]}", "unknown variant `melted`"),
        (b"{\"type\":\"sample\",\"frame\":1,\"step\":0,\"time_ps\":1e999,\"interface\":0,\"condition\":\"measured\",\"values\":[1,2]}", "out of range"),
        (b"{\"type\":\"sample\",\"frame\":1,\"step\":0,\"time_ps\":0,\"interface\":0,\"condition\":\"measured\",\"values\":[\"1\",2]}", "invalid type"),
        (b"{\"type\":\"drop\",\"frame\":1}", "missing field `interface`"),
        (&nested, "recursion limit"),
    ];
    for (text, _) in hostile {
        append_text(&path, text);
        append_text(&path, b"\n");
    }
    append_text(&path, b"\n   \r\n");
    append_text(&path, &sample(7, 2.0).to_bytes());
    let (mut damage, mut good) = (Vec::new(), 0);
    for line in Reader::open(&path).expect("a stream") {
        match line {
            Ok(_) => good += 1,
            Err(error) => damage.push(error),
        }
    }
    assert_eq!((good, damage.len()), (2, hostile.len()));
    for (at, (damage, (_, expected))) in damage.iter().zip(hostile).enumerate() {
        assert_eq!(damage.line, at as u64 + 3);
        assert!(damage.message.contains(expected), "'{damage}' does not say '{expected}'");
    }
}

#[test]
fn an_endless_line_is_skipped_without_being_kept() {
    let (_dir, path) = stream(&[]);
    append_text(&path, &vec![b'x'; (reader::MAX_LINE + 1000) as usize]);
    append_text(&path, b"\n");
    append_text(&path, &sample(7, 2.0).to_bytes());
    let lines: Vec<_> = Reader::open(&path).expect("a stream").collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(
        lines[0].as_ref().expect_err("too long").to_string(),
        format!("line 2: longer than {} bytes", reader::MAX_LINE)
    );
    assert!(lines[1].is_ok());
}

#[test]
fn what_is_no_stream_of_this_version_is_refused_by_name() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("s.jsonl");
    let good = serde_json::to_value(Line::Header(Box::new(header()))).expect("plain data");
    let changed = |key: &str, value: serde_json::Value| {
        let mut header = good.clone();
        header[key] = value;
        header.to_string()
    };
    let mut without = good.clone();
    without.as_object_mut().expect("an object").remove("every");
    let settings = |key: &str, value: serde_json::Value| {
        let mut header = good.clone();
        header["settings"][key] = value;
        header.to_string()
    };
    let cases = [
        (String::new(), "is empty"),
        ("ITEM: TIMESTEP\n0\n".to_owned(), "line 1 is not a stream's header"),
        ("{}".to_owned(), "no \"type\":\"header\""),
        ("{\"type\":\"header\"}".to_owned(), "line 1 has no schema version"),
        (changed("schema", 2.into()), "schema version 2: this build reads version 1"),
        (changed("schema", (-1).into()), "line 1 has no schema version"),
        (
            changed("descriptors", serde_json::json!(["gap", "gap"])),
            "descriptors = 'gap': expected every name once",
        ),
        (without.to_string(), "missing field `every`"),
        (settings("window", 0.into()), "window = '0': expected 8 to 4096 frames"),
        (settings("interfaces", 1_000_000.into()), "interfaces = '1000000': expected 1 or 2"),
        (settings("lag_ps", 1e300.into()), "lag (ps)"),
        (settings("sample_ps", 0.into()), "sampling interval (ps) = '0': expected a positive number"),
    ];
    for (text, expected) in cases {
        std::fs::write(&path, &text).expect("writable");
        let message = Reader::open(&path).expect_err(&text).to_string();
        assert!(message.starts_with(path.to_str().expect("UTF-8")), "{message}");
        assert!(message.contains(expected), "'{message}' does not say '{expected}'");
    }
    let message = Reader::open(dir.path()).expect_err("a directory").to_string();
    assert!(message.ends_with("is not a regular file"), "{message}");
    assert!(Reader::open(&dir.path().join("none.jsonl")).is_err());
}

#[test]
fn later_frames_win_over_those_of_a_lost_run() {
    let lines = [
        sample(0, 0.0),
        sample(1, 0.0),
        sample(2, 0.0),
        sample(3, 0.0),
        Line::Drop { frame: 3, interface: 0 },
        restart(3),
        sample(3, 1.0),
        sample(4, 1.0),
        restart(2),
        sample(2, 2.0),
        sample(3, 2.0),
        sample(4, 2.0),
    ];
    let (_dir, path) = stream(&lines);
    let mut reader = Reader::open(&path).expect("a stream");
    let mut read = Vec::new();
    for line in reader.by_ref() {
        if let Line::Sample { frame, values, .. } = line.expect("not damaged") {
            read.push((frame, values[0]));
        }
    }
    assert_eq!(read, [(0, 0.0), (1, 0.0), (2, 2.0), (3, 2.0), (4, 2.0)]);
    assert_eq!(reader.superseded(), 5);
}

#[test]
fn appending_cuts_an_unfinished_line_and_keeps_the_rest() {
    let lines: Vec<Line> = (0..4).map(|t| sample(t, 0.5)).collect();
    let (_dir, path) = stream(&lines);
    // Longer than one block of the backward search.
    append_text(&path, &vec![b'x'; 10_000]);
    let mut writer = Writer::append(&path, &header()).expect("fits");
    assert_eq!(writer.write(&restart(4)), None);
    assert_eq!(writer.write(&sample(4, 0.5)), None);
    assert_eq!(frames(&path), [0, 1, 2, 3, 4]);
}

#[test]
fn appending_to_nothing_starts_a_stream() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("s.jsonl");
    for _ in 0..2 {
        let mut writer = Writer::append(&path, &header()).expect("writable");
        assert_eq!(writer.write(&sample(1, 0.5)), None);
        assert_eq!(frames(&path), [1]);
        std::fs::write(&path, b"").expect("writable");
    }
}

#[test]
fn appending_checks_the_set_up_and_leaves_the_file_alone() {
    let (_dir, path) = stream(&[sample(0, 0.5)]);
    let before = std::fs::read(&path).expect("readable");
    type Edit = fn(&mut Header);
    let cases: [(Edit, &str); 4] = [
        (|h| h.every = 100, "every = '100': expected 50 as in the stream to be continued"),
        (|h| h.dt_ps = 0.001, "dt_ps = '0.001': expected 0.002"),
        (|h| h.settings.lag_ps = 2.0, "settings = "),
        (|h| h.descriptors.truncate(1), "descriptors = '[\"gap\"]'"),
    ];
    for (edit, expected) in cases {
        let mut other = header();
        edit(&mut other);
        let message = Writer::append(&path, &other).expect_err("does not fit").to_string();
        assert!(message.contains(expected), "'{message}' does not say '{expected}'");
    }
    let mut harmless = header();
    harmless.threshold = 2.0;
    harmless.lammps = "29 Aug 2024".to_owned();
    Writer::append(&path, &harmless).expect("fits");
    assert_eq!(std::fs::read(&path).expect("readable"), before);
}

#[test]
fn a_disk_that_fills_up_is_told_once() {
    let message = Writer::create(Path::new("/dev/full"), &header()).expect_err("full").to_string();
    assert!(message.starts_with("/dev/full: ") && message.contains("No space left"), "{message}");
}
