//! The methods of the comparison, all through one interface: train on a set's training series, say
//! something at every judged frame of all others.

#[cfg(feature = "train")]
mod network;
mod plain;
pub mod rocket;
#[cfg(feature = "train")]
mod support;
mod trees;

use std::path::Path;

use super::calibrate::{self, logits_of};
use super::folds::Fold;
use super::inputs::{Standardised, of_fold, standardise};
use super::plan::{Method, Recipe};
use super::prepare::{Prepared, Set};
use super::sequence::Sequence;
use super::training::{Epoch, Observer};
use super::verdicts::Verdicts;
use crate::error::{Error, Result};
use crate::model::Model;
use crate::model::calibration::Calibration;
use crate::model::meta::{FORMAT, Kind, Meta, Target};
use crate::model::scaler::mostly_undefined;
use crate::model::stream::{Logits, Said, Stream, stream};
use crate::model::tensors::Tensors;

/// What training a method led to.
#[derive(Debug)]
pub struct Trained {
    /// The model, where the method is one that the fix can load.
    pub model: Option<Model>,
    /// What it says of the series it was not trained on; `None` when training was interrupted.
    pub verdicts: Option<Verdicts>,
    /// Epochs of a network.
    pub history: Vec<Epoch>,
}

/// Everything a method is given.
#[derive(Debug, Clone, Copy)]
pub struct Lesson<'a> {
    /// The data.
    pub set: &'a Set,
    /// What each series is for.
    pub folds: &'a [Fold],
    /// The method's settings.
    pub recipe: &'a Recipe,
    /// Seed of everything random.
    pub seed: u64,
}

/// Trains a method.
///
/// # Errors
/// What standardising, training or writing checkpoints returns.
pub fn train(
    lesson: Lesson<'_>,
    checkpoint: Option<(&Path, &str)>,
    observer: &mut dyn Observer,
) -> Result<Trained> {
    let Lesson { set, folds, recipe, .. } = lesson;
    let standardised = standardise(set, folds, recipe)?;
    let unknown = unknown(set, &standardised)?;
    let untrained = |say: &mut dyn FnMut(usize, &Prepared) -> Result<Vec<Said>>| -> Result<Trained> {
        let mut logits = |k: usize, series: &Prepared| -> Result<Vec<Logits>> {
            let said = series.verdicts().zip(say(k, series)?);
            let nothing = Said::nothing(set.classes.len());
            Ok(said.map(|(frame, s)| logits_of(if unknown(series, frame) { &nothing } else { &s })).collect())
        };
        let calibration = calibrate::fit(set, folds, &mut logits)?;
        let verdicts = Verdicts::of(set, folds, &mut |k, series| {
            Ok(logits(k, series)?.into_iter().map(|z| calibration.apply(z).said()).collect())
        })?;
        Ok(Trained { model: None, verdicts: Some(verdicts), history: Vec::new() })
    };
    match &recipe.method {
        #[cfg(feature = "train")]
        Method::Network { .. } => {
            let (tensors, spec, history, finished) =
                network::fit(lesson, &standardised, checkpoint, observer)?;
            let model = model(lesson, &standardised, Kind::Network(spec), tensors, &history)?;
            let verdicts = finished.then(|| verdicts(&model, set, folds, &standardised)).transpose()?;
            Ok(Trained { model: Some(model), verdicts, history })
        }
        Method::Boosting(settings) | Method::Shuffled(settings) => {
            let shuffled = matches!(recipe.method, Method::Shuffled(_));
            let forest = trees::fit(lesson, &standardised, settings, shuffled)?;
            let mut tensors = Tensors::default();
            forest.save(&mut tensors);
            let model = model(lesson, &standardised, Kind::Forest(forest.spec), tensors, &[])?;
            let verdicts = verdicts(&model, set, folds, &standardised)?;
            Ok(Trained { model: (!shuffled).then_some(model), verdicts: Some(verdicts), history: Vec::new() })
        }
        #[cfg(feature = "train")]
        Method::Svm(settings) => {
            let machine = support::fit(lesson, &standardised, settings)?;
            untrained(&mut |k, series| Ok(machine.say(&standardised.sequences[k], series)))
        }
        #[cfg(not(feature = "train"))]
        Method::Network { .. } | Method::Svm(_) => {
            let _ = (checkpoint, observer);
            Err(Error::input("method", &recipe.name, "a program built with --features train"))
        }
        Method::Rocket(settings) => {
            let rocket = rocket::fit(lesson, &standardised, settings)?;
            untrained(&mut |k, series| Ok(rocket.say(&standardised.sequences[k], series)))
        }
        Method::Winner { .. } | Method::Oracle => {
            Err(Error::input("method", &recipe.name, "a method that trains by itself"))
        }
        Method::Threshold | Method::Cusum | Method::Trend | Method::Condition | Method::Elapsed => {
            let method = plain::fit(lesson, &standardised)?;
            untrained(&mut |k, series| Ok(method.say(&standardised.sequences[k], series)))
        }
    }
}

