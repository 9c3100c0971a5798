//! Atoms in, frames out: the only caller of descriptors. Live runs, `rerun` of a dump and
//! recording for training all go through it.
//!
//! A sample is taken in five steps; the caller (C++ through `ffi`) does the communication between
//! them, Rust never calls MPI:
//!
//! 1. first sample only: [`Extractor::survey`], sum over ranks, [`Extractor::locate`];
//! 2. [`Extractor::prepare`], then ghosts' sides (and, once, shifts) by forward communication;
//! 3. [`Extractor::local`]: this rank's partial sums and mail; one reduction over ranks;
//! 4. rank 0: [`Extractor::finish`] turns the sums and the gathered mail into frames;
//! 5. all ranks: [`Extractor::accept`] the broadcast control words.
//!
//! Per-atom parts live in the [`AtomStore`] and travel with atoms; what all ranks share is in
//! [`Shared`]; averages over the reference are on rank 0 only.

mod local;
mod payload;
mod plan;
mod root;
mod shared;
mod state;
mod survey;

pub use payload::{ERRORS, LabelEvent, LabelKind, MAIL};
pub use plan::{BREAK_FACTOR, Chemistry, Plan};
pub use shared::{Shared, Surface};

use crate::atoms::{AtomStore, AtomsView, Side};
use crate::descriptors::{radial, surface};
use crate::error::{Error, Result};
use crate::frame::Frame;
use crate::geometry::Cell;
use crate::label::Rules;
use local::Scratch;
use payload::Layout;
use root::Reference;

/// Doubles sent per ghost at an ordinary sample: its side.
const GHOST_SIDE: usize = 1;

/// Doubles sent per ghost when the reference is fixed: side and shift to the averaged position.
const GHOST_SHIFT: usize = 4;

/// What rank 0 makes of a sample.
#[derive(Debug, Clone)]
pub struct Finished {
    /// One frame per interface.
    pub frames: Vec<Frame>,
    /// Label-only events of the sample.
    pub events: Vec<LabelEvent>,
    /// Notes for the log (cutoffs found, a surface lost or regained).
    pub notes: Vec<String>,
    /// Words for [`Extractor::accept`] on every rank.
    pub control: Vec<f64>,
}

/// Descriptor extraction on one rank.
#[derive(Debug)]
pub struct Extractor {
    plan: Plan,
    sides: [String; 2],
    shared: Shared,
    chemistry: Chemistry,
    store: AtomStore,
    layout: Layout,
    rules: Rules,
    /// Distance from an owned atom within which every neighbour is known, angstrom.
    coverage: f64,
    /// Cell of the last sample of this process.
    last_cell: Option<Cell>,
    reference: Reference,
    scratch: Scratch,
}

impl Extractor {
    /// A fresh extractor; nothing is known of the system until the first sample.
    #[must_use]
    pub fn new(plan: Plan, sides: [String; 2], rules: Rules) -> Self {
        let store = AtomStore::new(plan.lag_samples, !rules.is_empty());
        let shared = Shared { com_ring: vec![[0.0; 3]; plan.lag_samples], ..Shared::default() };
        Self {
            plan,
            sides,
            shared,
            chemistry: Chemistry::default(),
            store,
            layout: Layout::default(),
            rules,
            coverage: f64::INFINITY,
            last_cell: None,
            reference: Reference::default(),
            scratch: Scratch::default(),
        }
    }

    /// The plan in force.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Takes another plan (the timestep was set after the fix). Only before the first sample.
    ///
    /// # Errors
    /// [`Error::Input`] when samples have been taken: their times cannot be changed afterwards.
    pub fn replan(&mut self, plan: Plan) -> Result<()> {
        if self.shared.index > 0 {
            return Err(Error::input(
                "timestep",
                plan.interval_ps,
                format!(
                    "N x timestep to stay at the {} of the first sample; unfix and define the fix again",
                    self.plan.interval_ps
                ),
            ));
        }
        self.shared.com_ring = vec![[0.0; 3]; plan.lag_samples];
        self.store.set_lag(plan.lag_samples);
        self.plan = plan;
        Ok(())
    }

