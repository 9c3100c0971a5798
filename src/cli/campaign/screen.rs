//! Progress of a campaign: a bar on a terminal, plain lines elsewhere.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use foreshock::campaign::{Event, Record};
use indicatif::{HumanDuration, ProgressBar, ProgressStyle};

/// Counts runs and shows them.
pub struct Screen {
    bar: Option<ProgressBar>,
    total: usize,
    workers: usize,
    finished: usize,
    failed: usize,
    stopped: usize,
    wall_seconds: f64,
    start: Instant,
}

impl Screen {
    /// For so many runs, so many at a time.
    pub fn new(total: usize, workers: usize) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} {msg}")
                .expect("the template is constant and valid");
            let bar = ProgressBar::new(total as u64).with_style(style);
            bar.enable_steady_tick(Duration::from_secs(1));
            bar
        });
        Self {
            bar,
            total,
            workers,
            finished: 0,
            failed: 0,
            stopped: 0,
            wall_seconds: 0.0,
            start: Instant::now(),
        }
    }

    /// Shows what happened.
    pub fn show(&mut self, event: &Event) {
        match event {
            Event::Started(id) => {
                if self.bar.is_none() {
                    println!("start    {id}");
                }
                return;
            }
            Event::Finished(record) => {
                self.finished += 1;
                self.ended(record, "finished");
            }
            Event::Failed(record) => {
                self.failed += 1;
                self.ended(record, "FAILED");
                let message = record.message.as_deref().unwrap_or_default();
                self.line(&format!("         {}", message.replace('\n', "\n         ")));
            }
            Event::Stopped(id) => {
                self.stopped += 1;
                self.line(&format!("stopped  {id}"));
                return;
            }
        }
        if let Some(bar) = &self.bar {
            bar.set_position((self.finished + self.failed) as u64);
            bar.set_message(self.left());
        }
    }

    fn ended(&mut self, record: &Record, word: &str) {
        self.wall_seconds += record.wall_seconds;
        let left = if self.bar.is_some() {
            String::new()
        } else {
            format!(" [{}/{}, {}]", self.finished + self.failed, self.total, self.left())
        };
        let cost = format!("{:.0} s, {:.0} CPU s", record.wall_seconds, record.cpu_seconds);
        self.line(&format!("{word:<8} {} ({cost}){left}", record.id));
    }

    /// Time left by the mean of the runs so far.
    fn left(&self) -> String {
        let done = self.finished + self.failed;
        let mean = self.wall_seconds / done.max(1) as f64;
        let left = mean * self.total.saturating_sub(done) as f64 / self.workers as f64;
        format!("{} left", HumanDuration(Duration::from_secs_f64(left)))
    }

    fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(text),
            None => println!("{text}"),
        }
    }

    /// Says how it ended; `false` when runs failed or were interrupted.
    pub fn finish(self, interrupted: bool) -> bool {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        let end = if interrupted { "interrupted" } else { "done" };
        println!(
            "{end}: {} finished, {} failed, {} to do again, in {}",
            self.finished,
            self.failed,
            self.stopped,
            HumanDuration(self.start.elapsed())
        );
        self.failed == 0 && !interrupted
    }
}