/// A model with its description, calibrated; the threshold comes later.
fn model(
    lesson: Lesson<'_>,
    standardised: &Standardised,
    kind: Kind,
    tensors: Tensors,
    history: &[Epoch],
) -> Result<Model> {
    let Lesson { set, folds, recipe, seed } = lesson;
    let count = |fold: &Fold| folds.iter().filter(|f| *f == fold).count();
    let best = history.iter().rfind(|epoch| epoch.best);
    let scores = best.map_or_else(Default::default, |epoch| {
        let named = [("macro_f1", epoch.macro_f1), ("accuracy", epoch.accuracy), ("auroc", epoch.auroc)];
        named.into_iter().filter(|(_, v)| v.is_finite()).map(|(k, v)| (k.to_owned(), v)).collect()
    });
    let trained = || of_fold(set, folds, &Fold::Train).map(|k| &set.series[k]);
    let mut elements: Vec<String> = trained().flat_map(|one| one.elements.iter().cloned()).collect();
    elements.sort();
    elements.dedup();
    let atoms = || trained().filter_map(|one| one.atoms);
    let warns = set.series.iter().any(|s| s.warning.iter().any(Option::is_some));
    let meta = Meta {
        format: FORMAT,
        name: recipe.name.clone(),
        kind,
        columns: standardised.columns.clone(),
        inputs: recipe.inputs,
        classes: set.classes.clone(),
        elements,
        atoms: atoms().min().zip(atoms().max()).map(<[u64; 2]>::from),
        window: set.window,
        sample_ps: set.sample_ps,
        settings: set.settings.clone(),
        measured: None,
        target: warns.then_some(Target { horizon_ps: set.horizon.horizon_ps, gap_ps: set.horizon.gap_ps }),
        calibration: Calibration::none(set.classes.len()),
        alarm: None,
        data_hash: set.hash.clone(),
        series: [count(&Fold::Train), count(&Fold::Valid)],
        seed,
        scores,
        licence: "MIT".to_owned(),
    };
    let mut model = Model::new(meta, &standardised.scaler, tensors)?;
    let mut stream = stream(&model)?;
    let unknown = unknown(set, standardised)?;
    let calibration = calibrate::fit(set, folds, |k, series| {
        let nothing = logits_of(&Said::nothing(set.classes.len()));
        let of =
            |s: &mut dyn Stream, frame| if unknown(series, frame) { nothing.clone() } else { s.logits() };
        Ok::<_, Error>(at_verdicts(stream.as_mut(), set, series, &standardised.sequences[k], of))
    })?;
    model.meta.calibration = calibration;
    Model::new(model.meta, &standardised.scaler, model.tensors)
}

/// What a model says of all series it was not trained on, streamed as the fix streams them: of a row of
/// the fix that is mostly undefined, nothing.
///
/// # Errors
/// As [`stream`], and [`Error::Input`] when columns do not exist.
pub fn verdicts(model: &Model, set: &Set, folds: &[Fold], standardised: &Standardised) -> Result<Verdicts> {
    let mut stream = stream(model)?;
    let unknown = unknown(set, standardised)?;
    Verdicts::of(set, folds, &mut |k, series| {
        Ok(at_verdicts(stream.as_mut(), set, series, &standardised.sequences[k], |s, frame| {
            if unknown(series, frame) { Said::nothing(set.classes.len()) } else { s.say() }
        }))
    })
}

/// Whether a row of the fix is mostly undefined in the columns that a method reads, so that nothing is said of it.
fn unknown<'a>(
    set: &'a Set,
    standardised: &Standardised,
) -> Result<impl Fn(&Prepared, usize) -> bool + use<'a>> {
    let columns = set.positions(&standardised.columns)?;
    Ok(move |series: &Prepared, frame: usize| {
        let row = series.row(frame);
        set.settings.is_some() && mostly_undefined(columns.iter().map(|&column| f64::from(row[column])))
    })
}

/// Something of a stream at every judged frame of a series. The fix's detector knows the windows of judged
/// frames and nothing else: after a pause longer than the window it begins anew with the window at hand.
fn at_verdicts<T>(
    stream: &mut dyn Stream,
    set: &Set,
    series: &Prepared,
    sequence: &Sequence,
    of: impl Fn(&mut dyn Stream, usize) -> T,
) -> Vec<T> {
    // What the fix did not record has no windows: everything is known.
    let capacity = set.settings.as_ref().map_or(usize::MAX, |settings| settings.window);
    let mut all = Vec::new();
    let mut next = None;
    for frame in series.verdicts() {
        let window = (frame + 1).saturating_sub(capacity).max(series.first);
        let first = next.filter(|&next| next >= window).unwrap_or_else(|| {
            stream.reset();
            window
        });
        for row in sequence.inputs[first * sequence.channels..(frame + 1) * sequence.channels]
            .chunks_exact(sequence.channels)
        {
            stream.push(row);
        }
        next = Some(frame + 1);
        all.push(of(stream, frame));
    }
    all
}

/// Fails when a method finds nothing to train on.
fn nothing(what: &str) -> Error {
    Error::input(what, 0, "at least 1")
}