    /// Length of the control words that [`Extractor::accept`] takes.
    #[must_use]
    pub fn control_length(&self) -> usize {
        root::control_length(self.shared.surfaces.len(), self.plan.ntypes)
    }

    /// Length of the survey's buffer.
    #[must_use]
    pub fn survey_length(&self) -> usize {
        survey::width(self.plan.ntypes)
    }

    /// Per-atom state.
    #[must_use]
    pub fn store(&self) -> &AtomStore {
        &self.store
    }

    /// Per-atom state, mutably, for LAMMPS's bookkeeping.
    pub fn store_mut(&mut self) -> &mut AtomStore {
        &mut self.store
    }

    /// State shared by all ranks.
    #[must_use]
    pub fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Whether the next sample is the first and needs a survey.
    #[must_use]
    pub fn needs_survey(&self) -> bool {
        self.shared.surfaces.is_empty()
    }

    /// Sets the distance (angstrom) within which ghosts are complete and checks it.
    ///
    /// # Errors
    /// [`Error::Input`] when a given cutoff, with the break factor, reaches further.
    pub fn set_coverage(&mut self, coverage: f64) -> Result<()> {
        self.coverage = coverage;
        let scale = self.plan.factors[0];
        if self.plan.auto_cutoff() && coverage <= 0.0 {
            return Err(Error::input(
                "cutoff",
                "auto",
                "ghost atoms to find it with: define a pair style, or a distance by comm_modify cutoff",
            ));
        }
        if self.plan.rdf && coverage < self.plan.rdf_range * (1.0 - 1e-12) {
            return Err(Error::input(
                "rdf",
                "yes",
                format!(
                    "ghost atoms that cover {:.4}, not {:.4} (raise it with comm_modify cutoff)",
                    self.plan.rdf_range / scale,
                    coverage / scale
                ),
            ));
        }
        let n = self.plan.ntypes;
        let found = self.shared.cutoffs.iter().enumerate().map(|(at, &r)| (at / n + 1, at % n + 1, r));
        for (i, j, r) in self.plan.cutoffs.iter().copied().chain(found) {
            if BREAK_FACTOR * r > coverage * (1.0 + 1e-12) {
                return Err(Error::input(
                    "cutoff",
                    format!("{i} {j} {}", r / scale),
                    format!(
                        "at most {:.4} so that {BREAK_FACTOR} x cutoff stays within the {:.4} that ghost atoms \
                         cover (raise it with comm_modify cutoff)",
                        coverage / BREAK_FACTOR / scale,
                        coverage / scale
                    ),
                ));
            }
        }
        self.rules.check_coverage(coverage)
    }

    /// Counts this rank's atoms for the first look; to be summed over ranks.
    #[must_use]
    pub fn survey(&self, view: &AtomsView) -> Vec<f64> {
        survey::count(&self.plan, view, &self.store)
    }

