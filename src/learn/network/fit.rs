//! Training of a network: stochastic gradient steps with early stopping, resumable after any epoch.
//!
//! Enters: training and validation sequences with the stretches to use. Leaves: the parameters of the
//! best epoch. One thread; seeds and models run as processes of their own. Random numbers are drawn
//! anew from (seed, epoch), so that an interrupted run ends as an uninterrupted one.

use std::path::{Path, PathBuf};

use burn::grad_clipping::GradientClippingConfig;
use burn::module::Module;
use burn::optim::{AdamWConfig, GradientsParams, ModuleOptimizer};
use burn::tensor::activation::{log_softmax, softplus};
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use super::chance::noisy;
use super::{Batch, Logits, Network, params};
use crate::error::{Error, Result};
use crate::learn::random::Random;
use crate::learn::score::classes::Confusion;
use crate::learn::score::ranking::auroc;
use crate::learn::sequence::{Sequence, Stretch, Weights};
use crate::learn::training::{Epoch, Observer, Training, largest};
use crate::model::spec::NetworkSpec;
use crate::model::tensors::Tensors;

/// What is trained on, or validated with.
#[derive(Debug, Clone, Copy)]
pub struct Part<'a> {
    /// The series.
    pub sequences: &'a [Sequence],
    /// Stretches of them.
    pub stretches: &'a [Stretch],
}

/// What training led to.
#[derive(Debug, Clone)]
pub struct Fitted {
    /// Parameters of the best epoch.
    pub tensors: Tensors,
    /// All epochs.
    pub history: Vec<Epoch>,
    /// Whether it ended by itself; an interrupted one can be continued.
    pub finished: bool,
}

/// What a checkpoint says beside parameters and optimizer state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Progress {
    key: String,
    history: Vec<Epoch>,
}

/// Files of a checkpoint.
#[derive(Debug, Clone)]
struct Checkpoint {
    folder: PathBuf,
    key: String,
}

impl Checkpoint {
    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn read(&self) -> Result<Option<Progress>> {
        let path = self.file("progress.json");
        let Ok(text) = std::fs::read_to_string(&path) else { return Ok(None) };
        let progress: Progress = serde_json::from_str(&text).map_err(|error| Error::file(&path, error))?;
        Ok((progress.key == self.key).then_some(progress))
    }

    /// The progress file is renamed last: a kill leaves the last complete checkpoint.
    fn write(
        &self,
        number: usize,
        network: &Network,
        best: &Tensors,
        optimizer: &ModuleOptimizer,
        history: &[Epoch],
    ) -> Result<()> {
        std::fs::create_dir_all(&self.folder).map_err(|error| Error::file(&self.folder, error))?;
        let path = self.file(&format!("network-{number}"));
        network.clone().save_file(&path).map_err(|error| Error::file(&path, error))?;
        let path = self.file(&format!("optimizer-{number}"));
        optimizer.save(&path).map_err(|error| Error::file(&path, error))?;
        best.write(&self.file(&format!("best-{number}")), &Default::default())?;
        let progress = Progress { key: self.key.clone(), history: history.to_vec() };
        let path = self.file("progress.json");
        let next = self.file("progress.json.next");
        let text = serde_json::to_string(&progress).map_err(|error| Error::file(&path, error))?;
        std::fs::write(&next, text)
            .and_then(|()| std::fs::rename(&next, &path))
            .map_err(|error| Error::file(&path, error))?;
        self.remove_others(number)
    }

    fn remove_others(&self, number: usize) -> Result<()> {
        let entries = std::fs::read_dir(&self.folder).map_err(|error| Error::file(&self.folder, error))?;
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let stem = name.split('.').next().unwrap_or("").to_owned();
            if let Some((_, of)) = stem.rsplit_once('-')
                && of.parse::<usize>().is_ok_and(|of| of != number)
            {
                std::fs::remove_file(entry.path()).map_err(|error| Error::file(entry.path(), error))?;
            }
        }
        Ok(())
    }
}

