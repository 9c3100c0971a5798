//! Scores: how good verdicts are. Every method goes through this same code.

pub mod alarms;
pub mod bootstrap;
pub mod breakpoint;
pub mod calibration;
pub mod classes;
pub mod ranking;