    /// Finds the interfaces in the summed survey. The same on every rank.
    ///
    /// # Errors
    /// [`Error::Input`] when the sides do not meet as the fix needs it.
    pub fn locate(&mut self, counts: &[f64], cell: &Cell) -> Result<()> {
        let totals = survey::totals(&self.plan, counts);
        let chemistry = Chemistry::new(&self.plan, &totals);
        self.rules.check_framework(|kind| {
            [Side::A, Side::B]
                .into_iter()
                .any(|side| chemistry.species(kind as i32, side) != plan::NO_SPECIES)
        })?;
        let surfaces = survey::locate(&self.plan, &chemistry, counts, cell, &self.sides)?;
        self.shared.region = survey::region(&self.plan, &surfaces, cell);
        for (g, axis) in self.shared.grid.iter_mut().zip(self.plan.lateral()) {
            let columns = cell.height(axis) / surface::COLUMN_WIDTH;
            // A 2d box has a thickness in name only.
            let most = if self.plan.dimension == 2 && axis == 2 { 1 } else { surface::MAX_COLUMNS };
            *g = (columns.round() as usize).clamp(1, most);
        }
        self.shared.reference_cell = Some(*cell);
        self.shared.surfaces = surfaces;
        self.shared.counts = totals;
        if !self.plan.auto_cutoff() {
            let n = self.plan.ntypes;
            let mut cutoffs = vec![0.0; n * n];
            for &(i, j, r) in &self.plan.cutoffs {
                cutoffs[(i - 1) * n + j - 1] = r;
                cutoffs[(j - 1) * n + i - 1] = r;
            }
            self.shared.cutoffs = cutoffs;
        }
        self.adopt();
        Ok(())
    }

    /// Rebuilds what follows from the shared state.
    fn adopt(&mut self) {
        self.chemistry = Chemistry::new(&self.plan, &self.shared.counts);
        if !self.shared.cutoffs.is_empty() {
            self.chemistry.set_cutoffs(&self.plan, &self.shared.cutoffs);
        }
        self.layout = Layout::new(
            &self.plan,
            self.shared.surfaces.len(),
            self.shared.grid.iter().product(),
            self.searching(),
        );
    }

    /// Whether this sample's g(r) is needed for cutoffs.
    fn searching(&self) -> bool {
        self.plan.auto_cutoff() && self.shared.index < self.plan.reference_samples
    }

    /// Range of the reference's g(r), angstrom.
    fn search_range(&self) -> f64 {
        radial::REFERENCE_RANGE.min(self.coverage)
    }

    /// Doubles per ghost of this sample's forward communication.
    #[must_use]
    pub fn ghost_width(&self) -> usize {
        if self.shared.index == self.plan.reference_samples { GHOST_SHIFT } else { GHOST_SIDE }
    }

    /// Gets ready for the forward communication.
    pub fn prepare(&mut self, view: &AtomsView) {
        let sides = &mut self.scratch.side;
        sides.clear();
        sides.resize(view.x.len(), Side::None as u8);
        for (i, side) in sides.iter_mut().enumerate().take(view.nlocal) {
            // Decided by the owner: a dynamic group's ghosts keep old masks until they are exchanged.
            if view.mask[i] & view.groupbit != 0 {
                *side = self.store.header(i).side as u8;
            }
        }
        if self.ghost_width() == GHOST_SIDE {
            return;
        }
        let cell = self.cell(view);
        let shifts = &mut self.scratch.shift;
        shifts.clear();
        shifts.resize(view.x.len(), [0.0; 3]);
        for (i, shift) in shifts.iter_mut().enumerate().take(view.nlocal) {
            let header = self.store.header(i);
            if header.referenced {
                let (s, image) = (cell.fractional(&view.x[i]), view.image.get(i));
                *shift = cell.cartesian(&std::array::from_fn(|k| header.reference[k] - s[k] - image[k]));
            }
        }
    }

    /// Packs owned atoms for their ghosts; returns the doubles written.
    pub fn pack_ghosts(&self, atoms: &[i32], width: usize, buffer: &mut [f64]) -> usize {
        for (&i, words) in atoms.iter().zip(buffer.chunks_exact_mut(width)) {
            // Ghosts of ghosts (second swaps) carry what was unpacked before.
            words[0] = f64::from(self.scratch.side[i as usize]);
            if width == GHOST_SHIFT {
                words[1..].copy_from_slice(&self.scratch.shift[i as usize]);
            }
        }
        atoms.len() * width
    }

