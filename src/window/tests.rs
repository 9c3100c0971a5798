use super::synthetic::{disturb, healthy};
use super::*;

pub(crate) fn settings() -> Settings {
    Settings {
        interfaces: 1,
        sample_ps: 0.1,
        reference_ps: 0.5,
        baseline_start_ps: 2.0,
        baseline_length_ps: 5.0,
        lag_ps: 1.0,
        window: 16,
        rdf: false,
    }
}

fn run(frames: &[Frame]) -> Vec<WindowOutput> {
    let mut stage = WindowStage::new(settings());
    frames.iter().map(|frame| stage.push(frame).expect("valid frame")).collect()
}

/// NaN equals NaN of the same bits.
fn bits(output: &WindowOutput) -> (Phase, u64, u64, usize, Vec<u64>) {
    let window = output.message.iter().flat_map(|m| m.features.iter().map(|v| v.to_bits())).collect();
    (output.phase, output.index.to_bits(), output.cusum.to_bits(), output.missing, window)
}

/// Highest CUSUM statistic of a run.
fn peak(outputs: &[WindowOutput]) -> f64 {
    outputs.iter().map(|o| o.cusum).filter(|c| !c.is_nan()).fold(0.0, f64::max)
}

#[test]
fn phases_follow_the_run() {
    let mut frames = healthy(1, 0, 120, 0.5, 6);
    frames[110].condition = Condition::NoSurface;
    frames[111].values.fill(f64::NAN);
    let outputs = run(&frames);
    for (t, output) in outputs.iter().enumerate() {
        let expected = match t {
            0..6 => Phase::Reference,
            // The baseline's last frame is the one at 0.5 + 2 + 5 ps.
            6..=75 => Phase::Learning,
            110 => Phase::NoSurface,
            111 => Phase::Nan,
            _ => Phase::Ready,
        };
        assert_eq!(output.phase, expected, "frame {t}");
        assert_eq!(output.message.is_some(), expected == Phase::Ready, "frame {t}");
    }
    let first = outputs[76].message.as_ref().expect("ready");
    assert_eq!(first.features.dim(), (16, registry::BASE.len() + 36));
    let seen = |frame: usize| f64::from(rounding::round(frames[frame].values[0], rounding::step("msd_a")));
    assert_eq!([first.features[[15, 0]], first.features[[0, 0]]], [76, 61].map(seen));
}

#[test]
fn a_short_baseline_is_extended_and_a_short_window_fills() {
    let mut short = settings();
    short.baseline_length_ps = 0.3;
    let mut stage = WindowStage::new(short);
    let phases: Vec<Phase> =
        healthy(2, 0, 60, 0.5, 6).iter().map(|f| stage.push(f).expect("valid").phase).collect();
    assert_eq!(phases.iter().rposition(|&p| p == Phase::Learning), Some(25 + baseline::MIN_FRAMES - 1));

    // After a gap longer than the window there is nothing to judge until frames have come again.
    let mut frames = healthy(3, 0, 200, 0.5, 6);
    frames.drain(100..150);
    let outputs = run(&frames);
    let phases: Vec<Phase> = outputs[99..109].iter().map(|o| o.phase).collect();
    let mut expected = vec![Phase::Ready];
    expected.extend([Phase::Nan; 4]); // half a lag is not known yet
    expected.extend([Phase::Filling; 3]);
    expected.extend([Phase::Ready; 2]);
    assert_eq!(phases, expected);
    assert!(outputs[104].index.is_finite());
    let after = outputs[107].message.as_ref().expect("ready again");
    assert_eq!(after.features.nrows(), 16);
    assert!(after.features[[7, 0]].is_nan() && !after.features[[8, 0]].is_nan());
}

#[test]
fn healthy_streams_raise_no_alarm() {
    // 500 frames after the baseline; phi 0.97 is correlated over 3.3 ps, two thirds of the baseline.
    for (phi, seeds) in [(0.0, 20), (0.5, 200), (0.97, 40)] {
        let alarms = (0..seeds).filter(|&seed| peak(&run(&healthy(seed, 0, 576, phi, 6))) >= 1.0).count();
        assert!(alarms * 20 <= seeds as usize, "phi {phi}: {alarms} of {seeds} healthy streams alarmed");
    }
}

#[test]
fn a_shift_and_a_trend_are_detected() {
    let first_over = |outputs: &[WindowOutput]| outputs.iter().position(|o| o.cusum >= 1.0);
    let mut late = Vec::new();
    for seed in 0..20 {
        let mut shifted = healthy(seed, 0, 400, 0.5, 6);
        disturb(&mut shifted, |t| if t >= 200 { 4.0 } else { 0.0 });
        let at = first_over(&run(&shifted)).expect("the shift is detected");
        assert!(at >= 200, "seed {seed}: alarm at {at}, before the shift");
        late.push(at - 200);
        let mut drifting = healthy(seed, 0, 400, 0.5, 6);
        disturb(&mut drifting, |t| t.saturating_sub(200) as f64 * 0.04);
        let at = first_over(&run(&drifting)).expect("the trend is detected");
        assert!((200..380).contains(&at), "seed {seed}: alarm at {at}");
    }
    late.sort_unstable();
    assert!(late[10] < 60, "median delay {} frames", late[10]);
}

