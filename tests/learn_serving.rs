//! What evaluation says of a packed run is what the fix would have said live, bit for bit: through pauses
//! longer than a window, frames without a surface and rows without values.
#![cfg(feature = "learn")]

use std::collections::BTreeMap;

use foreshock::dataset::target::Horizon;
use foreshock::dataset::{Feature, Series, Table, rounding};
use foreshock::frame::{Condition, Frame};
use foreshock::learn::folds::Fold;
use foreshock::learn::inputs::{Standardised, standardise};
use foreshock::learn::methods;
use foreshock::learn::plan::{Method, Recipe};
use foreshock::learn::prepare::{Set, Task};
use foreshock::learn::settings::Boosting;
use foreshock::model::Model;
use foreshock::model::calibration::Calibration;
use foreshock::model::detector::Learned;
use foreshock::model::forest::{Forest, ForestSpec};
use foreshock::model::meta::{FORMAT, Kind, Meta, Target};
use foreshock::model::spec::{EncoderSpec, Inputs, NetworkSpec, Readout};
use foreshock::model::stream::Said;
use foreshock::model::summary::NUMBERS;
use foreshock::model::tensors::Tensors;
use foreshock::stream::Header;
use foreshock::window::{Settings, WindowStage};
use foreshock::worker::Detector as _;

const FRAMES: u64 = 320;
const WINDOW: usize = 16;
const COLUMNS: [&str; 4] = ["msd_a", "thickness", "cn_ab_d1", "turnover"];

fn settings() -> Settings {
    Settings { window: WINDOW, ..Header::example().settings }
}

