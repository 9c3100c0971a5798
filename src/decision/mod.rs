//! From scores to verdicts: threshold, persistence, hysteresis, and a state for everything that is
//! not a verdict.
//!
//! Enters: a detector's [`Score`] of a window, in window order per interface, or the window stage's
//! phase where there is nothing to score. Leaves: a [`Verdict`] and, when an alarm is raised, an
//! [`Alarm`] that says why. Runs on rank 0, on the thread that samples; `replay` runs the same code.

mod rule;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::frame::Frame;
use crate::restart::{Decoder, Encoder};
use crate::stream::nan;
use crate::window::instability::Contribution;
use crate::window::{Phase, WindowMessage, WindowOutput};
use rule::Rule;

pub use rule::HYSTERESIS;

/// What an interface's state is; the number is thermo column 10.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum StateCode {
    /// 0: nothing was sampled yet.
    NoSample = 0,
    /// 1: the topology reference is being averaged.
    Reference = 1,
    /// 2: the statistics baseline is being collected.
    Learning = 2,
    /// 3: fewer frames than a window needs.
    Filling = 3,
    /// 4: judged, below the threshold.
    Stable = 4,
    /// 5: over the threshold, not yet for long enough.
    Warning = 5,
    /// 6: alarm.
    Alarm = 6,
    /// 7: there is no interface left to measure.
    NoSurface = 7,
    /// 8: descriptors that the baseline had, or the score, are undefined.
    Nan = 8,
    /// 9: the inference thread has died.
    WorkerDead = 9,
    /// 10: the last verdict is too old to be shown as one.
    Stale = 10,
}

impl StateCode {
    /// All states, by number.
    pub const ALL: [Self; 11] = [
        Self::NoSample,
        Self::Reference,
        Self::Learning,
        Self::Filling,
        Self::Stable,
        Self::Warning,
        Self::Alarm,
        Self::NoSurface,
        Self::Nan,
        Self::WorkerDead,
        Self::Stale,
    ];

    /// The number in thermo column 10.
    #[must_use]
    pub fn number(self) -> u8 {
        self as u8
    }

    /// The name in streams and messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NoSample => "no_sample",
            Self::Reference => "reference",
            Self::Learning => "learning",
            Self::Filling => "filling",
            Self::Stable => "stable",
            Self::Warning => "warning",
            Self::Alarm => "alarm",
            Self::NoSurface => "no_surface",
            Self::Nan => "nan",
            Self::WorkerDead => "worker_dead",
            Self::Stale => "stale",
        }
    }

    /// How much attention a state needs: the worse interface is the one with the higher value. An
    /// unknown interface is worse than a stable one, a lost one worse still.
    #[must_use]
    pub fn severity(self) -> u8 {
        match self {
            Self::Stable => 0,
            Self::Filling => 1,
            Self::Learning => 2,
            Self::Reference => 3,
            Self::NoSample => 4,
            Self::Stale => 5,
            Self::Nan => 6,
            Self::WorkerDead => 7,
            Self::NoSurface => 8,
            Self::Warning => 9,
            Self::Alarm => 10,
        }
    }
}

/// What a detector says about a window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// What the threshold applies to.
    pub score: f64,
    /// Warning probability, NaN for a detector that is no classifier.
    pub p_warning: f64,
    /// Probabilities of stable, reconstructing, unstable; NaN as above.
    pub p_states: [f64; 3],
    /// Out-of-distribution p-value; NaN where none is computed.
    pub ood_p: f64,
}

/// What is known about an interface after a frame.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// The interface.
    pub interface: usize,
    /// Sample number of the window's last frame.
    pub frame: u64,
    /// LAMMPS step of the window's last frame.
    pub window_end_step: i64,
    /// Time of the window's last frame, ps.
    pub time_ps: f64,
    /// The state.
    pub state: StateCode,
    /// Warning probability; NaN where unknown and with the CUSUM detector.
    #[serde(with = "nan")]
    pub p_warning: f64,
    /// Probabilities of stable, reconstructing, unstable; NaN as above.
    #[serde(with = "nan::array")]
    pub p_states: [f64; 3],
    /// Whether the alarm is on (it goes off again with hysteresis).
    pub alarm: bool,
    /// Instability index; NaN where unknown.
    #[serde(with = "nan")]
    pub index: f64,
    /// CUSUM statistic over its alarm level; NaN where unknown.
    #[serde(with = "nan")]
    pub cusum: f64,
    /// Out-of-distribution p-value; NaN where none is computed.
    #[serde(with = "nan")]
    pub ood_p: f64,
}

