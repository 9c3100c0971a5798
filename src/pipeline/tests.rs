use std::path::Path;
use std::time::Duration;

use super::*;
use crate::config::{Axis, CutoffSpec, DetectorKind, ModelSpec};
use crate::frame::Condition;
use crate::replay::{Replayed, Report, replay};
use crate::stream::Reader;
use crate::window::synthetic::{disturb, healthy};
use crate::worker::tests::{Panicking, Slow};

fn config(mode: Mode, record: Option<&Path>) -> FixConfig {
    FixConfig {
        every: 50,
        sides: ["anode".to_owned(), "sse".to_owned()],
        normal: Axis::Z,
        elements: vec!["Li".to_owned()],
        roles: Vec::new(),
        region: 8.0,
        cutoff: CutoffSpec::Auto,
        reference: 0.5,
        baseline_start: 2.0,
        baseline_length: 5.0,
        lag: 1.0,
        window: 16,
        model: ModelSpec::None,
        detector: DetectorKind::Cusum,
        model_unasked: false,
        warn: None,
        persist: 3,
        halt: Halt::No,
        mode,
        record: record.map(Path::to_owned),
        label: None,
        blackbox: None,
        stress: None,
        rdf: false,
        message: true,
    }
}

fn facts() -> Facts {
    Facts {
        lammps: "22 Jul 2025 - Update 4".to_owned(),
        units: UnitStyle::Metal,
        dt_ps: 0.002,
        atoms: 1152,
        interfaces: 2,
        config: serde_json::json!({"normal": "z"}),
    }
}

fn pipeline(mode: Mode, record: Option<&Path>) -> Pipeline {
    Pipeline::new(&config(mode, record), &facts()).expect("valid configuration")
}

/// Samples of two interfaces; the second fails from frame 150 on, and a few frames are odd.
fn samples(n: usize) -> Vec<Vec<Frame>> {
    let a = healthy(1, 0, n, 0.5, 6);
    let mut b = healthy(2, 1, n, 0.5, 6);
    disturb(&mut b, |t| t.saturating_sub(150) as f64 * 0.5);
    let mut samples: Vec<Vec<Frame>> = a.into_iter().zip(b).map(|(a, b)| vec![a, b]).collect();
    for sample in samples.iter_mut().skip(96).step_by(61) {
        sample[0].values.fill(f64::NAN);
        sample[1].condition = Condition::NoSurface;
    }
    samples
}

fn replayed(path: &Path) -> (Vec<Verdict>, Report) {
    let mut verdicts = Vec::new();
    let report = replay(Reader::open(path).expect("a stream"), &mut |item| {
        if let Replayed::Verdict(verdict) = item {
            verdicts.push(verdict);
        }
        Ok(())
    })
    .expect("replays");
    (verdicts, report)
}

fn recorded(path: &Path) -> Vec<Line> {
    Reader::open(path).expect("a stream").map(|line| line.expect("not damaged")).collect()
}

fn same(a: &PipelineOutput, b: &PipelineOutput) -> bool {
    a.verdicts.len() == b.verdicts.len()
        && a.verdicts.iter().zip(&b.verdicts).all(|(a, b)| a.same_bits(b))
        && (a.worst, &a.age_steps, a.dropped, &a.halt) == (b.worst, &b.age_steps, b.dropped, &b.halt)
}

