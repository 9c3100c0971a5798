//! Foreshock: early warning of interface failure inside a running LAMMPS simulation.
//!
//! One data path, which is also the order of the modules: LAMMPS atoms enter through `ffi`, the
//! `Extractor` turns them into a [`frame::Frame`] per interface and sample, the window stage adds
//! history, the inference thread scores, the decision speaks, and the verdict goes to thermo, the
//! stream and the halt.

pub mod atoms;
pub mod blackbox;
#[cfg(feature = "cli")]
pub mod campaign;
pub mod config;
#[cfg(feature = "learn")]
pub mod dataset;
pub mod decision;
pub mod descriptors;
pub mod elements;
pub mod error;
pub mod extractor;
mod faults;
#[cfg(feature = "plugin")]
mod ffi;
pub mod frame;
pub mod geometry;
#[cfg(feature = "inprocess")]
pub mod inprocess;
#[cfg(feature = "cli")]
pub mod interface;
pub mod label;
#[cfg(feature = "learn")]
pub mod learn;
pub mod model;
pub mod neighbors;
#[cfg(feature = "learn")]
pub mod onset;
pub mod pipeline;
#[cfg(feature = "cli")]
pub mod plot;
#[cfg(feature = "cli")]
pub mod potential;
pub mod registry;
pub mod replay;
#[cfg(feature = "watch")]
pub mod report;
pub mod restart;
#[cfg(feature = "watch")]
pub mod serve;
pub mod stream;
pub mod units;
#[cfg(feature = "watch")]
pub mod watch;
pub mod window;
pub mod worker;

pub use error::{Error, Result};
