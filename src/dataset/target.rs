//! Warning targets: what a detector should have said at a time, known from the whole run.
//!
//! The event is the begin of the instability, t_U. At time t the target is whether the event falls into
//! (t + g, t + H]. Only times at risk count, t < t_U - g: later a warning is of no use. A time whose
//! horizon runs past the end of what is known is censored, neither yes nor no, **whatever the outcome**:
//! if late times counted only where an event is known to follow, their mere existence would tell it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Times are multiples of a sampling interval, summed up in floating point: differences below this mean
/// nothing, ps.
pub const SLACK_PS: f64 = 1e-6;

/// How far ahead a warning looks, and what lead counts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Horizon {
    /// g: an event nearer than this comes too soon to be of use, ps.
    pub gap_ps: f64,
    /// H: the event is expected within this time, ps.
    pub horizon_ps: f64,
    /// An event this long after the end of the baseline, or longer, could have been warned of in time, ps.
    pub least_lead_ps: f64,
}

impl Default for Horizon {
    fn default() -> Self {
        Self { gap_ps: 1.0, horizon_ps: 10.0, least_lead_ps: 5.0 }
    }
}

/// The target at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The event follows within the horizon.
    Positive,
    /// It does not.
    Negative,
    /// What is known of the series ends before the horizon does.
    Censored,
    /// The event is over or about to happen: not trained on, not scored.
    NotAtRisk,
}

impl Target {
    /// 1 or 0 where the target is known and counts.
    #[must_use]
    pub fn value(self) -> Option<u8> {
        match self {
            Self::Positive => Some(1),
            Self::Negative => Some(0),
            Self::Censored | Self::NotAtRisk => None,
        }
    }
}

impl Horizon {
    /// Checks values that come from a file.
    ///
    /// # Errors
    /// [`Error::Input`] naming the value.
    pub fn check(&self) -> Result<()> {
        if !(self.gap_ps >= 0.0 && self.gap_ps.is_finite()) {
            return Err(Error::input("gap_ps", self.gap_ps, "a number that is not negative"));
        }
        if !(self.horizon_ps > self.gap_ps && self.horizon_ps.is_finite()) {
            return Err(Error::input(
                "horizon_ps",
                self.horizon_ps,
                format!("more than gap_ps = {}", self.gap_ps),
            ));
        }
        if !(self.least_lead_ps >= 0.0 && self.least_lead_ps.is_finite()) {
            return Err(Error::input("least_lead_ps", self.least_lead_ps, "a number that is not negative"));
        }
        Ok(())
    }

    /// The target at `time_ps` of a series with its event at `event_ps`, if there is one; whether there is
    /// is known up to `end_ps`.
    #[must_use]
    pub fn target(&self, time_ps: f64, event_ps: Option<f64>, end_ps: f64) -> Target {
        match event_ps {
            Some(event) if time_ps >= event - self.gap_ps - SLACK_PS => Target::NotAtRisk,
            _ if time_ps + self.horizon_ps > end_ps + SLACK_PS => Target::Censored,
            Some(event) if event <= time_ps + self.horizon_ps + SLACK_PS => Target::Positive,
            _ => Target::Negative,
        }
    }

    /// Whether a series has an event that leaves time for a warning once the baseline has ended.
    #[must_use]
    pub fn warnable(&self, event_ps: Option<f64>, baseline_end_ps: f64) -> bool {
        event_ps.is_some_and(|event| event - baseline_end_ps >= self.least_lead_ps - SLACK_PS)
    }
}

impl fmt::Display for Horizon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { gap_ps, horizon_ps, least_lead_ps } = self;
        write!(f, "gap_ps {gap_ps}, horizon_ps {horizon_ps}, least_lead_ps {least_lead_ps}")
    }
}

#[cfg(test)]
mod tests {
    use super::Target::{Censored, Negative, NotAtRisk, Positive};
    use super::*;

    const H: Horizon = Horizon { gap_ps: 1.0, horizon_ps: 10.0, least_lead_ps: 5.0 };

    #[test]
    fn the_horizon_is_open_at_the_gap_and_closed_at_its_end() {
        let event = Some(20.0);
        for (time, target) in [
            (0.0, Negative),
            (9.875, Negative),
            (10.0, Positive),
            (18.875, Positive),
            (19.0, NotAtRisk),
            (20.0, NotAtRisk),
            (40.0, NotAtRisk),
        ] {
            assert_eq!(H.target(time, event, 60.0), target, "t = {time}");
        }
    }

    #[test]
    fn the_end_censors_whatever_the_outcome() {
        for event in [None, Some(59.0)] {
            assert_ne!(H.target(50.0, event, 60.0), Censored);
            assert_eq!(H.target(50.125, event, 60.0), Censored);
            assert_eq!(H.target(40.0, event, 60.0), Negative);
        }
        assert_eq!(H.target(50.0, Some(59.0), 60.0), Positive);
        assert_eq!(H.target(58.5, Some(59.0), 60.0), NotAtRisk);
    }

    #[test]
    fn times_that_are_sums_are_not_decided_by_their_rounding() {
        // 0.1 + 0.2 > 0.3: the last digit must not move a frame over a boundary.
        let sum = 0.1 + 0.2;
        assert_eq!(H.target(sum, Some(10.3), 60.0), Positive);
        assert_eq!(H.target(0.3, Some(10.0 + sum), 60.0), Positive);
        assert_eq!(H.target(0.3, Some(1.0 + sum), 60.0), NotAtRisk);
        assert_eq!(H.target(sum, None, 10.3), Negative);
    }

    #[test]
    fn a_warnable_event_leaves_the_least_lead_after_the_baseline() {
        assert!(H.warnable(Some(12.5), 7.5));
        assert!(!H.warnable(Some(12.375), 7.5));
        assert!(!H.warnable(None, 7.5));
    }

    #[test]
    fn only_known_targets_have_a_value() {
        assert_eq!(
            [Positive, Negative, Censored, NotAtRisk].map(Target::value),
            [Some(1), Some(0), None, None]
        );
    }

    #[test]
    fn senseless_horizons_are_named() {
        for (wrong, key) in [
            (Horizon { gap_ps: -1.0, ..H }, "gap_ps"),
            (Horizon { horizon_ps: 1.0, ..H }, "horizon_ps"),
            (Horizon { least_lead_ps: f64::NAN, ..H }, "least_lead_ps"),
        ] {
            assert!(wrong.check().expect_err(key).to_string().starts_with(key));
        }
        Horizon::default().check().expect("the default is fine");
    }
}
