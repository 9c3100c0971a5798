//! Microseconds per verdict of each kind of model, at the sizes of examples/learn/paper.yaml. `make bench-infer`.
//!
//! * streaming: one new standardised row, then a verdict, as in a live run;
//! * full window: a reset, all 64 rows, then a verdict: the work of a library that does not stream, to be
//!   compared with examples/learn/torch_speed.py, which reads out the last frame as well;
//! * detector: all that the inference thread does with a window, from raw columns to the score.
//!
//! Parameters are arbitrary numbers: time does not depend on them, but for trees, which are complete here and
//! as many as 200 rounds leave at most.

use std::collections::BTreeMap;
use std::time::Instant;

use foreshock::model::Model;
use foreshock::model::calibration::Calibration;
use foreshock::model::detector::Learned;
use foreshock::model::forest::{Forest, ForestSpec};
use foreshock::model::meta::{FORMAT, Kind, Meta, Target};
use foreshock::model::scaler::Scaler;
use foreshock::model::spec::{EncoderSpec, Inputs, NetworkSpec, Readout};
use foreshock::model::stream::stream;
use foreshock::model::summary::NUMBERS;
use foreshock::model::tensors::Tensors;
use foreshock::stream::Header;
use foreshock::window::{Settings, WindowMessage};
use foreshock::worker::Detector as _;
use ndarray::Array2;

const COLUMNS: usize = 81;
const WINDOW: usize = 64;
const PROJECTION: usize = 32;

fn numbers(count: usize) -> Vec<f32> {
    (0..count).map(|k| 0.2 * (k as f32 * 0.37).sin()).collect()
}

/// A dense layer by name.
fn dense(tensors: &mut Tensors, name: &str, inputs: usize, outputs: usize) {
    tensors.insert(format!("{name}.weight"), &[inputs, outputs], numbers(inputs * outputs));
    tensors.insert(format!("{name}.bias"), &[outputs], numbers(outputs));
}

fn norm(tensors: &mut Tensors, name: &str, width: usize) {
    tensors.insert(format!("{name}.gamma"), &[width], vec![1.0; width]);
    tensors.insert(format!("{name}.beta"), &[width], vec![0.0; width]);
}

/// The settings of a fix that has all the columns.
fn settings() -> Settings {
    Settings { window: WINDOW, ..Header::example().settings }
}

fn model(kind: Kind, tensors: Tensors) -> foreshock::Result<Model> {
    let settings = settings();
    let meta = Meta {
        format: FORMAT,
        name: "bench".into(),
        kind,
        columns: settings.window_names(),
        inputs: Inputs::Both,
        classes: ["stable", "reconstructing", "unstable"].map(str::to_owned).to_vec(),
        elements: Vec::new(),
        atoms: None,
        window: WINDOW,
        sample_ps: settings.sample_ps,
        settings: Some(settings),
        measured: None,
        target: Some(Target { horizon_ps: 10.0, gap_ps: 1.0 }),
        calibration: Calibration::none(3),
        alarm: None,
        data_hash: String::new(),
        series: [0, 0],
        seed: 1,
        scores: BTreeMap::new(),
        licence: "MIT".into(),
    };
    let scaler = Scaler { inputs: Inputs::Both, level: vec![[0.0, 1.0]; COLUMNS], shift: vec![1.0; COLUMNS] };
    Model::new(meta, &scaler, tensors)
}

fn trees(rounds: usize, depth: usize) -> foreshock::Result<Model> {
    let spec = ForestSpec { depth, outputs: 4, classes: 3 };
    let mut forest = Forest::new(spec, vec![0.0; 4]);
    let features = 2 * COLUMNS * NUMBERS;
    for tree in 0..4 * rounds {
        forest.output.push(tree % 4);
        forest
            .feature
            .extend((0..(1 << depth) - 1).map(|split| ((tree * 31 + split * 17) % features) as u32));
        forest.above.extend(numbers((1 << depth) - 1));
        forest.leaf.extend(numbers(1 << depth));
    }
    let mut tensors = Tensors::default();
    forest.save(&mut tensors);
    model(Kind::Forest(spec), tensors)
}

