//! Right numbers and state that stays right, with the real LAMMPS: its own computes, analytic crystals,
//! ranks, symmetries, restarts, split runs, moving atoms, unit styles and boxes of every kind.

#![cfg(feature = "inprocess")]

#[path = "../machine/mod.rs"]
mod machine;

mod lab;

mod boxes;
mod continuity;
mod crystals;
mod invariance;
mod labels;
mod native;
mod trajectory;
mod transport;
mod unit_styles;
