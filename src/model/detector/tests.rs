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
        atoms: None,
        window: 64,
        sample_ps: 0.1,
        settings: Some(settings()),
        measured: None,
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

const PROJECTION: usize = 5;

fn network(encoder: EncoderSpec, channels: usize) -> NetworkSpec {
    NetworkSpec {
        encoder,
        channels,
        projection: PROJECTION,
        classes: 3,
        warning: true,
        readout: Readout::Last,
        dropout: 0.0,
    }
}

fn transformer(width: usize, heads: impl Fn(&mut Tensors)) -> Result<Model> {
    let mut tensors = Tensors::default();
    heads(&mut tensors);
    let mut dense = |name: &str, inputs: usize, outputs: usize| {
        let seed = name.len() + outputs;
        tensors.insert(
            format!("encoder.Transformer.{name}.weight"),
            &[inputs, outputs],
            array(seed, inputs * outputs),
        );
        tensors.insert(format!("encoder.Transformer.{name}.bias"), &[outputs], array(seed + 1, outputs));
    };
    dense("input", 3, width);
    for (name, inputs, outputs) in [
        ("qkv", width, 3 * width),
        ("output", width, width),
        ("feed_in", width, 2 * width),
        ("feed_out", 2 * width, width),
    ] {
        (0..2).for_each(|block| dense(&format!("blocks.{block}.{name}"), inputs, outputs));
    }
    for name in [
        "norm",
        "blocks.0.attention_norm",
        "blocks.0.feed_norm",
        "blocks.1.attention_norm",
        "blocks.1.feed_norm",
    ] {
        tensors.insert(format!("encoder.Transformer.{name}.gamma"), &[width], vec![1.0; width]);
        tensors.insert(format!("encoder.Transformer.{name}.beta"), &[width], array(name.len(), width));
    }
    let spec = network(EncoderSpec::Transformer { width, heads: 2, layers: 2 }, 3);
    Model::new(meta(Kind::Network(spec), Inputs::Shift), &scaler(Inputs::Shift), tensors)
}

/// A TCN whose receptive field fits the window, an LSTM, trees, a transformer, a perceptron and an LSTM with
/// the mean of its outputs, by the names that training gives them.
pub(crate) fn models() -> Vec<Model> {
    let mut models = Vec::new();
    let (width, projection) = (6, PROJECTION);
    let heads = |tensors: &mut Tensors| {
        tensors.insert("project.weight", &[width, projection], array(1, width * projection));
        tensors.insert("project.bias", &[projection], array(2, projection));
        tensors.insert("state.weight", &[projection, 3], array(3, 3 * projection));
        tensors.insert("state.bias", &[3], array(4, 3));
        tensors.insert("warning.weight", &[projection, 1], array(5, projection));
        tensors.insert("warning.bias", &[1], array(6, 1));
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
    let tcn = network(EncoderSpec::Tcn { width, kernel: 3, dilations: vec![1, 8] }, 3);
    models.push(Model::new(meta(Kind::Network(tcn), Inputs::Shift), &scaler(Inputs::Shift), tensors));
    let mut tensors = Tensors::default();
    heads(&mut tensors);
    tensors.insert("encoder.Lstm.layers.0.input.weight", &[6, 4 * width], array(9, 24 * width));
    tensors.insert("encoder.Lstm.layers.0.input.bias", &[4 * width], array(10, 4 * width));
    tensors.insert("encoder.Lstm.layers.0.hidden.weight", &[width, 4 * width], array(11, 4 * width * width));
    let lstm = network(EncoderSpec::Lstm { width, layers: 1 }, 6);
    let averaging = NetworkSpec { readout: Readout::Mean, ..lstm.clone() };
    let averaging =
        Model::new(meta(Kind::Network(averaging), Inputs::Both), &scaler(Inputs::Both), tensors.clone());
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
    models.push(transformer(width, heads));
    let mut tensors = Tensors::default();
    heads(&mut tensors);
    tensors.insert("encoder.Mlp.first.weight", &[3 * NUMBERS, width], array(20, 3 * NUMBERS * width));
    tensors.insert("encoder.Mlp.first.bias", &[width], array(21, width));
    tensors.insert("encoder.Mlp.second.weight", &[width, width], array(22, width * width));
    tensors.insert("encoder.Mlp.second.bias", &[width], array(23, width));
    let mlp = network(EncoderSpec::Mlp { width }, 3 * NUMBERS);
    models.push(Model::new(meta(Kind::Network(mlp), Inputs::Shift), &scaler(Inputs::Shift), tensors));
    models.push(averaging);
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
fn a_saved_detector_continues_bit_for_bit() {
    let windows = windows();
    let reload = |detector: &Learned, model: &Model| {
        let mut out = Encoder::new();
        detector.encode(&mut out);
        let bytes = out.seal("test", 1);
        let mut fresh = Learned::new(model.clone(), &settings()).expect("fits");
        let mut input = Decoder::open(&bytes, "test", 1).expect("a block");
        fresh.decode(&mut input).expect("its own state");
        input.finish().expect("nothing left");
        fresh
    };
    for (k, model) in models().into_iter().enumerate() {
        let mut whole = Learned::new(model.clone(), &settings()).expect("fits");
        let mut part = Learned::new(model.clone(), &settings()).expect("fits");
        for (number, window) in windows.iter().enumerate() {
            // Before anything, with one interface known, within the first window, after it.
            if [0, 1, 2, 31, 150, 151].contains(&number) {
                part = reload(&part, &model);
            }
            assert_eq!(bits(&part.infer(window)), bits(&whole.infer(window)), "model {k}, window {number}");
        }
    }
}

#[test]
fn a_state_of_other_sizes_is_refused() {
    let models = models();
    let states: Vec<Vec<u8>> = models
        .iter()
        .map(|model| {
            let mut detector = Learned::new(model.clone(), &settings()).expect("fits");
            for window in &windows()[..20] {
                detector.infer(window);
            }
            let mut out = Encoder::new();
            detector.encode(&mut out);
            out.seal("test", 1)
        })
        .collect();
    for (a, model) in models.iter().enumerate() {
        for (b, state) in states.iter().enumerate().filter(|(b, _)| *b != a) {
            let mut detector = Learned::new(model.clone(), &settings()).expect("fits");
            let mut input = Decoder::open(state, "test", 1).expect("a block");
            let taken = detector.decode(&mut input).and_then(|()| input.finish());
            // The two LSTMs differ in what they read out, trees and perceptron in what they make of rows.
            let alike = [[1, 5], [2, 4]].iter().any(|pair| pair.contains(&a) && pair.contains(&b));
            assert_eq!(taken.is_ok(), alike, "{b} into {a}");
        }
    }
}

#[test]
fn a_row_that_is_mostly_undefined_has_no_score_and_is_not_forgotten() {
    let windows = windows();
    for model in models() {
        let mut whole = Learned::new(model.clone(), &settings()).expect("fits");
        let columns = whole.columns.clone();
        let without = |window: &WindowMessage, count: usize| {
            let mut window = window.clone();
            let newest = window.features.nrows() - 1;
            columns.iter().take(count).for_each(|&column| window.features[[newest, column]] = f64::NAN);
            window
        };
        assert!(whole.infer(&without(&windows[0], 1)).score.is_finite(), "a third of the columns");
        let score = whole.infer(&without(&windows[2], 2));
        assert!(
            score.score.is_nan() && score.p_warning.is_nan() && score.p_states.iter().all(|p| p.is_nan())
        );
        assert!(whole.infer(&windows[4]).score.is_finite());
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