/// Trains a network. With `checkpoint`, a folder, training goes on after the last epoch that is saved
/// there under the same `key`.
///
/// # Errors
/// [`Error::Input`] for settings that cannot be used, [`Error::File`] for a checkpoint that cannot be
/// written or read, [`Error::Limit`] when the loss is no longer a number.
pub fn fit(
    spec: &NetworkSpec,
    training: &Training,
    train: Part<'_>,
    valid: Part<'_>,
    checkpoint: Option<(&Path, &str)>,
    observer: &mut dyn Observer,
) -> Result<Fitted> {
    training.check()?;
    spec.encoder.check()?;
    if train.stretches.is_empty() {
        return Err(Error::input("training windows", 0, "at least 1"));
    }
    let checkpoint =
        checkpoint.map(|(folder, key)| Checkpoint { folder: folder.to_owned(), key: key.to_owned() });
    let device = Device::flex().autodiff();
    device.seed(training.seed);
    let mut network = Network::new(spec, &device);
    let mut optimizer = AdamWConfig::new()
        .with_weight_decay(training.weight_decay as f32)
        .with_epsilon(1e-8)
        .with_grad_clipping(Some(GradientClippingConfig::Norm(1.0)))
        .init();
    let mut best = params::of(&network);
    let mut history = Vec::new();
    if let Some(saved) = &checkpoint
        && let Some(progress) = saved.read()?
    {
        let number = progress.history.len();
        let path = saved.file(&format!("network-{number}"));
        network = network.try_load_file(&path).map_err(|error| Error::file(&path, error))?;
        let path = saved.file(&format!("optimizer-{number}"));
        optimizer = optimizer.load(&path).map_err(|error| Error::file(&path, error))?;
        best = Tensors::read(&saved.file(&format!("best-{number}")))?.0;
        history = progress.history;
    }
    let weights = if training.balance {
        Weights::balanced(train.sequences, train.stretches, spec.classes)
    } else {
        Weights::equal(spec.classes)
    };
    let per_epoch = match training.per_epoch {
        0 => train.stretches.len(),
        n => n.min(train.stretches.len()),
    };
    let steps = per_epoch.div_ceil(training.batch);
    for number in history.len() + 1..=training.epochs {
        if stopped(&history, training.patience) {
            break;
        }
        let mut random = Random::new(training.seed, number as u64);
        device.seed(random.next_u64());
        let mut order = train.stretches.to_vec();
        random.shuffle(&mut order);
        order.truncate(per_epoch);
        let batches = batches_of(&order, training.batch, &mut random);
        let mut sum = 0.0;
        for (step, stretches) in batches.iter().enumerate() {
            let done = ((number - 1) * steps + step) as f64 / (training.epochs * steps) as f64;
            let batch = Batch::new(train.sequences, stretches, &weights, training.smoothing as f32, &device);
            let inputs = noisy(batch.inputs.clone(), training.noise);
            let logits = network.forward(inputs, &batch.mask, batch.padded);
            let loss = loss(&logits, &batch, training);
            let value = f64::from(loss.clone().into_scalar::<f32>());
            if !value.is_finite() {
                return Err(Error::Limit(format!(
                    "the loss is {value} in step {step} of epoch {number}: a smaller rate may help"
                )));
            }
            sum += value;
            let gradients = GradientsParams::from_grads(loss.backward(), &network);
            network = optimizer.step(rate(training.rate, done), network, gradients);
            if !observer.step(number, step + 1, steps, value) {
                return Ok(Fitted { tensors: best, history, finished: false });
            }
        }
        let validated = validate(&network.valid(), spec, training, valid)?;
        let best_score = history.iter().map(|e: &Epoch| e.score).fold(f64::NEG_INFINITY, f64::max);
        // Without anything to validate with, as with no patience, the last epoch is the best.
        let better = training.patience == 0 || validated.score.is_nan() || validated.score > best_score;
        let epoch = Epoch { number, train_loss: sum / batches.len() as f64, best: better, ..validated };
        if better {
            best = params::of(&network);
        }
        history.push(epoch);
        if let Some(checkpoint) = &checkpoint {
            checkpoint.write(number, &network, &best, &optimizer, &history)?;
        }
        if !observer.epoch(&epoch) {
            return Ok(Fitted { tensors: best, history, finished: false });
        }
    }
    Ok(Fitted { tensors: best, history, finished: true })
}

/// Whether the last `patience` epochs brought nothing.
fn stopped(history: &[Epoch], patience: usize) -> bool {
    patience > 0
        && history
            .iter()
            .rposition(|epoch| epoch.best)
            .is_some_and(|best| history.len() - 1 - best >= patience)
}

/// Batches of the shuffled stretches. Where lengths differ by much, those of sixteen batches are sorted by
/// length, as padding costs as much as frames do. Short ones are not: length may tell the class, and a batch of
/// one class teaches little.
fn batches_of(order: &[Stretch], batch: usize, random: &mut Random) -> Vec<Vec<Stretch>> {
    const MUCH: usize = 64;
    let mut batches = Vec::new();
    for group in order.chunks(batch * 16) {
        let mut group = group.to_vec();
        let lengths = || group.iter().map(Stretch::length);
        if lengths().max().unwrap_or(0) - lengths().min().unwrap_or(0) >= MUCH {
            group.sort_by_key(Stretch::length);
        }
        batches.extend(group.chunks(batch).map(<[Stretch]>::to_vec));
    }
    random.shuffle(&mut batches);
    batches
}

/// Learning rate after a share `done` of all steps.
fn rate(largest: f64, done: f64) -> f64 {
    const WARM_UP: f64 = 0.1;
    if done < WARM_UP {
        largest * (0.05 + 0.95 * done / WARM_UP)
    } else {
        let phase = (done - WARM_UP) / (1.0 - WARM_UP);
        largest * (0.01 + 0.99 * 0.5 * (1.0 + (std::f64::consts::PI * phase).cos()))
    }
}