#[test]
fn a_failing_interface_alarms_and_the_columns_say_so() {
    let mut pipeline = pipeline(Mode::Sync, None);
    let mut alarms = Vec::new();
    for sample in samples(300) {
        let step = sample[0].step;
        let output = pipeline.push(sample).expect("valid");
        alarms.extend(output.alarms.clone());
        let columns = output.columns(output.worst);
        assert!(columns[0].is_nan() && columns[6].is_nan(), "CUSUM gives no probability");
        assert_eq!(columns[7], 0.0, "a synchronous verdict is new");
        if step == 50 * 60 {
            assert_eq!(columns[9], 2.0, "learning");
            assert!(columns[5].is_nan());
        }
        if step == 50 * 140 {
            assert_eq!((columns[4], columns[9]), (0.0, 4.0), "stable");
            assert!(columns[5].is_finite());
        }
        if step == 50 * 299 {
            assert_eq!((output.worst, columns[4], columns[9]), (1, 1.0, 6.0), "alarm of interface 1");
        }
        assert_eq!(output.halt, None, "shadow mode");
    }
    assert_eq!(alarms.len(), 1);
    assert!((150..200).contains(&alarms[0].frame), "{}", alarms[0].frame);
    assert_eq!(alarms[0].top.len(), 3);
    assert!(pipeline.timing().inferred > 300 && pipeline.timing().window_s > 0.0);
}

#[test]
fn async_recording_replays_to_its_own_verdicts_even_with_drops() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("run.jsonl");
    let slow = Box::new(Slow(Duration::from_millis(2)));
    let mut pipeline =
        Pipeline::with_detector(&config(Mode::Async, Some(&path)), &facts(), slow, None).expect("valid");
    // The stream names the detector that replay is to use; the slow one scores as CUSUM does.
    pipeline.header.detector = "cusum".to_owned();
    let samples = samples(300);
    let last = samples[299][0].step;
    for (t, sample) in samples.into_iter().enumerate() {
        pipeline.push(sample).expect("valid");
        // Faster than the detector, but not so fast that next to nothing is scored.
        std::thread::sleep(Duration::from_millis(1));
        if t == 200 {
            pipeline.change(Change::Persist(5)).expect("valid");
            pipeline.change(Change::Warn(Some(0.7))).expect("valid");
        }
    }
    let output = pipeline.drain(last);
    assert!(output.dropped > 0, "the test needs drops");
    assert!(output.verdicts.iter().all(|v| v.frame > 0));
    let (verdicts, report) = replayed(&path);
    assert_eq!(report.differences, Vec::<String>::new());
    assert!(report.damaged.is_empty() && !report.truncated);
    assert_eq!(report.recorded, 600 - output.dropped);
    assert_eq!(report.verdicts, report.recorded);
    assert!(!report.alarms.is_empty());
    // A copy made of what replay hands on holds the drops and changes too.
    let copy = dir.path().join("copy.jsonl");
    let reader = Reader::open(&path).expect("a stream");
    let mut writer = Writer::create(&copy, reader.header()).expect("writable");
    replay(reader, &mut |item| {
        let line = match item {
            Replayed::Frame(frame) => Line::sample(&frame),
            Replayed::Verdict(verdict) => Line::Verdict { decision_step: 0, verdict },
            Replayed::Alarm(_) => return Ok(()),
            Replayed::Other(line) => line,
        };
        assert_eq!(writer.write(&line), None);
        Ok(())
    })
    .expect("replays");
    // As text, where the undefined score of a lost surface equals itself.
    assert_eq!(format!("{:?}", replayed(&copy).1), format!("{report:?}"));
    // The recording is in order for each interface, though the thread was behind.
    for interface in 0..2 {
        let frames: Vec<u64> =
            verdicts.iter().filter(|v| v.interface == interface).map(|v| v.frame).collect();
        assert!(frames.is_sorted());
    }
}

#[test]
fn a_tampered_recording_is_found_out() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("run.jsonl");
    let mut pipeline = pipeline(Mode::Sync, Some(&path));
    for sample in samples(120) {
        pipeline.push(sample).expect("valid");
    }
    drop(pipeline);
    assert_eq!(replayed(&path).1.differences, Vec::<String>::new());
    let text = std::fs::read_to_string(&path).expect("readable");
    let verdict = text.lines().rfind(|line| line.contains("\"verdict\"")).expect("a verdict");
    let tampered = verdict.replace("\"state\":\"stable\"", "\"state\":\"alarm\"");
    assert_ne!(verdict, tampered);
    std::fs::write(&path, text.replace(verdict, &tampered)).expect("writable");
    let report = replayed(&path).1;
    assert_eq!(report.differences.len(), 1);
    assert!(report.differences[0].starts_with("frame 119 of interface 1: recorded"), "{report:?}");
}

