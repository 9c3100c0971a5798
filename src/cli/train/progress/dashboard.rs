//! burn's dashboard, driven by our own training loop.

use std::sync::Arc;

use burn::train::Interrupter;
use burn::train::logger::TrainingProgressLogger;
use burn::train::metric::{
    MetricAttributes, MetricDefinition, MetricEntry, MetricId, NumericAttributes, NumericEntry,
    SerializedEntry,
};
use burn::train::renderer::tui::TuiMetricsRendererWrapper;
use burn::train::renderer::{MetricState, MetricsRenderer, MetricsRendererTraining};

use foreshock::learn::training::{Epoch, Observer};

/// burn's dashboard, opened at the first step: methods without steps never show it.
pub struct Dashboard {
    name: String,
    epochs: usize,
    open: Option<(TuiMetricsRendererWrapper, Interrupter)>,
    split: usize,
}

impl Dashboard {
    /// A dashboard that is not shown yet.
    pub fn new(name: String, epochs: usize) -> Self {
        Self { name, epochs, open: None, split: 0 }
    }
}

const METRICS: [(&str, bool); 4] = [("Loss", false), ("Accuracy", true), ("Macro-F1", true), ("AUROC", true)];

fn id(name: &str) -> MetricId {
    MetricId::new(Arc::new(name.to_owned()))
}

fn state(name: &str, value: f64) -> MetricState {
    let text = format!("{value:.4}");
    let entry = MetricEntry::new(id(name), SerializedEntry::new(text.clone(), text));
    MetricState::Numeric(entry, Some(NumericEntry::Value(value)))
}

impl Observer for Dashboard {
    fn step(&mut self, epoch: usize, step: usize, steps: usize, loss: f64) -> bool {
        let (renderer, interrupter) = self.open.get_or_insert_with(|| {
            let interrupter = Interrupter::new();
            let mut renderer = TuiMetricsRendererWrapper::new(interrupter.clone(), None);
            for (name, higher_is_better) in METRICS {
                renderer.register_metric(MetricDefinition {
                    metric_id: id(name),
                    name: Arc::new(name.to_owned()),
                    description: None,
                    attributes: MetricAttributes::Numeric(NumericAttributes { unit: None, higher_is_better }),
                });
            }
            renderer.start(self.epochs, epoch - 1, Some(steps), Some(&self.name));
            (renderer, interrupter)
        });
        if self.split != epoch {
            self.split = epoch;
            renderer.start_split("train", steps);
        }
        renderer.update_train(state("Loss", loss));
        renderer.update_split(step);
        !interrupter.should_stop()
    }

    fn epoch(&mut self, epoch: &Epoch) -> bool {
        let Some((renderer, interrupter)) = &mut self.open else { return true };
        renderer.end_split();
        let values = [epoch.valid_loss, epoch.accuracy, epoch.macro_f1, epoch.auroc];
        for ((name, _), value) in METRICS.iter().zip(values) {
            if value.is_finite() {
                renderer.update_valid(state(name, value));
            }
        }
        renderer.update_epoch(epoch.number - 1);
        !interrupter.should_stop()
    }
}
