use std::collections::BTreeMap;

use super::*;
use crate::model::calibration::Calibration;
use crate::model::forest::{Forest, ForestSpec};
use crate::model::meta::{FORMAT, Kind, Target};
use crate::model::scaler::Scaler;
use crate::model::spec::{EncoderSpec, Inputs, NetworkSpec, Readout};
use crate::model::summary::NUMBERS;
use crate::model::tensors::Tensors;
use crate::window::{WindowStage, synthetic};

const COLUMNS: [&str; 3] = ["msd_a", "turnover", "cn_ab_d1"];

fn settings() -> Settings {
    crate::stream::Header::example().settings
}

fn meta(kind: Kind, inputs: Inputs) -> Meta {
    Meta {
        format: FORMAT,
        name: "test".into(),
        kind,
        columns: COLUMNS.map(str::to_owned).to_vec(),
        inputs,
        classes: ["stable", "reconstructing", "unstable"].map(str::to_owned).to_vec(),
        elements: Vec::new(),
        window: 64,
        sample_ps: 0.1,
        settings: Some(settings()),
        target: Some(Target { horizon_ps: 10.0, gap_ps: 1.0 }),
        calibration: Calibration::none(3),
        alarm: None,
        data_hash: String::new(),
        series: [0, 0],
        seed: 1,
        scores: BTreeMap::new(),
        licence: "MIT".into(),
    }
}

fn scaler(inputs: Inputs) -> Scaler {
    Scaler { inputs, level: vec![[1.0, 2.0], [30.0, 5.0], [0.0, 0.1]], shift: vec![0.5, 1.0, 0.1] }
}

/// Parameters that are no symmetry of anything.
fn array(seed: usize, n: usize) -> Vec<f32> {
    (0..n).map(|k| 0.4 * ((seed * 31 + k * 7) as f32 * 0.61).sin()).collect()
}

/// A TCN whose receptive field fits the window, and an LSTM, by the names that training gives them.
pub(crate) fn models() -> Vec<Model> {
    let mut models = Vec::new();
    let (width, projection) = (6, 5);
    let heads = |tensors: &mut Tensors| {
        tensors.insert("project.weight", &[width, projection], array(1, width * projection));
        tensors.insert("project.bias", &[projection], array(2, projection));
        tensors.insert("state.weight", &[projection, 3], array(3, 3 * projection));
        tensors.insert("state.bias", &[3], array(4, 3));
        tensors.insert("warning.weight", &[projection, 1], array(5, projection));
        tensors.insert("warning.bias", &[1], array(6, 1));
    };
    let spec = |encoder, channels| NetworkSpec {
        encoder,
        channels,
        projection,
        classes: 3,
        warning: true,
        readout: Readout::Last,
        dropout: 0.0,
    };
    let mut tensors = Tensors::default();
    heads(&mut tensors);
    tensors.insert("encoder.Tcn.input.weight", &[3, width], array(7, 3 * width));
    tensors.insert("encoder.Tcn.input.bias", &[width], array(8, width));
    for block in 0..2 {
        for (k, part) in ["first", "second"].iter().enumerate() {
            let name = format!("encoder.Tcn.blocks.{block}.{part}");
            let seed = 10 + 4 * block + k;
            tensors.insert(format!("{name}.weight"), &[width, width, 3], array(seed, width * width * 3));
            tensors.insert(format!("{name}.bias"), &[width], array(seed + 40, width));
            tensors.insert(format!("{name}_norm.gamma"), &[width], vec![1.0; width]);
            tensors.insert(format!("{name}_norm.beta"), &[width], array(seed + 80, width));
        }
    }
    let tcn = spec(EncoderSpec::Tcn { width, kernel: 3, dilations: vec![1, 8] }, 3);
    models.push(Model::new(meta(Kind::Network(tcn), Inputs::Shift), &scaler(Inputs::Shift), tensors));
    let mut tensors = Tensors::default();
    heads(&mut tensors);
    tensors.insert("encoder.Lstm.layers.0.input.weight", &[6, 4 * width], array(9, 24 * width));
    tensors.insert("encoder.Lstm.layers.0.input.bias", &[4 * width], array(10, 4 * width));
    tensors.insert("encoder.Lstm.layers.0.hidden.weight", &[width, 4 * width], array(11, 4 * width * width));
    let lstm = spec(EncoderSpec::Lstm { width, layers: 1 }, 6);
    models.push(Model::new(meta(Kind::Network(lstm), Inputs::Both), &scaler(Inputs::Both), tensors));
    let spec = ForestSpec { depth: 1, outputs: 4, classes: 3 };
    let mut forest = Forest::new(spec, vec![0.1, -0.2, 0.3, -1.0]);
    for tree in 0..12 {
        forest.output.push(tree % 4);
        forest.feature.push((tree * 5 % (3 * NUMBERS)) as u32);
        forest.above.push(0.1 * tree as f32 - 0.5);
        forest.leaf.extend(array(tree, 2));
    }
    let mut tensors = Tensors::default();
    forest.save(&mut tensors);
    models.push(Model::new(meta(Kind::Forest(spec), Inputs::Level), &scaler(Inputs::Level), tensors));
    models.into_iter().map(|model| model.expect("parts that fit")).collect()
}