#[test]
fn split_at_every_sample_it_continues_bit_for_bit() {
    let samples = samples(200);
    let mut whole = pipeline(Mode::Sync, None);
    let expected: Vec<PipelineOutput> =
        samples.iter().map(|s| whole.push(s.clone()).expect("valid")).collect();
    let mut part = pipeline(Mode::Sync, None);
    for (t, sample) in samples.iter().enumerate() {
        let bytes = part.serialize();
        part = pipeline(Mode::Sync, None);
        part.deserialize(&bytes).expect("own state");
        let output = part.push(sample.clone()).expect("valid");
        assert!(same(&output, &expected[t]), "sample {t}: {output:?} is not {:?}", expected[t]);
    }
    assert!(expected[199].verdicts[1].alarm, "the split covers an alarm");
}

#[test]
fn a_models_run_cut_in_any_phase_continues_bit_for_bit() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut samples = samples(330);
    // After a stretch without any value the window fills anew.
    for sample in &mut samples[200..280] {
        sample[0].values.fill(f64::NAN);
    }
    for (k, model) in crate::model::detector::tests::models().into_iter().enumerate() {
        let file = folder.path().join(format!("model-{k}.safetensors"));
        model.write(&file).expect("written");
        let config = FixConfig {
            window: 64,
            model: ModelSpec::File(file),
            detector: DetectorKind::Model,
            ..config(Mode::Sync, None)
        };
        let new = || Pipeline::new(&config, &facts()).expect("the model fits");
        let (mut whole, mut part) = (new(), new());
        let mut cut_in = Vec::new();
        for (t, sample) in samples.iter().enumerate() {
            if [3, 40, 76, 77, 90, 170, 250, 284, 285, 286, 287, 300].contains(&t) {
                cut_in.push(part.shown(sample[0].step).0[0].state);
                let bytes = part.serialize();
                part = new();
                part.deserialize(&bytes).expect("own state");
            }
            let expected = whole.push(sample.clone()).expect("valid");
            let output = part.push(sample.clone()).expect("valid");
            assert!(same(&output, &expected), "model {k}, sample {t}: {output:?} is not {expected:?}");
        }
        for state in [StateCode::Reference, StateCode::Learning, StateCode::Nan, StateCode::Filling] {
            assert!(cut_in.contains(&state), "{state:?} in {cut_in:?}");
        }
        let first = &whole.latest[0];
        assert!(first.p_warning.is_finite() && first.frame == 329, "{first:?}");
    }
}

#[test]
fn damaged_and_foreign_states_are_refused() {
    let mut whole = pipeline(Mode::Sync, None);
    for sample in samples(90) {
        whole.push(sample).expect("valid");
    }
    let bytes = whole.serialize();
    for cut in [0, 3, 40, bytes.len() / 2, bytes.len() - 1] {
        assert!(pipeline(Mode::Sync, None).deserialize(&bytes[..cut]).is_err(), "cut at {cut}");
    }
    let mut one = facts();
    one.interfaces = 1;
    let mut other = Pipeline::new(&config(Mode::Sync, None), &one).expect("valid");
    let message = other.deserialize(&bytes).expect_err("another cell").to_string();
    assert!(message.contains("interfaces = 2 when it was saved, 1 now"), "{message}");
}