impl Verdict {
    /// The verdict before the first sample.
    #[must_use]
    pub fn none(interface: usize) -> Self {
        Self {
            interface,
            frame: 0,
            window_end_step: 0,
            time_ps: 0.0,
            state: StateCode::NoSample,
            p_warning: f64::NAN,
            p_states: [f64::NAN; 3],
            alarm: false,
            index: f64::NAN,
            cusum: f64::NAN,
            ood_p: f64::NAN,
        }
    }

    /// What the window stage alone says of a frame without a window to score, but for the alarm: see
    /// [`Decision::pass`].
    #[must_use]
    pub fn unscored(frame: &Frame, output: &WindowOutput) -> Self {
        let state = match output.phase {
            Phase::Reference => StateCode::Reference,
            Phase::Learning => StateCode::Learning,
            Phase::Filling | Phase::Ready => StateCode::Filling,
            Phase::NoSurface => StateCode::NoSurface,
            Phase::Nan => StateCode::Nan,
        };
        Self {
            frame: frame.index,
            window_end_step: frame.step,
            time_ps: frame.time_ps,
            state,
            index: output.index,
            cusum: output.cusum,
            ..Self::none(frame.interface)
        }
    }

    /// Equal bit by bit, where NaN equals NaN.
    #[must_use]
    pub fn same_bits(&self, other: &Self) -> bool {
        let numbers = |v: &Self| {
            [v.time_ps, v.p_warning, v.p_states[0], v.p_states[1], v.p_states[2], v.index, v.cusum, v.ood_p]
                .map(f64::to_bits)
        };
        let rest = |v: &Self| (v.interface, v.frame, v.window_end_step, v.state, v.alarm);
        numbers(self) == numbers(other) && rest(self) == rest(other)
    }

    /// Saves the verdict for a restart.
    pub fn encode(&self, out: &mut Encoder) {
        out.u64(self.interface as u64);
        out.u64(self.frame);
        out.i64(self.window_end_step);
        out.u64(u64::from(self.state.number()));
        out.bool(self.alarm);
        let [a, b, c] = self.p_states;
        for value in [self.time_ps, self.p_warning, a, b, c, self.index, self.cusum, self.ood_p] {
            out.f64(value);
        }
    }

    /// Reads a saved verdict.
    ///
    /// # Errors
    /// [`Error::State`] for a state code that is none, or when the bytes end early.
    pub fn decode(input: &mut Decoder<'_>) -> Result<Self> {
        let mut verdict = Self::none(usize::try_from(input.u64()?).unwrap_or(usize::MAX));
        verdict.frame = input.u64()?;
        verdict.window_end_step = input.i64()?;
        let number = input.u64()?;
        verdict.state = *usize::try_from(number)
            .ok()
            .and_then(|n| StateCode::ALL.get(n))
            .ok_or_else(|| Error::State(format!("state code {number}, expected 0 to 10")))?;
        verdict.alarm = input.bool()?;
        verdict.time_ps = input.f64()?;
        verdict.p_warning = input.f64()?;
        verdict.p_states = [input.f64()?, input.f64()?, input.f64()?];
        verdict.index = input.f64()?;
        verdict.cusum = input.f64()?;
        verdict.ood_p = input.f64()?;
        Ok(verdict)
    }
}

/// The interface that needs most attention: by state, then by CUSUM and index, then by number.
#[must_use]
pub fn worst(verdicts: &[Verdict]) -> usize {
    let known = |x: f64| if x.is_nan() { f64::NEG_INFINITY } else { x };
    let key = |v: &Verdict| (v.state.severity(), known(v.p_warning), known(v.cusum), known(v.index));
    let mut worst = 0;
    for at in 1..verdicts.len() {
        let (a, b) = (key(&verdicts[at]), key(&verdicts[worst]));
        let order =
            a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)).then(a.2.total_cmp(&b.2)).then(a.3.total_cmp(&b.3));
        if order.is_gt() {
            worst = at;
        }
    }
    worst
}

/// An alarm that was raised, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alarm {
    /// The interface.
    pub interface: usize,
    /// Sample number of the window's last frame.
    pub frame: u64,
    /// LAMMPS step of the window's last frame.
    pub window_end_step: i64,
    /// Time of the window's last frame, ps.
    pub time_ps: f64,
    /// The detector's score; NaN where the interface has no surface any more.
    #[serde(with = "nan")]
    pub score: f64,
    /// The threshold it reached.
    pub threshold: f64,
    /// Windows in a row that reached it.
    pub windows: u32,
    /// Instability index.
    #[serde(with = "nan")]
    pub index: f64,
    /// The descriptors that the index is mostly made of, largest share first.
    pub top: Vec<Contribution>,
}

