//! One interface's descriptors at one sample: what the extractor hands to the window stage, what
//! the stream records and what a dataset stores.

/// Descriptors of one interface at one sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// Sample number, counted from the fix's first sample; survives restarts and `reset_timestep`.
    pub index: u64,
    /// LAMMPS step of the sample.
    pub step: i64,
    /// Simulated time since the first sample, ps (tau in lj units).
    pub time_ps: f64,
    /// Which interface: 0 is the A-to-B crossing along +normal, 1 the B-to-A crossing.
    pub interface: usize,
    /// Where the interface stands.
    pub condition: Condition,
    /// Values in the order of [`crate::registry::frame_names`]; NaN where not (yet) defined.
    pub values: Vec<f64>,
}

/// What the extractor could say about an interface at a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// The topology reference is still being averaged: no descriptor is defined yet.
    Reference,
    /// Descriptors are defined.
    Measured,
    /// The composition profile no longer crosses 50 %: the interface has dissolved or left.
    NoSurface,
}