#[test]
fn a_continued_recording_supersedes_what_the_lost_run_had_written() {
    let dir = tempfile::tempdir().expect("a directory");
    let (path, whole_path) = (dir.path().join("run.jsonl"), dir.path().join("whole.jsonl"));
    let samples = samples(220);
    let mut whole = pipeline(Mode::Sync, Some(&whole_path));
    for sample in &samples {
        whole.push(sample.clone()).expect("valid");
    }
    let mut lost = pipeline(Mode::Sync, Some(&path));
    let mut saved = Vec::new();
    for (t, sample) in samples.iter().take(180).enumerate() {
        if t == 130 {
            saved = lost.serialize();
        }
        lost.push(sample.clone()).expect("valid");
    }
    drop(lost);
    // Killed in mid-line.
    let mut text = std::fs::read(&path).expect("readable");
    text.truncate(text.len() - 37);
    std::fs::write(&path, &text).expect("writable");

    let mut continued = pipeline(Mode::Sync, Some(&path));
    continued.deserialize(&saved).expect("own state");
    for sample in &samples[130..] {
        assert!(continued.push(sample.clone()).expect("valid").messages.is_empty());
    }
    let (verdicts, report) = replayed(&path);
    let (expected, _) = replayed(&whole_path);
    assert!(report.superseded >= 190 && report.damaged.is_empty(), "{report:?}");
    assert_eq!(report.differences, Vec::<String>::new());
    assert_eq!(verdicts.len(), expected.len());
    assert!(verdicts.iter().zip(&expected).all(|(a, b)| a.same_bits(b)));
}

#[test]
fn a_stream_of_another_set_up_is_not_continued() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("run.jsonl");
    let mut first = pipeline(Mode::Sync, Some(&path));
    let samples = samples(20);
    first.push(samples[0].clone()).expect("valid");
    let saved = first.serialize();
    let before = std::fs::read(&path).expect("readable");
    let mut other = config(Mode::Sync, Some(&path));
    other.sides[1] = "coating".to_owned();
    let mut second = Pipeline::new(&other, &facts()).expect("valid");
    second.deserialize(&saved).expect("the same window settings");
    let output = second.push(samples[1].clone()).expect("the run goes on");
    assert_eq!(output.messages.len(), 1);
    assert!(
        output.messages[0].contains(
            "groups = '[\"anode\", \"coating\"]': expected [\"anode\", \"sse\"] as in the stream to be continued"
        ),
        "{:?}",
        output.messages
    );
    assert!(second.push(samples[2].clone()).expect("valid").messages.is_empty(), "told once");
    assert_eq!(std::fs::read(&path).expect("readable"), before, "the stream is untouched");
}

#[test]
fn full_disk_and_unwritable_path_are_told_once_and_the_run_goes_on() {
    for path in ["/dev/full", "/nonexistent/run.jsonl"] {
        let mut pipeline = pipeline(Mode::Sync, Some(Path::new(path)));
        let messages: Vec<String> =
            samples(30).into_iter().flat_map(|s| pipeline.push(s).expect("goes on").messages).collect();
        assert_eq!(messages.len(), 1, "{messages:?}");
        assert!(messages[0].starts_with(path) && messages[0].ends_with("the run goes on"), "{messages:?}");
    }
}

#[test]
fn a_dead_worker_is_shown_as_such_and_told_once() {
    for mode in [Mode::Sync, Mode::Async] {
        let detector = Box::new(Panicking(100));
        let mut pipeline =
            Pipeline::with_detector(&config(mode, None), &facts(), detector, None).expect("valid");
        let mut messages = Vec::new();
        let mut last = None;
        for sample in samples(130) {
            let output = pipeline.push(sample).expect("goes on");
            // Time to score: otherwise the windows from frame 100 on may all be dropped.
            std::thread::sleep(Duration::from_millis(1));
            messages.extend(output.messages.clone());
            last = Some(output);
        }
        let output = pipeline.drain(50 * 129);
        messages.extend(output.messages.clone());
        assert_eq!(messages.len(), 1, "{messages:?}");
        assert!(
            messages[0].starts_with("no more verdicts: detector panicking panicked on interface"),
            "{messages:?}"
        );
        assert!(last.is_some());
        for (interface, verdict) in output.verdicts.iter().enumerate() {
            assert_eq!(verdict.state, StateCode::WorkerDead);
            assert!(output.columns(interface)[0].is_nan(), "never probability 0");
        }
    }
}

