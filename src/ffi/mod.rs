//! The border to C++: every `unsafe` block and all cxx of the crate.
//!
//! Enters: borrowed LAMMPS arrays. Leaves: frames' values, verdicts, packed per-atom state. All
//! functions run on the LAMMPS thread. A panic must not cross the border (cxx would abort the whole
//! MPI job), so whatever measures, judges, records or restores runs under a guard and ends as an error
//! that all ranks raise together; what only copies an atom's words or hands out a number does not.

#![allow(unsafe_code)]

mod bridge;
mod engine;
mod view;
