//! Training is deterministic for a seed and an interrupted one ends as an uninterrupted one. In a
//! process of its own: burn's generator of random numbers is one per process.
#![cfg(feature = "train")]

use foreshock::learn::network::fit::{Fitted, Part, fit};
use foreshock::learn::sequence::{Sequence, Stretch};
use foreshock::learn::training::{Epoch, Observer, Training};
use foreshock::model::spec::{EncoderSpec, NetworkSpec, Readout};

/// Ends training after an epoch.
struct Until(usize);

impl Observer for Until {
    fn step(&mut self, _: usize, _: usize, _: usize, _: f64) -> bool {
        true
    }

    fn epoch(&mut self, epoch: &Epoch) -> bool {
        epoch.number < self.0
    }
}

/// Two classes by the sign of a slow oscillation's slope.
fn sequences() -> Vec<Sequence> {
    (0..12)
        .map(|k| {
            let wave = |t: usize| (0.2 * t as f32 + k as f32).sin();
            let rising = |t: usize| wave(t + 1) > wave(t);
            Sequence {
                channels: 2,
                inputs: (0..40).flat_map(|t| [wave(t), 0.1 * (7.0 * t as f32).sin()]).collect(),
                state: (0..40).map(|t| Some(u8::from(rising(t)))).collect(),
                warning: (0..40).map(|t| (t % 3 == 0).then(|| rising(t))).collect(),
            }
        })
        .collect()
}

fn trained(encoder: &EncoderSpec, until: usize, folder: Option<&std::path::Path>) -> Fitted {
    let sequences = sequences();
    let stretch = |k: usize| Stretch { sequence: k, start: 0, from: 5, end: 40 - k % 3 };
    let (train, valid): (Vec<Stretch>, Vec<Stretch>) =
        ((0..9).map(stretch).collect(), (9..12).map(stretch).collect());
    let spec = NetworkSpec {
        encoder: encoder.clone(),
        channels: 2,
        projection: 6,
        classes: 2,
        warning: true,
        readout: Readout::Last,
        dropout: 0.2,
    };
    let training = Training { epochs: 4, batch: 4, noise: 0.05, patience: 0, ..Training::default() };
    let part = |stretches| Part { sequences: &sequences, stretches };
    let checkpoint = folder.map(|folder| (folder, "key"));
    fit(&spec, &training, part(&train), part(&valid), checkpoint, &mut Until(until)).expect("trains")
}

fn bits(fitted: &Fitted) -> Vec<(String, Vec<u32>)> {
    let arrays = fitted.tensors.0.iter();
    arrays.map(|(name, a)| (name.clone(), a.data.iter().map(|v| v.to_bits()).collect())).collect()
}

#[test]
fn equal_seeds_give_equal_bits_also_after_an_interruption() {
    let encoders = [
        EncoderSpec::Lstm { width: 6, layers: 1 },
        EncoderSpec::Tcn { width: 6, kernel: 3, dilations: vec![1, 2] },
        EncoderSpec::Transformer { width: 8, heads: 2, layers: 1 },
    ];
    for encoder in encoders {
        let whole = trained(&encoder, usize::MAX, None);
        assert!(whole.finished && whole.history.len() == 4);
        assert!(whole.history[3].train_loss < whole.history[0].train_loss, "{encoder:?} learns nothing");
        assert_eq!(bits(&whole), bits(&trained(&encoder, usize::MAX, None)), "{encoder:?}");
        let folder = tempfile::tempdir().expect("a folder");
        let part = trained(&encoder, 2, Some(folder.path()));
        assert!(!part.finished && part.history.len() == 2);
        let rest = trained(&encoder, usize::MAX, Some(folder.path()));
        assert!(rest.finished && rest.history.len() == 4);
        assert_eq!(bits(&whole), bits(&rest), "{encoder:?} after an interruption");
        assert_eq!(whole.history, rest.history);
    }
}