#[test]
fn an_old_verdict_is_stale_and_ages_in_steps() {
    let detector = Box::new(Slow(Duration::from_millis(1500)));
    let mut pipeline =
        Pipeline::with_detector(&config(Mode::Async, None), &facts(), detector, None).expect("valid");
    for sample in samples(100) {
        pipeline.push(sample).expect("valid");
    }
    let (shown, ages) = pipeline.shown(50 * 99 + 7);
    // The baseline's last frame, 75, was the last to need no inference.
    assert_eq!(shown[0].frame, 75);
    assert_eq!((shown[0].state, ages[0]), (StateCode::Stale, 50 * 24 + 7));
    assert!(shown[0].index.is_nan());
    // `reset_timestep 0` must not make it young.
    assert_eq!(pipeline.shown(0).1[0], 50 * 24);
}

#[test]
fn halt_is_asked_for_from_the_alarm_on_and_recorded_once_per_run() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("run.jsonl");
    let mut config = config(Mode::Sync, Some(&path));
    config.halt = Halt::Continue;
    let mut pipeline = Pipeline::new(&config, &facts()).expect("valid");
    pipeline.start_run(0, 20_000);
    let samples = samples(260);
    let mut halted_at = None;
    for (t, sample) in samples.into_iter().enumerate() {
        let output = pipeline.push(sample).expect("valid");
        assert_eq!(output.halt.is_some(), halted_at.is_some() || !output.alarms.is_empty(), "sample {t}");
        if halted_at.is_none() && output.halt.is_some() {
            halted_at = Some(t);
            let reason = output.halt.clone().expect("halting");
            assert!(reason.starts_with("interface 2 at step"), "{reason}");
        }
        if t == 230 {
            pipeline.start_run(50 * 230, 1000);
            assert!(pipeline.drain(50 * 230).halt.is_none(), "the next run is not stopped by the old alarm");
            halted_at = None;
        }
    }
    let lines = recorded(&path);
    assert_eq!(lines.iter().filter(|l| matches!(l, Line::Halt { .. })).count(), 1);
    assert_eq!(lines.iter().filter(|l| matches!(l, Line::Alarm { .. })).count(), 1);
    assert_eq!(lines.iter().filter(|l| matches!(l, Line::Run { .. })).count(), 2);
}

#[test]
fn events_are_recorded_and_change_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("run.jsonl");
    let (mut with, mut without) = (pipeline(Mode::Sync, Some(&path)), pipeline(Mode::Sync, None));
    for sample in samples(100) {
        let (frame, step) = (sample[0].index, sample[0].step);
        let a = with.push(sample.clone()).expect("valid");
        with.record_event(frame, step, 1, "bond_formed", vec![17, 4], serde_json::Map::new());
        assert!(same(&a, &without.push(sample).expect("valid")));
    }
    let events = recorded(&path).into_iter().filter(|l| matches!(l, Line::Event { .. })).count();
    assert_eq!(events, 100);
    assert_eq!(replayed(&path).1.differences, Vec::<String>::new());
}

#[test]
fn changes_take_effect_and_bad_ones_change_nothing() {
    let mut pipeline = pipeline(Mode::Sync, None);
    pipeline.change(Change::Warn(Some(2.5))).expect("valid");
    assert_eq!(pipeline.decision.threshold(), 2.5);
    let message = pipeline.change(Change::Warn(Some(-1.0))).expect_err("refused").to_string();
    assert_eq!(message, "warn = '-1': expected auto or a positive number");
    assert_eq!(pipeline.decision.threshold(), 2.5);
    pipeline.change(Change::Warn(None)).expect("auto");
    assert_eq!(pipeline.decision.threshold(), 1.0);
}

#[test]
fn a_model_without_a_model_is_refused() {
    let mut config = config(Mode::Sync, None);
    config.detector = DetectorKind::Model;
    let message = Pipeline::new(&config, &facts()).expect_err("no model").to_string();
    assert_eq!(message, "detector = 'model': expected cusum, as no model is loaded");
}

