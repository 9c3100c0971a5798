//! Progress of a training: burn's dashboard on a terminal, one line per epoch elsewhere.

#[cfg(feature = "train")]
mod dashboard;

use std::fmt::Write as _;

use foreshock::learn::training::{Epoch, Observer};

/// What watches a training.
pub fn watch(name: &str, seed: u64, epochs: usize) -> Box<dyn Observer> {
    #[cfg(feature = "train")]
    {
        use std::io::IsTerminal;
        if std::io::stdout().is_terminal() && std::io::stderr().is_terminal() {
            return Box::new(dashboard::Dashboard::new(format!("{name} seed {seed}"), epochs));
        }
    }
    Box::new(Lines { name: name.to_owned(), seed, epochs })
}

struct Lines {
    name: String,
    seed: u64,
    epochs: usize,
}

impl Observer for Lines {
    fn step(&mut self, _epoch: usize, _step: usize, _steps: usize, _loss: f64) -> bool {
        true
    }

    fn epoch(&mut self, epoch: &Epoch) -> bool {
        // Without validation series there are no scores.
        let scores = [
            ("validation loss", epoch.valid_loss),
            ("accuracy", epoch.accuracy),
            ("macro-F1", epoch.macro_f1),
            ("AUROC", epoch.auroc),
        ];
        let mut line = format!(
            "{} seed {}: epoch {}/{}, loss {:.4}",
            self.name, self.seed, epoch.number, self.epochs, epoch.train_loss
        );
        for (name, value) in scores.iter().filter(|(_, value)| value.is_finite() && !epoch.accuracy.is_nan())
        {
            let _ = write!(line, ", {name} {value:.4}");
        }
        if epoch.best && !epoch.accuracy.is_nan() {
            line.push_str(", best");
        }
        eprintln!("{line}");
        true
    }
}
