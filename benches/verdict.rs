//! Microseconds per verdict of each kind of model, at the sizes of examples/learn/paper.yaml: one new
//! row, then a verdict, as in a live run. `make bench-infer`.
//!
//! Parameters are arbitrary numbers: time does not depend on them.

use std::collections::BTreeMap;
use std::time::Instant;

use foreshock::model::Model;
use foreshock::model::calibration::Calibration;
use foreshock::model::meta::{FORMAT, Kind, Meta};
use foreshock::model::scaler::Scaler;
use foreshock::model::spec::{EncoderSpec, Inputs, NetworkSpec, Readout};
use foreshock::model::stream::stream;
use foreshock::model::summary::NUMBERS;
use foreshock::model::tensors::Tensors;

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

fn model(encoder: EncoderSpec) -> foreshock::Result<Model> {
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
    let meta = Meta {
        format: FORMAT,
        name: "bench".into(),
        kind: Kind::Network(spec),
        columns: (0..COLUMNS).map(|k| format!("x{k}")).collect(),
        inputs: Inputs::Both,
        classes: ["stable", "reconstructing", "unstable"].map(str::to_owned).to_vec(),
        elements: Vec::new(),
        window: WINDOW,
        sample_ps: 0.1,
        settings: None,
        measured: None,
        target: None,
        calibration: Calibration::none(3),
        alarm: None,
        data_hash: String::new(),
        series: [0, 0],
        seed: 1,
        scores: BTreeMap::new(),
        licence: "MIT".into(),
    };
    let scaler = Scaler { inputs: Inputs::Both, level: vec![[0.0, 1.0]; COLUMNS], shift: vec![1.0; COLUMNS] };
    Model::new(meta, &scaler, t)
}

fn main() -> foreshock::Result<()> {
    let encoders = [
        ("lstm 48", EncoderSpec::Lstm { width: 48, layers: 1 }),
        ("tcn 32 x 4", EncoderSpec::Tcn { width: 32, kernel: 3, dilations: vec![1, 2, 4, 8] }),
        ("transformer 32 x 2", EncoderSpec::Transformer { width: 32, heads: 4, layers: 2 }),
        ("mlp 64", EncoderSpec::Mlp { width: 64 }),
    ];
    println!("{:20} {:>10} {:>10}  us per verdict", "model", "median", "p99");
    for (name, encoder) in encoders {
        let mut stream = stream(&model(encoder)?)?;
        let rows = numbers(500 * 2 * COLUMNS);
        let mut times: Vec<f64> = Vec::new();
        for _ in 0..4 {
            for row in rows.chunks(2 * COLUMNS) {
                let started = Instant::now();
                stream.push(row);
                std::hint::black_box(stream.say());
                times.push(1e6 * started.elapsed().as_secs_f64());
            }
        }
        // The first window fills.
        times.drain(..WINDOW);
        times.sort_by(f64::total_cmp);
        println!("{name:20} {:10.1} {:10.1}", times[times.len() / 2], times[times.len() * 99 / 100]);
    }
    Ok(())
}
