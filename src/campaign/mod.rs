//! Campaigns: factors x levels x seeds to finished runs, whatever happens in between.
//!
//! Enters: a YAML file that names factors, input scripts and blocks of runs. Leaves: one folder per
//! run with the recorded stream and `run.json`. Nothing in it is a language of its own: input
//! scripts are LAMMPS's, a run's values reach them as LAMMPS variables.
//!
//! The names of folders end with a hash of all inputs, so a folder in `runs/` is finished, belongs to
//! exactly these inputs, and is never made again. A run that a crash or a signal interrupts starts
//! again from its inputs.
//!
//! # Threads and ordering
//! Each of the `jobs` worker threads takes the next run of the plan, starts LAMMPS as a process and
//! waits for it; events go to the caller's thread. Runs begin in the order of the plan.
//!
//! # Shutdown
//! When the stop flag is set, workers end their LAMMPS (its whole process group), delete the half
//! run, and return; no process is left behind.

mod execute;
mod folder;
mod identity;
mod plan;
mod pool;
mod process;
mod record;
mod schema;
mod status;

pub use execute::{DATA, Job, Launch, Outcome, TAIL, Workshop};
pub use folder::{Folder, Lock};
pub use identity::{Content, Files, Inputs, Programs, StageInput, hex, sha256, specification};
pub use plan::{Planned, Start, plan};
pub use pool::{Event, run_all};
pub use record::{RECORD, Record, SCHEMA, StageCost, Status};
pub use schema::{Block, Campaign, Factor, Level, Numbers, OneOrMany, Scalar, Stage, Values};
pub use status::{ConditionCount, Overview, Todo, overview, survey};