    /// Unpacks ghosts `first..`.
    pub fn unpack_ghosts(&mut self, first: usize, width: usize, buffer: &[f64]) {
        for (k, words) in buffer.chunks_exact(width).enumerate() {
            let i = first + k;
            if self.scratch.side.len() <= i {
                self.scratch.side.resize(i + 1, 0);
            }
            self.scratch.side[i] = words[0] as u8;
            if width == GHOST_SHIFT {
                if self.scratch.shift.len() <= i {
                    self.scratch.shift.resize(i + 1, [0.0; 3]);
                }
                self.scratch.shift[i].copy_from_slice(&words[1..]);
            }
        }
    }

    fn cell(&self, view: &AtomsView) -> Cell {
        match &self.shared.reference_cell {
            Some(reference) => view.cell.pinned_to(reference),
            None => view.cell,
        }
    }

    /// Empties this rank's payload and marks it as failed, after an error or a panic in
    /// [`Extractor::local`]: the reduction that the other ranks wait for must still take place.
    pub fn fail(&mut self) {
        self.layout.clear(&mut self.scratch.payload);
        self.scratch.payload[ERRORS] = 1.0;
        self.scratch.mail.clear();
    }

    /// This rank's payload of the current sample; the reduction writes the sums in its place.
    #[must_use]
    pub fn payload_mut(&mut self) -> &mut [f64] {
        &mut self.scratch.payload
    }

    /// This rank's mail of the current sample.
    #[must_use]
    pub fn mail(&self) -> &[f64] {
        &self.scratch.mail
    }

    /// Per-atom output of the current sample: displacement (angstrom), change of the number of
    /// bonds since the reference, turnover; 0 for atoms that are not tracked.
    #[must_use]
    pub fn per_atom(&self) -> &[[f64; 3]] {
        &self.scratch.per_atom
    }

    /// Appends this rank's atoms within the region of an interface to a flight recorder's sample, after
    /// [`Extractor::local`].
    pub fn record_atoms(&self, view: &AtomsView, out: &mut Vec<f64>) {
        let cell = self.cell(view);
        let (axis, height) = (self.plan.axis, cell.height(self.plan.axis));
        for i in 0..view.nlocal {
            let side = self.store.header(i).side;
            if side == Side::None || view.mask[i] & view.groupbit == 0 {
                continue;
            }
            let s = cell.fractional(&view.x[i]);
            let (_, depth) = self.shared.depth(s[axis], height, cell.periodic[axis]);
            if depth.abs() < self.shared.region {
                let image = view.image.get(i);
                let offset = cell.cartesian(&image);
                out.extend([view.id.get(i) as f64, f64::from(view.kind[i]), f64::from(side as u8)]);
                out.extend((0..3).map(|k| view.x[i][k] * cell.scale() + offset[k]));
                out.extend(self.scratch.per_atom[i]);
            }
        }
    }

    /// Takes in the words rank 0 has broadcast; ends the sample.
    ///
    /// # Errors
    /// [`Error::State`] when the words do not fit (ranks out of step).
    pub fn accept(&mut self, control: &[f64]) -> Result<()> {
        let n = self.shared.surfaces.len();
        let expected = root::control_length(n, self.plan.ntypes);
        if control.len() < expected {
            return Err(Error::State(format!("control of {} words, expected {expected}", control.len())));
        }
        let slot = self.slot();
        self.shared.record_com([control[0], control[1], control[2]], slot);
        for (surface, words) in self.shared.surfaces.iter_mut().zip(control[3..].chunks_exact(2)) {
            surface.position = words[0];
            surface.lost = words[1] > 0.5;
        }
        let had_search = self.searching();
        self.shared.index += 1;
        let rest = &control[3 + 2 * n..expected];
        if rest[0] > 0.5 {
            self.shared.cutoffs = rest[1..].to_vec();
        }
        if had_search && !self.searching() {
            self.adopt();
        }
        Ok(())
    }

    /// Slot of the current sample in rings over the lag.
    fn slot(&self) -> usize {
        (self.shared.index % self.plan.lag_samples as u64) as usize
    }

    /// Bytes held on this rank.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.store.bytes() + self.scratch.bytes()
    }
}