#[test]
fn a_models_live_verdicts_are_the_replayed_ones_bit_for_bit() {
    let folder = tempfile::tempdir().expect("a folder");
    for (k, model) in crate::model::detector::tests::models().into_iter().enumerate() {
        let file = folder.path().join(format!("model-{k}.safetensors"));
        model.write(&file).expect("written");
        for mode in [Mode::Sync, Mode::Async] {
            let path = folder.path().join(format!("stream-{k}-{mode:?}.jsonl"));
            let config = FixConfig {
                window: 64,
                model: ModelSpec::File(file.clone()),
                detector: DetectorKind::Model,
                ..config(mode, Some(&path))
            };
            let facts = Facts { config: config.to_json(), ..facts() };
            let mut pipeline = Pipeline::new(&config, &facts).expect("the model fits");
            for (number, sample) in samples(260).into_iter().enumerate() {
                pipeline.push(sample).expect("in order");
                if number == 170 {
                    // A restart: a new process continues from the saved state.
                    let state = pipeline.serialize();
                    drop(pipeline);
                    pipeline = Pipeline::new(&config, &facts).expect("the model fits");
                    pipeline.deserialize(&state).expect("the same set-up");
                }
            }
            pipeline.end_run();
            let (verdicts, report) = replayed(&path);
            assert_eq!(report.different, 0, "{:?}", report.differences.first());
            assert_eq!(report.recorded, report.verdicts);
            let scored = verdicts.iter().filter(|v| v.p_warning.is_finite()).count();
            // Frames come faster than a run's: the asynchronous queue drops most windows.
            assert!(scored > if mode == Mode::Sync { 250 } else { 10 }, "{mode:?}: {scored}");
            let header = Reader::open(&path).expect("a stream").header().clone();
            assert_eq!(header.model_hash.as_deref(), Some(model.hash.as_str()));
            // Another model in the file's place is noticed.
            let other = crate::model::detector::tests::models().remove((k + 1) % 6);
            let elsewhere = folder.path().join("other.safetensors");
            other.write(&elsewhere).expect("written");
            let reader = Reader::open(&path).expect("a stream");
            let error = crate::replay::replay_with(reader, Some(&elsewhere), &mut |_| Ok(()));
            assert!(error.expect_err("another model").to_string().contains("the model of the recording"));
        }
    }
}

#[test]
fn a_model_that_does_not_fit_is_refused_with_what_would() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("model.safetensors");
    crate::model::detector::tests::models().remove(0).write(&file).expect("written");
    let with = |change: &dyn Fn(&mut FixConfig, &mut Facts)| {
        let mut config = FixConfig {
            window: 64,
            model: ModelSpec::File(file.clone()),
            detector: DetectorKind::Model,
            ..config(Mode::Sync, None)
        };
        let mut facts = facts();
        change(&mut config, &mut facts);
        Pipeline::new(&config, &facts).map(drop).map_err(|error| error.to_string())
    };
    assert_eq!(with(&|_, _| {}), Ok(()));
    type Change<'a> = &'a dyn Fn(&mut FixConfig, &mut Facts);
    let cases: [(Change<'_>, &str); 4] = [
        (&|c, _| c.every = 20, "N = '20': expected 50, as the model was trained on a sample every 0.1 ps"),
        (
            &|c, f| (c.every, f.dt_ps) = (3, 0.03),
            "N = '3': expected a time step that divides the model's sampling interval of 0.1 ps",
        ),
        (&|c, _| c.lag = 2.0, "lag = '2': expected 1, as the model was trained"),
        (
            &|_, f| f.units = UnitStyle::Lj,
            "units = 'lj': expected units with a time, as the model was trained in ps",
        ),
    ];
    for (change, message) in cases {
        assert_eq!(with(change), Err(message.to_owned()));
    }
}
