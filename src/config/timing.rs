//! Times as numbers of samples: the one place that rounds them and says whether they fit N.

use super::FixConfig;
use super::value::show;
use crate::units::UnitStyle;

/// Samples that the statistics baseline must hold, for a covariance to mean anything.
pub const MIN_BASELINE_SAMPLES: usize = 20;

/// Samples that the lag may span: positions and neighbours of that many samples are kept per atom.
pub const MAX_LAG_SAMPLES: usize = 64;

/// Room for rounding in a quotient of two times.
const SLACK: f64 = 1e-6;

/// The configured times counted in samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Timing {
    /// Time between samples, ps (tau in lj units).
    pub interval_ps: f64,
    /// Sampling intervals in the topology reference, at least 1.
    pub reference_samples: usize,
    /// Sampling intervals between the reference's end and the baseline's start.
    pub baseline_start_samples: usize,
    /// Samples in the statistics baseline, at least [`MIN_BASELINE_SAMPLES`].
    pub baseline_samples: usize,
    /// Sampling intervals in the lag, 1 to [`MAX_LAG_SAMPLES`].
    pub lag_samples: usize,
}

/// A time that does not fit the sampling interval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimingFault {
    /// The keyword to change.
    pub keyword: &'static str,
    /// Which value is wrong, what was expected, and the N or the length that would do.
    pub message: String,
}

impl FixConfig {
    /// Counts the configured times in samples. The timestep may change between runs, so the fix asks
    /// again whenever a run starts.
    ///
    /// `dt_ps` is the timestep in ps (tau in lj units); `units` is only for the message, which
    /// speaks in the run's units.
    ///
    /// # Errors
    /// [`TimingFault`] when the timestep is no positive number, the reference or the lag is shorter
    /// than one sampling interval, the lag is longer than [`MAX_LAG_SAMPLES`] or the baseline holds
    /// fewer than [`MIN_BASELINE_SAMPLES`] samples.
    pub fn timing(&self, dt_ps: f64, units: UnitStyle) -> Result<Timing, TimingFault> {
        let fault = |keyword, message| Err(TimingFault { keyword, message });
        let time = |ps: f64| format!("{} {}", show(ps / units.time()), time_name(units));
        let n = self.every;
        let interval = n as f64 * dt_ps;
        if !(dt_ps.is_finite() && dt_ps > 0.0) {
            return fault("N", format!("timestep = '{}': expected a positive number", show(dt_ps)));
        }
        // Largest N at which `ps` spans `count` sampling intervals, said only where there is one.
        let lower_n = |ps: f64, count: usize| match (ps / (dt_ps * count as f64) + SLACK).floor() {
            n if n >= 1.0 => format!("lower N to {n} or raise"),
            _ => "raise".to_owned(),
        };

        let reference = self.reference / interval;
        if reference < 1.0 - SLACK {
            return fault(
                "reference",
                format!(
                    "reference = '{}': expected at least one sampling interval, {} at N = {n}: {} reference",
                    time(self.reference),
                    time(interval),
                    lower_n(self.reference, 1)
                ),
            );
        }
        let lag = self.lag / interval;
        if lag < 1.0 - SLACK {
            return fault(
                "lag",
                format!(
                    "lag = '{}': expected at least one sampling interval, {} at N = {n}: {} lag",
                    time(self.lag),
                    time(interval),
                    lower_n(self.lag, 1)
                ),
            );
        }
        if lag > MAX_LAG_SAMPLES as f64 + SLACK {
            return fault(
                "lag",
                format!(
                    "lag = '{}': expected at most {MAX_LAG_SAMPLES} sampling intervals, {} at N = {n}: \
                     raise N to {} or lower lag",
                    time(self.lag),
                    time(interval * MAX_LAG_SAMPLES as f64),
                    (self.lag / (dt_ps * MAX_LAG_SAMPLES as f64) - SLACK).ceil()
                ),
            );
        }
        let baseline = (self.baseline_length / interval + SLACK).floor();
        if baseline < MIN_BASELINE_SAMPLES as f64 {
            return fault(
                "baseline",
                format!(
                    "baseline LENGTH = '{}': expected at least {MIN_BASELINE_SAMPLES} samples, N = {n} gives \
                     {baseline}: {} LENGTH to {}",
                    time(self.baseline_length),
                    lower_n(self.baseline_length, MIN_BASELINE_SAMPLES),
                    time(interval * MIN_BASELINE_SAMPLES as f64)
                ),
            );
        }
        // Float-to-integer casts saturate: an absurdly long time means "never", not a panic.
        Ok(Timing {
            interval_ps: interval,
            reference_samples: reference.round() as usize,
            baseline_start_samples: (self.baseline_start / interval).round() as usize,
            baseline_samples: baseline as usize,
            lag_samples: lag.round() as usize,
        })
    }
}

