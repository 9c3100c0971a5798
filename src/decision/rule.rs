//! One interface's alarm: on after `persist` consecutive scores at or over the threshold, off after as
//! many below [`HYSTERESIS`] times the threshold. Scores in between break both counts. A sample at which
//! the interface has no surface any more counts as one over the threshold where the detector wants that.

use super::StateCode;
use crate::error::Result;
use crate::restart::{Decoder, Encoder};

/// Share of the threshold below which scores count towards the alarm's end.
pub const HYSTERESIS: f64 = 0.8;

/// Counters of one interface.
#[derive(Debug, Clone, Copy, Default)]
pub struct Rule {
    over: u32,
    under: u32,
    alarm: bool,
}

/// What a score led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ruling {
    /// State after the score.
    pub state: StateCode,
    /// Whether this score turned the alarm on.
    pub raised: bool,
}

impl Rule {
    /// Whether the alarm is on.
    pub fn alarm(self) -> bool {
        self.alarm
    }

    /// Counts a score. An undefined score changes nothing.
    pub fn update(&mut self, score: f64, threshold: f64, persist: u32) -> Ruling {
        if score.is_nan() {
            return Ruling { state: StateCode::Nan, raised: false };
        }
        let was = self.alarm;
        if score >= threshold {
            self.count(persist);
        } else if score < HYSTERESIS * threshold {
            self.under = self.under.saturating_add(1);
            self.over = 0;
            self.alarm &= self.under < persist;
        } else {
            (self.over, self.under) = (0, 0);
        }
        let state = match (self.alarm, self.over) {
            (true, _) => StateCode::Alarm,
            (false, 0) => StateCode::Stable,
            (false, _) => StateCode::Warning,
        };
        Ruling { state, raised: self.alarm && !was }
    }

    /// Counts a sample without a surface; true when it turned the alarm on.
    pub fn lose(&mut self, persist: u32) -> bool {
        let was = self.alarm;
        self.count(persist);
        self.alarm && !was
    }

    /// A sample that has a surface and no score yet: the count of consecutive ones starts anew.
    pub fn interrupt(&mut self) {
        self.over = 0;
    }

    fn count(&mut self, persist: u32) {
        self.over = self.over.saturating_add(1);
        self.under = 0;
        self.alarm |= self.over >= persist;
    }

    pub fn encode(self, out: &mut Encoder) {
        out.u64(u64::from(self.over));
        out.u64(u64::from(self.under));
        out.bool(self.alarm);
    }

    pub fn decode(&mut self, input: &mut Decoder<'_>) -> Result<()> {
        self.over = u32::try_from(input.u64()?).unwrap_or(u32::MAX);
        self.under = u32::try_from(input.u64()?).unwrap_or(u32::MAX);
        self.alarm = input.bool()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use StateCode::{Alarm, Nan, Stable, Warning};

    fn states(scores: &[f64], persist: u32) -> Vec<(StateCode, bool)> {
        let mut rule = Rule::default();
        scores
            .iter()
            .map(|&s| rule.update(s, 1.0, persist))
            .map(|ruling| (ruling.state, ruling.raised))
            .collect()
    }

    #[test]
    fn an_alarm_needs_consecutive_windows() {
        let out = states(&[1.0, 1.2, 0.9, 1.0, 1.0, 1.0, 5.0], 3);
        let expected = [Warning, Warning, Stable, Warning, Warning, Alarm, Alarm];
        assert_eq!(out.iter().map(|o| o.0).collect::<Vec<_>>(), expected);
        assert_eq!(out.iter().position(|o| o.1), Some(5));
        assert_eq!(out.iter().filter(|o| o.1).count(), 1, "raised once");
    }

    #[test]
    fn it_ends_with_hysteresis_and_can_be_raised_again() {
        let out = states(&[2.0, 2.0, 0.9, 0.7, 0.9, 0.7, 0.7, 2.0, 2.0], 2);
        let expected = [Warning, Alarm, Alarm, Alarm, Alarm, Alarm, Stable, Warning, Alarm];
        assert_eq!(out.iter().map(|o| o.0).collect::<Vec<_>>(), expected);
        assert_eq!(out.iter().filter(|o| o.1).count(), 2);
    }

    #[test]
    fn a_lost_surface_counts_as_over_the_threshold() {
        let mut rule = Rule::default();
        assert!(!rule.lose(3) && !rule.lose(3));
        assert_eq!(rule.update(1.5, 1.0, 3), Ruling { state: Alarm, raised: true });
        assert!(!rule.lose(3), "raised once");
        let mut rule = Rule::default();
        assert_eq!([rule.lose(2), rule.lose(2), rule.lose(2)], [false, true, false]);
        let mut rule = Rule::default();
        assert!(!rule.lose(2));
        rule.interrupt();
        assert!(!rule.lose(2), "not consecutive");
    }

    #[test]
    fn an_undefined_score_neither_counts_nor_resets() {
        let out = states(&[2.0, f64::NAN, 2.0, f64::NAN, 0.1], 2);
        assert_eq!(out.iter().map(|o| o.0).collect::<Vec<_>>(), [Warning, Nan, Alarm, Nan, Alarm]);
    }
}