impl Alarm {
    /// The alarm in words.
    #[must_use]
    pub fn reason(&self) -> String {
        if self.score.is_nan() {
            return format!(
                "interface {} at step {} ({:.3} ps): the composition no longer crosses 50 % inside the region",
                self.interface + 1,
                self.window_end_step,
                self.time_ps
            );
        }
        let top: Vec<String> = self
            .top
            .iter()
            .map(|c| format!("{} {:+.1} sigma ({:.0} %)", c.descriptor, c.sigmas, 100.0 * c.share))
            .collect();
        format!(
            "interface {} at step {} ({:.3} ps): score {:.3} >= {:.3} in {} consecutive window{}, instability \
             index {:.2}, mostly {}",
            self.interface + 1,
            self.window_end_step,
            self.time_ps,
            self.score,
            self.threshold,
            self.windows,
            if self.windows == 1 { "" } else { "s" },
            self.index,
            if top.is_empty() { "nothing in particular".to_owned() } else { top.join(", ") },
        )
    }
}

/// Threshold, persistence and every interface's counters.
#[derive(Debug, Clone)]
pub struct Decision {
    threshold: f64,
    persist: u32,
    /// Whether a lost surface counts as a window over the threshold.
    lost_counts: bool,
    rules: Vec<Rule>,
}

impl Decision {
    /// No alarm on any interface. `lost_counts`: whether a lost surface counts as a window over the threshold.
    ///
    /// # Errors
    /// [`Error::Input`] for a threshold that is not positive or a persistence of 0.
    pub fn new(threshold: f64, persist: u32, interfaces: usize, lost_counts: bool) -> Result<Self> {
        let mut decision = Self { threshold, persist, lost_counts, rules: vec![Rule::default(); interfaces] };
        decision.set_threshold(threshold)?;
        decision.set_persist(persist)?;
        Ok(decision)
    }

    /// The threshold.
    #[must_use]
    pub fn threshold(&self) -> f64 {
        self.threshold
    }

    /// Consecutive windows over the threshold before an alarm.
    #[must_use]
    pub fn persist(&self) -> u32 {
        self.persist
    }

    /// Changes the threshold; counters stay.
    ///
    /// # Errors
    /// [`Error::Input`] unless it is positive and finite.
    pub fn set_threshold(&mut self, threshold: f64) -> Result<()> {
        if !threshold.is_finite() || threshold <= 0.0 {
            return Err(Error::input("warn", threshold, "auto or a positive number"));
        }
        self.threshold = threshold;
        Ok(())
    }

    /// Changes the persistence; counters stay.
    ///
    /// # Errors
    /// [`Error::Input`] for 0.
    pub fn set_persist(&mut self, persist: u32) -> Result<()> {
        if persist == 0 {
            return Err(Error::input("persist", persist, "at least 1 window"));
        }
        self.persist = persist;
        Ok(())
    }

    /// Judges a scored window. Windows of an interface come in order; windows that were dropped are
    /// skipped, so `persist` counts scored windows.
    pub fn judge(&mut self, window: &WindowMessage, score: &Score) -> (Verdict, Option<Alarm>) {
        let rule = &mut self.rules[window.interface];
        let ruling = rule.update(score.score, self.threshold, self.persist);
        let verdict = Verdict {
            interface: window.interface,
            frame: window.frame,
            window_end_step: window.step,
            time_ps: window.time_ps,
            state: ruling.state,
            p_warning: score.p_warning,
            p_states: score.p_states,
            alarm: rule.alarm(),
            index: window.index,
            cusum: window.cusum,
            ood_p: score.ood_p,
        };
        let alarm = ruling.raised.then(|| Alarm {
            interface: window.interface,
            frame: window.frame,
            window_end_step: window.step,
            time_ps: window.time_ps,
            score: score.score,
            threshold: self.threshold,
            windows: self.persist,
            index: window.index,
            top: window.top.clone(),
        });
        (verdict, alarm)
    }

    /// Judges a frame that has no window to score, in its turn among the windows. A lost surface may count
    /// as a window over the threshold; otherwise counters and alarm stay as they are.
    pub fn pass(&mut self, unscored: Verdict) -> (Verdict, Option<Alarm>) {
        let rule = &mut self.rules[unscored.interface];
        let raised = match unscored.state {
            StateCode::NoSurface if self.lost_counts => rule.lose(self.persist),
            // As an undefined score: neither counts nor resets.
            StateCode::NoSurface | StateCode::Nan => false,
            _ => {
                rule.interrupt();
                false
            }
        };
        let verdict = Verdict { alarm: rule.alarm(), ..unscored };
        let alarm = raised.then(|| Alarm {
            interface: verdict.interface,
            frame: verdict.frame,
            window_end_step: verdict.window_end_step,
            time_ps: verdict.time_ps,
            score: f64::NAN,
            threshold: self.threshold,
            windows: self.persist,
            index: verdict.index,
            top: Vec::new(),
        });
        (verdict, alarm)
    }