#[test]
fn the_largest_parts_name_what_moved() {
    let mut frames = healthy(4, 0, 300, 0.5, 6);
    let column = registry::index_of("thickness").expect("a descriptor");
    for frame in &mut frames[200..] {
        frame.values[column] += 0.5;
    }
    let outputs = run(&frames);
    let message = outputs[299].message.as_ref().expect("ready");
    assert_eq!(message.top.len(), 3);
    assert_eq!(message.top[0].descriptor, "thickness");
    assert!(message.top[0].sigmas > 3.0);
}

#[test]
fn a_prefix_does_not_see_what_follows() {
    let frames = healthy(5, 0, 130, 0.8, 6);
    let whole = run(&frames);
    for cut in [1, 7, 60, 76, 77, 100, 129] {
        let mut other = frames[..cut].to_vec();
        for frame in &frames[cut..] {
            let mut frame = frame.clone();
            frame.values.iter_mut().for_each(|v| *v = 1e9 - *v);
            other.push(frame);
        }
        let changed = run(&other);
        for t in 0..cut {
            assert_eq!(bits(&whole[t]), bits(&changed[t]), "cut {cut}, frame {t}");
        }
    }
}

#[test]
fn saved_at_every_frame_it_continues_bit_for_bit() {
    let mut frames = healthy(6, 0, 110, 0.8, 6);
    frames[90].values[3] = f64::NAN;
    frames[95].condition = Condition::NoSurface;
    let whole = run(&frames);
    let mut stage = WindowStage::new(settings());
    for (t, frame) in frames.iter().enumerate() {
        let mut out = Encoder::new();
        stage.encode(&mut out);
        let bytes = out.seal("window", 1);
        stage = WindowStage::new(settings());
        stage.decode(&mut Decoder::open(&bytes, "window", 1).expect("sealed")).expect("same settings");
        assert_eq!(bits(&stage.push(frame).expect("valid")), bits(&whole[t]), "frame {t}");
    }
}

#[test]
fn a_saved_stage_with_other_settings_is_refused_by_name() {
    let mut out = Encoder::new();
    WindowStage::new(settings()).encode(&mut out);
    let bytes = out.seal("window", 1);
    let mut other = settings();
    other.lag_ps = 2.0;
    let message = WindowStage::new(other)
        .decode(&mut Decoder::open(&bytes, "window", 1).expect("sealed"))
        .expect_err("another lag")
        .to_string();
    assert!(message.contains("samples per lag = 10 when it was saved, 20 now"), "{message}");
}

#[test]
fn nan_recovers_and_infinity_counts_as_undefined() {
    let mut frames = healthy(7, 0, 160, 0.5, 6);
    frames[100].values.fill(f64::NAN);
    frames[101].values.fill(f64::INFINITY);
    frames[120].values[20] = f64::NEG_INFINITY;
    let outputs = run(&frames);
    assert_eq!(outputs[100].phase, Phase::Nan);
    assert_eq!(outputs[101].phase, Phase::Nan);
    assert!(outputs[100].index.is_nan());
    assert_eq!(outputs[100].cusum, outputs[99].cusum, "the statistic waits");
    assert!(outputs[102].phase == Phase::Ready && outputs[102].index.is_finite());
    assert_eq!((outputs[120].phase, outputs[120].missing), (Phase::Ready, 1));
    assert!(outputs[120].index.is_finite());
}

#[test]
fn frames_that_do_not_fit_are_refused_by_name() {
    let frames = healthy(8, 0, 3, 0.5, 0);
    let mut stage = WindowStage::new(settings());
    stage.push(&frames[1]).expect("valid");
    let refused =
        |stage: &mut WindowStage, frame: &Frame| stage.push(frame).expect_err("refused").to_string();
    assert_eq!(refused(&mut stage, &frames[0]), "frame = '0': expected a frame after 1");
    let mut frame = frames[2].clone();
    frame.interface = 5;
    assert_eq!(refused(&mut stage, &frame), "interface = '5': expected less than 1");
    let mut frame = frames[2].clone();
    frame.values.pop();
    let width = registry::BASE.len();
    assert_eq!(
        refused(&mut stage, &frame),
        format!("values of a frame = '{}': expected {width} values", width - 1)
    );
}

#[test]
fn hostile_settings_are_refused_by_name() {
    type Change = fn(&mut Settings);
    let cases: [(Change, &str); 7] = [
        (|s| s.sample_ps = 0.0, "sampling interval (ps) = '0'"),
        (|s| s.lag_ps = f64::NAN, "lag (ps) = 'NaN'"),
        (|s| s.lag_ps = 1e9, "lag (ps) = '1000000000'"),
        (|s| s.window = 3, "window = '3'"),
        (|s| s.window = usize::MAX, "window = '1844"),
        (|s| s.interfaces = 7, "interfaces = '7'"),
        (|s| s.reference_ps = -1.0, "reference (ps) = '-1'"),
    ];
    for (change, expected) in cases {
        let mut settings = settings();
        change(&mut settings);
        let message = settings.check().expect_err("refused").to_string();
        assert!(message.starts_with(expected), "{message}");
    }
}