/// What the run calls its time unit.
pub(super) fn time_name(units: UnitStyle) -> &'static str {
    match units {
        UnitStyle::Lj => "tau",
        UnitStyle::Real | UnitStyle::Electron => "fs",
        UnitStyle::Metal => "ps",
        UnitStyle::Si | UnitStyle::Cgs => "s",
        UnitStyle::Micro => "us",
        UnitStyle::Nano => "ns",
    }
}

/// What the run calls its length unit.
pub(super) fn length_name(units: UnitStyle) -> &'static str {
    match units {
        UnitStyle::Lj => "sigma",
        UnitStyle::Real | UnitStyle::Metal => "angstrom",
        UnitStyle::Si => "m",
        UnitStyle::Cgs => "cm",
        UnitStyle::Electron => "bohr",
        UnitStyle::Micro => "um",
        UnitStyle::Nano => "nm",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(every: u64) -> FixConfig {
        FixConfig::with_defaults(every, ["a".to_owned(), "b".to_owned()], 1)
    }

    #[test]
    fn defaults_at_fifty_steps_of_two_femtoseconds() {
        let timing = config(50).timing(0.002, UnitStyle::Metal).expect("fits");
        assert_eq!(
            (timing.reference_samples, timing.baseline_start_samples, timing.baseline_samples),
            (5, 20, 50)
        );
        assert_eq!(timing.lag_samples, 10);
        assert!((timing.interval_ps - 0.1).abs() < 1e-15);
    }

    #[test]
    fn quotients_that_are_whole_up_to_rounding_count_as_whole() {
        // 0.3 / (3 * 0.1) is 0.9999999999999999 and 6 / 0.3 is 20 only up to rounding.
        let mut config = config(3);
        config.reference = 0.3;
        config.lag = 0.3;
        config.baseline_length = 6.0;
        let timing = config.timing(0.1, UnitStyle::Metal).expect("fits");
        assert_eq!((timing.reference_samples, timing.lag_samples, timing.baseline_samples), (1, 1, 20));
    }

    #[test]
    fn the_advised_n_is_accepted() {
        let mut config = config(300);
        config.reference = 0.6;
        let fault = config.timing(0.002, UnitStyle::Metal).expect_err("8 samples in the baseline");
        assert_eq!(fault.keyword, "baseline");
        assert!(fault.message.contains("lower N to 125 or raise LENGTH to 12 ps"), "{}", fault.message);
        config.every = 125;
        assert!(config.timing(0.002, UnitStyle::Metal).is_ok());
        config.lag = 20.0;
        let fault = config.timing(0.002, UnitStyle::Metal).expect_err("80 samples in the lag");
        assert!(fault.message.contains("raise N to 157 or lower lag"), "{}", fault.message);
        config.every = 157;
        config.baseline_length = 10.0;
        assert!(config.timing(0.002, UnitStyle::Metal).is_ok());
    }

    #[test]
    fn messages_speak_in_the_units_of_the_run() {
        let fault = config(2000).timing(0.001, UnitStyle::Real).expect_err("reference too short");
        assert_eq!(
            fault.message,
            "reference = '500 fs': expected at least one sampling interval, 2000 fs at N = 2000: lower N to \
             500 or raise reference"
        );
    }

    #[test]
    fn a_timestep_that_is_no_positive_number_is_named() {
        for dt in [0.0, -0.001, f64::NAN, f64::INFINITY] {
            assert_eq!(config(10).timing(dt, UnitStyle::Metal).expect_err("no timestep").keyword, "N");
        }
    }
}