/// A number from -1 to 1 without a pattern.
fn noise(seed: u64) -> f64 {
    let mut x = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x2545_F491_4F6C_DD1D;
    for shift in [30, 27, 31] {
        x = (x ^ (x >> shift)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    }
    (x >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
}

/// Frames as the extractor gives them: whole, or with all that can go wrong.
fn frames(run: u64, whole: bool) -> Vec<Frame> {
    let width = settings().base_width();
    (0..FRAMES)
        // The stream is damaged: more frames than a window are missing, and a few.
        .filter(|index| whole || !(120..140).contains(index) && !(230..233).contains(index))
        .map(|index| {
            let condition = match index {
                0..5 => Condition::Reference,
                // The surface is lost for longer than a window, and for a moment.
                160..185 | 250 | 251 if !whole => Condition::NoSurface,
                _ => Condition::Measured,
            };
            let undefined = index < 5 || !whole && (200..204).contains(&index);
            let value = |k: usize| {
                let seed = (run * FRAMES + index) * width as u64 + k as u64;
                1.0 + k as f64 + 0.3 * noise(seed) + 0.002 * index as f64 * (k % 3) as f64
            };
            Frame {
                index,
                step: 50 * index as i64,
                time_ps: 0.1 * index as f64,
                interface: 0,
                condition,
                values: (0..width).map(|k| if undefined { f64::NAN } else { value(k) }).collect(),
            }
        })
        .collect()
}

/// The frames as a data set holds them.
fn packed(run: u64, frames: &[Frame]) -> Series {
    let settings = settings();
    let steps: Vec<Option<f64>> =
        foreshock::registry::frame_names(false).iter().map(|name| rounding::step(name)).collect();
    let values = frames.iter().flat_map(|frame| frame.values.iter().zip(&steps));
    let values = values.map(|(&value, &step)| rounding::round(value, step)).collect();
    let mut series = Series {
        run: format!("run{run}"),
        lineage: format!("lineage{run}"),
        interface: 0,
        condition: BTreeMap::new(),
        sample_ps: settings.sample_ps,
        time_ps: frames.iter().map(|frame| frame.time_ps).collect(),
        values: ndarray::Array2::from_shape_vec((frames.len(), settings.base_width()), values)
            .expect("a rectangle"),
        standing: frames.iter().map(|frame| frame.condition).collect(),
        state: Vec::new(),
        t_r_ps: None,
        t_u_ps: None,
        end_ps: 31.9,
        settings: Some(settings),
        elements: Vec::new(),
        atoms: None,
    };
    series.set_onsets(Some(20.0), Some(27.0), 31.9);
    series
}

/// Parameters that are no symmetry of anything.
fn numbers(seed: usize, n: usize) -> Vec<f32> {
    (0..n).map(|k| 0.4 * ((seed * 31 + k * 7) as f32 * 0.61).sin()).collect()
}

/// An LSTM, which remembers everything, and trees, which see a window.
fn models(set: &Set, standardised: &Standardised) -> Vec<Model> {
    let channels = standardised.scaler.channels();
    let meta = |kind| Meta {
        format: FORMAT,
        name: "test".into(),
        kind,
        columns: standardised.columns.clone(),
        inputs: standardised.scaler.inputs,
        classes: set.classes.clone(),
        elements: Vec::new(),
        atoms: None,
        window: set.window,
        sample_ps: set.sample_ps,
        settings: set.settings.clone(),
        measured: None,
        target: Some(Target { horizon_ps: 10.0, gap_ps: 1.0 }),
        calibration: Calibration::none(3),
        alarm: None,
        data_hash: set.hash.clone(),
        series: [1, 1],
        seed: 1,
        scores: BTreeMap::new(),
        licence: "MIT".into(),
    };
    let width = 6;
    let mut tensors = Tensors::default();
    for (seed, name, inputs, outputs) in [
        (1, "project", width, width),
        (3, "state", width, 3),
        (5, "warning", width, 1),
        (7, "encoder.Lstm.layers.0.input", channels, 4 * width),
    ] {
        tensors.insert(format!("{name}.weight"), &[inputs, outputs], numbers(seed, inputs * outputs));
        tensors.insert(format!("{name}.bias"), &[outputs], numbers(seed + 1, outputs));
    }
    let hidden = numbers(9, 4 * width * width);
    tensors.insert("encoder.Lstm.layers.0.hidden.weight", &[width, 4 * width], hidden);
    let lstm = NetworkSpec {
        encoder: EncoderSpec::Lstm { width, layers: 1 },
        channels,
        projection: width,
        classes: 3,
        warning: true,
        // The mean over all frames since the stream began: where it began is never forgotten.
        readout: Readout::Mean,
        dropout: 0.0,
    };
    let spec = ForestSpec { depth: 1, outputs: 4, classes: 3 };
    let mut forest = Forest::new(spec, vec![0.1, -0.2, 0.3, -1.0]);
    for tree in 0..40 {
        forest.output.push(tree % 4);
        forest.feature.push((tree * 5 % (channels * NUMBERS)) as u32);
        forest.above.push(0.05 * tree as f32 - 1.0);
        forest.leaf.extend(numbers(tree, 2));
    }
    let mut trees = Tensors::default();
    forest.save(&mut trees);
    [(Kind::Network(lstm), tensors), (Kind::Forest(spec), trees)]
        .into_iter()
        .map(|(kind, tensors)| Model::new(meta(kind), &standardised.scaler, tensors).expect("parts that fit"))
        .collect()
}

/// Warning and states at each judged frame, as the fix gives them.
fn live(model: &Model, frames: &[Frame]) -> Vec<(u64, Said)> {
    let mut stage = WindowStage::new(settings());
    let mut detector = Learned::new(model.clone(), &settings()).expect("fits");
    let windows = frames.iter().filter_map(|frame| stage.push(frame).expect("in order").message);
    windows
        .map(|window| {
            let score = detector.infer(&window);
            let states = score.p_states.iter().map(|&p| p as f32).collect();
            (window.frame, Said { states, warning: score.p_warning as f32 })
        })
        .collect()
}

#[test]
fn evaluation_says_what_the_fix_says_live() {
    let all = [frames(1, true), frames(2, false), frames(3, false)];
    let series = (1..).zip(&all).map(|(run, frames)| packed(run, frames)).collect();
    let features = foreshock::registry::frame_names(false);
    let features = features.into_iter().map(|name| Feature::new(name).expect("a name")).collect();
    let classes = ["stable", "reconstructing", "unstable"].map(str::to_owned).to_vec();
    let table = Table::new(features, classes, series).expect("a table");
    let set = Set::new(&table, Task::Frames, None, 1, Horizon::default()).expect("prepared");
    let folds = [Fold::Train, Fold::Valid, Fold::Test("a".into())];
    let mut recipe = Recipe::new("test", Method::Boosting(Boosting::default()));
    recipe.inputs = Inputs::Both;
    recipe.columns.only = Some(COLUMNS.map(str::to_owned).to_vec());
    let standardised = standardise(&set, &folds, &recipe).expect("standardised");
    for model in models(&set, &standardised) {
        let verdicts = methods::verdicts(&model, &set, &folds, &standardised).expect("said");
        assert_eq!(verdicts.series.len(), 2);
        for spoken in &verdicts.series {
            let evaluated: Vec<u64> =
                set.series[spoken.series].verdicts().map(|frame| frame as u64).collect();
            let live = live(&model, &all[spoken.series]);
            assert_eq!(live.iter().map(|(frame, _)| *frame).collect::<Vec<_>>(), evaluated);
            // The pauses that the test is about are there.
            let pauses: Vec<u64> = evaluated.windows(2).map(|p| p[1] - p[0]).filter(|&p| p > 1).collect();
            assert!(pauses.iter().filter(|&&p| p > WINDOW as u64).count() == 2, "{pauses:?}");
            assert!(pauses.iter().any(|&p| p < WINDOW as u64), "{pauses:?}");
            let bits = |said: &Said| said.states.iter().chain([&said.warning]).map(|p| p.to_bits()).collect();
            for ((frame, live), said) in live.iter().zip(&spoken.said) {
                let (live, said): (Vec<u32>, Vec<u32>) = (bits(live), bits(said));
                assert_eq!(live, said, "run {}, frame {frame}", spoken.run);
            }
            let first = &spoken.said[0];
            assert!(spoken.said.iter().any(|said| said.warning != first.warning), "it says something");
        }
    }
}
