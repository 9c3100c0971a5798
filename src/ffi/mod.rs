//! The border to C++: every `unsafe` block and all cxx of the crate.
//!
//! Enters: borrowed LAMMPS arrays. Leaves: frames' values, verdicts, packed per-atom state. All
//! functions run on the LAMMPS thread. A panic must not cross the border (cxx would abort the whole
//! MPI job), so everything that computes runs under a guard and ends as an error that all ranks
//! raise together.

#![allow(unsafe_code)]

mod bridge;
mod engine;
mod view;