fn windows() -> Vec<WindowMessage> {
    let mut stage = WindowStage::new(settings());
    let frames = [0, 1].map(|interface| synthetic::healthy(5, interface, 220, 0.7, 5));
    let mut messages = Vec::new();
    for (a, b) in frames[0].iter().zip(&frames[1]) {
        for frame in [a, b] {
            messages.extend(stage.push(frame).expect("in order").message);
        }
    }
    messages
}

fn bits(score: &Score) -> Vec<u64> {
    score.p_states.iter().chain([&score.p_warning, &score.score]).map(|v| v.to_bits()).collect()
}

#[test]
fn dropped_windows_do_not_change_later_scores() {
    let windows = windows();
    assert!(windows.len() > 200);
    for model in models() {
        let mut whole = Learned::new(model.clone(), &settings()).expect("fits");
        let mut gappy = Learned::new(model, &settings()).expect("fits");
        for (k, window) in windows.iter().enumerate() {
            let expected = whole.infer(window);
            assert!(expected.p_warning > 0.0 && expected.p_warning < 1.0);
            // Gaps of up to 40 frames, shorter than the window.
            if k % 80 < 3 || k % 7 == 0 && k > 100 {
                assert_eq!(bits(&gappy.infer(window)), bits(&expected), "window {k}");
            }
        }
    }
}

#[test]
fn a_window_that_begins_where_the_last_one_ended_continues_it() {
    let (windows, reach) = (windows(), settings().window);
    for model in models() {
        let mut whole = Learned::new(model.clone(), &settings()).expect("fits");
        let mut gappy = Learned::new(model, &settings()).expect("fits");
        for (k, window) in windows.iter().enumerate() {
            let expected = whole.infer(window);
            // The two interfaces take turns.
            if k % (2 * reach) < 2 {
                assert_eq!(bits(&gappy.infer(window)), bits(&expected), "window {k}");
            }
        }
    }
}

#[test]
fn a_restart_is_a_fresh_detector_and_bounded_memory_does_not_notice() {
    let windows = windows();
    for (k, model) in models().into_iter().enumerate() {
        let mut whole = Learned::new(model.clone(), &settings()).expect("fits");
        let mut again = Learned::new(model.clone(), &settings()).expect("fits");
        let mut fresh = Learned::new(model, &settings()).expect("fits");
        for (number, window) in windows.iter().enumerate() {
            let expected = whole.infer(window);
            if number < 150 {
                again.infer(window);
                continue;
            }
            if number == 150 {
                again.restart();
            }
            let after = again.infer(window);
            assert_eq!(bits(&after), bits(&fresh.infer(window)));
            // The LSTM, second of the models, remembers more than a window.
            if k != 1 {
                assert_eq!(bits(&after), bits(&expected), "model {k}, window {number}");
            }
        }
    }
}

#[test]
fn models_survive_their_file_and_say_what_does_not_fit() {
    let model = models().remove(0);
    let file = tempfile::NamedTempFile::new().expect("a file");
    model.write(file.path()).expect("written");
    assert_eq!(Model::read(file.path()).expect("read"), model);
    let mut narrow = settings();
    narrow.window = 32;
    let error = Learned::new(model.clone(), &narrow).err().expect("another window").to_string();
    assert_eq!(error, "window = '32': expected 64, as the model was trained");
    let mut strange = model.meta.clone();
    strange.columns[1] = "turnovr".into();
    let error = columns(&strange, &settings()).expect_err("no such column").to_string();
    assert_eq!(error, "model = 'test': expected the descriptor 'turnovr' from the fix");
}