/// lambda_state x weighted cross-entropy + lambda_warning x weighted binary cross-entropy, per target; frames
/// without a target have weight zero. Weights have mean 1 over the training set, not over a batch: divided by
/// their sum in the batch, a batch of one class would count the same whatever its weight.
fn loss(logits: &Logits, batch: &Batch, training: &Training) -> Tensor<1> {
    let logs = log_softmax(logits.state.clone(), 2);
    let state = (logs * batch.state.clone()).sum().mul_scalar(-1.0 / batch.states.max(1) as f32);
    let mut loss = state.mul_scalar(training.lambda_state);
    if let Some(z) = &logits.warning
        && batch.warnings > 0
    {
        let [weight, target] = batch.warning.clone();
        let entropy = softplus(z.clone(), 1.0) - z.clone() * target;
        let warning = (entropy * weight).sum().mul_scalar(1.0 / batch.warnings as f32);
        loss = loss + warning.mul_scalar(training.lambda_warning);
    }
    loss
}

/// Loss and scores on validation stretches. `network` is on a device without gradients.
fn validate(network: &Network, spec: &NetworkSpec, training: &Training, part: Part<'_>) -> Result<Epoch> {
    let device = Device::flex();
    let weights = Weights::equal(spec.classes);
    let mut confusion = Confusion::new(spec.classes);
    let mut ranked: Vec<(f64, bool)> = Vec::new();
    let (mut sum, mut total) = (0.0, 0_usize);
    let mut order = part.stretches.to_vec();
    order.sort_by_key(Stretch::length);
    for stretches in order.chunks(training.batch.max(16)) {
        let batch = Batch::new(part.sequences, stretches, &weights, 0.0, &device);
        let logits = network.forward(batch.inputs.clone(), &batch.mask, batch.padded);
        sum += f64::from(loss(&logits, &batch, training).into_scalar::<f32>());
        total += 1;
        let states = numbers(logits.state)?;
        let warnings = logits.warning.map(numbers).transpose()?;
        for (row, stretch) in stretches.iter().enumerate() {
            let sequence = &part.sequences[stretch.sequence];
            let first = row * batch.frames + batch.frames - stretch.length();
            for frame in stretch.from..stretch.end {
                let place = first + frame - stretch.start;
                if let Some(truth) = sequence.state[frame] {
                    let logits = &states[place * spec.classes..(place + 1) * spec.classes];
                    confusion.add(usize::from(truth), largest(logits));
                }
                if let (Some(warnings), Some(truth)) = (&warnings, sequence.warning[frame]) {
                    ranked.push((f64::from(warnings[place]), truth));
                }
            }
        }
    }
    let (macro_f1, auroc) = (confusion.macro_f1(), auroc(&ranked));
    Ok(Epoch {
        number: 0,
        train_loss: 0.0,
        valid_loss: sum / total.max(1) as f64,
        macro_f1,
        accuracy: confusion.accuracy(),
        auroc,
        score: if auroc.is_nan() { macro_f1 } else { 0.5 * (macro_f1 + auroc) },
        best: false,
    })
}

fn numbers(tensor: Tensor<3>) -> Result<Vec<f32>> {
    tensor.into_data().try_to_vec::<f32>().map_err(|error| Error::Limit(format!("{error:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_warms_up_and_falls() {
        assert!(rate(1.0, 0.0) < 0.1 && (rate(1.0, 0.1) - 1.0).abs() < 1e-12);
        assert!((rate(1.0, 0.55) - 0.505).abs() < 1e-12 && rate(1.0, 1.0) < 0.011);
    }

    #[test]
    fn batches_hold_every_stretch_once_and_only_long_ones_are_sorted() {
        let stretch = |k: usize, end: usize| Stretch { sequence: k, start: 0, from: 0, end };
        for (longest, sorted) in [(20, false), (200, true)] {
            let order: Vec<Stretch> = (0..40).map(|k| stretch(k, 1 + k * 7 % longest)).collect();
            let batches = batches_of(&order, 4, &mut Random::new(1, 1));
            let mut seen: Vec<usize> = batches.iter().flatten().map(|s| s.sequence).collect();
            seen.sort_unstable();
            assert_eq!(seen, (0..40).collect::<Vec<_>>());
            assert_eq!(batches.iter().all(|b| b.is_sorted_by_key(Stretch::length)), sorted);
        }
    }

    #[test]
    fn patience_counts_epochs_after_the_best() {
        let epoch = |best| Epoch {
            number: 0,
            train_loss: 0.0,
            valid_loss: 0.0,
            macro_f1: 0.0,
            accuracy: 0.0,
            auroc: f64::NAN,
            score: 0.0,
            best,
        };
        let history = [true, false, true, false, false].map(epoch);
        assert!(!stopped(&history, 3) && stopped(&history, 2) && !stopped(&history, 0));
    }
}
