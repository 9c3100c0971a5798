use super::*;
use crate::model::stream::dense::Heads;

const CHANNELS: usize = 5;

fn numbers(seed: usize, n: usize) -> Vec<f32> {
    (0..n).map(|k| 0.5 * ((seed * 37 + k * 11) as f32 * 0.29).sin()).collect()
}

fn parts(width: usize, heads: usize, layers: usize, readout: spec::Readout) -> (Tensors, NetworkSpec) {
    let mut tensors = Tensors::default();
    let mut seed = 0;
    let mut dense = |name: String, inputs: usize, outputs: usize| {
        seed += 1;
        tensors.insert(format!("{name}.weight"), &[inputs, outputs], numbers(seed, inputs * outputs));
        tensors.insert(format!("{name}.bias"), &[outputs], numbers(seed + 50, outputs));
    };
    dense("encoder.Transformer.input".into(), CHANNELS, width);
    for k in 0..layers {
        let name = |part: &str| format!("encoder.Transformer.blocks.{k}.{part}");
        dense(name("qkv"), width, 3 * width);
        dense(name("output"), width, width);
        dense(name("feed_in"), width, 2 * width);
        dense(name("feed_out"), 2 * width, width);
    }
    dense("project".into(), width, 4);
    dense("state".into(), 4, 3);
    dense("warning".into(), 4, 1);
    let blocks = (0..layers).flat_map(|k| {
        ["attention_norm", "feed_norm"].map(|part| format!("encoder.Transformer.blocks.{k}.{part}"))
    });
    for (k, name) in blocks.chain(["encoder.Transformer.norm".to_owned()]).enumerate() {
        tensors.insert(format!("{name}.gamma"), &[width], numbers(k + 80, width));
        tensors.insert(format!("{name}.beta"), &[width], numbers(k + 90, width));
    }
    let spec = NetworkSpec {
        encoder: EncoderSpec::Transformer { width, heads, layers },
        channels: CHANNELS,
        projection: 4,
        classes: 3,
        warning: true,
        readout,
        dropout: 0.0,
    };
    (tensors, spec)
}

/// Every block on every row, as the formula says.
fn plain(tensors: &Tensors, spec: &NetworkSpec, rows: &[&[f32]]) -> Logits {
    let EncoderSpec::Transformer { width, heads, layers } = spec.encoder else { panic!("a transformer") };
    let dense = |name: &str, inputs: usize, outputs: usize, x: &[f32]| {
        let mut out = vec![0.0; outputs];
        Dense::new(tensors, name, inputs, outputs, true).expect("there").set(x, &mut out);
        out
    };
    let norm = |name: &str, x: &[f32]| {
        let mut out = x.to_vec();
        Norm::new(tensors, name, width).expect("there").apply(&mut out);
        out
    };
    let depth = width / heads;
    let mut x: Vec<Vec<f32>> =
        rows.iter().map(|row| dense("encoder.Transformer.input", CHANNELS, width, row)).collect();
    for k in 0..layers {
        let name = |part: &str| format!("encoder.Transformer.blocks.{k}.{part}");
        let normed = x.iter().map(|x| norm(&name("attention_norm"), x));
        let qkv: Vec<_> = normed.map(|x| dense(&name("qkv"), width, 3 * width, &x)).collect();
        for (t, x) in x.iter_mut().enumerate() {
            let mut mixed = vec![0.0; width];
            for head in 0..heads {
                let part = head * depth..(head + 1) * depth;
                let score = |s: usize| {
                    let key = &qkv[s][width + part.start..width + part.end];
                    let dot: f32 = qkv[t][part.clone()].iter().zip(key).map(|(a, b)| a * b).sum();
                    dot / (depth as f32).sqrt() - alibi_slope(head, heads) * (t - s) as f32
                };
                let raised: Vec<f32> = (0..=t).map(|s| score(s).exp()).collect();
                let sum: f32 = raised.iter().sum();
                for (s, e) in raised.iter().enumerate() {
                    let value = &qkv[s][2 * width + part.start..2 * width + part.end];
                    mixed[part.clone()].iter_mut().zip(value).for_each(|(m, v)| *m += e / sum * v);
                }
            }
            let add = |x: &mut Vec<f32>, y: Vec<f32>| x.iter_mut().zip(y).for_each(|(x, y)| *x += y);
            add(x, dense(&name("output"), width, width, &mixed));
            let inner = dense(&name("feed_in"), width, 2 * width, &norm(&name("feed_norm"), x));
            let inner: Vec<f32> = inner.into_iter().map(gelu).collect();
            add(x, dense(&name("feed_out"), 2 * width, width, &inner));
        }
    }
    let mut readout = Readout::new(spec);
    x.iter().for_each(|x| readout.push(&norm("encoder.Transformer.norm", x)));
    Heads::new(tensors, spec).expect("there").logits(&readout.value())
}

#[test]
fn what_is_kept_and_left_out_changes_nothing() {
    for (layers, readout) in [
        (1, spec::Readout::Last),
        (2, spec::Readout::Last),
        (3, spec::Readout::Mean),
        (3, spec::Readout::Last),
    ] {
        let (tensors, spec) = parts(8, 2, layers, readout);
        let mut stream = AttentionWindow::new(&tensors, &spec, 7).expect("fits");
        let rows = numbers(3, 20 * CHANNELS);
        let rows: Vec<&[f32]> = rows.chunks(CHANNELS).collect();
        for t in 0..rows.len() {
            stream.push(rows[t]);
            let said = stream.logits();
            let expected = plain(&tensors, &spec, &rows[(t + 1).saturating_sub(7)..=t]);
            let both = said.states.iter().zip(&expected.states);
            for (a, b) in both.chain([(&said.warning.expect("a head"), &expected.warning.expect("a head"))]) {
                assert!((a - b).abs() < 2e-6, "{layers} blocks, frame {t}: {said:?} {expected:?}");
            }
        }
    }
}
