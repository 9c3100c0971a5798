//! The functions and structs that cross between C++ and Rust.

use super::engine::{Engine, check_fix, new_engine};

#[cxx::bridge(namespace = "foreshock")]
pub mod border {
    /// What the fix's constructor knows of the run.
    struct Host {
        /// LAMMPS's name of the unit style.
        units: String,
        /// Number of atom types.
        ntypes: usize,
        /// Atoms of the system.
        natoms: i64,
        /// Timestep, LAMMPS time units.
        dt: f64,
        /// 2 or 3.
        dimension: usize,
        /// Periodic box dimensions.
        periodic: [bool; 3],
        /// Names of all groups.
        groups: Vec<String>,
        /// Rank in the world of this partition.
        rank: usize,
        /// Ranks in it.
        ranks: usize,
        /// Version string of LAMMPS.
        version: String,
    }

    /// Outcome of checking words: `word` is the offending one, -1 when all is well.
    struct Checked {
        word: i32,
        message: String,
    }

    /// One rank's atoms; the pointers are valid during one call only.
    struct Atoms {
        nlocal: usize,
        nghost: usize,
        /// `atom->x[0]`, three doubles per atom, owned and ghost.
        x: *const f64,
        /// `atom->tag`, as bytes: `wide_tag` tells the width.
        tag: *const u8,
        /// `atom->image`, likewise.
        image: *const u8,
        /// Tags are 64 bits.
        wide_tag: bool,
        /// Images are 64 bits.
        wide_image: bool,
        kind: *const i32,
        mask: *const i32,
        groupbit: i32,
        /// `atom->mass` (by type) or null.
        mass: *const f64,
        /// `atom->rmass` (by atom) or null.
        rmass: *const f64,
        /// Per-atom energy of owned atoms, or null.
        pe: *const f64,
        /// Per-atom stress of owned atoms, six doubles each, or null.
        stress: *const f64,
        /// `domain->boxlo`.
        lo: [f64; 3],
        /// `domain->h`.
        h: [f64; 6],
        periodic: [bool; 3],
    }

    extern "Rust" {
        type Engine;

        fn check_fix(words: &Vec<String>, host: &Host) -> Checked;
        fn new_engine(words: &Vec<String>, host: &Host) -> Result<Box<Engine>>;

        // Settings
        fn every(self: &Engine) -> i32;
        fn side(self: &Engine, which: usize) -> String;
        fn stress_wanted(self: &Engine) -> i32;
        fn set_stress(self: &mut Engine, on: bool);
        fn columns(self: &Engine) -> i32;
        fn modify(self: &mut Engine, words: &Vec<String>) -> Checked;

        // Runs
        fn begin_run(
            self: &mut Engine,
            dt: f64,
            coverage: f64,
            natoms: i64,
            step: i64,
            steps: i64,
        ) -> Result<()>;
        fn end_run(self: &mut Engine, loop_seconds: f64, communication: f64) -> Vec<String>;

        // A sample, in order
        fn needs_survey(self: &Engine) -> bool;
        fn survey(self: &mut Engine, atoms: &Atoms) -> Vec<f64>;
        fn locate(self: &mut Engine, counts: &[f64], atoms: &Atoms) -> Result<()>;
        fn prepare(self: &mut Engine, atoms: &Atoms) -> usize;
        fn pack_ghosts(self: &Engine, atoms: &[i32], width: usize, buffer: &mut [f64]) -> usize;
        fn unpack_ghosts(self: &mut Engine, first: usize, width: usize, buffer: &[f64]);
        fn local(self: &mut Engine, atoms: &Atoms, dt: f64, step: i64);
        fn payload(self: &mut Engine) -> &mut [f64];
        fn mail_length(self: &mut Engine) -> usize;
        fn mail(self: &Engine) -> &[f64];
        fn failed(self: &mut Engine) -> bool;
        fn failure(self: &Engine) -> String;
        fn finish(self: &mut Engine, mail: &[f64], step: i64, atoms: &Atoms);
        fn packet(self: &mut Engine) -> &mut [f64];
        fn accept(self: &mut Engine) -> Result<bool>;
        fn take_log(self: &mut Engine) -> Vec<String>;

        // Flight recorder
        fn dump_due(self: &Engine) -> bool;
        fn late_dump(self: &Engine) -> bool;
        fn dump_message(self: &Engine) -> Vec<f64>;
        fn dump(self: &mut Engine, words: &[f64], step: i64) -> bool;
        fn restart_file(self: &Engine, step: i64) -> String;

        // Verdict
        fn halt_style(self: &Engine) -> i32;
        fn halt_pending(self: &Engine) -> bool;
        fn clear_halt(self: &mut Engine);
        fn reason(self: &mut Engine, file: &str, step: i64) -> String;
        fn output(self: &Engine, at: usize) -> f64;
        fn per_atom(self: &Engine) -> &[f64];

        // Per-atom state and restarts
        fn grow(self: &mut Engine, nmax: usize);
        fn copy(self: &mut Engine, from: usize, to: usize);
        fn set(self: &mut Engine, i: usize, side: u8);
        fn max_words(self: &Engine) -> usize;
        fn words(self: &Engine, i: usize) -> usize;
        fn pack(self: &Engine, i: usize, buffer: &mut [f64]) -> usize;
        fn unpack(self: &mut Engine, i: usize, buffer: &[f64]) -> Result<usize>;
        fn save(self: &mut Engine) -> Result<Vec<u8>>;
        fn restore(self: &mut Engine, bytes: &[u8]) -> Result<()>;
        fn bytes(self: &Engine) -> usize;
        fn shutdown(self: &mut Engine);
    }
}