fn network(encoder: EncoderSpec) -> foreshock::Result<Model> {
    let channels = 2 * COLUMNS;
    let width = encoder.width();
    let mut t = Tensors::default();
    let mut inputs = channels;
    match &encoder {
        EncoderSpec::Lstm { .. } => {
            dense(&mut t, "encoder.Lstm.layers.0.input", channels, 4 * width);
            dense(&mut t, "encoder.Lstm.layers.0.hidden", width, 4 * width);
        }
        EncoderSpec::Tcn { kernel, dilations, .. } => {
            dense(&mut t, "encoder.Tcn.input", channels, width);
            for k in 0..dilations.len() {
                for part in ["first", "second"] {
                    let name = format!("encoder.Tcn.blocks.{k}.{part}");
                    t.insert(
                        format!("{name}.weight"),
                        &[width, width, *kernel],
                        numbers(width * width * kernel),
                    );
                    t.insert(format!("{name}.bias"), &[width], numbers(width));
                    norm(&mut t, &format!("{name}_norm"), width);
                }
            }
        }
        EncoderSpec::Transformer { layers, .. } => {
            dense(&mut t, "encoder.Transformer.input", channels, width);
            for k in 0..*layers {
                let name = |part: &str| format!("encoder.Transformer.blocks.{k}.{part}");
                norm(&mut t, &name("attention_norm"), width);
                norm(&mut t, &name("feed_norm"), width);
                dense(&mut t, &name("qkv"), width, 3 * width);
                dense(&mut t, &name("output"), width, width);
                dense(&mut t, &name("feed_in"), width, 2 * width);
                dense(&mut t, &name("feed_out"), 2 * width, width);
            }
            norm(&mut t, "encoder.Transformer.norm", width);
        }
        EncoderSpec::Mlp { .. } => {
            inputs *= NUMBERS;
            dense(&mut t, "encoder.Mlp.first", inputs, width);
            dense(&mut t, "encoder.Mlp.second", width, width);
        }
    }
    dense(&mut t, "project", width, PROJECTION);
    dense(&mut t, "state", PROJECTION, 3);
    dense(&mut t, "warning", PROJECTION, 1);
    let spec = NetworkSpec {
        encoder,
        channels: inputs,
        projection: PROJECTION,
        classes: 3,
        warning: true,
        readout: Readout::Last,
        dropout: 0.0,
    };
    model(Kind::Network(spec), t)
}

/// Median and 99 % quantile, microseconds, of `times` calls after `warm` others.
fn time(warm: usize, times: usize, mut call: impl FnMut(usize)) -> [f64; 2] {
    let mut all: Vec<f64> = (0..warm + times)
        .map(|k| {
            let started = Instant::now();
            call(k);
            1e6 * started.elapsed().as_secs_f64()
        })
        .skip(warm)
        .collect();
    all.sort_by(f64::total_cmp);
    [all[all.len() / 2], all[all.len() * 99 / 100]]
}

fn main() -> foreshock::Result<()> {
    let models = [
        ("lstm 48", network(EncoderSpec::Lstm { width: 48, layers: 1 })?),
        ("tcn 32 x 4", network(EncoderSpec::Tcn { width: 32, kernel: 3, dilations: vec![1, 2, 4, 8] })?),
        ("transformer 32 x 2", network(EncoderSpec::Transformer { width: 32, heads: 4, layers: 2 })?),
        ("mlp 64", network(EncoderSpec::Mlp { width: 64 })?),
        ("trees 800 x 4", trees(200, 4)?),
    ];
    println!("us per verdict:      {:>21} {:>21} {:>21}", "streaming", "full window", "detector");
    let quantiles = format!("{:>10} {:>10}", "median", "99 %");
    println!("{:20} {quantiles} {quantiles} {quantiles}", "model");
    let rows = numbers(500 * 2 * COLUMNS);
    let rows: Vec<&[f32]> = rows.chunks(2 * COLUMNS).collect();
    for (name, model) in models {
        let mut stream = stream(&model)?;
        // The first window fills.
        let streaming = time(WINDOW, 2000, |k| {
            stream.push(rows[k % rows.len()]);
            std::hint::black_box(stream.say());
        });
        let full = time(10, 300, |k| {
            stream.reset();
            for row in rows.iter().cycle().skip(k % rows.len()).take(WINDOW) {
                stream.push(row);
            }
            std::hint::black_box(stream.say());
        });
        let mut detector = Learned::new(model, &settings())?;
        let mut window = WindowMessage {
            interface: 0,
            frame: WINDOW as u64,
            step: 0,
            time_ps: 0.0,
            features: Array2::from_shape_fn((WINDOW, COLUMNS), |(i, j)| f64::from(rows[i][j])),
            capacity: WINDOW,
            baseline: vec![[0.0, 1.0]; COLUMNS].into(),
            index: 0.5,
            cusum: 0.1,
            top: Vec::new(),
        };
        let detector = time(10, 2000, |_| {
            window.frame += 1;
            std::hint::black_box(detector.infer(&window));
        });
        let numbers = [streaming, full, detector].map(|[median, late]| format!("{median:10.1} {late:10.1}"));
        println!("{name:20} {}", numbers.join(" "));
    }
    Ok(())
}
