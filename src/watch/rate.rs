//! How fast a run samples, by our clock.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Time over which the speed is averaged.
const SPAN: Duration = Duration::from_secs(60);
/// Fewest seconds that make a speed.
const LEAST_S: f64 = 0.5;

/// Looks at a run that brought something new.
#[derive(Debug, Clone, Default)]
pub struct Rate {
    looks: VecDeque<(Instant, u64, i64)>,
}

impl Rate {
    /// Notes that sample `frame` of `step` was there at `now`.
    pub fn note(&mut self, now: Instant, frame: u64, step: i64) {
        if self.looks.back().is_some_and(|&(_, last, _)| last >= frame) {
            self.looks.clear();
        }
        self.looks.push_back((now, frame, step));
        // At four looks a second this stays below 250 entries.
        while self.looks.len() > 2 && now.saturating_duration_since(self.looks[0].0) > SPAN {
            self.looks.pop_front();
        }
    }

    /// Forgets everything: what comes next was not written just now.
    pub fn clear(&mut self) {
        self.looks.clear();
    }

    fn per_second(&self, amount: impl Fn(&(Instant, u64, i64)) -> f64) -> Option<f64> {
        let (first, last) = (self.looks.front()?, self.looks.back()?);
        let seconds = last.0.saturating_duration_since(first.0).as_secs_f64();
        let change = amount(last) - amount(first);
        (seconds >= LEAST_S && change > 0.0).then(|| change / seconds)
    }

    /// Samples per second, once known.
    #[must_use]
    pub fn frames_per_s(&self) -> Option<f64> {
        self.per_second(|look| look.1 as f64)
    }

    /// Steps per second, once known.
    #[must_use]
    pub fn steps_per_s(&self) -> Option<f64> {
        self.per_second(|look| look.2 as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speed_is_that_of_the_last_minute() {
        let start = Instant::now();
        let mut rate = Rate::default();
        for second in 0..300u64 {
            let frame = if second < 200 { 100 * second } else { 20_000 + 2 * (second - 200) };
            rate.note(start + Duration::from_secs(second), frame, 50 * frame as i64);
        }
        let speed = rate.frames_per_s().expect("known");
        assert!((speed - 2.0).abs() < 1e-9, "{speed}");
        assert_eq!(rate.steps_per_s().map(f64::round), Some(100.0));
        assert!(rate.looks.len() < 70);
        rate.note(start + Duration::from_secs(301), 3, 150);
        assert_eq!(rate.frames_per_s(), None, "the run began again");
    }
}