    /// Saves the counters for a restart; threshold and persistence come from the fix line.
    pub fn encode(&self, out: &mut Encoder) {
        self.rules.iter().for_each(|rule| rule.encode(out));
    }

    /// Replaces the counters by saved ones.
    ///
    /// # Errors
    /// [`Error::State`] when the bytes end early.
    pub fn decode(&mut self, input: &mut Decoder<'_>) -> Result<()> {
        self.rules.iter_mut().try_for_each(|rule| rule.decode(input))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(interface: usize, state: StateCode, cusum: f64) -> Verdict {
        Verdict { state, cusum, ..Verdict::none(interface) }
    }

    #[test]
    fn numbers_are_the_documented_ones() {
        for (number, state) in StateCode::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(state.number()), number);
            let json = serde_json::to_value(state).expect("a unit variant");
            assert_eq!(json.as_str(), Some(state.name()));
        }
    }

    #[test]
    fn the_worse_interface_is_by_state_then_by_number() {
        let two = |a, b| worst(&[verdict(0, a, 0.5), verdict(1, b, 0.5)]);
        assert_eq!(two(StateCode::Stable, StateCode::Stable), 0);
        assert_eq!(two(StateCode::Stable, StateCode::Nan), 1);
        assert_eq!(two(StateCode::NoSurface, StateCode::Stable), 0);
        assert_eq!(two(StateCode::Alarm, StateCode::WorkerDead), 0);
        let stable = |cusum| verdict(0, StateCode::Stable, cusum);
        assert_eq!(worst(&[stable(0.1), stable(0.2)]), 1);
        assert_eq!(worst(&[stable(0.1), stable(f64::NAN)]), 0);
    }

    #[test]
    fn the_reason_names_interface_step_and_descriptors() {
        let part = |name: &str, share, sigmas| Contribution { descriptor: name.to_owned(), share, sigmas };
        let alarm = Alarm {
            interface: 1,
            frame: 260,
            window_end_step: 13_000,
            time_ps: 26.0,
            score: 1.0417,
            threshold: 1.0,
            windows: 3,
            index: 2.311,
            top: vec![part("thickness", 0.31, 4.2), part("rate of bonds_broken", 0.18, -3.1)],
        };
        assert_eq!(
            alarm.reason(),
            "interface 2 at step 13000 (26.000 ps): score 1.042 >= 1.000 in 3 consecutive windows, \
             instability index 2.31, mostly thickness +4.2 sigma (31 %), rate of bonds_broken -3.1 sigma (18 %)"
        );
    }

    #[test]
    fn verdicts_survive_streams_and_restarts_bit_for_bit() {
        let mut verdict = verdict(1, StateCode::Warning, 0.1 + 0.2);
        verdict.time_ps = 1.0 / 3.0;
        verdict.alarm = true;
        verdict.window_end_step = -7;
        let json = serde_json::to_string(&verdict).expect("plain data");
        assert!(json.contains("\"p_warning\":null") && json.contains("[null,null,null]"), "{json}");
        let back: Verdict = serde_json::from_str(&json).expect("own output");
        assert!(back.same_bits(&verdict));
        let mut out = Encoder::new();
        verdict.encode(&mut out);
        let bytes = out.seal("v", 1);
        let back = Verdict::decode(&mut Decoder::open(&bytes, "v", 1).expect("sealed")).expect("whole");
        assert!(back.same_bits(&verdict));
        let mut other = verdict.clone();
        other.cusum = 0.3;
        assert!(!other.same_bits(&verdict), "0.1 + 0.2 is not 0.3");
    }

    #[test]
    fn a_lost_surface_raises_the_alarm_where_it_counts_and_only_there() {
        for lost_counts in [true, false] {
            let mut decision = Decision::new(1.0, 3, 1, lost_counts).expect("valid");
            let alarms = (0..5).filter(|_| decision.pass(verdict(0, StateCode::NoSurface, 0.0)).1.is_some());
            assert_eq!(alarms.count(), usize::from(lost_counts));
        }
    }

    #[test]
    fn bad_settings_are_refused_by_name() {
        let message = |r: Result<Decision>| r.expect_err("refused").to_string();
        assert_eq!(message(Decision::new(0.0, 3, 1, true)), "warn = '0': expected auto or a positive number");
        assert_eq!(
            message(Decision::new(f64::NAN, 3, 1, true)),
            "warn = 'NaN': expected auto or a positive number"
        );
        assert_eq!(message(Decision::new(1.0, 0, 1, true)), "persist = '0': expected at least 1 window");
    }
}
