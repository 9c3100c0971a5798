//! What the fix computes equals burn's forward on the full window.

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};

use super::{Network, params};
use crate::model::spec::{EncoderSpec, NetworkSpec, Readout};
use crate::model::stream::attention::AttentionWindow;
use crate::model::stream::lstm::LstmStream;
use crate::model::stream::tcn::TcnStream;
use crate::model::stream::window::SummaryMlp;
use crate::model::stream::{Said, Stream};
use crate::model::tensors::Tensors;

const CHANNELS: usize = 5;
const WINDOW: usize = 64;

fn spec(encoder: EncoderSpec, readout: Readout) -> NetworkSpec {
    let channels = CHANNELS;
    NetworkSpec { encoder, channels, projection: 12, classes: 3, warning: true, readout, dropout: 0.1 }
}

fn rows(count: usize) -> Vec<f32> {
    (0..count * CHANNELS).map(|k| (k as f32 * 0.37).sin() * 2.0).collect()
}

/// burn's answer to the rows as one window, padded in front to `padded` frames more.
fn whole(network: &Network, rows: &[f32], padded: usize) -> Said {
    let device = Device::flex();
    let frames = rows.len() / CHANNELS + padded;
    let mut inputs = vec![0.0; padded * CHANNELS];
    inputs.extend_from_slice(rows);
    let mut mask = vec![0.0; padded];
    mask.resize(frames, 1.0);
    let inputs = Tensor::<3>::from_data(TensorData::new(inputs, [1, frames, CHANNELS]), &device);
    let mask = Tensor::<2>::from_data(TensorData::new(mask, [1, frames]), &device);
    let logits = network.forward(inputs, &mask, padded);
    let list = |t: Tensor<3>| t.narrow(1, frames - 1, 1).into_data().try_to_vec::<f32>().expect("f32");
    Said::from_logits(&list(logits.state), logits.warning.map(|z| list(z)[0]))
}

fn close(a: &Said, b: &Said) {
    let pairs = a.states.iter().zip(&b.states).chain([(&a.warning, &b.warning)]);
    for (x, y) in pairs {
        assert!((x - y).abs() < 2e-5, "{a:?} {b:?}");
    }
}

fn network(spec: &NetworkSpec) -> (Network, Tensors) {
    let network = Network::new(spec, &Device::flex()).valid();
    let tensors = params::of(&network);
    (network, tensors)
}

#[test]
fn lstm_equals_burn_at_every_frame_and_after_a_reset() {
    for readout in [Readout::Last, Readout::Mean] {
        let spec = spec(EncoderSpec::Lstm { width: 7, layers: 2 }, readout);
        let (network, tensors) = network(&spec);
        let mut stream = LstmStream::new(&tensors, &spec).expect("fits");
        let rows = rows(40);
        for _ in 0..2 {
            stream.reset();
            for (t, row) in rows.chunks(CHANNELS).enumerate() {
                stream.push(row);
                if t % 13 == 0 {
                    close(&stream.say(), &whole(&network, &rows[..(t + 1) * CHANNELS], 0));
                }
            }
        }
    }
}

#[test]
fn tcn_equals_burn_on_the_sliding_window() {
    let encoder = EncoderSpec::Tcn { width: 8, kernel: 3, dilations: vec![1, 2, 4, 8] };
    assert!(encoder.receptive_field().expect("bounded") <= WINDOW);
    let spec = spec(encoder, Readout::Last);
    let (network, tensors) = network(&spec);
    let mut stream = TcnStream::new(&tensors, &spec).expect("fits");
    let rows = rows(150);
    for (t, row) in rows.chunks(CHANNELS).enumerate() {
        stream.push(row);
        if t >= 7 && t % 9 == 0 {
            let start = (t + 1).saturating_sub(WINDOW);
            close(&stream.say(), &whole(&network, &rows[start * CHANNELS..(t + 1) * CHANNELS], 0));
        }
    }
}

#[test]
fn padding_in_front_changes_nothing() {
    let encoders = [
        EncoderSpec::Lstm { width: 6, layers: 1 },
        EncoderSpec::Tcn { width: 6, kernel: 3, dilations: vec![1, 2] },
        EncoderSpec::Transformer { width: 8, heads: 2, layers: 2 },
    ];
    for encoder in encoders {
        for readout in [Readout::Last, Readout::Mean] {
            let (network, _) = network(&spec(encoder.clone(), readout));
            let rows = rows(11);
            close(&whole(&network, &rows, 0), &whole(&network, &rows, 9));
        }
    }
}

#[test]
fn no_encoder_sees_the_future() {
    let encoders = [
        EncoderSpec::Lstm { width: 6, layers: 1 },
        EncoderSpec::Tcn { width: 6, kernel: 3, dilations: vec![1, 2] },
        EncoderSpec::Transformer { width: 8, heads: 2, layers: 2 },
    ];
    for encoder in encoders {
        let (network, _) = network(&spec(encoder.clone(), Readout::Last));
        let device = Device::flex();
        let first = |rows: &[f32]| {
            let inputs = Tensor::<3>::from_data(TensorData::new(rows.to_vec(), [1, 20, CHANNELS]), &device);
            let logits = network.forward(inputs, &Tensor::ones([1, 20], &device), 0);
            logits.state.narrow(1, 0, 12).into_data().try_to_vec::<f32>().expect("f32")
        };
        let mut rows = rows(20);
        let before = first(&rows);
        rows[12 * CHANNELS..].fill(50.0);
        for (a, b) in before.iter().zip(first(&rows)) {
            assert!((a - b).abs() < 1e-6, "{encoder:?}");
        }
    }
}

#[test]
fn attention_equals_burn_on_the_sliding_window() {
    for readout in [Readout::Last, Readout::Mean] {
        let spec = spec(EncoderSpec::Transformer { width: 8, heads: 2, layers: 2 }, readout);
        let (network, tensors) = network(&spec);
        let mut stream = AttentionWindow::new(&tensors, &spec, 10).expect("fits");
        let rows = rows(25);
        for (t, row) in rows.chunks(CHANNELS).enumerate() {
            stream.push(row);
            let start = (t + 1).saturating_sub(10);
            close(&stream.say(), &whole(&network, &rows[start * CHANNELS..(t + 1) * CHANNELS], 0));
        }
    }
}

#[test]
fn the_perceptron_equals_burn_on_the_summary() {
    let mut spec = spec(EncoderSpec::Mlp { width: 9 }, Readout::Last);
    spec.channels = CHANNELS * crate::model::summary::NUMBERS;
    let (network, tensors) = network(&spec);
    let mut stream = SummaryMlp::new(&tensors, &spec, 16, CHANNELS).expect("fits");
    let rows = rows(16);
    rows.chunks(CHANNELS).for_each(|row| stream.push(row));
    let mut summary = Vec::new();
    crate::model::summary::summarise(rows.chunks(CHANNELS), CHANNELS, &mut summary);
    let device = Device::flex();
    let inputs = Tensor::<3>::from_data(TensorData::new(summary, [1, 1, spec.channels]), &device);
    let logits = network.forward(inputs, &Tensor::ones([1, 1], &device), 0);
    let list = |t: Tensor<3>| t.into_data().try_to_vec::<f32>().expect("f32");
    let warning = logits.warning.map(|z| list(z)[0]);
    close(&stream.say(), &Said::from_logits(&list(logits.state), warning));
}
